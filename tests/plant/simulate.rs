//! Stand-ins for a station, and the station against them.

use crate::support::{Folder, Process, Station, polder, run, words};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

const NUMBERS: [(&str, [f64; 2]); 10] = [
    ("i16", [-100.0, 100.0]),
    ("u16", [0.0, 50.0]),
    ("i32", [-1e5, 1e5]),
    ("u32", [10.0, 100_000.0]),
    ("i64", [-1e9, 1e9]),
    ("u64", [0.0, 1e9]),
    ("f32", [-1.0, 1.0]),
    ("f64", [0.0, 1e-3]),
    ("bcd16", [0.0, 9000.0]),
    ("bcd32", [0.0, 9e6]),
];

/// A tag, its register, and what it has besides.
fn tag(name: &str, device: &str, register: &str, more: Value) -> Value {
    let mut tag = json!({"name": name, "device": device, "register": register});
    tag.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    tag
}

/// Every type in every order, on a device that is nowhere; a second unit; a converter for serial frames.
fn station() -> Value {
    let mut tags = Vec::new();
    for (number, (kind, range)) in NUMBERS.iter().enumerate() {
        for (place, order) in ["ABCD", "CDAB", "BADC", "DCBA"].iter().enumerate() {
            let register = format!("input:{}", number * 20 + place * 4);
            tags.push(tag(
                &format!("{kind}-{order}"),
                "plc-1",
                &register,
                json!({"type": kind, "order": order, "range": range}),
            ));
        }
    }
    tags.extend([
        tag(
            "flow",
            "plc-1",
            "holding:0",
            json!({"range": [0, 40], "scale": {"raw": [400, 2000], "eng": [0, 40], "valid": [360, 2100]}}),
        ),
        tag("mode", "plc-1", "holding:1", json!({"states": {"0": "off", "7": "on"}})),
        tag("run", "plc-1", "holding:2", json!({"bit": 3, "command": {}})),
        tag("step", "plc-1", "holding:2", json!({"type": "u16", "bits": [4, 6], "range": [0, 7]})),
        tag("name", "plc-1", "holding:10", json!({"type": "string", "length": 5})),
        tag("open", "plc-1", "discrete:3", json!({})),
        tag("valve", "plc-1", "coil:3", json!({"command": {}})),
        tag(
            "setpoint",
            "plc-1",
            "holding:40",
            json!({"type": "f32", "command": {"min": 0, "max": 1450, "read_back": "speed", "tolerance": 1}}),
        ),
        tag("speed", "plc-1", "input:900", json!({"type": "f32", "range": [0, 1500]})),
        tag("second", "plc-2", "holding:0", json!({"range": [500, 600]})),
        tag("third", "plc-3", "holding:0", json!({"range": [700, 800], "command": {}})),
    ]);
    json!({
        "station": {"name": "Test"},
        "connections": [
            {"name": "plc", "modbus": {"tcp": "192.0.2.1:502", "fallback": "192.0.2.2:502"}},
            {"name": "converter", "modbus": {"rtu_over_tcp": "192.0.2.3:4001"}},
            {"name": "site", "mqtt": {"url": "mqtt://192.0.2.4:1883"}},
        ],
        "devices": [
            {"name": "plc-1", "connection": "plc", "unit": 1, "poll": "200ms"},
            {"name": "plc-2", "connection": "plc", "unit": 2, "poll": "200ms"},
            {"name": "plc-3", "connection": "converter", "unit": 3, "poll": "200ms"},
        ],
        "tags": tags,
    })
}

fn simulate(folder: &Path, more: &[&str]) -> (Process, Vec<String>) {
    let mut process = Process::start(polder().args(["simulate", folder.to_str().unwrap()]).args(more));
    let mut said = Vec::new();
    process.wait("the stand-ins", |line| {
        said.push(line.to_owned());
        line.starts_with("The stand-ins run").then_some(())
    });
    (process, said)
}

