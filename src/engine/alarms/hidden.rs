//! What stays silent behind a lost device: its own alarm speaks for all of them, and says how many they are.

use super::AlarmDesk;
use crate::alarm::{Condition, Subject};
use crate::engine::Plan;

impl AlarmDesk {
    /// How many alarms of the tags of a lost device cannot be judged now and are not listed themselves; 0 for every other alarm.
    pub(super) fn hidden_behind(&self, plan: &Plan, slot: usize) -> u32 {
        let definition = &plan.alarms[slot];
        let (Subject::Device(device), Condition::DeviceLost) = (definition.subject, definition.condition) else {
            return 0;
        };
        if !self.alarms[slot].condition().active {
            return 0;
        }
        let ranges = plan.directory.tags_of(device).iter().filter_map(|tag| self.of_tag.get(tag.index()));
        let slots = ranges.flat_map(|&(start, end)| &self.order[start as usize..end as usize]);
        let is_hidden = |slot: usize| self.alarms[slot].condition().unevaluated && !self.listed.contains(&slot);
        slots.filter(|slot| is_hidden(**slot as usize)).count() as u32
    }
}
