//! A host application and the tags behind it: whatever edge nodes say in whatever order, only what was born speaks, requests stay rare, and
//! no moment is due for ever.

use crate::driver::mqtt::Kind;
use crate::driver::mqtt::sparkplug::desk::{Desk, Say};
use crate::driver::mqtt::sparkplug::host::{HostSettings, Publication};
use crate::driver::mqtt::sparkplug::payload::decode;
use crate::driver::mqtt::sparkplug::settings::{Device, Point, Settings, TakeIn};
use crate::driver::mqtt::sparkplug::topic::Source;
use crate::tag::{Monotonic, Now, TagId, Timestamp, Value};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

const START: Now =
    Now { utc: Timestamp::from_micros(1_795_000_000_000_000), monotonic: Monotonic::from_micros(3_600_000_000) };
/// The least time between two requests to one edge node on one connection.
const PAUSE: Duration = Duration::from_secs(10);
/// Topics by the lower four bits of a step.
const TOPICS: [&str; 12] = [
    "spBv1.0/north/NBIRTH/edge",
    "spBv1.0/north/NDATA/edge",
    "spBv1.0/north/NDEATH/edge",
    "spBv1.0/north/DBIRTH/edge/pump",
    "spBv1.0/north/DDATA/edge/pump",
    "spBv1.0/north/DDEATH/edge/pump",
    "spBv1.0/north/DBIRTH/edge/strange",
    "spBv1.0/north/DDATA/edge/strange",
    "spBv1.0/south/NBIRTH/other",
    "spBv1.0/STATE/polder",
    "spBv1.0/north/NCMD/edge",
    "spBv1.0/north/XDATA/edge",
];

/// Bytes as a script of steps, each a byte: its lower four bits say what, the others how much. Steps up to 11 are messages, retained when
/// bit 7 is set, with as many bytes of payload as the next two say, the higher one first.
pub(super) fn host(bytes: &[u8]) {
    let (mut play, mut rest) = (Play::new(), bytes);
    while let Some((&step, after)) = rest.split_first() {
        rest = play.step(step & 15, step >> 4, after);
    }
    play.pass(Duration::from_secs(1000));
}

struct Play {
    desk: Desk,
    now: Now,
    /// Places of devices that are there.
    alive: HashSet<usize>,
    /// When each edge node was asked last, on this connection.
    asked: HashMap<String, Monotonic>,
}

fn settings() -> Settings {
    let point = |tag, metric: &str, kind| Point {
        tag: TagId(tag),
        name: metric.into(),
        metric: metric.into(),
        kind,
        is_set: true,
        scaling: None,
    };
    let device = |place, name: &str, points| {
        let take_in = (place == 0).then(|| TakeIn { most: 3, known: Arc::default() });
        Source::parse(name).ok().map(|source| Device { place, source, points, take_in })
    };
    let pump = vec![point(0, "Speed", Kind::Number), point(1, "On", Kind::Bool), point(2, "Text", Kind::Text)];
    let edge = vec![point(3, "Load", Kind::Number), point(4, "Node Control/Rebirth", Kind::Bool)];
    let host = HostSettings {
        host: "polder".into(),
        is_announced: true,
        groups: vec!["+".into()],
        reordering_timeout: Duration::from_secs(2),
        wanted: Vec::new(),
    };
    let devices = [device(0, "north/edge/pump", pump), device(1, "north/edge", edge)];
    Settings { host, devices: devices.into_iter().flatten().collect() }
}

impl Play {
    fn new() -> Self {
        let mut play = Self { desk: Desk::new(settings()), now: START, alive: HashSet::new(), asked: HashMap::new() };
        play.connect();
        play
    }

    fn connect(&mut self) {
        assert!(self.desk.connect(self.now).is_some_and(|will| will.retain), "a host has a will");
        let mut says = Vec::new();
        self.desk.subscribed(self.now, &mut says);
        self.look(says);
    }

    fn step<'a>(&mut self, what: u8, much: u8, rest: &'a [u8]) -> &'a [u8] {
        let mut says = Vec::new();
        match TOPICS.get(usize::from(what)) {
            Some(topic) => {
                let (length, rest) = rest
                    .split_first_chunk::<2>()
                    .map_or((0, rest), |(length, rest)| (usize::from(u16::from_be_bytes(*length)), rest));
                let (payload, rest) = rest.split_at(length.min(rest.len()));
                self.desk.message(topic, payload, much & 8 == 8, self.now, &mut says);
                self.look(says);
                return rest;
            }
            None if what == 12 => self.pass(Duration::from_millis(u64::from(much) * 700)),
            None if what == 13 => {
                self.desk.lost();
                self.alive.clear();
                self.asked.clear();
                self.connect();
            }
            None if what == 14 => {
                self.desk.adopt(settings().devices, self.now, &mut says);
                self.look(says);
            }
            None => self.set(much),
        }
        rest
    }

    fn set(&mut self, much: u8) {
        let values = [
            Value::Bool(true),
            Value::Signed(-1),
            Value::Unsigned(u64::MAX),
            Value::Double(0.5),
            Value::Text("a".into()),
        ];
        let value = &values[usize::from(much) % values.len()];
        let (tag, is_alive) = (TagId(u32::from(much) % 5), self.alive.contains(&usize::from(much % 5 > 2)));
        match self.desk.command(tag, value, self.now.utc) {
            Some(Ok(message)) => assert!(is_alive && decode(&message.payload).is_ok() && !message.retain),
            Some(Err(refusal)) => assert!(!refusal.to_string().is_empty()),
            None => {}
        }
    }

    fn pass(&mut self, time: Duration) {
        self.now = Now { utc: self.now.utc.plus(time), monotonic: self.now.monotonic.plus(time) };
        let mut says = Vec::new();
        self.desk.pass_time(self.now, &mut says);
        self.look(says);
        let next = self.desk.next_deadline();
        assert!(next.is_none_or(|next| next > self.now.monotonic), "{next:?} is due for ever");
    }

    fn look(&mut self, says: Vec<Say>) {
        for say in says {
            match say {
                Say::Alive { place } => drop(self.alive.insert(place)),
                Say::Lost { place, words, .. } => {
                    assert!(!words.is_empty());
                    self.alive.remove(&place);
                }
                Say::Values { place, readings, .. }
                | Say::Transient { place, readings, .. }
                | Say::Past { place, readings, .. } => {
                    assert!(self.alive.contains(&place) && !readings.is_empty(), "{place} speaks and was not born");
                    assert!(readings.iter().all(|reading| reading.value.is_some() || reading.quality.is_bad()));
                }
                Say::Publish(message) => self.went_out(message),
                Say::Fault { words, .. } => assert!(!words.is_empty()),
                Say::Found { metrics, .. } => assert!(metrics.len() <= 3),
            }
        }
    }

    fn went_out(&mut self, message: Publication) {
        if message.topic.contains("/NCMD/") {
            let before = self.asked.insert(message.topic, self.now.monotonic);
            assert!(before.is_none_or(|before| before.plus(PAUSE) <= self.now.monotonic), "asked too often");
        }
    }
}
