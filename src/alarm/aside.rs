//! The three ways in which an alarm is set aside. They can hold at the same time; the strongest is shown.

use super::{Priority, State};
use crate::access::Principal;
use crate::tag::{Monotonic, Now, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// An end in time. Within a run the monotonic clock counts, so that a jump of the wall clock neither ends it early nor keeps it for ever.
/// From one run to the next only the wall clock goes on: what remains by it, but never more than was asked for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimeLimit {
    /// When it ends, by the wall clock as it goes now.
    pub until: Timestamp,
    /// How long was asked for, in microseconds.
    pub length_micros: u64,
    #[serde(skip)]
    due: Option<Monotonic>,
}

impl TimeLimit {
    /// Ends `length` from now.
    pub fn starting(now: Now, length: Duration) -> Self {
        let length_micros = length.as_micros() as u64;
        Self { until: now.utc.plus(length), length_micros, due: Some(now.monotonic.plus(length)) }
    }

    /// When it ends, by the clock that never jumps; none before [`TimeLimit::resume`] in a new run.
    pub const fn due(&self) -> Option<Monotonic> {
        self.due
    }

    /// Whether it is over.
    pub fn is_over(&self, now: Now) -> bool {
        self.due.is_some_and(|due| due <= now.monotonic)
    }

    /// Goes on in a new run. Whether the end was moved, because it lay further off than was ever asked for: then the wall clock was put
    /// back while the station was off.
    pub fn resume(&mut self, now: Now) -> bool {
        let left = self.until.micros_since(now.utc).clamp(0, self.length_micros as i64) as u64;
        self.due = Some(now.monotonic.plus(Duration::from_micros(left)));
        let was_moved = self.until.micros_since(now.utc) > self.length_micros as i64;
        if was_moved {
            self.until = now.utc.plus(Duration::from_micros(left));
        }
        was_moved
    }

    /// The wall clock was put forward or back: the same end, told by the new time.
    pub fn follow_clock(&mut self, now: Now) {
        if let Some(due) = self.due {
            self.until = now.utc.plus(due.since(now.monotonic));
        }
    }
}

/// A shelf: a person sets the alarm aside for a while.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Shelf {
    /// Who.
    pub by: Principal,
    /// Why; never empty.
    pub reason: Arc<str>,
    /// Since when.
    pub since: Timestamp,
    /// When it ends at the latest.
    pub limit: TimeLimit,
    /// Whether it ends as soon as the condition is gone.
    pub one_shot: bool,
}

/// The design of the plant sets the alarm aside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Suppression {
    /// Which part of the design.
    pub by: Principal,
    /// Why.
    pub reason: Arc<str>,
    /// Since when.
    pub since: Timestamp,
}

/// A person takes the alarm out of service, for maintenance or repair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OutOfService {
    /// Who.
    pub by: Principal,
    /// Why; never empty.
    pub reason: Arc<str>,
    /// Since when.
    pub since: Timestamp,
    /// When it goes back into service by itself; none where a person has to put it back.
    pub limit: Option<TimeLimit>,
}

/// How an alarm is set aside, and what its condition did meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Aside {
    /// Shelved.
    pub shelf: Option<Shelf>,
    /// Suppressed by design.
    pub suppression: Option<Suppression>,
    /// Out of service.
    pub out_of_service: Option<OutOfService>,
    /// Whether the condition was gone since it was set aside, so that an activation from before is over.
    pub interrupted: bool,
    /// When the condition last became active since then.
    pub came: Option<Timestamp>,
}

impl Aside {
    /// Whether nothing holds any more.
    pub const fn is_over(&self) -> bool {
        self.shelf.is_none() && self.suppression.is_none() && self.out_of_service.is_none()
    }

    /// The strongest that holds: out of service before suppressed before shelved.
    pub const fn state(&self) -> State {
        match (&self.out_of_service, &self.suppression) {
            (Some(_), _) => State::OutOfService,
            (None, Some(_)) => State::Suppressed,
            (None, None) => State::Shelved,
        }
    }

    /// Who set it aside, as far as it is shown.
    pub fn by(&self) -> Option<&Principal> {
        let suppressed = || self.suppression.as_ref().map(|suppression| &suppression.by);
        let shelved = || self.shelf.as_ref().map(|shelf| &shelf.by);
        self.out_of_service.as_ref().map(|out| &out.by).or_else(suppressed).or_else(shelved)
    }

