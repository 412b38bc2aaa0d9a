//! MQTT against mosquitto.

use crate::namespaces::Namespace;
use crate::support::{Folder, Process, Station, free_port, listens, words};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

mod acknowledged;
mod between;
mod by_hand;
mod commands;
mod exchanges;
mod payloads;
mod secure;
mod sessions;

pub struct Broker {
    pub process: Process,
    pub port: u16,
    pub keep: tempfile::TempDir,
}

impl Broker {
    /// On a free port; another one when that was taken meanwhile.
    pub fn new() -> Self {
        Self::with("allow_anonymous true\npersistence false\n")
    }

    /// The same with these lines in its configuration; `FOLDER` stands for a folder of its own.
    fn with(lines: &str) -> Self {
        Self::in_folder(tempfile::tempdir().unwrap(), lines)
    }

    pub fn in_folder(keep: tempfile::TempDir, lines: &str) -> Self {
        let text = lines.replace("FOLDER", keep.path().to_str().unwrap());
        for _ in 0..5 {
            let port = free_port();
            if let Some(process) = Self::try_start(keep.path(), port, &text) {
                return Self { process, port, keep };
            }
        }
        panic!("mosquitto does not start");
    }

    fn try_start(folder: &Path, port: u16, lines: &str) -> Option<Process> {
        let file = configuration(folder, "127.0.0.1", port, lines);
        let mut process = Process::start(Command::new(program()).arg("-c").arg(file).stderr(Stdio::null()));
        listens(&mut process, port).then_some(process)
    }

    /// Kills it, and starts it again on its port with the same configuration.
    fn kill_and_start(&mut self) {
        self.process.kill();
        self.start_again();
    }

    pub fn start_again(&mut self) {
        let text = std::fs::read_to_string(self.keep.path().join("mosquitto.conf")).unwrap();
        let (_, lines) = text.split_once("user root\n").unwrap();
        self.process = Self::try_start(self.keep.path(), self.port, lines).expect("mosquitto does not start again");
    }

    /// In a network of its own, where every port is free; it listens a moment later.
    pub fn inside(namespace: &Namespace, address: &str, port: u16) -> Self {
        Self::inside_with(namespace, address, port, tempfile::tempdir().unwrap(), "allow_anonymous true\n")
    }

    /// The same with a folder and these lines.
    pub fn inside_with(namespace: &Namespace, address: &str, port: u16, keep: tempfile::TempDir, lines: &str) -> Self {
        let text = lines.replace("FOLDER", keep.path().to_str().unwrap());
        let file = configuration(keep.path(), address, port, &format!("{text}persistence false\n"));
        let process = Process::start(namespace.command(program()).arg("-c").arg(file).stderr(Stdio::null()));
        Self { process, port, keep }
    }

    pub fn publish(&self, topic: &str, payload: &str) {
        self.publish_with(&["-t", topic, "-m", payload]);
    }

    pub fn publish_with(&self, arguments: &[&str]) {
        let port = self.port.to_string();
        let mut command = Command::new("mosquitto_pub");
        assert!(command.args(["-h", "127.0.0.1", "-p", &port]).args(arguments).status().unwrap().success());
    }

    /// A subscriber that prints topic and payload, once it is subscribed.
    pub fn subscriber(&self, topics: &[&str], more: &[&str]) -> Process {
        let port = self.port.to_string();
        let mut command = Command::new("stdbuf");
        command.args(["-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", &port, "-d", "-v"]).args(more);
        for topic in topics {
            command.args(["-t", topic]);
        }
        let mut process = Process::start(&mut command);
        process.wait("its subscription", |line| line.contains("Subscribed").then_some(()));
        process
    }

    /// The broker keeps it for those who subscribe later.
    pub fn publish_retained(&self, topic: &str, payload: &str) {
        self.publish_with(&["-r", "-t", topic, "-m", payload]);
    }

    /// The bytes of a file, whatever they are.
    pub fn publish_file(&self, topic: &str, path: &Path) {
        self.publish_with(&["-t", topic, "-f", path.to_str().unwrap()]);
    }
}

fn configuration(folder: &Path, address: &str, port: u16, lines: &str) -> PathBuf {
    let file = folder.join("mosquitto.conf");
    std::fs::write(&file, format!("listener {port} {address}\nuser root\n{lines}")).unwrap();
    file
}

fn program() -> &'static str {
    let installed = Path::new("/usr/sbin/mosquitto");
    if installed.exists() { "/usr/sbin/mosquitto" } else { "mosquitto" }
}

/// A station that runs in a folder of its own.
struct Running {
    station: Station,
    _folder: Folder,
}

fn running(file: &Value) -> Running {
    let folder = Folder::new(file);
    Running { station: Station::start(&folder.path), _folder: folder }
}

impl std::ops::Deref for Running {
    type Target = Station;
    fn deref(&self) -> &Station {
        &self.station
    }
}

impl std::ops::DerefMut for Running {
    fn deref_mut(&mut self) -> &mut Station {
        &mut self.station
    }
}

/// A station with one broker, one device and these tags.
fn station_of(broker: Value, tags: Value) -> Value {
    json!({
        "station": {"name": "Test"},
        "connections": [{"name": "site", "mqtt": broker}],
        "devices": [{"name": "site", "connection": "site"}],
        "tags": tags,
    })
}

fn station(port: u16, version: &str) -> Value {
    let url = format!("mqtt://127.0.0.1:{port}");
    json!({
        "station": {"name": "Test"},
        "connections": [{"name": "site", "mqtt": {"url": url, "keep_alive": "2s", "version": version}}],
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
    for version in ["3.1.1", "5"] {
        exchange(version);
    }
}

fn exchange(version: &str) {
    let broker = Broker::new();
    let folder = Folder::new(&station(broker.port, version));
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
    let mut pump = broker.subscriber(&["pump/set", "pump/blind/set"], &[]);
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
    let folder = Folder::new(&station(broker.port, "3.1.1"));
    let mut station = Station::start(&folder.path);
    station.wait("the broker", |event| event["device"] == "pump" && event["state"] == "good");
    broker.publish("knmi/260/count", "1");
    station.wait_good("counter");
    broker.process.kill();
    station.wait_sample("counter", "not connected", |event| event["reason"] == "not connected");
    let refused = station.tool(&["set", "speed", "55", "--reason", "test"]);
    assert_eq!(refused.status.code(), Some(2), "{}", words(&refused));
    broker.start_again();
    station.wait("the broker again", |event| event["device"] == "pump" && event["state"] == "good");
    broker.publish("knmi/260/count", "2");
    assert_eq!(station.wait_good("counter")["value"], 2);
}
