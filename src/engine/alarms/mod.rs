//! All alarms: whom a sample concerns, what changed, what the operator is shown.

mod act;
mod carried;
mod delays;
mod design;
mod floods;
mod groups;
mod hidden;
mod journal;
mod pending;
mod requests;
mod shown;
#[cfg(test)]
mod tests;
mod unseen;

use super::deadlines::Deadlines;
use super::snapshot::AlarmBoard;
use super::tags::TagTable;
use super::{Effects, Plan, Restored};
use crate::alarm::{Alarm, AlarmKey, Calm, Condition, Observation, Occasion, OccurrenceId, Subject, Verdict};
use crate::audit::RequestId;
use crate::tag::{DeviceId, Live, Now, TagId, Value};
use delays::Delays;
use floods::Floods;
use groups::Groups;
use hidden::Behind;
use journal::by_station;
use pending::{Pending, Settled};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// All alarms of a plan.
pub(super) struct AlarmDesk {
    alarms: Vec<Alarm>,
    values: HashMap<usize, Value>,
    /// Messages with the values of the moment of the activation.
    messages: HashMap<usize, Arc<str>>,
    of_tag: Vec<(u32, u32)>,
    order: Vec<Sentry>,
    /// Which alarms are known to be at rest. Definitions and states are large, and lie apart: nearly all samples end here.
    at_rest: Vec<bool>,
    of_device: Vec<Vec<u32>>,
    slots: HashMap<AlarmKey, usize>,
    /// Those that are not normal, and those that are set aside.
    listed: BTreeSet<usize>,
    by_occurrence: HashMap<OccurrenceId, usize>,
    /// The activation by which an alarm is found there.
    newest_of: HashMap<usize, OccurrenceId>,
    /// Of the last run, and not in the station file any more.
    gone: Vec<(AlarmKey, Alarm)>,
    groups: Groups,
    behind: Behind,
    delays: Delays,
    floods: Floods,
    pending: HashMap<RequestId, Pending>,
    settled: HashMap<RequestId, Settled>,
    last_occurrence: u64,
    board: Option<Arc<AlarmBoard>>,
}

/// What of an alarm each sample of its tag meets.
#[derive(Clone, Copy)]
struct Sentry {
    slot: u32,
    calm: Calm,
}

/// One event of the engine, as far as it concerns alarms.
pub(super) struct Turn<'step> {
    pub(super) plan: &'step Plan,
    /// The present values, for messages that tell them.
    pub(super) tags: &'step TagTable,
    pub(super) now: Now,
    pub(super) deadlines: &'step mut Deadlines,
    pub(super) effects: &'step mut Effects,
}

impl AlarmDesk {
    pub(super) fn new(plan: &Plan, restored: Restored) -> Self {
        let mut desk = Self {
            alarms: vec![Alarm::default(); plan.alarms.len()],
            values: HashMap::new(),
            messages: HashMap::new(),
            of_tag: vec![(0, 0); plan.directory.tags().len()],
            order: Vec::with_capacity(plan.alarms.len()),
            at_rest: vec![false; plan.alarms.len()],
            of_device: vec![Vec::new(); plan.directory.devices().len()],
            slots: plan.alarms.iter().enumerate().map(|(slot, alarm)| (alarm.key.clone(), slot)).collect(),
            listed: BTreeSet::new(),
            by_occurrence: HashMap::new(),
            groups: Groups::new(plan),
            behind: Behind::new(plan),
            delays: Delays::default(),
            floods: Floods::default(),
            newest_of: HashMap::new(),
            gone: Vec::new(),
            pending: HashMap::new(),
            settled: HashMap::new(),
            last_occurrence: restored.last_occurrence,
            board: None,
        };
        desk.index(plan);
        desk.restore(restored);
        desk
    }

    fn index(&mut self, plan: &Plan) {
        let mut of_tag: Vec<(TagId, u32)> = Vec::new();
        for (slot, alarm) in plan.alarms.iter().enumerate() {
            match alarm.subject {
                Subject::Tag(tag) if alarm.needs_one_sample() => of_tag.push((tag, slot as u32)),
                // The others are judged by `alarm_inputs`, which gives their verdicts to this desk.
                Subject::Tag(_) => {}
                Subject::Device(device) => {
                    if let Some(place) = self.of_device.get_mut(device.index()) {
                        place.push(slot as u32);
                    }
                }
            }
        }
        of_tag.sort_unstable();
        for (tag, slot) in of_tag {
            let place = self.order.len() as u32;
            self.order.push(Sentry { slot, calm: plan.alarms[slot as usize].condition.calm() });
            if let Some((start, end)) = self.of_tag.get_mut(tag.index()) {
                *start = if *end == 0 { place } else { *start };
                *end = place + 1;
            }
        }
    }

    pub(super) fn last_occurrence(&self) -> OccurrenceId {
        OccurrenceId(self.last_occurrence)
    }

    fn next(&self) -> OccurrenceId {
        OccurrenceId(self.last_occurrence + 1)
    }

