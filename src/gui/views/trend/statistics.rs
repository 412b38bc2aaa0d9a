//! What happened between two moments, out of every sample: by time, not by count.

/// The figures of a piece of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Statistics {
    /// Lowest and highest value; none where nothing was known.
    pub(super) extremes: Option<[f64; 2]>,
    /// Mean by time.
    pub(super) mean: Option<f64>,
    /// Standard deviation by time, in the unit of the values.
    pub(super) deviation: Option<f64>,
    /// Value times seconds.
    pub(super) integral: f64,
    /// Seconds in which the value was known.
    pub(super) known_seconds: f64,
    /// Seconds in which it was bad.
    pub(super) bad_seconds: f64,
    /// Samples.
    pub(super) samples: u64,
    /// The first and the last known value.
    pub(super) ends: Option<[f64; 2]>,
}

/// What holds from a moment on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Held {
    /// Nothing was ever said.
    Nothing,
    /// A value.
    Known(f64),
    /// A bad one.
    Bad,
}

/// Puts the figures together, sample by sample.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gathering {
    at: f64,
    held: Held,
    found: Statistics,
    /// Sums of differences from the first value: far from zero, squares of the values themselves would lose all digits.
    origin: f64,
    sum: f64,
    squares: f64,
}

impl Gathering {
    /// Begins at a moment with what held before it.
    pub(super) fn new(from: f64, held: Held) -> Self {
        let found = Statistics {
            extremes: None,
            mean: None,
            deviation: None,
            integral: 0.0,
            known_seconds: 0.0,
            bad_seconds: 0.0,
            samples: 0,
            ends: None,
        };
        let mut gathering = Self { at: from, held: Held::Nothing, found, origin: 0.0, sum: 0.0, squares: 0.0 };
        gathering.hold(held);
        gathering
    }

    /// A sample.
    pub(super) fn add(&mut self, time: f64, held: Held) {
        self.advance(time);
        self.found.samples += 1;
        self.hold(held);
    }

    fn hold(&mut self, held: Held) {
        self.held = held;
        let Held::Known(value) = held else { return };
        let found = &mut self.found;
        if found.ends.is_none() {
            self.origin = value;
        }
        found.extremes = Some(found.extremes.map_or([value; 2], |[low, high]| [low.min(value), high.max(value)]));
        found.ends = Some(found.ends.map_or([value; 2], |[first, _]| [first, value]));
    }

    fn advance(&mut self, time: f64) {
        let seconds = (time - self.at).max(0.0);
        self.at = self.at.max(time);
        match self.held {
            Held::Nothing => {}
            Held::Bad => self.found.bad_seconds += seconds,
            Held::Known(value) => {
                let distance = value - self.origin;
                self.found.known_seconds += seconds;
                self.found.integral += value * seconds;
                self.sum += distance * seconds;
                self.squares += distance * distance * seconds;
            }
        }
    }

    /// The figures up to a moment.
    pub(super) fn finish(mut self, to: f64) -> Statistics {
        self.advance(to);
        let known = self.found.known_seconds;
        if known > 0.0 {
            let mean = self.sum / known;
            self.found.mean = Some(self.origin + mean);
            self.found.deviation = Some((self.squares / known - mean * mean).max(0.0).sqrt());
        }
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Samples as `seconds=value`, `?` for a bad one, from 0 s to 10 s; what held before stands first.
    fn check(script: &str, expected: &str) {
        let held = |text: &str| match text {
            "?" => Held::Bad,
            "" => Held::Nothing,
            number => Held::Known(number.parse().unwrap()),
        };
        let (before, rest) = script.split_once('|').unwrap();
        let mut gathering = Gathering::new(0.0, held(before.trim()));
        for (time, value) in rest.split_whitespace().map(|word| word.split_once('=').unwrap()) {
            gathering.add(time.parse().unwrap(), held(value));
        }
        let found = gathering.finish(10.0);
        let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
        let [low, high] = found.extremes.map_or([None; 2], |ends| ends.map(Some));
        let words = format!(
            "{} {} {} {} {:.1} {} {}",
            number(low),
            number(found.mean),
            number(high),
            number(found.deviation),
            found.integral,
            found.bad_seconds,
            found.samples
        );
        assert_eq!(words, expected, "{script}");
    }

    /// Lowest, mean, highest, deviation, integral, bad seconds, samples.
    #[test]
    fn figures_are_by_time_and_not_by_count() {
        check("|", "- - - - 0.0 0 0");
        check("5|", "5.000 5.000 5.000 0.000 50.0 0 0");
        check("0| 9=10", "0.000 1.000 10.000 3.000 10.0 0 1");
        check("0| 5=10", "0.000 5.000 10.000 5.000 50.0 0 1");
        check("| 5=4", "4.000 4.000 4.000 0.000 20.0 0 1");
        check("2| 4=? 6=8", "2.000 5.000 8.000 3.000 40.0 2 2");
        check("?| 8=1", "1.000 1.000 1.000 0.000 2.0 8 1");
        check("3| 10=7", "3.000 3.000 7.000 0.000 30.0 0 1");
        check("1000000000| 5=1000000001", "1000000000.000 1000000000.500 1000000001.000 0.500 10000000005.0 0 1");
    }
}
