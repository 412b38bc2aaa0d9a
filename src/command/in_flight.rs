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
    before: Option<Value>,
    read_back: Option<TagId>,
    tolerance: f64,
    within: Duration,
    pulse: bool,
    sent: Sent,
    deadline: Monotonic,
    last_seen: Option<Value>,
}

/// What the driver said of the write.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Sent {
    /// Nothing yet.
    Waiting,
    /// The device took it.
    Accepted,
    /// It went out to all, of whom none answers.
    ToAll,
    /// It may have arrived; why that is not known.
    Doubtful(String),
}

const TO_ALL: &str = "it was sent to all devices on the line, and nobody answers a broadcast";

/// A driver that says nothing for this long after the command's expiry has lost it.
pub(super) const DRIVER_SILENCE: Duration = Duration::from_secs(15);

impl InFlight {
    /// Starts waiting for the driver's word on `authorised`, which was dispatched just now.
    pub fn new(authorised: &Authorised, now: Now) -> Self {
        let (read_back, tolerance, within) = authorised.read_back();
        Self {
            wanted: authorised.confirmed().request().value.clone(),
            before: authorised.old().cloned(),
            read_back,
            tolerance,
            within,
            pulse: authorised.is_pulse(),
            sent: Sent::Waiting,
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
        self.read_back.filter(|_| self.sent != Sent::Waiting)
    }

    /// The driver answered. A write that may have arrived is never repeated: what reads back is looked at first.
    pub fn answered(&mut self, answer: WriteAnswer, now: Now) -> Progress {
        self.sent = match answer {
            WriteAnswer::Failed(why) => return Progress::Ended(Outcome::Failed, why),
            WriteAnswer::NotSent(why) => return Progress::Ended(Outcome::Refused, why),
            WriteAnswer::Unknown(why) if self.read_back.is_none() => {
                return Progress::Ended(Outcome::Unknown, doubtful(&why));
            }
            WriteAnswer::Accepted if self.read_back.is_none() => {
                return Progress::Ended(Outcome::Unverified, "the device took it; no read-back is set up".to_owned());
            }
            WriteAnswer::SentToAll if self.read_back.is_none() => {
                return Progress::Ended(Outcome::Unverified, format!("{TO_ALL}; no read-back is set up"));
            }
            WriteAnswer::Accepted => Sent::Accepted,
            WriteAnswer::SentToAll => Sent::ToAll,
            WriteAnswer::Unknown(why) => Sent::Doubtful(why),
        };
        self.deadline = now.monotonic.plus(self.within);
        Progress::Waiting(self.deadline)
    }

    /// A sample of the read-back tag arrived after the driver had answered.
    pub fn observe(&mut self, value: Option<&Value>, quality: Quality) -> Progress {
        let usable = self.sent != Sent::Waiting && quality.is_good();
        let Some(value) = value.filter(|_| usable) else { return Progress::Waiting(self.deadline) };
        let before = self.last_seen.replace(value.clone());
        let agrees = self.agrees(value);
        let waiting = Progress::Waiting(self.deadline);
        match &self.sent {
            Sent::Accepted | Sent::ToAll if self.pulse => self.observe_pulse(value, agrees, before.as_ref()),
            Sent::Accepted | Sent::ToAll if agrees => Progress::Ended(Outcome::Verified, format!("reads back {value}")),
            // What stood there before proves nothing.
            Sent::Doubtful(why) if agrees && !self.before.as_ref().is_some_and(|before| self.agrees(before)) => {
                Progress::Ended(Outcome::Verified, format!("no clear answer came ({why}), and it reads back {value}"))
            }
            _ => waiting,
        }
    }

    /// The register goes back by itself: only who saw it set knows that it was.
    fn observe_pulse(&self, value: &Value, is_set: bool, before: Option<&Value>) -> Progress {
        if is_set {
            return Progress::Waiting(self.deadline);
        }
        match before {
            Some(_) => Progress::Ended(Outcome::Verified, format!("it was set, and the device reset it to {value}")),
            None => Progress::Ended(
                Outcome::Unverified,
                format!("{}, and it reads {value} again; nobody saw it set", self.went()),
            ),
        }
    }

    /// Time passed.
    pub fn expire(&self, now: Now) -> Progress {
        if now.monotonic < self.deadline {
            return Progress::Waiting(self.deadline);
        }
        match (&self.sent, &self.last_seen) {
            (Sent::Waiting, _) => Progress::Ended(Outcome::Unknown, "the driver gave no answer".to_owned()),
            (Sent::Doubtful(why), Some(seen)) => {
                Progress::Ended(Outcome::Unknown, format!("{}; it reads {seen}", doubtful(why)))
            }
            (Sent::Doubtful(why), None) => Progress::Ended(Outcome::Unknown, doubtful(why)),
            (Sent::Accepted | Sent::ToAll, Some(seen)) if self.pulse => {
                Progress::Ended(Outcome::Mismatch, format!("it is still {seen}: the device did not reset it"))
            }
            (Sent::Accepted, Some(seen)) => {
                Progress::Ended(Outcome::Mismatch, format!("sent {}, the device kept {seen}", self.wanted))
            }
            (Sent::ToAll, Some(seen)) => {
                Progress::Ended(Outcome::Mismatch, format!("{TO_ALL}; sent {}, and it reads {seen}", self.wanted))
            }
            (Sent::Accepted | Sent::ToAll, None) => Progress::Ended(
                Outcome::Unverified,
                format!("{}, but nothing good was read back in {} s", self.went(), self.within.as_secs_f32()),
            ),
        }
    }

    /// What is known of the write alone.
    fn went(&self) -> &'static str {
        if self.sent == Sent::ToAll { TO_ALL } else { "the device took it" }
    }

