//! Sparkplug B with a second foreign encoder, that of Eclipse Tahu for JavaScript (npm: sparkplug-payload, tests/peers/sparkplug_codec.js), over
//! mosquitto's own clients: what it writes the station reads, and what the station writes it reads, as host application and as edge node.

use crate::mqtt::Broker;
use crate::support::{Folder, Process, Station, root, run, words};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Command;

/// The encoder with a broker.
struct Codec {
    process: Process,
    broker: Broker,
    heard: Process,
}

impl Codec {
    /// Hears all messages of the namespace at a broker of its own. None where `tests/run` could not install the encoder: then the test has
    /// tested nothing, and says so where no test runner hides it.
    fn start(test: &str) -> Option<Self> {
        if root().join("target/peers/npm/missing").exists() {
            let words = format!(
                "\nNOT TESTED: {test} needs sparkplug-payload of npm, and tests/run could not install it; POLDER_NPM=required makes this \
                 a failure.\n"
            );
            std::io::stderr().write_all(words.as_bytes()).unwrap();
            return None;
        }
        let broker = Broker::new();
        let mut command = Command::new(root().join("target/peers/bin/node"));
        command.env("NODE_PATH", root().join("target/peers/npm/node_modules"));
        let process = Process::start(command.arg(root().join("tests/peers/sparkplug_codec.js")));
        let heard = broker.subscriber(&["spBv1.0/#"], &["-F", "%t %x"]);
        Some(Self { process, broker, heard })
    }

    fn asks(&mut self, question: &Value, key: &str) -> Value {
        self.process.send(&question.to_string());
        self.process.wait(key, |line| serde_json::from_str::<Value>(line).ok()?.get(key).cloned())
    }

    /// Publishes what it encodes.
    fn says(&mut self, topic: &str, payload: &Value) {
        let hex = self.asks(&json!({"encode": payload}), "hex");
        let hex = hex.as_str().unwrap();
        let bytes = (0..hex.len()).step_by(2).map(|place| u8::from_str_radix(&hex[place..place + 2], 16).unwrap());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes.collect::<Vec<u8>>()).unwrap();
        self.broker.publish_file(topic, file.path());
    }

    /// The next message on this topic, decoded.
    fn hears(&mut self, topic: &str) -> Value {
        let prefix = format!("{topic} ");
        let hex = self.heard.wait(topic, |line| line.strip_prefix(&prefix).map(str::to_owned));
        self.asks(&json!({"decode": hex}), "payload")
    }

    fn url(&self) -> String {
        format!("mqtt://127.0.0.1:{}", self.broker.port)
    }
}

/// The metric of this name or alias.
fn metric(payload: &Value, fits: impl Fn(&Value) -> bool) -> Value {
    let found = payload["metrics"].as_array().unwrap().iter().find(|metric| fits(metric)).cloned();
    found.unwrap_or_else(|| panic!("{payload}"))
}

fn host_station(url: &str) -> Folder {
    let tag = |name: &str, kind: &str| match kind {
        "" => json!({"name": name, "device": "pump", "metric": name}),
        kind => json!({"name": name, "device": "pump", "metric": name, "type": kind}),
    };
    let mut speed = tag("speed", "");
    speed["command"] = json!({"read_back": "speed"});
    speed["alarms"] = json!([{"high": 1000}]);
    Folder::new(&json!({
        "station": {"name": "Test"},
        "connections": [{"name": "site", "mqtt": {"url": url, "keep_alive": "2s", "sparkplug": {"host_id": "polder"}}}],
        "devices": [
            {"name": "edge", "connection": "site", "sparkplug": "north/edge"},
            {"name": "pump", "connection": "site", "sparkplug": "north/edge/pump"},
        ],
        "tags": [
            {"name": "load", "device": "edge", "metric": "load"},
            speed, tag("i8", ""), tag("i16", ""), tag("i64", ""), tag("u8", ""), tag("u32", ""), tag("u64", ""), tag("float", ""),
            tag("double", ""), tag("on", "bool"), tag("name", "string"), tag("since", "string"), tag("table", "string"),
            tag("parts", "string"), tag("bytes", "string"), tag("nothing", ""),
        ],
    }))
}

