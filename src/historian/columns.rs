//! A range as one column per pixel: pure, out of samples and rollups in order of time.

use super::rollup::{Rollup, Sum};
use crate::tag::Timestamp;
use std::time::Duration;

/// What one pixel column of a trend shows. A value goes on until the next sample, and belongs to a column when it lasted in it for any time.
/// Figures are of double precision: integers beyond 2^53 are rounded in them; [`super::Reader::samples`] has them exactly.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Column {
    /// Middle of the column.
    pub time: Timestamp,
    /// The value with which it begins; not a number where none is good.
    pub first: f64,
    /// Lowest value in it.
    pub min: f64,
    /// Highest value in it.
    pub max: f64,
    /// Mean weighted by time, over the time in which it was good.
    pub mean: f64,
    /// The value with which it ends; not a number where that is bad.
    pub last: f64,
    /// Samples in it; 0 where the value of an earlier one goes on.
    pub count: u32,
    /// For how long it was good.
    pub good: Duration,
    /// Whether it was bad for any time, or ends so.
    pub bad: bool,
}

/// Builds columns. What nothing is known of is left out.
pub(super) struct ColumnBuilder {
    from: i64,
    span: i64,
    width: usize,
    columns: Vec<Column>,
    place: usize,
    /// Where the current column ends; the last one never does.
    border: i64,
    at: i64,
    /// None while nothing is known; not a number while it is bad.
    going_on: Option<f64>,
    sum: Sum,
}

impl ColumnBuilder {
    /// For `width` columns from `from` to `to`, with the value that went on before: not a number when it was bad, none when nothing was known.
    pub(super) fn new([from, to]: [i64; 2], width: usize, before: Option<f64>) -> Self {
        let span = to.saturating_sub(from).max(1);
        let mut builder = Self {
            from,
            span,
            width: width.max(1),
            columns: Vec::with_capacity(width.max(1)),
            place: 0,
            border: 0,
            at: from,
            going_on: before,
            sum: Sum::EMPTY,
        };
        builder.border = builder.border_of(1);
        builder
    }

    /// Half columns from the left edge.
    fn half(&self, halves: usize) -> i64 {
        let offset = i128::from(self.span) * halves as i128 / (2 * self.width as i128);
        self.from.saturating_add(offset as i64)
    }

    fn border_of(&self, place: usize) -> i64 {
        if place >= self.width { i64::MAX } else { self.half(2 * place) }
    }

    fn close(&mut self) {
        let sum = std::mem::replace(&mut self.sum, Sum::EMPTY);
        let bad = sum.bad > 0 || (sum.count > 0 && sum.last.is_nan());
        if sum.count > 0 || sum.good > 0 || bad {
            self.columns.push(Column {
                time: Timestamp::from_micros(self.half(2 * self.place + 1)),
                first: sum.first,
                min: sum.min,
                max: sum.max,
                mean: if sum.good > 0 { sum.mean() } else { sum.first },
                last: self.going_on.unwrap_or(f64::NAN),
                count: u32::try_from(sum.count).unwrap_or(u32::MAX),
                good: Duration::from_micros(u64::try_from(sum.good).unwrap_or(0)),
                bad,
            });
        }
        self.place += 1;
        self.border = self.border_of(self.place + 1);
    }

    /// What goes on, goes on until `time`.
    fn advance(&mut self, time: i64) {
        while time >= self.border && self.place + 1 < self.width {
            self.hold(self.border);
            self.close();
        }
        self.hold(time);
    }

    fn hold(&mut self, until: i64) {
        if let Some(value) = self.going_on {
            self.sum.held(value, until.saturating_sub(self.at));
        }
        self.at = self.at.max(until);
    }

    /// Samples in order of time; not a number for a bad one.
    pub(super) fn samples(&mut self, times: &[i64], numbers: &[f64]) {
        let mut place = 0;
        while let Some(time) = times.get(place) {
            self.advance(*time);
            // All that lie in this column, at once.
            let inside = times[place..].partition_point(|time| *time < self.border).max(1);
            let end = place + inside;
            self.sum.block(&times[place..end], &numbers[place..end]);
            (self.at, self.going_on) = (times[end - 1], Some(numbers[end - 1]));
            place = end;
        }
    }

    /// A bucket. Its extremes show in every column that it touches, so that none is hidden.
    pub(super) fn rollup(&mut self, rollup: &Rollup, width: i64) {
        self.advance(rollup.start);
        let end = rollup.start.saturating_add(width);
        if end <= self.border {
            self.sum.add(rollup);
        } else {
            self.spread(rollup, width, end);
        }
        self.at = end;
        self.going_on = Some(rollup.last);
    }

    fn spread(&mut self, rollup: &Rollup, width: i64, end: i64) {
        let mut count = rollup.count;
        loop {
            let until = end.min(self.border);
            let share = until.saturating_sub(self.at).max(0);
            let part = |micros: i64| (micros as f64 / width as f64 * share as f64) as i64;
            if share > 0 {
                let (good, bad) = (part(rollup.good), part(rollup.bad));
                self.sum.add(&Rollup { count: std::mem::take(&mut count), good, bad, ..*rollup });
            }
            self.at = until;
            if end < self.border || self.place + 1 >= self.width {
                return;
            }
            self.going_on = Some(rollup.last);
            self.close();
            if end == self.at {
                return;
            }
        }
    }

    /// All columns up to `until`, the last moment of which anything is known.
    pub(super) fn finish(mut self, until: i64) -> Vec<Column> {
        let end = self.from.saturating_add(self.span);
        if until > self.at {
            self.advance(until.min(end));
        }
        self.close();
        self.columns
    }
}

