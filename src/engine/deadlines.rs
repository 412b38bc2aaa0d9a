//! What waits for time, the earliest first.

use crate::tag::Monotonic;
use std::collections::{BTreeSet, HashMap};

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
    /// A step of the wall clock is no news any more.
    Clock,
    /// The bridge in this slot looks again.
    Bridge(u32),
}

/// Deadlines in order. Of the delays of an alarm there is one entry at most: an input that chatters leaves none behind.
#[derive(Debug, Default)]
pub(super) struct Deadlines {
    order: BTreeSet<(Monotonic, Deadline)>,
    alarms: HashMap<u32, Monotonic>,
}

impl Deadlines {
    pub(super) fn push(&mut self, due: Monotonic, deadline: Deadline) {
        self.order.insert((due, deadline));
    }

    /// When the alarm in this slot is due, instead of what was said before; none where it waits for nothing.
    pub(super) fn set_alarm(&mut self, slot: u32, due: Option<Monotonic>) {
        let before = match due {
            Some(due) => self.alarms.insert(slot, due),
            None => self.alarms.remove(&slot),
        };
        if before == due {
            return;
        }
        if let Some(before) = before {
            self.order.remove(&(before, Deadline::Alarm(slot)));
        }
        if let Some(due) = due {
            self.order.insert((due, Deadline::Alarm(slot)));
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    pub(super) fn next(&self) -> Option<Monotonic> {
        self.order.first().map(|(due, _)| *due)
    }

    pub(super) fn pop_due(&mut self, now: Monotonic) -> Option<Deadline> {
        if self.next()? > now {
            return None;
        }
        let (_, deadline) = self.order.pop_first()?;
        if let Deadline::Alarm(slot) = deadline {
            self.alarms.remove(&slot);
        }
        Some(deadline)
    }

    pub(super) fn clear(&mut self) {
        self.order.clear();
        self.alarms.clear();
    }
}
