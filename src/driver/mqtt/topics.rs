//! The topics of a broker as they come, for those who look around in it: a tree of levels with the last payload of each topic. It is
//! bounded in topics and in bytes, so that looking at a large broker costs the station no more than looking at a small one.

use crate::tag::{Monotonic, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

/// A rate follows what happens with this time constant, in seconds.
const RATE_SECONDS: f32 = 10.0;

/// How much may be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopicLimits {
    /// Topics; messages to others are counted and left out.
    pub topics: usize,
    /// Bytes of all payloads together.
    pub bytes: usize,
    /// Bytes of one payload; of a longer one the beginning is kept.
    pub payload_bytes: usize,
}

impl Default for TopicLimits {
    fn default() -> Self {
        Self { topics: 20_000, bytes: 16 << 20, payload_bytes: 64 << 10 }
    }
}

/// A message as it arrived.
#[derive(Clone, Copy, Debug)]
pub struct Heard<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its payload, or the beginning of it.
    pub payload: &'a [u8],
    /// The length of the whole payload, in bytes.
    pub length_bytes: usize,
    /// Whether the broker kept it from before our subscription.
    pub retained: bool,
}

/// What is known of one topic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Topic {
    /// The whole topic.
    pub topic: Arc<str>,
    /// Messages since somebody looks.
    pub messages: u64,
    /// Messages a second, smoothed over ten seconds.
    pub per_second: f32,
    /// When the last one arrived.
    pub last: Timestamp,
    /// Whether the last one was kept by the broker from before.
    pub retained: bool,
    /// The beginning of the last payload.
    pub payload: Arc<[u8]>,
    /// The length of the whole payload, in bytes.
    pub length_bytes: usize,
}

#[derive(Clone, Debug)]
struct Kept {
    topic: Topic,
    updated: Monotonic,
}

impl Kept {
    fn per_second(&self, now: Monotonic) -> f32 {
        self.topic.per_second * (-now.since(self.updated).as_secs_f32() / RATE_SECONDS).exp()
    }
}

/// One visible line of the tree.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicRow {
    /// Levels above it.
    pub depth: usize,
    /// Its own level; the whole topic where a search flattened the tree.
    pub name: Arc<str>,
    /// The topic up to this level.
    pub path: Arc<str>,
    /// Topics below it.
    pub below: usize,
    /// Messages of it and of all below.
    pub messages: u64,
    /// Messages a second of it and of all below.
    pub per_second: f32,
    /// What is known of the topic itself; none where only topics below it had messages.
    pub topic: Option<Topic>,
}

/// All topics that were heard of.
#[derive(Clone, Debug, Default)]
pub struct Topics {
    limits: TopicLimits,
    /// By the topic with its separators replaced by the lowest sign, which no topic may hold (MQTT 3.1.1, 4.7.3): so what is below a level
    /// directly follows it.
    kept: BTreeMap<String, Kept>,
    bytes: usize,
    left_out: u64,
}

fn key(topic: &str) -> String {
    topic.replace('/', "\0")
}

impl Topics {
    /// Nothing is known yet.
    pub fn new(limits: TopicLimits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// Messages to topics for which there was no room.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// How many topics are kept.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether nothing was heard yet.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Self::new(self.limits);
    }

    /// Takes a message that arrived now.
    pub fn hear(&mut self, heard: Heard<'_>, time: Timestamp, now: Monotonic) {
        let beginning = &heard.payload[..heard.payload.len().min(self.limits.payload_bytes)];
        let key = key(heard.topic);
        let before = self.kept.get(&key);
        let bytes = self.bytes - before.map_or(0, |kept| kept.topic.payload.len()) + beginning.len();
        if bytes > self.limits.bytes || (before.is_none() && self.kept.len() >= self.limits.topics) {
            self.left_out += 1;
            return;
        }
        self.bytes = bytes;
        let rate = before.map_or(0.0, |kept| kept.per_second(now)) + 1.0 / RATE_SECONDS;
        let topic = Topic {
            topic: before.map_or_else(|| heard.topic.into(), |kept| Arc::clone(&kept.topic.topic)),
            messages: before.map_or(0, |kept| kept.topic.messages) + 1,
            per_second: rate,
            last: time,
            retained: heard.retained,
            payload: beginning.into(),
            length_bytes: heard.length_bytes,
        };
        self.kept.insert(key, Kept { topic, updated: now });
    }

