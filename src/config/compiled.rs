//! The plant in the making: wires first, then tags with what hangs on them, then the whole.

use super::alarms::Around;
use super::connection_entries::ConnectionEntry;
use super::drafts::{DeviceDraft, Placed, TagDraft};
use super::found::{self, MetricsKnown};
use super::plant::Plant;
use super::problem::Problems;
use super::read::Secrets;
use super::system::SystemPart;
use super::{alarms, link, modbus, mqtt, tags};
use crate::alarm::AlarmDefinition;
use crate::automation::BridgeDefinition;
use crate::command::CommandSettings;
use crate::driver::modbus::Transport;
use crate::driver::mqtt::{Tellings, Version};
use crate::driver::{ConnectionSettings, LinkSettings, Protocol};
use crate::engine::{LinkTags, Plan, SystemTags};
use crate::screen::{Picture, TrendGroup};
use crate::tag::{
    ConnectionDefinition, ConnectionId, DeviceDefinition, DeviceId, Directory, Generation, TagDefinition, TagId,
    WireKind,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// A plant in the making: what is known of each of its parts so far.
pub(super) struct Compiled {
    pub(super) tags: Vec<TagDefinition>,
    pub(super) alarms: Vec<AlarmDefinition>,
    pub(super) commands: HashMap<TagId, CommandSettings>,
    formerly: HashMap<TagId, Arc<str>>,
    pub(super) manual: HashMap<TagId, crate::tag::Value>,
    pub(super) connections: Vec<(ConnectionDefinition, Option<Protocol>)>,
    pub(super) bridges: Vec<(BridgeDefinition, TagId)>,
    pub(super) tellings: Tellings,
    pub(super) system: SystemTags,
    /// What holds for each connection, by its name, in their order.
    pub(super) links: Vec<(Arc<str>, LinkSettings)>,
    pub(super) link_tags: Vec<LinkTags>,
    pub(super) overview: Option<Picture>,
    pub(super) trends: Vec<TrendGroup>,
}

impl Compiled {
    pub(super) fn new(
        station: &str,
        connections: &[Placed<ConnectionEntry>],
        devices: &[DeviceDraft],
        secrets: &Secrets,
        problems: &mut Problems,
    ) -> Self {
        let mut links = Vec::new();
        let connections = connections.iter().enumerate().map(|(slot, connection)| {
            let mut protocol = match (&connection.entry.modbus, &connection.entry.mqtt) {
                (Some(entry), None) => {
                    modbus::settings(entry, slot, devices, secrets.folder(), &connection.place.at("modbus"), problems)
                        .map(Protocol::Modbus)
                }
                (None, Some(entry)) => {
                    let client = format!("{station}-{}", connection.entry.name);
                    mqtt::settings(entry, slot, &client, devices, secrets, &connection.place.at("mqtt"), problems)
                        .map(Protocol::Mqtt)
                }
                _ => {
                    problems.error(&connection.place, "a connection needs exactly one of \"modbus\" and \"mqtt\"");
                    None
                }
            };
            let address = protocol.as_ref().map_or_else(String::new, describe);
            let kind = protocol.as_ref().map(wire_kind).unwrap_or_default();
            let name: Arc<str> = connection.entry.name.as_str().into();
            let link = link::settings(&connection.entry, protocol.as_mut(), &connection.place, problems);
            links.push((Arc::clone(&name), link));
            let is_sparkplug_host = matches!(&protocol, Some(Protocol::Mqtt(settings)) if settings.sparkplug.is_some());
            (ConnectionDefinition { name, address: address.into(), kind, is_sparkplug_host }, protocol)
        });
        let connections = connections.collect();
        Self {
            connections,
            links,
            link_tags: Vec::new(),
            tags: Vec::new(),
            alarms: Vec::new(),
            commands: HashMap::new(),
            formerly: HashMap::new(),
            manual: HashMap::new(),
            bridges: Vec::new(),
            tellings: Tellings::default(),
            system: SystemTags::default(),
            overview: None,
            trends: Vec::new(),
        }
    }

    /// The edge nodes and devices of Sparkplug that are taken in whole, with the metrics that are known.
    pub(super) fn know_metrics(&mut self, metrics: MetricsKnown, devices: &[DeviceDraft]) {
        for (slot, known) in metrics {
            let Some(device) = devices.get(slot) else { continue };
            if let Some(Protocol::Mqtt(broker)) = self.connections[device.connection].1.as_mut() {
                mqtt::take_in(broker, DeviceId(slot as u32), found::most_metrics(device), known);
            }
        }
    }

    pub(super) fn add_tag(
        &mut self,
        id: TagId,
        draft: &TagDraft,
        slots: &HashMap<String, TagId>,
        around: &Around,
        devices: &[DeviceDraft],
        problems: &mut Problems,
    ) {
        let device = draft.device.and_then(|device| devices.get(device.index()));
        let mut definition = tags::definition(draft, device, problems);
        let mut settings = draft.entry.command.as_ref().map(|_| alarms::command(draft, slots, problems));
        let protocol = device.and_then(|device| self.connections[device.connection].1.as_mut());
        match (protocol, device) {
            (Some(Protocol::Modbus(wire)), Some(device)) => {
                if let Some(point) = modbus::point(id, draft, device, wire.transport.is_rtu(), problems) {
                    modbus::describe(&point, &mut definition, settings.as_mut(), id, draft);
                    add_modbus_point(wire, draft.device, point);
                }
            }
            (Some(Protocol::Mqtt(broker)), Some(device)) if mqtt::is_sparkplug(device) => {
                mqtt::add_metric(broker, id, draft, device, &mut definition, settings.as_mut(), problems);
            }
            (Some(Protocol::Mqtt(broker)), Some(device)) => {
                if let Some(point) = mqtt::point(id, draft, device, broker.options.version, problems) {
                    mqtt::describe(&point, &mut definition, settings.as_mut());
                    let entry = broker.devices.iter_mut().find(|entry| Some(entry.device) == draft.device);
                    if let Some(entry) = entry {
                        entry.points.push(point);
                    }
                }
            }
            _ => self.add_manual(id, draft, &mut definition, &mut settings, slots, problems),
        }
        self.alarms.extend(alarms::of_tag(id, draft, device, &definition, around, problems));
        if let Some(settings) = settings {
            self.commands.insert(id, settings);
        }
        if let Some(formerly) = &draft.entry.formerly {
            self.formerly.insert(id, formerly.as_str().into());
        }
        self.tags.push(definition);
    }

    pub(super) fn add_device_alarms(&mut self, devices: &[DeviceDraft], problems: &mut Problems) {
        for (slot, device) in devices.iter().enumerate() {
            self.alarms.push(alarms::of_device(DeviceId(slot as u32), device, problems));
            let wire = self.connections[device.connection].1.as_ref();
            if let Some(Protocol::Modbus(wire)) = wire
                && wire.devices.iter().any(|unit| unit.device == DeviceId(slot as u32) && unit.identify)
            {
                self.alarms.push(alarms::of_identity(DeviceId(slot as u32), device));
            }
        }
    }

    /// Whether a connection needs certificates.
    pub(super) fn is_secure(&self) -> bool {
        self.connections.iter().any(|(_, protocol)| match protocol {
            Some(Protocol::Modbus(wire)) => matches!(wire.transport, Transport::Tcp { tls: Some(_), .. }),
            Some(Protocol::Mqtt(broker)) => broker.endpoint.tls.is_some(),
            None => false,
        })
    }

    /// The tags in which the station speaks about itself, behind all others.
    pub(super) fn add_own(&mut self, own: SystemPart) {
        self.tags.extend(own.tags);
        self.alarms.extend(own.alarms);
        self.system = own.system;
    }

    pub(super) fn finish(self, station: &str, devices: &[DeviceDraft], generation: Generation) -> Plant {
        let closed_topics = self.closed_topics(devices);
        let device_definitions = devices.iter().map(|device| DeviceDefinition {
            name: device.entry.name.as_str().into(),
            connection: ConnectionId(device.connection as u32),
            area: device.entry.area.as_deref().map(Into::into),
            station: device.entry.station.as_deref().map(Into::into),
            address: match &self.connections[device.connection].1 {
                Some(Protocol::Modbus(_)) => format!("unit {}", device.entry.unit.unwrap_or(1)).into(),
                _ => device.entry.sparkplug.as_deref().unwrap_or("topics").into(),
            },
        });
        let device_definitions = device_definitions.collect();
        let (definitions, protocols): (Vec<_>, Vec<_>) = self.connections.into_iter().unzip();
        let connections = protocols.into_iter().enumerate().filter_map(|(slot, protocol)| {
            let name = Arc::clone(&definitions[slot].name);
            let link = self.links[slot].1.clone();
            Some(ConnectionSettings { connection: ConnectionId(slot as u32), name, link, protocol: protocol? })
        });
        let connections = connections.collect();
        let plan = Plan {
            generation,
            station: station.into(),
            directory: Arc::new(Directory::new(self.tags, device_definitions, definitions)),
            alarms: self.alarms,
            commands: self.commands,
            system: self.system,
            links: self.link_tags,
            formerly: self.formerly,
            manual: self.manual,
            overview: self.overview,
            trends: self.trends,
            bridges: self.bridges,
            tellings: Arc::new(Tellings { generation, ..self.tellings }),
            closed_topics,
            ..Plan::default()
        };
        Plant { plan, connections, backup: None, found: HashSet::new() }
    }
}

fn add_modbus_point(
    wire: &mut crate::driver::modbus::Settings,
    device: Option<DeviceId>,
    point: crate::driver::modbus::Point,
) {
    if let Some(entry) = wire.devices.iter_mut().find(|entry| Some(entry.device) == device) {
        entry.points.push(point);
    }
}

const fn wire_kind(protocol: &Protocol) -> WireKind {
    match protocol {
        Protocol::Modbus(wire) if wire.transport.is_rtu() => WireKind::ModbusRtu,
        Protocol::Modbus(_) => WireKind::ModbusTcp,
        Protocol::Mqtt(_) => WireKind::Mqtt,
    }
}

fn describe(protocol: &Protocol) -> String {
    match protocol {
        Protocol::Modbus(wire) => wire.transport.words(),
        Protocol::Mqtt(broker) => {
            let version = if broker.options.version == Version::V5 { " 5" } else { "" };
            let tls = if broker.endpoint.tls.is_some() { " TLS" } else { "" };
            format!("MQTT{version}{tls} {}", broker.endpoint)
        }
    }
}
