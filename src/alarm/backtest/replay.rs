//! One alarm with one setting, sample by sample.

use crate::alarm::{Alarm, AlarmDefinition, Condition, OccurrenceId, Verdict};
use crate::tag::{Monotonic, Now, Quality, Scalar, Timestamp};

/// From when to when an alarm was active.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Span {
    /// When it was raised.
    pub raised: Timestamp,
    /// When it returned, or the end of the replay.
    pub returned: Timestamp,
}

impl Span {
    /// How long it was active, in seconds.
    pub fn seconds(&self) -> f64 {
        self.returned.micros_since(self.raised).max(0) as f64 / 1e6
    }
}

/// Why an alarm cannot be replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotReplayed {
    /// Its condition needs more than one sample of its tag.
    #[error(
        "its condition \"{0}\" looks at other tags, or at what went before; only conditions on one value of its own tag can be replayed"
    )]
    LooksFurther(&'static str),
}

/// Whether samples of its own tag are all that a condition needs.
pub const fn can_be_replayed(condition: &Condition) -> Result<(), NotReplayed> {
    if condition.is_simple() { Ok(()) } else { Err(NotReplayed::LooksFurther(condition.word())) }
}

/// Replays samples through one alarm. The times of the samples stand for both clocks.
#[derive(Clone, Debug)]
pub struct Replay {
    definition: AlarmDefinition,
    alarm: Alarm,
    wake: Option<Monotonic>,
    start: Timestamp,
    latest: Timestamp,
    raised: Option<Timestamp>,
    count: u64,
    spans: Vec<Span>,
}

impl Replay {
    /// An alarm of this definition that is normal, at the time of the first sample.
    pub fn new(definition: AlarmDefinition, start: Timestamp) -> Self {
        Self {
            definition,
            alarm: Alarm::default(),
            wake: None,
            start,
            latest: start,
            raised: None,
            count: 0,
            spans: Vec::new(),
        }
    }

    /// What is replayed.
    pub const fn definition(&self) -> &AlarmDefinition {
        &self.definition
    }

    /// Whether the alarm is active now.
    pub const fn is_active(&self) -> bool {
        self.raised.is_some()
    }

    fn now(&self, time: Timestamp) -> Now {
        Now { utc: time, monotonic: Monotonic::from_micros(time.micros_since(self.start).max(0) as u64) }
    }

    /// Samples in order of time; not-a-number where there is no good number.
    pub fn numbers(&mut self, times: &[i64], numbers: &[f64]) {
        for (time, number) in times.iter().zip(numbers) {
            let value = if number.is_nan() { Scalar::Empty } else { Scalar::Double(*number) };
            self.sample(Timestamp::from_micros(*time), value, Quality::GOOD);
        }
    }

    /// A sample; not before the one before it.
    pub fn sample(&mut self, time: Timestamp, value: Scalar, quality: Quality) {
        // A delay that has run out by now changes whether the deadband applies.
        self.pass(time);
        let active = self.alarm.state().is_active();
        let verdict = self.definition.condition.judge(value, quality, active, self.definition.deadband);
        self.verdict(time, verdict);
    }

    /// What was found of the condition, where that is known without samples; not before what was found before it.
    pub fn verdict(&mut self, time: Timestamp, verdict: Verdict) {
        self.pass(time);
        self.latest = self.latest.max(time);
        let now = self.now(self.latest);
        let seen = self.alarm.observe(&self.definition, verdict, now, OccurrenceId(self.count + 1));
        if let Some(wake) = seen.wake {
            self.wake = Some(wake);
        }
        if seen.change.is_some() {
            self.turned(self.latest);
        }
    }

    /// Time passes up to a moment: a delay that runs out before it takes effect when it does.
    fn pass(&mut self, moment: Timestamp) {
        let Some(wake) = self.wake else { return };
        let due = Timestamp::from_micros(self.start.as_micros().saturating_add_unsigned(wake.as_micros()));
        if due > moment {
            return;
        }
        self.wake = None;
        let seen = self.alarm.wake(&self.definition, self.now(due), OccurrenceId(self.count + 1));
        if seen.change.is_some() {
            self.turned(due);
        }
    }

    fn turned(&mut self, time: Timestamp) {
        match self.raised.take() {
            Some(raised) => self.spans.push(Span { raised, returned: time }),
            None => {
                self.count += 1;
                self.raised = Some(time);
            }
        }
    }

    /// Every activation up to a moment.
    pub fn finish(mut self, end: Timestamp) -> Vec<Span> {
        self.pass(end);
        let open = self.raised.map(|raised| Span { raised, returned: end.max(raised) });
        self.spans.extend(open);
        self.spans
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::alarm::{AlarmKey, Priority, Subject};
    use crate::tag::TagId;
    use std::time::Duration;

    pub(in crate::alarm::backtest) fn high(limit: f64, deadband: f64, on: u64, off: u64) -> AlarmDefinition {
        AlarmDefinition {
            key: AlarmKey::from("t:high"),
            subject: Subject::Tag(TagId(0)),
            condition: Condition::High(limit),
            deadband,
            on_delay: Duration::from_secs(on),
            off_delay: Duration::from_secs(off),
            priority: Priority::High,
            message: "".into(),
            guidance: "".into(),
            latch: false,
            group: None,
            suppress_when: None,
            presentation: crate::alarm::Presentation::default(),
            area: None,
        }
    }

    pub(in crate::alarm::backtest) fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Samples as (second, number); spans in seconds.
    fn check(definition: AlarmDefinition, samples: &[(i64, f64)], end: i64, expected: &[[i64; 2]]) {
        let mut replay = Replay::new(definition, at(samples[0].0));
        for (second, number) in samples {
            replay.numbers(&[second * 1_000_000], &[*number]);
        }
        let second = |time: Timestamp| time.as_micros() / 1_000_000;
        let spans: Vec<[i64; 2]> =
            replay.finish(at(end)).iter().map(|span| [second(span.raised), second(span.returned)]).collect();
        assert_eq!(spans, expected);
    }

    #[test]
    fn delays_run_out_between_samples() {
        let samples = [(100, 0.0), (110, 5.0), (200, 0.0), (300, 5.0)];
        check(high(1.0, 0.0, 0, 0), &samples, 400, &[[110, 200], [300, 400]]);
        check(high(1.0, 0.0, 7, 0), &samples, 400, &[[117, 200], [307, 400]]);
        check(high(1.0, 0.0, 90, 0), &samples, 400, &[[200, 200], [390, 400]]);
        check(high(1.0, 0.0, 95, 0), &samples, 390, &[]);
        check(high(1.0, 0.0, 0, 30), &samples, 400, &[[110, 230], [300, 400]]);
        check(high(1.0, 0.0, 0, 101), &samples, 400, &[[110, 400]]);
        check(high(1.0, 6.0, 0, 0), &samples, 400, &[[110, 400]]);
    }

    #[test]
    fn bad_samples_hold_the_state_and_start_delays_anew() {
        let samples = [(0, 0.0), (10, 5.0), (15, f64::NAN), (18, 5.0), (30, f64::NAN), (40, 0.0)];
        check(high(1.0, 0.0, 0, 0), &samples, 50, &[[10, 40]]);
        check(high(1.0, 0.0, 8, 0), &samples, 50, &[[26, 40]]);
    }
}
