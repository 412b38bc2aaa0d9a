//! What the specification says of host applications, assertion by assertion: tests/sparkplug/assertions.md says which test shows which.

use super::*;
use crate::driver::mqtt::sparkplug::topic::Source;

const NODE: &str = "spBv1.0/north/NDATA/edge";

fn state(script: &Script, is_online: bool) -> String {
    let millis = script.millis();
    format!("publish spBv1.0/STATE/polder qos 1 retain true {{\"online\":{is_online},\"timestamp\":{millis}}}")
}

#[test]
fn the_will_is_the_death_of_the_host_at_the_time_of_the_connection() {
    let mut script = Script::of(settings());
    let will = script.host.connect(script.now).unwrap();
    assert_eq!(publication(&will), state(&script, false));
    script.passes(60);
    let will = script.host.connect(script.now).unwrap();
    assert_eq!(publication(&will), state(&script, false), "each connection has its own time");
}

#[test]
fn subscriptions_come_first_and_begin_with_the_own_state() {
    let mut script = Script::of(HostSettings { groups: vec!["north".into(), "+".into()], ..settings() });
    script.host.connect(script.now);
    let filters = script.host.filters();
    assert_eq!(filters[0], "spBv1.0/STATE/polder");
    for (group, kind) in [("north", "NBIRTH/+"), ("north", "DDEATH/+/+"), ("+", "NDATA/+"), ("+", "DBIRTH/+/+")] {
        assert!(filters.contains(&format!("spBv1.0/{group}/{kind}")), "{filters:?}");
    }
    assert_eq!(filters.len(), 13);
    script.gives(&[]);
}

#[test]
fn the_birth_is_the_first_message_and_has_the_time_of_the_will() {
    let mut script = Script::of(settings());
    let birth = state(&script, true);
    script.host.connect(script.now);
    script.passes(3);
    script.gives(&[]);
    script.host.subscribed(script.now, &mut script.effects);
    script.gives(&[&birth]);
}

#[test]
fn who_says_that_this_host_is_gone_is_contradicted_at_once() {
    let mut script = Script::online();
    let birth = state(&script, true);
    script.passes(60);
    script.arrives("spBv1.0/STATE/polder", br#"{"online":false,"timestamp":1}"#);
    script.gives(&[&birth]);
    script.arrives("spBv1.0/STATE/other", br#"{"online":false,"timestamp":1}"#);
    script.gives(&[]);
    let retained = br#"{"online":false,"timestamp":1}"#;
    script.host.message("spBv1.0/STATE/polder", retained, true, script.now, &mut script.effects);
    script.gives(&[&birth]);
}

#[test]
fn before_the_birth_nobody_is_contradicted() {
    let mut script = Script::of(settings());
    script.host.connect(script.now);
    script.arrives("spBv1.0/STATE/polder", br#"{"online":false,"timestamp":1}"#);
    script.gives(&[]);
}

#[test]
fn a_stop_says_so_first_with_the_time_of_the_stop() {
    let mut script = Script::online();
    script.passes(60);
    let death = script.host.stop(script.now).unwrap();
    assert_eq!(publication(&death), state(&script, false));
    // It comes back to us, and is not contradicted.
    script.arrives("spBv1.0/STATE/polder", &death.payload);
    script.gives(&[]);
}

#[test]
fn each_broker_has_a_time_of_its_own() {
    let (mut first, mut second) = (Script::of(settings()), Script::of(settings()));
    second.passes(60);
    for script in [&mut first, &mut second] {
        script.go_online();
        let birth = state(script, true);
        script.gives(&[&birth]);
    }
}

#[test]
fn a_second_host_of_the_same_name_is_noticed() {
    let mut script = Script::online();
    script.arrives("spBv1.0/STATE/polder", &HostState::at(true, START.utc).payload());
    script.gives(&[]);
    script.arrives("spBv1.0/STATE/polder", br#"{"online":true,"timestamp":77}"#);
    script.gives(&[
        "fault ?: another host application uses the same name at this broker: give one of them another \"host_id\"",
    ]);
}

#[test]
fn births_declare_and_data_follows_by_alias_or_name() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.gives(&["born north/edge", "north/edge Load=10", "north/edge Plain=20"]);
    script.device_birth(1, "pump");
    script.gives(&["born north/edge/pump", "north/edge/pump Speed=100"]);
    script.load(2, 11);
    script.says(NODE, 3, &[int("Plain", None, 21), alias(1, 12)]);
    script.speed(4, "pump", 101);
    script.gives(&["north/edge Load=11", "north/edge Plain=21", "north/edge Load=12", "north/edge/pump Speed=101"]);
}

#[test]
fn a_dead_edge_node_takes_all_behind_it_along_by_our_clock() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.device_birth(1, "pump");
    script.device_birth(2, "gate");
    script.lines();
    script.passes(7);
    script.node_death(3);
    script.gives(&[
        "died north/edge/pump after 7 s: its edge node is gone",
        "died north/edge/gate after 7 s: its edge node is gone",
        "died north/edge after 7 s: the broker says that the edge node is gone",
    ]);
}

#[test]
fn a_dead_device_is_gone_by_the_clock_of_its_edge_node() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.device_birth(1, "pump");
    script.device_birth(2, "gate");
    script.lines();
    script.passes(20);
    let payload = Payload { timestamp: Some(script.millis() - 5000), seq: Some(3), ..Payload::default() };
    script.arrives("spBv1.0/north/DDEATH/edge/pump", &encode(&payload));
    script.gives(&["died north/edge/pump after 15 s: the edge node says that the device is gone"]);
    script.speed(4, "gate", 7);
    script.gives(&["north/edge/gate Speed=7"]);
}

#[test]
fn a_death_of_an_earlier_session_is_none_where_the_node_shows_that_it_lives() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.lines();
    let fault =
        "fault north/edge: a death of session 2 came, and session 3 is the one that lives: it is asked whether it does";
    script.node_death(2);
    script.gives(&[fault, REBIRTH]);
    script.load(1, 11);
    script.passes(6);
    script.gives(&["north/edge Load=11"]);
    script.node_birth(2, 3);
    script.lines();
    script.node_death(2);
    script.gives(&[fault]);
    // The next request has to wait for its time, and the doubt with it.
    script.passes(4);
    script.gives(&[REBIRTH]);
    script.node_birth(3, 3);
    script.lines();
    script.passes(60);
    script.gives(&[]);
    script.node_death(3);
    script.gives(&["died north/edge after 70 s: the broker says that the edge node is gone"]);
}

