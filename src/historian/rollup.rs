//! What a minute or an hour amounted to: pure, from the samples in it and the value that went on from before.
//!
//! A value goes on until the next sample. A value that went on from before belongs to a bucket when it lasted in it for any time at all.
//!
//! Rollups of one tag lie together: version byte 1; the bucket's width; count; columns (see [`super::codec`]) of the buckets' numbers, sample
//! counts, bad microseconds, microseconds of which nothing was known, and flags (1 it has numbers, 2 its last value is one); digits byte, or 255; first, first - min, max - first and
//! last - first as integer columns of decimals, or first, min, max, last as float columns; how the mean lies between min and max in parts of
//! 2^24 as an integer column, or, after the byte 1, the means as floats; CRC-32. The mean is therefore right to a sixteen-millionth of
//! the span in which it lies; everything else comes back bit for bit.

use super::calendar::floor;
use super::codec::{
    common_decimals, put_doubles, put_integers, put_integers_quickly, put_signed, put_unsigned, seal, take,
    take_doubles, take_integers, take_signed, take_unsigned, unseal,
};

const VERSION: u8 = 1;
const NO_DECIMALS: u8 = 255;
const PARTS: f64 = 16_777_216.0;
/// No row of rollups has more.
const MOST: usize = 1 << 20;

/// A bucket in which something happened. One without samples has none: what the one before it ended with goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rollup {
    /// Its beginning in microseconds.
    pub(super) start: i64,
    /// Samples in it.
    pub(super) count: u64,
    /// The value with which it begins, or the first number in it.
    pub(super) first: f64,
    /// The value with which it ends; not a number where that is bad.
    pub(super) last: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    /// Weighted by time, over the time in which it was good.
    pub(super) mean: f64,
    /// For how many microseconds it was good.
    pub(super) good: i64,
    /// For how many microseconds it was bad; in the rest of the bucket nothing was known yet.
    pub(super) bad: i64,
}

/// Adds up one stretch of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sum {
    pub(super) count: u64,
    pub(super) first: f64,
    pub(super) last: f64,
    pub(super) min: f64,
    pub(super) max: f64,
    pub(super) good: i64,
    pub(super) bad: i64,
    /// Integral of (value - first) over microseconds: near zero, so that large values do not swallow small changes.
    above_first: f64,
}

impl Sum {
    pub(super) const EMPTY: Self = Self {
        count: 0,
        first: f64::NAN,
        last: f64::NAN,
        min: f64::NAN,
        max: f64::NAN,
        good: 0,
        bad: 0,
        above_first: 0.0,
    };

    /// A value held for some time. Not a number: it was bad.
    pub(super) fn held(&mut self, value: f64, micros: i64) {
        if micros <= 0 {
            return;
        }
        if value.is_nan() {
            self.bad = self.bad.saturating_add(micros);
            return;
        }
        self.seen(value);
        self.good = self.good.saturating_add(micros);
        self.above_first += (value - self.first) * micros as f64;
    }

    /// A sample came, whether or not it lasts.
    #[cfg(test)]
    fn sample(&mut self, value: f64) {
        self.count += 1;
        self.last = value;
        if !value.is_nan() {
            self.seen(value);
        }
    }

    /// Samples in order of time, each held until the next one; the last one is not held yet. The same as one by one, but quick.
    pub(super) fn block(&mut self, times: &[i64], numbers: &[f64]) {
        let (Some(last), Some(ends)) = (numbers.last(), times.last()) else { return };
        self.count += times.len() as u64;
        self.last = *last;
        if self.first.is_nan() {
            let Some(first) = numbers.iter().find(|number| !number.is_nan()) else {
                self.bad = self.bad.saturating_add(ends.wrapping_sub(times[0]));
                return;
            };
            (self.first, self.min, self.max) = (*first, *first, *first);
        }
        let (first, mut min, mut max) = (self.first, self.min, self.max);
        let (mut good, mut bad, mut above) = (0i64, 0i64, 0.0);
        for ((number, time), next) in numbers.iter().zip(times).zip(times[1..].iter().chain([ends])) {
            let micros = next.wrapping_sub(*time);
            if number.is_nan() {
                bad = bad.wrapping_add(micros);
                continue;
            }
            min = if *number < min { *number } else { min };
            max = if *number > max { *number } else { max };
            above += (number - first) * micros as f64;
            good = good.wrapping_add(micros);
        }
        (self.min, self.max) = (min, max);
        self.good = self.good.saturating_add(good);
        self.bad = self.bad.saturating_add(bad);
        // Infinity held for no time is no number.
        self.above_first += if above.is_nan() { 0.0 } else { above };
    }