#[test]
fn a_station_runs_against_its_stand_ins() {
    let (folder, keep) = (Folder::new(&station()), tempfile::tempdir().unwrap());
    let copy = keep.path().join("copy");
    let (mut stand_ins, said) = simulate(&folder.path, &["--station", copy.to_str().unwrap()]);
    let said = said.join("\n");
    for expected in [
        "plc-1: unit 1 at 127.0.0.1:",
        ", for 192.0.2.1:502: 49 tags",
        "plc-2: unit 2",
        "site (192.0.2.4:1883) is left alone",
    ] {
        assert!(said.contains(expected), "{expected} is not in\n{said}");
    }
    let text = std::fs::read_to_string(copy.join("station.json")).unwrap();
    assert!(!text.contains("192.0.2."), "the copy leads to the plant: {text}");
    let mut station = Station::start(&copy);
    let mut good: BTreeMap<String, f64> = BTreeMap::new();
    while good.len() < 51 {
        let sample = station.wait("samples", |event| event["event"] == "sample" && event["quality"] == "good");
        let name = sample["tag"].as_str().unwrap();
        if !name.starts_with("station/") {
            let number =
                sample["value"].as_f64().or_else(|| sample["value"].as_bool().map(|on| f64::from(u8::from(on))));
            good.insert(name.to_owned(), number.unwrap_or_default());
        }
    }
    for (kind, [low, high]) in NUMBERS {
        for order in ["ABCD", "CDAB", "BADC", "DCBA"] {
            let value = good[&format!("{kind}-{order}")];
            assert!((low..=high).contains(&value), "{kind}-{order} is {value}");
        }
    }
    assert!([0.0, 7.0].contains(&good["mode"]) && (500.0..=600.0).contains(&good["second"]));
    assert!((0.0..=40.0).contains(&good["flow"]) && (700.0..=800.0).contains(&good["third"]));
    for (tag, value, news) in [
        ("setpoint", "1234.5", "wrote setpoint = 1234.5"),
        ("valve", "on", "wrote valve = true"),
        ("run", "on", "wrote run = true"),
        ("third", "777", "wrote third = 777"),
    ] {
        let output = station.tool(&["set", tag, value, "--reason", "test"]);
        assert_eq!(output.status.code(), Some(0), "{tag}: {}", words(&output));
        stand_ins.wait(news, |line| (line == news).then_some(()));
    }
    station.wait_sample("speed", "follows", |event| event["value"] == 1234.5);
    station.stop();
    stand_ins.signal("TERM");
    assert!(stand_ins.child.wait().unwrap().success());
}

