//! Points: which topics a tag comes from and goes to.

use crate::command::CommandSettings;
use crate::config::drafts::{DeviceDraft, TagDraft};
use crate::config::problem::{Place, Problems};
use crate::config::tag_entries::TagEntry;
use crate::config::tags::scaling;
use crate::config::units;
use crate::driver::modbus;
use crate::driver::mqtt::{Binary, FRESH, Kind, Point, Pointer, Publication, SourceTime, Version, Words};
use crate::tag::{TagDefinition, TagId};
use std::collections::BTreeMap;
use std::sync::Arc;

pub(in crate::config) fn point(
    id: TagId,
    draft: &TagDraft,
    device: &DeviceDraft,
    version: Version,
    problems: &mut Problems,
) -> Option<Point> {
    let (entry, place) = (&draft.entry, &draft.place);
    refuse_foreign(entry, place, problems);
    let filter = filter(entry, device, place, problems)?;
    let pointer = match &entry.json {
        Some(text) => Some(pointer(text, &place.at("json"), problems)?),
        None => None,
    };
    let words = words(entry, place, problems);
    let kind = if words.is_some() { Kind::Bool } else { kind(entry.kind) };
    let fresh = entry.stale_after.as_deref().and_then(|text| units::duration(text).ok());
    Some(Point {
        name: draft.key.as_str().into(),
        pointer,
        binary: binary(entry, place, problems),
        kind,
        only: conditions(&entry.only, &place.at("only"), problems),
        is_optional: entry.optional,
        time: time(entry, device, place, problems),
        fresh: fresh.unwrap_or(FRESH),
        is_found: draft.is_found,
        publication: publication(draft, topic_of(device), words.clone(), version, problems),
        words,
        ..Point::plain(id, &filter)
    })
}

fn refuse_foreign(entry: &TagEntry, place: &Place, problems: &mut Problems) {
    for (key, given) in
        [("register", entry.register.is_some()), ("bit", entry.bit.is_some()), ("bits", entry.bits.is_some())]
    {
        if given {
            problems.error(&place.at(key), format!("\"{key}\" belongs to Modbus, and this device speaks MQTT"));
        }
    }
    if entry.metric.is_some() {
        let words =
            "\"metric\" is for Sparkplug: its device needs \"sparkplug\": \"group/node\" or \"group/node/device\"";
        problems.error(&place.at("metric"), words);
    }
    if entry.order.is_some() && entry.binary.is_none() {
        problems.error(&place.at("order"), "an order of bytes needs \"binary\", such as \"binary\": \"f32\"");
    }
    if entry.offset.is_some() && entry.binary.is_none() {
        problems.error(&place.at("offset"), "an offset in bytes needs \"binary\", such as \"binary\": \"f32\"");
    }
}

/// What stands for ${device} in topics.
pub(super) fn topic_of(device: &DeviceDraft) -> &str {
    device.entry.topic.as_ref().unwrap_or(&device.entry.name)
}

/// The topic that a tag comes from.
pub(super) fn filter(entry: &TagEntry, device: &DeviceDraft, place: &Place, problems: &mut Problems) -> Option<String> {
    let Some(topic) = &entry.topic else {
        problems.error(place, "a tag of an MQTT device needs a \"topic\"");
        return None;
    };
    let filter = topic.replace("${device}", topic_of(device));
    if rumqttc::valid_filter(&filter) {
        return Some(filter);
    }
    let words = format!("\"{filter}\" is not a topic; + stands for a level, # for the rest at the end");
    problems.error(&place.at("topic"), words);
    None
}

/// A place in JSON.
pub(super) fn pointer(text: &str, place: &Place, problems: &mut Problems) -> Option<Pointer> {
    problems.take(place, Pointer::parse(text).map_err(|error| error.to_string()))
}

/// What a message has to say.
pub(super) fn conditions(
    entries: &BTreeMap<String, String>,
    place: &Place,
    problems: &mut Problems,
) -> Vec<(Pointer, Arc<str>)> {
    let read = entries
        .iter()
        .filter_map(|(at, wanted)| Some((pointer(at, &place.at(at), problems)?, Arc::from(wanted.as_str()))));
    read.collect()
}

