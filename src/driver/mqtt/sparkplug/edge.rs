//! An edge node: it announces its metrics, tells what changed, and takes instructions. Pure: messages, values and time in, messages out.
//!
//! - Each connection is a session of its own: its number (bdSeq) stands in the death that the broker publishes for it (the will) and in the
//!   birth that begins it. The number outlives restarts; whoever keeps it asks [`EdgeNode::session`].
//! - Messages of a session are numbered from 0, the birth of the node, to 255 and again from 0. No data goes before the births.
//! - With a primary host nothing is told while that is away: the node dies as its connection would, and begins a new session. A STATE message
//!   that is older than the last one changes nothing.
//! - A device is born with the first of its metrics that does not say that nobody hears of it. It dies when all of them say that, and is born
//!   again with the first one that says something else.
//! - Instructions that the broker kept, or that name very many metrics, are not carried out. Asked for births, however often, it announces
//!   itself once in a while: a birth holds everything, and nobody is to have it made again and again.

mod devices;
mod instructions;
mod metrics;

use super::host::HostState;
use super::payload::{BIRTH_DEATH_SEQUENCE, DataType, Metric, MetricValue, Payload, PropertyContent, encode, millis};
use super::topic::{Kind, Source, Topic};
use crate::tag::{Monotonic, Now, Quality, Reason, Timestamp, Value};
use devices::{Change, Devices};
use metrics::{described, property, rebirth_metric};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// A metric is stood for by its alias in everything behind the birth. The one that asks for a birth has none, as the specification wants.
const FIRST_ALIAS: u64 = 1;
/// From one birth that was asked for to the next, at least.
const BETWEEN_BIRTHS: Duration = Duration::from_secs(5);

/// Who the node is and what it tells.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeSettings {
    /// Group.
    pub group: Arc<str>,
    /// Node, unique in its group.
    pub node: Arc<str>,
    /// The host application without which nothing is told.
    pub primary_host: Option<Arc<str>>,
    /// Everything that it will ever tell.
    pub metrics: Vec<EdgeMetric>,
    /// Whether its metrics may be set.
    pub takes_commands: bool,
}

/// A metric.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeMetric {
    /// The tag.
    pub tag: Arc<str>,
    /// The device that it belongs to; none for the node itself.
    pub device: Option<Arc<str>>,
    /// Its name, unique in its device.
    pub name: Arc<str>,
    /// The kind of its values.
    pub kind: DataType,
    /// Engineering unit; empty where it has none.
    pub unit: Arc<str>,
}

/// A value of a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeSample {
    /// When it was so.
    pub time: Timestamp,
    /// What it was; none where there is no value.
    pub value: Option<Value>,
    /// How far it can be trusted.
    pub quality: Quality,
}

/// A message to be published.
#[derive(Clone, Debug, PartialEq)]
pub struct EdgeMessage {
    /// Topic.
    pub topic: String,
    /// Payload.
    pub payload: Vec<u8>,
    /// Level: 1 for deaths, 0 for everything else.
    pub qos: u8,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum EdgeEffect {
    /// To be published, in this order.
    Publish(EdgeMessage),
    /// The primary host is away: the connection has to end, and a new session begins.
    Disconnect,
    /// A tag is to be set.
    Set {
        /// The tag.
        tag: Arc<str>,
        /// The value.
        value: Value,
    },
    /// A message is not as the specification wants it.
    Fault(String),
}

/// Why a value is not told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotTold {
    /// No session has begun: there is no connection, or the primary host is away.
    #[error("the edge node is not born")]
    NotBorn,
    /// The tag is none of its metrics.
    #[error("{0} is no metric of this edge node")]
    NoMetric(Arc<str>),
    /// The value is of another kind than the metric was born with.
    #[error("{0}")]
    Unfit(String),
}

/// See the module.
#[derive(Debug)]
pub struct EdgeNode {
    settings: EdgeSettings,
    by_tag: HashMap<Arc<str>, usize>,
    last: Vec<Option<EdgeSample>>,
    devices: Devices,
    /// Number of the session, 0 to 255.
    session: u8,
    /// Number of the next message.
    sequence: u8,
    is_born: bool,
    is_ready: bool,
    /// What the primary host said last.
    host: Option<HostState>,
    /// When the birth that was asked for is due.
    birth_due: Option<Monotonic>,
    /// Before this, no birth that is asked for is due.
    next_birth: Monotonic,
}

impl EdgeNode {
    /// A node without a connection; `last_session` is the number of its last session, where it had one.
    pub fn new(settings: EdgeSettings, last_session: Option<u8>) -> Self {
        let by_tag = settings.metrics.iter().enumerate().map(|(place, metric)| (Arc::clone(&metric.tag), place));
        Self {
            by_tag: by_tag.collect(),
            last: vec![None; settings.metrics.len()],
            devices: Devices::new(&settings.metrics),
            // The first connection makes it 0.
            session: last_session.unwrap_or(u8::MAX),
            sequence: 0,
            is_born: false,
            is_ready: false,
            host: None,
            birth_due: None,
            next_birth: Monotonic::default(),
            settings,
        }
    }

