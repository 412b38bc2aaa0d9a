//! One client's side of MQTT 3.1.1 and 5, pure: frames and time in, bytes and events out. It survives its connections, as the session at
//! the broker does.
//!
//! # How to use it
//! [`super::Client`] puts it on a socket; whoever needs a broker uses that. The order of things is always the same:
//! 1. [`Session::want`] says what is to be subscribed to, at any time: on every connection all of it is subscribed to, in one go, and later
//!    only what changed. Filters for a while (a topic browser) are added to the list and taken out of it again.
//! 2. [`Event::Up`]: the broker took the connection. [`Event::Ready`]: it has answered all subscriptions; who must subscribe before they
//!    publish, publish now. What it refused was said before that, filter by filter ([`Event::Refused`]).
//! 3. [`Event::Message`]: a message. One with a receipt is acknowledged with [`Session::acknowledge`] once it was taken in; until then the
//!    broker keeps it, and counts it against our receive maximum. A message of QoS 2 comes once in a session, however often it is sent.
//!    Where that has to hold over restarts of this program, [`Session::know`] tells what was taken in before, and [`Event::Released`] what
//!    need not be known any more ([`Options::keeps_identifiers`]).
//! 4. [`Session::publish`] sends at once or says why not: nothing is queued. Its ticket comes back with [`Event::Published`] exactly once.
//!    Nothing is ever sent again by itself: after a break the outcome is [`Outcome::Unknown`], and whoever keeps a store decides.
//!    Commands go ahead of what is only told ([`Session::publish_ahead`]), and not at all once they have expired.
//! 5. [`Event::Down`] ends a connection, after the outcomes of all that was under way.
//!
//! A payload shares memory with what was read along with it: who keeps it for long makes a copy.
//!
//! # What it decides
//! - It asks for no bound on packets in version 5: a broker that is told drops what is larger without a word. What is over the limit is
//!   skipped on arrival, acknowledged, and told.
//! - It allows no topic aliases.
//! - A sign of life is asked for once in every keep-alive, whatever else moves, so that a session which makes no progress is noticed.
//! - The outgoing half of QoS 2 is finished after a break only as far as the standard demands: a released message is released again, a
//!   message that was not confirmed is not sent again, and its packet identifier stays out of use until the session ends at the broker.

mod backlog;
mod exit;
mod identifiers;
mod incoming;
mod outgoing;
mod subscriptions;
#[cfg(test)]
mod tests;
mod waits;

use super::packet::{
    Answer, ConnAck, Connect, Frame, Incoming, Login, Malformed, MessageProperties, Outgoing, Piece, QoS, ReasonCode,
    Version, Will, decode, encode,
};
use crate::tag::Monotonic;
use backlog::Backlog;
use bytes::{Bytes, BytesMut};
use exit::Exit;
use incoming::Received;
use outgoing::Sent;
pub use outgoing::{NotPublished, Outcome, Publication, Ticket};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use subscriptions::Subscriptions;
use waits::{Wait, Waits};

/// What becomes of the session at the broker when the connection ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Persistence {
    /// It ends with the connection.
    #[default]
    Clean,
    /// It is kept, with its subscriptions and the messages that arrive meanwhile.
    Persistent {
        /// For how long, in whole seconds; version 5 alone. For ever where none is given.
        expiry: Option<Duration>,
    },
}

/// When a message of QoS 1 or 2 is acknowledged, so that the broker need not keep it any more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Acknowledge {
    /// As soon as it was taken in: what is not yet on the disk is lost with a power cut.
    #[default]
    TakenIn,
    /// When history has it on the disk, along with the identifiers of QoS 2 that the broker has not released yet.
    Stored,
}

/// As whom and how to speak to the broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// The version; no other one is tried.
    pub version: Version,
    /// Client identifier, unique at the broker. Empty: the broker gives one (clean sessions alone).
    pub client_id: Arc<str>,
    /// User name and password.
    pub login: Option<Login>,
    /// What becomes of the session.
    pub persistence: Persistence,
    /// How often a sign of life is asked for, at least a second.
    pub keep_alive: Duration,
    /// How long the broker may take for any answer.
    pub timeout: Duration,
    /// Messages of QoS 1 and 2 that may wait for their acknowledgement, at least 1; version 5 alone.
    pub receive_maximum: u16,
    /// When messages are acknowledged.
    pub acknowledge: Acknowledge,
    /// What the broker publishes when the connection breaks.
    pub will: Option<Will>,
}

