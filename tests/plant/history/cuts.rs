//! Power cuts: the changes of the files of a station are recorded, and at every sync, and between, the disk is rebuilt as it may then have
//! been. Whatever had been told as durable must be there.

use super::check::{Told, check_started, databases};
use super::schedule::{HOUR, Run};
use super::trace::{Disk, Left, Record, read};
use super::{Random, child, in_memory, is_full, shim};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

const SEED: u64 = 0x5EED_0002;
/// The file in which the child says what it did.
const TOLD: &str = "told";
/// Batches of a life: over the end of a month and of several hours.
const BATCHES: u64 = 100;

/// Two lives: one that ends well, so that files are closed and opened again, and one that is killed.
fn record(folder: &Path) -> (Vec<Record>, Vec<Run>) {
    let (root, trace, library) = (folder.join("station"), folder.join("trace"), shim::build("write_trace"));
    std::fs::create_dir(&root).unwrap();
    let runs = vec![Run::before_month_end(10, HOUR), Run::before_month_end(11, 2 * HOUR)];
    for (place, run) in runs.iter().enumerate() {
        let mut command = child::command(&root, *run, Some(&root.join(TOLD)));
        command.env("LD_PRELOAD", &library).env("POLDER_SHIM_ROOT", &root).env("POLDER_TRACE", &trace);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut told = Told::new(*run);
        for line in BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok) {
            told.hear(&line);
            if told.kept.is_some_and(|kept| kept >= BATCHES) {
                if place > 0 {
                    process.kill().unwrap();
                }
                drop(process.stdin.take());
            }
        }
        process.wait().unwrap();
        assert!(told.kept.is_some_and(|kept| kept >= BATCHES), "the child ended by itself; it says why above");
    }
    (read(&trace, &root), runs)
}

/// What each life had said so far.
fn told(disk: &Disk, runs: &[Run]) -> Vec<Told> {
    let mut lives: Vec<Told> = Vec::new();
    for line in String::from_utf8_lossy(disk.live(TOLD)).lines() {
        if line == "@open" {
            lives.push(Told::new(runs[lives.len()]));
        }
        lives.last_mut().unwrap().hear(line);
    }
    lives
}

struct Cutter {
    runs: Vec<Run>,
    random: Random,
    cuts: usize,
}

impl Cutter {
    fn cut_one_in(&mut self, share: u64, disk: &Disk, place: usize, left: Left) {
        if self.random.below(share) == 0 {
            self.cut(disk, place, left);
        }
    }

    fn cut(&mut self, disk: &Disk, place: usize, left: Left) {
        let lives = told(disk, &self.runs);
        let keep = in_memory();
        disk.rebuild(left, &mut self.random, keep.path());
        self.cuts += 1;
        if let Err(error) = check_started(keep.path(), &lives) {
            let files: Vec<PathBuf> = databases(keep.path());
            panic!(
                "{error}\nthe power was cut before change {place}, {left:?}; kept in {}: {files:?}\n{lives:?}",
                keep.keep().display()
            );
        }
    }
}

#[test]
fn nothing_that_was_told_as_durable_is_lost_by_a_power_cut() {
    let keep = in_memory();
    let (records, runs) = record(keep.path());
    let syncs = records.iter().filter(|record| record.operation == b'S').count();
    assert!(syncs > 100, "the shim sees {syncs} syncs of {} changes", records.len());
    // All syncs in the full suite; some of them, always the same ones, in the ordinary run.
    let share = if is_full() { 1 } else { 4 };
    let (mut disk, mut cutter) = (Disk::default(), Cutter { runs, random: Random(SEED), cuts: 0 });
    for (place, record) in records.iter().enumerate() {
        if record.operation == b'S' {
            cutter.cut_one_in(share, &disk, place, Left::Synced);
            cutter.cut_one_in(share, &disk, place, Left::Torn);
        } else if !record.path.ends_with(TOLD) {
            cutter.cut_one_in(8 * share, &disk, place, Left::Torn);
        }
        disk.apply(record);
    }
    cutter.cut(&disk, records.len(), Left::Synced);
    println!("{} changes, {syncs} syncs, {} power cuts", records.len(), cutter.cuts);
}
