//! Sparkplug B against mosquitto and an edge node with other people's encoder and client (tests/peers/sparkplug_edge.py).

use crate::mqtt::Broker;
use crate::support::{Folder, Process, Station, python, root, run, words};
use serde_json::{Value, json};
use std::process::Command;

pub struct EdgeNode(Process);

impl EdgeNode {
    pub fn start(broker: &Broker, options: &[&str]) -> Self {
        let script = root().join("tests/peers/sparkplug_edge.py");
        let mut command = Command::new(python());
        command.arg(script).arg(broker.port.to_string()).args(options);
        let mut edge = Self(Process::start(&mut command));
        edge.hears("its connection", |said| said["connected"] == true);
        edge
    }

    pub fn does(&mut self, what: &Value) {
        self.0.send(&what.to_string());
    }

    pub fn is_born(&mut self) {
        self.does(&json!({"birth": {
            "metrics": [["Load", 1, "Float", 0.5], ["Serial", 2, "UInt64", u64::MAX], ["Offset", null, "Int16", -30000]],
            "devices": {"pump": [
                ["Speed", 7, "Int32", -5, "rpm"], ["Run", 8, "Boolean", true], ["Name", 9, "String", "één"],
                ["Since", 10, "DateTime", 1_656_107_875_000_u64], ["Nothing", 11, "Double", null],
            ]},
        }}));
    }

    pub fn data(&mut self, device: Option<&str>, metrics: &Value) {
        self.does(&json!({"data": {"device": device, "metrics": metrics}}));
    }

    fn hears(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        self.0.wait(what, |line| {
            let said: Value = serde_json::from_str(line).ok()?;
            fits(&said).then_some(said)
        })
    }

    pub fn hears_state(&mut self, is_online: bool) -> Value {
        self.hears("a STATE", |said| said["state"]["online"] == is_online)["state"].clone()
    }

    fn hears_command(&mut self, topic: &str) -> Value {
        self.hears(topic, |said| said["command"]["topic"] == topic)["command"].clone()
    }
}

fn station(port: u16, timeout: &str) -> Folder {
    let sparkplug = json!({"host_id": "polder", "reordering_timeout": timeout});
    let tag = |name: &str, device: &str, metric: &str, kind: Option<&str>, command: bool| {
        let mut tag = json!({"name": name, "device": device, "metric": metric});
        kind.iter().for_each(|kind| tag["type"] = json!(kind));
        if command {
            tag["command"] = json!({"read_back": name});
        }
        tag
    };
    Folder::new(&json!({
        "station": {"name": "Test"},
        "connections": [{"name": "site", "mqtt": {"url": format!("mqtt://127.0.0.1:{port}"), "keep_alive": "2s", "sparkplug": sparkplug}}],
        "devices": [
            {"name": "edge", "connection": "site", "sparkplug": "north/edge"},
            {"name": "pump", "connection": "site", "sparkplug": "north/edge/pump"},
        ],
        "tags": [
            tag("load", "edge", "Load", None, false),
            tag("serial", "edge", "Serial", None, false),
            tag("offset", "edge", "Offset", None, true),
            tag("speed", "pump", "Speed", None, true),
            tag("run", "pump", "Run", Some("bool"), true),
            tag("label", "pump", "Name", Some("string"), false),
            tag("since", "pump", "Since", Some("string"), false),
            tag("nothing", "pump", "Nothing", None, false),
            tag("absent", "pump", "Absent", None, false),
        ],
    }))
}

/// A broker, a station that is online, and an edge node with its births.
fn plant(timeout: &str, options: &[&str]) -> (Broker, Folder, Station, EdgeNode) {
    let broker = Broker::new();
    let folder = station(broker.port, timeout);
    let mut edge = EdgeNode::start(&broker, options);
    let station = Station::start(&folder.path);
    edge.hears_state(true);
    edge.is_born();
    (broker, folder, station, edge)
}

