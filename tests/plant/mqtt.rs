//! MQTT against mosquitto.

use crate::support::{Folder, Process, Station, free_port, listens, words};
use serde_json::{Value, json};
use std::process::{Command, Stdio};

pub struct Broker {
    pub process: Process,
    pub port: u16,
    _keep: tempfile::TempDir,
}

impl Broker {
    /// On a free port; another one when that was taken meanwhile.
    pub fn new() -> Self {
        (0..5).find_map(|_| Self::try_start(free_port())).expect("mosquitto does not start")
    }

    pub fn start(port: u16) -> Self {
        Self::try_start(port).expect("mosquitto does not start again on its port")
    }

    fn try_start(port: u16) -> Option<Self> {
        let keep = tempfile::tempdir().unwrap();
        let file = keep.path().join("mosquitto.conf");
        let text = format!("listener {port} 127.0.0.1\nallow_anonymous true\nuser root\npersistence false\n");
        std::fs::write(&file, text).unwrap();
        let installed = std::path::Path::new("/usr/sbin/mosquitto");
        let program = if installed.exists() { "/usr/sbin/mosquitto" } else { "mosquitto" };
        let mut process = Process::start(Command::new(program).arg("-c").arg(file).stderr(Stdio::null()));
        listens(&mut process, port).then_some(Self { process, port, _keep: keep })
    }

    pub fn publish(&self, topic: &str, payload: &str) {
        let port = self.port.to_string();
        let status =
            Command::new("mosquitto_pub").args(["-h", "127.0.0.1", "-p", &port, "-t", topic, "-m", payload]).status();
        assert!(status.unwrap().success());
    }
}

fn station(port: u16) -> Value {
    json!({
        "station": {"name": "Test"},
        "connections": [{"name": "site", "mqtt": {"url": format!("mqtt://127.0.0.1:{port}"), "keep_alive": "2s"}}],
        "devices": [{"name": "weather", "connection": "site"}, {"name": "pump", "connection": "site"}],
        "tags": [
            {"name": "rain", "device": "weather", "topic": "knmi/+/rain", "json": "/sensors/1/mm_h"},
            {"name": "counter", "device": "weather", "topic": "knmi/260/count"},
            {"name": "open", "device": "weather", "topic": "gate/open", "type": "bool"},
            {"name": "word", "device": "weather", "topic": "gate/word", "type": "string", "stale_after": "1s"},
            {"name": "speed", "device": "pump", "topic": "pump/state", "json": "/speed",
             "command": {"topic": "pump/set", "payload": "{\"speed\": ${value}}", "read_back": "speed", "min": 0, "max": 100}},
            {"name": "blind", "device": "pump", "topic": "pump/blind", "command": {"topic": "pump/blind/set"}},
        ],
    })
}

#[test]
fn values_come_in_and_commands_go_out() {
    let broker = Broker::new();
    let folder = Folder::new(&station(broker.port));
    let mut station = Station::start(&folder.path);
    station.wait("the broker", |event| event["device"] == "pump" && event["state"] == "good");
    broker.publish("knmi/260/rain", r#"{"sensors": [{"mm_h": 9}, {"mm_h": 3.25}]}"#);
    assert_eq!(station.wait_good("rain")["value"], 3.25);
    broker.publish("knmi/260/count", "18446744073709551615");
    assert_eq!(station.wait_good("counter")["value"], u64::MAX);
    broker.publish("gate/open", "ON");
    assert_eq!(station.wait_good("open")["value"], true);
    broker.publish("gate/word", "half-way");
    assert_eq!(station.wait_good("word")["value"], "half-way");
    station.wait_sample("word", "stale", |event| event["reason"] == "stale");
    broker.publish("knmi/260/count", "12,5");
    let bad = station.wait_sample("counter", "bad", |event| event["quality"] == "bad");
    assert_eq!((bad["value"].clone(), bad["reason"].clone()), (Value::Null, json!("message cannot be read")));
    broker.publish("pump/state", r#"{"speed": 10}"#);
    station.wait_good("speed");
    let port = broker.port.to_string();
    let mut pump = Process::start(Command::new("stdbuf").args([
        "-oL",
        "mosquitto_sub",
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-d",
        "-v",
        "-t",
        "pump/set",
        "-t",
        "pump/blind/set",
    ]));
    pump.wait("its subscription", |line| line.contains("Subscribed").then_some(()));
    let path = station.folder.to_str().unwrap().to_owned();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| crate::support::run(&["set", &path, "speed", "55", "--reason", "test"]));
        // The pump does as it is told, and says so.
        pump.wait("the command", |line| (line == r#"pump/set {"speed": 55}"#).then_some(()));
        broker.publish("pump/state", r#"{"speed": 55}"#);
        let output = asked.join().unwrap();
        assert_eq!((output.status.code(), words(&output).trim()), (Some(0), "verified: reads back 55"));
    });
    let output = station.tool(&["set", "blind", "1", "--reason", "test"]);
    assert_eq!(output.status.code(), Some(5), "{}", words(&output));
}

#[test]
fn a_broker_is_killed_and_comes_back() {
    let mut broker = Broker::new();
    let folder = Folder::new(&station(broker.port));
    let mut station = Station::start(&folder.path);
    station.wait("the broker", |event| event["device"] == "pump" && event["state"] == "good");
    broker.publish("knmi/260/count", "1");
    station.wait_good("counter");
    broker.process.kill();
    station.wait_sample("counter", "not connected", |event| event["reason"] == "not connected");
    let refused = station.tool(&["set", "speed", "55", "--reason", "test"]);
    assert_eq!(refused.status.code(), Some(2), "{}", words(&refused));
    let back = Broker::start(broker.port);
    station.wait("the broker again", |event| event["device"] == "pump" && event["state"] == "good");
    back.publish("knmi/260/count", "2");
    assert_eq!(station.wait_good("counter")["value"], 2);
}
