//! Retention at work: whole months go as files, parts of a month as rows, a few at a time; and the space comes back.

use super::SAMPLES_FILE;
use super::calendar::{HOUR, Month, floor};
use super::database::{Database, StoreError};
use super::month;
use super::retention::{
    BELIEVED_AHEAD, Forecast, Horizons, MonthUse, WELL_BELOW_PERCENT, believed, forecast, horizons, recent,
};
use super::rollups;
use super::store::{SampleStore, horizon};
use crate::tag::Retention;
use rusqlite::params;
use std::path::Path;
use std::time::Duration;

/// Chunks taken out of a month in one commit.
const CHUNKS: i64 = 200;
const PAGES: u32 = 512;
/// Chunks of a tag do not overlap: in the order of their ends, too, the last one of a tag is what the month opens with.
pub(super) const OLD_CHUNKS: &str =
    "SELECT id, tag, closing, timeline FROM chunk WHERE last < ?1 ORDER BY last, start LIMIT ?2";
pub(super) const DROP_OLD_MINUTES: &str =
    "DELETE FROM minutes WHERE id IN (SELECT id FROM minutes WHERE start < ?1 LIMIT ?2)";
/// Rows of the table of horizons: since when samples and minutes are kept, and until when the clock is believed.
const RAW: &str = "raw";
const MINUTES: &str = "minutes";
const BELIEVED: &str = "believed";
/// When samples first went because of the cap.
const CAPPED: &str = "capped";

impl SampleStore {
    /// What the files take, and how that goes on.
    pub(super) fn forecast(&self, retention: &Retention, now: i64) -> Forecast {
        let free = rustix::fs::statvfs(&self.folder).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
        let months = self.month_uses();
        let first = recent(&months).first().and_then(|of| self.first_of(of.month)).unwrap_or(i64::MIN);
        let is_capped = self.main.with(|connection| horizon(connection, CAPPED)).is_ok_and(|since| since.is_some());
        Forecast { is_capped, ..forecast(retention, now, &months, first, [self.all_bytes(), free]) }
    }

    /// Notes that samples go because of the cap, as long as they do.
    fn note_cap(&mut self, retention: &Retention, raw_from: i64, now: i64) -> Result<(), StoreError> {
        let by_time = Retention { most_bytes: None, ..*retention };
        let bites = raw_from > horizons(&by_time, now, &[], 0, i64::MIN).raw_from;
        let room = retention.most_bytes.is_none_or(|most| self.all_bytes() < most / 100 * WELL_BELOW_PERCENT);
        let is_noted = self.main.with(|connection| horizon(connection, CAPPED))?.is_some();
        match (bites, room && is_noted) {
            (true, _) if !is_noted => self.move_horizon(CAPPED, now),
            (false, true) => {
                let sql = "DELETE FROM horizon WHERE what = ?1";
                self.main.change(|transaction| transaction.execute(sql, [CAPPED]).map(drop))
            }
            _ => Ok(()),
        }
    }

    /// When the samples of a month begin, by its hour; none where that cannot be read, and the month then counts as whole.
    fn first_of(&self, month: Month) -> Option<i64> {
        let connection = Database::open_to_read(&month::path(&self.folder, month)).ok()?;
        connection.query_row("SELECT start FROM chunk ORDER BY last, start LIMIT 1", [], |row| row.get(0)).ok()
    }

    fn month_uses(&self) -> Vec<MonthUse> {
        let bytes = |month: Month| std::fs::metadata(month::path(&self.folder, month)).map_or(0, |file| file.len());
        month::months(&self.folder).into_iter().map(|month| MonthUse { month, bytes: bytes(month) }).collect()
    }

