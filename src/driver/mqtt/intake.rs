//! From messages to readings: which tags a topic is about, and what its payload says about them. Knows no broker and no clock.

use super::document::Document;
use super::payload::{self, PayloadError};
use super::pointer::{Pointer, plain};
use super::search::{Kept, KeptMessage, Seen};
use super::source_time::{is_past, judge};
use super::{Availability, Device, Point, Settings};
use crate::driver::{Found, Reading};
use crate::tag::{Quality, Reason, TagId, Timestamp, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// A message as the broker gave it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    /// Its topic.
    pub(super) topic: &'a str,
    /// Its payload.
    pub(super) payload: &'a [u8],
    /// Whether the broker kept it from before our subscription: then it may be old.
    pub(super) retained: bool,
    /// Whether the broker may have held it back while the station was away: then it may be old as well.
    pub(super) queued: bool,
}

/// What a message says about one device at one time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Arrival {
    /// The device's place in the settings.
    pub(super) place: usize,
    /// The time of the readings.
    pub(super) time: Timestamp,
    /// Whether newer values are known already: these belong into history alone.
    pub(super) is_past: bool,
    /// Its values.
    pub(super) readings: Vec<Reading>,
    /// Why some of them are bad.
    pub(super) details: Vec<(TagId, Arc<str>)>,
}

/// One thing that a message says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// Values.
    Values(Arrival),
    /// A device is there again, by its own word.
    Online(usize),
    /// A device is away, by its own word or its Last Will; the particulars.
    Offline(usize, String),
    /// A device's word on whether it is there that nobody can read.
    Unreadable(usize),
    /// Names that the station does not know.
    Found(usize, Vec<Found>),
    /// More names than the station file allows, as many as these since the session began.
    LeftOut(usize, u32),
}

/// What a message says that is about one tag alone.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Lone {
    /// Nothing, as it may.
    Nothing,
    /// A value of now with nothing to explain.
    Value {
        /// The device's place in the settings.
        place: usize,
        /// The time of the value.
        time: Timestamp,
        /// The value.
        reading: Reading,
    },
    /// Anything else.
    Other(Said),
}

/// What is known of one point.
#[derive(Clone, Debug, Default)]
struct State {
    /// The time of its last value.
    last: Timestamp,
    /// Its last value.
    value: Option<Value>,
    /// The topic of its last message that came on this connection as it was published: what the broker keeps there is no newer.
    heard: Option<Box<str>>,
}

/// The tags of a broker by their topics.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// Places of points without wildcards: device and point.
    exact: HashMap<Arc<str>, Vec<(usize, usize)>>,
    /// Places of all others.
    wild: Vec<(usize, usize)>,
    /// Devices by the topics on which they say whether they are there.
    words: HashMap<Arc<str>, Vec<usize>>,
    /// By device and point.
    states: Vec<Vec<State>>,
    /// The devices that say they are away.
    offline: Vec<bool>,
    /// By device and search.
    seen: Vec<Vec<Seen>>,
    /// The devices that search for names.
    searching: Vec<usize>,
    kept: Kept,
}

impl Intake {
    pub(super) fn new(settings: &Settings) -> Self {
        let mut intake = Self { offline: vec![false; settings.devices.len()], ..Self::default() };
        for (place, device) in settings.devices.iter().enumerate() {
            for (number, point) in device.points.iter().enumerate() {
                if rumqttc::has_wildcards(&point.filter) {
                    intake.wild.push((place, number));
                } else {
                    intake.exact.entry(Arc::clone(&point.filter)).or_default().push((place, number));
                }
            }
            if let Some(availability) = &device.availability {
                intake.words.entry(Arc::clone(&availability.topic)).or_default().push(place);
            }
            intake.states.push(vec![State::default(); device.points.len()]);
            intake.seen.push(device.searches.iter().map(|_| Seen::default()).collect());
            if !device.searches.is_empty() || device.discovery.is_some() {
                intake.searching.push(place);
            }
        }
        intake
    }

    /// Goes on with other settings. What was said about whatever is described as before holds on: a broker does not repeat it.
    pub(super) fn adopt(&mut self, old: &Settings, new: &Settings) {
        let before = std::mem::replace(self, Self::new(new));
        self.kept = before.kept;
        for (device, offline) in new.devices.iter().zip(&mut self.offline) {
            let is_alike = |other: &Device| other.availability.is_some() && other.availability == device.availability;
            *offline = old.devices.iter().zip(&before.offline).any(|(other, away)| *away && is_alike(other));
        }
        self.inherit_states(old, before.states, new);
        self.inherit_searches(old, before.seen, new);
    }

