use super::instructions::MOST_METRICS;
use super::metrics::told_name;
use super::*;
use crate::driver::mqtt::sparkplug::payload::{command, decode, rebirth_request};
use proptest::prelude::*;

fn metric(tag: &str, device: Option<&str>, kind: DataType) -> EdgeMetric {
    EdgeMetric { tag: tag.into(), device: device.map(Into::into), name: tag.into(), kind, unit: "m".into() }
}

fn settings(primary_host: Option<&str>) -> EdgeSettings {
    EdgeSettings {
        group: "north".into(),
        node: "polder".into(),
        primary_host: primary_host.map(Into::into),
        metrics: vec![
            metric("level", Some("basin"), DataType::Double),
            metric("run", Some("pump"), DataType::Boolean),
            metric("limit", None, DataType::Int64),
        ],
        takes_commands: true,
    }
}

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

fn moment(seconds: i64) -> Now {
    Now { utc: at(seconds), monotonic: Monotonic::default().plus(Duration::from_secs(seconds as u64)) }
}

fn good(value: Value) -> EdgeSample {
    EdgeSample { time: at(1), value: Some(value), quality: Quality::GOOD }
}

/// Topic, number, and each metric by its name or alias with what it says.
fn told(message: &EdgeMessage) -> (String, Option<u64>, Vec<String>) {
    let payload = decode(&message.payload).unwrap();
    let words = payload.metrics.iter().map(|metric| {
        let value = metric.value.as_ref().map_or_else(|| "null".to_owned(), |value| format!("{value:?}"));
        assert_eq!(metric.is_null == Some(true), metric.value.is_none());
        let past = if metric.is_historical == Some(true) { " past" } else { "" };
        format!("{}={value}{past}", told_name(metric))
    });
    (message.topic.clone(), payload.seq, words.collect())
}

fn published(effects: &[EdgeEffect]) -> Vec<(String, Option<u64>, Vec<String>)> {
    let publish = |effect: &EdgeEffect| match effect {
        EdgeEffect::Publish(message) => Some(told(message)),
        _ => None,
    };
    effects.iter().filter_map(publish).collect()
}

fn born(primary_host: Option<&str>) -> EdgeNode {
    let mut node = EdgeNode::new(settings(primary_host), None);
    node.connect(at(0));
    has_values(&mut node);
    let mut effects = Vec::new();
    node.ready(at(0), &mut effects);
    node
}

/// Something was told of both devices.
fn has_values(node: &mut EdgeNode) {
    for (tag, value) in [("level", Value::Double(0.5)), ("run", Value::Bool(false))] {
        assert_eq!(node.sample(&tag.into(), good(value), false, moment(0)), Err(NotTold::NotBorn));
    }
}

#[test]
fn a_session_begins_with_births_that_hold_everything() {
    let mut node = EdgeNode::new(settings(None), Some(6));
    let will = node.connect(at(0));
    assert_eq!(told(&will), ("spBv1.0/north/NDEATH/polder".into(), None, vec!["bdSeq=Long(7)".into()]));
    assert_eq!((will.qos, node.session()), (1, 7));
    let early = node.sample(&"level".into(), good(Value::Double(1.5)), false, moment(0));
    assert_eq!(early, Err(NotTold::NotBorn), "no data before the birth; but the birth says it");
    let mut effects = Vec::new();
    node.ready(at(0), &mut effects);
    let births = published(&effects);
    assert_eq!(births[0].0, "spBv1.0/north/NBIRTH/polder");
    assert_eq!(births[0].1, Some(0));
    assert_eq!(births[0].2, ["bdSeq=Long(7)", "Node Control/Rebirth=Boolean(false)", "limit=null"]);
    assert_eq!(births[1], ("spBv1.0/north/DBIRTH/polder/basin".into(), Some(1), vec!["level=Double(1.5)".into()]));
    assert_eq!(births.len(), 2, "of the pump nothing is known: it may be dead");
    let birth = node.sample(&"run".into(), good(Value::Bool(false)), false, moment(1)).unwrap();
    let expected = vec!["run=Boolean(false)".into()];
    assert_eq!(told(&birth[0]), ("spBv1.0/north/DBIRTH/polder/pump".into(), Some(2), expected));
    let data = node.sample(&"run".into(), good(Value::Bool(true)), false, moment(1)).unwrap();
    assert_eq!(
        told(&data[0]),
        ("spBv1.0/north/DDATA/polder/pump".into(), Some(3), vec!["alias 2=Boolean(true)".into()])
    );
    let limit = node.sample(&"limit".into(), good(Value::Signed(-5)), true, moment(1)).unwrap();
    let expected = vec![format!("alias 3=Long({}) past", -5_i64 as u64)];
    assert_eq!(told(&limit[0]), ("spBv1.0/north/NDATA/polder".into(), Some(4), expected));
    let again = node.sample(&"run".into(), good(Value::Bool(true)), false, moment(2)).unwrap();
    assert_eq!(again, [], "it was told before");
}

