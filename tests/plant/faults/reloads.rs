//! Reloads of a running station: whoever is not concerned misses nothing. Register 0 of a counting device counts its requests, so that
//! every poll brings a new number: one that is missing was lost, one that comes late shows when it was asked.

use super::answer::truth;
use super::device::Device;
use crate::support::{DEADLINE, Folder, Station, run, words};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_millis(500);
/// A poll that does not take place makes an interval of two periods; less than half of one more is the allowance for a busy machine.
const TOLERANCE: Duration = Duration::from_millis(220);
/// Reloads in a row, and as many periods without any.
const RELOADS: usize = 6;
/// Others use this machine: what fails once is measured again, control run and all.
const TRIES: usize = 3;

/// A device that is never touched, and one whose settings and tags are others with each turn.
fn station_file(kept: &Device, other: &Device, turn: usize) -> Value {
    let mut tags = vec![json!({"name": "kept", "device": "kept", "register": "holding:0"})];
    // Names in front of it and behind it, so that its slot is another one each time.
    let more = (0..turn % 3).flat_map(|number| [format!("a{number}"), format!("z{number}")]);
    tags.extend(more.map(|name| json!({"name": name, "device": "other", "register": "holding:7"})));
    tags.push(json!({"name": "other", "device": "other", "register": "holding:0"}));
    tags.rotate_left(turn % 2);
    json!({
        "station": {"name": "Reloads"},
        "connections": [{"name": "kept", "modbus": kept.reach("2s")}, {"name": "other", "modbus": other.reach("2s")}],
        "devices": [
            {"name": "kept", "connection": "kept", "poll": "500ms", "identify": false},
            {"name": "other", "connection": "other", "poll": format!("{}ms", 200 + turn % 2 * 100), "identify": false}],
        "tags": tags,
    })
}

/// Numbers of the kept tag, as they come.
struct Numbers(Option<u64>);

impl Numbers {
    /// Takes an event in. Each number follows the one before.
    fn take(&mut self, event: &Value) {
        assert!(event["device"] != "kept" || event["state"] == "good", "a kept device is disturbed: {event}");
        if event["event"] != "sample" || event["tag"] != "kept" {
            return;
        }
        assert_eq!(event["quality"], "good", "a kept tag is disturbed: {event}");
        let number = event["value"].as_u64();
        assert!(self.0.is_none_or(|before| number == Some(before + 1)), "{:?} is followed by {event}", self.0);
        self.0 = number;
    }
}

fn reload(station: &Station) {
    let said = station.tool(&["reload", "--apply"]);
    assert!(said.status.success(), "{}", words(&said));
}

/// Follows the events for some periods; before each, `between` happens. The longest time that the kept device was not asked.
fn longest_pause(
    station: &mut Station,
    kept: &Device,
    numbers: &mut Numbers,
    mut between: impl FnMut(&Station),
) -> Duration {
    kept.longest_pause(1);
    for _ in 0..RELOADS {
        between(station);
        let asked = kept.asked(1);
        let end = Instant::now() + DEADLINE;
        while kept.asked(1) < asked + 2 {
            numbers.take(&station.wait("polls", |_| true));
            assert!(Instant::now() < end, "the kept device is not asked any more");
        }
    }
    kept.longest_pause(1)
}

