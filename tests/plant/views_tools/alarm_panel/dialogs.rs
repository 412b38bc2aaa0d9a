//! What is done to alarms: selected, acknowledged, shelved, commented on, taken out of service, reset.

use super::{acknowledged, all, bench, click_with, occurrence, point, press, raise, says};
use crate::support::Folder;
use crate::views::{Bench, nothing_is_covered, nothing_is_cut, show, small, type_into};
use crate::views_tools::{Live, small_device};
use egui::{Event as Input, Key, Modifiers, PointerButton};
use egui_kittest::Harness;
use egui_kittest::kittest::Queryable;
use polder::alarm::OccurrenceId;
use polder::engine::{AlarmName, RequestBody};
use polder::gui::{App, View};
use serde_json::json;
use std::time::Duration;

#[test]
fn one_some_or_all_that_are_shown_are_selected_and_acknowledged() {
    let (mut bench, mut window) = bench(&all());
    let id = |bench: &Bench, names: &[&str]| {
        let mut ids: Vec<OccurrenceId> = names.iter().map(|name| occurrence(bench, name)).collect();
        ids.sort_unstable();
        ids
    };
    click_with(&mut window, "north/flow", Modifiers::NONE);
    window.key_press(Key::F2);
    window.run_steps(2);
    assert_eq!(acknowledged(&mut bench), id(&bench, &["north/flow"]));
    click_with(&mut window, "south/power", Modifiers::SHIFT);
    press(&mut window, "Acknowledge selected (3)");
    assert_eq!(acknowledged(&mut bench), id(&bench, &["north/flow", "south/flow", "south/power"]));
    click_with(&mut window, "south/flow", Modifiers::COMMAND);
    type_into(&mut window, "Comment", "seen by both");
    press(&mut window, "Acknowledge 2");
    let asked = bench.asked();
    let RequestBody::Acknowledge { occurrences, comment } = &asked[0].body else { panic!("{asked:?}") };
    assert_eq!((occurrences, &**comment), (&id(&bench, &["north/flow", "south/power"]), "seen by both"));
    // By keyboard: a range, and all that are shown and no others.
    click_with(&mut window, "south/level", Modifiers::NONE);
    for _ in 0..2 {
        window.key_press_modifiers(Modifiers::SHIFT, Key::ArrowDown);
        window.run_steps(2);
    }
    window.key_press(Key::F2);
    window.run_steps(2);
    assert_eq!(acknowledged(&mut bench), id(&bench, &["south/level", "north/level", "north/flow"]));
    type_into(&mut window, "Find: message, tag, area", "south");
    click_with(&mut window, "south/flow", Modifiers::NONE);
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.run_steps(2);
    raise(&mut bench, "south/flow");
    window.key_press(Key::F2);
    window.run_steps(2);
    assert_eq!(acknowledged(&mut bench), id(&bench, &["south/level", "south/flow", "south/power"]));
}

#[test]
fn a_shelf_needs_a_length_and_a_reason_and_never_exceeds_what_is_allowed() {
    let (mut bench, mut window) = bench(&all());
    click_with(&mut window, "south/level", Modifiers::NONE);
    press(&mut window, "Shelve...");
    assert!(says(&window, "For at most 30 min, as they are of priority critical"));
    assert!(window.query_by_label("1 h").is_none());
    window.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    window.run_steps(2);
    assert!(says(&window, "Say for how long."));
    press(&mut window, "15 min");
    assert!(says(&window, "Say why."));
    type_into(&mut window, "Reason", "weir is cleaned");
    nothing_is_cut(&window, "shelve");
    window.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    window.run_steps(2);
    let asked = bench.asked();
    let expected = RequestBody::Shelve {
        alarms: vec![AlarmName::Key("south/level:high".into())],
        length_seconds: Some(900),
        one_shot: false,
        reason: "weir is cleaned".into(),
    };
    assert_eq!(asked.iter().map(|request| &request.body).collect::<Vec<_>>(), [&expected]);
}