    fn inherit_states(&mut self, old: &Settings, states: Vec<Vec<State>>, new: &Settings) {
        let mut known: HashMap<_, Vec<(&Point, State)>> = HashMap::new();
        for (device, states) in old.devices.iter().zip(states) {
            for (point, state) in device.points.iter().zip(states) {
                known.entry(key(point)).or_default().push((point, state));
            }
        }
        for (device, states) in new.devices.iter().zip(&mut self.states) {
            for (point, state) in device.points.iter().zip(states) {
                let mut alike = known.get(&key(point)).into_iter().flatten();
                if let Some((_, before)) = alike.find(|(other, _)| point.reads_like(other)) {
                    *state = before.clone();
                }
            }
        }
    }

    fn inherit_searches(&mut self, old: &Settings, seen: Vec<Vec<Seen>>, new: &Settings) {
        let searches = old.devices.iter().flat_map(|device| &device.searches);
        let mut known: Vec<_> = searches.zip(seen.into_iter().flatten().map(Some)).collect();
        for (device, seen) in new.devices.iter().zip(&mut self.seen) {
            for (search, seen) in device.searches.iter().zip(seen) {
                let alike = known.iter_mut().find(|(other, seen)| seen.is_some() && search.looks_like(other));
                if let Some(before) = alike.and_then(|(_, seen)| seen.take()) {
                    *seen = before;
                    seen.adopt(search);
                }
            }
        }
    }

    /// What was said meanwhile about tags that are new with these settings.
    pub(super) fn take_kept(&mut self, settings: &Settings, now: Timestamp) -> Vec<Said> {
        let kept = self.kept.take(now);
        let said = kept.iter().flat_map(|KeptMessage { topic, payload, retained, queued, at }| {
            self.take(settings, Message { topic, payload, retained: *retained, queued: *queued }, *at)
        });
        said.collect()
    }

    /// The connection broke: whatever is said before the next one comes from nobody, and what the broker keeps may be newer again.
    pub(super) fn lose_connection(&mut self) {
        self.kept.clear();
        self.states.iter_mut().flatten().for_each(|state| state.heard = None);
    }

    /// Whether a device says that it is away.
    pub(super) fn is_offline(&self, place: usize) -> bool {
        self.offline.get(place).copied().unwrap_or_default()
    }

    /// What a message says whose topic is about one tag and nothing else, as most are that come by the hundred thousand: what
    /// [`Intake::take`] says, without its lists. None where it has to be asked; nothing was taken in then.
    pub(super) fn take_lone(&mut self, settings: &Settings, message: Message<'_>, now: Timestamp) -> Option<Lone> {
        let is_plain = self.wild.is_empty() && self.words.is_empty() && self.searching.is_empty();
        let &[at] = self.exact.get(message.topic).filter(|_| is_plain)?.as_slice() else { return None };
        let Some(one) = self.read(settings, at, message, &Document::new(message.payload), now) else {
            return Some(Lone::Nothing);
        };
        let place = at.0;
        Some(match one {
            ReadOne { reading, time, is_past: false, detail: None } => Lone::Value { place, time, reading },
            ReadOne { reading, time, is_past, detail } => {
                let details = detail.map(|detail| (reading.tag, detail)).into_iter().collect();
                Lone::Other(Said::Values(Arrival { place, time, is_past, readings: vec![reading], details }))
            }
        })
    }

    /// What a message that arrived `now` says.
    pub(super) fn take(&mut self, settings: &Settings, message: Message<'_>, now: Timestamp) -> Vec<Said> {
        let document = Document::new(message.payload);
        let mut said = self.take_word(settings, message.topic, &document, now);
        self.take_values(settings, message, &document, now, &mut said);
        if !self.searching.is_empty() {
            said.extend(self.search(settings, message, &document, now));
        }
        said
    }

