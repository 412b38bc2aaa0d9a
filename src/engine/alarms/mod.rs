//! All alarms: whom a sample concerns, what changed, what the operator is shown.

mod delays;
mod design;
mod floods;
mod groups;
mod hidden;
mod requests;
mod shown;
#[cfg(test)]
mod tests;
mod unseen;

use super::alarm_inputs::Present;
use super::deadlines::Deadlines;
use super::snapshot::AlarmBoard;
use super::tags::TagTable;
use super::{Effects, Notice, Plan, Restored};
use crate::access::Principal;
use crate::alarm::{
    Alarm, AlarmKey, Calm, Change, Condition, Observation, Occasion, OccurrenceId, Persisted, State, Subject,
    Transition, Verdict,
};
use crate::audit::RequestId;
use crate::tag::{DeviceId, Live, Now, TagId, Value};
use delays::Delays;
use floods::Floods;
use groups::Groups;
use hidden::Behind;
use requests::{Pending, Settled};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use unseen::with_unseen;

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

/// What goes over from one plant, or from one run, to the next.
#[derive(Default)]
pub(super) struct Carried {
    pub(super) alarm: Alarm,
    /// The value that raised it.
    value: Option<Value>,
    /// Its message with the values of its activation.
    message: Option<Arc<str>>,
    /// The occurrence with which it is the first of its group.
    first_out: Option<OccurrenceId>,
}

