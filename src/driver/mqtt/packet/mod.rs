//! MQTT packets, one set for versions 3.1.1 and 5, and what they look like on the wire.
//!
//! The codec is our own. Those of rumqttc 0.25 were tried first, and serve the tests as a second opinion; they were left out because they
//! - let a property run over the end of the properties, and so eat a payload; a subscription identifier is counted twice, so that the
//!   properties behind it become payload;
//! - refuse a DISCONNECT of version 5 without a body or with a reason alone, both of which the standard allows, and write one with a reason
//!   that is a byte longer than its length says;
//! - cannot read the refusal of a broker that speaks only 3.1.1, know no AUTH, and end at every reason code that is new to them;
//! - cut the length of a text beyond 65,535 bytes short and write all of the text, so that the rest is read as other packets;
//! - call a truncated packet an incomplete one, which a caller would wait for.

mod decode;
mod encode;
mod fields;
mod frame;
mod properties;
mod reason;
#[cfg(test)]
mod tests;

pub(super) use decode::decode;
pub(super) use encode::{encode, publish_size};
pub(super) use frame::{Frame, Oversized, Piece, Splitter};
pub(super) use properties::Properties;
pub use reason::ReasonCode;

use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;

/// The version of the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// 3.1.1, which every broker speaks.
    #[default]
    V3,
    /// 5, with reasons, expiry of messages and bounds that both sides agree on.
    V5,
}

impl Version {
    /// As people write it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::V3 => "3.1.1",
            Self::V5 => "5",
        }
    }
}

/// How surely a message is handed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum QoS {
    /// 0: it may be lost.
    #[default]
    AtMostOnce,
    /// 1: it arrives, perhaps more than once.
    AtLeastOnce,
    /// 2: it arrives once.
    ExactlyOnce,
}

impl QoS {
    /// The level with this number, 0 to 2.
    pub const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::AtMostOnce),
            1 => Some(Self::AtLeastOnce),
            2 => Some(Self::ExactlyOnce),
            _ => None,
        }
    }

    /// Its number.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

/// When the broker sends what it keeps for a filter (version 5; 3.1.1 always does).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RetainHandling {
    /// At every subscription.
    #[default]
    Always,
    /// Only when the subscription is new.
    WhenNew,
    /// Never.
    Never,
}

/// What is subscribed to, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Topic filter; `+` and `#` as in MQTT.
    pub filter: Arc<str>,
    /// The highest level that messages come with.
    pub qos: QoS,
    /// Version 5: messages that we publish do not come back to us.
    pub no_local: bool,
    /// Version 5: messages carry the retain flag that their publisher gave them.
    pub retain_as_published: bool,
    /// Version 5: when the broker sends what it keeps.
    pub retain_handling: RetainHandling,
}

impl Subscription {
    /// An ordinary one.
    pub fn new(filter: impl Into<Arc<str>>, qos: QoS) -> Self {
        Self {
            filter: filter.into(),
            qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::default(),
        }
    }
}

/// What a message carries besides topic and payload; version 3.1.1 knows none of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MessageProperties {
    /// How long it is worth something, in whole seconds on the wire; for ever where nothing is said.
    pub expiry: Option<Duration>,
    /// Where an answer is expected.
    pub response_topic: Option<Arc<str>>,
    /// What the answer has to carry, so that it can be told apart.
    pub correlation: Option<Bytes>,
    /// What kind of content it is.
    pub content_type: Option<Arc<str>>,
    /// Whether the payload is said to be UTF-8.
    pub is_text: bool,
    /// Names and values of the publisher's own.
    pub user: Vec<(Arc<str>, Arc<str>)>,
}

/// A PUBLISH, in either direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Publish {
    pub(super) topic: Arc<str>,
    pub(super) payload: Bytes,
    pub(super) qos: QoS,
    pub(super) retain: bool,
    pub(super) duplicate: bool,
    /// 0 where the level is 0.
    pub(super) id: u16,
    pub(super) properties: Option<Box<MessageProperties>>,
}

