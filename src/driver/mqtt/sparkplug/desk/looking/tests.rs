use super::super::Say;
use super::super::tests::{START, born, desk, devices, good, metric, point, said};
use super::*;
use crate::driver::mqtt::Kind;
use crate::driver::mqtt::sparkplug::namespace::Standing;
use crate::driver::mqtt::sparkplug::payload::{DataSet, MetricValue, Payload, Row, encode};
use crate::tag::{Monotonic, Now, Timestamp};

fn look(desk: &Desk, wish: &NamespaceWish) -> NamespaceView {
    desk.look(wish, |place| Some(DeviceId(place as u32)))
}

fn open(paths: &[&str]) -> NamespaceWish {
    NamespaceWish { open: Some(paths.iter().map(|path| Arc::from(*path)).collect()), ..NamespaceWish::default() }
}

/// Depth, name, how many are below, and whether it is there.
fn told(view: &NamespaceView) -> Vec<(usize, &str, usize, Option<Presence>)> {
    let presence = |line: &NamespaceLine| line.facts.map(|facts| facts.standing.presence);
    view.lines.iter().map(|line| (line.depth, &*line.name, line.below, presence(line))).collect()
}

fn stranger(desk: &mut Desk, bd_seq: u64, load: f64) {
    let session = metric("bdSeq", DataType::Int64, MetricValue::Long(bd_seq));
    let load = metric("Load", DataType::Double, MetricValue::Double(load));
    said(desk, "spBv1.0/north/NBIRTH/other", 0, &[session, load]);
}

#[test]
fn nodes_and_devices_that_nobody_named_stand_in_the_tree_beside_those_that_are_devices() {
    let mut desk = desk(devices());
    assert_eq!(told(&look(&desk, &NamespaceWish::default()))[1], (1, "edge", 1, Some(Presence::Unheard)));
    born(&mut desk);
    stranger(&mut desk, 0, 2.5);
    let view = look(&desk, &open(&["north", "north/edge"]));
    let online = Some(Presence::Online);
    assert_eq!(
        told(&view),
        [(0, "north", 2, None), (1, "edge", 1, online), (2, "pump", 0, online), (1, "other", 0, online)]
    );
    assert_eq!((view.is_heard, view.sources, view.online, view.strangers), (true, 3, 3, 1));
    let [edge, pump, other] = [1, 2, 3].map(|line: usize| view.lines[line].facts.unwrap());
    assert_eq!((edge.metrics, edge.tags, edge.device), (1, 1, Some(DeviceId(5))), "bdSeq is no metric of the plant");
    assert_eq!((pump.metrics, pump.tags, pump.device), (3, 3, Some(DeviceId(3))));
    assert_eq!((other.metrics, other.tags, other.device), (1, 0, None));
    let lines = |wish: &NamespaceWish| look(&desk, wish).lines.len();
    assert_eq!([lines(&open(&[])), lines(&open(&["north"])), lines(&NamespaceWish::default())], [1, 3, 3]);
    let search = NamespaceWish { words: "PUMP".to_owned(), ..open(&[]) };
    assert_eq!(told(&look(&desk, &search)), [(0, "north/edge/pump", 0, online)]);
}

#[test]
fn since_when_and_how_often_it_was_born_is_counted() {
    let mut desk = desk(devices());
    let standing = |desk: &Desk| {
        let id = desk.host().find(&Source::parse("north/other").unwrap()).unwrap();
        desk.host().standing(id)
    };
    stranger(&mut desk, 0, 1.0);
    let first = standing(&desk);
    assert_eq!((first.births, first.rebirths, first.since.is_some()), (1, 0, true));
    stranger(&mut desk, 0, 1.0);
    assert_eq!(standing(&desk), Standing { births: 2, rebirths: 1, ..first }, "it was there all the time");
    stranger(&mut desk, 1, 1.0);
    assert_eq!((standing(&desk).births, standing(&desk).rebirths), (3, 1), "another session is no rebirth");
    let death = Payload { metrics: vec![metric("bdSeq", DataType::Int64, MetricValue::Long(1))], ..Payload::default() };
    let later = Now { utc: Timestamp::from_micros(1_795_000_060_000_000), monotonic: Monotonic::from_micros(1) };
    desk.message("spBv1.0/north/NDEATH/other", &encode(&death), false, later, &mut Vec::new());
    assert_eq!((standing(&desk).presence, standing(&desk).since), (Presence::Offline, Some(later.utc)));
    // What it said last is there still, and does not look like present values.
    let chosen = NamespaceWish { selected: Some("north/other".into()), ..NamespaceWish::default() };
    let load = look(&desk, &chosen).detail.unwrap().metrics[0].clone();
    assert_eq!((load.value.as_deref(), load.quality), (Some("1"), Quality::bad(Reason::NotConnected)));
    desk.lost();
    assert_eq!((standing(&desk).presence, standing(&desk).since, standing(&desk).births), (Presence::Unheard, None, 3));
    assert!(!look(&desk, &chosen).is_heard);
}

