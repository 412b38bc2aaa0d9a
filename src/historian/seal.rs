//! Sealing: what the open head holds goes into chunks and rollups, a few tags at a time, so that no flush waits.
//!
//! The order makes it safe to be cut short anywhere. The file of the month is committed first and says itself which head rows its chunks
//! contain; then the rollups; only when a round is through does one commit replace all head rows by what is left of them. After a crash
//! the head still has everything, the file tells what of it is sealed already, and the rollups of those hours are made again from the chunks.

use super::calendar::{DAY, HOUR, MINUTE, Month, floor};
use super::database::StoreError;
use super::month::{self, Chunk, Sealed};
use super::rollup::{Rollup, roll};
use super::rollups::{self, Resolution, replace_hour};
use super::series::Series;
use super::store::{SampleStore, slot_or};
use super::tail::TagTail;
use crate::tag::{Sample, Value};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet};

/// Fewer samples than this wait in the head for the end of the day: a chunk of ten samples costs as much as one of a hundred.
const WORTH_A_CHUNK: usize = 64;

/// What a round of sealing takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    /// Everything: there is too much in memory.
    Everything,
    /// What lies before the beginning of this hour.
    Before(i64),
    /// The same, of tags with late samples.
    Late(i64),
}

/// A round under way.
pub(super) struct Sealing {
    waiting: Vec<i64>,
    until: i64,
    /// Whether anything was sealed, so that the head has to be written anew.
    took_some: bool,
}

/// The rollups of one tag in one hour.
struct HourOf {
    tag: i64,
    hour: i64,
    minutes: Vec<Rollup>,
    hours: Vec<Rollup>,
}

impl SampleStore {
    /// Begins a round.
    pub(super) fn begin_seal(&mut self, scope: Scope) {
        let until = match scope {
            Scope::Everything => i64::MAX,
            Scope::Before(hour) | Scope::Late(hour) => hour,
        };
        let Ok(tail) = self.unsealed.lock() else { return };
        let is_due = |series: &Series| match scope {
            Scope::Everything => true,
            Scope::Late(_) | Scope::Before(_) => {
                let inside = || series.times.iter().filter(|time| **time < until);
                inside().count() >= WORTH_A_CHUNK || inside().any(|time| *time < floor(until, DAY))
            }
        };
        let late = &self.late;
        let wanted = |tag: &i64, series: &Series| match scope {
            Scope::Late(_) => late.contains(tag),
            _ => is_due(series),
        };
        let mut waiting: Vec<i64> =
            tail.tags().filter(|(tag, tail)| wanted(tag, &tail.series)).map(|(tag, _)| tag).collect();
        // Taken from the end; neighbours are often tags of one answer and share their timeline.
        waiting.reverse();
        drop(tail);
        self.late.clear();
        self.months.values_mut().for_each(|month| month.timelines = month::Timelines::default());
        if !waiting.is_empty() {
            self.sealing = Some(Sealing { waiting, until, took_some: false });
        }
    }

    pub(super) fn is_sealing(&self) -> bool {
        self.sealing.is_some()
    }

    /// Seals a few tags; small enough that nothing waits for it. After an error the same tags are tried again.
    pub(super) fn seal_step(&mut self, tags: usize) -> Result<(), StoreError> {
        let Some(mut sealing) = self.sealing.take() else { return Ok(()) };
        let rest = sealing.waiting.len().saturating_sub(tags);
        let batch = sealing.waiting.split_off(rest);
        let done = self.seal_tags(&batch, sealing.until).map(|took_some| sealing.took_some |= took_some);
        let ends = sealing.waiting.is_empty() && sealing.took_some;
        let done = if ends && done.is_ok() { self.rewrite_head() } else { done };
        if done.is_err() {
            sealing.waiting.extend(batch);
        }
        if !sealing.waiting.is_empty() {
            self.sealing = Some(sealing);
        }
        done
    }

