//! Full disks, broken disks, disks that cannot be written: live operation goes on, the alarm comes within two seconds, and when the disk
//! is well again everything catches up by itself. The whole program, with a shim between it and its files, or on a small disk of its own.

use super::schedule::{Run, STEP, TAGS, key};
use super::{shim, written};
use crate::support::{Folder, ModbusServer, Process, Station, modbus_station, polder, run, words};
use polder::historian::Reader;
use polder::tag::Timestamp;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const ENOSPC: i32 = 28;
const EIO: i32 = 5;
const EROFS: i32 = 30;
const HISTORY: &str = "station/history-writable:digital";
const RECORDS: &str = "station/records-writable:digital";
/// What the design promises.
const ALARM: Duration = Duration::from_secs(2);

fn plant(port: u16) -> Value {
    let tags = json!([
        {"name": "level", "device": "plc-1", "register": "holding:0", "alarms": [{"high": 10_000}]},
        {"name": "setpoint", "device": "plc-1", "register": "holding:1", "command": {"min": 0, "max": 1000}},
        {"name": "stop", "device": "plc-1", "register": "holding:2", "command": {"min": 0, "max": 1000, "essential": true}},
    ]);
    modbus_station(port, "1s", tags)
}

struct Bench {
    server: ModbusServer,
    folder: PathBuf,
    faults: PathBuf,
    /// The value that the device showed last.
    level: u16,
    _keep: Folder,
}

impl Bench {
    fn new() -> Self {
        let server = ModbusServer::tcp();
        let keep = Folder::new(&plant(server.port));
        let faults = keep.path.join("faults.txt");
        Self { folder: keep.path.clone(), faults, level: 0, _keep: keep, server }
    }

    /// Under the shim; without any fault until [`Bench::fault`].
    fn start(&self) -> Station {
        let mut command = polder();
        command.args(["run", self.folder.to_str().unwrap(), "--headless", "--events"]);
        command.env("LD_PRELOAD", shim::build("disk_fault"));
        command.env("POLDER_SHIM_ROOT", &self.folder).env("POLDER_FAULTS", &self.faults);
        Station { process: Process::start(&mut command), folder: self.folder.clone() }
    }

    fn fault(&self, rules: &[(&str, i32, u64, &str)]) {
        let lines = rules.iter().map(|(operation, error, after, path)| format!("{operation} {error} {after} {path}\n"));
        let fresh = self.faults.with_extension("new");
        std::fs::write(&fresh, lines.collect::<String>()).unwrap();
        std::fs::rename(fresh, &self.faults).unwrap();
    }

    /// A new value in the field, which is to be seen live.
    fn change(&mut self, station: &mut Station) {
        self.level += 1;
        let level = self.level;
        self.server.set("holding", 0, &[level]);
        station.wait_sample("level", "as it is", |event| event["value"] == level && event["quality"] == "good");
    }

    /// Shows a new value, which is to be seen live, and waits for the alarm; how long that took.
    fn until_alarm(&mut self, station: &mut Station, alarm: &str) -> Duration {
        let (since, mut took, mut is_live) = (Instant::now(), None, false);
        self.level += 1;
        self.server.set("holding", 0, &[self.level]);
        while !is_live || took.is_none() {
            let event = station.wait("the value and the alarm", |_| true);
            is_live |= event["tag"] == "level" && event["event"] == "sample" && event["value"] == self.level;
            if event["alarm"] == alarm && event["state"] == "unacknowledged" {
                took = Some(since.elapsed());
            }
        }
        took.unwrap()
    }

    /// Every value that the device had, from the file, in order.
    fn exported(&self) -> Vec<u16> {
        let out = self.folder.join("level.csv");
        let range = ["--from", "2020-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--out", out.to_str().unwrap()];
        let output = run(&[&["export", self.folder.to_str().unwrap(), "--tag", "level"], &range[..]].concat());
        assert!(output.status.success(), "{}", words(&output));
        let text = std::fs::read_to_string(out).unwrap();
        text.lines().skip(1).filter_map(|line| line.split(',').nth(2)?.parse().ok()).collect()
    }
}

