//! Commands: sent once, told once, and what a broker says to them in words.

use super::between::{Between, Fate, Side};
use super::{Broker, running, station_of};
use crate::support::words;
use serde_json::json;

const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;

fn pump(port: u16, version: &str) -> serde_json::Value {
    station_of(
        json!({"url": format!("mqtt://127.0.0.1:{port}"), "version": version, "timeout": "2s"}),
        json!([{"name": "pump", "device": "site", "topic": "pump/state", "command": {"topic": "pump/set"}}]),
    )
}

#[test]
fn a_command_that_was_cut_off_is_unknown_and_was_sent_once() {
    for (version, persistent) in [("3.1.1", false), ("3.1.1", true), ("5", true)] {
        let broker = Broker::with("allow_anonymous true\n");
        // The broker's confirmation is lost, and the connection with it.
        let between = Between::new(broker.port, |number, side, packet| match side {
            Side::Broker if number == 0 && packet[0] >> 4 == PUBACK => Fate::Cut,
            _ => Fate::Pass,
        });
        let mut file = pump(between.port, version);
        if persistent {
            file["connections"][0]["mqtt"]["session"] = json!("persistent");
        }
        let mut device = broker.subscriber(&["pump/set"], &[]);
        let mut station = running(&file);
        station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
        let output = station.tool(&["set", "pump", "55", "--reason", "test"]);
        assert_eq!(output.status.code(), Some(6), "{}", words(&output));
        station.wait("the broker again", |event| event["device"] == "site" && event["state"] == "good");
        // The next one comes behind everything that the broker could still have of the first.
        let output = station.tool(&["set", "pump", "56", "--reason", "test"]);
        assert_eq!(output.status.code(), Some(5), "{}", words(&output));
        let mut commands = Vec::new();
        device.wait("the second command", |line| {
            commands.extend(line.strip_prefix("pump/set ").map(str::to_owned));
            (line == "pump/set 56").then_some(())
        });
        assert_eq!(commands, ["55", "56"], "{version} {persistent}");
        let sent: Vec<_> = between.packets(Side::Station, PUBLISH).into_iter().map(|(number, _)| number).collect();
        assert_eq!(sent, [0, 1], "one on each connection");
    }
}

#[test]
fn a_broker_that_does_not_confirm_makes_a_command_unknown() {
    let broker = Broker::new();
    let between = Between::new(broker.port, |_, side, packet| match side {
        Side::Broker if packet[0] >> 4 == PUBACK => Fate::Swallow,
        _ => Fate::Pass,
    });
    let mut station = running(&pump(between.port, "3.1.1"));
    station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
    let output = station.tool(&["set", "pump", "55", "--reason", "test"]);
    assert_eq!(output.status.code(), Some(6), "{}", words(&output));
    let lost = station.wait("its end", |event| event["device"] == "site" && event["state"] == "lost");
    assert!(lost.to_string().contains("it did not confirm a message within 2000 ms"), "{lost}");
    assert_eq!(between.packets(Side::Station, PUBLISH).len(), 1);
}

#[test]
fn what_the_broker_says_to_a_command_is_told() {
    let lines = "allow_anonymous true\nacl_file FOLDER/acl\n";
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("acl"), "topic read #\ntopic write pump/state\n").unwrap();
    let broker = Broker::in_folder(folder, lines);
    let mut station = running(&pump(broker.port, "5"));
    station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
    let output = station.tool(&["set", "pump", "55", "--reason", "test"]);
    let said = words(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("may not publish to pump/set: not authorised"), "{said}");
    // Nobody is there to hear it: the broker knows, and says so.
    let open = Broker::new();
    let mut station = running(&pump(open.port, "5"));
    station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
    let output = station.tool(&["set", "pump", "55", "--reason", "test"]);
    let said = words(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("nobody is subscribed to pump/set"), "{said}");
}

#[test]
fn a_command_carries_its_expiry_and_where_to_answer() {
    let broker = Broker::new();
    let mut file = pump(broker.port, "5");
    file["tags"][0]["command"]["response_topic"] = json!("pump/answer");
    let form = ["-V", "5", "-F", "%t %p E=%E R=%R D=%D"];
    let mut device = broker.subscriber(&["pump/set"], &form);
    let mut station = running(&file);
    station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
    station.tool(&["set", "pump", "55", "--reason", "test"]);
    let line = device.wait("the command", |line| line.starts_with("pump/set 55").then(|| line.to_owned()));
    let parts: Vec<&str> = line.split(' ').collect();
    let expiry: u32 = parts[2].trim_start_matches("E=").parse().unwrap();
    assert!((1..=60).contains(&expiry), "{line}");
    assert_eq!(parts[3], "R=pump/answer");
    assert!(parts[4].len() > "D=".len(), "{line}");
}
