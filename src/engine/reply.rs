//! What a station answers.

use super::BridgeView;
use super::tool::ToolReply;
use crate::alarm::{AlarmView, OccurrenceId, Priority, State};
use crate::command::Outcome;
use crate::tag::{Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Names the one who waits for a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ReplyId(pub u64);

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// Occurrences were acknowledged, and the record of it is durable.
    Acknowledged {
        /// How many.
        count: usize,
        /// How many had been acknowledged before.
        already: usize,
        /// How many are over or never were.
        gone: usize,
        /// How many are set aside, so that nothing is to be acknowledged.
        #[serde(default, skip_serializing_if = "is_zero")]
        set_aside: usize,
    },
    /// Something else was done to alarms, and the record of it is durable.
    AlarmsDone {
        /// To how many.
        count: usize,
        /// Those to which it was not done.
        refused: Vec<NotDone>,
    },
    /// A command ended.
    Command {
        /// How.
        outcome: Outcome,
        /// A sentence about it.
        detail: String,
    },
    /// It was done, and the record of it is durable.
    Done,
    /// What a tool gets.
    Tool(ToolReply),
    /// The bridges.
    Bridges {
        /// In the order of the station file.
        bridges: Vec<BridgeView>,
    },
    /// The alarms that are not normal.
    Alarms {
        /// The most urgent first.
        alarms: Vec<AlarmLine>,
        /// Those that are set aside.
        #[serde(default)]
        set_aside: Vec<AlarmLine>,
    },
    /// It was not done.
    Refused {
        /// Why.
        why: String,
    },
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for it so")]
const fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// An alarm to which something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotDone {
    /// The alarm, as it was named.
    pub alarm: Arc<str>,
    /// Why.
    pub why: String,
}

impl std::fmt::Display for NotDone {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.alarm, self.why)
    }
}

/// One alarm in a list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AlarmLine {
    /// Permanent name.
    pub alarm: Arc<str>,
    /// The activation.
    pub occurrence: OccurrenceId,
    /// Where it stands.
    pub state: State,
    /// How soon an operator has to act.
    pub priority: Priority,
    /// When this activation began.
    pub raised: Timestamp,
    /// The value that raised it.
    pub value: Option<Value>,
    /// What the operator reads.
    pub message: Arc<str>,
    /// What is known of its condition, in words; below what is set aside it goes on.
    #[serde(default)]
    pub condition: Arc<str>,
    /// Who set it aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<Arc<str>>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// Until when, where that ends by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
    /// Whether it was the first of its group.
    #[serde(default)]
    pub first_out: bool,
    /// Of a lost device: how many alarms of its tags say nothing because it does not answer.
    #[serde(default, skip_serializing_if = "hides_nothing")]
    pub hides: u32,
}

fn hides_nothing(count: &u32) -> bool {
    *count == 0
}

impl From<&AlarmView> for AlarmLine {
    fn from(view: &AlarmView) -> Self {
        let aside = view.aside.as_deref();
        Self {
            alarm: view.key.as_str().into(),
            occurrence: view.occurrence,
            state: view.state,
            priority: view.priority,
            raised: view.raised,
            value: view.value.clone(),
            message: view.message.clone(),
            condition: view.condition.words().into(),
            by: aside.and_then(|aside| aside.by()).map(|by| by.to_string().into()),
            reason: aside.map(|aside| aside.reason().into()),
            until: aside.and_then(|aside| aside.until()),
            first_out: view.is_first_out,
            hides: view.hides,
        }
    }
}
