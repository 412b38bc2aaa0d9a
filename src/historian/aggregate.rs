//! Figures of intervals: pure, out of samples in order of time. A value goes on until the next sample; what was bad counts for nothing.

use super::columns::Column;
use super::seal::number;
use crate::tag::{Sample, Timestamp, Value};
use std::collections::BTreeMap;
use std::time::Duration;

/// What is wanted of each interval. Figures are of double precision: integers beyond 2^53 are rounded.
#[derive(Clone, Debug, PartialEq)]
pub enum Aggregate {
    /// Lowest value.
    Minimum,
    /// Highest value.
    Maximum,
    /// Mean weighted by time.
    Mean,
    /// Value times seconds, over the time in which it was good.
    Integral,
    /// Value with which it begins.
    First,
    /// Value with which it ends.
    Last,
    /// Samples.
    Count,
    /// Seconds in which the tag had this value.
    Duration(Value),
    /// How often the value became another one.
    Changes,
    /// The value that it was at most for so many percent of the time, 0 to 100.
    Percentile(f64),
}

impl Aggregate {
    /// Reads `minimum`, `maximum`, `mean`, `integral`, `first`, `last`, `count`, `changes`, `duration=VALUE` or `percentile=95`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (word, rest) = text.split_once('=').map_or((text, None), |(word, rest)| (word, Some(rest)));
        Ok(match (word, rest) {
            ("minimum" | "min", None) => Self::Minimum,
            ("maximum" | "max", None) => Self::Maximum,
            ("mean", None) => Self::Mean,
            ("integral", None) => Self::Integral,
            ("first", None) => Self::First,
            ("last", None) => Self::Last,
            ("count", None) => Self::Count,
            ("changes", None) => Self::Changes,
            ("duration", Some(value)) => Self::Duration(read_value(value)),
            ("percentile", Some(percent)) => match percent.parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Self::Percentile(percent),
                _ => {
                    return Err(format!(
                        "\"{percent}\" is no percentile; write a number from 0 to 100, such as percentile=95"
                    ));
                }
            },
            _ => {
                return Err(format!(
                    "\"{text}\" is unknown; there are min, max, mean, integral, first, last, count, changes, duration=VALUE, percentile=95"
                ));
            }
        })
    }

    /// Whether it needs more than columns tell: values, or all of them.
    pub(super) const fn needs_samples(&self) -> bool {
        matches!(self, Self::Duration(_) | Self::Changes | Self::Percentile(_))
    }

    /// Out of a column; none where it was never good.
    pub(super) fn of_column(&self, column: &Column) -> Option<f64> {
        let value = match self {
            Self::Minimum => column.min,
            Self::Maximum => column.max,
            Self::Mean if column.good.is_zero() => f64::NAN,
            Self::Mean => column.mean,
            Self::Integral => column.mean * column.good.as_secs_f64(),
            Self::First => column.first,
            Self::Last => column.last,
            Self::Count => f64::from(column.count),
            Self::Duration(_) | Self::Changes | Self::Percentile(_) => f64::NAN,
        };
        (!value.is_nan()).then_some(value)
    }
}

/// Numbers and switches as such, anything else as text.
fn read_value(text: &str) -> Value {
    match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => Value::parse_number(text).unwrap_or_else(|_| Value::Text(text.into())),
    }
}

/// One interval of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its beginning.
    pub from: Timestamp,
    /// Its figure; none where the tag was never good in it.
    pub value: Option<f64>,
    /// For how long it was good.
    pub good: Duration,
}

/// Adds up what columns do not tell.
pub(super) struct Aggregator {
    aggregate: Aggregate,
    from: i64,
    every: i64,
    count: usize,
    place: usize,
    at: i64,
    held: Option<Sample>,
    /// The last good value, for changes.
    known: Option<Value>,
    good: i64,
    sum: f64,
    /// Microseconds by value, in the order of values.
    weights: BTreeMap<i64, (f64, i64)>,
    intervals: Vec<Interval>,
}

impl Aggregator {
    pub(super) fn new(aggregate: Aggregate, [from, every]: [i64; 2], count: usize, before: Option<Sample>) -> Self {
        let known = before.as_ref().filter(|sample| !sample.quality.is_bad()).and_then(|sample| sample.value.clone());
        Self {
            aggregate,
            from,
            every,
            count,
            place: 0,
            at: from,
            held: before,
            known,
            good: 0,
            sum: 0.0,
            weights: BTreeMap::new(),
            intervals: Vec::new(),
        }
    }

    fn border(&self) -> i64 {
        if self.place + 1 >= self.count {
            i64::MAX
        } else {
            self.from.saturating_add(self.every * (self.place as i64 + 1))
        }
    }

    fn hold(&mut self, until: i64) {
        let micros = until.saturating_sub(self.at);
        self.at = self.at.max(until);
        let Some(sample) = self.held.as_ref().filter(|sample| micros > 0 && !sample.quality.is_bad()) else { return };
        let Some(value) = &sample.value else { return };
        self.good += micros;
        match &self.aggregate {
            Aggregate::Duration(wanted) if wanted.same(value) => self.sum += micros as f64 / 1e6,
            Aggregate::Percentile(_) => {
                let number = number(sample);
                if !number.is_nan() {
                    let bits = number.to_bits() as i64;
                    let order = bits ^ (((bits >> 63) as u64) >> 1) as i64;
                    self.weights.entry(order).or_insert((number, 0)).1 += micros;
                }
            }
            _ => {}
        }
    }

