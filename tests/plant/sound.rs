//! What is heard of a whole station, by programs on PATH that write down what they are asked.

use crate::support::{DEADLINE, Folder, ModbusServer, Process, modbus_station, polder, run, words};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// A folder with programs that are scripts.
struct Programs {
    _keep: tempfile::TempDir,
    path: PathBuf,
}

impl Programs {
    fn new(programs: &[(&str, &str)]) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let path = keep.path().to_owned();
        for (name, rest) in programs {
            let file = path.join(name);
            std::fs::write(&file, format!("#!/bin/sh\necho \"{name} $*\" >> '{}/log'\n{rest}\n", path.display()))
                .unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { _keep: keep, path }
    }

    fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.path.join("log")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    fn wait(&self, what: &str, fits: impl Fn(&[String]) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !fits(&self.log()) {
            assert!(Instant::now() < end, "waited in vain for {what}: {:?}", self.log());
            std::thread::yield_now();
        }
    }

    fn polder(&self, arguments: &[&str]) -> Command {
        let mut command = polder();
        command.args(arguments).env("PATH", &self.path);
        command
    }
}

fn start(programs: &Programs, folder: &Path, more: &[&str]) -> Process {
    let name = folder.to_str().unwrap();
    Process::start(&mut programs.polder(&[&["run", name, "--headless", "--events"], more].concat()))
}

fn ends(line: &str, file: &str) -> bool {
    line.ends_with(file)
}

#[test]
fn an_alarm_is_heard_and_told_and_its_acknowledgement_ends_the_sound() {
    let mut server = ModbusServer::tcp();
    let tags = json!([{"name": "level", "device": "plc-1", "register": "holding:0", "alarms": [{"high": 100, "priority": "critical"}]}]);
    let folder = Folder::new(&modbus_station(server.port, "1s", tags));
    let programs = Programs::new(&[("aplay", ""), ("notify-send", "")]);
    let mut station = start(&programs, &folder.path, &["--sound", "--notify"]);
    programs.wait("the first try", |log| log.iter().any(|line| ends(line, "silence.wav")));
    station.wait("a value", |line| (line.contains("\"level\"") && line.contains("good")).then_some(()));
    server.set("holding", 0, &[150]);
    let critical = |log: &[String]| log.iter().filter(|line| ends(line, "critical.wav")).count();
    programs.wait("two sounds", |log| critical(log) >= 2);
    programs.wait("the message", |log| {
        log.iter().any(|line| line.starts_with("notify-send") && line.contains("A critical alarm"))
    });
    let acknowledged = run(&["alarms", folder.path.to_str().unwrap(), "--ack-all"]);
    assert!(acknowledged.status.success(), "{}", words(&acknowledged));
    // Longer than from one sound to the next: what is heard after it is known that it was acknowledged may only be one that was begun.
    station.wait("the state", |line| line.contains("\"acknowledged\"").then_some(()));
    let before = critical(&programs.log());
    let end = Instant::now() + std::time::Duration::from_secs(7);
    while Instant::now() < end {
        assert!(critical(&programs.log()) <= before + 1, "it goes on: {:?}", programs.log());
        std::thread::yield_now();
    }
    assert!(programs.log().iter().filter(|line| line.starts_with("notify-send")).count() == 1);
    station.signal("TERM");
    station.rest();
    assert!(station.child.wait().unwrap().success());
    assert!(!folder.path.join(".sounds").exists(), "its files go with it");
}

