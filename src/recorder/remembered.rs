//! What outlives a start: the last audit entry of each kind and subject.

use super::journal::open_any;
use crate::audit::Entry;
use std::path::Path;

/// The last entries of one kind, such as `scan`, in order of their subjects. The file may belong to a station that runs. Entries that cannot be
/// read are left out here; `polder verify` names them.
pub fn read_remembered(path: &Path, kind: &str) -> rusqlite::Result<Vec<Entry>> {
    let connection = open_any(path)?;
    let mut statement = connection.prepare("SELECT bytes FROM remembered WHERE kind = ?1 ORDER BY subject")?;
    let rows = statement.query_map([kind], |row| row.get::<_, Vec<u8>>(0))?;
    let bytes: Vec<Vec<u8>> = rows.collect::<rusqlite::Result<_>>()?;
    Ok(bytes.iter().filter_map(|bytes| serde_json::from_slice(bytes).ok()).collect())
}
