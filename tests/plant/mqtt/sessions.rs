//! Sessions: what is kept over a break, what is noticed, and what the broker says when we are gone.

use super::between::{Between, Fate, Side};
use super::{Broker, running, station_of};
use crate::support::{Folder, Station};
use serde_json::{Value, json};

const SUBACK: u8 = 9;
const PINGRESP: u8 = 13;

fn file(port: u16, more: &[(&str, Value)]) -> Value {
    let mut broker = json!({"url": format!("mqtt://127.0.0.1:{port}"), "keep_alive": "1s", "timeout": "2s"});
    for (key, value) in more {
        broker[*key] = value.clone();
    }
    station_of(
        broker,
        json!([
            {"name": "level", "device": "site", "topic": "level"},
            {"name": "flow", "device": "site", "topic": "flow"},
        ]),
    )
}

fn wait_good(station: &mut Station) {
    station.wait("the broker", |event| event["device"] == "site" && event["state"] == "good");
}

#[test]
fn a_persistent_session_brings_what_was_published_meanwhile() {
    for (version, qos) in [("3.1.1", "1"), ("5", "2")] {
        let broker = Broker::with("allow_anonymous true\n");
        let session =
            [("session", json!("persistent")), ("version", json!(version)), ("qos", json!(qos.parse::<u8>().unwrap()))];
        let folder = Folder::new(&file(broker.port, &session));
        let mut station = Station::start(&folder.path);
        wait_good(&mut station);
        // However it ends.
        station.process.kill();
        for value in 1..=3 {
            broker.publish_with(&["-t", "level", "-q", qos, "-m", &value.to_string()]);
        }
        let mut station = Station::start(&folder.path);
        let mut values = Vec::new();
        station.wait("what was published meanwhile", |event| {
            // Nobody knows how old it is.
            if event["tag"] == "level" && event["reason"] == "kept by the broker, age unknown" {
                assert_eq!(event["quality"], "uncertain", "{event}");
                values.push(event["value"].as_i64().unwrap());
            }
            values.last() == Some(&3)
        });
        assert_eq!(values, [1, 2, 3], "{version}");
        // What is published now is what it is, as soon as the broker has shown that nothing is left.
        broker.publish_with(&["-t", "flow", "-q", qos, "-m", "0"]);
        let mut value = 0;
        station.wait("a value of now", |event| {
            value += 1;
            broker.publish_with(&["-t", "flow", "-q", qos, "-m", &value.to_string()]);
            event["tag"] == "flow" && event["quality"] == "good"
        });
    }
}

#[test]
fn a_broker_that_is_killed_in_the_middle_of_a_stream_is_found_again() {
    let mut broker = Broker::new();
    let mut station = running(&file(broker.port, &[]));
    wait_good(&mut station);
    for round in 0..3 {
        for value in 0..50 {
            broker.publish("flow", &value.to_string());
        }
        broker.kill_and_start();
        station.wait("the break", |event| event["device"] == "site" && event["state"] == "lost");
        wait_good(&mut station);
        broker.publish("level", &round.to_string());
        station.wait("the next value", |event| event["tag"] == "level" && event["value"] == round);
    }
}

#[test]
fn a_session_that_makes_no_progress_is_built_anew() {
    let broker = Broker::new();
    // On the first connection no sign of life comes back, while messages do.
    let between = Between::new(broker.port, |number, side, packet| match side {
        Side::Broker if number == 0 && packet[0] >> 4 == PINGRESP => Fate::Swallow,
        _ => Fate::Pass,
    });
    let mut station = running(&file(between.port, &[]));
    wait_good(&mut station);
    let mut value = 0;
    let lost = station.wait("its end", |event| {
        value += 1;
        broker.publish("level", &value.to_string());
        event["device"] == "site" && event["state"] == "lost"
    });
    assert!(lost.to_string().contains("it did not answer a ping within 2000 ms"), "{lost}");
    wait_good(&mut station);
    assert!(between.packets(Side::Station, 1).len() >= 2);
}

#[test]
fn a_refused_subscription_takes_no_other_one_down() {
    for version in ["3.1.1", "5"] {
        let broker = Broker::new();
        let between = Between::new(broker.port, |_, side, packet| match side {
            // The first filter in the list is "flow".
            Side::Broker if packet[0] >> 4 == SUBACK => {
                let mut other = packet.to_vec();
                let codes = packet.len() - 2;
                other[codes] = if packet.len() == 6 { 0x80 } else { 0x87 };
                Fate::Instead(other)
            }
            _ => Fate::Pass,
        });
        let mut station = running(&file(between.port, &[("version", json!(version))]));
        station.wait_sample("flow", "refused", |event| event["reason"] == "the broker refuses the subscription");
        broker.publish("level", "7");
        assert_eq!(station.wait_good("level")["value"], 7);
    }
}

#[test]
fn the_broker_publishes_the_will_of_a_station_that_is_gone() {
    let broker = Broker::new();
    let mut watcher = broker.subscriber(&["polder/state"], &[]);
    let will = json!({"topic": "polder/state", "payload": "gone", "retain": true});
    for version in ["3.1.1", "5"] {
        let settings = [("will", will.clone()), ("version", json!(version))];
        let mut station = running(&file(broker.port, &settings));
        wait_good(&mut station);
        station.process.kill();
        watcher.wait("the will", |line| (line == "polder/state gone").then_some(()));
    }
}

