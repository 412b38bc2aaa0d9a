//! What the operator sees of the alarms.

use super::{AlarmDefinition, AlarmKey, OccurrenceId, Priority, State, Subject};
use crate::tag::{Timestamp, Value};
use std::sync::Arc;

/// One alarm that is not normal, as screens and the event stream show it.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmView {
    /// Permanent name.
    pub key: AlarmKey,
    /// What it watches.
    pub subject: Subject,
    /// Slot among the plan's alarms.
    pub slot: usize,
    /// The activation.
    pub occurrence: OccurrenceId,
    /// Where it stands.
    pub state: State,
    /// How soon an operator has to act.
    pub priority: Priority,
    /// When this activation began.
    pub raised: Timestamp,
    /// When the state last changed.
    pub changed: Timestamp,
    /// The value that raised it.
    pub value: Option<Value>,
    /// What the operator reads.
    pub message: Arc<str>,
    /// Whether the condition cannot be judged at present, because its input is bad.
    pub unevaluated: bool,
}

impl AlarmView {
    /// Whether it belongs above `other`: waiting for an acknowledgement first, then the more urgent, then the newer.
    pub fn sort_key(&self) -> (bool, Priority, std::cmp::Reverse<Timestamp>, usize) {
        (!self.state.needs_acknowledgement(), self.priority, std::cmp::Reverse(self.raised), self.slot)
    }

    /// The definition behind it.
    pub fn definition<'plan>(&self, alarms: &'plan [AlarmDefinition]) -> Option<&'plan AlarmDefinition> {
        alarms.get(self.slot)
    }
}

/// Counts of alarms that are not normal, by priority.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Active ones, index 0 for priority 1.
    pub active: [u32; 4],
    /// Those that wait for an acknowledgement.
    pub unacknowledged: [u32; 4],
}

impl Summary {
    /// Counts `alarms`.
    pub fn of<'a>(alarms: impl Iterator<Item = &'a AlarmView>) -> Self {
        let mut summary = Self::default();
        for alarm in alarms {
            let place = alarm.priority as usize;
            summary.active[place] += u32::from(alarm.state.is_active());
            summary.unacknowledged[place] += u32::from(alarm.state.needs_acknowledgement());
        }
        summary
    }
}
