//! The page from one shift to the next, of a station that runs and of one that does not.

use crate::support::{Folder, Station, free_port, modbus_station, run, words};
use polder::recorder::{AuditLine, read_actions};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::path::Path;

fn station() -> Folder {
    let tags = json!([{"name": "level", "device": "plc-1", "register": "holding:0", "alarms": [{"high": 8}]}]);
    let mut station = modbus_station(free_port(), "300ms", tags);
    // What a person can write into the file comes out as text.
    station["station"]["name"] = json!("Noord & <b>Zuid</b>");
    Folder::new(&station)
}

/// The page is the one that the last entry of the record names.
fn check_recorded(folder: &Path, page: &Path) -> Vec<AuditLine> {
    let entries = read_actions(&folder.join("records.sqlite"), "handover").unwrap();
    let detail: serde_json::Value = serde_json::from_str(&entries.last().unwrap().detail).unwrap();
    let digest: String =
        Sha256::digest(std::fs::read(page).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(detail["sha256"], digest);
    entries
}

#[test]
fn a_shift_hands_over_what_stands_and_the_record_says_so() {
    let folder = station();
    let mut station = Station::start(&folder.path);
    station.wait_alarm("plc-1:lost", "unacknowledged");
    let pages = tempfile::tempdir().unwrap();
    let page = |name: &str| pages.path().join(name);
    let make = |path: &Path| run(&["handover", folder.path.to_str().unwrap(), "--out", path.to_str().unwrap()]);
    let first = make(&page("first.html"));
    assert!(first.status.success(), "{}", words(&first));
    let html = std::fs::read_to_string(page("first.html")).unwrap();
    for part in [
        "Shift handover, Noord &amp; &lt;b&gt;Zuid&lt;/b&gt;",
        "The station was running",
        "Devices that do not answer (1)",
        "plc-1 does not answer",
        "Devices off scan (0)",
        "Activations per 10 minutes, maximum",
        "+01:00",
    ] {
        assert!(html.contains(part), "{part}: {html}");
    }
    check_recorded(&folder.path, &page("first.html"));

    // The figures of a station that runs are read beside it.
    let figures = station.tool(&["alarms", "--kpi", "--json"]);
    assert!(figures.status.success(), "{}", words(&figures));
    let figures: serde_json::Value = serde_json::from_slice(&figures.stdout).unwrap();
    assert_eq!((&figures["activations"], &figures["standing"]["active_at_end"]), (&json!(1), &json!(1)));

    let scan = station.tool(&["scan", "plc-1", "off", "--reason", "is replaced"]);
    assert!(scan.status.success(), "{}", words(&scan));
    let second = run(&[
        "handover",
        folder.path.to_str().unwrap(),
        "--out",
        page("second.html").to_str().unwrap(),
        "--notes",
        "Look after pump 3",
        "--signed-by",
        "Anna",
    ]);
    assert!(second.status.success(), "{}", words(&second));
    let html = std::fs::read_to_string(page("second.html")).unwrap();
    assert!(html.contains("Devices off scan (1)") && html.contains("is replaced"), "{html}");
    assert!(html.contains("Devices that do not answer (0)"), "{html}");
    assert!(html.contains("<p>Look after pump 3</p>") && html.contains("Name: <b>Anna</b>"), "{html}");
    let entry = check_recorded(&folder.path, &page("second.html")).pop().unwrap();
    assert!(entry.detail.contains("\"signer\":\"Anna\""), "{}", entry.detail);
    station.stop();

    let third = make(&page("third.html"));
    assert!(third.status.success(), "{}", words(&third));
    let html = std::fs::read_to_string(page("third.html")).unwrap();
    assert!(html.contains("The station was not running") && html.contains("Devices off scan (1)"), "{html}");
    assert_eq!(check_recorded(&folder.path, &page("third.html")).len(), 3);
    let verified = run(&["verify", folder.path.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", words(&verified));
}

#[test]
fn a_page_that_is_there_is_left_alone_and_one_that_cannot_be_written_is_not_recorded() {
    let folder = station();
    let mut station = Station::start(&folder.path);
    station.wait_alarm("plc-1:lost", "unacknowledged");
    station.stop();
    let path = folder.path.to_str().unwrap();
    let signed = folder.path.join("signed.html");
    std::fs::write(&signed, "signed").unwrap();
    let nowhere = folder.path.join("signed.html/page.html");
    for (out, more, word) in [
        (&signed, &[][..], "may be signed"),
        (&nowhere, &[], "was not written"),
        (&folder.path.join("new.html"), &["--to", "2999-01-01T00:00:00Z"], "not over yet"),
        (&folder.path.join("new.html"), &["--from", "2999-01-01T00:00:00Z"], "ends before it begins"),
    ] {
        let output = run(&[&["handover", path, "--out", out.to_str().unwrap()], more].concat());
        assert_eq!(output.status.code(), Some(1));
        assert!(words(&output).contains(word), "{}", words(&output));
    }
    assert_eq!(std::fs::read_to_string(&signed).unwrap(), "signed");
    assert!(!folder.path.join("new.html").exists());
    assert!(read_actions(&folder.path.join("records.sqlite"), "handover").unwrap().is_empty());
}

/// What cannot be recorded is not made: neither the page nor a part of it is left.
#[test]
fn a_page_that_cannot_be_recorded_is_not_made() {
    let folder = station();
    let mut station = Station::start(&folder.path);
    station.wait_alarm("plc-1:lost", "unacknowledged");
    station.stop();
    // Another program holds the records for longer than anybody waits.
    let holder = rusqlite::Connection::open(folder.path.join("records.sqlite")).unwrap();
    holder.execute_batch("BEGIN IMMEDIATE").unwrap();
    let out = folder.path.join("page.html");
    let output = run(&["handover", folder.path.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", words(&output));
    assert!(words(&output).contains("was not written"), "{}", words(&output));
    let left: Vec<_> = std::fs::read_dir(&folder.path).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("page.html")), "{left:?}");
}
