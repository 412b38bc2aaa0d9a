//! The alarm panel: what is sorted, grouped and filtered away; that nothing moves under a hand; what is set aside, and by whom.

mod dialogs;
mod list;
mod set_aside;
mod ways;

use crate::views::{Bench, show, small, texts};
use egui::{Event as Input, Modifiers, PointerButton, Pos2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use polder::alarm::OccurrenceId;
use polder::engine::RequestBody;
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
