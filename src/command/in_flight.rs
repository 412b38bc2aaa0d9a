//! A command between dispatch and outcome.

use super::{Authorised, Outcome, WriteAnswer};
use crate::tag::{Monotonic, Now, Quality, TagId, Value};
use std::time::Duration;

/// What a command waits for, or how it ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Progress {
    /// It goes on waiting, at the latest until then.
    Waiting(Monotonic),
    /// It has ended; with a sentence.
    Ended(Outcome, String),
}

/// A command that has left the engine.
#[derive(Debug)]
pub struct InFlight {
    wanted: Value,
    read_back: Option<TagId>,
    tolerance: f64,
    within: Duration,
    accepted: bool,
    deadline: Monotonic,
    last_seen: Option<Value>,
}

/// A driver that says nothing for this long after the command's expiry has lost it.
const DRIVER_SILENCE: Duration = Duration::from_secs(15);

impl InFlight {
    /// Starts waiting for the driver's word on `authorised`, which was dispatched just now.
    pub fn new(authorised: &Authorised, now: Now) -> Self {
        let (read_back, tolerance, within) = authorised.read_back();
        Self {
            wanted: authorised.confirmed().request().value.clone(),
            read_back,
            tolerance,
            within,
            accepted: false,
            deadline: now.monotonic.plus(within.max(DRIVER_SILENCE)),
            last_seen: None,
        }
    }

    /// The reading at which it has to end.
    pub fn deadline(&self) -> Monotonic {
        self.deadline
    }

    /// The tag whose samples it waits for.
    pub fn watches(&self) -> Option<TagId> {
        self.read_back.filter(|_| self.accepted)
    }

    /// The driver answered.
    pub fn answered(&mut self, answer: WriteAnswer, now: Now) -> Progress {
        match answer {
            WriteAnswer::Failed(why) => Progress::Ended(Outcome::Failed, why),
            WriteAnswer::NotSent(why) => Progress::Ended(Outcome::Refused, why),
            WriteAnswer::Unknown(why) => Progress::Ended(Outcome::Unknown, why),
            WriteAnswer::Accepted if self.read_back.is_none() => {
                Progress::Ended(Outcome::Unverified, "the device took it; no read-back is set up".to_owned())
            }
            WriteAnswer::Accepted => {
                self.accepted = true;
                self.deadline = now.monotonic.plus(self.within);
                Progress::Waiting(self.deadline)
            }
        }
    }

    /// A sample of the read-back tag arrived after the device had taken the value.
    pub fn observe(&mut self, value: Option<&Value>, quality: Quality) -> Progress {
        let Some(value) = value.filter(|_| self.accepted && quality.is_good()) else {
            return Progress::Waiting(self.deadline);
        };
        self.last_seen = Some(value.clone());
        if agrees(&self.wanted, value, self.tolerance) {
            return Progress::Ended(Outcome::Verified, format!("reads back {value}"));
        }
        Progress::Waiting(self.deadline)
    }

    /// Time passed.
    pub fn expire(&self, now: Now) -> Progress {
        if now.monotonic < self.deadline {
            return Progress::Waiting(self.deadline);
        }
        if !self.accepted {
            return Progress::Ended(Outcome::Unknown, "the driver gave no answer".to_owned());
        }
        match &self.last_seen {
            Some(seen) => Progress::Ended(Outcome::Mismatch, format!("sent {}, the device kept {seen}", self.wanted)),
            None => Progress::Ended(
                Outcome::Unverified,
                format!("the device took it, but nothing good was read back in {} s", self.within.as_secs_f32()),
            ),
        }
    }
}

/// Floats are compared at the precision of the coarser one: what was sent as 1.1 reads back as the `f32` nearest to 1.1.
fn agrees(wanted: &Value, seen: &Value, tolerance: f64) -> bool {
    if wanted.same(seen) {
        return true;
    }
    match (wanted.as_f64(), seen.as_f64()) {
        (Some(wanted), Some(found)) => {
            let rounded = matches!(seen, Value::Single(_)) && (wanted as f32) == (found as f32);
            rounded || (wanted - found).abs() <= tolerance
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Reason;

    fn in_flight(read_back: bool) -> InFlight {
        InFlight {
            wanted: Value::Double(1.1),
            read_back: read_back.then_some(TagId(1)),
            tolerance: 0.0,
            within: Duration::from_secs(10),
            accepted: false,
            deadline: Monotonic::from_micros(15_000_000),
            last_seen: None,
        }
    }

    fn ended(progress: Progress) -> Outcome {
        match progress {
            Progress::Ended(outcome, words) => {
                assert!(!words.is_empty());
                outcome
            }
            Progress::Waiting(_) => panic!("still waiting"),
        }
    }

    fn at(seconds: u64) -> Now {
        Now::default().plus(Duration::from_secs(seconds))
    }

    #[test]
    fn all_six_outcomes_but_refusal_by_authorisation_come_from_here() {
        assert_eq!(ended(in_flight(true).answered(WriteAnswer::Failed("no".into()), at(1))), Outcome::Failed);
        assert_eq!(ended(in_flight(true).answered(WriteAnswer::NotSent("full".into()), at(1))), Outcome::Refused);
        assert_eq!(ended(in_flight(true).answered(WriteAnswer::Unknown("time-out".into()), at(1))), Outcome::Unknown);
        assert_eq!(ended(in_flight(false).answered(WriteAnswer::Accepted, at(1))), Outcome::Unverified);
        assert_eq!(ended(in_flight(true).expire(at(15))), Outcome::Unknown);
        let mut taken = in_flight(true);
        taken.answered(WriteAnswer::Accepted, at(1));
        assert_eq!(ended(taken.expire(at(11))), Outcome::Unverified);
        taken.observe(Some(&Value::Single(9.0)), Quality::GOOD);
        assert_eq!(ended(taken.expire(at(11))), Outcome::Mismatch);
        assert_eq!(ended(taken.observe(Some(&Value::Single(1.1)), Quality::GOOD)), Outcome::Verified);
    }

    #[test]
    fn nothing_read_before_the_answer_and_nothing_bad_verifies() {
        let mut early = in_flight(true);
        assert_eq!(early.observe(Some(&Value::Double(1.1)), Quality::GOOD), Progress::Waiting(early.deadline()));
        early.answered(WriteAnswer::Accepted, at(1));
        let bad = Quality::bad(Reason::Stale);
        assert_eq!(early.observe(Some(&Value::Double(1.1)), bad), Progress::Waiting(early.deadline()));
    }
}
