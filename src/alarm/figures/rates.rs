//! How often alarms come: averages, maxima, floods.

use super::change::Period;
use crate::alarm::flood::{FloodWatch, MOST_IN_TEN_MINUTES, TEN_MINUTES, Turn};
use crate::tag::Timestamp;

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// How many activations come in intervals of one length. Intervals are counted from the beginning of the period; the last one may be cut off
/// by its end, and counts nevertheless for the maximum.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Rate {
    /// Activations of the period, divided by its length in intervals. In a period that is shorter than an interval this is a rate, not a count.
    pub average: f64,
    /// Activations in the fullest interval.
    pub maximum: usize,
}

/// A flood: from the moment at which more than 10 activations have come in the 10 minutes before, to the moment at which fewer than 5 have
/// (EEMUA 191 and ISA-18.2: begins above 10 in 10 minutes, ends below 5 in 10 minutes). Only activations within the period count, and what is
/// still going on at the end of the period ends there.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Flood {
    /// When it began.
    pub from: Timestamp,
    /// When it was over.
    pub to: Timestamp,
    /// Activations from ten minutes before it began until it was over.
    pub activations: usize,
    /// The most activations in any ten minutes of it.
    pub peak: usize,
}

/// Rates and floods of a period.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct Rates {
    /// Per 24 hours.
    pub per_day: Rate,
    /// Per hour.
    pub per_hour: Rate,
    /// Per ten minutes.
    pub per_ten_minutes: Rate,
    /// Share of the intervals of ten minutes that have more than 10 activations, 0 to 1.
    pub share_above_ten: f64,
    /// Floods, the oldest first.
    pub floods: Vec<Flood>,
    /// Share of the period that was in flood, 0 to 1.
    pub share_in_flood: f64,
}

impl Rates {
    /// Of activations at these moments, in order.
    pub(super) fn of(times: &[Timestamp], period: Period) -> Self {
        let floods = floods(times, period);
        let flooded: i64 = floods.iter().map(|flood| flood.to.micros_since(flood.from)).sum();
        let tens = counts(times, period, TEN_MINUTES);
        let above = tens.iter().filter(|count| **count > MOST_IN_TEN_MINUTES).count();
        Self {
            per_day: rate(times, period, DAY),
            per_hour: rate(times, period, HOUR),
            per_ten_minutes: rate(times, period, TEN_MINUTES),
            share_above_ten: share(above as f64, intervals(period, TEN_MINUTES) as f64),
            share_in_flood: share(flooded as f64, period.micros() as f64),
            floods,
        }
    }
}

/// A part of a whole, 0 to 1; 0 of nothing.
pub(super) fn share(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}

fn intervals(period: Period, width: i64) -> usize {
    ((period.micros() + width - 1) / width) as usize
}

/// Activations of each interval in which there were any.
fn counts(times: &[Timestamp], period: Period, width: i64) -> Vec<usize> {
    let mut counts: Vec<(i64, usize)> = Vec::new();
    for time in times {
        let number = time.micros_since(period.from) / width;
        match counts.last_mut() {
            Some((last, count)) if *last == number => *count += 1,
            _ => counts.push((number, 1)),
        }
    }
    counts.into_iter().map(|(_, count)| count).collect()
}

fn rate(times: &[Timestamp], period: Period, width: i64) -> Rate {
    Rate {
        average: share(times.len() as f64 * width as f64, period.micros() as f64),
        maximum: counts(times, period, width).into_iter().max().unwrap_or(0),
    }
}

/// Looks for floods, moment by moment.
#[derive(Default)]
struct Watch {
    counter: FloodWatch,
    current: Option<Flood>,
    floods: Vec<Flood>,
}

fn floods(times: &[Timestamp], period: Period) -> Vec<Flood> {
    let mut watch = Watch::default();
    for together in times.chunk_by(|one, other| one == other) {
        watch.pass(together[0].as_micros());
        watch.arrive(together[0].as_micros(), together.len());
    }
    watch.pass(period.to.as_micros());
    watch.floods.extend(watch.current.map(|flood| Flood { to: period.to, ..flood }));
    watch.floods
}

