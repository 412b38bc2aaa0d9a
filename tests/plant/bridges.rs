//! Bridges of a running station: from a Modbus device to a broker, through stop, start and restart.

use crate::mqtt::Broker;
use crate::support::{Folder, ModbusServer, Process, Station, words};
use serde_json::{Value, json};
use std::process::Command;

fn station(modbus: u16, broker: u16) -> Value {
    json!({
        "connections": [{"name": "plc", "modbus": {"tcp": format!("127.0.0.1:{modbus}")}},
            {"name": "site", "mqtt": {"url": format!("mqtt://127.0.0.1:{broker}"), "keep_alive": "2s"}}],
        "devices": [{"name": "meter", "connection": "plc", "poll": "100ms"}, {"name": "scada", "connection": "site"}],
        "tags": [{"name": "north/level", "device": "meter", "register": "holding:0"},
            {"name": "site/level-copy", "device": "scada", "topic": "scada/level", "command": {"topic": "scada/level/set"}}],
        "bridges": [{"name": "level to scada", "from": "north/level", "to": "site/level-copy", "every": "200ms", "deadband": 1,
            "audit": "each"}],
    })
}

fn bridge(station: &Station) -> Value {
    let output = station.tool(&["bridges", "--json"]);
    assert!(output.status.success(), "{}", words(&output));
    serde_json::from_slice::<Value>(&output.stdout).unwrap()[0].clone()
}

#[test]
fn a_measurement_goes_to_a_broker_and_every_copy_is_on_record() {
    let (mut server, broker) = (ModbusServer::tcp(), Broker::new());
    server.set("holding", 0, &[420]);
    let folder = Folder::new(&station(server.port, broker.port));
    let port = broker.port.to_string();
    let topics = ["-t", "scada/#"];
    let mut heard = Process::start(
        Command::new("stdbuf").args(["-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", &port, "-d", "-v"]).args(topics),
    );
    heard.wait("its subscription", |line| line.contains("Subscribed").then_some(()));
    let mut running = Station::start(&folder.path);
    heard.wait("the first copy", |line| (line == "scada/level/set 420").then_some(()));
    let done = running.wait("its end", |event| event["event"] == "command" && event["tag"] == "site/level-copy");
    assert_eq!(done["outcome"], "unverified", "no read-back is set up");
    server.set("holding", 0, &[421]);
    server.set("holding", 0, &[500]);
    heard.wait("the next copy", |line| {
        assert_ne!(line, "scada/level/set 421", "that is within the deadband");
        (line == "scada/level/set 500").then_some(())
    });
    running.wait("its end", |event| event["event"] == "command" && event["tag"] == "site/level-copy");
    let shown = bridge(&running);
    assert_eq!((&shown["state"], &shown["copies"], &shown["value"]), (&json!("copying"), &json!(2), &json!(500)));
    let path = running.folder.to_str().unwrap().to_owned();
    let stop = crate::support::run(&["bridges", &path, "--stop", "level to scada", "--reason", "scada is rebuilt"]);
    assert!(stop.status.success(), "{}", words(&stop));
    running.stop();
    // What a person stopped stays stopped over a restart.
    server.set("holding", 0, &[600]);
    let mut running = Station::start(&folder.path);
    running.wait_sample("station/bridge/level to scada", "its state", |event| event["value"] == 3);
    running.wait_sample("north/level", "the new value", |event| event["value"] == 600);
    let shown = bridge(&running);
    assert_eq!((&shown["state"], &shown["copies"]), (&json!("stopped"), &json!(0)), "{shown}");
    assert!(shown["detail"].as_str().unwrap().contains("scada is rebuilt"), "{shown}");
    let start = crate::support::run(&["bridges", &path, "--start", "level to scada"]);
    assert!(start.status.success(), "{}", words(&start));
    heard.wait("the copy after it was started", |line| (line == "scada/level/set 600").then_some(()));
    running.stop();
    let verified = crate::support::run(&["verify", &path]);
    assert!(words(&verified).contains("the record holds"), "{}", words(&verified));
}
