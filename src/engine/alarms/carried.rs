//! What goes over from one run, or from one plant, to the next.

use super::journal::by_station;
use super::{AlarmDesk, Turn};
use crate::alarm::{Alarm, AlarmKey, Occasion, OccurrenceId, State};
use crate::engine::{Plan, Restored};
use crate::tag::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What goes over from one plant, or from one run, to the next.
#[derive(Default)]
pub(in crate::engine) struct Carried {
    pub(in crate::engine) alarm: Alarm,
    /// The value that raised it.
    value: Option<Value>,
    /// Its message with the values of its activation.
    message: Option<Arc<str>>,
    /// The occurrence with which it is the first of its group.
    first_out: Option<OccurrenceId>,
}

impl AlarmDesk {
    /// Alarms go on as the last run left them.
    pub(super) fn restore(&mut self, restored: Restored) {
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
    pub(in crate::engine) fn adopt(&mut self, slot: usize, carried: Carried) {
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
    pub(in crate::engine) fn hand_over(&self) -> impl Iterator<Item = (usize, Carried)> + '_ {
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
    pub(in crate::engine) fn inherit(
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

    /// What the records had of alarms that are not in the station file any more; told once.
    pub(in crate::engine) fn take_gone(&mut self) -> Vec<(AlarmKey, Alarm)> {
        std::mem::take(&mut self.gone)
    }
}
