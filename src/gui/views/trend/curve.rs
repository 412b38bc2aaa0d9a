//! What is known of one pen: a point a pixel, and what can be said of the points in sight.

use crate::historian::Column;

/// One pixel column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    /// Its middle, in seconds since 1970.
    pub(super) time: f64,
    /// Lowest and highest value; NaN where nothing is known.
    pub(super) low: f64,
    pub(super) high: f64,
    /// The value with which it ends; NaN where that is bad.
    pub(super) last: f64,
    /// Mean by time, over the seconds in which it was known.
    pub(super) mean: f64,
    pub(super) known: f64,
    /// Whether a sample fell into it.
    pub(super) is_new: bool,
}

impl From<&Column> for Point {
    fn from(column: &Column) -> Self {
        let Column { time, min, max, last, mean, good, count, .. } = *column;
        let (time, known) = (time.as_seconds(), good.as_secs_f64());
        Self { time, low: min, high: max, last, mean, known, is_new: count > 0 }
    }
}

/// Lowest, mean and highest value of what is in sight; the mean by time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figures {
    pub(super) low: f64,
    pub(super) mean: f64,
    pub(super) high: f64,
}

/// The points inside of `bounds`, and the one before them, whose value goes on into them.
pub(super) fn in_sight(points: &[Point], bounds: [f64; 2]) -> &[Point] {
    let first = points.partition_point(|point| point.time < bounds[0]).saturating_sub(1);
    let end = points.partition_point(|point| point.time <= bounds[1]);
    points.get(first..end.max(first)).unwrap_or_default()
}

/// The value at a moment; none where it is not known.
pub(super) fn value_at(points: &[Point], moment: f64) -> Option<f64> {
    let place = points.partition_point(|point| point.time <= moment).checked_sub(1)?;
    Some(points.get(place)?.last).filter(|value| value.is_finite())
}

/// Lowest and highest value in sight.
pub(super) fn extremes(points: &[Point], bounds: [f64; 2]) -> Option<[f64; 2]> {
    let known = in_sight(points, bounds).iter().filter(|point| point.low.is_finite() && point.high.is_finite());
    known.map(|point| [point.low, point.high]).reduce(|all, one| [all[0].min(one[0]), all[1].max(one[1])])
}

/// The figures of what is in sight; none where nothing is known.
pub(super) fn figures(points: &[Point], bounds: [f64; 2]) -> Option<Figures> {
    let [low, high] = extremes(points, bounds)?;
    let known = in_sight(points, bounds).iter().filter(|point| point.mean.is_finite());
    let (sum, span) = known.fold((0.0, 0.0), |(sum, span), point| (sum + point.mean * point.known, span + point.known));
    (span > 0.0).then(|| Figures { low, mean: (sum / span).clamp(low, high), high })
}

/// Pieces of time in which nothing is known although the tag was there.
pub(super) fn gaps(points: &[Point], bounds: [f64; 2]) -> Vec<[f64; 2]> {
    let (mut gaps, mut open) = (Vec::new(), None);
    for point in in_sight(points, bounds) {
        match (open, point.last.is_finite()) {
            (None, false) => open = Some(point.time),
            (Some(from), true) => {
                gaps.push([from, point.time]);
                open = None;
            }
            _ => {}
        }
    }
    gaps.extend(open.map(|from| [from, bounds[1]]));
    gaps
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Points a second apart out of words: `1` a new value, `-` the one before goes on, `?` bad, `1..5` a range that ends high.
    pub(in super::super) fn points(script: &str) -> Vec<Point> {
        let mut last = f64::NAN;
        let mut all = Vec::new();
        for (place, word) in script.split_whitespace().enumerate() {
            let (low, high, is_new) = match word {
                "-" => (last, last, false),
                "?" => (f64::NAN, f64::NAN, true),
                word => {
                    let (low, high) = word.split_once("..").unwrap_or((word, word));
                    (low.parse().unwrap(), high.parse().unwrap(), true)
                }
            };
            last = high;
            let (mean, known) = ((low + high) / 2.0, if high.is_finite() { 1.0 } else { 0.0 });
            all.push(Point { time: place as f64, low, high, last, mean, known, is_new });
        }
        all
    }

    fn check(script: &str, bounds: [f64; 2], expected: Option<(f64, f64, f64)>) {
        let found = figures(&points(script), bounds).map(|figures| (figures.low, figures.mean, figures.high));
        assert_eq!(found, expected, "{script}");
    }

    #[test]
    fn figures_are_of_what_is_in_sight() {
        check("1 2 3", [0.0, 2.0], Some((1.0, 2.0, 3.0)));
        check("9 9 9 9 1 2 3", [5.0, 6.0], Some((1.0, 2.0, 3.0)));
        check("1..5 - - -", [0.0, 3.0], Some((1.0, 4.5, 5.0)));
        check("1 ? 3", [0.0, 2.0], Some((1.0, 2.0, 3.0)));
        check("? ?", [0.0, 1.0], None);
        check("", [0.0, 1.0], None);
        check("1 2", [5.0, 9.0], Some((2.0, 2.0, 2.0)));
    }

    #[test]
    fn a_value_goes_on_until_it_is_bad() {
        let points = points("1 - 4 ? 7");
        let at = |moment| value_at(&points, moment);
        assert_eq!((at(-1.0), at(1.9), at(2.0), at(3.5), at(9.0)), (None, Some(1.0), Some(4.0), None, Some(7.0)));
    }

    #[test]
    fn a_gap_lasts_until_a_value_comes() {
        assert_eq!(gaps(&points("1 ? ? 2 ?"), [0.0, 6.0]), [[1.0, 3.0], [4.0, 6.0]]);
        assert_eq!(gaps(&points("? ? ? ? 1"), [2.5, 6.0]), [[2.0, 4.0]]);
    }
}
