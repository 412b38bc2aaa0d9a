//! Finding the units of a wire.

use super::Live;
use crate::support::Folder;
use crate::views::{show, texts};
use egui::Key;
use egui_kittest::kittest::{NodeT, Queryable};
use polder::engine::RequestBody;
use polder::gui::View;
use serde_json::json;
use std::sync::atomic::Ordering;

impl Live {
    fn open_units(&mut self) {
        show(&mut self.window, View::Devices);
        self.click("Find units...");
        self.wait(&["Each unit is asked for one holding register"]);
        // The wire says which units the station knows.
        self.until("the wire to answer", |live| !live.window.get_by_label("Scan").accesskit_node().is_disabled());
    }
}

#[test]
fn units_are_found_as_they_answer_and_looked_into() {
    let mut live = Live::start();
    live.open_units();
    live.is_readable("before a scan");
    live.set_number("Last unit", 9);
    live.click("0 and 255 too");
    live.click("Scan");
    live.wait(&["Done: 9 of 9 asked, 2 found."]);
    // The small device of the station answers as unit 7, and as 3 in the same case.
    live.wait(&["not in the file"]);
    live.is_readable("units");
    live.window.get_by_label("7, pump, Acme · P-7 · 1.0").click();
    live.window.run_steps(3);
    live.wait(&["Registers of unit 7, pump"]);
    live.click("Read");
    live.wait(&["05AA"]);
    live.is_readable("registers of a unit that was found");
    live.window.get_by_label("3, not in the file, Acme · P-7 · 1.0").click();
    live.window.run_steps(3);
    live.wait(&["Registers of unit 3"]);
    live.click("Read");
    live.wait(&["05AA"]);
    let row = live.window.get_by_label("1, 41AC, 16812, 16812, 0100 0001 1010 1100");
    row.click();
    live.window.run_steps(3);
    live.wait(&["No device of the station has this unit."]);
    assert!(live.window.query_by_label("Make a tag...").is_none());
    live.is_readable("registers of an unknown unit");
}

#[test]
fn a_scan_stops_at_once_and_its_button_keeps_the_keyboard() {
    let mut live = Live::start();
    live.open_units();
    live.window.get_by_label("Scan").focus();
    live.window.run_steps(2);
    live.window.key_press(Key::Space);
    live.wait(&["Unit ", " is asked. ", " of 249 asked"]);
    assert!(live.window.get_by_label("Stop").is_focused(), "what starts a scan stops it");
    // Another view, and the particulars of a device, do not end it.
    show(&mut live.window, View::Tags);
    show(&mut live.window, View::Devices);
    live.wait(&["Unit ", " is asked. "]);
    live.window.get_by_label("Stop").focus();
    live.window.run_steps(2);
    live.window.key_press(Key::Space);
    live.window.run_steps(3);
    let stopped = live.wait(&["Stopped: ", " of 249 asked"]);
    live.is_readable("a scan that was stopped");
    let silent = live.asked_for_units();
    live.polls(5);
    // What was on the wire at that moment ends; nothing is asked after it.
    assert!(live.asked_for_units() <= silent + 1, "{stopped}");
    assert!(texts(&live.window).contains(&stopped));
}

#[test]
fn a_device_that_is_off_scan_is_not_asked() {
    let mut live = Live::start();
    live.wait(&["1 of 1 good"]);
    live.station.handle().request(RequestBody::Scan { device: "pump".into(), on: false, reason: "test".into() });
    show(&mut live.window, View::Devices);
    live.wait(&["0 of 1 answer, 1 off scan"]);
    live.open_units();
    live.set_number("First unit", 7);
    live.set_number("Last unit", 7);
    live.click("0 and 255 too");
    live.click("Scan");
    live.wait(&["! None of these units may be asked: their devices are off scan."]);
}

#[test]
fn a_wire_that_is_not_there_says_so() {
    let mut live = Live::start_on(1);
    live.open_units();
    live.click("Scan");
    live.wait(&["! It broke off: unit 1 could not be asked: "]);
    live.is_readable("a scan that broke off");
}

/// Silent units take their time; what the station polls goes on beside them.
#[test]
fn polls_keep_their_rate_while_silent_units_are_asked() {
    let asked = std::sync::Arc::default();
    let address = format!("127.0.0.1:{}", super::small_device(&asked));
    let tags: Vec<_> = (0..10)
        .map(|place| json!({"name": format!("tag-{place}"), "device": "pump", "register": format!("input:{}", place * 90)}))
        .collect();
    let folder = Folder::new(&json!({
        "connections": [{"name": "plc", "modbus": {"tcp": address}}],
        "devices": [{"name": "pump", "connection": "plc", "unit": 7, "poll": "500ms", "gap": 0}], "tags": tags}));
    let mut live = Live { asked, ..Live::start_in(folder) };
    live.open_units();
    live.set_number("First unit", 100);
    live.set_number("How long a unit may take", 200);
    live.click("0 and 255 too");
    live.polls(10);
    let before = live.asked.known.load(Ordering::Relaxed);
    live.click("Scan");
    live.until("ten silent units", |live| live.asked_for_units() >= 10);
    // Ten units took 2 s: ten registers, twice a second.
    let polled = live.asked.known.load(Ordering::Relaxed) - before;
    assert!(polled >= 25, "{polled} polls beside ten silent units");
}

#[test]
fn a_scan_ends_with_the_plant_that_it_was_begun_in() {
    let mut live = Live::start();
    live.open_units();
    live.click("Scan");
    live.wait(&["Unit ", " is asked. "]);
    live.station.handle().reload(true).unwrap();
    live.wait(&["! It broke off: the station was reloaded; scan again."]);
}
