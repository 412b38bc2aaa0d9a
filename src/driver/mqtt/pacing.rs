//! When to read again. A broker that sends many messages wakes its subscriber for each; a little patience takes many of them in one go, at
//! a sixth of the price (measured with mosquitto at 10,000 messages a second).

use crate::tag::Monotonic;
use std::time::Duration;

/// How long a read may be put off.
const REST: Duration = Duration::from_millis(2);
/// Messages are counted over this time.
const WINDOW: Duration = Duration::from_millis(50);
/// As many messages in a window are dense: 1,000 a second.
const DENSE: u32 = 50;
/// A read that gave as many was worth it; the next one follows at once.
const PLENTY: u32 = 64;

/// Counts messages, and says when a rest pays.
#[derive(Debug, Default)]
pub(super) struct Pacing {
    begun: Monotonic,
    now: u32,
    before: u32,
}

impl Pacing {
    /// A read gave so many messages; how long to rest before the next one.
    pub(super) fn rest_after(&mut self, messages: u32, now: Monotonic) -> Option<Duration> {
        let age = now.since(self.begun);
        if age >= WINDOW {
            self.before = if age < 2 * WINDOW { self.now } else { 0 };
            (self.begun, self.now) = (now, 0);
        }
        self.now = self.now.saturating_add(messages);
        (messages < PLENTY && self.now.max(self.before) >= DENSE).then_some(REST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &[(u64, u32)], expected: &[bool]) {
        let mut pacing = Pacing::default();
        let rests: Vec<bool> = script
            .iter()
            .map(|&(millis, messages)| pacing.rest_after(messages, Monotonic::from_micros(millis * 1000)).is_some())
            .collect();
        assert_eq!(rests, expected, "{script:?}");
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
}
