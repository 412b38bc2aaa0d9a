//! Messages that come in, and their acknowledgement.

use super::identifiers::Identifiers;
use super::{End, Event, Message, Receipt, Reply, Session};
use crate::driver::mqtt::packet::{Outgoing, Oversized, Publish, QoS, ReasonCode, Version};
use crate::tag::KnownMessage;
use std::collections::HashMap;

/// A message of QoS 2 that is known until the broker releases it.
#[derive(Clone, Copy, Debug)]
struct Known {
    checksum: u32,
    held: Held,
}

/// Where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// It was handed on, and is not yet taken in. The broker sent it last by this connection.
    Offered(u64),
    /// It was taken in, and need not be handed on again.
    TakenIn,
    /// The broker released it, last by this connection, and does not have our word for that yet.
    Released(u64),
}

#[derive(Debug, Default)]
pub(super) struct Received {
    /// QoS 1, of this connection, not yet acknowledged.
    open: Identifiers,
    /// QoS 2, of this session.
    held: HashMap<u16, Known>,
    /// Those of `held` that were sent by this connection and not yet acknowledged.
    offered: u16,
    /// Of this connection, of either level: those that the broker does not have our last word for. It had as many under way at least.
    under_way: Identifiers,
    /// How many these were at most.
    most_under_way: usize,
    /// Whether it was said that more wait on this connection than agreed.
    is_excess_told: bool,
}

impl Received {
    /// The session at the broker is a new one.
    pub(super) fn forget(&mut self) {
        self.held.clear();
    }

    pub(super) fn lose_connection(&mut self) {
        self.open.clear();
        self.under_way.clear();
        (self.offered, self.most_under_way, self.is_excess_told) = (0, 0, false);
    }

    fn begin(&mut self, id: u16) {
        self.under_way.insert(id);
        self.most_under_way = self.most_under_way.max(self.under_way.len());
    }

    /// How many messages more the broker could send before as many are under way as once were, less one; none where they are. One at a time
    /// goes at any broker.
    pub(super) fn room(&self) -> Option<usize> {
        self.most_under_way.max(1).checked_sub(self.under_way.len() + 1)
    }

    /// Whether the broker has our last word for everything.
    #[cfg(test)]
    pub(super) fn is_clear(&self) -> bool {
        self.open.len() + self.under_way.len() + self.held.len() == 0
    }

    /// Whether any message of QoS 2 is known.
    pub(super) fn knows_any(&self) -> bool {
        !self.held.is_empty()
    }

    /// How many were not acknowledged yet.
    pub(super) fn waiting(&self) -> usize {
        self.open.len() + usize::from(self.offered)
    }
}

