//! A slow and lossy line: 800 ms from a packet to its answer, 32 kbit/s each way, and 5 of 100 packets lost, with the kernel's own TCP over
//! it. Devices behind it are read, set and counted.

use crate::mqtt::Broker;
use crate::namespaces::Namespace;
use crate::support::{Folder, Process, Station, words};
use serde_json::{Value, json};

/// One way, in milliseconds.
const DELAY: &str = "400";
const RATE: &str = "32000";
const LOSS: &str = "5";

/// The two ends of a line, and who carries packets between them.
struct Line {
    station: Namespace,
    far: Namespace,
    _ends: [Process; 2],
    _keep: tempfile::TempDir,
}

impl Line {
    fn new(test: &str) -> Option<Self> {
        let [station, far] = Namespace::pair(test)?;
        let keep = tempfile::tempdir().unwrap();
        let path = |name: &str| keep.path().join(name).to_str().unwrap().to_owned();
        let (near, away) = (path("near"), path("away"));
        let end = |side: &Namespace, name: &str, address: &str, own: &str, other: &str| {
            side.ip(&format!("tuntap add {name} mode tun"));
            side.ip(&format!("addr add {address} dev {name}"));
            side.ip(&format!("link set {name} mtu 1400 up"));
            let mut process = side.peer("slow_line.py", &[name, own, other, DELAY, RATE, LOSS]);
            process.wait("the line", |line| line.contains("ready").then_some(()));
            process
        };
        let ends =
            [end(&station, "modem0", "10.7.0.1/24", &near, &away), end(&far, "modem1", "10.7.0.2/24", &away, &near)];
        Some(Self { station, far, _ends: ends, _keep: keep })
    }

    fn start(&self, folder: &Folder) -> Station {
        let mut command = self.station.command(env!("CARGO_BIN_EXE_polder"));
        command.args(["run", folder.path.to_str().unwrap(), "--headless", "--events"]);
        Station { process: Process::start(&mut command), folder: folder.path.clone() }
    }

    /// Bytes that the kernel counted at the station's end, both ways.
    fn bytes(&self) -> u64 {
        let of = |direction: &str| {
            let path = format!("/sys/class/net/modem0/statistics/{direction}_bytes");
            self.station.run("cat", &[&path]).trim().parse::<u64>().unwrap()
        };
        of("rx") + of("tx")
    }
}

fn station(tags: Value, protocol: (&str, Value)) -> Folder {
    let mut connection = json!({"name": "site", "link": "slow", "budget": "20MB/month"});
    connection[protocol.0] = protocol.1;
    Folder::new(&json!({
        "station": {"name": "Test"}, "connections": [connection],
        "devices": [{"name": "far", "connection": "site"}], "tags": tags}))
}

/// What the station keeps of its only connection in its only month, headers included.
fn on_the_line(kept: &Value) -> u64 {
    let months = kept["connections"]["site"].as_object().unwrap();
    let month = months.values().next().unwrap();
    let number = |key: &str| month[key].as_u64().unwrap();
    number("sent") + number("received") + number("packets") * 52
}

/// A device that is lost, or a value that is bad.
fn is_trouble(event: &Value) -> bool {
    event["state"] == "lost" || (event["event"] == "sample" && event["quality"] == "bad")
}

