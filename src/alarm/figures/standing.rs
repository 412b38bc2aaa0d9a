//! How many alarms stand, and how long: standing and stale ones.

use super::change::Period;
use super::life::Activation;
use super::rates::share;
use crate::tag::Timestamp;
use std::collections::HashSet;

/// An alarm that is active for longer than this, without a break, is stale (ISA-18.2, EEMUA 191: 24 hours).
const STALE_MICROS: i64 = 24 * 3_600_000_000;

/// Alarms that stand.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize)]
pub struct StandingFigures {
    /// Active at the end of the period.
    pub active_at_end: usize,
    /// Waiting for an acknowledgement at the end of the period, active or not.
    pub waiting_at_end: usize,
    /// The most that were active at the same moment of the period.
    pub maximum: usize,
    /// Active ones on average over time.
    pub average: f64,
    /// The most alarms that were stale on one day; days are counted from the beginning of the period.
    pub stale_on_worst_day: usize,
    /// Alarms that are stale at the end of the period.
    pub stale_at_end: Vec<String>,
    /// Alarms that were stale at some moment of the period.
    pub stale: usize,
}

impl StandingFigures {
    /// Of activations that touch the period; `waiting` is how many wait for an acknowledgement at its end.
    pub(super) fn of(activations: &[Activation], waiting: usize, period: Period) -> Self {
        let end = |activation: &Activation| activation.returned.unwrap_or(period.to);
        let active: i64 = activations.iter().map(|one| period.overlap(one.raised, end(one))).sum();
        let is_stale = |one: &&Activation| one.returned.is_none() && stale(one, period).is_some();
        let mut stale_at_end: Vec<String> =
            activations.iter().filter(is_stale).map(|one| one.alarm.to_string()).collect();
        stale_at_end.sort();
        let stale: HashSet<&str> =
            activations.iter().filter(|one| stale(one, period).is_some()).map(|one| &*one.alarm).collect();
        Self {
            active_at_end: activations.iter().filter(|one| one.returned.is_none()).count(),
            waiting_at_end: waiting,
            maximum: maximum(activations, period),
            average: share(active as f64, period.micros() as f64),
            stale_on_worst_day: stale_on_worst_day(activations, period),
            stale_at_end,
            stale: stale.len(),
        }
    }
}

/// From when to when an activation was stale within the period; none where it never was.
fn stale(activation: &Activation, period: Period) -> Option<(Timestamp, Timestamp)> {
    let since = Timestamp::from_micros(activation.raised.as_micros().saturating_add(STALE_MICROS)).max(period.from);
    let until = activation.returned.unwrap_or(period.to).min(period.to);
    (since < until).then_some((since, until))
}

fn stale_on_worst_day(activations: &[Activation], period: Period) -> usize {
    let mut of_day: HashSet<(i64, &str)> = HashSet::new();
    for activation in activations {
        let Some((since, until)) = stale(activation, period) else { continue };
        let day = |moment: i64| (moment - period.from.as_micros()) / STALE_MICROS;
        of_day.extend((day(since.as_micros())..=day(until.as_micros() - 1)).map(|day| (day, &*activation.alarm)));
    }
    let mut counts = std::collections::HashMap::<i64, usize>::new();
    of_day.iter().for_each(|(day, _)| *counts.entry(*day).or_default() += 1);
    counts.into_values().max().unwrap_or(0)
}

/// The most activations at the same moment; one that ends when another begins is not counted with it.
fn maximum(activations: &[Activation], period: Period) -> usize {
    let mut steps: Vec<(Timestamp, i64)> = Vec::with_capacity(2 * activations.len());
    for activation in activations {
        steps.push((activation.raised.max(period.from), 1));
        steps.extend(activation.returned.map(|returned| (returned, -1)));
    }
    steps.sort_unstable();
    let sums = steps.iter().scan(0, |sum, (_, step)| {
        *sum += step;
        Some(*sum)
    });
    sums.max().unwrap_or(0).max(0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_micros(hours * 3_600_000_000)
    }

    fn active(alarm: &str, from: i64, to: Option<i64>) -> Activation {
        let (raised, returned) = (at(from), to.map(at));
        Activation { alarm: alarm.into(), occurrence: 1, raised, returned, acknowledged: None, is_cut: false }
    }

    #[test]
    fn what_stands_at_the_edges_of_the_period_counts_within_it() {
        let period = Period { from: at(0), to: at(48) };
        let all = [active("a", -30, Some(1)), active("b", -2, None), active("c", 1, Some(25)), active("d", 40, None)];
        let found = StandingFigures::of(&all, 2, period);
        assert_eq!((found.active_at_end, found.maximum), (2, 2), "one ends when another begins");
        assert_eq!(found.average, (1.0 + 48.0 + 24.0 + 8.0) / 48.0);
        assert_eq!(found.stale_at_end, ["b"]);
        // The first was stale at the beginning, and the second from 22 h on; exactly 24 hours is not longer than a day.
        assert_eq!((found.stale, found.stale_on_worst_day), (2, 2));
    }
}
