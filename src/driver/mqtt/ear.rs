//! What a broker says, for those who look: a session of its own beside the station's hears every topic, as long as somebody listens.
//!
//! It is a second session because a broker may deliver a message once for each subscription that it matches: what the station takes in
//! would come twice as soon as somebody looks. So the station's session, its subscriptions and its flow control know nothing of it.

use super::topics::{Heard, Topic, TopicRow, Topics};
use crate::tag::{Monotonic, Now, Timestamp};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;

/// Everything but what brokers say of themselves.
pub const EVERY_TOPIC: &str = "#";
/// Messages a second that are taken in; of more, those to topics that are known already are left out. What the broker kept from before
/// always counts: it comes but once.
const PER_SECOND: u32 = 4_000;
/// The span over which these are counted.
const SPAN: Duration = Duration::from_millis(100);

/// What is to be heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// How many listen.
    pub(super) listeners: u32,
    /// Topic filter, with wildcards.
    pub(super) filter: Arc<str>,
}

/// How listening goes.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Hearing {
    /// Nobody listens.
    #[default]
    Off,
    /// The broker is being connected.
    Connecting,
    /// Messages come in.
    On {
        /// Since when.
        since: Timestamp,
    },
    /// It failed, is tried again by itself, and this is why.
    Failed(String),
}

/// What is known now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EarState {
    /// How listening goes.
    pub hearing: Hearing,
    /// Topics that are known.
    pub topics: usize,
    /// Messages a second over all topics.
    pub per_second: f32,
    /// Messages that were not taken in, because they came too fast or there was no room for their topics.
    pub left_out: u64,
}

/// The ear of one connection. Its session writes, everybody else reads.
#[derive(Debug)]
pub struct Ear {
    wish: watch::Sender<Wish>,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    hearing: Hearing,
    topics: Topics,
    pace: Pace,
}

/// As long as this lives, somebody listens.
#[derive(Debug)]
pub struct Listening(Arc<Ear>);

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.wish.send_modify(|wish| wish.listeners = wish.listeners.saturating_sub(1));
    }
}

impl Default for Ear {
    fn default() -> Self {
        let wish = Wish { listeners: 0, filter: EVERY_TOPIC.into() };
        Self { wish: watch::channel(wish).0, kept: Mutex::default() }
    }
}

impl Ear {
    /// Begins to listen to the topics of a filter; the one who asks last says which.
    pub fn listen(self: &Arc<Self>, filter: &str) -> Listening {
        self.wish.send_modify(|wish| {
            wish.listeners += 1;
            wish.filter = filter.into();
        });
        Listening(Arc::clone(self))
    }

    /// Whether it is this filter that is heard, or will be.
    pub fn hears(&self, filter: &str) -> bool {
        &*self.wish.borrow().filter == filter
    }

    /// Forgets what was heard. What a broker keeps of its topics does not come again by itself.
    pub fn clear(&self) {
        if let Ok(mut kept) = self.kept.lock() {
            kept.topics.clear();
            kept.pace.left_out = 0;
        }
    }

    /// What is known at `now`.
    pub fn state(&self, now: Monotonic) -> EarState {
        let Ok(kept) = self.kept.lock() else { return EarState::default() };
        EarState {
            hearing: kept.hearing.clone(),
            topics: kept.topics.len(),
            per_second: kept.topics.per_second(now),
            left_out: kept.topics.left_out() + kept.pace.left_out,
        }
    }

    /// A copy of everything that was heard, for those who want to look at one moment.
    pub fn copy(&self) -> Topics {
        self.kept.lock().map(|kept| kept.topics.clone()).unwrap_or_default()
    }

    /// The lines of the tree where the levels in `open` are unfolded, or those in which `words` stand where there are any; at most `most`
    /// of the latter.
    pub fn rows(&self, open: &BTreeSet<Arc<str>>, words: &str, most: usize, now: Monotonic) -> Vec<TopicRow> {
        self.kept.lock().map(|kept| kept.topics.shown(open, words, most, now)).unwrap_or_default()
    }

    /// What is known of one topic.
    pub fn topic(&self, topic: &str) -> Option<Topic> {
        self.kept.lock().ok()?.topics.get(topic).cloned()
    }

    /// What is to be heard, and when that changes.
    pub(super) fn wishes(&self) -> watch::Receiver<Wish> {
        self.wish.subscribe()
    }

