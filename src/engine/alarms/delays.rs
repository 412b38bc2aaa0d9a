//! Delays that go on, as the records keep them: written with the next commit, at most a second late, so that an input that chatters does
//! not cost a commit each time.

use super::AlarmDesk;
use crate::alarm::{AlarmKey, DelayChange};
use crate::engine::deadlines::{Deadline, Deadlines};
use crate::engine::{Effects, Plan};
use crate::tag::{Monotonic, Now};
use std::collections::HashSet;
use std::time::Duration;

/// How late a delay may be recorded.
const LATEST: Duration = Duration::from_secs(1);

/// What the records know of delays, and what they have to learn.
#[derive(Debug, Default)]
pub(super) struct Delays {
    /// Alarms whose delay began or ended since it was last recorded; each at most once.
    changed: Vec<u32>,
    is_changed: HashSet<u32>,
    /// The alarms of whose delay the records know.
    recorded: HashSet<AlarmKey>,
    due: Option<Monotonic>,
}

impl Delays {
    /// A delay of this alarm began or ended.
    pub(super) fn mark(&mut self, slot: usize, now: Now, deadlines: &mut Deadlines) {
        if self.is_changed.insert(slot as u32) {
            self.changed.push(slot as u32);
        }
        if self.due.is_none() {
            let due = now.monotonic.plus(LATEST);
            self.due = Some(due);
            deadlines.push(due, Deadline::Delays);
        }
    }

    /// The records know of a delay of this alarm.
    pub(super) fn is_recorded(&mut self, key: AlarmKey) {
        self.recorded.insert(key);
    }
}

impl AlarmDesk {
    /// Tells the records of delays when that is due, or when something is committed anyway.
    pub(in crate::engine) fn record_delays(&mut self, plan: &Plan, now: Now, effects: &mut Effects) {
        let Some(due) = self.delays.due else { return };
        if due > now.monotonic && effects.transitions.is_empty() && effects.drafts.is_empty() {
            return;
        }
        self.delays.due = None;
        self.delays.is_changed.clear();
        for slot in self.delays.changed.drain(..) {
            let (alarm, definition) = (&self.alarms[slot as usize], &plan.alarms[slot as usize]);
            let delay = alarm.delay(definition, now);
            let was_recorded = match delay {
                Some(_) => !self.delays.recorded.insert(definition.key.clone()),
                None => self.delays.recorded.remove(&definition.key),
            };
            if delay.is_some() || was_recorded {
                effects.delays.push(DelayChange { alarm: definition.key.clone(), delay });
            }
        }
    }

    /// The station stops: nothing waits any longer.
    pub(in crate::engine) fn hurry_delays(&mut self, now: Now) {
        self.delays.due = self.delays.due.map(|_| now.monotonic);
    }

    /// The station file is another one: delays go on where `goes_on` says in which slot, all others start anew, and what the records know of
    /// those is put right.
    pub(super) fn adopt_delays(
        &mut self,
        previous: &Self,
        goes_on: impl Fn(usize) -> Option<usize>,
        now: Now,
        deadlines: &mut Deadlines,
        effects: &mut Effects,
    ) {
        for (before, alarm) in previous.alarms.iter().enumerate().filter(|(_, alarm)| alarm.has_delay()) {
            let Some(slot) = goes_on(before) else { continue };
            let Some(place) = self.alarms.get_mut(slot) else { continue };
            *place = std::mem::take(place).with_delay_of(alarm);
            self.at_rest[slot] = false;
            deadlines.set_alarm(slot as u32, place.due());
            self.delays.mark(slot, now, deadlines);
        }
        for key in &previous.delays.recorded {
            match self.slots.get(key) {
                Some(&slot) => {
                    self.delays.recorded.insert(key.clone());
                    self.delays.mark(slot, now, deadlines);
                }
                None => effects.delays.push(DelayChange { alarm: key.clone(), delay: None }),
            }
        }
    }
}
