//! The order of the messages of one session: numbers from 0 to 255, and again from 0. What comes too early is held for a while.

use super::SourceId;
use super::budget::{Budget, Share};
use crate::driver::mqtt::sparkplug::payload::{Metric, Payload};
use crate::driver::mqtt::sparkplug::topic::Kind;
use crate::tag::Monotonic;
use std::collections::HashMap;
use std::time::Duration;

/// Bytes that may be held for one node; beyond them nothing more is waited for.
const HELD_BYTES: usize = 4 << 20;

/// A message with its number in the session.
#[derive(Clone, Debug)]
pub(super) struct Numbered {
    pub(super) seq: u8,
    pub(super) kind: Kind,
    pub(super) source: SourceId,
    pub(super) payload: Payload,
    /// Size of the payload on the wire.
    pub(super) bytes: usize,
    pub(super) arrived: Monotonic,
}

impl Numbered {
    /// What it takes while it is held: a metric that takes two bytes on the wire takes far more here.
    fn size(&self) -> usize {
        self.bytes + self.payload.metrics.len() * size_of::<Metric>()
    }
}

/// What to do with a message that arrived.
#[derive(Debug)]
pub(super) enum Verdict {
    /// It is the next one.
    Next(Numbered),
    /// One before it is missing; it is held.
    Held,
    /// So much is held, for its node or for all together, that waiting has to end. In the second case this message is left aside.
    Full,
    /// The same message once more.
    Again,
}

/// Where the session stands.
#[derive(Debug)]
pub(super) struct Order {
    expected: u8,
    held: HashMap<u8, (Numbered, Share)>,
    budget: Budget,
    held_bytes: usize,
    /// What was taken last: who, kind, number and time of it.
    last: Option<(SourceId, Kind, u8, Option<u64>)>,
}

impl Order {
    /// After a birth with this number.
    pub(super) fn after(seq: u8, budget: Budget) -> Self {
        Self { expected: seq.wrapping_add(1), held: HashMap::new(), budget, held_bytes: 0, last: None }
    }

    pub(super) fn arrive(&mut self, message: Numbered) -> Verdict {
        if message.seq == self.expected {
            return Verdict::Next(self.pass(message));
        }
        if self.last == Some(mark(&message)) || self.held.contains_key(&message.seq) {
            return Verdict::Again;
        }
        let Some(share) = self.budget.take(message.size()) else { return Verdict::Full };
        self.held_bytes += message.size();
        self.held.insert(message.seq, (message, share));
        if self.held_bytes > HELD_BYTES { Verdict::Full } else { Verdict::Held }
    }

    /// The next held message whose turn it is.
    pub(super) fn next(&mut self) -> Option<Numbered> {
        let message = self.release(self.expected)?;
        Some(self.pass(message))
    }

    /// When waiting ends: the time-out after the first of those that are held still.
    pub(super) fn due(&self, timeout: Duration) -> Option<Monotonic> {
        self.held.values().map(|(message, _)| message.arrived.plus(timeout)).min()
    }

    /// What is missing does not come any more: all that is held, in order. What is numbered as if it came before is too late by now.
    pub(super) fn give_up(&mut self) -> Vec<Numbered> {
        let mut numbers: Vec<_> = self.held.keys().map(|seq| seq.wrapping_sub(self.expected)).collect();
        numbers.retain(|ahead| *ahead < 128);
        numbers.sort_unstable();
        let first = self.expected;
        let held: Vec<_> = numbers.into_iter().filter_map(|ahead| self.release(first.wrapping_add(ahead))).collect();
        self.held.clear();
        self.held_bytes = 0;
        held.into_iter().map(|message| self.pass(message)).collect()
    }

    /// A new birth: of what is held only what was sent after it belongs to the new session.
    pub(super) fn into_held_since(mut self, birth_millis: Option<u64>) -> Vec<Numbered> {
        let held = self.held.drain().map(|(_, (message, _))| message);
        let mut later: Vec<_> = held.filter(|message| message.payload.timestamp >= birth_millis).collect();
        later.sort_unstable_by_key(|message| message.arrived);
        later
    }

    fn pass(&mut self, message: Numbered) -> Numbered {
        self.expected = message.seq.wrapping_add(1);
        self.last = Some(mark(&message));
        message
    }

    fn release(&mut self, seq: u8) -> Option<Numbered> {
        let (message, _) = self.held.remove(&seq)?;
        self.held_bytes -= message.size();
        Some(message)
    }
}

fn mark(message: &Numbered) -> (SourceId, Kind, u8, Option<u64>) {
    (message.source, message.kind, message.seq, message.payload.timestamp)
}
