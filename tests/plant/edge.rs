//! The station as an edge node of Sparkplug B: decoded by other people's decoder (tests/peers/sparkplug_host.py), and taken in by a second
//! station; and commands that come to it over a broker.

use crate::mqtt::Broker;
use crate::support::{Folder, ModbusServer, Process, Station, python, root, words};
use serde_json::{Value, json};
use std::process::Command;

struct Host(Process);

impl Host {
    fn start(broker: &Broker) -> Self {
        let script = root().join("tests/peers/sparkplug_host.py");
        let mut command = Command::new(python());
        command.arg(script).arg(broker.port.to_string()).args(["north", "polder"]);
        let mut host = Self(Process::start(&mut command));
        host.hears("its subscription", |said| said["subscribed"] == true);
        host
    }

    fn does(&mut self, what: &Value) {
        self.0.send(&what.to_string());
    }

    fn hears(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.0.wait(what, |line| {
            let said: Value = serde_json::from_str(line).ok()?;
            fits(&said).then_some(said)
        })
    }

    /// The first value of a device may stand in its birth.
    fn hears_value(&mut self, value: &Value) {
        let has = |said: &Value| {
            said["metrics"].as_array().is_some_and(|metrics| metrics.iter().any(|metric| metric["value"] == *value))
        };
        self.hears("the value", |said| (said["kind"] == "DBIRTH" || said["kind"] == "DDATA") && has(said));
    }

    fn hears_metric(&mut self, kind: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let metric = |said: &Value| said["metrics"].as_array()?.iter().find(|metric| fits(metric)).cloned();
        let said = self.hears(kind, |said| said["kind"] == kind && metric(said).is_some());
        metric(&said).unwrap()
    }
}

/// The first event, from now on, for each condition; in whatever order they come.
fn wait_each<const N: usize>(station: &mut Station, what: &str, fits: [&dyn Fn(&Value) -> bool; N]) -> [Value; N] {
    let mut found = [const { Value::Null }; N];
    station.wait(what, |event| {
        for (found, _) in found.iter_mut().zip(&fits).filter(|(found, fits)| found.is_null() && fits(event)) {
            *found = event.clone();
        }
        !found.contains(&Value::Null)
    });
    found
}

fn is_good(tag: &str) -> impl Fn(&Value) -> bool {
    move |event| event["event"] == "sample" && event["tag"] == tag && event["quality"] == "good"
}

fn station(modbus: u16, broker: u16, more: &Value) -> Value {
    let mut edge = json!({"group": "north", "node": "polder", "tags": ["basin/*"], "every": "10ms", "commands": true});
    edge.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    json!({
        "station": {"name": "A"},
        "connections": [{"name": "plc", "modbus": {"tcp": format!("127.0.0.1:{modbus}")}},
            {"name": "up", "mqtt": {"url": format!("mqtt://127.0.0.1:{broker}"), "keep_alive": "2s", "edge": edge}}],
        "devices": [{"name": "basin", "connection": "plc", "poll": "100ms"}],
        "tags": [{"name": "basin/level", "device": "basin", "register": "input:0", "unit": "m"},
            {"name": "basin/setpoint", "device": "basin", "register": "holding:1", "command": {"max": 100}},
            {"name": "basin/limit", "manual": 5}],
    })
}

