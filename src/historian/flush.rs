//! The open head: what is flushed into it, the gaps that a run before left, and its bound.

use super::calendar::{HOUR, Month, floor};
use super::codec::HeadWriter;
use super::database::{Database, StoreError, explain};
use super::store::{SampleStore, slot_or};
use super::{identifiers, month};
use crate::tag::{Identifiers, Quality, Reason, Sample, Timestamp};
use rusqlite::{Transaction, params};
use std::collections::{BTreeSet, VecDeque};
use std::path::Path;
use std::sync::Arc;

impl SampleStore {
    /// Notes that the station runs, without any sample.
    pub(super) fn touch(&mut self, now: Timestamp) -> Result<(), StoreError> {
        self.main.change(|transaction| write_alive(transaction, now))?;
        self.set_alive(now);
        Ok(())
    }

    /// Tells readers that the station runs; the file is told less often.
    pub(super) fn set_alive(&self, now: Timestamp) {
        if let Ok(mut tail) = self.unsealed.lock() {
            tail.alive = Some(now);
        }
    }

    /// Notes that samples were lost, and why.
    pub(super) fn note_loss(&mut self, now: Timestamp, samples: u64, why: &str) -> Result<(), StoreError> {
        self.main.change(|transaction| {
            let sql = "INSERT INTO loss(time, samples, why) VALUES (?1, ?2, ?3)";
            transaction.prepare_cached(sql)?.execute(params![now.as_micros(), samples as i64, why]).map(drop)
        })
    }

    /// Samples that come now say nothing about when the station ran.
    pub(super) const fn forget_gaps(&mut self) {
        self.was_alive = None;
    }

    /// Makes samples durable, in one commit, and takes them. After an error they are all still there.
    pub(super) fn flush(&mut self, rows: &mut VecDeque<(i64, Sample)>, now: Timestamp) -> Result<(), StoreError> {
        self.flush_with(rows, &[], now)
    }

    /// The same with what marks say in the same commit.
    pub(super) fn flush_with(
        &mut self,
        rows: &mut VecDeque<(i64, Sample)>,
        changes: &[&Identifiers],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        if rows.is_empty() {
            self.main.change(|transaction| {
                identifiers::write(transaction, changes)?;
                write_alive(transaction, now)
            })?;
            self.set_alive(now);
            return Ok(());
        }
        let (gaps, fresh) = self.gaps(rows);
        let mut writer = HeadWriter::new(rows.len() + gaps.len());
        gaps.iter().chain(rows.iter()).for_each(|(tag, sample)| writer.push(*tag, sample));
        let bytes = writer.finish();
        let head = self.main.change(|transaction| {
            let sql = "INSERT INTO head(alive, bytes) VALUES (?1, ?2)";
            let head = transaction.prepare_cached(sql)?.insert(params![now.as_micros(), bytes])?;
            identifiers::write(transaction, changes)?;
            write_alive(transaction, now).map(|()| head)
        })?;
        self.newest_head = head;
        for tag in fresh {
            *slot(&mut self.seen, tag) = true;
            self.before_start.remove(&tag);
        }
        let unsealed = Arc::clone(&self.unsealed);
        let Ok(mut tail) = unsealed.lock() else { return Ok(()) };
        tail.alive = Some(now);
        for (tag, sample) in gaps.into_iter().chain(rows.drain(..)) {
            // After a clock that jumped ahead everything lies before what is sealed; what belongs to the present hour waits for its end.
            let border = floor(now.as_micros(), HOUR);
            if sample.time.as_micros() < border.min(*slot_or(&mut self.sealed_to, tag, i64::MIN)) {
                self.late.insert(tag);
            }
            tail.push(tag, head, sample);
        }
        Ok(())
    }

    /// Where the last run ended without saying so, the first sample of this run is preceded by one that says "station was off".
    fn gaps(&mut self, rows: &VecDeque<(i64, Sample)>) -> (Vec<(i64, Sample)>, BTreeSet<i64>) {
        let fresh = rows.iter().map(|(tag, _)| *tag).filter(|tag| !*slot(&mut self.seen, *tag));
        let fresh: BTreeSet<i64> = fresh.collect();
        let Some(alive) = self.was_alive else { return (Vec::new(), fresh) };
        self.find_last_before(&fresh, alive.as_micros().saturating_add(1));
        let gaps = fresh.iter().filter_map(|tag| Some((*tag, self.gap_before(*tag, alive)?))).collect();
        (gaps, fresh)
    }

