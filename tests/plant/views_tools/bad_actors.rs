//! Bad actors, on a station that really runs with history behind it: what would help is worked out, saved, shown and taken up.

use super::Live;
use crate::support::{Folder, change_of};
use crate::views::{nothing_is_cut, show, texts};
use egui::Key;
use egui_kittest::kittest::Queryable;
use polder::alarm::{State, Transition};
use polder::config;
use polder::gui::View;
use polder::historian::{Historian, OpenedHistory};
use polder::recorder::{Order, RecordStore, Recorder};
use polder::station::SystemClock;
use polder::tag::{Clock, Generation, HistoryRow, Quality, Sample, Timestamp, Value};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Spikes of five seconds, five minutes apart.
const SPIKES: u64 = 30;
const LENGTH: Duration = Duration::from_secs(5);

fn moments() -> Vec<Timestamp> {
    let now = SystemClock::new().now().utc;
    (0..SPIKES).map(|number| now.minus(Duration::from_secs(18_000 - 300 * number))).collect()
}

fn keep(folder: &Path, spikes: &[Timestamp]) {
    let plan = config::load(folder, Generation(1)).into_plant().unwrap().plan;
    let tag = plan.directory.find("flow").unwrap();
    let opened = OpenedHistory::open(folder, Timestamp::default()).unwrap();
    let historian = Historian::start(opened, Arc::new(SystemClock::new()), |_| {}).unwrap();
    assert!(historian.set_plan(Arc::clone(&plan.directory), std::collections::HashMap::new()));
    let row = |time, value| HistoryRow {
        tag,
        sample: Sample { time, value: Some(Value::Unsigned(value)), quality: Quality::GOOD },
    };
    let mut rows = vec![row(spikes[0].minus(LENGTH), 3)];
    rows.extend(spikes.iter().flat_map(|time| [row(*time, 20), row(time.plus(LENGTH), 3)]));
    historian.rows(rows).unwrap();
    historian.stop();
    let change =
        |number: usize, from, to, time, came| change_of("flow:high", number as u64 + 1, [from, to], [time, came]);
    let changes: Vec<Transition> = spikes
        .iter()
        .enumerate()
        .flat_map(|(number, came)| {
            let (waits, over) = (State::Unacknowledged, State::ReturnedUnacknowledged);
            [
                change(number, State::Normal, waits, *came, *came),
                change(number, waits, over, came.plus(LENGTH), *came),
                change(number, over, State::Normal, came.plus(LENGTH * 2), *came),
            ]
        })
        .collect();
    let recorder = Recorder::start(RecordStore::open(&folder.join("records.sqlite")).unwrap(), |_| {}).unwrap();
    recorder.order(Order { transitions: changes, drafts: Vec::new(), ..Order::default() }).unwrap();
    recorder.stop();
}

fn station() -> Live {
    let asked = Arc::default();
    let alarm = json!({"name": "flow", "device": "pump", "register": "input:3", "alarms": [{"high": 10, "priority": "low", "message": "Flow high"}]});
    let folder = Folder::new(&Live::plant(super::small_device(&asked), &[alarm]));
    keep(&folder.path, &moments());
    Live { asked, ..Live::start_in(folder) }
}

#[test]
fn what_would_help_is_worked_out_saved_shown_and_taken_up() {
    let mut live = station();
    show(&mut live.window, View::Alarms);
    live.click("Bad actors");
    let row = "flow:high, 30 times, 0 chattering, 30 fleeting, proposal: on_delay: 10s";
    live.until("the proposal", |live| live.window.query_by_label(row).is_some());
    live.is_readable("bad actors");
    // By keyboard alone.
    live.window.get_by_label(row).focus();
    live.window.run_steps(2);
    live.window.key_press(Key::ArrowDown);
    live.wait(&["30 activations were replayed with it:"]);
    live.wait(&["30 activations fewer"]);
    live.wait(&["As it is: high 10, deadband 0, on-delay 0 s"]);
    live.is_readable("a bad actor");
    live.window.get_by_label("Save proposal").focus();
    live.window.run_steps(2);
    live.window.key_press(Key::Enter);
    // What changes is shown, and nothing is done yet.
    live.wait(&["This would change. Nothing has been done yet."]);
    live.wait(&["flow:high", "on_delay"]);
    let file = std::fs::read_to_string(live.folder.path.join("station.json")).unwrap();
    assert!(file.contains("\"on_delay\""), "{file}");
    assert_eq!(live.station.handle().snapshot().generation.0, 1);
    nothing_is_cut(&live.window, "the change of a proposal");
    live.click("Apply Ctrl Enter");
    live.wait(&["Done: the station goes on with the file."]);
    live.click("Close Esc");
    live.until("the new plant", |live| live.station.handle().snapshot().generation.0 == 2);
    // With its new setting it is replayed anew.
    live.wait(&["As it is: high 10, deadband 0, on-delay 10 s"]);
    live.wait(&["No proposal: "]);
}

#[test]
fn what_cannot_be_saved_says_why() {
    let mut live = station();
    show(&mut live.window, View::Alarms);
    live.click("Bad actors");
    let row = "flow:high, 30 times, 0 chattering, 30 fleeting, proposal: on_delay: 10s";
    live.until("the proposal", |live| live.window.query_by_label(row).is_some());
    live.window.get_by_label(row).click();
    live.wait(&["30 activations fewer"]);
    // Somebody else changed it meanwhile.
    let path = live.folder.path.join("station.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let other = text.replace("\"high\":10", "\"high\":11");
    assert_ne!(text, other);
    std::fs::write(&path, &other).unwrap();
    live.click("Save proposal");
    live.wait(&["Not saved: ", "something else about flow:high by now"]);
    assert_eq!(std::fs::read_to_string(&path).unwrap(), other);
    assert!(!texts(&live.window).iter().any(|text| text.starts_with("This would change")));
    live.is_readable("a proposal that was not saved");
}
