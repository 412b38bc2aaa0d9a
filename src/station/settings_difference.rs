//! What is another in the settings of the drivers: the picture of the plant does not show it, and a reload takes it up all the same.

use crate::config::Plant;
use crate::driver::modbus::{Device, Point, Settings};
use crate::driver::{ConnectionSettings, LinkSettings, Protocol};
use crate::engine::{Plan, bytes_words};
use crate::tag::{TagDefinition, TagId};
use std::collections::HashMap;
use std::fmt::Debug;
use std::time::Duration;

/// The connections of a plant, and the plan in which their slots stand.
#[derive(Clone, Copy)]
pub(super) struct Wires<'a> {
    pub(super) connections: &'a [ConnectionSettings],
    pub(super) plan: &'a Plan,
}

impl<'a> Wires<'a> {
    /// Those of a plant that was just read.
    pub(super) fn of(plant: &'a Plant) -> Self {
        Self { connections: &plant.connections, plan: &plant.plan }
    }

    fn tag(&self, slot: TagId) -> Option<&TagDefinition> {
        self.plan.directory.tag(slot)
    }
}

/// A line for each connection, device and tag that goes on in another way, such as `device pump: pause 0 ms -> 20 ms`.
pub(super) fn changes(old: Wires<'_>, new: Wires<'_>) -> Vec<String> {
    let before: HashMap<&str, &Protocol> = old.connections.iter().map(|wire| (&*wire.name, &wire.protocol)).collect();
    let mut lines = Vec::new();
    let links: HashMap<&str, &LinkSettings> = old.connections.iter().map(|wire| (&*wire.name, &wire.link)).collect();
    for wire in new.connections {
        if let Some(before) = links.get(&*wire.name) {
            line(&mut lines, "connection", &wire.name, link_words(before, &wire.link));
        }
        match (before.get(&*wire.name), &wire.protocol) {
            (Some(Protocol::Modbus(one)), Protocol::Modbus(two)) => {
                line(&mut lines, "connection", &wire.name, wire_words(one, two));
                devices(one, two, old, new, &mut lines);
            }
            (Some(Protocol::Mqtt(one)), Protocol::Mqtt(two)) if !one.same_but_found(two) || one.asks != two.asks => {
                lines.push(format!("connection {}: settings of the broker or of its topics", wire.name));
            }
            _ => {}
        }
    }
    lines
}

fn line(lines: &mut Vec<String>, kind: &str, name: &str, words: Vec<String>) {
    if !words.is_empty() {
        lines.push(format!("{kind} {name}: {}", words.join(", ")));
    }
}

fn link_words(old: &LinkSettings, new: &LinkSettings) -> Vec<String> {
    let via = |link: &LinkSettings| link.only_via.as_deref().unwrap_or("any interface").to_owned();
    let budget = |link: &LinkSettings| {
        link.budget.map_or_else(|| "none".to_owned(), |bytes| format!("{} a month", bytes_words(bytes)))
    };
    [field("only_via", via(old), via(new)), field("budget", budget(old), budget(new))].concat()
}

fn wire_words(old: &Settings, new: &Settings) -> Vec<String> {
    let way = |settings: &Settings| settings.fallback.as_ref().map_or("none".to_owned(), |way| way.words());
    let link = |settings: &Settings| if settings.is_slow { "slow" } else { "as usual" };
    let mut words = [
        field("second address", way(old), way(new)),
        field("link", link(old), link(new)),
        field("timeout", duration(old.timeout), duration(new.timeout)),
        field("pause", duration(old.pause), duration(new.pause)),
        field("in_flight", old.in_flight, new.in_flight),
    ]
    .concat();
    // The address itself is told with the plan; parity and certificates do not stand in it.
    let is_told = old.transport.words() != new.transport.words();
    if old.transport != new.transport && !is_told {
        words.push("settings of the line or of its certificates".to_owned());
    }
    words
}

fn devices(old: &Settings, new: &Settings, before: Wires<'_>, after: Wires<'_>, lines: &mut Vec<String>) {
    let known: HashMap<&str, &Device> = old.devices.iter().map(|device| (&*device.name, device)).collect();
    for device in &new.devices {
        let Some(earlier) = known.get(&*device.name) else { continue };
        let mut words = device_words(earlier, device);
        let points = points(earlier, device, before, after);
        let polls: Vec<&String> = points.iter().filter_map(|(_, poll, _)| poll.as_ref()).collect();
        // Another rate of the whole device is one change, not one of each of its tags.
        let is_whole = polls.len() == points.len() && polls.windows(2).all(|pair| pair[0] == pair[1]);
        if is_whole {
            words.extend(polls.first().map(|poll| (*poll).clone()));
        }
        line(lines, "device", &device.name, words);
        for (tag, poll, is_another) in points {
            let mut words: Vec<String> = poll.filter(|_| !is_whole).into_iter().collect();
            words.extend(is_another.then(|| "how it is read or written".to_owned()));
            line(lines, "tag", &tag, words);
        }
    }
}

