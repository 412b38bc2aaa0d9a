//! When what is due: phases that spread the load, lateness that is measured, and turns that are put off rather than piled up.

use crate::tag::Monotonic;
use std::time::Duration;

/// Turns whose lateness is remembered.
const REMEMBERED: usize = 256;

/// A poll that comes again and again, a period apart.
#[derive(Clone, Debug)]
pub(super) struct Turn {
    period: Duration,
    /// From the first turn, which is at once, to the second.
    phase: Duration,
    is_first: bool,
    due: Monotonic,
    lateness: Lateness,
    /// By how much turns were put off in all, less than a period.
    put_off: Duration,
    overruns: u64,
}

impl Turn {
    /// The first turn is due at once: an operator waits for values. The second comes after `phase`, so that many polls spread.
    pub(super) fn new(period: Duration, phase: Duration, now: Monotonic) -> Self {
        // Whole microseconds: what is counted in them must never come out as less than nothing.
        let period = Duration::from_micros(period.as_micros().max(1_000) as u64);
        let (lateness, put_off) = (Lateness::default(), Duration::ZERO);
        Self { period, phase, is_first: true, due: now, lateness, put_off, overruns: 0 }
    }

    pub(super) fn due(&self) -> Monotonic {
        self.due
    }

    pub(super) fn period(&self) -> Duration {
        self.period
    }

    /// It is begun now. A turn that begins late because the wire was busy puts off those after it: so an overloaded wire slows down
    /// evenly, and nothing piles up. What was put off adds up to turns that did not take place.
    pub(super) fn begin(&mut self, now: Monotonic) {
        let late = now.since(self.due);
        self.lateness.note(late);
        if std::mem::take(&mut self.is_first) {
            let phase = if self.phase.is_zero() { self.period } else { self.phase };
            self.due = now.plus(phase);
            return;
        }
        if late * 10 <= self.period {
            self.due = self.due.plus(self.period);
            return;
        }
        self.due = now.plus(self.period);
        self.put_off += late;
        let turns = self.put_off.as_micros() / self.period.as_micros();
        self.overruns += turns as u64;
        self.put_off = self.put_off.saturating_sub(self.period * u32::try_from(turns).unwrap_or(u32::MAX));
    }

    /// It is wanted now, out of turn.
    pub(super) fn hurry(&mut self, now: Monotonic) {
        self.due = self.due.min(now);
    }

    /// Nothing could be asked for a while: it begins anew, and nothing that was missed counts.
    pub(super) fn resume(&mut self, now: Monotonic) {
        (self.due, self.is_first) = (now, true);
    }

    /// It rests until `moment` at least.
    pub(super) fn rest_until(&mut self, moment: Monotonic) {
        self.due = self.due.max(moment);
    }

    pub(super) fn lateness(&self) -> &Lateness {
        &self.lateness
    }

    /// Turns that did not take place because the wire was busy.
    pub(super) fn overruns(&self) -> u64 {
        self.overruns
    }
}

/// How late the last turns began.
#[derive(Clone, Debug, Default)]
pub(super) struct Lateness {
    micros: Vec<u32>,
    next: usize,
}

impl Lateness {
    pub(super) fn note(&mut self, late: Duration) {
        let micros = u32::try_from(late.as_micros()).unwrap_or(u32::MAX);
        if self.micros.len() < REMEMBERED {
            self.micros.push(micros);
        } else {
            self.micros[self.next] = micros;
        }
        self.next = (self.next + 1) % REMEMBERED;
    }

    fn all(&self) -> impl Iterator<Item = u32> + '_ {
        self.micros.iter().copied()
    }
}

/// The lateness that 99 of 100 turns kept to, in microseconds; none before a first turn.
pub(super) fn worst_of_hundred<'a>(turns: impl Iterator<Item = &'a Lateness>) -> Option<u32> {
    let mut all: Vec<u32> = turns.flat_map(Lateness::all).collect();
    if all.is_empty() {
        return None;
    }
    let place = (all.len() * 99).div_ceil(100).saturating_sub(1);
    Some(*all.select_nth_unstable(place).1)
}

