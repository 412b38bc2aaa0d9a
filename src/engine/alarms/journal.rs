//! An alarm changed: what the records and the journal are told.

use super::unseen::with_unseen;
use super::{AlarmDesk, Turn};
use crate::access::Principal;
use crate::alarm::{Alarm, Change, Observation, Occasion, OccurrenceId, Persisted, State, Transition};
use crate::engine::Notice;
use crate::engine::alarm_inputs::Present;
use crate::tag::Value;

/// Who made an alarm change, and what they said.
pub(super) type Actor<'words> = Option<(Principal, &'words str)>;

impl AlarmDesk {
    /// The plant or time changed an alarm. What comes back by itself is told in words.
    pub(super) fn note_by_itself(
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
    pub(super) fn note(
        &mut self,
        slot: usize,
        seen: Observation,
        value: Option<Value>,
        actor: Actor<'_>,
        turn: &mut Turn<'_>,
    ) {
        if seen.delay_changed {
            self.delays.mark(slot, turn.now, turn.deadlines);
        }
        turn.deadlines.set_alarm(slot as u32, self.alarms[slot].due());
        let Some(change) = seen.change else { return };
        self.count(slot, change, &value, turn);
        let quiet = self.settle(slot, change);
        let transition = self.transition_of(&self.alarms[slot], slot, change, value, actor, turn);
        self.push(slot, transition, turn);
        if let Some(first) = quiet.filter(|first| *first != slot) {
            self.note_unchanged(first, Occasion::GroupNormal, by_station(""), turn);
        }
        self.show(slot, change, turn);
    }

    /// What is kept of an alarm is another, and what is shown is the same.
    pub(super) fn note_unchanged(&mut self, slot: usize, occasion: Occasion, actor: Actor<'_>, turn: &mut Turn<'_>) {
        let state = self.alarms[slot].state();
        let change = Change { from: state, to: state, occasion, is_new_occurrence: false };
        let transition = self.transition_of(&self.alarms[slot], slot, change, None, actor, turn);
        self.push(slot, transition, turn);
        self.board = None;
    }

    /// A line for the journal; the last line of an alarm says what it is.
    pub(super) fn push(&mut self, slot: usize, transition: Transition, turn: &mut Turn<'_>) {
        self.pending.values_mut().for_each(|pending| pending.overtake(slot));
        turn.effects.transitions.push(transition);
    }

    /// Counts activations, and keeps the value that raised one with the message that tells it, below what is set aside too.
    pub(super) fn count(&mut self, slot: usize, change: Change, value: &Option<Value>, turn: &Turn<'_>) {
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
    pub(super) fn name(&mut self, slot: usize, occurrence: OccurrenceId) {
        self.by_occurrence.insert(occurrence, slot);
        if let Some(before) = self.newest_of.insert(slot, occurrence).filter(|before| *before != occurrence) {
            self.by_occurrence.remove(&before);
        }
    }

    pub(super) fn settle(&mut self, slot: usize, change: Change) -> Option<usize> {
        let is_newly_active = change.to.is_active() && !change.from.is_active();
        self.groups.settle(slot, is_newly_active, &self.alarms)
    }

    pub(super) fn transition_of(
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

    pub(super) fn kept(&self, alarm: &Alarm, slot: usize) -> Option<Persisted> {
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
pub(super) fn by_station(words: &str) -> Actor<'_> {
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
