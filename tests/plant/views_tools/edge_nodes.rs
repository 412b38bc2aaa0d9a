//! The edge nodes of Sparkplug in the devices view, against mosquitto and an edge node with other people's encoder.

use super::Live;
use crate::mqtt::Broker;
use crate::sparkplug::EdgeNode;
use crate::support::Folder;
use crate::views::{show, type_into};
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use polder::gui::View;
use serde_json::{Value, json};

/// The station names a node that is not there, and nothing else of what is.
fn station(port: u16) -> Value {
    let sparkplug = json!({"host_id": "polder", "groups": ["north"], "reordering_timeout": "60s"});
    json!({
        "connections": [{"name": "site", "mqtt": {"url": format!("mqtt://127.0.0.1:{port}"), "sparkplug": sparkplug}}],
        "devices": [{"name": "far", "connection": "site", "sparkplug": "north/far"}],
        "tags": [{"name": "far/load", "device": "far", "metric": "Load"}]})
}

fn opened() -> (Broker, Live, EdgeNode) {
    let broker = Broker::new();
    let mut edge = EdgeNode::start(&broker, &[]);
    let mut live = Live::start_in(Folder::new(&station(broker.port)));
    edge.hears_state(true);
    edge.is_born();
    show(&mut live.window, View::Devices);
    live.wait(&["Edge nodes..."]);
    live.click("Edge nodes...");
    live.wait(&["3 edge nodes and devices, 2 online, 2 in no entry of the station file."]);
    (broker, live, edge)
}

fn press(live: &mut Live, key: Key) {
    live.window.key_press_modifiers(Modifiers::NONE, key);
    live.window.run_steps(3);
}

/// Waits for a row whose words begin so, and clicks on it.
fn choose(live: &mut Live, words: &str) {
    let row = words.to_owned();
    live.until(words, |live| row_of(live, &row).is_some());
    live.window.get_by_label_contains(words).click();
    live.window.run_steps(3);
}

fn row_of(live: &Live, words: &str) -> Option<String> {
    let mut rows = live.window.query_all_by_role(egui::Role::Row);
    rows.find_map(|row| row.accesskit_node().label().filter(|label| label.contains(words)))
}

fn value(live: &Live, tag: &str) -> Option<Value> {
    let snapshot = live.station.handle().snapshot();
    let value = snapshot.value(snapshot.plan.directory.find(tag)?)?;
    serde_json::to_value(value).ok()
}

#[test]
fn nodes_that_nobody_named_are_seen_with_their_devices_and_metrics() {
    let (_broker, mut live, mut edge) = opened();
    live.is_readable("edge nodes");
    let far = row_of(&live, "far, not heard of").unwrap();
    assert_eq!(far, "far, not heard of since the station is connected, 0 births, 0 metrics, 1 tag");
    choose(&mut live, "edge, 1 device, folded, online since ");
    live.wait(&["No entry of the station file names it; a tag brings its device along."]);
    for metric in ["Load, Float, 0.5", "Offset, Int16, -30000", "Serial, UInt64, 18446744073709551615"] {
        live.until(metric, |live| live.window.query_by_label(metric).is_some());
    }
    live.is_readable("metrics of a node");
    live.window.get_by_label_contains("edge, 1 device, folded").focus();
    live.window.run_steps(2);
    press(&mut live, Key::ArrowRight);
    live.until("the device", |live| row_of(live, "pump, online since ").is_some());
    press(&mut live, Key::ArrowRight);
    live.until("its metrics", |live| live.window.query_by_label("Speed, Int32, -5 rpm").is_some());
    edge.data(Some("pump"), &json!([[7, "Int32", 44]]));
    live.until("the new value", |live| live.window.query_by_label("Speed, Int32, 44 rpm").is_some());
    type_into(&mut live.window, "Find: metric", "since");
    live.until("one metric", |live| live.window.query_by_label("Speed, Int32, 44 rpm").is_none());
    assert!(live.window.query_by_label_contains("Since, DateTime, 2022-06-24").is_some());
    edge.is_born();
    live.until("the rebirth", |live| {
        row_of(live, "pump, online since ").is_some_and(|row| row.contains("2 births (1 rebirth)"))
    });
    edge.does(&json!({"death": "pump"}));
    live.until("its end", |live| row_of(live, "pump, offline since ").is_some());
    live.until("its value", |live| live.window.query_by_label_contains("not connected").is_some());
    live.is_readable("a device that is gone");
    type_into(&mut live.window, "Find: group, node or device", "PUMP");
    live.until("what was found", |live| row_of(live, "north/edge/pump, offline").is_some());
    assert!(row_of(&live, "far, not heard of").is_none());
}