/// Those who watch know at once, and once; and the broker, that nothing went wrong.
#[test]
fn a_station_that_is_stopped_says_goodbye_and_its_will_is_known() {
    for version in ["3.1.1", "5"] {
        let broker = Broker::new();
        let between = Between::new(broker.port, |_, _, _| Fate::Pass);
        let mut watcher = broker.subscriber(&["polder/state"], &[]);
        let will = json!({"topic": "polder/state", "payload": "gone", "retain": true, "qos": 1});
        let folder = Folder::new(&file(between.port, &[("will", will), ("version", json!(version))]));
        let mut station = Station::start(&folder.path);
        wait_good(&mut station);
        station.stop();
        watcher.wait("the will", |line| (line == "polder/state gone").then_some(()));
        broker.publish("polder/state", "nothing more");
        let mut more = Vec::new();
        watcher.wait("what comes next", |line| {
            more.extend(line.starts_with("polder/state").then(|| line.to_owned()));
            (line == "polder/state nothing more").then_some(())
        });
        assert_eq!(more.len(), 1, "{more:?}");
        let said = between.packets(Side::Station, 14);
        let expected = if version == "5" { &[0xE0, 1, 4][..] } else { &[0xE0, 0] };
        assert_eq!(said, [(0, expected.to_vec())], "{version}");
    }
}

/// The same where a reload takes the connection away.
#[test]
fn a_connection_that_is_taken_out_says_goodbye() {
    let broker = Broker::new();
    let between = Between::new(broker.port, |_, _, _| Fate::Pass);
    let mut watcher = broker.subscriber(&["polder/state"], &[]);
    let will = json!({"topic": "polder/state", "payload": "gone"});
    let mut file = file(between.port, &[("will", will)]);
    let folder = Folder::new(&file);
    let mut station = Station::start(&folder.path);
    wait_good(&mut station);
    for list in ["connections", "devices", "tags"] {
        file[list] = json!([]);
    }
    std::fs::write(folder.path.join("station.json"), file.to_string()).unwrap();
    let output = station.tool(&["reload", "--apply"]);
    assert!(output.status.success(), "{}", crate::support::words(&output));
    watcher.wait("the will", |line| (line == "polder/state gone").then_some(()));
    let end = std::time::Instant::now() + crate::support::DEADLINE;
    while between.packets(Side::Station, 14).is_empty() {
        assert!(std::time::Instant::now() < end, "it did not say goodbye");
        std::thread::yield_now();
    }
}

/// A reload that changes what is read keeps the connection; what is not wanted any more is unsubscribed from.
#[test]
fn a_reload_changes_subscriptions_without_a_new_connection() {
    let broker = Broker::new();
    let between = Between::new(broker.port, |_, _, _| Fate::Pass);
    let mut file = file(between.port, &[]);
    let folder = Folder::new(&file);
    let mut station = Station::start(&folder.path);
    wait_good(&mut station);
    file["tags"][1]["topic"] = json!("other");
    std::fs::write(folder.path.join("station.json"), file.to_string()).unwrap();
    let output = station.tool(&["reload", "--apply"]);
    assert!(output.status.success(), "{}", crate::support::words(&output));
    let end = std::time::Instant::now() + crate::support::DEADLINE;
    while between.packets(Side::Broker, 11).is_empty() {
        assert!(std::time::Instant::now() < end, "nothing was unsubscribed from");
        std::thread::yield_now();
    }
    broker.publish("other", "8");
    station.wait("the new topic", |event| event["tag"] == "flow" && event["value"] == 8);
    broker.publish("level", "9");
    station.wait("the old topic", |event| event["tag"] == "level" && event["value"] == 9);
    assert_eq!(between.packets(Side::Station, 1).len(), 1, "it connected again");
}

/// The broker sends what it keeps only for a new subscription; a tag that comes later has it all the same, and no other one is disturbed.
#[test]
fn a_new_tag_on_a_topic_that_is_subscribed_to_has_what_the_broker_keeps() {
    let broker = Broker::new();
    broker.publish_with(&["-t", "level", "-r", "-m", "7"]);
    let mut file = file(broker.port, &[]);
    let folder = Folder::new(&file);
    let mut station = Station::start(&folder.path);
    station.wait_sample("level", "kept", |event| event["value"] == 7);
    broker.publish("level", "8");
    station.wait_sample("level", "live", |event| event["value"] == 8);
    let tags = file["tags"].as_array_mut().unwrap();
    tags.push(json!({"name": "again", "device": "site", "topic": "level"}));
    std::fs::write(folder.path.join("station.json"), file.to_string()).unwrap();
    let output = station.tool(&["reload", "--apply"]);
    assert!(output.status.success(), "{}", crate::support::words(&output));
    station.wait("what the broker keeps", |event| {
        assert!(event["tag"] != "level" || event["value"] != 7, "an older value in place of a newer one: {event}");
        event["tag"] == "again" && event["value"] == 7
    });
}