    /// Whether a device is there, where the topic says that.
    fn take_word(&mut self, settings: &Settings, topic: &str, document: &Document<'_>, now: Timestamp) -> Vec<Said> {
        let mut said = Vec::new();
        for place in self.words.get(topic).cloned().unwrap_or_default() {
            let Some(availability) = settings.devices.get(place).and_then(|device| device.availability.as_ref()) else {
                continue;
            };
            match is_there(availability, document) {
                None => said.push(Said::Unreadable(place)),
                Some(true) => {
                    said.push(Said::Online(place));
                    if std::mem::replace(&mut self.offline[place], false) {
                        said.extend(self.before_away(settings, place, now).map(Said::Values));
                    }
                }
                Some(false) => {
                    self.offline[place] = true;
                    said.push(Said::Offline(place, format!("{topic} says \"{}\"", availability.offline)));
                }
            }
        }
        said
    }

    /// What a device that is back said last: nobody knows whether it still holds, but the device is no longer the reason against it.
    fn before_away(&self, settings: &Settings, place: usize, now: Timestamp) -> Option<Arrival> {
        let quality = Quality::uncertain(Reason::BeforeAway);
        let points = settings.devices[place].points.iter().zip(&self.states[place]);
        let reading = |(point, state): (&Point, &State)| {
            let value = Some(state.value.clone()?);
            Some(Reading { tag: point.tag, value, quality })
        };
        let readings: Vec<_> = points.filter_map(reading).collect();
        let arrival = Arrival { place, time: now, is_past: false, readings, details: Vec::new() };
        (!arrival.readings.is_empty()).then_some(arrival)
    }

    fn places(&self, settings: &Settings, topic: &str) -> Vec<(usize, usize)> {
        let mut places = self.exact.get(topic).cloned().unwrap_or_default();
        for &(place, number) in &self.wild {
            if topic_matches(topic, &settings.devices[place].points[number].filter) {
                places.push((place, number));
            }
        }
        places.sort_unstable();
        places
    }

    /// The values of a message, one entry per device and time.
    fn take_values(
        &mut self,
        settings: &Settings,
        message: Message<'_>,
        document: &Document<'_>,
        now: Timestamp,
        said: &mut Vec<Said>,
    ) {
        let mut read = Vec::new();
        for at in self.places(settings, message.topic) {
            read.extend(self.read(settings, at, message, document, now).map(|one| (at.0, one)));
        }
        read.sort_by_key(|(place, one)| (*place, one.is_past, one.time));
        let groups = read.chunk_by(|(place, one), (next, other)| {
            (place, one.is_past, one.time) == (next, other.is_past, other.time)
        });
        said.extend(groups.map(|group| {
            let (place, ReadOne { time, is_past, .. }) = &group[0];
            let readings = group.iter().map(|(_, one)| one.reading.clone()).collect();
            let details = group.iter().filter_map(|(_, one)| Some((one.reading.tag, one.detail.clone()?)));
            Said::Values(Arrival {
                place: *place,
                time: *time,
                is_past: *is_past,
                readings,
                details: details.collect(),
            })
        }));
    }

    /// What a message says about the point at a place; none where that is nothing.
    fn read(
        &mut self,
        settings: &Settings,
        (place, number): (usize, usize),
        message: Message<'_>,
        document: &Document<'_>,
        now: Timestamp,
    ) -> Option<ReadOne> {
        let point = &settings.devices[place].points[number];
        if !is_about(&point.only, document) {
            return None;
        }
        let context = Context { document, message, offline: self.is_offline(place), now };
        context.read(point, &mut self.states[place][number])
    }

    /// Names that the station does not know; the message is kept until it does.
    fn search(
        &mut self,
        settings: &Settings,
        message: Message<'_>,
        document: &Document<'_>,
        now: Timestamp,
    ) -> Vec<Said> {
        // An empty message takes away what the broker kept.
        if message.payload.is_empty() {
            return Vec::new();
        }
        let (mut said, mut waits) = (Vec::new(), false);
        for &place in &self.searching {
            let device = &settings.devices[place];
            let before: u32 = self.seen[place].iter().map(Seen::left_out).sum();
            let discovery = device.discovery.as_ref();
            let mut found = discovery.map_or_else(Vec::new, |list| list.read(message.topic, document));
            for (search, seen) in device.searches.iter().zip(&mut self.seen[place]) {
                if topic_matches(message.topic, &search.filter) && is_about(&search.only, document) {
                    let sighting = seen.look(search, message.topic, document, now);
                    waits |= sighting.waits;
                    found.extend(sighting.found);
                }
            }
            if !found.is_empty() {
                said.push(Said::Found(place, found));
            }
            let left_out: u32 = self.seen[place].iter().map(Seen::left_out).sum();
            if left_out > before {
                said.push(Said::LeftOut(place, left_out));
            }
        }
        if waits {
            let (topic, payload) = (message.topic.into(), message.payload.to_vec());
            self.kept.keep(KeptMessage { topic, payload, retained: message.retained, queued: message.queued, at: now });
        }
        said
    }
}

