//! Devices that go and come back, and stations that are killed.

use crate::support::{DEADLINE, Folder, ModbusServer, Station, command, modbus_station, run, words};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn tags() -> Value {
    json!([{"name": "level", "device": "plc-1", "register": "holding:0", "alarms": [{"high": 100, "priority": "high"}]}])
}

#[test]
fn a_stopped_device_turns_bad_in_time_and_recovers_by_itself() {
    let mut server = ModbusServer::tcp();
    let folder = Folder::new(&modbus_station(server.port, "500ms", tags()));
    let mut station = Station::start(&folder.path);
    station.wait_good("level");
    let stopped = Instant::now();
    server.process.signal("STOP");
    station.wait_sample("level", "bad", |event| event["reason"] == "no answer");
    // Poll 200 ms and time-out 500 ms; the rest is the allowance for a busy machine.
    assert!(stopped.elapsed() < Duration::from_secs(5), "{:?}", stopped.elapsed());
    station.wait_alarm("plc-1:lost", "unacknowledged");
    server.process.signal("CONT");
    // Which of the two is printed first depends on whether they fall into one turn of the engine.
    let (mut returned, mut good) = (false, false);
    while !(returned && good) {
        let event = station.wait("the device again", |_| true);
        returned |= event["alarm"] == "plc-1:lost" && event["state"] == "returned-unacknowledged";
        good |= event["tag"] == "level" && event["event"] == "sample" && event["quality"] == "good";
    }
    server.set("holding", 0, &[7]);
    station.wait_sample("level", "7", |event| event["value"] == 7);
}

#[test]
fn what_was_acknowledged_survives_kill_9_and_nothing_returns_by_itself() {
    let mut server = ModbusServer::tcp();
    server.set("holding", 0, &[150]);
    let folder = Folder::new(&modbus_station(server.port, "500ms", tags()));
    let mut station = Station::start(&folder.path);
    let raised = station.wait_alarm("level:high", "unacknowledged");
    let occurrence = raised["occurrence"].to_string();
    let output = station.tool(&["alarms", "--ack", &occurrence, "--comment", "seen"]);
    assert!(output.status.success(), "{}", words(&output));
    server.process.kill();
    station.wait_alarm("plc-1:lost", "unacknowledged");
    // Listing goes through the running station: when it answers, the transition before has been committed or is in front of it.
    station.tool(&["alarms"]);
    station.process.kill();
    let mut again = Station::start(&folder.path);
    let kept = again.wait("the alarm", |event| event["alarm"] == "level:high");
    assert_eq!((kept["state"].clone(), kept["occurrence"].to_string()), (json!("acknowledged"), occurrence));
    again.wait("its device", |event| event["device"] == "plc-1" && event["state"] == "lost");
    let listed: Value = serde_json::from_str(&words(&again.tool(&["alarms", "--json"]))).unwrap();
    let level = listed.as_array().unwrap().iter().find(|alarm| alarm["alarm"] == "level:high").unwrap().clone();
    assert_eq!(level["state"], "acknowledged", "bad input returns nothing to normal");
    again.stop();
    let output = run(&["verify", folder.path.to_str().unwrap()]);
    assert!(output.status.success(), "{}", words(&output));
}

/// The time of the newest sample of a tag that history holds, and how many there are.
fn history(folder: &Folder, tag: &str) -> Vec<(String, String)> {
    let out = folder.path.join("history.csv");
    let path = folder.path.to_str().unwrap();
    let output = run(&[
        "export",
        path,
        "--tag",
        tag,
        "--from",
        "2020-01-01T00:00:00Z",
        "--to",
        "2100-01-01T00:00:00Z",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(output.status.success(), "{}", words(&output));
    let text = std::fs::read_to_string(out).unwrap();
    let line = |line: &str| {
        let mut fields = line.split(',');
        (fields.next().unwrap().to_owned(), fields.nth(1).unwrap().to_owned())
    };
    text.lines().skip(1).map(line).collect()
}

#[test]
fn kill_9_in_mid_write_loses_at_most_the_last_flush() {
    let mut server = ModbusServer::tcp();
    let mut file = modbus_station(server.port, "1s", tags());
    file["devices"][0]["poll"] = json!("10ms");
    let folder = Folder::new(&file);
    let mut value = 0u16;
    for round in 0..8 {
        let mut station = Station::start(&folder.path);
        station.wait_good("level");
        let mut last = json!(null);
        for _ in 0..3 + round * 2 {
            value += 1;
            server.set("holding", 0, &[value]);
            last = station.wait_sample("level", "the new value", |event| event["value"] == value);
        }
        station.process.kill();
        let kept = history(&folder, "level");
        assert!(kept.is_sorted_by_key(|(time, _)| time.clone()), "history is out of order");
        // What was printed more than a flush (250 ms) before the newest one must be there.
        let newest: chrono::DateTime<chrono::Utc> = last["time"].as_str().unwrap().parse().unwrap();
        let oldest_allowed = newest - chrono::Duration::milliseconds(2000);
        let have: chrono::DateTime<chrono::Utc> = kept.last().map_or(oldest_allowed, |(time, _)| time.parse().unwrap());
        assert!(
            have >= oldest_allowed,
            "round {round}: the newest of {} samples is of {have}, {newest} was seen",
            kept.len()
        );
    }
    let values: Vec<u16> = history(&folder, "level").iter().filter_map(|(_, value)| value.parse().ok()).collect();
    assert!(values.is_sorted(), "a sample was kept twice or in the wrong place: {values:?}");
}

#[test]
fn a_damaged_sample_file_is_set_aside_and_said() {
    let server = ModbusServer::tcp();
    let folder = Folder::new(&modbus_station(server.port, "1s", tags()));
    let mut station = Station::start(&folder.path);
    station.wait_good("level");
    station.stop();
    let records = std::fs::metadata(folder.path.join("records.sqlite")).unwrap().len();
    let samples = folder.path.join("history/samples.sqlite");
    let mut bytes = std::fs::read(&samples).unwrap();
    bytes[..200].fill(0x5A);
    std::fs::write(&samples, &bytes).unwrap();
    let mut again = Station::start(&folder.path);
    again.wait_alarm("station/history-set-aside:digital", "unacknowledged");
    again.wait_good("level");
    again.stop();
    let names: Vec<String> = std::fs::read_dir(folder.path.join("history"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().any(|name| name.starts_with("samples.damaged-")), "{names:?}");
    assert!(std::fs::metadata(folder.path.join("records.sqlite")).unwrap().len() >= records);
}

#[test]
fn the_device_comes_back_after_its_server_was_restarted() {
    let mut server = ModbusServer::tcp();
    let folder = Folder::new(&modbus_station(server.port, "500ms", tags()));
    let mut station = Station::start(&folder.path);
    station.wait_good("level");
    server.process.kill();
    let lost = station.wait_sample("level", "bad", |event| event["quality"] == "bad");
    assert!(["not connected", "no answer"].contains(&lost["reason"].as_str().unwrap()), "{lost}");
    let end = Instant::now() + DEADLINE;
    let mut again = loop {
        // Its port may be taken for a moment by what is left of the old connections.
        let mut next = ModbusServer::tcp_on(server.port);
        command(&mut next, &json!({"set": {"table": "holding", "address": 0, "values": [9]}}));
        if next.child.try_wait().unwrap().is_none() || Instant::now() > end {
            break next;
        }
    };
    station.wait_sample("level", "9", |event| event["value"] == 9);
    again.kill();
}
