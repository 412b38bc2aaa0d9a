//! Every way to a device, every function, and what devices do that the standard does not say: against pymodbus and libmodbus.

use crate::support::{
    Folder, ModbusServer, Process, Station, command, free_port, listens, modbus_station, root, words,
};
use polder::access::PrincipalKind;
use polder::recorder::{AuditLine, read_audit};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;

fn with(mut file: Value, path: &str, value: Value) -> Value {
    *file.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
    file
}

fn device(mut file: Value, keys: Value) -> Value {
    file["devices"][0].as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
    file
}

fn setpoints() -> Value {
    json!([
        {"name": "level", "device": "plc-1", "register": "holding:10", "type": "f32"},
        {"name": "setpoint", "device": "plc-1", "register": "holding:40", "type": "f32", "order": "CDAB", "command": {}},
        {"name": "word", "device": "plc-1", "register": "holding:50", "command": {}},
        {"name": "bit", "device": "plc-1", "register": "holding:60", "bit": 3, "command": {}},
        {"name": "field", "device": "plc-1", "register": "holding:60", "type": "u16", "bits": [8, 11], "command": {}},
        {"name": "coil", "device": "plc-1", "register": "coil:3", "command": {}},
    ])
}

fn set(station: &Station, tag: &str, value: &str) -> (Option<i32>, String) {
    let output = station.tool(&["set", tag, value, "--reason", "test"]);
    (output.status.code(), words(&output).trim().to_owned())
}

/// The writes that the server saw since the last time this was asked, as function, address, values.
fn writes(server: &mut Process) -> Vec<Value> {
    let mut seen = Vec::new();
    server.send(&json!({"delay": 0}).to_string());
    server.wait("the end of the writes", |line| {
        let said: Value = serde_json::from_str(line).ok()?;
        if let Some(write) = said.get("write") {
            seen.push(json!([write["function"], write["address"], write["values"]]));
        }
        said.get("done").map(|_| ())
    });
    seen
}

#[test]
fn serial_frames_over_tcp_read_and_write() {
    let mut server = ModbusServer::on_socket("rtu-tcp", &[]);
    server.set("holding", 10, &[0x41AC, 0]);
    let wire = json!({"rtu_over_tcp": format!("127.0.0.1:{}", server.port), "timeout": "1s"});
    let folder = Folder::new(&with(modbus_station(1, "1s", setpoints()), "/connections/0/modbus", wire));
    let mut station = Station::start(&folder.path);
    assert_eq!(station.wait_all_good(&["level", "coil"])[0], 21.5);
    assert_eq!(set(&station, "setpoint", "7.5"), (Some(0), "verified: reads back 7.5".to_owned()));
}

#[test]
fn every_write_goes_out_once_by_the_function_that_the_device_wants() {
    let mut server = ModbusServer::tcp();
    for (quirks, expected) in [
        (json!({}), json!([[16, 40, [0, 0x40F0]], [6, 50, [7]], [22, 60, [8]], [22, 60, [0x508]], [5, 3, [true]]])),
        (
            json!({"write_with": "multiple", "write_bits": "read-modify-write"}),
            json!([[16, 40, [0, 0x40F0]], [16, 50, [7]], [16, 60, [8]], [16, 60, [0x508]], [15, 3, [true]]]),
        ),
        (
            json!({"write_with": "read-write"}),
            json!([[23, 40, [0, 0x40F0]], [23, 50, [7]], [22, 60, [8]], [22, 60, [0x508]], [5, 3, [true]]]),
        ),
    ] {
        server.set("holding", 40, &[0; 30]);
        command(&mut server.process, &json!({"set": {"table": "coil", "address": 3, "values": [false]}}));
        let folder = Folder::new(&device(modbus_station(server.port, "1s", setpoints()), quirks.clone()));
        let mut station = Station::start(&folder.path);
        station.wait_good("coil");
        for (tag, value) in [("setpoint", "7.5"), ("word", "7"), ("bit", "on"), ("field", "5"), ("coil", "on")] {
            let (code, said) = set(&station, tag, value);
            assert_eq!(code, Some(0), "{tag} with {quirks}: {said}");
        }
        assert_eq!(json!(writes(&mut server.process)), expected, "{quirks}");
        station.stop();
    }
}

