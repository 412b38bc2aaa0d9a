//! What the journal and the records keep of an alarm.

use super::{AlarmKey, Aside, ConditionState, Occasion, OccurrenceId, ProcessState, State};
use crate::access::Principal;
use crate::tag::{Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// One change of an alarm, as the journal keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The alarm.
    pub alarm: AlarmKey,
    /// The activation that it belongs to; 0 where the alarm never was active.
    pub occurrence: OccurrenceId,
    /// State before.
    pub from: State,
    /// State after; the same where only the condition below changed.
    pub to: State,
    /// When it happened.
    pub time: Timestamp,
    /// When this activation began.
    pub raised: Timestamp,
    /// The value that caused it, or that stood there when somebody acted.
    pub value: Option<Value>,
    /// Who acted, the station where time did; none where the plant itself caused the change.
    pub actor: Option<Principal>,
    /// What that person wrote, or what the station has to say.
    pub comment: Arc<str>,
    /// What made it change.
    pub occasion: Occasion,
    /// What was known of the condition afterwards.
    pub condition: ConditionState,
    /// What the records keep from now on; none where nothing is to be kept.
    pub kept: Option<Box<Persisted>>,
    /// Whether it follows from a request whose record is written in the same commit: without that record it did not happen.
    pub is_requested: bool,
}

/// What is kept of an alarm between two runs.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Persisted {
    /// Where it stood in the process; of one that is set aside, when it was set aside.
    pub process: ProcessState,
    /// Whether its condition held.
    pub active: bool,
    /// Its present activation, or its last one.
    pub occurrence: OccurrenceId,
    /// When that activation began.
    pub raised: Timestamp,
    /// When what is shown last changed.
    pub changed: Timestamp,
    /// How it is set aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aside: Option<Box<Aside>>,
    /// The occurrence with which it was the first of its group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_out: Option<OccurrenceId>,
    /// Its message with the values of its activation, where it tells some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<Arc<str>>,
    /// The value that raised it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
    /// A delay that had begun.
    #[serde(skip)]
    pub delay: Option<DelayKept>,
}

impl Persisted {
    /// The state that was shown.
    pub fn state(&self) -> State {
        self.aside.as_ref().map_or(self.process.into(), |aside| aside.state())
    }

    /// What the records before version 2 kept: a state of the process, and nothing set aside.
    pub fn of_state(state: State, occurrence: OccurrenceId, raised: Timestamp, changed: Timestamp) -> Self {
        let process = state.process().unwrap_or(ProcessState::Unacknowledged);
        Self { process, active: process.is_active(), occurrence, raised, changed, ..Self::default() }
    }
}

/// A delay that had begun and was not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DelayKept {
    /// Since when the condition was otherwise than the alarm.
    pub since: Timestamp,
    /// Whether it held, so that this was the delay before the alarm is raised.
    pub towards_active: bool,
}

/// A delay began, or ended without effect: kept with the next commit, at most a second later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DelayChange {
    /// The alarm.
    pub alarm: AlarmKey,
    /// The delay; none where none goes on.
    pub delay: Option<DelayKept>,
}
