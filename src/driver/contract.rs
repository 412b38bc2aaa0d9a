//! What drivers and the engine say to each other. Types only.

use super::modbus::{Holes, Inquiry};
use super::mqtt::sparkplug::namespace::{NamespaceView, NamespaceWish};
use crate::audit::RequestId;
use crate::command::{MessageDispatch, WriteAnswer};
use crate::tag::{DeviceId, Generation, Mark, Monotonic, Quality, Reason, TagId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// One value as a device gave it, before scaling.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The tag.
    pub tag: TagId,
    /// The raw value; none where the device gave none.
    pub value: Option<Value>,
    /// What the driver knows of its quality.
    pub quality: Quality,
}

/// The readings of one answer. They share its time.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// The plant that the slots belong to.
    pub generation: Generation,
    /// The device that answered.
    pub device: DeviceId,
    /// When the answer arrived, or the time that the protocol carries.
    pub time: Timestamp,
    /// The values that are not what the last batch with their tags said.
    pub readings: Vec<Reading>,
    /// The tags whose values the answer held, changed or not: their age is new.
    pub confirmed: Arc<[TagId]>,
}

/// Whether a device can be talked to.
#[derive(Clone, Debug, PartialEq)]
pub enum Link {
    /// Nothing is known yet.
    Starting,
    /// It answers.
    Good,
    /// It does not answer, or cannot be reached.
    Lost {
        /// The reason that its tags get.
        reason: Reason,
        /// The particulars, in words.
        detail: Arc<str>,
        /// When it will be tried again.
        next_try: Option<Monotonic>,
    },
}

impl Link {
    /// The word of the event stream.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Good => "good",
            Self::Lost { .. } => "lost",
        }
    }
}

/// How a device is doing, finer than its link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Condition {
    /// Nothing is known yet.
    #[default]
    Starting,
    /// It answers in good time.
    Good,
    /// It answers, but takes more than half of the time that it may take.
    Slow,
    /// It failed to answer, and is asked at its next turn.
    Failing,
    /// It failed several times in a row: it is probed now and then, so that it does not hold up others.
    Demoted,
    /// It has never answered since the start.
    Absent,
}

impl Condition {
    /// The word that screens and the event stream show.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Good => "good",
            Self::Slow => "slow",
            Self::Failing => "failing",
            Self::Demoted => "demoted",
            Self::Absent => "absent",
        }
    }

    /// Whether it answers.
    pub const fn is_answering(self) -> bool {
        matches!(self, Self::Good | Self::Slow)
    }
}

/// What a driver counted about a device.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Answers since the start: polls for Modbus, messages for MQTT.
    pub answers: u64,
    /// Requests without a usable answer since the start.
    pub errors: u64,
    /// Answers a second, over the last few seconds.
    pub answers_per_second: f32,
    /// Time from request to answer, smoothed, in microseconds; none where the protocol has no requests.
    pub latency_micros: Option<u32>,
    /// How late the last polls began, in microseconds: 99 of 100 kept to it. None where nothing is polled.
    pub lateness_micros: Option<u32>,
    /// Polls that were skipped since the start because the wire was busy.
    pub overruns: u64,
    /// The share of the time in which the wire worked for this device, 0 to 1.
    pub busy: f32,
    /// The share of the time in which the wire worked at all, 0 to 1.
    pub wire_busy: f32,
    /// Tags that the device refuses, and that are asked for only now and then.
    pub refused_tags: u32,
    /// Names that were found and are more than the station file allows.
    pub names_left_out: u32,
    /// How often the driver broke off because of a defect in Polder, since the start of its connection.
    pub broke_off: u32,
}

/// News about a device.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceReport {
    /// The plant that the slot belongs to.
    pub generation: Generation,
    /// The device.
    pub device: DeviceId,
    /// Whether it can be talked to.
    pub link: Link,
    /// How it is doing, finer than its link.
    pub condition: Condition,
    /// Counts.
    pub statistics: Statistics,
}

/// Who a device says that it is (Modbus function 43/14).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Identity {
    /// Vendor name (object 0).
    pub vendor: Arc<str>,
    /// Product code (object 1).
    pub product: Arc<str>,
    /// Revision (object 2).
    pub revision: Arc<str>,
    /// Everything else that it says, by the number of the object.
    pub others: BTreeMap<u8, Arc<str>>,
}

impl Identity {
    /// One line for screens and records.
    pub fn words(&self) -> String {
        let parts = [&self.vendor, &self.product, &self.revision].into_iter().chain(self.others.values());
        parts.filter(|part| !part.is_empty()).map(|part| &**part).collect::<Vec<_>>().join(" · ")
    }
}

