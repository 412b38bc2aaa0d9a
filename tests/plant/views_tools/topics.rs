//! The topics of a broker in the devices view, against mosquitto.

use super::Live;
use crate::mqtt::Broker;
use crate::support::{DEADLINE, Folder};
use crate::views::{show, texts, type_into};
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use polder::driver::Link;
use polder::gui::View;
use polder::recorder::read_audit;
use serde_json::{Value, json};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Instant;

fn publish(broker: &Broker, topic: &str, payload: &str, retain: bool) {
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-p", &broker.port.to_string(), "-t", topic, "-m", payload, "-q", "1"]);
    if retain {
        command.arg("-r");
    }
    assert!(command.status().unwrap().success());
}

fn station(port: u16) -> Value {
    json!({
        "connections": [{"name": "site", "mqtt": {"url": format!("mqtt://127.0.0.1:{port}")}}],
        "devices": [{"name": "hall", "connection": "site"}, {"name": "yard", "connection": "site"}],
        "tags": [
            {"name": "gate", "device": "hall", "topic": "gate"},
            {"name": "speed", "device": "hall", "topic": "pump/state", "command": {"topic": "pump/set"}}]})
}

/// A window on the topics of a broker that keeps a few.
fn opened() -> (Broker, Live) {
    let broker = Broker::new();
    publish(
        &broker,
        "house/sensor/state",
        r#"{"temperature": 21.5, "battery": {"low": false}, "name": "north"}"#,
        true,
    );
    publish(&broker, "house/lamp", "on", true);
    publish(&broker, "blank", "\u{1}\u{2}", true);
    let mut live = Live::start_in(Folder::new(&station(broker.port)));
    show(&mut live.window, View::Devices);
    live.wait(&["hall"]);
    live.until("the broker", |live| live.window.query_by_label_contains("hall, site").is_some());
    live.window.get_by_label_contains("hall, site").click();
    live.window.run_steps(3);
    live.wait(&["3 topics, "]);
    // A broker is no Modbus unit: it is not asked who it is, and gets no sign of life.
    let said = texts(&live.window);
    assert!(!said.iter().any(|text| text.contains("who it is") || text.contains("sign of life")), "{said:?}");
    (broker, live)
}

/// The words of the rows of the tree, from top to bottom.
fn rows(live: &Live) -> Vec<String> {
    let nodes = live.window.query_all_by_role(egui::Role::Row);
    let mut found: Vec<(f32, String)> =
        nodes.map(|node| (node.rect().top(), node.accesskit_node().label().unwrap_or_default())).collect();
    found.sort_by(|one, other| one.0.total_cmp(&other.0));
    let words = found.into_iter().map(|(_, words)| words);
    words.filter(|words| !words.contains(", site")).collect()
}

fn wait_rows(live: &mut Live, expected: &[&str]) {
    let end = Instant::now() + DEADLINE;
    while rows(live) != expected {
        assert!(Instant::now() < end, "{:?} instead of {expected:?}", rows(live));
        live.window.run_steps(1);
        std::thread::yield_now();
    }
}

fn press(live: &mut Live, key: Key) {
    live.window.key_press_modifiers(Modifiers::NONE, key);
    live.window.run_steps(3);
}

fn write_payload(live: &mut Live, text: &str) {
    live.window.get_by_role_and_label(egui::Role::MultilineTextInput, "Payload").focus();
    live.window.run_steps(2);
    live.window.get_by_role_and_label(egui::Role::MultilineTextInput, "Payload").type_text(text);
    live.window.run_steps(2);
}

const SENSOR: &str = r#"state, {"temperature": 21.5, "battery": {"low": false}, "name": "north"}, retained"#;

