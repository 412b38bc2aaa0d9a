//! From entries to a plan and driver settings.

use super::alarms::Around;
use super::backup::{self, BackupSettings};
use super::drafts::{DeviceDraft, Placed, TagDraft, devices, drafts, entries, slots, unique};
use super::file::{
    BridgeEntry, ConnectionEntry, OverviewEntry, PublicationEntry, StatesEntry, StationFile, TemplateEntry, TrendEntry,
};
use super::found::{self, Candidate, MetricsKnown};
use super::names::StationNames;
use super::problem::{Place, Problems};
use super::read::{Secrets, Source};
use super::system::SystemPart;
use super::{alarms, history, link, modbus, mqtt, picture, sounds, templates, trends, units};
use crate::alarm::AlarmDefinition;
use crate::automation::BridgeDefinition;
use crate::command::CommandSettings;
use crate::driver::modbus::Transport;
use crate::driver::mqtt::{Tellings, Version};
use crate::driver::{ConnectionSettings, LinkSettings, Protocol};
use crate::engine::{LinkTags, Plan, SystemTags};
use crate::screen::{Picture, TrendGroup};
use crate::tag::{
    ConnectionDefinition, ConnectionId, DeviceDefinition, DeviceId, Directory, Generation, Scaling, States,
    TagDefinition, TagId, TagKey, WireKind,
};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Everything that a station runs from.
#[derive(Clone, Debug)]
pub struct Plant {
    /// For the engine and the screens.
    pub plan: Plan,
    /// For the drivers.
    pub connections: Vec<ConnectionSettings>,
    /// Backups that the station makes by itself.
    pub backup: Option<BackupSettings>,
    /// The tags that were found rather than written in the station file.
    pub found: HashSet<TagId>,
}

pub(super) fn compile(
    sources: &[Source],
    secrets: &Secrets,
    generation: Generation,
    things: &[Candidate],
    problems: &mut Problems,
) -> Option<Plant> {
    let station = station_entry(sources)?;
    let name = if station.station.name.is_empty() { "Polder" } else { &station.station.name };
    let mut connections =
        unique(entries::<ConnectionEntry>(sources, "connections", problems), |entry| &entry.name, problems);
    link::fill_in(&mut connections);
    let mut templates = unique(entries::<TemplateEntry>(sources, "templates", problems), |entry| &entry.name, problems);
    let mut devices = devices(sources, &connections, problems);
    link::fill_in_devices(&mut devices, &connections);
    templates::add_built_in(&mut templates, &devices, problems);
    templates::complete(&mut devices, &templates);
    let place = Place::new(&sources.first()?.name, "station".to_owned());
    let history = (station.station.history.clone(), place.at("history"));
    let drafts = drafts(sources, &devices, &templates, &history, problems);
    let (mut drafts, patterns) = found::patterns(drafts, problems);
    let known = found::expand(&patterns, things, &devices, &mut drafts, problems);
    let listed = found::expand_lists(things, &devices, &history, &mut drafts, problems);
    let metrics = found::expand_metrics(things, &devices, &history, &mut drafts, problems);
    let slots = slots(&drafts, problems);
    let device_names = devices.iter().map(|device| device.entry.name.clone()).collect();
    let mut compiled = Compiled::new(name, &connections, &devices, secrets, problems);
    compiled.know_metrics(metrics, &devices);
    for (slot, known) in listed {
        compiled.know_list(slot, &devices, known, problems);
    }
    for (pattern, known) in patterns.iter().zip(known) {
        compiled.add_search(pattern, known, &devices, problems);
    }
    let has_limit = station.station.keep.as_ref().is_some_and(|keep| keep.most.is_some());
    let mut own = SystemPart::new(drafts.len(), compiled.is_secure(), has_limit, station.station.backup.is_some());
    compiled.link_tags = own.add_link_tags(&compiled.links);
    let bridges = entries::<BridgeEntry>(sources, "bridges", problems);
    let bridge_tags = own.add_bridge_tags(&bridges);
    let tellings = entries::<PublicationEntry>(sources, "publications", problems);
    if !tellings.is_empty() || has_edge(&connections) {
        own.add_outbox_tags();
    }
    own.check_names(&drafts, problems);
    let names = StationNames::new(&drafts, &slots, &own);
    let around = Around { names, trends: trend_names(sources), devices: device_names };
    for (slot, draft) in drafts.iter().enumerate() {
        compiled.add_tag(TagId(slot as u32), draft, &slots, &around, &devices, problems);
    }
    modbus::warn_conflicts(&drafts, problems);
    compiled.overview = overview(sources, &slots, problems);
    compiled.trends = trends::groups(entries::<TrendEntry>(sources, "trends", problems), &slots, problems);
    compiled.add_device_alarms(&devices, problems);
    compiled.add_own(own);
    let shelving = alarms::shelving(station.station.shelving.as_ref(), &place.at("shelving"), problems);
    let retention = history::retention(station.station.keep.as_ref(), &place.at("keep"), problems);
    let sound = sounds::settings(station.station.sound.as_ref(), &place.at("sound"), problems);
    let entry = station.station.backup.as_ref();
    let backup = entry.and_then(|entry| backup::settings(entry, secrets.folder(), &place.at("backup"), problems));
    let outbox = (station.station.outbox.as_ref(), place.at("outbox"));
    let places = compiled.add_publications(tellings, name, &connections, outbox, (&around, secrets.folder()), problems);
    compiled.refuse_echoes(&places, problems);
    compiled.refuse_found_commands(&drafts, problems);
    compiled.add_bridges(bridges, &bridge_tags, &slots, &around, problems);
    let mut plant = compiled.finish(name, &devices, generation);
    plant.plan.retention = retention;
    plant.plan.shelving = shelving;
    (plant.plan.sound, plant.plan.notify) = (sound, station.station.notify.unwrap_or(false));
    plant.backup = backup;
    let found = drafts.iter().enumerate().filter(|(_, draft)| draft.is_found);
    plant.found = found.map(|(slot, _)| TagId(slot as u32)).collect();
    Some(plant)
}