impl Watch {
    /// Time passes up to, and without, `moment`.
    fn pass(&mut self, moment: i64) {
        if let Some(Turn::Ended(end)) = self.counter.pass(moment) {
            self.end(end);
        }
    }

    /// Activations at the same moment.
    fn arrive(&mut self, moment: i64, count: usize) {
        match self.counter.arrive(moment, count) {
            Some(Turn::Began) => {
                let (at, size) = (Timestamp::from_micros(moment), self.counter.size());
                self.current = Some(Flood { from: at, to: at, activations: size, peak: size });
                return;
            }
            Some(Turn::Ended(end)) => self.end(end),
            None => {}
        }
        if let Some(flood) = &mut self.current {
            flood.activations += count;
            flood.peak = flood.peak.max(self.counter.size());
        }
    }

    fn end(&mut self, moment: i64) {
        self.floods.extend(self.current.take().map(|flood| Flood { to: Timestamp::from_micros(moment), ..flood }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * SECOND)
    }

    fn check(seconds: &[i64], length: i64, expected: &[[i64; 4]]) {
        let times: Vec<Timestamp> = seconds.iter().map(|second| at(*second)).collect();
        let period = Period { from: at(0), to: at(length) };
        let found = Rates::of(&times, period).floods;
        let told: Vec<[i64; 4]> = found
            .iter()
            .map(|flood| {
                let second = |time: Timestamp| time.as_micros() / SECOND;
                [second(flood.from), second(flood.to), flood.activations as i64, flood.peak as i64]
            })
            .collect();
        assert_eq!(told, expected, "{seconds:?}");
    }

    #[test]
    fn a_flood_begins_above_ten_and_ends_below_five() {
        let ten: Vec<i64> = (0..10).map(|number| number * 10).collect();
        check(&ten, 7200, &[]);
        let eleven: Vec<i64> = (0..11).map(|number| number * 10).collect();
        // The eleventh comes at 100 s; four are left when the seventh is ten minutes old.
        check(&eleven, 7200, &[[100, 660, 11, 11]]);
        // It is still going on at the end of the period.
        check(&eleven, 300, &[[100, 300, 11, 11]]);
        check(&eleven, 660, &[[100, 660, 11, 11]]);
        // One that comes at the very moment when another is ten minutes old takes its place.
        let fed: Vec<i64> = eleven.iter().copied().chain([660]).collect();
        check(&fed, 7200, &[[100, 670, 12, 11]]);
        let crowd = [vec![0; 11], vec![600; 4]].concat();
        check(&crowd, 7200, &[[0, 600, 11, 11]]);
        // Exactly ten minutes apart is not within ten minutes.
        let slow: Vec<i64> = (0..12).map(|number| number * 60).collect();
        check(&slow, 7200, &[]);
        // Steady five in ten minutes keep it going.
        let mut fed = eleven.clone();
        fed.extend((1..20).map(|number| 100 + number * 119));
        check(&fed, 7200, &[[100, 2485, 30, 15]]);
    }

    #[test]
    fn rates_count_from_the_beginning_of_the_period() {
        let times: Vec<Timestamp> = [0, 599, 600, 601, 602, 3600].map(at).to_vec();
        let rates = Rates::of(&times, Period { from: at(0), to: at(7200) });
        assert_eq!(rates.per_ten_minutes, Rate { average: 0.5, maximum: 3 });
        assert_eq!(rates.per_hour, Rate { average: 3.0, maximum: 5 });
        assert_eq!(rates.per_day, Rate { average: 72.0, maximum: 6 });
        assert_eq!(Rates::of(&[], Period { from: at(5), to: at(5) }), Rates::default());
        let crowd: Vec<Timestamp> = (0..11).map(at).collect();
        let cut = Rates::of(&crowd, Period { from: at(0), to: at(900) });
        assert_eq!(cut.share_above_ten, 0.5, "the last interval, which is cut off, is one of two");
    }
}
