//! How much the messages that wait for missing ones may take together, whoever sent them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes that may be held for all nodes of a broker together.
const HELD_BYTES: usize = 64 << 20;

/// What is left of them.
#[derive(Clone, Debug)]
pub(super) struct Budget(Arc<AtomicUsize>);

impl Default for Budget {
    fn default() -> Self {
        Self(Arc::new(AtomicUsize::new(HELD_BYTES)))
    }
}

/// A part of the budget; it goes back when this is dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Budget,
    bytes: usize,
}

impl Budget {
    /// A part for so many bytes; none where there is no room.
    pub(super) fn take(&self, bytes: usize) -> Option<Share> {
        let taken = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        taken.ok().map(|_| Share { budget: self.clone(), bytes })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.0.fetch_add(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::super::SourceId;
    use super::super::order::{Numbered, Order, Verdict};
    use super::*;
    use crate::driver::mqtt::sparkplug::payload::{Metric, Payload};
    use crate::driver::mqtt::sparkplug::topic::Kind;
    use crate::tag::Monotonic;

    fn message(seq: u8, bytes: usize, metrics: usize) -> Numbered {
        let payload = Payload { metrics: vec![Metric::default(); metrics], ..Payload::default() };
        Numbered { seq, kind: Kind::Data, source: SourceId(0), payload, bytes, arrived: Monotonic::default() }
    }

    #[test]
    fn all_nodes_share_what_may_be_held() {
        let budget = Budget(Arc::new(AtomicUsize::new(1000)));
        let left = || budget.0.load(Ordering::Relaxed);
        let [mut one, mut other] = [0, 0].map(|seq| Order::after(seq, budget.clone()));
        assert!(matches!(one.arrive(message(2, 600, 0)), Verdict::Held));
        assert!(matches!(other.arrive(message(2, 600, 0)), Verdict::Full));
        assert!(matches!(other.arrive(message(3, 400, 0)), Verdict::Held));
        assert_eq!(left(), 0);
        assert_eq!(other.give_up().len(), 1);
        assert_eq!(left(), 400, "what is not held any more has given its part back");
        assert!(
            matches!(other.arrive(message(9, 10, 100)), Verdict::Full),
            "what is small on the wire may be large here"
        );
        assert!(matches!(one.arrive(message(1, 5000, 0)), Verdict::Next(_)), "what is not held needs no room");
        assert!(one.next().is_some());
        assert_eq!(left(), 1000);
        assert!(matches!(one.arrive(message(7, 600, 0)), Verdict::Held));
        drop(one);
        assert_eq!(left(), 1000);
    }
}
