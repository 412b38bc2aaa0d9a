//! The samples that are in no chunk yet, in memory: the same ones that the rows of the open head hold on disk. Shared with readers.

use super::month::Sealed;
use super::series::Series;
use crate::tag::{Sample, Timestamp};
use std::sync::{Arc, Mutex};

/// The unsealed samples, shared between the historian and its readers.
pub type Unsealed = Arc<Mutex<Tail>>;

/// The unsealed samples of all tags.
#[derive(Debug, Default)]
pub struct Tail {
    /// By the file's number of the tag.
    tags: Vec<TagTail>,
    count: usize,
    /// When the station was last known to run.
    pub(super) alive: Option<Timestamp>,
}

/// The unsealed samples of one tag, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct TagTail {
    pub(super) series: Series,
    /// Which head rows hold them: (row, how many samples up to and with it).
    heads: Vec<(i64, usize)>,
}

impl TagTail {
    fn push(&mut self, head: i64, sample: Sample) {
        self.series.push(sample);
        match self.heads.last_mut() {
            Some((row, up_to)) if *row == head => *up_to = self.series.len(),
            _ => self.heads.push((head, self.series.len())),
        }
    }

    /// The samples for which `keep` holds, given their head row.
    pub(super) fn filtered(&self, mut keep: impl FnMut(i64, &Sample) -> bool) -> Self {
        let mut kept = Self::default();
        let mut heads = self.heads.iter();
        let mut current = heads.next();
        for (place, sample) in self.series.iter().enumerate() {
            while current.is_some_and(|(_, up_to)| place >= *up_to) {
                current = heads.next();
            }
            let row = current.map_or(0, |(row, _)| *row);
            if keep(row, &sample) {
                kept.push(row, sample);
            }
        }
        kept
    }

    /// The samples that a file of a month does not have yet; `sealed_already` is told the times of the others.
    pub(super) fn filtered_by(&self, known: Option<Sealed>, mut sealed_already: impl FnMut(i64)) -> Series {
        let Some(known) = known else { return self.series.clone() };
        if self.heads.first().is_none_or(|(row, _)| *row > known.through) {
            return self.series.clone();
        }
        let is_fresh = |head: i64, sample: &Sample| {
            let is_known = known.contains(head, sample.time.as_micros());
            if is_known {
                sealed_already(sample.time.as_micros());
            }
            !is_known
        };
        self.filtered(is_fresh).series
    }

    /// The first moment of which something is unsealed.
    pub(super) fn first(&self) -> Option<i64> {
        self.series.times.iter().min().copied()
    }
}

impl Tail {
    /// How many samples there are.
    pub const fn count(&self) -> usize {
        self.count
    }

    pub(super) fn push(&mut self, tag: i64, head: i64, sample: Sample) {
        let Ok(place) = usize::try_from(tag) else { return };
        if place >= self.tags.len() {
            self.tags.resize_with(place + 1, TagTail::default);
        }
        if let Some(tail) = self.tags.get_mut(place) {
            tail.push(head, sample);
            self.count += 1;
        }
    }

    pub(super) fn of(&self, tag: i64) -> Option<&TagTail> {
        self.tags.get(usize::try_from(tag).ok()?)
    }

    /// Takes away what is sealed now: what the file of a month, from `start` to `end`, says that it has.
    pub(super) fn remove(&mut self, tag: i64, sealed: Sealed, [start, end]: [i64; 2]) {
        let Some(tail) = usize::try_from(tag).ok().and_then(|place| self.tags.get_mut(place)) else { return };
        let is_gone =
            |head: i64, time: i64| time >= start && (time < end || end == i64::MAX) && sealed.contains(head, time);
        let before = tail.series.len();
        let newest = tail.heads.last().map_or(i64::MAX, |(head, _)| *head);
        // Mostly everything goes at once.
        if tail.series.times.iter().all(|time| is_gone(newest, *time)) {
            *tail = TagTail::default();
        } else {
            *tail = tail.filtered(|head, sample| !is_gone(head, sample.time.as_micros()));
        }
        self.count -= before - tail.series.len();
    }

    /// Takes away the oldest samples, so that at most `most` are left; how many went.
    pub(super) fn drop_oldest(&mut self, most: usize) -> u64 {
        let mut times: Vec<i64> = self.tags.iter().flat_map(|tail| tail.series.times.iter().copied()).collect();
        let Some(excess) = times.len().checked_sub(most + 1) else { return 0 };
        let border = *times.select_nth_unstable(excess).1;
        let before = self.count;
        for tail in self.tags.iter_mut().filter(|tail| !tail.series.is_empty()) {
            *tail = tail.filtered(|_, sample| sample.time.as_micros() > border);
        }
        self.count = self.tags.iter().map(|tail| tail.series.len()).sum();
        (before - self.count) as u64
    }

    /// The tags of which something is unsealed.
    pub(super) fn tags(&self) -> impl Iterator<Item = (i64, &TagTail)> {
        self.tags
            .iter()
            .enumerate()
            .filter(|(_, tail)| !tail.series.is_empty())
            .map(|(place, tail)| (place as i64, tail))
    }
}
