//! From messages to readings: which tags a topic is about, and what its payload says about them. Knows no broker and no clock.

use super::{Point, Settings, read_payload};
use crate::driver::Reading;
use crate::tag::{Quality, Reason, Timestamp};
use std::collections::{HashMap, HashSet};

/// A message as the broker gave it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    /// Its topic.
    pub(super) topic: &'a str,
    /// Its payload.
    pub(super) payload: &'a [u8],
    /// Whether the broker kept it from before our subscription: then it may be old.
    pub(super) retained: bool,
}

/// What a message says about one device.
#[derive(Debug, PartialEq)]
pub(super) struct Arrival {
    /// The device's place in the settings.
    pub(super) place: usize,
    /// The time of the readings.
    pub(super) time: Timestamp,
    /// Its values.
    pub(super) readings: Vec<Reading>,
}

/// The tags of a broker by their topics.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// Places of points without wildcards: device and point.
    exact: HashMap<String, Vec<(usize, usize)>>,
    /// Places of all others.
    wild: Vec<(usize, usize)>,
}

impl Intake {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut intake = Self::default();
        for (place, device) in settings.devices.iter().enumerate() {
            for (number, point) in device.points.iter().enumerate() {
                if rumqttc::has_wildcards(&point.filter) {
                    intake.wild.push((place, number));
                } else {
                    intake.exact.entry(point.filter.to_string()).or_default().push((place, number));
                }
            }
        }
        intake
    }

    /// What has to be subscribed to.
    pub(super) fn filters(settings: &Settings) -> HashSet<&str> {
        let points = settings.devices.iter().flat_map(|device| &device.points);
        points.map(|point| &*point.filter).collect()
    }

    /// What a message that arrived `now` says, one entry per device that it is about.
    pub(super) fn take(&self, settings: &Settings, message: Message<'_>, now: Timestamp) -> Vec<Arrival> {
        let mut places = self.exact.get(message.topic).cloned().unwrap_or_default();
        for &(place, number) in &self.wild {
            if topic_matches(message.topic, &settings.devices[place].points[number].filter) {
                places.push((place, number));
            }
        }
        places.sort_unstable();
        let groups = places.chunk_by(|first, second| first.0 == second.0);
        groups
            .map(|group| {
                let place = group[0].0;
                let points = group.iter().map(|&(_, number)| &settings.devices[place].points[number]);
                Arrival { place, time: now, readings: points.map(|point| read(point, message)).collect() }
            })
            .collect()
    }
}

fn read(point: &Point, message: Message<'_>) -> Reading {
    let quality = if message.retained { Quality::uncertain(Reason::Retained) } else { Quality::GOOD };
    match read_payload(message.payload, point.pointer.as_deref(), point.kind) {
        Ok(value) => Reading { tag: point.tag, value: Some(value), quality },
        Err(reason) => Reading { tag: point.tag, value: None, quality: Quality::bad(reason) },
    }
}

/// MQTT 3.1.1, section 4.7: `+` is one level, `#` the rest; neither matches a first level that begins with `$`.
fn topic_matches(topic: &str, filter: &str) -> bool {
    if topic.starts_with('$') && !filter.starts_with('$') {
        return false;
    }
    let (mut topic, mut filter) = (topic.split('/'), filter.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters() {
        for (topic, filter, expected) in [
            ("knmi/260/rain", "knmi/+/rain", true),
            ("knmi/260/x/rain", "knmi/+/rain", false),
            ("a/b/c", "a/#", true),
            ("a", "a/#", true),
            ("b", "a/#", false),
            ("a/b", "a/b", true),
            ("a/b/", "a/b", false),
            ("$SYS/x", "#", false),
            ("é/x", "+/x", true),
        ] {
            assert_eq!(topic_matches(topic, filter), expected, "{topic} {filter}");
        }
    }
}
