//! The tags as a sheet, in the window.

use super::Live;
use crate::support::Folder;
use crate::views::{show, texts};
use egui::Key;
use egui_kittest::kittest::{NodeT, Queryable};
use polder::gui::View;
use serde_json::json;
use std::time::Instant;

const TITLE: &str = "Tags as a sheet";
const IMPORT: &str = "Import: show what it would change";
const APPLY: &str = "Apply: write the station file and take it up";

impl Live {
    fn open_sheet(&mut self) {
        show(&mut self.window, View::Tags);
        self.click("Sheet (CSV)...");
        self.window.run_steps(3);
    }

    fn sheet(&self) -> String {
        std::fs::read_to_string(self.folder.path.join("tags.csv")).unwrap()
    }

    fn station_file(&self) -> String {
        std::fs::read_to_string(self.folder.path.join("station.json")).unwrap()
    }

    fn export(&mut self) {
        self.open_sheet();
        self.write_sheet();
    }

    fn write_sheet(&mut self) {
        self.click("Export to this file");
        self.wait(&["tags were written to tags.csv."]);
    }
}

#[test]
fn tags_go_out_and_come_back_after_they_were_shown() {
    let mut live = Live::start();
    live.open_sheet();
    assert!(live.window.get_by_label("Sheet (CSV file)").is_focused(), "the keyboard is in the path");
    live.wait(&["An import first shows"]);
    live.is_readable_from("sheet", TITLE);
    live.write_sheet();
    // The same text as the command line writes.
    let path = live.folder.path.join("other.csv");
    let written =
        crate::support::run(&["tags", live.folder.path.to_str().unwrap(), "--export", path.to_str().unwrap()]);
    assert!(written.status.success());
    assert_eq!(live.sheet(), std::fs::read_to_string(path).unwrap());
    live.wait(&["tags.csv"]);
    let before = live.station_file();
    let sheet = live.sheet().replace("rpm", "1/min");
    let added = sheet.lines().nth(1).unwrap().replace("speed", "flow").replace("input:0", "input:4");
    std::fs::write(live.folder.path.join("tags.csv"), format!("{sheet}{added}\r\n")).unwrap();
    live.click(IMPORT);
    live.wait(&["This was a dry run: 1 added, 1 changed, 0 removed; 0 unchanged"]);
    assert!(live.window.query_by_label("changed, speed, unit, rpm, 1/min, 2").is_some(), "{:?}", texts(&live.window));
    live.wait(&["register input:4"]);
    live.is_readable_from("dry run", TITLE);
    assert_eq!(live.station_file(), before, "nothing is written before it is applied");
    live.click("Changed 1");
    assert!(live.window.query_by_label_contains("added, flow").is_none());
    live.click(APPLY);
    live.wait(&["station.json written, and the station goes on with it: 1 added, 1 changed, 0 removed."]);
    live.is_readable_from("applied", TITLE);
    live.click("Close Esc");
    live.wait(&["1/min"]);
    live.wait(&["flow"]);
    assert!(live.station_file().contains("1/min"));
}

#[test]
fn errors_stand_by_row_and_column_and_nothing_can_be_applied() {
    let mut live = Live::start();
    live.export();
    let before = live.station_file();
    std::fs::write(live.folder.path.join("tags.csv"), live.sheet().replace("u16", "u17")).unwrap();
    live.click(IMPORT);
    live.wait(&["! Nothing can be written: 1 error "]);
    let row = live.window.get_by_label_contains("! error, 2, type, \"u17\" stands here");
    assert_eq!(row.accesskit_node().role(), egui::Role::Row);
    assert!(live.window.get_by_label(APPLY).accesskit_node().is_disabled());
    live.is_readable_from("errors of a sheet", TITLE);
    live.click("Back");
    live.window.get_by_label("Sheet (CSV file)").focus();
    live.window.run_steps(2);
    live.window.get_by_label("Sheet (CSV file)").type_text("x");
    live.window.run_steps(2);
    live.window.key_press(Key::Enter);
    live.wait(&["! ", "tags.csvx cannot be read"]);
    assert_eq!(live.station_file(), before);
}

