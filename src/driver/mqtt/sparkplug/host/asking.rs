//! When an edge node may be asked to announce itself anew. A node that goes on breaking the rules, or never answers, is not flooded.

use crate::tag::Monotonic;
use std::time::Duration;

/// The least time between two requests to one node.
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// The longest one, after many without an answer.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// The requests to one node.
#[derive(Clone, Debug)]
pub(super) struct Asking {
    is_wanted: bool,
    not_before: Monotonic,
    pause: Duration,
}

impl Default for Asking {
    fn default() -> Self {
        Self { is_wanted: false, not_before: Monotonic::default(), pause: FIRST_PAUSE }
    }
}

impl Asking {
    /// Its birth is needed, at once where that is allowed.
    pub(super) fn want(&mut self) {
        self.is_wanted = true;
    }

    /// Its birth is needed if it has not come by then.
    pub(super) fn want_from(&mut self, moment: Monotonic) {
        self.is_wanted = true;
        self.not_before = self.not_before.max(moment);
    }

    /// It is born, or known to be gone: nothing is needed of it. The pause since the last request holds on.
    pub(super) fn settle(&mut self) {
        self.is_wanted = false;
    }

    /// When the next request goes out.
    pub(super) fn due(&self) -> Option<Monotonic> {
        self.is_wanted.then_some(self.not_before)
    }

    /// Whether a request goes out now; the next one then waits longer.
    pub(super) fn take(&mut self, now: Monotonic) -> bool {
        if !self.is_wanted || now < self.not_before {
            return false;
        }
        if now >= self.not_before.plus(LONGEST_PAUSE) {
            self.pause = FIRST_PAUSE;
        }
        self.not_before = now.plus(self.pause);
        self.pause = (self.pause * 2).min(LONGEST_PAUSE);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_micros(seconds * 1_000_000)
    }

    /// The moments at which requests go out when one is wanted all the time.
    #[test]
    fn requests_grow_rare_and_begin_anew_after_a_quiet_time() {
        let mut asking = Asking::default();
        let mut sent = |seconds: std::ops::Range<u64>| {
            seconds
                .filter(|second| {
                    asking.want();
                    let goes = asking.take(at(*second));
                    asking.settle();
                    goes
                })
                .collect::<Vec<_>>()
        };
        assert_eq!(sent(1000..2200), [1000, 1010, 1030, 1070, 1150, 1310, 1610, 1910]);
        assert_eq!(sent(3000..3020), [3000, 3010]);
    }

    #[test]
    fn nothing_goes_out_unwanted_or_early() {
        let mut asking = Asking::default();
        assert!(!asking.take(at(1)));
        asking.want_from(at(5));
        assert_eq!((asking.take(at(4)), asking.due()), (false, Some(at(5))));
        assert!(asking.take(at(5)));
        assert_eq!(asking.due(), Some(at(15)));
        asking.settle();
        assert_eq!(asking.due(), None);
    }
}
