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
