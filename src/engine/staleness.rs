//! Values that nobody confirms become stale when their time is over.

use super::deadlines::Deadline;
use super::{Effects, Engine};
use crate::tag::{DeviceId, Monotonic, Now, Quality, Reason, TagId};
use std::sync::Arc;

impl Engine {
    /// The time of a tag may be over.
    pub(super) fn check_stale(&mut self, tag: TagId, now: Now, effects: &mut Effects) {
        let due = self.tags.stale_at(&self.plan, tag);
        if due > now.monotonic {
            self.deadlines.push(due, Deadline::Stale(tag.0));
            return;
        }
        self.tags.disarm(tag);
        let device = self.plan.directory.tag(tag).and_then(|definition| definition.device);
        if device.is_some_and(|device| !self.devices.is_good(device)) {
            // The device's silence says it already; the count begins anew when it is back.
            return;
        }
        self.worsen(tag, Quality::bad(Reason::Stale), now, effects);
    }

    /// A device is back: each of its tags has its time to follow.
    pub(super) fn count_staleness(&mut self, device: DeviceId, now: Now) {
        let plan = Arc::clone(&self.plan);
        for &tag in plan.directory.tags_of(device) {
            if let Some(limit) = plan.directory.tag(tag).and_then(|definition| definition.stale_after)
                && self.tags.arm(tag, now.monotonic)
            {
                self.deadlines.push(now.monotonic.plus(limit), Deadline::Stale(tag.0));
            }
        }
    }

    /// Each tag has its time, from here on.
    pub(super) fn arm_staleness(&mut self, start: Monotonic) {
        for (tag, definition) in self.plan.directory.iter() {
            if let Some(limit) = definition.stale_after {
                self.tags.arm(tag, start);
                self.deadlines.push(start.plus(limit), Deadline::Stale(tag.0));
            }
        }
    }
}
