//! Whether more alarms come than an operator can take; the board says so, and is made anew when time alone changes that.

use super::{AlarmDesk, Turn};
use crate::alarm::{FloodState, LiveFlood};
use crate::engine::deadlines::{Deadline, Deadlines};
use crate::tag::Now;

/// The count, and whether time will look at it.
#[derive(Debug, Default)]
pub(super) struct Floods {
    live: LiveFlood,
    is_armed: bool,
}

impl Floods {
    /// An alarm came to be active in the eyes of the operator.
    pub(super) fn activated(&mut self, now: Now, deadlines: &mut Deadlines) {
        self.live.activated(now);
        self.arm(now, deadlines);
    }

    pub(super) fn state(&self) -> Option<FloodState> {
        self.live.state()
    }

    fn arm(&mut self, now: Now, deadlines: &mut Deadlines) {
        if self.is_armed {
            return;
        }
        if let Some(due) = self.live.due(now) {
            self.is_armed = true;
            deadlines.push(due, Deadline::Flood);
        }
    }
}

impl AlarmDesk {
    /// Activations became ten minutes old.
    pub(in crate::engine) fn pass_flood(&mut self, now: Now, deadlines: &mut Deadlines) {
        self.floods.is_armed = false;
        if self.floods.live.pass(now) {
            self.board = None;
        }
        self.floods.arm(now, deadlines);
    }

    /// The station file is another one, and the operator is the same.
    pub(super) fn adopt_flood(&mut self, previous: &mut Self, turn: &mut Turn<'_>) {
        self.floods.live = std::mem::take(&mut previous.floods.live);
        self.floods.is_armed = false;
        self.floods.arm(turn.now, turn.deadlines);
    }
}
