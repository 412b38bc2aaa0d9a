//! Metrics of Sparkplug B a second on one core, from the bytes of DDATA messages to the table of the engine: 10,000 metrics by alias, 100 in a
//! message; beside the limit, which is decoding the same bytes and no more.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, missing_docs)]

use polder::driver::mqtt::Kind;
use polder::driver::mqtt::sparkplug::desk::{Desk, Say};
use polder::driver::mqtt::sparkplug::host::HostSettings;
use polder::driver::mqtt::sparkplug::payload::{DataType, Metric, MetricValue, Payload, decode, encode};
use polder::driver::mqtt::sparkplug::settings::{Device, Point, Settings};
use polder::driver::mqtt::sparkplug::topic::Source;
use polder::driver::{Batch, DriverEvent};
use polder::engine::{Effects, Engine, Event, Plan, Restored};
use polder::tag::{
    ConnectionDefinition, ConnectionId, DeviceDefinition, DeviceId, Directory, Generation, Monotonic, Now,
    TagDefinition, TagId, Timestamp, WireKind,
};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const METRICS: u32 = 10_000;
const IN_A_MESSAGE: u32 = 100;
const ROUNDS: u32 = 100;
const TOPIC: &str = "spBv1.0/north/DDATA/edge/plc";

fn now(round: u32) -> Now {
    let start =
        Now { utc: Timestamp::from_micros(1_795_000_000_000_000), monotonic: Monotonic::from_micros(3_600_000_000) };
    start.plus(Duration::from_secs(u64::from(round)))
}

fn name(number: u32) -> String {
    format!("Line 1/Area {}/Motor {number}/Speed", number / 100)
}

fn metric(number: u32, round: u32, is_birth: bool) -> Metric {
    Metric {
        name: is_birth.then(|| name(number)),
        alias: Some(u64::from(number)),
        timestamp: Some((now(round).utc.as_micros() / 1000) as u64),
        datatype: is_birth.then(|| DataType::Double.code()),
        value: Some(MetricValue::Double(f64::from(number + round))),
        ..Metric::default()
    }
}

fn message(seq: u64, round: u32, metrics: Vec<Metric>) -> Vec<u8> {
    let timestamp = Some((now(round).utc.as_micros() / 1000) as u64);
    encode(&Payload { timestamp, seq: Some(seq), metrics, ..Payload::default() })
}

/// A desk with a device whose metrics are all tags, and the sequence number of its birth.
fn desk() -> Desk {
    let host = HostSettings {
        host: "polder".into(),
        is_announced: true,
        groups: vec!["north".into()],
        reordering_timeout: Duration::from_secs(5),
        wanted: Vec::new(),
    };
    let point = |number: u32| Point {
        tag: TagId(number),
        name: name(number).into(),
        metric: name(number).into(),
        kind: Kind::Number,
        is_set: false,
        scaling: None,
    };
    let source = Source::parse("north/edge/plc").unwrap();
    let device = Device { place: 0, source, points: (0..METRICS).map(point).collect(), take_in: None };
    let (mut desk, mut says) = (Desk::new(Settings { host, devices: vec![device] }), Vec::new());
    desk.connect(now(0));
    desk.subscribed(now(0), &mut says);
    desk.message("spBv1.0/north/NBIRTH/edge", &message(0, 0, Vec::new()), false, now(0), &mut says);
    let births = (0..METRICS).map(|number| metric(number, 0, true)).collect();
    desk.message("spBv1.0/north/DBIRTH/edge/plc", &message(1, 0, births), false, now(0), &mut says);
    desk
}

/// Every message of all rounds, as it stands on the wire.
fn messages() -> Vec<(u32, Vec<u8>)> {
    let mut seq = 2;
    let mut messages = Vec::new();
    for round in 0..ROUNDS {
        for start in (0..METRICS).step_by(IN_A_MESSAGE as usize) {
            let metrics = (start..start + IN_A_MESSAGE).map(|number| metric(number, round, false)).collect();
            messages.push((round, message(seq % 256, round, metrics)));
            seq += 1;
        }
    }
    messages
}

fn engine() -> Engine {
    let tag = |number: u32| TagDefinition { device: Some(DeviceId(0)), ..TagDefinition::named(&name(number)) };
    let device = DeviceDefinition {
        name: "plc".into(),
        connection: ConnectionId(0),
        station: None,
        area: None,
        address: "north/edge/plc".into(),
    };
    let connection =
        ConnectionDefinition { name: "site".into(), address: "".into(), kind: WireKind::Mqtt, is_sparkplug_host: true };
    let directory = Directory::new((0..METRICS).map(tag).collect(), vec![device], vec![connection]);
    let plan = Plan { generation: Generation(1), directory: Arc::new(directory), ..Plan::default() };
    Engine::new(Arc::new(plan), Restored::default())
}

fn per_second(name: &str, mut run: impl FnMut()) -> f64 {
    let start = Instant::now();
    run();
    let rate = f64::from(METRICS * ROUNDS) / start.elapsed().as_secs_f64();
    println!("{name}: {rate:.0} metrics a second");
    rate
}

fn main() {
    let messages = messages();
    let decoded = per_second("decoding alone", || {
        for (_, bytes) in &messages {
            black_box(decode(bytes).unwrap());
        }
    });
    let (mut desk, mut says) = (desk(), Vec::new());
    let (mut engine, mut effects) = (engine(), Effects::default());
    let mut readings_taken = 0;
    let taken = per_second("decoded, put in order, made readings, and applied by the engine", || {
        for (round, bytes) in &messages {
            desk.message(TOPIC, bytes, false, now(*round), &mut says);
            for say in says.drain(..) {
                let Say::Values { time, readings, .. } = say else { unreachable!("{say:?}") };
                readings_taken += readings.len();
                let batch =
                    Batch { generation: Generation(1), device: DeviceId(0), time, readings, confirmed: Arc::from([]) };
                engine.step(Event::Driver(DriverEvent::Batch(batch)), now(*round), &mut effects);
                effects = Effects::default();
            }
        }
    });
    assert_eq!(readings_taken, (METRICS * ROUNDS) as usize, "every metric became a reading");
    println!("that is {:.2} of decoding alone; the goal is 500,000 a second", taken / decoded);
}
