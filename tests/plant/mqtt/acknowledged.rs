//! No message that was acknowledged is lost, and none of QoS 2 is there twice: over cuts of the connection, restarts of the broker, and kills of
//! the station. Numbers are published, and what counts is what `polder export` has of them in the end.
//!
//! `POLDER_FULL_MQTT_SUITE=1` takes the whole numbers of cuts, restarts and kills.

use super::between::{Between, Fate, Side};
use super::exchanges::{acknowledged, published_again};
use super::{Broker, station_of};
use crate::support::{Folder, Process, Station, python, root, run, words};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::os::unix::fs::MetadataExt;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const PERSISTENT: &str =
    "allow_anonymous true\npersistence true\npersistence_location FOLDER/\nmax_queued_messages 0\n";
/// Topic and tag, and the level at which its numbers are published.
const LEVELS: [(&str, u8); 2] = [("once", 1), ("twice", 2)];
const VERSIONS: [&str; 2] = ["3.1.1", "5"];

/// How often: `POLDER_FULL_MQTT_SUITE=1` takes the whole number.
fn times(usual: usize, full: usize) -> usize {
    if std::env::var_os("POLDER_FULL_MQTT_SUITE").is_some() { full } else { usual }
}

struct Publisher {
    process: Process,
    last: u64,
}

impl Publisher {
    /// It goes on behind the number `last`.
    fn start(port: u16, last: u64) -> Self {
        let script = root().join("tests/peers/numbered_publisher.py");
        let mut process = Process::start(Command::new(python()).arg(script).args([port.to_string(), last.to_string()]));
        process.wait("its start", |line| line.contains("ready").then_some(()));
        Self { process, last }
    }

    /// So many more numbers at both levels, without waiting for them.
    fn publish(&mut self, count: u64) {
        for (topic, qos) in LEVELS {
            self.process.send(&json!({"topic": topic, "qos": qos, "count": count}).to_string());
        }
        self.last += count;
    }

    /// Waits until the broker has confirmed everything.
    fn confirm(&mut self) {
        let mut missing = LEVELS.map(|(topic, _)| json!({"topic": topic, "last": self.last})).to_vec();
        self.process.wait("the confirmation of all numbers", |line| {
            let said: Value = serde_json::from_str(line).ok()?;
            missing.retain(|wanted| *wanted != said);
            missing.is_empty().then_some(())
        });
    }
}

fn station(port: u16, version: &str, more: &[(&str, Value)]) -> Value {
    let mut broker = json!({"url": format!("mqtt://127.0.0.1:{port}"), "version": version, "qos": 2, "session": "persistent",
        "acknowledge": "stored", "keep_alive": "2s", "client_id": "counts"});
    for (key, value) in more {
        broker[*key] = value.clone();
    }
    let tags = LEVELS.map(|(name, _)| json!({"name": name, "device": "site", "topic": name, "type": "u32"}));
    station_of(broker, json!(tags))
}

fn start(folder: &Folder) -> Station {
    let mut station = Station::start(&folder.path);
    station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
    station
}

/// Waits for so many values, of whatever tag, or until the last number of both is there.
fn wait_values(station: &mut Station, count: usize, last: u64) {
    let (mut left, mut missing) = (count, LEVELS.map(|(tag, _)| tag).to_vec());
    station.wait("numbers", |event| {
        left -= usize::from(event["event"] == "sample" && event["value"].is_u64());
        missing.retain(|tag| event["tag"] != *tag || event["value"] != last);
        left == 0 || missing.is_empty()
    });
}

/// Waits until the last number of both is there.
fn wait_last(station: &mut Station, last: u64) {
    wait_values(station, usize::MAX, last);
}

/// The numbers that history has of a tag, in their order.
fn kept(folder: &Folder, tag: &str) -> Vec<u64> {
    let out = folder.path.join(format!("{tag}.csv"));
    let (path, out_path) = (folder.path.to_str().unwrap(), out.to_str().unwrap());
    let (from, to) = ("2020-01-01T00:00:00Z", "2100-01-01T00:00:00Z");
    let output = run(&["export", path, "--tag", tag, "--from", from, "--to", to, "--out", out_path]);
    assert!(output.status.success(), "{}", words(&output));
    let text = std::fs::read_to_string(out).unwrap();
    let number = |line: &str| line.split(',').nth(2).unwrap().parse().ok();
    let mut numbers: Vec<u64> = text.lines().skip(1).filter_map(number).collect();
    numbers.sort_unstable();
    numbers
}

/// What is not as it should be, and why that is not the station's fault.
#[derive(Default)]
struct Excuses {
    /// Numbers of QoS 2 that the broker published again after it had released them, with the whole exchange.
    again: BTreeMap<u64, String>,
    /// Numbers that the broker may have lost, if we did not acknowledge them.
    lost: Vec<RangeInclusive<u64>>,
    /// By tag, the numbers that we acknowledged.
    acknowledged: BTreeMap<&'static str, BTreeSet<u64>>,
}