#[test]
fn escape_cancels_and_the_keyboard_is_where_it_was() {
    let (mut bench, mut window) = bench(&all());
    click_with(&mut window, "south/level", Modifiers::NONE);
    for opener in ["Shelve...", "Out of service..."] {
        window.get_by_label(opener).focus();
        window.run_steps(2);
        window.key_press(Key::Enter);
        window.run_steps(3);
        assert!(window.get_by_role_and_label(egui::Role::TextInput, "Reason").is_focused(), "{opener}");
        window.key_press(Key::Escape);
        window.run_steps(3);
        assert!(window.query_by_label("Reason").is_none(), "{opener}");
        assert!(window.get_by_label(opener).is_focused(), "{opener}");
    }
    assert_eq!(bench.asked(), []);
}

#[test]
fn something_is_said_about_alarms_without_doing_anything_to_them() {
    let (mut bench, mut window) = bench(&all());
    click_with(&mut window, "south/level", Modifiers::NONE);
    click_with(&mut window, "north/flow", Modifiers::COMMAND);
    press(&mut window, "Comment only");
    assert_eq!(bench.asked(), [], "there is nothing to say");
    type_into(&mut window, "Comment", "cable is ordered");
    press(&mut window, "Comment only");
    let asked = bench.asked();
    let alarms = ["north/flow", "south/level"].map(|name| AlarmName::Occurrence(occurrence(&bench, name)));
    let expected = RequestBody::Comment { alarms: alarms.into(), comment: "cable is ordered".into() };
    assert_eq!(asked.iter().map(|request| &request.body).collect::<Vec<_>>(), [&expected]);
    nothing_is_cut(&window, "comment");
    nothing_is_covered(&window, "comment");
}

/// A click beside a dialog is a slip of the hand.
#[test]
fn a_click_beside_a_dialog_loses_nothing_that_was_typed() {
    let (mut bench, mut window) = bench(&all());
    click_with(&mut window, "south/level", Modifiers::NONE);
    let beside = egui::pos2(20.0, 780.0);
    let click = |window: &mut Harness<'static, App>| {
        point(window, beside);
        for pressed in [true, false] {
            let modifiers = Modifiers::NONE;
            let button = Input::PointerButton { pos: beside, button: PointerButton::Primary, pressed, modifiers };
            window.input_mut().events.push(button);
            window.run_steps(2);
        }
    };
    for (opener, field, words) in [("Shelve...", "Reason", "weir"), ("Out of service...", "Date", "tomorrow")] {
        press(&mut window, opener);
        click(&mut window);
        assert!(window.query_by_label("Reason").is_none(), "{opener}: nothing was typed");
        press(&mut window, opener);
        type_into(&mut window, field, words);
        click(&mut window);
        let field = window.get_by_role_and_label(egui::Role::TextInput, field);
        assert_eq!(field.value().as_deref(), Some(words), "{opener}");
        window.key_press(Key::Escape);
        window.run_steps(3);
        assert!(window.query_by_label("Reason").is_none(), "{opener}");
    }
    assert_eq!(bench.asked(), []);
}

#[test]
fn out_of_service_takes_all_that_are_selected_until_a_date() {
    let (mut bench, mut window) = bench(&all());
    click_with(&mut window, "south/level", Modifiers::NONE);
    click_with(&mut window, "north/flow", Modifiers::SHIFT);
    press(&mut window, "Out of service...");
    assert!(says(&window, "3 alarms"));
    press(&mut window, "in 24 h");
    type_into(&mut window, "Reason", "repair");
    press(&mut window, "Take out of service Ctrl Enter");
    let now = bench.handle.now().utc;
    let asked = bench.asked();
    let RequestBody::OutOfService { alarms, until, reason } = &asked[0].body else { panic!("{asked:?}") };
    assert_eq!((alarms.len(), until.unwrap(), &**reason), (3, now.plus(Duration::from_secs(86_400)), "repair"));
}

