//! What the faceplate tells and records: where a value comes from, loop checks.

use super::Live;
use crate::support::{run, words};
use crate::views::{Bench, noordpolder, nothing_is_cut, show, small, texts, type_into};
use egui::Key;
use egui_kittest::kittest::Queryable;
use polder::driver::DriverEvent;
use polder::engine::{Event, RequestBody};
use polder::gui::View;
use polder::tag::{Generation, Value};
use serde_json::json;

#[test]
fn a_value_can_be_followed_down_to_the_bytes() {
    let mut live = Live::start();
    show(&mut live.window, View::Tags);
    live.wait(&["1\u{2009}450"]);
    live.window.get_by_label_contains("speed 1\u{2009}450 rpm good").click();
    live.window.run_steps(3);
    live.window.key_press(Key::F6);
    live.wait(&["Value, as it was read"]);
    live.wait(&["05AA (1450)"]);
    live.wait(&["Request, read input registers 0, 1 of them"]);
    live.wait(&["07 04 02 05 AA"]);
    live.wait(&["in the first two bytes of both"]);
    live.wait(&["unit 7 on plc, Modbus TCP 127.0.0.1"]);
    live.wait(&["read ", " ago, answered in ", " ms"]);
    live.is_readable("trust line");
    live.window.key_press(Key::F6);
    live.window.run_steps(3);
    assert!(live.window.query_by_label_contains("05AA").is_none());
}

#[test]
fn a_bit_can_be_followed_to_the_register_that_it_stands_in() {
    let bit = json!({"name": "in-step", "device": "pump", "register": "input:0", "bit": 3});
    let mut live = Live::with_more_tags(&[bit]);
    show(&mut live.window, View::Tags);
    live.wait(&["1\u{2009}450"]);
    live.window.get_by_label_contains("in-step ").click();
    live.window.run_steps(3);
    live.window.key_press(Key::F6);
    live.wait(&["Value, as it was read"]);
    live.wait(&["05AA (1450)"]);
    live.wait(&["bit 3 of it"]);
    live.is_readable("trust line of a bit");
}

#[test]
fn a_value_that_comes_over_no_wire_says_so() {
    let bench = Bench::new(&noordpolder());
    let mut window = small(&bench);
    show(&mut window, View::Tags);
    type_into(&mut window, "Find a tag", "records-writable");
    window.get_by_label_contains("records-writable ").click();
    window.run_steps(3);
    window.get_by_label("Where this value comes from F6").click();
    window.run_steps(3);
    assert!(texts(&window).iter().any(|text| text.starts_with("The station itself makes this value")));
}

#[test]
fn a_loop_check_names_the_value_that_was_painted() {
    let mut bench = Bench::new(&noordpolder());
    let mut window = small(&bench);
    show(&mut window, View::Tags);
    type_into(&mut window, "Find a tag", "north p1 setpoint");
    window.get_by_label_contains("north/P1/speed-setpoint 1").click();
    window.run_steps(2);
    window.key_press(Key::F7);
    window.run_steps(3);
    let tag = bench.tag("north/P1/speed-setpoint");
    let button = window.get_by_label("Passed").rect().center();
    // Another value arrives between the last frame and the click.
    bench.set(tag, Some(900.0));
    bench.publish();
    for pressed in [true, false] {
        window.input_mut().events.push(egui::Event::PointerMoved(button));
        window.input_mut().events.push(egui::Event::PointerButton {
            pos: button,
            button: egui::PointerButton::Primary,
            pressed,
            modifiers: egui::Modifiers::NONE,
        });
    }
    window.step();
    let asked = bench.asked();
    let RequestBody::LoopCheck { tag, value_seen, passed, remark } = &asked[0].body else { panic!("{asked:?}") };
    assert_eq!(
        (tag.as_str(), value_seen, *passed, &**remark),
        ("north/P1/speed-setpoint", &Some(Value::Double(1182.0)), true, "")
    );
}

#[test]
fn a_loop_check_is_recorded_and_listed() {
    let mut live = Live::start();
    show(&mut live.window, View::Tags);
    live.wait(&["1\u{2009}450"]);
    live.window.get_by_label_contains("speed 1\u{2009}450 rpm good").click();
    live.window.run_steps(3);
    live.click("Loop check... F7");
    live.wait(&["Value seen: 1\u{2009}450 rpm"]);
    live.is_readable("loop check");
    type_into(&mut live.window, "Remark", "20 rpm, too much");
    live.click("Failed");
    live.wait(&["The loop check is recorded."]);
    let folder = live.folder.path.to_str().unwrap().to_owned();
    let listed = words(&run(&["loop-check", &folder]));
    assert!(listed.contains("speed") && listed.contains("failed") && listed.contains("1450 rpm"), "{listed}");
    live.click("Loop check... F7");
    live.click("Passed");
    live.wait(&["The loop check is recorded."]);
    let sheet = live.folder.path.join("sheet.csv");
    let told = words(&run(&["loop-check", &folder, "--csv", sheet.to_str().unwrap()]));
    assert!(told.contains("1 passed, 0 failed, 0 never checked"), "{told}");
    assert!(std::fs::read_to_string(sheet).unwrap().contains("speed,rpm,1450,good,"), "the last one counts");
    assert!(words(&run(&["verify", &folder])).contains("hold"), "{}", words(&run(&["verify", &folder])));
}

/// A key that opens something does so for the tag that is shown, and for no other that is chosen later.
#[test]
fn keys_without_a_tag_open_nothing_later() {
    let bench = Bench::new(&noordpolder());
    let mut window = small(&bench);
    show(&mut window, View::Tags);
    for key in [Key::F4, Key::F7] {
        window.key_press(key);
        window.run_steps(3);
    }
    type_into(&mut window, "Find a tag", "north p1 setpoint");
    window.get_by_label_contains("north/P1/speed-setpoint 1").click();
    window.run_steps(3);
    assert!(window.query_by_label("New value").is_none() && window.query_by_label("Remark").is_none());
    window.key_press(Key::F7);
    window.run_steps(3);
    assert!(window.query_by_label("Remark").is_some());
    window.key_press(Key::Escape);
    window.run_steps(3);
    assert!(window.query_by_label("Remark").is_none(), "Esc puts it away");
}

#[test]
fn the_faceplate_says_why_a_message_cannot_be_read() {
    let mut bench = Bench::new(&noordpolder());
    let tag = bench.tag("north/P1/speed-setpoint");
    bench.set(tag, None);
    let detail = "a number would be right; it begins: {\"speed\": \"as fast as it can, and then some mo ...";
    bench.step(Event::Driver(DriverEvent::Detail(Generation(1), tag, detail.into())));
    bench.publish();
    let mut window = small(&bench);
    show(&mut window, View::Tags);
    type_into(&mut window, "Find a tag", "north p1 setpoint");
    window.get_by_label_contains("north/P1/speed-setpoint ").click();
    window.run_steps(3);
    assert!(texts(&window).iter().any(|text| text.contains("it begins: ")), "{:?}", texts(&window));
    nothing_is_cut(&window, "a faceplate with the particulars");
    bench.set(tag, Some(7.0));
    bench.publish();
    window.run_steps(3);
    assert!(!texts(&window).iter().any(|text| text.contains("it begins: ")), "a good value has none");
}