#[test]
fn births_carry_units_kinds_and_qualities_and_no_alias_for_the_rebirth() {
    let mut node = EdgeNode::new(settings(None), None);
    node.connect(at(0));
    let bad = EdgeSample { time: at(1), value: None, quality: Quality::bad(Reason::BadPayload) };
    let _ = node.sample(&"level".into(), bad, false, moment(1));
    let mut effects = Vec::new();
    node.ready(at(2), &mut effects);
    let EdgeEffect::Publish(birth) = &effects[0] else { panic!("{effects:?}") };
    let payload = decode(&birth.payload).unwrap();
    assert_eq!(payload.metrics[1].alias, None);
    assert!(payload.metrics.iter().all(|metric| metric.datatype.is_some() && metric.timestamp.is_some()));
    let EdgeEffect::Publish(basin) = &effects[1] else { panic!("{effects:?}") };
    let payload = decode(&basin.payload).unwrap();
    let properties = payload.metrics[0].properties.as_deref().unwrap();
    assert_eq!(properties.keys, ["Quality", "engUnit"]);
    assert_eq!(properties.values[0].value, Some(PropertyContent::Int(0)));
    assert_eq!(properties.values[1].value, Some(PropertyContent::Text("m".into())));
}

#[test]
fn what_does_not_fit_is_refused_in_words() {
    let mut node = born(None);
    let wrong = node.sample(&"run".into(), good(Value::Double(0.5)), false, moment(1));
    assert!(matches!(wrong, Err(NotTold::Unfit(words)) if words.starts_with("run: ")));
    let unknown = node.sample(&"other".into(), good(Value::Bool(true)), false, moment(1));
    assert_eq!(unknown, Err(NotTold::NoMetric("other".into())));
}

#[test]
fn a_host_asks_for_a_birth_and_sets_metrics() {
    let mut node = born(None);
    let _ = node.sample(&"level".into(), good(Value::Double(2.0)), false, moment(1)).unwrap();
    let mut effects = Vec::new();
    let rebirth = encode(&rebirth_request(at(2)));
    node.message("spBv1.0/north/NCMD/polder", &rebirth, false, moment(2), &mut effects);
    node.pass_time(moment(2), &mut effects);
    let births = published(&effects);
    assert_eq!((births.len(), births[0].1, births[0].2[0].as_str()), (3, Some(0), "bdSeq=Long(0)"), "the same session");
    assert_eq!(births[1].2, ["level=Double(2.0)"]);
    effects.clear();
    let by_alias = encode(&command("run", Some(2), DataType::Boolean, &Value::Bool(true), at(3)).unwrap());
    node.message("spBv1.0/north/DCMD/polder/pump", &by_alias, false, moment(3), &mut effects);
    let by_name = encode(&command("limit", None, DataType::Int64, &Value::Signed(-7), at(3)).unwrap());
    node.message("spBv1.0/north/NCMD/polder", &by_name, false, moment(3), &mut effects);
    let set = |tag: &str, value| EdgeEffect::Set { tag: tag.into(), value };
    assert_eq!(effects, [set("run", Value::Bool(true)), set("limit", Value::Signed(-7))]);
}

/// A node whose pump has two metrics.
fn two_metrics() -> EdgeNode {
    let mut settings = settings(None);
    settings.metrics.push(metric("speed", Some("pump"), DataType::Double));
    let mut node = EdgeNode::new(settings, None);
    node.connect(at(0));
    has_values(&mut node);
    node.ready(at(0), &mut Vec::new());
    node
}

fn lost(reason: Reason) -> EdgeSample {
    EdgeSample { time: at(2), value: None, quality: Quality::bad(reason) }
}

/// What a value leads to: topics without their beginning, and metrics.
fn led_to(node: &mut EdgeNode, tag: &str, sample: EdgeSample, historical: bool, seconds: i64) -> Vec<String> {
    let messages = node.sample(&tag.into(), sample, historical, moment(seconds)).unwrap();
    let words = messages.iter().map(told).map(|(topic, _, metrics)| format!("{topic} {}", metrics.join(" ")));
    words.map(|words| words.trim().replace("spBv1.0/north/", "").replace("/polder", "")).collect()
}