/// Where in its period the `number`-th of many turns stands, so that they do not all fall on one moment: steps of the golden ratio
/// spread any number of them evenly.
pub(super) fn phase(number: usize, period: Duration) -> Duration {
    let share = (number as f64 * 0.618_033_988_749_895).fract();
    period.mul_f64(share)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_micros(millis * 1_000)
    }

    #[test]
    fn the_first_turn_is_at_once_and_the_others_keep_their_time() {
        let mut turn = Turn::new(Duration::from_millis(100), Duration::from_millis(30), at(1_000));
        assert_eq!(turn.due(), at(1_000));
        turn.begin(at(1_000));
        assert_eq!(turn.due(), at(1_030));
        turn.begin(at(1_031));
        assert_eq!((turn.due(), turn.overruns()), (at(1_130), 0));
        assert_eq!(worst_of_hundred([turn.lateness()].into_iter()), Some(1_000));
    }

    #[test]
    fn turns_that_did_not_take_place_are_counted() {
        let mut turn = Turn::new(Duration::from_millis(100), Duration::ZERO, at(0));
        turn.begin(at(0));
        turn.begin(at(450));
        assert_eq!((turn.due(), turn.overruns()), (at(550), 3));
        turn.begin(at(600));
        assert_eq!((turn.due(), turn.overruns()), (at(700), 4));
        turn.resume(at(9_000));
        turn.begin(at(9_000));
        assert_eq!(turn.overruns(), 4);
    }

    #[test]
    fn odd_periods_add_up() {
        let mut turn = Turn::new(Duration::from_nanos(16_666_700), Duration::ZERO, at(0));
        (0..2_000).for_each(|step| turn.begin(at(step * 37)));
        assert!(turn.overruns() > 1_000);
    }

    #[test]
    fn hurry_and_rest() {
        let mut turn = Turn::new(Duration::from_millis(100), Duration::ZERO, at(0));
        turn.begin(at(0));
        turn.hurry(at(20));
        assert_eq!(turn.due(), at(20));
        turn.rest_until(at(60));
        assert_eq!(turn.due(), at(60));
    }

    #[test]
    fn phases_are_spread() {
        let mut phases: Vec<_> = (0..100).map(|number| phase(number, Duration::from_secs(1)).as_millis()).collect();
        phases.sort();
        let widest = phases.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(widest < Some(30), "{widest:?}");
    }

    proptest! {
        #[test]
        fn the_next_turn_is_ahead_and_no_more_than_a_period_away(
            period in 10u64..10_000, phase in 0u64..10_000, now in 0u64..10_000_000,
        ) {
            let mut turn = Turn::new(Duration::from_millis(period), Duration::from_millis(phase % period), at(0));
            turn.begin(at(0));
            turn.begin(turn.due().max(at(now)));
            let now = now.max(turn.due().as_micros() / 1_000 - period);
            prop_assert!(turn.due() > at(now) && turn.due() <= at(now + period));
        }

        /// Whatever is asked for, the earliest due is served: nobody waits for ever on an overloaded wire.
        #[test]
        fn an_overloaded_wire_slows_down_evenly(count in 2usize..12, cost in 20u64..200) {
            let period = Duration::from_millis(100);
            let mut turns: Vec<_> = (0..count).map(|number| Turn::new(period, phase(number, period), at(0))).collect();
            let (mut served, mut now) = (vec![0u32; count], at(0));
            while now < at(60_000) {
                let place = (0..count).min_by_key(|place| turns[*place].due()).unwrap();
                now = now.max(turns[place].due());
                turns[place].begin(now);
                served[place] += 1;
                now = now.plus(Duration::from_millis(cost));
            }
            let (least, most) = (served.iter().min().unwrap(), served.iter().max().unwrap());
            prop_assert!(most - least <= 2 + most / 10, "{served:?}");
        }
    }
}
