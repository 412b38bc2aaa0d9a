//! Samples a second through `Engine::step` on one core: 100,000 tags, an alarm on each tenth tag, a transition at every hundredth sample;
//! beside the limit, which is storing the same values into a bare vector.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, missing_docs)]

mod common {
    pub(crate) mod plant;
}

use polder::driver::{Batch, DriverEvent, Reading};
use polder::engine::{Effects, Engine, Event, Plan, Restored};
use polder::tag::{DeviceId, Generation, Live, Now, Quality, TagId, Value};
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

const TAGS: u32 = 100_000;
const BATCH: u32 = 125;
const ROUNDS: u32 = 30;

/// An alarm on each `step`th tag.
fn plan(step: usize) -> Plan {
    common::plant::plan(TAGS, (0..TAGS).step_by(step), 0.0)
}

/// One in a hundred samples crosses its limit: one in ten of the tags with an alarm, in every round.
fn value(tag: u32, round: u32) -> f64 {
    let crosses = tag.is_multiple_of(100) && (round + tag / 100).is_multiple_of(2);
    f64::from(round % 90) + if crosses { 100.0 } else { 0.0 }
}

fn batches(round: u32) -> Vec<Batch> {
    let readings = |start: u32| {
        let read = |tag: u32| Reading {
            tag: TagId(tag),
            value: Some(Value::Double(value(tag, round))),
            quality: Quality::GOOD,
        };
        (start..start + BATCH).map(read).collect()
    };
    let time = Now::default().plus(Duration::from_secs(u64::from(round))).utc;
    let batch = |start| Batch {
        generation: Generation(1),
        device: DeviceId(0),
        time,
        readings: readings(start),
        confirmed: Arc::from([]),
    };
    (0..TAGS).step_by(BATCH as usize).map(batch).collect()
}

fn main() {
    let mut engine = Engine::new(Arc::new(plan(10)), Restored::default());
    let mut effects = Effects::default();
    let (mut engine_time, mut bare_time, mut transitions, mut samples) = (Duration::ZERO, Duration::ZERO, 0, 0u64);
    let mut bare = vec![Live::UNREAD; TAGS as usize];
    for round in 0..ROUNDS {
        let now = Now::default().plus(Duration::from_secs(u64::from(round)));
        let input = batches(round);
        let copy = input.clone();
        let start = Instant::now();
        for batch in &copy {
            for reading in &batch.readings {
                let slot = &mut bare[reading.tag.index()];
                slot.value = reading.value.as_ref().map(Into::into).unwrap_or_default();
                slot.time = batch.time;
            }
        }
        bare_time += start.elapsed();
        black_box(&bare);
        let start = Instant::now();
        for batch in input {
            engine.step(Event::Driver(DriverEvent::Batch(batch)), now, &mut effects);
            if round > 0 {
                transitions += effects.transitions.len();
            }
            effects.clear();
        }
        engine_time += start.elapsed();
        samples += u64::from(TAGS);
    }
    let rate = samples as f64 / engine_time.as_secs_f64() / 1e6;
    let limit = samples as f64 / bare_time.as_secs_f64() / 1e6;
    println!(
        "engine: {rate:.2} million samples/s ({:.0} ns each), every one of them kept",
        engine_time.as_nanos() as f64 / samples as f64
    );
    println!(
        "        {:.2} % of samples caused a transition",
        100.0 * transitions as f64 / (samples - u64::from(TAGS)) as f64
    );
    println!("        bare stores into a vector: {limit:.0} million/s; the engine is {:.0} times that", limit / rate);
    let start = Instant::now();
    for _ in 0..20 {
        black_box(engine.snapshot(Now::default()));
    }
    println!("        a picture of {TAGS} tags: {:.2} ms", start.elapsed().as_secs_f64() * 1000.0 / 20.0);
    every_tag_has_an_alarm();
}

/// 100,000 alarms that are all judged at each sample, and none changes.
fn every_tag_has_an_alarm() {
    let mut engine = Engine::new(Arc::new(plan(1)), Restored::default());
    let mut effects = Effects::default();
    let (mut time, mut samples) = (Duration::ZERO, 0u64);
    for round in 0..ROUNDS {
        let now = Now::default().plus(Duration::from_secs(u64::from(round)));
        let mut input = batches(round);
        for reading in input.iter_mut().flat_map(|batch| &mut batch.readings) {
            reading.value = Some(Value::Double(f64::from(round % 90)));
        }
        let start = Instant::now();
        for batch in input {
            engine.step(Event::Driver(DriverEvent::Batch(batch)), now, &mut effects);
            assert!(effects.transitions.is_empty());
            effects.clear();
        }
        time += start.elapsed();
        samples += u64::from(TAGS);
    }
    let rate = samples as f64 / time.as_secs_f64() / 1e6;
    println!("        with an alarm on every tag, and none that changes: {rate:.2} million samples/s");
}