    /// Seals tags; whether there was anything to seal.
    fn seal_tags(&mut self, tags: &[i64], until: i64) -> Result<bool, StoreError> {
        let sealed = Sealed { through: self.newest_head, until };
        let gathered = self.gather(tags, until);
        let took_some = !gathered.is_empty();
        for (month, groups) in gathered {
            if month.end() <= self.raw_from {
                self.lost += groups.iter().map(|(_, unsealed)| unsealed.series.len() as u64).sum::<u64>();
            } else {
                let hours = self.seal_month(month, &groups, sealed)?;
                self.write_rollups(&hours)?;
            }
            let Ok(mut tail) = self.unsealed.lock() else { continue };
            for (tag, _) in groups {
                tail.remove(tag, sealed, [month.start(), month.end()]);
            }
        }
        for tag in tags {
            let to = if until == i64::MAX { self.newest_sealed(*tag) } else { until };
            let slot = slot_or(&mut self.sealed_to, *tag, i64::MIN);
            *slot = (*slot).max(to);
        }
        Ok(took_some)
    }

    /// After everything was sealed, the last sample of a tag is the border of what is late.
    fn newest_sealed(&mut self, tag: i64) -> i64 {
        self.last_before(tag, i64::MAX).ok().flatten().map_or(i64::MIN, |sample| sample.time.as_micros())
    }

    /// What is to be sealed, by month.
    fn gather(&self, tags: &[i64], until: i64) -> BTreeMap<Month, Vec<(i64, TagTail)>> {
        let mut months: BTreeMap<Month, Vec<(i64, TagTail)>> = BTreeMap::new();
        let Ok(tail) = self.unsealed.lock() else { return months };
        for tag in tags.iter().rev() {
            let Some(unsealed) = tail.of(*tag) else { continue };
            let is_taken = |time: i64| until == i64::MAX || time < until;
            let taken: Vec<i64> = unsealed.series.times.iter().copied().filter(|time| is_taken(*time)).collect();
            let (Some(first), Some(last)) = (taken.iter().min(), taken.iter().max()) else { continue };
            if Month::of(*first) == Month::of(*last) && taken.len() == unsealed.series.len() {
                months.entry(Month::of(*first)).or_default().push((*tag, unsealed.clone()));
                continue;
            }
            let inside: BTreeSet<Month> = taken.into_iter().map(Month::of).collect();
            for month in inside {
                let keep = |sample: &Sample| {
                    let time = sample.time.as_micros();
                    is_taken(time) && Month::of(time) == month
                };
                months.entry(month).or_default().push((*tag, unsealed.filtered(|_, sample| keep(sample))));
            }
        }
        months
    }

    /// Commits chunks of one month; the rollups that follow from them.
    fn seal_month(
        &mut self,
        month: Month,
        groups: &[(i64, TagTail)],
        sealed: Sealed,
    ) -> Result<Vec<HourOf>, StoreError> {
        let names = self.names();
        let file = self.month(month)?;
        let mut timelines = std::mem::take(&mut file.timelines);
        let named = file.named.clone();
        let mut again: BTreeSet<(i64, i64)> = BTreeSet::new();
        let mut known_hours: BTreeSet<(i64, i64)> = BTreeSet::new();
        let mut ends: Vec<i64> = Vec::new();
        let hours = file.database.change(|transaction| {
            let mut hours = Vec::new();
            for (tag, unsealed) in groups {
                if let (false, Some(key)) = (named.contains(tag), names.get(tag)) {
                    let sql = "INSERT OR REPLACE INTO tag(id, key) VALUES (?1, ?2)";
                    transaction.prepare_cached(sql)?.execute(params![tag, key.as_str()])?;
                }
                // When the rollups could not be written the last time, the chunks were.
                let known = month::sealed(transaction, *tag)?;
                let fresh = unsealed.filtered_by(known, |time| known_hours.extend([(*tag, floor(time, HOUR))]));
                for chunk in &mut month::merge(transaction, *tag, &fresh.in_order())? {
                    month::write(transaction, *tag, chunk, &mut timelines)?;
                    if let Some(next) = touch_next(transaction, *tag, chunk)? {
                        again.insert((*tag, next));
                    }
                    hours.extend(hours_of(*tag, chunk, before_chunk(transaction, *tag, chunk.start)?));
                }
                month::write_sealed(transaction, *tag, sealed)?;
                ends.push(*tag);
            }
            Ok(hours)
        })?;
        file.timelines = timelines;
        file.named.extend(groups.iter().map(|(tag, _)| *tag));
        again.extend(self.pass_on_closing(month, &ends)?);
        self.recompute(&again)?;
        self.recompute_with_next(&known_hours)?;
        Ok(hours)
    }