    /// The number of the session, to be kept over restarts.
    pub const fn session(&self) -> u8 {
        self.session
    }

    /// Whether values can be told.
    pub const fn is_born(&self) -> bool {
        self.is_born
    }

    /// A connection will be opened: the next session begins. What the broker publishes when that breaks.
    pub fn connect(&mut self, now: Timestamp) -> EdgeMessage {
        self.session = self.session.wrapping_add(1);
        (self.is_born, self.is_ready, self.sequence, self.host) = (false, false, 0, None);
        self.birth_due = None;
        self.death(now)
    }

    /// What it listens to.
    pub fn filters(&self) -> Vec<String> {
        let node = self.source(None);
        let mut filters = vec![Topic::Message(Kind::Command, node.clone()).to_string()];
        let devices = Source { device: Some("+".into()), ..node };
        filters.push(Topic::Message(Kind::Command, devices).to_string());
        filters
            .extend(self.settings.primary_host.iter().map(|host| Topic::State { host: Arc::clone(host) }.to_string()));
        filters
    }

    /// The broker has answered the subscriptions.
    pub fn ready(&mut self, now: Timestamp, effects: &mut Vec<EdgeEffect>) {
        self.is_ready = true;
        if self.settings.primary_host.is_none() || self.host.is_some_and(|host| host.online) {
            self.bear(now, effects);
        }
    }

    /// The connection is over.
    pub fn lost(&mut self) {
        (self.is_born, self.is_ready, self.birth_due) = (false, false, None);
    }

