//! What becomes of a device and its tags when it answers no more, or again.

use super::alarms::Turn;
use super::{Effects, Engine};
use crate::alarm::{Condition, Verdict};
use crate::driver::{DeviceReport, Link};
use crate::tag::{DeviceId, Now, Quality, Reason};
use std::sync::Arc;

impl Engine {
    /// A driver says how the link to a device is.
    pub(super) fn take_report(&mut self, report: DeviceReport, now: Now, effects: &mut Effects) {
        let Some(device) = self.slot_of_device(report.generation, report.device) else { return };
        let Some(link) = self.devices.take(DeviceReport { device, ..report }, now, effects) else { return };
        self.changed = true;
        let verdict = Self::verdict(&link);
        if let Link::Lost { reason, .. } = link {
            self.worsen_all(device, reason, now, effects);
            // Before the device's own alarm, which says how much is silent behind it.
            self.judge_waiting(now, effects);
        }
        if verdict == Verdict::Inactive {
            self.count_staleness(device, now);
        }
        self.judge_device(device, Condition::DeviceLost, verdict, now, effects);
    }

    pub(super) fn judge_device(
        &mut self,
        device: DeviceId,
        condition: Condition,
        verdict: Verdict,
        now: Now,
        effects: &mut Effects,
    ) {
        let mut turn = Turn { plan: &self.plan, tags: &self.tags, now, deadlines: &mut self.deadlines, effects };
        self.alarms.judge_device(device, condition, verdict, &mut turn);
    }

    pub(super) fn worsen_all(&mut self, device: DeviceId, reason: Reason, now: Now, effects: &mut Effects) {
        let plan = Arc::clone(&self.plan);
        for &tag in plan.directory.tags_of(device) {
            self.worsen(tag, Quality::bad(reason), now, effects);
        }
    }

    /// What a device says may be held up: its values are doubtful, and are again what they were when it is known that nothing newer came.
    pub(super) fn hold_up(&mut self, device: DeviceId, is_held_up: bool, now: Now, effects: &mut Effects) {
        let plan = Arc::clone(&self.plan);
        for &tag in plan.directory.tags_of(device) {
            let changed =
                if is_held_up { self.tags.hold_up(tag, now, effects) } else { self.tags.let_go(tag, now, effects) };
            if let Some(live) = changed {
                self.bridges.note(tag);
                self.judge_tag(tag, &live, now, effects);
            }
        }
    }

    /// What a link says about the alarm of its device.
    pub(super) fn verdict(link: &Link) -> Verdict {
        match link {
            Link::Starting => Verdict::Unevaluated,
            Link::Good => Verdict::Inactive,
            Link::Lost { .. } => Verdict::Active,
        }
    }
}
