//! Many samples of one tag, column by column: a tenth of the memory that as many [`Sample`]s would take, and quick to look through.

use crate::tag::{Quality, Sample, Timestamp, Value};
use std::ops::Range;
use std::sync::Arc;

/// What a run of samples holds. The numbers stand in history files: never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    Nothing = 0,
    Bool = 1,
    Signed = 2,
    Unsigned = 3,
    Single = 4,
    Double = 5,
    Text = 6,
}

impl Kind {
    pub(super) const fn from_code(code: u8) -> Option<Self> {
        Some(match code {
            0 => Self::Nothing,
            1 => Self::Bool,
            2 => Self::Signed,
            3 => Self::Unsigned,
            4 => Self::Single,
            5 => Self::Double,
            6 => Self::Text,
            _ => return None,
        })
    }

    const fn of(value: Option<&Value>) -> Self {
        match value {
            None => Self::Nothing,
            Some(Value::Bool(_)) => Self::Bool,
            Some(Value::Signed(_)) => Self::Signed,
            Some(Value::Unsigned(_)) => Self::Unsigned,
            Some(Value::Single(_)) => Self::Single,
            Some(Value::Double(_)) => Self::Double,
            Some(Value::Text(_)) => Self::Text,
        }
    }
}

/// Samples that follow each other with the same quality and the same kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) count: usize,
    pub(super) kind: Kind,
    pub(super) quality: Quality,
}

/// The values of a series, each kind in a column of its own, in the order of the samples.
#[derive(Clone, Debug, Default)]
pub(super) struct Columns {
    pub(super) bools: Vec<bool>,
    pub(super) signed: Vec<i64>,
    pub(super) unsigned: Vec<u64>,
    pub(super) singles: Vec<f32>,
    pub(super) doubles: Vec<f64>,
    pub(super) texts: Vec<Arc<str>>,
}

impl Columns {
    fn extend_from(&mut self, other: &Self, kind: Kind, range: Range<usize>) {
        match kind {
            Kind::Nothing => {}
            Kind::Bool => self.bools.extend_from_slice(&other.bools[range]),
            Kind::Signed => self.signed.extend_from_slice(&other.signed[range]),
            Kind::Unsigned => self.unsigned.extend_from_slice(&other.unsigned[range]),
            Kind::Single => self.singles.extend_from_slice(&other.singles[range]),
            Kind::Double => self.doubles.extend_from_slice(&other.doubles[range]),
            Kind::Text => self.texts.extend_from_slice(&other.texts[range]),
        }
    }
}

/// Samples of one tag.
#[derive(Clone, Debug, Default)]
pub(super) struct Series {
    pub(super) times: Vec<i64>,
    pub(super) runs: Vec<Run>,
    pub(super) columns: Columns,
}

impl Series {
    pub(super) fn len(&self) -> usize {
        self.times.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    pub(super) fn push(&mut self, sample: Sample) {
        let kind = Kind::of(sample.value.as_ref());
        match self.runs.last_mut() {
            Some(run) if run.kind == kind && run.quality == sample.quality => run.count += 1,
            _ => self.runs.push(Run { count: 1, kind, quality: sample.quality }),
        }
        self.times.push(sample.time.as_micros());
        let columns = &mut self.columns;
        match sample.value {
            None => {}
            Some(Value::Bool(value)) => columns.bools.push(value),
            Some(Value::Signed(value)) => columns.signed.push(value),
            Some(Value::Unsigned(value)) => columns.unsigned.push(value),
            Some(Value::Single(value)) => columns.singles.push(value),
            Some(Value::Double(value)) => columns.doubles.push(value),
            Some(Value::Text(value)) => columns.texts.push(value),
        }
    }

    pub(super) fn iter(&self) -> Samples<'_> {
        Samples { series: self, place: 0, run: 0, left: self.runs.first().map_or(0, |run| run.count), at: [0; 7] }
    }

    /// The sample with the latest time; of several the last that came.
    pub(super) fn latest(&self) -> Option<Sample> {
        self.iter().reduce(|latest, sample| if sample.time >= latest.time { sample } else { latest })
    }