    /// When samples are late, the months after theirs open with something else. Tags and hours whose rollups follow from that.
    fn pass_on_closing(&mut self, month: Month, tags: &[i64]) -> Result<Vec<(i64, i64)>, StoreError> {
        let later: Vec<Month> = month::months(&self.folder).into_iter().filter(|other| *other > month).collect();
        let mut again = Vec::new();
        if later.is_empty() {
            return Ok(again);
        }
        let mut closings: BTreeMap<i64, Vec<u8>> = self.month(month)?.database.with(|connection| {
            let closing = |tag: &i64| Ok(month::before(connection, *tag, i64::MAX)?.map(|last| (*tag, last)));
            let found = tags.iter().filter_map(|tag| closing(tag).transpose());
            found.map(|found| found.map(|(tag, last)| (tag, month::encode_sample(&last)))).collect()
        })?;
        for other in later {
            if closings.is_empty() {
                break;
            }
            let firsts: Vec<(i64, i64)> = self.month(other)?.database.change(|transaction| {
                let mut firsts = Vec::new();
                for (tag, bytes) in &closings {
                    month::write_opening(transaction, *tag, bytes)?;
                    firsts.extend(month::next_after(transaction, *tag, i64::MIN)?.map(|first| (*tag, first)));
                }
                Ok(firsts)
            })?;
            // The months after a tag's next sample open with that one.
            for (tag, first) in firsts {
                closings.remove(&tag);
                again.push((tag, floor(first, HOUR)));
            }
        }
        Ok(again)
    }

    /// Makes the rollups of these hours again, and what follows from them: their chunks were written, but the round was cut short there.
    pub(super) fn recompute_with_next(&mut self, hours: &BTreeSet<(i64, i64)>) -> Result<(), StoreError> {
        let mut again = hours.clone();
        let mut months: BTreeMap<Month, BTreeSet<i64>> = BTreeMap::new();
        for (tag, hour) in hours {
            let month = Month::of(*hour);
            months.entry(month).or_default().insert(*tag);
            let next = self.month(month)?.database.with(|connection| next_hour(connection, *tag, *hour))?;
            again.extend(next.map(|next| (*tag, next)));
        }
        for (month, tags) in months {
            let tags: Vec<i64> = tags.into_iter().collect();
            again.extend(self.pass_on_closing(month, &tags)?);
        }
        self.recompute(&again)
    }

    /// Makes the rollups of these hours again, from the chunks.
    pub(super) fn recompute(&mut self, hours: &BTreeSet<(i64, i64)>) -> Result<(), StoreError> {
        let mut fresh = Vec::new();
        for (tag, hour) in hours {
            // Of what is not kept any more there is nothing to make them from.
            if !month::path(&self.folder, Month::of(*hour)).exists() {
                continue;
            }
            let file = self.month(Month::of(*hour))?;
            let found = file.database.with(|connection| {
                let Some(mut chunk) = month::owner(connection, *tag, *hour)? else { return Ok(Vec::new()) };
                chunk.touched.insert(*hour);
                Ok(hours_of(*tag, &chunk, before_chunk(connection, *tag, chunk.start)?))
            })?;
            fresh.extend(found);
        }
        self.write_rollups(&fresh)
    }

