//! States over time: pieces with a word in them.

use super::curve::Point;
use std::sync::Arc;

/// What a piece says.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// One state all the time.
    Word(Arc<str>),
    /// Several in less time than can be drawn.
    Several,
    /// Nothing is known.
    Unknown,
}

/// A piece of time with what it says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Piece {
    pub(super) from: f64,
    pub(super) to: f64,
    pub(super) said: Said,
}

/// Pieces out of points, whose values have words.
pub(super) fn of_points(points: &[Point], end: f64, word: &dyn Fn(f64) -> Arc<str>) -> Vec<Piece> {
    let mut gathering = Pieces::new(0.0);
    // Looking a word up for every pixel again would be the cost of it all.
    let mut known: Option<(f64, Arc<str>)> = None;
    for point in points {
        let said = match point {
            point if !point.last.is_finite() => Said::Unknown,
            point if point.low != point.high => Said::Several,
            point => match &known {
                Some((value, word)) if *value == point.last => Said::Word(word.clone()),
                _ => {
                    let found = word(point.last);
                    known = Some((point.last, found.clone()));
                    Said::Word(found)
                }
            },
        };
        gathering.add(point.time, said);
    }
    gathering.finish(end)
}

/// Puts pieces together: neighbours that say the same become one, and those that are too short to be seen become [`Said::Several`].
#[derive(Debug)]
pub(super) struct Pieces {
    shortest: f64,
    done: Vec<Piece>,
    open: Option<(f64, Said)>,
}

impl Pieces {
    pub(super) fn new(shortest: f64) -> Self {
        Self { shortest, done: Vec::new(), open: None }
    }

    /// From `time` on it says this.
    pub(super) fn add(&mut self, time: f64, said: Said) {
        match &self.open {
            Some((_, open)) if *open == said => {}
            _ => {
                self.close(time);
                self.open = Some((time, said));
            }
        }
    }

    fn close(&mut self, time: f64) {
        let Some((from, said)) = self.open.take() else { return };
        let said = if time - from < self.shortest { Said::Several } else { said };
        match self.done.last_mut() {
            Some(last) if last.said == said && last.to == from => last.to = time,
            // Many changes in the space of a pixel are one piece, however short each of them is.
            _ => self.done.push(Piece { from, to: time, said }),
        }
    }

    pub(super) fn finish(mut self, end: f64) -> Vec<Piece> {
        self.close(end);
        self.done
    }
}

/// What is said at a moment.
pub(super) fn at(pieces: &[Piece], moment: f64) -> Option<&Piece> {
    let place = pieces.partition_point(|piece| piece.from <= moment).checked_sub(1)?;
    pieces.get(place).filter(|piece| moment <= piece.to)
}

#[cfg(test)]
mod tests {
    use super::super::curve::tests::points;
    use super::*;

    fn words(pieces: &[Piece]) -> String {
        let word = |piece: &Piece| match &piece.said {
            Said::Word(word) => format!("{}-{} {word}", piece.from, piece.to),
            Said::Several => format!("{}-{} ~", piece.from, piece.to),
            Said::Unknown => format!("{}-{} ?", piece.from, piece.to),
        };
        pieces.iter().map(word).collect::<Vec<_>>().join(", ")
    }

    fn check(script: &str, expected: &str) {
        let word = |value: f64| Arc::from(["off", "on", "fault"][value as usize]);
        let points = points(script);
        assert_eq!(words(&of_points(&points, points.len() as f64, &word)), expected, "{script}");
    }

    #[test]
    fn neighbours_that_say_the_same_are_one_piece() {
        check("0 - - 1 1 -", "0-3 off, 3-6 on");
        check("0 ? ? 2", "0-1 off, 1-3 ?, 3-4 fault");
        check("0 0..1 1", "0-1 off, 1-2 ~, 2-3 on");
        check("", "");
    }

    #[test]
    fn pieces_too_short_to_be_seen_are_told_as_several() {
        let mut pieces = Pieces::new(1.0);
        for (time, word) in [(0.0, "idle"), (5.0, "fill"), (5.1, "drain"), (5.2, "fill"), (5.3, "idle")] {
            pieces.add(time, Said::Word(word.into()));
        }
        let pieces = pieces.finish(9.0);
        assert_eq!(words(&pieces), "0-5 idle, 5-5.3 ~, 5.3-9 idle");
        assert_eq!(at(&pieces, 5.2).map(|piece| piece.said.clone()), Some(Said::Several));
        assert_eq!(at(&pieces, 9.5), None);
    }
}