#[test]
fn a_device_that_nobody_hears_of_dies_and_is_born_again() {
    let mut node = two_metrics();
    assert_eq!(led_to(&mut node, "run", good(Value::Bool(true)), false, 1), ["DDATA/pump alias 2=Boolean(true)"]);
    assert_eq!(led_to(&mut node, "speed", good(Value::Double(1.5)), false, 1), ["DDATA/pump alias 4=Double(1.5)"]);
    // One bad value says nothing about the device, and a fault of the value says nothing either.
    assert_eq!(led_to(&mut node, "run", lost(Reason::NotConnected), false, 2), ["DDATA/pump alias 2=null"]);
    assert_eq!(led_to(&mut node, "speed", lost(Reason::BadPayload), false, 2), ["DDATA/pump alias 4=null"]);
    assert_eq!(led_to(&mut node, "speed", lost(Reason::NotConnected), false, 2), ["DDEATH/pump"]);
    assert_eq!(led_to(&mut node, "speed", lost(Reason::NoAnswer), false, 3), [""; 0], "its death says it already");
    // A birth of the node leaves it out.
    let mut effects = Vec::new();
    node.message("spBv1.0/north/NCMD/polder", &encode(&rebirth_request(at(4))), false, moment(4), &mut effects);
    node.pass_time(moment(4), &mut effects);
    let topics: Vec<_> = published(&effects).into_iter().map(|(topic, ..)| topic).collect();
    assert_eq!(topics, ["spBv1.0/north/NBIRTH/polder", "spBv1.0/north/DBIRTH/polder/basin"]);
    let birth = "DBIRTH/pump run=null speed=Double(2.5)";
    assert_eq!(led_to(&mut node, "speed", good(Value::Double(2.5)), false, 5), [birth], "the birth holds the value");
    assert_eq!(led_to(&mut node, "run", good(Value::Bool(false)), false, 5), ["DDATA/pump alias 2=Boolean(false)"]);
}

/// A node that begins anew knows nothing of before: whom nobody heard of since may be dead.
#[test]
fn a_device_is_announced_with_its_first_value_that_is_not_lost() {
    let mut node = EdgeNode::new(settings(None), None);
    node.connect(at(0));
    let mut effects = Vec::new();
    node.ready(at(0), &mut effects);
    let topics: Vec<_> = published(&effects).into_iter().map(|(topic, ..)| topic).collect();
    assert_eq!(topics, ["spBv1.0/north/NBIRTH/polder"]);
    for reason in [
        Reason::NotYetRead,
        Reason::NoAnswer,
        Reason::NotConnected,
        Reason::GatewayNoPath,
        Reason::BadFrame,
        Reason::NotSubscribed,
        Reason::OffScan,
        Reason::DeviceOffline,
        Reason::TunnelDown,
    ] {
        assert_eq!(led_to(&mut node, "run", lost(reason), false, 1), [""; 0], "{reason:?}");
    }
    assert_eq!(led_to(&mut node, "run", good(Value::Bool(true)), false, 2), ["DBIRTH/pump run=Boolean(true)"]);
    assert_eq!(led_to(&mut node, "run", lost(Reason::NotSubscribed), false, 3), ["DDEATH/pump"]);
    assert_eq!(led_to(&mut node, "level", lost(Reason::BadPayload), false, 3), ["DBIRTH/basin level=null"]);
}

/// Values of before may come while the device is away: without a birth no host takes them.
#[test]
fn a_device_that_is_gone_is_announced_for_its_history() {
    let mut node = two_metrics();
    for tag in ["run", "speed"] {
        led_to(&mut node, tag, lost(Reason::TunnelDown), false, 1);
    }
    let past = |node: &mut EdgeNode, seconds| led_to(node, "speed", good(Value::Double(1.5)), true, seconds);
    assert_eq!(past(&mut node, 10), ["DBIRTH/pump run=null speed=null", "DDATA/pump alias 4=Double(1.5) past"]);
    assert_eq!(past(&mut node, 11), ["DDATA/pump alias 4=Double(1.5) past"]);
    assert_eq!(led_to(&mut node, "run", lost(Reason::NoAnswer), false, 11), [""; 0]);
    assert_eq!(node.next_deadline(), Some(moment(13).monotonic));
    let mut effects = Vec::new();
    node.pass_time(moment(12), &mut effects);
    assert_eq!(effects, []);
    node.pass_time(moment(13), &mut effects);
    let (topic, number, metrics) = published(&effects).remove(0);
    assert_eq!((topic.as_str(), metrics.len()), ("spBv1.0/north/DDEATH/polder/pump", 0));
    assert!(number.is_some() && node.next_deadline().is_none());
}

