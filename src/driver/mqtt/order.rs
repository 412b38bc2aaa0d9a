//! Messages that others want published: what is asked of the driver, and what became of it.

use super::session::{NotPublished, Outcome, Publication, Ticket};
use super::{Client, QoS};
use crate::queue::Sender;
use crate::tag::{ConnectionId, TagId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// How a value is written into a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// With time, quality, reason and unit, as JSON.
    #[default]
    Json,
    /// The value alone.
    Value,
}

/// Everything that the station tells others.
#[derive(Clone, Debug, PartialEq)]
pub struct Tellings {
    /// In the order of the station file.
    pub list: Vec<Telling>,
    /// What waits for brokers that are away may take this many bytes; beyond it the oldest goes.
    pub most_bytes: u64,
    /// And it waits no longer than this.
    pub keep: Duration,
}

impl Default for Tellings {
    fn default() -> Self {
        Self { list: Vec::new(), most_bytes: 100_000_000, keep: Duration::from_secs(30 * 86_400) }
    }
}

/// Tags that the station tells others.
#[derive(Clone, Debug, PartialEq)]
pub struct Telling {
    /// The connection to the broker.
    pub connection: ConnectionId,
    /// Its name, under which what waits for the broker is kept.
    pub connection_name: Arc<str>,
    /// The tags, each with its topic and its unit.
    pub tags: Vec<ToldTag>,
    /// How values are written.
    pub format: Format,
    /// The level.
    pub qos: QoS,
    /// Whether the broker keeps the last value of each.
    pub retain: bool,
    /// Time from one message about a tag to the next, at least.
    pub every: Duration,
}

/// A tag that is told.
#[derive(Clone, Debug, PartialEq)]
pub struct ToldTag {
    /// Its slot.
    pub tag: TagId,
    /// The topic, without wildcards.
    pub topic: Arc<str>,
    /// The unit; empty where it has none.
    pub unit: Arc<str>,
}

/// A message that somebody wants published; each gets one answer.
#[derive(Clone)]
pub struct Order {
    /// Names it in the answer.
    pub number: u64,
    /// The message.
    pub message: Publication,
    /// Where the answer goes.
    pub answers: Sender<Answer>,
}

/// What became of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The order.
    pub number: u64,
    /// What became of it.
    pub fate: Fate,
}

/// What became of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The broker has it; with QoS 0, the socket.
    Taken,
    /// It will never be taken, and why.
    Refused(String),
    /// It was not sent, because the broker cannot be talked to.
    NotSent,
    /// It may have arrived.
    Unknown,
}

/// Orders that the broker has not confirmed.
#[derive(Default)]
pub(super) struct Orders {
    open: HashMap<Ticket, (u64, Sender<Answer>)>,
}

impl Orders {
    /// Sends a message; where that is not possible, the answer says so at once.
    pub(super) async fn publish(&mut self, order: Order, client: &mut Client) {
        let Order { number, message, answers } = order;
        match client.publish(message) {
            Ok(ticket) => drop(self.open.insert(ticket, (number, answers))),
            Err(NotPublished::Down | NotPublished::Quota(_)) => answer(number, Fate::NotSent, &answers).await,
            Err(refused) => answer(number, Fate::Refused(refused.to_string()), &answers).await,
        }
    }

    /// The session knows what became of a message.
    pub(super) async fn finish(&mut self, ticket: Ticket, outcome: Outcome) {
        let Some((number, answers)) = self.open.remove(&ticket) else { return };
        let fate = match outcome {
            Outcome::Sent | Outcome::Taken | Outcome::Nobody => Fate::Taken,
            Outcome::Refused(words) => Fate::Refused(words),
            Outcome::Unknown => Fate::Unknown,
        };
        answer(number, fate, &answers).await;
    }
}

/// The broker cannot be talked to.
pub(in crate::driver) async fn refuse(order: Order) {
    answer(order.number, Fate::NotSent, &order.answers).await;
}

/// Whoever asked has room for as many answers as they have orders under way; one that is gone needs none.
async fn answer(number: u64, fate: Fate, answers: &Sender<Answer>) {
    let _ = answers.send(Answer { number, fate }).await;
}
