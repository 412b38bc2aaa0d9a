//! Topics and payloads of a simulated plant: what several tags read out of one message stands in one message.

use crate::driver::mqtt::{Kind, Point};
use crate::tag::{Timestamp, Value};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Elements that a list in a payload may have.
const LONGEST: usize = 1000;

/// The points of each topic. A filter with wildcards is served by a topic of the station that fits, or by one made from it.
pub(super) fn topics<'a>(points: impl Iterator<Item = &'a Point> + Clone) -> BTreeMap<String, Vec<&'a Point>> {
    let plain = points.clone().filter(|point| !rumqttc::has_wildcards(&point.filter));
    let mut topics: BTreeMap<String, Vec<&Point>> = plain.map(|point| (point.filter.to_string(), Vec::new())).collect();
    for point in points.clone() {
        if !topics.keys().any(|topic| rumqttc::matches(topic, &point.filter)) {
            topics.insert(point.filter.replace(['+', '#'], "simulated"), Vec::new());
        }
    }
    for (topic, here) in &mut topics {
        here.extend(points.clone().filter(|point| rumqttc::matches(topic, &point.filter)));
    }
    topics
}

/// One message of `now` that says all of this: bytes where a point reads them, a JSON document where one looks into it, else the bare value.
pub(super) fn payload(values: &[(&Point, Value)], now: Timestamp) -> Option<Vec<u8>> {
    if values.iter().any(|(point, _)| point.binary.is_some()) {
        let mut bytes = Vec::new();
        for (binary, value) in values.iter().filter_map(|(point, value)| Some((point.binary?, value))) {
            binary.write(value, &mut bytes);
        }
        return Some(bytes);
    }
    if values.iter().all(|(point, _)| point.pointer.is_none()) {
        return values.first().map(|(point, value)| said(point, value).to_string().into_bytes());
    }
    let mut document = Json::Null;
    for (point, value) in values {
        let Some(pointer) = &point.pointer else { continue };
        for (place, wanted) in &point.only {
            put(&mut document, place.as_str(), json!(wanted));
        }
        if let Some(time) = &point.time {
            put(&mut document, time.pointer.as_str(), time.format.write(now));
        }
        put(&mut document, pointer.as_str(), json!(said(point, value)));
    }
    Some(document.to_string().into_bytes())
}

/// The value in the words of the device.
fn said(point: &Point, value: &Value) -> Value {
    match (&point.words, value) {
        (Some(words), Value::Bool(on)) => Value::Text(Arc::clone(if *on { &words.yes } else { &words.no })),
        _ => value.clone(),
    }
}

/// Puts a value where a JSON pointer (RFC 6901) looks for it; numbers make lists, as far as there is no object already.
fn put(document: &mut Json, pointer: &str, value: Json) {
    let mut at = document;
    for step in pointer.split('/').skip(1) {
        let key = step.replace("~1", "/").replace("~0", "~");
        let wanted = key.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')?.split_once('='));
        if let (Some((name, text)), false) = (wanted, at.is_object()) {
            at = named(at, name, text);
            continue;
        }
        let number = key.parse::<usize>().ok().filter(|number| *number < LONGEST && !at.is_object());
        if let Some(number) = number {
            if !at.is_array() {
                *at = Json::Array(Vec::new());
            }
            let Json::Array(list) = at else { return };
            if list.len() <= number {
                list.resize(number + 1, Json::Null);
            }
            at = &mut list[number];
        } else {
            if !at.is_object() {
                *at = Json::Object(Map::new());
            }
            let Json::Object(members) = at else { return };
            at = members.entry(key).or_insert(Json::Null);
        }
    }
    *at = value;
}

/// The object in a list that says this; put there where it is missing.
fn named<'a>(at: &'a mut Json, name: &str, text: &str) -> &'a mut Json {
    if !at.is_array() {
        *at = Json::Array(Vec::new());
    }
    let Json::Array(list) = at else { return at };
    let place = list.iter().position(|item| item.get(name).and_then(Json::as_str) == Some(text));
    let place = place.unwrap_or_else(|| {
        list.push(json!({ name: text }));
        list.len() - 1
    });
    &mut list[place]
}