    fn close(&mut self) {
        let weights = std::mem::take(&mut self.weights);
        let value = match &self.aggregate {
            Aggregate::Percentile(percent) => percentile(&weights, *percent),
            Aggregate::Changes => Some(self.sum),
            _ => (self.good > 0).then_some(self.sum),
        };
        let from = Timestamp::from_micros(self.from.saturating_add(self.every * self.place as i64));
        if self.held.is_some() {
            let good = Duration::from_micros(u64::try_from(self.good).unwrap_or(0));
            self.intervals.push(Interval { from, value: value.filter(|_| self.good > 0 || self.sum > 0.0), good });
        }
        (self.good, self.sum) = (0, 0.0);
        self.place += 1;
    }

    fn advance(&mut self, time: i64) {
        while time >= self.border() && self.place + 1 < self.count {
            self.hold(self.border());
            self.close();
        }
        self.hold(time);
    }

    pub(super) fn sample(&mut self, sample: Sample) {
        self.advance(sample.time.as_micros());
        if !sample.quality.is_bad()
            && let Some(value) = &sample.value
        {
            let changed = self.known.as_ref().is_some_and(|known| !known.same(value));
            if changed && self.aggregate == Aggregate::Changes {
                self.sum += 1.0;
            }
            self.known = Some(value.clone());
        }
        self.held = Some(sample);
    }

    pub(super) fn finish(mut self, until: i64) -> Vec<Interval> {
        let end = self.from.saturating_add(self.every.saturating_mul(self.count as i64));
        self.advance(until.min(end));
        if self.place < self.count
            && (self.good > 0 || self.at > self.from.saturating_add(self.every * self.place as i64))
        {
            self.close();
        }
        self.intervals
    }
}

fn percentile(weights: &BTreeMap<i64, (f64, i64)>, percent: f64) -> Option<f64> {
    let total: i64 = weights.values().map(|(_, micros)| micros).sum();
    let wanted = total as f64 * percent / 100.0;
    let mut below = 0.0;
    for (number, micros) in weights.values() {
        below += *micros as f64;
        if below >= wanted {
            return Some(*number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Quality, Reason};

    const SECOND: i64 = 1_000_000;

    fn says(second: i64, value: Option<Value>) -> Sample {
        let quality = if value.is_some() { Quality::GOOD } else { Quality::bad(Reason::NoAnswer) };
        Sample { time: Timestamp::from_micros(second * SECOND), value, quality }
    }

    fn check(aggregate: &str, samples: &[Sample], expected: &[Option<f64>]) {
        let aggregate = Aggregate::parse(aggregate).unwrap();
        let mut aggregator = Aggregator::new(aggregate, [0, 10 * SECOND], 2, Some(says(-1, Some(Value::Signed(1)))));
        samples.iter().for_each(|sample| aggregator.sample(sample.clone()));
        let found: Vec<_> = aggregator.finish(20 * SECOND).into_iter().map(|interval| interval.value).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn durations_changes_and_percentiles() {
        let numbers = |list: &[(i64, i64)]| -> Vec<Sample> {
            list.iter().map(|(second, number)| says(*second, Some(Value::Signed(*number)))).collect()
        };
        let mut samples = numbers(&[(2, 1), (4, 3), (8, 1), (12, 2), (14, 3)]);
        samples.push(says(16, None));
        check("changes", &samples, &[Some(2.0), Some(2.0)]);
        check("duration=1", &samples, &[Some(6.0), Some(2.0)]);
        check("duration=3", &samples, &[Some(4.0), Some(2.0)]);
        check("percentile=50", &samples, &[Some(1.0), Some(2.0)]);
        check("percentile=100", &samples, &[Some(3.0), Some(3.0)]);
        check("percentile=0", &samples, &[Some(1.0), Some(1.0)]);
        check("duration=1", &[says(0, None)], &[None, None]);
        check("duration=auto", &[says(5, Some(Value::Text("auto".into())))], &[Some(5.0), Some(10.0)]);
    }

    #[test]
    fn the_end_of_time_is_an_end() {
        let every = i64::MAX / 2;
        let mut aggregator = Aggregator::new(Aggregate::Changes, [0, every], 2, Some(says(-1, Some(Value::Signed(1)))));
        let last = Sample { time: Timestamp::from_micros(i64::MAX), ..says(0, Some(Value::Signed(2))) };
        aggregator.sample(last);
        let found: Vec<_> = aggregator.finish(i64::MAX).into_iter().map(|interval| interval.value).collect();
        assert_eq!(found, [Some(0.0), Some(1.0)]);
    }

    #[test]
    fn wrong_words_are_told() {
        assert!(Aggregate::parse("average").unwrap_err().contains("mean"));
        assert!(Aggregate::parse("percentile=101").unwrap_err().contains("0 to 100"));
    }
}
