//! The kinds of alarms in the station file.

use super::*;
use crate::alarm::{AlarmDefinition, Condition};

/// One tag "own" with this alarm, beside others of every type.
fn station(alarm: &str) -> String {
    let tags = format!(
        r#"{{"name": "north/own", "device": "d", "register": "input:0", "type": "f32", "unit": "bar", "deadband": 0.5, "alarms": [{alarm}]}},
           {{"name": "north/limit", "device": "d", "register": "input:2", "type": "f32", "unit": "bar"}},
           {{"name": "north/level", "device": "d", "register": "input:4", "type": "f32", "unit": "m"}},
           {{"name": "north/state", "device": "d", "register": "input:6", "states": ["stopped", "running", "tripped"]}},
           {{"name": "north/label", "device": "d", "register": "input:7", "type": "string", "length": 4}},
           {{"name": "north/valve", "device": "d", "register": "coil:0"}}"#
    );
    with_tags(&tags).replacen('{', r#"{"trends": [{"name": "water", "pens": [{"tag": "north/own"}]}], "#, 1)
}

fn problems(alarm: &str, expected: &[&str]) {
    check(
        &station(alarm),
        &expected
            .iter()
            .map(|words| format!("tags/0/alarms/0{words}"))
            .collect::<Vec<_>>()
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>(),
    );
}

fn alarm(alarm: &str) -> AlarmDefinition {
    let (_keep, path) = folder(&station(alarm));
    let plant = load(&path, Generation(1)).into_plant().unwrap();
    plant.plan.alarms.into_iter().find(|alarm| alarm.key.as_str().starts_with("north/own:")).unwrap()
}

#[test]
fn every_kind_of_alarm_is_taken() {
    let condition = |text: &str| {
        let found = alarm(text);
        format!("{} {:?} {:?}", found.key, found.condition, found.on_delay)
    };
    let expected = [
        (r#"{"high": {"tag": "north/limit"}}"#, "north/own:high Moving(High, TagId(1)) 0ns"),
        (
            r#"{"deviation": 5, "from": "north/limit"}"#,
            "north/own:deviation Deviation { from: TagId(1), limit: 5.0 } 0ns",
        ),
        (
            r#"{"rate": 2.0, "per": "1m", "direction": "rising"}"#,
            "north/own:rate Rate(Rate { change: 2.0, per: 60s, direction: Rising }) 0ns",
        ),
        (r#"{"no_change": "10m"}"#, "north/own:no-change NoChange(600s) 0ns"),
        (
            r#"{"discrepancy": "north/limit", "within": "5s", "tolerance": 0.1}"#,
            "north/own:discrepancy Discrepancy { commanded: TagId(1), tolerance: 0.1 } 5s",
        ),
        (
            r#"{"when": "{north/own} > 3 and {north/state} == 'running'", "name": "dry-running"}"#,
            "north/own:dry-running When({north/own} > 3 and {north/state} == 'running') 0ns",
        ),
        (r#"{"is": [3, 2, 3]}"#, "north/own:is-2-3 States([2.0, 3.0]) 0ns"),
        (r#"{"bad_quality": true}"#, "north/own:bad-quality BadQuality 0ns"),
    ];
    for (text, words) in expected {
        assert_eq!(condition(text), words, "{text}");
    }
}

#[test]
fn states_may_be_named_by_their_words() {
    let text = |is: &str| {
        with_tags(&format!(
            r#"{{"name": "pump", "device": "d", "register": "input:0", "stale_after": "5s", "states": ["stopped", "running", "tripped"],
                "alarms": [{{"is": {is}}}, {{"stale": true}}, {{"bad_quality": true}}]}}"#
        ))
    };
    let (_keep, path) = folder(&text(r#"["Tripped", "stopped"]"#));
    let plan = load(&path, Generation(1)).into_plant().unwrap().plan;
    let found: Vec<_> =
        plan.alarms.iter().take(3).map(|alarm| (alarm.condition.clone(), alarm.message.to_string())).collect();
    let expected = [
        (Condition::States([0.0, 2.0].into()), "Pump stopped or tripped".to_owned()),
        (Condition::Stale, "Pump is out of date".to_owned()),
        (Condition::BadQualityNotStale, "Pump cannot be trusted".to_owned()),
    ];
    assert_eq!(found, expected);
    check(&text(r#""tripped""#), &[]);
    check(
        &text(r#"["triped", "x"]"#),
        &[
            "tags/0/alarms/0/is/0: \"triped\" is no state of this tag; did you mean \"tripped\"?; it has stopped, running, tripped",
            "tags/0/alarms/0/is/1: \"x\" is no state",
        ],
    );
}

#[test]
fn what_is_wrong_with_an_alarm_is_named_at_its_key() {
    problems(
        r#"{"high": {"tag": "north/limt"}}"#,
        &["/high/tag: there is no tag \"north/limt\"; did you mean \"north/limit\"?"],
    );
    problems(
        r#"{"high": {"tag": "north/level"}}"#,
        &["/high/tag: this tag is in m, the alarm's own in bar; both need the same unit"],
    );
    problems(r#"{"high": {"tag": "north/label"}}"#, &["/high/tag: this kind of alarm needs tags that are numbers"]);
    problems(r#"{"deviation": 5}"#, &[": \"from\" is missing: the tag that the value is compared with"]);
    problems(r#"{"deviation": 0, "from": "north/limit"}"#, &["/deviation: a number above 0 would be right"]);
    problems(r#"{"high": 5, "from": "north/limit"}"#, &["/from: \"from\" goes with \"deviation\", which is missing"]);
    problems(r#"{"rate": 2}"#, &[": \"per\" is missing: the time that the change may take, such as \"1m\""]);
    problems(r#"{"rate": 2, "per": "0s"}"#, &["/per: a time longer than zero is needed"]);
    problems(r#"{"rate": 2, "per": "1m", "direction": "up"}"#, &["/direction: \"up\" stands here; one of"]);
    problems(r#"{"no_change": "10 minutes"}"#, &["/no_change: \"10 minutes\" is not a duration"]);
    problems(r#"{"stale": true}"#, &["/stale: the tag never becomes stale; give it \"stale_after\""]);
    problems(r#"{"discrepancy": "north/label"}"#, &["/discrepancy: this kind of alarm needs tags that are no texts"]);
    problems(
        r#"{"discrepancy": "north/limit", "within": "5s", "on_delay": "1s"}"#,
        &["/on_delay: \"within\" is the delay of this alarm; leave one of them out"],
    );
    problems(r#"{"is": []}"#, &["/is: at least one state is needed"]);
    problems(r#"{"high": 1, "when": "true"}"#, &[": an alarm needs exactly one of high_high, high,"]);
    problems(r#"{"high": 1, "name": "a b"}"#, &["/name: \"a b\" is no name of an alarm"]);
    problems(
        r#"{"high": 1, "screen": "overveiw"}"#,
        &["/screen: there is no screen \"overveiw\"; did you mean \"overview\"?"],
    );
    problems(r#"{"high": 1, "trend": "watr"}"#, &["/trend: there is no trend \"watr\"; did you mean \"water\"?"]);
    problems(
        r#"{"high": 1, "guidance": {"cause": "a leak"}}"#,
        &["/guidance: \"action\" is missing: what the operator should do"],
    );
    problems(
        r#"{"high": 1, "guidance": {"action": "x", "within": "soon"}}"#,
        &["/guidance/within: \"soon\" is not a duration"],
    );
}

#[test]
fn mistakes_in_expressions_and_messages_are_named_at_their_character() {
    problems(
        r#"{"when": "{north/own} > 3 bar and {north/stat} == 'on'"}"#,
        &["/when: character 17: before bar an operator is missing, such as +, == or and"],
    );
    problems(
        r#"{"when": "{north/own} > {north/level} or {north/state} == 'runing'"}"#,
        &[
            "/when: character 1: > brings bar and m together; both sides need the same unit",
            "/when: character 49: \"runing\" is no state of it; did you mean \"running\"?",
        ],
    );
    problems(
        r#"{"when": "{north/own}"}"#,
        &["/when: character 1: this is a number in bar; true or false would be right here"],
    );
    problems(
        r#"{"suppress_when": "1"}"#,
        &["/suppress_when: character 1: this is a number", ": an alarm needs exactly one"],
    );
    problems(
        r#"{"high": 1, "suppress_when": "{north/valv}"}"#,
        &["/suppress_when: character 1: there is no tag \"north/valv\"; did you mean \"north/valve\"?"],
    );
    problems(
        r#"{"high": 1, "message": "${device}: é {north/levl} of {north/own"}"#,
        &[
            "/message: character 14: there is no tag \"north/levl\"; did you mean \"north/level\"?",
            "/message: character 30: the name of this tag does not end; } is missing",
        ],
    );
}

#[test]
fn guidance_and_links_are_kept_in_their_parts() {
    let found = alarm(
        r#"{"high": 1, "screen": "overview", "trend": "water", "message": "${device} at {north/own}, limit {north/limit}",
            "guidance": {"cause": "a leak", "consequence": "the cellar floods", "action": "close ${device}", "within": "10m"}}"#,
    );
    assert_eq!(&*found.message, "D at ..., limit ...");
    assert_eq!(&*found.guidance, "Close d. Cause: A leak. Consequence: The cellar floods. Time to act: 10m.");
    let presentation = found.presentation;
    assert_eq!((presentation.screen.as_deref(), presentation.trend.as_deref()), (Some("overview"), Some("water")));
    assert_eq!(presentation.response.map(|response| response.within.to_string()).as_deref(), Some("10m"));
}

/// In a template, names of the same device go before those of the station.
#[test]
fn templates_name_their_own_tags() {
    let text = r#"{"connections": [{"name": "a", "modbus": {"tcp": "127.0.0.1"}}],
        "templates": [{"name": "pump", "tags": [
            {"name": "flow", "register": "input:0", "type": "f32", "alarms": [
                {"when": "{flow} < 1 and {running}", "message": "Flow {flow}", "suppress_when": "not {running}"}]},
            {"name": "running", "register": "discrete:0"}]}],
        "devices": [{"name": "p1", "connection": "a", "template": "pump"}, {"name": "p2", "connection": "a", "unit": 2, "template": "pump"}]}"#;
    let (_keep, path) = folder(text);
    let plan = load(&path, Generation(1)).into_plant().unwrap().plan;
    let second = plan.alarms.iter().find(|alarm| alarm.key.as_str() == "p2/flow:when").unwrap();
    let names: Vec<&str> =
        second.condition.others().iter().map(|tag| plan.directory.tag(*tag).unwrap().key.as_str()).collect();
    assert_eq!(names, ["p2/flow", "p2/running"]);
    check(
        &text.replace("{running}\", \"mess", "{runing}\", \"mess"),
        &["templates/0/tags/0/alarms/0/when: character 16: there is no tag \"runing\"; did you mean \"running\"?"],
    );
}

/// The station's own tags have names like all others, and keep them for themselves.
#[test]
fn the_tags_of_the_station_can_be_named_and_not_taken() {
    let (_keep, path) = folder(&station(
        r#"{"when": "{north/own} > 3 and not {station/records-writable}", "message": "lost: {station/samples-lost}"}"#,
    ));
    let plan = load(&path, Generation(1)).into_plant().unwrap().plan;
    let Condition::When(program) = &plan.alarms[0].condition else { panic!("{:?}", plan.alarms[0]) };
    assert_eq!(program.inputs(), [plan.directory.find("north/own").unwrap(), plan.system.records_writable.unwrap()]);
    assert_eq!(plan.directory.find("station/samples-lost"), plan.system.samples_lost);
    problems(
        r#"{"when": "{station/records-writeable}"}"#,
        &[
            "/when: character 1: there is no tag \"station/records-writeable\"; did you mean \"station/records-writable\"?",
        ],
    );
    let taken = with_tags(r#"{"name": "station/sound", "device": "d", "register": "input:0"}"#);
    check(&taken, &["tags/0/name: the station itself speaks in the tag \"station/sound\"; give this one another name"]);
}
