//! A value that does not move: an instrument that is stuck, frozen or cut off behind its converter.
//!
//! Time counts by the station's own clock from the last change of more than the deadband. After bad input and after a start it counts anew, and an
//! alarm that is active stays so until the value is seen to move.

use super::Verdict;
use super::watch::{Judgement, Look};
use crate::expression::Values;
use crate::tag::Monotonic;
use std::time::Duration;

/// Since when nothing changed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Flatline {
    /// The value that nothing moved away from.
    reference: Option<f64>,
    /// Since when; none while the input is bad.
    since: Option<Monotonic>,
    /// Whether a change was seen since the last bad input.
    has_moved: bool,
}

impl Flatline {
    pub(super) fn judge(&mut self, duration: Duration, look: &Look<'_, impl Values>) -> Judgement {
        let Some(number) = look.number(look.tag) else {
            (self.since, self.has_moved) = (None, false);
            return Verdict::Unevaluated.into();
        };
        let now = look.now.monotonic;
        let moved = self.reference.is_some_and(|reference| (number - reference).abs() > look.deadband);
        if moved || self.reference.is_none() {
            self.reference = Some(number);
            self.since = Some(now);
            self.has_moved |= moved;
        }
        let due = self.since.get_or_insert(now).plus(duration);
        let verdict = match self.has_moved {
            _ if due <= now => Verdict::Active,
            true => Verdict::Inactive,
            false => Verdict::Unevaluated,
        };
        Judgement { verdict, restarts_delay: false, wake: (due > now).then_some(due) }
    }
}
