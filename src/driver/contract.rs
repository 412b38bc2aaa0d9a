//! What drivers and the engine say to each other. Types only.

use crate::audit::RequestId;
use crate::command::WriteAnswer;
use crate::tag::{DeviceId, Generation, Monotonic, Quality, Reason, TagId, Timestamp, Value};
use std::sync::Arc;

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
    /// The values.
    pub readings: Vec<Reading>,
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
    /// Counts.
    pub statistics: Statistics,
}

/// The driver's one word on a dispatch.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The request that it carried out.
    pub request: RequestId,
    /// What became of it.
    pub answer: WriteAnswer,
}

/// Everything that a driver can say.
#[derive(Clone, Debug, PartialEq)]
pub enum DriverEvent {
    /// Values.
    Batch(Batch),
    /// News about a device.
    Device(DeviceReport),
    /// The end of a dispatch.
    Written(Written),
}
