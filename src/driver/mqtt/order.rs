//! Messages that others want published: what is asked of the driver, and what became of it.

use super::edge_side::{EdgeSide, Told};
use super::session::{NotPublished, Outcome, Publication, Ticket};
use super::{Client, MessageProperties, QoS};
use crate::driver::{DriverNumber, LinkAnswer};
use crate::queue::Sender;
use crate::tag::{ConnectionId, Generation, Now, Quality, TagId, Timestamp, Value};
use bytes::Bytes;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// Orders that are answered when a connection ends: those of a plant before may be among them for a while.
const WATCHES: usize = 4;

/// How a value is written into a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Format {
    /// With time, quality, reason and unit, as JSON.
    #[default]
    Json,
    /// The value alone.
    Value,
    /// As a metric of Sparkplug B, by the driver.
    Metric,
}

/// Everything that the station tells others.
#[derive(Clone, Debug, PartialEq)]
pub struct Tellings {
    /// The plant that it is told about.
    pub generation: Generation,
    /// In the order of the station file.
    pub list: Vec<Telling>,
    /// What waits for brokers that are away may take this many bytes; beyond it the oldest goes.
    pub most_bytes: u64,
    /// And it waits no longer than this.
    pub keep: Duration,
}

impl Default for Tellings {
    fn default() -> Self {
        Self {
            generation: Generation(0),
            list: Vec::new(),
            most_bytes: 100_000_000,
            keep: Duration::from_secs(30 * 86_400),
        }
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
    /// Alarms, each by its permanent name with its topic. Of these the state goes, and when a broker is back the present one.
    pub alarms: Vec<(Arc<str>, Arc<str>)>,
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
pub struct Order {
    /// The name of the connection to its broker.
    pub connection: Arc<str>,
    /// The plant that the name belongs to: the driver of another one does not send it. None where the name is enough.
    pub generation: Option<Generation>,
    /// The start of the driver that it is for: another one does not send it. None where the name is enough.
    pub driver: Option<DriverNumber>,
    /// What it says.
    pub content: Content,
    /// Where the answer goes.
    pub promise: Promise,
}

/// The answer that an order is owed. One that is dropped without it, because its driver broke off or was ended, is answered by that: nobody
/// knows whether it arrived.
pub struct Promise {
    number: u64,
    answers: Option<Sender<Answer>>,
}

impl Promise {
    /// An answer with this number is owed to `answers`.
    pub const fn new(number: u64, answers: Sender<Answer>) -> Self {
        Self { number, answers: Some(answers) }
    }

    /// Nobody wants an answer, or whoever does has it already.
    pub const fn nobody() -> Self {
        Self { number: 0, answers: None }
    }

    /// The order came back, and whoever asked knows it.
    pub fn settle(&mut self) {
        self.answers = None;
    }

    /// Whoever asked has room for as many answers as they have orders under way; one that is gone needs none.
    async fn keep(mut self, fate: Fate) {
        if let Some(answers) = self.answers.take() {
            let _ = answers.send(Answer { number: self.number, fate }).await;
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        if let Some(answers) = self.answers.take() {
            let _ = answers.try_send(Answer { number: self.number, fate: Fate::Unknown });
        }
    }
}

/// What an order says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A message as it stands.
    Message(Publication),
    /// A value of a metric of the edge node that the connection is.
    Metric(MetricSample),
    /// Nothing is said: the answer comes when the connection ends, and at once where there is none.
    Watch,
}

/// A value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricSample {
    /// The tag that the metric is.
    pub tag: Arc<str>,
    /// When it was so.
    pub time: Timestamp,
    /// The value; none where there is none.
    pub value: Option<Value>,
    /// How far it can be trusted.
    pub quality: Quality,
    /// Whether it is from before.
    pub historical: bool,
}

impl Order {
    /// The answer to a command that came over a link. It is worth nothing to anybody later.
    pub fn answer(answer: &LinkAnswer) -> Self {
        let correlation =
            (!answer.reply.correlation.is_empty()).then(|| Bytes::copy_from_slice(&answer.reply.correlation));
        let properties =
            MessageProperties { correlation, expiry: Some(Duration::from_secs(60)), ..MessageProperties::default() };
        let message = Publication {
            topic: Arc::clone(&answer.reply.topic),
            payload: Bytes::copy_from_slice(answer.payload.as_bytes()),
            qos: QoS::AtLeastOnce,
            retain: false,
            properties: Some(Box::new(properties)),
        };
        let connection = Arc::clone(&answer.connection);
        let (driver, content) = (Some(answer.driver), Content::Message(message));
        Self { connection, generation: None, driver, content, promise: Promise::nobody() }
    }
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
    open: HashMap<Ticket, Promise>,
    /// What is answered when the connection ends, the oldest first.
    watches: VecDeque<Promise>,
}

impl Orders {
    /// Sends a message; where that is not possible, the answer says so at once. `generation` is the plant of the driver.
    pub(super) async fn publish(
        &mut self,
        order: Order,
        generation: Generation,
        edge: Option<&mut EdgeSide>,
        client: &mut Client,
        now: Now,
    ) {
        // In another plant the name of the connection may lead to another broker.
        if order.generation.is_some_and(|other| other != generation) {
            return refuse(order).await;
        }
        let Order { content, promise, .. } = order;
        if content == Content::Watch {
            return self.watch(promise, client.is_up()).await;
        }
        let mut messages = match (content, edge) {
            (Content::Watch, _) => Vec::new(),
            (Content::Message(message), _) => vec![message],
            (Content::Metric(sample), Some(edge)) => match edge.sample(sample, now) {
                Told::Messages(messages) => messages,
                Told::NotNow => return promise.keep(Fate::NotSent).await,
                Told::Never(words) => return promise.keep(Fate::Refused(words)).await,
            },
            (Content::Metric(_), None) => {
                let words = "this connection is no edge node".to_owned();
                return promise.keep(Fate::Refused(words)).await;
            }
        };
        // Nothing more has to be said.
        let Some(last) = messages.pop() else { return promise.keep(Fate::Taken).await };
        let first = messages.into_iter().find_map(|message| client.publish(message).err());
        match first.map_or_else(|| client.publish(last), Err) {
            Ok(ticket) => drop(self.open.insert(ticket, promise)),
            Err(NotPublished::Down | NotPublished::Quota(_)) => promise.keep(Fate::NotSent).await,
            Err(refused) => promise.keep(Fate::Refused(refused.to_string())).await,
        }
    }

