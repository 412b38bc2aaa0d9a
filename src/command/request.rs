//! What somebody asks for, and that they meant it.

use crate::access::Principal;
use crate::audit::RequestId;
use crate::tag::{TagKey, Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A wish: set this tag to this value.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandRequest {
    /// Unique name of the request.
    pub id: RequestId,
    /// The tag to set.
    pub tag: TagKey,
    /// The value, in the tag's unit.
    pub value: Value,
    /// The value that stood there when the wish arose; none where nothing was seen.
    pub value_seen: Option<Value>,
    /// Why.
    pub reason: Arc<str>,
    /// Who.
    pub principal: Principal,
    /// When it becomes void.
    pub expires: Timestamp,
}

/// How a wish was confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Confirmation {
    /// In the dialog that shows old value, new value and limits.
    Dialog,
    /// On the command line, where the whole command was typed out.
    CommandLine,
    /// By a rule that was approved beforehand.
    Rule,
    /// By the system that sent it: the engineer lets it command over this link.
    Link,
}

impl Confirmation {
    /// The word in the audit entry.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Dialog => "dialog",
            Self::CommandLine => "command-line",
            Self::Rule => "rule",
            Self::Link => "link",
        }
    }
}

impl CommandRequest {
    /// Confirms the wish.
    pub fn confirm(self, confirmation: Confirmation) -> Confirmed {
        Confirmed { request: self, confirmation }
    }
}

/// A wish that was meant.
#[derive(Clone, Debug, PartialEq)]
pub struct Confirmed {
    pub(super) request: CommandRequest,
    pub(super) confirmation: Confirmation,
}

impl Confirmed {
    /// What was asked for.
    pub fn request(&self) -> &CommandRequest {
        &self.request
    }
}
