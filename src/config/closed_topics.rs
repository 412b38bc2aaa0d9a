//! The topics that carry commands, over every connection to their broker: a message by hand would go round the limits of their tags.

use super::compiled::Compiled;
use super::drafts::{DeviceDraft, TagDraft};
use super::problem::Problems;
use crate::driver::{Protocol, mqtt};
use crate::tag::{ConnectionId, TagId};
use std::collections::HashMap;
use std::sync::Arc;

/// The computer and the port of a broker.
type Site = (String, u16);

/// Where a broker is; names of computers are the same in small and in large letters.
fn place(broker: &mqtt::Settings) -> Site {
    (broker.endpoint.host.to_lowercase(), broker.endpoint.port)
}

/// The commands of the tags behind a broker: where it is, the topic, the tag.
fn commands(broker: &mqtt::Settings) -> impl Iterator<Item = (Site, Arc<str>, TagId)> {
    let points = broker.devices.iter().flat_map(|device| &device.points);
    points.filter_map(|point| Some((place(broker), Arc::clone(&point.publication.as_ref()?.topic), point.tag)))
}

impl Compiled {
    fn brokers(&self) -> impl Iterator<Item = (usize, &mqtt::Settings)> {
        self.connections.iter().enumerate().filter_map(|(slot, (_, protocol))| match protocol {
            Some(Protocol::Mqtt(broker)) => Some((slot, broker)),
            _ => None,
        })
    }

    /// A command that was found must not go where one of the station file goes: it would go round its limits.
    pub(super) fn refuse_found_commands(&self, drafts: &[TagDraft], problems: &mut Problems) {
        let commands = || self.brokers().flat_map(|(_, broker)| commands(broker));
        let is_found = |tag: TagId| drafts.get(tag.index()).is_some_and(|draft| draft.is_found);
        let written = commands().filter(|(_, _, tag)| !is_found(*tag));
        let mut written: HashMap<_, _> =
            written.map(|(broker, topic, tag)| ((broker, topic), self.tags[tag.index()].key.to_string())).collect();
        for (_, broker) in self.brokers() {
            let asked = broker.asks.topics.iter();
            written.extend(asked.map(|(topic, tag)| ((place(broker), Arc::clone(topic)), tag.to_string())));
        }
        for (broker, topic, tag) in commands().filter(|(_, _, tag)| is_found(*tag)) {
            if let Some(other) = written.get(&(broker, Arc::clone(&topic))) {
                let words =
                    format!("its command would go to \"{topic}\" and past the limits of {other}, which is set there");
                problems.error(&drafts[tag.index()].place.at("command"), words);
            }
        }
    }

    /// The topics to which commands go, and those from which the station takes commands, each by the connections over which it can be
    /// reached.
    pub(super) fn closed_topics(&self, devices: &[DeviceDraft]) -> HashMap<(ConnectionId, Arc<str>), Arc<str>> {
        let mut topics = Vec::new();
        let places: HashMap<usize, Site> = self.brokers().map(|(slot, broker)| (slot, place(broker))).collect();
        for (tag, settings) in &self.commands {
            let definition = self.tags.get(tag.index());
            let device = definition.and_then(|tag| devices.get(tag.device?.index()));
            let broker = device.and_then(|device| places.get(&device.connection));
            if let (Some(topic), Some(broker), Some(definition)) = (&settings.topic, broker, definition) {
                topics.push((broker.clone(), Arc::clone(topic), Arc::from(definition.key.as_str())));
            }
        }
        for (_, broker) in self.brokers() {
            let asked = broker.asks.topics.iter();
            topics.extend(asked.map(|(topic, tag)| (place(broker), Arc::clone(topic), Arc::clone(tag))));
        }
        // Of several tags the first by name is told, whatever the order of the map.
        topics.sort_by(|one, other| other.cmp(one));
        let reached = topics.into_iter().flat_map(|(broker, topic, tag)| {
            let over = places.iter().filter(move |(_, place)| **place == broker).map(|(slot, _)| *slot);
            over.map(move |slot| ((ConnectionId(slot as u32), Arc::clone(&topic)), Arc::clone(&tag)))
                .collect::<Vec<_>>()
        });
        reached.collect()
    }
}