    /// The sample that came last.
    pub(super) fn last(&self) -> Option<Sample> {
        let (time, run, columns) = (self.times.last()?, self.runs.last()?, &self.columns);
        let value = match run.kind {
            Kind::Nothing => None,
            Kind::Bool => Some(Value::Bool(*columns.bools.last()?)),
            Kind::Signed => Some(Value::Signed(*columns.signed.last()?)),
            Kind::Unsigned => Some(Value::Unsigned(*columns.unsigned.last()?)),
            Kind::Single => Some(Value::Single(*columns.singles.last()?)),
            Kind::Double => Some(Value::Double(*columns.doubles.last()?)),
            Kind::Text => Some(Value::Text(columns.texts.last()?.clone())),
        };
        Some(Sample { time: Timestamp::from_micros(*time), value, quality: run.quality })
    }

    /// The samples from one place up to another.
    pub(super) fn part(&self, from: usize, to: usize) -> Self {
        let mut part = Self { times: self.times[from..to].to_vec(), ..Self::default() };
        let (mut at, mut place) = ([0usize; 7], 0);
        for run in &self.runs {
            // What of the run lies before the part, and in it.
            let skipped = from.saturating_sub(place).min(run.count);
            let count = to.saturating_sub(place).min(run.count).saturating_sub(skipped);
            if count > 0 {
                let start = at[run.kind as usize] + skipped;
                part.columns.extend_from(&self.columns, run.kind, start..start + count);
                part.runs.push(Run { count, ..*run });
            }
            at[run.kind as usize] += run.count;
            place += run.count;
        }
        part
    }

    /// Puts other samples behind these.
    pub(super) fn append(&mut self, other: Self) {
        if self.is_empty() {
            *self = other;
            return;
        }
        self.times.extend(other.times);
        for run in other.runs {
            match self.runs.last_mut() {
                Some(last) if last.kind == run.kind && last.quality == run.quality => last.count += run.count,
                _ => self.runs.push(run),
            }
        }
        let columns = &mut self.columns;
        columns.bools.extend(other.columns.bools);
        columns.signed.extend(other.columns.signed);
        columns.unsigned.extend(other.columns.unsigned);
        columns.singles.extend(other.columns.singles);
        columns.doubles.extend(other.columns.doubles);
        columns.texts.extend(other.columns.texts);
    }

    pub(super) fn is_in_order(&self) -> bool {
        self.times.is_sorted()
    }

    /// In order of time; samples of the same time stay in the order in which they came.
    pub(super) fn in_order(self) -> Self {
        if self.is_in_order() {
            return self;
        }
        let mut samples: Vec<Sample> = self.iter().collect();
        samples.sort_by_key(|sample| sample.time);
        samples.into_iter().collect()
    }

    /// The values as numbers, with not-a-number where there is none: bad quality, no value, text.
    pub(super) fn numbers(&self) -> Vec<f64> {
        let mut numbers = Vec::with_capacity(self.len());
        let (mut at, columns) = ([0usize; 7], &self.columns);
        for run in &self.runs {
            let from = at[run.kind as usize];
            let to = from + run.count;
            at[run.kind as usize] = to;
            match run.kind {
                _ if run.quality.is_bad() => numbers.resize(numbers.len() + run.count, f64::NAN),
                Kind::Nothing | Kind::Text => numbers.resize(numbers.len() + run.count, f64::NAN),
                Kind::Bool => numbers.extend(columns.bools[from..to].iter().map(|value| f64::from(u8::from(*value)))),
                Kind::Signed => numbers.extend(columns.signed[from..to].iter().map(|value| *value as f64)),
                Kind::Unsigned => numbers.extend(columns.unsigned[from..to].iter().map(|value| *value as f64)),
                Kind::Single => numbers.extend(columns.singles[from..to].iter().map(|value| f64::from(*value))),
                Kind::Double => numbers.extend_from_slice(&columns.doubles[from..to]),
            }
        }
        numbers
    }
}

impl FromIterator<Sample> for Series {
    fn from_iter<T: IntoIterator<Item = Sample>>(samples: T) -> Self {
        let mut series = Self::default();
        samples.into_iter().for_each(|sample| series.push(sample));
        series
    }
}

impl Extend<Sample> for Series {
    fn extend<T: IntoIterator<Item = Sample>>(&mut self, samples: T) {
        samples.into_iter().for_each(|sample| self.push(sample));
    }
}

/// The samples of a series, one by one.
pub(super) struct Samples<'a> {
    series: &'a Series,
    place: usize,
    run: usize,
    left: usize,
    at: [usize; 7],
}

