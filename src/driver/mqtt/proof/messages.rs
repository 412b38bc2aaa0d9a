//! Messages on their way to readings: whatever a payload is, each tag gets a value of its kind or a reason, at a time that can be.

use crate::driver::modbus::Order;
use crate::driver::mqtt::intake::{Arrival, Intake, Message, Said};
use crate::driver::mqtt::look;
use crate::driver::mqtt::payload::LONGEST_TEXT;
use crate::driver::mqtt::{
    Acknowledge, Availability, Binary, BinaryKind, Device, Discovery, FRESH, Kind, Options, Persistence, Point,
    Pointer, QoS, Search, Settings, Source, SourceTime, TimeFormat, Version, Words,
};
use crate::driver::socket::Endpoint;
use crate::driver::{Found, Reading};
use crate::tag::{DeviceId, Quality, TagId, Timestamp, Value};
use std::sync::Arc;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_micros(1_795_266_000_000_000);
/// How far ahead of the station a device's clock may be.
const AHEAD: Duration = Duration::from_secs(5);
/// Names that a search here may find, so that it is soon full.
const MOST: usize = 4;
/// Topics by the lower three bits of the first byte.
const TOPICS: [&str; 8] = [
    "t",
    "t",
    "word",
    "found/a",
    "found/b/c",
    "zigbee2mqtt/bridge/devices",
    "homeassistant/sensor/x/config",
    "homeassistant/number/node/y/config",
];

/// Bytes as a message: the first byte chooses the topic and whether it was kept (bit 3) or held back (bit 4); the others are the payload.
pub(super) fn messages(bytes: &[u8]) {
    let Some((&first, payload)) = bytes.split_first() else { return };
    seen(payload);
    let settings = settings();
    let mut intake = Intake::new(&settings);
    let topic = TOPICS[usize::from(first & 7)];
    for turn in 0..3 {
        let now = NOW.plus(Duration::from_secs(turn * 100));
        let message = Message { topic, payload, retained: first & 8 == 8, queued: first & 16 == 16 };
        intake.take(&settings, message, now).iter().for_each(|said| check(&settings, said, now));
        if turn == 1 {
            intake.adopt(&settings, &settings);
            intake.take_kept(&settings, now).iter().for_each(|said| check(&settings, said, now));
        }
    }
}

/// What people see of a payload ends, and is offered with places that can be read.
fn seen(payload: &[u8]) {
    let line = look::one_line(payload);
    assert!(!line.is_empty() && line.chars().count() <= 130 && !line.contains('\n'), "{line}");
    for is_whole in [true, false] {
        for field in look::look(payload, is_whole).fields {
            assert!(Pointer::parse(&field.pointer).is_ok(), "{}", field.pointer);
            assert!(field.preview.chars().count() <= 63);
        }
    }
}

fn check(settings: &Settings, said: &Said, now: Timestamp) {
    match said {
        Said::Values(arrival) => arrived(settings, arrival, now),
        Said::Found(place, found) => found.iter().for_each(|found| is_a_name(&settings.devices[*place], found)),
        Said::LeftOut(_, count) => assert!(*count > 0),
        Said::Offline(_, words) => assert!(!words.is_empty()),
        Said::Online(_) | Said::Unreadable(_) => {}
    }
}

fn is_a_name(device: &Device, found: &Found) {
    assert!(!found.name.is_empty() && found.facts.is_object(), "{found:?}");
    let pointer = found.facts.get("json").and_then(|json| json.as_str());
    assert!(pointer.is_none_or(|text| Pointer::parse(text).is_ok()), "{found:?}");
    assert!(device.discovery.is_some() || device.searches.iter().any(|search| search.most > 0));
}

fn arrived(settings: &Settings, arrival: &Arrival, now: Timestamp) {
    let points = &settings.devices[arrival.place].points;
    assert!(!arrival.readings.is_empty() && arrival.time <= now, "{arrival:?}");
    assert!(!arrival.is_past || arrival.time < now.plus(AHEAD), "{arrival:?}");
    for Reading { tag, value, quality } in &arrival.readings {
        let point = points.iter().find(|point| point.tag == *tag);
        assert!(
            point.is_some_and(|point| fits(value.as_ref(), *quality, point.kind)),
            "{point:?} {value:?} {quality:?}"
        );
        let has_reason = arrival.details.iter().any(|(with, words)| with == tag && !words.is_empty());
        assert!(!quality.is_bad() || has_reason, "{tag:?} is bad without a reason");
    }
}

