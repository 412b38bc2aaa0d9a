//! How fast a value changes, by the times of its own samples.
//!
//! The value moves in a straight line from when it was last confirmed to the next sample. What counts is the change within the time that the
//! limit speaks of: "2.0 per 1 m" holds when the present value is 2.0 or more away from one within the last minute. Nothing is divided by the
//! time between two samples, so that two of them at one moment are no infinite rate.
//!
//! After bad input, after a start and after a step of the clock, the alarm does not return to normal before the window was seen once in full, by
//! the clock that never jumps.

use super::Verdict;
use super::watch::{Judgement, Look};
use crate::expression::Values;
use crate::tag::{Monotonic, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;

/// The window is kept in at most so many slices: what leaves it, leaves it late by at most one sixtieth.
const SLICES: u32 = 60;
/// As many as can begin within the window, and those at its ends.
const MOST_SLICES: usize = SLICES as usize + 2;

/// Which way counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// Only upwards.
    Rising,
    /// Only downwards.
    Falling,
    /// Either.
    #[default]
    Both,
}

/// A limit of change.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// So much, in the tag's unit; more than 0.
    pub change: f64,
    /// Within this time; not zero.
    pub per: Duration,
    /// Which way counts.
    pub direction: Direction,
}

/// A slice of time: its first and last value with their times, its lowest and highest one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slice {
    first: (Timestamp, f64),
    last: (Timestamp, f64),
    low: f64,
    high: f64,
}

/// The newest value.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Newest {
    time: Timestamp,
    value: f64,
    received: Monotonic,
}

/// The values of the last while.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Window {
    slices: VecDeque<Slice>,
    newest: Option<Newest>,
    /// When the first value arrived.
    began: Option<Monotonic>,
}

impl Window {
    #[cfg(test)]
    pub(super) fn slices(&self) -> usize {
        self.slices.len()
    }

    pub(super) fn judge(&mut self, rate: &Rate, look: &Look<'_, impl Values>) -> Judgement {
        let Some(value) = look.number(look.tag) else {
            *self = Self::default();
            return Verdict::Unevaluated.into();
        };
        let present = self.take(rate.per, value, look);
        // One that came late is not the newest.
        let value = self.newest.map_or(value, |newest| newest.value);
        self.forget_before(present.minus(rate.per));
        let low = self.slices.iter().map(|slice| slice.low).fold(value, f64::min);
        let high = self.slices.iter().map(|slice| slice.high).fold(value, f64::max);
        let change = match rate.direction {
            Direction::Rising => value - low,
            Direction::Falling => high - value,
            Direction::Both => (value - low).max(high - value),
        };
        let full_at = self.began.unwrap_or(look.now.monotonic).plus(rate.per);
        let verdict = match change >= rate.change - look.back() {
            true => Verdict::Active,
            false if look.now.monotonic >= full_at => Verdict::Inactive,
            false => Verdict::Unevaluated,
        };
        let wake = match verdict {
            Verdict::Active => self.slices.front().map(|slice| slice.last.0.plus(rate.per)).map(|next| {
                let wait = Duration::from_micros(next.micros_since(present).max(0) as u64 + 1);
                look.now.monotonic.plus(wait)
            }),
            Verdict::Unevaluated => Some(full_at),
            Verdict::Inactive => None,
        };
        let soonest = look.now.monotonic.plus(rate.per / SLICES).plus(Duration::from_micros(1));
        let wake = wake.map(|wake| wake.max(soonest));
        Judgement { verdict, restarts_delay: false, wake }
    }

    /// Takes the value in. The present in the time of the samples: where nothing arrived, it goes on from the newest one.
    fn take(&mut self, per: Duration, value: f64, look: &Look<'_, impl Values>) -> Timestamp {
        let sample = Newest { time: look.time, value, received: look.now.monotonic };
        let Some(newest) = self.newest else {
            self.begin(per, sample);
            return sample.time;
        };
        // The newest one is of a time that is not yet: our clock was put back since. Times before and after that cannot be compared.
        if newest.time > look.now.utc && look.time <= look.now.utc {
            *self = Self::default();
            self.begin(per, sample);
            return sample.time;
        }
        let going_on = newest.time.plus(look.now.monotonic.since(newest.received));
        match look.time.micros_since(newest.time) {
            0 if value == newest.value => return going_on,
            // The clock of the device was set back: what it said before cannot be compared.
            back if back < -(per.as_micros() as i64) => {
                *self = Self::default();
                self.begin(per, sample);
                return sample.time;
            }
            // One that comes late changes nothing.
            back if back < 0 => return going_on,
            _ => {}
        }
        let held_until = look.held_until.unwrap_or(newest.time).clamp(newest.time, sample.time);
        self.add(per, held_until, newest.value);
        let gap = sample.time.micros_since(held_until) as f64;
        let share = per.as_micros() as f64 / gap;
        if share < 1.0 {
            self.add(per, sample.time.minus(per), value - (value - newest.value) * share);
        }
        self.add(per, sample.time, value);
        self.newest = Some(sample);
        sample.time
    }

    /// Lets go of what lies before `edge`. Where the line from there leads into the window, its value at the edge stays.
    fn forget_before(&mut self, edge: Timestamp) {
        let mut gone = None;
        while let Some(slice) = self.slices.front().copied().filter(|slice| slice.last.0 < edge) {
            gone = Some(slice.last);
            self.slices.pop_front();
        }
        if let (Some((from, before)), Some((to, after))) = (gone, self.slices.front().map(|slice| slice.first))
            && to > edge
        {
            let share = edge.micros_since(from) as f64 / to.micros_since(from) as f64;
            let point = (edge, before + (after - before) * share);
            self.slices.push_front(Slice { first: point, last: point, low: point.1, high: point.1 });
        }
    }

    fn begin(&mut self, per: Duration, sample: Newest) {
        self.began = Some(sample.received);
        self.add(per, sample.time, sample.value);
        self.newest = Some(sample);
    }

    fn add(&mut self, per: Duration, time: Timestamp, value: f64) {
        if let Some(slice) = self.slices.back_mut()
            && time < slice.first.0.plus(per / SLICES)
        {
            slice.last = (time, value);
            slice.low = slice.low.min(value);
            slice.high = slice.high.max(value);
            return;
        }
        if self.slices.len() == MOST_SLICES {
            self.slices.pop_front();
        }
        self.slices.push_back(Slice { first: (time, value), last: (time, value), low: value, high: value });
    }
}
