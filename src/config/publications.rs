//! What the station tells others by itself.

use super::bridges::way_words;
use super::compile::{Compiled, Placed, system_alarm};
use super::file::{ConnectionEntry, FormatEntry, OutboxEntry, PublicationEntry};
use super::problem::{Place, Problems};
use super::units;
use crate::alarm::{AlarmDefinition, AlarmKey, Condition, Priority};
use crate::automation::circle;
use crate::driver::Protocol;
use crate::driver::mqtt::{Format, QoS, Telling, Tellings, ToldTag};
use crate::tag::{ConnectionId, TagId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

const TOPIC: &str = "{station}/{tag}";
const EVERY: Duration = Duration::from_secs(1);

impl Compiled {
    /// Takes in all publications; their places.
    pub(super) fn add_publications(
        &mut self,
        entries: Vec<Placed<PublicationEntry>>,
        station: &str,
        connections: &[Placed<ConnectionEntry>],
        outbox: (Option<&OutboxEntry>, Place),
        problems: &mut Problems,
    ) -> Vec<Place> {
        let mut places = Vec::new();
        let mut list = Vec::new();
        for Placed { entry, place } in entries {
            if let Some(telling) = self.telling(&entry, station, connections, &place, problems) {
                list.push(telling);
                places.push(place);
            }
        }
        refuse_same_topics(&list, &places, problems);
        let is_used = !list.is_empty();
        self.tellings = Tellings { list, ..Tellings::default() };
        self.outbox(outbox.0, &outbox.1, problems);
        if is_used {
            self.add_outbox_tags();
        }
        places
    }

    fn outbox(&mut self, entry: Option<&OutboxEntry>, place: &Place, problems: &mut Problems) {
        let Some(entry) = entry else { return };
        let most = entry.most.as_deref().and_then(|text| problems.take(&place.at("most"), units::bytes(text)));
        let keep = entry.keep.as_deref().and_then(|text| problems.take(&place.at("keep"), units::duration(text)));
        let usual = Tellings::default();
        (self.tellings.most_bytes, self.tellings.keep) = (most.unwrap_or(usual.most_bytes), keep.unwrap_or(usual.keep));
    }

    fn telling(
        &self,
        entry: &PublicationEntry,
        station: &str,
        connections: &[Placed<ConnectionEntry>],
        place: &Place,
        problems: &mut Problems,
    ) -> Option<Telling> {
        let slot = connections.iter().position(|connection| connection.entry.name == entry.connection);
        let Some(slot) = slot else {
            let names = connections.iter().map(|connection| connection.entry.name.as_str());
            let hint = problems.nearest(&entry.connection, names);
            problems.error(&place.at("connection"), format!("there is no connection \"{}\"{hint}", entry.connection));
            return None;
        };
        match &self.connections[slot].1 {
            Some(Protocol::Mqtt(_)) => {}
            Some(Protocol::Modbus(_)) => {
                problems.error(
                    &place.at("connection"),
                    format!("\"{}\" is no broker: publications go over MQTT", entry.connection),
                );
            }
            None => {}
        }
        let every = entry.every.as_deref().and_then(|text| problems.take(&place.at("every"), units::duration(text)));
        let qos = entry.qos.unwrap_or(1);
        let wrong = || format!("{qos} is no level; 0, 1 and 2 are");
        let qos = problems.take(&place.at("qos"), QoS::from_number(qos).ok_or_else(wrong))?;
        Some(Telling {
            connection: ConnectionId(slot as u32),
            connection_name: entry.connection.as_str().into(),
            tags: self.told_tags(entry, station, place, problems),
            format: match entry.format {
                FormatEntry::Json => Format::Json,
                FormatEntry::Value => Format::Value,
            },
            qos,
            retain: entry.retain.unwrap_or(true),
            every: every.unwrap_or(EVERY),
        })
    }

    fn told_tags(
        &self,
        entry: &PublicationEntry,
        station: &str,
        place: &Place,
        problems: &mut Problems,
    ) -> Vec<ToldTag> {
        let template = entry.topic.as_deref().unwrap_or(TOPIC).replace("{station}", station);
        let mut told: Vec<ToldTag> = Vec::new();
        for (number, pattern) in entry.tags.iter().enumerate() {
            let at = place.at("tags").at(number);
            let before = told.len();
            let mut is_known = false;
            for (slot, tag) in self.tags.iter().enumerate().filter(|(_, tag)| matches(pattern, tag.key.as_str())) {
                is_known = true;
                let id = TagId(slot as u32);
                let topic = template.replace("{tag}", tag.key.as_str());
                if told.iter().any(|other| other.tag == id) {
                    continue;
                }
                if !tag.history.keep {
                    problems.warn(
                        &at,
                        format!("history keeps nothing of {}, so that nothing of it is told either", tag.key),
                    );
                }
                if topic.is_empty() || topic.contains(['+', '#', '{', '}']) {
                    problems.error(
                        &place.at("topic"),
                        format!("\"{topic}\" is not a topic; {{tag}} and {{station}} can stand in it"),
                    );
                    return told;
                }
                told.push(ToldTag { tag: id, topic: topic.into(), unit: Arc::clone(&tag.unit) });
            }
            if told.len() == before && !is_known {
                problems.error(&at, format!("no tag has a name like \"{pattern}\""));
            }
        }
        told
    }

    /// What is told and comes back would be told again, for ever.
    pub(super) fn refuse_echoes(&self, places: &[Place], problems: &mut Problems) {
        if self.tellings.list.is_empty() {
            return;
        }
        let steps = self.ways_in_the_field();
        let told_ways: HashSet<(TagId, TagId)> = self.told_ways().into_iter().collect();
        for (telling, place) in self.tellings.list.iter().zip(places) {
            let echo = telling.tags.iter().find_map(|told| {
                let own = |(from, to): &(TagId, TagId)| *from != told.tag || told_ways.contains(&(*from, *to));
                circle(told.tag, &steps.iter().copied().filter(own).collect::<Vec<_>>())
            });
            if let Some(way) = echo {
                let words = way_words(&self.tags, &way);
                problems.error(
                    place,
                    format!("what is told here comes back: {words}; use topics that no tag of it listens to"),
                );
            }
        }
    }

    fn add_outbox_tags(&mut self) {
        self.system.outbox_waiting =
            Some(self.station_tag("outbox-waiting", "Values that wait for a broker that is away."));
        let percent = self.station_tag("outbox-percent", "What they take of the room that they have.");
        self.tags[percent.index()].unit = "%".into();
        self.system.outbox_percent = Some(percent);
        self.alarms.push(AlarmDefinition {
            key: AlarmKey::new("station/outbox-percent", "high"),
            condition: Condition::High(80.0),
            deadband: 5.0,
            ..system_alarm(
                percent,
                "outbox-percent",
                0.0,
                Priority::Medium,
                "What waits for a broker has little room left",
                "When there is none, the oldest goes and is lost to those who listen; history here keeps it. Look why the broker cannot be \
                 reached: the devices view says it.",
            )
        });
        self.system.publications_lost =
            Some(self.station_tag("publications-lost", "What was to be told to others and is lost, since the start."));
        let tag = self.station_tag("publications-working", "Whether what is told to others can be told and kept.");
        self.system.publications_working = Some(tag);
        self.alarms.push(system_alarm(
            tag,
            "publications-working",
            0.0,
            Priority::Medium,
            "What is told to others is being lost",
            "The line at the bottom of the window says why: the broker refuses a topic, or the disk takes nothing. Call the engineer.",
        ));
    }
}

/// Two tags under one topic could not be told apart.
fn refuse_same_topics(list: &[Telling], places: &[Place], problems: &mut Problems) {
    let mut seen: HashMap<(ConnectionId, &str), TagId> = HashMap::new();
    for (telling, place) in list.iter().zip(places) {
        for told in &telling.tags {
            if seen.insert((telling.connection, &told.topic), told.tag).is_some() {
                let words = format!("\"{}\" is the topic of two values; put {{tag}} into it", told.topic);
                problems.error(&place.at("topic"), words);
                break;
            }
        }
    }
}

/// Whether a name fits a pattern: * stands for any text, ? for any character.
fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at, mut place, mut star) = (0, 0, None);
    while place < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, place));
                at += 1;
            }
            Some(sign) if *sign == '?' || *sign == name[place] => (at, place) = (at + 1, place + 1),
            _ => match star {
                Some((before, from)) => {
                    (at, place) = (before + 1, from + 1);
                    star = Some((before, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|sign| *sign == '*')
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn names_fit_patterns() {
        for (pattern, name, fits) in [
            ("north/*", "north/pump-1/speed", true),
            ("*", "", true),
            ("*/speed", "north/pump-1/speed", true),
            ("*/speed", "north/pump-1/speed-setpoint", false),
            ("north/pump-?/speed", "north/pump-1/speed", true),
            ("north/pump-?/speed", "north/pump-12/speed", false),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c-b", false),
            ("north", "north/x", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
