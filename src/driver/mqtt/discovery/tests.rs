//! Messages in the shape that the public documentation of Zigbee2MQTT and of Home Assistant shows.

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn discovery(source: Source) -> Discovery {
    Discovery { source, base: source.usual_base().into(), known: Arc::default() }
}

#[track_caller]
fn check(source: Source, topic: &str, message: &Json, expected: &[(&str, Json)]) {
    let text = message.to_string();
    let mut discovery = discovery(source);
    let found = discovery.read(topic, &Document::new(text.as_bytes()));
    let shown: Vec<_> = found.iter().map(|found| (&*found.name, found.facts.clone())).collect();
    assert_eq!(shown, expected, "{topic}");
    discovery.known = Arc::new(found.into_iter().map(|found| (found.name, found.facts)).collect());
    assert_eq!(discovery.read(topic, &Document::new(text.as_bytes())), Vec::new(), "it is told once");
}

#[test]
fn devices_of_zigbee2mqtt() {
    let plug = json!([
        {"ieee_address": "0x00", "type": "Coordinator", "friendly_name": "Coordinator", "definition": null},
        {"ieee_address": "0x01", "type": "Router", "friendly_name": "hall/plug", "disabled": false, "supported": true,
         "definition": {"model": "P1", "vendor": "V", "exposes": [
            {"type": "switch", "features": [{"type": "binary", "name": "state", "property": "state", "access": 7,
                "value_on": "ON", "value_off": "OFF", "value_toggle": "TOGGLE", "description": "On or off"}]},
            {"type": "numeric", "name": "power", "property": "power", "access": 5, "unit": "W"},
            {"type": "numeric", "name": "limit", "property": "limit", "access": 7, "value_min": 0, "value_max": 100, "unit": "%"},
            {"type": "binary", "name": "contact", "property": "contact", "access": 1, "value_on": false, "value_off": true},
            {"type": "enum", "name": "mode", "property": "mode", "access": 2, "values": ["a", "b"]},
            {"type": "composite", "property": "color", "name": "color_xy", "access": 7,
             "features": [{"type": "numeric", "property": "x", "access": 7}]},
            {"type": "list", "property": "schedule", "access": 1}]}},
        {"friendly_name": "off", "disabled": true, "definition": {"exposes": []}}]);
    let topic = "zigbee2mqtt/hall/plug";
    check(
        Source::Zigbee2mqtt,
        "zigbee2mqtt/bridge/devices",
        &plug,
        &[
            (
                "hall/plug/available",
                json!({"name": "hall/plug/available", "topic": format!("{topic}/availability"), "json": "/state",
            "type": "bool", "true": "online", "false": "offline", "description": "Whether it is there."}),
            ),
            (
                "hall/plug/state",
                json!({"json": "/state", "optional": true, "description": "On or off", "type": "bool", "true": "ON",
            "false": "OFF", "name": "hall/plug/state", "topic": topic,
            "command": {"topic": format!("{topic}/set"), "payload": "{\"state\": ${value}}", "read_back": "hall/plug/state"}}),
            ),
            (
                "hall/plug/power",
                json!({"json": "/power", "optional": true, "unit": "W", "name": "hall/plug/power", "topic": topic}),
            ),
            (
                "hall/plug/limit",
                json!({"json": "/limit", "optional": true, "unit": "%", "range": [0.0, 100.0], "name": "hall/plug/limit",
            "topic": topic, "command": {"topic": format!("{topic}/set"), "payload": "{\"limit\": ${value}}",
            "read_back": "hall/plug/limit", "min": 0.0, "max": 100.0}}),
            ),
            (
                "hall/plug/contact",
                json!({"json": "/contact", "optional": true, "type": "bool", "name": "hall/plug/contact", "topic": topic}),
            ),
            (
                "hall/plug/color/x",
                json!({"json": "/color/x", "optional": true, "name": "hall/plug/color/x", "topic": topic}),
            ),
        ],
    );
    check(Source::Zigbee2mqtt, "zigbee2mqtt/bridge/state", &plug, &[]);
}

