//! How a unit is doing, and when it is asked next: pure, with the time as an argument.

use crate::driver::Condition;
use crate::tag::Monotonic;
use std::time::Duration;

/// Failures in a row after which a unit is no longer polled but probed.
const DEMOTED_AFTER: u32 = 3;
const FIRST_PROBE: Duration = Duration::from_secs(5);
const LONGEST_PROBE: Duration = Duration::from_secs(60);
/// Shares of the time that an answer may take: above the first a unit is slow, below the second it is good again.
const SLOW: f64 = 0.5;
const SWIFT: f64 = 0.35;

/// What kind of failure it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing came in time.
    Silence,
    /// Something came that does not fit, or the wire broke: the next attempt may well succeed.
    Disturbance,
    /// A gateway says that the unit does not answer it.
    Gateway,
}

/// What to do after a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Ask again at once; its tags keep their quality for that long.
    RetryQuietly,
    /// Its tags turn bad; ask again at once.
    Retry,
    /// Its tags turn bad; ask again at its next turn.
    NextTurn,
    /// Its tags turn bad; it is probed after this long.
    Probe(Duration),
}

/// The health of one unit.
#[derive(Clone, Debug)]
pub(super) struct Health {
    condition: Condition,
    failures: u32,
    ever_answered: bool,
    pause: Duration,
    probe_at: Option<Monotonic>,
    latency_micros: f64,
}

impl Health {
    pub(super) const fn new() -> Self {
        Self {
            condition: Condition::Starting,
            failures: 0,
            ever_answered: false,
            pause: FIRST_PROBE,
            probe_at: None,
            latency_micros: 0.0,
        }
    }

    pub(super) fn condition(&self) -> Condition {
        self.condition
    }

    /// When a demoted unit is probed next; none while it is polled.
    pub(super) fn probe_at(&self) -> Option<Monotonic> {
        self.probe_at
    }

    /// It answered after `latency`, where `limit` was allowed. Whether it was demoted until now.
    pub(super) fn answered(&mut self, latency: Duration, limit: Duration) -> bool {
        let was_demoted = self.probe_at.take().is_some();
        let micros = latency.as_secs_f64() * 1e6;
        let known = self.ever_answered && !was_demoted;
        self.latency_micros = if known { (self.latency_micros * 7.0 + micros) / 8.0 } else { micros };
        let share = self.latency_micros / (limit.as_secs_f64() * 1e6).max(1.0);
        let slow = share > SLOW || (self.condition == Condition::Slow && share > SWIFT);
        self.condition = if slow { Condition::Slow } else { Condition::Good };
        (self.failures, self.ever_answered, self.pause) = (0, true, FIRST_PROBE);
        was_demoted
    }

    /// It did not.
    pub(super) fn failed(&mut self, fault: Fault, now: Monotonic) -> Verdict {
        let was_demoted = self.probe_at.is_some();
        self.failures = self.failures.saturating_add(1);
        if self.failures >= DEMOTED_AFTER {
            if was_demoted {
                self.pause = (self.pause * 2).min(LONGEST_PROBE);
            }
            self.condition = if self.ever_answered { Condition::Demoted } else { Condition::Absent };
            self.probe_at = Some(now.plus(self.pause));
            return Verdict::Probe(self.pause);
        }
        self.condition = Condition::Failing;
        match (self.failures, fault) {
            // A frame that is spoilt once is no reason to frighten anybody; a unit that was silent has used up its time.
            (1, Fault::Disturbance) => Verdict::RetryQuietly,
            (1, Fault::Silence) => Verdict::Retry,
            _ => Verdict::NextTurn,
        }
    }

    /// The wire itself is away: nothing can be said of the unit.
    pub(super) fn cut_off(&mut self) {
        self.condition = if self.ever_answered { Condition::Failing } else { Condition::Absent };
    }

    /// The wire came back, or a person wants it: whatever was held against the unit is forgotten.
    pub(super) fn forgive(&mut self) {
        (self.failures, self.pause, self.probe_at) = (0, FIRST_PROBE, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_millis(100);

    fn at(seconds: u64) -> Monotonic {
        Monotonic::from_micros(seconds * 1_000_000)
    }

    /// a = answers, d = disturbed, s = silent, g = gateway; q r n = verdicts, numbers = probes in seconds.
    fn check(script: &str, expected: &str) {
        let mut health = Health::new();
        let mut verdicts = Vec::new();
        for event in script.chars() {
            let fault = match event {
                'a' => {
                    health.answered(Duration::from_millis(1), LIMIT);
                    verdicts.push("-".to_owned());
                    continue;
                }
                'd' => Fault::Disturbance,
                's' => Fault::Silence,
                _ => Fault::Gateway,
            };
            verdicts.push(match health.failed(fault, at(10)) {
                Verdict::RetryQuietly => "q".to_owned(),
                Verdict::Retry => "r".to_owned(),
                Verdict::NextTurn => "n".to_owned(),
                Verdict::Probe(pause) => pause.as_secs().to_string(),
            });
        }
        assert_eq!(verdicts.join(" "), expected, "{script}");
    }

    fn fail_three_times(health: &mut Health) {
        for _ in 0..3 {
            health.failed(Fault::Silence, at(1));
        }
    }

    fn answer(health: &mut Health, times: usize, millis: u64) {
        for _ in 0..times {
            health.answered(Duration::from_millis(millis), LIMIT);
        }
    }

    #[test]
    fn one_retry_then_demotion_then_rarer_probes() {
        check("sssssssss", "r n 5 10 20 40 60 60 60");
        check("ddd", "q n 5");
        check("ggg", "n n 5");
        check("adadad", "- q - q - q");
        check("ssas", "r n - r");
        check("ssssas", "r n 5 10 - r");
        check("sssssasss", "r n 5 10 20 - r n 5");
    }

    #[test]
    fn what_never_answered_is_absent() {
        let mut health = Health::new();
        fail_three_times(&mut health);
        assert_eq!((health.condition(), health.probe_at()), (Condition::Absent, Some(at(6))));
        assert!(health.answered(Duration::from_millis(1), LIMIT));
        assert_eq!((health.condition(), health.probe_at()), (Condition::Good, None));
        fail_three_times(&mut health);
        assert_eq!(health.condition(), Condition::Demoted);
        health.forgive();
        assert_eq!(health.probe_at(), None);
    }

    #[test]
    fn slow_and_swift_are_apart() {
        let mut health = Health::new();
        health.answered(Duration::from_millis(60), LIMIT);
        assert_eq!(health.condition(), Condition::Slow);
        answer(&mut health, 4, 40);
        assert_eq!(health.condition(), Condition::Slow);
        answer(&mut health, 8, 20);
        assert_eq!(health.condition(), Condition::Good);
    }
}
