//! The figures of the alarms view, on a station that really runs with a journal behind it.

use super::Live;
use crate::support::{Folder, change_of};
use crate::views::{show, small, texts};
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use polder::access::Principal;
use polder::alarm::{State, Transition};
use polder::gui::View;
use polder::recorder::{Order, RecordStore, Recorder};
use polder::station::SystemClock;
use polder::tag::{Clock, Timestamp};
use serde_json::json;
use std::time::Duration;

/// An alarm that came and went and was acknowledged, so long ago.
fn life(number: u64, alarm: &str, ago: Duration) -> Vec<Transition> {
    let came = SystemClock::new().now().utc.minus(ago);
    let at = |seconds: u64| came.plus(Duration::from_secs(seconds));
    let change = |from: State, to: State, time: Timestamp, actor: Option<Principal>| Transition {
        actor,
        ..change_of(alarm, number, [from, to], [time, came])
    };
    vec![
        change(State::Normal, State::Unacknowledged, came, None),
        change(State::Unacknowledged, State::ReturnedUnacknowledged, at(5), None),
        change(State::ReturnedUnacknowledged, State::Normal, at(8), Some(Principal::person("anna"))),
    ]
}

/// More letters than others that have no room, and all of them narrow.
const NARROW: &str = "hill/lift/till/fill/tilt/lit/ill-fit:low";

/// Thirty activations of one alarm five hours ago, a minute apart from each other, and one of each of two others six days ago.
fn station() -> Live {
    let asked = std::sync::Arc::default();
    let alarm = json!({"name": "flow", "device": "pump", "register": "input:3", "alarms": [{"high": 1000, "priority": "low", "message": "Flow high"}]});
    let folder = Folder::new(&Live::plant(super::small_device(&asked), &[alarm]));
    let mut changes: Vec<Transition> =
        life(1, "north/building-7/pump-station/P12/a-rather-long-name:low", Duration::from_secs(6 * 86_400));
    changes.extend(life(40, NARROW, Duration::from_secs(6 * 86_400 - 60)));
    changes.extend((0..30).flat_map(|number| life(2 + number, "flow:high", Duration::from_secs(18_000 - 60 * number))));
    let recorder = Recorder::start(RecordStore::open(&folder.path.join("records.sqlite")).unwrap(), |_| {}).unwrap();
    recorder.order(Order { transitions: changes, drafts: Vec::new(), ..Order::default() }).unwrap();
    recorder.stop();
    Live { asked, ..Live::start_in(folder) }
}

fn open(live: &mut Live) {
    show(&mut live.window, View::Alarms);
    live.click("Figures");
    live.wait(&["Activations per day, average"]);
}

/// Texts that end with "..." because they have no room.
fn shortened(live: &Live) -> Vec<String> {
    fn walk(shape: &egui::Shape, found: &mut Vec<String>) {
        match shape {
            egui::Shape::Vec(parts) => parts.iter().for_each(|part| walk(part, found)),
            egui::Shape::Text(text) if text.galley.elided => found.push(text.galley.text().to_owned()),
            _ => {}
        }
    }
    let mut found = Vec::new();
    live.window.output().shapes.iter().for_each(|clipped| walk(&clipped.shape, &mut found));
    found
}

#[test]
fn no_figure_is_shortened_even_where_there_is_everything_to_tell() {
    let mut live = station();
    open(&mut live);
    live.click("7 d");
    live.wait(&["32 activations"]);
    assert_eq!(shortened(&live), [""; 0]);
    // The rows below, too.
    live.window.get_by_label_contains("Activations 32").focus();
    live.window.run_steps(2);
    live.window.key_press(Key::End);
    live.window.run_steps(3);
    live.wait(&["Set aside at the end"]);
    assert_eq!(shortened(&live), [""; 0]);
    let told = texts(&live.window);
    assert!(told.iter().any(|text| text == "…/P12/a-rather-long-name:low"), "names keep their end");
    assert!(told.iter().any(|text| text == NARROW), "and all of them where there is room");
}

#[test]
fn figures_are_shown_against_their_targets_for_the_period_that_is_chosen() {
    let mut live = station();
    open(&mut live);
    live.wait(&["30 activations"]);
    // Ten in ten minutes, and no more: a minute apart.
    live.window.get_by_label_contains("Activations per 10 minutes, maximum 10 at most 10 within target");
    live.window.get_by_label_contains("Fleeting alarms 1 0 over");
    live.is_readable("figures");
    live.click("7 d");
    live.wait(&["32 activations"]);
    live.window.get_by_label_contains("a-rather-long-name:low 1 times");
    live.click("8 h");
    live.wait(&["30 activations"]);
    live.is_readable("figures of 8 h");
}

#[test]
fn an_alarm_of_the_figures_is_chosen_by_keyboard_and_opened() {
    let mut live = station();
    open(&mut live);
    live.wait(&["30 activations"]);
    live.window.get_by_label_contains("flow:high 30 times, 30 chattering or fleeting").focus();
    live.window.run_steps(2);
    live.window.key_press_modifiers(Modifiers::NONE, Key::ArrowDown);
    live.wait(&["Flow high"]);
    live.is_readable("a chosen alarm");
    live.window.get_by_label("Open alarm").focus();
    live.window.run_steps(2);
    live.window.key_press(Key::Enter);
    live.window.run_steps(3);
    live.wait(&["changes"]);
    assert_eq!(live.window.get_by_label("Find in the journal").value().as_deref(), Some("flow:high"));
    // What was chosen is still there afterwards.
    live.click("Figures");
    live.wait(&["Flow high"]);
}

#[test]
fn the_figures_are_exported_as_they_are_shown() {
    let mut live = station();
    open(&mut live);
    live.wait(&["30 activations"]);
    live.click("Export CSV");
    let said = live.wait(&["Written: "]);
    let csv = std::fs::read_to_string(said.trim_start_matches("Written: ")).unwrap();
    assert!(csv.starts_with("figure,value,target,verdict\nActivations,30,,\n"), "{csv}");
    assert!(csv.contains("\"at most 150, acceptable 300\",within target\n"), "{csv}");
    live.is_readable("exported figures");
}

/// A window that cannot ask says so, and shows no figures as if nothing had happened.
#[test]
fn figures_that_cannot_be_worked_out_are_not_shown_as_zero() {
    let bench = crate::views::Bench::new(&crate::views::noordpolder());
    let mut window = small(&bench);
    show(&mut window, View::Alarms);
    window.get_by_label("Figures").click();
    window.run_steps(4);
    let shown = texts(&window);
    assert!(shown.iter().any(|text| text.starts_with("The figures cannot be worked out: too many")), "{shown:?}");
    assert!(!shown.iter().any(|text| text.starts_with("Activations per")), "{shown:?}");
}