fn device_words(old: &Device, new: &Device) -> Vec<String> {
    let beat = |device: &Device| match &device.heartbeat {
        None => "none".to_owned(),
        Some(beat) => format!("{}:{} every {}", beat.table.word(), beat.address, duration(beat.period)),
    };
    let limit = |device: &Device| device.timeout.map_or("that of the connection".to_owned(), duration);
    let unit = |device: &Device| device.quirks.accept_unit.map_or("none".to_owned(), |unit| unit.to_string());
    let yes = |flag: bool| if flag { "yes" } else { "no" };
    [
        field("gap", old.gap, new.gap),
        field("max_registers", old.max_registers, new.max_registers),
        field("max_bits", old.max_bits, new.max_bits),
        field("pause", duration(old.pause), duration(new.pause)),
        field("timeout", limit(old), limit(new)),
        field("write_with", word(old.quirks.write_with), word(new.quirks.write_with)),
        field("write_bits", word(old.quirks.write_bits), word(new.quirks.write_bits)),
        field("accept_unit", unit(old), unit(new)),
        field("heartbeat", beat(old), beat(new)),
        field("identify", yes(old.identify), yes(new.identify)),
    ]
    .concat()
}

/// Of each tag that the device had before: its name, its new rate if that is another, and whether something else in its reading is.
fn points(old: &Device, new: &Device, before: Wires<'_>, after: Wires<'_>) -> Vec<(String, Option<String>, bool)> {
    let known = old.points.iter().filter_map(|point| Some((before.tag(point.tag)?.key.as_str(), point)));
    let known: HashMap<&str, &Point> = known.collect();
    let found = new.points.iter().filter_map(|point| {
        let tag = after.tag(point.tag)?;
        let earlier = *known.get(tag.key.as_str())?;
        let poll = field("poll", duration(earlier.poll), duration(point.poll)).into_iter().next();
        let alike = Point { tag: point.tag, poll: point.poll, ..earlier.clone() } == *point;
        // Address, type and scale are told with the plan.
        let told = before.tag(earlier.tag).is_some_and(|one| one.address != tag.address || one.scaling != tag.scaling);
        Some((tag.key.to_string(), poll, !alike && !told))
    });
    found.collect()
}

fn field<T: PartialEq + std::fmt::Display>(name: &str, old: T, new: T) -> Vec<String> {
    if old == new { Vec::new() } else { vec![format!("{name} {old} -> {new}")] }
}

fn word(value: impl Debug) -> String {
    format!("{value:?}").to_lowercase()
}

fn duration(time: Duration) -> String {
    match time.as_millis() {
        millis if millis < 1000 || millis % 1000 != 0 => format!("{millis} ms"),
        millis => format!("{} s", millis / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::tag::Generation;
    use serde_json::{Value, json};

    fn plant(change: impl FnOnce(&mut Value)) -> Plant {
        let mut station = json!({
            "connections": [{"name": "plc", "modbus": {"tcp": "127.0.0.1"}}],
            "devices": [{"name": "pump", "connection": "plc", "unit": 7}],
            "tags": [{"name": "speed", "device": "pump", "register": "input:0"},
                     {"name": "flow", "device": "pump", "register": "input:1"}]});
        change(&mut station);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("station.json"), station.to_string()).unwrap();
        config::load(folder.path(), Generation(1)).into_plant().unwrap()
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), expected: &[&str]) {
        let (old, new) = (plant(|_| ()), plant(change));
        assert_eq!(changes(Wires::of(&old), Wires::of(&new)), expected);
    }

    #[test]
    fn settings_that_no_screen_shows_are_told() {
        check(|_| (), &[]);
        check(|file| file["devices"][0]["poll"] = json!("2s"), &["device pump: poll 1 s -> 2 s"]);
        check(
            |file| file["connections"][0]["only_via"] = json!("wg0"),
            &["connection plc: only_via any interface -> wg0"],
        );
        check(
            |file| file["connections"][0]["budget"] = json!("200MB/month"),
            &["connection plc: budget none -> 200.0 MB a month"],
        );
        check(|file| file["devices"][0]["pause"] = json!("20ms"), &["device pump: pause 0 ms -> 20 ms"]);
        check(|file| file["tags"][1]["poll"] = json!("2s"), &["tag flow: poll 1 s -> 2 s"]);
        check(|file| file["tags"][0]["not_available"] = json!([32768]), &["tag speed: how it is read or written"]);
        check(
            |file| file["connections"][0]["modbus"]["timeout"] = json!("500ms"),
            &["connection plc: timeout 1 s -> 500 ms"],
        );
    }

    #[test]
    fn what_the_plan_tells_is_not_told_again() {
        check(|file| file["tags"][0]["register"] = json!("input:4"), &[]);
        // Slots move, and nothing else.
        check(|file| drop(file["tags"].as_array_mut().unwrap().remove(0)), &[]);
    }
}
