//! What went over a wire, for those who look: the last exchanges that failed always, all others while somebody watches.

use crate::tag::{Clock, Monotonic, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// Exchanges that are kept.
const KEPT: usize = 2_000;

/// One request and what came of it, as bytes on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exchange {
    /// Counts up by one from exchange to exchange of the wire.
    pub number: u64,
    /// When the request was sent.
    pub time: Timestamp,
    /// The unit that was asked.
    pub unit: u8,
    /// The request with its frame.
    pub request: Box<[u8]>,
    /// What came back with its frame, as far as it came.
    pub answer: Box<[u8]>,
    /// From the request to the answer or to the end of the wait, in microseconds.
    pub micros: u32,
    /// What was wrong; none where nothing was.
    pub error: Option<String>,
}

/// The exchanges of one wire. The task of the wire writes, everybody else reads.
#[derive(Debug, Default)]
pub struct Traffic {
    is_rtu: bool,
    watchers: AtomicU32,
    /// Until when a tool that asks from outside is taken to be watching, in microseconds of the monotonic clock.
    asked_until: AtomicU64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    next: u64,
    exchanges: VecDeque<Exchange>,
}

/// As long as this lives, every exchange is kept.
#[derive(Debug)]
pub struct Watching(std::sync::Arc<Traffic>);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Traffic {
    /// For a wire; `is_rtu` says that its frames carry a check sum instead of a head.
    pub(in crate::driver) fn new(is_rtu: bool) -> Self {
        Self { is_rtu, ..Self::default() }
    }

    /// Whether frames carry a check sum instead of a head.
    pub fn is_rtu(&self) -> bool {
        self.is_rtu
    }

    /// Keeps every exchange for this long from `now` on.
    pub fn ask_for(&self, span: Duration, now: Monotonic) {
        self.asked_until.store(now.plus(span).as_micros(), Ordering::Relaxed);
    }

    /// Begins to keep every exchange.
    pub fn watch(self: &std::sync::Arc<Self>) -> Watching {
        self.watchers.fetch_add(1, Ordering::Relaxed);
        Watching(std::sync::Arc::clone(self))
    }

    /// Whether exchanges without errors are kept as well.
    pub(super) fn is_watched(&self, clock: &dyn Clock) -> bool {
        if self.watchers.load(Ordering::Relaxed) > 0 {
            return true;
        }
        let until = self.asked_until.load(Ordering::Relaxed);
        until > 0 && until > clock.now().monotonic.as_micros()
    }

    /// Keeps one exchange; its number is set here.
    pub(super) fn keep(&self, mut exchange: Exchange) {
        let Ok(mut kept) = self.kept.lock() else { return };
        exchange.number = kept.next;
        kept.next += 1;
        if kept.exchanges.len() == KEPT {
            kept.exchanges.pop_front();
        }
        kept.exchanges.push_back(exchange);
    }

    /// The kept exchanges from number `first` on, the oldest first.
    pub fn since(&self, first: u64) -> Vec<Exchange> {
        let Ok(kept) = self.kept.lock() else { return Vec::new() };
        kept.exchanges.iter().filter(|exchange| exchange.number >= first).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    fn exchange() -> Exchange {
        let nothing = Box::<[u8]>::from([]);
        let time = Timestamp::from_micros(0);
        Exchange { number: 0, time, unit: 1, request: nothing.clone(), answer: nothing, micros: 0, error: None }
    }

    #[test]
    fn the_oldest_go_and_numbers_go_on() {
        let traffic = Arc::new(Traffic::default());
        for _ in 0..KEPT + 3 {
            traffic.keep(exchange());
        }
        let all = traffic.since(0);
        assert_eq!((all.len(), all[0].number), (KEPT, 3));
        assert_eq!(traffic.since(KEPT as u64 + 2).len(), 1);
    }

    #[test]
    fn watching_ends_with_the_one_who_watches() {
        let traffic = Arc::new(Traffic::default());
        let (one, two) = (traffic.watch(), traffic.watch());
        drop(one);
        assert!(traffic.watchers.load(Ordering::Relaxed) > 0);
        drop(two);
        assert_eq!(traffic.watchers.load(Ordering::Relaxed), 0);
    }
}
