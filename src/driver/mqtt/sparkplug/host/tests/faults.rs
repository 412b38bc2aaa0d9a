//! What goes wrong in the field.

use super::super::Source;
use super::*;
use crate::driver::mqtt::sparkplug::payload::{PropertyContent, PropertySet, PropertyValue};

#[test]
fn a_node_that_answers_no_request_is_asked_less_and_less() {
    let mut script = Script::online();
    let mut requests = Vec::new();
    for second in 0..1000 {
        script.load(7, 1);
        requests.extend(script.lines().iter().filter(|line| *line == REBIRTH).map(|_| second));
        script.passes(1);
        requests.extend(script.lines().iter().filter(|line| *line == REBIRTH).map(|_| second + 1));
    }
    assert_eq!(requests, [0, 10, 30, 70, 150, 310, 610, 910]);
}

#[test]
fn a_node_of_the_station_file_that_is_not_heard_of_is_asked() {
    let wanted =
        ["north/edge/pump", "north/edge/gate", "north/other"].map(|text| super::super::Source::parse(text).unwrap());
    let mut script = Script::of(HostSettings { wanted: wanted.to_vec(), ..settings() });
    script.go_online();
    script.lines();
    script.passes(4);
    script.gives(&[]);
    script.passes(2);
    script.gives(&[REBIRTH, &REBIRTH.replace("/edge", "/other")]);
    script.node_death(0);
    script.gives(&[
        "died north/edge/pump after 6 s: its edge node is gone",
        "died north/edge/gate after 6 s: its edge node is gone",
        "died north/edge after 6 s: the broker says that the edge node is gone",
    ]);
    script.says("spBv1.0/north/NBIRTH/other", 0, &[bd_seq(0)]);
    script.lines();
    script.passes(3600);
    script.gives(&[]);
}

#[test]
fn a_rebirth_within_a_session_keeps_the_devices_until_their_births_come() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.device_birth(1, "pump");
    script.device_birth(2, "gate");
    script.lines();
    script.node_birth(3, 3);
    script.device_birth(4, "pump");
    script.gives(&[
        "born north/edge",
        "north/edge Load=10",
        "north/edge Plain=20",
        "born north/edge/pump",
        "north/edge/pump Speed=100",
    ]);
    script.passes(4);
    script.gives(&[]);
    script.passes(1);
    script.gives(&["died north/edge/gate after 5 s: its edge node announced itself anew, and not this device"]);
}

#[test]
fn data_of_a_device_before_its_birth_makes_a_request() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.lines();
    script.speed(1, "pump", 5);
    script.gives(&["fault north/edge/pump: data came, and the device has not announced itself", REBIRTH]);
}

#[test]
fn after_a_death_data_counts_no_more() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.node_death(3);
    script.lines();
    script.load(1, 11);
    script.gives(&["fault north/edge: a message came, and its edge node has not announced itself", REBIRTH]);
}

#[test]
fn a_death_without_a_number_counts() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.lines();
    script.arrives("spBv1.0/north/NDEATH/edge", &[]);
    script.gives(&["died north/edge after 0 s: the broker says that the edge node is gone"]);
}

#[test]
fn what_the_broker_kept_is_no_birth() {
    let mut script = Script::online();
    let birth = Payload { seq: Some(0), metrics: vec![bd_seq(0)], ..Payload::default() };
    script.host.message("spBv1.0/north/NBIRTH/edge", &encode(&birth), true, script.now, &mut script.effects);
    script.gives(&["fault north/edge: a message that the broker kept from before was left aside"]);
}

#[test]
fn a_message_that_comes_twice_is_taken_once() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.lines();
    script.load(1, 11);
    script.load(1, 11);
    script.load(2, 12);
    script.gives(&[
        "north/edge Load=11",
        "fault north/edge: a message came twice and was taken once",
        "north/edge Load=12",
    ]);
}

#[test]
fn a_birth_that_was_overtaken_gets_what_belongs_to_it() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.load(5, 99);
    script.passes(1);
    script.lines();
    // The next session: its data arrives before its birth, which was sent a second earlier.
    let birth = Payload {
        timestamp: Some(script.millis()),
        seq: Some(0),
        metrics: vec![bd_seq(4), int("Load", Some(1), 1)],
        ..Payload::default()
    };
    script.passes(1);
    script.load(2, 3);
    script.arrives("spBv1.0/north/NBIRTH/edge", &encode(&birth));
    script.load(1, 2);
    let lines = script.lines();
    assert_eq!(lines[1..], ["born north/edge", "north/edge Load=1", "north/edge Load=2", "north/edge Load=3"]);
}

