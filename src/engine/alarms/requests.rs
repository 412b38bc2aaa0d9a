//! What people do to alarms: the record is asked for first, the states change when it is durable.

use super::act::Act;
use super::journal::by_station;
use super::pending::{Pending, Planned, Settled};
use super::unseen::with_unseen;
use super::{AlarmDesk, Turn};
use crate::access::{Role, permit};
use crate::alarm::{AlarmEvent, AlarmKey, Change, Occasion, Refused, State};
use crate::audit::{Draft, RequestId};
use crate::engine::reload::removed;
use crate::engine::{AlarmName, Effects, Reply, ReplyId, Request};
use std::collections::BTreeSet;
use std::sync::Arc;

impl AlarmDesk {
    /// Somebody wants to do something to alarms.
    pub(in crate::engine) fn request(&mut self, request: &Request, reply: ReplyId, turn: &mut Turn<'_>) {
        let Some((act, named)) = Act::of(&request.body) else { return };
        if let Err(denied) = permit(&request.principal, Role::Operator) {
            turn.effects.replies.push((reply, Reply::Refused { why: denied.to_string() }));
            return;
        }
        let principal = request.principal.clone();
        let mut pending = Pending {
            act,
            planned: Vec::new(),
            removed: Vec::new(),
            refused: Vec::new(),
            already: 0,
            gone: 0,
            set_aside: 0,
            principal,
            at: turn.now,
            reply,
        };
        let mut slots = BTreeSet::new();
        for name in named {
            self.plan_one(&name, &mut slots, &mut pending, turn);
        }
        if pending.planned.is_empty() {
            answer(&pending, 0, turn.effects);
            return;
        }
        let draft = self.draft(request, &pending, turn);
        turn.effects.drafts.push(draft);
        self.pending.insert(request.id.clone(), pending);
    }

    fn plan_one(&mut self, name: &AlarmName, slots: &mut BTreeSet<usize>, pending: &mut Pending, turn: &mut Turn<'_>) {
        let slot = match name {
            AlarmName::Occurrence(occurrence) => self.by_occurrence.get(occurrence).copied(),
            AlarmName::Key(key) => self.slots.get(key).copied(),
        };
        let slot = slot.ok_or(match name {
            AlarmName::Occurrence(_) => Refused::Gone,
            AlarmName::Key(_) => Refused::NoSuchAlarm,
        });
        // Who names an alarm twice wants one thing.
        if slot.as_ref().is_ok_and(|slot| !slots.insert(*slot)) {
            return;
        }
        match slot.and_then(|slot| self.would(slot, name, pending, turn)) {
            Ok(planned) => pending.planned.push(planned),
            Err(why) => {
                pending.refuse(name.to_string().into(), &why);
            }
        }
    }

    /// What the act would come to, without doing it. The state after it goes into the same commit as its audit entry.
    fn would(
        &mut self,
        slot: usize,
        name: &AlarmName,
        pending: &Pending,
        turn: &mut Turn<'_>,
    ) -> Result<Planned, Refused> {
        let definition = &turn.plan.alarms[slot];
        let occurrence = match name {
            AlarmName::Occurrence(occurrence) => Some(*occurrence),
            AlarmName::Key(_) => None,
        };
        let event = pending.act.event(turn.plan, occurrence, definition.priority, &pending.principal, turn.now)?;
        let mut alarm = self.alarms[slot].clone();
        let next = self.next();
        let change = match event.clone() {
            Some(event) => alarm.take(definition, event, turn.now, next)?.change,
            None => Some(commented(alarm.state())),
        };
        if matches!(event, Some(AlarmEvent::Unshelve | AlarmEvent::ReturnToService)) {
            self.last_occurrence = next.0;
        }
        if let Some(change) = change {
            let words = with_unseen(pending.act.words(), &self.alarms[slot], change.to);
            let actor = Some((pending.principal.clone(), &*words));
            let mut transition = self.transition_of(&alarm, slot, change, None, actor, turn);
            transition.is_requested = true;
            self.push(slot, transition, turn);
        }
        let occurrence = alarm.occurrence().unwrap_or_default();
        Ok(Planned { slot, event, occurrence, is_overtaken: false, next, after: alarm })
    }

