//! What the broker held back for a session while nobody was connected: it comes like any other message, and nothing in it says that it is old.
//!
//! # The rule
//! Where the broker still knew the session, every message counts as held back until a question proves that nothing is left: a ping that
//! goes out when all subscriptions are answered and nothing waits for an acknowledgement of ours, and that is answered without a message
//! before the answer. A broker sends what it has room for before it answers, so there was nothing. Where messages come all the time, so
//! that no answer ever comes alone, it is asked once a second, and believed to be through after [`LONGEST`].

use super::Session;
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
    /// Whether a ping is under way, and no message came since.
    is_asked: bool,
    /// When to ask next.
    next: Monotonic,
}

impl Backlog {
    /// A connection begins.
    pub(super) fn begin(&mut self, session_present: bool, now: Monotonic) {
        *self = Self { until: session_present.then(|| now.plus(LONGEST)), is_asked: false, next: now };
    }

    /// A message arrives: whether it may have been held back. One that the broker keeps for everybody is no part of it.
    pub(super) fn is_part(&mut self, retained: bool) -> bool {
        if retained {
            return false;
        }
        self.is_asked = false;
        self.until.is_some()
    }

    fn pass_time(&mut self, now: Monotonic) {
        self.until = self.until.filter(|until| *until > now);
    }

    fn due(&self, is_quiet: bool) -> Option<Monotonic> {
        let until = self.until?;
        Some(if is_quiet && !self.is_asked { self.next.min(until) } else { until })
    }

    fn asked(&mut self, now: Monotonic) {
        (self.is_asked, self.next) = (true, now.plus(BETWEEN));
    }

    /// A ping was answered.
    pub(super) fn answered(&mut self) {
        if self.is_asked {
            *self = Self::default();
        }
    }
}

impl Session {
    /// Whether it is time to ask for the end of the backlog; then the ping has to go out.
    pub(super) fn asks_for_backlog(&mut self, now: Monotonic) -> bool {
        self.backlog.pass_time(now);
        let asks = self.backlog.until.is_some() && self.backlog_due().is_some_and(|due| due <= now);
        if asks {
            self.backlog.asked(now);
        }
        asks
    }

    /// When [`Session::asks_for_backlog`] has something to do.
    pub(super) fn backlog_due(&self) -> Option<Monotonic> {
        self.backlog.due(self.subscriptions.is_ready() && self.received.is_clear() && self.pings == self.pongs)
    }
}
