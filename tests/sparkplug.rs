//! Holds that every host assertion of Sparkplug B 3.0 has a test, or a reason why it has none: the table in `tests/sparkplug/assertions.md`.

#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Where the tests stand that the table names.
const SOURCES: [&str; 4] =
    ["src/driver/mqtt/sparkplug", "src/driver/mqtt/session", "src/config/tests.rs", "tests/plant/sparkplug.rs"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap()
}

/// Every assertion of the table, with the words behind it.
fn table() -> BTreeMap<String, String> {
    let text = read("tests/sparkplug/assertions.md");
    let rows = text.lines().filter_map(|line| line.strip_prefix("| tck-id-")).map(|row| {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert!(matches!(cells[1], "host" | "tolerance"), "{row}");
        (format!("tck-id-{}", cells[0]), cells[2].to_owned())
    });
    let rows: Vec<_> = rows.collect();
    let table: BTreeMap<_, _> = rows.iter().cloned().collect();
    assert_eq!(table.len(), rows.len(), "an assertion stands twice in the table");
    table
}

fn files(path: PathBuf, found: &mut Vec<PathBuf>) {
    if path.is_dir() {
        std::fs::read_dir(path).unwrap().for_each(|entry| files(entry.unwrap().path(), found));
    } else {
        found.push(path);
    }
}

/// The names of all tests in the sources.
fn tests() -> BTreeSet<String> {
    let mut all = Vec::new();
    SOURCES.iter().for_each(|source| files(root().join(source), &mut all));
    let mut names = BTreeSet::new();
    for file in all {
        let text = std::fs::read_to_string(file).unwrap();
        let mut lines = text.lines().map(str::trim);
        while lines.by_ref().any(|line| line == "#[test]") {
            let name = lines.find_map(|line| line.strip_prefix("fn ")).unwrap();
            names.insert(name.split('(').next().unwrap().to_owned());
        }
    }
    names
}

#[test]
fn every_host_assertion_stands_in_the_table() {
    let wanted: BTreeSet<String> = read("tests/sparkplug/host-assertions.txt").lines().map(str::to_owned).collect();
    assert_eq!(wanted.len(), 130);
    assert_eq!(table().into_keys().collect::<BTreeSet<_>>(), wanted);
}

#[test]
fn every_test_in_the_table_is_there_and_what_is_not_done_has_a_reason() {
    let tests = tests();
    for (assertion, words) in table() {
        match words.strip_prefix("- ") {
            Some(reason) => assert!(reason.len() > 20, "{assertion} is not done: say why"),
            None => {
                for name in words.split(", ") {
                    assert!(tests.contains(name), "{assertion} names the test {name}, and there is none");
                }
            }
        }
    }
}