fn words(entry: &TagEntry, place: &Place, problems: &mut Problems) -> Option<Words> {
    let (yes, no) = match (&entry.word_true, &entry.word_false) {
        (None, None) => return None,
        (Some(yes), Some(no)) => (yes.trim(), no.trim()),
        (Some(_), None) => {
            problems.error(&place.at("true"), "the word for false is missing: what else it says is neither");
            return None;
        }
        (None, Some(_)) => {
            problems.error(&place.at("false"), "the word for true is missing: what else it says is neither");
            return None;
        }
    };
    if entry.kind.is_some_and(|kind| kind != modbus::Kind::Bool) {
        problems.error(&place.at("type"), "words for true and false are for the type bool");
    }
    if entry.binary.is_some() {
        problems.error(&place.at("binary"), "words for true and false are for text, not for bytes");
    }
    if yes == no {
        problems.error(&place.at("false"), "the words for true and false differ");
    }
    Some(Words { yes: yes.into(), no: no.into() })
}

fn binary(entry: &TagEntry, place: &Place, problems: &mut Problems) -> Option<Binary> {
    let kind = entry.binary?;
    for (key, given) in [("json", entry.json.is_some()), ("only", !entry.only.is_empty())] {
        if given {
            problems.error(&place.at(key), "a binary payload has no JSON in it");
        }
    }
    let order = entry.order.unwrap_or_default();
    Some(Binary { kind, order, offset: entry.offset.unwrap_or_default() as usize })
}

/// Where the message says its time: what the tag says goes before what the device says, which is for payloads of JSON alone.
fn time(entry: &TagEntry, device: &DeviceDraft, place: &Place, problems: &mut Problems) -> Option<SourceTime> {
    let is_json = entry.json.is_some();
    let of_device = device.entry.time.as_deref().filter(|_| is_json).map(|text| (text, device.place.at("time")));
    let (text, place) = entry.time.as_deref().map(|text| (text, place.at("time"))).or(of_device)?;
    if text == "arrival" {
        return None;
    }
    let format = entry.time_format.or(device.entry.time_format).unwrap_or_default();
    Some(SourceTime { pointer: pointer(text, &place, problems)?, format })
}

fn publication(
    draft: &TagDraft,
    device: &str,
    words: Option<Words>,
    version: Version,
    problems: &mut Problems,
) -> Option<Publication> {
    let command = draft.entry.command.as_ref()?;
    let place = draft.place.at("command");
    let Some(topic) = &command.topic else {
        problems.error(&place, "a command to an MQTT device needs a \"topic\"");
        return None;
    };
    let topic = topic.replace("${device}", device);
    if !super::broker::is_topic(&topic) {
        problems.error(&place.at("topic"), "a command goes to one topic, without + and #");
        return None;
    }
    let payload = command.payload.as_deref();
    if payload.is_some_and(|payload| !payload.contains("${value}")) {
        problems.error(&place.at("payload"), "the payload has to say where the value stands: ${value}");
    }
    let response_topic = command.response_topic.as_ref().map(|topic| topic.replace("${device}", device));
    if response_topic.as_deref().is_some_and(|topic| !super::broker::is_topic(topic)) {
        problems.error(&place.at("response_topic"), "an answer goes to one topic, without + and #");
    }
    if response_topic.is_some() && version == Version::V3 {
        problems
            .error(&place.at("response_topic"), "MQTT 3.1.1 cannot say this; the connection needs \"version\": \"5\"");
    }
    Some(Publication {
        topic: topic.into(),
        payload: payload.map(Into::into),
        scaling: scaling(draft, problems),
        response_topic: response_topic.map(Into::into),
        words,
    })
}

pub(super) fn kind(kind: Option<modbus::Kind>) -> Kind {
    match kind {
        Some(modbus::Kind::Bool) => Kind::Bool,
        Some(modbus::Kind::String) => Kind::Text,
        _ => Kind::Number,
    }
}

/// What follows from the point for screens and commands.
pub(in crate::config) fn describe(
    point: &Point,
    definition: &mut TagDefinition,
    settings: Option<&mut CommandSettings>,
) {
    let pointer = point.pointer.as_ref().map_or_else(String::new, |pointer| format!(" {pointer}"));
    definition.address = format!("{}{pointer}", point.filter).into();
    if point.kind != Kind::Number {
        definition.decimals = 0;
    }
    if let Some(settings) = settings {
        settings.boolean = point.kind == Kind::Bool;
        settings.text = point.kind == Kind::Text;
        settings.topic = point.publication.as_ref().map(|publication| Arc::clone(&publication.topic));
    }
}