impl Iterator for Samples<'_> {
    type Item = Sample;

    fn next(&mut self) -> Option<Sample> {
        while self.left == 0 {
            self.run += 1;
            self.left = self.series.runs.get(self.run)?.count;
        }
        let run = self.series.runs.get(self.run)?;
        let (columns, at) = (&self.series.columns, self.at[run.kind as usize]);
        let value = match run.kind {
            Kind::Nothing => None,
            Kind::Bool => Some(Value::Bool(*columns.bools.get(at)?)),
            Kind::Signed => Some(Value::Signed(*columns.signed.get(at)?)),
            Kind::Unsigned => Some(Value::Unsigned(*columns.unsigned.get(at)?)),
            Kind::Single => Some(Value::Single(*columns.singles.get(at)?)),
            Kind::Double => Some(Value::Double(*columns.doubles.get(at)?)),
            Kind::Text => Some(Value::Text(columns.texts.get(at)?.clone())),
        };
        let time = Timestamp::from_micros(*self.series.times.get(self.place)?);
        self.at[run.kind as usize] += 1;
        self.place += 1;
        self.left -= 1;
        Some(Sample { time, value, quality: run.quality })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::tag::{Reason, Status};
    use proptest::prelude::*;

    /// Any value, bit for bit.
    pub(in crate::historian) fn any_value() -> impl Strategy<Value = Option<Value>> {
        prop_oneof![
            Just(None),
            any::<bool>().prop_map(|value| Some(Value::Bool(value))),
            any::<i64>().prop_map(|value| Some(Value::Signed(value))),
            any::<u64>().prop_map(|value| Some(Value::Unsigned(value))),
            any::<u32>().prop_map(|bits| Some(Value::Single(f32::from_bits(bits)))),
            any::<u64>().prop_map(|bits| Some(Value::Double(f64::from_bits(bits)))),
            (-9999i32..9999).prop_map(|number| Some(Value::Double(f64::from(number) / 100.0))),
            ".{0,12}".prop_map(|value| Some(Value::Text(value.into()))),
        ]
    }

    /// Any quality.
    pub(in crate::historian) fn any_quality() -> impl Strategy<Value = Quality> {
        (0..Reason::ALL.len(), 0..6usize).prop_map(|(reason, status)| {
            let status =
                [Status::Good, Status::Good, Status::Good, Status::Good, Status::Uncertain, Status::Bad][status];
            Quality { status, reason: if status == Status::Good { Reason::None } else { Reason::ALL[reason] } }
        })
    }

    /// Equality down to the bits of floats.
    pub(in crate::historian) fn same(first: &[Sample], second: &[Sample]) -> bool {
        let bits = |value: &Option<Value>| match value {
            Some(Value::Single(number)) => Some(u64::from(number.to_bits())),
            Some(Value::Double(number)) => Some(number.to_bits()),
            _ => None,
        };
        first.len() == second.len()
            && first.iter().zip(second).all(|(first, second)| {
                let kinds = Kind::of(first.value.as_ref()) == Kind::of(second.value.as_ref());
                let floats = matches!(first.value, Some(Value::Single(_) | Value::Double(_)));
                let values =
                    if floats { bits(&first.value) == bits(&second.value) } else { first.value == second.value };
                kinds && values && first.time == second.time && first.quality == second.quality
            })
    }

    proptest! {
        #[test]
        fn samples_come_back(rows in proptest::collection::vec((any::<i64>(), any_value(), any_quality()), 0..60), cut in any::<usize>()) {
            let samples: Vec<Sample> = rows.into_iter()
                .map(|(time, value, quality)| Sample { time: Timestamp::from_micros(time), value, quality }).collect();
            let series: Series = samples.iter().cloned().collect();
            prop_assert!(same(&series.iter().collect::<Vec<_>>(), &samples));
            let mut sorted = samples.clone();
            sorted.sort_by_key(|sample| sample.time);
            let latest = sorted.last().cloned();
            prop_assert!(same(&series.latest().into_iter().collect::<Vec<_>>(), &latest.into_iter().collect::<Vec<_>>()));
            prop_assert!(same(&series.last().into_iter().collect::<Vec<_>>(), &samples.last().cloned().into_iter().collect::<Vec<_>>()));
            let (cut, end) = (cut % (samples.len() + 1), samples.len());
            let (mut first, second) = (series.part(0, cut), series.part(cut, end));
            prop_assert!(same(&second.iter().collect::<Vec<_>>(), &samples[cut..]));
            first.append(second);
            prop_assert!(same(&first.iter().collect::<Vec<_>>(), &samples) && first.runs == series.runs);
            prop_assert!(same(&series.in_order().iter().collect::<Vec<_>>(), &sorted));
        }
    }
}