/// The reference encoder for Python counts the session one up between the death and the birth: such a death must not be missed.
#[test]
fn a_death_of_a_session_that_is_not_known_counts_where_the_node_shows_nothing() {
    let mut script = Script::online();
    script.node_birth(0, 1);
    script.device_birth(1, "pump");
    script.lines();
    script.node_death(0);
    script.lines();
    script.passes(4);
    script.gives(&[]);
    script.passes(1);
    script.gives(&[
        "died north/edge/pump after 5 s: its edge node is gone",
        "died north/edge after 5 s: the broker says that a session of it ended, and it does not show that another one lives",
    ]);
}

#[test]
fn a_new_session_ends_what_was_known_of_the_devices() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.device_birth(1, "pump");
    script.lines();
    script.node_birth(0, 4);
    let lines = script.lines();
    assert!(
        lines[0].starts_with("fault north/edge: it began a new session, and the one before did not end"),
        "{lines:?}"
    );
    assert_eq!(lines[1], "died north/edge/pump after 0 s: its edge node began a new session");
    assert_eq!(lines[2], "born north/edge");
}

#[test]
fn numbers_run_from_0_to_255_and_again_from_0() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.lines();
    for number in 1..600_u32 {
        script.load(u64::from(number % 256), number);
        script.gives(&[&format!("north/edge Load={number}")]);
    }
    script.node_birth(255, 3);
    script.load(0, 1);
    assert_eq!(script.lines().last().unwrap(), "north/edge Load=1");
}

#[test]
fn messages_that_overtook_each_other_are_put_in_order() {
    let mut script = Script::online();
    script.node_birth(254, 3);
    script.lines();
    script.load(1, 4);
    script.load(0, 3);
    script.gives(&[]);
    assert_eq!(script.host.next_deadline(), Some(START.monotonic.plus(Duration::from_secs(5))), "the time-out runs");
    script.passes(4);
    script.load(255, 2);
    script.gives(&["north/edge Load=2", "north/edge Load=3", "north/edge Load=4"]);
    assert_eq!(script.host.next_deadline(), None, "the time-out ended");
    script.passes(60);
    script.gives(&[]);
}

#[test]
fn a_message_that_stays_away_makes_a_request_for_a_birth() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.device_birth(1, "pump");
    script.lines();
    script.speed(3, "pump", 7);
    script.passes(4);
    script.gives(&[]);
    script.passes(1);
    script.gives(&[
        "fault north/edge: messages are missing; the edge node is asked to announce itself anew",
        "north/edge/pump Speed=7",
        REBIRTH,
    ]);
}