    fn gap_before(&self, tag: i64, alive: Timestamp) -> Option<Sample> {
        let sealed = self.before_start.get(&tag).cloned().flatten();
        let unsealed = self
            .unsealed
            .lock()
            .ok()
            .and_then(|tail| tail.of(tag)?.filtered(|_, sample| sample.time <= alive).series.latest());
        let last = match (sealed, unsealed) {
            (Some(sealed), Some(unsealed)) => Some(if unsealed.time >= sealed.time { unsealed } else { sealed }),
            (sealed, unsealed) => unsealed.or(sealed),
        };
        let open = last.is_some_and(|last| !last.quality.is_bad());
        open.then(|| Sample { time: alive, value: None, quality: Quality::bad(Reason::StationOff) })
    }

    /// Looks once through all months for what these tags said last before `time`. A flush waits for it, so months are only read, and what
    /// cannot be read is passed over: then nothing is known there, and no gap is written.
    fn find_last_before(&mut self, tags: &BTreeSet<i64>, time: i64) {
        let mut unknown: BTreeSet<i64> =
            tags.iter().copied().filter(|tag| !self.before_start.contains_key(tag)).collect();
        self.before_start.extend(unknown.iter().map(|tag| (*tag, None)));
        let newest = Month::of(time.saturating_sub(1));
        for month in month::months(&self.folder).into_iter().rev().filter(|month| *month <= newest) {
            if unknown.is_empty() {
                return;
            }
            let path = month::path(&self.folder, month);
            match last_in(&path, &unknown, time) {
                Ok(found) => {
                    for (tag, sample) in found {
                        unknown.remove(&tag);
                        self.before_start.insert(tag, Some(sample));
                    }
                }
                // An older month would tell what is not true any more.
                Err(error) => return self.say_gap_unknown(&explain(&path, error)),
            }
        }
    }

    fn say_gap_unknown(&mut self, error: &StoreError) {
        if !std::mem::replace(&mut self.gap_unknown, true) {
            tracing::warn!("where a tag ended in the last run cannot be read, so that its gap is not marked: {error}");
        }
    }

    /// Gives up the oldest unsealed samples where there are more than `most`, down to half of that, in memory and in the head.
    pub(super) fn bound_unsealed(&mut self, most: usize) -> Result<(), StoreError> {
        if self.unsealed_count() <= most {
            return Ok(());
        }
        self.lost += self.unsealed.lock().map_or(0, |mut tail| tail.drop_oldest(most / 2));
        self.rewrite_head()
    }

    /// Writes everything unsealed as one head row, in the place of all that there are.
    pub(super) fn rewrite_head(&mut self) -> Result<(), StoreError> {
        let unsealed = Arc::clone(&self.unsealed);
        let Ok(tail) = unsealed.lock() else { return Ok(()) };
        let mut writer = HeadWriter::new(tail.count());
        for (tag, samples) in tail.tags() {
            samples.series.iter().for_each(|sample| writer.push(tag, &sample));
        }
        let (bytes, alive, empty) = (writer.finish(), tail.alive.unwrap_or_default(), tail.count() == 0);
        drop(tail);
        let newest = self.newest_head;
        self.newest_head = self.main.change(|transaction| {
            let fresh = if empty {
                newest
            } else {
                let sql = "INSERT INTO head(alive, bytes) VALUES (?1, ?2)";
                transaction.prepare_cached(sql)?.insert(params![alive.as_micros(), bytes])?
            };
            transaction.prepare_cached("DELETE FROM head WHERE id <= ?1")?.execute([newest])?;
            Ok(fresh)
        })?;
        Ok(())
    }
}

/// The place of a tag in a dense table.
fn slot(table: &mut Vec<bool>, tag: i64) -> &mut bool {
    slot_or(table, tag, false)
}

fn write_alive(transaction: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "INSERT OR REPLACE INTO alive(id, time) VALUES (1, ?1)";
    transaction.prepare_cached(sql)?.execute([now.as_micros()]).map(drop)
}

/// What tags said last before `time`, as far as a file of a month knows.
fn last_in(path: &Path, tags: &BTreeSet<i64>, time: i64) -> rusqlite::Result<Vec<(i64, Sample)>> {
    let connection = Database::open_to_read(path)?;
    let last = |tag: &i64| Ok(month::before(&connection, *tag, time)?.map(|sample| (*tag, sample)));
    tags.iter().filter_map(|tag| last(tag).transpose()).collect()
}
