//! What is another from one plant to the next: shown before a reload, recorded after it.

use super::Plan;
use crate::alarm::{AlarmDefinition, Priority};
use crate::tag::{TagDefinition, TagId};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt::Debug;

/// Changes of each kind that go into the record one by one; of more, only the number is told.
const RECORDED: usize = 50;

/// The difference, in words that name what changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What is new: tags, devices, connections, alarms.
    pub added: Vec<String>,
    /// What is gone.
    pub removed: Vec<String>,
    /// What goes on in another way.
    pub changed: Vec<String>,
}

/// How many of a kind go on as they are, and how many do not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// What is counted, such as `devices`.
    pub kind: &'static str,
    /// Those that go on as they are.
    pub kept: usize,
    /// Those that go on in another way.
    pub changed: usize,
    /// Those that are new.
    pub added: usize,
    /// Those that are gone.
    pub removed: usize,
}

impl Difference {
    /// From `old` to `new`.
    pub fn between(old: &Plan, new: &Plan) -> Self {
        let mut difference = Self::default();
        let names = |plan: &Plan| -> Vec<(String, String)> {
            let wires = plan.directory.connections().iter();
            wires.map(|wire| (wire.name.to_string(), wire.address.to_string())).collect()
        };
        difference.compare("connection", names(old), names(new), |old, new| field("address", old, new));
        difference.compare("device", devices(old), devices(new), |old, new| field("at", old, new));
        difference.compare("tag", tags(old), tags(new), |old, new| tag_words(old, new));
        difference.renames(new);
        difference.compare("alarm", alarms(old), alarms(new), alarm_words);
        difference.compare("command", commands(old), commands(new), |old, new| field("settings", old, new));
        difference.compare("bridge", bridges(old), bridges(new), |old, new| field("settings", old, new));
        difference.changed.extend(station_words(old, new));
        difference
    }

    /// Whether nothing is another.
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }

    /// Takes in what is another besides, a line each such as `device pump: poll 1 s -> 2 s`; of what is in it already, the line grows.
    pub fn add_changes(&mut self, lines: Vec<String>) {
        let name = |line: &str| line.split_once(": ").map(|(name, _)| name.to_owned());
        let places = self.changed.iter().enumerate();
        let mut places: HashMap<String, usize> = places.filter_map(|(at, line)| Some((name(line)?, at))).collect();
        for line in lines {
            let Some((name, words)) = line.split_once(": ") else { continue };
            match places.get(name) {
                Some(&at) => self.changed[at].extend([", ", words]),
                None => {
                    places.insert(name.to_owned(), self.changed.len());
                    self.changed.push(line);
                }
            }
        }
        let kinds = ["connection ", "device ", "tag ", "alarm ", "command ", "bridge "];
        let rank = |line: &String| kinds.iter().position(|kind| line.starts_with(kind)).unwrap_or(kinds.len());
        self.changed.sort_by_key(rank);
    }

    /// The difference in numbers, for a plant that was `old`.
    pub fn tally(&self, old: &Plan) -> [Tally; 5] {
        let directory = &old.directory;
        [
            ("connections", "connection ", directory.connections().len()),
            ("devices", "device ", directory.devices().len()),
            ("tags", "tag ", directory.tags().len()),
            ("alarms", "alarm ", old.alarms.len()),
            ("commands", "command ", old.commands.len()),
        ]
        .map(|(kind, prefix, before)| {
            let count = |list: &[String]| list.iter().filter(|words| words.starts_with(prefix)).count();
            let (changed, added, removed) = (count(&self.changed), count(&self.added), count(&self.removed));
            Tally { kind, kept: before.saturating_sub(changed + removed), changed, added, removed }
        })
    }

    /// As it goes into the record: whole where it is short.
    pub(super) fn recorded(&self) -> serde_json::Value {
        let list = |words: &Vec<String>| {
            let more = words.len().saturating_sub(RECORDED);
            let mut shown: Vec<String> = words.iter().take(RECORDED).cloned().collect();
            if more > 0 {
                shown.push(format!("and {more} more"));
            }
            shown
        };
        serde_json::json!({
            "added": list(&self.added), "removed": list(&self.removed), "changed": list(&self.changed),
        })
    }

    fn compare<T>(
        &mut self,
        kind: &str,
        old: Vec<(String, T)>,
        new: Vec<(String, T)>,
        words: impl Fn(&T, &T) -> Vec<String>,
    ) {
        let mut before: HashMap<String, T> = old.into_iter().collect();
        for (name, value) in &new {
            match before.remove(name) {
                None => self.added.push(format!("{kind} {name}")),
                Some(earlier) => {
                    let words = words(&earlier, value);
                    if !words.is_empty() {
                        self.changed.push(format!("{kind} {name}: {}", words.join(", ")));
                    }
                }
            }
        }
        let mut gone: Vec<String> = before.into_keys().map(|name| format!("{kind} {name}")).collect();
        gone.sort();
        self.removed.extend(gone);
    }

    /// A tag that was renamed is neither new nor gone.
    fn renames(&mut self, new: &Plan) {
        for (tag, before) in &new.formerly {
            let Some(definition) = new.directory.tag(*tag) else { continue };
            let (gone, came) = (format!("tag {before}"), format!("tag {}", definition.key));
            if self.removed.contains(&gone) && self.added.contains(&came) {
                self.removed.retain(|words| *words != gone);
                self.added.retain(|words| *words != came);
                self.changed.push(format!("tag {before}: is called {} now", definition.key));
            }
        }
        self.changed.sort();
    }
}

