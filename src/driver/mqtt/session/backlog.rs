//! What the broker held back for a session while nobody was connected: it comes like any other message, and nothing in it says that it is old.
//!
//! # The rule
//! Where the broker still knew the session, every message counts as held back until a question proves that nothing is left: a ping that
//! goes out when all subscriptions are answered and fewer messages wait for our word than once did, and that is answered before so many
//! are under way again. A broker sends what it has room for before it answers; there was room, as it had more under way before; so there was
//! nothing. Where nothing waits, and nothing ever did, the answer has to come without a message before it. Where messages come so densely
//! that no answer proves anything, it is asked once a second, and believed to be through after [`LONGEST`].

use super::{QoS, Session};
use crate::tag::Monotonic;
use std::time::Duration;

/// A backlog that was not seen to end counts as over by then.
const LONGEST: Duration = Duration::from_secs(300);
/// Time from one question to the next.
const BETWEEN: Duration = Duration::from_secs(1);

/// Whether messages may be ones that the broker held back.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    /// Until when that is believed at most; none when it is through.
    until: Option<Monotonic>,
    /// While a ping is under way: how many messages may still come before its answer. None where too many came.
    left: Option<usize>,
    /// When to ask next.
    next: Monotonic,
}

impl Backlog {
    /// A connection begins.
    pub(super) fn begin(&mut self, session_present: bool, now: Monotonic) {
        *self = Self { until: session_present.then(|| now.plus(LONGEST)), left: None, next: now };
    }

    /// A message arrives: whether it may have been held back. One that the broker keeps for everybody is no part of it.
    pub(super) fn is_part(&mut self, retained: bool, qos: QoS) -> bool {
        // Of those that are kept for everybody, the others take no room at the broker.
        if !retained || qos != QoS::AtMostOnce {
            self.left = self.left.and_then(|left| left.checked_sub(1));
        }
        !retained && self.until.is_some()
    }

    fn pass_time(&mut self, now: Monotonic) {
        self.until = self.until.filter(|until| *until > now);
    }

    fn due(&self, can_ask: bool) -> Option<Monotonic> {
        let until = self.until?;
        Some(if can_ask && self.left.is_none() { self.next.min(until) } else { until })
    }

    fn asked(&mut self, left: usize, now: Monotonic) {
        (self.left, self.next) = (Some(left), now.plus(BETWEEN));
    }

    /// A ping was answered.
    pub(super) fn answered(&mut self) {
        if self.left.is_some() {
            *self = Self::default();
        }
    }
}

impl Session {
    /// Messages were not acknowledged for so long that the broker may hold others back: those that come count as old from now on, as after a
    /// break.
    pub fn expect_backlog(&mut self, now: Monotonic) {
        self.backlog.begin(true, now);
    }

    /// Whether the broker may surely send more before it has our word for what it sent: it had more under way before on this connection.
    pub fn has_room_for_more(&self) -> bool {
        self.received.room().is_some()
    }

    /// Whether messages count as held back.
    pub const fn expects_backlog(&self) -> bool {
        self.backlog.until.is_some()
    }

    /// Whether it is time to ask for the end of the backlog; then the ping has to go out.
    pub(super) fn asks_for_backlog(&mut self, now: Monotonic) -> bool {
        self.backlog.pass_time(now);
        let asks = self.backlog.until.is_some() && self.backlog_due().is_some_and(|due| due <= now);
        if let Some(left) = self.received.room().filter(|_| asks) {
            self.backlog.asked(left, now);
        }
        asks
    }

    /// When [`Session::asks_for_backlog`] has something to do.
    pub(super) fn backlog_due(&self) -> Option<Monotonic> {
        self.backlog.due(self.subscriptions.is_ready() && self.received.room().is_some() && self.pings == self.pongs)
    }
}