fn birth_of_pump() -> Value {
    let table =
        json!({"numOfColumns": 2, "types": ["Int32", "String"], "columns": ["a", "b"], "rows": [[1, "x"], [-2, "é"]]});
    let parts = json!({"isDefinition": false, "templateRef": "drive", "version": "1",
        "metrics": [{"name": "turns", "type": "Int32", "value": -7}], "parameters": [{"name": "p", "type": "Float", "value": 0.5}]});
    json!({"timestamp": 1_795_000_000_000_u64, "seq": 1, "metrics": [
        {"name": "speed", "alias": 7, "type": "Int32", "value": -5},
        {"name": "i8", "type": "Int8", "value": -128},
        {"name": "i16", "type": "Int16", "value": -30000},
        {"name": "i64", "type": "Int64", "value": i64::MIN.to_string()},
        {"name": "u8", "type": "UInt8", "value": 255},
        {"name": "u32", "type": "UInt32", "value": u32::MAX},
        {"name": "u64", "type": "UInt64", "value": u64::MAX.to_string()},
        {"name": "float", "type": "Float", "value": 0.25},
        {"name": "double", "type": "Double", "value": 0.1},
        {"name": "on", "type": "Boolean", "value": true},
        {"name": "name", "type": "String", "value": "één"},
        {"name": "since", "type": "DateTime", "value": "1656107875000"},
        {"name": "table", "type": "DataSet", "value": table},
        {"name": "parts", "type": "Template", "value": parts},
        {"name": "bytes", "type": "Bytes", "value": [1, 171]},
        {"name": "nothing", "type": "Double", "value": null},
    ]})
}

#[test]
fn a_host_reads_what_it_writes_and_it_reads_the_commands() {
    let Some(mut codec) = Codec::start("a_host_reads_what_it_writes_and_it_reads_the_commands") else { return };
    let folder = host_station(&codec.url());
    let mut station = Station::start(&folder.path);
    codec.heard.wait("the host", |line| line.starts_with("spBv1.0/STATE/polder").then_some(()));
    let session = json!({"name": "bdSeq", "type": "Int64", "value": 0});
    let load = json!({"name": "load", "type": "Double", "value": 1.5});
    codec.says(
        "spBv1.0/north/NBIRTH/edge",
        &json!({"timestamp": 1_795_000_000_000_u64, "seq": 0, "metrics": [session, load]}),
    );
    codec.says("spBv1.0/north/DBIRTH/edge/pump", &birth_of_pump());
    let numbers = ["load", "speed", "i8", "i16", "i64", "u8", "u32", "u64", "float", "double"];
    let expected = [
        json!(1.5),
        json!(-5),
        json!(-128),
        json!(-30000),
        json!(i64::MIN),
        json!(255),
        json!(u32::MAX),
        json!(u64::MAX),
        json!(0.25),
        json!(0.1),
    ];
    assert_eq!(
        station.wait_all_good(&[&numbers[..], &["on", "name", "since", "table", "parts", "bytes"]].concat())[..10],
        expected
    );
    codec.says("spBv1.0/north/DDATA/edge/pump", &json!({"timestamp": 1_795_000_001_000_u64, "seq": 2, "metrics": [
        {"alias": 7, "type": "Int32", "value": 12},
        {"name": "table", "type": "DataSet", "value": {"numOfColumns": 1, "types": ["Boolean"], "columns": ["c"], "rows": [[true]]}},
    ]}));
    assert_eq!(station.wait_good("speed")["value"], 12);
    let table: Value = serde_json::from_str(station.wait_good("table")["value"].as_str().unwrap()).unwrap();
    assert_eq!(table, json!({"columns": ["c"], "types": ["Boolean"], "rows": [[true]]}));
    let path = station.folder.to_str().unwrap().to_owned();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| run(&["set", &path, "speed", "-55", "--reason", "test"]));
        let command = codec.hears("spBv1.0/north/DCMD/edge/pump");
        let sent = metric(&command, |metric| metric["alias"] == "7");
        assert_eq!((&sent["type"], &sent["value"]), (&json!("Int32"), &json!(-55)), "{command}");
        codec.says(
            "spBv1.0/north/DDATA/edge/pump",
            &json!({"timestamp": 1_795_000_002_000_u64, "seq": 3,
            "metrics": [{"alias": 7, "type": "Int32", "value": -55}]}),
        );
        let output = asked.join().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    });
    // What is transient is judged, and not kept.
    let mut says_speed = |seq: u64, value: i32, is_transient: bool| {
        let metric = json!({"alias": 7, "type": "Int32", "value": value, "isTransient": is_transient});
        let payload = json!({"timestamp": 1_795_000_003_000_u64 + seq, "seq": seq, "metrics": [metric]});
        codec.says("spBv1.0/north/DDATA/edge/pump", &payload);
    };
    says_speed(4, 1001, true);
    station.wait_alarm("speed:high", "unacknowledged");
    says_speed(5, 13, false);
    station.wait_sample("speed", "the value behind it", |event| event["value"] == 13);
    let path = station.folder.to_str().unwrap().to_owned();
    station.stop();
    let (kept, file) = (tempfile::tempdir().unwrap(), "kept.csv");
    let file = kept.path().join(file);
    let span = ["--from", "2000-01-01T00:00:00Z", "--to", "2090-01-01T00:00:00Z"];
    let output = run(&[&["export", &path, "--tag", "speed", "--out", file.to_str().unwrap()], &span[..]].concat());
    assert!(output.status.success(), "{}", words(&output));
    let kept = std::fs::read_to_string(file).unwrap();
    assert!(kept.contains(",13,") && kept.contains(",12,") && !kept.contains("1001"), "{kept}");
}

