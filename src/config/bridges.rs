//! Bridges: tags that are copied to other tags, and whether what they copy would go round.

use super::alarms::Around;
use super::bridge_entries::{BridgeEntry, OnBadEntry};
use super::compiled::Compiled;
use super::drafts::{Placed, unique};
use super::problem::{Place, Problems};
use super::system::{SystemPart, system_alarm};
use super::tag_entries::ManualEntry;
use super::units;
use crate::alarm::{AlarmDefinition, AlarmKey, Condition, Priority};
use crate::automation::{BridgeDefinition, BridgeState, OnBad, circle};
use crate::driver::Protocol;
use crate::driver::socket::Endpoint;
use crate::expression::TagKind;
use crate::tag::{States, TagDefinition, TagId, Value};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Where nothing is said: every copy is two entries in the record, which is 2,880 a day.
const EVERY: Duration = Duration::from_secs(60);
/// A bridge is no control loop.
const SHORTEST: Duration = Duration::from_millis(100);

impl Compiled {
    /// Takes in all bridges, each with a tag in which it says how it is doing.
    pub(super) fn add_bridges(
        &mut self,
        entries: Vec<Placed<BridgeEntry>>,
        tags: &HashMap<String, TagId>,
        slots: &HashMap<String, TagId>,
        around: &Around,
        problems: &mut Problems,
    ) {
        let mut found = Vec::new();
        for Placed { entry, place } in unique(entries, |entry| &entry.name, problems) {
            if let Some(definition) = self.bridge(&entry, slots, around, &place, problems) {
                found.push((definition, place));
            }
        }
        refuse_two_masters(&found, problems);
        self.refuse_circles(&found, problems);
        for (definition, _) in found {
            if let Some(tag) = tags.get(&*definition.name).copied() {
                self.bridges.push((definition, tag));
            }
        }
    }

