//! The devices view with the particulars of a device.

use super::Live;
use crate::views::{Bench, noordpolder, show, small, texts};
use egui::Key;
use egui_kittest::kittest::Queryable;
use polder::driver::socket::Counted;
use polder::driver::{Condition, DeviceReport, DriverEvent, Identity, Link, Statistics};
use polder::engine::{Event, Health, LinkState, RequestBody};
use polder::gui::View;
use polder::tag::{DeviceId, Generation, Reason};
use std::sync::Arc;

fn condition(bench: &mut Bench, slot: usize, condition: Condition, statistics: Statistics) {
    let report = DeviceReport {
        generation: Generation(1),
        device: DeviceId(slot as u32),
        link: Link::Good,
        condition,
        statistics,
    };
    bench.step(Event::Driver(DriverEvent::Device(report)));
    bench.publish();
}

#[test]
fn the_devices_say_how_they_are() {
    let mut bench = Bench::new(&noordpolder());
    let statistics = Statistics {
        answers_per_second: 4.0,
        latency_micros: Some(3_500),
        lateness_micros: Some(12_000),
        overruns: 1_234,
        busy: 0.12,
        wire_busy: 0.34,
        refused_tags: 2,
        ..Statistics::default()
    };
    condition(&mut bench, 0, Condition::Slow, statistics);
    bench.link(1, Link::Lost { reason: Reason::NoAnswer, detail: "no answer within 1000 ms".into(), next_try: None });
    bench.publish();
    let mut window = small(&bench);
    show(&mut window, View::Devices);
    let words = "slow, but it answers, 4.0, 3.5 ms, 12.0 ms, 12 %, 34 %, 1\u{2009}234, 0, 2";
    assert!(window.query_by_label_contains(words).is_some(), "{:?}", texts(&window));
}

#[test]
fn rows_are_chosen_with_the_arrow_keys_and_tab_goes_on_to_the_particulars() {
    let bench = Bench::new(&noordpolder());
    let mut window = small(&bench);
    show(&mut window, View::Devices);
    let names: Vec<String> =
        bench.handle.snapshot().plan.directory.devices().iter().map(|device| device.name.to_string()).collect();
    window.get_by_label_contains(&format!("{}, ", names[0])).click();
    window.run_steps(3);
    for _ in 0..2 {
        window.key_press(Key::ArrowDown);
        window.run_steps(3);
    }
    assert!(window.get_by_label_contains(&format!("{}, ", names[2])).is_focused());
    assert!(window.query_by_label(&names[2]).is_some(), "the particulars are those of {}", names[2]);
    window.key_press(Key::Tab);
    window.run_steps(3);
    assert!(window.get_by_label("Close").is_focused(), "Tab leaves the table");
    assert!(texts(&window).iter().any(|text| text.contains("there is no Modbus wire here that can be asked")));
    window.get_by_label("Close").click();
    window.run_steps(3);
    assert!(window.query_by_label("Close").is_none());
}

#[test]
fn a_device_is_taken_off_scan_with_a_reason_and_put_back() {
    let mut bench = Bench::new(&noordpolder());
    let mut window = small(&bench);
    show(&mut window, View::Devices);
    let name = bench.handle.snapshot().plan.directory.devices()[0].name.to_string();
    window.get_by_label_contains(&format!("{name}, ")).click();
    window.run_steps(3);
    window.get_by_label("Take off scan...").click();
    window.run_steps(2);
    window.key_press(Key::Escape);
    window.run_steps(3);
    assert!(window.query_by_label("Reason").is_none(), "Esc puts it away");
    window.get_by_label("Take off scan...").click();
    window.run_steps(2);
    window.run_steps(2);
    let field = window.get_by_role_and_label(egui::Role::TextInput, "Reason");
    assert!(field.is_focused(), "the keyboard is in the field");
    field.type_text("pump replaced");
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(3);
    assert!(window.query_by_label("Reason").is_none(), "Enter sends it");
    let asked = bench.asked();
    let RequestBody::Scan { device, on, reason } = &asked[0].body else { panic!("{asked:?}") };
    assert_eq!((&**device, *on, &**reason, asked.len()), (name.as_str(), false, "pump replaced", 1));
    // The engine records it, and the picture says it.
    let request = asked.into_iter().next().unwrap();
    bench.carry_out(request);
    window.run_steps(3);
    assert!(window.query_by_label("off scan (anna: pump replaced)").is_some());
    window.get_by_label("Put back on scan").click();
    window.run_steps(2);
    let asked = bench.asked();
    let RequestBody::Scan { on: true, .. } = &asked[0].body else { panic!("{asked:?}") };
}

