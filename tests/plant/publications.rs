//! What a station tells others over a broker, and what the broker missed.

use crate::mqtt::Broker;
use crate::support::{Folder, ModbusServer, Process, Station};
use serde_json::{Value, json};

fn station(modbus: u16, broker: u16) -> Value {
    json!({
        "station": {"name": "Test"},
        "connections": [{"name": "plc", "modbus": {"tcp": format!("127.0.0.1:{modbus}")}},
            {"name": "site", "mqtt": {"url": format!("mqtt://127.0.0.1:{broker}"), "keep_alive": "2s"}}],
        "devices": [{"name": "meter", "connection": "plc", "poll": "100ms"}],
        "tags": [{"name": "north/level", "device": "meter", "register": "holding:0", "unit": "m"},
            {"name": "north/flow", "device": "meter", "register": "holding:1"}],
        "publications": [{"connection": "site", "tags": ["north/*"], "topic": "polder/{tag}", "every": "100ms"}],
    })
}

fn listener(broker: &Broker) -> Process {
    broker.subscriber(&["polder/#"], &["-q", "1"])
}

/// The next message about a tag that fits.
fn message(heard: &mut Process, tag: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let topic = format!("polder/{tag} ");
    heard.wait(&format!("a message about {tag}"), |line| {
        let message = serde_json::from_str::<Value>(line.strip_prefix(&topic)?).unwrap();
        fits(&message).then_some(message)
    })
}

#[test]
fn values_are_told_and_what_the_broker_missed_comes_later_in_order() {
    let (mut server, mut broker) = (ModbusServer::tcp(), Broker::new());
    server.set("holding", 0, &[10, 7]);
    let folder = Folder::new(&station(server.port, broker.port));
    let mut heard = listener(&broker);
    let mut running = Station::start(&folder.path);
    let told = message(&mut heard, "north/level", |told| told["value"] == 10);
    assert_eq!((&told["quality"], &told["unit"], told.get("historical")), (&json!("good"), &json!("m"), None));
    let sample = running.wait_good("north/level");
    assert_eq!(told["time"], sample["time"], "it carries the time of the field");
    message(&mut heard, "north/flow", |told| told["value"] == 7);
    broker.process.kill();
    for value in [11, 12, 13] {
        server.set("holding", 0, &[value]);
        running.wait_sample("north/level", "the new value", |event| event["value"] == value);
    }
    running.wait_sample("station/outbox-waiting", "what is stored", |event| event["value"].as_u64() >= Some(3));
    broker.start_again();
    let mut heard = listener(&broker);
    for value in [11, 12, 13] {
        let late = message(&mut heard, "north/level", |told| told["historical"] == true);
        assert_eq!(late["value"], value, "in order: {late}");
    }
    running.wait_sample("station/outbox-waiting", "nothing left", |event| event["value"] == 0);
    // The broker keeps the present value, not one of those that came late.
    let mut late = listener(&broker);
    let kept = message(&mut late, "north/level", |_| true);
    assert_eq!((&kept["value"], kept.get("historical")), (&json!(13), None), "{kept}");
    running.stop();
}

/// Nothing happens to the alarm, and no value changes: the station notices by itself that the broker is a new one.
#[test]
fn a_broker_that_forgot_the_states_of_alarms_is_told_them_again() {
    let (mut server, mut broker) = (ModbusServer::tcp(), Broker::new());
    server.set("holding", 0, &[10, 7]);
    let mut file = station(server.port, broker.port);
    file["tags"][0]["alarms"] = json!([{"high": 5, "message": "Full"}]);
    file["publications"] =
        json!([{"connection": "site", "tags": ["north/level"], "topic": "polder/{tag}", "alarms": "alarms/{alarm}"}]);
    let folder = Folder::new(&file);
    let mut running = Station::start(&folder.path);
    let told = |broker: &Broker| {
        let mut heard = broker.subscriber(&["alarms/#"], &["-q", "1"]);
        heard.wait("the state", |line| {
            let state = serde_json::from_str::<Value>(line.strip_prefix("alarms/north/level:high ")?).unwrap();
            (state["state"] == "unacknowledged").then_some(())
        });
    };
    told(&broker);
    broker.process.kill();
    broker.start_again();
    told(&broker);
    running.wait_good("north/level");
    running.stop();
}

#[test]
fn what_was_stored_outlives_kill_nine() {
    let (mut server, mut broker) = (ModbusServer::tcp(), Broker::new());
    server.set("holding", 0, &[10, 7]);
    let folder = Folder::new(&station(server.port, broker.port));
    let mut running = Station::start(&folder.path);
    running.wait_good("north/level");
    broker.process.kill();
    for value in [11, 12, 13] {
        server.set("holding", 0, &[value]);
        running.wait_sample("north/level", "the new value", |event| event["value"] == value);
    }
    running.wait_sample("station/outbox-waiting", "what is stored", |event| event["value"].as_u64() >= Some(3));
    running.process.signal("KILL");
    running.process.rest();
    broker.start_again();
    let mut heard = listener(&broker);
    let mut running = Station::start(&folder.path);
    for value in [11, 12, 13] {
        let late = message(&mut heard, "north/level", |told| told["historical"] == true && told["value"] != 10);
        assert_eq!(late["value"], value, "in order: {late}");
    }
    running.wait_sample("station/outbox-waiting", "nothing left", |event| event["value"] == 0);
    running.stop();
}
