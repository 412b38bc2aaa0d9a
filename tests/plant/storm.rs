//! A flood of alarms on the demo plant: nothing is lost, the cause is marked, and the rest of the plant does not wait.

use crate::support::{Process, polder, run, words};
use chrono::{DateTime, Utc};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many gauges the storm reaches here; it is the same flood for a shorter time.
const GAUGES: usize = 300;
/// Alarms of the storm: gauges and pumps.
const ALARMS: usize = GAUGES + 9;
const CAUSE: &str = "middle/P4/state:is-2";

fn time(event: &Value) -> DateTime<Utc> {
    event["time"].as_str().unwrap().parse().unwrap()
}

/// Activations in the journal: alarm and occurrence, and how often each stands there.
fn journal(folder: &str) -> BTreeMap<(String, String), usize> {
    let output = run(&["alarms", folder, "--journal", "--csv", "--from", "2020-01-01T00:00:00Z"]);
    assert!(output.status.success(), "{}", words(&output));
    let mut found = BTreeMap::new();
    for row in csv::Reader::from_reader(output.stdout.as_slice()).records() {
        let row = row.unwrap();
        if &row[4] == "unacknowledged" {
            *found.entry((row[1].to_owned(), row[2].to_owned())).or_insert(0) += 1;
        }
    }
    found
}

#[test]
fn a_flood_is_in_the_journal_once_its_cause_is_marked_and_no_other_tag_stalls() {
    let keep = tempfile::tempdir().unwrap();
    let folder = keep.path().to_str().unwrap();
    let gauges = GAUGES.to_string();
    let arguments =
        ["demo", "--dir", folder, "--events", "--storm", "--after", "6s", "--gauges", &gauges, "--for", "26s"];
    let mut demo = Process::start(polder().args(arguments));
    let lines = demo.rest();
    assert!(demo.child.wait().unwrap().success());
    let events: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(!events.iter().any(|event| event["event"] == "loss"), "something was lost on the way");

    let raised: Vec<&Value> =
        events.iter().filter(|event| event["event"] == "alarm" && event["state"] == "unacknowledged").collect();
    let is_storm = |event: &&&Value| {
        let alarm = event["alarm"].as_str().unwrap();
        alarm.starts_with("dike-") || alarm.ends_with("/state:is-2")
    };
    assert_eq!(raised.iter().filter(is_storm).count(), ALARMS);
    let mut told = BTreeMap::new();
    for event in &raised {
        let key = (event["alarm"].as_str().unwrap().to_owned(), event["occurrence"].to_string());
        *told.entry(key).or_insert(0) += 1;
    }
    assert_eq!(journal(folder), told, "each activation stands in the journal exactly once, and no other");

    let marked: Vec<&Value> = raised.iter().filter(|event| event["first_out"] == true).copied().collect();
    assert_eq!(marked.len(), 1, "{marked:?}");
    assert_eq!(marked[0]["alarm"], CAUSE);
    assert!(raised.iter().filter(is_storm).all(|event| time(event) >= time(marked[0])));
    let output = run(&["alarms", folder]);
    let listed = words(&output);
    let first: Vec<&str> = listed.lines().filter(|line| line.contains("(first of its group)")).collect();
    assert_eq!(first.len(), 1, "a restart forgets the cause: {listed}");
    assert!(first[0].contains("P4 tripped"), "{first:?}");

    let clock: Vec<DateTime<Utc>> =
        events.iter().filter(|event| event["tag"] == "boezem/clock" && event["quality"] == "good").map(time).collect();
    assert!(clock.len() > 60, "{} samples of the clock", clock.len());
    let longest = clock.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest.to_std().unwrap() < Duration::from_secs(1), "a tag stalls for {longest}");
}
