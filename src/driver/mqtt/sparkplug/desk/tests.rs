use super::*;
use crate::driver::mqtt::sparkplug::host::HostSettings;
use crate::driver::mqtt::sparkplug::payload::{
    DataType, Metric, MetricValue, Payload, PropertyContent, PropertySet, PropertyValue, decode, encode,
};
use crate::driver::mqtt::sparkplug::settings::TakeIn;
use crate::driver::mqtt::sparkplug::topic::Source;
use crate::tag::{Quality, Reason};
use std::sync::Arc;
use std::time::Duration;

pub(super) const START: Now =
    Now { utc: Timestamp::from_micros(1_795_000_000_000_000), monotonic: Monotonic::from_micros(3_600_000_000) };

pub(super) fn point(tag: u32, metric: &str, kind: Kind) -> Point {
    Point { tag: TagId(tag), name: metric.into(), metric: metric.into(), kind, is_set: true, scaling: None }
}

pub(super) fn devices() -> Vec<Device> {
    let pump = vec![point(0, "Speed", Kind::Number), point(1, "On", Kind::Bool), point(2, "Absent", Kind::Number)];
    let device =
        |place, source: &str, points| Device { place, source: Source::parse(source).unwrap(), points, take_in: None };
    vec![device(3, "north/edge/pump", pump), device(5, "north/edge", vec![point(9, "Load", Kind::Text)])]
}

pub(super) fn desk(devices: Vec<Device>) -> Desk {
    let host = HostSettings {
        host: "polder".into(),
        is_announced: true,
        groups: vec!["north".into()],
        reordering_timeout: Duration::from_secs(5),
        wanted: Vec::new(),
    };
    let mut desk = Desk::new(Settings { host, devices });
    desk.connect(START);
    desk.subscribed(START, &mut Vec::new());
    desk
}

pub(super) fn metric(name: &str, kind: DataType, value: MetricValue) -> Metric {
    Metric { name: Some(name.into()), datatype: Some(kind.code()), value: Some(value), ..Metric::default() }
}

fn millis() -> u64 {
    (START.utc.as_micros() / 1000) as u64
}

pub(super) fn said(desk: &mut Desk, topic: &str, seq: u64, metrics: &[Metric]) -> Vec<Say> {
    let payload =
        Payload { timestamp: Some(millis()), seq: Some(seq), metrics: metrics.to_vec(), ..Payload::default() };
    let mut says = Vec::new();
    desk.message(topic, &encode(&payload), false, START, &mut says);
    says
}

pub(super) fn born(desk: &mut Desk) -> Vec<Say> {
    let load = metric("Load", DataType::Double, MetricValue::Double(1.5));
    let bd_seq = metric("bdSeq", DataType::Int64, MetricValue::Long(0));
    let mut says = said(desk, "spBv1.0/north/NBIRTH/edge", 0, &[bd_seq, load]);
    let speed = metric("Speed", DataType::Int32, MetricValue::Int(7));
    let on = metric("On", DataType::Boolean, MetricValue::Boolean(true));
    let other = metric("Other", DataType::Float, MetricValue::Float(0.5));
    says.extend(said(desk, "spBv1.0/north/DBIRTH/edge/pump", 1, &[speed, on, other]));
    says
}

pub(super) fn good(tag: u32, value: Value) -> Reading {
    Reading { tag: TagId(tag), value: Some(value), quality: Quality::GOOD }
}

fn bad(tag: u32, reason: Reason) -> Reading {
    Reading { tag: TagId(tag), value: None, quality: Quality::bad(reason) }
}

#[test]
fn births_bind_metrics_to_tags() {
    let mut desk = desk(devices());
    let time = START.utc;
    assert_eq!(
        born(&mut desk),
        [
            Say::Alive { place: 5 },
            Say::Values { place: 5, time, readings: vec![good(9, Value::Text("1.5".into()))] },
            Say::Alive { place: 3 },
            Say::Values { place: 3, time, readings: vec![bad(2, Reason::IllegalAddress)] },
            Say::Values { place: 3, time, readings: vec![good(0, Value::Signed(7)), good(1, Value::Bool(true))] },
        ]
    );
}

#[test]
fn values_of_before_go_apart_from_present_ones() {
    let mut desk = desk(devices());
    born(&mut desk);
    let speed =
        |value, millis| Metric { timestamp: Some(millis), ..metric("Speed", DataType::Int32, MetricValue::Int(value)) };
    let past = |value, ago: u64| Metric { is_historical: Some(true), ..speed(value, millis() - ago) };
    let says =
        said(&mut desk, "spBv1.0/north/DDATA/edge/pump", 2, &[past(1, 60_000), past(2, 30_000), speed(3, millis())]);
    let at = |ago: i64| Timestamp::from_micros(START.utc.as_micros() - ago * 1_000_000);
    assert_eq!(
        says,
        [
            Say::Past { place: 3, time: at(60), readings: vec![good(0, Value::Signed(1))] },
            Say::Past { place: 3, time: at(30), readings: vec![good(0, Value::Signed(2))] },
            Say::Values { place: 3, time: at(0), readings: vec![good(0, Value::Signed(3))] },
        ]
    );
}