#[test]
fn what_somebody_wrote_meanwhile_is_not_overwritten() {
    let mut live = Live::start();
    live.export();
    std::fs::write(live.folder.path.join("tags.csv"), live.sheet().replace("rpm", "Hz")).unwrap();
    live.click(IMPORT);
    live.wait(&["This was a dry run"]);
    let changed = live.station_file().replace("100ms", "300ms");
    std::fs::write(live.folder.path.join("station.json"), &changed).unwrap();
    live.click(APPLY);
    live.wait(&["! nothing was written: station.json was changed meanwhile; import again"]);
    assert_eq!(live.station_file(), changed);
    // The next dry run says that a reload takes up more than the sheet.
    live.click(IMPORT);
    live.wait(&["! The station file holds 1 other change "]);
    live.is_readable_from("a file with other changes", TITLE);
}

#[test]
fn a_sheet_is_chosen_from_the_list_by_keyboard() {
    let mut live = Live::start();
    std::fs::create_dir(live.folder.path.join("archive")).unwrap();
    std::fs::write(live.folder.path.join("archive/old.csv"), "name\r\nspeed\r\n").unwrap();
    live.open_sheet();
    live.wait(&["archive"]);
    live.window.get_by_label("archive, folder").focus();
    live.window.run_steps(2);
    live.window.get_by_label("archive, folder").click();
    live.wait(&["old.csv"]);
    live.window.get_by_label("old.csv, sheet").click();
    live.window.run_steps(3);
    let field = live.window.get_by_role_and_label(egui::Role::TextInput, "Sheet (CSV file)");
    assert_eq!(field.value().as_deref(), Some("archive/old.csv"));
    live.click(IMPORT);
    live.wait(&["0 added, 0 changed, 0 removed; 1 unchanged"]);
    assert!(live.window.get_by_label(APPLY).accesskit_node().is_disabled(), "there is nothing to write");
}

/// Ten thousand registers: only what is seen is laid out, and a frame stays short.
#[test]
fn ten_thousand_registers_stay_smooth() {
    let tags: Vec<_> = (0..10_000)
        .map(|number| json!({"name": format!("tag-{number}"), "device": "pump", "register": format!("input:{number}"), "unit": "rpm"}))
        .collect();
    let folder = Folder::new(&json!({
        "connections": [{"name": "plc", "modbus": {"tcp": "127.0.0.1:1"}}],
        "devices": [{"name": "pump", "connection": "plc", "unit": 7}], "tags": tags}));
    let mut live = Live::start_in(folder);
    live.export();
    std::fs::write(live.folder.path.join("tags.csv"), live.sheet().replace("rpm", "Hz")).unwrap();
    live.click(IMPORT);
    // The window goes on painting while the sheet is compared.
    live.wait(&["The sheet is being read and compared."]);
    live.wait(&["0 added, 10000 changed, 0 removed"]);
    let rows = live.window.query_all_by_role(egui::Role::Row).count();
    assert!((8..80).contains(&rows), "{rows} rows are in the tree");
    let began = Instant::now();
    live.window.run_steps(20);
    let frame = began.elapsed() / 20;
    assert!(frame.as_millis() < 200, "a frame takes {frame:?} even unoptimised");
}

/// Tab reaches everything in the dialog, and nothing behind it.
#[test]
fn tab_goes_round_in_the_dialog() {
    let mut live = Live::start();
    live.open_sheet();
    let wanted = ["Template", "Remove tags that are not in the sheet", IMPORT, "Export to this file", "Close Esc"];
    let mut reached = std::collections::BTreeSet::<&str>::new();
    for _ in 0..12 {
        live.window.key_press(Key::Tab);
        live.window.run_steps(2);
        reached.extend(wanted.iter().filter(|label| live.window.get_by_label(label).is_focused()));
        assert!(!live.window.get_by_label("Find a tag").is_focused(), "the dialog keeps the keyboard");
    }
    assert_eq!(reached.len(), wanted.len(), "{reached:?}");
}
