use super::*;
use std::path::PathBuf;

fn folder(text: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(STATION_FILE), text).unwrap();
    let path = folder.path().to_owned();
    (folder, path)
}

/// Each expected line must be contained in the problem at its place, and there are no others.
fn check(text: &str, expected: &[&str]) {
    let (_keep, path) = folder(text);
    let loaded = load(&path, Generation(1));
    let found: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "expected {expected:?} in {found:?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:#?}");
    let fatal = loaded.problems.iter().any(|problem| problem.severity == Severity::Error);
    assert_eq!(loaded.plant.is_none(), fatal);
}

#[test]
fn the_starter_is_without_problems() {
    check(STARTER, &[]);
}

#[test]
fn every_problem_is_named_at_once_with_its_place_and_the_nearest_word() {
    let text = r#"{
      "station": {"nam": "x"},
      "connections": [{"name": "a", "modbus": {"tcp": "localhost:1502", "timout": "1s"}},
                      {"name": "a", "mqtt": {"url": "http://x"}}],
      "devices": [{"name": "d", "connection": "b", "unit": 300}, {"name": "e", "connection": "a", "poll": 5}],
      "tags": [{"name": "t", "device": "f", "register": "holding:70000"},
               {"name": "t", "device": "e", "register": "holding:65535", "type": "f33"},
               {"device": "e"}]
    }"#;
    check(
        text,
        &[
            "station.json:station/nam: the key \"nam\" is not known here; did you mean \"name\"?",
            "station.json:connections/0/modbus/timout: the key \"timout\" is not known here; did you mean \"timeout\"?",
            "station.json:devices/0/unit: 300 is too large; the largest possible number is 255",
            "station.json:devices/1/poll: 5 stands here; text in quotes would be right",
            "station.json:tags/1/type: \"f33\" stands here; one of",
            "station.json:tags/2: the key \"name\" is missing",
            "station.json:connections/1/name: the name \"a\" is taken by station.json:connections/0",
            "station.json:devices/0/connection: there is no connection \"b\"",
            "station.json:tags/0/device: there is no device \"f\"",
            "station.json:tags/1/name: the tag \"t\" stands at station.json:tags/0 already",
            "station.json:connections/1/mqtt/url: \"http://x\" is not a broker's address",
        ],
    );
}

fn with_tags(tags: &str) -> String {
    format!(
        r#"{{"connections": [{{"name": "a", "modbus": {{"tcp": "127.0.0.1"}}}}, {{"name": "m", "mqtt": {{"url": "mqtt://127.0.0.1"}}}}],
            "devices": [{{"name": "d", "connection": "a"}}, {{"name": "w", "connection": "m"}}], "tags": [{tags}]}}"#
    )
}

mod bridges;

