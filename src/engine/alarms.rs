//! All alarms: whom a sample concerns, what changed, what the operator is shown.

use super::deadlines::{Deadline, Deadlines};
use super::snapshot::AlarmBoard;
use super::{Effects, Notice, Plan, Reply, ReplyId, Request, Restored};
use crate::access::Principal;
use crate::alarm::{
    Acknowledged, Alarm, AlarmView, Condition, Observation, OccurrenceId, State, Subject, Transition, Verdict,
};
use crate::audit::{Draft, RequestId};
use crate::tag::{DeviceId, Live, Now, TagId, Value};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// An acknowledgement whose record is being written.
struct Pending {
    /// Slot, occurrence, and the state that the record says it will have.
    slots: Vec<(usize, OccurrenceId, State)>,
    already: usize,
    gone: usize,
    principal: Principal,
    comment: Arc<str>,
    reply: ReplyId,
}

/// All alarms of a plan.
pub(super) struct AlarmDesk {
    alarms: Vec<Alarm>,
    values: HashMap<usize, Value>,
    of_tag: Vec<(u32, u32)>,
    order: Vec<u32>,
    of_device: Vec<Vec<u32>>,
    not_normal: BTreeSet<usize>,
    by_occurrence: HashMap<OccurrenceId, usize>,
    pending: HashMap<RequestId, Pending>,
    last_occurrence: u64,
    board: Option<Arc<AlarmBoard>>,
    /// Messages with the values of the moment of the activation.
    messages: HashMap<usize, Arc<str>>,
    /// Alarms that were just raised and whose message wants values.
    raised: Vec<usize>,
}

impl AlarmDesk {
    pub(super) fn new(plan: &Plan, restored: Restored) -> Self {
        let mut desk = Self {
            alarms: vec![Alarm::default(); plan.alarms.len()],
            values: HashMap::new(),
            of_tag: vec![(0, 0); plan.directory.tags().len()],
            order: Vec::with_capacity(plan.alarms.len()),
            of_device: vec![Vec::new(); plan.directory.devices().len()],
            not_normal: BTreeSet::new(),
            by_occurrence: HashMap::new(),
            pending: HashMap::new(),
            last_occurrence: restored.last_occurrence,
            board: None,
            messages: HashMap::new(),
            raised: Vec::new(),
        };
        desk.index(plan);
        desk.restore(plan, restored);
        desk
    }

    fn index(&mut self, plan: &Plan) {
        let mut of_tag: Vec<(TagId, u32)> = Vec::new();
        for (slot, alarm) in plan.alarms.iter().enumerate() {
            match alarm.subject {
                Subject::Tag(tag) if alarm.condition.is_simple() => of_tag.push((tag, slot as u32)),
                // Whoever looks at more than one sample is judged by `alarm_inputs`.
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
            self.order.push(slot);
            if let Some((start, end)) = self.of_tag.get_mut(tag.index()) {
                *start = if *end == 0 { place } else { *start };
                *end = place + 1;
            }
        }
    }

    fn restore(&mut self, plan: &Plan, restored: Restored) {
        let slots: HashMap<&str, usize> =
            plan.alarms.iter().enumerate().map(|(slot, alarm)| (alarm.key.as_str(), slot)).collect();
        for (key, kept, value) in restored.alarms {
            let Some(&slot) = slots.get(key.as_str()) else { continue };
            self.adopt(slot, Alarm::restore(kept), value);
        }
    }

    /// Takes over an alarm as it was elsewhere.
    pub(super) fn adopt(&mut self, slot: usize, alarm: Alarm, value: Option<Value>) {
        self.alarms[slot] = alarm.without_delay();
        self.board = None;
        if alarm.state() != State::Normal {
            self.not_normal.insert(slot);
            if let Some(occurrence) = alarm.occurrence() {
                self.by_occurrence.insert(occurrence, slot);
                self.last_occurrence = self.last_occurrence.max(occurrence.0);
            }
        }
        if let Some(value) = value {
            self.values.insert(slot, value);
        }
    }

    /// The alarms that are not normal, with their values, for the next generation.
    pub(super) fn hand_over(&self) -> impl Iterator<Item = (usize, Alarm, Option<Value>)> + '_ {
        self.not_normal.iter().map(|&slot| (slot, self.alarms[slot], self.values.get(&slot).cloned()))
    }