#[test]
fn registers_that_are_only_written_and_pulses_that_reset_themselves() {
    let mut server = ModbusServer::tcp();
    command(&mut server.process, &json!({"keep": [41]}));
    let tags = json!([
        {"name": "alive", "device": "plc-1", "register": "holding:0"},
        {"name": "key", "device": "plc-1", "register": "holding:40", "write_only": true, "command": {}},
        {"name": "start", "device": "plc-1", "register": "holding:41", "command": {"pulse": true, "within": "2s"}},
        {"name": "stuck", "device": "plc-1", "register": "holding:42", "command": {"pulse": true, "within": "1s"}},
    ]);
    let folder = Folder::new(&modbus_station(server.port, "1s", tags));
    let mut station = Station::start(&folder.path);
    station.wait_good("alive");
    assert_eq!(
        set(&station, "key", "7"),
        (Some(5), "unverified: the device took it; no read-back is set up".to_owned())
    );
    let (code, said) = set(&station, "start", "1");
    assert!(code == Some(5) && said.contains("nobody saw it set"), "{code:?} {said}");
    let (code, said) = set(&station, "stuck", "1");
    assert!(code == Some(4) && said.contains("the device did not reset it"), "{code:?} {said}");
}

#[test]
fn special_codes_spans_fields_and_words_mean_what_the_engineer_said() {
    let mut server = ModbusServer::tcp();
    server.set("holding", 0, &[0x8000, 1900, 2150, 300, 0x0ABC, 100]);
    let tags = json!([
        {"name": "none", "device": "plc-1", "register": "holding:0", "type": "i16", "not_available": [32768]},
        {"name": "loop", "device": "plc-1", "register": "holding:1",
         "scale": {"raw": [400, 2000], "eng": [0, 10], "valid": [360, 2100]}},
        {"name": "open", "device": "plc-1", "register": "holding:2",
         "scale": {"raw": [400, 2000], "eng": [0, 10], "valid": [360, 2200]}},
        {"name": "broken", "device": "plc-1", "register": "holding:3",
         "scale": {"raw": [400, 2000], "eng": [0, 10], "valid": [360, 2100]}},
        {"name": "field", "device": "plc-1", "register": "holding:4", "type": "u16", "bits": [4, 7]},
        {"name": "state", "device": "plc-1", "register": "40006", "states": {"0": "stopped", "100": "fault"},
         "alarms": [{"is": 100}]},
    ]);
    let folder = Folder::new(&modbus_station(server.port, "1s", tags));
    let mut station = Station::start(&folder.path);
    let read = |station: &mut Station, tag: &str| {
        let sample = station.wait_sample(tag, "read", |event| event["reason"] != "waiting for the first value");
        (sample["value"].clone(), sample["quality"].clone(), sample["reason"].clone())
    };
    assert_eq!(read(&mut station, "none"), (json!(null), json!("bad"), json!("device: value not available")));
    assert_eq!(read(&mut station, "loop").0, 9.375);
    assert_eq!(read(&mut station, "open").1, "uncertain");
    assert_eq!(read(&mut station, "broken").2, "outside the instrument's range");
    assert_eq!(read(&mut station, "field").0, 0xB);
    let alarm = station.wait_alarm("state:is-100", "unacknowledged");
    assert!(alarm["message"].as_str().unwrap().contains("fault"), "{alarm}");
}

#[test]
fn a_device_says_who_it_is_and_another_one_is_an_alarm() {
    let mut server = ModbusServer::tcp();
    let folder = Folder::new(&modbus_station(server.port, "1s", setpoints()));
    let mut station = Station::start(&folder.path);
    server.process.wait("an identification", |line| line.contains("identify").then_some(()));
    station.wait_good("level");
    station.stop();
    let known = audit(&folder.path, "identity");
    assert!(known.len() == 1 && known[0].detail.contains("Noord") && known[0].detail.contains("PX-7"), "{known:?}");
    command(&mut server.process, &json!({"identity": {"vendor": "Noord", "product": "PX-9", "revision": "2.0"}}));
    let mut station = Station::start(&folder.path);
    let alarm = station.wait_alarm("plc-1:identity", "unacknowledged");
    let occurrence = alarm["occurrence"].to_string();
    assert!(station.tool(&["alarms", "--ack", &occurrence]).status.success());
    station.wait_alarm("plc-1:identity", "normal");
    station.stop();
    assert_eq!(audit(&folder.path, "identity").len(), 2);
}

fn audit(folder: &Path, action: &str) -> Vec<AuditLine> {
    let all = read_audit(&folder.join("records.sqlite"), 1000).unwrap();
    all.into_iter().filter(|entry| &*entry.action == action).collect()
}

