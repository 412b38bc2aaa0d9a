//! Replays of history with other alarm settings, against the engine itself and against a history that was written by the historian.

use crate::history::Random;
use crate::support::{Folder, change_of, modbus_station, run, words};
use polder::alarm::backtest::{Replay, Span};
use polder::alarm::{AlarmDefinition, State, Transition};
use polder::config;
use polder::driver::{Batch, Condition, DeviceReport, DriverEvent, Link, Reading, Statistics};
use polder::engine::{Effects, Engine, Event, Restored};
use polder::historian::{Historian, OpenedHistory};
use polder::recorder::{Order, RecordStore, Recorder};
use polder::station::SystemClock;
use polder::tag::{DeviceId, Generation, HistoryRow, Monotonic, Now, Quality, Reason, Sample, TagId, Timestamp, Value};
use serde_json::{Value as Json, json};
use std::path::Path;
use std::sync::Arc;

const SECOND: i64 = 1_000_000;
/// Midnight, 1 January 2026.
const START: i64 = 1_767_225_600 * SECOND;

fn sample(micros: i64, value: Option<f64>) -> Sample {
    let quality = if value.is_some() { Quality::GOOD } else { Quality::bad(Reason::NoAnswer) };
    Sample { time: Timestamp::from_micros(START + micros), value: value.map(Value::Double), quality }
}

fn now(time: Timestamp) -> Now {
    Now { utc: time, monotonic: Monotonic::from_micros((time.as_micros() - START) as u64) }
}

/// What the engine writes into the journal when these samples come.
fn live(folder: &Path, tag: &str, samples: &[Sample]) -> Vec<Transition> {
    let plan = Arc::new(config::load(folder, Generation(1)).into_plant().unwrap().plan);
    let tag = plan.directory.find(tag).unwrap();
    let mut engine = Engine::new(plan, Restored::default());
    let (mut effects, mut transitions) = (Effects::default(), Vec::new());
    let mut step = |event: Event, moment: Now| {
        engine.step(event, moment, &mut effects);
        transitions.append(&mut effects.transitions);
        effects.clear();
        engine.next_deadline()
    };
    let report = DeviceReport {
        generation: Generation(1),
        device: DeviceId(0),
        link: Link::Good,
        condition: Condition::Good,
        statistics: Statistics::default(),
    };
    let mut due = step(Event::Driver(DriverEvent::Device(report)), now(samples[0].time));
    for sample in samples {
        let moment = now(sample.time);
        while let Some(at) = due.filter(|at| *at <= moment.monotonic) {
            let utc = Timestamp::from_micros(START + at.as_micros() as i64);
            due = step(Event::Tick, Now { utc, monotonic: at });
        }
        let reading = Reading { tag, value: sample.value.clone(), quality: sample.quality };
        let batch = Batch {
            generation: Generation(1),
            device: DeviceId(0),
            time: sample.time,
            readings: vec![reading],
            confirmed: Arc::from([]),
        };
        due = step(Event::Driver(DriverEvent::Batch(batch)), moment);
    }
    transitions
}

fn spans(transitions: &[Transition], alarm: &str, end: Timestamp) -> Vec<Span> {
    let mut spans: Vec<Span> = Vec::new();
    for change in transitions.iter().filter(|change| change.alarm.as_str() == alarm) {
        match change.to {
            State::Unacknowledged => spans.push(Span { raised: change.time, returned: end }),
            _ => spans.last_mut().unwrap().returned = change.time,
        }
    }
    spans
}

fn station(alarm: &Json) -> Folder {
    let tags = json!([{"name": "level", "device": "plc-1", "register": "holding:0", "type": "f32", "unit": "m", "alarms": [alarm]}]);
    Folder::new(&modbus_station(1502, "1s", tags))
}

