//! The engineer's tools: through the station's connection, and over a wire of their own.

use crate::support::{Folder, ModbusServer, Station, command, modbus_station, run, words};
use polder::config;
use polder::driver::modbus::{Inquiry, WirePlan};
use polder::driver::{Drivers, NotAsked, Port};
use polder::queue::{self, WhenFull};
use polder::station::SystemClock;
use polder::tag::{ConnectionId, Generation};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::sync::oneshot;

fn json_of(output: &std::process::Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("not JSON: {}", words(output)))
}

#[test]
fn browse_finds_units_and_says_what_registers_may_mean() {
    let mut server = ModbusServer::tcp();
    server.set("holding", 0, &[0x41AC, 0, 1450]);
    command(&mut server.process, &json!({"units": [2, 5]}));
    let address = format!("tcp://127.0.0.1:{}", server.port);
    let scan = run(&["browse", "modbus", &address, "--scan", "--units", "1", "6", "--timeout", "200ms", "--json"]);
    assert_eq!(json_of(&scan), json!({"units": [2, 5]}));
    let output = run(&["browse", "modbus", &address, "--unit", "2", "--count", "3"]);
    let said = words(&output);
    assert!(said.contains("Noord · PX-7 · 1.4") && said.contains("f32 ABCD 21.5"), "{said}");
    let silent = run(&["browse", "modbus", &address, "--unit", "4", "--timeout", "200ms"]);
    assert!(!silent.status.success() && words(&silent).contains("no answer within 200 ms"), "{}", words(&silent));
}

