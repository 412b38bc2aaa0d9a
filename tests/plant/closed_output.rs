//! Tools whose output nobody reads to its end, as in `polder alarms my-plant --kpi | head -3`.

use crate::support::{Folder, Station, free_port, modbus_station, polder, run, words};
use polder::recorder::read_actions;
use serde_json::json;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, ExitStatus, Stdio};

/// A pipe that nobody reads any more.
fn unread() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// How a tool ends, and what it says about errors, when its standard output goes there.
fn end_of(arguments: &[&str], output: Stdio) -> (ExitStatus, String) {
    let child = polder().args(arguments).stdout(output).stderr(Stdio::piped()).spawn().unwrap();
    let ended = child.wait_with_output().unwrap();
    (ended.status, String::from_utf8_lossy(&ended.stderr).into_owned())
}

/// A station that had an alarm, and a history.
fn recorded() -> Folder {
    let tags = json!([
        {"name": "level", "device": "plc-1", "register": "holding:0", "alarms": [{"high": 8}]},
        {"name": "limit", "manual": 3.2, "range": [2.5, 3.5]},
    ]);
    let folder = Folder::new(&modbus_station(free_port(), "300ms", tags));
    let mut station = Station::start(&folder.path);
    station.wait_alarm("plc-1:lost", "unacknowledged");
    station.stop();
    folder
}

#[test]
fn a_tool_whose_output_is_not_read_ends_as_it_would() {
    let folder = recorded();
    let path = folder.path.to_str().unwrap();
    let sheet = folder.path.join("tags.csv");
    let checks = folder.path.join("checks.csv");
    let (from, to) = ("2026-01-01T00:00:00Z", "2199-01-01T00:00:00Z");
    for arguments in [
        &["schema"][..],
        &["check", path],
        &["tags", path],
        &["tags", path, "--json"],
        &["tags", path, "--plan"],
        &["tags", path, "--export", sheet.to_str().unwrap()],
        &["tags", path, "--import", sheet.to_str().unwrap()],
        &["alarms", path, "--kpi"],
        &["alarms", path, "--kpi", "--csv"],
        &["alarms", path, "--kpi", "--json"],
        &["alarms", path, "--journal"],
        &["alarms", path, "--journal", "--csv"],
        &["alarms", path, "--bad-actors"],
        &["alarms", path],
        &["loop-check", path],
        &["loop-check", path, "--csv", checks.to_str().unwrap()],
        &["query", path, "limit", "--from", from, "--to", to],
        &["repair", path, "--check"],
        &["verify", path],
    ] {
        let (status, said) = end_of(arguments, unread());
        assert!(status.success() && !said.contains("panicked") && !said.contains("polder:"), "{arguments:?}: {said}");
        // Standard error may be gone as well.
        let mut silent = polder();
        let status = silent.args(arguments).stdout(unread()).stderr(unread()).status().unwrap();
        assert!(status.success(), "{arguments:?}: {status}");
    }
}

#[test]
fn a_tool_that_is_read_for_one_line_ends_after_it() {
    let tag = |number: usize| json!({"name": format!("{}-{number}", "n".repeat(100)), "manual": 1});
    let station = json!({"station": {"name": "Test"}, "tags": (0..2000).map(tag).collect::<Vec<_>>()});
    let folder = Folder::new(&station);
    let mut command = polder();
    let child = command.args(["tags", folder.path.to_str().unwrap()]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child: Child = child.spawn().unwrap();
    let mut line = String::new();
    // What the pipe holds is far less than all lines.
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with("nnn"), "{line}");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success() && said.is_empty(), "{said}");
}

/// The station goes on without its stream, and ends without complaint.
#[test]
fn a_station_whose_events_are_not_read_ends_as_it_would() {
    let folder = recorded();
    let mut command = polder();
    let child = command.args(["run", folder.path.to_str().unwrap(), "--headless", "--events", "--for", "2s"]);
    let mut child: Child = child.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::with_capacity(64, child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    assert!(line.starts_with('{'), "{line}");
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert!(child.wait().unwrap().success() && said.is_empty(), "{said}");
    let (status, said) =
        end_of(&["run", folder.path.to_str().unwrap(), "--headless", "--events", "--for", "1s"], unread());
    assert!(status.success() && said.is_empty(), "{said}");
}

#[test]
fn what_a_tool_does_is_done_and_recorded_though_nobody_reads_its_answer() {
    let folder = recorded();
    let path = folder.path.to_str().unwrap();
    let entries = |action: &str| read_actions(&folder.path.join("records.sqlite"), action).unwrap().len();
    let page = folder.path.join("page.html");
    let (status, said) = end_of(&["handover", path, "--out", page.to_str().unwrap()], unread());
    assert!(status.success() && page.exists(), "{said}");
    assert_eq!(entries("handover"), 1);
    // A station is started for it, which standard error says to nobody.
    let set = ["set", path, "limit", "3", "--reason", "summer"];
    let status = polder().args(set).stdout(unread()).stderr(unread()).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert!(entries("enter") >= 1, "the command is not in the record");
    let refused = ["set", path, "level", "3", "--reason", "summer"];
    assert_eq!(end_of(&refused, unread()).0.code(), Some(2));
    let verified = run(&["verify", path]);
    assert!(verified.status.success(), "{}", words(&verified));
}

#[test]
fn output_that_cannot_be_written_for_another_reason_is_said() {
    let full = || File::options().write(true).open(Path::new("/dev/full")).unwrap().into();
    let (status, said) = end_of(&["schema"], full());
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("polder: the output cannot be written: No space left"), "{said}");
}