    fn write_rollups(&mut self, hours: &[HourOf]) -> Result<(), StoreError> {
        let mut years: BTreeMap<i64, Vec<&HourOf>> = BTreeMap::new();
        for of in hours {
            years.entry(rollups::year_of(of.hour)).or_default().push(of);
        }
        let mut damaged = BTreeSet::new();
        for (year, hours) in years {
            damaged.extend(self.year(year)?.change(|transaction| {
                replace_hours(transaction, Resolution::Minutes, hours.iter().map(|of| (*of, &of.minutes)))
            })?);
        }
        if hours.is_empty() {
            return Ok(());
        }
        damaged.extend(self.main.change(|transaction| {
            replace_hours(transaction, Resolution::Hours, hours.iter().map(|of| (of, &of.hours)))
        })?);
        if damaged.is_empty() {
            return Ok(());
        }
        tracing::warn!("damaged rollups of {} hours are made again from the samples", damaged.len());
        self.recompute(&damaged)
    }
}

/// Writes rollups; the tags and hours that lay in the same rows where these were damaged.
fn replace_hours<'a>(
    connection: &Connection,
    resolution: Resolution,
    hours: impl Iterator<Item = (&'a HourOf, &'a Vec<Rollup>)>,
) -> rusqlite::Result<BTreeSet<(i64, i64)>> {
    let mut damaged = BTreeSet::new();
    for (of, rollups) in hours {
        if replace_hour(connection, resolution, of.tag, of.hour, rollups)? {
            let start = floor(of.hour, resolution.row());
            let row = (0..resolution.row() / HOUR).map(|hour| (of.tag, start.saturating_add(hour * HOUR)));
            damaged.extend(row);
        }
    }
    Ok(damaged)
}

/// After a late sample the next one's hour begins with another value. It is touched too; where it lies in another chunk, it is returned.
fn touch_next(connection: &Connection, tag: i64, chunk: &mut Chunk) -> rusqlite::Result<Option<i64>> {
    let mut next_elsewhere = None;
    for hour in chunk.touched.clone() {
        let end = hour.saturating_add(HOUR);
        let next = chunk.series.times.partition_point(|time| *time < end);
        match chunk.series.times.get(next) {
            Some(time) => drop(chunk.touched.insert(floor(*time, HOUR))),
            None => next_elsewhere = month::next_after(connection, tag, chunk.start)?.map(|time| floor(time, HOUR)),
        }
    }
    Ok(next_elsewhere)
}

/// The hour of the first sample of a tag after an hour, in the same month.
fn next_hour(connection: &Connection, tag: i64, hour: i64) -> rusqlite::Result<Option<i64>> {
    let Some(mut chunk) = month::owner(connection, tag, hour)? else { return Ok(None) };
    chunk.touched.insert(hour);
    let elsewhere = touch_next(connection, tag, &mut chunk)?;
    Ok(chunk.touched.into_iter().find(|touched| *touched > hour).or(elsewhere))
}

/// What went on when a chunk began: none when nothing was known, not a number when it was bad.
fn before_chunk(connection: &Connection, tag: i64, start: i64) -> rusqlite::Result<Option<f64>> {
    Ok(month::before(connection, tag, start)?.map(|sample| number(&sample)))
}

/// A sample as a number; not a number where it is bad or none.
pub(super) fn number(sample: &Sample) -> f64 {
    sample.value.as_ref().filter(|_| !sample.quality.is_bad()).and_then(Value::as_f64).unwrap_or(f64::NAN)
}

/// The rollups of the hours of a chunk that were touched.
fn hours_of(tag: i64, chunk: &Chunk, before: Option<f64>) -> Vec<HourOf> {
    let (times, numbers) = (&chunk.series.times, chunk.series.numbers());
    let of = |hour: &i64| {
        let from = times.partition_point(|time| *time < *hour);
        let to = times.partition_point(|time| *time < hour.saturating_add(HOUR));
        let before = from.checked_sub(1).map_or(before, |place| Some(numbers[place]));
        let (times, numbers) = (&times[from..to], &numbers[from..to]);
        HourOf {
            tag,
            hour: *hour,
            minutes: roll(times, numbers, before, MINUTE),
            hours: roll(times, numbers, before, HOUR),
        }
    };
    chunk.touched.iter().map(of).collect()
}
