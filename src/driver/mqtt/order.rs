//! Messages that others want published: what is asked of the driver, and what became of it.

use super::edge_side::{EdgeSide, Told};
use super::session::{NotPublished, Outcome, Publication, Ticket};
use super::{Client, MessageProperties, QoS};
use crate::driver::LinkAnswer;
use crate::queue::Sender;
use crate::tag::{ConnectionId, Generation, Now, Quality, TagId, Timestamp, Value};
use bytes::Bytes;
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
#[derive(Clone)]
pub struct Order {
    /// Names it in the answer.
    pub number: u64,
    /// The name of the connection to its broker.
    pub connection: Arc<str>,
    /// The plant that the name belongs to: the driver of another one does not send it. None where the name is enough.
    pub generation: Option<Generation>,
    /// What it says.
    pub content: Content,
    /// Where the answer goes; none where nobody wants one.
    pub answers: Option<Sender<Answer>>,
}

/// What an order says.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// A message as it stands.
    Message(Publication),
    /// A value of a metric of the edge node that the connection is.
    Metric(MetricSample),
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
        Self { number: 0, connection, generation: None, content: Content::Message(message), answers: None }
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
    open: HashMap<Ticket, (u64, Option<Sender<Answer>>)>,
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
        let Order { number, content, answers, .. } = order;
        let message = match (content, edge) {
            (Content::Message(message), _) => message,
            (Content::Metric(sample), Some(edge)) => match edge.sample(sample, now) {
                Told::Message(message) => message,
                Told::NotNow => return answer(number, Fate::NotSent, answers.as_ref()).await,
                Told::Never(words) => return answer(number, Fate::Refused(words), answers.as_ref()).await,
            },
            (Content::Metric(_), None) => {
                let words = "this connection is no edge node".to_owned();
                return answer(number, Fate::Refused(words), answers.as_ref()).await;
            }
        };
        match client.publish(message) {
            Ok(ticket) => drop(self.open.insert(ticket, (number, answers))),
            Err(NotPublished::Down | NotPublished::Quota(_)) => answer(number, Fate::NotSent, answers.as_ref()).await,
            Err(refused) => answer(number, Fate::Refused(refused.to_string()), answers.as_ref()).await,
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
        answer(number, fate, answers.as_ref()).await;
    }
}

/// The broker cannot be talked to.
pub(in crate::driver) async fn refuse(order: Order) {
    answer(order.number, Fate::NotSent, order.answers.as_ref()).await;
}

/// Whoever asked has room for as many answers as they have orders under way; one that is gone needs none.
async fn answer(number: u64, fate: Fate, answers: Option<&Sender<Answer>>) {
    if let Some(answers) = answers {
        let _ = answers.send(Answer { number, fate }).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::queue::{WhenFull, bounded};

    /// While a reload is on its way to the drivers, one side may know the new plant and the other one not yet.
    #[tokio::test]
    async fn an_order_for_another_plant_is_not_sent() {
        let (answers, mut answered) = bounded("answers of a test", 4, WhenFull::Wait);
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
            let order =
                Order { number: 7, connection: "a".into(), generation, content, answers: Some(answers.clone()) };
            orders.publish(order, Generation(2), None, &mut Client::unconnected(), Now::default()).await;
            assert_eq!(answered.try_recv().unwrap(), Answer { number: 7, fate: expected }, "{generation:?}");
        }
    }
}