#[test]
fn the_tree_is_walked_with_the_arrow_keys_and_a_message_is_read() {
    let (broker, mut live) = opened();
    live.is_readable("topics");
    let folded = rows(&live);
    assert_eq!(folded, ["blank, blank, retained", "house, 2 topics, folded"]);
    live.window.get_by_label("house, 2 topics, folded").click();
    live.window.run_steps(3);
    press(&mut live, Key::ArrowRight);
    let unfolded = [&folded[0], "house, 2 topics, unfolded", "lamp, on, retained", "sensor, 1 topic, folded"];
    wait_rows(&mut live, &unfolded);
    assert!(live.window.get_by_label("house, 2 topics, unfolded").is_focused());
    press(&mut live, Key::ArrowRight);
    assert!(live.window.get_by_label("lamp, on, retained").is_focused(), "right goes below");
    live.wait(&["text, 2 bytes, retained: the broker kept it, at "]);
    press(&mut live, Key::ArrowDown);
    press(&mut live, Key::Enter);
    wait_rows(&mut live, &[&folded[0], unfolded[1], unfolded[2], "sensor, 1 topic, unfolded", SENSOR]);
    press(&mut live, Key::ArrowDown);
    live.wait(&["JSON, 65 bytes, retained"]);
    for field in ["/temperature, 21.5", "/battery/low, false", "/name, north"] {
        live.window.get_by_label(field);
    }
    live.is_readable("a message");
    // A topic that comes above moves the row, and the keyboard goes with it.
    publish(&broker, "aaa", "1", false);
    live.wait(&["4 topics, "]);
    live.until("the row", |live| live.window.get_by_label(SENSOR).is_focused());
    live.click("Text");
    live.wait(&["\"temperature\": 21.5"]);
    live.is_readable("a message as text");
    live.window.get_by_label(SENSOR).focus();
    live.window.run_steps(2);
    press(&mut live, Key::ArrowLeft);
    assert!(live.window.get_by_label("sensor, 1 topic, unfolded").is_focused(), "left goes above");
    press(&mut live, Key::ArrowLeft);
    live.until("it is folded", |live| live.window.query_by_label("sensor, 1 topic, folded").is_some());
}

#[test]
fn topics_are_found_paused_and_filtered() {
    let (broker, mut live) = opened();
    type_into(&mut live.window, "Find: topic or payload", "LAMP");
    wait_rows(&mut live, &["house/lamp, on, retained"]);
    live.wait(&["; 1 found"]);
    live.click("Pause");
    publish(&broker, "house/lamp", "off", false);
    live.wait(&["Paused. ", "topics"]);
    live.until("the ear hears on", |live| {
        texts(&live.window).iter().any(|text| text.starts_with("Paused. 3 topics, 0."))
    });
    assert_eq!(rows(&live), ["house/lamp, on, retained"], "the picture stands");
    live.click("Pause");
    wait_rows(&mut live, &["house/lamp, off"]);
    live.is_readable("topics that were found");
    // Another filter hears something else.
    type_into(&mut live.window, "Filter, such as hall/#", "/lost");
    live.wait(&["! This is not a filter"]);
    live.window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    live.window.run_steps(1);
    live.window.get_by_role_and_label(egui::Role::TextInput, "Filter, such as hall/#").type_text("house/+");
    live.window.run_steps(2);
    press(&mut live, Key::Enter);
    live.wait(&["1 topic, "]);
}