fn definition(folder: &Folder, alarm: &str) -> AlarmDefinition {
    let plan = config::load(&folder.path, Generation(1)).into_plant().unwrap().plan;
    plan.alarms.iter().find(|known| known.key.as_str() == alarm).unwrap().clone()
}

/// A walk around a limit, with pauses of all lengths and times without an answer.
fn walk(random: &mut Random, count: usize) -> Vec<Sample> {
    let (mut time, mut value) = (0, 5.0);
    let mut one = || {
        time += 1 + (random.below(20) * random.below(20)) as i64 * SECOND / 7;
        value = f64::clamp(value + (random.below(2001) as f64 - 1000.0) / 500.0, 0.0, 10.0);
        sample(time, (random.below(12) > 0).then_some(value))
    };
    (0..count).map(|_| one()).collect()
}

#[test]
fn a_replay_is_what_the_engine_does() {
    let mut random = Random(0x5EED_00B7);
    let mut seen = 0;
    for (kind, alarm) in [
        ("high", json!({"high": 5.5})),
        ("high", json!({"high": 5.5, "deadband": 1.5})),
        ("low", json!({"low": 4.0, "deadband": 0.5, "on_delay": "7s"})),
        ("high-high", json!({"high_high": 6.0, "off_delay": "20s"})),
        ("low-low", json!({"low_low": 5.0, "deadband": 0.2, "on_delay": "3s", "off_delay": "11s"})),
        ("digital", json!({"is": 0, "on_delay": "2s"})),
    ] {
        let folder = station(&alarm);
        let samples = walk(&mut random, 4000);
        let name = format!("level:{kind}");
        let end = samples.last().unwrap().time;
        let expected = spans(&live(&folder.path, "level", &samples), &name, end);
        let mut replay = Replay::new(definition(&folder, &name), samples[0].time);
        let times: Vec<i64> = samples.iter().map(|sample| sample.time.as_micros()).collect();
        let number = |sample: &Sample| sample.value.as_ref().and_then(Value::as_f64).unwrap_or(f64::NAN);
        replay.numbers(&times, &samples.iter().map(number).collect::<Vec<_>>());
        assert_eq!(replay.finish(end), expected, "{alarm}");
        assert!(!expected.is_empty(), "{alarm} never came");
        seen += expected.len();
    }
    assert!(seen > 500, "{seen} activations say little");
}

/// Thirty days: mostly quiet, each noon (UTC) twenty minutes of noise at the limit, each sixth day a real high level of half an hour, and each
/// hour a spike of two samples.
fn month(step_seconds: i64) -> Vec<Sample> {
    let mut random = Random(0x5EED_0030);
    let one = |place: i64| {
        let second = place * step_seconds;
        let (day, of_day) = (second / 86_400, second % 86_400);
        let noise = random.below(100) as f64 / 1000.0;
        let value = match of_day {
            43_800..45_000 => 7.95 + noise,
            61_300..63_100 if day % 6 == 5 => 8.6 + noise,
            _ if of_day % 3600 >= 3600 - 2 * step_seconds => 8.3,
            _ => 4.0 + noise,
        };
        sample(second * SECOND, Some(value))
    };
    (0..30 * 86_400 / step_seconds).map(one).collect()
}

fn keep(folder: &Folder, samples: &[Sample], transitions: Vec<Transition>) {
    let plan = config::load(&folder.path, Generation(1)).into_plant().unwrap().plan;
    let slot = plan.directory.find("level").unwrap();
    let opened = OpenedHistory::open(&folder.path, Timestamp::default()).unwrap();
    let historian = Historian::start(opened, Arc::new(SystemClock::new()), |_| {}).unwrap();
    assert!(historian.set_plan(Arc::clone(&plan.directory), std::collections::HashMap::new()));
    let row = |sample: &Sample| HistoryRow { tag: TagId(slot.0), sample: sample.clone() };
    for some in samples.chunks(5000) {
        let mut rows: Vec<HistoryRow> = some.iter().map(row).collect();
        // It takes no more than it can hold: then it is asked again.
        while let Err(back) = historian.rows(rows) {
            rows = back;
            std::thread::yield_now();
        }
    }
    historian.stop();
    let recorder = Recorder::start(RecordStore::open(&folder.path.join("records.sqlite")).unwrap(), |_| {}).unwrap();
    for some in transitions.chunks(200) {
        recorder.order(Order { transitions: some.to_vec(), drafts: Vec::new(), ..Order::default() }).unwrap();
    }
    recorder.stop();
}

