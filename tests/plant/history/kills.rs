//! Processes killed at random moments while they take 5,200 samples a second.

use super::check::{Found, Told, check, check_started};
use super::schedule::{HOUR, Run};
use super::{Random, child, is_full};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Kills in one station folder; the next one then begins with none.
const IN_ONE_FOLDER: u64 = 10;
/// Kills in an ordinary run, and in the full suite.
const KILLS: [u64; 2] = [40, 300];
const SEED: u64 = 0x5EED_0001;
const DEADLINE: Duration = Duration::from_secs(30);

/// How the kills were spread.
#[derive(Debug, Default)]
struct Spread {
    kills: u64,
    while_opening: u64,
    while_sealing: u64,
    months: usize,
    samples: usize,
    most_lost: u64,
}

impl Spread {
    fn add(&mut self, told: &Told, found: &Found) {
        self.kills += 1;
        self.while_opening += u64::from(told.sent.is_none());
        self.while_sealing += u64::from(found.sealing);
        self.most_lost = self.most_lost.max(found.lost);
    }
}

fn lines_of(stdout: std::process::ChildStdout) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::Builder::new()
        .spawn(move || BufReader::new(stdout).lines().map_while(Result::ok).try_for_each(|line| sender.send(line)))
        .unwrap();
    lines
}

/// One life: `delay` after it began to open its files it is killed.
fn live(folder: &Path, run: Run, delay: Duration) -> Told {
    let mut command = child::command(folder, run, None);
    let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (lines, mut told) = (lines_of(process.stdout.take().unwrap()), Told::new(run));
    let mut end = Instant::now() + DEADLINE;
    let mut has_begun = false;
    while let Ok(line) = lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
        told.hear(&line);
        if told.opened && !has_begun {
            has_begun = true;
            end = Instant::now() + delay;
        }
    }
    assert!(has_begun, "the child did not start");
    assert_eq!(process.try_wait().unwrap(), None, "the child ended by itself; it says why above");
    process.kill().unwrap();
    process.wait().unwrap();
    lines.iter().for_each(|line| told.hear(&line));
    told
}

fn folder_of_kills(random: &mut Random, kills: u64, spread: &mut Spread) {
    let keep = tempfile::tempdir().unwrap();
    let (mut runs, mut month) = (Vec::new(), random.below(60));
    for _ in 0..kills {
        let run = Run::before_month_end(month, random.below(4 * HOUR as u64) as i64);
        month += 1 + random.below(2);
        // Every fourth one while the files are being opened.
        let longest = if random.below(4) == 0 { 30_000 } else { 800_000 };
        runs.push(live(keep.path(), run, Duration::from_micros(random.below(longest))));
        match check(keep.path(), &runs) {
            Ok(found) => spread.add(runs.last().unwrap(), &found),
            Err(error) => give_up(&error, keep, &runs),
        }
    }
    match check_started(keep.path(), &runs) {
        Ok(found) => spread.samples += found.samples,
        Err(error) => give_up(&format!("{error}; at the start after it"), keep, &runs),
    }
    let files = super::check::databases(keep.path());
    spread.months += files.iter().filter(|path| path.to_string_lossy().contains("raw-")).count();
}

fn give_up(error: &str, keep: tempfile::TempDir, runs: &[Told]) -> ! {
    panic!("{error}\nkilled the {}th time; the files are kept in {}\n{runs:?}", runs.len(), keep.keep().display())
}

#[test]
fn nothing_kept_or_acknowledged_is_lost_by_kill_9() {
    let kills = KILLS[usize::from(is_full())];
    let (mut random, mut spread) = (Random(SEED), Spread::default());
    while spread.kills < kills {
        folder_of_kills(&mut random, IN_ONE_FOLDER.min(kills - spread.kills), &mut spread);
    }
    println!("{spread:?}");
    assert!(spread.while_sealing > 0 && spread.while_opening > 0, "kills were to hit everything: {spread:?}");
}