#[cfg(test)]
mod tests {
    use super::super::calendar::MINUTE;
    use super::super::rollup::roll;
    use super::*;
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000;
    const BAD: f64 = f64::NAN;

    fn build(before: Option<f64>, samples: &[(i64, f64)], width: usize) -> Vec<Column> {
        let mut builder = ColumnBuilder::new([0, 10 * SECOND], width, before);
        let times: Vec<i64> = samples.iter().map(|(time, _)| time * SECOND).collect();
        builder.samples(&times, &samples.iter().map(|(_, number)| *number).collect::<Vec<_>>());
        builder.finish(10 * SECOND)
    }

    #[test]
    fn a_value_goes_on_and_a_gap_stays_one() {
        let columns = build(None, &[(2, 1.0), (5, BAD), (8, 3.0)], 10);
        let shown: Vec<_> =
            columns.iter().map(|column| (column.time.as_micros() / SECOND, column.last, column.bad)).collect();
        assert_eq!(shown.len(), 8, "{shown:?}");
        assert_eq!(shown[0], (2, 1.0, false));
        assert_eq!(shown[2], (4, 1.0, false));
        assert!(shown[4].1.is_nan() && shown[4].2);
        assert_eq!(shown[6], (8, 3.0, false), "the gap ends with this column");
        assert_eq!(shown[7], (9, 3.0, false));
    }

    #[test]
    fn the_end_of_time_is_an_end() {
        let mut builder = ColumnBuilder::new([0, i64::MAX], 4, Some(1.0));
        builder.samples(&[i64::MAX], &[2.0]);
        let columns = builder.finish(i64::MAX);
        assert_eq!((columns.len(), columns[3].max, columns[2].max), (4, 2.0, 1.0));
        let mut builder = ColumnBuilder::new([0, i64::MAX], 4, Some(1.0));
        builder.rollup(&roll(&[i64::MAX - 5], &[7.0], Some(1.0), MINUTE)[0], i64::MAX);
        assert_eq!(builder.finish(i64::MAX).len(), 4);
    }

    #[test]
    fn the_value_before_the_range_opens_it() {
        let columns = build(Some(7.0), &[], 4);
        assert_eq!(columns.len(), 4);
        assert!(columns.iter().all(|column| column.last == 7.0 && column.mean == 7.0 && column.count == 0));
    }

    #[test]
    fn nothing_goes_on_beyond_what_is_known() {
        let mut builder = ColumnBuilder::new([0, 10 * SECOND], 10, Some(1.0));
        builder.samples(&[2 * SECOND], &[2.0]);
        assert_eq!(builder.finish(4 * SECOND + 1).len(), 5);
    }

    #[test]
    fn means_are_weighted_by_time() {
        let columns = build(Some(0.0), &[(1, 10.0), (2, 0.0), (6, 5.0)], 2);
        assert_eq!((columns[0].mean, columns[0].first, columns[0].max), (2.0, 0.0, 10.0));
        assert_eq!(columns[1].mean, 4.0);
    }

    proptest! {
        /// However few columns: the extremes of the range are those of the samples.
        #[test]
        fn no_peak_is_hidden(values in proptest::collection::vec(-1e6f64..1e6, 1..200), width in 1usize..50) {
            let times: Vec<i64> = (0..values.len() as i64).map(|place| place * 50_000).collect();
            let mut builder = ColumnBuilder::new([0, 10 * SECOND], width, None);
            builder.samples(&times, &values);
            let columns = builder.finish(10 * SECOND);
            let max = columns.iter().map(|column| column.max).fold(f64::MIN, f64::max);
            let min = columns.iter().map(|column| column.min).fold(f64::MAX, f64::min);
            prop_assert_eq!(max, values.iter().copied().fold(f64::MIN, f64::max));
            prop_assert_eq!(min, values.iter().copied().fold(f64::MAX, f64::min));
        }

        /// Columns that begin and end with minutes are the same out of minutes as out of samples.
        #[test]
        fn minutes_tell_the_same_as_samples(
            steps in proptest::collection::vec((1i64..50 * SECOND, -100i32..100, 0u8..10), 1..300), width in 1usize..20,
        ) {
            let to = 20 * width as i64 * MINUTE;
            let (mut time, mut times, mut numbers) = (0, Vec::new(), Vec::new());
            for (step, number, odd) in steps {
                time += step;
                if time < to {
                    times.push(time);
                    numbers.push(if odd == 0 { BAD } else { f64::from(number) });
                }
            }
            let mut raw = ColumnBuilder::new([0, to], width, Some(3.0));
            raw.samples(&times, &numbers);
            let mut rolled = ColumnBuilder::new([0, to], width, Some(3.0));
            roll(&times, &numbers, Some(3.0), MINUTE).iter().for_each(|rollup| rolled.rollup(rollup, MINUTE));
            let (raw, rolled) = (raw.finish(to), rolled.finish(to));
            prop_assert_eq!(raw.len(), rolled.len());
            for (one, other) in raw.iter().zip(&rolled) {
                let same = |first: f64, second: f64| first == second || first.is_nan() && second.is_nan();
                prop_assert!(same(one.min, other.min) && same(one.max, other.max) && same(one.last, other.last), "{one:?} {other:?}");
                prop_assert!(one.count == other.count && same(one.first, other.first), "{one:?} {other:?}");
                prop_assert!((one.mean - other.mean).abs() < 1e-6 || one.mean.is_nan() && other.mean.is_nan(), "{one:?} {other:?}");
            }
        }
    }
}