/// What a metric says of itself decides where it goes; of before and not for history, it goes nowhere.
#[test]
fn transient_values_are_for_the_present_alone() {
    let mut desk = desk(devices());
    born(&mut desk);
    let speed = |value| metric("Speed", DataType::Int32, MetricValue::Int(value));
    let transient = |value| Metric { is_transient: Some(true), ..speed(value) };
    let neither = Metric { is_historical: Some(true), ..transient(6) };
    let on = metric("On", DataType::Boolean, MetricValue::Boolean(false));
    let says = said(&mut desk, "spBv1.0/north/DDATA/edge/pump", 2, &[transient(5), neither, on]);
    let time = START.utc;
    assert_eq!(
        says,
        [
            Say::Transient { place: 3, time, readings: vec![good(0, Value::Signed(5))] },
            Say::Values { place: 3, time, readings: vec![good(1, Value::Bool(false))] },
        ]
    );
}

#[test]
fn a_death_takes_the_quality_at_its_time_and_the_device() {
    let mut desk = desk(devices());
    born(&mut desk);
    let payload = Payload { timestamp: Some(millis() - 4000), seq: Some(2), ..Payload::default() };
    let mut says = Vec::new();
    desk.message("spBv1.0/north/DDEATH/edge/pump", &encode(&payload), false, START, &mut says);
    let time = START.utc.minus(Duration::from_secs(4));
    let readings = [0, 1, 2].map(|tag| bad(tag, Reason::NotConnected)).to_vec();
    let words = "north/edge/pump: the edge node says that the device is gone".to_owned();
    assert_eq!(says, [Say::Lost { place: 3, time, readings, words }]);
}

#[test]
fn a_dead_edge_node_takes_the_quality_of_all_tags_behind_it() {
    let mut desk = desk(devices());
    born(&mut desk);
    let later = START.plus(Duration::from_secs(9));
    let bd_seq = metric("bdSeq", DataType::Int64, MetricValue::Long(0));
    let death = Payload { metrics: vec![bd_seq], ..Payload::default() };
    let mut says = Vec::new();
    desk.message("spBv1.0/north/NDEATH/edge", &encode(&death), false, later, &mut says);
    let lost = |place, tags: &[u32], words: &str| Say::Lost {
        place,
        time: later.utc,
        readings: tags.iter().map(|tag| bad(*tag, Reason::NotConnected)).collect(),
        words: words.to_owned(),
    };
    assert_eq!(
        says,
        [
            lost(3, &[0, 1, 2], "north/edge/pump: its edge node is gone"),
            lost(5, &[9], "north/edge: the broker says that the edge node is gone"),
        ]
    );
}

#[test]
fn who_does_not_announce_itself_is_lost_after_a_while() {
    let mut desk = desk(devices());
    let mut says = Vec::new();
    desk.pass_time(START.plus(Duration::from_secs(9)), &mut says);
    assert!(matches!(&says[..], [Say::Publish(_)]), "asked once: {says:?}");
    says.clear();
    desk.pass_time(START.plus(Duration::from_secs(11)), &mut says);
    let lost = says.iter().map(|say| match say {
        Say::Lost { place, readings, words, .. } => (*place, readings.len(), words.as_str()),
        other => panic!("{other:?}"),
    });
    assert_eq!(
        lost.collect::<Vec<_>>(),
        [
            (3, 3, "north/edge/pump has not announced itself, and was asked to"),
            (5, 1, "north/edge has not announced itself, and was asked to"),
        ]
    );
}

#[test]
fn commands_find_their_metric_and_scale_back() {
    let mut all = devices();
    all[0].points[0].scaling = Some(crate::tag::Scaling { raw: [0.0, 1000.0], engineering: [0.0, 100.0], valid: None });
    all[0].points[1].is_set = false;
    let mut desk = desk(all);
    born(&mut desk);
    let sent = |tag, value: Value| desk.command(TagId(tag), &value, START.utc);
    let message = sent(0, Value::Double(12.5)).unwrap().unwrap();
    assert_eq!(message.topic, "spBv1.0/north/DCMD/edge/pump");
    assert_eq!(decode(&message.payload).unwrap().metrics[0].value, Some(MetricValue::Int(125)));
    assert!(sent(1, Value::Bool(false)).is_none(), "it is not to be set");
    assert!(sent(77, Value::Bool(false)).is_none(), "no tag of this broker");
    assert!(sent(2, Value::Signed(1)).unwrap().is_err());
}