fn fits(value: Option<&Value>, quality: Quality, kind: Kind) -> bool {
    match (value, kind) {
        (None, _) => quality.is_bad(),
        (Some(_), _) if quality.is_bad() => false,
        (Some(Value::Bool(_)), kind) => kind == Kind::Bool,
        (Some(Value::Text(text)), kind) => kind == Kind::Text && text.len() <= LONGEST_TEXT,
        (Some(number), kind) => kind == Kind::Number && number.as_f64().is_some_and(f64::is_finite),
    }
}

pub(super) fn settings() -> Settings {
    let options = Options {
        version: Version::V5,
        client_id: "polder".into(),
        login: None,
        persistence: Persistence::Clean,
        keep_alive: Duration::from_secs(10),
        timeout: Duration::from_secs(10),
        receive_maximum: 100,
        acknowledge: Acknowledge::default(),
        will: None,
    };
    let list = |source: Source| Discovery { source, base: source.usual_base().into(), known: Arc::default() };
    let listed = |source| Device { discovery: Some(list(source)), ..Device::new(DeviceId(1)) };
    Settings {
        endpoint: Endpoint { host: "broker".into(), port: 1883, tls: None, only_via: None, is_slow: false },
        options,
        packet_limit: 1 << 20,
        qos: QoS::AtLeastOnce,
        sparkplug: None,
        edge: None,
        asks: Box::default(),
        devices: vec![device(), listed(Source::Zigbee2mqtt), listed(Source::Homeassistant)],
    }
}

fn device() -> Device {
    let place = |text: &str| Pointer::parse(text).ok();
    let search = |filter: &str, below| Search {
        filter: filter.into(),
        below,
        only: place("/a").map(|place| (place, "1".into())).into_iter().filter(|_| filter == "t").collect(),
        most: MOST,
        known: Arc::default(),
    };
    Device {
        points: points(),
        availability: Some(Availability {
            topic: "word".into(),
            pointer: place("/state"),
            online: "online".into(),
            offline: "offline".into(),
        }),
        searches: vec![search("found/#", None), search("found/+", place("/o")), search("t", place(""))],
        ..Device::new(DeviceId(0))
    }
}

/// A tag for every way in which a payload can be read.
fn points() -> Vec<Point> {
    let plain = |filter: &str, kind| Point { kind, ..Point::plain(TagId(0), filter) };
    let kinds = [Kind::Number, Kind::Bool, Kind::Text];
    let mut points: Vec<_> = kinds.iter().flat_map(|kind| ["t", "+"].map(|filter| plain(filter, *kind))).collect();
    for pointer in ["", "/a", "/a/0", "/o/v", "/list/[name=x]/value", "/a~1b/m~0n", "/ENERGY/Power"] {
        let pointer = Pointer::parse(pointer).ok();
        points.extend(kinds.map(|kind| Point { pointer: pointer.clone(), ..plain("t", kind) }));
    }
    points.extend(numbers());
    points.extend(times().map(|time| Point { time: Some(time), ..plain("t", Kind::Text) }));
    let words = Some(Words { yes: "OPEN".into(), no: "1".into() });
    points.push(Point { words: words.clone(), ..plain("t", Kind::Bool) });
    points.push(Point { words, pointer: Pointer::parse("/a").ok(), is_optional: true, ..plain("t", Kind::Bool) });
    let only = Pointer::parse("/name").map(|name| (name, "x".into())).into_iter().collect();
    points.push(Point { only, pointer: Pointer::parse("/v").ok(), fresh: FRESH / 2, ..plain("t", Kind::Number) });
    (0..).zip(&mut points).for_each(|(tag, point)| point.tag = TagId(tag));
    points
}

fn numbers() -> impl Iterator<Item = Point> {
    use BinaryKind::{F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
    let orders = [Order::Abcd, Order::Badc, Order::Cdab, Order::Dcba];
    let all = [U8, U16, U32, U64, I8, I16, I32, I64, F32, F64].into_iter().zip(orders.into_iter().cycle());
    all.enumerate().map(|(number, (kind, order))| {
        let binary = Some(Binary { kind, order, offset: number % 3 });
        let wanted = [Kind::Number, Kind::Bool, Kind::Text][number % 3];
        Point { binary, kind: wanted, ..Point::plain(TagId(0), "t") }
    })
}

fn times() -> impl Iterator<Item = SourceTime> {
    use TimeFormat::{Auto, Microseconds, Milliseconds, Rfc3339, Seconds};
    let pointer = Pointer::parse("/ts").into_iter();
    let all = pointer
        .flat_map(|pointer| [Auto, Rfc3339, Seconds, Milliseconds, Microseconds].map(|one| (pointer.clone(), one)));
    all.map(|(pointer, format)| SourceTime { pointer, format })
}