    /// When [`Self::pass_time`] is due.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        self.birth_due.into_iter().chain(self.devices.next_deadline()).min().filter(|_| self.is_born)
    }

    /// Time passed: a birth that was asked for may be due, or the death of a device that was announced for its history alone.
    pub fn pass_time(&mut self, now: Now, effects: &mut Vec<EdgeEffect>) {
        if !self.is_born {
            return;
        }
        if self.birth_due.is_some_and(|due| due <= now.monotonic) {
            self.next_birth = now.monotonic.plus(BETWEEN_BIRTHS);
            self.bear(now.utc, effects);
        }
        for device in self.devices.pass_time(now.monotonic) {
            let death = self.of_device(Kind::Death, device, now.utc);
            effects.push(EdgeEffect::Publish(death));
        }
    }

    /// The connection is about to be closed on purpose: then the broker publishes no will.
    pub fn leave(&mut self, now: Timestamp) -> Option<EdgeMessage> {
        let was_born = std::mem::replace(&mut self.is_born, false);
        was_born.then(|| self.death(now))
    }

    /// A message of the namespace arrived; `retained` where the broker kept it from before the subscription.
    pub fn message(&mut self, topic: &str, payload: &[u8], retained: bool, now: Now, effects: &mut Vec<EdgeEffect>) {
        match Topic::parse(topic) {
            Ok(Topic::State { host }) if Some(&host) == self.settings.primary_host.as_ref() => {
                match HostState::read(payload) {
                    Some(state) => self.follow_host(state, now.utc, effects),
                    None => {
                        effects.push(EdgeEffect::Fault(format!("what {topic} says is no state of a host application")))
                    }
                }
            }
            Ok(Topic::Message(Kind::Command, source)) if source.of_node() == self.source(None) => {
                if retained {
                    let words = format!("an instruction for {source} that the broker kept was not carried out");
                    effects.push(EdgeEffect::Fault(words));
                } else {
                    self.obey(&source, payload, now.monotonic, effects);
                }
            }
            _ => {}
        }
    }

    fn follow_host(&mut self, state: HostState, now: Timestamp, effects: &mut Vec<EdgeEffect>) {
        if self.host.is_some_and(|before| state.timestamp < before.timestamp) {
            return;
        }
        self.host = Some(state);
        if state.online && self.is_ready && !self.is_born {
            self.bear(now, effects);
        } else if !state.online && self.is_born {
            effects.extend(self.leave(now).map(EdgeEffect::Publish));
            effects.push(EdgeEffect::Disconnect);
        }
    }

    /// A value of a metric; what was true before is for history alone. The messages that tell it, in this order: none where it
    /// was told before, or the death of its device says it already.
    pub fn sample(
        &mut self,
        tag: &Arc<str>,
        sample: EdgeSample,
        historical: bool,
        now: Now,
    ) -> Result<Vec<EdgeMessage>, NotTold> {
        let place = *self.by_tag.get(tag).ok_or_else(|| NotTold::NoMetric(Arc::clone(tag)))?;
        let metric = &self.settings.metrics[place];
        let mut told = described(&sample, metric).map_err(|error| NotTold::Unfit(format!("{tag}: {error}")))?;
        let device = metric.device.clone();
        let is_known = !historical && self.last[place].as_ref() == Some(&sample);
        if !historical {
            self.last[place] = Some(sample);
        }
        if !self.is_born {
            return Err(NotTold::NotBorn);
        }
        // Its birth held it, or a message since.
        if is_known {
            return Ok(Vec::new());
        }
        let mut messages = Vec::new();
        if let Some(device) = &device {
            let change = match historical {
                true => self.devices.tell_history(device, now.monotonic),
                false => self.devices.follow(device, &self.last),
            };
            match change {
                Change::Born if historical => messages.push(self.of_device(Kind::Birth, Arc::clone(device), now.utc)),
                // It holds the value.
                Change::Born => return Ok(vec![self.of_device(Kind::Birth, Arc::clone(device), now.utc)]),
                Change::Died => return Ok(vec![self.of_device(Kind::Death, Arc::clone(device), now.utc)]),
                Change::Gone => return Ok(messages),
                Change::There => {}
            }
        }
        told.alias = Some(FIRST_ALIAS + place as u64);
        told.is_historical = historical.then_some(true);
        let source = self.source(device);
        messages.push(self.numbered(Kind::Data, source, vec![told], now.utc));
        Ok(messages)
    }

    /// The birth of a device with all its metrics, or its death.
    fn of_device(&mut self, kind: Kind, device: Arc<str>, now: Timestamp) -> EdgeMessage {
        let metrics = if kind == Kind::Birth { self.announced(Some(&device), now) } else { Vec::new() };
        let source = self.source(Some(device));
        self.numbered(kind, source, metrics, now)
    }

    /// The node announces itself and those of its devices that are there, with all that they will ever tell.
    fn bear(&mut self, now: Timestamp, effects: &mut Vec<EdgeEffect>) {
        (self.sequence, self.birth_due) = (0, None);
        let mut metrics = vec![self.session_metric(now), rebirth_metric(now)];
        metrics.extend(self.announced(None, now));
        let node = self.source(None);
        effects.push(EdgeEffect::Publish(self.numbered(Kind::Birth, node, metrics, now)));
        for device in self.devices.begin(&self.last) {
            let birth = self.of_device(Kind::Birth, device, now);
            effects.push(EdgeEffect::Publish(birth));
        }
        self.is_born = true;
    }

    fn announced(&self, device: Option<&Arc<str>>, now: Timestamp) -> Vec<Metric> {
        let here = self.settings.metrics.iter().enumerate().filter(|(_, metric)| metric.device.as_ref() == device);
        let announced = here.map(|(place, metric)| {
            let unknown = EdgeSample { time: now, value: None, quality: Quality::bad(Reason::NotYetRead) };
            let sample = self.last[place].as_ref().unwrap_or(&unknown);
            let nothing = EdgeSample { value: None, quality: Quality::bad(Reason::NotAvailable), ..unknown.clone() };
            // What was told once fits; the other way has no value, and always does.
            let mut told = described(sample, metric).or_else(|_| described(&nothing, metric)).unwrap_or_default();
            (told.name, told.alias) = (Some(metric.name.to_string()), Some(FIRST_ALIAS + place as u64));
            if !metric.unit.is_empty() {
                let set = told.properties.get_or_insert_default();
                set.keys.push("engUnit".to_owned());
                set.values.push(property(DataType::String, PropertyContent::Text(metric.unit.to_string())));
            }
            told
        });
        announced.collect()
    }

    fn session_metric(&self, now: Timestamp) -> Metric {
        Metric {
            name: Some(BIRTH_DEATH_SEQUENCE.to_owned()),
            timestamp: Some(millis(now)),
            datatype: Some(DataType::Int64.code()),
            value: Some(MetricValue::Long(self.session.into())),
            ..Metric::default()
        }
    }

    /// It carries the number of its session, and no number of its own.
    fn death(&self, now: Timestamp) -> EdgeMessage {
        let payload =
            Payload { timestamp: Some(millis(now)), metrics: vec![self.session_metric(now)], ..Payload::default() };
        let topic = Topic::Message(Kind::Death, self.source(None)).to_string();
        EdgeMessage { topic, payload: encode(&payload), qos: 1 }
    }

    fn numbered(&mut self, kind: Kind, source: Source, metrics: Vec<Metric>, now: Timestamp) -> EdgeMessage {
        let seq = Some(self.sequence.into());
        self.sequence = self.sequence.wrapping_add(1);
        let payload = Payload { timestamp: Some(millis(now)), metrics, seq, ..Payload::default() };
        EdgeMessage { topic: Topic::Message(kind, source).to_string(), payload: encode(&payload), qos: 0 }
    }

    fn source(&self, device: Option<Arc<str>>) -> Source {
        Source { group: Arc::clone(&self.settings.group), node: Arc::clone(&self.settings.node), device }
    }
}

#[cfg(test)]
mod tests;
