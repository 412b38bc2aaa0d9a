//! Damaged records: the plant runs, the alarm says so, and what the record proves is said honestly.

use crate::support::{Folder, ModbusServer, Station, modbus_station, run, words};
use serde_json::json;

const ALARM: &str = "station/records-set-aside:digital";

fn plant(server: &mut ModbusServer) -> Folder {
    server.set("holding", 0, &[150]);
    let tags = json!([
        {"name": "level", "device": "plc-1", "register": "holding:0", "alarms": [{"high": 100, "priority": "high"}]},
        {"name": "setpoint", "device": "plc-1", "register": "holding:1", "command": {"min": 0, "max": 1000}},
    ]);
    Folder::new(&modbus_station(server.port, "1s", tags))
}

/// Runs the station once, so that there are records, and damages them.
fn damaged(folder: &Folder, damage: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut station = Station::start(&folder.path);
    let raised = station.wait_alarm("level:high", "unacknowledged");
    let set = station.tool(&["set", "setpoint", "5", "--reason", "test"]);
    assert_eq!(set.status.code(), Some(0), "{}", words(&set));
    station.stop();
    let path = folder.path.join("records.sqlite");
    let mut bytes = std::fs::read(&path).unwrap();
    damage(&mut bytes);
    std::fs::write(path, bytes).unwrap();
    raised["occurrence"].to_string()
}

#[test]
fn records_that_are_no_database_any_more_stop_nothing() {
    let mut server = ModbusServer::tcp();
    let folder = plant(&mut server);
    let first = damaged(&folder, |bytes| bytes.fill(0x5A));
    let mut again = Station::start(&folder.path);
    let (mut aside, mut raised) = (false, None);
    while !aside || raised.is_none() {
        let event = again.wait("both alarms", |event| event["state"] == "unacknowledged");
        aside |= event["alarm"] == ALARM;
        if event["alarm"] == "level:high" {
            raised = Some(event["occurrence"].to_string());
        }
    }
    let raised: u64 = raised.unwrap().parse().unwrap();
    assert!(raised > first.parse().unwrap(), "occurrence {first} was used before");
    let set = again.tool(&["set", "setpoint", "6", "--reason", "test"]);
    assert_eq!(set.status.code(), Some(0), "commands go on: {}", words(&set));
    again.stop();
    let verified = run(&["verify", folder.path.to_str().unwrap()]);
    let said = words(&verified);
    assert_eq!(verified.status.code(), Some(1), "{said}");
    assert!(said.contains("is not the whole record") && said.contains("records.damaged-"), "{said}");
    assert!(!said.contains("the record holds"), "{said}");
}

#[test]
fn what_was_acknowledged_outlives_damaged_records() {
    let mut server = ModbusServer::tcp();
    let folder = plant(&mut server);
    // The journal's root page; tables are made in the order state, journal, index, audit.
    let first = damaged(&folder, |bytes| bytes[2 * 4096..3 * 4096].fill(0));
    let mut again = Station::start(&folder.path);
    let kept = again.wait("the alarm as it was", |event| event["alarm"] == "level:high");
    assert_eq!((kept["state"].as_str(), kept["occurrence"].to_string()), (Some("unacknowledged"), first));
    again.wait_alarm(ALARM, "unacknowledged");
    again.stop();
    let verified = run(&["verify", folder.path.to_str().unwrap()]);
    let said = words(&verified);
    assert!(verified.status.success(), "{said}");
    assert!(said.contains("is not the whole record") && said.contains("together they hold"), "{said}");
}

#[test]
fn history_near_its_limit_is_said() {
    let mut server = ModbusServer::tcp();
    let folder = plant(&mut server);
    let path = folder.path.join("station.json");
    let mut file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    // The empty files take more, and there is nothing that could go.
    file["station"]["keep"] = json!({"most": "0.05 MB"});
    std::fs::write(path, file.to_string()).unwrap();
    let mut station = Station::start(&folder.path);
    station.wait_alarm("station/history-near-limit:digital", "unacknowledged");
    station.stop();
}

#[test]
fn a_month_that_cannot_be_read_is_said_and_history_goes_on() {
    let mut server = ModbusServer::tcp();
    let folder = plant(&mut server);
    std::fs::create_dir_all(folder.path.join("history/raw-2020-01.sqlite")).unwrap();
    let mut station = Station::start(&folder.path);
    station.wait_alarm("station/history-left-out:high", "unacknowledged");
    station.stop();
    let out = folder.path.join("level.csv");
    let range = ["--from", "2021-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--out", out.to_str().unwrap()];
    let output = run(&[&["export", folder.path.to_str().unwrap(), "--tag", "level"], &range[..]].concat());
    assert!(output.status.success(), "{}", words(&output));
    assert!(std::fs::read_to_string(out).unwrap().contains("level,150"), "samples were kept");
}