    /// One topic.
    pub fn get(&self, topic: &str) -> Option<&Topic> {
        self.kept.get(&key(topic)).map(|kept| &kept.topic)
    }

    /// Every topic, in the order of the tree, with its rate at `now`.
    pub fn all(&self, now: Monotonic) -> Vec<Topic> {
        self.kept.values().map(|kept| shown(kept, now)).collect()
    }

    /// Messages a second over all topics.
    pub fn per_second(&self, now: Monotonic) -> f32 {
        self.kept.values().map(|kept| kept.per_second(now)).sum()
    }

    /// The lines of the tree where the levels in `open` are unfolded, or, where there are `words`, the topics in which they stand; at
    /// most `most` of the latter.
    pub fn shown(&self, open: &BTreeSet<Arc<str>>, words: &str, most: usize, now: Monotonic) -> Vec<TopicRow> {
        if words.trim().is_empty() { self.rows(open, now) } else { self.search(words.trim(), most, now) }
    }

    /// The lines of the tree where the levels in `open` are unfolded.
    pub fn rows(&self, open: &BTreeSet<Arc<str>>, now: Monotonic) -> Vec<TopicRow> {
        let mut rows: Vec<TopicRow> = Vec::new();
        // The places in `rows` of the levels that the topic before stood in.
        let mut path: Vec<usize> = Vec::new();
        for kept in self.kept.values() {
            self.add(kept, open, now, &mut rows, &mut path);
        }
        rows
    }

    fn add(
        &self,
        kept: &Kept,
        open: &BTreeSet<Arc<str>>,
        now: Monotonic,
        rows: &mut Vec<TopicRow>,
        path: &mut Vec<usize>,
    ) {
        let topic = &*kept.topic.topic;
        let mut end = 0;
        for (depth, name) in topic.split('/').enumerate() {
            end += if depth == 0 { name.len() } else { name.len() + 1 };
            let here = &topic[..end];
            let is_same = path.get(depth).is_some_and(|&place| &*rows[place].path == here);
            if !is_same {
                path.truncate(depth);
                path.push(rows.len());
                rows.push(TopicRow {
                    depth,
                    name: name.into(),
                    path: here.into(),
                    below: 0,
                    messages: 0,
                    per_second: 0.0,
                    topic: None,
                });
            }
            let row = &mut rows[path[depth]];
            row.messages += kept.topic.messages;
            row.per_second += kept.per_second(now);
            if end == topic.len() {
                row.topic = Some(shown(kept, now));
                return;
            }
            row.below += 1;
            if !open.contains(here) {
                return;
            }
        }
    }

    /// The topics in whose name or text `words` stand, as flat lines; at most `most`.
    pub fn search(&self, words: &str, most: usize, now: Monotonic) -> Vec<TopicRow> {
        let words = words.to_lowercase();
        let found = self.kept.values().filter(|kept| {
            let topic = &kept.topic;
            topic.topic.to_lowercase().contains(&words)
                || std::str::from_utf8(&topic.payload).is_ok_and(|text| text.to_lowercase().contains(&words))
        });
        found.take(most).map(|kept| flat(kept, now)).collect()
    }

    /// Whether anything stands below a level.
    pub fn has_below(&self, path: &str) -> bool {
        let from = format!("{}\0", key(path));
        let next = self.kept.range::<String, _>((Bound::Included(&from), Bound::Unbounded)).next();
        next.is_some_and(|(found, _)| found.starts_with(&from))
    }
}

fn shown(kept: &Kept, now: Monotonic) -> Topic {
    Topic { per_second: kept.per_second(now), ..kept.topic.clone() }
}

