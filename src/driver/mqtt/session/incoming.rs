//! Messages that come in, and their acknowledgement.

use super::identifiers::Identifiers;
use super::{End, Event, Message, Receipt, Session};
use crate::driver::mqtt::packet::{Outgoing, Oversized, Publish, QoS, ReasonCode, Version};
use std::collections::HashMap;

/// Where a message of QoS 2 stands. It is known until the broker releases it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    /// It was handed on, and is not yet taken in. The broker sent it last by this connection.
    Offered(u64),
    /// It was taken in, and need not be handed on again.
    TakenIn,
}

#[derive(Debug, Default)]
pub(super) struct Received {
    /// QoS 1, of this connection, not yet acknowledged.
    open: Identifiers,
    /// QoS 2, of this session.
    held: HashMap<u16, Held>,
    /// Those of `held` that were sent by this connection and not yet acknowledged.
    offered: u16,
}

impl Received {
    /// The session at the broker is a new one.
    pub(super) fn forget(&mut self) {
        self.held.clear();
    }

    pub(super) fn lose_connection(&mut self) {
        self.open.clear();
        self.offered = 0;
    }

    /// Whether the broker has our last word for everything.
    pub(super) fn is_clear(&self) -> bool {
        self.open.is_empty() && self.held.is_empty()
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
        let receipt = |exactly_once| Some(Receipt { id, exactly_once, connection, session });
        let receipt = match publish.qos {
            QoS::AtMostOnce => None,
            QoS::AtLeastOnce => {
                self.received.open.insert(id);
                receipt(false)
            }
            QoS::ExactlyOnce => match self.received.held.insert(id, Held::Offered(connection)) {
                None => {
                    self.received.offered += 1;
                    receipt(true)
                }
                Some(Held::TakenIn) => {
                    self.received.held.insert(id, Held::TakenIn);
                    return self.send(&Outgoing::PubRec(id, ReasonCode::SUCCESS));
                }
                Some(Held::Offered(before)) => {
                    self.received.offered += u16::from(before != connection);
                    return Ok(());
                }
            },
        };
        self.check_flood(publish.qos, id)?;
        let Publish { topic, payload, qos, retain, duplicate, properties, .. } = publish;
        let queued = self.backlog.is_part(retain);
        let message = Message { topic, payload, retained: retain, queued, duplicate, qos, receipt, properties };
        self.events.push_back(Event::Message(message));
        Ok(())
    }

    fn check_flood(&mut self, qos: QoS, id: u16) -> Result<(), End> {
        let most = self.options.receive_maximum.max(1);
        if self.options.version == Version::V5 && self.received.waiting() > usize::from(most) {
            // This one is not handed on: it must not pass for one that was when it comes again.
            if qos == QoS::ExactlyOnce {
                self.received.held.remove(&id);
            }
            self.say_goodbye(ReasonCode::RECEIVE_MAXIMUM);
            return Err(End::Flood(most));
        }
        Ok(())
    }

    /// A message was taken in: the broker need not keep it any more. What belongs to an earlier connection is left for the broker to send
    /// again, and a message of QoS 2 is known then.
    pub fn acknowledge(&mut self, receipt: Receipt) -> Result<(), End> {
        let Receipt { id, exactly_once, connection, session } = receipt;
        if !exactly_once {
            if connection == self.connection && self.received.open.remove(id) {
                return self.send(&Outgoing::PubAck(id, ReasonCode::SUCCESS));
            }
            return Ok(());
        }
        if session != self.session {
            return Ok(());
        }
        let Some(&Held::Offered(by)) = self.received.held.get(&id) else { return Ok(()) };
        self.received.held.insert(id, Held::TakenIn);
        if by == self.connection && self.is_up() {
            self.received.offered = self.received.offered.saturating_sub(1);
            return self.send(&Outgoing::PubRec(id, ReasonCode::SUCCESS));
        }
        Ok(())
    }

    /// The broker has our word for a message of QoS 2, and forgets it; so do we.
    pub(super) fn take_pubrel(&mut self, id: u16) -> Result<(), End> {
        match self.received.held.remove(&id) {
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
        match (qos, self.options.version) {
            (QoS::AtMostOnce, _) => {}
            (_, _) if id == 0 => return Err(self.out_of_place("a message with the packet identifier 0")),
            (QoS::AtLeastOnce, _) => self.send(&Outgoing::PubAck(id, ReasonCode::IMPLEMENTATION))?,
            // A refusal ends the exchange in version 5; 3.1.1 goes on to the release.
            (QoS::ExactlyOnce, Version::V5) => self.send(&Outgoing::PubRec(id, ReasonCode::IMPLEMENTATION))?,
            (QoS::ExactlyOnce, Version::V3) => {
                if self.received.held.insert(id, Held::TakenIn) == Some(Held::Offered(self.connection)) {
                    self.received.offered = self.received.offered.saturating_sub(1);
                }
                self.send(&Outgoing::PubRec(id, ReasonCode::SUCCESS))?;
            }
        }
        self.events.push_back(Event::TooLarge { topic, bytes });
        Ok(())
    }
}