#[test]
fn modbus_is_read_and_set_over_a_slow_line() {
    let Some(line) = Line::new("modbus_is_read_and_set_over_a_slow_line") else { return };
    let mut plc = line.far.peer("modbus_server.py", &["tcp", "1502", "--host", "10.7.0.2"]);
    plc.wait("the Modbus server", |line| line.contains("ready").then_some(()));
    let tags = json!([
        {"name": "level", "device": "far", "register": "holding:10", "poll": "2s"},
        {"name": "setpoint", "device": "far", "register": "holding:20", "command": {"within": "30s"}}]);
    let folder = station(tags, ("modbus", json!({"tcp": "10.7.0.2:1502"})));
    let mut running = line.start(&folder);
    running.wait_all_good(&["level", "setpoint"]);
    let mut troubles = 0;
    for value in 1..=5_u16 {
        crate::support::command(&mut plc, &json!({"set": {"table": "holding", "address": 10, "values": [value]}}));
        running.wait(&format!("level {value}"), |event| {
            troubles += u32::from(is_trouble(event));
            event["tag"] == "level" && event["value"] == value
        });
    }
    assert_eq!(troubles, 0, "a lost packet is no lost device");
    let output = running.tool(&["set", "setpoint", "7", "--reason", "test"]);
    assert_eq!((output.status.code(), words(&output).trim()), (Some(0), "verified: reads back 7"));
    running.wait("bytes", |event| event["tag"] == "station/links/site/month" && event["value"] != 0);
    let output = running.tool(&["links"]);
    assert!(
        words(&output).contains("over any interface") && words(&output).contains("% of 20.0 MB"),
        "{}",
        words(&output)
    );
    running.stop();
    let kept = std::fs::read_to_string(folder.path.join("traffic.json")).unwrap();
    let (kept, line) = (on_the_line(&serde_json::from_str(&kept).unwrap()), line.bytes());
    // Packets that are lost and sent again are known to the kernel alone.
    assert!((0.6..1.4).contains(&(kept as f64 / line as f64)), "{kept} bytes are told, and {line} went over the line");
}

#[test]
fn mqtt_comes_in_over_a_slow_line_and_goes_out() {
    let Some(line) = Line::new("mqtt_comes_in_over_a_slow_line_and_goes_out") else { return };
    let _broker = Broker::inside(&line.far, "10.7.0.2", 1883);
    let tags = json!([
        {"name": "level", "device": "far", "topic": "level"},
        {"name": "setpoint", "device": "far", "topic": "setpoint",
         "command": {"topic": "setpoint"}}]);
    let folder = station(tags, ("mqtt", json!({"url": "mqtt://10.7.0.2:1883"})));
    let mut running = line.start(&folder);
    running.wait("the broker", |event| event["device"] == "far" && event["state"] == "good");
    let mut troubles = 0;
    for value in 1..=5_u16 {
        let payload = value.to_string();
        line.far.run("mosquitto_pub", &["-h", "10.7.0.2", "-p", "1883", "-t", "level", "-m", &payload]);
        running.wait(&format!("level {value}"), |event| {
            troubles += u32::from(is_trouble(event));
            event["tag"] == "level" && event["value"] == value
        });
    }
    assert_eq!(troubles, 0, "a lost packet is no lost broker");
    let output = running.tool(&["set", "setpoint", "7", "--reason", "test"]);
    // The broker confirmed it; nobody reads it back.
    let words = words(&output);
    assert!(output.status.code() == Some(5) && words.contains("the device took it"), "{words}");
}

#[test]
fn a_handshake_has_the_time_that_a_slow_line_needs() {
    let Some(line) = Line::new("a_handshake_has_the_time_that_a_slow_line_needs") else { return };
    let (_keep, at) = crate::tls::certificates();
    let files = ["server.pem", "server.key", "ca.pem"].map(|name| at(name).to_str().unwrap().to_owned());
    let mut plc =
        line.far.peer("modbus_server.py", &["tls", "8020", &files[0], &files[1], &files[2], "--host", "10.7.0.2"]);
    plc.wait("the Modbus server", |line| line.contains("ready").then_some(()));
    crate::support::command(&mut plc, &json!({"set": {"table": "holding", "address": 10, "values": [77]}}));
    let tags = json!([{"name": "level", "device": "far", "register": "holding:10"}]);
    let wire = json!({"tls": "10.7.0.2:8020", "ca": at("ca.pem"), "certificate": at("client.pem"), "key": at("client.key"),
        "server_name": "127.0.0.1"});
    let folder = station(tags, ("modbus", wire));
    let mut running = line.start(&folder);
    // The first attempt already.
    running.wait("level", |event| {
        assert!(event["state"] != "lost", "{event}");
        event["tag"] == "level" && event["value"] == 77 && event["quality"] == "good"
    });
}