/// While the head cannot be written: operation, alarm, commands; then everything is there.
fn head(fault: (&str, i32, u64, &str)) {
    let mut bench = Bench::new();
    let mut station = bench.start();
    station.wait_good("level");
    bench.change(&mut station);
    bench.fault(&[fault]);
    let took = bench.until_alarm(&mut station, HISTORY);
    assert!(took < ALARM, "{fault:?}: the alarm took {took:?}");
    for _ in 0..5 {
        bench.change(&mut station);
    }
    let set = station.tool(&["set", "setpoint", "5", "--reason", "test"]);
    assert_eq!(set.status.code(), Some(0), "{fault:?}: records can be written, so commands go out: {}", words(&set));
    bench.fault(&[]);
    station.wait_alarm(HISTORY, "returned-unacknowledged");
    bench.change(&mut station);
    station.stop();
    let expected: Vec<u16> = (0..=bench.level).collect();
    let mut exported = bench.exported();
    exported.dedup();
    assert_eq!(exported, expected, "{fault:?}: what was held is written when the disk is back");
}

#[test]
fn a_full_disk_stops_nothing_and_loses_nothing_that_fits_into_memory() {
    head(("write", ENOSPC, 0, "history/samples"));
}

#[test]
fn a_disk_that_fills_up_in_the_middle_of_a_write_stops_nothing() {
    head(("write", ENOSPC, 5_000, "history/samples"));
}

#[test]
fn a_disk_that_cannot_write_stops_nothing() {
    head(("write", EIO, 0, "history/samples"));
}

#[test]
fn a_disk_that_cannot_sync_stops_nothing() {
    head(("sync", EIO, 0, "history/samples"));
}

#[test]
fn a_disk_that_became_read_only_stops_nothing() {
    head(("write", EROFS, 0, "history/samples"));
}

/// While records cannot be written: only what is essential is commanded, and it stands in the record later.
fn records(fault: (&str, i32, u64, &str)) {
    let mut bench = Bench::new();
    let mut station = bench.start();
    station.wait_good("level");
    bench.fault(&[fault]);
    let since = Instant::now();
    let set = station.tool(&["set", "setpoint", "5", "--reason", "test"]);
    assert_eq!(set.status.code(), Some(2), "{fault:?}: it cannot be recorded, so it is refused: {}", words(&set));
    station.wait_alarm(RECORDS, "unacknowledged");
    assert!(
        since.elapsed() < ALARM + Duration::from_secs(1),
        "{fault:?}: {:?} with the tool's own start",
        since.elapsed()
    );
    let essential = station.tool(&["set", "stop", "7", "--reason", "test"]);
    assert_eq!(essential.status.code(), Some(0), "{fault:?}: essential: {}", words(&essential));
    let acknowledged = station.tool(&["alarms", "--ack-all"]);
    assert!(!acknowledged.status.success(), "{fault:?}: {}", words(&acknowledged));
    bench.change(&mut station);
    bench.fault(&[]);
    station.wait_alarm(RECORDS, "returned-unacknowledged");
    let set = station.tool(&["set", "setpoint", "6", "--reason", "test"]);
    assert_eq!(set.status.code(), Some(0), "{}", words(&set));
    station.stop();
    let verified = run(&["verify", bench.folder.to_str().unwrap()]);
    assert!(verified.status.success(), "{}", words(&verified));
    let audit = polder::recorder::read_audit(&bench.folder.join("records.sqlite"), 1000).unwrap();
    let commands: Vec<&str> =
        audit.iter().filter(|entry| &*entry.action == "command").map(|entry| &*entry.subject).collect();
    assert!(commands.contains(&"stop") && commands.contains(&"setpoint"), "{fault:?}: {commands:?}");
}

#[test]
fn records_that_cannot_be_written_refuse_all_but_the_essential() {
    records(("write", ENOSPC, 0, "records.sqlite"));
}

#[test]
fn records_that_cannot_be_synced_refuse_all_but_the_essential() {
    records(("sync", EIO, 0, "records.sqlite"));
}