    /// Why, as far as it is shown.
    pub fn reason(&self) -> &str {
        let suppressed = || self.suppression.as_ref().map(|suppression| &*suppression.reason);
        let shelved = || self.shelf.as_ref().map(|shelf| &*shelf.reason);
        self.out_of_service.as_ref().map(|out| &*out.reason).or_else(suppressed).or_else(shelved).unwrap_or_default()
    }

    /// Since when, as far as it is shown.
    pub fn since(&self) -> Option<Timestamp> {
        let suppressed = || self.suppression.as_ref().map(|suppression| suppression.since);
        let shelved = || self.shelf.as_ref().map(|shelf| shelf.since);
        self.out_of_service.as_ref().map(|out| out.since).or_else(suppressed).or_else(shelved)
    }

    /// Until when, as far as it is shown; none where it ends at no set time.
    pub fn until(&self) -> Option<Timestamp> {
        match self.state() {
            State::OutOfService => self.out_of_service.as_ref()?.limit.as_ref().map(|limit| limit.until),
            State::Shelved => self.shelf.as_ref().map(|shelf| shelf.limit.until),
            _ => None,
        }
    }

    /// The next end in time, by the clock that never jumps.
    pub fn due(&self) -> Option<Monotonic> {
        self.limits().filter_map(TimeLimit::due).min()
    }

    pub(super) fn limits(&self) -> impl Iterator<Item = &TimeLimit> {
        let shelf = self.shelf.iter().map(|shelf| &shelf.limit);
        shelf.chain(self.out_of_service.iter().filter_map(|out| out.limit.as_ref()))
    }

    pub(super) fn limits_mut(&mut self) -> impl Iterator<Item = &mut TimeLimit> {
        let shelf = self.shelf.iter_mut().map(|shelf| &mut shelf.limit);
        shelf.chain(self.out_of_service.iter_mut().filter_map(|out| out.limit.as_mut()))
    }
}

/// How long alarms may be shelved at most, by priority.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShelvingLimits([Duration; 4]);

impl Default for ShelvingLimits {
    fn default() -> Self {
        let hours = |hours: u64| Duration::from_secs(hours * 3600);
        Self([Duration::from_secs(30 * 60), hours(2), hours(8), hours(24)])
    }
}

impl ShelvingLimits {
    /// The longest time for alarms of this priority.
    pub const fn longest(&self, priority: Priority) -> Duration {
        self.0[priority as usize]
    }

    /// The same with another time for one priority.
    #[must_use]
    pub const fn with(mut self, priority: Priority, longest: Duration) -> Self {
        self.0[priority as usize] = longest;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn at(utc_seconds: i64, monotonic_seconds: u64) -> Now {
        Now {
            utc: Timestamp::from_micros(utc_seconds * 1_000_000),
            monotonic: Monotonic::from_micros(monotonic_seconds * 1_000_000),
        }
    }

    #[test]
    fn a_jump_of_the_wall_clock_within_a_run_moves_what_is_shown_and_not_the_end() {
        for jump in [-1_000_000, -3600, 0, 3600, 1_000_000] {
            let mut limit = TimeLimit::starting(at(5_000_000, 100), HOUR);
            let later = at(5_000_000 + 600 + jump, 700);
            assert!(!limit.is_over(later), "{jump}");
            limit.follow_clock(later);
            assert_eq!(limit.until, later.utc.plus(Duration::from_secs(3000)), "{jump}");
            assert!(!limit.is_over(at(0, 3699)) && limit.is_over(at(0, 3700)), "{jump}");
        }
    }

    #[test]
    fn from_one_run_to_the_next_the_wall_clock_counts_but_never_for_longer_than_was_asked() {
        // Seconds on the wall clock when the next run begins, seconds that remain, whether the end moved.
        for (utc, left, moved) in [
            (5_000_600, 3000, false),
            (5_000_000, 3600, false),
            (5_003_600, 0, false),
            (9_000_000, 0, false),
            (1_000, 3600, true),
        ] {
            let mut limit = TimeLimit::starting(at(5_000_000, 100), HOUR);
            limit.due = None;
            assert!(!limit.is_over(at(utc, 7)), "before it is resumed nothing ends: {utc}");
            assert_eq!(limit.resume(at(utc, 7)), moved, "{utc}");
            assert_eq!(limit.due(), Some(Monotonic::from_micros((7 + left) * 1_000_000)), "{utc}");
            if moved {
                assert_eq!(limit.until, at(utc + left as i64, 0).utc, "{utc}");
            }
        }
    }
}
