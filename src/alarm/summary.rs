//! What the operator sees of the alarms.

use super::{AlarmDefinition, AlarmKey, Aside, ConditionState, OccurrenceId, Priority, ProcessState, State, Subject};
use crate::tag::{Timestamp, Value};
use std::sync::Arc;

/// One alarm that is not normal, or set aside, as screens and the event stream show it.
#[derive(Clone, Debug, PartialEq)]
pub struct AlarmView {
    /// Permanent name.
    pub key: AlarmKey,
    /// What it watches.
    pub subject: Subject,
    /// Slot among the plan's alarms.
    pub slot: usize,
    /// The activation; 0 for one that is set aside and never was active.
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
    /// What is known of its condition, and whether its input is too bad to judge it at present; below what is set aside it goes on.
    pub condition: ConditionState,
    /// How it is set aside: by whom, why, until when.
    pub aside: Option<Arc<Aside>>,
    /// The group of alarms with one cause that it belongs to.
    pub group: Option<Arc<str>>,
    /// Whether this activation was the first of its group.
    pub is_first_out: bool,
    /// Of a lost device: how many alarms of its tags say nothing because it does not answer. Those that stand already are not among them.
    pub hides: u32,
}

impl AlarmView {
    /// Whether it belongs above `other`: waiting for an acknowledgement first, then the more urgent, then the newer.
    pub fn sort_key(&self) -> (bool, Priority, std::cmp::Reverse<Timestamp>, usize) {
        (!self.state.needs_acknowledgement(), self.priority, std::cmp::Reverse(self.raised), self.slot)
    }

    /// How much is hidden behind it, such as "hides 14 alarms"; none where nothing is.
    pub fn hidden_words(&self) -> Option<String> {
        (self.hides > 0).then(|| format!("hides {} {}", self.hides, if self.hides == 1 { "alarm" } else { "alarms" }))
    }

    /// The definition behind it.
    pub fn definition<'plan>(&self, alarms: &'plan [AlarmDefinition]) -> Option<&'plan AlarmDefinition> {
        alarms.get(self.slot)
    }
}

/// Counts of alarms that are not normal, by priority. Those that are set aside count as neither active nor waiting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Active ones, index 0 for priority 1.
    pub active: [u32; 4],
    /// Those that wait for an acknowledgement.
    pub unacknowledged: [u32; 4],
    /// Those whose condition is gone and that wait for a reset.
    pub latched: [u32; 4],
    /// Those that are shown as shelved.
    pub shelved: [u32; 4],
    /// Those that are shown as suppressed by design.
    pub suppressed: [u32; 4],
    /// Those that are out of service.
    pub out_of_service: [u32; 4],
}

impl Summary {
    /// Counts `alarms`.
    pub fn of<'a>(alarms: impl Iterator<Item = &'a AlarmView>) -> Self {
        let mut summary = Self::default();
        for alarm in alarms {
            let place = alarm.priority as usize;
            summary.active[place] += u32::from(alarm.state.is_active());
            summary.unacknowledged[place] += u32::from(alarm.state.needs_acknowledgement());
            summary.latched[place] += u32::from(alarm.state.process().is_some_and(ProcessState::is_latched));
            summary.shelved[place] += u32::from(alarm.state == State::Shelved);
            summary.suppressed[place] += u32::from(alarm.state == State::Suppressed);
            summary.out_of_service[place] += u32::from(alarm.state == State::OutOfService);
        }
        summary
    }

    /// How many are set aside, in whichever way.
    pub fn set_aside(&self) -> u32 {
        [self.shelved, self.suppressed, self.out_of_service].iter().flatten().sum()
    }
}
