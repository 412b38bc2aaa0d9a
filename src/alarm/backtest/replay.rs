//! One alarm with one setting, sample by sample.

use crate::alarm::{Alarm, AlarmDefinition, Look, Memory, OccurrenceId, Subject, Verdict};
use crate::expression::Values;
use crate::tag::{Monotonic, Now, Quality, Reason, Scalar, TagId, Timestamp};
use std::sync::Arc;

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
    /// Its condition looks at other tags.
    #[error("its condition \"{0}\" looks at other tags; only what looks at its own tag alone can be replayed")]
    LooksAtOthers(&'static str),
}

/// Whether samples of its own tag are all that an alarm judges.
pub fn can_be_replayed(definition: &AlarmDefinition) -> Result<(), NotReplayed> {
    let is_own = |tag: &TagId| definition.subject == Subject::Tag(*tag);
    if definition.condition.others().iter().all(is_own) {
        return Ok(());
    }
    Err(NotReplayed::LooksAtOthers(definition.condition.word()))
}

/// The newest sample, for conditions that look at more than one of them.
#[derive(Clone, Copy, Debug)]
struct Newest {
    tag: TagId,
    time: Timestamp,
    value: Scalar,
    quality: Quality,
}

impl Values for Newest {
    fn value(&self, tag: TagId) -> (Scalar, Quality) {
        if tag == self.tag { (self.value, self.quality) } else { (Scalar::Empty, Quality::bad(Reason::NotYetRead)) }
    }

    fn text(&self, _: TagId) -> Option<&Arc<str>> {
        None
    }
}

/// Replays samples through one alarm. The times of the samples stand for both clocks.
#[derive(Clone, Debug)]
pub struct Replay {
    definition: AlarmDefinition,
    alarm: Alarm,
    wake: Option<Monotonic>,
    memory: Memory,
    newest: Option<Newest>,
    /// When the condition looks again although no sample comes.
    look: Option<Monotonic>,
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
            memory: definition.condition.memory(),
            newest: None,
            look: None,
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

    /// How many times the alarm was raised so far.
    pub(super) const fn activations(&self) -> usize {
        self.count as usize
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
        if let (Subject::Tag(tag), false) = (self.definition.subject, self.definition.condition.is_simple()) {
            let newest = Newest { tag, time, value, quality };
            self.newest = Some(newest);
            self.look_at(newest, time);
            return;
        }
        let active = self.alarm.state().is_active();
        let verdict = self.definition.condition.judge(value, quality, active, self.definition.deadband);
        self.verdict(time, verdict);
    }

    /// Judges what needs more than one sample. The one before held until this one came, as everywhere in history.
    fn look_at(&mut self, newest: Newest, time: Timestamp) {
        let look = Look {
            tag: newest.tag,
            time: newest.time,
            held_until: Some(newest.time),
            values: &newest,
            active: self.alarm.condition().active,
            deadband: self.definition.deadband,
            now: self.now(self.latest.max(time)),
        };
        let judgement = self.definition.condition.judge_with(&look, &mut self.memory);
        self.look = judgement.wake;
        self.verdict(time, judgement.verdict);
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

    /// Time passes up to a moment: a delay that runs out before it, and a condition that looks again, take effect when they do.
    fn pass(&mut self, moment: Timestamp) {
        while let Some(next) = [self.wake, self.look].into_iter().flatten().min() {
            let due = Timestamp::from_micros(self.start.as_micros().saturating_add_unsigned(next.as_micros()));
            if due > moment {
                return;
            }
            if self.wake.take_if(|wake| *wake == next).is_some() {
                let seen = self.alarm.wake(&self.definition, self.now(due), OccurrenceId(self.count + 1));
                if seen.change.is_some() {
                    self.turned(due);
                }
            } else if let (Some(_), Some(newest)) = (self.look.take(), self.newest) {
                self.look_at(newest, due);
            }
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
    use crate::alarm::{AlarmKey, Condition, Direction, Priority, Rate};
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

    #[test]
    fn what_needs_more_than_one_sample_is_replayed_with_its_time() {
        let of = |condition: Condition, on: u64| AlarmDefinition { condition, ..high(0.0, 0.0, on, 0) };
        let rate = Rate { change: 2.0, per: Duration::from_secs(60), direction: Direction::Both };
        // A step is one at its moment, and over a minute and a slice later, though nothing comes then.
        let step = [(0, 0.0), (100, 0.0), (200, 3.0), (400, 3.5), (500, f64::NAN), (600, 9.0)];
        check(of(Condition::Rate(rate), 0), &step, 900, &[[200, 260]]);
        // No sample for ten seconds, twice; the delay of five comes on top. What is bad begins anew.
        let still = [(0, 0.0), (5, 1.0), (30, 2.0), (31, f64::NAN), (35, 2.0), (44, 3.0)];
        check(of(Condition::NoChange(Duration::from_secs(10)), 0), &still, 60, &[[15, 30], [54, 60]]);
        check(of(Condition::NoChange(Duration::from_secs(10)), 5), &still, 58, &[[20, 30]]);
    }

    #[test]
    fn what_looks_at_other_tags_is_refused_in_words() {
        let alone = high(1.0, 0.0, 0, 0);
        let of = |from: u32| AlarmDefinition {
            condition: Condition::Deviation { from: TagId(from), limit: 1.0 },
            ..alone.clone()
        };
        assert_eq!((can_be_replayed(&alone), can_be_replayed(&of(0))), (Ok(()), Ok(())));
        let why = can_be_replayed(&of(1)).unwrap_err().to_string();
        assert!(why.contains("\"deviation\" looks at other tags"), "{why}");
    }
}