    /// Of more than are ever of use the oldest are answered.
    async fn watch(&mut self, promise: Promise, is_up: bool) {
        if !is_up {
            return promise.keep(Fate::NotSent).await;
        }
        self.watches.push_back(promise);
        while self.watches.len() > WATCHES {
            let oldest = self.watches.pop_front();
            drop(oldest);
        }
    }

    /// The connection ended.
    pub(super) async fn lose_connection(&mut self) {
        for promise in std::mem::take(&mut self.watches) {
            promise.keep(Fate::Unknown).await;
        }
    }

    /// The session knows what became of a message.
    pub(super) async fn finish(&mut self, ticket: Ticket, outcome: Outcome) {
        let Some(promise) = self.open.remove(&ticket) else { return };
        let fate = match outcome {
            Outcome::Sent | Outcome::Taken | Outcome::Nobody => Fate::Taken,
            Outcome::Refused(words) => Fate::Refused(words),
            Outcome::NotSent(_) => Fate::NotSent,
            Outcome::Unknown => Fate::Unknown,
        };
        promise.keep(fate).await;
    }
}

/// The broker cannot be talked to.
pub(in crate::driver) async fn refuse(order: Order) {
    order.promise.keep(Fate::NotSent).await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{self, WhenFull};

    /// Whatever becomes of the driver that has it: an order that ends without its answer has one.
    #[tokio::test]
    async fn an_order_that_is_lost_is_answered() {
        let (answers, mut answered) = queue::bounded("answers of a test", 8, WhenFull::Wait);
        let order = |promise| Order {
            connection: "a".into(),
            generation: None,
            driver: None,
            content: Content::Message(Publication::default()),
            promise,
        };
        drop(order(Promise::new(7, answers.clone())));
        assert_eq!(answered.try_recv().ok(), Some(Answer { number: 7, fate: Fate::Unknown }));
        let held = order(Promise::new(8, answers.clone()));
        let driver = tokio::spawn(async move {
            let _open = held;
            std::future::pending::<()>().await;
        });
        driver.abort();
        assert!(driver.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(answered.try_recv().ok(), Some(Answer { number: 8, fate: Fate::Unknown }));
        refuse(order(Promise::new(9, answers))).await;
        assert_eq!(answered.try_recv().ok(), Some(Answer { number: 9, fate: Fate::NotSent }));
        assert!(answered.try_recv().is_err(), "and no other one");
    }

    /// While a reload is on its way to the drivers, one side may know the new plant and the other one not yet.
    #[tokio::test]
    async fn an_order_for_another_plant_is_not_sent() {
        let (answers, mut answered) = queue::bounded("answers of a test", 4, WhenFull::Wait);
        let mut orders = Orders::default();
        let refused = Fate::Refused("this connection is no edge node".to_owned());
        for (generation, expected) in [
            (Some(Generation(1)), Fate::NotSent),
            (Some(Generation(2)), refused.clone()),
            (Some(Generation(3)), Fate::NotSent),
            (None, refused),
        ] {
            let (time, quality) = (Timestamp::from_micros(0), Quality::GOOD);
            let sample = MetricSample { tag: "t".into(), time, value: None, quality, historical: false };
            let content = Content::Metric(sample);
            let promise = Promise::new(7, answers.clone());
            let order = Order { connection: "a".into(), generation, driver: None, content, promise };
            orders.publish(order, Generation(2), None, &mut Client::unconnected(), Now::default()).await;
            assert_eq!(answered.try_recv().unwrap(), Answer { number: 7, fate: expected }, "{generation:?}");
        }
    }
}