impl Options {
    /// Whether the identifiers of QoS 2 outlive this program: they are told with [`Session::know`], and given up only when that is durable.
    pub fn keeps_identifiers(&self) -> bool {
        self.acknowledge == Acknowledge::Stored && self.persistence != Persistence::Clean
    }
}

/// What an acknowledgement says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// PUBACK: a message of QoS 1 was taken in.
    Acknowledged,
    /// PUBREC: a message of QoS 2 was taken in.
    Received,
    /// PUBCOMP: its identifier is free again.
    Complete,
}

/// Names one message of QoS 1 or 2 for its acknowledgement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub(super) id: u16,
    pub(super) step: Reply,
    /// Of a message of QoS 2: tells it from another one under the same identifier.
    pub(super) checksum: u32,
    /// The connection that it came by.
    pub(super) connection: u64,
    /// The session at the broker that it belongs to.
    pub(super) session: u64,
}

/// A message from the broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// Its topic.
    pub topic: Arc<str>,
    /// Its payload.
    pub payload: Bytes,
    /// Whether the broker kept it from before our subscription: then it may be old.
    pub retained: bool,
    /// Whether the broker may have held it back while nobody was connected: then it may be old as well. See [`Backlog`].
    pub queued: bool,
    /// The broker says that it may have sent it before.
    pub duplicate: bool,
    /// The level that it came with.
    pub qos: QoS,
    /// For its acknowledgement; none for QoS 0.
    pub receipt: Option<Receipt>,
    /// What version 5 carries besides.
    pub properties: Option<Box<MessageProperties>>,
}

/// What a session tells.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// The broker took the connection.
    Up {
        /// Whether it still knew the session.
        session_present: bool,
        /// The client identifier, also one that the broker gave.
        client_id: Arc<str>,
    },
    /// The broker has answered all subscriptions.
    Ready,
    /// The broker refuses a subscription; the others are not touched.
    Refused {
        /// The filter.
        filter: Arc<str>,
        /// Why, in words that name filter and user.
        why: String,
    },
    /// A message.
    Message(Message),
    /// A message over the packet limit was left out.
    TooLarge {
        /// Its topic.
        topic: Arc<str>,
        /// Its size in bytes.
        bytes: usize,
    },
    /// More messages wait for their acknowledgement than the receive maximum allows, which is this many; told once in a connection.
    Exceeded(u16),
    /// The broker released a message of QoS 2: its identifier is free once this was acknowledged. Only where [`Options::keeps_identifiers`].
    Released(Receipt),
    /// The broker has lost the session, and what is known of its messages means nothing any more. Only where [`Options::keeps_identifiers`]:
    /// the connection ends before anything is subscribed to, so that this can become durable first.
    SessionLost,
    /// What became of a publication.
    Published(Ticket, Outcome),
    /// The connection is over.
    Down,
}

