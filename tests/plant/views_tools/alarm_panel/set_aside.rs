//! The list of what is set aside, and how it is taken back.

use super::{all, bench, click_with, press, says};
use crate::views::{nothing_is_covered, nothing_is_cut, texts};
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use polder::engine::{AlarmName, RequestBody};

/// What is set aside is listed with who, why and until when, and goes back by keyboard.
#[test]
fn what_is_set_aside_stands_in_a_list_of_its_own_and_is_taken_back() {
    let (mut bench, mut window) = bench(&all());
    bench.handle.request(RequestBody::Shelve {
        alarms: vec![AlarmName::Key("south/level:high".into())],
        length_seconds: Some(900),
        one_shot: true,
        reason: "weir is cleaned".into(),
    });
    bench.handle.request(RequestBody::OutOfService {
        alarms: vec![AlarmName::Key("north/flow:high".into())],
        until: None,
        reason: "sensor is away".into(),
    });
    for request in bench.asked() {
        bench.carry_out(request);
    }
    window.run_steps(2);
    press(&mut window, "Set aside 2");
    let rows: Vec<String> =
        window.query_all_by_role(egui::Role::Row).filter_map(|node| node.accesskit_node().label()).collect();
    assert_eq!(rows[0], "At north/flow too high, out of service, anna, no date, active");
    assert!(
        rows[1].starts_with("At south/level too high, shelved, anna, ") && rows[1].ends_with(", active"),
        "{rows:?}"
    );
    window.get_by_label_contains("north/flow too high, out of service").focus();
    window.run_steps(2);
    for _ in 0..2 {
        window.key_press(Key::ArrowDown);
        window.run_steps(2);
    }
    assert!(
        says(&window, "anna: weir is cleaned") && says(&window, "or its condition is gone"),
        "{:?}",
        texts(&window)
    );
    nothing_is_cut(&window, "set aside");
    nothing_is_covered(&window, "set aside");
    window.get_by_label("Unshelve").focus();
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(2);
    let asked = bench.asked();
    let RequestBody::Unshelve { alarms, .. } = &asked[0].body else { panic!("{asked:?}") };
    assert_eq!(alarms, &[AlarmName::Key("south/level:high".into())]);
    for request in asked {
        bench.carry_out(request);
    }
    window.run_steps(2);
    assert!(window.query_by_label("Set aside 1").is_some() && window.query_by_label("Active 5").is_some());
}

/// As on the active list: a range with Shift, one more with Ctrl, all with Ctrl A.
#[test]
fn several_that_are_set_aside_are_taken_back_at_once() {
    let (mut bench, mut window) = bench(&all());
    let named = |names: &[&str]| -> Vec<AlarmName> {
        names.iter().map(|name| AlarmName::Key(format!("{name}:high").as_str().into())).collect()
    };
    let reason = || "weir is cleaned".into();
    let shelved = named(&["north/level", "south/level", "south/flow"]);
    bench.handle.request(RequestBody::Shelve {
        alarms: shelved,
        length_seconds: Some(900),
        one_shot: false,
        reason: reason(),
    });
    bench.handle.request(RequestBody::OutOfService { alarms: named(&["north/flow"]), until: None, reason: reason() });
    for request in bench.asked() {
        bench.carry_out(request);
    }
    window.run_steps(2);
    press(&mut window, "Set aside 4");
    click_with(&mut window, "north/level", Modifiers::NONE);
    assert!(window.query_by_label("Unshelve").is_some());
    click_with(&mut window, "south/flow", Modifiers::COMMAND);
    assert!(says(&window, "These buttons are about all 2 that are selected."));
    nothing_is_cut(&window, "two that are set aside");
    nothing_is_covered(&window, "two that are set aside");
    press(&mut window, "Unshelve (2)");
    let asked = bench.asked();
    let RequestBody::Unshelve { alarms, .. } = &asked[0].body else { panic!("{asked:?}") };
    let mut found = alarms.clone();
    found.sort_by_key(ToString::to_string);
    assert_eq!(found, named(&["north/level", "south/flow"]));
    // By keyboard: one row, with Shift the next, then all.
    click_with(&mut window, "north/flow", Modifiers::NONE);
    window.key_press_modifiers(Modifiers::SHIFT, Key::ArrowDown);
    window.run_steps(2);
    assert!(says(&window, "about all 2") && window.query_by_label("Return to service (1)").is_some());
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.run_steps(2);
    assert!(says(&window, "about all 4") && window.query_by_label("Return to service (1)").is_some());
    assert!(window.query_by_label("Unshelve (3)").is_some());
    // What was taken back by somebody else is selected no more.
    for request in asked {
        bench.carry_out(request);
    }
    window.run_steps(2);
    assert!(says(&window, "about all 2") && window.query_by_label("Unshelve (1)").is_some());
}
