//! Backups that the running station makes by itself.

use super::file::BackupEntry;
use super::problem::{Place, Problems};
use super::units;
use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// More often, a station would do little else.
const LEAST: Duration = Duration::from_secs(600);
const KEEP: u32 = 7;
const MOST_KEPT: u32 = 1000;

/// When backups are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackupTime {
    /// So long after the one before.
    Every(Duration),
    /// Every day at so many minutes after midnight, local time.
    At(u16),
}

impl fmt::Display for BackupTime {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Every(time) => write!(formatter, "every {} minutes", time.as_secs() / 60),
            Self::At(minutes) => write!(formatter, "daily at {:02}:{:02}", minutes / 60, minutes % 60),
        }
    }
}

/// What the station file says about backups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackupSettings {
    /// The folder that they go to.
    pub to: PathBuf,
    /// When.
    pub when: BackupTime,
    /// How many of the newest stay; at least 1.
    pub keep: usize,
}

impl fmt::Display for BackupSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} to {}, the newest {} stay", self.when, self.to.display(), self.keep)
    }
}

/// Reads the settings; none where something of them is wrong.
pub(super) fn settings(
    entry: &BackupEntry,
    folder: &Path,
    place: &Place,
    problems: &mut Problems,
) -> Option<BackupSettings> {
    let when = when(entry, place, problems);
    let to = target(&entry.to, folder, place, problems);
    let keep = entry.keep.unwrap_or(KEEP);
    if !(1..=MOST_KEPT).contains(&keep) {
        problems.error(&place.at("keep"), format!("{keep} is not between 1 and {MOST_KEPT}"));
    }
    Some(BackupSettings { to: to?, when: when?, keep: keep as usize })
}

fn when(entry: &BackupEntry, place: &Place, problems: &mut Problems) -> Option<BackupTime> {
    match (&entry.every, &entry.at) {
        (Some(every), None) => {
            let every = problems.take(&place.at("every"), units::duration(every))?;
            if every < LEAST {
                problems.error(&place.at("every"), "less than 10 minutes leaves no time for the plant; write \"1d\"");
            }
            Some(BackupTime::Every(every))
        }
        (None, Some(at)) => Some(BackupTime::At(problems.take(&place.at("at"), minute_of_day(at))?)),
        (Some(_), Some(_)) => {
            problems.error(place, "say either \"every\" or \"at\", not both");
            None
        }
        (None, None) => {
            problems.error(place, "say when: \"every\": \"1d\" or \"at\": \"02:30\"");
            None
        }
    }
}

/// Reads `02:30`.
fn minute_of_day(text: &str) -> Result<u16, String> {
    let wrong = || format!("\"{text}\" is no time of day; write it as 02:30");
    let (hours, minutes) = text.split_once(':').ok_or_else(wrong)?;
    let number = |text: &str, below: u16| {
        let number = text.parse::<u16>().ok().filter(|number| text.len() == 2 && *number < below);
        number.ok_or_else(wrong)
    };
    Ok(number(hours, 24)? * 60 + number(minutes, 60)?)
}

/// The folder; what is relative begins at the station folder.
fn target(text: &str, folder: &Path, place: &Place, problems: &mut Problems) -> Option<PathBuf> {
    if text.trim().is_empty() {
        problems.error(&place.at("to"), "name a folder, such as \"/mnt/backup\"");
        return None;
    }
    let inside = plain(&std::path::absolute(folder).ok()?);
    let to = plain(&inside.join(text));
    if to.starts_with(&inside) {
        let words = format!("{text} lies inside the station folder and would be lost with it; name a folder elsewhere");
        problems.error(&place.at("to"), words);
        return None;
    }
    if !to.is_dir() {
        let words = format!("{} is not there; a backup fails until somebody makes or mounts it", to.display());
        problems.warn(&place.at("to"), words);
    }
    Some(to)
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(plain.pop()),
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::super::{Loaded, load};
    use super::*;
    use crate::tag::Generation;

    fn loaded(backup: &serde_json::Value) -> Loaded {
        let folder = tempfile::tempdir().unwrap();
        let station = serde_json::json!({"station": {"name": "x", "backup": backup}});
        std::fs::write(folder.path().join("station.json"), station.to_string()).unwrap();
        load(folder.path(), Generation(1))
    }

    #[test]
    fn backups_are_read() {
        let keep = tempfile::tempdir().unwrap();
        let to = keep.path().to_str().unwrap();
        for (when, expected) in [
            (serde_json::json!({"to": to, "every": "6h"}), BackupTime::Every(Duration::from_secs(6 * 3600))),
            (serde_json::json!({"to": to, "at": "02:30"}), BackupTime::At(150)),
        ] {
            let loaded = loaded(&when);
            assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
            let plant = loaded.plant.unwrap();
            let settings = BackupSettings { to: keep.path().to_owned(), when: expected, keep: 7 };
            assert_eq!(plant.backup, Some(settings));
            assert!(plant.plan.directory.find("station/backup-working").is_some());
        }
    }

    #[test]
    fn what_is_wrong_with_them_is_said_at_its_place() {
        for (entry, path, words) in [
            (serde_json::json!({"to": "/tmp", "every": "1d", "at": "02:30"}), "", "not both"),
            (serde_json::json!({"to": "/tmp"}), "", "say when"),
            (serde_json::json!({"to": "/tmp", "every": "1m"}), "/every", "less than 10 minutes"),
            (serde_json::json!({"to": "/tmp", "at": "2:30"}), "/at", "write it as 02:30"),
            (serde_json::json!({"to": "/tmp", "at": "24:00"}), "/at", "write it as 02:30"),
            (serde_json::json!({"to": "", "at": "02:30"}), "/to", "name a folder"),
            (serde_json::json!({"to": "copies", "at": "02:30"}), "/to", "lies inside the station folder"),
            (serde_json::json!({"to": "../x/../no-such-folder", "at": "02:30"}), "/to", "is not there"),
            (serde_json::json!({"to": "/tmp", "at": "02:30", "keep": 0}), "/keep", "not between 1 and 1000"),
            (serde_json::json!({"to": "/tmp", "at": "02:30", "kept": 3}), "/kept", "keep"),
        ] {
            let problems = loaded(&entry).problems;
            let expected = format!("station/backup{path}");
            let found = problems.iter().any(|problem| problem.path == expected && problem.words.contains(words));
            assert!(found, "{entry}: {problems:?}");
        }
    }
}