/// A message that the broker publishes for us when our connection breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Will {
    /// Topic, without wildcards.
    pub topic: Arc<str>,
    /// Payload, at most 65,535 bytes.
    pub payload: Bytes,
    /// Level.
    pub qos: QoS,
    /// Whether the broker keeps it.
    pub retain: bool,
}

/// User name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub user: Arc<str>,
    /// Password.
    pub password: Option<Arc<str>>,
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A password must not get into a log.
        formatter.debug_struct("Login").field("user", &self.user).finish_non_exhaustive()
    }
}

/// A CONNECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Connect {
    pub(super) client_id: Arc<str>,
    pub(super) login: Option<Login>,
    pub(super) clean: bool,
    /// In seconds; version 5 alone.
    pub(super) session_expiry: Option<u32>,
    /// In seconds.
    pub(super) keep_alive: u16,
    /// Version 5 alone.
    pub(super) receive_maximum: u16,
    pub(super) will: Option<Will>,
}

/// Packets that go out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    Connect(Box<Connect>),
    Publish(Publish),
    PubAck(u16, ReasonCode),
    PubRec(u16, ReasonCode),
    PubRel(u16),
    PubComp(u16, ReasonCode),
    Subscribe(u16, Vec<Subscription>),
    Unsubscribe(u16, Vec<Arc<str>>),
    Ping,
    Disconnect(ReasonCode),
}

/// What the broker says about a publication or a part of its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) id: u16,
    pub(super) code: ReasonCode,
    /// The broker's own words.
    pub(super) text: Option<Arc<str>>,
}

/// The broker's answer to a CONNECT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ConnAck {
    pub(super) session_present: bool,
    /// Of version 5; those of 3.1.1 are translated.
    pub(super) code: ReasonCode,
    pub(super) properties: Properties,
}

/// The broker's answer to a SUBSCRIBE or UNSUBSCRIBE: a code for each filter. 3.1.1 says nothing about what was unsubscribed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Granted {
    pub(super) id: u16,
    pub(super) codes: Vec<ReasonCode>,
    pub(super) text: Option<Arc<str>>,
}

/// Packets that come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Incoming {
    ConnAck(Box<ConnAck>),
    Publish(Publish),
    PubAck(Answer),
    PubRec(Answer),
    PubRel(Answer),
    PubComp(Answer),
    SubAck(Granted),
    UnsubAck(Granted),
    Pong,
    Disconnect(ReasonCode, Option<Arc<str>>),
}

/// Why bytes are no packet that a broker may send.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The length at its beginning takes more than four bytes.
    #[error("a packet whose length cannot be read; the other side may not speak MQTT")]
    Length,
    /// A packet that is no message is larger than the limit.
    #[error("a {0} of {1} bytes, which is over the packet limit")]
    TooLong(&'static str, usize),
    /// A packet ends before what it has to hold.
    #[error("a {0} that ends too early")]
    Short(&'static str),
    /// Something follows where the packet has to end.
    #[error("a {0} with more in it than belongs there")]
    Long(&'static str),
    /// A text is not UTF-8 or holds a zero.
    #[error("a {0} with a text that is not UTF-8")]
    Text(&'static str),
    /// A packet that only clients send, or none at all.
    #[error("a packet of type {0}, which a broker does not send")]
    Type(u8),
    /// Bits in the first byte that have to be otherwise.
    #[error("a {0} with flags that do not exist ({1:#06b})")]
    Flags(&'static str, u8),
    /// Packet identifier 0.
    #[error("a {0} with the packet identifier 0")]
    Identifier(&'static str),
    /// A property that does not exist.
    #[error("a {0} with property {1}, which does not exist")]
    Property(&'static str, u8),
    /// A topic with wildcards, or an empty one where there is no alias.
    #[error("a message whose topic is not one")]
    Topic,
}

/// Why a packet cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TooLong {
    /// A text or a block of bytes; the wire has 16 bits for its length.
    #[error("the {0} is longer than 65535 bytes")]
    Field(&'static str),
    /// The packet; the wire has 28 bits for its length.
    #[error("the message is longer than 268435455 bytes")]
    Packet,
}