/// What the first file says of the station itself.
fn station_entry(sources: &[Source]) -> Option<StationFile> {
    let station = sources.first()?.value.get("station");
    let entry = station.map_or_else(|| serde_json::json!({}), |station| serde_json::json!({ "station": station }));
    // The shape was checked before, with better words.
    Some(serde_json::from_value(entry).unwrap_or_default())
}

/// Whether a connection makes an edge node of the station.
fn has_edge(connections: &[Placed<ConnectionEntry>]) -> bool {
    connections.iter().any(|connection| connection.entry.mqtt.as_ref().is_some_and(|mqtt| mqtt.edge.is_some()))
}

/// The names of all trends of the station file; whether they are right is looked at elsewhere.
fn trend_names(sources: &[Source]) -> Vec<String> {
    let trends = sources.iter().filter_map(|source| source.value.get("trends")?.as_array()).flatten();
    trends.filter_map(|trend| trend.get("name")?.as_str().map(str::to_owned)).collect()
}

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
    overview: Option<Picture>,
    trends: Vec<TrendGroup>,
}

fn overview(sources: &[Source], slots: &HashMap<String, TagId>, problems: &mut Problems) -> Option<Picture> {
    let source = sources.first()?;
    let place = Place::new(&source.name, "overview");
    match serde_json::from_value::<OverviewEntry>(source.value.get("overview")?.clone()) {
        Ok(entry) => Some(picture::picture(&entry, slots, &place, problems)),
        Err(error) => {
            if !problems.covers(&place) {
                problems.error(&place, error.to_string());
            }
            None
        }
    }
}

