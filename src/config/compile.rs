//! From entries to a plan and driver settings.

use super::alarms::Around;
use super::backup::{self, BackupSettings};
use super::file::{
    ConnectionEntry, DeviceEntry, HistoryEntry, OverviewEntry, StatesEntry, StationFile, TagEntry, TemplateEntry,
    TrendEntry,
};
use super::found::{self, Candidate, MetricsKnown};
use super::names::StationNames;
use super::problem::{Place, Problems};
use super::read::{Secrets, Source};
use super::{alarms, history, modbus, mqtt, picture, sounds, templates, trends, units};
use crate::alarm::{AlarmDefinition, AlarmKey, Condition, Presentation, Priority, Subject};
use crate::command::CommandSettings;
use crate::driver::modbus::Transport;
use crate::driver::{ConnectionSettings, Protocol};
use crate::engine::{Plan, SystemTags};
use crate::screen::{Picture, TrendGroup};
use crate::tag::{
    ConnectionDefinition, ConnectionId, DeviceDefinition, DeviceId, Directory, Generation, Scaling, States,
    TagDefinition, TagId, TagKey, WireKind,
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

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

/// An entry with its place.
pub(super) struct Placed<T> {
    pub(super) entry: T,
    pub(super) place: Place,
}

/// A tag on its way: from the file or from a template.
pub(super) struct TagDraft {
    pub(super) entry: TagEntry,
    pub(super) place: Place,
    pub(super) key: String,
    /// What relative names begin with.
    pub(super) prefix: String,
    pub(super) device: Option<DeviceId>,
    /// What its template and the station say about history, where it says nothing itself.
    pub(super) history: [(Option<HistoryEntry>, Place); 2],
    /// Whether it was found rather than written.
    pub(super) is_found: bool,
}

/// A device on its way.
pub(super) struct DeviceDraft {
    pub(super) entry: DeviceEntry,
    pub(super) place: Place,
    pub(super) connection: usize,
}

pub(super) fn compile(
    sources: &[Source],
    secrets: &Secrets,
    generation: Generation,
    things: &[Candidate],
    problems: &mut Problems,
) -> Option<Plant> {
    let station: StationFile = serde_json::from_value(
        sources
            .first()?
            .value
            .get("station")
            .map_or_else(|| serde_json::json!({}), |station| serde_json::json!({ "station": station })),
    )
    .unwrap_or_default();
    let name = if station.station.name.is_empty() { "Polder" } else { &station.station.name };
    let connections =
        unique(entries::<ConnectionEntry>(sources, "connections", problems), |entry| &entry.name, problems);
    let mut templates = unique(entries::<TemplateEntry>(sources, "templates", problems), |entry| &entry.name, problems);
    let mut devices = devices(sources, &connections, problems);
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
    let around = Around { names: StationNames::new(&drafts, &slots), trends: trend_names(sources) };
    let mut compiled = Compiled::new(name, &connections, &devices, secrets, problems);
    compiled.know_metrics(metrics, &devices);
    for (slot, known) in listed {
        compiled.know_list(slot, &devices, known, problems);
    }
    for (pattern, known) in patterns.iter().zip(known) {
        compiled.add_search(pattern, known, &devices, problems);
    }
    for (slot, draft) in drafts.iter().enumerate() {
        compiled.add_tag(TagId(slot as u32), draft, &slots, &around, &devices, problems);
    }
    modbus::warn_conflicts(&drafts, problems);
    compiled.overview = overview(sources, &slots, problems);
    compiled.trends = trends::groups(entries::<TrendEntry>(sources, "trends", problems), &slots, problems);
    compiled.add_device_alarms(&devices, problems);
    compiled.add_system();
    compiled.add_certificate_alarm();
    compiled.add_space_alarm();
    let shelving = alarms::shelving(station.station.shelving.as_ref(), &place.at("shelving"), problems);
    let retention = history::retention(station.station.keep.as_ref(), &place.at("keep"), problems);
    let sound = sounds::settings(station.station.sound.as_ref(), &place.at("sound"), problems);
    compiled.add_store_tags();
    compiled.add_sound_tag();
    if retention.most_bytes.is_some() {
        compiled.add_limit_tags();
    }
    let entry = station.station.backup.as_ref();
    let backup = entry.and_then(|entry| backup::settings(entry, secrets.folder(), &place.at("backup"), problems));
    if backup.is_some() {
        compiled.add_backup_tags();
    }
    let mut plant = compiled.finish(name, &devices, generation);
    plant.plan.retention = retention;
    plant.plan.shelving = shelving;
    (plant.plan.sound, plant.plan.notify) = (sound, station.station.notify.unwrap_or(false));
    plant.backup = backup;
    let found = drafts.iter().enumerate().filter(|(_, draft)| draft.is_found);
    plant.found = found.map(|(slot, _)| TagId(slot as u32)).collect();
    Some(plant)
}

fn entries<T: DeserializeOwned>(sources: &[Source], list: &str, problems: &mut Problems) -> Vec<Placed<T>> {
    let mut found = Vec::new();
    for source in sources {
        let items = source.value.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        for (number, item) in items.iter().enumerate() {
            let place = Place::new(&source.name, format!("{list}/{number}"));
            match serde_json::from_value(item.clone()) {
                Ok(entry) => found.push(Placed { entry, place }),
                // The shape was checked before, with better words.
                Err(error) if !problems.covers(&place) => problems.error(&place, error.to_string()),
                Err(_) => {}
            }
        }
    }
    found
}

fn unique<T>(list: Vec<Placed<T>>, name: impl Fn(&T) -> &String, problems: &mut Problems) -> Vec<Placed<T>> {
    let mut seen: HashMap<String, String> = HashMap::new();
    for item in &list {
        let (name, place) = (name(&item.entry), &item.place);
        if name.trim().is_empty() {
            problems.error(&place.at("name"), "a name is needed");
        }
        let here = format!("{}:{}", place.file, place.path);
        if let Some(first) = seen.insert(name.clone(), here) {
            problems.error(&place.at("name"), format!("the name \"{name}\" is taken by {first}"));
        }
    }
    list
}

fn devices(sources: &[Source], connections: &[Placed<ConnectionEntry>], problems: &mut Problems) -> Vec<DeviceDraft> {
    let list = unique(entries::<DeviceEntry>(sources, "devices", problems), |entry| &entry.name, problems);
    let mut drafts = Vec::new();
    for Placed { entry, place } in list {
        let found = connections.iter().position(|connection| connection.entry.name == entry.connection);
        let Some(connection) = found else {
            let hint = problems
                .nearest(&entry.connection, connections.iter().map(|connection| connection.entry.name.as_str()));
            problems.error(&place.at("connection"), format!("there is no connection \"{}\"{hint}", entry.connection));
            continue;
        };
        if entry.sparkplug.is_some() && connections[connection].entry.mqtt.is_none() {
            problems.error(&place.at("sparkplug"), "\"sparkplug\" is for devices behind an MQTT broker");
        }
        drafts.push(DeviceDraft { entry, place, connection });
    }
    drafts
}

fn drafts(
    sources: &[Source],
    devices: &[DeviceDraft],
    templates: &[Placed<TemplateEntry>],
    station: &(Option<HistoryEntry>, Place),
    problems: &mut Problems,
) -> Vec<TagDraft> {
    let mut drafts = Vec::new();
    for (slot, device) in devices.iter().enumerate() {
        let Some(wanted) = &device.entry.template else { continue };
        let Some(template) = templates.iter().find(|template| &template.entry.name == wanted) else {
            let hint = problems.nearest(wanted, templates.iter().map(|template| template.entry.name.as_str()));
            problems.error(&device.place.at("template"), format!("there is no template \"{wanted}\"{hint}"));
            continue;
        };
        let prefix = prefix_of(device);
        for (number, entry) in template.entry.tags.iter().enumerate() {
            let mut entry = entry.clone();
            // A value that people enter does not depend on the device.
            let is_read = entry.manual.is_none();
            entry.area = entry.area.or_else(|| device.entry.area.clone());
            drafts.push(TagDraft {
                key: format!("{prefix}{}", entry.name),
                entry,
                place: template.place.at("tags").at(number),
                prefix: prefix.clone(),
                device: is_read.then_some(DeviceId(slot as u32)),
                history: [(template.entry.history.clone(), template.place.at("history")), station.clone()],
                is_found: false,
            });
        }
    }
    for Placed { entry, place } in entries::<TagEntry>(sources, "tags", problems) {
        let wanted = entry.device.as_deref().filter(|_| entry.manual.is_none());
        let device = wanted.and_then(|wanted| find_device(wanted, devices, &place, problems));
        if entry.device.is_none() && entry.manual.is_none() {
            let words = "needs a \"device\" that it is read from, or a value to begin with as \"manual\"";
            problems.error(&place, format!("the tag \"{}\" {words}", entry.name));
        }
        let history = [(None, place.clone()), station.clone()];
        let (key, prefix) = (entry.name.clone(), String::new());
        drafts.push(TagDraft { key, entry, place, prefix, device, history, is_found: false });
    }
    drafts
}

/// What the names of tags begin with that the station file does not name one by one for each device.
pub(super) fn prefix_of(device: &DeviceDraft) -> String {
    match (&device.entry.prefix, &device.entry.area) {
        (Some(prefix), _) => format!("{}/", prefix.trim_end_matches('/')),
        (None, Some(area)) => format!("{area}/{}/", device.entry.name),
        (None, None) => format!("{}/", device.entry.name),
    }
}

/// The names of all trends of the station file; whether they are right is looked at elsewhere.
fn trend_names(sources: &[Source]) -> Vec<String> {
    let trends = sources.iter().filter_map(|source| source.value.get("trends")?.as_array()).flatten();
    trends.filter_map(|trend| trend.get("name")?.as_str().map(str::to_owned)).collect()
}

fn find_device(wanted: &str, devices: &[DeviceDraft], place: &Place, problems: &mut Problems) -> Option<DeviceId> {
    let found = devices.iter().position(|device| device.entry.name == wanted);
    if found.is_none() {
        let hint = problems.nearest(wanted, devices.iter().map(|device| device.entry.name.as_str()));
        problems.error(&place.at("device"), format!("there is no device \"{wanted}\"{hint}"));
    }
    found.map(|slot| DeviceId(slot as u32))
}

fn slots(drafts: &[TagDraft], problems: &mut Problems) -> HashMap<String, TagId> {
    let mut slots: HashMap<String, TagId> = HashMap::new();
    for (slot, draft) in drafts.iter().enumerate() {
        let place = draft.place.at("name");
        let fine = !draft.key.is_empty() && draft.key.split('/').all(|part| !part.trim().is_empty());
        if !fine || draft.key.contains([':', '{', '}', '*', '?']) {
            problems.error(
                &place,
                format!("\"{}\" is not a name; words with / between them are, such as north/pump-1/speed", draft.key),
            );
        }
        if let Some(first) = slots.insert(draft.key.clone(), TagId(slot as u32)) {
            let first = &drafts[first.index()].place;
            problems
                .error(&place, format!("the tag \"{}\" stands at {}:{} already", draft.key, first.file, first.path));
        }
    }
    slots
}

pub(super) struct Compiled {
    pub(super) tags: Vec<TagDefinition>,
    pub(super) alarms: Vec<AlarmDefinition>,
    commands: HashMap<TagId, CommandSettings>,
    formerly: HashMap<TagId, Arc<str>>,
    pub(super) manual: HashMap<TagId, crate::tag::Value>,
    pub(super) connections: Vec<(ConnectionDefinition, Option<Protocol>)>,
    pub(super) system: SystemTags,
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
        let connections = connections.iter().enumerate().map(|(slot, connection)| {
            let protocol = match (&connection.entry.modbus, &connection.entry.mqtt) {
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
            let name = connection.entry.name.as_str().into();
            (ConnectionDefinition { name, address: address.into(), kind }, protocol)
        });
        Self {
            connections: connections.collect(),
            tags: Vec::new(),
            alarms: Vec::new(),
            commands: HashMap::new(),
            formerly: HashMap::new(),
            manual: HashMap::new(),
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
        around: &Around<'_>,
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

    /// The tags in which the station speaks about itself, with their alarms.
    fn add_system(&mut self) {
        let secure = self.connections.iter().any(|(_, protocol)| match protocol {
            Some(Protocol::Modbus(wire)) => matches!(wire.transport, Transport::Tcp { tls: Some(_), .. }),
            Some(Protocol::Mqtt(broker)) => broker.endpoint.tls.is_some(),
            None => false,
        });
        let mut add = |name: &str, description: &str, alarm: Option<(f64, Priority, &str, &str)>| {
            let id = TagId(self.tags.len() as u32);
            let mut tag = TagDefinition::named(&format!("station/{name}"));
            tag.description = description.into();
            tag.area = Some("station".into());
            tag.decimals = 0;
            tag.address = "the station itself".into();
            self.tags.push(tag);
            if let Some((state, priority, message, guidance)) = alarm {
                self.alarms.push(system_alarm(id, name, state, priority, message, guidance));
            }
            Some(id)
        };
        self.system.records_writable = add(
            "records-writable",
            "Whether alarms, commands and audit entries can be written.",
            Some((
                0.0,
                Priority::Critical,
                "Records cannot be written",
                "Commands and acknowledgements are refused until they can. Check the disk of this computer.",
            )),
        );
        self.system.history_writable = add(
            "history-writable",
            "Whether samples can be written, and none are lost.",
            Some((
                0.0,
                Priority::High,
                "History cannot be written",
                "Live operation goes on; samples are being lost. Check the disk of this computer.",
            )),
        );
        self.system.samples_lost = add("samples-lost", "Samples lost since the start.", None);
        if secure {
            self.system.certificate_days =
                add("certificate-days", "Days until the first of our certificates ends.", None);
        }
        self.system.history_days = add(
            "history-days",
            "Days until the disk is full at the pace of history; 3650 when that is not in sight.",
            None,
        );
        self.system.history_set_aside = add(
            "history-set-aside",
            "Whether a damaged file of samples was set aside.",
            Some((
                1.0,
                Priority::Medium,
                "A damaged history file was set aside",
                "It was kept in the folder history/ and a new one was begun. Call the engineer.",
            )),
        );
    }

    /// A certificate is to be renewed a month before it ends.
    fn add_certificate_alarm(&mut self) {
        let Some(tag) = self.system.certificate_days else { return };
        self.alarms.push(AlarmDefinition {
            key: AlarmKey::new("station/certificate-days", "low"),
            condition: Condition::Low(30.0),
            ..system_alarm(
                tag,
                "certificate-days",
                0.0,
                Priority::Medium,
                "A certificate of this station ends soon",
                "Renew it and put the new files in place of the old ones: they are read at the next connection.",
            )
        });
    }

    /// Two weeks before the disk is full, somebody should hear of it.
    fn add_space_alarm(&mut self) {
        let Some(tag) = self.system.history_days else { return };
        self.alarms.push(AlarmDefinition {
            key: AlarmKey::new("station/history-days", "low"),
            condition: Condition::Low(14.0),
            ..system_alarm(
                tag,
                "history-days",
                0.0,
                Priority::Medium,
                "The disk for history is full soon",
                "Make room on the disk of this computer, or keep less: \"keep\" in the station file says how much.",
            )
        });
    }

    fn finish(self, station: &str, devices: &[DeviceDraft], generation: Generation) -> Plant {
        let device_definitions = devices.iter().map(|device| DeviceDefinition {
            name: device.entry.name.as_str().into(),
            connection: ConnectionId(device.connection as u32),
            area: device.entry.area.as_deref().map(Into::into),
            address: match &self.connections[device.connection].1 {
                Some(Protocol::Modbus(_)) => format!("unit {}", device.entry.unit.unwrap_or(1)).into(),
                _ => device.entry.sparkplug.as_deref().unwrap_or("topics").into(),
            },
        });
        let device_definitions = device_definitions.collect();
        let (definitions, protocols): (Vec<_>, Vec<_>) = self.connections.into_iter().unzip();
        let connections = protocols.into_iter().enumerate().filter_map(|(slot, protocol)| {
            let name = Arc::clone(&definitions[slot].name);
            Some(ConnectionSettings { connection: ConnectionId(slot as u32), name, protocol: protocol? })
        });
        let connections = connections.collect();
        let plan = Plan {
            generation,
            station: station.into(),
            directory: Arc::new(Directory::new(self.tags, device_definitions, definitions)),
            alarms: self.alarms,
            commands: self.commands,
            system: self.system,
            formerly: self.formerly,
            manual: self.manual,
            overview: self.overview,
            trends: self.trends,
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

pub(super) fn system_alarm(
    tag: TagId,
    name: &str,
    state: f64,
    priority: Priority,
    message: &str,
    guidance: &str,
) -> AlarmDefinition {
    AlarmDefinition {
        key: AlarmKey::new(&format!("station/{name}"), "digital"),
        subject: Subject::Tag(tag),
        condition: Condition::Digital(state),
        deadband: 0.0,
        on_delay: Duration::ZERO,
        off_delay: Duration::ZERO,
        priority,
        message: message.into(),
        guidance: guidance.into(),
        area: Some("station".into()),
        latch: false,
        group: None,
        suppress_when: None,
        presentation: Presentation::default(),
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
        Protocol::Mqtt(broker) => format!(
            "MQTT {}{}{}",
            broker.options.version.word(),
            if broker.endpoint.tls.is_some() { " TLS " } else { " " },
            broker.endpoint
        ),
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
