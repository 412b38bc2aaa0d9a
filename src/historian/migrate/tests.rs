//! Files of version 1, whole, damaged, and on a disk that is nearly full.

use super::*;
use crate::historian::OpenedHistory;
use crate::historian::{HISTORY_FOLDER, Reader};
use std::path::PathBuf;

const TAGS: [&str; 5] = ["level", "running", "total", "word", "gap"];

/// A history of version 1, its main file changed by `harm`.
fn old_history(harm: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let history = folder.path().join(HISTORY_FOLDER);
    std::fs::create_dir_all(&history).unwrap();
    let file = history.join(SAMPLES_FILE);
    std::fs::write(&file, include_bytes!("../testdata/version-1.sqlite")).unwrap();
    Connection::open(&file).unwrap().execute_batch(harm).unwrap();
    (folder, history)
}

fn count_of(folder: &Path) -> Vec<usize> {
    let reader = Reader::open(&folder.join(HISTORY_FOLDER).join(SAMPLES_FILE), None).unwrap();
    let all = [i64::MIN, i64::MAX].map(Timestamp::from_micros);
    TAGS.iter().map(|key| reader.samples(&(*key).into(), all[0], all[1]).unwrap().len()).collect()
}

fn names(history: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(history).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// One chunk and one head row that do not decode.
const HARM: &str = "
    UPDATE chunk SET bytes = x'FFFFFF' WHERE tag = 1 AND start = (SELECT min(start) FROM chunk WHERE tag = 1);
    UPDATE head SET bytes = x'0201' WHERE id = (SELECT max(id) FROM head);";

#[test]
fn a_damaged_chunk_costs_itself_alone() {
    let (folder, history) = old_history(HARM);
    let opened = OpenedHistory::open(folder.path(), Timestamp::default()).unwrap();
    assert_eq!(opened.set_aside, None, "the file as a whole is not given up");
    let (samples, why): (i64, String) = opened
        .store
        .main
        .with(|connection| {
            connection.query_row("SELECT samples, why FROM loss", [], |row| Ok((row.get(0)?, row.get(1)?)))
        })
        .unwrap();
    drop(opened);
    let counts = count_of(folder.path());
    assert!(counts[0] > 0 && counts[0] < 1500, "{counts:?}");
    assert!(counts[1..].iter().all(|count| (1400..1500).contains(count)), "a head row holds all tags: {counts:?}");
    assert!(samples > 1, "{samples}");
    assert!(why.contains("1 chunks and 1 head rows") && why.contains("samples.damaged-"), "{why}");
    let kept = names(&history).into_iter().filter(|name| name.starts_with("samples.damaged-")).count();
    assert_eq!(kept, 1, "the file stays as it was");
}

#[test]
fn repair_reads_files_of_version_one_that_were_set_aside() {
    let (folder, history) = old_history(HARM);
    std::fs::rename(history.join(SAMPLES_FILE), history.join("samples.damaged-2026-10-31T00-00-00Z.sqlite")).unwrap();
    let repaired = crate::historian::repair_history(folder.path(), Timestamp::default()).unwrap();
    assert_eq!(repaired.lost_rows, 2);
    let counts = count_of(folder.path());
    assert!(counts[0] > 0 && counts[1..].iter().all(|count| (1400..1500).contains(count)), "{counts:?}");
    assert_eq!(counts.iter().sum::<usize>() as u64, repaired.samples);
}

/// A converted history whose last pages are still in the file of changes, as after a checkpoint that failed; in the folder of conversion.
fn half_written(history: &Path) -> PathBuf {
    let elsewhere = tempfile::tempdir().unwrap();
    let mut store = SampleStore::open(elsewhere.path(), Timestamp::default()).unwrap();
    store.take_over(&[(1, "level".to_owned())]).unwrap();
    let work = history.join(CONVERTING);
    std::fs::create_dir_all(&work).unwrap();
    for name in [SAMPLES_FILE, "samples.sqlite-wal"] {
        std::fs::copy(elsewhere.path().join(name), work.join(name)).unwrap();
    }
    assert!(std::fs::metadata(work.join("samples.sqlite-wal")).unwrap().len() > 0);
    work
}

#[test]
fn what_a_failed_checkpoint_left_beside_a_new_file_comes_with_it() {
    let (folder, history) = old_history("");
    let work = half_written(&history);
    put_in_place(&history, &work).unwrap();
    let reader = Reader::open(&history.join(SAMPLES_FILE), None).unwrap();
    assert_eq!(reader.tags().unwrap(), ["level".into()]);
    drop(folder);
}

#[test]
fn nothing_is_put_in_place_while_a_new_file_is_not_whole_in_itself() {
    let (_folder, history) = old_history("");
    let before = std::fs::read(history.join(SAMPLES_FILE)).unwrap();
    let work = half_written(&history);
    // Somebody who reads keeps the changes from being written into the file, as a full disk does.
    let reader = Connection::open(work.join(SAMPLES_FILE)).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM tag").unwrap();
    let error = put_in_place(&history, &work).unwrap_err().to_string();
    assert!(error.contains("samples.sqlite") && error.contains("the old file is untouched"), "{error}");
    assert_eq!(std::fs::read(history.join(SAMPLES_FILE)).unwrap(), before);
    assert!(work.join(SAMPLES_FILE).exists());
}
