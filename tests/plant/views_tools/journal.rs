//! The journal of a station that has run for years: found, paged and exported, and the window never waits for it.

use super::Live;
use crate::support::Folder;
use crate::views::{show, texts, type_into};
use egui::{Event as Input, Key, Modifiers, MouseWheelUnit, Pos2, vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use polder::gui::View;
use polder::recorder::RecordStore;
use serde_json::json;
use std::sync::mpsc::channel;

const LINES: i64 = 200_000;

/// Two hundred thousand changes, a second apart up to now; of every thousand one was acknowledged by anna.
fn station() -> Live {
    let asked = std::sync::Arc::default();
    let flow = json!({"name": "flow", "device": "pump", "register": "input:3", "area": "north",
        "alarms": [{"high": 1000, "priority": "low", "message": "Too much water"}]});
    let folder = Folder::new(&Live::plant(super::small_device(&asked), &[flow]));
    let path = folder.path.join("records.sqlite");
    drop(RecordStore::open(&path).unwrap());
    let sql = "WITH RECURSIVE line(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM line WHERE number < ?1)
        INSERT INTO journal(time, alarm, occurrence, before, after, raised, value, actor, comment, occasion, condition)
        SELECT (unixepoch() - ?1 + number) * 1000000, iif(number % 2, 'flow:high', 'level-' || (number % 50) || ':low'), number,
            iif(number % 1000, 'normal', 'unacknowledged'), iif(number % 1000, 'unacknowledged', 'acknowledged'), 0, '1.5',
            iif(number % 1000, NULL, 'anna'), iif(number % 1000, '', 'line ' || number), '', '' FROM line";
    let connection = rusqlite::Connection::open(&path).unwrap();
    connection.execute(sql, [LINES]).unwrap();
    drop(connection);
    let mut live = Live { asked, ..Live::start_in(folder) };
    show(&mut live.window, View::Alarms);
    live.click("Journal");
    live
}

fn rows(live: &Live) -> Vec<String> {
    let mut found: Vec<(f32, String)> = live
        .window
        .query_all_by_role(egui::Role::Row)
        .map(|node| (node.rect().top(), node.accesskit_node().label().unwrap_or_default()))
        .collect();
    found.sort_by(|one, other| one.0.total_cmp(&other.0));
    found.into_iter().map(|(_, words)| words).collect()
}

fn wheel(live: &mut Live, points: f32) {
    let (unit, delta, modifiers) = (MouseWheelUnit::Point, vec2(0.0, points), Modifiers::NONE);
    let (phase, source) = (egui::TouchPhase::Move, egui::MouseWheelSource::Unknown);
    live.window.input_mut().events.push(Input::PointerMoved(Pos2::new(600.0, 500.0)));
    live.window.input_mut().events.push(Input::MouseWheel { unit, delta, phase, source, modifiers });
    live.window.run_steps(2);
}

#[test]
fn the_whole_journal_is_there_and_only_what_is_looked_at_is_read() {
    let mut live = station();
    live.wait(&["200000 changes, the whole journal"]);
    live.until("the newest line", |live| rows(live).first().is_some_and(|row| row.contains("anna: line 200000")));
    assert!((10..40).contains(&rows(&live).len()), "only what is seen is painted");
    live.is_readable("the journal");
    // To the end and back.
    live.window.set_size(egui::vec2(1280.0, 800.0));
    live.window.key_press(Key::End);
    live.until("the oldest line", |live| rows(live).last().is_some_and(|row| row.starts_with("flow:high not ack")));
    assert!(!texts(&live.window).iter().any(|text| text.contains("line 200000")));
    live.until("nothing is on its way", |live| !texts(&live.window).iter().any(|text| text == "..."));
    live.window.key_press(Key::Home);
    live.until("the newest line again", |live| rows(live).first().is_some_and(|row| row.contains("line 200000")));
}

/// Somebody else asks the records something long; the window goes on painting, and says what it waits for.
#[test]
fn searching_and_scrolling_never_wait_for_the_records() {
    let mut live = station();
    live.wait(&["200000 changes, the whole journal"]);
    let (release, gate) = channel::<()>();
    let _ticket = live.station.handle().ask(move |_, _| gate.recv());
    wheel(&mut live, -300_000.0);
    live.wait(&["..."]);
    type_into(&mut live.window, "Find in the journal", "line 1990");
    live.window.run_steps(5);
    assert!(texts(&live.window).iter().any(|text| text == "0 changes so far; the journal is being searched."));
    release.send(()).unwrap();
    live.wait(&["1 change found in the whole journal"]);
    live.until("the line", |live| rows(live).first().is_some_and(|row| row.contains("anna: line 199000")));
}

#[test]
fn what_is_looked_for_can_be_a_time_a_tag_a_person_a_message() {
    let mut live = station();
    live.wait(&["200000 changes, the whole journal"]);
    for (field, words, found) in [
        ("Find in the journal", "too much WATER", "100000 changes found"),
        ("Tag", "level-7", "0 changes found"),
        ("Tag", "level-8", "4000 changes found"),
        ("Who", "Anna", "200 changes found"),
        ("When: -8h, 14:00 to 15:00", "-1h", "changes found"),
    ] {
        type_into(&mut live.window, field, words);
        live.wait(&[found]);
        live.is_readable(words);
        live.window.set_size(egui::vec2(1280.0, 800.0));
        live.window.run_steps(2);
        live.click("Clear");
        live.wait(&["200000 changes, the whole journal"]);
    }
    type_into(&mut live.window, "When: -8h, 14:00 to 15:00", "soon");
    live.wait(&["The journal cannot be searched: "]);
    live.click("Clear");
    live.click("Area");
    live.click("north");
    live.wait(&["100000 changes found"]);
    live.click("Priority");
    live.click("critical");
    live.wait(&["0 changes found"]);
}

#[test]
fn what_is_found_is_exported() {
    let mut live = station();
    type_into(&mut live.window, "Who", "anna");
    live.wait(&["200 changes found"]);
    live.click("Export CSV");
    let said = live.wait(&["Written, 200 lines: "]);
    let csv = std::fs::read_to_string(said.trim_start_matches("Written, 200 lines: ")).unwrap();
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines[0], "time,alarm,occurrence,before,after,raised,value,actor,comment,priority,area,message");
    assert_eq!(lines.len(), 201);
    assert!(
        lines[1].contains(",unacknowledged,acknowledged,") && lines[1].contains(",1.5,anna,line 1000,,"),
        "{}",
        lines[1]
    );
}