#[test]
fn off_scan_is_silence_without_alarm_and_outlives_a_restart() {
    let mut server = ModbusServer::tcp();
    let folder = Folder::new(&modbus_station(server.port, "1s", setpoints()));
    let mut station = Station::start(&folder.path);
    station.wait_good("level");
    assert!(!station.tool(&["scan", "plc-1", "off"]).status.success(), "a reason is needed");
    assert!(station.tool(&["scan", "plc-1", "off", "--reason", "pump is replaced"]).status.success());
    station.wait_sample("level", "off scan", |event| event["reason"] == "off scan");
    let (code, said) = set(&station, "word", "1");
    assert!(code == Some(2) && said.contains("off scan"), "{said}");
    let requests = |server: &mut ModbusServer| {
        server.process.send(&json!({"delay": 0}).to_string());
        server.process.wait("the count", |line| serde_json::from_str::<Value>(line).ok()?.get("requests")?.as_u64())
    };
    let before = requests(&mut server);
    station.stop();
    let mut station = Station::start(&folder.path);
    station.wait_sample("level", "off scan", |event| event["quality"] == "bad");
    assert!(station.tool(&["scan", "plc-1", "on"]).status.success());
    station.wait_good("level");
    assert!(requests(&mut server) - before < 30, "it was asked although it was off scan");
    station.stop();
    assert_eq!((audit(&folder.path, "off-scan").len(), audit(&folder.path, "on-scan").len()), (1, 1));
}

#[test]
fn a_heartbeat_counts_and_only_its_course_is_recorded() {
    let mut server = ModbusServer::tcp();
    let keys = json!({"heartbeat": {"register": "holding:900", "every": "100ms"}});
    let folder = Folder::new(&device(modbus_station(server.port, "500ms", setpoints()), keys));
    let mut station = Station::start(&folder.path);
    station.wait_good("level");
    let mut beats = Vec::new();
    server.process.wait("five beats", |line| {
        let said: Value = serde_json::from_str(line).ok()?;
        if said["write"]["address"] == 900 {
            beats.push(said["write"]["values"][0].as_u64().unwrap());
        }
        (beats.len() == 5).then_some(())
    });
    assert!(beats.windows(2).all(|pair| pair[1] == pair[0] + 1), "{beats:?}");
    command(&mut server.process, &json!({"exception": {"code": 4, "functions": [6]}}));
    server.process.wait("a read", |line| line.contains("\"read\"").then_some(()));
    command(&mut server.process, &json!({"exception": null}));
    server.process.wait("a beat", |line| line.contains("\"write\"").then_some(()));
    station.stop();
    let states: Vec<String> = audit(&folder.path, "heartbeat").iter().map(|entry| entry.detail.to_string()).collect();
    assert!(states.first().is_some_and(|last| last.contains("stopped")), "{states:?}");
    assert!(states.last().is_some_and(|first| first.contains("beating")), "{states:?}");
    assert!(states.len() <= 6, "each beat was recorded: {states:?}");
}

#[test]
fn the_second_address_is_used_when_the_first_fails() {
    let mut server = ModbusServer::tcp();
    server.set("holding", 10, &[0x41AC, 0]);
    let wire = json!({"tcp": format!("127.0.0.1:{}", free_port()), "fallback": format!("127.0.0.1:{}", server.port)});
    let folder = Folder::new(&with(modbus_station(1, "1s", setpoints()), "/connections/0/modbus", wire));
    let mut station = Station::start(&folder.path);
    assert_eq!(station.wait_good("level")["value"], 21.5);
}

#[test]
fn a_counter_goes_on_over_its_roll_over_and_a_restart() {
    let mut server = ModbusServer::tcp();
    let tags = json!([{"name": "pulses", "device": "plc-1", "register": "holding:0", "rolls_over_at": 65536}]);
    let folder = Folder::new(&modbus_station(server.port, "1s", tags));
    server.set("holding", 0, &[65_500]);
    let mut station = Station::start(&folder.path);
    station.wait_sample("pulses", "65500", |event| event["value"] == 65_500);
    server.set("holding", 0, &[20]);
    station.wait_sample("pulses", "over", |event| event["value"] == 65_556);
    station.stop();
    server.set("holding", 0, &[30]);
    let mut station = Station::start(&folder.path);
    assert_eq!(station.wait_good("pulses")["value"], 65_566);
}