#[test]
fn the_time_out_is_what_the_station_file_says() {
    let mut script = Script::of(HostSettings { reordering_timeout: Duration::from_secs(2), ..settings() });
    script.go_online();
    script.node_birth(0, 3);
    script.lines();
    script.load(2, 7);
    script.passes(1);
    script.gives(&[]);
    script.passes(1);
    assert_eq!(script.lines().last().unwrap(), REBIRTH);
}

#[test]
fn a_number_beyond_255_or_none_is_refused() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.lines();
    script.load(256, 7);
    script.gives(&[
        "fault north/edge: a message without a sequence number from 0 to 255 was left aside (Some(256))",
        REBIRTH,
    ]);
    let payload = Payload { metrics: vec![alias(1, 2)], ..Payload::default() };
    script.arrives(NODE, &encode(&payload));
    script.gives(&["fault north/edge: a message without a sequence number from 0 to 255 was left aside (None)"]);
    let birth = Payload { metrics: vec![int("x", None, 1)], seq: Some(256), ..Payload::default() };
    script.arrives("spBv1.0/north/NBIRTH/edge", &encode(&birth));
    script.gives(&["fault north/edge: a message without a sequence number from 0 to 255 was left aside (Some(256))"]);
}

fn sent(script: &Script, source: &str, metric: &str, value: Value) -> Result<Publication, Refusal> {
    script.host.command(&Source::parse(source).unwrap(), metric, &value, script.now.utc)
}

#[test]
fn commands_go_to_the_node_by_alias_or_name_with_a_time_and_no_number() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    let message = sent(&script, "north/edge", "Load", Value::Signed(-5)).unwrap();
    assert_eq!(message.topic, "spBv1.0/north/NCMD/edge");
    assert_eq!((message.qos, message.retain), (0, false));
    let payload = decode(&message.payload).unwrap();
    assert_eq!((payload.timestamp, payload.seq), (Some(script.millis()), None));
    let metric = &payload.metrics[0];
    assert_eq!((metric.name.as_deref(), metric.alias, metric.datatype), (None, Some(1), Some(DataType::Int32.code())));
    assert_eq!(
        (metric.value.clone(), metric.timestamp),
        (Some(MetricValue::Int(-5_i32 as u32)), Some(script.millis()))
    );
    let message = sent(&script, "north/edge", "Plain", Value::Signed(1)).unwrap();
    let metric = &decode(&message.payload).unwrap().metrics[0];
    assert_eq!((metric.name.as_deref(), metric.alias), (Some("Plain"), None));
}

#[test]
fn commands_go_to_the_device() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.device_birth(1, "pump");
    let message = sent(&script, "north/edge/pump", "Speed", Value::Signed(5)).unwrap();
    assert_eq!((message.topic.as_str(), message.qos, message.retain), ("spBv1.0/north/DCMD/edge/pump", 0, false));
    let payload = decode(&message.payload).unwrap();
    assert_eq!((payload.timestamp, payload.seq, payload.metrics.len()), (Some(script.millis()), None, 1));
    assert_eq!(payload.metrics[0].value, Some(MetricValue::Int(5)));
}

#[test]
fn commands_to_what_is_not_there_or_does_not_fit_are_refused_in_words() {
    let mut script = Script::online();
    let words = |script: &Script, source, metric, value| sent(script, source, metric, value).unwrap_err().to_string();
    let gone = "north/edge is not there: it has not announced itself, or has said that it is gone";
    assert_eq!(words(&script, "north/edge", "Load", Value::Signed(1)), gone);
    script.node_birth(0, 3);
    let none = "north/edge has no metric \"Lode\": its birth did not declare it";
    assert_eq!(words(&script, "north/edge", "Lode", Value::Signed(1)), none);
    let unfit = "1.5 does not fit the data type Int32 that the metric was born with";
    assert_eq!(words(&script, "north/edge", "Load", Value::Double(1.5)), unfit);
    script.node_death(3);
    assert_eq!(words(&script, "north/edge", "Load", Value::Signed(1)), gone);
    script.node_birth(0, 4);
    script.host.lost();
    assert_eq!(words(&script, "north/edge", "Load", Value::Signed(1)), gone);
}

#[test]
fn a_request_for_a_birth_is_an_ncmd_with_the_name_and_true() {
    let mut script = Script::online();
    script.load(7, 1);
    let lines = script.lines();
    assert_eq!(lines, ["fault north/edge: a message came, and its edge node has not announced itself", REBIRTH]);
}