    fn seen(&mut self, value: f64) {
        if self.first.is_nan() {
            (self.first, self.min, self.max) = (value, value, value);
        } else {
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
    }

    /// Adds a whole rollup.
    pub(super) fn add(&mut self, rollup: &Rollup) {
        self.count += rollup.count;
        self.last = rollup.last;
        self.bad = self.bad.saturating_add(rollup.bad);
        if rollup.min.is_nan() {
            return;
        }
        if self.first.is_nan() {
            (self.first, self.min, self.max) = (rollup.first, rollup.min, rollup.max);
        }
        (self.min, self.max) = (self.min.min(rollup.min), self.max.max(rollup.max));
        if rollup.good > 0 {
            self.good = self.good.saturating_add(rollup.good);
            self.above_first += (rollup.mean - self.first) * rollup.good as f64;
        }
    }

    /// The mean over the time in which it was good; not a number without such time.
    pub(super) fn mean(&self) -> f64 {
        if self.good == 0 {
            return f64::NAN;
        }
        let mean = self.first + self.above_first / self.good as f64;
        if mean.is_nan() { self.first } else { mean.max(self.min).min(self.max) }
    }
}

/// The rollups of samples in order of time. `before` is the value that went on from before: none when nothing was known, not a number when
/// it was bad.
pub(super) fn roll(times: &[i64], numbers: &[f64], before: Option<f64>, width: i64) -> Vec<Rollup> {
    let (mut rollups, mut going_on, mut place) = (Vec::new(), before, 0);
    while place < times.len() {
        let start = floor(times[place], width);
        let end = start.saturating_add(width);
        let after = place + times[place..].partition_point(|time| *time < end);
        let mut sum = Sum::EMPTY;
        if let Some(value) = going_on {
            sum.held(value, times[place] - start);
        }
        if after > place {
            sum.block(&times[place..after], &numbers[place..after]);
            going_on = Some(sum.last);
        }
        let at = if after > place { times[after - 1] } else { start };
        place = after;
        sum.held(sum.last, end - at);
        let Sum { count, first, last, min, max, good, bad, .. } = sum;
        rollups.push(Rollup { start, count, first, last, min, max, mean: sum.mean(), good, bad });
        if place < times.len() && times[place] >= end && end == i64::MAX {
            break;
        }
    }
    rollups
}

/// Writes rollups of buckets of one width, in order of time.
pub(super) fn encode_rollups(width: i64, rollups: &[Rollup]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put_signed(&mut bytes, width);
    put_unsigned(&mut bytes, rollups.len() as u64);
    let column = |of: &dyn Fn(&Rollup) -> i64| rollups.iter().map(of).collect::<Vec<_>>();
    put_integers(&mut bytes, &column(&|rollup| rollup.start.div_euclid(width)));
    put_integers(&mut bytes, &column(&|rollup| rollup.count as i64));
    put_integers(&mut bytes, &column(&|rollup| rollup.bad));
    put_integers(&mut bytes, &column(&|rollup| width - rollup.good - rollup.bad));
    put_integers(&mut bytes, &column(&|rollup| i64::from(!rollup.min.is_nan()) + 2 * i64::from(!rollup.last.is_nan())));
    let with_numbers: Vec<&Rollup> = rollups.iter().filter(|rollup| !rollup.min.is_nan()).collect();
    put_extremes(&mut bytes, &with_numbers);
    put_means(&mut bytes, &with_numbers);
    seal(bytes)
}

/// First, min, max and last. Where the last value is bad, the first stands in for it: the flags tell.
fn put_extremes(bytes: &mut Vec<u8>, rollups: &[&Rollup]) {
    let column = |of: &dyn Fn(&Rollup) -> f64| rollups.iter().map(|rollup| of(rollup)).collect::<Vec<_>>();
    let last = |rollup: &Rollup| if rollup.last.is_nan() { rollup.first } else { rollup.last };
    let columns =
        [column(&|rollup| rollup.first), column(&|rollup| rollup.min), column(&|rollup| rollup.max), column(&last)];
    let Some((digits, [first, min, max, last])) = common_decimals(&columns) else {
        bytes.push(NO_DECIMALS);
        return columns.iter().for_each(|column| put_doubles(bytes, column));
    };
    bytes.push(digits);
    let difference = |from: &[i64], to: &[i64]| from.iter().zip(to).map(|(from, to)| to - from).collect::<Vec<_>>();
    put_integers_quickly(bytes, &first);
    put_integers_quickly(bytes, &difference(&min, &first));
    put_integers_quickly(bytes, &difference(&first, &max));
    put_integers_quickly(bytes, &difference(&first, &last));
}

fn put_means(bytes: &mut Vec<u8>, rollups: &[&Rollup]) {
    let held: Vec<&&Rollup> = rollups.iter().filter(|rollup| rollup.good > 0).collect();
    let parts = |rollup: &Rollup| {
        let span = rollup.max - rollup.min;
        let part = if span == 0.0 { 0.0 } else { ((rollup.mean - rollup.min) / span * PARTS).round() };
        (span.is_finite() && part.is_finite()).then_some(part as i64)
    };
    match held.iter().map(|rollup| parts(rollup)).collect::<Option<Vec<i64>>>() {
        Some(parts) => {
            bytes.push(0);
            put_integers_quickly(bytes, &parts);
        }
        None => {
            bytes.push(1);
            put_doubles(bytes, &held.iter().map(|rollup| rollup.mean).collect::<Vec<_>>());
        }
    }
}

/// Reads what [`encode_rollups`] wrote; none when the bytes are damaged.
pub(super) fn decode_rollups(bytes: &[u8]) -> Option<Vec<Rollup>> {
    let mut bytes = unseal(bytes)?;
    let bytes = &mut bytes;
    if take(bytes, 1)?[0] != VERSION {
        return None;
    }
    let width = take_signed(bytes)?;
    let count = usize::try_from(take_unsigned(bytes)?).ok().filter(|count| *count <= MOST)?;
    let (starts, counts) = (take_integers(bytes, count)?, take_integers(bytes, count)?);
    let (bads, unknowns) = (take_integers(bytes, count)?, take_integers(bytes, count)?);
    let goods: Vec<i64> =
        bads.iter().zip(unknowns).map(|(bad, unknown)| width.wrapping_sub(*bad).wrapping_sub(unknown)).collect();
    let flags = take_integers(bytes, count)?;
    let numbers = flags.iter().filter(|flags| *flags & 1 != 0).count();
    let [first, min, max, last] = take_extremes(bytes, numbers)?;
    let held = flags.iter().zip(&goods).filter(|(flags, good)| *flags & 1 != 0 && **good > 0).count();
    let means = take_means(bytes, held)?;
    let (mut place, mut mean_place) = (0, 0);
    let mut rollups = Vec::with_capacity(count);
    for bucket in 0..count {
        let mut rollup = Rollup {
            start: starts[bucket].checked_mul(width)?,
            count: counts[bucket] as u64,
            first: f64::NAN,
            last: f64::NAN,
            min: f64::NAN,
            max: f64::NAN,
            mean: f64::NAN,
            good: goods[bucket],
            bad: bads[bucket],
        };
        if flags[bucket] & 1 != 0 {
            (rollup.first, rollup.min, rollup.max) = (first[place], min[place], max[place]);
            rollup.last = if flags[bucket] & 2 != 0 { last[place] } else { f64::NAN };
            if rollup.good > 0 {
                rollup.mean = means.at(mean_place, &rollup);
                mean_place += 1;
            }
            place += 1;
        }
        rollups.push(rollup);
    }
    bytes.is_empty().then_some(rollups)
}

fn take_extremes(bytes: &mut &[u8], count: usize) -> Option<[Vec<f64>; 4]> {
    let digits = take(bytes, 1)?[0];
    if digits == NO_DECIMALS {
        let mut column = || take_doubles(bytes, count);
        return Some([column()?, column()?, column()?, column()?]);
    }
    if digits > 9 {
        return None;
    }
    let power = 10f64.powi(i32::from(digits));
    let first = take_integers(bytes, count)?;
    let (below, above, change) =
        (take_integers(bytes, count)?, take_integers(bytes, count)?, take_integers(bytes, count)?);
    let number = |integer: i64| integer as f64 / power;
    let from_first = |column: Vec<i64>, sign: i64| {
        let of = |(first, distance): (&i64, i64)| number(first.wrapping_add(distance.wrapping_mul(sign)));
        first.iter().zip(column).map(of).collect::<Vec<_>>()
    };
    let columns = [from_first(below, -1), from_first(above, 1), from_first(change, 1)];
    let [min, max, last] = columns;
    Some([first.iter().map(|integer| number(*integer)).collect(), min, max, last])
}

enum Means {
    Parts(Vec<i64>),
    Plain(Vec<f64>),
}

impl Means {
    fn at(&self, place: usize, rollup: &Rollup) -> f64 {
        match self {
            Self::Parts(parts) => rollup.min + (rollup.max - rollup.min) * (parts[place] as f64 / PARTS),
            Self::Plain(means) => means[place],
        }
    }
}

fn take_means(bytes: &mut &[u8], count: usize) -> Option<Means> {
    match take(bytes, 1)?[0] {
        0 => take_integers(bytes, count).map(Means::Parts),
        1 => take_doubles(bytes, count).map(Means::Plain),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::historian::calendar::{HOUR, MINUTE};
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000;

    #[test]
    fn a_minute_with_a_gap() {
        let times = [10 * SECOND, 30 * SECOND, 45 * SECOND, 70 * SECOND];
        let rollups = roll(&times, &[4.0, f64::NAN, 8.0, 9.0], Some(1.0), MINUTE);
        let expected = Rollup {
            start: 0,
            count: 3,
            first: 1.0,
            last: 8.0,
            min: 1.0,
            max: 8.0,
            mean: (1.0 * 10.0 + 4.0 * 20.0 + 8.0 * 15.0) / 45.0,
            good: 45 * SECOND,
            bad: 15 * SECOND,
        };
        assert!((rollups[0].mean - expected.mean).abs() < 1e-12);
        assert_eq!(Rollup { mean: expected.mean, ..rollups[0] }, expected);
        assert_eq!((rollups[1].first, rollups[1].min, rollups[1].last, rollups[1].count), (8.0, 8.0, 9.0, 1));
    }

    #[test]
    fn a_value_that_lasts_for_no_time_in_a_bucket_is_not_in_it() {
        let rollups = roll(&[MINUTE], &[5.0], Some(99.0), MINUTE);
        assert_eq!((rollups[0].first, rollups[0].max), (5.0, 5.0));
        let unknown = roll(&[90 * SECOND], &[5.0], None, MINUTE);
        assert_eq!((unknown[0].bad, unknown[0].good, unknown[0].mean), (0, 30 * SECOND, 5.0));
    }

    fn equal(first: &Rollup, second: &Rollup) -> bool {
        let bits = |rollup: &Rollup| {
            [rollup.first, rollup.last, rollup.min, rollup.max].map(|number| (number.is_nan(), number))
        };
        let span = (first.max - first.min).abs().max(f64::MIN_POSITIVE);
        let means = first.mean == second.mean
            || (first.mean.is_nan() && second.mean.is_nan())
            || (first.mean - second.mean).abs() / span <= 1e-7;
        first.start == second.start
            && first.count == second.count
            && first.bad == second.bad
            && first.good == second.good
            && means
            && bits(first).iter().zip(bits(second)).all(|(one, other)| one.0 && other.0 || one.1 == other.1)
    }

    proptest! {
        #[test]
        fn rollups_come_back_and_hours_are_sums_of_minutes(
            steps in proptest::collection::vec((0i64..100_000_000, -5000i32..5000, 0u8..12), 0..200), decimal in any::<bool>(),
        ) {
            let mut time = 1_795_000_000_000_000;
            let (mut times, mut numbers) = (Vec::new(), Vec::new());
            for (step, number, odd) in steps {
                time += step;
                times.push(time);
                let scale = if decimal { 100.0 } else { 7.0 };
                numbers.push(match odd { 0 => f64::NAN, 1 if !decimal => f64::INFINITY, _ => f64::from(number) / scale });
            }
            let minutes = roll(&times, &numbers, None, MINUTE);
            let back = decode_rollups(&encode_rollups(MINUTE, &minutes)).unwrap();
            prop_assert!(back.len() == minutes.len() && back.iter().zip(&minutes).all(|(back, minute)| equal(minute, back)));
            for hour in roll(&times, &numbers, None, HOUR) {
                let mut sum = Sum::EMPTY;
                let inside = |minute: &&Rollup| minute.start >= hour.start && minute.start < hour.start + HOUR;
                minutes.iter().filter(inside).for_each(|minute| sum.add(minute));
                prop_assert!(sum.count == hour.count && (sum.last == hour.last || sum.last.is_nan() && hour.last.is_nan()));
                prop_assert!(sum.max == hour.max || sum.max.is_nan() && hour.max.is_nan() || hour.max > sum.max && hour.first == hour.max,
                    "only a value from before may be missing, {sum:?} {hour:?}");
            }
        }

        #[test]
        fn a_block_is_its_samples(samples in proptest::collection::vec((0i64..1000, -50i32..50, 0u8..4), 1..40), before in any::<bool>()) {
            let mut time = 0;
            let times: Vec<i64> = samples.iter().map(|(step, ..)| { time += step; time }).collect();
            let numbers: Vec<f64> =
                samples.iter().map(|(_, number, odd)| if *odd == 0 { f64::NAN } else { f64::from(*number) }).collect();
            let mut begun = Sum::EMPTY;
            if before {
                begun.held(7.0, 5);
            }
            let (mut one_by_one, mut at_once) = (begun, begun);
            for place in 0..times.len() {
                if place > 0 {
                    one_by_one.held(numbers[place - 1], times[place] - times[place - 1]);
                }
                one_by_one.sample(numbers[place]);
            }
            at_once.block(&times, &numbers);
            prop_assert_eq!(format!("{one_by_one:?}"), format!("{at_once:?}"));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut damaged = vec![VERSION];
            damaged.extend(bytes);
            let _ = decode_rollups(&seal(damaged));
        }
    }
}