    fn agrees(&self, value: &Value) -> bool {
        agrees(&self.wanted, value, self.tolerance)
    }
}

fn doubtful(why: &str) -> String {
    format!("{why}; it may have arrived")
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
            before: Some(Value::Double(0.0)),
            read_back: read_back.then_some(TagId(1)),
            tolerance: 0.0,
            within: Duration::from_secs(10),
            pulse: false,
            sent: Sent::Waiting,
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
        assert_eq!(ended(in_flight(false).answered(WriteAnswer::Unknown("time-out".into()), at(1))), Outcome::Unknown);
        assert_eq!(ended(in_flight(false).answered(WriteAnswer::Accepted, at(1))), Outcome::Unverified);
        assert_eq!(ended(in_flight(true).expire(at(15))), Outcome::Unknown);
        let to_all = in_flight(false).answered(WriteAnswer::SentToAll, at(1));
        assert_eq!(to_all, Progress::Ended(Outcome::Unverified, format!("{TO_ALL}; no read-back is set up")));
        let mut taken = in_flight(true);
        taken.answered(WriteAnswer::Accepted, at(1));
        assert_eq!(ended(taken.expire(at(11))), Outcome::Unverified);
        taken.observe(Some(&Value::Single(9.0)), Quality::GOOD);
        assert_eq!(ended(taken.expire(at(11))), Outcome::Mismatch);
        assert_eq!(ended(taken.observe(Some(&Value::Single(1.1)), Quality::GOOD)), Outcome::Verified);
    }

    #[test]
    fn what_may_have_arrived_is_read_back_before_anything_is_said() {
        let doubtful = |before: f64| {
            let mut flight = InFlight { before: Some(Value::Double(before)), ..in_flight(true) };
            let progress = flight.answered(WriteAnswer::Unknown("no answer within 300 ms".into()), at(1));
            assert_eq!(progress, Progress::Waiting(flight.deadline()));
            flight
        };
        let mut arrived = doubtful(0.0);
        assert_eq!(ended(arrived.observe(Some(&Value::Double(1.1)), Quality::GOOD)), Outcome::Verified);
        let mut lost = doubtful(0.0);
        lost.observe(Some(&Value::Double(0.0)), Quality::GOOD);
        assert_eq!(
            lost.expire(at(11)),
            Progress::Ended(Outcome::Unknown, "no answer within 300 ms; it may have arrived; it reads 0".into())
        );
        let mut same = doubtful(1.1);
        assert_eq!(same.observe(Some(&Value::Double(1.1)), Quality::GOOD), Progress::Waiting(same.deadline()));
        assert_eq!(ended(same.expire(at(11))), Outcome::Unknown);
        assert_eq!(ended(doubtful(0.0).expire(at(11))), Outcome::Unknown);
    }

    #[test]
    fn nobody_says_that_he_took_what_was_sent_to_all() {
        let sent = || {
            let mut flight = in_flight(true);
            flight.answered(WriteAnswer::SentToAll, at(1));
            flight
        };
        let unseen = Progress::Ended(Outcome::Unverified, format!("{TO_ALL}, but nothing good was read back in 10 s"));
        assert_eq!(sent().expire(at(11)), unseen);
        assert_eq!(ended(sent().observe(Some(&Value::Double(1.1)), Quality::GOOD)), Outcome::Verified);
        let mut other = sent();
        other.observe(Some(&Value::Double(9.0)), Quality::GOOD);
        assert_eq!(ended(other.expire(at(11))), Outcome::Mismatch);
    }

    #[test]
    fn a_pulse_is_verified_only_by_who_saw_it() {
        let pulse = || {
            let mut flight = InFlight { wanted: Value::Bool(true), pulse: true, ..in_flight(true) };
            flight.answered(WriteAnswer::Accepted, at(1));
            flight
        };
        let mut seen = pulse();
        assert_eq!(seen.observe(Some(&Value::Bool(true)), Quality::GOOD), Progress::Waiting(seen.deadline()));
        assert_eq!(ended(seen.observe(Some(&Value::Bool(false)), Quality::GOOD)), Outcome::Verified);
        assert_eq!(ended(pulse().observe(Some(&Value::Bool(false)), Quality::GOOD)), Outcome::Unverified);
        let mut stuck = pulse();
        stuck.observe(Some(&Value::Bool(true)), Quality::GOOD);
        assert_eq!(ended(stuck.expire(at(11))), Outcome::Mismatch);
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
