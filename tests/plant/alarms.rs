//! The life of alarms on a running station: every state and every delay through kill -9, by the command line and the event stream.

use crate::support::{Folder, ModbusServer, Station, free_port, modbus_station, run, words};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

fn tags() -> Value {
    json!([
        {"name": "level", "device": "plc-1", "register": "holding:0", "alarms": [{"high": 100, "priority": "high"}]},
        {"name": "trip", "device": "plc-1", "register": "holding:1", "alarms": [{"high": 100, "latch": true}]},
        {"name": "slow", "device": "plc-1", "register": "holding:2", "alarms": [{"high": 100, "on_delay": "6s"}]},
        {"name": "flow", "device": "plc-1", "register": "holding:3", "alarms": [
            {"low": 5, "message": "flow {flow}, pump {pump}", "suppress_when": "{pump} == 0"}]},
        {"name": "pump", "device": "plc-1", "register": "holding:4"},
    ])
}

/// A station that was killed goes on; the first that it says about the alarm.
fn kill_and_go_on(mut station: Station, alarm: &str) -> (Station, Value) {
    station.process.kill();
    let mut again = Station::start(&station.folder);
    let kept = again.wait("the alarm", |event| event["event"] == "alarm" && event["alarm"] == alarm);
    (again, kept)
}

