use super::check;

/// A bridge, and what besides the tags of the plant it needs.
fn with(bridges: &str) -> String {
    format!(
        r#"{{"connections": [{{"name": "a", "modbus": {{"tcp": "127.0.0.1"}}}}, {{"name": "m", "mqtt": {{"url": "mqtt://127.0.0.1"}}}}],
            "devices": [{{"name": "d", "connection": "a"}}, {{"name": "w", "connection": "m"}}],
            "tags": [
              {{"name": "level", "device": "d", "register": "input:0"}},
              {{"name": "copy", "device": "d", "register": "holding:0", "command": {{"min": 0, "max": 100}}}},
              {{"name": "copy-low", "device": "d", "register": "holding:0", "bits": [0, 3]}},
              {{"name": "speed", "device": "d", "register": "holding:8", "command": {{"read_back": "speed-actual"}}}},
              {{"name": "speed-actual", "device": "d", "register": "input:8"}},
              {{"name": "pump", "device": "d", "register": "coil:0", "command": {{}}}},
              {{"name": "start", "device": "d", "register": "coil:1", "command": {{"pulse": true}}}},
              {{"name": "told", "device": "w", "topic": "site/+/state", "command": {{"topic": "site/1/set"}}}},
              {{"name": "heard", "device": "w", "topic": "site/+/set"}}],
            "bridges": [{bridges}]}}"#
    )
}

#[test]
fn bridges_are_checked() {
    let check = |bridge: &str, expected: &[&str]| check(&with(bridge), expected);
    check(r#"{"name": "b", "from": "level", "to": "copy", "deadband": 0.1, "on_bad": "hold"}"#, &[]);
    check(
        r#"{"name": "b", "from": "level", "to": "copy", "every": "1s", "audit": "each", "on_bad": {"value": 0}}"#,
        &[],
    );
    check(
        r#"{"name": "b", "from": "level", "to": "copy", "every": "1s"}"#,
        &[
            "bridges/0/every: warning: every copy is two entries in the record, which may be 172800 a day; say \"audit\"",
        ],
    );
    check(
        r#"{"name": "b", "from": "level", "to": "copy", "every": "10ms", "audit": "each"}"#,
        &["bridges/0/every: a bridge copies at most ten times a second"],
    );
    check(
        r#"{"name": "a/b", "from": "levl", "to": "nowhere-at-all", "deadband": -1}"#,
        &[
            "bridges/0/name: the name of a bridge is made of words",
            "bridges/0/from: there is no tag \"levl\"; did you mean \"level\"?",
            "bridges/0/to: there is no tag \"nowhere-at-all\"",
        ],
    );
    check(
        r#"{"name": "b", "from": "copy", "to": "level", "deadband": -1}"#,
        &[
            "bridges/0/to: level cannot be set: give the tag a \"command\"",
            "bridges/0/deadband: a deadband is not negative",
        ],
    );
    check(
        r#"{"name": "b", "from": "level", "to": "pump"}"#,
        &["bridges/0/to: level is a number, and pump is true or false"],
    );
    check(r#"{"name": "b", "from": "pump", "to": "start"}"#, &["bridges/0/to: start is a pulse"]);
    check(
        r#"{"name": "b", "from": "level", "to": "copy", "on_bad": {"value": 101}}"#,
        &["bridges/0/on_bad/value: 101 is above the highest allowed value 100"],
    );
    check(
        r#"{"name": "b", "from": "level", "to": "copy"}, {"name": "c", "from": "speed-actual", "to": "copy"}"#,
        &["bridges/1/to: the bridge \"b\" sets this tag already"],
    );
}

/// By other bridges, by a read-back, by registers that overlap, by topics: what comes back is refused, and the way is told.
#[test]
fn what_would_go_round_is_refused() {
    let check = |bridge: &str, expected: &[&str]| check(&with(bridge), expected);
    check(
        r#"{"name": "b", "from": "copy", "to": "copy"}"#,
        &["bridges/0: what this bridge copies comes back to it: copy -> copy;"],
    );
    check(
        r#"{"name": "b", "from": "copy", "to": "speed"}, {"name": "c", "from": "speed", "to": "copy"}"#,
        &[
            "bridges/0: what this bridge copies comes back to it: copy -> speed -> copy",
            "bridges/1: what this bridge copies",
        ],
    );
    check(
        r#"{"name": "b", "from": "speed-actual", "to": "speed"}"#,
        &["bridges/0: what this bridge copies comes back to it: speed-actual -> speed -> speed-actual"],
    );
    check(
        r#"{"name": "b", "from": "copy-low", "to": "copy"}"#,
        &["bridges/0: what this bridge copies comes back to it: copy-low -> copy -> copy-low"],
    );
    check(
        r#"{"name": "b", "from": "heard", "to": "told"}"#,
        &["bridges/0: what this bridge copies comes back to it: heard -> told -> heard"],
    );
    check(r#"{"name": "b", "from": "speed", "to": "told"}"#, &[]);
}