    /// What the files of history take; what was set aside or lies there otherwise is none of it.
    fn all_bytes(&self) -> u64 {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return 0 };
        let bytes =
            |entry: std::fs::DirEntry| is_of_history(entry.file_name().to_str()?).then(|| entry.metadata().ok());
        entries.filter_map(|entry| bytes(entry.ok()?)).flatten().map(|file| file.len()).sum()
    }

    /// The station ran for `elapsed`, and its clock says `now`: how far that is believed.
    pub(super) fn believe(&mut self, now: i64, elapsed: Duration) {
        self.believed = believed(self.believed, now, elapsed, self.doubted);
        let is_ahead = now > self.believed.saturating_add(BELIEVED_AHEAD);
        self.doubted = if is_ahead { self.doubted.saturating_add(elapsed) } else { Duration::ZERO };
    }

    /// Until when the clock was believed in earlier runs; without that, as far as the files go.
    pub(super) fn load_believed(&mut self, now: i64) -> Result<(), StoreError> {
        let stored = self.main.with(|connection| horizon(connection, BELIEVED))?;
        let newest = || month::months(&self.folder).last().map(|month| month.end());
        self.believed = stored.or_else(newest).unwrap_or(now);
        Ok(())
    }

    /// A horizon after now comes from a clock that was wrong: it goes back to the oldest that there is, as new samples would be dropped.
    pub(super) fn lower_horizons(&mut self, now: i64) -> Result<(), StoreError> {
        let oldest_month = month::months(&self.folder).first().map_or(i64::MAX, |month| month.start());
        let unsealed = self.unsealed.lock().ok();
        let oldest_unsealed = unsealed.and_then(|tail| tail.tags().filter_map(|(_, tail)| tail.first()).min());
        let raw = floor(now.min(oldest_month).min(oldest_unsealed.unwrap_or(i64::MAX)), HOUR);
        let oldest_year = rollups::years(&self.folder).first().map_or(i64::MAX, |year| rollups::start_of(*year));
        self.main.change(|transaction| {
            let sql = "UPDATE horizon SET time = ?2 WHERE what = ?1 AND time > ?3";
            let mut statement = transaction.prepare_cached(sql)?;
            statement.execute(params![RAW, raw, now])?;
            statement.execute(params![MINUTES, raw.min(oldest_year), now])
        })?;
        if self.raw_from > now {
            self.raw_from = raw;
        }
        Ok(())
    }

    /// Drops a little of what is not to be kept any more; whether more is waiting. A clock that is far ahead of what is believed drops nothing
    /// on its own word.
    pub(super) fn prune_step(&mut self, retention: &Retention, now: i64) -> Result<bool, StoreError> {
        self.lower_horizons(now)?;
        let now = now.min(self.believed.saturating_add(BELIEVED_AHEAD));
        self.move_horizon(BELIEVED, self.believed)?;
        let Horizons { raw_from, minutes_from } =
            horizons(retention, now, &self.month_uses(), self.all_bytes(), self.raw_from);
        self.note_cap(retention, raw_from, now)?;
        // Told first: readers then do not look for what is about to go.
        self.move_horizon(RAW, raw_from)?;
        self.move_horizon(MINUTES, minutes_from)?;
        // What could not be dropped before is still to go.
        self.raw_from = self.raw_from.max(raw_from);
        let raw_from = self.raw_from;
        let mut failed = None;
        for month in month::months(&self.folder).into_iter().take_while(|month| month.start() < raw_from) {
            match self.prune_before(month, raw_from) {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                // Room is made with the others all the same.
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or_else(|| self.prune_minutes(minutes_from), Err)
    }

    /// Drops a month, or a little of it.
    fn prune_before(&mut self, month: Month, raw_from: i64) -> Result<bool, StoreError> {
        if month.end() <= raw_from {
            self.months.remove(&month);
            remove_file(&month::path(&self.folder, month))?;
            return Ok(true);
        }
        let opened = self.month(month).map(drop);
        match self.leave_out(month, opened)? {
            Some(()) => self.prune_month(month, raw_from),
            None => Ok(false),
        }
    }

    fn move_horizon(&mut self, what: &str, time: i64) -> Result<(), StoreError> {
        if time == i64::MIN {
            return Ok(());
        }
        self.main.change(|transaction| {
            let sql = "INSERT INTO horizon(what, time) VALUES (?1, ?2)
                       ON CONFLICT(what) DO UPDATE SET time = ?2 WHERE time < ?2";
            transaction.prepare_cached(sql)?.execute(params![what, time]).map(drop)
        })
    }

    /// Takes old chunks out of a month. What the last of them closed with is what the month opens with from then on.
    fn prune_month(&mut self, month: Month, raw_from: i64) -> Result<bool, StoreError> {
        let file = self.month(month)?;
        // A timeline that goes may be remembered as one that can be shared.
        file.timelines = month::Timelines::default();
        // Looked up before anything is locked; nobody else changes chunks.
        let found: Vec<(i64, i64, Vec<u8>, i64)> = file.database.with(|connection| {
            let mut statement = connection.prepare_cached(OLD_CHUNKS)?;
            let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
            statement.query_map(params![raw_from, CHUNKS], row)?.collect()
        })?;
        if found.is_empty() {
            return Ok(false);
        }
        file.database.change(|transaction| {
            for (id, tag, closing, timeline) in &found {
                month::write_opening(transaction, *tag, closing)?;
                transaction.prepare_cached("DELETE FROM chunk WHERE id = ?1")?.execute([id])?;
                let sql = "DELETE FROM timeline WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM chunk WHERE timeline = ?1)";
                transaction.prepare_cached(sql)?.execute([timeline])?;
            }
            Ok(())
        })?;
        file.database.give_back_pages(PAGES)?;
        Ok(true)
    }

    fn prune_minutes(&mut self, minutes_from: i64) -> Result<bool, StoreError> {
        let row = rollups::Resolution::Minutes.row();
        let oldest = rollups::years(&self.folder).first().copied();
        let Some(year) = oldest.filter(|year| *year <= rollups::year_of(minutes_from)) else { return Ok(false) };
        if year < rollups::year_of(minutes_from) {
            self.years.remove(&year);
            remove_file(&rollups::path(&self.folder, year))?;
            return Ok(true);
        }
        let database = self.year(year)?;
        let gone = database.change(|transaction| {
            transaction.prepare_cached(DROP_OLD_MINUTES)?.execute(params![minutes_from.saturating_sub(row), CHUNKS])
        })?;
        database.give_back_pages(PAGES)?;
        Ok(gone > 0)
    }
}

/// Whether a file belongs to history: the main one, a month, a year of minutes, and what SQLite has beside them.
fn is_of_history(name: &str) -> bool {
    let name = name.strip_suffix("-wal").or_else(|| name.strip_suffix("-shm")).unwrap_or(name);
    name == SAMPLES_FILE || month::of_file(Path::new(name)).is_some() || rollups::year_of_file(name).is_some()
}

fn remove_file(path: &Path) -> Result<(), StoreError> {
    for suffix in ["-wal", "-shm", ""] {
        let file = std::path::PathBuf::from(format!("{}{suffix}", path.display()));
        if file.exists() {
            std::fs::remove_file(&file).map_err(StoreError::io(&file))?;
        }
    }
    Ok(())
}