#[test]
fn one_click_makes_a_tag_with_its_device_and_its_value_is_there_at_once() {
    let (_broker, mut live, _edge) = opened();
    choose(&mut live, "edge, 1 device, folded, online since ");
    choose(&mut live, "Load, Float, 0.5");
    live.click("Load, Float, 0.5");
    let name = live.window.get_by_role_and_label(egui::Role::TextInput, "Name of the tag");
    assert!(name.is_focused() && name.value().as_deref() == Some("edge/Load"), "{:?}", name.value());
    let device = live.window.get_by_role_and_label(egui::Role::TextInput, "Name of the new device");
    assert_eq!(device.value().as_deref(), Some("edge"));
    live.is_readable_from("a new tag of a metric", "Load of north/edge");
    press(&mut live, Key::Enter);
    live.wait(&["added to station.json: device edge"]);
    live.wait(&["connection site, sparkplug north/edge"]);
    live.wait(&["added to station.json: edge/Load"]);
    live.is_readable_from("a new tag that is planned", "Load of north/edge");
    live.click("Apply: write the station file and take it up");
    live.wait(&["station.json written, and the station goes on with it: 3 added, 1 changed"]);
    live.click("Close Esc");
    // It came with a birth that nobody waited for.
    live.until("the value", |live| value(live, "edge/Load") == Some(json!(0.5)));
    live.wait(&["In the station file it is the device edge."]);
    live.until("its tag", |live| live.window.query_by_label("Load, Float, 0.5, tag edge/Load").is_some());
    // The next one needs no device.
    choose(&mut live, "Serial, UInt64, ");
    live.click("Make a tag...");
    live.wait(&["Device edge"]);
    press(&mut live, Key::Escape);
}

#[test]
fn a_device_is_taken_in_whole() {
    let (_broker, mut live, _edge) = opened();
    choose(&mut live, "edge, 1 device, folded, online since ");
    press(&mut live, Key::ArrowRight);
    choose(&mut live, "pump, online since ");
    live.click("Take in whole...");
    let device = live.window.get_by_role_and_label(egui::Role::TextInput, "Name of the new device");
    assert!(device.is_focused() && device.value().as_deref() == Some("pump"));
    live.is_readable_from("a device to be taken in", "Every metric that north/edge/pump");
    press(&mut live, Key::Enter);
    live.wait(&["connection site, sparkplug north/edge/pump, take_in all"]);
    live.click("Apply: write the station file and take it up");
    live.wait(&["station.json written, and the station goes on with it"]);
    live.click("Close Esc");
    live.until("its values", |live| {
        value(live, "pump/Speed") == Some(json!(-5)) && value(live, "pump/Run") == Some(json!(true))
    });
}

#[test]
fn a_device_of_the_station_shows_itself_among_the_edge_nodes() {
    let (_broker, mut live, _edge) = opened();
    live.window.get_by_label_contains("far, site, north/far").click();
    live.window.run_steps(3);
    live.wait(&["In the station file it is the device far."]);
    live.until("the node", |live| row_of(live, "edge, 1 device, folded").is_some());
    live.is_readable("edge nodes beside a device");
    live.click("Topics");
    live.wait(&["1 topic, "]);
    live.click("Edge nodes");
    choose(&mut live, "edge, 1 device, folded");
    live.wait(&["No entry of the station file names it"]);
}
