//! Topics and payloads of a simulated plant: what several tags read out of one message stands in one message.

use crate::driver::mqtt::{Kind, Point};
use crate::tag::Value;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

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

/// One message that says all of this: a JSON document where a point looks into one, the bare value otherwise.
pub(super) fn payload(values: &[(&Point, Value)]) -> Option<String> {
    let inside: Vec<_> = values.iter().filter_map(|(point, value)| Some((point.pointer.as_deref()?, value))).collect();
    if inside.is_empty() {
        return values.first().map(|(_, value)| value.to_string());
    }
    let mut document = Json::Null;
    for (pointer, value) in inside {
        put(&mut document, pointer, json!(value));
    }
    Some(document.to_string())
}

/// Puts a value where a JSON pointer (RFC 6901) looks for it; numbers make lists, as far as there is no object already.
fn put(document: &mut Json, pointer: &str, value: Json) {
    let mut at = document;
    for step in pointer.split('/').skip(1) {
        let key = step.replace("~1", "/").replace("~0", "~");
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
    use crate::driver::mqtt::read_payload;
    use crate::tag::TagId;

    fn point(tag: u32, filter: &str, pointer: Option<&str>) -> Point {
        let pointer = pointer.map(Into::into);
        Point { tag: TagId(tag), filter: filter.into(), pointer, kind: Kind::Number, publication: None }
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
            let message = payload(&values).unwrap();
            for (point, value) in values {
                assert_eq!(
                    read_payload(message.as_bytes(), point.pointer.as_deref(), point.kind),
                    Ok(value),
                    "{message}"
                );
            }
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
