//! Floods: more alarms than an operator can take. One definition, for the figures of a period and for the panel that is looked at.
//! Pure; time comes as an argument.

use crate::tag::{Monotonic, Now, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;

/// Ten minutes in microseconds, the measure of EEMUA 191 and ISA-18.2 for what an operator can take.
pub(super) const TEN_MINUTES: i64 = 600_000_000;
/// More activations than this in ten minutes are more than an operator can take (EEMUA 191, ISA-18.2).
pub(super) const MOST_IN_TEN_MINUTES: usize = 10;
/// A flood is over when fewer activations than this came in ten minutes (EEMUA 191, ISA-18.2).
pub(super) const CALM: usize = 5;
/// Moments that are kept apart within ten minutes. Where there are more, the newest ones count as one moment.
const MOMENTS: usize = 65_536;
/// The picture of a flood is made anew at most this often by time alone.
const ANEW: Duration = Duration::from_secs(1);

/// What the count came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    Began,
    /// At this moment, in microseconds.
    Ended(i64),
}

/// Counts activations of the last ten minutes, moment by moment, in microseconds of one clock.
#[derive(Clone, Debug, Default)]
pub(super) struct FloodWatch {
    /// Moments with the activations that came then.
    window: VecDeque<(i64, usize)>,
    size: usize,
    is_flood: bool,
}

impl FloodWatch {
    /// Activations of the last ten minutes.
    pub(super) const fn size(&self) -> usize {
        self.size
    }

    /// Time passes up to, and without, `moment`: activations become ten minutes old.
    pub(super) fn pass(&mut self, moment: i64) -> Option<Turn> {
        let mut turn = None;
        while let Some(left) = self.first_leaves().filter(|left| *left < moment) {
            self.drop_first();
            turn = turn.or(self.end_where_calm(left));
        }
        turn
    }

    /// Activations at the same moment. Those that become ten minutes old just now do not count any more, and these count already.
    pub(super) fn arrive(&mut self, moment: i64, count: usize) -> Option<Turn> {
        while self.first_leaves() == Some(moment) {
            self.drop_first();
        }
        let is_full = self.window.len() == MOMENTS;
        match self.window.back_mut() {
            Some(last) if last.0 == moment || is_full => *last = (moment, last.1 + count),
            _ => self.window.push_back((moment, count)),
        }
        self.size += count;
        let ended = self.end_where_calm(moment);
        if self.is_flood || self.size <= MOST_IN_TEN_MINUTES {
            return ended;
        }
        self.is_flood = true;
        Some(Turn::Began)
    }

    /// When the oldest activation becomes ten minutes old.
    fn first_leaves(&self) -> Option<i64> {
        self.window.front().map(|(moment, _)| moment + TEN_MINUTES)
    }

    fn drop_first(&mut self) {
        self.size -= self.window.pop_front().map_or(0, |(_, count)| count);
    }

    fn end_where_calm(&mut self, moment: i64) -> Option<Turn> {
        if self.size >= CALM || !self.is_flood {
            return None;
        }
        self.is_flood = false;
        Some(Turn::Ended(moment))
    }
}

/// A flood that is going on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FloodState {
    /// When it began, by the wall clock.
    pub since: Timestamp,
    /// Activations of the last ten minutes.
    pub activations: usize,
}

/// Watches for a flood while the station runs. The clock that never jumps counts.
#[derive(Clone, Debug, Default)]
pub struct LiveFlood {
    watch: FloodWatch,
    since: Option<Timestamp>,
}

impl LiveFlood {
    /// An alarm came to be active in the eyes of the operator.
    pub fn activated(&mut self, now: Now) {
        let moment = now.monotonic.as_micros() as i64;
        let passed = self.watch.pass(moment);
        let arrived = self.watch.arrive(moment, 1);
        [passed, arrived].into_iter().flatten().for_each(|turn| self.take(turn, now.utc));
    }

    /// Time passed; whether the state is another one.
    pub fn pass(&mut self, now: Now) -> bool {
        let before = self.state();
        // What is ten minutes old at this very moment is not of the last ten minutes.
        if let Some(turn) = self.watch.pass(now.monotonic.as_micros() as i64 + 1) {
            self.take(turn, now.utc);
        }
        before != self.state()
    }

    fn take(&mut self, turn: Turn, utc: Timestamp) {
        self.since = match turn {
            Turn::Began => Some(utc),
            Turn::Ended(_) => None,
        };
    }

    /// The flood that is going on.
    pub fn state(&self) -> Option<FloodState> {
        self.since.map(|since| FloodState { since, activations: self.watch.size() })
    }

    /// When its state has to be looked at again; none while there is no flood.
    pub fn due(&self, now: Now) -> Option<Monotonic> {
        self.since?;
        let leaves = self.watch.first_leaves().and_then(|left| u64::try_from(left).ok())?;
        Some(Monotonic::from_micros(leaves).max(now.monotonic.plus(ANEW)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Now {
        Now {
            utc: Timestamp::from_micros(1_000_000_000 + seconds as i64 * 1_000_000),
            monotonic: Monotonic::from_micros(seconds * 1_000_000),
        }
    }

    /// Activations at these seconds; then what is going on at each of the others: the second at which it began, and the count.
    fn check(came: &[u64], looks: &[(u64, Option<(u64, usize)>)]) {
        let mut flood = LiveFlood::default();
        let mut came = came.iter().copied().peekable();
        for (second, expected) in looks {
            while let Some(next) = came.next_if(|next| next <= second) {
                flood.activated(at(next));
            }
            flood.pass(at(*second));
            let told =
                flood.state().map(|state| (state.since.micros_since(at(0).utc) as u64 / 1_000_000, state.activations));
            assert_eq!(told, *expected, "at {second} s");
        }
    }

    #[test]
    fn it_begins_with_the_eleventh_in_ten_minutes_and_ends_below_five() {
        let eleven: Vec<u64> = (0..11).map(|number| number * 10).collect();
        check(&eleven, &[(90, None), (100, Some((100, 11))), (599, Some((100, 11))), (600, Some((100, 10)))]);
        check(&eleven, &[(100, Some((100, 11))), (650, Some((100, 5))), (659, Some((100, 5))), (660, None)]);
        let slow: Vec<u64> = (0..30).map(|number| number * 60).collect();
        check(&slow, &[(1000, None), (1740, None)]);
    }

    #[test]
    fn it_is_looked_at_again_once_a_second_at_most_and_only_while_it_goes_on() {
        let mut flood = LiveFlood::default();
        (0..10).for_each(|_| flood.activated(at(5)));
        assert_eq!(flood.due(at(5)), None);
        flood.activated(at(6));
        assert_eq!(flood.due(at(6)), Some(at(605).monotonic));
        assert_eq!(flood.due(at(605)), Some(at(606).monotonic));
        assert!(flood.pass(at(606)) && flood.state().is_none() && flood.due(at(606)).is_none());
    }

    #[test]
    fn the_window_is_bounded_and_loses_no_activation() {
        let mut watch = FloodWatch::default();
        for moment in 0..MOMENTS as i64 + 1000 {
            watch.arrive(moment, 1);
        }
        assert_eq!((watch.window.len(), watch.size()), (MOMENTS, MOMENTS + 1000));
        assert_eq!(watch.pass(TEN_MINUTES * 2), Some(Turn::Ended(MOMENTS as i64 + 999 + TEN_MINUTES)));
        assert_eq!(watch.size(), 0);
    }
}