/// A broadcast is sent once, to unit 0, and nobody answers.
#[test]
fn a_broadcast_goes_out_by_command_alone() {
    let (_socat, ours, theirs, _keep) = crate::wire::line();
    let mut file = modbus_station(
        1,
        "400ms",
        json!([
            {"name": "all/stop", "device": "plc-1", "register": "coil:3", "write_only": true, "command": {}},
        ]),
    );
    file["connections"][0]["modbus"] = json!({"serial": ours, "baud": 19200, "parity": "none"});
    let folder = Folder::new(&device(file, json!({"unit": 0})));
    let mut station = Station::start(&folder.path);
    station.wait("the line", |event| event["event"] == "device" && event["state"] == "good");
    assert_eq!(
        set(&station, "all/stop", "on"),
        (
            Some(5),
            "unverified: it was sent to all devices on the line, and nobody answers a broadcast; no read-back is set up".to_owned()
        )
    );
    let mut line = std::fs::File::open(theirs).unwrap();
    let mut frame = [0; 8];
    std::io::Read::read_exact(&mut line, &mut frame).unwrap();
    assert_eq!(frame[..6], [0, 5, 0, 3, 0xFF, 0], "{frame:02X?}");
}

/// The tags of another device turn bad, those that stay equal never do.
#[test]
fn a_reload_touches_only_what_changed() {
    let (mut server, mut other) = (ModbusServer::tcp(), ModbusServer::tcp());
    server.set("holding", 0, &[1]);
    other.set("holding", 0, &[2]);
    let file = |port: u16, more: Value| {
        let mut tags = vec![json!({"name": "kept", "device": "plc-1", "register": "holding:0"})];
        tags.insert(0, more);
        let mut file = modbus_station(server.port, "1s", json!(tags));
        let wires = file["connections"].as_array_mut().unwrap();
        wires.push(json!({"name": "other", "modbus": {"tcp": format!("127.0.0.1:{port}")}}));
        file["devices"].as_array_mut().unwrap().push(json!({"name": "plc-2", "connection": "other", "poll": "200ms"}));
        file
    };
    let moved = json!({"name": "moved", "device": "plc-2", "register": "holding:0"});
    let folder = Folder::new(&file(other.port, moved.clone()));
    let mut station = Station::start(&folder.path);
    station.wait_all_good(&["kept", "moved"]);
    let away = free_port();
    std::fs::write(folder.path.join("station.json"), file(away, moved).to_string()).unwrap();
    let shown = words(&station.tool(&["reload"]));
    assert!(shown.contains("~ connection other: address") && shown.contains("nothing was done"), "{shown}");
    assert!(station.tool(&["reload", "--apply"]).status.success());
    let lost = |event: &Value| event["tag"] == "moved" && event["quality"] == "bad";
    station.wait("the moved tag to turn bad", |event| {
        assert!(event["tag"] != "kept" || event["quality"] == "good", "a kept tag was disturbed: {event}");
        assert!(event["device"] != "plc-1" || event["state"] == "good", "a kept device was disturbed: {event}");
        lost(event)
    });
    server.set("holding", 0, &[5]);
    station.wait_sample("kept", "5", |event| event["value"] == 5);
    station.stop();
    let recorded = audit(&folder.path, "reload");
    assert!(recorded.len() == 1 && recorded[0].detail.contains("connection other"), "{recorded:?}");
    assert_eq!(recorded[0].principal.kind, PrincipalKind::Person, "somebody wanted it: {recorded:?}");
}

/// A libmodbus server; its registers follow a pattern.
fn libmodbus() -> (Process, u16) {
    let program = root().join("target/peers/libmodbus_server");
    for _ in 0..5 {
        let port = free_port();
        let mut process = Process::start(Command::new(&program).args(["tcp", &port.to_string()]));
        if listens(&mut process, port) {
            return (process, port);
        }
    }
    panic!("libmodbus_server does not start: run tests/run, it builds it");
}

