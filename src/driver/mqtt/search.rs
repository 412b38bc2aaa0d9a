//! Topics whose matches become tags of their own: which names are new, and what was said under them until the station knows them.

use super::Search;
use super::document::Document;
use super::pointer::Pointer;
use crate::driver::Found;
use crate::tag::Timestamp;
use serde_json::{Value as Json, json};
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

/// The kind of what is found by its topic: the facts are `topic`, and where a value of many stands in a payload `json` and `type`.
pub const TOPIC: &str = "topic";

/// A name that the station has not taken up by then is told again.
const AGAIN: Duration = Duration::from_secs(60);
/// Names beyond the allowed ones that are told apart; of more, the count stays.
const COUNTED: usize = 10_000;
/// Levels below a place that are looked into.
const DEEPEST: usize = 8;
/// Values below a place that are looked at in one message.
const WIDEST: usize = 10_000;
/// Bytes of a name. A longer one is left out: the station would not keep it, and thousands of values below one long key would each carry it.
pub(super) const LONGEST_NAME: usize = 1024;

/// What one message says about a search.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Sighting {
    /// What the station is to be told of.
    pub(super) found: Vec<Found>,
    /// Whether something in the message waits for the station to know it.
    pub(super) waits: bool,
    /// How many names are more than allowed, where that is news.
    pub(super) left_out: Option<u32>,
}

/// What a search saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Names that the station was told of, and when.
    waiting: HashMap<Arc<str>, Timestamp>,
    beyond: HashSet<u64>,
    hasher: RandomState,
}

impl Seen {
    /// Looks for new names in a message whose topic fits.
    pub(super) fn look(&mut self, search: &Search, topic: &str, document: &Document<'_>, now: Timestamp) -> Sighting {
        let mut sighting = Sighting::default();
        let before = self.beyond.len();
        match &search.below {
            None => self.see(search, topic, None, || json!({ "topic": topic }), now, &mut sighting),
            Some(below) => {
                let Below { values, has_longer } = Below::of(document, below);
                for (pointer, kind) in values {
                    let facts = || json!({"topic": topic, "json": pointer.as_str(), "type": kind});
                    self.see(search, topic, Some(pointer.as_str()), facts, now, &mut sighting);
                }
                if has_longer {
                    self.leave_out(topic);
                }
            }
        }
        sighting.left_out = (self.beyond.len() > before).then_some(self.beyond.len() as u32);
        sighting
    }

    fn see(
        &mut self,
        search: &Search,
        topic: &str,
        place: Option<&str>,
        facts: impl FnOnce() -> Json,
        now: Timestamp,
        sighting: &mut Sighting,
    ) {
        if topic.len() + place.map_or(0, |place| 1 + place.len()) > LONGEST_NAME {
            return self.leave_out(topic);
        }
        let name: Arc<str> = place.map_or_else(|| topic.into(), |place| format!("{topic} {place}").into());
        if search.known.contains(&name) {
            return;
        }
        let told = self.waiting.get(&name).copied();
        if told.is_none() && search.known.len() + self.waiting.len() >= search.most {
            return self.leave_out(&name);
        }
        sighting.waits = true;
        if told.is_none_or(|told| now.micros_since(told) >= AGAIN.as_micros() as i64) {
            self.waiting.insert(Arc::clone(&name), now);
            sighting.found.push(Found { kind: TOPIC.into(), name, facts: facts() });
        }
    }

    fn leave_out(&mut self, name: &str) {
        if self.beyond.len() < COUNTED {
            self.beyond.insert(self.hasher.hash_one(name));
        }
    }

    /// The station knows more names than before.
    pub(super) fn adopt(&mut self, search: &Search) {
        self.waiting.retain(|name, _| !search.known.contains(name));
    }

    pub(super) fn left_out(&self) -> u32 {
        self.beyond.len() as u32
    }
}

