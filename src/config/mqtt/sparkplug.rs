//! Sparkplug: the host application, its edge nodes and devices, and the metrics that are tags.

use crate::command::CommandSettings;
use crate::config::drafts::{DeviceDraft, TagDraft};
use crate::config::problem::{Place, Problems};
use crate::config::sparkplug_entries::SparkplugEntry;
use crate::config::tags::scaling;
use crate::config::units;
use crate::driver::mqtt::sparkplug::host::HostSettings;
use crate::driver::mqtt::sparkplug::settings::{Device, Point, Settings, TakeIn};
use crate::driver::mqtt::sparkplug::topic::{Source, identifier};
use crate::driver::mqtt::{self, Kind, Options, Persistence};
use crate::tag::{DeviceId, TagDefinition, TagId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// How long a message may be missing, where nothing is said.
const REORDERING_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest that makes sense: nobody waits for a birth any longer.
const LONGEST_REORDERING: Duration = Duration::from_secs(600);

/// Whether a device is an edge node of Sparkplug or stands behind one.
pub(in crate::config) fn is_sparkplug(device: &DeviceDraft) -> bool {
    device.entry.sparkplug.is_some()
}

pub(super) fn settings(
    entry: Option<&SparkplugEntry>,
    connection: usize,
    drafts: &[DeviceDraft],
    place: &Place,
    problems: &mut Problems,
) -> Option<Settings> {
    let here: Vec<_> = drafts.iter().filter(|draft| draft.connection == connection).collect();
    for draft in here.iter().filter(|draft| !is_sparkplug(draft) || draft.entry.take_in.is_none()) {
        for (key, is_given) in [("take_in", draft.entry.take_in.is_some()), ("most", draft.entry.most.is_some())] {
            if is_given {
                let words = format!(
                    "\"{key}\" is for edge nodes and devices of Sparkplug that are taken in: \"take_in\": \"all\""
                );
                problems.error(&draft.place.at(key), words);
            }
        }
    }
    let Some(entry) = entry else {
        for draft in here.iter().filter(|draft| is_sparkplug(draft)) {
            let words =
                "its connection does not speak Sparkplug: give the connection \"sparkplug\": {\"host_id\": ...}";
            problems.error(&draft.place.at("sparkplug"), words);
        }
        return None;
    };
    let place = place.at("sparkplug");
    let devices = devices(&here, problems);
    let host = problems.take(&place.at("host_id"), identifier(&entry.host_id).map_err(|error| error.to_string()));
    let timeout = reordering_timeout(entry, &place, problems);
    let groups = groups(entry, &devices, &place, problems);
    let host = HostSettings {
        host: host?,
        is_announced: entry.primary.unwrap_or(true),
        groups,
        reordering_timeout: timeout,
        wanted: Vec::new(),
    };
    Some(Settings { host, devices })
}

/// An edge node or device is taken in whole.
pub(in crate::config) fn take_in(broker: &mut mqtt::Settings, device: DeviceId, most: usize, known: HashSet<Arc<str>>) {
    let place = broker.devices.iter().position(|entry| entry.device == device);
    let devices = broker.sparkplug.iter_mut().flat_map(|sparkplug| &mut sparkplug.devices);
    for entry in devices.filter(|entry| Some(entry.place) == place) {
        entry.take_in = Some(TakeIn { most, known: Arc::new(known.clone()) });
    }
}

/// A host application begins anew with every connection, and its will says that it is gone.
pub(super) fn check_session(options: &Options, place: &Place, problems: &mut Problems) {
    if options.persistence != Persistence::Clean {
        let words = "a host application of Sparkplug has a clean session: births and deaths that the broker kept would be old ones";
        problems.error(&place.at("session"), words);
    }
    if options.will.is_some() {
        problems.error(&place.at("will"), "the will of a host application of Sparkplug is its own STATE message");
    }
}

/// Each edge node or device is one device of the station.
fn devices(here: &[&DeviceDraft], problems: &mut Problems) -> Vec<Device> {
    let mut seen: HashMap<Source, &str> = HashMap::new();
    let mut devices = Vec::new();
    for (place, draft) in here.iter().enumerate() {
        let Some(text) = &draft.entry.sparkplug else { continue };
        let at = draft.place.at("sparkplug");
        let source = Source::parse(text).map_err(|error| error.to_string());
        let Some(source) = problems.take(&at, source) else { continue };
        if let Some(first) = seen.insert(source.clone(), &draft.entry.name) {
            problems.error(&at, format!("{source} is the device \"{first}\" already"));
            continue;
        }
        devices.push(Device { place, source, points: Vec::new(), take_in: None });
    }
    devices
}

fn reordering_timeout(entry: &SparkplugEntry, place: &Place, problems: &mut Problems) -> Duration {
    let place = place.at("reordering_timeout");
    let given = entry.reordering_timeout.as_deref();
    let given = given.and_then(|text| problems.take(&place, units::duration(text))).unwrap_or(REORDERING_TIMEOUT);
    if given > LONGEST_REORDERING {
        problems.error(
            &place,
            "a message that is missing for more than 10 minutes does not come any more: \"5s\" is usual",
        );
    }
    given
}

fn groups(entry: &SparkplugEntry, devices: &[Device], place: &Place, problems: &mut Problems) -> Vec<Arc<str>> {
    let mut groups: Vec<Arc<str>> = Vec::new();
    for (number, group) in entry.groups.iter().enumerate() {
        if group == "+" {
            return vec!["+".into()];
        }
        let group = identifier(group).map_err(|error| error.to_string());
        groups.extend(problems.take(&place.at("groups").at(number), group));
    }
    for device in devices {
        let group = &device.source.group;
        if entry.groups.is_empty() && !groups.contains(group) {
            groups.push(Arc::clone(group));
        } else if !groups.contains(group) {
            let words = format!("the group {group} of the device {} is not among them", device.source);
            problems.error(&place.at("groups"), words);
        }
    }
    if groups.is_empty() {
        problems.error(
            place,
            "no group is listened to: name some as \"groups\", or give devices \"sparkplug\": \"group/node\"",
        );
    }
    groups
}

/// Adds the metric that a tag is.
pub(in crate::config) fn add_metric(
    broker: &mut mqtt::Settings,
    id: TagId,
    draft: &TagDraft,
    device: &DeviceDraft,
    definition: &mut TagDefinition,
    settings: Option<&mut CommandSettings>,
    problems: &mut Problems,
) {
    let (entry, place) = (&draft.entry, &draft.place);
    let foreign = [
        ("register", entry.register.is_some()),
        ("bit", entry.bit.is_some()),
        ("order", entry.order.is_some()),
        ("topic", entry.topic.is_some()),
        ("json", entry.json.is_some()),
    ];
    for (key, _) in foreign.iter().filter(|(_, is_given)| *is_given) {
        problems.error(&place.at(key), format!("\"{key}\" is not for Sparkplug: a tag of this device is a \"metric\""));
    }
    let Some(metric) = entry.metric.as_deref().filter(|metric| !metric.trim().is_empty()) else {
        return problems
            .error(place, "a tag of a Sparkplug device needs a \"metric\", the name that its birth gives it");
    };
    for (key, is_given) in entry
        .command
        .iter()
        .flat_map(|command| [("topic", command.topic.is_some()), ("payload", command.payload.is_some())])
    {
        if is_given {
            problems.error(
                &place.at("command").at(key),
                format!("a Sparkplug command sets the metric; it has no \"{key}\""),
            );
        }
    }
    let kind = super::point::kind(entry.kind);
    let source = device.entry.sparkplug.as_deref().unwrap_or_default();
    definition.address = format!("{source} {metric}").into();
    if kind != Kind::Number {
        definition.decimals = 0;
    }
    if let Some(settings) = settings {
        (settings.boolean, settings.text) = (kind == Kind::Bool, kind == Kind::Text);
    }
    let point = Point {
        tag: id,
        name: draft.key.as_str().into(),
        metric: metric.into(),
        kind,
        is_set: entry.command.is_some(),
        scaling: scaling(draft, problems),
    };
    let devices = broker.sparkplug.iter_mut().flat_map(|sparkplug| &mut sparkplug.devices);
    let slot = draft.device.and_then(|device| broker.devices.iter().position(|entry| entry.device == device));
    if let Some(device) = devices.into_iter().find(|device| Some(device.place) == slot) {
        device.points.push(point);
    }
}
