//! What means the same in the plant after a reload as in the one before, so that it goes on as if there had been none.

use super::Plan;
use super::reload::Slots;
use crate::alarm::Subject;
use crate::tag::{DeviceId, TagId};
use std::sync::Arc;

/// Two plants, and where the slots of one stand in the other.
#[derive(Clone, Copy)]
pub(super) struct Unchanged<'a> {
    pub(super) old: &'a Plan,
    pub(super) new: &'a Plan,
    pub(super) slots: &'a Slots,
}

impl Unchanged<'_> {
    /// Whether two tags are one, and its values mean the same: they come from the same place, in the same unit.
    pub(super) fn tag(&self, before: TagId, now: TagId) -> bool {
        let (Some(one), Some(other)) = (self.old.directory.tag(before), self.new.directory.tag(now)) else {
            return false;
        };
        let is_same_source = match (one.device, other.device) {
            (Some(before), Some(now)) => self.device(before, now),
            (before, now) => before == now,
        };
        self.slots.tag(before) == Some(now)
            && is_same_source
            && (&one.address, &one.unit, one.scaling) == (&other.address, &other.unit, other.scaling)
            && (one.rolls_over_at, one.stale_after) == (other.rolls_over_at, other.stale_after)
    }

    /// The tag after the reload, where it means the same.
    pub(super) fn tag_of(&self, before: TagId) -> Option<TagId> {
        self.slots.tag(before).filter(|now| self.tag(before, *now))
    }

    /// Whether two devices are one, at the same place.
    fn device(&self, before: DeviceId, now: DeviceId) -> bool {
        let place = |plan: &Plan, device: DeviceId| -> Option<[Arc<str>; 4]> {
            let definition = plan.directory.device(device)?;
            let wire = plan.directory.connections().get(definition.connection.index())?;
            let texts = [&definition.name, &definition.address, &wire.name, &wire.address];
            Some(texts.map(Arc::clone))
        };
        let (before, now) = (place(self.old, before), place(self.new, now));
        before.is_some() && before == now
    }

    /// Whether the alarms in these slots are one that is raised and returns as before; what it says to people does not matter.
    pub(super) fn alarm(&self, before: usize, now: usize) -> bool {
        let (Some(one), Some(other)) = (self.old.alarms.get(before), self.new.alarms.get(now)) else { return false };
        let is_same_subject = match (one.subject, other.subject) {
            (Subject::Tag(before), Subject::Tag(now)) => self.tag(before, now),
            (Subject::Device(before), Subject::Device(now)) => self.device(before, now),
            _ => false,
        };
        is_same_subject
            && (one.deadband, one.on_delay, one.off_delay) == (other.deadband, other.on_delay, other.off_delay)
            && one.condition.is_same(&other.condition, |before, now| self.tag(before, now))
    }

    /// Whether these tags are one that is set as before.
    pub(super) fn command(&self, before: TagId, now: TagId) -> bool {
        let (Some(one), Some(other)) = (self.old.commands.get(&before), self.new.commands.get(&now)) else {
            return false;
        };
        let is_read_back_the_same = match (one.read_back, other.read_back) {
            (Some(before), Some(now)) => self.tag(before, now),
            (before, now) => before == now,
        };
        let mut elsewhere = other.clone();
        elsewhere.read_back = one.read_back;
        self.tag(before, now) && is_read_back_the_same && *one == elsewhere
    }
}
