//! Samples that wait for the historian, and the marks behind them. What came in one piece with a mark is handed over in one piece.

use crate::tag::{HistoryRow, Mark};
use std::collections::VecDeque;

/// Rows that came with marks, by their places since the start.
struct Piece {
    from: u64,
    to: u64,
    marks: Vec<Mark>,
}

/// See the module.
#[derive(Default)]
pub(super) struct HeldRows {
    rows: VecDeque<HistoryRow>,
    /// How many rows left from the front since the start.
    gone: u64,
    pieces: VecDeque<Piece>,
}

impl HeldRows {
    pub(super) fn push(&mut self, rows: impl IntoIterator<Item = HistoryRow>, marks: Vec<Mark>) {
        let from = self.end();
        self.rows.extend(rows);
        if !marks.is_empty() {
            self.pieces.push_back(Piece { from, to: self.end(), marks });
        }
    }

    fn end(&self) -> u64 {
        self.gone + self.rows.len() as u64
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty() && self.pieces.is_empty()
    }

    /// Takes about `most` rows from the front, with the marks behind them; no piece is divided.
    pub(super) fn take(&mut self, most: usize) -> (Vec<HistoryRow>, Vec<Mark>) {
        let limit = self.gone + self.rows.len().min(most) as u64;
        let divided = self.pieces.iter().find(|piece| piece.from < limit && limit < piece.to);
        let to = divided.map_or(limit, |piece| piece.to);
        let count = (to - self.gone) as usize;
        let rows = self.rows.drain(..count).collect();
        self.gone = to;
        let mut marks = Vec::new();
        while let Some(piece) = self.pieces.pop_front_if(|piece| piece.to <= to) {
            marks.extend(piece.marks);
        }
        (rows, marks)
    }

    /// Puts back what was taken last.
    pub(super) fn put_back(&mut self, rows: Vec<HistoryRow>, marks: Vec<Mark>) {
        let to = self.gone;
        self.gone -= rows.len() as u64;
        rows.into_iter().rev().for_each(|row| self.rows.push_front(row));
        if !marks.is_empty() {
            self.pieces.push_front(Piece { from: self.gone, to, marks });
        }
    }

    /// Gives up the oldest rows, so that `most` are left; how many went. Marks stay, and say it: whoever waits for them must not wait for ever.
    pub(super) fn drop_oldest(&mut self, most: usize) -> u64 {
        let excess = self.rows.len().saturating_sub(most);
        if excess == 0 {
            return 0;
        }
        self.rows.drain(..excess);
        let before = self.gone;
        self.gone += excess as u64;
        let hit = self.pieces.iter_mut().take_while(|piece| piece.from < self.gone);
        for piece in hit.filter(|piece| piece.to > before.max(piece.from)) {
            piece.marks.iter_mut().for_each(Mark::lose);
        }
        excess as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Identifiers, Quality, Sample, TagId, Timestamp};
    use std::sync::Arc;

    fn rows(numbers: std::ops::Range<u32>) -> Vec<HistoryRow> {
        let sample = Sample { time: Timestamp::default(), value: None, quality: Quality::GOOD };
        numbers.map(|number| HistoryRow { tag: TagId(number), sample: sample.clone() }).collect()
    }

    fn mark(number: u64) -> Mark {
        Mark::new(number, Identifiers::default(), Arc::new(|_| {}))
    }

    /// Of each mark its number, and whether it is lost.
    fn fates(marks: &[Mark]) -> Vec<(u64, bool)> {
        marks.iter().map(|mark| (mark.number, mark.is_lost())).collect()
    }

    /// Numbers of the rows and of the marks that came.
    fn take(held: &mut HeldRows, most: usize) -> (Vec<u32>, Vec<u64>) {
        let (rows, marks) = held.take(most);
        (rows.iter().map(|row| row.tag.0).collect(), marks.iter().map(|mark| mark.number).collect())
    }

    #[test]
    fn a_mark_comes_with_its_rows_and_no_piece_is_divided() {
        let mut held = HeldRows::default();
        held.push(rows(0..3), Vec::new());
        held.push(rows(3..6), vec![mark(1), mark(2)]);
        held.push(rows(6..8), Vec::new());
        held.push(Vec::new(), vec![mark(3)]);
        assert_eq!(take(&mut held, 2), (vec![0, 1], vec![]));
        assert_eq!(take(&mut held, 2), (vec![2, 3, 4, 5], vec![1, 2]));
        assert_eq!(take(&mut held, 1), (vec![6], vec![]));
        assert_eq!(take(&mut held, 1), (vec![7], vec![3]));
        assert!(held.is_empty());
    }

    #[test]
    fn what_is_put_back_comes_again_in_one_piece() {
        let mut held = HeldRows::default();
        held.push(rows(0..4), vec![mark(1)]);
        held.push(rows(4..5), vec![mark(2)]);
        let (taken, marks) = held.take(1);
        assert_eq!((taken.len(), marks.len()), (4, 1));
        held.put_back(taken, marks);
        assert_eq!(take(&mut held, 2), (vec![0, 1, 2, 3], vec![1]));
        assert_eq!(take(&mut held, 2), (vec![4], vec![2]));
    }

    #[test]
    fn a_mark_outlives_rows_that_are_given_up() {
        let mut held = HeldRows::default();
        held.push(rows(0..4), vec![mark(1)]);
        held.push(rows(4..6), vec![mark(2)]);
        assert_eq!(held.drop_oldest(1), 5);
        let (left, marks) = held.take(9);
        assert_eq!(left.len(), 1);
        assert_eq!(fates(&marks), [(1, true), (2, true)]);
        held.push(rows(6..8), vec![mark(3)]);
        assert_eq!(held.drop_oldest(0), 2);
        assert!(!held.is_empty());
        let (_, marks) = held.take(9);
        assert_eq!(fates(&marks), [(3, true)]);
        assert!(held.is_empty());
    }

    #[test]
    fn only_marks_whose_own_rows_are_given_up_are_lost() {
        let mut held = HeldRows::default();
        held.push(rows(0..4), Vec::new());
        held.push(Vec::new(), vec![mark(1)]);
        held.push(rows(4..6), vec![mark(2), mark(3)]);
        held.push(rows(6..8), vec![mark(4)]);
        assert_eq!((held.drop_oldest(9), held.drop_oldest(3)), (0, 5));
        let (_, marks) = held.take(9);
        assert_eq!(fates(&marks), [(1, false), (2, true), (3, true), (4, false)]);
    }
}
