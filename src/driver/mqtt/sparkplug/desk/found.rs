//! Metrics that no tag reads: which of them become tags, and what is kept of them.

use super::{Say, Target};
use crate::driver::Found;
use crate::driver::mqtt::Kind;
use crate::driver::mqtt::sparkplug::host::MetricDefinition;
use crate::driver::mqtt::sparkplug::payload::{BIRTH_DEATH_SEQUENCE, DataType};
use crate::driver::mqtt::sparkplug::settings::Device;
use std::sync::Arc;

/// Metrics that are to become tags, as many as are allowed beside those that are known.
pub(super) fn found(device: &Device, metrics: &[MetricDefinition], targets: &[Vec<Target>]) -> Option<Say> {
    let take_in = device.take_in.as_ref()?;
    let is_new = |(place, metric): &(usize, &MetricDefinition)| {
        targets[*place].is_empty()
            && metric.kind.is_some()
            && !is_control(&metric.name)
            && !take_in.known.contains(&metric.name)
    };
    let new: Vec<_> = metrics.iter().enumerate().filter(is_new).map(|(_, metric)| metric.clone()).collect();
    let room = take_in.most.saturating_sub(take_in.known.len());
    let left_out = new.len().saturating_sub(room);
    let metrics: Vec<_> = new.into_iter().take(room).collect();
    (!metrics.is_empty() || left_out > 0).then_some(Say::Found { place: device.place, metrics, left_out })
}

/// What keeps the session going and is no value of the plant.
pub(super) fn is_control(name: &str) -> bool {
    name == BIRTH_DEATH_SEQUENCE || name.starts_with("Node Control/") || name.starts_with("Device Control/")
}

/// The kind of what is found in a birth: the facts are a tag in the words of the station file, without name and device.
pub const METRIC: &str = "metric";

/// A metric as a thing that the station keeps.
pub fn thing(metric: &MetricDefinition) -> Found {
    let mut facts = serde_json::Map::new();
    let mut add = |key: &str, value: Option<serde_json::Value>| value.map(|value| facts.insert(key.to_owned(), value));
    add(
        "type",
        match kind_of(metric) {
            Kind::Number => None,
            Kind::Bool => Some("bool".into()),
            Kind::Text => Some("string".into()),
        },
    );
    add("unit", metric.properties.unit.as_deref().map(Into::into));
    add("description", metric.properties.description.as_deref().map(Into::into));
    let range = metric.properties.low.zip(metric.properties.high).filter(|(low, high)| low < high);
    add("range", range.map(|(low, high)| vec![low, high].into()));
    Found { kind: METRIC.into(), name: Arc::clone(&metric.name), facts: facts.into() }
}

/// The kind of value that metrics of a data type have.
pub fn kind_of(metric: &MetricDefinition) -> Kind {
    match metric.kind {
        Some(DataType::Boolean) => Kind::Bool,
        Some(kind) if kind.is_number() => Kind::Number,
        _ => Kind::Text,
    }
}