impl Compiled {
    fn new(
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
    fn know_metrics(&mut self, metrics: MetricsKnown, devices: &[DeviceDraft]) {
        for (slot, known) in metrics {
            let Some(device) = devices.get(slot) else { continue };
            if let Some(Protocol::Mqtt(broker)) = self.connections[device.connection].1.as_mut() {
                mqtt::take_in(broker, DeviceId(slot as u32), found::most_metrics(device), known);
            }
        }
    }

    fn add_tag(
        &mut self,
        id: TagId,
        draft: &TagDraft,
        slots: &HashMap<String, TagId>,
        around: &Around,
        devices: &[DeviceDraft],
        problems: &mut Problems,
    ) {
        let device = draft.device.and_then(|device| devices.get(device.index()));
        let mut definition = definition(draft, device, problems);
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

    fn add_device_alarms(&mut self, devices: &[DeviceDraft], problems: &mut Problems) {
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
    fn is_secure(&self) -> bool {
        self.connections.iter().any(|(_, protocol)| match protocol {
            Some(Protocol::Modbus(wire)) => matches!(wire.transport, Transport::Tcp { tls: Some(_), .. }),
            Some(Protocol::Mqtt(broker)) => broker.endpoint.tls.is_some(),
            None => false,
        })
    }

    /// The tags in which the station speaks about itself, behind all others.
    fn add_own(&mut self, own: SystemPart) {
        self.tags.extend(own.tags);
        self.alarms.extend(own.alarms);
        self.system = own.system;
    }

    fn finish(self, station: &str, devices: &[DeviceDraft], generation: Generation) -> Plant {
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

fn definition(draft: &TagDraft, device: Option<&DeviceDraft>, problems: &mut Problems) -> TagDefinition {
    let (entry, place) = (&draft.entry, &draft.place);
    let area = entry.area.as_deref().or_else(|| device.and_then(|device| device.entry.area.as_deref()));
    let deadband = entry.deadband.unwrap_or(0.0);
    if deadband < 0.0 || deadband.is_nan() {
        problems.error(&place.at("deadband"), "a deadband is not negative");
    }
    let stale_after = entry.stale_after.as_deref();
    TagDefinition {
        key: TagKey::from(draft.key.as_str()),
        device: draft.device,
        area: area.map(Into::into),
        description: entry.description.clone().unwrap_or_default().into(),
        unit: entry.unit.clone().unwrap_or_default().into(),
        decimals: entry.decimals.unwrap_or(2).min(9),
        range: range(entry.range, place, problems),
        scaling: scaling(draft, problems),
        states: states(entry.states.as_ref(), place, problems),
        rolls_over_at: entry.rolls_over_at.filter(|count| {
            if *count < 2.0 {
                problems.error(&place.at("rolls_over_at"), "a counter has at least 2 counts");
            }
            *count >= 2.0
        }),
        history: {
            let [template, station] = &draft.history;
            let own = (entry.history.as_ref(), place.at("history"));
            let others = [template, station].map(|(entry, place)| (entry.as_ref(), place.clone()));
            history::policy(&[own, others[0].clone(), others[1].clone()], deadband, problems)
        },
        stale_after: stale_after.and_then(|text| problems.take(&place.at("stale_after"), units::duration(text))),
        address: "".into(),
    }
}

fn states(entry: Option<&StatesEntry>, place: &Place, problems: &mut Problems) -> States {
    match entry {
        None => States::default(),
        Some(StatesEntry::Counted(words)) => States::counted(words.iter().map(String::as_str)),
        Some(StatesEntry::Numbered(words)) => {
            let place = place.at("states");
            let numbered = words.iter().filter_map(|(number, word)| {
                let wrong = || format!("\"{number}\" is not a whole number");
                let number = problems.take(&place.at(number), number.trim().parse::<i64>().map_err(|_| wrong()))?;
                Some((number, word.as_str().into()))
            });
            numbered.collect()
        }
    }
}

fn range(range: Option<[f64; 2]>, place: &Place, problems: &mut Problems) -> Option<[f64; 2]> {
    let [low, high] = range?;
    if low < high {
        return Some([low, high]);
    }
    problems.error(&place.at("range"), "the first number of a range is below the second");
    None
}

pub(super) fn scaling(draft: &TagDraft, problems: &mut Problems) -> Option<Scaling> {
    let scale = draft.entry.scale.as_ref()?;
    let place = draft.place.at("scale");
    if scale.raw[0] == scale.raw[1] {
        problems.error(&place.at("raw"), "the two raw values differ");
        return None;
    }
    if scale.eng[0] == scale.eng[1] {
        problems.error(&place.at("eng"), "the two engineering values differ");
        return None;
    }
    if scale
        .valid
        .is_some_and(|[low, high]| low > scale.raw[0].min(scale.raw[1]) || high < scale.raw[0].max(scale.raw[1]))
    {
        problems.error(&place.at("valid"), "the valid raw values include both of \"raw\"");
    }
    Some(Scaling { raw: scale.raw, engineering: scale.eng, valid: scale.valid })
}