/// Who made an alarm change, and what they said.
type Actor<'words> = Option<(Principal, &'words str)>;

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

    fn restore(&mut self, restored: Restored) {
        for (key, kept, value) in restored.alarms {
            if kept.delay.is_some() {
                self.delays.is_recorded(key.clone());
            }
            let Some(&slot) = self.slots.get(&key) else {
                self.gone.push((key, Alarm::restore(kept)));
                continue;
            };
            let (first_out, message) = (kept.first_out, kept.message.clone());
            let value = kept.value.clone().or(value);
            self.adopt(slot, Carried { alarm: Alarm::restore(kept), value, message, first_out });
        }
    }

    /// Takes over an alarm as it was elsewhere.
    pub(super) fn adopt(&mut self, slot: usize, carried: Carried) {
        let Carried { alarm, value, message, first_out } = carried;
        self.board = None;
        if let Some(occurrence) = first_out {
            self.groups.restore(slot, occurrence);
        }
        if alarm.state() != State::Normal {
            self.listed.insert(slot);
            if let Some(occurrence) = alarm.occurrence() {
                self.name(slot, occurrence);
                self.last_occurrence = self.last_occurrence.max(occurrence.0);
            }
        }
        if let Some(value) = value {
            self.values.insert(slot, value);
        }
        if let Some(message) = message {
            self.messages.insert(slot, message);
        }
        self.alarms[slot] = alarm;
        self.at_rest[slot] = false;
    }

    /// What the next generation goes on with: alarms that are not normal, set aside, or marked, with their values. Delays
    /// go over apart from them ([`Self::inherit`]).
    pub(super) fn hand_over(&self) -> impl Iterator<Item = (usize, Carried)> + '_ {
        let slots: BTreeSet<usize> = self.listed.iter().copied().chain(self.groups.marked()).collect();
        slots.into_iter().map(|slot| {
            let (value, message) = (self.values.get(&slot).cloned(), self.messages.get(&slot).cloned());
            let alarm = self.alarms[slot].clone().without_delay();
            (slot, Carried { alarm, value, message, first_out: self.groups.first_out(slot) })
        })
    }

    /// Takes over requests whose record is being written, delays, and what the records know of them. `slot_of` says where an alarm of the
    /// old plan stands now; its alarms that are handed over were told of already. `goes_on` says the same of those alone that mean what they
    /// meant: their delays go on.
    pub(super) fn inherit(
        &mut self,
        previous: &mut Self,
        old: &Plan,
        slot_of: impl Fn(usize) -> Option<usize>,
        goes_on: impl Fn(usize) -> Option<usize>,
        turn: &mut Turn<'_>,
    ) {
        let told: BTreeSet<usize> = previous.hand_over().map(|(slot, _)| slot).collect();
        for (request, mut pending) in previous.pending.drain() {
            pending.move_to(&slot_of, |slot| (old.alarms[slot].key.clone(), told.contains(&slot)));
            self.pending.insert(request, pending);
        }
        self.settled = std::mem::take(&mut previous.settled);
        self.adopt_flood(previous, turn);
        self.adopt_delays(previous, goes_on, turn.now, turn.deadlines, turn.effects);
        // Of a group, the last other member may be gone.
        for slot in self.quiet_groups() {
            self.note_unchanged(slot, Occasion::GroupNormal, by_station(""), turn);
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

    /// The plant or time changed an alarm. What comes back by itself is told in words.
    fn note_by_itself(
        &mut self,
        slot: usize,
        seen: Observation,
        value: Option<Value>,
        before: Option<&Alarm>,
        turn: &mut Turn<'_>,
    ) {
        if !seen.change.is_some_and(|change| change.occasion.is_by_station()) {
            self.note(slot, seen, value, None, turn);
            return;
        }
        let words = words(before, seen);
        self.note(slot, seen, value, Some((Principal::station(), &words)), turn);
        let (alarm, time) = (turn.plan.alarms[slot].key.clone(), turn.now.utc);
        turn.effects.notices.push(Notice::SetAsideEnded { alarm, words: words.into(), time });
    }

    /// An alarm changed: the records, the journal, and whoever watches learn of it.
    fn note(&mut self, slot: usize, seen: Observation, value: Option<Value>, actor: Actor<'_>, turn: &mut Turn<'_>) {
        if seen.delay_changed {
            self.delays.mark(slot, turn.now, turn.deadlines);
        }
        turn.deadlines.set_alarm(slot as u32, self.alarms[slot].due());
        let Some(change) = seen.change else { return };
        self.count(slot, change, &value, turn);
        let quiet = self.settle(slot, change);
        let transition = self.transition(slot, change, value, actor, turn);
        self.push(slot, transition, turn);
        if let Some(first) = quiet.filter(|first| *first != slot) {
            self.note_unchanged(first, Occasion::GroupNormal, by_station(""), turn);
        }
        self.show(slot, change, turn);
    }

    /// What is kept of an alarm is another, and what is shown is the same.
    fn note_unchanged(&mut self, slot: usize, occasion: Occasion, actor: Actor<'_>, turn: &mut Turn<'_>) {
        let state = self.alarms[slot].state();
        let change = Change { from: state, to: state, occasion, is_new_occurrence: false };
        let transition = self.transition(slot, change, None, actor, turn);
        self.push(slot, transition, turn);
        self.board = None;
    }

    /// A line for the journal; the last line of an alarm says what it is.
    fn push(&mut self, slot: usize, transition: Transition, turn: &mut Turn<'_>) {
        self.pending.values_mut().for_each(|pending| pending.overtake(slot));
        turn.effects.transitions.push(transition);
    }

    /// Counts activations, and keeps the value that raised one with the message that tells it, below what is set aside too.
    fn count(&mut self, slot: usize, change: Change, value: &Option<Value>, turn: &Turn<'_>) {
        if change.is_new_occurrence
            && let Some(occurrence) = self.alarms[slot].occurrence()
        {
            self.last_occurrence = self.last_occurrence.max(occurrence.0);
            self.name(slot, occurrence);
        }
        if change.occasion == Occasion::ConditionActive {
            match value {
                Some(value) => self.values.insert(slot, value.clone()),
                None => self.values.remove(&slot),
            };
            if let Some(template) = &turn.plan.alarms[slot].presentation.template {
                self.messages.insert(slot, template.fill(&turn.plan.directory, &Present(turn.tags)));
            } else {
                self.messages.remove(&slot);
            }
        }
    }

    /// From now on the alarm is found by this activation, and by no earlier one.
    fn name(&mut self, slot: usize, occurrence: OccurrenceId) {
        self.by_occurrence.insert(occurrence, slot);
        if let Some(before) = self.newest_of.insert(slot, occurrence).filter(|before| *before != occurrence) {
            self.by_occurrence.remove(&before);
        }
    }

    /// What the records had of alarms that are not in the station file any more; told once.
    pub(super) fn take_gone(&mut self) -> Vec<(AlarmKey, Alarm)> {
        std::mem::take(&mut self.gone)
    }

    fn settle(&mut self, slot: usize, change: Change) -> Option<usize> {
        let is_newly_active = change.to.is_active() && !change.from.is_active();
        self.groups.settle(slot, is_newly_active, &self.alarms)
    }

    fn transition(
        &self,
        slot: usize,
        change: Change,
        value: Option<Value>,
        actor: Actor<'_>,
        turn: &Turn<'_>,
    ) -> Transition {
        self.transition_of(&self.alarms[slot], slot, change, value, actor, turn)
    }

    fn transition_of(
        &self,
        alarm: &Alarm,
        slot: usize,
        change: Change,
        value: Option<Value>,
        actor: Actor<'_>,
        turn: &Turn<'_>,
    ) -> Transition {
        Transition {
            alarm: turn.plan.alarms[slot].key.clone(),
            occurrence: alarm.occurrence().unwrap_or_default(),
            from: change.from,
            to: change.to,
            time: turn.now.utc,
            raised: alarm.raised(),
            value: value.or_else(|| self.values.get(&slot).cloned()),
            comment: actor.as_ref().map_or_else(|| "".into(), |(_, words)| (*words).into()),
            actor: actor.map(|(principal, _)| principal),
            occasion: change.occasion,
            condition: alarm.condition(),
            kept: self.kept(alarm, slot).map(Box::new),
            is_requested: false,
        }
    }

    fn kept(&self, alarm: &Alarm, slot: usize) -> Option<Persisted> {
        let first_out = self.groups.first_out(slot);
        let kept = alarm.kept().or_else(|| first_out.map(|_| alarm.image()));
        // One that is normal, and only marked, has nothing more to tell.
        let tells = alarm.state() != State::Normal;
        let message = self.messages.get(&slot).filter(|_| tells).cloned();
        let value = self.values.get(&slot).filter(|_| tells).cloned();
        kept.map(|kept| Persisted { first_out, message, value, ..kept })
    }
}

/// The station did it, and says this about it.
fn by_station(words: &str) -> Actor<'_> {
    Some((Principal::station(), words))
}

/// What the station says about an alarm that came back by itself.
fn words(before: Option<&Alarm>, seen: Observation) -> String {
    let (Some(aside), Some(change)) = (before.and_then(Alarm::aside), seen.change) else { return String::new() };
    let ended = match change.occasion {
        Occasion::ShelfEnded => "its time on the shelf is over",
        Occasion::OneShotEnded => "its condition is gone, and with it the shelf",
        Occasion::ServiceDateReached => "the date until which it was out of service is here",
        _ => return String::new(),
    };
    let held = match change.occasion {
        Occasion::ServiceDateReached => aside.out_of_service.as_ref().map(|out| (&out.by, &out.reason)),
        _ => aside.shelf.as_ref().map(|shelf| (&shelf.by, &shelf.reason)),
    };
    let who = held.map_or_else(String::new, |(by, reason)| format!(" (by {by}: {reason})"));
    let words = format!("{ended}{who}; it is {} now", change.to.in_words());
    before.map_or_else(|| words.clone(), |before| with_unseen(&words, before, change.to))
}