fn field<T: PartialEq + Debug + ?Sized>(name: &str, old: &T, new: &T) -> Vec<String> {
    if old == new { Vec::new() } else { vec![format!("{name} {} -> {}", plainly(old), plainly(new))] }
}

/// Without what only a programmer reads.
fn plainly(value: &(impl Debug + ?Sized)) -> String {
    let words = format!("{value:?}");
    match words.strip_prefix("Some(").and_then(|words| words.strip_suffix(')')) {
        Some(inner) => inner.to_owned(),
        None if words == "None" => "nothing".to_owned(),
        None => words,
    }
}

fn devices(plan: &Plan) -> Vec<(String, String)> {
    let devices = plan.directory.devices().iter();
    let place = |device: &crate::tag::DeviceDefinition| {
        let wire = plan.directory.connections().get(device.connection.index());
        format!("{} on {}", device.address, wire.map_or("", |wire| &wire.name))
    };
    devices.map(|device| (device.name.to_string(), place(device))).collect()
}

fn tags(plan: &Plan) -> Vec<(String, &TagDefinition)> {
    plan.directory.tags().iter().map(|tag| (tag.key.to_string(), tag)).collect()
}

fn tag_words(old: &TagDefinition, new: &TagDefinition) -> Vec<String> {
    [
        field("address", &old.address, &new.address),
        field("unit", &old.unit, &new.unit),
        field("description", &old.description, &new.description),
        field("area", &old.area, &new.area),
        field("decimals", &old.decimals, &new.decimals),
        field("range", &old.range, &new.range),
        field("scale", &old.scaling, &new.scaling),
        field("states", &old.states, &new.states),
        field("history", &old.history, &new.history),
        field("stale_after", &old.stale_after, &new.stale_after),
    ]
    .concat()
}

fn alarms(plan: &Plan) -> Vec<(String, (&Plan, &AlarmDefinition))> {
    plan.alarms.iter().map(|alarm| (alarm.key.to_string(), (plan, alarm))).collect()
}

/// Condition and message with the names of tags, whose slots differ from plan to plan.
fn named(plan: &Plan, alarm: &AlarmDefinition) -> (String, String) {
    let name = |tag: TagId| plan.directory.tag(tag).map_or_else(String::new, |tag| tag.key.to_string());
    let template = alarm.presentation.template.as_ref();
    let message = template.map_or_else(|| alarm.message.to_string(), |template| template.words(name));
    (alarm.condition.words(name), message)
}

fn alarm_words(
    (old_plan, old): &(&Plan, &AlarmDefinition),
    (new_plan, new): &(&Plan, &AlarmDefinition),
) -> Vec<String> {
    let ((old_condition, old_message), (condition, message)) = (named(old_plan, old), named(new_plan, new));
    let is_same = old_condition == condition;
    [
        if is_same { Vec::new() } else { vec![format!("condition {old_condition} -> {condition}")] },
        field("deadband", &old.deadband, &new.deadband),
        field("on_delay", &old.on_delay, &new.on_delay),
        field("off_delay", &old.off_delay, &new.off_delay),
        field("priority", &old.priority, &new.priority),
        field("message", &old_message, &message),
        field("guidance", &old.guidance, &new.guidance),
        field("latch", &old.latch, &new.latch),
        field("group", &old.group, &new.group),
        field("suppress_when", &old.suppress_when, &new.suppress_when),
        field("screen", &old.presentation.screen, &new.presentation.screen),
        field("trend", &old.presentation.trend, &new.presentation.trend),
    ]
    .concat()
}