/// A host, or whoever may publish, asks for births as often as it likes.
#[test]
fn births_that_are_asked_for_come_once_in_a_while() {
    let mut node = born(None);
    let mut asked = rebirth_request(at(10));
    asked.metrics = vec![asked.metrics[0].clone(); MOST_METRICS];
    let ask = |node: &mut EdgeNode, seconds: i64| {
        let mut effects = Vec::new();
        node.message("spBv1.0/north/NCMD/polder", &encode(&asked), false, moment(seconds), &mut effects);
        node.pass_time(moment(seconds), &mut effects);
        published(&effects).len()
    };
    assert_eq!(ask(&mut node, 10), 3, "one birth of the node, and of each device");
    assert_eq!((11..15).map(|second| ask(&mut node, second)).sum::<usize>(), 0);
    assert_eq!(node.next_deadline(), Some(moment(15).monotonic));
    let mut effects = Vec::new();
    node.pass_time(moment(15), &mut effects);
    assert_eq!(
        (published(&effects).len(), node.next_deadline()),
        (3, None),
        "what was asked for meanwhile is not lost"
    );
    // A new session begins with a birth: nothing is owed.
    assert_eq!(ask(&mut node, 16), 0);
    node.lost();
    node.connect(at(17));
    node.ready(at(17), &mut effects);
    assert_eq!(node.next_deadline(), None);
}

#[test]
fn an_instruction_that_was_kept_or_names_too_much_is_not_carried_out() {
    let mut node = born(None);
    let run = encode(&command("run", Some(2), DataType::Boolean, &Value::Bool(true), at(3)).unwrap());
    let rebirth = encode(&rebirth_request(at(3)));
    let mut many = rebirth_request(at(3));
    many.metrics = vec![many.metrics[0].clone(); MOST_METRICS + 1];
    for (topic, payload, retained, words) in [
        ("spBv1.0/north/DCMD/polder/pump", &run, true, "the broker kept"),
        ("spBv1.0/north/NCMD/polder", &rebirth, true, "the broker kept"),
        ("spBv1.0/north/NCMD/polder", &encode(&many), false, "names 101 metrics"),
    ] {
        let mut effects = Vec::new();
        node.message(topic, payload, retained, moment(3), &mut effects);
        node.pass_time(moment(3), &mut effects);
        assert!(matches!(effects.as_slice(), [EdgeEffect::Fault(found)] if found.contains(words)), "{effects:?}");
    }
}

#[test]
fn instructions_that_fit_nothing_are_faults_and_others_are_not_ours() {
    let mut node = born(None);
    let check = |node: &mut EdgeNode, topic: &str, payload: &[u8], words: &str| {
        let mut effects = Vec::new();
        node.message(topic, payload, false, moment(3), &mut effects);
        match (effects.as_slice(), words) {
            ([], "") => {}
            ([EdgeEffect::Fault(found)], _) => assert!(!words.is_empty() && found.contains(words), "{found}"),
            other => panic!("{other:?}"),
        }
    };
    let run = encode(&command("run", Some(2), DataType::Boolean, &Value::Bool(true), at(3)).unwrap());
    check(&mut node, "spBv1.0/north/DCMD/polder/basin", &run, "does not have: alias 2");
    check(&mut node, "spBv1.0/north/NCMD/polder", &run, "does not have");
    check(&mut node, "spBv1.0/north/DCMD/polder/pump", b"\xff\xff", "not a payload of Sparkplug B");
    check(&mut node, "spBv1.0/south/DCMD/polder/pump", &run, "");
    check(&mut node, "spBv1.0/STATE/polder", b"{}", "");
    let huge = encode(&command("run", Some(u64::MAX), DataType::Boolean, &Value::Bool(true), at(3)).unwrap());
    check(&mut node, "spBv1.0/north/DCMD/polder/pump", &huge, "does not have");
    let wrong = encode(&command("run", Some(2), DataType::Double, &Value::Double(1.0), at(3)).unwrap());
    check(&mut node, "spBv1.0/north/DCMD/polder/pump", &wrong, "does not fit the data type");
    node.settings.takes_commands = false;
    check(&mut node, "spBv1.0/north/DCMD/polder/pump", &run, "takes no commands");
}