fn act(station: &Station, arguments: &[&str]) {
    let output = station.tool(&[&["alarms"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", words(&output));
}

/// What was seen before is committed when this returns: these requests go through the same engine and the same recorder.
fn settle(station: &Station) {
    act(station, &["--shelve", "level:high", "--for", "1m", "--reason", "settle"]);
    act(station, &["--unshelve", "level:high"]);
}

#[test]
fn every_state_survives_kill_9() {
    let mut server = ModbusServer::tcp();
    let folder = Folder::new(&modbus_station(server.port, "500ms", tags()));
    let mut station = Station::start(&folder.path);
    station.wait_all_good(&["level", "trip"]);
    server.set("holding", 1, &[150]);
    let raised = station.wait_alarm("trip:high", "unacknowledged");
    settle(&station);
    let check = |(station, kept): (Station, Value), state: &str| {
        assert_eq!((kept["state"].as_str().unwrap(), &kept["occurrence"]), (state, &raised["occurrence"]));
        station
    };
    station = check(kill_and_go_on(station, "trip:high"), "unacknowledged");
    station.wait_good("trip");
    server.set("holding", 1, &[0]);
    station.wait_alarm("trip:high", "latched-unacknowledged");
    settle(&station);
    station = check(kill_and_go_on(station, "trip:high"), "latched-unacknowledged");
    act(&station, &["--ack-all"]);
    station = check(kill_and_go_on(station, "trip:high"), "latched-acknowledged");
    act(&station, &["--out-of-service", "trip:high", "--reason", "valve is replaced"]);
    let (mut station, kept) = kill_and_go_on(station, "trip:high");
    assert_eq!((&kept["state"], &kept["reason"]), (&json!("out-of-service"), &json!("valve is replaced")));
    act(&station, &["--return-to-service", "trip:high", "--comment", "done"]);
    station.wait_alarm("trip:high", "latched-acknowledged");
    act(&station, &["--reset", "trip:high"]);
    station.wait_alarm("trip:high", "normal");
    let output = station.tool(&["alarms", "--reset", "trip:high"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(words(&output).contains("trip:high: it is not latched"), "{}", words(&output));
    station.stop();
}

#[test]
fn a_shelf_goes_on_through_kill_9_and_ends_by_itself() {
    let mut server = ModbusServer::tcp();
    server.set("holding", 0, &[150]);
    let folder = Folder::new(&modbus_station(server.port, "500ms", tags()));
    let mut station = Station::start(&folder.path);
    let raised = station.wait_alarm("level:high", "unacknowledged");
    let output = station.tool(&["alarms", "--shelve", "level:high", "--for", "3h", "--reason", "known"]);
    assert!(words(&output).contains("shelved for at most 2 h"), "{}", words(&output));
    act(&station, &["--shelve", "level:high", "--for", "6s", "--reason", "known"]);
    let shelved = station.wait_alarm("level:high", "shelved");
    let (mut station, kept) = kill_and_go_on(station, "level:high");
    assert_eq!((&kept["state"], &kept["until"]), (&json!("shelved"), &shelved["until"]));
    let listed = words(&station.tool(&["alarms"]));
    assert!(!listed.contains("level:high"), "what is set aside is listed with --all: {listed}");
    let listed = words(&station.tool(&["alarms", "--all"]));
    assert!(listed.contains("level:high by") && listed.contains("known (condition active"), "{listed}");
    let back = station.wait_alarm("level:high", "unacknowledged");
    assert_eq!(back["occurrence"], raised["occurrence"]);
    assert!(back["time"].as_str() >= shelved["until"].as_str(), "{back} before {shelved}");
    station.wait("the notice", |event| {
        event["event"] == "notice" && event["words"].as_str().unwrap().contains("its time on the shelf is over")
    });
    station.stop();
}

#[test]
fn a_delay_goes_on_through_kill_9() {
    let mut server = ModbusServer::tcp();
    let folder = Folder::new(&modbus_station(server.port, "500ms", tags()));
    let mut station = Station::start(&folder.path);
    station.wait_good("slow");
    server.set("holding", 2, &[150]);
    let began = station.wait_sample("slow", "150", |event| event["value"] == 150);
    let seen = Instant::now();
    // Anything that is committed takes the delay along. A third of it has to be over, or going on and beginning anew look the same.
    while seen.elapsed() < Duration::from_secs(2) {
        settle(&station);
    }
    station.process.kill();
    let mut again = Station::start(&folder.path);
    let good = again.wait_good("slow");
    let raised = again.wait_alarm("slow:high", "unacknowledged");
    let time = |event: &Value| -> chrono::DateTime<chrono::Utc> { event["time"].as_str().unwrap().parse().unwrap() };
    let (whole, after) = (time(&raised) - time(&began), time(&raised) - time(&good));
    assert!(whole >= chrono::Duration::milliseconds(5900), "it was raised early: {whole}");
    assert!(after < chrono::Duration::milliseconds(5000), "the delay began anew after the restart: {after} of {whole}");
    again.stop();
}

/// A limit that operators move within its bounds: recorded first, and there after kill -9.
#[test]
fn a_limit_that_was_entered_outlives_kill_9() {
    let mut server = ModbusServer::tcp();
    server.set("holding", 0, &[50]);
    let tags = json!([
        {"name": "level", "device": "plc-1", "register": "holding:0", "alarms": [{"high": {"tag": "level-limit"}}]},
        {"name": "level-limit", "manual": 100, "range": [40, 120]},
    ]);
    let folder = Folder::new(&modbus_station(server.port, "500ms", tags));
    let mut station = Station::start(&folder.path);
    station.wait_all_good(&["level", "level-limit"]);
    let output = station.tool(&["set", "level-limit", "30", "--reason", "storm"]);
    assert!(words(&output).contains("below the lowest allowed value 40"), "{}", words(&output));
    let output = station.tool(&["set", "level-limit", "45.5", "--reason", "storm"]);
    assert!(output.status.success() && words(&output).contains("verified: entered"), "{}", words(&output));
    station.wait_alarm("level:high", "unacknowledged");
    station.process.kill();
    let mut station = Station::start(&station.folder);
    let is_limit =
        |event: &Value| event["event"] == "sample" && event["tag"] == "level-limit" && event["quality"] == "good";
    assert_eq!(station.wait("the limit", is_limit)["value"], json!(45.5));
    let listed = words(&station.tool(&["alarms"]));
    assert!(listed.contains("unacknowledged"), "{listed}");
    station.stop();
}

#[test]
fn what_the_design_suppresses_and_a_message_with_values_go_on_through_kill_9() {
    let mut server = ModbusServer::tcp();
    let folder = Folder::new(&modbus_station(server.port, "500ms", tags()));
    let mut station = Station::start(&folder.path);
    // The pump stands, and the same answer says that there is no flow: nobody is to look at that.
    let first = station.wait("the alarm", |event| event["event"] == "alarm" && event["alarm"] == "flow:low");
    assert_eq!((&first["state"], &first["reason"]), (&json!("suppressed"), &json!("{pump} == 0")));
    settle(&station);
    let (mut station, kept) = kill_and_go_on(station, "flow:low");
    assert_eq!((&kept["state"], &kept["by"]), (&json!("suppressed"), &first["by"]));
    server.set("holding", 3, &[2, 1]);
    let raised = station.wait_alarm("flow:low", "unacknowledged");
    assert_eq!(raised["message"], "Flow 0, pump 0", "the values of the moment at which its condition came");
    settle(&station);
    let (mut station, kept) = kill_and_go_on(station, "flow:low");
    let shown = |event: &Value| (event["state"].clone(), event["occurrence"].clone(), event["message"].clone());
    assert_eq!(shown(&kept), shown(&raised));
    server.set("holding", 4, &[0]);
    station.wait_alarm("flow:low", "suppressed");
    server.set("holding", 3, &[20, 1]);
    station.wait_alarm("flow:low", "normal");
    let journal = words(&station.tool(&["alarms", "--journal"]));
    assert!(journal.contains("rule suppress_when") && journal.contains("no longer true: {pump} == 0"), "{journal}");
    station.stop();
}

#[test]
fn what_is_said_about_an_alarm_is_in_the_journal_and_on_record() {
    let folder = Folder::new(&modbus_station(free_port(), "300ms", tags()));
    let mut station = Station::start(&folder.path);
    station.wait_alarm("plc-1:lost", "unacknowledged");
    act(&station, &["--comment-on", "plc-1:lost", "flow:low", "--comment", "cable is ordered"]);
    let without = station.tool(&["alarms", "--comment-on", "plc-1:lost"]);
    assert!(!without.status.success() && words(&without).contains("--comment"), "{}", words(&without));
    let journal = words(&station.tool(&["alarms", "--journal", "--text", "cable is ordered"]));
    let lines: Vec<&str> = journal.lines().collect();
    assert!(lines.len() == 2 && lines.iter().all(|line| line.ends_with("cable is ordered")), "{journal}");
    assert!(journal.contains("plc-1:lost") && journal.contains(" unacknowledged ") && journal.contains("flow:low"));
    station.stop();
    let verified = run(&["verify", folder.path.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", words(&verified));
}
