//! What MQTT messages say, by way of mosquitto: times, absence, and topics that are found.

use crate::mqtt::Broker;
use crate::support::{DEADLINE, Folder, Process, Station, run, words};
use polder::station::SystemClock;
use polder::tag::Clock;
use serde_json::{Value, json};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

fn station(broker: &Broker, devices: Value, tags: Value) -> Folder {
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    Folder::new(&json!({
        "station": {"name": "Test"}, "connections": [{"name": "site", "mqtt": {"url": url}}], "devices": devices, "tags": tags,
    }))
}

fn ready(station: &mut Station, device: &str) {
    station.wait("the broker", |event| event["device"] == device && event["state"] == "good");
}

#[test]
fn topics_that_are_found_become_tags_and_their_first_value_is_there() {
    let broker = Broker::new();
    let pattern = json!([{"name": "plant/{1}/temp", "device": "hall", "topic": "plant/+/temp", "json": "/t", "most": 3,
        "alarms": [{"high": 80}]}]);
    let folder = station(&broker, json!([{"name": "hall", "connection": "site"}]), pattern);
    broker.publish_retained("plant/kept/temp", r#"{"t": 19}"#);
    let mut station = Station::start(&folder.path);
    ready(&mut station, "hall");
    broker.publish("plant/oven 1/temp", r#"{"t": 20.5}"#);
    broker.publish("plant/oven 1/temp", r#"{"t": 21.5}"#);
    assert_eq!(station.wait_good("plant/oven_1/temp")["value"], 21.5, "the last one before it was a tag");
    broker.publish("plant/oven 1/temp", r#"{"t": 90}"#);
    station.wait_alarm("plant/oven_1/temp:high", "unacknowledged");
    let tags = words(&run(&["tags", folder.path.to_str().unwrap()]));
    assert!(tags.contains("plant/kept/temp") && tags.contains("(found)"), "{tags}");
    let check = words(&run(&["check", folder.path.to_str().unwrap()]));
    assert!(check.contains("2 of the tags were found at run time (found.json)"), "{check}");
    // One more has room; the next one is left out.
    broker.publish("plant/c/temp", r#"{"t": 1}"#);
    station.wait_good("plant/c/temp");
    broker.publish("plant/d/temp", r#"{"t": 1}"#);
    broker.publish("plant/c/temp", r#"{"t": 2}"#);
    station.wait_sample("plant/c/temp", "2", |event| event["value"] == 2);
    assert!(!found(&folder.path).contains("plant/d/temp"));
    let forgotten = words(&station.tool(&["forget", "hall/plant/oven*"]));
    assert!(forgotten.contains("- hall/plant/oven 1/temp") && forgotten.contains("1 forgotten"), "{forgotten}");
    broker.publish("plant/d/temp", r#"{"t": 5}"#);
    station.wait_good("plant/d/temp");
    let lost = station.process.seen().iter().find(|line| line.contains("\"lost\""));
    assert_eq!(lost, None, "one session for all of it");
    station.stop();
    // What was found is known at the next start, and can be forgotten without a station.
    let forgotten = words(&run(&["forget", folder.path.to_str().unwrap(), "*"]));
    assert!(forgotten.contains("3 forgotten"), "{forgotten}");
}

fn found(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("found.json")).unwrap()
}

#[test]
fn what_was_found_never_takes_up_a_file_that_somebody_edits() {
    let broker = Broker::new();
    let pattern = json!([{"name": "plant/{1}", "device": "hall", "topic": "plant/+"}]);
    let folder = station(&broker, json!([{"name": "hall", "connection": "site"}]), pattern);
    let mut station = Station::start(&folder.path);
    ready(&mut station, "hall");
    let path = folder.path.join("station.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"Test\"", "\"Test\", \"language\": \"nl\"")).unwrap();
    broker.publish("plant/a", "1");
    let end = Instant::now() + DEADLINE;
    while !folder.path.join("found.json").exists() {
        assert!(Instant::now() < end, "nothing was kept");
        std::thread::park_timeout(Duration::from_millis(20));
    }
    assert!(found(&folder.path).contains("plant/a"));
    // It waits for its person, who goes on with both.
    let plan = words(&station.tool(&["reload"]));
    assert!(plan.contains("plant/a"), "{plan}");
    assert!(station.tool(&["reload", "--apply"]).status.success());
    assert_eq!(station.wait_good("plant/a")["value"], 1);
}

#[test]
fn a_last_will_makes_the_device_lost_at_once() {
    let broker = Broker::new();
    let availability = json!({"topic": "pump/state", "online": "here", "offline": "gone"});
    let devices = json!([{"name": "pump", "connection": "site", "availability": availability}]);
    let tags = json!([{"name": "speed", "device": "pump", "topic": "pump/speed"}]);
    let folder = station(&broker, devices, tags);
    let mut station = Station::start(&folder.path);
    ready(&mut station, "pump");
    broker.publish("pump/speed", "7");
    station.wait_good("speed");
    let port = broker.port.to_string();
    let will = ["--will-topic", "pump/state", "--will-payload", "gone"];
    let mut pump = Process::start(
        Command::new("stdbuf")
            .args(["-oL", "mosquitto_sub", "-h", "127.0.0.1", "-p", &port, "-d", "-t", "x"])
            .args(will),
    );
    pump.wait("its subscription", |line| line.contains("Subscribed").then_some(()));
    pump.kill();
    // The line of the device and that of its tag come in either order.
    let (mut lost, mut is_bad) = (Value::Null, false);
    station.wait("its Will", |event| {
        if event["device"] == "pump" && event["state"] == "lost" {
            lost = event.clone();
        }
        is_bad |=
            event["tag"] == "speed" && event["quality"] == "bad" && event["reason"] == "device says it is offline";
        is_bad && !lost.is_null()
    });
    assert_eq!(lost["reason"], "device says it is offline");
    assert_eq!(lost["detail"], "pump/state says \"gone\"");
    let refused = station.tool(&["set", "speed", "1", "--reason", "test"]);
    assert_eq!(refused.status.code(), Some(2), "{}", words(&refused));
    broker.publish("pump/state", "here");
    let (mut is_back, mut is_doubtful) = (false, false);
    station.wait("its return, with a value from before", |event| {
        is_back |= event["device"] == "pump" && event["state"] == "good";
        is_doubtful |= event["tag"] == "speed" && event["reason"] == "from before the device was away";
        is_back && is_doubtful
    });
    broker.publish("pump/speed", "8");
    assert_eq!(station.wait_good("speed")["value"], 8);
}

#[test]
fn late_values_stand_at_their_time_in_history() {
    let broker = Broker::new();
    let tags = json!([{"name": "level", "device": "logger", "topic": "logger", "json": "/v"},
        {"name": "f", "device": "logger", "topic": "bytes", "binary": "f32", "order": "DCBA", "offset": 1},
        {"name": "gate", "device": "logger", "topic": "gate", "true": "OPEN", "false": "CLOSED"}]);
    let folder = station(&broker, json!([{"name": "logger", "connection": "site", "time": "/ts"}]), tags);
    let mut station = Station::start(&folder.path);
    ready(&mut station, "logger");
    broker.publish("logger", r#"{"v": 3, "ts": "2026-01-02T12:00:00Z"}"#);
    let old = station.wait_sample("level", "3", |event| event["value"] == 3);
    assert_eq!(
        (&old["time"], &old["reason"]),
        (&json!("2026-01-02T12:00:00.000000Z"), &json!("already old on arrival"))
    );
    broker.publish("logger", r#"{"v": 2, "ts": 1767351600}"#);
    let past = station.wait_sample("level", "2", |event| event["value"] == 2);
    assert_eq!((&past["time"], &past["quality"]), (&json!("2026-01-02T11:00:00.000000Z"), &json!("good")));
    let bytes = folder.path.join("bytes");
    std::fs::write(&bytes, [1, 0, 0, 0x48, 0x41]).unwrap();
    broker.publish_file("bytes", &bytes);
    assert_eq!(station.wait_good("f")["value"], 12.5);
    broker.publish("gate", "OPEN");
    assert_eq!(station.wait_good("gate")["value"], true);
    broker.publish("gate", "half");
    station.wait_sample("gate", "bad", |event| event["reason"] == "message cannot be read");
    station.stop();
    let out = folder.path.join("out.csv");
    let path = folder.path.to_str().unwrap();
    let (from, to) = ("2026-01-02T00:00:00Z", "2026-01-03T00:00:00Z");
    let output = run(&["export", path, "--tag", "level", "--from", from, "--to", to, "--out", out.to_str().unwrap()]);
    assert!(output.status.success(), "{}", words(&output));
    let text = std::fs::read_to_string(&out).unwrap();
    let values: Vec<_> = text.lines().skip(1).map(|line| line.split(',').nth(2).unwrap().to_owned()).collect();
    assert_eq!(values, ["2", "3"], "in the order of their times: {text}");
}

/// Messages in the shape that the public documentation of each program shows.
#[test]
fn templates_and_lists_of_the_field() {
    let broker = Broker::new();
    let devices = json!([
        {"name": "lora", "connection": "site", "template": "chirpstack"},
        {"name": "relay", "connection": "site", "template": "tasmota"},
        {"name": "people", "connection": "site", "template": "owntracks"},
        {"name": "zigbee", "connection": "site", "discovery": "zigbee2mqtt"},
        {"name": "home", "connection": "site", "discovery": "homeassistant"}]);
    let folder = station(&broker, devices, json!([]));
    let exposes = json!([{"type": "numeric", "name": "power", "property": "power", "access": 5, "unit": "W"},
        {"type": "switch", "features": [{"type": "binary", "property": "state", "access": 7, "value_on": "ON", "value_off": "OFF"}]}]);
    let list = json!([{"friendly_name": "plug", "definition": {"exposes": exposes}}]);
    broker.publish_retained("zigbee2mqtt/bridge/devices", &list.to_string());
    broker.publish_retained("zigbee2mqtt/plug/availability", r#"{"state":"online"}"#);
    broker.publish_retained("zigbee2mqtt/plug", r#"{"power":12,"state":"OFF"}"#);
    broker.publish_retained("hall/state", r#"{"t":21.5}"#);
    let config = json!({"~": "hall", "name": "Temperature", "stat_t": "~/state", "unit_of_meas": "°C", "val_tpl": "{{ value_json.t }}"});
    broker.publish_retained("homeassistant/sensor/hall/t/config", &config.to_string());
    let mut station = Station::start(&folder.path);
    let now = SystemClock::new().now().utc;
    let uplink = json!({"time": now.to_rfc3339(), "deviceInfo": {"deviceName": "Well 3", "devEui": "0101"}, "fCnt": 4,
        "object": {"temperatureSensor": {"1": 25.5}, "open": false}, "rxInfo": [{"gatewayId": "g", "rssi": -48, "snr": 9.5}]});
    let sensor =
        json!({"Time": "2026-11-22T12:00:00", "DS18B20": {"Id": "01131B", "Temperature": 20.6}, "TempUnit": "C"});
    let location =
        json!({"_type": "location", "lat": 52.37, "lon": 4.89, "tst": now.as_micros() / 1_000_000, "batt": 78});
    ready(&mut station, "home");
    broker.publish("application/a/device/0101/event/up", &uplink.to_string());
    broker.publish("tele/relay/SENSOR", &sensor.to_string());
    broker.publish("tele/relay/STATE", r#"{"POWER":"ON","Wifi":{"RSSI":100}}"#);
    broker.publish("owntracks/anna/phone", &location.to_string());
    broker.publish("owntracks/anna/phone", r#"{"_type":"lwt","tst":1}"#);
    let expected = [
        ("lora/0101/temperatureSensor/1", json!(25.5)),
        ("lora/0101/open", json!(false)),
        ("lora/0101/device-name", json!("Well 3")),
        ("lora/0101/frame-counter", json!(4)),
        ("lora/0101/rssi", json!(-48)),
        ("relay/DS18B20/Temperature", json!(20.6)),
        ("relay/state/POWER", json!("ON")),
        ("people/anna/phone/latitude", json!(52.37)),
        ("people/anna/phone/battery", json!(78)),
    ];
    let values = station.wait_all_good(&expected.each_ref().map(|(tag, _)| *tag));
    assert_eq!(values, expected.map(|(_, value)| value));
    let heard = |station: &Station, tag: &str| {
        let of_tag = format!("\"tag\":\"{tag}\"");
        station.process.seen().iter().any(|line| line.contains(&of_tag) && line.contains("kept by the broker"))
    };
    for tag in ["zigbee/plug/power", "zigbee/plug/available", "home/hall/t"] {
        if !heard(&station, tag) {
            station.wait_sample(tag, "kept", |event| event["reason"] == "kept by the broker, age unknown");
        }
    }
    broker.publish("hall/state", r#"{"t":22.5}"#);
    assert_eq!(station.wait_good("home/hall/t")["value"], 22.5);
    let lost = station.process.seen().iter().find(|line| line.contains("\"lost\""));
    assert_eq!(lost, None, "one session for all of it");
    switch_the_plug(&broker, &station);
    broker.publish("tele/relay/LWT", "Offline");
    station.wait("its Will", |event| event["device"] == "relay" && event["state"] == "lost");
}

fn switch_the_plug(broker: &Broker, station: &Station) {
    let port = broker.port.to_string();
    let mut plug = Process::start(Command::new("stdbuf").args([
        "-oL",
        "mosquitto_sub",
        "-h",
        "127.0.0.1",
        "-p",
        &port,
        "-d",
        "-v",
        "-t",
        "zigbee2mqtt/plug/set",
    ]));
    plug.wait("its subscription", |line| line.contains("Subscribed").then_some(()));
    let path = station.folder.to_str().unwrap().to_owned();
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| run(&["set", &path, "zigbee/plug/state", "true", "--reason", "test"]));
        plug.wait("the command", |line| (line == r#"zigbee2mqtt/plug/set {"state": "ON"}"#).then_some(()));
        broker.publish("zigbee2mqtt/plug", r#"{"power":12,"state":"ON"}"#);
        let output = asked.join().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", words(&output));
    });
}
