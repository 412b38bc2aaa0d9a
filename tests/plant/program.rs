//! The program as a whole: its tools, its exit codes, its demo.

use crate::support::{Folder, ModbusServer, Process, Station, modbus_station, polder, run, words};
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn check_names_every_problem_and_run_refuses_with_the_same_words() {
    let folder = Folder::new(&json!({"connections": [{"name": "a", "modbus": {"tcp": "x", "timout": "1s"}}],
        "tags": [{"name": "t", "device": "d", "register": "holding:99999"}, {"name": "t", "device": "d", "register": "holding:1"}]}));
    let path = folder.path.to_str().unwrap();
    let checked = run(&["check", path]);
    assert_eq!(checked.status.code(), Some(1));
    let text = words(&checked);
    for expected in [
        "station.json:connections/0/modbus/timout: the key \"timout\" is not known here; did you mean \"timeout\"?",
        "station.json:tags/0/device: there is no device \"d\"",
        "station.json:tags/1/name: the tag \"t\" stands at station.json:tags/0 already",
    ] {
        assert!(text.contains(expected), "{expected}\nis not in\n{text}");
    }
    let refused = run(&["run", path, "--headless"]);
    assert_eq!(refused.status.code(), Some(1));
    for line in text.lines() {
        assert!(words(&refused).contains(line), "{line}");
    }
    let missing = run(&["check", "/nowhere/at/all"]);
    assert_eq!(missing.status.code(), Some(1));
    assert!(words(&missing).contains("cannot be read"), "{}", words(&missing));
}

#[test]
fn a_new_station_is_without_problems_and_is_never_written_over() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("plant");
    let path = path.to_str().unwrap();
    assert!(run(&["new", path]).status.success());
    let checked = run(&["check", path]);
    assert!(checked.status.success(), "{}", words(&checked));
    assert!(!run(&["new", path]).status.success());
    assert!(words(&run(&["tags", path])).contains("pump-1/speed-setpoint"));
    let listed: Value = serde_json::from_str(&words(&run(&["tags", path, "--json"]))).unwrap();
    assert!(listed.as_array().unwrap().len() > 2);
    let schema: Value = serde_json::from_str(&words(&run(&["schema"]))).unwrap();
    assert!(schema["properties"]["connections"].is_object());
}

#[test]
fn the_second_start_is_told_who_holds_the_folder() {
    let server = ModbusServer::tcp();
    let folder = Folder::new(&modbus_station(
        server.port,
        "1s",
        json!([{"name": "t", "device": "plc-1", "register": "holding:0"}]),
    ));
    let mut station = Station::start(&folder.path);
    station.wait_good("t");
    let second = run(&["run", folder.path.to_str().unwrap(), "--headless"]);
    assert_eq!(second.status.code(), Some(1));
    let expected = format!("is run already by process {}", station.process.child.id());
    assert!(words(&second).contains(&expected), "{}", words(&second));
}

#[test]
fn without_a_display_it_says_so_and_how_to_go_on() {
    let folder = Folder::new(&json!({"station": {"name": "x"}}));
    let output = polder()
        .args(["run", folder.path.to_str().unwrap()])
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .output();
    let output = output.unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        words(&output).contains("there is no display") && words(&output).contains("--headless"),
        "{}",
        words(&output)
    );
}

#[test]
fn the_demo_lives_and_raises_an_alarm_without_being_touched() {
    let mut demo = Process::start(polder().args(["demo", "--headless", "--events", "--for", "25s"]));
    let lines = demo.rest();
    assert!(demo.child.wait().unwrap().success());
    let events: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let good: BTreeSet<&str> = events
        .iter()
        .filter(|event| event["event"] == "sample" && event["quality"] == "good")
        .filter_map(|event| event["tag"].as_str())
        .collect();
    let modbus: BTreeSet<&str> = good.iter().filter_map(|tag| tag.strip_suffix("/speed")).collect();
    assert!(modbus.len() >= 9, "{modbus:?}");
    assert!(good.contains("weather/rain") && good.contains("sea/level"), "{good:?}");
    let raised = events.iter().find(|event| event["event"] == "alarm" && event["state"] == "unacknowledged");
    assert_eq!(raised.expect("an alarm")["alarm"], "south/P7/bearing-temperature:high");
}