#[test]
fn other_metrics_are_found_up_to_a_bound_and_have_their_value_when_they_are_tags() {
    let mut all = devices();
    let known: HashSet<Arc<str>> = [Arc::from("Gone")].into();
    all[0].take_in = Some(TakeIn { most: 2, known: Arc::new(known) });
    let mut desk = desk(all.clone());
    let says = born(&mut desk);
    let Some(Say::Found { place: 3, metrics, left_out: 0 }) = says.iter().find(|say| matches!(say, Say::Found { .. }))
    else {
        panic!("{says:?}")
    };
    assert_eq!(metrics.iter().map(|metric| &*metric.name).collect::<Vec<_>>(), ["Other"]);
    assert_eq!(kind_of(&metrics[0]), Kind::Number);
    all[0].points.push(point(30, "Other", Kind::Number));
    all[0].take_in = Some(TakeIn { most: 1, known: Arc::new([Arc::from("Other")].into()) });
    let mut says = Vec::new();
    desk.adopt(all, START, &mut says);
    let other = good(30, Value::Single(0.5));
    assert!(
        says.iter().any(|say| matches!(say, Say::Values { readings, .. } if readings.contains(&other))),
        "{says:?}"
    );
    assert!(!says.iter().any(|say| matches!(say, Say::Found { .. })), "{says:?}");
}

