//! Zigbee2MQTT: `bridge/devices` is a list of devices, each with what it exposes.

use super::super::search::LONGEST_NAME;
use super::{Tag, put, range};
use serde_json::{Value as Json, json};

/// Levels of features within features.
const DEEPEST: usize = 4;
/// Tags of one list; twice as many as the station keeps in all, so that it says that there are too many.
const MOST: usize = 20_000;
/// Bits of `access`: the device publishes it; it can be set.
const PUBLISHED: u64 = 1;
const SETTABLE: u64 = 2;

/// Every tag of the list, with its name.
pub(super) fn tags(base: &str, list: &Json) -> Vec<(String, Json)> {
    let devices = list.as_array().map(Vec::as_slice).unwrap_or_default();
    devices.iter().flat_map(|device| of_device(base, device)).take(MOST).collect()
}

fn of_device(base: &str, device: &Json) -> Vec<(String, Json)> {
    let text = |key: &str| device.get(key).and_then(Json::as_str);
    let is_off = device.get("disabled").and_then(Json::as_bool).unwrap_or_default();
    let exposes = device.pointer("/definition/exposes").and_then(Json::as_array);
    let (Some(name), Some(exposes), false) = (text("friendly_name"), exposes, is_off) else { return Vec::new() };
    // Every tag would carry it.
    if name.len() > LONGEST_NAME {
        return Vec::new();
    }
    let topic = format!("{base}/{name}");
    let mut found = vec![available(&topic, name)];
    for expose in exposes {
        collect(expose, &topic, name, "", DEEPEST, &mut found);
    }
    found
}

fn available(topic: &str, name: &str) -> (String, Json) {
    let facts = json!({
        "name": format!("{name}/available"), "topic": format!("{topic}/availability"), "json": "/state", "type": "bool",
        "true": "online", "false": "offline", "description": "Whether it is there.",
    });
    (format!("{name}/available"), facts)
}

/// Lights, covers and their like have features; what is composite stands in an object of its own.
fn collect(expose: &Json, topic: &str, name: &str, above: &str, levels: usize, found: &mut Vec<(String, Json)>) {
    if found.len() >= MOST {
        return;
    }
    let text = |key: &str| expose.get(key).and_then(Json::as_str);
    if let Some(features) = expose.get("features").and_then(Json::as_array) {
        let within = match (text("type"), text("property")) {
            (Some("composite"), Some(property)) if !is_short(above, property) => return,
            (Some("composite"), Some(property)) => format!("{above}/{}", escaped(property)),
            _ => above.to_owned(),
        };
        if levels > 0 {
            features.iter().for_each(|feature| collect(feature, topic, name, &within, levels - 1, found));
        }
        return;
    }
    let Some(property) = text("property").filter(|property| is_short(above, property)) else { return };
    let place = format!("{above}/{}", escaped(property));
    if let Some(mut tag) = of_feature(expose, &place) {
        let own = format!("{name}{place}");
        tag.insert("name".to_owned(), own.clone().into());
        tag.insert("topic".to_owned(), topic.into());
        let access = expose.get("access").and_then(Json::as_u64).unwrap_or(PUBLISHED);
        // Within an object a command would have to say all of it.
        if access & SETTABLE != 0 && above.is_empty() {
            tag.insert("command".to_owned(), command(expose, topic, property, &own));
        }
        if access & PUBLISHED != 0 {
            found.push((own, tag.into()));
        }
    }
}

/// Whether a tag can be named by it.
fn is_short(above: &str, property: &str) -> bool {
    above.len() + 1 + property.len() <= LONGEST_NAME
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

fn of_feature(expose: &Json, place: &str) -> Option<Tag> {
    let get = |key: &str| expose.get(key);
    let mut tag = Tag::new();
    tag.insert("json".to_owned(), place.into());
    // A device says only what changed.
    tag.insert("optional".to_owned(), true.into());
    put(&mut tag, "description", get("description").and_then(Json::as_str));
    match get("type").and_then(Json::as_str)? {
        "numeric" => {
            put(&mut tag, "unit", get("unit").and_then(Json::as_str));
            let limit = |key: &str| get(key).and_then(Json::as_f64);
            put(&mut tag, "range", range(limit("value_min"), limit("value_max")));
        }
        "binary" => {
            tag.insert("type".to_owned(), "bool".into());
            let word = |key: &str| match get(key) {
                Some(Json::String(word)) => Some(word.clone()),
                _ => None,
            };
            if let (Some(on), Some(off)) = (word("value_on"), word("value_off")) {
                tag.insert("true".to_owned(), on.into());
                tag.insert("false".to_owned(), off.into());
            }
        }
        "enum" | "text" => put(&mut tag, "type", Some("string")),
        _ => return None,
    }
    Some(tag)
}

fn command(expose: &Json, topic: &str, property: &str, own: &str) -> Json {
    let quoted = Json::from(property);
    let mut command = json!({
        "topic": format!("{topic}/set"), "payload": format!("{{{quoted}: ${{value}}}}"), "read_back": own,
    });
    for (key, limit) in [("min", "value_min"), ("max", "value_max")] {
        if let Some(limit) = expose.get(limit).and_then(Json::as_f64) {
            command[key] = limit.into();
        }
    }
    command
}
