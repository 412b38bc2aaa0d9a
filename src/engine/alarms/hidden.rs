//! What stays silent behind a lost device: its own alarm speaks for all of them, and says how many they are.

use super::AlarmDesk;
use crate::alarm::{Condition, Subject};
use crate::engine::Plan;

/// By device, the alarms of its tags, whatever judges them.
#[derive(Debug, Default)]
pub(super) struct Behind(Vec<Vec<u32>>);

impl Behind {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut behind = vec![Vec::new(); plan.directory.devices().len()];
        for (slot, alarm) in plan.alarms.iter().enumerate() {
            let Subject::Tag(tag) = alarm.subject else { continue };
            let device = plan.directory.tag(tag).and_then(|definition| definition.device);
            if let Some(slots) = device.and_then(|device| behind.get_mut(device.index())) {
                slots.push(slot as u32);
            }
        }
        Self(behind)
    }
}

impl AlarmDesk {
    /// How many alarms of the tags of a lost device cannot be judged now and are not listed themselves; 0 for every other alarm.
    pub(super) fn hidden_behind(&self, plan: &Plan, slot: usize) -> u32 {
        let definition = &plan.alarms[slot];
        let (Subject::Device(device), true) = (definition.subject, definition.condition == Condition::DeviceLost)
        else {
            return 0;
        };
        if !self.alarms[slot].condition().active {
            return 0;
        }
        let is_hidden = |slot: usize| self.alarms[slot].condition().unevaluated && !self.listed.contains(&slot);
        let slots = self.behind.0.get(device.index()).into_iter().flatten();
        slots.filter(|slot| is_hidden(**slot as usize)).count() as u32
    }
}