/// Its name, and its picture as far as that can be compared: in a picture tags stand by their slots, which move when tags come and go.
fn station_words(old: &Plan, new: &Plan) -> Vec<String> {
    let name = field("name", &old.station, &new.station).into_iter().map(|words| format!("station: {words}"));
    let shelving = field("shelving", &old.shelving, &new.shelving).into_iter().map(|words| format!("station: {words}"));
    let keys = |plan: &Plan| plan.directory.tags().iter().map(|tag| tag.key.clone()).collect::<Vec<_>>();
    let heard = field("sound", &sound_words(old), &sound_words(new)).into_iter();
    let told = field("notify", &old.notify, &new.notify).into_iter();
    let name = name.chain(heard.chain(told).map(|words| format!("station: {words}")));
    let is_redrawn = old.overview != new.overview && keys(old) == keys(new);
    name.chain(shelving).chain(is_redrawn.then(|| "overview: another picture".to_owned())).collect()
}

/// What is heard, such as `critical, high at 70 %`.
fn sound_words(plan: &Plan) -> String {
    let heard = Priority::ALL.into_iter().filter(|priority| plan.sound.hears(*priority)).map(Priority::word);
    let heard = heard.collect::<Vec<_>>().join(", ");
    if heard.is_empty() { "off".to_owned() } else { format!("{heard} at {} %", plan.sound.volume_percent) }
}

/// Slots differ from plan to plan: what is read back is compared by name.
fn commands(plan: &Plan) -> Vec<(String, String)> {
    let name = |tag: TagId| plan.directory.tag(tag).map_or_else(String::new, |tag| tag.key.to_string());
    let mut all: Vec<(String, String)> = plan
        .commands
        .iter()
        .map(|(tag, settings)| {
            let read_back = settings.read_back.map_or_else(String::new, name);
            let mut bare = settings.clone();
            bare.read_back = None;
            (name(*tag), format!("{bare:?} read back by {read_back}"))
        })
        .collect();
    all.sort();
    all
}

/// Their ends by name, because slots differ from plan to plan.
fn bridges(plan: &Plan) -> Vec<(String, String)> {
    let name = |tag: TagId| plan.directory.tag(tag).map_or_else(String::new, |tag| tag.key.to_string());
    let words = |bridge: &crate::automation::BridgeDefinition| {
        let (from, to) = (name(bridge.from), name(bridge.to));
        format!("{from} to {to} every {:?}, deadband {}, on bad {:?}", bridge.every, bridge.deadband, bridge.on_bad)
    };
    plan.bridges.iter().map(|(bridge, _)| (bridge.name.to_string(), words(bridge))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_changes_join_the_lines_that_are_there_and_stand_by_their_kind() {
        let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
        let changed = lines(&["device pump: at a -> b", "tag speed: unit a -> b", "station: name a -> b"]);
        let mut difference = Difference { changed, ..Difference::default() };
        difference.add_changes(lines(&["tag speed: poll 1 s -> 2 s", "connection plc: pause 0 ms -> 5 ms"]));
        let expected = [
            "connection plc: pause 0 ms -> 5 ms",
            "device pump: at a -> b",
            "tag speed: unit a -> b, poll 1 s -> 2 s",
            "station: name a -> b",
        ];
        assert_eq!(difference.changed, expected);
    }

    #[test]
    fn what_is_heard_and_told_is_part_of_the_difference() {
        let old = Plan::default();
        let mut new = Plan { notify: true, ..Plan::default() };
        (new.sound.volume_percent, new.sound.heard) = (30, [true, true, false, false]);
        let expected = [
            r#"station: sound "critical, high, medium, low at 70 %" -> "critical, high at 30 %""#,
            "station: notify false -> true",
        ];
        assert_eq!(Difference::between(&old, &new).changed, expected);
        new.sound.heard = [false; 4];
        assert!(Difference::between(&old, &new).changed[0].ends_with(r#"-> "off""#));
    }

    #[test]
    fn options_are_told_without_their_wrapping() {
        assert_eq!(field("range", &Some([0.0, 5.0]), &None), ["range [0.0, 5.0] -> nothing"]);
        assert_eq!(field("unit", "kWh", "MWh"), ["unit \"kWh\" -> \"MWh\""]);
    }
}
