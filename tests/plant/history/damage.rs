//! Damaged files: nothing panics, nothing keeps a station from running, and what can be read is read.

use super::schedule::{Run, key};
use super::written;
use polder::historian::{HISTORY_FOLDER, Reader, SAMPLES_FILE};
use polder::tag::Timestamp;

/// A station makes its files while others read.
#[test]
fn a_file_that_is_just_being_made_is_no_obstacle() {
    let keep = tempfile::tempdir().unwrap();
    written::write(keep.path(), Run::before_month_end(0, 0), 100);
    let history = keep.path().join(HISTORY_FOLDER);
    for name in ["raw-2026-03.sqlite", "raw-2025-12.sqlite", "minutes-2027.sqlite"] {
        std::fs::write(history.join(name), "").unwrap();
    }
    let reader = Reader::open(&history.join(SAMPLES_FILE), None).unwrap();
    let [from, to] =
        ["2025-01-01T00:00:00Z", "2028-01-01T00:00:00Z"].map(|text| Timestamp::parse_rfc3339(text).unwrap());
    assert_eq!(reader.samples(&key(0), from, to).unwrap().len(), 100);
    assert!(reader.before(&key(0), to).unwrap().is_some());
    assert!(!reader.columns(&key(0), from, to, 10, &|| false).unwrap().is_empty());
}