pub fn miss_nothing() {
    let (kept, other) = (Device::counter(), Device::counter());
    let folder = Folder::new(&station_file(&kept, &other, 0));
    let mut station = Station::start(&folder.path);
    let first = station.wait_good("kept")["value"].as_u64().unwrap();
    let (mut numbers, mut turn, mut tries) = (Numbers(Some(first)), 0, Vec::new());
    let calm = loop {
        let control = longest_pause(&mut station, &kept, &mut numbers, |_| {});
        let reloaded = longest_pause(&mut station, &kept, &mut numbers, |station| {
            turn += 1;
            let file = station_file(&kept, &other, turn).to_string();
            std::fs::write(station.folder.join("station.json"), file).unwrap();
            reload(station);
        });
        eprintln!("the longest interval: {control:?} without, {reloaded:?} with {RELOADS} reloads");
        tries.push((control, reloaded));
        if reloaded <= control.max(PERIOD) + TOLERANCE || tries.len() == TRIES {
            break reloaded <= control.max(PERIOD) + TOLERANCE;
        }
    };
    assert!(calm, "polls are missed at a reload (longest interval without, with): {tries:?}");
    station.stop();
    let asked = kept.asked(1);
    let values = history(&folder, "kept");
    let whole: Vec<u64> = (1..=asked).collect();
    // The last one may have been on its way when the station was stopped.
    assert!(values == whole || values == whole[..whole.len() - 1], "history has a gap: {values:?} of {asked} polls");
}

/// Every value of a tag in history; each is good.
fn history(folder: &Folder, tag: &str) -> Vec<u64> {
    let (path, out) = (folder.path.to_str().unwrap(), folder.path.join("history.csv"));
    let span = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--out", out.to_str().unwrap()];
    let output = run(&[&["export", path, "--tag", tag], &span[..]].concat());
    assert!(output.status.success(), "{}", words(&output));
    let text = std::fs::read_to_string(out).unwrap();
    let mut values = Vec::new();
    for line in text.lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        if fields[4] != "waiting for the first value" {
            assert_eq!(fields[3], "good", "{line}");
            values.push(fields[2].parse().unwrap());
        }
    }
    values
}

/// New registers by a sheet, while the station runs.
const NEW: usize = 10_000;

pub fn sheet() {
    let (kept, other) = (Device::counter(), Device::tcp());
    let folder = Folder::new(&station_file(&kept, &other, 0));
    let path = folder.path.to_str().unwrap();
    let sheet = folder.path.join("tags.csv");
    let sheet = sheet.to_str().unwrap();
    let mut station = Station::start(&folder.path);
    let first = station.wait_good("kept")["value"].as_u64().unwrap();
    let mut numbers = Numbers(Some(first));
    assert!(run(&["tags", path, "--export", sheet]).status.success());
    let text = std::fs::read_to_string(sheet).unwrap();
    std::fs::write(sheet, extended(&text)).unwrap();
    let said = run(&["tags", path, "--import", sheet, "--apply"]);
    assert!(said.status.success() && words(&said).contains(&format!("{NEW} added")), "{}", words(&said));
    reload(&station);
    let (mut left, end) = (vec![true; NEW], Instant::now() + DEADLINE * 2);
    while left.contains(&true) {
        assert!(Instant::now() < end, "{} new tags are not live", left.iter().filter(|left| **left).count());
        let event = station.wait("the new tags", |_| true);
        numbers.take(&event);
        let Some(register) = event["tag"].as_str().and_then(|tag| tag.strip_prefix("new/")?.parse::<u16>().ok()) else {
            continue;
        };
        if event["quality"] == "good" {
            assert_eq!(event["value"], truth(1, register), "{event}");
            left[usize::from(register)] = false;
        }
    }
    station.stop();
    let values = history(&folder, "kept");
    assert!(values.windows(2).all(|pair| pair[1] == pair[0] + 1), "history has a gap: {values:?}");
}

/// The sheet with a line for each new register, by the columns that it has.
fn extended(text: &str) -> String {
    let columns: Vec<&str> = text.lines().next().unwrap().trim_start_matches('\u{FEFF}').split(',').collect();
    let mut all = text.to_owned();
    for register in 0..NEW {
        let cell = |column: &&str| match *column {
            "name" => format!("new/{register}"),
            "device" => "other".to_owned(),
            "register" => format!("holding:{register}"),
            _ => String::new(),
        };
        all += &columns.iter().map(cell).collect::<Vec<_>>().join(",");
        all += "\r\n";
    }
    all
}
