//! How a command ends, in words.

use crate::access::Principal;
use crate::audit::RequestId;
use crate::tag::{TagId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What a driver can say about a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteAnswer {
    /// The device said that it took it.
    Accepted,
    /// It went out to all devices on the line; nobody answers a broadcast.
    SentToAll,
    /// The device said no, and why.
    Failed(String),
    /// It never left the station.
    NotSent(String),
    /// It may have arrived.
    Unknown(String),
}

/// The six ways in which a command ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The device took it and the read-back agrees.
    Verified,
    /// The device took it, but reads back something else.
    Mismatch,
    /// It was never sent.
    Refused,
    /// The device said no.
    Failed,
    /// The device took it, or it was sent to all, and no read-back says more.
    Unverified,
    /// It may have arrived.
    Unknown,
}

impl Outcome {
    /// The word that files, screens and the event stream show.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Mismatch => "mismatch",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Unverified => "unverified",
            Self::Unknown => "unknown",
        }
    }

    /// The exit code of `polder set`.
    pub const fn exit_code(&self) -> u8 {
        match self {
            Self::Verified => 0,
            Self::Refused => 2,
            Self::Failed => 3,
            Self::Mismatch => 4,
            Self::Unverified => 5,
            Self::Unknown => 6,
        }
    }
}

/// How far a command has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Phase {
    /// Its audit entry is being written.
    Recording,
    /// It is on its way to the device.
    Sending,
    /// It went out, and as far as the device answers it took it; the read-back is awaited.
    ReadingBack,
    /// It has ended; with a sentence.
    Ended(Outcome, Arc<str>),
}

impl Phase {
    /// What the operator reads.
    pub fn words(&self) -> String {
        match self {
            Self::Recording => "being recorded".to_owned(),
            Self::Sending => "sent, waiting for the device".to_owned(),
            Self::ReadingBack => "sent, reading back".to_owned(),
            Self::Ended(outcome, detail) if detail.is_empty() => outcome.word().to_owned(),
            Self::Ended(outcome, detail) => format!("{}: {detail}", outcome.word()),
        }
    }
}

/// A command as screens show it.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandView {
    /// The request.
    pub id: RequestId,
    /// The tag.
    pub tag: TagId,
    /// The value before.
    pub old: Option<Value>,
    /// The value asked for.
    pub value: Value,
    /// Who asked.
    pub principal: Principal,
    /// Why.
    pub reason: Arc<str>,
    /// When it was asked for.
    pub time: Timestamp,
    /// How far it has come.
    pub phase: Phase,
}