/// News of the sign of life that the station gives a device.
#[derive(Clone, Debug, PartialEq)]
pub enum Heartbeat {
    /// It goes out.
    Beating,
    /// It cannot be given.
    Failing(Arc<str>),
}

/// Something that a driver found at run time, and that the station file does not name one by one: the topic of a wildcard, a metric of a
/// node. The station keeps it, and makes tags of it at its next reload.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// What kind of thing it is; it says how the facts are to be read.
    pub kind: Arc<str>,
    /// What tells it from the others of its kind and device.
    pub name: Arc<str>,
    /// Everything else that is known of it.
    pub facts: serde_json::Value,
}

/// The driver's one word on a dispatch.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The request that it carried out.
    pub request: RequestId,
    /// What became of it.
    pub answer: WriteAnswer,
}

/// What the task of a connection works on: settings with the plant that their slots belong to.
#[derive(Clone, Debug)]
pub struct Assignment<S> {
    /// The plant.
    pub generation: Generation,
    /// The connection and what is on it.
    pub settings: S,
}

/// The names of the devices that nobody may talk to.
pub type OffScan = Arc<HashSet<Arc<str>>>;

/// What a driver is told, apart from commands: these have a queue of their own, and go first.
#[derive(Debug)]
pub enum Instruction {
    /// A tool wants to know something.
    Inquiry(Inquiry),
    /// A person publishes a message by hand: its end is told like that of a command.
    Publish(MessageDispatch),
    /// A tool wants to see what is known of a Sparkplug namespace; no answer where the broker is not one of Sparkplug's.
    Look(Box<NamespaceWish>, oneshot::Sender<NamespaceView>),
}

/// One start of a driver. A connection that is started anew, under the same name too, has another one: it may lead elsewhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct DriverNumber(pub u32);

/// A command that came over a link to other systems.
#[derive(Clone, Debug, PartialEq)]
pub struct Asked {
    /// Name of the connection.
    pub connection: Arc<str>,
    /// Which start of its driver heard it: the answer goes out there or not at all.
    pub driver: DriverNumber,
    /// The tag to be set.
    pub tag: Arc<str>,
    /// The value.
    pub value: AskedValue,
    /// What the message says of its sender; may be empty.
    pub sender: Arc<str>,
    /// What the message says why; may be empty.
    pub reason: Arc<str>,
    /// Unique name that the sender gave it; the same one is not taken twice.
    pub id: Option<Arc<str>>,
    /// How long it is worth something from now on.
    pub expires_in: Duration,
    /// Where an answer is expected.
    pub reply: Option<ReplyTo>,
}

/// A value in a message.
#[derive(Clone, Debug, PartialEq)]
pub enum AskedValue {
    /// Of a known kind.
    Known(Value),
    /// As text, to be read as the tag wants it.
    Text(Arc<str>),
}

/// Where the answer to a command is expected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplyTo {
    /// The topic.
    pub topic: Arc<str>,
    /// What the answer has to carry, so that it can be told apart; may be empty.
    pub correlation: Arc<[u8]>,
}

/// The answer to a command that came over a link.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkAnswer {
    /// Name of the connection.
    pub connection: Arc<str>,
    /// Which start of its driver heard the command.
    pub driver: DriverNumber,
    /// Where it is expected.
    pub reply: ReplyTo,
    /// What it says: JSON.
    pub payload: Arc<str>,
}

/// Everything that a driver can say.
#[derive(Clone, Debug, PartialEq)]
pub enum DriverEvent {
    /// Values.
    Batch(Batch),
    /// Values of before, which came late: they belong into history, and never replace newer ones.
    Past(Batch),
    /// Values for the present alone: shown and judged like others, and never kept in history.
    Transient(Batch),
    /// Why the value of a tag is bad, more precisely than its reason says; until its next good value.
    Detail(Generation, TagId, Arc<str>),
    /// Something that the station file does not name.
    Found(Generation, DeviceId, Vec<Found>),
    /// News about a device.
    Device(DeviceReport),
    /// The end of a dispatch.
    Written(Written),
    /// Who a device says that it is.
    Identity(Generation, DeviceId, Identity),
    /// What a device refuses, worth keeping over a restart.
    Learned(Generation, DeviceId, Holes),
    /// The sign of life that the station gives a device began or failed.
    Heartbeat(Generation, DeviceId, Heartbeat),
    /// What a device says may be held up from now on, so that its values may be old; or, where false, it is held up no more, and what had
    /// been has come.
    HeldUp(Generation, DeviceId, bool),
    /// A command came over a link to other systems.
    Asked(Box<Asked>),
    /// All of these in one piece, and the mark behind their samples: either all of it becomes durable or nothing.
    Together(Vec<DriverEvent>, Box<Mark>),
}