impl Excuses {
    fn of_the_wire(between: &Between, version: &str, lost: Vec<RangeInclusive<u64>>) -> Self {
        let by_tag = |(tag, _)| (tag, acknowledged(between, tag, version));
        let again = published_again(between, "twice", version);
        Self { again, lost, acknowledged: LEVELS.map(by_tag).into() }
    }
}

/// QoS 1: none is lost. QoS 2: none is lost and none is there twice. How many were excused as lost, and as doubled.
fn judge(folder: &Folder, last: u64, excuses: &Excuses) -> (usize, usize) {
    let mut lost_in_all = 0;
    let mut doubled_at_two = 0;
    for (tag, qos) in LEVELS {
        let numbers = kept(folder, tag);
        let lost: Vec<_> = (1..=last).filter(|number| numbers.binary_search(number).is_err()).collect();
        let doubled: Vec<_> = numbers.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        println!("QoS {qos}: {last} numbers, {} lost, {} came again", lost.len(), doubled.len());
        let acknowledged = excuses.acknowledged.get(tag);
        let may_be_lost = |number: &u64| {
            excuses.lost.iter().any(|range| range.contains(number))
                && acknowledged.is_some_and(|acknowledged| !acknowledged.contains(number))
        };
        let ours: Vec<_> = lost.iter().filter(|number| !may_be_lost(number)).collect();
        assert!(ours.is_empty(), "QoS {qos}: lost {ours:?}");
        lost_in_all += lost.len();
        if qos == 2 {
            doubled_at_two = doubled.len();
            if let Some((number, exchange)) = doubled.iter().find_map(|number| excuses.again.get_key_value(number)) {
                println!("for instance {number}: {exchange}");
            }
            let ours: Vec<_> = doubled.iter().filter(|number| !excuses.again.contains_key(number)).collect();
            assert!(ours.is_empty(), "QoS 2: doubled {ours:?}");
        }
    }
    (lost_in_all, doubled_at_two)
}

#[test]
fn no_cut_of_the_connection_loses_or_doubles_a_message() {
    for version in VERSIONS {
        let broker = Broker::with(PERSISTENT);
        let wanted = times(10, 100);
        let cuts = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&cuts);
        let mut answers = 0;
        let between = Between::new(broker.port, move |_, side, _| {
            // Ours, which are acknowledgements for the most part: who cuts by what the broker sends may never let one through.
            answers += usize::from(side == Side::Station);
            let cut = count.load(Ordering::Relaxed);
            if cut == wanted || answers < 10 + cut * 37 % 41 {
                return Fate::Pass;
            }
            answers = 0;
            count.fetch_add(1, Ordering::Relaxed);
            Fate::Cut
        });
        let folder = Folder::new(&station(between.port, version, &[]));
        let mut station = start(&folder);
        let mut publisher = Publisher::start(broker.port, 0);
        while cuts.load(Ordering::Relaxed) < wanted {
            publisher.publish(20);
            wait_last(&mut station, publisher.last);
        }
        publisher.confirm();
        station.stop();
        judge(&folder, publisher.last, &Excuses::default());
    }
}

/// Stops the broker so that it saves its state, and starts it again in the middle of what it has to deliver; the numbers that it published
/// again, and the outcome.
fn restart_in_the_middle(version: &str, more: &str) -> (usize, usize) {
    let mut broker = Broker::with(&format!("{PERSISTENT}{more}"));
    let between = Between::new(broker.port, |_, _, _| Fate::Pass);
    let folder = Folder::new(&station(between.port, version, &[]));
    let mut station = start(&folder);
    let mut publisher = Publisher::start(broker.port, 0);
    for round in 0..times(3, 20) {
        publisher.publish(300);
        // What it has not confirmed is not its own to keep.
        publisher.confirm();
        wait_values(&mut station, 1 + round * 53 % 300, publisher.last);
        broker.process.signal("TERM");
        broker.process.child.wait().unwrap();
        broker.start_again();
        publisher = Publisher::start(broker.port, publisher.last);
    }
    publisher.publish(1);
    wait_last(&mut station, publisher.last);
    publisher.confirm();
    station.stop();
    judge(&folder, publisher.last, &Excuses::of_the_wire(&between, version, Vec::new()))
}

/// When mosquitto reads its file, it takes no more messages for ones under way than `max_inflight_messages` has room for. The others it
/// publishes again, wherever their exchange stood. (0 and 65,535 mean without a limit, but here they mean no room at all.)
#[test]
fn no_restart_of_a_broker_that_keeps_its_exchanges_loses_or_doubles_a_message() {
    for version in VERSIONS {
        assert_eq!(restart_in_the_middle(version, "max_inflight_messages 10000\n"), (0, 0), "{version}");
    }
}

#[test]
fn what_a_restart_of_mosquitto_doubles_was_published_again_after_its_release() {
    for version in VERSIONS {
        let (lost, doubled) = restart_in_the_middle(version, "");
        assert_eq!(lost, 0);
        println!("{version}: mosquitto doubled {doubled}");
    }
}

