//! What goes out, in which order: the session's own packets and commands ahead of everything that is only told. Packets stay whole; one of
//! which a byte has left goes to its end.

use super::waits::Wait;
use super::{Event, Outcome, Session, Ticket};
use crate::tag::Monotonic;
use bytes::{Buf, BytesMut};
use std::collections::VecDeque;

/// Packets are made ready up to about this many bytes. What is ready goes before a command that comes after it.
const READY_BYTES: usize = 1400;
const EXPIRED: &str = "it expired before it could be sent: the link is slow, or the broker takes nothing";
const LEAVING: &str = "the connection was closed on purpose before it was sent";
pub(super) const BROKE_OFF: &str = "the connection to the broker broke before it was sent";

/// A publication that has not begun to leave.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) ticket: Ticket,
    /// Its packet identifier; 0 for QoS 0.
    pub(super) id: u16,
    pub(super) bytes: BytesMut,
    /// When it is not to be sent any more.
    pub(super) expires: Option<Monotonic>,
}

#[derive(Debug, Default)]
pub(super) struct Exit {
    /// What leaves next.
    pub(super) ready: BytesMut,
    ahead: VecDeque<Parcel>,
    behind: VecDeque<Parcel>,
    /// Bytes of both.
    waiting_bytes: usize,
    /// The last word, behind everything.
    last_word: BytesMut,
    /// Nothing follows what is ready.
    is_ending: bool,
    /// Bytes that left on this connection.
    left: u64,
    /// Messages of QoS 0 that are ready: they have left when so many bytes have.
    leaving: VecDeque<(u64, Ticket)>,
}

impl Exit {
    /// Bytes that have not left.
    pub(super) fn unsent(&self) -> usize {
        self.ready.len() + self.waiting_bytes + self.last_word.len()
    }

    pub(super) fn put(&mut self, parcel: Parcel, is_ahead: bool) {
        self.waiting_bytes += parcel.bytes.len();
        if is_ahead { &mut self.ahead } else { &mut self.behind }.push_back(parcel);
    }

    /// Nothing goes out behind this; a word that is the last one already stays it.
    pub(super) fn end(&mut self, last_word: BytesMut, is_at_once: bool) {
        match (self.is_ending, is_at_once) {
            (true, _) => {}
            (false, true) => {
                self.ready.unsplit(last_word);
                self.last_word.clear();
                self.is_ending = true;
            }
            (false, false) => self.last_word = last_word,
        }
    }

    /// Whether the last word is among what is ready, or has left.
    pub(super) fn is_ending(&self) -> bool {
        self.is_ending
    }

    pub(super) fn next_expiry(&self) -> Option<Monotonic> {
        self.ahead.iter().filter_map(|parcel| parcel.expires).min()
    }

    fn next(&mut self) -> Option<Parcel> {
        let parcel = self.ahead.pop_front().or_else(|| self.behind.pop_front())?;
        self.waiting_bytes -= parcel.bytes.len();
        Some(parcel)
    }

    /// The connection is over: what had begun to leave of QoS 0, and what had not, of any level.
    pub(super) fn lose_connection(&mut self) -> (Vec<Ticket>, Vec<Ticket>) {
        let Self { ahead, behind, leaving, .. } = std::mem::take(self);
        let begun = leaving.into_iter().map(|(_, ticket)| ticket);
        (begun.collect(), ahead.into_iter().chain(behind).map(|parcel| parcel.ticket).collect())
    }
}

impl Session {
    /// What has to go out next. Who writes it says with [`Session::wrote`] how much of it the socket took.
    pub fn outgoing(&mut self) -> &[u8] {
        if self.exit.ready.is_empty() && !self.exit.is_ending {
            self.make_ready();
        }
        &self.exit.ready
    }

    /// The socket took this many bytes of [`Session::outgoing`].
    pub fn wrote(&mut self, bytes: usize) {
        self.exit.ready.advance(bytes.min(self.exit.ready.len()));
        self.exit.left += bytes as u64;
        while let Some((_, ticket)) = self.exit.leaving.pop_front_if(|(end, _)| *end <= self.exit.left) {
            self.events.push_back(Event::Published(ticket, Outcome::Sent));
        }
    }

    /// Bytes that have not left.
    pub fn unsent(&self) -> usize {
        self.exit.unsent()
    }

    fn make_ready(&mut self) {
        while self.exit.ready.len() < READY_BYTES {
            let Some(Parcel { ticket, id, bytes, .. }) = self.exit.next() else {
                let last_word = std::mem::take(&mut self.exit.last_word);
                self.exit.is_ending |= !last_word.is_empty();
                self.exit.ready.unsplit(last_word);
                return;
            };
            self.exit.ready.unsplit(bytes);
            match self.sent.begin(id) {
                Some(serial) => self.waits.begin(Wait::Publication(id, serial), self.now),
                None => self.exit.leaving.push_back((self.exit.left + self.exit.ready.len() as u64, ticket)),
            }
        }
    }

    /// What is only told, and has not begun to leave, does not leave any more: whoever keeps it tells it later.
    pub fn give_up_unsent(&mut self) {
        for parcel in std::mem::take(&mut self.exit.behind) {
            self.exit.waiting_bytes -= parcel.bytes.len();
            self.sent.forget_flight(parcel.id);
            self.events.push_back(Event::Published(parcel.ticket, Outcome::NotSent(LEAVING)));
        }
    }

    /// What is not to be sent any more, and has not begun to leave, is dropped.
    pub(super) fn expire(&mut self, now: Monotonic) {
        if self.exit.next_expiry().is_none_or(|expiry| expiry > now) {
            return;
        }
        for parcel in std::mem::take(&mut self.exit.ahead) {
            if parcel.expires.is_some_and(|expires| expires <= now) {
                self.exit.waiting_bytes -= parcel.bytes.len();
                self.sent.forget_flight(parcel.id);
                self.events.push_back(Event::Published(parcel.ticket, Outcome::NotSent(EXPIRED)));
            } else {
                self.exit.ahead.push_back(parcel);
            }
        }
    }
}