    fn draft(&self, request: &Request, pending: &Pending, turn: &Turn<'_>) -> Draft {
        let key = |slot: usize| &turn.plan.alarms[slot].key;
        let entry =
            |planned: &Planned| serde_json::json!({"alarm": key(planned.slot), "occurrence": planned.occurrence});
        let alarms: Vec<_> = pending.planned.iter().map(entry).collect();
        let subject = subject(pending.planned.iter().map(|planned| key(planned.slot)));
        let mut detail = serde_json::json!({"alarms": alarms, "comment": &**pending.act.words()});
        match &pending.act {
            Act::Shelve { length, one_shot, .. } => {
                detail["seconds"] = length.map(|length| length.as_secs()).into();
                detail["one_shot"] = (*one_shot).into();
            }
            Act::TakeOutOfService { until: Some(until), .. } => detail["until"] = until.to_rfc3339().into(),
            _ => {}
        }
        Draft {
            request: request.id.clone(),
            time: turn.now.utc,
            principal: request.principal.clone(),
            action: pending.act.word().into(),
            subject,
            essential: false,
            detail: detail.to_string().into(),
        }
    }

    /// The record of a request is durable: now it takes effect. The slots on which an acknowledgement took effect; none where the request
    /// was not about alarms.
    pub(in crate::engine) fn committed(&mut self, request: &RequestId, turn: &mut Turn<'_>) -> Option<Vec<usize>> {
        if let Some(Settled { pending, count }) = self.settled.remove(request) {
            answer(&pending, count, turn.effects);
            return Some(Vec::new());
        }
        let mut pending = self.pending.remove(request)?;
        let (mut done, mut late) = (Vec::new(), Vec::new());
        let (mut said, mut seen) = (BTreeSet::<usize>::new(), turn.effects.transitions.len());
        for mut planned in std::mem::take(&mut pending.planned) {
            // What was done to one of them may have left a line about the next, such as that its group is quiet now.
            said.extend(turn.effects.transitions[seen..].iter().filter_map(|line| self.slots.get(&line.alarm)));
            seen = turn.effects.transitions.len();
            planned.is_overtaken |= said.contains(&planned.slot);
            match self.carry_out(&planned, &pending, turn) {
                Ok(()) => {
                    done.push(planned.slot);
                    late.extend((planned.is_overtaken && planned.event.is_some()).then_some(planned.slot));
                }
                Err(why) => {
                    pending.refuse(turn.plan.alarms[planned.slot].key.as_str().into(), &why);
                }
            }
        }
        self.put_right(&mut pending, turn);
        let is_acknowledgement = matches!(pending.act, Act::Acknowledge { .. });
        if late.is_empty() {
            answer(&pending, done.len(), turn.effects);
        } else {
            turn.effects.drafts.push(took_effect(request, &late, &pending, turn));
            self.settled.insert(request.clone(), Settled { pending, count: done.len() });
        }
        Some(if is_acknowledgement { done } else { Vec::new() })
    }

    /// The records have it now that alarms were set aside that left the station file meanwhile: they are told what is.
    fn put_right(&mut self, pending: &mut Pending, turn: &mut Turn<'_>) {
        for (key, alarm) in std::mem::take(&mut pending.removed) {
            match self.slots.get(&key).copied() {
                // It came back since, and begins anew.
                Some(slot) => {
                    let words = format!("{}: it left the station file meanwhile", pending.act.not_done());
                    let actor = Some((pending.principal.clone(), &*words));
                    self.note_unchanged(slot, Occasion::NotDone, actor, turn);
                }
                None => turn.effects.transitions.push(removed(key, &alarm, turn.now)),
            }
        }
    }