/// What stands below a place.
#[derive(Default)]
struct Below {
    /// Every single value, with its type in the words of the station file.
    values: Vec<(Pointer, Option<&'static str>)>,
    /// Whether there are more, and their places are too long for a name.
    has_longer: bool,
}

impl Below {
    fn of(document: &Document<'_>, place: &Pointer) -> Self {
        let mut below = Self::default();
        if let Ok(Some(top)) = document.find(place) {
            below.collect(top, place, DEEPEST);
        }
        below
    }

    fn collect(&mut self, json: &Json, at: &Pointer, levels: usize) {
        if self.values.len() >= WIDEST {
            return;
        }
        match json {
            Json::Null => {}
            Json::Bool(_) => self.values.push((at.clone(), Some("bool"))),
            Json::String(_) => self.values.push((at.clone(), Some("string"))),
            Json::Number(_) => self.values.push((at.clone(), None)),
            Json::Object(members) if levels > 0 => {
                members.iter().for_each(|(key, member)| self.go_on(member, at, key, levels));
            }
            Json::Array(list) if levels > 0 => {
                let numbered = list.iter().take(WIDEST).enumerate();
                numbered.for_each(|(number, item)| self.go_on(item, at, &number.to_string(), levels));
            }
            Json::Object(_) | Json::Array(_) => {}
        }
    }

    fn go_on(&mut self, member: &Json, at: &Pointer, key: &str, levels: usize) {
        if at.as_str().len() + 1 + key.len() > LONGEST_NAME {
            self.has_longer = true;
        } else {
            self.collect(member, &at.member(key), levels - 1);
        }
    }
}

/// Messages of names that the station does not know yet.
#[derive(Debug, Default)]
pub(super) struct Kept {
    messages: HashMap<Arc<str>, KeptMessage>,
    bytes: usize,
}

/// The last message of a topic.
#[derive(Clone, Debug)]
pub(super) struct KeptMessage {
    pub(super) topic: Arc<str>,
    pub(super) payload: Vec<u8>,
    pub(super) retained: bool,
    pub(super) queued: bool,
    pub(super) at: Timestamp,
}

/// Bytes of messages that are kept for one broker. What has no room is read at its next message.
const KEPT_BYTES: usize = 4 << 20;
/// The station takes up what was found within five minutes; what is older than this is read at its next message.
const KEPT_FOR: Duration = Duration::from_secs(360);

impl Kept {
    pub(super) fn keep(&mut self, message: KeptMessage) {
        if let Some(before) = self.messages.remove(&message.topic) {
            self.bytes -= before.size();
        }
        if self.bytes + message.size() <= KEPT_BYTES {
            self.bytes += message.size();
            self.messages.insert(Arc::clone(&message.topic), message);
        }
    }

    /// Forgets all of them.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// All that are not too old, the oldest first.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<KeptMessage> {
        self.bytes = 0;
        let is_fresh = |message: &KeptMessage| now.micros_since(message.at) <= KEPT_FOR.as_micros() as i64;
        let mut messages: Vec<_> = self.messages.drain().map(|(_, message)| message).filter(is_fresh).collect();
        messages.sort_by_key(|message| message.at);
        messages
    }
}

