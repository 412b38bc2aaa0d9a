//! What is kept of the bytes of all connections over a restart: `traffic.json` in the station folder. It is written once a minute where
//! something was sent, and when the station stops: a power cut loses the last minute.

use super::account::Months;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

/// The name of the file in a station folder.
pub(super) const TRAFFIC_FILE: &str = "traffic.json";
/// Connections that are kept at most, those that the station file does not have any more included.
const CONNECTIONS: usize = 1000;

/// By connection.
pub(super) type Accounts = BTreeMap<String, Months>;

#[derive(Default, Serialize, Deserialize)]
struct TrafficFile {
    connections: Accounts,
}

/// Why what is known of months is not there, or is not kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BookError {
    /// It made no sense; it was put aside.
    #[error("{0} made no sense ({1}) and was set aside as {2}; the bytes of this month begin anew")]
    SetAside(PathBuf, String, String),
    /// It cannot be read, so that it must not be written over either.
    #[error("{0} cannot be read: {1}; what is sent in this month is counted from now on, and not kept")]
    Unreadable(PathBuf, String),
    /// It cannot be written.
    #[error("{0} cannot be written: {1}")]
    Unwritable(PathBuf, String),
}

/// Reads what is known; nothing where there is no file yet.
pub(super) fn read(folder: &Path) -> Result<Accounts, BookError> {
    let path = folder.join(TRAFFIC_FILE);
    let bytes = match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Accounts::new()),
        other => other.map_err(|error| BookError::Unreadable(path.clone(), error.to_string()))?,
    };
    match serde_json::from_slice::<TrafficFile>(&bytes) {
        Ok(file) => Ok(file.connections),
        Err(error) => Err(set_aside(path, &error)),
    }
}

fn set_aside(path: PathBuf, why: &serde_json::Error) -> BookError {
    let name = format!("{TRAFFIC_FILE}.damaged");
    match std::fs::rename(&path, path.with_file_name(&name)) {
        Ok(()) => BookError::SetAside(path, why.to_string(), name),
        Err(error) => BookError::Unreadable(path, format!("{why}, nor set aside: {error}")),
    }
}

/// Writes it; the new file takes the place of the old one when it is whole.
pub(super) fn write(folder: &Path, accounts: &Accounts) -> Result<(), BookError> {
    let path = folder.join(TRAFFIC_FILE);
    let unfinished = folder.join(format!("{TRAFFIC_FILE}.unfinished"));
    let connections = accounts.iter().take(CONNECTIONS).map(|(name, months)| (name.clone(), months.clone())).collect();
    let put = || -> std::io::Result<()> {
        let mut out = std::fs::File::create(&unfinished)?;
        out.write_all(serde_json::to_string_pretty(&TrafficFile { connections })?.as_bytes())?;
        out.sync_all()?;
        std::fs::rename(&unfinished, &path)
    };
    put().map_err(|error| BookError::Unwritable(path.clone(), error.to_string()))
}