    /// Whether the condition of an alarm holds.
    pub(super) fn is_active(&self, slot: usize) -> bool {
        self.alarms.get(slot).is_some_and(|alarm| alarm.state().is_active())
    }

    /// The alarms that were raised since this was asked last, and whose message wants values.
    pub(super) fn take_raised(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.raised)
    }

    /// The message of an activation, with its values.
    pub(super) fn set_message(&mut self, slot: usize, message: Arc<str>) {
        self.messages.insert(slot, message);
        self.board = None;
    }

    /// The message of an activation, where it has values.
    pub(super) fn message(&self, slot: usize) -> Option<&Arc<str>> {
        self.messages.get(&slot)
    }

    /// Takes over acknowledgements whose record is being written. `slot_of` says where an alarm of the old plan stands now.
    pub(super) fn adopt_pending(&mut self, previous: &mut Self, slot_of: impl Fn(usize) -> Option<usize>) {
        for (request, mut pending) in previous.pending.drain() {
            let here = |(slot, occurrence, to)| Some((slot_of(slot)?, occurrence, to));
            pending.slots = pending.slots.into_iter().filter_map(here).collect();
            self.pending.insert(request, pending);
        }
    }

    pub(super) fn last_occurrence(&self) -> OccurrenceId {
        OccurrenceId(self.last_occurrence)
    }

    /// Judges the alarms of a tag after a sample.
    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of the engine are handed over one by one, so that each stays borrowable"
    )]
    pub(super) fn judge_tag(
        &mut self,
        plan: &Plan,
        tag: TagId,
        live: &Live,
        text: Option<&Arc<str>>,
        now: Now,
        deadlines: &mut Deadlines,
        effects: &mut Effects,
    ) {
        let Some(&(start, end)) = self.of_tag.get(tag.index()) else { return };
        for place in start..end {
            let slot = self.order[place as usize] as usize;
            let definition = &plan.alarms[slot];
            let alarm = &self.alarms[slot];
            let active = alarm.state().is_active();
            let verdict = definition.condition.judge(live.value, live.quality, active, definition.deadband);
            let value = || live.value.to_value(text);
            self.apply(plan, slot, verdict, value, now, deadlines, effects);
        }
    }

    /// Judges an alarm of a device after news of its link or its identity.
    #[expect(clippy::too_many_arguments, reason = "as above")]
    pub(super) fn judge_device(
        &mut self,
        plan: &Plan,
        device: DeviceId,
        condition: Condition,
        verdict: Verdict,
        now: Now,
        deadlines: &mut Deadlines,
        effects: &mut Effects,
    ) {
        let slots = self.of_device.get(device.index()).map(Vec::as_slice).unwrap_or_default();
        let slot = slots.iter().map(|slot| *slot as usize).find(|slot| plan.alarms[*slot].condition == condition);
        if let Some(slot) = slot {
            self.apply(plan, slot, verdict, || None, now, deadlines, effects);
        }
    }

    /// Takes what is said about the condition of one alarm.
    #[expect(clippy::too_many_arguments, reason = "as above")]
    pub(super) fn apply(
        &mut self,
        plan: &Plan,
        slot: usize,
        verdict: Verdict,
        value: impl FnOnce() -> Option<Value>,
        now: Now,
        deadlines: &mut Deadlines,
        effects: &mut Effects,
    ) {
        let next = OccurrenceId(self.last_occurrence + 1);
        let was_unevaluated = self.alarms[slot].is_unevaluated();
        let seen = self.alarms[slot].observe(&plan.alarms[slot], verdict, now, next);
        if let Some(wake) = seen.wake {
            deadlines.push(wake, Deadline::Alarm(slot as u32));
        }
        if was_unevaluated != self.alarms[slot].is_unevaluated() && self.not_normal.contains(&slot) {
            self.board = None;
        }
        if seen.change.is_some() {
            let value = value();
            self.note(plan, slot, seen, value, now, effects);
        }
    }

    /// A delay of this alarm may have run out.
    pub(super) fn wake(&mut self, plan: &Plan, slot: usize, value: Option<Value>, now: Now, effects: &mut Effects) {
        let next = OccurrenceId(self.last_occurrence + 1);
        let Some(alarm) = self.alarms.get_mut(slot) else { return };
        let seen = alarm.wake(now, next);
        self.note(plan, slot, seen, value, now, effects);
    }

    fn note(
        &mut self,
        plan: &Plan,
        slot: usize,
        seen: Observation,
        value: Option<Value>,
        now: Now,
        effects: &mut Effects,
    ) {
        let Some((from, to)) = seen.change else { return };
        let Some(occurrence) = self.alarms[slot].occurrence() else { return };
        if to == State::Unacknowledged {
            self.last_occurrence = occurrence.0;
            self.by_occurrence.insert(occurrence, slot);
            self.messages.remove(&slot);
            if plan.alarms.get(slot).is_some_and(|alarm| alarm.presentation.template.is_some()) {
                self.raised.push(slot);
            }
            match &value {
                Some(value) => self.values.insert(slot, value.clone()),
                None => self.values.remove(&slot),
            };
        }
        self.journal(plan, slot, (from, to), value, None, now, effects);
    }

    #[expect(clippy::too_many_arguments, reason = "as above")]
    fn journal(
        &mut self,
        plan: &Plan,
        slot: usize,
        (from, to): (State, State),
        value: Option<Value>,
        actor: Option<(&Principal, &Arc<str>)>,
        now: Now,
        effects: &mut Effects,
    ) {
        let transition = self.transition(plan, slot, (from, to), value, actor, now);
        effects.transitions.push(transition);
        self.show(plan, slot, to, effects);
    }

    fn transition(
        &self,
        plan: &Plan,
        slot: usize,
        (from, to): (State, State),
        value: Option<Value>,
        actor: Option<(&Principal, &Arc<str>)>,
        now: Now,
    ) -> Transition {
        let alarm = &self.alarms[slot];
        Transition {
            alarm: plan.alarms[slot].key.clone(),
            occurrence: alarm.occurrence().unwrap_or(OccurrenceId(0)),
            from,
            to,
            time: now.utc,
            raised: alarm.raised(),
            value: value.or_else(|| self.values.get(&slot).cloned()),
            actor: actor.map(|(principal, _)| principal.clone()),
            comment: actor.map_or_else(|| "".into(), |(_, comment)| comment.clone()),
        }
    }

    fn show(&mut self, plan: &Plan, slot: usize, to: State, effects: &mut Effects) {
        self.board = None;
        if let Some(view) = self.view(plan, slot) {
            effects.notices.push(Notice::Alarm(view));
        }
        if to == State::Normal {
            self.not_normal.remove(&slot);
            if let Some(occurrence) = self.alarms[slot].occurrence() {
                self.by_occurrence.remove(&occurrence);
            }
            self.values.remove(&slot);
            self.messages.remove(&slot);
        } else {
            self.not_normal.insert(slot);
        }
    }

    fn view(&self, plan: &Plan, slot: usize) -> Option<AlarmView> {
        let (alarm, definition) = (self.alarms.get(slot)?, plan.alarms.get(slot)?);
        Some(AlarmView {
            key: definition.key.clone(),
            subject: definition.subject,
            slot,
            occurrence: alarm.occurrence()?,
            state: alarm.state(),
            priority: definition.priority,
            raised: alarm.raised(),
            changed: alarm.changed(),
            value: self.values.get(&slot).cloned(),
            message: self.messages.get(&slot).unwrap_or(&definition.message).clone(),
            unevaluated: alarm.is_unevaluated(),
        })
    }

    /// What the operator is shown; made anew only when something changed.
    pub(super) fn board(&mut self, plan: &Plan) -> Arc<AlarmBoard> {
        if let Some(board) = &self.board {
            return Arc::clone(board);
        }
        let views = self.not_normal.iter().filter_map(|&slot| self.view(plan, slot)).collect();
        let board = Arc::new(AlarmBoard::new(views));
        self.board = Some(Arc::clone(&board));
        board
    }

    #[expect(clippy::too_many_arguments, reason = "as above")]
    /// Somebody acknowledges occurrences: the record is asked for first, the states change when it is durable.
    pub(super) fn request(
        &mut self,
        plan: &Plan,
        request: &Request,
        occurrences: &[OccurrenceId],
        comment: &Arc<str>,
        reply: ReplyId,
        now: Now,
        effects: &mut Effects,
    ) {
        let principal = request.principal.clone();
        let mut pending =
            Pending { slots: Vec::new(), already: 0, gone: 0, principal, comment: comment.clone(), reply };
        let named: BTreeSet<OccurrenceId> = occurrences.iter().copied().collect();
        for occurrence in named {
            let slot = self.by_occurrence.get(&occurrence).copied();
            match slot.map(|slot| (slot, self.alarms[slot].would_acknowledge(occurrence))) {
                Some((slot, Acknowledged::Done(to))) => pending.slots.push((slot, occurrence, to)),
                Some((_, Acknowledged::Already)) => pending.already += 1,
                Some((_, Acknowledged::Gone)) | None => pending.gone += 1,
            }
        }
        if pending.slots.is_empty() {
            let reply = Reply::Acknowledged { count: 0, already: pending.already, gone: pending.gone };
            effects.replies.push((pending.reply, reply));
            return;
        }
        effects.drafts.push(self.draft(plan, request, &pending, now));
        self.record_ahead(plan, &pending, now, effects);
        self.pending.insert(request.id.clone(), pending);
    }

    fn draft(&self, plan: &Plan, request: &Request, pending: &Pending, now: Now) -> Draft {
        let alarms: Vec<_> = pending
            .slots
            .iter()
            .map(|(slot, occurrence, _)| serde_json::json!({"alarm": plan.alarms[*slot].key, "occurrence": occurrence}))
            .collect();
        let subject = match pending.slots.as_slice() {
            [(slot, _, _)] => plan.alarms[*slot].key.as_str().into(),
            several => format!("{} alarms", several.len()).into(),
        };
        Draft {
            request: request.id.clone(),
            time: now.utc,
            principal: request.principal.clone(),
            action: "acknowledge".into(),
            subject,
            essential: false,
            detail: serde_json::json!({"alarms": alarms, "comment": &*pending.comment}).to_string().into(),
        }
    }

    /// The states after the acknowledgement go into the same commit as its audit entry.
    fn record_ahead(&self, plan: &Plan, pending: &Pending, now: Now, effects: &mut Effects) {
        for &(slot, _, to) in &pending.slots {
            let change = (self.alarms[slot].state(), to);
            let actor = Some((&pending.principal, &pending.comment));
            effects.transitions.push(self.transition(plan, slot, change, None, actor, now));
        }
    }

    /// The record of an acknowledgement is durable: now it takes effect. The slots that it took effect on; none where the request was no
    /// acknowledgement.
    pub(super) fn committed(
        &mut self,
        plan: &Plan,
        request: &RequestId,
        now: Now,
        effects: &mut Effects,
    ) -> Option<Vec<usize>> {
        let pending = self.pending.remove(request)?;
        let mut acknowledged = Vec::new();
        for &(slot, occurrence, recorded) in &pending.slots {
            let Some(alarm) = self.alarms.get_mut(slot) else { continue };
            let from = alarm.state();
            if let Acknowledged::Done(to) = alarm.acknowledge(occurrence, now) {
                acknowledged.push(slot);
                self.show(plan, slot, to, effects);
                if to != recorded {
                    // It returned while the record of its acknowledgement was being written: this row comes last, and holds.
                    let actor = Some((&pending.principal, &pending.comment));
                    let transition = self.transition(plan, slot, (from, to), None, actor, now);
                    effects.transitions.push(transition);
                }
            }
        }
        let count = acknowledged.len();
        let reply = Reply::Acknowledged { count, already: pending.already, gone: pending.gone };
        effects.replies.push((pending.reply, reply));
        Some(acknowledged)
    }

    /// The records of these requests could not be written: nothing happened.
    pub(super) fn refuse_unrecorded(&mut self, requests: &[RequestId], why: &str, effects: &mut Effects) {
        for request in requests {
            if let Some(pending) = self.pending.remove(request) {
                let words = format!("not acknowledged: {why}");
                effects.replies.push((pending.reply, Reply::Refused { why: words }));
            }
        }
    }
}