fn lost(station: &mut Station, device: &str, words: &str) {
    let event = station.wait("a lost device", |event| event["device"] == device && event["state"] == "lost");
    assert!(
        event["reason"].as_str().unwrap_or_default().contains(words) || event.to_string().contains(words),
        "{event}"
    );
}

#[test]
fn births_data_and_commands_go_both_ways() {
    let (_broker, _folder, mut station, mut edge) = plant("5s", &[]);
    let good = station.wait_all_good(&["load", "serial", "offset", "speed", "run", "label", "since"]);
    let since = "2022-06-24T21:57:55.000000Z";
    assert_eq!(good, [json!(0.5), json!(u64::MAX), json!(-30000), json!(-5), json!(true), json!("één"), json!(since)]);
    edge.data(Some("pump"), &json!([[7, "Int32", 10]]));
    assert_eq!(station.wait_good("speed")["value"], 10);
    // What is historical does not replace what is present; what comes after it shows that it was read.
    edge.data(Some("pump"), &json!([[7, "Int32", 3, "historical", 60_000], [8, "Boolean", false]]));
    assert_eq!(station.wait_good("run")["value"], false);
    edge.data(Some("pump"), &json!([[7, "Int32", 11]]));
    assert_eq!(station.wait_good("speed")["value"], 11);
    let path = station.folder.to_str().unwrap().to_owned();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| run(&["set", &path, "speed", "-55", "--reason", "test"]));
        let command = edge.hears_command("spBv1.0/north/DCMD/edge/pump");
        let sent = ["qos", "retain", "has_seq", "name", "alias", "type", "value"].map(|key| command[key].clone());
        let twos_complement = u64::from(-55_i32 as u32);
        assert_eq!(
            sent,
            [json!(0), json!(false), json!(false), Value::Null, json!(7), json!(3), json!(twos_complement)]
        );
        edge.data(Some("pump"), &json!([[7, "Int32", -55]]));
        let output = asked.join().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
        assert!(words(&output).contains("reads back -55"), "{}", words(&output));
    });
    let output = station.tool(&["set", "offset", "40000", "--reason", "test"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    assert!(words(&output).contains("40000 does not fit the data type Int16"), "{}", words(&output));
    // Nobody answers: nothing is known.
    let output = station.tool(&["set", "offset", "7", "--reason", "test"]);
    assert_eq!(output.status.code(), Some(6), "{}", words(&output));
    let command = edge.hears_command("spBv1.0/north/NCMD/edge");
    assert_eq!((command["name"].clone(), command["value"].clone()), (json!("Offset"), json!(7)));
    station.stop();
}

#[test]
fn deaths_take_the_devices_along_and_births_bring_them_back() {
    let (broker, _folder, mut station, mut edge) = plant("5s", &[]);
    station.wait_all_good(&["load", "speed"]);
    edge.does(&json!({"death": "pump"}));
    station.wait_sample("speed", "not connected", |event| event["reason"] == "not connected");
    lost(&mut station, "pump", "the edge node says that the device is gone");
    edge.data(None, &json!([[1, "Float", 2.5]]));
    assert_eq!(station.wait_good("load")["value"], 2.5);
    edge.is_born();
    station.wait_good("speed");
    edge.0.kill();
    lost(&mut station, "pump", "its edge node is gone");
    lost(&mut station, "edge", "the broker says that the edge node is gone");
    let output = station.tool(&["set", "speed", "1", "--reason", "test"]);
    assert_eq!(output.status.code(), Some(2), "{}", words(&output));
    let mut edge = EdgeNode::start(&broker, &[]);
    edge.is_born();
    station.wait_all_good(&["load", "speed"]);
    station.stop();
}

#[test]
fn messages_in_the_wrong_order_are_put_right_and_missing_ones_asked_for() {
    let (_broker, _folder, mut station, mut edge) = plant("1s", &[]);
    station.wait_all_good(&["load", "speed"]);
    let data = |value: i32| json!({"device": "pump", "metrics": [[7, "Int32", value]]});
    edge.does(&json!({"swap": [data(1), data(2)]}));
    assert_eq!(
        [station.wait_good("speed")["value"].clone(), station.wait_good("speed")["value"].clone()],
        [json!(1), json!(2)]
    );
    edge.does(&json!({"skip": true}));
    edge.data(Some("pump"), &json!([[7, "Int32", 3]]));
    let request = edge.hears_command("spBv1.0/north/NCMD/edge");
    assert_eq!((request["name"].clone(), request["value"].clone()), (json!("Node Control/Rebirth"), json!(true)));
    assert_eq!(station.wait_good("speed")["value"], 3);
    // The birth that it was asked for.
    assert_eq!(station.wait_good("speed")["value"], -5);
    station.stop();
}

#[test]
fn the_state_of_the_host_is_told_at_start_at_a_stop_and_by_the_broker() {
    let broker = Broker::new();
    let folder = station(broker.port, "5s");
    let mut edge = EdgeNode::start(&broker, &[]);
    let first = Station::start(&folder.path);
    let online = edge.hears_state(true);
    assert_eq!(online["host"], "polder");
    first.stop();
    let offline = edge.hears_state(false);
    assert!(offline["timestamp"].as_u64() > online["timestamp"].as_u64(), "{offline} after {online}");
    let mut second = Station::start(&folder.path);
    let online = edge.hears_state(true);
    second.process.kill();
    let offline = edge.hears_state(false);
    assert_eq!(offline["timestamp"], online["timestamp"], "the will has the time of the birth");
    // What the broker kept says that the host is away until it is back.
    let mut late = EdgeNode::start(&broker, &["north", "late"]);
    assert_eq!(late.hears_state(false)["retain"], true);
    let _third = Station::start(&folder.path);
    assert_eq!(late.hears_state(true)["host"], "polder");
}

#[test]
fn what_a_birth_declares_becomes_tags_without_being_named() {
    let broker = Broker::new();
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let folder = Folder::new(&json!({
        "station": {"name": "Test"},
        "connections": [{"name": "site", "mqtt": {"url": url, "sparkplug": {"host_id": "polder"}}}],
        "devices": [{"name": "pump", "connection": "site", "area": "north", "sparkplug": "north/edge/pump", "take_in": "all", "most": 4}],
        "tags": [{"name": "speed", "device": "pump", "metric": "Speed"}],
    }));
    let mut edge = EdgeNode::start(&broker, &[]);
    let mut station = Station::start(&folder.path);
    edge.hears_state(true);
    edge.is_born();
    // Their first values came with the birth, before there were tags.
    let values = station.wait_all_good(&["north/pump/Run", "north/pump/Name"]);
    assert_eq!(values, [json!(true), json!("één")]);
    edge.data(Some("pump"), &json!([[7, "Int32", 12], [8, "Boolean", false]]));
    let values = station.wait_all_good(&["speed", "north/pump/Run"]);
    assert_eq!(values, [json!(12), json!(false)]);
    let output = station.tool(&["tags"]);
    assert!(words(&output).contains("north/pump/Since"), "{}", words(&output));
    let found: Value = serde_json::from_slice(&std::fs::read(folder.path.join("found.json")).unwrap()).unwrap();
    assert_eq!(found["found"].as_array().unwrap().len(), 4, "{found}");
    station.stop();
}

/// Eclipse Tahu's helpers for Python give a birth another session number than its death.
#[test]
fn a_death_with_the_wrong_number_is_believed_when_the_node_stays_silent() {
    let (_broker, _folder, mut station, mut edge) = plant("1s", &["as-tahu"]);
    station.wait_all_good(&["load", "speed"]);
    edge.0.kill();
    lost(&mut station, "pump", "its edge node is gone");
    lost(&mut station, "edge", "does not show that another one lives");
    station.stop();
}