#[test]
fn a_tag_is_made_of_a_field_and_gives_its_value() {
    let (broker, mut live) = opened();
    type_into(&mut live.window, "Find: topic or payload", "sensor");
    live.until("the topic", |live| live.window.query_by_label_contains("house/sensor/state, ").is_some());
    live.window.get_by_label_contains("house/sensor/state, ").click();
    live.window.run_steps(3);
    live.until("its fields", |live| live.window.query_by_label("/temperature, 21.5").is_some());
    live.window.get_by_label("/temperature, 21.5").click();
    live.window.run_steps(3);
    live.click("Make a tag...");
    live.window.run_steps(3);
    let name = live.window.get_by_role_and_label(egui::Role::TextInput, "Name of the tag");
    assert!(name.is_focused(), "the keyboard is in the field");
    assert_eq!(name.value().as_deref(), Some("house/sensor/state/temperature"), "a name is proposed");
    type_into(&mut live.window, "Unit", "°C");
    live.is_readable_from("a new tag", "Make a tag");
    press(&mut live, Key::Enter);
    live.wait(&["added to station.json: house/sensor/state/temperature"]);
    live.wait(&["device hall, topic house/sensor/state, json /temperature, unit °C"]);
    let file = live.folder.path.join("station.json");
    assert!(!std::fs::read_to_string(&file).unwrap().contains("/temperature"), "a plan writes nothing");
    live.is_readable_from("a new tag that is planned", "Make a tag");
    live.click("Apply: write the station file and take it up");
    live.wait(&["station.json written, and the station goes on with it: 1 added, "]);
    live.is_readable_from("a new tag that is written", "Make a tag");
    live.click("Close Esc");
    publish(&broker, "house/sensor/state", r#"{"temperature": 22.5}"#, false);
    live.until("the value", |live| {
        let snapshot = live.station.handle().snapshot();
        let tag = snapshot.plan.directory.find("house/sensor/state/temperature");
        tag.and_then(|tag| snapshot.value(tag)).and_then(|value| value.as_f64()) == Some(22.5)
    });
    // What was unfolded and looked for stands as before.
    assert!(live.window.query_by_label_contains("house/sensor/state, ").is_some());
}

#[test]
fn a_message_by_hand_is_shown_before_it_goes_and_its_end_is_told() {
    let (_broker, mut live) = opened();
    live.click("Publish...");
    live.window.run_steps(2);
    assert!(live.window.get_by_role_and_label(egui::Role::TextInput, "Topic").is_focused());
    live.wait(&["a message needs a topic."]);
    type_into(&mut live.window, "Topic", "lamp/set");
    write_payload(&mut live, "on");
    live.wait(&["A reason is needed. It is recorded."]);
    type_into(&mut live.window, "Reason", "a test");
    live.click("Retain");
    live.is_readable_from("a message by hand", "Publish a message by hand");
    live.click("Show what goes out");
    for words in ["lamp/set", "Payload, 2 bytes", "QoS 1; the broker keeps it for everybody who comes later", "a test"]
    {
        live.wait(&[words]);
    }
    live.is_readable_from("a message as it goes out", "Publish a message by hand");
    assert!(live.window.get_by_label("Back").is_focused(), "a key that is held down does not send");
    let records = live.folder.path.join("records.sqlite");
    assert!(!read_audit(&records, 100).unwrap().iter().any(|entry| &*entry.action == "publish"));
    live.click("Publish it");
    live.wait(&["Published: the broker acknowledged it; who receives it is not known."]);
    live.is_readable_from("a message that went out", "Publish a message by hand");
    live.click("Close Esc");
    live.wait(&["4 topics, "]);
    let audit = read_audit(&records, 100).unwrap();
    let entry = audit.iter().find(|entry| &*entry.action == "publish").unwrap();
    assert!(&*entry.subject == "site lamp/set" && entry.detail.contains("\"confirmed\":\"dialog\""), "{entry:?}");
    // The topic of a command is closed.
    live.click("Publish...");
    type_into(&mut live.window, "Topic", "pump/set");
    write_payload(&mut live, "5");
    type_into(&mut live.window, "Reason", "a test");
    live.click("Show what goes out");
    live.click("Publish it");
    live.wait(&["! Not sent: the command of speed goes to this topic; set the tag instead, so that its limits hold."]);
    press(&mut live, Key::Escape);
    live.until("it is closed", |live| live.window.query_by_label("Publish it").is_none());
}

/// More than can be read: it is sampled and counted, no topic is lost, and the tags of the station go on.
#[test]
fn a_flood_is_sampled_and_stalls_no_tag() {
    let (broker, mut live) = opened();
    let mut command = Command::new("mosquitto_pub");
    command.args(["-h", "127.0.0.1", "-p", &broker.port.to_string(), "-t", "flood", "-l"]).stdin(Stdio::piped());
    let mut flood = command.spawn().unwrap();
    let mut lines = flood.stdin.take().unwrap();
    let flooding = std::thread::spawn(move || {
        let burst = "0123456789\n".repeat(1_000);
        while lines.write_all(burst.as_bytes()).is_ok() {}
    });
    live.wait(&["messages came too fast or had no room, and are left out"]);
    for number in 0..3 {
        publish(&broker, "gate", &number.to_string(), false);
        live.until("the value", |live| {
            let snapshot = live.station.handle().snapshot();
            let value = snapshot.plan.directory.find("gate").and_then(|tag| snapshot.value(tag));
            value.and_then(|value| value.as_f64()) == Some(f64::from(number))
        });
    }
    live.until("the new topic", |live| rows(live).iter().any(|row| row.starts_with("gate, ")));
    let _ = flood.kill();
    let _ = flood.wait();
    flooding.join().unwrap();
}

/// The station's own tags hear nothing of it when somebody looks: no value comes twice.
#[test]
fn looking_changes_nothing_for_the_station() {
    let (broker, mut live) = opened();
    let answers = |live: &Live| live.station.handle().snapshot().devices[0].statistics.answers;
    let (before, mut published) = (answers(&live), 0);
    // Figures are told once a second.
    while answers(&live) == before {
        publish(&broker, "gate", &published.to_string(), false);
        published += 1;
        live.window.run_steps(1);
    }
    live.wait(&["4 topics, "]);
    assert!(answers(&live) - before <= published, "each message came once");
    let snapshot = live.station.handle().snapshot();
    let device = &snapshot.devices[0];
    assert_eq!((&device.link, device.statistics.errors), (&Link::Good, 0), "its own session was never thrown out");
}
