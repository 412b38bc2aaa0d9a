//! Tags to a spreadsheet and back, by the command line.

use crate::support::{run, words};
use serde_json::Value;

#[test]
fn tags_go_to_a_sheet_and_come_back_changed() {
    let folder = tempfile::tempdir().unwrap();
    let (plant, sheet) = (folder.path().join("plant"), folder.path().join("tags.csv"));
    let (station, plant, sheet_name) =
        (plant.join("station.json"), plant.to_str().unwrap().to_owned(), sheet.to_str().unwrap().to_owned());
    let import = |more: &[&str]| run(&[&["tags", &plant, "--import", &sheet_name], more].concat());
    assert!(run(&["new", &plant]).status.success());
    let before = std::fs::read_to_string(&station).unwrap();
    let exported = run(&["tags", &plant, "--export", &sheet_name]);
    assert!(exported.status.success() && words(&exported).contains("2 tags were written"), "{}", words(&exported));
    assert!(words(&import(&["--apply"])).contains("There is nothing to write"));

    let text = std::fs::read_to_string(&sheet).unwrap();
    std::fs::write(&sheet, text.replace("1400", "1380")).unwrap();
    let dry = import(&[]);
    assert!(dry.status.success());
    for expected in ["~ pump-1/speed: high 1400 -> 1380", "0 added, 1 changed, 0 removed; 1 unchanged", "dry run"] {
        assert!(words(&dry).contains(expected), "{expected}\nis not in\n{}", words(&dry));
    }
    assert_eq!(std::fs::read_to_string(&station).unwrap(), before);
    let json: Value = serde_json::from_slice(&import(&["--json"]).stdout).unwrap();
    assert_eq!((&json["changes"][0]["keys"][0]["new"], &json["written"]), (&Value::from(1380), &Value::from(false)));
    let written = import(&["--apply"]);
    assert!(words(&written).contains("station.json written. A running station takes it up at reload"));
    assert_eq!(std::fs::read_to_string(&station).unwrap(), before.replace("\"high\": 1400", "\"high\": 1380"));

    std::fs::write(&sheet, text.replace("f32", "f33")).unwrap();
    let wrong = import(&["--apply"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(words(&wrong).contains(&format!("{sheet_name}:2:type: \"f33\" stands here")), "{}", words(&wrong));
    assert_eq!(run(&["tags", &plant, "--apply"]).status.code(), Some(2));
}