#[test]
fn tools_share_the_connection_of_the_station() {
    let mut server = ModbusServer::tcp();
    server.set("holding", 0, &[0x41AC, 0, 7]);
    let tags = json!([
        {"name": "level", "device": "plc-1", "register": "holding:0", "type": "f32"},
        {"name": "missing", "device": "plc-1", "register": "holding:300"},
    ]);
    command(&mut server.process, &json!({"refuse": [300]}));
    let folder = Folder::new(&modbus_station(server.port, "1s", tags));
    let before = run(&["tags", folder.path.to_str().unwrap(), "--plan"]);
    assert!(words(&before).contains("before anything was learned"), "{}", words(&before));
    let mut station = Station::start(&folder.path);
    let mut good = false;
    station.wait("both tags", |event| {
        good |= event["tag"] == "level" && event["quality"] == "good";
        good && event["reason"] == "device: address does not exist"
    });
    let folder_text = folder.path.to_str().unwrap();
    let read = json_of(&run(&["browse", "modbus", "plc", "--station", folder_text, "--count", "3", "--json"]));
    assert_eq!(read["values"], json!([0x41AC, 0, 7]));
    let traced = words(&station.tool(&["trace", "level"]));
    assert!(traced.contains("registers  41AC 0000") && traced.contains("latency"), "{traced}");
    assert!(traced.contains("read holding registers 0, 2 of them"), "{traced}");
    let plan = json_of(&station.tool(&["tags", "--plan", "--json"]));
    let reads = plan[0][1]["units"][0]["reads"].as_array().unwrap();
    assert!(reads.iter().any(|read| read["address"] == 0 && read["latency_micros"].as_u64() > Some(0)), "{plan}");
    assert!(reads.iter().any(|read| read["address"] == 300 && read["refused"] == true), "{plan}");
    let seen = words(&station.tool(&["traffic", "--for", "1s", "--bytes"]));
    assert!(seen.contains("read holding registers 0, 2 of them") && seen.contains("    < "), "{seen}");
    let file = folder.path.join("wire.pcap");
    let output = station.tool(&["traffic", "--for", "1s", "--pcap", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", words(&output));
    let capture = std::fs::read(file).unwrap();
    assert!(capture.len() > 200 && capture[..4] == 0xA1B2_C3D4_u32.to_le_bytes(), "{} bytes", capture.len());
}

/// The trust line holds the frames as they were, number and all: those that the traffic shows.
#[test]
fn what_is_traced_is_what_went_over_the_wire() {
    let mut server = ModbusServer::tcp();
    server.set("holding", 0, &[0b1010_0000]);
    let tags = json!([
        {"name": "word", "device": "plc-1", "register": "holding:0"},
        {"name": "field", "device": "plc-1", "register": "holding:0", "type": "u16", "bits": [4, 7]},
    ]);
    let mut file = modbus_station(server.port, "1s", tags);
    file["connections"][0]["modbus"]["in_flight"] = json!(2);
    let folder = Folder::new(&file);
    let mut station = Station::start(&folder.path);
    assert_eq!(station.wait_all_good(&["word", "field"]), [json!(160), json!(10)]);
    let path = folder.path.to_str().unwrap();
    let (traced, traffic) = std::thread::scope(|scope| {
        let watching = scope.spawn(|| words(&run(&["traffic", path, "--for", "3s", "--bytes"])));
        let mut traced = Vec::new();
        while !watching.is_finished() {
            traced.push(words(&station.tool(&["trace", "field"])));
        }
        (traced, watching.join().unwrap())
    });
    let last = traced.last().unwrap();
    assert!(last.contains("registers  00A0   (holding U16 Abcd, bits 4 to 7)"), "{last}");
    let frame = |text: &str, word: &str| {
        let line = text.lines().find(|line| line.starts_with(word)).unwrap_or_else(|| panic!("no {word} in {text}"));
        line.trim_start_matches(word).split("   (").next().unwrap().trim().to_owned()
    };
    let went = |text: &&String| traffic.contains(&frame(text, "request")) && traffic.contains(&frame(text, "answer"));
    let both = traced.iter().filter(went).count();
    assert!(both >= 3, "{both} of {} traces are found in the traffic:\n{last}\n{traffic}", traced.len());
    let number: u16 = frame(last, "number").split(' ').next().unwrap().parse().unwrap();
    let bytes = number.to_be_bytes().map(|byte| format!("{byte:02X}")).join(" ");
    assert!(frame(last, "request").starts_with(&bytes) && frame(last, "answer").starts_with(&bytes), "{last}");
}

/// On one thread: the drivers do not run while questions come in.
#[tokio::test]
async fn a_wire_that_does_not_answer_a_tool_says_why() {
    let folder = Folder::new(&json!({
        "connections": [{"name": "plc", "modbus": {"tcp": "127.0.0.1:1"}}, {"name": "site", "mqtt": {"url": "mqtt://127.0.0.1:1"}}],
        "devices": [{"name": "pump", "connection": "plc"}, {"name": "weather", "connection": "site"}],
        "tags": [{"name": "speed", "device": "pump", "register": "input:0"},
                 {"name": "rain", "device": "weather", "topic": "rain"}],
    }));
    let plant = config::load(&folder.path, Generation(1)).into_plant().unwrap();
    let (events, _told) = queue::bounded("events of a test", 64, WhenFull::Wait);
    let mut drivers = Drivers::default();
    let port = Port::new(events, Arc::new(SystemClock::new()));
    drivers.reconfigure(plant.connections, &port, Generation(1));
    let ask = |slot: u32| {
        let (reply, answer) = oneshot::channel::<WirePlan>();
        drivers.inquire(ConnectionId(slot), Inquiry::Plan(reply)).map(|()| answer)
    };
    assert_eq!(ask(1).err(), Some(NotAsked::NoWire), "a broker");
    assert_eq!(ask(2).err(), Some(NotAsked::NoWire), "there is no such connection");
    let waiting: Vec<_> = std::iter::from_fn(|| ask(0).ok()).take(1000).collect();
    assert!((1..1000).contains(&waiting.len()), "{} questions may wait", waiting.len());
    assert_eq!(ask(0).err(), Some(NotAsked::Busy));
    assert_ne!(NotAsked::Busy.to_string(), NotAsked::NoWire.to_string());
    for answer in waiting {
        assert_eq!(&*answer.await.unwrap().units[0].device, "pump");
    }
    assert!(ask(0).unwrap().await.is_ok(), "there is room again");
}
