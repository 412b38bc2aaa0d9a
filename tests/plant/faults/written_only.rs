//! A device of which nothing is ever read: it is told things, and whether it is there has to show all the same.

use super::device::{Device, Fault};
use crate::support::{Folder, Station, words};
use serde_json::{Value, json};
use std::time::Instant;

fn set(station: &Station, value: &str) -> (Option<i32>, String) {
    let output = station.tool(&["set", "key", value, "--reason", "test"]);
    (output.status.code(), words(&output).trim().to_owned())
}

fn wait(station: &mut Station, state: &str) -> Value {
    station.wait(&format!("the device {state}"), |event| event["event"] == "device" && event["state"] == state)
}

pub fn prove() {
    let device = Device::tcp();
    let folder = Folder::new(&json!({
        "station": {"name": "Written"},
        "connections": [{"name": "plc", "modbus": device.reach("1s")}],
        "devices": [{"name": "plc", "connection": "plc", "poll": "100ms", "identify": false}],
        "tags": [{"name": "key", "device": "plc", "register": "holding:40", "write_only": true, "command": {}}],
    }));
    let mut station = Station::start(&folder.path);
    wait(&mut station, "good");
    let taken = (Some(5), "unverified: the device took it; no read-back is set up".to_owned());
    assert_eq!(set(&station, "7"), taken);
    assert_eq!((device.writes(), device.asked(1)), (1, 1), "something else than the command was sent");
    // It goes away, and nobody polls it who could notice.
    device.set(Fault::Refuse, 1);
    let gone = Instant::now();
    let lost = wait(&mut station, "lost");
    assert!(gone.elapsed().as_secs() < 10, "noticed after {:?}", gone.elapsed());
    assert!(!lost["reason"].as_str().unwrap_or_default().is_empty(), "{lost}");
    let (code, said) = set(&station, "8");
    assert!(code == Some(2) && said.contains("plc"), "{said}");
    device.set(Fault::None, 1);
    wait(&mut station, "good");
    assert_eq!(set(&station, "9"), taken);
    assert_eq!(device.writes(), 2);
}