    fn carry_out(&mut self, planned: &Planned, pending: &Pending, turn: &mut Turn<'_>) -> Result<(), Refused> {
        let slot = planned.slot;
        // What was said stands in the journal with its record, whatever became of the alarm meanwhile.
        let Some(event) = planned.event.clone() else { return Ok(()) };
        let before = self.alarms[slot].clone();
        // The time is that of the request: this is what the record says.
        let definition = &turn.plan.alarms[slot];
        match self.alarms[slot].take(definition, event, pending.at, planned.next) {
            Ok(seen) if !planned.is_overtaken => {
                let Some(change) = seen.change else { return Ok(()) };
                self.count(slot, change, &None, turn);
                self.finish(slot, change, turn);
                Ok(())
            }
            // It changed while the record was being written: this row comes last, and holds.
            Ok(seen) => {
                let words = with_unseen(pending.act.words(), &before, self.alarms[slot].state());
                self.note(slot, seen, None, Some((pending.principal.clone(), &*words)), turn);
                Ok(())
            }
            Err(why) => {
                let words = format!("{}: {why}", pending.act.not_done());
                let actor = Some((pending.principal.clone(), &*words));
                self.note_unchanged(slot, Occasion::NotDone, actor, turn);
                Err(why)
            }
        }
    }

    /// What was recorded ahead took effect.
    fn finish(&mut self, slot: usize, change: Change, turn: &mut Turn<'_>) {
        turn.deadlines.set_alarm(slot as u32, self.alarms[slot].due());
        let marked = self.groups.first_out(slot);
        if let Some(first) = self.settle(slot, change) {
            self.note_unchanged(first, Occasion::GroupNormal, by_station(""), turn);
        } else if self.groups.first_out(slot) != marked {
            // It came back as the first of its group.
            self.note_unchanged(slot, change.occasion, by_station("the first of its group"), turn);
        }
        self.show(slot, change, turn);
    }

    /// The records of these requests could not be written: nothing happened.
    pub(in crate::engine) fn refuse_unrecorded(&mut self, requests: &[RequestId], why: &str, effects: &mut Effects) {
        for request in requests {
            if let Some(pending) = self.pending.remove(request) {
                let words = format!("{}: {why}", pending.act.not_done());
                effects.replies.push((pending.reply, Reply::Refused { why: words }));
            }
            if let Some(Settled { pending, .. }) = self.settled.remove(request) {
                let why =
                    format!("it was done, but the last of it could not be recorded: {why}; look again after a restart");
                effects.replies.push((pending.reply, Reply::Refused { why }));
            }
        }
    }
}

/// The line of the journal about what was said.
const fn commented(state: State) -> Change {
    Change { from: state, to: state, occasion: Occasion::Commented, is_new_occurrence: false }
}

fn subject<'key>(mut keys: impl ExactSizeIterator<Item = &'key AlarmKey>) -> Arc<str> {
    match (keys.len(), keys.next()) {
        (1, Some(key)) => key.as_str().into(),
        (several, _) => format!("{several} alarms").into(),
    }
}

/// What was asked for took effect on alarms that had changed since. This entry is written with the last line about them, and says when that is
/// durable.
fn took_effect(request: &RequestId, slots: &[usize], pending: &Pending, turn: &Turn<'_>) -> Draft {
    let key = |slot: &usize| &turn.plan.alarms[*slot].key;
    let detail = serde_json::json!({"act": pending.act.word(), "alarms": slots.iter().map(key).collect::<Vec<_>>()});
    Draft {
        request: request.clone(),
        time: turn.now.utc,
        principal: pending.principal.clone(),
        action: "took-effect".into(),
        subject: subject(slots.iter().map(key)),
        essential: false,
        detail: detail.to_string().into(),
    }
}

fn answer(pending: &Pending, count: usize, effects: &mut Effects) {
    let reply = match pending.act {
        Act::Acknowledge { .. } => {
            Reply::Acknowledged { count, already: pending.already, gone: pending.gone, set_aside: pending.set_aside }
        }
        _ if count == 0 => {
            let all: Vec<String> = pending.refused.iter().map(ToString::to_string).collect();
            let why = if all.is_empty() { "no alarm was named".to_owned() } else { all.join("; ") };
            Reply::Refused { why }
        }
        _ => Reply::AlarmsDone { count, refused: pending.refused.clone() },
    };
    effects.replies.push((pending.reply, reply));
}