fn flat(kept: &Kept, now: Monotonic) -> TopicRow {
    let name = Arc::clone(&kept.topic.topic);
    let (messages, topic) = (kept.topic.messages, shown(kept, now));
    let (path, per_second) = (Arc::clone(&name), topic.per_second);
    TopicRow { depth: 0, name, path, below: 0, messages, per_second, topic: Some(topic) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(topics: &mut Topics, topic: &str, payload: &str, seconds: u64) {
        let heard = Heard { topic, payload: payload.as_bytes(), length_bytes: payload.len(), retained: false };
        let now = Monotonic::from_micros(seconds * 1_000_000);
        topics.hear(heard, Timestamp::from_micros(seconds as i64 * 1_000_000), now);
    }

    fn lines(topics: &Topics, open: &[&str]) -> Vec<String> {
        let open = open.iter().map(|path| Arc::from(*path)).collect();
        let rows = topics.rows(&open, Monotonic::default());
        rows.iter()
            .map(|row| format!("{}{} {} {}", "  ".repeat(row.depth), row.name, row.below, row.messages))
            .collect()
    }

    #[test]
    fn levels_unfold_and_what_is_below_follows_its_level() {
        let mut topics = Topics::default();
        // A hyphen sorts before the separator: it must not come between a level and what is below it.
        for topic in ["a/b", "a-b/c", "a", "a/b/c", "/lead", "a/b"] {
            hear(&mut topics, topic, "1", 0);
        }
        assert_eq!(lines(&topics, &[]), [" 1 1", "a 2 4", "a-b 1 1"]);
        assert_eq!(lines(&topics, &["a"]), [" 1 1", "a 2 4", "  b 1 3", "a-b 1 1"]);
        assert_eq!(
            lines(&topics, &["a", "a/b", ""]),
            [" 1 1", "  lead 0 1", "a 2 4", "  b 1 3", "    c 0 1", "a-b 1 1"]
        );
        assert!(topics.has_below("a") && topics.has_below("a/b") && !topics.has_below("a/b/c") && topics.has_below(""));
    }

    #[test]
    fn what_has_no_room_is_counted_and_what_is_known_goes_on() {
        let mut topics = Topics::new(TopicLimits { topics: 2, bytes: 10, payload_bytes: 6 });
        hear(&mut topics, "a", "12345678", 0);
        hear(&mut topics, "b", "1234", 0);
        hear(&mut topics, "c", "1", 0);
        hear(&mut topics, "b", "12345", 0);
        let a = topics.get("a").unwrap();
        assert_eq!((&*a.payload, a.length_bytes), (&b"123456"[..], 8));
        assert_eq!((&*topics.get("b").unwrap().payload, topics.left_out()), (&b"1234"[..], 2));
        hear(&mut topics, "a", "", 1);
        hear(&mut topics, "b", "12345", 1);
        assert_eq!((&*topics.get("b").unwrap().payload, topics.len()), (&b"12345"[..], 2));
    }

    #[test]
    fn a_rate_rises_to_what_comes_and_falls_when_nothing_does() {
        let mut topics = Topics::default();
        for second in 0..100 {
            (0..5).for_each(|_| hear(&mut topics, "a", "1", second));
        }
        let at = |seconds: u64| topics.all(Monotonic::from_micros(seconds * 1_000_000))[0].per_second;
        assert!((4.0..6.0).contains(&at(99)), "{}", at(99));
        assert!(at(200) < 0.01, "{}", at(200));
    }

    #[test]
    fn a_search_looks_at_topics_and_text() {
        let mut topics = Topics::default();
        hear(&mut topics, "hall/Pump/state", "{\"speed\": 5}", 0);
        hear(&mut topics, "hall/fan", "speedy", 0);
        hear(&mut topics, "hall/lamp", "on", 0);
        let found = |words: &str| topics.search(words, 10, Monotonic::default()).len();
        assert_eq!((found("PUMP"), found("speed"), found("x")), (1, 2, 0));
        assert_eq!(topics.search("hall", 2, Monotonic::default()).len(), 2);
    }
}
