//! What is waited for, and until when. Every answer may take the same time, so the queue is in order by itself.

use super::Session;
use crate::tag::Monotonic;
use std::collections::VecDeque;
use std::time::Duration;

/// Something that has to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wait {
    /// The answer to CONNECT.
    Connection,
    /// The answer to the ping with this number.
    Ping(u64),
    /// The answer to the SUBSCRIBE or UNSUBSCRIBE with this serial number.
    Subscription(u16, u64),
    /// A step of the publication with this serial number.
    Publication(u16, u64),
}

#[derive(Debug)]
pub(super) struct Waits {
    timeout: Duration,
    queue: VecDeque<(Monotonic, Wait)>,
}

impl Waits {
    pub(super) const fn new(timeout: Duration) -> Self {
        Self { timeout, queue: VecDeque::new() }
    }

    pub(super) fn begin(&mut self, wait: Wait, now: Monotonic) {
        self.queue.push_back((now.plus(self.timeout), wait));
    }

    pub(super) fn first(&self) -> Option<Monotonic> {
        self.queue.front().map(|(deadline, _)| *deadline)
    }

    pub(super) fn clear(&mut self) {
        self.queue.clear();
    }
}

impl Session {
    /// What has been waited for in vain.
    pub(super) fn late(&mut self, now: Monotonic) -> Option<&'static str> {
        self.drop_answered();
        let (deadline, wait) = self.waits.queue.front()?;
        (*deadline <= now).then_some(match wait {
            Wait::Connection => "answer the request to connect",
            Wait::Ping(_) => "answer a ping",
            Wait::Subscription(..) => "answer a subscription",
            Wait::Publication(..) => "confirm a message",
        })
    }

    pub(super) fn drop_answered(&mut self) {
        while let Some((_, wait)) = self.waits.queue.front() {
            let answered = match *wait {
                Wait::Connection => self.is_up(),
                Wait::Ping(number) => number <= self.pongs,
                Wait::Subscription(id, serial) => !self.subscriptions.is_asked(id, serial),
                Wait::Publication(id, serial) => !self.sent.is_waiting(id, serial),
            };
            if !answered {
                return;
            }
            self.waits.queue.pop_front();
        }
    }
}