/// Without a window there is no F3.
#[test]
fn what_sounds_without_a_window_is_silenced_by_the_command_line() {
    let server = ModbusServer::tcp();
    let tags = json!([{"name": "level", "device": "plc-1", "register": "holding:0", "alarms": [{"low": 10, "priority": "critical"}]}]);
    let folder = Folder::new(&modbus_station(server.port, "1s", tags));
    let programs = Programs::new(&[("aplay", "")]);
    let mut station = start(&programs, &folder.path, &["--sound"]);
    let critical = |log: &[String]| log.iter().filter(|line| ends(line, "critical.wav")).count();
    programs.wait("two sounds", |log| critical(log) >= 2);
    let silence = || run(&["alarms", folder.path.to_str().unwrap(), "--silence"]);
    let said = silence();
    assert!(said.status.success() && words(&said).contains("nothing was acknowledged"), "{}", words(&said));
    // Longer than from one sound to the next; one may have begun before.
    let before = critical(&programs.log());
    let end = Instant::now() + std::time::Duration::from_secs(7);
    while Instant::now() < end {
        assert!(critical(&programs.log()) <= before + 1, "it goes on: {:?}", programs.log());
        std::thread::yield_now();
    }
    assert_eq!(words(&silence()), "nothing sounds\n");
    let alarms = run(&["alarms", folder.path.to_str().unwrap()]);
    assert!(words(&alarms).contains(" unacknowledged "), "{}", words(&alarms));
    station.signal("TERM");
    station.rest();
    assert!(station.child.wait().unwrap().success());
    // A station that makes no sound says so.
    let mut quiet = start(&programs, &folder.path, &[]);
    quiet.wait("the alarm", |line| line.contains("level:low").then_some(()));
    let said = silence();
    assert!(!said.status.success() && words(&said).contains("make no sound"), "{}", words(&said));
}

#[test]
fn a_computer_that_cannot_be_heard_is_an_alarm_and_a_player_that_hangs_keeps_nobody_waiting() {
    let server = ModbusServer::tcp();
    let tags = json!([{"name": "level", "device": "plc-1", "register": "holding:0"}]);
    for (program, why) in [("exit 1", "exit status: 1"), ("exec /bin/sleep 600", "did not end in time")] {
        let folder = Folder::new(&modbus_station(server.port, "1s", tags.clone()));
        let programs = Programs::new(&[("aplay", program)]);
        let mut station = start(&programs, &folder.path, &["--sound"]);
        let raised = station.wait("the alarm", |line| line.contains("station/sound:digital").then(|| line.to_owned()));
        assert!(raised.contains("\"low\"") && raised.contains("Alarms cannot be heard"), "{why}: {raised}");
        let stopped = Instant::now();
        station.signal("TERM");
        station.rest();
        assert!(station.child.wait().unwrap().success());
        assert!(stopped.elapsed() < DEADLINE / 2, "{why}: it took {:?} to stop", stopped.elapsed());
    }
}

#[test]
fn without_asking_for_it_a_station_without_a_window_plays_nothing() {
    let server = ModbusServer::tcp();
    let tags = json!([{"name": "level", "device": "plc-1", "register": "holding:0", "alarms": [{"low": 10}]}]);
    let folder = Folder::new(&modbus_station(server.port, "1s", tags));
    let programs = Programs::new(&[("aplay", ""), ("notify-send", "")]);
    let mut station = start(&programs, &folder.path, &["--for", "3s"]);
    let lines = station.rest();
    assert!(lines.iter().any(|line| line.contains("level:low")), "{lines:?}");
    assert_eq!(programs.log(), Vec::<String>::new());
}

#[test]
fn the_sound_test_plays_all_four_or_says_why_it_cannot() {
    let folder = Folder::new(&json!({"station": {"name": "x", "sound": {"low": false, "volume": 20}}}));
    let name = folder.path.to_str().unwrap();
    let programs = Programs::new(&[("paplay", "")]);
    let output = programs.polder(&["sound-test", name]).output().unwrap();
    assert!(output.status.success(), "{}", words(&output));
    assert!(words(&output).contains("low: played by paplay (the station file turns it off)"), "{}", words(&output));
    let played: Vec<String> = programs.log().iter().map(|line| line.rsplit('/').next().unwrap().to_owned()).collect();
    assert_eq!(played, ["low.wav", "medium.wav", "high.wav", "critical.wav"]);
    let output = Programs::new(&[]).polder(&["sound-test"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(words(&output).contains("install one of pw-play, paplay, aplay"), "{}", words(&output));
}