/// Refusals in the middle of a window of requests take nobody else's place.
#[test]
fn a_pipeline_keeps_what_is_refused_apart() {
    let (_server, port) = libmodbus();
    let mut tags = Vec::new();
    // The server ends at 2000: of every ten registers around it, those behind it are refused.
    for place in (0..2000u32).step_by(9).chain(1980..2020) {
        tags.push(json!({"name": format!("h{place}"), "device": "plc-1", "register": format!("holding:{place}")}));
    }
    tags.sort_by_key(|tag| tag["name"].to_string());
    tags.dedup();
    let mut file = modbus_station(port, "1s", json!(tags));
    file["connections"][0]["modbus"]["in_flight"] = json!(8);
    let folder = Folder::new(&device(file, json!({"gap": 0, "max_registers": 4})));
    let mut station = Station::start(&folder.path);
    let mut left: std::collections::BTreeSet<String> =
        tags.iter().map(|tag| tag["name"].as_str().unwrap().to_owned()).collect();
    while !left.is_empty() {
        let sample = station.wait("every tag", |event| event["tag"].as_str().is_some_and(|tag| left.contains(tag)));
        let tag = sample["tag"].as_str().unwrap();
        let place: u32 = tag[1..].parse().unwrap();
        match sample["reason"].as_str() {
            Some("waiting for the first value") => continue,
            Some(reason) => assert!(place >= 2000 && reason == "device: address does not exist", "{sample}"),
            None => assert!(place < 2000 && sample["value"] == (place * 7 + 1) % 65_536, "{sample}"),
        }
        left.remove(tag);
    }
}

#[test]
fn libmodbus_serves_what_mbpoll_reads_as_well() {
    let (mut server, port) = libmodbus();
    let mut tags = Vec::new();
    for place in 0..600u32 {
        tags.push(json!({"name": format!("h{place}"), "device": "plc-1", "register": format!("holding:{place}")}));
        tags.push(json!({"name": format!("c{place}"), "device": "plc-1", "register": format!("coil:{place}")}));
    }
    tags.push(json!({"name": "set", "device": "plc-1", "register": "holding:1500", "type": "i32", "command": {}}));
    let mut file = modbus_station(port, "1s", json!(tags));
    file["connections"][0]["modbus"]["in_flight"] = json!(4);
    let folder = Folder::new(&file);
    let mut station = Station::start(&folder.path);
    let mut seen = std::collections::BTreeMap::new();
    while seen.len() < 1200 {
        let sample = station.wait("all tags", |event| event["event"] == "sample" && event["quality"] == "good");
        let tag = sample["tag"].as_str().unwrap().to_owned();
        if tag != "set" && !tag.starts_with("station/") {
            seen.insert(tag, sample["value"].clone());
        }
    }
    for place in 0..600u32 {
        assert_eq!(seen[&format!("h{place}")], (place * 7 + 1) % 65_536);
        assert_eq!(seen[&format!("c{place}")], place % 3 == 0);
    }
    assert_eq!(set(&station, "set", "-123456"), (Some(0), "verified: reads back -123456".to_owned()));
    server.wait("the write", |line| line.starts_with("write 1500 65534 7616").then_some(()));
    let output = Command::new("mbpoll")
        .args(["-m", "tcp", "-p", &port.to_string(), "-t", "4:int", "-B", "-r", "1501", "-1", "-q", "127.0.0.1"])
        .output()
        .unwrap();
    assert!(words(&output).contains("-123456"), "{}", words(&output));
}

/// pymodbus answers the first of several requests that arrive together. That is found out, said, and no tag suffers for it.
#[test]
fn a_device_that_takes_one_request_at_a_time_gets_one() {
    let mut server = ModbusServer::tcp();
    server.set("holding", 0, &[7; 400]);
    let tag = |place| json!({"name": format!("h{place}"), "device": "plc-1", "register": format!("holding:{place}")});
    let tags: Vec<Value> = (0..400u32).step_by(40).map(tag).collect();
    let names: Vec<String> = tags.iter().map(|tag| tag["name"].as_str().unwrap().to_owned()).collect();
    let mut file = modbus_station(server.port, "200ms", json!(tags));
    file["connections"][0]["modbus"]["in_flight"] = json!(4);
    file["connections"][0]["modbus"]["timeout"] = json!("300ms");
    let folder = Folder::new(&device(file, json!({"gap": 0})));
    let mut station = Station::start(&folder.path);
    let mut left: std::collections::BTreeSet<String> = names.into_iter().collect();
    while !left.is_empty() {
        let sample = station.wait("every tag", |event| event["tag"].as_str().is_some_and(|tag| left.contains(tag)));
        if sample["reason"] != "waiting for the first value" {
            assert_eq!((&sample["value"], &sample["quality"]), (&json!(7), &json!("good")), "{sample}");
            left.remove(sample["tag"].as_str().unwrap());
        }
    }
    let plan = words(&station.tool(&["tags", "--plan"]));
    assert!(plan.contains("one request at a time"), "{plan}");
}