/// While something of a seal cannot be written: the alarm says so, and then it is sealed after all.
fn seal(fault: (&str, i32, u64, &str)) {
    let mut bench = Bench::new();
    let past = Run::before_month_end(0, 50 * STEP);
    written::write_unsealed(&bench.folder, past, 100);
    bench.fault(&[fault]);
    let mut station = bench.start();
    let since = Instant::now();
    station.wait_alarm(HISTORY, "unacknowledged");
    assert!(since.elapsed() < ALARM + Duration::from_secs(2), "{fault:?}: {:?} with the start", since.elapsed());
    bench.change(&mut station);
    bench.fault(&[]);
    station.wait_alarm(HISTORY, "returned-unacknowledged");
    station.stop();
    sealed_whole(&bench.folder, past, 100, &format!("{fault:?}"));
}

/// So many batches are there, once, in chunks, with rollups that say the same.
fn sealed_whole(folder: &Path, run: Run, batches: u64, what: &str) {
    let reader = Reader::open(&written::main_file(folder), None).unwrap();
    let [from, to] = [run.clock(0) - 12 * super::schedule::HOUR, run.clock(batches)]
        .map(|micros| micros.div_euclid(STEP * 120) * STEP * 120);
    let [from, to] = [from, to + STEP * 120].map(Timestamp::from_micros);
    for tag in 0..TAGS {
        let mut found = reader.samples(&key(tag), from, to).unwrap();
        let mut expected: Vec<_> = (0..batches).map(|number| run.sample(tag, number)).collect();
        expected.sort_by_key(|sample| sample.time);
        found.retain(|sample| sample.quality.reason != polder::tag::Reason::StationOff);
        assert_eq!(found, expected, "{what}: tag {tag}");
        let width = usize::try_from(to.micros_since(from) / (STEP * 30)).unwrap() / 4;
        let count = |columns: Vec<polder::historian::Column>| columns.iter().map(|column| column.count).sum::<u32>();
        let rolled = count(reader.columns(&key(tag), from, to, width, &|| false).unwrap());
        let exact = count(reader.exact_columns(&key(tag), from, to, width, &|| false).unwrap());
        assert_eq!(rolled, exact, "{what}: rollups of tag {tag}");
    }
    assert!(folder.join("history/raw-2026-01.sqlite").exists(), "{what}: nothing was sealed");
}

#[test]
fn a_month_that_cannot_be_made_is_made_later() {
    seal(("open", EROFS, 0, "history/raw-"));
}

#[test]
fn a_chunk_that_does_not_fit_is_sealed_later() {
    seal(("write", ENOSPC, 40_000, "history/raw-"));
}

#[test]
fn a_chunk_that_cannot_be_synced_is_sealed_later() {
    seal(("sync", EIO, 0, "history/raw-"));
}

#[test]
fn rollups_that_cannot_be_written_are_written_later() {
    seal(("write", EIO, 0, "history/minutes-"));
}

/// A disk of 3 MB that is really full.
#[test]
fn a_small_disk_that_is_full_stops_nothing() {
    let mut bench = Bench::new();
    let Some(disk) = SmallDisk::mount(&bench.folder.join("history")) else {
        println!("not root, or not allowed to mount: the cases with the shim stand for it");
        return;
    };
    let mut station = bench.start();
    station.wait_good("level");
    let filler = disk.0.join("filler");
    let full = std::iter::repeat_with(|| vec![1u8; 4096]).take(4096).try_for_each(|page| {
        use std::io::Write;
        std::fs::File::options().create(true).append(true).open(&filler)?.write_all(&page)
    });
    assert!(full.is_err(), "the disk is not full");
    let took = bench.until_alarm(&mut station, HISTORY);
    assert!(took < ALARM, "the alarm took {took:?}");
    for _ in 0..5 {
        bench.change(&mut station);
    }
    std::fs::remove_file(filler).unwrap();
    station.wait_alarm(HISTORY, "returned-unacknowledged");
    bench.change(&mut station);
    station.stop();
    let mut exported = bench.exported();
    exported.dedup();
    assert_eq!(exported, (0..=bench.level).collect::<Vec<u16>>());
}

