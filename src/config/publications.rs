//! What the station tells others by itself.

use super::alarms::Around;
use super::bridges::way_words;
use super::compiled::Compiled;
use super::connection_entries::ConnectionEntry;
use super::drafts::Placed;
use super::mqtt_entries::{MqttEntry, SessionEntry};
use super::problem::{Place, Problems};
use super::publication_entries::{FormatEntry, OutboxEntry, PublicationEntry};
use super::sparkplug_entries::EdgeEntry;
use super::system::{SystemPart, system_alarm};
use super::units;
use crate::alarm::{AlarmDefinition, AlarmKey, Condition, Priority, Subject};
use crate::automation::circle;
use crate::driver::Protocol;
use crate::driver::modbus::Kind;
use crate::driver::mqtt::sparkplug::edge::{EdgeMetric, EdgeSettings};
use crate::driver::mqtt::sparkplug::payload::DataType;
use crate::driver::mqtt::sparkplug::topic::identifier;
use crate::driver::mqtt::{EdgeHome, Format, Persistence, QoS, Telling, Tellings, ToldTag};
use crate::expression::TagKind;
use crate::tag::{ConnectionId, TagDefinition, TagId};
use std::collections::{HashMap, HashSet};
use std::path::Path;
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
        (around, folder): (&Around, &Path),
        problems: &mut Problems,
    ) -> Vec<Place> {
        let mut places = Vec::new();
        let mut list = Vec::new();
        for Placed { entry, place } in entries {
            if let Some(telling) = self.telling(&entry, station, connections, &place, problems) {
                self.take_commands(&entry, station, &telling, &place, problems);
                list.push(telling);
                places.push(place);
            }
        }
        for (slot, connection) in connections.iter().enumerate() {
            let edge = connection.entry.mqtt.as_ref().and_then(|mqtt| Some((mqtt, mqtt.edge.as_ref()?)));
            if let Some((mqtt, edge)) = edge {
                let place = connection.place.at("mqtt");
                if let Some(telling) = self.edge(slot, (mqtt, edge), around, folder, &place, problems) {
                    list.push(telling);
                    places.push(place.at("edge"));
                }
            }
        }
        self.name_links(connections);
        refuse_same_topics(&list, &places, problems);
        self.tellings = Tellings { list, ..Tellings::default() };
        self.outbox(outbox.0, &outbox.1, problems);
        places
    }

    /// Every broker knows its name, so that whoever commands over it is named.
    fn name_links(&mut self, connections: &[Placed<ConnectionEntry>]) {
        for (slot, connection) in connections.iter().enumerate() {
            if let Some(Protocol::Mqtt(broker)) = &mut self.connections[slot].1 {
                broker.asks.connection = connection.entry.name.as_str().into();
                broker.asks.may_be_old = broker.options.persistence != Persistence::Clean;
            }
        }
    }

    /// The topics under which others may set what is told.
    fn take_commands(
        &mut self,
        entry: &PublicationEntry,
        station: &str,
        telling: &Telling,
        place: &Place,
        problems: &mut Problems,
    ) {
        if !entry.commands {
            if entry.command_topic.is_some() {
                problems.error(&place.at("command_topic"), "commands are not taken here; say \"commands\": true");
            }
            return;
        }
        let mut topics = Vec::new();
        for told in telling.tags.iter().filter(|told| self.commands.contains_key(&told.tag)) {
            let Some(tag) = self.tags.get(told.tag.index()) else { continue };
            let key = tag.key.as_str();
            let template = entry.command_topic.as_deref();
            let topic = template.map_or_else(
                || format!("{}/set", told.topic),
                |template| template.replace("{station}", station).replace("{tag}", key),
            );
            if topic.is_empty() || topic.contains(['+', '#', '{', '}']) {
                let words = format!("\"{topic}\" is not a topic; {{tag}} and {{station}} can stand in it");
                problems.error(&place.at("command_topic"), words);
                return;
            }
            topics.push((Arc::from(topic), Arc::from(key)));
        }
        if topics.is_empty() {
            problems.error(&place.at("commands"), "none of these tags can be set: give one a \"command\"");
        }
        let Some((_, Some(Protocol::Mqtt(broker)))) = self.connections.get_mut(telling.connection.index()) else {
            return;
        };
        for (topic, tag) in topics {
            if broker.asks.topics.iter().any(|(other, _)| *other == topic) {
                let words = format!("\"{topic}\" would set two tags; put {{tag}} into it");
                problems.error(&place.at("command_topic"), words);
                return;
            }
            broker.asks.topics.push((topic, tag));
        }
    }

    /// An edge node: what it tells goes the way of publications, and the driver gives it its form.
    fn edge(
        &mut self,
        slot: usize,
        (mqtt, entry): (&MqttEntry, &EdgeEntry),
        around: &Around,
        folder: &Path,
        place: &Place,
        problems: &mut Problems,
    ) -> Option<Telling> {
        let at = place.at("edge");
        for (key, given) in [("sparkplug", mqtt.sparkplug.is_some()), ("will", mqtt.will.is_some())] {
            if given {
                problems.error(&place.at(key), "an edge node has a connection of its own, and its death is the will");
            }
        }
        if mqtt.session == SessionEntry::Persistent {
            problems.error(&place.at("session"), "an edge node begins every session anew; \"clean\" is right");
        }
        let mut name =
            |key: &str, text: &str| problems.take(&at.at(key), identifier(text).map_err(|error| error.to_string()));
        let (group, node) = (name("group", &entry.group), name("node", &entry.node));
        let host = entry.primary_host.as_deref().and_then(|host| name("primary_host", host));
        let every = entry.every.as_deref().and_then(|text| problems.take(&at.at("every"), units::duration(text)));
        let tags = self.tags_like(&entry.tags, &at, problems);
        let mut metrics = Vec::new();
        for tag in &tags {
            metrics.extend(self.metric(*tag, around, &at, problems));
        }
        let connection = self.connections.get_mut(slot)?;
        let connection_name = Arc::clone(&connection.0.name);
        let Some(Protocol::Mqtt(broker)) = &mut connection.1 else { return None };
        let memory = folder.join(format!("edge-{}.session", connection_name.replace(['/', '\\', '.'], "-")));
        let takes_commands = entry.commands;
        let node = EdgeSettings { group: group?, node: node?, primary_host: host, metrics, takes_commands };
        broker.edge = Some(Box::new(EdgeHome { node, memory }));
        let told = tags.into_iter().filter_map(|tag| {
            let definition = self.tags.get(tag.index())?;
            Some(ToldTag { tag, topic: definition.key.as_str().into(), unit: Arc::clone(&definition.unit) })
        });
        Some(Telling {
            connection: ConnectionId(slot as u32),
            connection_name,
            tags: told.collect(),
            alarms: Vec::new(),
            format: Format::Metric,
            qos: QoS::AtMostOnce,
            retain: false,
            every: every.unwrap_or(EVERY),
        })
    }

    fn tags_like(&self, patterns: &[String], place: &Place, problems: &mut Problems) -> Vec<TagId> {
        let mut found: Vec<TagId> = Vec::new();
        for (number, pattern) in patterns.iter().enumerate() {
            let fitting = self.tags.iter().enumerate().filter(|(_, tag)| matches(pattern, tag.key.as_str()));
            let fitting: Vec<_> = fitting.map(|(slot, _)| TagId(slot as u32)).collect();
            if fitting.is_empty() {
                problems.error(&place.at("tags").at(number), format!("no tag has a name like \"{pattern}\""));
            }
            found.extend(fitting);
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    fn metric(&self, tag: TagId, around: &Around, place: &Place, problems: &mut Problems) -> Option<EdgeMetric> {
        let definition = self.tags.get(tag.index())?;
        let device = definition.device.and_then(|device| around.devices.get(device.index()));
        let device = match device.map(|name| identifier(name)).transpose() {
            Ok(device) => device,
            Err(error) => {
                problems.error(
                    &place.at("tags"),
                    format!("the device of {} becomes one of Sparkplug: {error}", definition.key),
                );
                None
            }
        };
        let key = definition.key.as_str();
        Some(EdgeMetric {
            tag: key.into(),
            device,
            name: key.into(),
            kind: self.data_type(tag, around),
            unit: Arc::clone(&definition.unit),
        })
    }

    /// Whole numbers stay whole where the field holds them and nothing is worked out of them.
    fn data_type(&self, tag: TagId, around: &Around) -> DataType {
        match self.kind(tag, around) {
            TagKind::Boolean => return DataType::Boolean,
            TagKind::Text => return DataType::String,
            TagKind::Number => {}
        }
        let is_worked_out = |tag: &TagDefinition| tag.scaling.is_some() || tag.rolls_over_at.is_some();
        if self.tags.get(tag.index()).is_none_or(is_worked_out) {
            return DataType::Double;
        }
        let units = self.connections.iter().filter_map(|(_, protocol)| match protocol {
            Some(Protocol::Modbus(wire)) => Some(&wire.devices),
            _ => None,
        });
        let mut points = units.flatten().flat_map(|unit| &unit.points);
        match points.find(|point| point.tag == tag).map(|point| point.encoding.kind) {
            None | Some(Kind::F64) => DataType::Double,
            Some(Kind::F32) => DataType::Float,
            Some(Kind::U64) => DataType::UInt64,
            Some(Kind::Bool) => DataType::Boolean,
            Some(Kind::String) => DataType::String,
            Some(_) => DataType::Int64,
        }
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
            alarms: self.told_alarms(entry, station, place, problems),
            format: match entry.format {
                FormatEntry::Json => Format::Json,
                FormatEntry::Value => Format::Value,
            },
            qos,
            retain: entry.retain.unwrap_or(true),
            every: every.unwrap_or(EVERY),
        })
    }

    fn told_alarms(
        &self,
        entry: &PublicationEntry,
        station: &str,
        place: &Place,
        problems: &mut Problems,
    ) -> Vec<(Arc<str>, Arc<str>)> {
        let Some(template) = &entry.alarms else { return Vec::new() };
        let template = template.replace("{station}", station);
        let is_told = |tag: &TagDefinition| entry.tags.iter().any(|pattern| matches(pattern, tag.key.as_str()));
        let of_told = self.alarms.iter().filter(|alarm| match alarm.subject {
            Subject::Tag(tag) => self.tags.get(tag.index()).is_some_and(is_told),
            Subject::Device(_) => false,
        });
        let told = of_told.map(|alarm| (alarm.key.as_str(), template.replace("{alarm}", alarm.key.as_str())));
        let told: Vec<_> = told.collect();
        let wrong = told.iter().find(|(_, topic)| topic.is_empty() || topic.contains(['+', '#', '{', '}']));
        if let Some((_, topic)) = wrong {
            let words = format!("\"{topic}\" is not a topic; {{alarm}} and {{station}} can stand in it");
            problems.error(&place.at("alarms"), words);
        } else if told.len() > 1 && !template.contains("{alarm}") {
            problems.error(&place.at("alarms"), "several alarms would have one topic; put {alarm} into it");
        }
        told.into_iter().map(|(alarm, topic)| (alarm.into(), topic.into())).collect()
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
}

impl SystemPart {
    /// What the station says of what it tells others.
    pub(super) fn add_outbox_tags(&mut self) {
        self.system.outbox_waiting =
            Some(self.station_tag("outbox-waiting", TagKind::Number, "Values that wait for a broker that is away."));
        let percent = self.station_tag("outbox-percent", TagKind::Number, "What they take of the room that they have.");
        self.tag(percent).unit = "%".into();
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
        self.system.publications_lost = Some(self.station_tag(
            "publications-lost",
            TagKind::Number,
            "What was to be told to others and is lost, since the start.",
        ));
        let tag = self.station_tag(
            "publications-working",
            TagKind::Boolean,
            "Whether what is told to others can be told and kept.",
        );
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
