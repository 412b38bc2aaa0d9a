//! Going on with a changed station file: what is another is shown before it is taken up.

use super::Live;
use crate::views::{Bench, noordpolder, show, small, texts};
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use polder::gui::View;

impl Live {
    fn rewrite(&self, from: &str, to: &str) {
        let path = self.folder.path.join("station.json");
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(path, text.replace(from, to)).unwrap();
    }

    fn generation(&self) -> u64 {
        u64::from(self.station.handle().snapshot().generation.0)
    }
}

const TITLE: &str = "Reload the station file";

#[test]
fn a_changed_file_is_noticed_shown_and_taken_up_only_then() {
    let mut live = Live::start();
    live.wait(&["tags", "answers/s"]);
    live.rewrite("\"rpm\"", "\"1/min\"");
    live.rewrite("\"poll\":\"100ms\"", "\"poll\":\"200ms\"");
    live.wait(&["The station file was changed: look F5"]);
    let notice = live.window.get_by_label("The station file was changed: look F5").rect();
    assert!(notice.bottom() <= 798.0 && notice.top() >= 774.0, "{notice:?} stands in the status line");
    live.window.key_press(Key::F5);
    live.wait(&["This would change. Nothing has been done yet."]);
    live.wait(&["tags: ", " kept, 1 changed"]);
    live.wait(&["devices: 0 kept, 1 changed"]);
    live.wait(&["tag speed: unit \"rpm\" -> \"1/min\""]);
    live.wait(&["device pump: poll 100 ms -> 200 ms"]);
    live.is_readable_from("reload", TITLE);
    // Taken away, nothing has happened.
    live.window.key_press(Key::Escape);
    live.window.run_steps(3);
    assert!(live.window.query_by_label("Reload the station file").is_none());
    assert_eq!(live.generation(), 1);
    live.window.key_press(Key::F5);
    live.wait(&["This would change."]);
    live.window.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    live.wait(&["Done: the station goes on with the file."]);
    live.is_readable_from("reload done", TITLE);
    live.click("Close Esc");
    live.until("the new plant", |live| live.generation() == 2);
    show(&mut live.window, View::Tags);
    live.wait(&["1/min"]);
    assert!(!texts(&live.window).iter().any(|text| text.starts_with("The station file was changed")));
}

#[test]
fn what_is_taken_up_is_what_was_shown() {
    let mut live = Live::start();
    live.rewrite("\"rpm\"", "\"1/min\"");
    live.window.key_press(Key::F5);
    live.wait(&["tag speed: unit"]);
    // Somebody goes on writing while the difference is looked at.
    live.rewrite("\"1/min\"", "\"Hz\"");
    live.click("Apply Ctrl Enter");
    live.wait(&["Done: the station goes on with the file."]);
    live.click("Close Esc");
    live.until("the new plant", |live| live.generation() == 2);
    let plan = live.station.handle().snapshot().plan.clone();
    let speed = plan.directory.find("speed").unwrap();
    assert_eq!(&*plan.directory.tag(speed).unwrap().unit, "1/min");
    live.wait(&["The station file was changed: look F5"]);
}

#[test]
fn errors_of_the_file_are_told_with_their_places_and_nothing_is_done() {
    let mut live = Live::start();
    show(&mut live.window, View::Devices);
    live.rewrite("\"u16\"", "\"u17\"");
    live.click("Reload... F5");
    live.wait(&["! The station file has 1 error."]);
    live.wait(&["station.json: tags/0/type"]);
    live.wait(&["\"u17\" stands here"]);
    live.is_readable_from("errors of the file", TITLE);
    assert!(live.window.query_by_label("Apply Ctrl Enter").is_none());
    live.rewrite("\"u17\"", "\"u16\"");
    live.click("Read it again");
    live.wait(&["Nothing is another in the station file"]);
    assert_eq!(live.generation(), 1);
}

#[test]
fn a_plan_that_was_overtaken_by_another_reload_is_not_taken_up() {
    let mut live = Live::start();
    live.rewrite("\"rpm\"", "\"1/min\"");
    live.window.key_press(Key::F5);
    live.wait(&["tag speed: unit"]);
    live.station.handle().reload(true).unwrap();
    live.click("Apply Ctrl Enter");
    live.wait(&["! nothing was done: the station was reloaded meanwhile"]);
    live.is_readable_from("overtaken", TITLE);
}

#[test]
fn a_station_that_cannot_answer_says_so() {
    let bench = Bench::new(&noordpolder());
    let mut window = small(&bench);
    window.key_press(Key::F5);
    window.run_steps(4);
    assert!(
        texts(&window).iter().any(|text| text.starts_with("! the station has too much to do")),
        "{:?}",
        texts(&window)
    );
    window.key_press(Key::Escape);
    window.run_steps(3);
    assert!(window.query_by_label("Reload the station file").is_none());
}