#[test]
fn no_kill_of_the_station_loses_or_doubles_a_message() {
    for version in VERSIONS {
        let broker = Broker::with(PERSISTENT);
        let folder = Folder::new(&station(broker.port, version, &[]));
        let mut station = start(&folder);
        let mut publisher = Publisher::start(broker.port, 0);
        for round in 0..times(3, 20) {
            publisher.publish(300);
            wait_values(&mut station, 1 + round * 97 % 500, publisher.last);
            station.process.kill();
            station = start(&folder);
            publisher.publish(1);
            wait_last(&mut station, publisher.last);
        }
        publisher.confirm();
        station.stop();
        judge(&folder, publisher.last, &Excuses::default());
    }
}

/// Has the broker write its file, and waits until the new one is there.
fn save(broker: &Broker) {
    let file = broker.keep.path().join("mosquitto.db");
    let written = || file.metadata().ok().map(|metadata| metadata.ino());
    let (before, end) = (written(), Instant::now() + Duration::from_secs(30));
    broker.process.signal("USR1");
    while written() == before {
        assert!(Instant::now() < end, "the broker does not save");
        std::thread::yield_now();
    }
}

/// What a broker confirmed after it had last written its file, it loses when it is killed; nothing else is lost, before and after.
#[test]
fn a_kill_of_the_broker_loses_only_what_it_had_not_saved() {
    for version in VERSIONS {
        let mut broker = Broker::with(PERSISTENT);
        let between = Between::new(broker.port, |_, _, _| Fate::Pass);
        let folder = Folder::new(&station(between.port, version, &[]));
        let mut station = start(&folder);
        let mut publisher = Publisher::start(broker.port, 0);
        let mut lost = Vec::new();
        for round in 0..times(4, 20) {
            publisher.publish(100);
            publisher.confirm();
            save(&broker);
            let saved = publisher.last;
            let is_away = round % 2 == 1;
            if is_away {
                station.process.signal("STOP");
            }
            publisher.publish(300);
            if is_away {
                publisher.confirm();
            } else {
                let number = saved + 1 + round as u64 * 53 % 250;
                station.wait("the middle", |event| event["tag"] == "twice" && event["value"] == number);
            }
            broker.process.kill();
            lost.push(saved + 1..=publisher.last);
            broker.start_again();
            if is_away {
                station.process.signal("CONT");
            }
            publisher = Publisher::start(broker.port, publisher.last);
        }
        publisher.publish(300);
        wait_last(&mut station, publisher.last);
        publisher.confirm();
        station.stop();
        let (lost, _) = judge(&folder, publisher.last, &Excuses::of_the_wire(&between, version, lost));
        assert!(lost > 0, "nothing was lost, so that this shows nothing");
    }
}

/// Mosquitto lets more go out than agreed while it holds messages back.
#[test]
fn a_small_receive_maximum_gets_through_a_backlog_on_one_connection() {
    let broker = Broker::with(PERSISTENT);
    let between = Between::new(broker.port, |_, _, _| Fate::Pass);
    let folder = Folder::new(&station(between.port, "5", &[("receive_maximum", json!(3))]));
    start(&folder).stop();
    let mut publisher = Publisher::start(broker.port, 0);
    publisher.publish(300);
    publisher.confirm();
    let before = between.packets(Side::Station, 1).len();
    let mut station = start(&folder);
    wait_last(&mut station, publisher.last);
    station.stop();
    assert_eq!(between.packets(Side::Station, 1).len(), before + 1);
    judge(&folder, publisher.last, &Excuses::default());
}

/// Whatever the broker held back says so, and what is published while its messages still wait for history comes to count as of now.
#[test]
fn a_backlog_counts_as_old_until_the_last_of_it() {
    for version in VERSIONS {
        let broker = Broker::with(PERSISTENT);
        let folder = Folder::new(&station(broker.port, version, &[]));
        start(&folder).stop();
        let mut publisher = Publisher::start(broker.port, 0);
        publisher.publish(2000);
        publisher.confirm();
        let held_back = publisher.last;
        let mut station = start(&folder);
        publisher.publish(5);
        let mut heard = 0;
        station.wait("a value of now", |event| {
            let Some(number) = event["value"].as_u64().filter(|_| event["event"] == "sample") else { return false };
            let is_good = event["quality"] == "good" && LEVELS.iter().any(|(tag, _)| event["tag"] == *tag);
            assert!(!is_good || number > held_back, "{version}: {event}");
            heard += u64::from(number > held_back);
            // One for each that came, so that something is always under way.
            if number > held_back && heard % 2 == 0 {
                publisher.publish(1);
            }
            is_good
        });
        publisher.publish(1);
        wait_last(&mut station, publisher.last);
        publisher.confirm();
        station.stop();
        judge(&folder, publisher.last, &Excuses::default());
    }
}
