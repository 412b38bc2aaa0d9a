//! Alarm figures against a second calculation, in Python, from the definitions and the exported journal alone.

use crate::history::Random;
use crate::support::{Folder, change_of, python, root, run, words};
use polder::access::Principal;
use polder::alarm::{State, Transition};
use polder::recorder::{Order, RecordStore, Recorder};
use polder::tag::Timestamp;
use serde_json::{Value as Json, json};
use std::path::Path;
use std::process::Command;

/// Midnight, 1 January 2026.
const START: i64 = 1_767_225_600;
const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros((START + second) * 1_000_000)
}

/// A life of one alarm: when it came, when it went, when somebody acknowledged.
struct Life {
    alarm: String,
    came: i64,
    went: Option<i64>,
    known: Option<i64>,
}

/// Alarms of all kinds over a week: rare ones, chatter, floods, stale ones; whole seconds, so that many things happen at the same moment.
fn lives(random: &mut Random) -> Vec<Life> {
    let mut lives = Vec::new();
    for number in 0..40u64 {
        let kind = ["seldom", "often", "chatters", "stands"][(number % 4) as usize];
        let (pause, length) = [(80_000, 900), (9000, 90), (60_000, 8), (150_000, 200_000)][(number % 4) as usize];
        let alarm = format!("{kind}/{number}:high");
        let mut now = random.below(pause) as i64;
        while now < 7 * DAY {
            let bursts = if kind == "chatters" { 1 + random.below(6) } else { 1 };
            for _ in 0..bursts {
                let went = now + 1 + random.below(length) as i64;
                let known = (random.below(3) > 0).then(|| now + 1 + random.below(2 * length) as i64);
                lives.push(Life { alarm: alarm.clone(), came: now, went: Some(went), known });
                now = went + 1 + random.below(15) as i64;
            }
            now += 1 + random.below(pause) as i64;
        }
    }
    // Floods: from a little one to one that is fed for an hour.
    for (place, (second, count)) in [(2 * DAY, 11), (3 * DAY + 599, 80), (5 * DAY - 300, 30)].into_iter().enumerate() {
        for number in 0..count {
            let came = second + (number * (25 + place as i64 * 20)).min(2 * HOUR);
            let alarm = format!("flood/{place}-{number}:low");
            lives.push(Life { alarm, came, went: Some(came + 200 + number), known: Some(came + 400) });
        }
    }
    lives.push(Life { alarm: "never/ends:high".to_owned(), came: 3 * DAY, went: None, known: None });
    lives
}

/// What the journal tells of a life that nothing else happened to.
fn changes(life: &Life) -> Vec<(i64, State, State, bool)> {
    use State::{Acknowledged, Normal, ReturnedUnacknowledged, Unacknowledged};
    let came = (life.came, Normal, Unacknowledged, false);
    match (life.went, life.known) {
        (None, _) => vec![came],
        (Some(went), Some(known)) if known < went => {
            vec![came, (known, Unacknowledged, Acknowledged, true), (went, Acknowledged, Normal, false)]
        }
        (Some(went), Some(known)) => vec![
            came,
            (went, Unacknowledged, ReturnedUnacknowledged, false),
            (known, ReturnedUnacknowledged, Normal, true),
        ],
        (Some(went), None) => vec![came, (went, Unacknowledged, ReturnedUnacknowledged, false)],
    }
}

/// One that came again before somebody acknowledged was returned before, and no longer waits from then on.
fn transitions(mut lives: Vec<Life>) -> Vec<Transition> {
    lives.sort_by(|one, other| (&one.alarm, one.came).cmp(&(&other.alarm, other.came)));
    for place in 1..lives.len() {
        let (next_alarm, next_came) = (lives[place].alarm.clone(), lives[place].came);
        let before = &mut lives[place - 1];
        if before.alarm == next_alarm {
            before.known = before.known.filter(|known| *known < next_came);
        }
    }
    let mut waits = false;
    let mut all = Vec::new();
    let mut last = String::new();
    for (number, life) in lives.iter().enumerate() {
        waits = waits && last == life.alarm;
        last.clone_from(&life.alarm);
        for (second, from, to, by_person) in changes(life) {
            let from = if waits && from == State::Normal { State::ReturnedUnacknowledged } else { from };
            all.push(Transition {
                actor: by_person.then(|| Principal::person("anna")),
                ..change_of(&life.alarm, number as u64 + 1, [from, to], [at(second), at(life.came)])
            });
            waits = to == State::ReturnedUnacknowledged;
        }
    }
    all.sort_by_key(|change| change.time);
    all
}