#[test]
fn one_alias_for_two_metrics_means_neither() {
    let mut script = Script::online();
    let metrics = [bd_seq(0), int("a", Some(1), 1), int("b", Some(1), 2), int("c", Some(1), 3), int("d", Some(2), 4)];
    script.says("spBv1.0/north/NBIRTH/edge", 0, &metrics);
    script.lines();
    script.says("spBv1.0/north/NDATA/edge", 1, &[alias(1, 9), alias(2, 8), int("a", None, 7)]);
    let lines = script.lines();
    assert_eq!(lines[..2], ["north/edge d=8", "north/edge a=7"]);
}

#[test]
fn no_value_a_wrong_type_and_a_wrong_alias_stay_with_their_metric() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.lines();
    let null = Metric { is_null: Some(true), ..alias(1, 0) };
    let text = Metric { alias: Some(1), value: Some(MetricValue::Text("x".into())), ..Metric::default() };
    script.says(
        "spBv1.0/north/NDATA/edge",
        1,
        &[null, text, Metric { alias: Some(1), ..Metric::default() }, int("Plain", None, 5)],
    );
    script.gives(&[
        "north/edge Load=device: value not available",
        "north/edge Load=message cannot be read",
        "north/edge Load=device: value not available",
        "north/edge Plain=5",
    ]);
}

/// A metric of two bytes made a sentence of its own: a birth of a megabyte half a million of them.
#[test]
fn a_birth_of_nothing_but_mistakes_makes_few_words() {
    let mut script = Script::online();
    script.says("spBv1.0/north/NBIRTH/edge", 0, &[vec![bd_seq(3)], vec![Metric::default(); 1000]].concat());
    let lines = script.lines();
    let faults: Vec<_> = lines.iter().filter(|line| line.starts_with("fault")).collect();
    assert_eq!(faults.len(), 6, "{lines:#?}");
    assert!(faults[5].ends_with("its birth has 995 more metrics that are not as they have to be"), "{faults:?}");
    script.load(1, 1);
    assert!(script.lines().iter().any(|line| line.contains("1 metrics of a message are unknown")));
}

#[test]
fn a_payload_that_is_none_makes_a_request() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.lines();
    script.arrives("spBv1.0/north/NDATA/edge", &[0xFF, 0xFF]);
    let lines = script.lines();
    assert!(lines[0].starts_with("fault north/edge: it is not a payload of Sparkplug B"), "{lines:?}");
    assert_eq!(lines[1..], [REBIRTH]);
    script.load(1, 11);
    script.gives(&["north/edge Load=11"]);
}

#[test]
fn topics_of_nobody_and_commands_of_others_change_nothing() {
    let mut script = Script::online();
    for topic in ["spBv1.0/north/NCMD/edge", "spBv1.0/north/DCMD/edge/pump", "spBv1.0/STATE/other"] {
        script.arrives(topic, b"x");
    }
    script.gives(&[]);
    script.arrives("spBv1.0/north/NDATA", b"x");
    assert!(script.lines()[0].starts_with("fault ?: spBv1.0/north/NDATA: the topic has too many or too few levels"));
}

#[test]
fn when_the_connection_breaks_nothing_is_known_any_more() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.device_birth(1, "pump");
    script.load(9, 1);
    script.host.lost();
    script.lines();
    assert_eq!(script.host.next_deadline(), None);
    script.passes(60);
    script.gives(&[]);
    assert!(script.host.sources().all(|(_, _, is_alive)| !is_alive));
    script.go_online();
    script.lines();
    script.load(2, 1);
    assert_eq!(script.lines().last().unwrap(), REBIRTH);
}

#[test]
fn an_onlooker_publishes_no_state_and_asks_all_the_same() {
    let mut script = Script::of(HostSettings { is_announced: false, ..settings() });
    assert_eq!(script.host.connect(script.now), None);
    assert!(script.host.filters().iter().all(|filter| !filter.contains("STATE")));
    script.go_online();
    script.gives(&[]);
    script.load(1, 1);
    assert_eq!(script.lines().last().unwrap(), REBIRTH);
    assert_eq!(script.host.stop(script.now), None);
}

#[test]
fn what_is_held_has_a_bound() {
    let mut script = Script::online();
    script.node_birth(0, 3);
    script.lines();
    let large = Metric { alias: Some(1), value: Some(MetricValue::Text("x".repeat(1 << 20))), ..Metric::default() };
    for seq in 2..6 {
        script.says("spBv1.0/north/NDATA/edge", seq, std::slice::from_ref(&large));
    }
    let lines = script.lines();
    assert_eq!(lines[0], "fault north/edge: messages are missing; the edge node is asked to announce itself anew");
    assert_eq!(lines.last().unwrap(), REBIRTH);
}

