//! The line of a pen on the sheet: every column from its lowest to its highest value, so that no peak is hidden.

use super::curve::{Point, in_sight};

/// How points become places.
pub(super) struct Ground<'a> {
    /// What is in sight, in seconds since 1970.
    pub(super) bounds: [f64; 2],
    /// Beyond this moment nothing is known, whatever the columns say.
    pub(super) until: f64,
    /// Where a moment stands.
    pub(super) x: &'a dyn Fn(f64) -> f32,
    /// Where a value stands; none where it has no place.
    pub(super) y: &'a dyn Fn(f64) -> Option<f32>,
}

/// A line without a gap inside.
pub(super) type Stroke = Vec<[f32; 2]>;

/// The strokes of a pen. A value holds until the next one comes, as it did in the plant; with `is_linear` the line goes straight from one to
/// the next, and where nothing new came nothing is drawn in between.
pub(super) fn trace(points: &[Point], ground: &Ground<'_>, is_linear: bool, present: Option<f64>) -> Vec<Stroke> {
    let mut strokes = Strokes { done: Vec::new(), open: Vec::new() };
    let sight = in_sight(points, ground.bounds);
    let beyond = points.get(sight.len() + first_place(points, sight)).filter(|point| point.time <= ground.until);
    for point in sight.iter().chain(beyond).filter(|point| point.time <= ground.until) {
        strokes.add(point, ground, is_linear);
    }
    // The present joins without a seam: history is at most a flush behind.
    if let Some(value) = present.and_then(|value| (ground.y)(value))
        && let Some([_, last]) = strokes.open.last().copied()
    {
        let now = (ground.x)(ground.until);
        strokes.push([now, last]);
        strokes.push([now, value]);
    }
    strokes.close();
    strokes.done
}

fn first_place(points: &[Point], sight: &[Point]) -> usize {
    sight.first().map_or(points.len(), |first| points.partition_point(|point| point.time < first.time))
}

struct Strokes {
    done: Vec<Stroke>,
    open: Stroke,
}

impl Strokes {
    fn add(&mut self, point: &Point, ground: &Ground<'_>, is_linear: bool) {
        let x = (ground.x)(point.time);
        let place = |value: f64| if value.is_finite() { (ground.y)(value) } else { None };
        if is_linear && !point.is_new && point.last.is_finite() && !self.open.is_empty() {
            return;
        }
        if let (Some([_, before]), true, false) = (self.open.last().copied(), point.low.is_finite(), is_linear) {
            self.push([x, before]);
        }
        if let (Some(low), Some(high)) = (place(point.low), place(point.high))
            && low != high
        {
            // Towards the value with which the column ends: a falling line is no saw.
            let ends_low = place(point.last).is_some_and(|last| (last - low).abs() < (last - high).abs());
            let [first, second] = if ends_low { [high, low] } else { [low, high] };
            self.push([x, first]);
            self.push([x, second]);
        }
        match place(point.last) {
            Some(last) => self.push([x, last]),
            None => self.close(),
        }
    }

    /// Level pieces become one, however many columns they cross.
    fn push(&mut self, place: [f32; 2]) {
        if let [.., before, last] = self.open.as_mut_slice() {
            if *last == place {
                return;
            }
            if before[1] == last[1] && last[1] == place[1] {
                last[0] = place[0];
                return;
            }
        } else if self.open.last() == Some(&place) {
            return;
        }
        self.open.push(place);
    }

    fn close(&mut self) {
        let stroke = std::mem::take(&mut self.open);
        if stroke.len() > 1 {
            self.done.push(stroke);
        } else if let [[x, y]] = stroke.as_slice() {
            // A single good column between two gaps is not nothing.
            self.done.push(vec![[x - 0.5, *y], [x + 0.5, *y]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::curve::tests::points;
    use super::*;

    fn check(script: &str, is_linear: bool, present: Option<f64>, expected: &[&[[f32; 2]]]) {
        let points = points(script);
        let ground = Ground {
            bounds: [0.0, 100.0],
            until: points.len() as f64,
            x: &|time| time as f32,
            y: &|value| (value > 0.0).then_some(value as f32),
        };
        assert_eq!(trace(&points, &ground, is_linear, present), expected, "{script}");
    }

    #[test]
    fn a_value_holds_until_the_next_one() {
        check("1 - - 5 -", false, None, &[&[[0.0, 1.0], [3.0, 1.0], [3.0, 5.0], [4.0, 5.0]]]);
        check("1 - - 5", true, None, &[&[[0.0, 1.0], [3.0, 5.0]]]);
    }

    #[test]
    fn peaks_are_drawn_and_gaps_are_not() {
        check("1 2..9 3", false, None, &[&[[0.0, 1.0], [1.0, 1.0], [1.0, 2.0], [1.0, 9.0], [2.0, 9.0], [2.0, 3.0]]]);
        let falling = [
            Point { time: 0.0, low: 9.0, high: 9.0, last: 9.0, mean: 9.0, known: 1.0, is_new: true },
            Point { time: 1.0, low: 5.0, high: 9.0, last: 5.0, mean: 7.0, known: 1.0, is_new: true },
        ];
        let ground = Ground { bounds: [0.0, 9.0], until: 9.0, x: &|time| time as f32, y: &|value| Some(value as f32) };
        assert_eq!(trace(&falling, &ground, true, None), [[[0.0, 9.0], [1.0, 9.0], [1.0, 5.0]]]);
        check("1 1 ? ? 2 2", false, None, &[&[[0.0, 1.0], [1.0, 1.0]], &[[4.0, 2.0], [5.0, 2.0]]]);
        check("? 3 ?", false, None, &[&[[0.5, 3.0], [1.5, 3.0]]]);
    }

    #[test]
    fn the_present_joins_without_a_seam() {
        check("1 1", false, Some(4.0), &[&[[0.0, 1.0], [2.0, 1.0], [2.0, 4.0]]]);
        check("1 ?", false, Some(4.0), &[&[[-0.5, 1.0], [0.5, 1.0]]]);
    }

    #[test]
    fn a_value_without_a_place_breaks_the_line() {
        check("1 1 0 2 2", false, None, &[&[[0.0, 1.0], [2.0, 1.0]], &[[3.0, 2.0], [4.0, 2.0]]]);
    }
}
