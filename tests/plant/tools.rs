//! The engineer's tools: through the station's connection, and over a wire of their own.

use crate::support::{Folder, ModbusServer, Station, command, modbus_station, run, words};
use serde_json::{Value, json};

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
