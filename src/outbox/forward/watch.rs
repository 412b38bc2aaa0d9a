//! Whether the connection is still the one of before. What a broker keeps may be gone with the next one: then states are told again.

use super::{Forwarder, TRY_AGAIN, Wishes};
use crate::tag::Monotonic;

/// An order that the driver answers when the connection ends, and at once where there is none.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// The number of the order that is under way.
    open: Option<u64>,
    /// Before this, no other one is sent.
    not_before: Monotonic,
}

impl Forwarder {
    /// When the connection is watched again; none where it is already, or where nothing depends on it.
    pub(super) fn next_watch(&self) -> Option<Monotonic> {
        (self.watch.open.is_none() && !self.by_alarm.is_empty()).then_some(self.watch.not_before)
    }

    /// Watches the connection. From now on its end is told; so all that the broker keeps is told after this, and not before.
    pub(super) fn watch(&mut self, now: Monotonic, wishes: &mut Wishes) {
        if self.next_watch().is_none_or(|due| due > now) {
            return;
        }
        self.watch.open = Some(self.next_number);
        wishes.watch = Some(self.next_number);
        self.next_number += 1;
        let places: Vec<usize> = self.by_alarm.values().flatten().copied().collect();
        for place in places {
            let lane = &mut self.lanes[place];
            if lane.waits || lane.last.is_none() {
                continue;
            }
            (lane.newest, lane.is_stored, lane.waits) = (lane.last.clone(), false, true);
            self.due.insert((now, place));
        }
    }

    /// The connection ended, or is not there: whether the answer was that to a watch.
    pub(super) fn is_watch_over(&mut self, number: u64, now: Monotonic) -> bool {
        let is_ours = self.watch.open == Some(number);
        if is_ours {
            self.watch = Watch { open: None, not_before: now.plus(TRY_AGAIN) };
        }
        is_ours
    }
}
