use super::check;

fn with(publications: &str) -> String {
    format!(
        r#"{{"connections": [{{"name": "a", "modbus": {{"tcp": "127.0.0.1"}}}}, {{"name": "m", "mqtt": {{"url": "mqtt://127.0.0.1"}}}}],
            "devices": [{{"name": "d", "connection": "a"}}, {{"name": "w", "connection": "m"}}],
            "tags": [
              {{"name": "north/level", "device": "d", "register": "input:0"}},
              {{"name": "north/flow", "device": "d", "register": "input:1"}},
              {{"name": "north/raw", "device": "d", "register": "input:2", "history": {{"keep": false}}}},
              {{"name": "heard", "device": "w", "topic": "others/#"}}],
            "publications": [{publications}]}}"#
    )
}

#[test]
fn publications_are_checked() {
    let check = |publication: &str, expected: &[&str]| check(&with(publication), expected);
    check(
        r#"{"connection": "m", "tags": ["north/level", "north/f*"], "topic": "polder/{tag}", "format": "value", "qos": 2}"#,
        &[],
    );
    check(
        r#"{"connection": "mm", "tags": ["north/level"]}, {"connection": "a", "tags": ["north/level"]}"#,
        &[
            "publications/0/connection: there is no connection \"mm\"; did you mean",
            "publications/1/connection: \"a\" is no broker",
        ],
    );
    check(
        r#"{"connection": "m", "tags": ["south/*", "north/raw"], "qos": 2}"#,
        &[
            "publications/0/tags/0: no tag has a name like \"south/*\"",
            "publications/0/tags/1: warning: history keeps nothing of north/raw",
        ],
    );
    check(r#"{"connection": "m", "tags": ["north/level"], "qos": 3}"#, &["publications/0/qos: 3 is no level"]);
    check(
        r#"{"connection": "m", "tags": ["north/level"], "topic": "a/#"}"#,
        &["publications/0/topic: \"a/#\" is not a topic"],
    );
    check(
        r#"{"connection": "m", "tags": ["north/level", "north/flow"], "topic": "polder"}"#,
        &["publications/0/topic: \"polder\" is the topic of two values; put {tag} into it"],
    );
}

#[test]
fn what_would_come_back_is_refused() {
    let check = |publication: &str, expected: &[&str]| check(&with(publication), expected);
    check(r#"{"connection": "m", "tags": ["north/level"], "topic": "others/{tag}"}"#, &[]);
    check(
        r#"{"connection": "m", "tags": ["north/level", "heard"], "topic": "others/{tag}"}"#,
        &["publications/0: what is told here comes back: heard -> heard; use topics"],
    );
}

/// A message by hand over any connection to the broker would go round the limits of the tag.
#[test]
fn topics_of_commands_are_closed_over_every_connection_to_their_broker() {
    let station = r#"{"connections": [
            {"name": "one", "mqtt": {"url": "mqtt://Broker.example"}}, {"name": "two", "mqtt": {"url": "mqtt://broker.example:1883"}},
            {"name": "other", "mqtt": {"url": "mqtt://broker.example:1884"}}],
        "devices": [{"name": "w", "connection": "one"}],
        "tags": [{"name": "speed", "device": "w", "topic": "w/speed", "command": {"topic": "w/speed/set", "min": 0, "max": 9}}],
        "publications": [{"connection": "two", "tags": ["speed"], "topic": "polder/{tag}", "commands": true}]}"#;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("station.json"), station).unwrap();
    let plan = crate::config::load(folder.path(), crate::tag::Generation(1)).into_plant().unwrap().plan;
    let mut closed: Vec<_> =
        plan.closed_topics.iter().map(|((wire, topic), tag)| format!("{} {topic} {tag}", wire.0)).collect();
    closed.sort();
    let expected =
        ["0 polder/speed/set speed", "0 w/speed/set speed", "1 polder/speed/set speed", "1 w/speed/set speed"];
    assert_eq!(closed, expected);
}
