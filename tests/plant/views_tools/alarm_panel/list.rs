//! The list of active alarms: its order, filters and groups, and that nothing moves under a hand.

use super::{acknowledged, all, bench, click_with, occurrence, point, press, raise, rows, says};
use crate::views::{Bench, nothing_is_covered, nothing_is_cut, show, small, texts, type_into};
use egui::{Key, Modifiers, Pos2};
use egui_kittest::kittest::Queryable;
use polder::alarm::OccurrenceId;
use polder::gui::View;
use serde_json::json;

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