/// The value in the payload of a command, the other way round from how the station writes it.
pub(super) fn commanded(payload: &str, template: Option<&str>, kind: Kind) -> Option<Value> {
    let template = template.unwrap_or("${value}");
    let (before, after) = template.split_once("${value}")?;
    let text = payload.strip_prefix(before)?;
    // Where the value stands twice, the first one ends where the text between the two begins.
    let text = match after.split_once("${value}") {
        Some((between, _)) if !between.is_empty() => text.split_once(between)?.0,
        _ => text.strip_suffix(after)?,
    };
    match kind {
        Kind::Bool => Value::parse_bool(text).ok(),
        Kind::Number => Value::parse_number(text).ok(),
        Kind::Text => {
            Some(Value::Text(serde_json::from_str::<String>(text).unwrap_or_else(|_| text.to_owned()).into()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::modbus::Order;
    use crate::driver::mqtt::{Binary, BinaryKind, Pointer, SourceTime, TimeFormat, Words, read_payload};
    use crate::tag::TagId;

    fn point(tag: u32, filter: &str, pointer: Option<&str>) -> Point {
        Point { pointer: pointer.map(|text| Pointer::parse(text).unwrap()), ..Point::plain(TagId(tag), filter) }
    }

    #[test]
    fn every_point_finds_its_value_in_the_message_of_its_topic() {
        let points = [
            point(0, "a/+/rain", Some("/sensors/1/v")),
            point(1, "a/260/rain", Some("/sensors/0/v")),
            point(2, "a/260/rain", Some("/a~1b/0")),
            point(3, "b/#", None),
            point(4, "a/260/rain", Some("/wind")),
        ];
        let topics = topics(points.iter());
        assert_eq!(topics.keys().collect::<Vec<_>>(), ["a/260/rain", "b/simulated"]);
        for here in topics.values() {
            let values: Vec<_> = here.iter().map(|point| (*point, Value::Signed(i64::from(point.tag.0)))).collect();
            let message = payload(&values, Timestamp::default()).unwrap();
            for (point, value) in values {
                assert_eq!(read_payload(&message, point), Ok(Some(value)), "{}", String::from_utf8_lossy(&message));
            }
        }
    }

    #[test]
    fn words_times_conditions_and_bytes_are_those_of_the_device() {
        let words = Words { yes: "OPEN".into(), no: "CLOSED".into() };
        let time = SourceTime { pointer: Pointer::parse("/ts").unwrap(), format: TimeFormat::Milliseconds };
        let only = vec![(Pointer::parse("/kind").unwrap(), "gate".into())];
        let gate = Point {
            kind: Kind::Bool,
            words: Some(words),
            time: Some(time),
            only,
            ..point(0, "g", Some("/list/[name=inlet]/state"))
        };
        let now = Timestamp::from_micros(1_795_266_000_000_000);
        let message = String::from_utf8(payload(&[(&gate, Value::Bool(false))], now).unwrap()).unwrap();
        let expected = r#"{"kind":"gate","ts":1795266000000,"list":[{"name":"inlet","state":"CLOSED"}]}"#;
        assert_eq!(message, expected);
        let number = |kind, order, offset| Some(Binary { kind, order, offset });
        let first = Point { binary: number(BinaryKind::I16, Order::Dcba, 0), ..point(1, "b", None) };
        let second = Point { binary: number(BinaryKind::F32, Order::Cdab, 3), ..point(2, "b", None) };
        let values = [(&first, Value::Signed(-2)), (&second, Value::Single(12.5))];
        let bytes = payload(&values, now).unwrap();
        for (point, value) in values {
            assert_eq!(read_payload(&bytes, point), Ok(Some(value)));
        }
    }

    #[test]
    fn commands_are_read_back_out_of_their_template() {
        let number = |text: &str, template| commanded(text, template, Kind::Number);
        assert_eq!(number("1.5", None), Some(Value::Double(1.5)));
        assert_eq!(number("{\"set\": 7}", Some("{\"set\": ${value}}")), Some(Value::Signed(7)));
        assert_eq!(number("7 and 7.", Some("${value} and ${value}.")), Some(Value::Signed(7)));
        assert_eq!(number("x", None), None);
        assert_eq!(commanded("{\"a\":\"b c\"}", Some("{\"a\":${value}}"), Kind::Text), Some(Value::Text("b c".into())));
        assert_eq!(commanded("on", None, Kind::Bool), Some(Value::Bool(true)));
    }
}