#[test]
fn another_device_than_the_known_one_is_said_in_words() {
    let mut bench = Bench::new(&noordpolder());
    for (vendor, revision) in [("Acme", "1.0"), ("Other", "2.0")] {
        let identity = Identity { vendor: vendor.into(), revision: revision.into(), ..Identity::default() };
        bench.step(Event::Driver(DriverEvent::Identity(Generation(1), DeviceId(0), identity)));
    }
    bench.publish();
    let mut window = small(&bench);
    show(&mut window, View::Devices);
    let name = bench.handle.snapshot().plan.directory.devices()[0].name.to_string();
    window.get_by_label_contains(&format!("{name}, ")).click();
    window.run_steps(3);
    let shown = texts(&window);
    for words in ["Another device answers here. It says:", "Other", "2.0", "It was known as:", "Acme", "1.0"] {
        assert!(shown.iter().any(|text| text == words), "{words}: {shown:?}");
    }
}

#[test]
fn the_plan_of_a_wire_is_shown_live() {
    let mut live = Live::start();
    live.open_device();
    live.wait(&["wire busy", "the plan needs"]);
    live.wait(&["100 ms"]);
    live.is_readable("plan");
    assert!(live.window.query_by_label_contains("input, 0..0, 1, 100 ms, 1, ").is_some(), "{:?}", texts(&live.window));
}

#[test]
fn the_traffic_of_a_wire_is_listed_and_saved() {
    let mut live = Live::start();
    live.open_device();
    live.wait(&["wire busy"]);
    live.click("Traffic");
    live.wait(&["read input registers 0, 1 of them"]);
    live.wait(&["1 register"]);
    live.click("Pause");
    let row = live.window.get_all_by_label_contains("read input registers 0").next().unwrap();
    row.click();
    live.window.run_steps(3);
    assert!(live.wait(&["Request ", "07 04 00 00 00 01"]).starts_with("Request"));
    live.wait(&["Answer ", "07 04 02 05 AA"]);
    live.is_readable("traffic");
    for (button, ending) in [("Save as pcap", ".pcap"), ("Save as text", ".txt")] {
        live.click(button);
        let words = live.wait(&["written: "]);
        live.window.run_steps(2);
        let path = live.folder.path.join("captures");
        let written = std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path());
        let written = written.into_iter().find(|path| path.to_str().unwrap().ends_with(ending)).unwrap();
        assert!(std::fs::metadata(&written).unwrap().len() > 60, "{words}");
        live.is_readable("traffic that was saved");
    }
    live.click("Clear");
    assert!(live.window.query_by_label_contains("read input registers 0").is_none());
}

#[test]
fn registers_are_read_and_a_tag_is_made_of_what_they_mean() {
    let mut live = Live::start();
    live.open_device();
    live.wait(&["wire busy"]);
    live.click("Registers");
    live.click("Holding");
    live.click("Read");
    live.wait(&["05AA"]);
    assert!(live.window.query_by_label("0, 05AA, 1450, 1450, 0000 0101 1010 1010").is_some());
    live.window.get_by_label("1, 41AC, 16812, 16812, 0100 0001 1010 1100").click();
    live.window.run_steps(3);
    live.window.get_by_label("f32, ABCD, 21.5, very likely").click();
    live.window.run_steps(3);
    live.is_readable("registers");
    live.click("Make a tag...");
    let field = live.window.get_by_role_and_label(egui::Role::TextInput, "Name of the tag");
    assert!(field.is_focused(), "the keyboard is in the field");
    field.type_text("temperature");
    live.window.run_steps(2);
    live.window.key_press(Key::Enter);
    let said = live.wait(&["written to station.json; F5 shows it and takes it up"]);
    live.is_readable("registers with a new tag");
    let file = std::fs::read_to_string(live.folder.path.join("station.json")).unwrap();
    assert!(file.contains("pump/temperature") && file.contains("holding:1"), "{said}: {file}");
    live.click("Input");
    live.click("Again every second");
    live.click("Read");
    live.wait(&["05AA"]);
    live.click("Coil");
    live.click("Read");
    live.wait(&["! not read: "]);
}

#[test]
fn what_went_over_a_connection_stands_with_its_devices() {
    let mut bench = Bench::new(&noordpolder());
    let connection = {
        let plan = Arc::clone(&bench.handle.snapshot().plan);
        Arc::clone(&plan.directory.connections()[plan.directory.devices()[0].connection.index()].name)
    };
    let link = LinkState {
        connection,
        interface: Some("wg0".into()),
        tunnel_down: Some("the tunnel is down: there is no interface wg0; nothing is sent another way".into()),
        month: Counted { sent: 170_000_000, ..Counted::default() },
        budget: Some(200_000_000),
        ..LinkState::default()
    };
    bench.step(Event::Health(Health { links: [link].into(), ..Health::default() }));
    bench.publish();
    let mut window = small(&bench);
    show(&mut window, View::Devices);
    let name = Arc::clone(&bench.handle.snapshot().plan.directory.devices()[0].name);
    window.get_by_label_contains(&format!("{name}, ")).click();
    window.run_steps(3);
    let words = "goes only over wg0, DOWN: 0 B in the last hour, 170.0 MB this month, 85 % of 200.0 MB.";
    assert!(window.query_by_label_contains(words).is_some(), "{:?}", texts(&window));
    assert!(window.query_by_label_contains("there is no interface wg0").is_some(), "the line at the bottom says why");
}
