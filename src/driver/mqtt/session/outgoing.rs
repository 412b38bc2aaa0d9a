//! Publications: sent once, and what becomes of them.

use super::exit::Parcel;
use super::waits::Wait;
use super::{End, Event, Session, with_text};
use crate::driver::mqtt::packet::{
    Answer, MessageProperties, Outgoing, Publish, QoS, ReasonCode, TooLong, Version, publish_size,
};
use crate::tag::Monotonic;
use bytes::{Bytes, BytesMut};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Names a publication. No two of a session have the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(super) u64);

/// A message to be sent.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Publication {
    /// Topic, without wildcards.
    pub topic: Arc<str>,
    /// Payload.
    pub payload: Bytes,
    /// Level.
    pub qos: QoS,
    /// Whether the broker keeps it for later subscribers.
    pub retain: bool,
    /// What version 5 carries besides; 3.1.1 leaves it out.
    pub properties: Option<Box<MessageProperties>>,
}

/// What became of a publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// QoS 0: the socket has taken it.
    Sent,
    /// The broker has it.
    Taken,
    /// The broker has it, and says that nobody is subscribed (version 5).
    Nobody,
    /// The broker refused it; why, in words that name topic and user (version 5).
    Refused(String),
    /// Nothing of it was sent, and why.
    NotSent(&'static str),
    /// The connection broke first: it may have arrived. It is not sent again.
    Unknown,
}

/// Why a message was not sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotPublished {
    /// There is no connection.
    #[error("the broker is not connected")]
    Down,
    /// A topic is empty, or has wildcards.
    #[error("\"{0}\" is not a topic that can be published to")]
    Topic(Arc<str>),
    /// It does not fit into a packet.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// The broker does not take such large ones.
    #[error("the message has {0} bytes, and the broker takes {1} at most")]
    TooLarge(usize, usize),
    /// The broker does not take this level.
    #[error("the broker takes messages of QoS {} at most", .0.number())]
    Level(QoS),
    /// The broker keeps no messages.
    #[error("the broker keeps no retained messages")]
    Retain,
    /// As many are under way as the broker allows.
    #[error("{0} messages wait for the broker's confirmation already, and it allows no more")]
    Quota(u16),
}

#[derive(Debug)]
struct Flight {
    ticket: Ticket,
    topic: Arc<str>,
    qos: QoS,
    /// Whether it has begun to leave.
    begun: bool,
    /// QoS 2: the broker has it, and was told to hand it on.
    released: bool,
    /// Of the step that is waited for.
    serial: u64,
}

#[derive(Debug, Default)]
pub(super) struct Sent {
    flights: HashMap<u16, Flight>,
    /// Identifiers of QoS 2 that were released, and not confirmed before a break. Released again on each connection.
    releasing: HashMap<u16, u64>,
    /// Identifiers that the broker may still know from before a break.
    burnt: HashSet<u16>,
    last_id: u16,
    tickets: u64,
    serial: u64,
}

impl Sent {
    pub(super) fn is_waiting(&self, id: u16, serial: u64) -> bool {
        self.flights.get(&id).is_some_and(|flight| flight.serial == serial) || self.releasing.get(&id) == Some(&serial)
    }

    /// The session at the broker is a new one.
    pub(super) fn forget(&mut self) {
        self.releasing.clear();
        self.burnt.clear();
    }

    /// A message begins to leave: the serial number of its confirmation, where it has one.
    pub(super) fn begin(&mut self, id: u16) -> Option<u64> {
        let flight = self.flights.get_mut(&id)?;
        flight.begun = true;
        Some(flight.serial)
    }

    /// A message does not leave.
    pub(super) fn forget_flight(&mut self, id: u16) {
        self.flights.remove(&id);
    }

    /// Whose outcome nobody will ever know. What had not begun to leave is not among them.
    pub(super) fn lose_connection(&mut self, session_is_kept: bool) -> Vec<Ticket> {
        let mut flights: Vec<_> = self.flights.drain().filter(|(_, flight)| flight.begun).collect();
        flights.sort_unstable_by_key(|(_, flight)| flight.ticket);
        for (id, flight) in flights.iter().filter(|(_, flight)| session_is_kept && flight.qos == QoS::ExactlyOnce) {
            if flight.released {
                self.releasing.insert(*id, 0);
            } else {
                self.burnt.insert(*id);
            }
        }
        flights.into_iter().map(|(_, flight)| flight.ticket).collect()
    }

    fn under_way(&self) -> usize {
        self.flights.len() + self.releasing.len()
    }

    fn next_serial(&mut self) -> u64 {
        self.serial += 1;
        self.serial
    }
}

impl Session {
    /// Messages of QoS 1 and 2 that may still be sent before one is confirmed.
    pub fn quota_left(&self) -> u16 {
        let under_way = u16::try_from(self.sent.under_way()).unwrap_or(u16::MAX);
        self.allowed.quota.saturating_sub(under_way)
    }

    /// Messages of QoS 1 and 2 that the broker lets be under way.
    pub const fn quota(&self) -> u16 {
        self.allowed.quota
    }

    /// Sends a message on this connection or not at all.
    pub fn publish(&mut self, publication: Publication, now: Monotonic) -> Result<Ticket, NotPublished> {
        self.put(publication, None, now)
    }

    /// Sends a message ahead of all that [`Session::publish`] sends, and not at all where it does not begin to leave before `expires`.
    pub fn publish_ahead(
        &mut self,
        publication: Publication,
        expires: Monotonic,
        now: Monotonic,
    ) -> Result<Ticket, NotPublished> {
        self.put(publication, Some(expires), now)
    }

