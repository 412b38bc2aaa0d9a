//! The same hours of another day beside those of today; and one pen over another.

use super::curve::{Point, in_sight, value_at};
use super::time_axis::Clock;

/// What stands beside the present picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Compare {
    #[default]
    Nothing,
    Yesterday,
    LastWeek,
}

impl Compare {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Nothing => Self::Yesterday,
            Self::Yesterday => Self::LastWeek,
            Self::LastWeek => Self::Nothing,
        }
    }

    /// By how many seconds the other day is moved so that its clock shows the same.
    pub(super) fn shift(self, moment: f64, clock: &Clock<'_>) -> Option<f64> {
        match self {
            Self::Nothing => None,
            Self::Yesterday => Some(clock.days_ago(moment, 1)),
            Self::LastWeek => Some(clock.days_ago(moment, 7)),
        }
    }
}

/// Values of two pens at the same moments: time, first, second. A moment at which one is not known is left out.
pub(super) fn pairs(first: &[Point], second: &[Point], bounds: [f64; 2]) -> Vec<[f64; 3]> {
    let inside = in_sight(first, bounds).iter().filter(|point| point.time >= bounds[0] && point.last.is_finite());
    inside.filter_map(|point| Some([point.time, point.last, value_at(second, point.time)?])).collect()
}

#[cfg(test)]
mod tests {
    use super::super::curve::tests::points;
    use super::*;

    #[test]
    fn pairs_are_of_the_same_moment() {
        let found = pairs(&points("1 2 ? 4 5"), &points("10 - - ? 50"), [1.0, 9.0]);
        assert_eq!(found, [[1.0, 2.0, 10.0], [4.0, 5.0, 50.0]]);
        assert!(pairs(&[], &points("1"), [0.0, 1.0]).is_empty());
    }

    #[test]
    fn the_other_day_is_chosen_in_turn() {
        let clock = Clock::utc();
        let turn = [Compare::Nothing, Compare::Nothing.next(), Compare::Nothing.next().next()];
        assert_eq!(turn.map(|compare| compare.shift(1e9, &clock)), [None, Some(86_400.0), Some(604_800.0)]);
        assert_eq!(turn[2].next(), Compare::Nothing);
    }
}
