//! What a device refuses is found out once: a restart does not ask for it again, unless another device may stand there.

use super::answer::Ask;
use super::cases::send;
use super::device::{Device, Fault};
use crate::support::{DEADLINE, Folder, ModbusServer, Station, command, modbus_station, words};
use polder::recorder::read_audit;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const HOLE: u16 = 305;
const REFUSED: &str = "device: address does not exist";

fn station_file(device: &Device, unit: u8) -> Value {
    let tag = |register: u16| json!({"name": format!("t{register}"), "device": "plc", "register": format!("holding:{register}")});
    json!({
        "station": {"name": "Holes"},
        "connections": [{"name": "plc", "modbus": device.reach("1s")}],
        "devices": [{"name": "plc", "connection": "plc", "unit": unit, "poll": "50ms", "identify": false}],
        "tags": (300..310).map(tag).collect::<Vec<_>>(),
    })
}

/// Refuses what touches the hole, and counts how often that was asked for.
fn refuses() -> (Fault, Arc<AtomicU64>) {
    let count = Arc::new(AtomicU64::new(0));
    let inside = Arc::clone(&count);
    let script = move |ask: &Ask| {
        let mut answer = ask.truth.clone();
        if (ask.address..ask.address + ask.second()).contains(&HOLE) {
            inside.fetch_add(1, Ordering::Relaxed);
            answer.exception(2);
        }
        vec![send(&answer)]
    };
    (Fault::Reads(Arc::new(script)), count)
}

/// Waits until everything but the hole is good and the hole is refused, and then for so many polls more.
fn settle(station: &mut Station, device: &Device, polls: u64, unit: u8) {
    let mut left: Vec<String> = (300..310).map(|register| format!("t{register}")).collect();
    while !left.is_empty() {
        let event = station.wait("every tag", |event| event["event"] == "sample");
        let right =
            if event["tag"] == format!("t{HOLE}") { event["reason"] == REFUSED } else { event["quality"] == "good" };
        left.retain(|tag| event["tag"] != *tag || !right);
    }
    let (asked, end) = (device.asked(unit), Instant::now() + DEADLINE);
    while device.asked(unit) < asked + polls {
        assert!(Instant::now() < end, "it is not asked any more");
        std::thread::yield_now();
    }
}

fn records(folder: &Folder) -> usize {
    let all = read_audit(&folder.path.join("records.sqlite"), 1000).unwrap();
    all.iter().filter(|entry| &*entry.action == "learned").count()
}

pub fn prove() {
    let device = Device::tcp();
    let (fault, asked) = refuses();
    device.set(fault, 1);
    let folder = Folder::new(&station_file(&device, 1));
    let mut station = Station::start(&folder.path);
    settle(&mut station, &device, 10, 1);
    station.stop();
    assert!(asked.swap(0, Ordering::Relaxed) > 1, "it was not searched for");
    assert_eq!(records(&folder), 1);
    let mut station = Station::start(&folder.path);
    settle(&mut station, &device, 30, 1);
    assert_eq!(asked.load(Ordering::Relaxed), 0, "the restart asked for the hole again");
    // Who puts the device back on scan may have repaired it.
    assert!(station.tool(&["scan", "plc", "off", "--reason", "test"]).status.success());
    station.wait_sample("t300", "off scan", |event| event["reason"] == "off scan");
    assert!(station.tool(&["scan", "plc", "on"]).status.success());
    settle(&mut station, &device, 10, 1);
    assert!(asked.swap(0, Ordering::Relaxed) > 1, "nobody looked whether it was repaired");
    station.stop();
    // At another place stands another device.
    std::fs::write(folder.path.join("station.json"), station_file(&device, 2).to_string()).unwrap();
    let mut station = Station::start(&folder.path);
    settle(&mut station, &device, 10, 2);
    assert!(asked.load(Ordering::Relaxed) > 1, "what unit 1 refused is held against unit 2");
    station.stop();
}

pub fn somebody_else() {
    let mut server = ModbusServer::tcp();
    command(&mut server.process, &json!({"refuse": [5]}));
    let tag =
        |place: u16| json!({"name": format!("t{place}"), "device": "plc-1", "register": format!("holding:{place}")});
    let folder = Folder::new(&modbus_station(server.port, "1s", (0..10).map(tag).collect()));
    let mut station = Station::start(&folder.path);
    server.process.wait("who it is", |line| line.contains("identify").then_some(()));
    station.wait_sample("t5", "refused", |event| event["reason"] == REFUSED);
    station.wait_good("t9");
    for _ in 0..10 {
        server.process.wait("polls", |line| line.contains("\"read\"").then_some(()));
    }
    station.stop();
    assert!(records(&folder) > 0, "nothing was kept");
    let identity = json!({"vendor": "Noord", "product": "PX-9", "revision": "2.0"});
    command(&mut server.process, &json!({"refuse": [], "identity": identity}));
    let mut station = Station::start(&folder.path);
    // Asked for rarely, it would be bad for a minute.
    station.wait_good("t5");
    let said = words(&station.tool(&["tags", "--plan"]));
    assert!(!said.contains("refused"), "{said}");
}