#[test]
fn another_decoder_reads_births_data_and_deaths() {
    let (mut server, broker) = (ModbusServer::tcp(), Broker::new());
    server.set("input", 0, &[10]);
    let folder = Folder::new(&station(server.port, broker.port, &json!({})));
    let mut host = Host::start(&broker);
    let mut running = Station::start(&folder.path);
    let birth = host.hears("NBIRTH", |said| said["kind"] == "NBIRTH");
    let first = birth["metrics"][0].clone();
    assert_eq!((&birth["seq"], &first["name"], &first["value"]), (&json!(0), &json!("bdSeq"), &json!(0)));
    assert_eq!((&birth["qos"], &birth["retain"]), (&json!(0), &json!(false)));
    let birth = host.hears("DBIRTH", |said| said["kind"] == "DBIRTH");
    assert_eq!((&birth["device"], birth["seq"].as_u64() > Some(0)), (&json!("basin"), true));
    assert_eq!((&birth["metrics"][0]["name"], &birth["metrics"][0]["unit"]), (&json!("basin/level"), &json!("m")));
    let alias = birth["metrics"][0]["alias"].clone();
    running.wait_good("basin/level");
    server.set("input", 0, &[11]);
    let told = host.hears_metric("DDATA", |metric| metric["alias"] == alias && metric["value"] == 11);
    assert_eq!((&told["quality"], &told["name"]), (&Value::Null, &Value::Null));
    host.does(&json!({"rebirth": true}));
    host.hears("NBIRTH again", |said| said["kind"] == "NBIRTH" && said["metrics"][0]["value"] == 0);
    let birth = host.hears("DBIRTH again", |said| said["kind"] == "DBIRTH");
    assert_eq!(birth["metrics"][0]["value"], 11, "{birth}");
    let setpoint = birth["metrics"][1]["alias"].clone();
    host.does(&json!({"set": {"device": "basin", "alias": setpoint, "type": "Int64", "value": 42}}));
    let done = running.wait("the command", |event| event["event"] == "command" && event["tag"] == "basin/setpoint");
    assert_eq!((&done["outcome"], &done["value"]), (&json!("verified"), &json!(42)));
    host.does(&json!({"set": {"device": "basin", "alias": setpoint, "type": "Int64", "value": 101}}));
    let done = running.wait("its end", |event| event["event"] == "command" && event["tag"] == "basin/setpoint");
    assert_eq!(done["outcome"], "refused", "{done}");
    // The field is lost, and comes back: the device dies, and is born anew.
    server.process.kill();
    let death = host.hears("DDEATH", |said| said["kind"] == "DDEATH");
    assert_eq!((&death["device"], death["seq"].is_u64(), &death["metrics"]), (&json!("basin"), true, &json!([])));
    let _back = ModbusServer::tcp_on(server.port);
    let birth = host.hears("the device again", |said| said["kind"] == "DBIRTH");
    assert_eq!((&birth["device"], birth["metrics"].as_array().unwrap().len()), (&json!("basin"), 2), "{birth}");
    host.hears_metric("DDATA", |metric| metric["alias"] == setpoint || metric["alias"] == alias);
    // Killed, it leaves its death to the broker; and the next session has the next number.
    running.process.signal("KILL");
    let death = host.hears("NDEATH", |said| said["kind"] == "NDEATH");
    assert_eq!((&death["metrics"][0]["value"], &death["seq"]), (&json!(0), &Value::Null));
    let running = Station::start(&folder.path);
    host.hears("the next session", |said| said["kind"] == "NBIRTH" && said["metrics"][0]["value"] == 1);
    running.stop();
    host.hears("its death", |said| said["kind"] == "NDEATH" && said["metrics"][0]["value"] == 1);
}

#[test]
fn what_the_primary_host_missed_comes_as_historical() {
    let (mut server, broker) = (ModbusServer::tcp(), Broker::new());
    server.set("input", 0, &[10]);
    let folder = Folder::new(&station(server.port, broker.port, &json!({"primary_host": "scada"})));
    let mut host = Host::start(&broker);
    host.does(&json!({"state": {"host": "scada", "online": true, "timestamp": 1000}}));
    let mut running = Station::start(&folder.path);
    host.hears_value(&json!(10));
    host.does(&json!({"state": {"host": "scada", "online": false, "timestamp": 2000}}));
    host.hears("its death", |said| said["kind"] == "NDEATH" && said["metrics"][0]["value"] == 0);
    for value in [11, 12, 13] {
        server.set("input", 0, &[value]);
        running.wait_sample("basin/level", "the new value", |event| event["value"] == value);
    }
    host.does(&json!({"state": {"host": "scada", "online": true, "timestamp": 3000}}));
    host.hears("the next session", |said| said["kind"] == "NBIRTH");
    for value in [11, 12, 13] {
        // The first value may have been kept before the first session began.
        let is_late = |metric: &Value| metric["historical"] == true && metric["alias"] == 1 && metric["value"] != 10;
        let late = host.hears_metric("DDATA", is_late);
        assert_eq!(late["value"], value, "in order: {late}");
    }
    running.stop();
}