    fn put(
        &mut self,
        publication: Publication,
        expires: Option<Monotonic>,
        now: Monotonic,
    ) -> Result<Ticket, NotPublished> {
        self.now = now;
        self.check(&publication)?;
        let Publication { topic, payload, qos, retain, properties } = publication;
        let version = self.options.version;
        let properties = properties.filter(|_| version == Version::V5);
        let id = match qos {
            QoS::AtMostOnce => 0,
            _ if self.quota_left() == 0 => return Err(NotPublished::Quota(self.allowed.quota)),
            _ => self.free_id().ok_or(NotPublished::Quota(self.allowed.quota))?,
        };
        let publish = Publish { topic, payload, qos, retain, duplicate: false, id, properties };
        let size = publish_size(&publish, version)?;
        if size > self.allowed.packet {
            return Err(NotPublished::TooLarge(size, self.allowed.packet));
        }
        let topic = Arc::clone(&publish.topic);
        let mut bytes = BytesMut::with_capacity(size);
        super::encode(&Outgoing::Publish(publish), version, &mut bytes)?;
        self.sent.tickets += 1;
        let ticket = Ticket(self.sent.tickets);
        if qos != QoS::AtMostOnce {
            let serial = self.sent.next_serial();
            self.sent.flights.insert(id, Flight { ticket, topic, qos, begun: false, released: false, serial });
        }
        self.exit.put(Parcel { ticket, id, bytes, expires }, expires.is_some());
        Ok(ticket)
    }

    fn check(&self, publication: &Publication) -> Result<(), NotPublished> {
        if !self.is_up() {
            return Err(NotPublished::Down);
        }
        let topic = &publication.topic;
        if topic.is_empty() || topic.contains(['+', '#', '\0']) {
            return Err(NotPublished::Topic(Arc::clone(topic)));
        }
        if publication.qos > self.allowed.qos {
            return Err(NotPublished::Level(self.allowed.qos));
        }
        if publication.retain && !self.allowed.retain {
            return Err(NotPublished::Retain);
        }
        Ok(())
    }

    /// A packet identifier that nothing uses.
    pub(super) fn free_id(&mut self) -> Option<u16> {
        for _ in 0..u16::MAX {
            self.sent.last_id = self.sent.last_id.checked_add(1).unwrap_or(1);
            let id = self.sent.last_id;
            let sent = &self.sent;
            let used = sent.flights.contains_key(&id) || sent.releasing.contains_key(&id) || sent.burnt.contains(&id);
            if !used && !self.subscriptions.uses(id) {
                return Some(id);
            }
        }
        None
    }

    pub(super) fn take_puback(&mut self, answer: &Answer) -> Result<(), End> {
        if self.sent.flights.get(&answer.id).is_none_or(|flight| flight.qos != QoS::AtLeastOnce || !flight.begun) {
            return Err(self.out_of_place("an acknowledgement of a message that was not sent"));
        }
        self.finish(answer);
        Ok(())
    }

    pub(super) fn take_pubrec(&mut self, answer: &Answer, now: Monotonic) -> Result<(), End> {
        let id = answer.id;
        let Some(flight) =
            self.sent.flights.get_mut(&id).filter(|flight| flight.qos == QoS::ExactlyOnce && flight.begun)
        else {
            if self.sent.burnt.contains(&id) {
                // Released now, it would be handed on long after its outcome was told.
                return Ok(());
            }
            return Err(self.out_of_place("an acknowledgement of a message that was not sent"));
        };
        if answer.code.is_refusal() {
            self.finish(answer);
            return Ok(());
        }
        flight.released = true;
        self.sent.serial += 1;
        flight.serial = self.sent.serial;
        self.waits.begin(Wait::Publication(id, flight.serial), now);
        self.send(&Outgoing::PubRel(id))
    }

    pub(super) fn take_pubcomp(&mut self, answer: &Answer) -> Result<(), End> {
        if self.sent.releasing.remove(&answer.id).is_some() {
            return Ok(());
        }
        if self.sent.flights.get(&answer.id).is_none_or(|flight| !flight.released) {
            return Err(self.out_of_place("the end of a message that was not sent"));
        }
        self.finish(answer);
        Ok(())
    }

    fn finish(&mut self, answer: &Answer) {
        let Some(flight) = self.sent.flights.remove(&answer.id) else { return };
        let outcome = match answer.code {
            ReasonCode::NO_SUBSCRIBERS => Outcome::Nobody,
            // It was released, and the broker does not know it any more: it has been handed on.
            ReasonCode::UNKNOWN_IDENTIFIER if flight.released => Outcome::Taken,
            code if code.is_refusal() => {
                let words = format!("{} may not publish to {}: {}", self.user(), flight.topic, code.words());
                Outcome::Refused(with_text(words, answer.text.as_deref()))
            }
            _ => Outcome::Taken,
        };
        self.events.push_back(Event::Published(flight.ticket, outcome));
    }

    /// What was released before a break is released again, as the standard demands.
    pub(super) fn release_again(&mut self, now: Monotonic) -> Result<(), End> {
        let ids: Vec<u16> = self.sent.releasing.keys().copied().collect();
        for id in ids {
            let serial = self.sent.next_serial();
            self.sent.releasing.insert(id, serial);
            self.waits.begin(Wait::Publication(id, serial), now);
            self.send(&Outgoing::PubRel(id))?;
        }
        Ok(())
    }
}