/// Whoever may publish can invent nodes; those of the station file have their place all the same.
#[test]
fn strangers_have_a_bound_and_take_no_place_from_others() {
    let wanted: Vec<_> =
        ["north/edge/pump", "north/late"].map(|text| super::super::Source::parse(text).unwrap()).to_vec();
    let mut script = Script::of(HostSettings { wanted: wanted[..1].to_vec(), ..settings() });
    script.go_online();
    for number in 0..3000 {
        script.says(&format!("spBv1.0/north/NBIRTH/n{number}"), 0, &[bd_seq(0)]);
    }
    let known = script.host.sources().count();
    assert!((1990..=STRANGERS + 2).contains(&known), "{known}");
    assert!(script.lines().iter().any(|line| line.contains("not in the station file")));
    script.host.want(wanted);
    assert_eq!(script.host.sources().count(), known + 1);
    for source in ["edge", "late"] {
        script.says(&format!("spBv1.0/north/NBIRTH/{source}"), 0, &[bd_seq(0), int("Load", Some(1), 1)]);
    }
    script.says("spBv1.0/north/DBIRTH/edge/pump", 1, &[int("Speed", Some(7), 100)]);
    let lines = script.lines();
    for line in ["north/edge Load=1", "north/late Load=1", "north/edge/pump Speed=100"] {
        assert!(lines.iter().any(|one| one == line), "{line}: {lines:?}");
    }
}

#[test]
fn metrics_of_strangers_have_a_bound() {
    let metrics: Vec<_> = (0..10_000).map(|number| int(&format!("m{number}"), None, number)).collect();
    let mut script = Script::online();
    let kept = |script: &Script| script.host.sources().map(|(id, ..)| script.host.metrics(id).len()).sum::<usize>();
    for number in 0..22 {
        script.says(&format!("spBv1.0/north/NBIRTH/n{number}"), 0, &metrics);
    }
    assert_eq!(kept(&script), STRANGE_METRICS);
    // The same node once more takes no more room; one that shrinks makes some.
    script.says("spBv1.0/north/NBIRTH/n0", 0, &metrics);
    assert_eq!(kept(&script), STRANGE_METRICS);
    script.says("spBv1.0/north/NBIRTH/n0", 0, &metrics[..10]);
    script.says("spBv1.0/north/NBIRTH/n21", 0, &metrics[..9_990]);
    assert_eq!(kept(&script), STRANGE_METRICS);
}

/// Names, units and descriptions are as long as whoever invents them likes.
#[test]
fn texts_about_metrics_of_strangers_have_a_bound() {
    let text = |length: usize| PropertyValue {
        datatype: Some(DataType::String.code()),
        is_null: None,
        value: Some(PropertyContent::Text("x".repeat(length))),
    };
    let told = |name: usize, unit: usize, words: usize| {
        let set =
            PropertySet { keys: vec!["engUnit".into(), "documentation".into()], values: vec![text(unit), text(words)] };
        Metric { properties: Some(Box::new(set)), ..int(&"n".repeat(name), Some(name as u64), 1) }
    };
    let kept = |script: &Script| {
        let (id, ..) = script.host.sources().next().unwrap();
        let length = |text: &Option<std::sync::Arc<str>>| text.as_ref().map_or(0, |text| text.len());
        let metrics = script.host.metrics(id).iter().filter(|metric| metric.name.starts_with('n'));
        let lengths = metrics
            .map(|metric| (metric.name.len(), length(&metric.properties.unit), length(&metric.properties.description)));
        lengths.collect::<Vec<_>>()
    };
    let metrics = [bd_seq(0), told(1024, 64, 512), told(1025, 3, 3), told(7, 65, 513)];
    let mut script = Script::online();
    script.says("spBv1.0/north/NBIRTH/edge", 0, &metrics);
    assert_eq!(kept(&script), [(1024, 64, 512), (7, 64, 512)]);
    let lines = script.lines();
    assert!(lines.iter().any(|line| line.contains("1 of its metrics") && line.contains("2 units")), "{lines:?}");
    // What was left out is no reason to ask for a birth again and again.
    script.says("spBv1.0/north/NDATA/edge", 1, &[alias(1025, 5), alias(7, 6)]);
    assert_eq!(script.lines().len(), 1);
    script.host.want(vec![Source::parse("north/edge").unwrap()]);
    script.says("spBv1.0/north/NBIRTH/edge", 0, &metrics);
    assert_eq!(kept(&script), [(1024, 64, 512), (1025, 3, 3), (7, 65, 513)], "the station file names it");
}