#[test]
fn without_its_primary_host_a_node_is_silent_and_an_old_state_changes_nothing() {
    let mut node = EdgeNode::new(settings(Some("scada")), None);
    node.connect(at(0));
    has_values(&mut node);
    assert!(node.filters().contains(&"spBv1.0/STATE/scada".to_owned()));
    let mut effects = Vec::new();
    node.ready(at(0), &mut effects);
    assert_eq!(effects, []);
    let state = |node: &mut EdgeNode, online: bool, seconds: i64| {
        let mut effects = Vec::new();
        node.message(
            "spBv1.0/STATE/scada",
            &HostState::at(online, at(seconds)).payload(),
            false,
            moment(seconds),
            &mut effects,
        );
        effects
    };
    assert_eq!(state(&mut node, false, 4), []);
    assert_eq!(state(&mut node, true, 3), [], "it is older than the last one");
    assert!(!node.is_born());
    assert_eq!(published(&state(&mut node, true, 5)).len(), 3);
    assert_eq!(state(&mut node, false, 4), [], "that is over: the host is there since");
    assert_eq!(state(&mut node, true, 6), [], "it is there still");
    let gone = state(&mut node, false, 7);
    assert_eq!(published(&gone), [("spBv1.0/north/NDEATH/polder".into(), None, vec!["bdSeq=Long(0)".into()])]);
    assert_eq!(gone.last(), Some(&EdgeEffect::Disconnect));
    assert_eq!(node.sample(&"level".into(), good(Value::Double(1.0)), false, moment(8)), Err(NotTold::NotBorn));
    assert_eq!(node.leave(at(8)), None, "it is dead already");
    let will = node.connect(at(9));
    assert_eq!(told(&will).2, ["bdSeq=Long(1)"]);
    let other = HostState::at(true, at(9)).payload();
    node.message("spBv1.0/STATE/other", &other, false, moment(9), &mut effects);
    node.ready(at(9), &mut effects);
    assert_eq!(effects, [], "another host is not the primary one");
}

proptest! {
    /// Whatever happens: numbers follow each other from the birth on, and nothing goes before it or after a death, of the node or a device.
    #[test]
    fn numbers_have_no_gaps(steps in prop::collection::vec(0u8..9, 0..300)) {
        let mut node = EdgeNode::new(settings(Some("scada")), Some(254));
        let (mut next, mut clock, mut is_there) = (None::<u64>, 0, false);
        for step in steps {
            clock += 1;
            let mut effects = Vec::new();
            match step {
                0 => { node.connect(at(clock)); next = None; }
                1 => node.ready(at(clock), &mut effects),
                2 | 3 => {
                    let state = HostState::at(step == 2, at(clock));
                    node.message("spBv1.0/STATE/scada", &state.payload(), false, moment(clock), &mut effects);
                }
                4 => {
                    let rebirth = encode(&rebirth_request(at(clock)));
                    node.message("spBv1.0/north/NCMD/polder", &rebirth, false, moment(clock), &mut effects);
                }
                5 => { node.lost(); next = None; }
                7 | 8 => {
                    let lost = EdgeSample { value: None, quality: Quality::bad(Reason::NoAnswer), ..good(Value::Bool(true)) };
                    let told = node.sample(&"level".into(), lost, step == 8, moment(clock));
                    prop_assert_eq!(told.is_ok(), next.is_some());
                    effects.extend(told.into_iter().flatten().map(EdgeEffect::Publish));
                }
                _ => {
                    let told = node.sample(&"level".into(), good(Value::Double(clock as f64)), false, moment(clock));
                    prop_assert_eq!(told.is_ok(), next.is_some());
                    effects.extend(told.into_iter().flatten().map(EdgeEffect::Publish));
                }
            }
            node.pass_time(moment(clock), &mut effects);
            for (topic, number, _) in published(&effects) {
                if topic.contains("NBIRTH") {
                    (next, is_there) = (Some(0), false);
                }
                if topic.contains("NDEATH") {
                    prop_assert_eq!(number, None);
                    next = None;
                    continue;
                }
                prop_assert_eq!(number, next);
                match topic.strip_suffix("/polder/basin") {
                    Some("spBv1.0/north/DBIRTH") => is_there = true,
                    Some("spBv1.0/north/DDEATH") => prop_assert!(std::mem::replace(&mut is_there, false)),
                    Some("spBv1.0/north/DDATA") => prop_assert!(is_there, "data of a device that is not there"),
                    _ => {}
                }
                next = next.map(|number| (number + 1) % 256);
            }
        }
    }
}
