//! Which lines of the journal are found, and those of them that are looked at. Pure: what is wanted next comes out, answers go in.
//!
//! The search goes back from the newest line in pieces. What is written meanwhile is kept apart, so that no row changes its place while
//! somebody reads it.

use crate::recorder::{JournalEnds, JournalLine};
use std::collections::HashMap;
use std::ops::RangeInclusive;

/// Lines in the first piece of the search: few, so that the first page does not wait for the rest.
const FIRST: i64 = 10_000;
/// Lines in one piece at most. Until then each piece is as long as all before it.
const PIECE: i64 = 250_000;
/// Lines that are read at once.
pub(super) const PAGE: usize = 200;
/// Pages that are kept.
const PAGES: usize = 32;
/// Pages that are asked for at once.
const ASKED: usize = 2;

/// Pages of lines that were there when the search began, and of lines that were written since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum PageKey {
    Older(usize),
    Newer(usize),
}

struct Page {
    lines: Vec<JournalLine>,
    /// When it was last looked at, in frames.
    looked_at: u64,
}

/// What is found.
#[derive(Default)]
pub(super) struct Found {
    /// The newest first; grows at its end while the search goes back.
    older: Vec<i64>,
    /// The oldest first; grows at its end while the journal is written.
    newer: Vec<i64>,
    /// How many of the newer ones have rows.
    shown: usize,
    /// The piece that is searched next; none before the ends are known and when all is searched.
    next: Option<RangeInclusive<i64>>,
    ends: Option<JournalEnds>,
    pages: HashMap<PageKey, Page>,
    frame: u64,
}

impl Found {
    /// The journal begins and ends here; then it is searched.
    pub(super) fn begin(&mut self, ends: JournalEnds) {
        self.ends = Some(ends);
        self.next = piece_before(ends.newest, ends);
    }

    /// The piece that is to be searched next.
    pub(super) fn next_piece(&self) -> Option<RangeInclusive<i64>> {
        self.next.clone()
    }

    /// What was found in the piece that was next, the newest first.
    pub(super) fn take_piece(&mut self, numbers: Vec<i64>) {
        let (Some(piece), Some(ends)) = (self.next.take(), self.ends) else { return };
        self.older.extend(numbers);
        self.next = piece_before(piece.start() - 1, ends);
    }

    /// Whether the whole journal is searched.
    pub(super) fn is_complete(&self) -> bool {
        self.ends.is_some() && self.next.is_none()
    }

    /// The lines that may have been written since.
    pub(super) fn since(&self) -> Option<i64> {
        self.ends.map(|ends| ends.newest + 1)
    }

    /// What was found of the lines up to `newest`, the newest first. They have rows when `is_at_top`.
    pub(super) fn take_newer(&mut self, newest: i64, numbers: &[i64], is_at_top: bool) {
        if let Some(ends) = &mut self.ends {
            ends.newest = ends.newest.max(newest);
        }
        self.newer.extend(numbers.iter().rev());
        if is_at_top {
            self.show_newer();
        }
    }

    /// Lines that were written since have rows.
    pub(super) fn show_newer(&mut self) {
        self.shown = self.newer.len();
    }

    /// Lines that fit and have no row yet, because somebody reads further down.
    pub(super) fn waiting(&self) -> usize {
        self.newer.len() - self.shown
    }

    /// Rows.
    pub(super) fn len(&self) -> usize {
        self.shown + self.older.len()
    }

    /// Where a row stands: its page, and the place in it.
    fn place(&self, row: usize) -> (PageKey, usize) {
        match row.checked_sub(self.shown) {
            Some(place) => (PageKey::Older(place / PAGE), place % PAGE),
            None => {
                let place = self.shown - 1 - row;
                (PageKey::Newer(place / PAGE), place % PAGE)
            }
        }
    }

    /// The line of a row, when it was read.
    pub(super) fn line(&self, row: usize) -> Option<&JournalLine> {
        let (key, place) = self.place(row);
        self.pages.get(&key)?.lines.get(place)
    }

    /// The pages that rows need and that are not there, with the numbers of their lines; `asked` are on their way.
    pub(super) fn wanted(&mut self, rows: std::ops::Range<usize>, asked: &[PageKey]) -> Vec<(PageKey, Vec<i64>)> {
        self.frame += 1;
        let mut wanted: Vec<(PageKey, Vec<i64>)> = Vec::new();
        for row in rows.start..rows.end.min(self.len()) {
            let (key, place) = self.place(row);
            if let Some(page) = self.pages.get_mut(&key) {
                page.looked_at = self.frame;
                if place < page.lines.len() {
                    continue;
                }
            }
            let is_new = !asked.contains(&key) && wanted.iter().all(|(one, _)| *one != key);
            if is_new && asked.len() + wanted.len() < ASKED {
                wanted.push((key, self.numbers(key)));
            }
        }
        wanted
    }

