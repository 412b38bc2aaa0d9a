//! Backups by the clock, while the station runs: on a thread of their own, so that no command and no flush waits for one.

use super::back_up;
use super::schedule::{AGAIN, due, is_unfinished, moment, name, outdated, prefix};
use crate::config::BackupSettings;
use crate::engine::Event;
use crate::queue::Sender;
use crate::station::outlets::HealthBoard;
use crate::tag::{Clock, Now, Timestamp};
use chrono::TimeZone;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often it is looked whether one is due.
const LOOK: Duration = Duration::from_secs(10);
const MICROS_AN_HOUR: i64 = 3_600_000_000;

/// What the station file says about backups at present, with the name of the station.
pub(in crate::station) type Shared = Arc<Mutex<(Option<BackupSettings>, Arc<str>)>>;

/// Makes backups when they are due, until the runtime stops. One that is under way then is left as it is, and removed before the next.
pub(in crate::station) async fn keep(
    folder: PathBuf,
    shared: Shared,
    board: Arc<HealthBoard>,
    urgent: Sender<Event>,
    clock: Arc<dyn Clock>,
) {
    let mut keeper = Keeper::new(folder, clock.now());
    loop {
        let Some((settings, station)) = shared.lock().ok().map(|shared| shared.clone()) else { return };
        let time = Arc::clone(&clock);
        let turn = tokio::task::spawn_blocking(move || {
            keeper.turn(settings.as_ref(), &station, &*time, &chrono::Local);
            keeper
        });
        // It ends otherwise only where the runtime does.
        let Ok(back) = turn.await else { return };
        keeper = back;
        let (age, failing) = (keeper.age_hours(clock.now().utc), keeper.failing.clone());
        board.update_changed(&urgent, |stores| {
            let told = (stores.backup_age_hours, stores.backup_failing.take());
            (stores.backup_age_hours, stores.backup_failing) = (age, failing);
            told != (stores.backup_age_hours, stores.backup_failing.clone())
        });
        tokio::time::sleep(LOOK).await;
    }
}

/// What is known of the backups of a station.
struct Keeper {
    folder: PathBuf,
    started: Timestamp,
    /// What it was last told.
    settings: Option<BackupSettings>,
    good: Option<Timestamp>,
    /// When the last one failed, by both clocks.
    failed: Option<Now>,
    failing: Option<Arc<str>>,
}

impl Keeper {
    fn new(folder: PathBuf, now: Now) -> Self {
        Self { folder, started: now.utc, settings: None, good: None, failed: None, failing: None }
    }

    fn age_hours(&self, now: Timestamp) -> Option<u64> {
        let age = now.micros_since(self.good?).max(0) / MICROS_AN_HOUR;
        u64::try_from(age).ok()
    }

    /// Makes a backup if one is due.
    fn turn<Zone: TimeZone>(
        &mut self,
        settings: Option<&BackupSettings>,
        station: &str,
        clock: &dyn Clock,
        zone: &Zone,
    ) {
        let (now, prefix) = (clock.now(), prefix(station));
        if self.settings.as_ref() != settings {
            self.settings = settings.cloned();
            (self.failed, self.failing, self.started) = (None, None, now.utc);
            let found = settings.map(|settings| names(&settings.to).unwrap_or_default()).unwrap_or_default();
            let moments = found.iter().filter_map(|name| moment(&prefix, name));
            // One of the future is of a clock that was wrong, and says nothing.
            self.good = moments.filter(|moment| *moment <= now.utc).max();
        }
        let Some(settings) = settings else { return };
        // A clock that was set back does not put the next one off.
        self.good = self.good.map(|good| good.min(now.utc));
        let last = self.good;
        let waits = self.failed.is_some_and(|failed| now.monotonic.since(failed.monotonic) < AGAIN);
        if waits || (self.failed.is_none() && due(settings.when, last, self.started, zone) > now.utc) {
            return;
        }
        match make(&self.folder, settings, &prefix, now.utc) {
            Ok(()) => (self.good, self.failed, self.failing) = (Some(now.utc), None, None),
            Err(why) => (self.failed, self.failing) = (Some(clock.now()), Some(why.into())),
        }
    }
}

/// Makes one, and removes those that are too many; why it failed.
fn make(station: &Path, settings: &BackupSettings, prefix: &str, now: Timestamp) -> Result<(), String> {
    let to = &settings.to;
    if !to.is_dir() {
        return Err(format!("the folder {} is not there; make it, or mount what it lies on", to.display()));
    }
    let cannot = |error: std::io::Error| format!("{} cannot be read: {error}", to.display());
    for name in names(to).map_err(cannot)?.iter().filter(|name| is_unfinished(prefix, name)) {
        remove(&to.join(name))?;
    }
    back_up(station, &to.join(name(prefix, now))).map_err(|error| error.to_string())?;
    let names = names(to).map_err(cannot)?;
    outdated(prefix, &names, settings.keep, now).iter().try_for_each(|name| remove(&to.join(name)))
}

fn names(folder: &Path) -> std::io::Result<Vec<String>> {
    std::fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn remove(path: &Path) -> Result<(), String> {
    let removed = if path.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    removed.map_err(|error| format!("the old backup {} cannot be removed: {error}", path.display()))
}

#[cfg(test)]
mod tests;