/// Why a connection has to end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum End {
    /// The broker does not take us.
    #[error("refused: {0}")]
    Refused(String),
    /// It ended the connection, with its reason (version 5).
    #[error("the broker ended the connection: {0}")]
    Disconnected(String),
    /// It closed the connection, and gave no reason.
    #[error("the broker closed the connection{0}")]
    Closed(&'static str),
    /// What it sent is no packet.
    #[error("it sent {0}")]
    Malformed(#[from] Malformed),
    /// It sent a packet that may not come.
    #[error("it sent {0}, which may not come here")]
    OutOfPlace(&'static str),
    /// It did not answer.
    #[error("it did not {0} within {1} ms")]
    Silent(&'static str, u128),
    /// It does not know the session any more.
    #[error("the broker has lost the session; a new one is begun")]
    SessionLost,
    /// History had to drop what messages said.
    #[error(
        "history had to drop samples before it could write them; the broker has their messages still, and sends them again"
    )]
    HistoryLost,
    /// History did not say which messages it has.
    #[error("history did not say within {0} ms which messages it holds already; none is taken in before")]
    HistorySilent(u128),
    /// It took no bytes.
    #[error("it took nothing of what was sent to it within {0} ms")]
    Stuck(u128),
    /// What we have to say cannot be put into a packet.
    #[error("{0}")]
    TooLong(String),
    /// No socket could be opened; the words name the address.
    #[error("{0}")]
    NotOpened(String),
    /// The socket broke.
    #[error("{0}")]
    Socket(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Closed,
    Connecting,
    Up,
}

/// What the broker allows.
#[derive(Clone, Copy, Debug)]
struct Allowed {
    /// Publications of QoS 1 and 2 that may be under way.
    quota: u16,
    /// Bytes in a packet.
    packet: usize,
    qos: QoS,
    retain: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Session {
    options: Options,
    stage: Stage,
    /// Counts connections, so that nothing of an earlier one is taken for one of this.
    connection: u64,
    /// Counts sessions at the broker.
    session: u64,
    allowed: Allowed,
    subscriptions: Subscriptions,
    sent: Sent,
    received: Received,
    backlog: Backlog,
    waits: Waits,
    next_ping: Monotonic,
    ping_period: Duration,
    pings: u64,
    pongs: u64,
    exit: Exit,
    /// The last moment that was told.
    now: Monotonic,
    events: VecDeque<Event>,
}

impl Session {
    /// A session that has no connection yet.
    pub fn new(options: Options) -> Self {
        Self {
            stage: Stage::Closed,
            connection: 0,
            session: 0,
            allowed: Allowed { quota: u16::MAX, packet: usize::MAX, qos: QoS::ExactlyOnce, retain: true },
            subscriptions: Subscriptions::default(),
            sent: Sent::default(),
            received: Received::default(),
            backlog: Backlog::default(),
            waits: Waits::new(options.timeout),
            next_ping: Monotonic::default(),
            ping_period: options.keep_alive.max(Duration::from_secs(1)),
            pings: 0,
            pongs: 0,
            exit: Exit::default(),
            now: Monotonic::default(),
            events: VecDeque::new(),
            options,
        }
    }

    /// The will of the connections that are opened from now on.
    pub fn set_will(&mut self, will: Option<Will>) {
        self.options.will = will;
    }

    /// A connection was opened `now`: CONNECT goes out.
    pub fn open(&mut self, now: Monotonic) -> Result<(), End> {
        self.close();
        self.connection += 1;
        self.now = now;
        self.stage = Stage::Connecting;
        let options = &self.options;
        let (clean, session_expiry) = match options.persistence {
            // Zero is what a broker takes where nothing is said; some standards want it said.
            Persistence::Clean => (true, Some(0)),
            Persistence::Persistent { expiry } => (false, Some(expiry_seconds(expiry))),
        };
        let connect = Connect {
            client_id: Arc::clone(&options.client_id),
            login: options.login.clone(),
            clean,
            session_expiry,
            keep_alive: u16::try_from(options.keep_alive.as_secs().max(1)).unwrap_or(u16::MAX),
            receive_maximum: options.receive_maximum.max(1),
            will: options.will.clone(),
        };
        self.waits.begin(Wait::Connection, now);
        self.send(&Outgoing::Connect(Box::new(connect)))
    }

    /// Whether the broker has taken the connection.
    pub fn is_up(&self) -> bool {
        self.stage == Stage::Up
    }

    /// The next event.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Whether there are events.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Whether the broker waits for our word on messages: it sends only so many without.
    pub(super) fn owes_word(&self) -> bool {
        self.received.waiting() > 0
    }

    /// Takes in a piece of what the broker sent.
    pub(super) fn take(&mut self, piece: Piece, now: Monotonic) -> Result<(), End> {
        self.now = now;
        match piece {
            Piece::Frame(frame) => self.take_frame(frame, now),
            Piece::Oversized(oversized) if self.is_up() => self.take_oversized(oversized),
            Piece::Oversized(_) => Err(End::OutOfPlace("a message")),
        }
    }

    fn take_frame(&mut self, frame: Frame, now: Monotonic) -> Result<(), End> {
        let packet = decode(frame, self.options.version).map_err(|error| {
            self.say_goodbye(ReasonCode::MALFORMED);
            End::Malformed(error)
        })?;
        match (self.stage, packet) {
            (Stage::Connecting, Incoming::ConnAck(answer)) => self.connected(*answer, now),
            (Stage::Connecting, _) => Err(End::OutOfPlace("a packet before it took the connection")),
            (_, Incoming::ConnAck(_)) => Err(self.out_of_place("a second CONNACK")),
            (_, Incoming::Publish(publish)) => self.take_publish(publish),
            (_, Incoming::PubAck(answer)) => self.take_puback(&answer),
            (_, Incoming::PubRec(answer)) => self.take_pubrec(&answer, now),
            (_, Incoming::PubRel(Answer { id, .. })) => self.take_pubrel(id),
            (_, Incoming::PubComp(answer)) => self.take_pubcomp(&answer),
            (_, Incoming::SubAck(granted)) => self.take_suback(&granted),
            (_, Incoming::UnsubAck(granted)) => self.take_unsuback(granted.id),
            (_, Incoming::Pong) => {
                self.pongs = self.pings;
                self.backlog.answered();
                Ok(())
            }
            (_, Incoming::Disconnect(code, text)) => Err(End::Disconnected(with_text(code.words(), text.as_deref()))),
        }
    }

    fn connected(&mut self, answer: ConnAck, now: Monotonic) -> Result<(), End> {
        if answer.code != ReasonCode::SUCCESS {
            return Err(End::Refused(self.refusal(&answer)));
        }
        let properties = answer.properties;
        if answer.session_present && self.options.persistence == Persistence::Clean {
            return Err(End::OutOfPlace("a session that it kept although none was asked for"));
        }
        self.stage = Stage::Up;
        if !answer.session_present && self.options.keeps_identifiers() && self.received.knows_any() {
            return self.begin_anew();
        }
        self.allowed = Allowed {
            quota: properties.receive_maximum.unwrap_or(u16::MAX).max(1),
            packet: properties.maximum_packet.map_or(usize::MAX, |bytes| bytes as usize),
            qos: properties.maximum_qos.and_then(QoS::from_number).unwrap_or(QoS::ExactlyOnce),
            retain: properties.retain_available.unwrap_or(true),
        };
        let ordered = properties.server_keep_alive.filter(|seconds| *seconds > 0);
        self.ping_period = ordered.map_or(self.options.keep_alive, |seconds| Duration::from_secs(seconds.into()));
        self.next_ping = now.plus(self.ping_period);
        let client_id = properties.assigned_client.unwrap_or_else(|| Arc::clone(&self.options.client_id));
        self.pongs = self.pings;
        self.backlog.begin(answer.session_present, now);
        self.events.push_back(Event::Up { session_present: answer.session_present, client_id });
        if !answer.session_present {
            self.forget_session();
        }
        self.release_again(now)?;
        self.subscribe_all(now)
    }

    fn forget_session(&mut self) {
        self.session += 1;
        self.received.forget();
        self.sent.forget();
        self.subscriptions.forget();
    }

    /// A new session begins at the broker, without a subscription as yet. A message of it must not be taken for one of the old session after
    /// a restart, so it gets none before the old identifiers are durably forgotten.
    fn begin_anew(&mut self) -> Result<(), End> {
        self.forget_session();
        self.events.push_back(Event::SessionLost);
        self.leave();
        Err(End::SessionLost)
    }

    fn refusal(&self, answer: &ConnAck) -> String {
        let version = self.options.version;
        let user = self.options.login.as_ref().map(|login| &*login.user);
        let text = answer.properties.reason.as_deref();
        let elsewhere = answer.properties.server_reference.as_deref();
        let words = match (answer.code, user) {
            (ReasonCode::UNSUPPORTED_VERSION, _) => format!(
                "the broker does not speak MQTT {}; give \"version\": \"{}\" for this connection",
                version.word(),
                if version == Version::V5 { Version::V3.word() } else { Version::V5.word() }
            ),
            (code, Some(user)) => format!("{} (user {user})", code.words()),
            (code, None) => format!("{} (without a user name)", code.words()),
        };
        let words = with_text(words, text);
        elsewhere.map_or(words.clone(), |elsewhere| format!("{words}; it names {elsewhere}"))
    }

    /// What has become due by `now`: pings go out; who waited in vain ends the connection; what has expired does not go out.
    pub fn tick(&mut self, now: Monotonic) -> Result<(), End> {
        self.now = now;
        if self.stage == Stage::Closed {
            return Ok(());
        }
        if let Some(late) = self.late(now) {
            return Err(End::Silent(late, self.options.timeout.as_millis()));
        }
        self.expire(now);
        if self.is_up() && (self.asks_for_backlog(now) || now >= self.next_ping) {
            self.next_ping = now.plus(self.ping_period);
            self.pings += 1;
            self.waits.begin(Wait::Ping(self.pings), now);
            self.send(&Outgoing::Ping)?;
        }
        Ok(())
    }

    /// When [`Session::tick`] is due next; none without a connection.
    pub fn deadline(&mut self) -> Option<Monotonic> {
        if self.stage == Stage::Closed {
            return None;
        }
        self.drop_answered();
        let ping = self.is_up().then_some(self.next_ping);
        let backlog = self.backlog_due().filter(|_| self.is_up());
        [ping, backlog, self.waits.first(), self.exit.next_expiry()].into_iter().flatten().min()
    }

    /// The connection is over, whoever ended it. What was under way has its outcome now.
    pub fn close(&mut self) {
        if self.stage == Stage::Closed {
            return;
        }
        self.stage = Stage::Closed;
        self.waits.clear();
        self.subscriptions.lose_connection();
        self.received.lose_connection();
        let keeps = self.options.persistence != Persistence::Clean;
        let (left, not_left) = self.exit.lose_connection();
        let begun = self.sent.lose_connection(keeps).into_iter().chain(left).map(|ticket| (ticket, Outcome::Unknown));
        let not_begun = not_left.into_iter().map(|ticket| (ticket, Outcome::NotSent(exit::BROKE_OFF)));
        let mut outcomes: Vec<_> = begun.chain(not_begun).collect();
        outcomes.sort_unstable_by_key(|(ticket, _)| *ticket);
        self.events.extend(outcomes.into_iter().map(|(ticket, outcome)| Event::Published(ticket, outcome)));
        self.events.push_back(Event::Down);
    }

    /// We go, and nothing is wrong: the broker does not publish the will.
    pub fn leave(&mut self) {
        self.say_goodbye(ReasonCode::SUCCESS);
    }

    /// We go, and whoever watches us is to know: the will is published, by the broker in version 5, as a message of ours in 3.1.1.
    pub fn leave_with_will(&mut self, now: Monotonic) {
        let code = match (self.options.version, self.options.will.clone()) {
            (_, None) => ReasonCode::SUCCESS,
            (Version::V5, Some(_)) => ReasonCode::WITH_WILL,
            (Version::V3, Some(will)) => {
                let Will { topic, payload, qos, retain, .. } = will;
                let message = Publication { topic, payload, qos, retain, properties: None };
                // Where it cannot go out, nothing is said: the broker publishes the will of whoever goes without a word.
                if self.publish(message, now).is_err() {
                    return;
                }
                ReasonCode::SUCCESS
            }
        };
        self.say_goodbye(code);
    }

    /// A word before the connection ends because of what the broker did; 3.1.1 has none for that.
    fn say_goodbye(&mut self, code: ReasonCode) {
        let is_our_will = !code.is_refusal();
        if self.is_up() && (is_our_will || self.options.version == Version::V5) {
            // It is short; there is nothing in it that could be too long.
            let mut word = BytesMut::new();
            let _ = encode(&Outgoing::Disconnect(code), self.options.version, &mut word);
            // Who goes of their own will says everything before that.
            self.exit.end(word, !is_our_will);
        }
    }

    fn out_of_place(&mut self, what: &'static str) -> End {
        self.say_goodbye(ReasonCode::PROTOCOL_ERROR);
        End::OutOfPlace(what)
    }

    fn send(&mut self, packet: &Outgoing) -> Result<(), End> {
        if self.exit.is_ending() {
            return Ok(());
        }
        encode(packet, self.options.version, &mut self.exit.ready).map_err(|error| End::TooLong(error.to_string()))
    }

    /// The user as sentences name it.
    fn user(&self) -> String {
        match &self.options.login {
            Some(login) => format!("user {}", login.user),
            None => "a client without a user name".to_owned(),
        }
    }
}

/// Version 5 writes for ever as the largest number.
fn expiry_seconds(expiry: Option<Duration>) -> u32 {
    expiry.map_or(u32::MAX, |expiry| u32::try_from(expiry.as_secs()).unwrap_or(u32::MAX))
}

/// Words with those of the broker behind them.
fn with_text(words: String, text: Option<&str>) -> String {
    match text {
        Some(text) if !text.is_empty() => format!("{words}: {}", text.chars().take(200).collect::<String>()),
        _ => words,
    }
}