/// Two stations and one broker: A reads the field, B takes in what A tells, with A's time and quality, and sets through A.
#[test]
fn a_second_station_takes_in_what_the_first_tells() {
    let (mut server, broker) = (ModbusServer::tcp(), Broker::new());
    server.set("input", 0, &[10]);
    let mut first = station(server.port, broker.port, &json!({"primary_host": "B"}));
    first["tags"][0]["alarms"] = json!([{"high": 20, "message": "Basin full"}]);
    let plain =
        json!({"name": "plain", "mqtt": {"url": format!("mqtt://127.0.0.1:{}", broker.port), "keep_alive": "2s"}});
    first["connections"].as_array_mut().unwrap().push(plain);
    first["publications"] =
        json!([{"connection": "plain", "tags": ["basin/*"], "alarms": "polder/{station}/alarms/{alarm}"}]);
    let first = Folder::new(&first);
    let second = Folder::new(&json!({
        "station": {"name": "B"},
        "connections": [{"name": "field", "mqtt": {"url": format!("mqtt://127.0.0.1:{}", broker.port), "keep_alive": "2s",
            "sparkplug": {"host_id": "B"}}}],
        "devices": [{"name": "basin-at-A", "connection": "field", "sparkplug": "north/polder/basin"},
            {"name": "node-A", "connection": "field", "sparkplug": "north/polder"},
            {"name": "alarms-at-A", "connection": "field"}],
        "tags": [{"name": "at A/alarms/level", "device": "alarms-at-A", "topic": "polder/A/alarms/basin/level:high", "json": "/state",
                "type": "string"},
            {"name": "A/level", "device": "basin-at-A", "metric": "basin/level"},
            {"name": "A/setpoint", "device": "basin-at-A", "metric": "basin/setpoint", "command": {"read_back": "A/setpoint"}}],
    }));
    let mut there = Station::start(&second.path);
    let mut here = Station::start(&first.path);
    let at_a = here.wait_good("basin/level");
    let [at_b, _] = wait_each(&mut there, "both good", [&is_good("A/level"), &is_good("A/setpoint")]);
    assert_eq!(at_b["value"], 10);
    let millis = |event: &Value| event["time"].as_str().unwrap()[..23].to_owned();
    assert_eq!(millis(&at_a), millis(&at_b), "the time of the field, to the millisecond");
    // The states of A's alarms stand at B as words: B can say nothing about them.
    let state = |there: &mut Station, state: &str| {
        there.wait_sample("at A/alarms/level", state, |event| event["value"] == state);
    };
    server.set("input", 0, &[25]);
    state(&mut there, "unacknowledged");
    let output = here.tool(&["alarms", "--ack-all"]);
    assert!(output.status.success(), "{}", words(&output));
    state(&mut there, "acknowledged");
    // The setting goes the command path of both stations.
    let output = there.tool(&["set", "A/setpoint", "42", "--reason", "more water"]);
    assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    let done = here.wait("the command", |event| event["event"] == "command");
    assert_eq!((&done["tag"], &done["outcome"]), (&json!("basin/setpoint"), &json!("verified")));
    // The field is lost at A: B sees it, as a device that is gone behind a node that is there.
    server.process.kill();
    let is_bad = |event: &Value| event["tag"] == "A/level" && event["quality"] == "bad";
    let is_dead = |event: &Value| {
        event["event"] == "device" && event["state"] == "lost" && event.to_string().contains("the device is gone")
    };
    wait_each(&mut there, "the death of its device", [&is_bad, &is_dead]);
    // A is gone: B says so of its device.
    here.process.signal("KILL");
    there.wait("the death of A", |event| {
        event["event"] == "device" && event["device"] == "node-A" && event["state"] == "lost"
    });
    there.stop();
}

