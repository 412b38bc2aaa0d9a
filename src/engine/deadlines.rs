//! What waits for time, the earliest first.

use crate::tag::Monotonic;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What is due. An entry may be out of date: its owner looks again when it is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Deadline {
    /// A delay of the alarm in this slot.
    Alarm(u32),
    /// The alarm in this slot looks again although nothing arrives.
    Watch(u32),
    /// The tag in this slot may have become stale.
    Stale(u32),
    /// Delays of alarms have to be recorded.
    Delays,
    /// A flood of alarms may be over.
    Flood,
    /// A command may have waited long enough.
    Command,
    /// The bridge in this slot looks again.
    Bridge(u32),
}

/// A heap of deadlines.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    heap: BinaryHeap<Reverse<(Monotonic, Deadline)>>,
}

impl Deadlines {
    pub(super) fn push(&mut self, due: Monotonic, deadline: Deadline) {
        self.heap.push(Reverse((due, deadline)));
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.heap.len()
    }

    pub(super) fn next(&self) -> Option<Monotonic> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    pub(super) fn pop_due(&mut self, now: Monotonic) -> Option<Deadline> {
        if self.next()? > now {
            return None;
        }
        self.heap.pop().map(|Reverse((_, deadline))| deadline)
    }

    pub(super) fn clear(&mut self) {
        self.heap.clear();
    }
}