    fn bridge(
        &self,
        entry: &BridgeEntry,
        slots: &HashMap<String, TagId>,
        around: &Around,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<BridgeDefinition> {
        if entry.name.contains(['/', ':', '{', '}', '*', '?']) {
            problems.error(&place.at("name"), "the name of a bridge is made of words, without / : { } * and ?");
        }
        let mut slot = |key: &str, name: &str| {
            let slot = slots.get(name).copied();
            if slot.is_none() {
                let hint = problems.nearest(name, slots.keys().map(String::as_str));
                problems.error(&place.at(key), format!("there is no tag \"{name}\"{hint}"));
            }
            slot
        };
        let (from, to) = (slot("from", &entry.from), slot("to", &entry.to));
        let (from, to) = (from?, to?);
        self.check_ends(entry, (from, to), around, place, problems);
        let deadband = entry.deadband.unwrap_or(0.0);
        if deadband < 0.0 || deadband.is_nan() {
            problems.error(&place.at("deadband"), "a deadband is not negative");
        }
        let every = every(entry, place, problems);
        let on_bad = self.on_bad(entry, to, place, problems);
        Some(BridgeDefinition { name: entry.name.as_str().into(), from, to, every, deadband, on_bad })
    }

    fn check_ends(
        &self,
        entry: &BridgeEntry,
        (from, to): (TagId, TagId),
        around: &Around,
        place: &Place,
        problems: &mut Problems,
    ) {
        match self.commands.get(&to) {
            None => {
                let words = format!("{} cannot be set: give the tag a \"command\"", entry.to);
                problems.error(&place.at("to"), words);
            }
            Some(settings) if settings.pulse => {
                let words =
                    format!("{} is a pulse: a bridge copies what stays, and would press it again and again", entry.to);
                problems.error(&place.at("to"), words);
            }
            Some(_) => {}
        }
        let (one, other) = (self.kind(from, around), self.kind(to, around));
        if one != other {
            let words = format!("{} is {}, and {} is {}", entry.from, kind_words(one), entry.to, kind_words(other));
            problems.error(&place.at("to"), words);
        }
    }

    pub(super) fn kind(&self, tag: TagId, around: &Around) -> TagKind {
        match self.manual.get(&tag) {
            Some(Value::Bool(_)) => TagKind::Boolean,
            Some(Value::Text(_)) => TagKind::Text,
            Some(_) => TagKind::Number,
            None => around.names.kind(tag),
        }
    }

    fn on_bad(&self, entry: &BridgeEntry, to: TagId, place: &Place, problems: &mut Problems) -> OnBad {
        let Some(OnBadEntry::Set(wanted)) = &entry.on_bad else { return OnBad::Hold };
        let value = match &wanted.value {
            ManualEntry::Switch(on) => Value::Bool(*on),
            ManualEntry::Number(number) => Value::Double(*number),
            ManualEntry::Text(text) => Value::Text(text.as_str().into()),
        };
        if let Some(Err(words)) = self.commands.get(&to).map(|settings| settings.check(&value)) {
            problems.error(&place.at("on_bad/value"), words);
        }
        OnBad::Set(value)
    }

    /// A value that comes back to where it was copied from would be copied for ever.
    fn refuse_circles(&self, bridges: &[(BridgeDefinition, Place)], problems: &mut Problems) {
        if bridges.is_empty() {
            return;
        }
        let mut steps: Vec<(TagId, TagId)> = bridges.iter().map(|(bridge, _)| (bridge.from, bridge.to)).collect();
        steps.extend(self.ways_in_the_field());
        for (bridge, place) in bridges {
            // Beginning with the bridge itself, so that a circle somewhere else is told there.
            let mut onward = steps.clone();
            onward.retain(|(from, to)| *from != bridge.from || *to == bridge.to);
            if let Some(way) = circle(bridge.from, &onward) {
                let way = way_words(&self.tags, &way);
                let words = format!("what this bridge copies comes back to it: {way}; a bridge goes one way only");
                problems.error(place, words);
            }
        }
    }

    /// From tags that are set to tags that then say something else, as far as the station file tells: by their read-back, by registers of one
    /// device that overlap, by topics of one broker.
    pub(super) fn ways_in_the_field(&self) -> Vec<(TagId, TagId)> {
        let mut ways: Vec<(TagId, TagId)> =
            self.commands.iter().filter_map(|(tag, settings)| Some((*tag, settings.read_back?))).collect();
        let brokers = self.connections.iter().filter_map(|(_, protocol)| match protocol {
            Some(Protocol::Mqtt(broker)) => Some(broker),
            _ => None,
        });
        let mut said = Vec::new();
        for broker in brokers {
            for point in broker.devices.iter().flat_map(|device| &device.points) {
                let topic = point.publication.as_ref().map(|publication| &publication.topic);
                said.extend(topic.map(|topic| (broker, topic, point.tag)));
            }
        }
        for (broker, topic, from) in said {
            ways.extend(self.hearers(&broker.endpoint, topic).into_iter().map(|to| (from, to)));
        }
        ways.extend(self.overlapping_registers());
        ways.retain(|(from, to)| from != to);
        ways.extend(self.told_ways());
        ways
    }

    /// From tags that are told to tags that hear it.
    pub(super) fn told_ways(&self) -> Vec<(TagId, TagId)> {
        let mut ways = Vec::new();
        for telling in &self.tellings.list {
            let Some((_, Some(Protocol::Mqtt(broker)))) = self.connections.get(telling.connection.index()) else {
                continue;
            };
            for told in &telling.tags {
                ways.extend(self.hearers(&broker.endpoint, &told.topic).into_iter().map(|to| (told.tag, to)));
            }
        }
        ways
    }

    /// The tags that hear what is said under a topic of a broker, over whatever connection.
    fn hearers(&self, endpoint: &Endpoint, topic: &str) -> Vec<TagId> {
        let brokers = self.connections.iter().filter_map(|(_, protocol)| match protocol {
            Some(Protocol::Mqtt(broker)) => Some(broker),
            _ => None,
        });
        let same =
            brokers.filter(|other| (&other.endpoint.host, other.endpoint.port) == (&endpoint.host, endpoint.port));
        let asks = same.clone();
        let points = same.flat_map(|broker| broker.devices.iter().flat_map(|device| &device.points));
        let told = points.filter(|point| rumqttc::matches(topic, &point.filter)).map(|point| point.tag);
        // And those that are set by such a message.
        let set = asks.flat_map(|broker| &broker.asks.topics).filter(|(other, _)| **other == *topic);
        let slot = |key: &Arc<str>| self.tags.iter().position(|tag| tag.key.as_str() == &**key);
        told.chain(set.filter_map(|(_, key)| Some(TagId(slot(key)? as u32)))).collect()
    }

    fn overlapping_registers(&self) -> Vec<(TagId, TagId)> {
        let units = self.connections.iter().filter_map(|(_, protocol)| match protocol {
            Some(Protocol::Modbus(wire)) => Some(&wire.devices),
            _ => None,
        });
        let mut ways = Vec::new();
        for unit in units.flatten() {
            for set in unit.points.iter().filter(|point| self.commands.contains_key(&point.tag)) {
                let same = unit.points.iter().filter(|point| {
                    let overlaps = u32::from(point.address) < set.end() && u32::from(set.address) < point.end();
                    point.readable && point.table == set.table && overlaps
                });
                ways.extend(same.map(|point| (set.tag, point.tag)));
            }
        }
        ways
    }
}

impl SystemPart {
    /// The tags in which bridges say how they are doing, by their names.
    pub(super) fn add_bridge_tags(&mut self, bridges: &[Placed<BridgeEntry>]) -> HashMap<String, TagId> {
        let mut tags = HashMap::new();
        for bridge in bridges {
            let name = &bridge.entry.name;
            if !tags.contains_key(name) {
                tags.insert(name.clone(), self.add_bridge_tag(name));
            }
        }
        tags
    }