    fn numbers(&self, key: PageKey) -> Vec<i64> {
        let (all, page) = match key {
            PageKey::Older(page) => (&self.older, page),
            PageKey::Newer(page) => (&self.newer, page),
        };
        all.iter().skip(page * PAGE).take(PAGE).copied().collect()
    }

    /// A page was read. The one that was not looked at for the longest time makes room.
    pub(super) fn take_page(&mut self, key: PageKey, lines: Vec<JournalLine>) {
        self.pages.insert(key, Page { lines, looked_at: self.frame });
        while self.pages.len() > PAGES {
            let oldest = self.pages.iter().min_by_key(|(_, page)| page.looked_at).map(|(key, _)| *key);
            oldest.and_then(|key| self.pages.remove(&key));
        }
    }
}

fn piece_before(last: i64, ends: JournalEnds) -> Option<RangeInclusive<i64>> {
    let length = (ends.newest - last).clamp(FIRST, PIECE);
    (last >= ends.oldest).then(|| (last - length + 1).max(ends.oldest)..=last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Timestamp;

    fn line(number: i64) -> JournalLine {
        JournalLine {
            time: Timestamp::from_micros(number),
            alarm: number.to_string(),
            occurrence: 0,
            state: String::new(),
            value: None,
            actor: None,
            comment: String::new(),
            occasion: String::new(),
            condition: String::new(),
            message: None,
        }
    }

    /// Answers everything that is wanted for these rows, and gives their lines.
    fn read(found: &mut Found, rows: std::ops::Range<usize>) -> Vec<String> {
        loop {
            let wanted = found.wanted(rows.clone(), &[]);
            if wanted.is_empty() {
                return rows.filter_map(|row| found.line(row).map(|line| line.alarm.clone())).collect();
            }
            assert!(wanted.len() <= ASKED);
            for (key, numbers) in wanted {
                assert!(numbers.len() <= PAGE);
                found.take_page(key, numbers.into_iter().map(line).collect());
            }
        }
    }

    fn whole(newest: i64) -> Found {
        let mut found = Found::default();
        found.begin(JournalEnds { oldest: 1, newest });
        while let Some(piece) = found.next_piece() {
            assert!(piece.end() - piece.start() < PIECE);
            found.take_piece(piece.rev().collect());
        }
        found
    }

    #[test]
    fn every_line_has_one_row_from_the_newest_to_the_oldest() {
        let mut found = whole(600_001);
        assert!(found.is_complete() && found.len() == 600_001);
        assert_eq!(read(&mut found, 0..3), ["600001", "600000", "599999"]);
        assert_eq!(read(&mut found, 599_999..600_001), ["2", "1"]);
        assert_eq!(read(&mut found, 199..202), ["599802", "599801", "599800"]);
        assert!(whole(0).is_complete());
    }

    /// The first page is there soon, and a long journal is not searched in many small steps.
    #[test]
    fn pieces_begin_short_and_become_long() {
        let mut found = Found::default();
        found.begin(JournalEnds { oldest: 1, newest: 1_000_000 });
        let mut lengths = Vec::new();
        while let Some(piece) = found.next_piece() {
            lengths.push(piece.end() - piece.start() + 1);
            found.take_piece(Vec::new());
        }
        assert_eq!(lengths[..7], [10_000, 10_000, 20_000, 40_000, 80_000, 160_000, 250_000]);
        assert_eq!((lengths.iter().sum::<i64>(), lengths.len()), (1_000_000, 9));
    }

    #[test]
    fn what_is_written_meanwhile_moves_no_row_until_it_is_wanted() {
        let mut found = whole(1000);
        assert_eq!(read(&mut found, 500..502), ["500", "499"]);
        assert_eq!(found.since(), Some(1001));
        found.take_newer(1300, &(1001..=1300).rev().collect::<Vec<i64>>(), false);
        assert_eq!((found.waiting(), read(&mut found, 500..502)), (300, vec!["500".to_owned(), "499".to_owned()]));
        assert_eq!(found.since(), Some(1301));
        found.show_newer();
        assert_eq!(read(&mut found, 0..2), ["1300", "1299"]);
        assert_eq!(read(&mut found, 299..301), ["1001", "1000"]);
        // The page of the newest lines is read again when it has grown.
        found.take_newer(1302, &[1302, 1301], true);
        assert_eq!(read(&mut found, 0..4), ["1302", "1301", "1300", "1299"]);
    }

    #[test]
    fn pages_are_bounded() {
        let mut found = whole(100_000);
        for row in (0..100_000).step_by(PAGE) {
            read(&mut found, row..row + 1);
        }
        assert_eq!(found.pages.len(), PAGES);
        let many = found.wanted(0..5000, &[]);
        assert_eq!(many.len(), ASKED);
        assert!(found.wanted(0..5000, &[PageKey::Older(0), PageKey::Older(1)]).is_empty());
    }
}
