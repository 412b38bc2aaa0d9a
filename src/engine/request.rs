//! What people and machines ask of a station: one form for the window, the command line and, later, other stations.

use super::tool::ToolRequest;
use crate::access::Principal;
use crate::alarm::{AlarmKey, OccurrenceId};
use crate::audit::RequestId;
use crate::command::{Confirmation, Message};
use crate::tag::{TagKey, Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The version of this form. A station refuses requests of another one.
pub const PROTOCOL_VERSION: u16 = 1;

/// A request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Version of the form.
    pub version: u16,
    /// Unique name of the request.
    pub id: RequestId,
    /// Who asks. Over a socket the station sets it from the connection, and does not believe this field.
    pub principal: Principal,
    /// When it becomes void.
    pub expires: Timestamp,
    /// What is asked.
    pub body: RequestBody,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum RequestBody {
    /// Acknowledge these activations.
    Acknowledge {
        /// Which ones.
        occurrences: Vec<OccurrenceId>,
        /// What the person wants to say about it.
        comment: Arc<str>,
    },
    /// Reset alarms that are latched.
    Reset {
        /// Which ones.
        alarms: Vec<AlarmName>,
        /// What the person wants to say about it.
        comment: Arc<str>,
    },
    /// Set alarms aside for a while.
    Shelve {
        /// Which ones.
        alarms: Vec<AlarmName>,
        /// For how long, in seconds, at most as the station file allows for their priority; may be missing with `one_shot`.
        length_seconds: Option<u64>,
        /// Whether that ends as soon as the condition is gone.
        one_shot: bool,
        /// Why; needed.
        reason: Arc<str>,
    },
    /// Take alarms from the shelf.
    Unshelve {
        /// Which ones.
        alarms: Vec<AlarmName>,
        /// What the person wants to say about it.
        comment: Arc<str>,
    },
    /// Take alarms out of service.
    OutOfService {
        /// Which ones.
        alarms: Vec<AlarmName>,
        /// When they go back into service by themselves; none where a person has to put them back.
        until: Option<Timestamp>,
        /// Why; needed.
        reason: Arc<str>,
    },
    /// Put alarms back into service.
    ReturnToService {
        /// Which ones.
        alarms: Vec<AlarmName>,
        /// What the person wants to say about it.
        comment: Arc<str>,
    },
    /// Say something about alarms, and do nothing else to them.
    Comment {
        /// Which ones, whatever their state.
        alarms: Vec<AlarmName>,
        /// What the person wants to say; needed.
        comment: Arc<str>,
    },
    /// Set a tag.
    Command {
        /// The tag.
        tag: TagKey,
        /// The value, in the tag's unit.
        value: Value,
        /// The value that stood there when the wish arose.
        value_seen: Option<Value>,
        /// Why.
        reason: Arc<str>,
        /// How it was confirmed.
        confirmation: Confirmation,
    },
    /// Publish a message at a broker, by hand.
    Publish {
        /// What goes out, and over which connection.
        message: Message,
        /// Why.
        reason: Arc<str>,
        /// How it was confirmed.
        confirmation: Confirmation,
    },
    /// List the alarms that are not normal.
    ListAlarms,
    /// Take a device off scan, so that it is talked to no more and raises no alarms, or put it back.
    Scan {
        /// Name of the device.
        device: Arc<str>,
        /// Whether it is to be on scan.
        on: bool,
        /// Why.
        reason: Arc<str>,
    },
    /// Stop a bridge, or start one again that was stopped or went back and forth.
    Bridge {
        /// Its name.
        name: Arc<str>,
        /// Whether it is to copy from now on.
        on: bool,
        /// Why; needed to stop it.
        reason: Arc<str>,
    },
    /// List the bridges.
    ListBridges,
    /// Record that a measurement was followed from the device to the screen.
    LoopCheck {
        /// The tag.
        tag: TagKey,
        /// The value that the person saw.
        value_seen: Option<Value>,
        /// Whether it was right.
        passed: bool,
        /// What the person wants to say about it; a failure needs it.
        remark: Arc<str>,
    },
    /// Pin words to a moment of the trends.
    Note {
        /// The moment; not in the future.
        at: Timestamp,
        /// What the person wants to say, in at most 500 signs.
        words: Arc<str>,
    },
    /// Record that a page for the next shift was made.
    Handover(super::HandoverPage),
    /// A tool asks a wire something. The station hands it to the driver; the engine has no part in it.
    Tool(ToolRequest),
}

impl RequestBody {
    /// Whether something may have gone to the field even where no answer comes back.
    pub const fn reaches_the_field(&self) -> bool {
        matches!(self, Self::Command { .. } | Self::Publish { .. })
    }
}

/// Names an alarm in a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum AlarmName {
    /// By its present activation.
    Occurrence(OccurrenceId),
    /// By its permanent name, whether it is active or not.
    Key(AlarmKey),
}

impl std::fmt::Display for AlarmName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Occurrence(occurrence) => write!(formatter, "{occurrence}"),
            Self::Key(key) => write!(formatter, "{key}"),
        }
    }
}