fn record(folder: &Path, changes: Vec<Transition>) {
    let path = folder.join("records.sqlite");
    let recorder = Recorder::start(RecordStore::open(&path).unwrap(), |_| {}).unwrap();
    for some in changes.chunks(200) {
        recorder.order(Order { transitions: some.to_vec(), drafts: Vec::new(), ..Order::default() }).unwrap();
    }
    recorder.stop();
    let raw = rusqlite::Connection::open(&path).unwrap();
    let mut add = raw
        .prepare("INSERT INTO journal(time, alarm, occurrence, before, after, raised, actor, comment) VALUES (?1, ?2, 99999, ?3, ?4, ?5, ?6, '')")
        .unwrap();
    for (second, before, after, actor) in [
        (2 * DAY + 100, "normal", "unacknowledged", None),
        (2 * DAY + 110, "unacknowledged", "shelved", Some("person:anna")),
        (2 * DAY + 500, "shelved", "unacknowledged", None),
        (2 * DAY + 600, "unacknowledged", "latched-unacknowledged", None),
        (2 * DAY + 700, "latched-unacknowledged", "latched-acknowledged", Some("person:anna")),
        (2 * DAY + 800, "latched-acknowledged", "normal", Some("person:anna")),
        (2 * DAY + 900, "normal", "out-of-service", Some("person:anna")),
        (6 * DAY, "out-of-service", "normal", Some("person:anna")),
    ] {
        let raised = at(2 * DAY + 100).as_micros();
        add.execute(rusqlite::params![at(second).as_micros(), "set/aside:high", before, after, raised, actor]).unwrap();
    }
    let gap = at(4 * DAY).as_micros();
    add.execute(rusqlite::params![gap, "station/records-writable:gap", "", "", gap, "station"]).unwrap();
}

