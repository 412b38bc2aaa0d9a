//! What the file has of tags and devices, with their places, before anything is made of it.

use super::connection_entries::ConnectionEntry;
use super::device_entries::{DeviceEntry, TemplateEntry};
use super::problem::{Place, Problems};
use super::read::Source;
use super::tag_entries::{HistoryEntry, TagEntry};
use crate::tag::{DeviceId, TagId};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;

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

pub(super) fn entries<T: DeserializeOwned>(sources: &[Source], list: &str, problems: &mut Problems) -> Vec<Placed<T>> {
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

pub(super) fn unique<T>(list: Vec<Placed<T>>, name: impl Fn(&T) -> &String, problems: &mut Problems) -> Vec<Placed<T>> {
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

pub(super) fn devices(
    sources: &[Source],
    connections: &[Placed<ConnectionEntry>],
    problems: &mut Problems,
) -> Vec<DeviceDraft> {
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

pub(super) fn drafts(
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

fn find_device(wanted: &str, devices: &[DeviceDraft], place: &Place, problems: &mut Problems) -> Option<DeviceId> {
    let found = devices.iter().position(|device| device.entry.name == wanted);
    if found.is_none() {
        let hint = problems.nearest(wanted, devices.iter().map(|device| device.entry.name.as_str()));
        problems.error(&place.at("device"), format!("there is no device \"{wanted}\"{hint}"));
    }
    found.map(|slot| DeviceId(slot as u32))
}

pub(super) fn slots(drafts: &[TagDraft], problems: &mut Problems) -> HashMap<String, TagId> {
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