#[test]
fn announcements_to_home_assistant_long_and_short() {
    let long = json!({"name": "Temperature", "state_topic": "hall/sensor/state", "unit_of_measurement": "°C",
        "value_template": "{{ value_json.temperature }}", "expire_after": 90, "unique_id": "x1",
        "device": {"identifiers": ["hall1"], "name": "Hall"}});
    check(
        Source::Homeassistant,
        "homeassistant/sensor/hall/t/config",
        &long,
        &[(
            "hall/t",
            json!({"name": "hall/t", "topic": "hall/sensor/state", "json": "/temperature", "optional": true,
            "description": "Hall: Temperature", "stale_after": "90s", "unit": "°C"}),
        )],
    );
    let short = json!({"~": "hall/relay", "name": "Relay", "stat_t": "~/state", "cmd_t": "~/set", "pl_on": "1", "pl_off": "0",
        "avty_t": "~/lwt", "uniq_id": "x2"});
    check(
        Source::Homeassistant,
        "homeassistant/switch/relay/config",
        &short,
        &[(
            "relay",
            json!({"name": "relay", "topic": "hall/relay/state", "description": "Relay", "type": "bool", "true": "1", "false": "0",
            "command": {"topic": "hall/relay/set", "read_back": "relay"}}),
        )],
    );
    let door = json!({"stat_t": "door", "dev_cla": "door", "pl_on": true, "pl_off": false});
    check(
        Source::Homeassistant,
        "homeassistant/binary_sensor/door/config",
        &door,
        &[("door", json!({"name": "door", "topic": "door", "type": "bool", "true": "true", "false": "false"}))],
    );
    let number = json!({"stat_t": "n", "cmd_t": "n/set", "min": 5, "max": 30, "unit_of_meas": "°C"});
    check(
        Source::Homeassistant,
        "homeassistant/number/n/config",
        &number,
        &[(
            "n",
            json!({"name": "n", "topic": "n", "unit": "°C", "range": [5.0, 30.0],
            "command": {"topic": "n/set", "read_back": "n", "min": 5.0, "max": 30.0}}),
        )],
    );
    let odd = json!({"stat_t": "s", "val_tpl": "{{ value_json.t * 2 }}"});
    check(
        Source::Homeassistant,
        "homeassistant/sensor/s/config",
        &odd,
        &[("s", json!({"refused": "its template {{ value_json.t * 2 }} is more than a place in JSON"}))],
    );
    for nothing in [json!({}), json!(7), json!({"stat_t": 7})] {
        check(Source::Homeassistant, "homeassistant/sensor/s/config", &nothing, &[]);
    }
    check(Source::Homeassistant, "homeassistant/light/s/config", &json!({"stat_t": "s"}), &[]);
    let removed = discovery(Source::Homeassistant).read("homeassistant/sensor/s/config", &Document::new(b""));
    assert_eq!(removed, Vec::new());
}

/// Found by thinking of a list of a megabyte: each of its tags would have carried the name of the device.
#[test]
fn what_has_a_name_of_thousands_of_signs_is_left_out() {
    let long = "n".repeat(5000);
    let expose = |property: &str| json!({"type": "numeric", "property": property});
    let list = json!([
        {"friendly_name": long, "definition": {"exposes": [expose("a")]}},
        {"friendly_name": "b", "definition": {"exposes": [
            expose(&long), expose("c"), {"type": "composite", "property": long, "features": [expose("d")]},
        ]}},
    ]);
    let text = list.to_string();
    let found = discovery(Source::Zigbee2mqtt).read("zigbee2mqtt/bridge/devices", &Document::new(text.as_bytes()));
    assert_eq!(found.iter().map(|found| &*found.name).collect::<Vec<_>>(), ["b/available", "b/c"]);
    let list = json!([{"friendly_name": "b", "definition": {"exposes": vec![expose("c"); 30_000]}}]);
    let text = list.to_string();
    let found = discovery(Source::Zigbee2mqtt).read("zigbee2mqtt/bridge/devices", &Document::new(text.as_bytes()));
    assert_eq!(found.len(), 20_000);
}

proptest! {
    #[test]
    fn any_list_is_read_or_not(payload in "[\\[\\]{}\",:a-z0-9~]{0,60}", template in "\\{\\{ ?value_json[ -~é]{0,20}\\}\\}") {
        let document = Document::new(payload.as_bytes());
        discovery(Source::Zigbee2mqtt).read("zigbee2mqtt/bridge/devices", &document);
        discovery(Source::Homeassistant).read("homeassistant/sensor/x/config", &document);
        let config = json!({"stat_t": "x", "val_tpl": template}).to_string();
        discovery(Source::Homeassistant).read("homeassistant/sensor/x/config", &Document::new(config.as_bytes()));
    }
}
