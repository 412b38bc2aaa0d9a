//! Messages by hand: sent once, and what a broker says to them in words.

use super::between::{Between, Fate, Side};
use super::{Broker, running, station_of};
use crate::support::Station;
use serde_json::{Value, json};
use std::ops::Deref;

const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;

fn site(port: u16, version: &str) -> Value {
    station_of(
        json!({"url": format!("mqtt://127.0.0.1:{port}"), "version": version, "timeout": "2s"}),
        json!([{"name": "lamp", "device": "site", "topic": "lamp/state"}]),
    )
}

/// The exit code and what was said.
fn publish(station: &impl Deref<Target = Station>, rest: &[&str]) -> (Option<i32>, String) {
    let output = station.tool(&[&["publish", "site", "lamp/set"], rest, &["--reason", "test"]].concat());
    (output.status.code(), String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[test]
fn what_the_broker_says_to_a_message_by_hand_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("acl"), "topic read #\n").unwrap();
    let closed = Broker::in_folder(folder, "allow_anonymous true\nacl_file FOLDER/acl\n");
    let mut station = running(&site(closed.port, "5"));
    station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
    let (code, said) = publish(&station, &["on"]);
    assert!(code == Some(3) && said.contains("may not publish to lamp/set: not authorised"), "{code:?} {said}");
    // Nobody is there to hear it: the broker knows, and says so. What it keeps has done its work.
    let open = Broker::new();
    let mut station = running(&site(open.port, "5"));
    station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
    let (code, said) = publish(&station, &["on"]);
    assert!(code == Some(3) && said.contains("nobody is subscribed to lamp/set"), "{code:?} {said}");
    let (code, said) = publish(&station, &["on", "--retain"]);
    assert!(code == Some(0) && said.starts_with("published: the broker acknowledged it"), "{code:?} {said}");
}

#[test]
fn a_message_by_hand_that_was_cut_off_is_unknown_and_was_sent_once() {
    let broker = Broker::new();
    let between = Between::new(broker.port, |number, side, packet| match side {
        Side::Broker if number == 0 && packet[0] >> 4 == PUBACK => Fate::Cut,
        _ => Fate::Pass,
    });
    let mut station = running(&site(between.port, "3.1.1"));
    station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
    let (code, said) = publish(&station, &["on"]);
    assert!(code == Some(6) && said.starts_with("unknown: "), "{code:?} {said}");
    station.wait("the broker again", |event| event["device"] == "site" && event["state"] == "good");
    assert_eq!(publish(&station, &["off"]).0, Some(0));
    let sent: Vec<_> = between.packets(Side::Station, PUBLISH).into_iter().map(|(number, _)| number).collect();
    assert_eq!(sent, [0, 1], "one on each connection");
}
