//! Bad messages: each is counted, none hurts anything else.

use super::{Broker, running, station_of};
use serde_json::{Value, json};
use std::process::Command;

fn file(broker: &Broker, version: &str) -> Value {
    station_of(
        json!({"url": format!("mqtt://127.0.0.1:{}", broker.port), "version": version, "packet_limit": "64 kB"}),
        json!([
            {"name": "fine", "device": "site", "topic": "fine"},
            {"name": "number", "device": "site", "topic": "odd"},
            {"name": "json", "device": "site", "topic": "odd", "json": "/a"},
            {"name": "text", "device": "site", "topic": "odd", "type": "string"},
        ]),
    )
}

#[test]
fn no_payload_hurts_anything_else() {
    for version in ["3.1.1", "5"] {
        let broker = Broker::with("allow_anonymous true\n");
        let mut station = running(&file(&broker, version));
        station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
        let keep = tempfile::tempdir().unwrap();
        let payload = keep.path().join("payload");
        let deep = "[".repeat(10_000);
        let payloads: [&[u8]; 8] = [
            b"\xFF\xFE\x00\xC3\x28",
            b"NaN",
            b"1e400",
            b"{\"a\": 1e400}",
            b"{\"a\": NaN}",
            b"",
            b"{\"a\"",
            deep.as_bytes(),
        ];
        for (number, bytes) in payloads.iter().enumerate() {
            std::fs::write(&payload, bytes).unwrap();
            broker.publish_with(&["-t", "odd", "-q", "1", "-f", payload.to_str().unwrap()]);
            // What comes behind it on the same connection arrives.
            broker.publish("fine", &number.to_string());
            let mut bad = false;
            station.wait("what comes behind", |event| {
                bad |= event["tag"] == "number" && event["quality"] == "bad";
                event["tag"] == "fine" && event["value"] == number
            });
            assert!(bad || number > 0, "the first bad payload was not told");
        }
    }
}

/// What is over the limit is left out: its tags say so, the connection lives, and with QoS 1 and 2 the broker sends it once.
#[test]
fn a_message_over_the_limit_costs_only_itself() {
    for version in ["3.1.1", "5"] {
        let broker = Broker::with("allow_anonymous true\n");
        let mut station = running(&file(&broker, version));
        station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
        broker.publish("odd", "7");
        station.wait_good("number");
        let keep = tempfile::tempdir().unwrap();
        let payload = keep.path().join("payload");
        std::fs::write(&payload, vec![b'7'; 10_000_000]).unwrap();
        for qos in ["0", "1", "2"] {
            broker.publish_with(&["-t", "odd", "-q", qos, "-f", payload.to_str().unwrap()]);
            broker.publish("fine", qos);
            station.wait("what comes behind", |event| {
                assert!(event["state"] != "lost", "the connection broke: {event}");
                event["tag"] == "fine" && event["value"] == qos.parse::<u8>().unwrap()
            });
        }
        let devices = station.tool(&["tags"]);
        assert!(devices.status.success());
        broker.publish("odd", "8");
        station.wait("the next one that fits", |event| event["tag"] == "number" && event["value"] == 8);
    }
}

#[test]
fn odd_topics_are_nobody_s() {
    let broker = Broker::new();
    let mut file = file(&broker, "3.1.1");
    file["tags"][1]["topic"] = json!("#");
    let mut station = running(&file);
    station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
    let long = "x/".repeat(32_000);
    for topic in ["/", "//", " ", "é/水/🌊", "$odd/x", &long] {
        let port = broker.port.to_string();
        // mosquitto itself refuses some of them, which is as good.
        let _ = Command::new("mosquitto_pub").args(["-h", "127.0.0.1", "-p", &port, "-t", topic, "-m", "1"]).output();
    }
    broker.publish("fine", "5");
    station.wait("what comes behind", |event| event["tag"] == "fine" && event["value"] == 5);
}
