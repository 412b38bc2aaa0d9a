//! The alarm panel: what is sorted, grouped and filtered away; that nothing moves under a hand; what is set aside, and by whom.

use super::Live;
use crate::support::Folder;
use crate::views::{Bench, nothing_is_covered, nothing_is_cut, show, small, texts, type_into};
use egui::{Event as Input, Key, Modifiers, PointerButton, Pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use polder::alarm::OccurrenceId;
use polder::engine::{AlarmName, RequestBody};
use polder::gui::{App, View};
use serde_json::json;
use std::time::Duration;

/// Tags with an alarm each: name, area, priority.
const PLANT: [(&str, &str, &str); 6] = [
    ("north/level", "north", "critical"),
    ("north/flow", "north", "high"),
    ("north/power", "north", "low"),
    ("south/level", "south", "critical"),
    ("south/flow", "south", "medium"),
    ("south/power", "south", "low"),
];

fn plant() -> String {
    let tags: Vec<_> = PLANT
        .iter()
        .enumerate()
        .map(|(number, (name, area, priority))| {
            json!({"name": name, "device": format!("plc-{area}"), "register": format!("holding:{number}"), "unit": "m", "area": area,
                "alarms": [{"high": 10, "priority": priority, "message": format!("At {name} too high"), "guidance": "Look at the weir."}]})
        })
        .collect();
    let device = |area: &str| json!({"name": format!("plc-{area}"), "connection": "c", "area": area});
    json!({"connections": [{"name": "c", "modbus": {"tcp": "127.0.0.1"}}], "devices": [device("north"), device("south")], "tags": tags}).to_string()
}

/// The window, with these alarms active in this order, a second apart.
fn bench(names: &[&str]) -> (Bench, Harness<'static, App>) {
    let mut bench = Bench::new(&plant());
    for name in names {
        raise(&mut bench, name);
    }
    let mut window = small(&bench);
    show(&mut window, View::Alarms);
    (bench, window)
}

fn raise(bench: &mut Bench, name: &str) {
    bench.pass(Duration::from_secs(1));
    bench.set(bench.tag(name), Some(20.0));
    bench.publish();
}

fn all() -> Vec<&'static str> {
    PLANT.iter().map(|(name, _, _)| *name).collect()
}

/// The messages of the rows, from top to bottom.
fn rows(window: &Harness<'_, App>) -> Vec<String> {
    let mut found: Vec<(f32, String)> = window
        .query_all_by_role(egui::Role::Row)
        .map(|node| {
            let words = node.accesskit_node().label().unwrap_or_default();
            let name = words
                .split(", ")
                .nth(1)
                .unwrap_or_default()
                .trim_start_matches("At ")
                .trim_end_matches(" too high")
                .to_owned();
            (node.rect().top(), name)
        })
        .collect();
    found.sort_by(|one, other| one.0.total_cmp(&other.0));
    found.into_iter().map(|(_, name)| name).collect()
}

fn says(window: &Harness<'_, App>, words: &str) -> bool {
    texts(window).iter().any(|text| text.contains(words))
}

fn press(window: &mut Harness<'static, App>, label: &str) {
    window.get_by_label(label).click();
    window.run_steps(3);
}

fn point(window: &mut Harness<'static, App>, at: Pos2) {
    window.input_mut().events.push(Input::PointerMoved(at));
    window.run_steps(2);
}

fn click_with(window: &mut Harness<'static, App>, row: &str, modifiers: Modifiers) {
    let pos = window.get_by_label_contains(&format!("{row} too high, ")).rect().center();
    window.input_mut().events.extend([Input::ModifiersChanged(modifiers), Input::PointerMoved(pos)]);
    for pressed in [true, false] {
        let button = Input::PointerButton { pos, button: PointerButton::Primary, pressed, modifiers };
        window.input_mut().events.push(button);
    }
    window.run_steps(2);
    window.input_mut().events.push(Input::ModifiersChanged(Modifiers::NONE));
    window.run_steps(1);
}

