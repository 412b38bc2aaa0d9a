//! The life of one alarm, as a pure state machine: samples, time and acknowledgements in, changes of state out.
//!
//! ```text
//!             raise                 acknowledge
//!   Normal ---------> Unacknowledged ---------> Acknowledged
//!     ^                  |      ^                    |
//!     |           return |      | raise (a new       | return
//!     |                  v      |  occurrence)       |
//!     |        ReturnedUnacknowledged                |
//!     +-- acknowledge ---+                           |
//!     +----------------------------------------------+
//! ```
//! Bad input changes nothing: the state holds, marked unevaluated, and delays start anew.

use super::{Acknowledged, AlarmDefinition, OccurrenceId, State, Verdict};
use crate::tag::{Monotonic, Now, Timestamp};

/// What an alarm is at this moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Alarm {
    state: State,
    occurrence: Option<OccurrenceId>,
    raised: Timestamp,
    changed: Timestamp,
    waiting: Option<Monotonic>,
    unevaluated: bool,
}

/// What is kept of an alarm between two runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Persisted {
    /// Where it stood.
    pub state: State,
    /// Its present activation.
    pub occurrence: OccurrenceId,
    /// When that activation began.
    pub raised: Timestamp,
    /// When the state last changed.
    pub changed: Timestamp,
}

/// What an alarm made of a sample or of time passing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// The state before and after, where it changed.
    pub change: Option<(State, State)>,
    /// When it wants to be told the time.
    pub wake: Option<Monotonic>,
}

impl Alarm {
    /// An alarm as it was when the last run ended; its condition counts as unevaluated until a good sample comes.
    pub const fn restore(kept: Persisted) -> Self {
        Self {
            state: kept.state,
            occurrence: Some(kept.occurrence),
            raised: kept.raised,
            changed: kept.changed,
            waiting: None,
            unevaluated: true,
        }
    }

    /// The same alarm with a delay that had begun forgotten: it starts anew.
    #[must_use]
    pub const fn without_delay(self) -> Self {
        Self { waiting: None, ..self }
    }

    /// Where it stands.
    pub const fn state(&self) -> State {
        self.state
    }

    /// Its present activation, or its last one.
    pub const fn occurrence(&self) -> Option<OccurrenceId> {
        self.occurrence
    }

    /// When the present activation began.
    pub const fn raised(&self) -> Timestamp {
        self.raised
    }

    /// When the state last changed.
    pub const fn changed(&self) -> Timestamp {
        self.changed
    }

    /// Whether the last input said nothing about the condition.
    pub const fn is_unevaluated(&self) -> bool {
        self.unevaluated
    }

    /// Takes what a sample says about the condition. `next` numbers a new activation; the caller counts on when the state after is
    /// [`State::Unacknowledged`].
    pub fn observe(
        &mut self,
        definition: &AlarmDefinition,
        verdict: Verdict,
        now: Now,
        next: OccurrenceId,
    ) -> Observation {
        self.unevaluated = verdict == Verdict::Unevaluated;
        let wanted = match verdict {
            Verdict::Unevaluated => self.state.is_active(),
            Verdict::Active => true,
            Verdict::Inactive => false,
        };
        if wanted == self.state.is_active() {
            self.waiting = None;
            return Observation::default();
        }
        let delay = if wanted { definition.on_delay } else { definition.off_delay };
        if delay.is_zero() {
            return self.turn(now, next);
        }
        match self.waiting {
            Some(due) if due <= now.monotonic => self.turn(now, next),
            Some(_) => Observation::default(),
            None => {
                let due = now.monotonic.plus(delay);
                self.waiting = Some(due);
                Observation { change: None, wake: Some(due) }
            }
        }
    }

    /// Lets time pass: a delay that has run out takes effect.
    pub fn wake(&mut self, now: Now, next: OccurrenceId) -> Observation {
        match self.waiting {
            Some(due) if due <= now.monotonic => self.turn(now, next),
            _ => Observation::default(),
        }
    }

    /// Somebody acknowledges `occurrence`.
    pub fn acknowledge(&mut self, occurrence: OccurrenceId, now: Now) -> Acknowledged {
        let outcome = self.would_acknowledge(occurrence);
        if let Acknowledged::Done(state) = outcome {
            self.state = state;
            self.changed = now.utc;
        }
        outcome
    }

    /// What [`Alarm::acknowledge`] would come to, without doing it.
    pub fn would_acknowledge(&self, occurrence: OccurrenceId) -> Acknowledged {
        if self.occurrence != Some(occurrence) {
            return Acknowledged::Gone;
        }
        match self.state {
            State::Unacknowledged => Acknowledged::Done(State::Acknowledged),
            State::ReturnedUnacknowledged => Acknowledged::Done(State::Normal),
            State::Acknowledged | State::Normal => Acknowledged::Already,
        }
    }

