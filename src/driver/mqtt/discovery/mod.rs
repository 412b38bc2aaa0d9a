//! Lists in which others say what they have: each entry becomes a tag, in the words of the station file.

mod homeassistant;
mod zigbee2mqtt;

use super::document::Document;
use super::intake::topic_matches;
use crate::driver::Found;
use serde::Deserialize;
use serde_json::{Map, Value as Json};
use std::collections::HashMap;
use std::sync::Arc;

/// The kind of what is found in such a list: the facts are a tag in the words of the station file, without its device, or `refused` with
/// why there is none.
pub const TAG: &str = "tag";

/// Who writes the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Source {
    /// Zigbee2MQTT: its list of devices with what they expose.
    Zigbee2mqtt,
    /// Whoever announces itself to Home Assistant by MQTT discovery: sensors, binary sensors, switches, numbers.
    Homeassistant,
}

impl Source {
    /// What its topics begin with, where the station file does not say.
    pub const fn usual_base(self) -> &'static str {
        match self {
            Self::Zigbee2mqtt => "zigbee2mqtt",
            Self::Homeassistant => "homeassistant",
        }
    }
}

/// A list that is read.
#[derive(Clone, Debug, PartialEq)]
pub struct Discovery {
    /// Who writes it.
    pub source: Source,
    /// What its topics begin with.
    pub base: Arc<str>,
    /// What the station knows already: the facts by name.
    pub known: Arc<HashMap<Arc<str>, Json>>,
}

impl Discovery {
    /// Where the list is said.
    pub fn filters(&self) -> Vec<String> {
        let below = |rest: &[&str]| rest.iter().map(|rest| format!("{}/{rest}", self.base)).collect();
        match self.source {
            Source::Zigbee2mqtt => below(&["bridge/devices"]),
            Source::Homeassistant => below(&["+/+/config", "+/+/+/config"]),
        }
    }

    /// What is new in a message.
    pub(super) fn read(&self, topic: &str, document: &Document<'_>) -> Vec<Found> {
        let is_list = match self.source {
            Source::Zigbee2mqtt => topic.strip_prefix(&*self.base) == Some("/bridge/devices"),
            Source::Homeassistant => self.filters().iter().any(|filter| topic_matches(topic, filter)),
        };
        let Some(json) = document.json().ok().filter(|_| is_list) else { return Vec::new() };
        let tags = match self.source {
            Source::Zigbee2mqtt => zigbee2mqtt::tags(&self.base, json),
            Source::Homeassistant => homeassistant::tag(&self.base, topic, json).into_iter().collect(),
        };
        let found = tags.into_iter().map(|(name, facts)| Found { kind: TAG.into(), name: name.into(), facts });
        found.filter(|found| self.known.get(&found.name) != Some(&found.facts)).collect()
    }
}

/// A tag in the words of the station file.
type Tag = Map<String, Json>;

/// Adds a key where there is a value for it.
fn put(tag: &mut Tag, key: &str, value: Option<impl Into<Json>>) {
    if let Some(value) = value {
        tag.insert(key.to_owned(), value.into());
    }
}

/// The lowest and highest value as a range, where they are one.
fn range(low: Option<f64>, high: Option<f64>) -> Option<Json> {
    let (low, high) = (low?, high?);
    (low < high).then(|| serde_json::json!([low, high]))
}

#[cfg(test)]
mod tests;