#[test]
fn it_reads_what_an_edge_node_writes_and_the_node_obeys_it() {
    let Some(mut codec) = Codec::start("it_reads_what_an_edge_node_writes_and_the_node_obeys_it") else { return };
    let edge = json!({"group": "north", "node": "polder", "tags": ["*"], "every": "10ms", "commands": true});
    let folder = Folder::new(&json!({
        "station": {"name": "A"},
        "connections": [{"name": "up", "mqtt": {"url": codec.url(), "keep_alive": "2s", "edge": edge}}],
        "tags": [{"name": "limit", "manual": 5, "unit": "m"}, {"name": "flow", "manual": 0.5}],
    }));
    let station = Station::start(&folder.path);
    let birth = codec.hears("spBv1.0/north/NBIRTH/polder");
    let session = metric(&birth, |metric| metric["name"] == "bdSeq");
    assert_eq!(
        (&session["type"], &session["value"], &birth["seq"]),
        (&json!("Int64"), &json!("0"), &json!("0")),
        "{birth}"
    );
    let limit = metric(&birth, |metric| metric["name"] == "limit");
    assert_eq!(limit["properties"]["engUnit"], json!({"type": "String", "value": "m"}), "{limit}");
    // Where the value was there before the birth, that says it.
    let mut said = limit.clone();
    while said["value"].is_null() {
        let data = codec.hears("spBv1.0/north/NDATA/polder");
        said = data["metrics"]
            .as_array()
            .unwrap()
            .iter()
            .find(|one| one["alias"] == limit["alias"])
            .cloned()
            .unwrap_or_default();
    }
    let number = said["value"].as_f64().or_else(|| said["value"].as_str()?.parse().ok());
    assert_eq!(number, Some(5.0), "{said}");
    codec.says(
        "spBv1.0/north/NCMD/polder",
        &json!({"timestamp": 1, "metrics": [
        {"name": "Node Control/Rebirth", "type": "Boolean", "value": true}]}),
    );
    let again = codec.hears("spBv1.0/north/NBIRTH/polder");
    assert_eq!(metric(&again, |metric| metric["name"] == "flow")["value"], json!(0.5), "{again}");
    station.stop();
}