#[test]
fn metrics_are_shown_with_their_last_values_and_found_by_name() {
    let mut desk = desk(devices());
    born(&mut desk);
    stranger(&mut desk, 0, 2.5);
    let mut wish = NamespaceWish { selected: Some("north/edge/pump".into()), ..NamespaceWish::default() };
    let speed = metric("Speed", DataType::Int32, MetricValue::Int(9));
    said(&mut desk, "spBv1.0/north/DDATA/edge/pump", 2, &[speed]);
    let detail = look(&desk, &wish).detail.unwrap();
    let told: Vec<_> = detail.metrics.iter().map(|line| (&*line.name, line.value.as_deref(), line.tag)).collect();
    let tag = |slot| Some(TagId(slot));
    assert_eq!(told, [("On", Some("true"), tag(1)), ("Other", Some("0.5"), None), ("Speed", Some("9"), tag(0))]);
    assert_eq!(detail.metrics[2].kind, "Int32");
    wish.metric_words = "oth".to_owned();
    let detail = look(&desk, &wish).detail.unwrap();
    assert_eq!((detail.found, detail.metrics.len(), detail.metrics[0].tag_kind), (1, 1, Some(Kind::Number)));
    wish = NamespaceWish { selected: Some("north/other".into()), metric: Some("Load".into()), ..wish };
    wish.metric_words.clear();
    assert_eq!(look(&desk, &wish).detail.unwrap().whole.as_deref(), Some("2.5"));
    wish.selected = Some("north/nobody".into());
    assert_eq!(look(&desk, &wish).detail, None);
}

/// A value of many lines stands on one, and is shown whole where it is chosen.
#[test]
fn tables_are_shown() {
    let mut desk = desk(devices());
    let table = DataSet {
        columns: vec!["a".into()],
        types: vec![DataType::Int32.code()],
        rows: vec![Row::default(); 200],
        ..DataSet::default()
    };
    let table = metric("Table", DataType::DataSet, MetricValue::DataSet(Box::new(table)));
    let session = metric("bdSeq", DataType::Int64, MetricValue::Long(0));
    said(&mut desk, "spBv1.0/north/NBIRTH/other", 0, &[session, table]);
    let wish = NamespaceWish { selected: Some("north/other".into()), metric: Some("Table".into()), ..open(&[]) };
    let detail = look(&desk, &wish).detail.unwrap();
    let line = &detail.metrics[0];
    assert_eq!((line.kind, line.tag_kind), ("DataSet", Some(Kind::Text)));
    assert_eq!(line.value.as_ref().unwrap().len(), PREVIEW_BYTES);
    let whole: serde_json::Value = serde_json::from_str(&detail.whole.unwrap()).unwrap();
    assert_eq!((whole["columns"][0].as_str(), whole["rows"].as_array().unwrap().len()), (Some("a"), 200));
}

/// However many there are, an answer is small.
#[test]
fn what_is_shown_is_bounded_and_says_so() {
    let mut desk = desk(devices());
    let session = metric("bdSeq", DataType::Int64, MetricValue::Long(0));
    let many = (0..1500).map(|number| metric(&format!("m{number:04}"), DataType::Int32, MetricValue::Int(number)));
    said(&mut desk, "spBv1.0/north/NBIRTH/other", 0, &std::iter::once(session).chain(many).collect::<Vec<_>>());
    let wish = NamespaceWish { selected: Some("north/other".into()), ..NamespaceWish::default() };
    let detail = look(&desk, &wish).detail.unwrap();
    assert_eq!((detail.found, detail.metrics.len(), detail.facts.metrics), (1500, MOST_METRICS, 1500));
    // Two thousand strangers are known at most, with their groups that makes more lines than are shown.
    for number in 0..2500 {
        said(&mut desk, &format!("spBv1.0/group{number}/NDATA/node"), 0, &[]);
    }
    let view = look(&desk, &NamespaceWish::default());
    assert_eq!(view.lines.len(), MOST_LINES);
    assert!(view.left_out > 0 && view.sources <= 2_003, "{} {}", view.left_out, view.sources);
}

/// What was seen of a stranger is the first value of the tag that is made of it.
#[test]
fn a_stranger_that_becomes_a_device_has_its_values_at_once() {
    let mut desk = desk(devices());
    stranger(&mut desk, 0, 2.5);
    let point = point(40, "Load", Kind::Number);
    let source = Source::parse("north/other").unwrap();
    let device = Device { place: 7, source, points: vec![point], take_in: None };
    let mut says = Vec::new();
    desk.adopt(devices().into_iter().chain([device]).collect(), START, &mut says);
    let readings = vec![good(40, Value::Double(2.5))];
    let time = START.utc;
    assert!(says.contains(&Say::Alive { place: 7 }), "{says:?}");
    assert!(says.contains(&Say::Values { place: 7, time, readings }), "{says:?}");
    assert_eq!(look(&desk, &NamespaceWish::default()).strangers, 0);
}
