//! The wall clock of this computer against the clock that never jumps: what follows from a step, and the alarm that tells of it.

use super::alarms::Turn;
use super::deadlines::{Deadline, Deadlines};
use super::{Effects, Engine};
use crate::driver::Reading;
use crate::tag::{Monotonic, Now, Origin, Quality, Timestamp, Value};
use std::time::Duration;

/// By how much the wall clock has to be off before ends in time are told anew, and by how much it has to step before that is an alarm.
const JUMP_MICROS: i64 = 2_000_000;
/// From this on it did not merely run slower or faster for a while: what compares times of samples begins anew.
const STEP_MICROS: i64 = 250_000;
/// How long the alarm stays active after a step.
const SHOWN: Duration = Duration::from_secs(60);

/// What is known of the wall clock; offsets are the wall clock without the other one, in microseconds.
#[derive(Debug, Default)]
pub(super) struct ClockWatch {
    /// The offset by which ends in time were last told; none before the first event.
    told: Option<i64>,
    /// The offset at the last event.
    last: Option<i64>,
    /// Until when a step is shown.
    shown_until: Option<Monotonic>,
}

impl ClockWatch {
    /// A new plan has no deadlines yet.
    pub(super) fn arm(&self, deadlines: &mut Deadlines) {
        if let Some(until) = self.shown_until {
            deadlines.push(until, Deadline::Clock);
        }
    }
}

impl Engine {
    /// Looks at both clocks before an event is taken.
    pub(super) fn follow_clock(&mut self, now: Now, effects: &mut Effects) {
        let offset = now.utc.as_micros() - now.monotonic.as_micros() as i64;
        let step = self.clock.last.replace(offset).map(|before| offset - before);
        if step.is_some_and(|step| step.abs() >= STEP_MICROS) {
            self.inputs.restart_windows();
        }
        self.follow_ends(offset, now, effects);
        match step {
            None => self.tell_clock(false, now, effects),
            Some(step) if step.abs() >= JUMP_MICROS => self.tell_step(step, now, effects),
            Some(_) => {}
        }
    }

    /// What ends at a time is told anew at the start of a run, and when the wall clock was put forward or back, be it little by little.
    fn follow_ends(&mut self, offset: i64, now: Now, effects: &mut Effects) {
        if self.clock.told.is_some_and(|before| (offset - before).abs() <= JUMP_MICROS) {
            return;
        }
        self.clock.told = Some(offset);
        let mut turn = Turn { plan: &self.plan, tags: &self.tags, now, deadlines: &mut self.deadlines, effects };
        self.alarms.follow_clock(&mut turn);
        self.alarms.end_suppression_without_design(&mut turn);
    }

    fn tell_step(&mut self, step_micros: i64, now: Now, effects: &mut Effects) {
        let from = Timestamp::from_micros(now.utc.as_micros() - step_micros);
        let words = format!("from {} to {}", in_words(from), in_words(now.utc));
        // The words come first: the message of the alarm tells them. Another step while one is shown is another activation.
        if let Some(tag) = self.plan.system.clock_step {
            self.tell(tag, Value::Text(words.into()), now, effects);
        }
        self.tell_clock(false, now, effects);
        self.tell_clock(true, now, effects);
        let until = now.monotonic.plus(SHOWN);
        self.clock.shown_until = Some(until);
        self.deadlines.push(until, Deadline::Clock);
    }

    /// The time has come that a step is no news any more, unless there was another one since.
    pub(super) fn end_step(&mut self, now: Now, effects: &mut Effects) {
        if self.clock.shown_until.take_if(|until| *until <= now.monotonic).is_some() {
            self.tell_clock(false, now, effects);
        }
    }

    fn tell_clock(&mut self, is_stepped: bool, now: Now, effects: &mut Effects) {
        if let Some(tag) = self.plan.system.clock_stepped {
            self.tell(tag, Value::Bool(is_stepped), now, effects);
        }
    }

    fn tell(&mut self, tag: crate::tag::TagId, value: Value, now: Now, effects: &mut Effects) {
        let reading = Reading { tag, value: Some(value), quality: Quality::GOOD };
        self.take_reading(reading, now.utc, Origin::Calculated, now, effects);
    }
}

fn in_words(time: Timestamp) -> String {
    match time.to_chrono() {
        Some(moment) => moment.format("%Y-%m-%d %H:%M:%S UTC").to_string(),
        None => time.to_rfc3339(),
    }
}