#[test]
fn tags_of_modbus_devices() {
    let check = |tag: &str, expected: &[&str]| check(&with_tags(tag), expected);
    check(r#"{"name": "t", "device": "d", "register": "40041", "type": "f32"}"#, &[]);
    check(
        r#"{"name": "t", "device": "d", "register": "holding:65535", "type": "f32"}"#,
        &["tags/0/register: the value ends at address 65536"],
    );
    check(
        r#"{"name": "t", "device": "d", "register": "coil:0", "type": "u16"}"#,
        &["tags/0/type: a coil holds one bit"],
    );
    check(r#"{"name": "t", "device": "d", "register": "holding:0", "bit": 16}"#, &["tags/0/bit: a bit is 0 to 15"]);
    check(
        r#"{"name": "t", "device": "d", "register": "input:0", "command": {}}"#,
        &["tags/0/command: a input register can only be read"],
    );
    check(
        r#"{"name": "t", "device": "d", "register": "input:0", "type": "string"}"#,
        &["tags/0/length: a string, and only a string"],
    );
    check(
        r#"{"name": "t", "device": "d", "topic": "x"}"#,
        &["tags/0/topic: \"topic\" belongs to MQTT", "needs a \"register\""],
    );
    check(
        r#"{"name": "t", "device": "d", "register": "input:0", "scale": {"raw": [1, 1], "eng": [0, 1]}}"#,
        &["tags/0/scale/raw: the two raw values differ"],
    );
    check(
        r#"{"name": "t", "device": "d", "register": "input:0", "alarms": [{"high": 1, "low": 2}]}"#,
        &["tags/0/alarms/0: an alarm needs exactly one"],
    );
    check(
        r#"{"name": "t", "device": "d", "register": "input:0", "alarms": [{"high": 1}, {"low": 2}]}"#,
        &["has to be below the limit high"],
    );
    check(
        r#"{"name": "t", "device": "d", "register": "input:0", "alarms": [{"hihg": 1}]}"#,
        &["did you mean \"high\"?", "exactly one"],
    );
    check(
        r#"{"name": "t", "device": "d", "register": "input:0"}, {"name": "u", "device": "d", "register": "input:0", "type": "i16"}"#,
        &["warning: input:0 is read here and by \"t\" as different types"],
    );
}

#[test]
fn tags_of_mqtt_devices() {
    let check = |tag: &str, expected: &[&str]| check(&with_tags(tag), expected);
    check(r#"{"name": "t", "device": "w", "topic": "knmi/+/rain", "json": "/a/0"}"#, &[]);
    check(r#"{"name": "t", "device": "w", "topic": "a/#/b"}"#, &["tags/0/topic: \"a/#/b\" is not a topic"]);
    check(
        r#"{"name": "t", "device": "w", "topic": "a", "json": "a.b"}"#,
        &["tags/0/json: a place in JSON begins with /"],
    );
    check(
        r#"{"name": "t", "device": "w", "topic": "a", "command": {"topic": "a/+"}}"#,
        &["tags/0/command/topic: a command goes to one topic"],
    );
    check(
        r#"{"name": "t", "device": "w", "topic": "a", "command": {"topic": "a", "response_topic": "b"}}"#,
        &["tags/0/command/response_topic: MQTT 3.1.1 cannot say this"],
    );
}

#[test]
fn brokers() {
    let check = |broker: &str, expected: &[&str]| {
        check(&format!(r#"{{"connections": [{{"name": "m", "mqtt": {{{broker}}}}}]}}"#), expected);
    };
    check(
        r#""url": "mqtt://h", "version": "5", "session": "persistent", "session_expiry": "1d", "receive_maximum": 9"#,
        &[],
    );
    check(
        r#""url": "mqtt://h", "qos": 2, "packet_limit": "64 kB", "will": {"topic": "a", "payload": "off", "retain": true}"#,
        &[],
    );
    check(r#""url": "h:1883""#, &["mqtt/url: \"h:1883\" is not a broker's address; write it as mqtt://"]);
    check(
        r#""url": "mqtt://h", "version": "3.1""#,
        &["mqtt/version: \"3.1\" stands here; one of 3.1.1, 5 would be right"],
    );
    check(r#""url": "mqtts://h""#, &["mqtt: mqtts:// needs a \"ca\""]);
    check(r#""url": "mqtts://h", "ca": "no.pem""#, &["mqtt/ca: there is no file"]);
    check(r#""url": "mqtt://h", "ca": "ca.pem""#, &["mqtt/ca: \"ca\" belongs to TLS, and mqtt://h is in clear"]);
    check(
        r#""url": "mqtt://h", "session_expiry": "1d""#,
        &["session_expiry: this belongs to \"session\": \"persistent\""],
    );
    check(
        r#""url": "mqtt://h", "session": "persistent", "session_expiry": "1d""#,
        &["session_expiry: with MQTT 3.1.1 the broker decides how long"],
    );
    check(r#""url": "mqtt://h", "session": "persistent", "client_id": """#, &["client_id: a persistent session needs"]);
    check(r#""url": "mqtt://h", "receive_maximum": 9"#, &["receive_maximum: MQTT 3.1.1 cannot say this"]);
    check(r#""url": "mqtt://h", "keep_alive": "0s""#, &["keep_alive: 1s to 65535s are possible"]);
    check(r#""url": "mqtt://h", "packet_limit": "10 GB""#, &["packet_limit: 1 kB to 268 MB are possible"]);
    check(r#""url": "mqtt://h", "qos": 3"#, &["qos: 0, 1 and 2 exist"]);
    check(r#""url": "mqtt://h", "will": {"topic": "a/#"}"#, &["will/topic: a will goes to one topic"]);
    check(r#""url": "mqtt://h", "password": {"secret": "x"}"#, &["password: there is no secret \"x\""]);
}

#[test]
fn templates_put_their_tags_behind_area_and_device() {
    let text = r#"{
      "connections": [{"name": "a", "modbus": {"tcp": "127.0.0.1"}}],
      "templates": [{"name": "pump", "tags": [
        {"name": "speed", "register": "input:0", "type": "f32"},
        {"name": "setpoint", "register": "holding:0", "type": "f32", "command": {"read_back": "speed"}}]}],
      "devices": [{"name": "p1", "connection": "a", "area": "north", "template": "pump"},
                  {"name": "p2", "connection": "a", "unit": 2, "template": "pump", "offset": 100}]
    }"#;
    let (_keep, path) = folder(text);
    let plant = load(&path, Generation(1)).into_plant().unwrap();
    let directory = &plant.plan.directory;
    let speed = directory.find("north/p1/speed").unwrap();
    assert_eq!(plant.plan.commands[&directory.find("north/p1/setpoint").unwrap()].read_back, Some(speed));
    assert_eq!(&*directory.tag(directory.find("p2/speed").unwrap()).unwrap().address, "input:100 f32 ABCD");
    assert_eq!(plant.plan.alarms.iter().filter(|alarm| alarm.key.as_str().ends_with(":lost")).count(), 2);
}

#[test]
fn includes_and_what_is_not_json() {
    let (_keep, path) = folder(r#"{"include": ["north.json", "../x.json", "missing.json"]}"#);
    std::fs::write(path.join("north.json"), "{\n  \"tags\": [,]\n}").unwrap();
    let found: Vec<String> = load(&path, Generation(1)).problems.iter().map(ToString::to_string).collect();
    assert_eq!(found.len(), 3, "{found:#?}");
    assert!(found[0].starts_with("station.json:include/1: an included file lies in the station folder"));
    assert!(found.iter().any(|line| line.starts_with("north.json:line 2, column 12: this is not JSON")), "{found:#?}");
    assert!(found.iter().any(|line| line.starts_with("station.json:include/2:") && line.contains("cannot be read")));
}

#[cfg(unix)]
#[test]
fn secrets_that_others_can_read_are_refused() {
    use std::os::unix::fs::PermissionsExt;
    let (_keep, path) = folder(
        r#"{"connections": [{"name": "m", "mqtt": {"url": "mqtt://x", "username": "u", "password": {"secret": "site"}}}]}"#,
    );
    let secrets = path.join(SECRETS_FILE);
    std::fs::write(&secrets, r#"{"site": "geheim"}"#).unwrap();
    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(load(&path, Generation(1)).problems[0].words.contains("others may read this file"));
    std::fs::set_permissions(&secrets, std::fs::Permissions::from_mode(0o600)).unwrap();
    assert!(load(&path, Generation(1)).problems.is_empty());
}

#[test]
fn history_is_said_by_the_tag_its_template_or_the_station() {
    let text = r#"{
      "station": {"name": "x", "keep": {"raw": "400d", "minutes": "1800d", "most": "200 GB"}, "history": {"heartbeat": "5m", "deadband": 0.5}},
      "connections": [{"name": "a", "modbus": {"tcp": "127.0.0.1"}}],
      "templates": [{"name": "pump", "history": {"error_bound": 0.2}, "tags": [
         {"name": "one", "register": "holding:0"}, {"name": "two", "register": "holding:1", "history": {"heartbeat": "10s", "error_bound": 3}}]}],
      "devices": [{"name": "d", "connection": "a", "template": "pump"}],
      "tags": [{"name": "three", "device": "d", "register": "holding:2", "history": {"keep": false}}]
    }"#;
    let (_keep, path) = folder(text);
    let plan = load(&path, Generation(1)).into_plant().unwrap().plan;
    let days = |days: u64| Some(std::time::Duration::from_secs(days * 86_400));
    let expected = crate::tag::Retention { raw: days(400), minutes: days(1800), most_bytes: Some(200_000_000_000) };
    assert_eq!(plan.retention, expected);
    let policy = |name: &str| {
        let history = plan.directory.tag(plan.directory.find(name).unwrap()).unwrap().history;
        (history.keep, history.heartbeat.as_secs(), history.deadband, history.error_bound)
    };
    assert_eq!(policy("d/one"), (true, 300, 0.5, Some(0.2)));
    assert_eq!(policy("d/two"), (true, 10, 0.5, Some(3.0)));
    assert_eq!(policy("three"), (false, 300, 0.5, None));
}

#[test]
fn impossible_history_is_told() {
    let text = r#"{
      "station": {"name": "x", "keep": {"raw": "10d", "minutes": "5d", "most": "200"}},
      "connections": [{"name": "a", "modbus": {"tcp": "127.0.0.1"}}],
      "devices": [{"name": "d", "connection": "a"}],
      "tags": [{"name": "t", "device": "d", "register": "holding:0", "history": {"error_bound": 0, "heartbeat": "soon", "deadband": -1}}]
    }"#;
    check(
        text,
        &[
            "station.json:tags/0/history/deadband: -1 is below 0",
            "station.json:tags/0/history/heartbeat: \"soon\" is not a duration",
            "station.json:tags/0/history/error_bound: 0 is not above 0",
            "station.json:station/keep/minutes: minutes are kept at least as long",
            "station.json:station/keep/most: \"200\" is no size; write it as 500 MB, 200 GB or 1.5 TB",
        ],
    );
}

#[test]
fn trends_of_the_station_file_name_tags_that_exist() {
    let text = |trends: &str| {
        format!(
            r#"{{"connections": [{{"name": "a", "modbus": {{"tcp": "127.0.0.1"}}}}], "devices": [{{"name": "d", "connection": "a"}}],
            "tags": [{{"name": "level", "device": "d", "register": "input:0"}}], "trends": {trends}}}"#
        )
    };
    let good = r#"[{"name": "Storm", "span": "2h", "pens": [{"tag": "level", "range": [0, 5]}]}, {"name": "Calm", "pens": []}]"#;
    check(&text(good), &[]);
    let (_keep, path) = folder(&text(good));
    let plan = load(&path, Generation(1)).into_plant().unwrap().plan;
    assert_eq!((plan.trends[0].span_seconds, plan.trends[1].span_seconds), (7200.0, 300.0));
    assert_eq!((plan.trends[0].pens[0].range, plan.trends[0].author.as_ref()), (Some([0.0, 5.0]), None));
    let bad = r#"[{"name": "Storm", "span": "long", "pens": [{"tag": "levl"}, {"tag": "level", "range": [5, 5]}]},
                  {"name": "Storm", "pens": []}]"#;
    check(
        &text(bad),
        &[
            "trends/0/span: \"long\" is not a duration",
            "trends/0/pens/0/tag: there is no tag \"levl\"; did you mean \"level\"?",
            "trends/0/pens/1/range: 5 is not below 5",
            "trends/1/name: there are two trends \"Storm\"",
        ],
    );
}

#[test]
fn alarms_latch_have_groups_and_shelves_have_limits() {
    let text = r#"{"station": {"shelving": {"critical": "10m", "low": "2d"}},
        "connections": [{"name": "a", "modbus": {"tcp": "127.0.0.1"}}],
        "templates": [{"name": "pump", "tags": [{"name": "trip", "register": "input:0",
            "alarms": [{"is": 1, "latch": true, "group": "${device} trip"}]}]}],
        "devices": [{"name": "d", "connection": "a", "template": "pump"}]}"#;
    let (_keep, path) = folder(text);
    let plan = load(&path, Generation(1)).into_plant().unwrap().plan;
    let alarm = plan.alarms.iter().find(|alarm| alarm.key.as_str().ends_with("trip:digital")).unwrap();
    assert_eq!((alarm.latch, alarm.group.as_deref()), (true, Some("d trip")));
    let minutes: Vec<u64> =
        crate::alarm::Priority::ALL.map(|priority| plan.shelving.longest(priority).as_secs() / 60).into();
    assert_eq!(minutes, [10, 120, 480, 2880]);
    check(
        r#"{"station": {"shelving": {"high": "0s", "medium": "soon", "lo": "1h"}}}"#,
        &[
            "station.json:station/shelving/lo: the key \"lo\" is not known here; did you mean \"low\"?",
            "station.json:station/shelving/high: write a time above 0, such as \"30m\"",
            "station.json:station/shelving/medium: \"soon\" is not a duration",
        ],
    );
}

mod alarms;
mod link;
mod manual;

fn with_sparkplug(sparkplug: &str, device: &str, tag: &str) -> String {
    format!(
        r#"{{"connections": [{{"name": "m", "mqtt": {{"url": "mqtt://127.0.0.1", "sparkplug": {sparkplug}}}}}, {{"name": "a", "modbus": {{"tcp": "127.0.0.1"}}}}],
            "devices": [{{"name": "d", "connection": "m", "sparkplug": "{device}"}}], "tags": [{{"name": "t", "device": "d", {tag}}}]}}"#
    )
}

#[test]
fn sparkplug_devices_and_their_metrics() {
    let (host, metric) = (r#"{"host_id": "polder"}"#, r#""metric": "Inlet/Temp", "command": {"min": 0}"#);
    let check =
        |host: &str, device: &str, tag: &str, expected: &[&str]| check(&with_sparkplug(host, device, tag), expected);
    check(host, "north/edge", metric, &[]);
    check(host, "north/edge/pump", metric, &[]);
    check(
        r#"{"host_id": "p", "groups": ["+"], "primary": false, "reordering_timeout": "2s"}"#,
        "north/edge",
        metric,
        &[],
    );
    check(
        r#"{"host_id": "p", "groups": ["south"]}"#,
        "north/edge",
        metric,
        &["connections/0/mqtt/sparkplug/groups: the group north of the device north/edge is not among them"],
    );
    check(
        r#"{"host_id": "a/b"}"#,
        "north/edge",
        metric,
        &["connections/0/mqtt/sparkplug/host_id: \"a/b\" cannot be the name"],
    );
    check(
        r#"{"host_id": "p", "reordering_timeout": "1h"}"#,
        "north/edge",
        metric,
        &["reordering_timeout: a message that is missing for more than 10 minutes"],
    );
    check(
        host,
        "north",
        metric,
        &["devices/0/sparkplug: an edge node is needed: group/node or group/node/device", "no group is listened to"],
    );
    check(
        host,
        "north/edge",
        r#""topic": "x""#,
        &["tags/0/topic: \"topic\" is not for Sparkplug", "needs a \"metric\""],
    );
    check(
        host,
        "north/edge",
        r#""metric": "x", "command": {"topic": "y"}"#,
        &["tags/0/command/topic: a Sparkplug command sets the metric"],
    );
    check("null", "north/edge", metric, &["devices/0/sparkplug: its connection does not speak Sparkplug"]);
}

#[test]
fn a_sparkplug_session_is_a_clean_one() {
    for (version, options, expected) in [
        ("3.1.1", "", &[][..]),
        ("5", "", &[]),
        (
            "3.1.1",
            r#", "session": "persistent""#,
            &["connections/0/mqtt/session: a host application of Sparkplug has a clean session"],
        ),
        (
            "5",
            r#", "will": {"topic": "x", "payload": "y"}"#,
            &["connections/0/mqtt/will: the will of a host application"],
        ),
    ] {
        let text = with_sparkplug(r#"{"host_id": "p"}"#, "north/edge", r#""metric": "x""#);
        let url = r#""url": "mqtt://127.0.0.1""#;
        check(&text.replace(url, &format!(r#"{url}, "version": "{version}"{options}"#)), expected);
    }
}

#[test]
fn metrics_that_were_found_are_tags_of_their_device() {
    let metric = |device: &str, name: &str, facts: &str| {
        format!(r#"{{"device": "{device}", "kind": "metric", "name": "{name}", "facts": {facts}, "since": ""}}"#)
    };
    let things = [
        metric("d", "Inlet/Temp °C", r#"{"unit": "°C", "range": [0, 90]}"#),
        metric("d", "Named", "{}"),
        metric("d", "Odd", r#"{"command": {}}"#),
        metric("d", "Run", r#"{"type": "bool"}"#),
        metric("d", "Beyond", "{}"),
        metric("gone", "x", "{}"),
    ];
    let text = r#"{"connections": [{"name": "m", "mqtt": {"url": "mqtt://127.0.0.1", "sparkplug": {"host_id": "p"}}}],
        "devices": [{"name": "d", "connection": "m", "sparkplug": "north/edge", "take_in": "all", "most": 4}],
        "tags": [{"name": "t", "device": "d", "metric": "Named"}]}"#;
    let (_keep, path) = folder(text);
    std::fs::write(path.join(FOUND_FILE), format!(r#"{{"found": [{}]}}"#, things.join(","))).unwrap();
    let loaded = load(&path, Generation(1));
    let words: Vec<String> = loaded.problems.iter().map(ToString::to_string).collect();
    let expected =
        ["\"command\" is not for metrics that are found", "1 metrics are left out", "1 metrics are of no device"];
    assert_eq!(words.len(), expected.len(), "{words:#?}");
    for (words, expected) in words.iter().zip(expected) {
        assert!(words.contains(expected), "{words}");
    }
    let plant = loaded.plant.unwrap();
    let tags: Vec<_> = plant.plan.directory.tags().iter().map(|tag| tag.key.to_string()).collect();
    assert_eq!(tags[..3], ["t", "d/Inlet/Temp__C", "d/Run"]);
    let crate::driver::Protocol::Mqtt(broker) = &plant.connections[0].protocol else { panic!("no broker") };
    let device = &broker.sparkplug.as_ref().unwrap().devices[0];
    assert_eq!(device.points.len(), 3);
    assert_eq!(device.take_in.as_ref().unwrap().known.len(), 4);
}