    fn add_bridge_tag(&mut self, name: &str) -> TagId {
        let key = format!("bridge/{name}");
        let tag = self.station_tag(&key, TagKind::Number, "How this bridge is doing.");
        self.tag(tag).states = States::counted(BridgeState::ALL.map(BridgeState::word));
        self.alarms.push(AlarmDefinition {
            key: AlarmKey::new(&format!("station/{key}"), "high"),
            condition: Condition::High(BridgeState::Failing as u8 as f64),
            ..system_alarm(
                tag,
                &key,
                0.0,
                Priority::Medium,
                &format!("The bridge {name} does not copy"),
                "Its target is not what its source says. The list of bridges in the devices view says why. One that went back and forth \
                 stays stopped until it is started there.",
            )
        });
        tag
    }
}

/// A way that values take, by the names of the tags.
pub(super) fn way_words(tags: &[TagDefinition], way: &[TagId]) -> String {
    let name = |tag: &TagId| tags.get(tag.index()).map_or("", |tag| tag.key.as_str());
    way.iter().map(name).collect::<Vec<_>>().join(" -> ")
}

/// Two bridges would set their target to and fro.
fn refuse_two_masters(bridges: &[(BridgeDefinition, Place)], problems: &mut Problems) {
    let mut first: HashMap<TagId, &BridgeDefinition> = HashMap::new();
    for (bridge, place) in bridges {
        if let Some(other) = first.insert(bridge.to, bridge) {
            problems.error(&place.at("to"), format!("the bridge \"{}\" sets this tag already", other.name));
        }
    }
}

fn every(entry: &BridgeEntry, place: &Place, problems: &mut Problems) -> Duration {
    let place = place.at("every");
    let given = entry.every.as_deref().and_then(|text| problems.take(&place, units::duration(text)));
    let every = given.unwrap_or(EVERY);
    if every < SHORTEST {
        problems.error(&place, "a bridge copies at most ten times a second; \"100ms\" is the shortest");
    } else if every < EVERY && entry.audit.is_none() {
        let most = 2 * 86_400_000 / every.as_millis();
        let words = format!(
            "every copy is two entries in the record, which may be {most} a day; say \"audit\": \"each\" if that is meant"
        );
        problems.warn(&place, words);
    }
    every
}

const fn kind_words(kind: TagKind) -> &'static str {
    match kind {
        TagKind::Number => "a number",
        TagKind::Boolean => "true or false",
        TagKind::Text => "text",
    }
}