fn occurrence(bench: &Bench, name: &str) -> OccurrenceId {
    let board = bench.handle.snapshot().alarms.clone();
    board.views.iter().find(|view| view.key.as_str() == format!("{name}:high")).unwrap().occurrence
}

fn acknowledged(bench: &mut Bench) -> Vec<OccurrenceId> {
    match bench.asked().into_iter().map(|request| request.body).next() {
        Some(RequestBody::Acknowledge { occurrences, .. }) => occurrences,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_list_is_sorted_by_a_click_and_by_keyboard() {
    let (_bench, mut window) = bench(&all());
    let urgent = ["south/level", "north/level", "north/flow", "south/flow", "south/power", "north/power"];
    assert_eq!(rows(&window), urgent);
    press(&mut window, "Sort by area");
    assert_eq!(rows(&window), ["north/level", "north/flow", "north/power", "south/level", "south/flow", "south/power"]);
    window.get_by_label("Sort by time").focus();
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(2);
    assert_eq!(rows(&window), ["south/power", "south/flow", "south/level", "north/power", "north/flow", "north/level"]);
    window.key_press(Key::Enter);
    window.run_steps(2);
    assert_eq!(rows(&window), all());
    window.key_press(Key::Enter);
    window.run_steps(2);
    assert_eq!(rows(&window), urgent, "and back to what is urgent");
}

#[test]
fn what_is_filtered_away_is_said_and_a_new_critical_alarm_is_never_hidden_silently() {
    let (mut bench, mut window) = bench(&["north/flow", "north/power", "south/power"]);
    assert!(says(&window, "All 3 shown."));
    type_into(&mut window, "Find: message, tag, area", "power");
    assert_eq!(rows(&window), ["south/power", "north/power"]);
    assert!(says(&window, "2 of 3 shown.") && !says(&window, "waits that is not"));
    raise(&mut bench, "south/level");
    window.run_steps(3);
    assert_eq!(rows(&window), ["south/power", "north/power"]);
    assert!(says(&window, "2 of 4 shown.") && says(&window, "1 critical alarm waits that is not among them."));
    // It stands on top nevertheless, and one press shows it among the others.
    assert!(window.query_by_label("Newest critical alarm: At south/level too high").is_some());
    press(&mut window, "Show them");
    assert_eq!(rows(&window), ["south/level", "north/flow", "south/power", "north/power"]);
    press(&mut window, "Show priority 4, low");
    assert_eq!(rows(&window), ["south/level", "north/flow"]);
    press(&mut window, "Show all");
    assert!(says(&window, "All 4 shown."));
}

#[test]
fn groups_are_closed_and_opened_and_say_what_is_in_them() {
    let (_bench, mut window) = bench(&all());
    press(&mut window, "Groups");
    press(&mut window, "by area");
    let north = "Group north, open, 1 of priority 1, 1 of priority 2, 1 of priority 4, 3 of 3 not acknowledged";
    window.get_by_label(north).click();
    window.run_steps(3);
    assert_eq!(rows(&window), ["south/level", "south/flow", "south/power"]);
    assert!(says(&window, "3 of 6 shown, 3 more in closed groups."));
    assert!(says(&window, "1 critical alarm waits that is not among them."));
    // The same by keyboard.
    window.get_by_label_contains("Group north, closed").focus();
    window.run_steps(2);
    window.key_press(Key::Enter);
    window.run_steps(3);
    assert_eq!(rows(&window).len(), 6);
    nothing_is_cut(&window, "groups");
    nothing_is_covered(&window, "groups");
}

/// The promise of the list: the row under the pointer is the one that is hit.
#[test]
fn nothing_moves_while_the_pointer_is_over_the_list() {
    let (mut bench, mut window) = bench(&["north/power", "south/power", "south/flow"]);
    let before = ["south/flow", "south/power", "north/power"];
    assert_eq!(rows(&window), before);
    let at = window.get_by_label_contains("south/power too high").rect().center();
    point(&mut window, at);
    raise(&mut bench, "north/flow");
    raise(&mut bench, "north/level");
    window.run_steps(3);
    assert_eq!(rows(&window), before, "new ones wait");
    assert!(window.query_by_label("2 new alarms").is_some());
    assert!(window.query_by_label("Newest critical alarm: At north/level too high").is_some(), "but that one is told");
    // One that ends keeps its row, and says so.
    bench.set(bench.tag("south/flow"), Some(0.0));
    bench.publish();
    let gone = occurrence(&bench, "south/flow");
    bench.handle.acknowledge(vec![gone], "");
    let request = bench.asked().pop().unwrap();
    bench.carry_out(request);
    window.run_steps(3);
    assert_eq!(rows(&window), before);
    assert!(window.query_by_label_contains("south/flow too high, 0 m, over").is_some(), "{:?}", texts(&window));
    // The pointer goes: everything falls into place.
    point(&mut window, Pos2::new(20.0, 20.0));
    assert_eq!(rows(&window), ["north/level", "north/flow", "south/power", "north/power"]);
    assert!(window.query_by_label("2 new alarms").is_none());
}

/// From any alarm of a group one press leads to the cause.
#[test]
fn the_first_of_a_group_is_one_press_away() {
    let tag = |name: &str, number: u32, group: bool| {
        let mut alarm = json!({"high": 10, "message": format!("At {name} too high")});
        if group {
            alarm["group"] = json!("pumping");
        }
        json!({"name": name, "device": "plc", "register": format!("holding:{number}"), "alarms": [alarm]})
    };
    let tags = [tag("cause", 0, true), tag("result", 1, true), tag("other", 2, false)];
    let station = json!({"connections": [{"name": "c", "modbus": {"tcp": "127.0.0.1"}}], "devices": [{"name": "plc", "connection": "c"}], "tags": tags});
    let mut bench = Bench::new(&station.to_string());
    for name in ["cause", "other", "result"] {
        raise(&mut bench, name);
    }
    let mut window = small(&bench);
    show(&mut window, View::Alarms);
    click_with(&mut window, "result", Modifiers::NONE);
    assert!(says(&window, "Of the group pumping; another one was first."), "{:?}", texts(&window));
    press(&mut window, "Show the first");
    assert!(says(&window, "First of the group pumping: look here for the cause."), "{:?}", texts(&window));
    assert!(window.query_by_label("Show the first").is_none());
}

/// What was selected before a filter hid it is not acknowledged unseen.
#[test]
fn what_a_filter_hides_is_not_acknowledged_with_the_rest() {
    let (mut bench, mut window) = bench(&all());
    click_with(&mut window, "north/flow", Modifiers::NONE);
    window.key_press_modifiers(Modifiers::COMMAND, Key::A);
    window.run_steps(2);
    type_into(&mut window, "Find: message, tag, area", "power");
    window.run_steps(3);
    window.key_press(Key::F2);
    window.run_steps(2);
    let mut expected: Vec<OccurrenceId> = ["north/power", "south/power"].map(|name| occurrence(&bench, name)).into();
    expected.sort_unstable();
    assert_eq!(acknowledged(&mut bench), expected);
}

/// A pointer that was left on the list hides no alarm, and until then nothing claims that all are shown.
#[test]
fn a_pointer_that_rests_holds_the_list_for_seconds_only() {
    let (mut bench, mut window) = bench(&["north/power", "south/power", "south/flow"]);
    let at = window.get_by_label_contains("south/power too high").rect().center();
    point(&mut window, at);
    raise(&mut bench, "north/flow");
    window.run_steps(3);
    assert_eq!(rows(&window), ["south/flow", "south/power", "north/power"]);
    assert!(says(&window, "3 of 4 shown.") && !says(&window, "Nothing else is in alarm."));
    window.run_steps(24);
    assert_eq!(rows(&window), ["north/flow", "south/flow", "south/power", "north/power"]);
    assert!(says(&window, "All 4 shown."));
}

#[test]
fn new_alarms_are_let_in_by_a_press() {
    let (mut bench, mut window) = bench(&["north/power", "south/power"]);
    click_with(&mut window, "north/power", Modifiers::NONE);
    click_with(&mut window, "south/power", Modifiers::COMMAND);
    point(&mut window, Pos2::new(20.0, 20.0));
    raise(&mut bench, "south/level");
    window.run_steps(3);
    assert_eq!(rows(&window), ["south/power", "north/power"], "a selection is being made");
    press(&mut window, "1 new alarm");
    assert_eq!(rows(&window), ["south/level", "south/power", "north/power"]);
    assert!(says(&window, "2 selected"));
}

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

#[test]
fn f9_shows_the_alarm_of_the_banner_in_every_view() {
    let (_bench, mut window) = bench(&all());
    show(&mut window, View::Devices);
    window.key_press(Key::F9);
    window.run_steps(3);
    assert_eq!(window.state().view(), View::Alarms);
    assert!(says(&window, "Look at the weir.") && says(&window, "Priority 1, critical, south"), "{:?}", texts(&window));
}

#[test]
fn a_flood_is_said_grouped_and_nothing_of_it_is_dropped() {
    let tags: Vec<_> = (0..12)
        .map(|number| {
            let area = if number < 4 { "north" } else { "south" };
            json!({"name": format!("{area}/t{number}"), "device": "plc", "register": format!("holding:{number}"), "area": area,
                "alarms": [{"high": 10, "priority": if number == 11 { "critical" } else { "medium" }, "message": format!("At {number} too high")}]})
        })
        .collect();
    let station = json!({"connections": [{"name": "c", "modbus": {"tcp": "127.0.0.1"}}], "devices": [{"name": "plc", "connection": "c"}], "tags": tags});
    let mut bench = Bench::new(&station.to_string());
    let mut window = small(&bench);
    show(&mut window, View::Alarms);
    for number in 0..10 {
        raise(&mut bench, &format!("{}/t{number}", if number < 4 { "north" } else { "south" }));
    }
    window.run_steps(2);
    assert!(!says(&window, "Flood") && window.query_by_label_contains("Group ").is_none());
    raise(&mut bench, "south/t10");
    raise(&mut bench, "south/t11");
    window.run_steps(2);
    assert!(says(&window, "Flood since 13:32: 12 alarms in 10 minutes") && says(&window, "All 12 shown."));
    assert!(window.query_by_label_contains("Group south, plc, open, 1 of priority 1, 7 of priority 3").is_some());
    assert!(window.query_by_label_contains("Group north, plc, open, 4 of priority 3").is_some());
    assert_eq!(rows(&window)[0], "11", "the most urgent area is on top");
    nothing_is_cut(&window, "flood");
    nothing_is_covered(&window, "flood");
    press(&mut window, "Undo groups");
    assert!(window.query_by_label_contains("Group north").is_none() && says(&window, "Flood since 13:32"));
    assert_eq!(rows(&window)[..2], ["11", "10"]);
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

#[test]
fn the_trend_is_opened_at_the_moment_of_the_alarm() {
    let (mut bench, mut window) = bench(&["north/flow"]);
    bench.pass(Duration::from_secs(7200));
    bench.publish();
    click_with(&mut window, "north/flow", Modifiers::NONE);
    press(&mut window, "Open trend");
    assert_eq!(window.state().view(), View::Trends);
    let shown = texts(&window);
    assert!(shown.iter().any(|text| text.contains("13:32")) && !shown.iter().any(|text| text == "15:32"), "{shown:?}");
}

/// The station file says which screen shows what an alarm is about; it opens at the part of the plant.
#[test]
fn the_screen_of_an_alarm_opens_at_its_part_of_the_plant() {
    let tag = |number: usize, screen: Option<&str>| {
        let area = ["north", "south"][number % 2];
        let mut alarm = json!({"high": 10, "message": format!("At {number} too high")});
        if let Some(screen) = screen {
            alarm["screen"] = json!(screen);
        }
        json!({"name": format!("t{number}"), "device": format!("plc-{number}"), "register": "holding:0", "range": [0, 30],
            "area": area, "alarms": [alarm]})
    };
    let screens = [None, Some("overview"), Some("tags"), Some("trends"), Some("alarms"), Some("devices")];
    let tags: Vec<_> = screens.iter().enumerate().map(|(number, screen)| tag(number, *screen)).collect();
    let device = |number: usize| json!({"name": format!("plc-{number}"), "connection": "c", "unit": number});
    let station = json!({"connections": [{"name": "c", "modbus": {"tcp": "127.0.0.1"}}],
        "devices": (1..=5).map(device).chain([json!({"name": "plc-0", "connection": "c"})]).collect::<Vec<_>>(), "tags": tags});
    let mut bench = Bench::new(&station.to_string());
    for number in 0..screens.len() {
        raise(&mut bench, &format!("t{number}"));
    }
    let mut window = small(&bench);
    for (number, view, words) in [
        (0, View::Overview, "level 1 · area north"),
        (1, View::Overview, "level 1 · area south"),
        (2, View::Tags, "t2"),
        (3, View::Trends, "t3"),
        (4, View::Alarms, "3 of 6 shown."),
        (5, View::Devices, "plc-5"),
    ] {
        show(&mut window, View::Alarms);
        window.get_by_label_contains(&format!("At {number} too high, ")).click();
        window.run_steps(3);
        press(&mut window, "Open screen");
        assert_eq!(window.state().view(), view, "{number}");
        assert!(texts(&window).iter().any(|text| text.starts_with(words)), "{number}: {:?}", texts(&window));
        nothing_is_cut(&window, words);
        match view {
            View::Overview => {
                assert!(says(&window, "3 alarms of other areas not shown here."), "{:?}", texts(&window));
                press(&mut window, "Whole plant");
                assert!(says(&window, "whole plant") && !says(&window, "of other areas"));
            }
            View::Alarms => press(&mut window, "Show all"),
            _ => {}
        }
    }
}

#[test]
fn of_thousands_only_what_is_seen_is_painted_and_acknowledged_as_shown() {
    let tags: Vec<_> = (0..3000)
        .map(|number| json!({"name": format!("t{number}"), "device": "plc", "register": format!("holding:{number}"), "alarms": [{"high": 10}]}))
        .collect();
    let station = json!({"connections": [{"name": "c", "modbus": {"tcp": "127.0.0.1"}}], "devices": [{"name": "plc", "connection": "c"}], "tags": tags});
    let mut bench = Bench::new(&station.to_string());
    for number in 0..3000 {
        bench.set(bench.tag(&format!("t{number}")), Some(20.0));
    }
    bench.publish();
    let mut window = small(&bench);
    show(&mut window, View::Alarms);
    assert!(says(&window, "All 3000 shown."));
    let painted = window.query_all_by_role(egui::Role::Row).count();
    assert!((8..30).contains(&painted), "{painted} rows");
    press(&mut window, &format!("Acknowledge shown ({painted})"));
    assert_eq!(acknowledged(&mut bench).len(), painted);
}

/// The rules of the station, in its own words, where the person looks.
#[test]
fn what_the_station_refuses_stands_in_the_dialog_and_its_past_in_the_details() {
    let asked = std::sync::Arc::default();
    let alarm = json!({"name": "flow", "device": "pump", "register": "input:30", "alarms": [{"high": 10, "priority": "low", "message": "Flow high"}]});
    let folder = Folder::new(&Live::plant(super::small_device(&asked), &[alarm]));
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
