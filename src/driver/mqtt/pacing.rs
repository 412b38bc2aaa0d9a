//! When to read again. A broker that sends many messages wakes its subscriber for each; a little patience takes many of them in one go, at
//! a sixth of the price (measured with mosquitto at 10,000 messages a second).

use crate::tag::Monotonic;
use std::time::Duration;

/// How long a read is put off. Timers count whole milliseconds, and a rest ends with the one after it: it takes up to twice as long.
const REST: Duration = Duration::from_millis(1);
/// Messages are counted over this time.
const WINDOW: Duration = Duration::from_millis(50);
/// As many messages in a window are dense: 1,000 a second.
const DENSE: u32 = 50;
/// A read that gave as many was worth it; the next one follows at once.
const PLENTY: u32 = 64;
/// With as many messages in a window, a broker that waits for our word is not kept waiting: 20,000 a second.
const BUSY: u32 = 1000;
/// As many reads after rests tell whether they all gave the same number of messages.
const TELLING: u32 = 8;
/// How long nothing rests where a broker was kept waiting.
const RESTLESS: Duration = Duration::from_millis(500);

/// Counts messages, and says when a rest pays.
///
/// A broker lets so many messages of QoS 1 and 2 be under way and no more, and it does not say how many. Where every rest brings the same
/// number, it is this bound that ends them, and the rests that hold the flow up.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    begun: Monotonic,
    now: u32,
    before: u32,
    /// Whether a rest came before this read.
    rested: bool,
    /// Reads after rests in this window, and the fewest and the most messages that one gave.
    rests: u32,
    fewest: u32,
    most: u32,
    restless_until: Monotonic,
}

impl Pacing {
    /// A read gave so many messages; how long to rest before the next one. `owes_word` where messages wait for their acknowledgement.
    pub(super) fn rest_after(&mut self, messages: u32, owes_word: bool, now: Monotonic) -> Option<Duration> {
        let age = now.since(self.begun);
        if age >= WINDOW {
            self.begin_window(age, now);
        }
        self.now = self.now.saturating_add(messages);
        if self.rested {
            self.rests += 1;
            (self.fewest, self.most) = (self.fewest.min(messages), self.most.max(messages));
        }
        let rate = self.now.max(self.before);
        let holds_up = owes_word && (rate >= BUSY || now < self.restless_until);
        self.rested = messages < PLENTY && rate >= DENSE && !holds_up;
        self.rested.then_some(REST)
    }

    fn begin_window(&mut self, age: Duration, now: Monotonic) {
        if self.rests >= TELLING && self.fewest == self.most {
            self.restless_until = now.plus(RESTLESS);
        }
        self.before = if age < 2 * WINDOW { self.now } else { 0 };
        (self.begun, self.now) = (now, 0);
        (self.rests, self.fewest, self.most) = (0, u32::MAX, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rests(pacing: &mut Pacing, owes_word: bool, script: &[(u64, u32)]) -> Vec<bool> {
        let mut rests = |&(millis, messages): &(u64, u32)| {
            pacing.rest_after(messages, owes_word, Monotonic::from_micros(millis * 1000)).is_some()
        };
        script.iter().map(&mut rests).collect()
    }

    fn check(script: &[(u64, u32)], expected: &[bool]) {
        assert_eq!(rests(&mut Pacing::default(), false, script), expected, "{script:?}");
    }

    #[test]
    fn rests_only_where_messages_come_densely_and_a_few_at_a_time() {
        // One a second: never.
        check(&[(1000, 1), (2000, 1), (3000, 1)], &[false, false, false]);
        // A single burst in one read: the next one follows at once.
        check(&[(1000, 500), (1001, 64)], &[false, false]);
        // One at a time, densely.
        let dense: Vec<_> = (0..60).map(|count| (1000 + count / 2, 1)).collect();
        let mut expected = vec![false; 49];
        expected.extend([true; 11]);
        check(&dense, &expected);
        // It goes on over the edge of a window, and ends with the flood.
        check(&[(1000, 60), (1050, 1), (1300, 1)], &[true, true, false]);
    }

    /// Of the reads of a second, 2 ms apart, which give so many messages: how many are followed by a rest.
    fn share_of_rests(owes_word: bool, gives: impl Fn(u64) -> u32) -> f64 {
        let mut pacing = Pacing::default();
        let script: Vec<_> = (0..500).map(|read| (1000 + read * 2, gives(read))).collect();
        let rests = rests(&mut pacing, owes_word, &script);
        rests.iter().filter(|rested| **rested).count() as f64 / rests.len() as f64
    }

    #[test]
    fn a_broker_that_waits_for_our_word_is_not_held_up() {
        // 20 on their way and never more or less: the rests end them. What comes by itself varies.
        assert!(share_of_rests(true, |_| 20) < 0.2);
        assert!(share_of_rests(true, |_| 4) < 0.2);
        assert!(share_of_rests(true, |read| 20 + (read % 3) as u32) > 0.9);
        // Where nothing waits for a word, even is not suspicious.
        assert!(share_of_rests(false, |_| 20) > 0.9);
        // So fast that a rest would cost more messages than it saves.
        assert!(share_of_rests(true, |read| 45 + (read % 3) as u32) < 0.05);
        assert!(share_of_rests(false, |read| 45 + (read % 3) as u32) > 0.9);
    }
}