fn tool(folder: &Path, arguments: &[&str]) -> String {
    let output = run(&[&["alarms", folder.to_str().unwrap()], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", words(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Numbers that are worked out in two ways may differ in the last digit.
fn same(one: &Json, other: &Json, place: &str) {
    match (one, other) {
        (Json::Object(one), Json::Object(_)) => {
            one.iter().for_each(|(key, value)| same(value, &other[key], &format!("{place}/{key}")));
        }
        (Json::Array(one), Json::Array(other)) => {
            assert_eq!(one.len(), other.len(), "{place}: {one:?} {other:?}");
            one.iter().zip(other).enumerate().for_each(|(at, (one, other))| same(one, other, &format!("{place}/{at}")));
        }
        (Json::Number(first), Json::Number(second)) => {
            let [first, second] = [first, second].map(|number| number.as_f64().unwrap());
            assert!((first - second).abs() <= 1e-9 * first.abs().max(1.0), "{place}: {first} {second}");
        }
        _ => assert_eq!(one, other, "{place}"),
    }
}

#[test]
fn a_second_calculation_from_the_exported_journal_gives_the_same_figures() {
    for seed in [0x5EED_A1A1, 0x5EED_A1A2, 0x5EED_A1A3] {
        check_against_python(seed);
    }
}

fn check_against_python(seed: u64) {
    // Some alarms have a priority, some are not in the file.
    let tag = |number: u64, priority: &str| json!({"name": format!("often/{number}"), "device": "plc-1", "register": format!("holding:{number}"), "alarms": [{"high": 1, "priority": priority}]});
    let tags = json!([tag(1, "critical"), tag(5, "high"), tag(9, "medium"), tag(13, "low"), tag(17, "low")]);
    let folder = Folder::new(&crate::support::modbus_station(1502, "1s", tags));
    record(&folder.path, transitions(lives(&mut Random(seed))));
    let journal = folder.path.join("journal.csv");
    std::fs::write(&journal, tool(&folder.path, &["--journal", "--csv", "--from", "2020-01-01T00:00:00Z"])).unwrap();
    let mut floods = 0;
    for (from, to) in [
        (DAY, 6 * DAY),
        (0, 8 * DAY),
        (2 * DAY, 2 * DAY + HOUR),
        (3 * DAY + 1000, 3 * DAY + 1900),
        (3 * DAY + 630, 3 * DAY + 631),
        (4 * DAY + 77, 6 * DAY + 1234),
        (9 * DAY, 10 * DAY),
    ] {
        let (from, to) = (at(from).to_rfc3339(), at(to).to_rfc3339());
        let told = tool(&folder.path, &["--kpi", "--json", "--from", &from, "--to", &to]);
        let mut told: Json = serde_json::from_str(&told).unwrap();
        let alarms: serde_json::Map<String, Json> = told["alarms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| {
                let counts = json!({"activations": one["activations"], "chattering": one["chattering"], "fleeting": one["fleeting"]});
                (one["alarm"].as_str().unwrap().to_owned(), counts)
            })
            .collect();
        told["alarms"] = Json::Object(alarms);
        let script = root().join("tests/peers/alarm_figures.py");
        let output = Command::new(python()).arg(script).arg(&journal).args([&from, &to]).output().unwrap();
        assert!(output.status.success(), "{}", words(&output));
        let expected: Json = serde_json::from_slice(&output.stdout).unwrap();
        same(&expected, &told, &format!("seed {seed:x}, {from} to {to}: "));
        assert_eq!(expected["alarms"].as_object().unwrap().len(), told["alarms"].as_object().unwrap().len());
        floods += expected["rates"]["floods"].as_array().unwrap().len();
    }
    assert!(floods > 5, "the journal was to have floods: {floods}");
}

#[test]
fn figures_are_read_by_people_and_the_journal_is_filtered() {
    let tags = json!([{"name": "often/1", "device": "plc-1", "register": "holding:1", "area": "north", "alarms": [{"high": 1, "priority": "critical", "message": "Too often"}]}]);
    let folder = Folder::new(&crate::support::modbus_station(1502, "1s", tags));
    record(&folder.path, transitions(lives(&mut Random(1))));
    let period = ["--from", "2026-01-02T00:00:00Z", "--to", "2026-01-07T00:00:00+00:00"];
    let table = tool(&folder.path, &[&["--kpi"], &period[..]].concat());
    for line in
        ["Activations per day, average", "below 1 %", "Time in flood", "Priority critical", "Most frequent alarms"]
    {
        assert!(table.contains(line), "{line}: {table}");
    }
    assert!(table.lines().any(|line| line.starts_with("Chattering alarms") && line.ends_with("over")), "{table}");
    let csv = tool(&folder.path, &[&["--kpi", "--csv"], &period[..]].concat());
    assert!(csv.starts_with("figure,value,target,verdict\nActivations,"), "{csv}");
    let rows =
        |more: &[&str]| tool(&folder.path, &[&["--journal", "--csv"], more, &period[..]].concat()).lines().count() - 1;
    let of_tag = rows(&["--tag", "often/1"]);
    assert!(of_tag > 10 && rows(&[]) > 10 * of_tag);
    for same in [["--area", "north"], ["--priority", "critical"], ["--text", "TOO OFTEN"]] {
        assert_eq!(rows(&same), of_tag, "{same:?}");
    }
    assert_eq!(rows(&["--area", "south"]), 0);
    assert!((1..of_tag).contains(&rows(&["--tag", "often/1", "--actor", "anna"])));
    for wrong in
        [&["--from", "2026-01-02T00:00:00Z"][..], &["--kpi", "--from", "yesterday"], &["--kpi", "--area", "north"]]
    {
        let output = run(&[&["alarms", folder.path.to_str().unwrap()], wrong].concat());
        assert_eq!(output.status.code(), Some(1), "{wrong:?}: {}", words(&output));
    }
}