#[test]
fn latched_alarms_are_reset_together_with_what_was_said_about_it() {
    let tag = |number: u64| {
        json!({"name": format!("t{number}"), "device": "plc", "register": format!("holding:{number}"),
            "alarms": [{"high": 10, "priority": "high", "message": format!("At {number} too high"), "latch": true, "group": "fire"}]})
    };
    let station = json!({"connections": [{"name": "c", "modbus": {"tcp": "127.0.0.1"}}], "devices": [{"name": "plc", "connection": "c"}],
        "tags": [tag(0), tag(1)]});
    let mut bench = Bench::new(&station.to_string());
    for name in ["t1", "t0"] {
        raise(&mut bench, name);
        bench.set(bench.tag(name), Some(0.0));
    }
    bench.publish();
    let mut window = small(&bench);
    show(&mut window, View::Alarms);
    click_with(&mut window, "0", Modifiers::NONE);
    assert!(says(&window, "Of the group fire; another one was first."));
    window.get_by_label_contains("First: At 1 too high").click();
    window.run_steps(2);
    assert!(says(&window, "First of the group fire: look here for the cause."));
    click_with(&mut window, "0", Modifiers::COMMAND);
    type_into(&mut window, "Comment", "extinguished");
    press(&mut window, "Reset 2");
    let asked = bench.asked();
    let RequestBody::Reset { alarms, comment } = &asked[0].body else { panic!("{asked:?}") };
    assert_eq!((alarms.len(), &**comment), (2, "extinguished"));
    nothing_is_cut(&window, "latched");
}

/// The rules of the station, in its own words, where the person looks.
#[test]
fn what_the_station_refuses_stands_in_the_dialog_and_its_past_in_the_details() {
    let asked = std::sync::Arc::default();
    let alarm = json!({"name": "flow", "device": "pump", "register": "input:30", "alarms": [{"high": 10, "priority": "low", "message": "Flow high"}]});
    let folder = Folder::new(&Live::plant(small_device(&asked), &[alarm]));
    let mut live = Live { asked, ..Live::start_in(folder) };
    show(&mut live.window, View::Alarms);
    live.wait(&["Flow high"]);
    live.until("the row", |live| live.window.query_by_label_contains("Flow high, 30").is_some());
    live.window.get_by_label_contains("Priority 4, Flow high, 30").click();
    live.wait(&["What happened to it"]);
    let trend = "Trend from 10 minutes before it until now; raised ";
    live.until("the mark", |live| live.window.query_by_label_contains(trend).is_some());
    assert!(live.window.query_by_label_contains("; acknowledged ").is_none());
    live.click("Acknowledge");
    live.until("both marks", |live| live.window.query_by_label_contains("; acknowledged ").is_some());
    live.is_readable("the details of an alarm");
    live.click("Out of service...");
    type_into(&mut live.window, "Reason", "repair");
    // Somebody else was faster.
    let other = RequestBody::OutOfService {
        alarms: vec![AlarmName::Key("flow:high".into())],
        until: None,
        reason: "calibration".into(),
    };
    live.station.handle().request(other).wait_blocking().unwrap();
    live.click("Take out of service Ctrl Enter");
    live.wait(&["Not done: ", "took it out of service already"]);
    live.window.key_press(Key::Escape);
    live.window.run_steps(3);
    assert!(live.window.query_by_label("Reason").is_none());
    live.until("the tab", |live| live.window.query_by_label("Set aside 1").is_some());
    live.click("Set aside 1");
    live.window.get_by_label_contains("Flow high, out of service").click();
    live.wait(&["calibration"]);
    live.is_readable("what is set aside");
    live.click("Return to service");
    live.until("it is back", |live| live.window.query_by_label("Active 1").is_some());
    live.click("Active 1");
    live.window.get_by_label_contains("Priority 4, Flow high, 30").click();
    live.wait(&["calibration"]);
}