fn tool(folder: &Folder, arguments: &[&str]) -> String {
    let output = run(&[&["alarms", folder.path.to_str().unwrap()], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", words(&output));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_month_of_history_says_what_another_setting_would_have_done() {
    let folder = station(&json!({"high": 8.0, "priority": "high"}));
    let samples = month(10);
    let transitions = live(&folder.path, "level", &samples);
    let came = transitions.iter().filter(|change| change.to == State::Unacknowledged).count();
    keep(&folder, &samples, transitions);
    let period = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-31T00:00:00Z"];
    let backtest = |more: &[&str]| -> Json {
        serde_json::from_str(&tool(&folder, &[&["--backtest", "level:high", "--json"], more, &period[..]].concat()))
            .unwrap()
    };
    // A deadband puts the noise of a day together; spikes and real levels stay.
    let deadband = backtest(&["--deadband", "0.1"])["comparison"].clone();
    let (spikes, noises, real) = (30 * 24, 30, 5);
    assert_eq!(deadband["activations"], came);
    assert_eq!((&deadband["changed"], &deadband["missed"]), (&json!(spikes + noises + real), &json!(0)));
    // An on-delay of 25 s takes spikes away, which last 20 s, and delays the real ones by itself.
    let delayed = backtest(&["--deadband", "0.1", "--on-delay", "25s"])["comparison"].clone();
    assert_eq!((&delayed["changed"], &delayed["longest_delay_seconds"]), (&json!(noises + real), &json!(25.0)));
    let longest = &delayed["longest_missed"];
    let length = longest["returned"].as_i64().unwrap() - longest["raised"].as_i64().unwrap();
    assert_eq!(length, 20 * SECOND, "spikes, and nothing longer, are missed: {delayed}");
    // A limit above all but the real ones.
    let higher = backtest(&["--high", "8.5"])["comparison"].clone();
    assert_eq!((&higher["changed"], &higher["added"]), (&json!(real), &json!(0)));
    let said = tool(&folder, &[&["--backtest", "level:high", "--on-delay", "25s"], &period[..]].concat());
    assert!(said.contains("would have been missed; the longest lasted 20 s, from 2026-01-01T00:"), "{said}");
    assert!(said.contains("259200 samples were replayed in"), "{said}");
    println!("{said}");
}

#[test]
fn bad_actors_are_named_with_what_would_help() {
    let folder = station(&json!({"high": 8.0, "priority": "high"}));
    let samples = month(10);
    let transitions = live(&folder.path, "level", &samples);
    keep(&folder, &samples, transitions);
    let period = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-31T00:00:00Z"];
    let told: Json =
        serde_json::from_str(&tool(&folder, &[&["--bad-actors", "--json"], &period[..]].concat())).unwrap();
    let actor = &told[0];
    assert_eq!(actor["figures"]["alarm"], "level:high");
    assert!(actor["figures"]["chattering"].as_u64().unwrap() > 500, "{actor}");
    let (setting, found) = (&actor["proposal"]["setting"], &actor["proposal"]["comparison"]);
    let missed = &found["longest_missed"];
    let lasted = missed["returned"].as_i64().unwrap_or(0) - missed["raised"].as_i64().unwrap_or(0);
    assert!(lasted < 60 * SECOND, "nothing that lasted is given up: {actor}");
    assert!(found["removed"].as_i64().unwrap() > 500, "{actor}");
    assert_eq!(found["activations"], actor["figures"]["activations"], "the replay is what was: {actor}");
    assert!(
        !setting["deadband"].is_null()
            || !setting["on_delay_seconds"].is_null()
            || !setting["off_delay_seconds"].is_null()
    );
    let said = tool(&folder, &[&["--bad-actors"], &period[..]].concat());
    assert!(said.contains("level:high") && said.contains("activations fewer"), "{said}");
    println!("{said}");
    let path = folder.path.to_str().unwrap();
    for (wrong, word) in [
        (&["--backtest", "level:low", "--deadband", "1"][..], "there is no alarm"),
        (&["--backtest", "level:high", "--low", "1"], "is an alarm high"),
        (&["--backtest", "level:high"], "say what should be another"),
        (&["--backtest", "plc-1:lost", "--off-delay", "5s"], "neither a deadband nor an off-delay"),
        (&["--backtest", "plc-1:identity", "--on-delay", "5s"], "no setting of it can be another"),
        (&["--backtest", "level:high", "--deadband=-1"], "not negative"),
    ] {
        let output = run(&[&["alarms", path], wrong].concat());
        assert_eq!(output.status.code(), Some(1), "{wrong:?}");
        assert!(words(&output).contains(word), "{wrong:?}: {}", words(&output));
    }
}

/// Of devices there are no samples: what the journal tells of them has waited for the present on-delay already.
#[test]
fn a_device_that_comes_and_goes_gets_a_longer_delay_out_of_the_journal() {
    let mut file = modbus_station(1502, "1s", json!([{"name": "level", "device": "plc-1", "register": "holding:0"}]));
    file["devices"][0]["lost"] = json!({"on_delay": "2s"});
    let folder = Folder::new(&file);
    let change = |second: i64, from: State, to: State, number: u64| {
        change_of("plc-1:lost", number, [from, to], [Timestamp::from_micros(START + second * SECOND); 2])
    };
    // Thirty times for seven seconds, and once for ten minutes.
    let lives = (0..30).map(|number| (number * 1000, 7)).chain([(50_000, 600)]);
    let transitions = lives.enumerate().flat_map(|(place, (second, length))| {
        let (number, from) = (place as u64 + 1, if place == 0 { State::Normal } else { State::ReturnedUnacknowledged });
        [
            change(second, from, State::Unacknowledged, number),
            change(second + length, State::Unacknowledged, State::ReturnedUnacknowledged, number),
        ]
    });
    keep(&folder, &[sample(0, Some(1.0)), sample(86_400 * SECOND, Some(1.0))], transitions.collect());
    let period = ["--from", "2026-01-01T00:00:00Z", "--to", "2026-01-02T00:00:00Z"];
    let told: Json =
        serde_json::from_str(&tool(&folder, &[&["--bad-actors", "--json"], &period[..]].concat())).unwrap();
    let proposal = &told[0]["proposal"];
    assert_eq!(proposal["setting"]["on_delay_seconds"], 12.0, "{told}");
    let found = &proposal["comparison"];
    assert_eq!((&found["activations"], &found["changed"], &found["missed"]), (&json!(31), &json!(1), &json!(30)));
    let said = tool(&folder, &[&["--backtest", "plc-1:lost", "--on-delay", "8.9s"], &period[..]].concat());
    assert!(said.contains("0 activations fewer") && said.contains("31 activations of the journal"), "{said}");
    let said = tool(&folder, &[&["--backtest", "plc-1:lost", "--on-delay", "9.1s"], &period[..]].concat());
    assert!(said.contains("30 activations fewer") && said.contains("longest lasted 7 s"), "{said}");
    let path = folder.path.to_str().unwrap();
    let shorter = run(&["alarms", path, "--backtest", "plc-1:lost", "--on-delay", "1s"]);
    assert!(words(&shorter).contains("only a longer one can be tried"), "{}", words(&shorter));
}