fn key(point: &Point) -> (&str, Option<&str>) {
    (&point.filter, point.pointer.as_ref().map(Pointer::as_str))
}

/// Whether the message says all of this. One that cannot be read may be: that is said of the tag.
fn is_about(only: &[(Pointer, Arc<str>)], document: &Document<'_>) -> bool {
    only.iter().all(|(pointer, wanted)| match document.find(pointer) {
        Ok(found) => found.and_then(plain).as_deref() == Some(wanted),
        Err(_) => true,
    })
}

/// Whether a device is there, by its own word.
fn is_there(availability: &Availability, document: &Document<'_>) -> Option<bool> {
    let said = match &availability.pointer {
        None => document.text().ok()?.trim().into(),
        Some(pointer) => plain(document.find(pointer).ok()??)?,
    };
    match &*said {
        word if word == &*availability.online => Some(true),
        word if word == &*availability.offline => Some(false),
        _ => None,
    }
}

/// What a message says about one point.
struct ReadOne {
    reading: Reading,
    time: Timestamp,
    is_past: bool,
    detail: Option<Arc<str>>,
}

/// What is the same for all points of a message on one device.
struct Context<'a> {
    document: &'a Document<'a>,
    message: Message<'a>,
    offline: bool,
    now: Timestamp,
}

impl Context<'_> {
    /// None where the message says nothing about the point, and may.
    fn read(&self, point: &Point, state: &mut State) -> Option<ReadOne> {
        let Message { topic, retained, queued, .. } = self.message;
        if !retained && !queued && state.heard.as_deref() != Some(topic) {
            state.heard = Some(topic.into());
        } else if retained && state.heard.as_deref() == Some(topic) {
            // It was sent because something else was subscribed to.
            return None;
        }
        let value = match payload::read(self.document, point) {
            Ok(value) => value?,
            Err(error) => return Some(self.bad(point, &error)),
        };
        let (time, doubt) = self.time(point);
        let is_past = point.time.is_some() && is_past(time, state.last, self.now);
        if !is_past {
            (state.last, state.value) = (time, Some(value.clone()));
        }
        // Among values of before nothing is doubtful about being late.
        let doubt = if is_past { doubt.filter(|doubt| *doubt != Reason::Delayed) } else { doubt };
        let doubt = if self.offline && !is_past { Some(Reason::DeviceOffline) } else { doubt };
        let quality = doubt.map_or(Quality::GOOD, Quality::uncertain);
        Some(ReadOne { reading: Reading { tag: point.tag, value: Some(value), quality }, time, is_past, detail: None })
    }

    fn bad(&self, point: &Point, error: &PayloadError) -> ReadOne {
        let quality = Quality::bad(error.reason());
        let detail = format!("{error}; it begins: {}", self.document.beginning());
        let reading = Reading { tag: point.tag, value: None, quality };
        ReadOne { reading, time: self.now, is_past: false, detail: Some(detail.into()) }
    }

    /// The time of the value, and what is doubtful about it. The age of a message that the broker kept, as the last one of its topic or
    /// because the station was away, is known only by its own word.
    fn time(&self, point: &Point) -> (Timestamp, Option<Reason>) {
        let (time, doubt) = match &point.time {
            None => (self.now, None),
            Some(source) => judge(source.read(self.document), self.now, point.fresh),
        };
        let unknown = point.time.is_none() || matches!(doubt, Some(Reason::NoSourceTime | Reason::ClockAhead));
        (time, if (self.message.retained || self.message.queued) && unknown { Some(Reason::Retained) } else { doubt })
    }
}

/// MQTT 3.1.1, section 4.7: `+` is one level, `#` the rest; neither matches a first level that begins with `$`.
pub fn topic_matches(topic: &str, filter: &str) -> bool {
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
mod tests;