#[test]
fn a_unit_that_is_not_there_stays_silent_and_still_means_still() {
    let folder = Folder::new(&station());
    let (_stand_ins, said) = simulate(&folder.path, &["--still", "--seed", "5"]);
    let line = said.iter().find(|line| line.starts_with("192.0.2.1:502 is not of this computer")).unwrap();
    let address = line.split("point the connection to ").nth(1).unwrap().split(',').next().unwrap();
    let mut socket = TcpStream::connect(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut ask = |unit: u8, transaction: u8| {
        socket.write_all(&[0, transaction, 0, 0, 0, 6, unit, 4, 0, 0, 0, 1]).unwrap();
    };
    ask(1, 1);
    ask(9, 2);
    ask(1, 3);
    let mut answers = [0; 22];
    socket.read_exact(&mut answers).unwrap();
    assert_eq!((answers[1], answers[12]), (1, 3), "unit 9 answered");
    assert_eq!(answers[2..11], answers[13..22], "the value moved");
}

#[test]
fn what_cannot_be_simulated_is_said() {
    let mut file = station();
    file["connections"][1]["modbus"] = json!({"serial": "/dev/ttyUSB7"});
    let folder = Folder::new(&file);
    let path = folder.path.to_str().unwrap();
    let (_stand_ins, said) = simulate(&folder.path, &[]);
    assert!(said.iter().any(|line| line.contains("socat -d -d") && line.contains("--serial converter=")), "{said:?}");
    let wrong = run(&["simulate", path, "--serial", "bus=/dev/x"]);
    assert!(!wrong.status.success() && words(&wrong).contains("no connection of this name"), "{}", words(&wrong));
    let same = run(&["simulate", path, "--station", path]);
    assert!(!same.status.success() && words(&same).contains("is the station itself"), "{}", words(&same));
}

#[test]
fn a_serial_line_is_served_at_its_other_end() {
    let (_socat, ours, theirs, keep) = crate::wire::line();
    let mut file = station();
    file["connections"] = json!([
        {"name": "plc", "modbus": {"serial": "/dev/ttyUSB7", "baud": 115200}},
        {"name": "converter", "modbus": {"tls": "192.0.2.3", "ca": "ca.pem"}},
    ]);
    let folder = Folder::new(&file);
    std::fs::write(folder.path.join("ca.pem"), "").unwrap();
    let copy = keep.path().join("copy");
    let ends = format!("plc={},{}", theirs.display(), ours.display());
    let (mut stand_ins, said) = simulate(&folder.path, &["--serial", &ends, "--station", copy.to_str().unwrap()]);
    assert!(said.iter().any(|line| line.contains("192.0.2.3:802 speaks TLS at the plant")), "{said:?}");
    let mut station = Station::start(&copy);
    let mut missing = BTreeSet::from(["second", "third", "setpoint", "u64-DCBA"]);
    while !missing.is_empty() {
        let sample = station.wait("samples", |event| event["event"] == "sample" && event["quality"] == "good");
        missing.remove(sample["tag"].as_str().unwrap());
    }
    let output = station.tool(&["set", "run", "on", "--reason", "test"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    stand_ins.wait("the write", |line| (line == "wrote run = true").then_some(()));
}

#[test]
fn topics_are_published_and_commands_taken_up() {
    let broker = crate::mqtt::Broker::new();
    let file = json!({
        "connections": [{"name": "site", "mqtt": {"url": "mqtt://192.0.2.4:1883"}}],
        "devices": [{"name": "weather", "connection": "site"}],
        "tags": [
            {"name": "rain", "device": "weather", "topic": "knmi/+/rain", "json": "/sensors/1/mm_h", "range": [0, 9]},
            {"name": "wind", "device": "weather", "topic": "knmi/+/rain", "json": "/wind", "range": [10, 19]},
            {"name": "level", "device": "weather", "topic": "tide/level", "range": [-2, 3]},
            {"name": "open", "device": "weather", "topic": "gate/open", "type": "bool"},
            {"name": "word", "device": "weather", "topic": "gate/word", "type": "string"},
            {"name": "speed", "device": "weather", "topic": "pump/state", "json": "/speed",
             "command": {"topic": "pump/set", "payload": "{\"speed\": ${value}}", "read_back": "speed", "min": 0, "max": 100}},
        ],
    });
    let (folder, keep) = (Folder::new(&file), tempfile::tempdir().unwrap());
    let (copy, named) = (keep.path().join("copy"), format!("127.0.0.1:{}", broker.port));
    let (mut stand_ins, _) = simulate(&folder.path, &["--broker", &named, "--station", copy.to_str().unwrap()]);
    let mut station = Station::start(&copy);
    let mut missing = BTreeSet::from(["rain", "wind", "level", "open", "word", "speed"]);
    while !missing.is_empty() {
        let sample = station.wait("samples", |event| event["event"] == "sample" && event["quality"] == "good");
        let (name, value) = (sample["tag"].as_str().unwrap(), &sample["value"]);
        missing.remove(name);
        let fine = match name {
            "rain" => (0.0..=9.0).contains(&value.as_f64().unwrap()),
            "wind" => (10.0..=19.0).contains(&value.as_f64().unwrap()),
            "level" => (-2.0..=3.0).contains(&value.as_f64().unwrap()),
            "open" => value.is_boolean(),
            "word" => value == "word",
            _ => true,
        };
        assert!(fine, "{sample}");
    }
    let output = station.tool(&["set", "speed", "42.5", "--reason", "test"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    stand_ins.wait("the command", |line| (line == "wrote speed = 42.5").then_some(()));
}

/// The edge nodes of the station file: they announce themselves, tell what moves, hold what is set, and die with the stand-ins.
#[test]
fn edge_nodes_stand_in_for_those_of_the_station_file() {
    let broker = crate::mqtt::Broker::new();
    let sparkplug = json!({"host_id": "polder", "reordering_timeout": "1s"});
    let folder = Folder::new(&json!({
        "connections": [{"name": "site", "mqtt": {"url": format!("mqtt://127.0.0.1:{}", broker.port), "keep_alive": "2s", "sparkplug": sparkplug}}],
        "devices": [{"name": "edge", "connection": "site", "sparkplug": "north/edge"},
            {"name": "pump", "connection": "site", "sparkplug": "north/edge/pump"},
            {"name": "new", "connection": "site", "sparkplug": "north/other/new", "take_in": "all"}],
        "tags": [{"name": "load", "device": "edge", "metric": "Load", "range": [0, 9]},
            {"name": "on", "device": "pump", "metric": "On", "type": "bool"},
            {"name": "speed", "device": "pump", "metric": "Motor/Speed", "scale": {"raw": [0, 1000], "eng": [0, 100]},
             "command": {"min": 0, "max": 100, "read_back": "speed"}}],
    }));
    let mut station = Station::start(&folder.path);
    let (mut stand_ins, said) = simulate(&folder.path, &[]);
    assert!(said.iter().any(|line| line.contains("2 edge nodes with 7 metrics")), "{said:?}");
    let values = station.wait_all_good(&["load", "on", "speed", "new/Motor/Starts", "new/Level", "new/Running"]);
    assert!((0.0..=9.0).contains(&values[0].as_f64().unwrap()) && values[1].is_boolean(), "{values:?}");
    let output = station.tool(&["set", "speed", "42.5", "--reason", "test"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    stand_ins.wait("the command", |line| (line == "wrote speed = 42.5").then_some(()));
    stand_ins.kill();
    station.wait("its death", |event| event["device"] == "pump" && event["state"] == "lost");
    station.stop();
}