#[test]
fn a_command_over_a_broker_goes_the_command_path_and_is_answered() {
    let (server, broker) = (ModbusServer::tcp(), Broker::new());
    let folder = Folder::new(&json!({
        "connections": [{"name": "plc", "modbus": {"tcp": format!("127.0.0.1:{}", server.port)}},
            {"name": "site", "mqtt": {"url": format!("mqtt://127.0.0.1:{}", broker.port), "keep_alive": "2s", "version": "5"}}],
        "devices": [{"name": "plc-1", "connection": "plc", "poll": "100ms"}],
        "tags": [{"name": "speed", "device": "plc-1", "register": "holding:0", "command": {"max": 100}},
            {"name": "mode", "device": "plc-1", "register": "holding:1", "command": {"role": "engineer"}}],
        "publications": [{"connection": "site", "tags": ["*"], "topic": "polder/{tag}", "commands": true}],
    }));
    let mut heard = broker.subscriber(&["polder/+/result", "scada/answers"], &["-q", "1", "-V", "5"]);
    let mut running = Station::start(&folder.path);
    running.wait_all_good(&["speed", "mode"]);
    let mut answer = |topic: &str, outcome: &str| {
        let prefix = format!("{topic} ");
        heard.wait(&format!("{outcome} at {topic}"), |line| {
            let answer = serde_json::from_str::<Value>(line.strip_prefix(&prefix)?).unwrap();
            (answer["outcome"] == outcome).then_some(answer)
        })
    };
    // Told once, the station listens.
    let done = |running: &mut Station, tag: &str| {
        running.wait(tag, |event| event["event"] == "command" && event["tag"] == tag)
    };
    broker.publish_with(&["-t", "polder/speed/set", "-m", "55", "-q", "1"]);
    assert_eq!(done(&mut running, "speed")["outcome"], "verified");
    answer("polder/speed/result", "verified");
    let json = r#"{"value": 60, "sender": "scada-1", "reason": "more water", "id": "w1"}"#;
    let properties =
        ["-V", "5", "-D", "publish", "response-topic", "scada/answers", "-D", "publish", "correlation-data", "x1"];
    broker.publish_with(&[&["-t", "polder/speed/set", "-m", json, "-q", "1"], &properties[..]].concat());
    answer("scada/answers", "verified");
    // The same one again, more than is allowed, what only engineers set, and what the broker kept.
    broker.publish_with(&["-t", "polder/speed/set", "-m", json, "-q", "1"]);
    assert!(answer("polder/speed/result", "refused")["detail"].as_str().unwrap().contains("taken before"));
    broker.publish_with(&["-t", "polder/speed/set", "-m", "101", "-q", "1"]);
    assert!(answer("polder/speed/result", "refused")["detail"].as_str().unwrap().contains("highest allowed value"));
    broker.publish_with(&["-t", "polder/mode/set", "-m", "1", "-q", "1"]);
    assert!(answer("polder/mode/result", "refused")["detail"].as_str().unwrap().contains("needs the role engineer"));
    running.stop();
    broker.publish_with(&["-t", "polder/speed/set", "-m", "70", "-q", "1", "-r"]);
    let mut running = Station::start(&folder.path);
    assert!(answer("polder/speed/result", "refused")["detail"].as_str().unwrap().contains("without retain"));
    running.wait_sample("speed", "unchanged", |event| event["value"] == 60);
    running.stop();
}
