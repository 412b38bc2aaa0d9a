//! What the simulated plant says at a moment: the course of each tag, and what was written over it.

use super::values::{Course, Holds, value_at};
use crate::config::Plant;
use crate::driver::{Protocol, mqtt};
use crate::tag::{TagId, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// How long a device takes to reset a pulse, in seconds.
const PULSE: f64 = 1.0;

struct Written {
    value: Value,
    /// When the device resets it by itself.
    until: Option<f64>,
}

/// What is known of a tag.
struct Simulated {
    name: Arc<str>,
    course: Course,
    commanded: bool,
    pulse: bool,
}

/// What a message can hold of a tag.
fn holds_in_messages(kind: mqtt::Kind) -> Holds {
    match kind {
        mqtt::Kind::Bool => Holds::Bool,
        mqtt::Kind::Text => Holds::Text(40),
        mqtt::Kind::Number => Holds::Number { span: [-9e15, 9e15], whole: false, wide: false },
    }
}

/// All tags of a station, as its field would have them.
pub(super) struct Field {
    tags: HashMap<TagId, Simulated>,
    written: HashMap<TagId, Written>,
    /// For a tag that reads a command back, the tag that is commanded.
    follows: HashMap<TagId, TagId>,
    still: bool,
    news: Vec<String>,
}

impl Field {
    /// The field of this station. A `still` one does not move.
    pub(super) fn new(plant: &Plant, seed: u64, still: bool) -> Self {
        let mut field =
            Self { tags: HashMap::new(), written: HashMap::new(), follows: HashMap::new(), still, news: Vec::new() };
        for connection in &plant.connections {
            match &connection.protocol {
                Protocol::Modbus(wire) => wire.devices.iter().flat_map(|device| &device.points).for_each(|point| {
                    field.add(plant, point.tag, Holds::in_registers(&point.encoding, point.scaling), seed);
                }),
                Protocol::Mqtt(broker) => {
                    let of_topics = broker.devices.iter().flat_map(|device| &device.points);
                    let of_topics = of_topics.map(|point| (point.tag, point.kind));
                    let devices = broker.sparkplug.iter().flat_map(|sparkplug| &sparkplug.devices);
                    let of_metrics = devices.flat_map(|device| &device.points).map(|point| (point.tag, point.kind));
                    of_topics
                        .chain(of_metrics)
                        .for_each(|(tag, kind)| field.add(plant, tag, holds_in_messages(kind), seed));
                }
            }
        }
        field
    }

    fn add(&mut self, plant: &Plant, tag: TagId, holds: Holds, seed: u64) {
        let Some(definition) = plant.plan.directory.tag(tag) else { return };
        let command = plant.plan.commands.get(&tag);
        if let Some(shown_by) = command.and_then(|command| command.read_back).filter(|other| *other != tag) {
            self.follows.insert(shown_by, tag);
        }
        let simulated = Simulated {
            name: definition.key.as_str().into(),
            course: Course::of(definition, command, holds, seed),
            commanded: command.is_some(),
            pulse: command.is_some_and(|command| command.pulse),
        };
        self.tags.insert(tag, simulated);
    }

    /// Whether the station can set this tag.
    pub(super) fn is_commanded(&self, tag: TagId) -> bool {
        self.tags.get(&tag).is_some_and(|tag| tag.commanded)
    }

    /// Whether this tag shows what was written, at this moment.
    pub(super) fn is_written(&self, tag: TagId, seconds: f64) -> bool {
        self.said(tag, seconds).is_some()
    }

    fn said(&self, tag: TagId, seconds: f64) -> Option<&Value> {
        let own = self.written.get(&tag);
        let written = own.or_else(|| self.written.get(self.follows.get(&tag)?))?;
        written.until.is_none_or(|until| seconds < until).then_some(&written.value)
    }

    /// The value of a tag, in engineering units. What can be set stays as it is until somebody sets it.
    pub(super) fn value(&self, tag: TagId, seconds: f64) -> Option<Value> {
        if let Some(value) = self.said(tag, seconds) {
            return Some(value.clone());
        }
        let simulated = self.tags.get(&tag)?;
        let start = value_at(&simulated.course, 0.0);
        if simulated.pulse {
            return Some(if matches!(start, Value::Bool(_)) { Value::Bool(false) } else { start });
        }
        Some(if self.still || simulated.commanded { start } else { value_at(&simulated.course, seconds) })
    }

    /// Takes up what the station wrote.
    pub(super) fn write(&mut self, tag: TagId, value: Value, seconds: f64) {
        let Some(simulated) = self.tags.get(&tag) else { return };
        self.news.push(format!("wrote {} = {value}", simulated.name));
        let until = simulated.pulse.then_some(seconds + PULSE);
        self.written.insert(tag, Written { value, until });
    }

    /// What was written since this was asked last, a line each.
    pub(super) fn take_news(&mut self) -> Vec<String> {
        std::mem::take(&mut self.news)
    }
}
