//! Handing over to the next shift, in the window of a station that runs.

use super::Live;
use crate::views::{show, type_into};
use egui::{Event as Input, Key, Modifiers, PointerButton};
use egui_kittest::kittest::{NodeT, Queryable};
use polder::gui::View;
use polder::recorder::read_actions;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::PathBuf;

fn open(live: &mut Live) {
    show(&mut live.window, View::Alarms);
    live.click("Figures");
    live.click("Shift handover...");
}

fn pages(live: &Live) -> Vec<PathBuf> {
    let folder = std::fs::read_dir(live.folder.path.join("handovers"));
    folder.map(|all| all.map(|entry| entry.unwrap().path()).collect()).unwrap_or_default()
}

#[test]
fn the_page_is_written_with_the_notes_and_the_name_and_is_on_record() {
    let mut live = Live::start();
    live.wait(&["1 of 1 good"]);
    open(&mut live);
    live.wait(&["Say who hands over."]);
    let make = live.window.get_by_label("Make the page Ctrl Enter");
    assert!(make.accesskit_node().is_disabled());
    // The keyboard is there already.
    let notes = live.window.get_by_role_and_label(egui::Role::MultilineTextInput, "Notes for the next shift");
    assert!(notes.is_focused());
    notes.type_text("Look after <pump 3>.");
    live.window.run_steps(2);
    type_into(&mut live.window, "Your name", "Anna & Bram");
    live.is_readable_from("handover", "Hand over the shift");
    // A slip of the hand loses nothing.
    let beside = egui::pos2(20.0, 780.0);
    live.window.input_mut().events.push(Input::PointerMoved(beside));
    for pressed in [true, false] {
        let (button, modifiers) = (PointerButton::Primary, Modifiers::NONE);
        live.window.input_mut().events.push(Input::PointerButton { pos: beside, button, pressed, modifiers });
        live.window.run_steps(2);
    }
    live.window.get_by_role_and_label(egui::Role::TextInput, "Your name").focus();
    live.window.run_steps(2);
    live.window.key_press_modifiers(Modifiers::COMMAND, Key::Enter);
    live.wait(&["Written and recorded: ", "SHA-256"]);
    live.is_readable_from("handover done", "Hand over the shift");
    let pages = pages(&live);
    let [page] = pages.as_slice() else { panic!("{pages:?}") };
    let html = std::fs::read_to_string(page).unwrap();
    for part in
        ["For the next shift</h2><p>Look after &lt;pump 3&gt;.</p>", "Anna &amp; Bram", "The station was running"]
    {
        assert!(html.contains(part), "{part}: {html}");
    }
    let entries = read_actions(&live.folder.path.join("records.sqlite"), "handover").unwrap();
    let detail: Value = serde_json::from_str(&entries.last().unwrap().detail).unwrap();
    let digest: String = Sha256::digest(html.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!((&detail["sha256"], &detail["signer"]), (&Value::from(digest), &Value::from("Anna & Bram")));
    live.window.key_press(Key::Escape);
    live.window.run_steps(3);
    assert!(live.window.query_by_label("Your name").is_none());
}

/// What cannot be recorded is not made, and what was typed stays.
#[test]
fn a_page_that_cannot_be_made_says_why_and_keeps_what_was_typed() {
    let mut live = Live::start();
    live.wait(&["1 of 1 good"]);
    // A file stands where the folder for pages would be.
    std::fs::write(live.folder.path.join("handovers"), "").unwrap();
    open(&mut live);
    type_into(&mut live.window, "Your name", "Anna");
    live.click("Make the page Ctrl Enter");
    live.wait(&["Not made: ", "cannot be made"]);
    live.is_readable_from("handover refused", "Hand over the shift");
    assert_eq!(live.window.get_by_role_and_label(egui::Role::TextInput, "Your name").value().as_deref(), Some("Anna"));
    assert!(read_actions(&live.folder.path.join("records.sqlite"), "handover").unwrap().is_empty());
}