impl KeptMessage {
    fn size(&self) -> usize {
        self.topic.len() + self.payload.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn search(below: Option<&str>, most: usize, known: &[&str]) -> Search {
        Search {
            filter: "a/+".into(),
            below: below.map(|text| Pointer::parse(text).unwrap()),
            only: Vec::new(),
            most,
            known: Arc::new(known.iter().map(|name| Arc::from(*name)).collect()),
        }
    }

    fn names(sighting: &Sighting) -> Vec<&str> {
        sighting.found.iter().map(|found| &*found.name).collect()
    }

    #[test]
    fn a_name_is_told_once_and_again_after_a_while() {
        let (mut seen, search) = (Seen::default(), search(None, 2, &["a/1"]));
        let at = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut look = |topic: &str, seconds| seen.look(&search, topic, &Document::new(b"1"), at(seconds));
        assert_eq!(look("a/1", 0), Sighting::default(), "it is a tag already");
        let first = look("a/2", 0);
        assert_eq!((names(&first), first.waits), (vec!["a/2"], true));
        assert_eq!(first.found[0].facts, json!({"topic": "a/2"}));
        let second = look("a/2", 59);
        assert_eq!((names(&second), second.waits), (vec![], true));
        assert_eq!(names(&look("a/2", 60)), ["a/2"]);
        let beyond = look("a/3", 61);
        assert_eq!((names(&beyond), beyond.waits, beyond.left_out), (vec![], false, Some(1)));
        assert_eq!(look("a/3", 62).left_out, None, "counted once");
        assert_eq!(look("a/4", 62).left_out, Some(2));
    }

    #[test]
    fn every_value_below_a_place_is_found_with_its_type() {
        let (mut seen, search) = (Seen::default(), search(Some("/o"), 100, &[]));
        let payload = br#"{"x":1,"o":{"t":21.5,"on":true,"s":"x","none":null,"deep":{"a/b":[7]}}}"#;
        let sighting = seen.look(&search, "a/1", &Document::new(payload), Timestamp::default());
        assert_eq!(names(&sighting), ["a/1 /o/t", "a/1 /o/on", "a/1 /o/s", "a/1 /o/deep/a~1b/0"]);
        assert_eq!(sighting.found[1].facts, json!({"topic": "a/1", "json": "/o/on", "type": "bool"}));
        for nothing in [&b"{"[..], b"[]", b"\xFF"] {
            assert_eq!(seen.look(&search, "a/2", &Document::new(nothing), Timestamp::default()), Sighting::default());
        }
    }

    /// Found by thinking of a payload of a megabyte: each of its ten thousand values would have carried the key.
    #[test]
    fn what_is_too_long_for_a_name_is_left_out_and_counted() {
        let (mut seen, search) = (Seen::default(), search(Some(""), 100, &[]));
        let payload = format!("{{\"{}\":[1,2,3],\"short\":4}}", "k".repeat(LONGEST_NAME));
        let sighting = seen.look(&search, "a/1", &Document::new(payload.as_bytes()), Timestamp::default());
        assert_eq!((names(&sighting), sighting.left_out), (vec!["a/1 /short"], Some(1)));
        let below = Below::of(&Document::new(payload.as_bytes()), &Pointer::parse("").unwrap());
        assert_eq!((below.values.len(), below.has_longer), (1, true), "none of them was made");
        let topic = format!("a/{}", "t".repeat(LONGEST_NAME));
        let sighting = seen.look(&search, &topic, &Document::new(b"{\"x\":1,\"y\":2}"), Timestamp::default());
        assert_eq!((names(&sighting), sighting.waits, sighting.left_out), (vec![], false, Some(2)));
    }

    #[test]
    fn kept_messages_have_a_bound() {
        let mut kept = Kept::default();
        let message = |topic: &str, bytes: usize, at| KeptMessage {
            topic: topic.into(),
            payload: vec![0; bytes],
            retained: false,
            queued: false,
            at: Timestamp::from_micros(at),
        };
        kept.keep(message("b", KEPT_BYTES / 2, 2));
        kept.keep(message("a", KEPT_BYTES / 4, 1));
        kept.keep(message("c", KEPT_BYTES / 2, 3));
        kept.keep(message("a", 7, 4));
        let now = Timestamp::from_micros(5);
        let taken: Vec<_> = kept.take(now).iter().map(|kept| (kept.topic.to_string(), kept.payload.len())).collect();
        assert_eq!(taken, [("b".to_owned(), KEPT_BYTES / 2), ("a".to_owned(), 7)]);
        assert!(kept.take(now).is_empty());
        kept.keep(message("old", 1, 5));
        kept.keep(message("new", 1, 6));
        let later = Timestamp::from_micros(6).plus(KEPT_FOR);
        assert_eq!(kept.take(later).iter().map(|kept| &*kept.topic).collect::<Vec<_>>(), ["new"]);
        assert!(kept.take(now).is_empty(), "what is too old is gone");
    }
}
