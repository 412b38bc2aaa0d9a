//! What holds for a connection whatever its protocol.

use super::*;
use crate::alarm::Condition;
use crate::driver::Protocol;
use std::time::Duration;

fn station(link: &str, protocol: &str) -> String {
    format!(
        r#"{{"connections": [{{"name": "site", {link} {protocol}}}], "devices": [{{"name": "d", "connection": "site"}}],
            "tags": [{{"name": "t", "device": "d", {}}}]}}"#,
        if protocol.contains("mqtt") { r#""topic": "t""# } else { r#""register": "holding:0""# }
    )
}

fn problems(link: &str, protocol: &str, expected: &[&str]) {
    let expected: Vec<String> = expected.iter().map(|words| format!("station.json:connections/0{words}")).collect();
    check(&station(link, protocol), &expected.iter().map(String::as_str).collect::<Vec<_>>());
}

fn plant(link: &str, protocol: &str) -> Plant {
    let (_keep, path) = folder(&station(link, protocol));
    load(&path, Generation(1)).into_plant().unwrap()
}

const MODBUS: &str = r#""modbus": {"tcp": "10.8.0.7"}"#;
const MQTT: &str = r#""mqtt": {"url": "mqtt://10.8.0.1"}"#;
const SERIAL: &str = r#""modbus": {"serial": "/dev/ttyUSB0"}"#;

#[test]
fn a_tunnel_takes_addresses_and_no_names() {
    let via = r#""only_via": "wg0","#;
    for protocol in [MODBUS, MQTT, r#""modbus": {"rtu_over_tcp": "[fd00::7]:502", "fallback": "10.8.0.8"}"#] {
        problems(via, protocol, &[]);
    }
    let named = "/only_via: \"plc.example\" is a name, and names are asked for outside of the tunnel";
    problems(via, r#""modbus": {"tcp": "plc.example"}"#, &[named]);
    problems(via, r#""modbus": {"tcp": "10.8.0.7", "fallback": "plc.example:503"}"#, &[named]);
    problems(via, r#""mqtt": {"url": "mqtt://plc.example"}"#, &[named]);
    problems(r#""only_via": "../eth0","#, MODBUS, &["/only_via: \"../eth0\" is not the name of an interface"]);
    problems(via, SERIAL, &["/only_via: \"only_via\" belongs to a connection over the network"]);
}

#[test]
fn both_protocols_are_bound_and_their_tunnel_has_an_alarm() {
    for protocol in [MODBUS, MQTT] {
        let plant = plant(r#""only_via": "wg0","#, protocol);
        let bound = match &plant.connections[0].protocol {
            Protocol::Modbus(wire) => wire.only_via.clone(),
            Protocol::Mqtt(broker) => broker.endpoint.only_via.clone(),
        };
        assert_eq!(bound.as_deref(), Some("wg0"), "{protocol}");
        let alarm = plant.plan.alarms.iter().find(|alarm| &*alarm.message == "The tunnel wg0 of site is down").unwrap();
        assert_eq!(alarm.key.as_str(), "station/links/site/tunnel-up:digital");
        assert!(plant.plan.links[0].tunnel_up.is_some() && plant.plan.links[0].bytes.is_none());
    }
}

#[test]
fn where_tls_is_demanded_nothing_is_spoken_in_clear() {
    let tls = r#""tls": "required","#;
    problems(tls, MODBUS, &["/tls: this address is spoken to in clear"]);
    problems(tls, r#""modbus": {"rtu_over_tcp": "10.8.0.7:4001"}"#, &["/tls: this address is spoken to in clear"]);
    problems(tls, MQTT, &["/tls: this broker is spoken to in clear; write its address as mqtts://"]);
    problems(tls, SERIAL, &["/tls: \"tls\" belongs to a connection over the network", "/tls: this address is spoken"]);
    let keep = tempfile::tempdir().unwrap();
    std::fs::write(keep.path().join("ca.pem"), "").unwrap();
    let secure = station(tls, r#""modbus": {"tls": "10.8.0.7", "ca": "ca.pem", "fallback": "10.8.0.8"}"#);
    std::fs::write(keep.path().join(STATION_FILE), secure).unwrap();
    load(keep.path(), Generation(1)).into_plant().unwrap();
    problems(r#""tls": "yes","#, MODBUS, &["/tls: \"yes\" stands here"]);
}

#[test]
fn a_budget_is_a_size_a_month() {
    for text in ["200MB", "MB/month", "200MB/day", "-1 MB/month", "0 MB/month"] {
        let link = format!(r#""budget": "{text}","#);
        let (_keep, path) = folder(&station(&link, MODBUS));
        let found = load(&path, Generation(1)).problems;
        assert!(found.len() == 1 && found[0].path == "connections/0/budget", "{text}: {found:?}");
    }
    let plant = plant(r#""budget": "1.5 GB/month","#, MQTT);
    assert_eq!(plant.connections[0].link.budget, Some(1_500_000_000));
    let alarms = plant.plan.alarms.iter().filter(|alarm| alarm.key.as_str().starts_with("station/links/site/budget:"));
    let conditions: Vec<_> = alarms.map(|alarm| alarm.condition.clone()).collect();
    assert_eq!(conditions, [Condition::High(80.0), Condition::HighHigh(100.0)]);
    let strange = station(r#""budget": "1GB/month","#, MODBUS).replace("\"site\"", "\"a/b\"");
    check(&strange, &["station.json:connections/0/name: a connection with \"only_via\" or \"budget\" gives its name"]);
}

#[test]
fn a_slow_line_has_its_own_usual_times_and_the_engineer_the_last_word() {
    let times = |link: &str, protocol: &str| match &plant(link, protocol).connections[0].protocol {
        Protocol::Modbus(wire) => (wire.timeout, wire.devices[0].points[0].poll),
        Protocol::Mqtt(broker) => (broker.options.keep_alive, Duration::ZERO),
    };
    let is_slow = |link: &str, protocol: &str| match &plant(link, protocol).connections[0].protocol {
        Protocol::Modbus(wire) => wire.is_slow,
        Protocol::Mqtt(broker) => broker.endpoint.is_slow,
    };
    for protocol in [MODBUS, MQTT] {
        assert_eq!([is_slow("", protocol), is_slow(r#""link": "slow","#, protocol)], [false, true], "{protocol}");
    }
    let (slow, seconds) = (r#""link": "slow","#, Duration::from_secs);
    assert_eq!(times("", MODBUS), (seconds(1), seconds(1)));
    assert_eq!(times(slow, MODBUS), (seconds(10), seconds(10)));
    assert_eq!(times(slow, MQTT), (seconds(60), seconds(0)));
    assert_eq!(times(slow, r#""modbus": {"tcp": "10.8.0.7", "timeout": "3s"}"#), (seconds(3), seconds(10)));
    assert_eq!(times(slow, r#""mqtt": {"url": "mqtt://10.8.0.1", "keep_alive": "5m"}"#), (seconds(300), seconds(0)));
}