#[test]
fn what_properties_say_goes_along_as_facts() {
    let property = |text: &str| PropertyValue {
        datatype: Some(12),
        is_null: None,
        value: Some(PropertyContent::Text(text.into())),
    };
    let set = PropertySet {
        keys: vec!["engUnit".into(), "documentation".into()],
        values: vec![property("bar"), property("Inlet")],
    };
    let pressure = Metric { properties: Some(Box::new(set)), ..metric("P", DataType::Float, MetricValue::Float(1.0)) };
    let mut all = devices();
    all[1].take_in = Some(TakeIn { most: 10, known: Arc::default() });
    let mut desk = desk(all);
    let says = said(
        &mut desk,
        "spBv1.0/north/NBIRTH/edge",
        0,
        &[pressure, metric("Node Control/Rebirth", DataType::Boolean, MetricValue::Boolean(false))],
    );
    let Some(Say::Found { metrics, .. }) = says.iter().find(|say| matches!(say, Say::Found { .. })) else {
        panic!("{says:?}")
    };
    assert_eq!(metrics.len(), 1);
    let thing = thing(&metrics[0]);
    assert_eq!((&*thing.kind, &*thing.name), (METRIC, "P"));
    assert_eq!(thing.facts.to_string(), r#"{"unit":"bar","description":"Inlet"}"#);
}

#[test]
fn a_reload_says_nothing_again_of_tags_that_there_were() {
    let mut desk = desk(devices());
    born(&mut desk);
    let mut all = devices();
    // Other slots, as after any reload; one tag is new, and one takes another metric.
    for point in all.iter_mut().flat_map(|device| &mut device.points) {
        point.tag = TagId(point.tag.0 + 20);
    }
    all[0].points.push(Point { name: "second".into(), ..point(33, "Speed", Kind::Number) });
    all[0].points[1].metric = "Other".into();
    all[0].points[1].kind = Kind::Number;
    let mut says = Vec::new();
    desk.adopt(all.clone(), START, &mut says);
    let mut readings: Vec<_> = says
        .iter()
        .flat_map(|say| match say {
            Say::Values { readings, .. } => readings.clone(),
            _ => Vec::new(),
        })
        .collect();
    readings.sort_by_key(|reading| reading.tag.0);
    assert_eq!(readings, [good(21, Value::Single(0.5)), good(33, Value::Signed(7))], "{says:?}");
    // What was not said again is still known, for the next reload.
    all[0].points.push(Point { name: "third".into(), ..point(34, "On", Kind::Bool) });
    says.clear();
    desk.adopt(all, START, &mut says);
    assert!(
        says.contains(&Say::Values { place: 3, time: START.utc, readings: vec![good(34, Value::Bool(true))] }),
        "{says:?}"
    );
}

/// Topics of what is published, and of whom it is said that they are lost, since when and why.
fn heard(says: &[Say]) -> Vec<String> {
    let words = says.iter().filter_map(|say| match say {
        Say::Publish(message) => Some(message.topic.clone()),
        Say::Lost { place, time, readings, words } => {
            let ago = (START.utc.as_micros() - time.as_micros()) / 1_000_000;
            Some(format!("{place}: {words}, {} tags since {ago} s", readings.len()))
        }
        _ => None,
    });
    words.collect()
}

fn dies(desk: &mut Desk, seq: u64) -> Vec<Say> {
    let payload = Payload { timestamp: Some(millis() - 4000), seq: Some(seq), ..Payload::default() };
    let mut says = Vec::new();
    desk.message("spBv1.0/north/DDEATH/edge/pump", &encode(&payload), false, START, &mut says);
    says
}

#[test]
fn who_is_gone_or_was_never_heard_of_does_not_start_for_ever() {
    let mut desk = desk(devices()[1..].to_vec());
    born(&mut desk);
    dies(&mut desk, 2);
    let mut says = Vec::new();
    desk.adopt(devices(), START, &mut says);
    assert_eq!(
        heard(&says),
        ["3: north/edge/pump was gone before it became a device of the station, 3 tags since 4 s"]
    );
    let other = |place, source: &str| Device { place, source: Source::parse(source).unwrap(), ..devices()[1].clone() };
    let more = [other(7, "north/other"), other(8, "north/edge/mixer")];
    says.clear();
    desk.pass_time(START.plus(Duration::from_secs(11)), &mut says);
    assert_eq!(desk.next_deadline(), None, "{says:?}");
    says.clear();
    desk.adopt(devices().into_iter().chain(more).collect(), START.plus(Duration::from_secs(20)), &mut says);
    desk.pass_time(START.plus(Duration::from_secs(21)), &mut says);
    let words = ["3: north/edge/pump was gone before it became a device of the station, 0 tags since"];
    assert!(heard(&says)[0].starts_with(words[0]), "{says:?}");
    assert_eq!(heard(&says)[1..], ["spBv1.0/north/NCMD/edge", "spBv1.0/north/NCMD/other"], "asked for their births");
    says.clear();
    desk.pass_time(START.plus(Duration::from_secs(29)), &mut says);
    assert!(!says.iter().any(|say| matches!(say, Say::Lost { .. })), "{says:?}");
    desk.pass_time(START.plus(Duration::from_secs(31)), &mut says);
    let lost = heard(&says).into_iter().filter(|words| words.contains(": "));
    let words = lost.map(|words| words.split_once(',').unwrap().0.to_owned());
    assert_eq!(
        words.collect::<Vec<_>>(),
        ["7: north/other has not announced itself", "8: north/edge/mixer has not announced itself"]
    );
}

/// Places are other devices after a reload.
#[test]
fn why_a_device_is_gone_stays_with_the_device() {
    let mut desk = desk(devices());
    born(&mut desk);
    dies(&mut desk, 2);
    let moved = |place, source: &str| Device { place, source: Source::parse(source).unwrap(), ..devices()[0].clone() };
    let mut says = Vec::new();
    desk.adopt(vec![moved(3, "north/edge"), moved(4, "north/edge/pump")], START, &mut says);
    assert_eq!(heard(&says).len(), 1, "{says:?}");
    assert!(heard(&says)[0].starts_with("4: north/edge/pump: the edge node says that the device is gone"), "{says:?}");
    desk.adopt(vec![moved(3, "north/edge")], START, &mut says);
    assert!(desk.gone.is_empty(), "nobody asks for it any more");
    desk.adopt(devices(), START, &mut says);
    desk.lost();
    assert!(!desk.gone.is_empty(), "while there is no connection, it is what is known");
    desk.subscribed(START, &mut says);
    assert!(desk.gone.is_empty(), "who does not announce itself on a new connection is lost anew");
}

/// Of strangers less is kept than of devices of the station.
#[test]
fn a_birth_is_asked_for_where_too_little_was_kept_of_a_stranger() {
    let long = "x".repeat(5000);
    let births = |desk: &mut Desk, name: &str| {
        said(desk, "spBv1.0/north/NBIRTH/edge", 0, &[metric("bdSeq", DataType::Int64, MetricValue::Long(0))]);
        let metrics = [
            metric(name, DataType::String, MetricValue::Text(long.clone())),
            metric("On", DataType::Boolean, MetricValue::Boolean(true)),
        ];
        said(desk, "spBv1.0/north/DBIRTH/edge/pump", 1, &metrics)
    };
    for (name, wanted, is_asked) in
        [("Recipe", "Recipe", true), ("Recipe", "On", false), (&"n".repeat(1025), "On", true)]
    {
        let mut desk = desk(devices()[1..].to_vec());
        desk.room = Room::full();
        births(&mut desk, name);
        let mut all = devices();
        all[0].points = vec![point(0, wanted, Kind::Text)];
        let mut says = Vec::new();
        desk.adopt(all, START.plus(Duration::from_secs(20)), &mut says);
        let asked: &[&str] = if is_asked { &["spBv1.0/north/NCMD/edge"] } else { &[] };
        assert_eq!(heard(&says), asked, "{wanted}");
        if wanted == "Recipe" {
            let whole = good(0, Value::Text(long.as_str().into()));
            let says = births(&mut desk, name);
            assert!(says.iter().any(|say| matches!(say, Say::Values { readings, .. } if readings.contains(&whole))));
        }
    }
}