    fn turn(&mut self, now: Now, next: OccurrenceId) -> Observation {
        let from = self.state;
        self.waiting = None;
        self.changed = now.utc;
        self.state = match from {
            State::Normal | State::ReturnedUnacknowledged => {
                self.occurrence = Some(next);
                self.raised = now.utc;
                State::Unacknowledged
            }
            State::Unacknowledged => State::ReturnedUnacknowledged,
            State::Acknowledged => State::Normal,
        };
        Observation { change: Some((from, self.state)), wake: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alarm::{AlarmKey, Condition, Presentation, Priority, Subject};
    use crate::tag::TagId;
    use proptest::prelude::*;
    use std::time::Duration;

    fn definition(on_seconds: u64, off_seconds: u64) -> AlarmDefinition {
        AlarmDefinition {
            key: AlarmKey::from("t:high"),
            subject: Subject::Tag(TagId(0)),
            condition: Condition::High(1.0),
            deadband: 0.0,
            on_delay: Duration::from_secs(on_seconds),
            off_delay: Duration::from_secs(off_seconds),
            priority: Priority::High,
            message: "".into(),
            guidance: "".into(),
            area: None,
            suppress_when: None,
            presentation: Presentation::default(),
        }
    }

    /// A script is one letter a second: `A`ctive, `I`nactive, `?` unevaluated, `k` acknowledge, `.` only time.
    fn check(on: u64, off: u64, script: &str, expected: &str) {
        let definition = definition(on, off);
        let mut alarm = Alarm::default();
        let (mut now, mut occurrences) = (Now::default(), 0);
        let mut states = String::new();
        for letter in script.chars() {
            now = now.plus(Duration::from_secs(1));
            let next = OccurrenceId(occurrences + 1);
            let seen = match letter {
                'A' => alarm.observe(&definition, Verdict::Active, now, next),
                'I' => alarm.observe(&definition, Verdict::Inactive, now, next),
                '?' => alarm.observe(&definition, Verdict::Unevaluated, now, next),
                '.' => alarm.wake(now, next),
                _ => {
                    alarm.occurrence().map(|occurrence| alarm.acknowledge(occurrence, now));
                    Observation::default()
                }
            };
            if let Some((_, State::Unacknowledged)) = seen.change {
                occurrences += 1;
            }
            states.push(match alarm.state() {
                State::Normal => 'N',
                State::Unacknowledged => 'U',
                State::Acknowledged => 'K',
                State::ReturnedUnacknowledged => 'R',
            });
        }
        assert_eq!(states, expected, "on {on} off {off} script {script}");
    }

    #[test]
    fn lives() {
        check(0, 0, "IAIA", "NURU");
        check(0, 0, "AkI", "UKN");
        check(0, 0, "AIk", "URN");
        check(0, 0, "AkkI", "UKKN");
        check(0, 0, "kI", "NN");
    }

    #[test]
    fn delays() {
        check(2, 0, "AAA", "NNU");
        check(2, 0, "A..", "NNU");
        check(2, 0, "AIAA", "NNNN");
        check(0, 3, "AIII", "UUUU");
        check(0, 3, "AIIII", "UUUUR");
        check(0, 3, "AIAIII", "UUUUUU");
    }

    #[test]
    fn bad_input_holds_the_state_and_starts_delays_anew() {
        check(0, 0, "A???", "UUUU");
        check(2, 0, "A?AA", "NNNN");
        check(2, 0, "A?AAA", "NNNNU");
        check(0, 2, "AI?II", "UUUUU");
        check(0, 0, "Ak?I", "UKKN");
    }

    #[test]
    fn acknowledging_names_an_occurrence() {
        let definition = definition(0, 0);
        let mut alarm = Alarm::default();
        let now = Now::default();
        alarm.observe(&definition, Verdict::Active, now, OccurrenceId(7));
        alarm.observe(&definition, Verdict::Inactive, now, OccurrenceId(8));
        alarm.observe(&definition, Verdict::Active, now, OccurrenceId(8));
        assert_eq!(alarm.acknowledge(OccurrenceId(7), now), Acknowledged::Gone);
        assert_eq!(alarm.state(), State::Unacknowledged);
        assert_eq!(alarm.acknowledge(OccurrenceId(8), now), Acknowledged::Done(State::Acknowledged));
        assert_eq!(alarm.acknowledge(OccurrenceId(8), now), Acknowledged::Already);
    }

    proptest! {
        /// Whatever happens: never unacknowledged without an occurrence, and nothing becomes normal without an acknowledgement.
        #[test]
        fn nothing_is_lost_silently(script in proptest::collection::vec(0u8..5, 1..60), on in 0u64..3, off in 0u64..3) {
            let definition = definition(on, off);
            let mut alarm = Alarm::default();
            let (mut now, mut next, mut acknowledged) = (Now::default(), 1, 0);
            for step in script {
                now = now.plus(Duration::from_secs(1));
                let seen = match step {
                    0 => alarm.observe(&definition, Verdict::Active, now, OccurrenceId(next)),
                    1 => alarm.observe(&definition, Verdict::Inactive, now, OccurrenceId(next)),
                    2 => alarm.observe(&definition, Verdict::Unevaluated, now, OccurrenceId(next)),
                    3 => alarm.wake(now, OccurrenceId(next)),
                    _ => {
                        if let Some(occurrence) = alarm.occurrence()
                            && let Acknowledged::Done(_) = alarm.acknowledge(occurrence, now) {
                            acknowledged = occurrence.0;
                        }
                        Observation::default()
                    }
                };
                if let Some((_, State::Unacknowledged)) = seen.change { next += 1; }
                let occurrence = alarm.occurrence().map_or(0, |occurrence| occurrence.0);
                match alarm.state() {
                    State::Normal | State::Acknowledged => prop_assert_eq!(occurrence, acknowledged),
                    State::Unacknowledged | State::ReturnedUnacknowledged => prop_assert!(occurrence > acknowledged),
                }
            }
        }
    }
}