#[test]
fn names_with_odd_characters_and_devices_of_the_same_name_behind_two_nodes() {
    let mut script = Script::online();
    for (node, value) in [("één", 1), ("ÉÉN", 2)] {
        script.says(&format!("spBv1.0/north/NBIRTH/{node}"), 0, &[bd_seq(0)]);
        script.says(&format!("spBv1.0/north/DBIRTH/{node}/pump 1"), 1, &[int("Speed", None, value)]);
    }
    let lines: Vec<_> = script.lines().into_iter().filter(|line| line.contains("Speed")).collect();
    assert_eq!(lines, ["north/één/pump 1 Speed=1", "north/ÉÉN/pump 1 Speed=2"]);
}

#[test]
fn times_are_utc_and_those_that_cannot_be_right_are_not_believed() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.effects.clear();
    let now = script.millis();
    for (seq, carried, expected) in [
        (1, now - 3_600_000, now - 3_600_000),
        (2, now + 5_000, now + 5_000),
        (3, now + 61_000, now),
        (4, 5, now),
        (5, u64::MAX, now),
    ] {
        let metric = Metric { timestamp: Some(carried), ..alias(1, 1) };
        script.says(NODE, seq, &[metric]);
        let Some(Effect::Values { updates, .. }) = script.effects.pop() else { panic!("{carried}") };
        assert_eq!(updates[0].time, Timestamp::from_micros(expected as i64 * 1000), "{carried}");
    }
}

#[test]
fn several_values_of_one_metric_keep_their_order() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.lines();
    script.says(NODE, 1, &[alias(1, 1), alias(1, 2), Metric { is_historical: Some(true), ..alias(1, 3) }]);
    script.gives(&["north/edge Load=1", "north/edge Load=2", "north/edge Load=3 historical"]);
}

#[test]
fn data_of_a_metric_that_no_birth_declared_makes_a_request_and_takes_no_other_down() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.lines();
    script.says(NODE, 1, &[alias(99, 1), alias(1, 2), int("Other", None, 3)]);
    script.gives(&[
        "north/edge Load=2",
        "fault north/edge: 2 metrics of a message are unknown: its birth did not declare them",
        REBIRTH,
    ]);
}

#[test]
fn templates_are_defined_at_birth_and_their_instances_are_values() {
    let mut script = Script::online();
    let template = |name: &str, is_definition| Metric {
        name: Some(name.into()),
        datatype: Some(DataType::Template.code()),
        value: Some(MetricValue::Template(Box::new(payload::Template {
            is_definition: Some(is_definition),
            ..Default::default()
        }))),
        ..Metric::default()
    };
    script.says("spBv1.0/north/NBIRTH/edge", 0, &[bd_seq(0), template("pump", true), template("pump 1", false)]);
    script.gives(&["born north/edge", "north/edge pump 1={\"metrics\":{}}"]);
}

#[test]
fn a_node_that_repeats_itself_without_change_is_heard_all_the_same() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.lines();
    script.load(1, 10);
    script.load(2, 10);
    script.gives(&["north/edge Load=10", "north/edge Load=10"]);
}

#[test]
fn a_device_that_is_born_twice_is_one_device() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.device_birth(1, "pump");
    script.says("spBv1.0/north/DBIRTH/edge/pump", 2, &[int("Other", Some(7), 5)]);
    script.lines();
    assert_eq!(script.host.sources().count(), 2);
    script.speed(3, "pump", 6);
    script.gives(&["north/edge/pump Other=6"]);
}

#[test]
fn messages_of_devices_count_along() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.device_birth(1, "pump");
    script.load(2, 11);
    script.speed(3, "pump", 12);
    script.says("spBv1.0/north/DDEATH/edge/pump", 4, &[]);
    script.load(5, 13);
    script.lines();
    // A birth, data and a death of a device that skip a number are held, each of them.
    for kind in ["DBIRTH", "DDATA", "DDEATH"] {
        script.node_birth(0, 3);
        script.device_birth(1, "pump");
        script.lines();
        script.says(&format!("spBv1.0/north/{kind}/edge/pump"), 3, &[int("Speed", Some(7), 1)]);
        script.gives(&[]);
        script.passes(300);
        let lines = script.lines();
        assert!(lines.iter().any(|line| line == REBIRTH), "{kind}: {lines:?}");
        script.passes(600);
    }
}