    /// What was set aside has to be told the time.
    pub(super) fn arm(&self, deadlines: &mut Deadlines) {
        for &slot in &self.listed {
            deadlines.set_alarm(slot as u32, self.alarms[slot].due());
        }
    }

    /// Whether something is set aside, so that the time of a new run concerns it.
    pub(super) fn waits_for_time(&self) -> bool {
        self.groups.marked().next().is_some() || self.listed.iter().any(|slot| self.alarms[*slot].aside().is_some())
    }

    /// A new run begins, or the wall clock was put forward or back: ends in time are told anew.
    pub(super) fn follow_clock(&mut self, turn: &mut Turn<'_>) {
        for slot in self.listed.clone() {
            if self.alarms[slot].follow_clock(turn.now) {
                let words =
                    "the clock of this computer was put forward or back; it ends after as long as was asked for";
                self.note_unchanged(slot, Occasion::ClockChanged, by_station(words), turn);
            }
        }
        for slot in self.quiet_groups() {
            self.note_unchanged(slot, Occasion::GroupNormal, by_station(""), turn);
        }
        self.arm(turn.deadlines);
    }

    /// Judges the alarms of a tag after a sample.
    #[inline]
    pub(super) fn judge_tag(&mut self, tag: TagId, live: &Live, text: Option<&Arc<str>>, turn: &mut Turn<'_>) {
        let Some(&(start, end)) = self.of_tag.get(tag.index()) else { return };
        for place in start..end {
            let Sentry { slot, calm } = self.order[place as usize];
            let slot = slot as usize;
            if self.at_rest[slot] && calm.holds(live.value, live.quality) {
                debug_assert!(self.alarms[slot].is_at_rest(), "alarm {slot}");
                continue;
            }
            let (alarm, definition) = (&self.alarms[slot], &turn.plan.alarms[slot]);
            let active = alarm.condition().active;
            let verdict = definition.condition.judge(live.value, live.quality, active, definition.deadband);
            self.apply(slot, verdict, || live.value.to_value(text), turn);
        }
    }

    /// Judges an alarm of a device after news of its link or its identity.
    pub(super) fn judge_device(
        &mut self,
        device: DeviceId,
        condition: Condition,
        verdict: Verdict,
        turn: &mut Turn<'_>,
    ) {
        let slots = self.of_device.get(device.index()).map(Vec::as_slice).unwrap_or_default();
        let slot = slots.iter().map(|slot| *slot as usize).find(|slot| turn.plan.alarms[*slot].condition == condition);
        if let Some(slot) = slot {
            self.apply(slot, verdict, || None, turn);
        }
    }

    /// Whether the condition of an alarm holds, also below what is set aside.
    pub(super) fn is_active(&self, slot: usize) -> bool {
        self.alarms.get(slot).is_some_and(|alarm| alarm.condition().active)
    }

    /// What is said next about this alarm is another situation than before: a delay that goes on begins anew with it.
    pub(super) fn restart_delay(&mut self, slot: usize) {
        if let Some(alarm) = self.alarms.get_mut(slot) {
            *alarm = std::mem::take(alarm).without_delay();
        }
    }

    /// Takes what is said about the condition of one alarm.
    #[inline]
    pub(super) fn apply(
        &mut self,
        slot: usize,
        verdict: Verdict,
        value: impl FnOnce() -> Option<Value>,
        turn: &mut Turn<'_>,
    ) {
        let next = self.next();
        let alarm = &mut self.alarms[slot];
        let was_unevaluated = alarm.condition().unevaluated;
        // Only a shelf for one activation can end with a sample; the words about it need who put it there.
        let may_end = verdict == Verdict::Inactive
            && alarm.aside().and_then(|aside| aside.shelf.as_ref()).is_some_and(|shelf| shelf.one_shot);
        let before = may_end.then(|| alarm.clone());
        let seen = alarm.observe(&turn.plan.alarms[slot], verdict, turn.now, next);
        self.at_rest[slot] = alarm.is_at_rest();
        // It is shown with the alarm itself, or counted behind the alarm of its device.
        if was_unevaluated != alarm.condition().unevaluated {
            self.board = None;
        }
        if seen != Observation::default() {
            let value = seen.change.and_then(|_| value());
            self.note_by_itself(slot, seen, value, before.as_ref(), turn);
        }
    }

    /// A delay of this alarm may have run out, or what set it aside may be over.
    pub(super) fn wake(&mut self, slot: usize, value: Option<&Value>, turn: &mut Turn<'_>) {
        loop {
            let next = self.next();
            let Some(alarm) = self.alarms.get_mut(slot) else { return };
            let before = alarm.aside().is_some().then(|| alarm.clone());
            let seen = alarm.wake(&turn.plan.alarms[slot], turn.now, next);
            if seen.change.is_none() {
                turn.deadlines.set_alarm(slot as u32, alarm.due().filter(|due| *due > turn.now.monotonic));
                return;
            }
            self.note_by_itself(slot, seen, value.cloned(), before.as_ref(), turn);
        }
    }
}