    /// How listening goes from now on.
    pub(super) fn tell(&self, hearing: Hearing) {
        if let Ok(mut kept) = self.kept.lock() {
            kept.hearing = hearing;
        }
    }

    /// Takes a message in.
    pub(super) fn hear(&self, heard: Heard<'_>, now: Now) {
        let Ok(mut kept) = self.kept.lock() else { return };
        let has_room = kept.pace.takes(now.monotonic);
        if has_room || heard.retained || kept.topics.get(heard.topic).is_none() {
            kept.topics.hear(heard, now.utc, now.monotonic);
        } else {
            kept.pace.left_out += 1;
        }
    }

    /// A message over the packet limit came: its topic is known, its payload is not.
    pub(super) fn leave_out(&self, topic: &str, bytes: usize, now: Now) {
        let heard = Heard { topic, payload: &[], length_bytes: bytes, retained: false };
        self.hear(heard, now);
    }
}

/// Whether this is a topic filter that may be listened to: `+` stands for a level, `#` for the rest at the end. A share of a group's messages
/// is none of them: who listens to it takes them away from the group.
pub fn is_filter(filter: &str) -> bool {
    let length_fits = (1..=65_535).contains(&filter.len());
    let is_plain = !filter.contains('\0') && !filter.starts_with("$share/") && !filter.starts_with("$queue/");
    let mut levels = filter.split('/').rev();
    let last_fits = levels.next().is_some_and(|last| last == "#" || last == "+" || !last.contains(['#', '+']));
    length_fits && is_plain && last_fits && levels.all(|level| level == "+" || !level.contains(['#', '+']))
}

/// Counts what comes, so that no flood takes more than its share.
#[derive(Debug, Default)]
struct Pace {
    begun: Monotonic,
    taken: u32,
    left_out: u64,
}

impl Pace {
    /// Whether one more message has room in the span that `now` is in.
    fn takes(&mut self, now: Monotonic) -> bool {
        if now.since(self.begun) >= SPAN {
            (self.begun, self.taken) = (now, 0);
        }
        self.taken = self.taken.saturating_add(1);
        u128::from(self.taken) * 1_000 <= u128::from(PER_SECOND) * SPAN.as_millis()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(ear: &Ear, topic: &str, retained: bool, millis: u64) {
        let heard = Heard { topic, payload: b"1", length_bytes: 1, retained };
        ear.hear(heard, Now::default().plus(Duration::from_millis(millis)));
    }

    #[test]
    fn the_last_listener_ends_it_and_the_last_one_who_asks_says_what_is_heard() {
        let ear = Arc::new(Ear::default());
        let wishes = ear.wishes();
        let (one, two) = (ear.listen("a/#"), ear.listen(EVERY_TOPIC));
        assert_eq!(*wishes.borrow(), Wish { listeners: 2, filter: "#".into() });
        drop(one);
        assert_eq!(wishes.borrow().listeners, 1);
        drop(two);
        assert_eq!(wishes.borrow().listeners, 0);
    }

    #[test]
    fn a_filter_is_told_from_what_is_none() {
        for (filter, expected) in [
            ("#", true),
            ("+", true),
            ("a/+/b/#", true),
            ("$SYS/#", true),
            ("/", true),
            ("", false),
            ("a/#/b", false),
            ("a#", false),
            ("a+/b", false),
            ("a\0", false),
            ("$share/group/#", false),
            ("$queue/#", false),
        ] {
            assert_eq!(is_filter(filter), expected, "{filter:?}");
        }
        assert!(!is_filter(&"a".repeat(65_536)));
    }

    #[test]
    fn a_flood_is_sampled_and_counted_and_loses_no_topic_and_nothing_that_was_kept() {
        let ear = Ear::default();
        (0..1_000).for_each(|_| hear(&ear, "flood", false, 0));
        assert_eq!(ear.topic("flood").unwrap().messages, 400);
        hear(&ear, "new", false, 1);
        hear(&ear, "flood", true, 2);
        let state = ear.state(Monotonic::default());
        assert_eq!((state.topics, state.left_out, ear.topic("flood").unwrap().retained), (2, 600, true));
        hear(&ear, "flood", false, 100);
        assert_eq!(ear.topic("flood").unwrap().messages, 402, "the next span has room again");
        ear.clear();
        assert_eq!(ear.state(Monotonic::default()), EarState::default());
    }
}