/// A file system in memory, taken away again at the end.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(folder: &Path) -> Option<Self> {
        std::fs::create_dir_all(folder).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "polder-test"]).arg(folder).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a station that a failed test left is killed after this.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// The plant is to be run whatever the disk does: the alarm is there from the start, and history begins when the disk is well.
fn start(fault: (&str, i32, u64, &str)) {
    let mut bench = Bench::new();
    let mut station = bench.start();
    station.wait_good("level");
    station.stop();
    bench.fault(&[fault]);
    let mut station = bench.start();
    bench.change(&mut station);
    bench.fault(&[]);
    bench.change(&mut station);
    station.stop();
    assert!(bench.exported().contains(&bench.level), "{fault:?}");
}

#[test]
fn a_station_starts_on_a_full_disk() {
    start(("write", ENOSPC, 0, "history/"));
}

#[test]
fn a_station_starts_on_a_read_only_history() {
    start(("open", EROFS, 0, "history/"));
}

#[test]
fn a_station_starts_without_records() {
    start(("write", ENOSPC, 0, "records.sqlite"));
}

/// While retention works on a disk that fails: operation and alarm; then everything older goes, and nothing else.
fn retention(fault: (&str, i32, u64, &str)) {
    let mut bench = Bench::new();
    let hour = super::schedule::HOUR;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros() as i64;
    // 27 hours, up to 21 hours ago.
    let (past, batches) = (Run((now - 48 * hour) / STEP * STEP), 27 * 30);
    written::write(&bench.folder, past, batches);
    // A clock that is not believed drops nothing.
    let main = rusqlite::Connection::open(written::main_file(&bench.folder)).unwrap();
    main.execute("INSERT OR REPLACE INTO horizon(what, time) VALUES ('believed', ?1)", [now]).unwrap();
    drop(main);
    let mut file: Value = plant(bench.server.port);
    file["station"]["keep"] = json!({"raw": "1d"});
    std::fs::write(bench.folder.join("station.json"), file.to_string()).unwrap();
    bench.fault(&[fault]);
    let mut station = bench.start();
    station.wait_alarm(HISTORY, "unacknowledged");
    bench.change(&mut station);
    let set = station.tool(&["set", "setpoint", "5", "--reason", "test"]);
    assert_eq!(set.status.code(), Some(0), "{fault:?}: {}", words(&set));
    bench.fault(&[]);
    station.wait_alarm(HISTORY, "returned-unacknowledged");
    let oldest = || {
        let reader = Reader::open(&written::main_file(&bench.folder), None).unwrap();
        let range = [past.clock(0) - 12 * hour, past.clock(batches)].map(Timestamp::from_micros);
        let samples = reader.samples(&key(super::schedule::marker()), range[0], range[1]).unwrap();
        (samples.first().unwrap().time.as_micros(), samples.len() as i64)
    };
    let end = Instant::now() + Duration::from_secs(30);
    let (first, count) = loop {
        let found = oldest();
        // A chunk holds up to a day, and goes when all of it is too old.
        if found.0 >= (now - 24 * hour).div_euclid(24 * hour) * 24 * hour {
            break found;
        }
        assert!(Instant::now() < end, "{fault:?}: the oldest is of {} hours ago", (now - found.0) / hour);
        std::thread::park_timeout(Duration::from_millis(20));
    };
    let expected = (past.clock(batches) - first) / STEP;
    // The station marks where the run before it ended.
    assert!((expected..=expected + 1).contains(&count), "{fault:?}: {count} of {expected} are left");
    bench.change(&mut station);
    station.stop();
}

#[test]
fn retention_on_a_full_disk_stops_nothing_and_goes_on_later() {
    retention(("write", ENOSPC, 0, "history/raw-"));
}

#[test]
fn retention_on_a_broken_disk_stops_nothing_and_goes_on_later() {
    retention(("sync", EIO, 0, "history/raw-"));
}