impl Session {
    pub(super) fn take_publish(&mut self, publish: Publish) -> Result<(), End> {
        let id = publish.id;
        let (connection, session) = (self.connection, self.session);
        let queued = self.backlog.is_part(publish.retain, publish.qos);
        if publish.qos != QoS::AtMostOnce {
            self.received.begin(id);
        }
        let checksum = match publish.qos {
            QoS::ExactlyOnce => checksum(&publish.topic, &publish.payload),
            _ => 0,
        };
        let receipt = |step| Some(Receipt { id, step, checksum, connection, session });
        let receipt = match publish.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => {
                self.received.open.insert(id);
                receipt(Reply::Acknowledged)
            }
            QoS::ExactlyOnce => match self.recognize(id, checksum)? {
                true => return Ok(()),
                false => receipt(Reply::Received),
            },
        };
        self.note_excess();
        let Publish { topic, payload, qos, retain, duplicate, properties, .. } = publish;
        let message = Message { topic, payload, retained: retain, queued, duplicate, qos, receipt, properties };
        self.events.push_back(Event::Message(message));
        Ok(())
    }

    /// Whether a message of QoS 2 is known, so that it is not told again; then it is answered as far as it can be. From now on it is.
    ///
    /// A message with something else in it is another one, although its identifier was not released: a broker that was killed goes on where
    /// its last save stood, and gives identifiers again that we still have from before. To answer such a message unseen would lose it.
    fn recognize(&mut self, id: u16, checksum: u32) -> Result<bool, End> {
        let connection = self.connection;
        let before = self.received.held.get(&id).copied();
        let is_same = before.is_some_and(|before| before.checksum == checksum);
        if let Some(Held::TakenIn | Held::Released(_)) = before.filter(|_| is_same).map(|before| before.held) {
            return self.send(&Outgoing::PubRec(id, ReasonCode::SUCCESS)).map(|()| true);
        }
        let is_counted = before.is_some_and(|before| before.held == Held::Offered(connection));
        self.received.offered += u16::from(!is_counted);
        self.received.held.insert(id, Known { checksum, held: Held::Offered(connection) });
        Ok(is_same)
    }

    /// What is more than agreed is taken in all the same. Section 3.3.4 of version 5 ends the connection with 0x93 for it, without a MUST; but
    /// by section 4.4 all that was not acknowledged is sent again on the next one, so a broker that counts wrongly would exceed the agreement
    /// there too, for ever. (Mosquitto 2.0.11 does: where it holds messages back, each acknowledgement lets as many more go out as were
    /// agreed in all.) There is nothing to protect by that either: no more can wait than there are identifiers, and the socket is not read
    /// while the engine does not keep up.
    fn note_excess(&mut self) {
        let most = self.options.receive_maximum.max(1);
        let exceeds = self.options.version == Version::V5 && self.received.waiting() > usize::from(most);
        if exceeds && !self.received.is_excess_told {
            self.received.is_excess_told = true;
            self.events.push_back(Event::Exceeded(most));
        }
    }

    /// A message was taken in: the broker need not keep it any more. What belongs to an earlier connection is left for the broker to send
    /// again, and a message of QoS 2 is known then.
    pub fn acknowledge(&mut self, receipt: Receipt) -> Result<(), End> {
        let Receipt { id, step, connection, session, .. } = receipt;
        if step == Reply::Acknowledged {
            if connection == self.connection && self.received.open.remove(id) {
                self.received.under_way.remove(id);
                return self.send(&Outgoing::PubAck(id, ReasonCode::SUCCESS));
            }
            return Ok(());
        }
        if session != self.session {
            return Ok(());
        }
        let Some(known) = self.received.held.get_mut(&id) else { return Ok(()) };
        match (step, known.held) {
            // Another message took its identifier meanwhile.
            _ if known.checksum != receipt.checksum => Ok(()),
            (Reply::Complete, Held::Released(by)) => self.complete(id, by),
            (Reply::Received, Held::Offered(by)) => {
                known.held = Held::TakenIn;
                if by == self.connection && self.is_up() {
                    self.received.offered = self.received.offered.saturating_sub(1);
                    return self.send(&Outgoing::PubRec(id, ReasonCode::SUCCESS));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// A message was not taken in after all: when the broker sends it again it is told again.
    pub fn give_back(&mut self, receipt: Receipt) {
        let is_of_session = receipt.step == Reply::Received && receipt.session == self.session;
        let Some(known) = self.received.held.get(&receipt.id).filter(|_| is_of_session) else { return };
        if let (true, Held::Offered(by)) = (known.checksum == receipt.checksum, known.held) {
            self.received.held.remove(&receipt.id);
            self.received.offered -= u16::from(by == self.connection).min(self.received.offered);
        }
    }

    /// Messages of QoS 2 of this session that were taken in before this program was started.
    pub fn know(&mut self, known: &[KnownMessage]) {
        for KnownMessage { id, checksum } in known {
            self.received.held.entry(*id).or_insert(Known { checksum: *checksum, held: Held::TakenIn });
        }
    }

    /// That a message is forgotten is durable: its identifier may be used again. Where the broker cannot be told it has to release it once
    /// more, and the message stays known until then.
    fn complete(&mut self, id: u16, by: u64) -> Result<(), End> {
        if by == self.connection && self.is_up() {
            self.received.held.remove(&id);
            self.received.under_way.remove(id);
            return self.send(&Outgoing::PubComp(id, ReasonCode::SUCCESS));
        }
        if let Some(known) = self.received.held.get_mut(&id) {
            known.held = Held::TakenIn;
        }
        Ok(())
    }

    /// A release that is answered when it is durable.
    fn hold_release(&mut self, id: u16) {
        let (connection, session) = (self.connection, self.session);
        let Some(known) = self.received.held.get_mut(&id) else { return };
        match std::mem::replace(&mut known.held, Held::Released(connection)) {
            Held::Released(by) if by == connection => return,
            Held::Offered(by) if by == connection => self.received.offered = self.received.offered.saturating_sub(1),
            _ => {}
        }
        let receipt = Receipt { id, step: Reply::Complete, checksum: known.checksum, connection, session };
        self.events.push_back(Event::Released(receipt));
    }

    /// The broker has our word for a message of QoS 2, and forgets it; so do we.
    pub(super) fn take_pubrel(&mut self, id: u16) -> Result<(), End> {
        if self.options.keeps_identifiers() && self.received.held.contains_key(&id) {
            self.hold_release(id);
            return Ok(());
        }
        self.received.under_way.remove(id);
        match self.received.held.remove(&id).map(|known| known.held) {
            Some(Held::Offered(by)) if by == self.connection => {
                self.received.offered = self.received.offered.saturating_sub(1);
                self.send(&Outgoing::PubComp(id, ReasonCode::SUCCESS))
            }
            Some(_) => self.send(&Outgoing::PubComp(id, ReasonCode::SUCCESS)),
            None => self.send(&Outgoing::PubComp(id, ReasonCode::UNKNOWN_IDENTIFIER)),
        }
    }

    /// A message that is over the limit is answered as if it had been taken in, or the broker would send it for ever.
    pub(super) fn take_oversized(&mut self, oversized: Oversized) -> Result<(), End> {
        let Oversized { topic, qos, id, bytes } = oversized;
        // It takes room at the broker as any other one.
        self.backlog.is_part(false, qos);
        match (qos, self.options.version) {
            (QoS::AtMostOnce, _) => {}
            (_, _) if id == 0 => return Err(self.out_of_place("a message with the packet identifier 0")),
            (QoS::AtLeastOnce, _) => self.send(&Outgoing::PubAck(id, ReasonCode::IMPLEMENTATION))?,
            // A refusal ends the exchange in version 5; 3.1.1 goes on to the release.
            (QoS::ExactlyOnce, Version::V5) => self.send(&Outgoing::PubRec(id, ReasonCode::IMPLEMENTATION))?,
            (QoS::ExactlyOnce, Version::V3) => {
                self.received.begin(id);
                let checksum = checksum(&topic, &bytes.to_be_bytes());
                let before = self.received.held.insert(id, Known { checksum, held: Held::TakenIn });
                if before.is_some_and(|before| before.held == Held::Offered(self.connection)) {
                    self.received.offered = self.received.offered.saturating_sub(1);
                }
                self.send(&Outgoing::PubRec(id, ReasonCode::SUCCESS))?;
            }
        }
        self.events.push_back(Event::TooLarge { topic, bytes });
        Ok(())
    }
}

/// Of what is in a message. Its properties change from one time to the next: the rest of its expiry is among them.
fn checksum(topic: &str, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(topic.as_bytes());
    // No topic holds this byte.
    hasher.update(&[0]);
    hasher.update(payload);
    hasher.finalize()
}
