//! Two moments to measure between.

/// One of the two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Which {
    #[default]
    A,
    B,
}

impl Which {
    pub(super) const ALL: [Self; 2] = [Self::A, Self::B];

    pub(super) const fn letter(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
        }
    }
}

/// The cursors. The one that was touched last is the one that keys move.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Cursors {
    places: [Option<f64>; 2],
    pub(super) active: Which,
}

impl Cursors {
    /// Where one stands, in seconds since 1970.
    pub(super) fn at(&self, which: Which) -> Option<f64> {
        self.places[which as usize]
    }

    /// Puts one somewhere.
    pub(super) fn put(&mut self, which: Which, moment: f64) {
        self.places[which as usize] = Some(moment);
        self.active = which;
    }

    /// Takes both away.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// The moment whose values are read: that of the active cursor.
    pub(super) fn read(&self) -> Option<f64> {
        self.at(self.active).or(self.places[0]).or(self.places[1])
    }

    /// From the earlier to the later one.
    pub(super) fn between(&self) -> Option<[f64; 2]> {
        let (first, second) = self.places[0].zip(self.places[1])?;
        (first != second).then(|| [first.min(second), first.max(second)])
    }

    /// Moves the active one by seconds inside of `bounds`; where it was not there, it comes into the middle first.
    pub(super) fn step(&mut self, seconds: f64, bounds: [f64; 2]) {
        let middle = (bounds[0] + bounds[1]) / 2.0;
        let from = self.at(self.active).filter(|moment| (bounds[0]..=bounds[1]).contains(moment));
        let moment = from.map_or(middle, |moment| (moment + seconds).clamp(bounds[0], bounds[1]));
        self.put(self.active, moment);
    }

    /// The cursor within `reach` seconds of a moment.
    pub(super) fn near(&self, moment: f64, reach: f64) -> Option<Which> {
        let distance = |which: &Which| self.at(*which).map(|place| (place - moment).abs());
        let near = Which::ALL.into_iter().filter(|which| distance(which).is_some_and(|distance| distance <= reach));
        near.min_by(|first, second| distance(first).partial_cmp(&distance(second)).unwrap_or(std::cmp::Ordering::Equal))
    }
}

/// A duration as it is read: `51 min 36 s`.
pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.abs();
    let parts = [(86_400.0, "d"), (3600.0, "h"), (60.0, "min")];
    let Some(place) = parts.iter().position(|(size, _)| whole >= *size) else {
        return if whole < 10.0 { format!("{whole:.3} s") } else { format!("{whole:.1} s") };
    };
    let (size, unit) = parts[place];
    let (next, name) = parts.get(place + 1).copied().unwrap_or((1.0, "s"));
    // Rounded first, so that 59.7 s do not become 60 s beside a minute.
    let small = (whole / next).round() as u64;
    let ratio = (size / next) as u64;
    format!("{} {unit} {} {name}", small / ratio, small % ratio)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(script: &[&str], expected: (Option<f64>, Option<f64>, Option<[f64; 2]>)) {
        let mut cursors = Cursors::default();
        for step in script {
            let (verb, number) = step.split_once(' ').unwrap_or((step, "0"));
            let number: f64 = number.parse().unwrap();
            match verb {
                "a" => cursors.put(Which::A, number),
                "b" => cursors.put(Which::B, number),
                "step" => cursors.step(number, [0.0, 100.0]),
                "clear" => cursors.clear(),
                other => panic!("{other}"),
            }
        }
        assert_eq!((cursors.at(Which::A), cursors.at(Which::B), cursors.between()), expected, "{script:?}");
    }

    #[test]
    fn keys_move_the_cursor_that_was_touched_last() {
        check(&["step 1"], (Some(50.0), None, None));
        check(&["step 1", "step 2"], (Some(52.0), None, None));
        check(&["a 10", "b 90", "step -20"], (Some(10.0), Some(70.0), Some([10.0, 70.0])));
        check(&["b 10", "a 90", "step 20"], (Some(100.0), Some(10.0), Some([10.0, 100.0])));
        check(&["a 500", "step 1"], (Some(50.0), None, None));
        check(&["a 5", "b 5"], (Some(5.0), Some(5.0), None));
        check(&["a 5", "b 6", "clear"], (None, None, None));
    }

    #[test]
    fn durations_are_read_in_two_steps() {
        for (seconds, words) in [
            (0.25, "0.250 s"),
            (36.0, "36.0 s"),
            (3096.0, "51 min 36 s"),
            (7200.0, "2 h 0 min"),
            (3599.7, "60 min 0 s"),
            (-90_000.0, "1 d 1 h"),
        ] {
            assert_eq!(duration(seconds), words);
        }
    }
}
