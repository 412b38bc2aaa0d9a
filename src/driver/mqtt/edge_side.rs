//! What a broker's driver does where the station is an edge node at that broker: hands values, messages and time to the node, and carries
//! out what the node says.

use super::packet::{QoS, Subscription, Will};
use super::session::{Message, Publication};
use super::sparkplug::edge::{EdgeEffect, EdgeMessage, EdgeNode, EdgeSample, EdgeSettings, NotTold};
use super::sparkplug::topic::NAMESPACE;
use super::task::Broker;
use super::{MetricSample, Settings};
use crate::driver::{Asked, AskedValue, DriverEvent};
use crate::tag::{Monotonic, Now};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How long an instruction is worth something.
const WORTH: Duration = Duration::from_secs(10);
/// Faults are written of at most so often.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(1);

/// An edge node, and where the number of its session is kept.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeHome {
    /// The node.
    pub node: EdgeSettings,
    /// The file with the number of its last session.
    pub memory: PathBuf,
}

/// What became of a value.
pub(super) enum Told {
    /// These go, in this order.
    Messages(Vec<Publication>),
    /// It cannot go now.
    NotNow,
    /// It never will; why.
    Never(String),
}

/// The edge node at one broker.
pub(super) struct EdgeSide {
    node: EdgeNode,
    memory: PathBuf,
    effects: Vec<EdgeEffect>,
    /// What was wrong last, so that one fault again and again is told once.
    last_fault: String,
    /// When a fault was last written of.
    warned: Option<Monotonic>,
}

impl EdgeSide {
    pub(super) fn new(settings: &Settings) -> Option<Self> {
        let EdgeHome { node, memory } = *settings.edge.clone()?;
        // Without it the sessions begin anew with 0, which hosts take for a session like any other.
        let last = std::fs::read_to_string(&memory).ok().and_then(|text| text.trim().parse().ok());
        Some(Self {
            node: EdgeNode::new(node, last),
            memory,
            effects: Vec::new(),
            last_fault: String::new(),
            warned: None,
        })
    }

    pub(super) fn subscriptions(&self) -> impl Iterator<Item = Subscription> {
        self.node.filters().into_iter().map(|filter| Subscription::new(filter, QoS::AtLeastOnce))
    }

    /// A value that is to be told.
    pub(super) fn sample(&mut self, sample: MetricSample, now: Now) -> Told {
        let MetricSample { tag, time, value, quality, historical } = sample;
        match self.node.sample(&tag, EdgeSample { time, value, quality }, historical, now) {
            Ok(messages) => Told::Messages(messages.into_iter().map(publication).collect()),
            Err(NotTold::NotBorn) => Told::NotNow,
            Err(error) => Told::Never(error.to_string()),
        }
    }

    /// The will of the next connection. The number of its session is kept before that begins.
    fn connect(&mut self, now: Now) -> Will {
        let death = self.node.connect(now.utc);
        let beside = self.memory.with_extension("new");
        let kept = std::fs::write(&beside, format!("{}\n", self.node.session()));
        if let Err(error) = kept.and_then(|()| std::fs::rename(&beside, &self.memory)) {
            tracing::warn!(
                "the number of the session of the edge node cannot be kept in {}: {error}",
                self.memory.display()
            );
        }
        let qos = QoS::from_number(death.qos).unwrap_or_default();
        Will { topic: death.topic.into(), payload: death.payload.into(), qos, retain: false }
    }
}

fn publication(message: EdgeMessage) -> Publication {
    Publication {
        topic: message.topic.into(),
        payload: message.payload.into(),
        qos: QoS::from_number(message.qos).unwrap_or_default(),
        retain: false,
        properties: None,
    }
}

impl Broker {
    pub(super) fn prepare_edge(&mut self) {
        let now = self.port.clock.now();
        if let Some(edge) = &mut self.edge {
            let will = edge.connect(now);
            self.client.set_will(Some(will));
        }
    }

    pub(super) async fn edge_is_ready(&mut self) {
        let now = self.port.clock.now();
        if let Some(edge) = &mut self.edge {
            edge.node.ready(now.utc, &mut edge.effects);
            self.carry_out_edge().await;
        }
    }

    pub(super) async fn receive_for_edge(&mut self, message: &Message) {
        let Some(edge) = self.edge.as_mut().filter(|_| message.topic.starts_with(NAMESPACE)) else { return };
        let now = self.port.clock.now();
        if self.asks.is_same_again(message, now.monotonic) {
            return;
        }
        edge.node.message(&message.topic, &message.payload, message.retained, now, &mut edge.effects);
        self.carry_out_edge().await;
    }

    /// When a birth is due that was asked for, or the death of a device. On a link that takes no more it waits.
    pub(super) fn next_of_edge(&self) -> Option<Monotonic> {
        self.edge.as_ref().filter(|_| self.client.has_room())?.node.next_deadline()
    }

    pub(super) async fn pass_edge_time(&mut self) {
        let Some(due) = self.next_of_edge() else { return };
        let now = self.port.clock.now();
        if due <= now.monotonic
            && let Some(edge) = &mut self.edge
        {
            edge.node.pass_time(now, &mut edge.effects);
            self.carry_out_edge().await;
        }
    }

    pub(super) fn lose_edge(&mut self) {
        if let Some(edge) = &mut self.edge {
            edge.node.lost();
        }
    }

    /// The connection is about to be closed on purpose.
    pub(super) fn stop_edge(&mut self) {
        let now = self.port.clock.now();
        let death = self.edge.as_mut().and_then(|edge| edge.node.leave(now.utc));
        death.into_iter().for_each(|death| self.publish_for_edge(death));
    }

    async fn carry_out_edge(&mut self) {
        let Some(effects) = self.edge.as_mut().map(|edge| std::mem::take(&mut edge.effects)) else { return };
        let now = self.port.clock.monotonic();
        for effect in effects {
            match effect {
                // Each would be judged and recorded.
                EdgeEffect::Set { .. } if !self.asks.take_room(now) => self.warn_of_flood(now),
                EdgeEffect::Publish(message) => self.publish_for_edge(message),
                EdgeEffect::Disconnect => self.begins_anew = true,
                EdgeEffect::Fault(words) => self.note_edge_fault(words),
                EdgeEffect::Set { tag, value } => {
                    let asked = Asked {
                        connection: Arc::clone(&self.settings.asks.connection),
                        driver: self.port.driver,
                        tag,
                        value: AskedValue::Known(value),
                        sender: "".into(),
                        reason: "instruction of a Sparkplug host".into(),
                        id: None,
                        expires_in: WORTH,
                        reply: None,
                    };
                    self.port.send(DriverEvent::Asked(Box::new(asked))).await;
                }
            }
        }
    }

    fn publish_for_edge(&mut self, message: EdgeMessage) {
        let topic = message.topic.clone();
        if let Err(error) = self.client.publish(publication(message)) {
            self.note_edge_fault(format!("a message on {topic} did not go out: {error}"));
        }
    }

    fn note_edge_fault(&mut self, words: String) {
        let now = self.port.clock.monotonic();
        let is_quiet = |edge: &EdgeSide| edge.warned.is_none_or(|warned| now.since(warned) >= BETWEEN_WARNINGS);
        let Some(edge) = self.edge.as_mut().filter(|edge| edge.last_fault != words && is_quiet(edge)) else { return };
        edge.warned = Some(now);
        tracing::warn!("broker {}: {words}", self.settings.endpoint);
        edge.last_fault = words;
    }
}
