//! Points: which topics a tag comes from and goes to.

use crate::command::CommandSettings;
use crate::config::compile::{DeviceDraft, TagDraft, scaling};
use crate::config::problem::Problems;
use crate::driver::modbus;
use crate::driver::mqtt::{Kind, Point, Publication, Version};
use crate::tag::{TagDefinition, TagId};

pub(in crate::config) fn point(
    id: TagId,
    draft: &TagDraft,
    device: &DeviceDraft,
    version: Version,
    problems: &mut Problems,
) -> Option<Point> {
    let (entry, place) = (&draft.entry, &draft.place);
    for (key, given) in
        [("register", entry.register.is_some()), ("bit", entry.bit.is_some()), ("order", entry.order.is_some())]
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
    let Some(topic) = &entry.topic else {
        problems.error(place, "a tag of an MQTT device needs a \"topic\"");
        return None;
    };
    let name = device.entry.topic.as_ref().unwrap_or(&device.entry.name);
    let filter = topic.replace("${device}", name);
    if !rumqttc::valid_filter(&filter) {
        problems.error(
            &place.at("topic"),
            format!("\"{filter}\" is not a topic; + stands for a level, # for the rest at the end"),
        );
        return None;
    }
    if entry.json.as_ref().is_some_and(|pointer| !pointer.starts_with('/')) {
        problems.error(&place.at("json"), "a place in JSON begins with /, such as /sensors/0/value");
        return None;
    }
    Some(Point {
        tag: id,
        filter: filter.into(),
        pointer: entry.json.as_deref().map(Into::into),
        kind: kind(entry.kind),
        publication: publication(draft, name, version, problems),
    })
}

fn publication(draft: &TagDraft, device: &str, version: Version, problems: &mut Problems) -> Option<Publication> {
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
    let pointer = point.pointer.as_deref().map_or_else(String::new, |pointer| format!(" {pointer}"));
    definition.address = format!("{}{pointer}", point.filter).into();
    if point.kind != Kind::Number {
        definition.decimals = 0;
    }
    if let Some(settings) = settings {
        settings.boolean = point.kind == Kind::Bool;
        settings.text = point.kind == Kind::Text;
    }
}
