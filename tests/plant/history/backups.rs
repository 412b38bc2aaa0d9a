//! Backups of stations that run, by hand and by the clock, on disks that are well and on disks that are not.

use super::shim;
use crate::support::{ModbusServer, Process, Station, modbus_station, polder, run, words};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const ALARM: &str = "station/backup-working:digital";

/// A station and a folder for its backups, side by side, below one that the shim watches.
struct Bench {
    server: ModbusServer,
    keep: tempfile::TempDir,
}

impl Bench {
    fn new() -> Self {
        let (mut server, keep) = (ModbusServer::tcp(), tempfile::tempdir().unwrap());
        server.set("holding", 0, &[7]);
        let tags = json!([
            {"name": "level", "device": "plc-1", "register": "holding:0"},
            {"name": "setpoint", "device": "plc-1", "register": "holding:1", "command": {"min": 0, "max": 1000}},
        ]);
        let mut file = modbus_station(server.port, "1s", tags);
        file["station"]["name"] = json!("North");
        file["station"]["backup"] = json!({"to": "../backups", "every": "1h", "keep": 2});
        for name in ["station", "backups"] {
            std::fs::create_dir(keep.path().join(name)).unwrap();
        }
        std::fs::write(keep.path().join("station/station.json"), file.to_string()).unwrap();
        Self { server, keep }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.keep.path().join(name)
    }

    fn start(&self) -> Station {
        let (folder, faults) = (self.folder("station"), self.folder("faults.txt"));
        let mut command = polder();
        command.args(["run", folder.to_str().unwrap(), "--headless", "--events"]);
        command.env("LD_PRELOAD", shim::build("disk_fault"));
        command.env("POLDER_SHIM_ROOT", self.keep.path()).env("POLDER_FAULTS", faults);
        Station { process: Process::start(&mut command), folder }
    }

    fn fault(&self, rule: &str) {
        std::fs::write(self.folder("fresh.txt"), rule).unwrap();
        std::fs::rename(self.folder("fresh.txt"), self.folder("faults.txt")).unwrap();
    }

    fn backups(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(self.folder("backups")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn restored(backup: &Path, to: &Path) {
    let [backup, to] = [backup, to].map(|path| path.to_str().unwrap());
    let output = run(&["restore", backup, "--to", to]);
    assert!(output.status.success(), "{}", words(&output));
    let verified = run(&["verify", to]);
    assert!(verified.status.success(), "{}", words(&verified));
    let tags = std::fs::metadata(Path::new(to).join("history/samples.sqlite")).unwrap();
    assert!(tags.len() > 0);
}

#[test]
fn a_running_station_goes_into_one_file_that_everybodys_tar_reads() {
    let bench = Bench::new();
    let mut station = bench.start();
    station.wait_good("level");
    let file = bench.folder("by-hand.tar");
    let output = run(&["backup", bench.folder("station").to_str().unwrap(), "--to", file.to_str().unwrap()]);
    assert!(output.status.success(), "{}", words(&output));
    let listed = Command::new("tar").arg("tf").arg(&file).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for name in ["history/samples.sqlite", "records.sqlite", "station.json", "SHA256SUMS"] {
        assert!(listed.lines().any(|line| line == name), "{name} in {listed}");
    }
    station.stop();
    restored(&file, &bench.folder("again"));
}

#[test]
fn backups_are_made_while_the_station_runs() {
    let bench = Bench::new();
    let mut station = bench.start();
    let age = station.wait_good("station/backup-age-hours");
    assert_eq!(age["value"], 0);
    let backups = bench.backups();
    assert_eq!(backups.len(), 1, "{backups:?}");
    assert!(backups[0].file_name().unwrap().to_str().unwrap().starts_with("north-backup-"), "{backups:?}");
    station.stop();
    restored(&backups[0], &bench.folder("again"));
    // The next start knows it, and is not due.
    let mut station = bench.start();
    station.wait_good("station/backup-age-hours");
    assert_eq!(bench.backups(), backups);
    station.stop();
}

/// While backups cannot be written: the alarm, nothing half, and neither commands nor samples are touched.
fn failing(rule: &str) {
    let mut bench = Bench::new();
    bench.fault(rule);
    let mut station = bench.start();
    station.wait_alarm(ALARM, "unacknowledged");
    let set = station.tool(&["set", "setpoint", "5", "--reason", "test"]);
    assert_eq!(set.status.code(), Some(0), "{rule}: {}", words(&set));
    bench.server.set("holding", 0, &[8]);
    station.wait_sample("level", "as it is", |event| event["value"] == 8);
    assert_eq!(bench.backups(), Vec::<PathBuf>::new(), "{rule}");
    station.stop();
    bench.fault("");
    let mut station = bench.start();
    station.wait_good("station/backup-age-hours");
    station.stop();
    restored(&bench.backups()[0], &bench.folder("again"));
}

#[test]
fn a_full_disk_below_the_backups_is_said_and_leaves_nothing_half() {
    failing(&format!("write {ENOSPC} 20000 backups/\n"));
}

#[test]
fn a_full_disk_at_the_end_of_a_backup_is_said_and_leaves_nothing_half() {
    failing(&format!("write {ENOSPC} 0 .tar.writing\n"));
}

#[test]
fn a_disk_that_cannot_sync_a_backup_is_said_and_leaves_nothing_half() {
    failing(&format!("sync {EIO} 0 .tar.writing\n"));
}

#[test]
fn a_folder_that_is_not_mounted_is_said_and_not_made() {
    let bench = Bench::new();
    std::fs::remove_dir(bench.folder("backups")).unwrap();
    let mut station = bench.start();
    station.wait_alarm(ALARM, "unacknowledged");
    station.stop();
    assert!(!bench.folder("backups").exists());
}

#[test]
fn a_reload_shows_what_is_another_about_backups_and_goes_on_with_it() {
    let bench = Bench::new();
    let mut station = bench.start();
    station.wait_good("station/backup-age-hours");
    let path = bench.folder("station/station.json");
    let mut file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    file["station"]["backup"] = json!({"to": "../other", "at": "02:30", "keep": 2});
    std::fs::create_dir(bench.folder("other")).unwrap();
    std::fs::write(&path, file.to_string()).unwrap();
    let folder = bench.folder("station");
    let shown = words(&run(&["reload", folder.to_str().unwrap()]));
    assert!(shown.contains("backup: every 60 minutes to ") && shown.contains(" -> daily at 02:30 to "), "{shown}");
    let applied = run(&["reload", folder.to_str().unwrap(), "--apply"]);
    assert!(applied.status.success(), "{}", words(&applied));
    // The age of backups that lie elsewhere says nothing of those that are to come.
    station.wait_sample("station/backup-age-hours", "not known any more", |event| event["quality"] == "bad");
    station.stop();
}
