//! The historian beside SQLite: samples a second and bytes a sample, as the median ratio of interleaved pairs on one core, beside row tables
//! and beside chunks in C; then how long questions take. Linux only: it reads /proc. Needs a C compiler, SQLite and zstd for the rival.
//!
//! `cargo bench --bench history`, or `cargo bench --bench history -- pairs 3`, `-- year` for a year of 1 Hz of ten tags (315 million samples).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

use polder::historian::{Historian, OpenedHistory, Reader};
use polder::station::SystemClock;
use polder::tag::{Clock, Directory, HistoryRow, Now, Quality, Sample, TagDefinition, TagId, TagKey, Timestamp, Value};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 3600;
/// An hour begins here.
const START: i64 = 1_796_083_200;

/// The wall clock of the samples; the other one is real.
struct Simulated(SystemClock, AtomicI64);

impl Clock for Simulated {
    fn now(&self) -> Now {
        Now { utc: Timestamp::from_micros(self.1.load(Ordering::Relaxed)), ..self.0.now() }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    /// Rounded to hundredths, times with a jitter of milliseconds.
    Rounded,
    /// The same on exact ticks.
    Exact,
    /// 32-bit floats of a 16-bit converter.
    Converter,
    Counter,
    State,
    Bool,
    Noise,
}

struct Signal {
    state: u64,
    walks: Vec<f64>,
    count: u64,
}

impl Signal {
    fn new(tags: usize) -> Self {
        Self { state: 88_172_645_463_325_252, walks: vec![0.0; tags + 1], count: 0 }
    }

    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn noise(&mut self) -> f64 {
        ((0..4).map(|_| (self.random() >> 11) as f64 / 9_007_199_254_740_992.0).sum::<f64>() - 2.0) * 1.7
    }

    fn number(&mut self, tag: usize, second: i64) -> f64 {
        self.walks[tag] += 0.002 * self.noise();
        let wave = (std::f64::consts::TAU * second as f64 / HOUR as f64 + tag as f64).sin();
        50.0 + (tag % 40) as f64 + 10.0 * wave + self.walks[tag] + 0.05 * self.noise()
    }

    fn value(&mut self, kind: Kind, tag: usize, second: i64) -> Value {
        match kind {
            Kind::Rounded | Kind::Exact => Value::Double((self.number(tag, second) * 100.0).round() / 100.0),
            Kind::Converter => {
                Value::Single((self.number(tag, second) / 200.0 * 65535.0).round() as f32 * (200.0f32 / 65535.0))
            }
            Kind::Counter => {
                self.count += self.random() % 5;
                Value::Unsigned(self.count)
            }
            Kind::State => {
                if self.random().is_multiple_of(200) {
                    self.walks[tag] = (self.random() % 6) as f64;
                }
                Value::Signed(self.walks[tag] as i64)
            }
            Kind::Bool => Value::Bool(second / (40 + tag as i64 % 7) % 2 == 0),
            Kind::Noise => Value::Double(self.number(tag, second)),
        }
    }

    /// One second of all tags; 125 of them are one answer.
    fn rows(&mut self, kind: Kind, tags: usize, second: i64) -> Vec<HistoryRow> {
        let mut time = 0;
        (0..tags)
            .map(|tag| {
                if tag % 125 == 0 {
                    let jitter = if kind == Kind::Exact { 0 } else { (self.random() % 7) as i64 * 1000 };
                    time = (START + second) * SECOND + jitter;
                }
                let value = Some(self.value(kind, tag + 1, second));
                let sample = Sample { time: Timestamp::from_micros(time), value, quality: Quality::GOOD };
                HistoryRow { tag: TagId(tag as u32), sample }
            })
            .collect()
    }
}

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn disk_bytes(folder: &Path) -> u64 {
    std::fs::read_dir(folder.join("history")).unwrap().map(|entry| entry.unwrap().metadata().unwrap().len()).sum()
}

/// Fills a folder; wall and processor seconds from the first row until everything is sealed and the files are closed.
fn fill(folder: &Path, kind: Kind, tags: usize, seconds: i64, ready_made: bool) -> (f64, f64) {
    let clock = Arc::new(Simulated(SystemClock::new(), AtomicI64::new(START * SECOND)));
    let opened = OpenedHistory::open(folder, Timestamp::from_micros(START * SECOND)).unwrap();
    let historian = Historian::start(opened, clock.clone(), |state| assert_eq!(state.failing, None)).unwrap();
    let definitions = (0..tags).map(|tag| TagDefinition::named(&format!("tag-{tag}"))).collect();
    assert!(historian.set_plan(Arc::new(Directory::new(definitions, Vec::new(), Vec::new())), HashMap::new()));
    let mut signal = Signal::new(tags);
    let mut ready: Vec<Vec<HistoryRow>> = Vec::new();
    if ready_made {
        ready = (0..seconds).map(|second| signal.rows(kind, tags, second)).collect();
    }
    let mut ready = ready.into_iter();
    let (start, busy) = (Instant::now(), processor_seconds());
    let mut waiting = Vec::new();
    let hand_over = |mut rows: Vec<HistoryRow>| {
        while let Err(back) = historian.rows(rows) {
            rows = back;
            std::thread::park_timeout(Duration::from_millis(1));
        }
    };
    for second in 0..seconds {
        clock.1.store((START + second) * SECOND, Ordering::Relaxed);
        waiting.extend(ready.next().unwrap_or_else(|| signal.rows(kind, tags, second)));
        if waiting.len() >= 5000 {
            hand_over(std::mem::take(&mut waiting));
        }
    }
    hand_over(waiting);
    let (path, unsealed) = historian.source();
    let reader = Reader::open(&path, Some(unsealed.clone())).unwrap();
    let (last, end) = (TagKey::from(format!("tag-{}", tags - 1).as_str()), Timestamp::from_micros(i64::MAX));
    let newest = || reader.before(&last, end).unwrap().map_or(0, |sample| sample.time.as_micros() / SECOND);
    while newest() < START + seconds - 1 {
        std::thread::park_timeout(Duration::from_millis(2));
    }
    // Two days later even the slowest tag is sealed.
    clock.1.store((START + seconds + 2 * 86_400) * SECOND, Ordering::Relaxed);
    while unsealed.lock().unwrap().count() > 0 {
        std::thread::park_timeout(Duration::from_millis(2));
    }
    drop(reader);
    let taken = (start.elapsed().as_secs_f64(), processor_seconds() - busy);
    // What the head held is given back to the disk in the background.
    let main = folder.join("history/samples.sqlite");
    let deadline = Instant::now() + Duration::from_secs(60);
    let mut size = u64::MAX;
    while Instant::now() < deadline {
        std::thread::park_timeout(Duration::from_millis(1500));
        let now = std::fs::metadata(&main).unwrap().len();
        if now == size {
            break;
        }
        size = now;
    }
    historian.stop();
    let reader = Reader::open(&main, None).unwrap();
    let mut count = 0;
    for tag in [0, tags / 2, tags - 1] {
        let mut take = |times: &[i64], _: &[f64]| {
            count += times.len() as i64;
            true
        };
        reader.numbers(&TagKey::from(format!("tag-{tag}").as_str()), Timestamp::default(), end, &mut take).unwrap();
    }
    assert_eq!(count, 3 * seconds, "nothing was lost");
    taken
}

fn figures(text: &str) -> Vec<f64> {
    text.split_whitespace().map(|word| word.parse().expect(text)).collect()
}

fn pinned(program: &Path, arguments: &[&str]) -> Vec<f64> {
    let output = Command::new("taskset").args(["-c", "1"]).arg(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    figures(&String::from_utf8_lossy(&output.stdout))
}

fn median(mut numbers: Vec<f64>) -> String {
    numbers.sort_by(f64::total_cmp);
    format!("{:.2} [{:.2} to {:.2}]", numbers[numbers.len() / 2], numbers[0], numbers[numbers.len() - 1])
}

fn pairs(count: usize) {
    let rivals = folder("history-rivals");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/rivals/build.sh");
    let built = Command::new("bash").arg(&script).arg(&rivals).arg("history_store").status().unwrap();
    assert!(built.success(), "the rival cannot be built");
    let (rival, us) = (rivals.join("history_store"), std::env::current_exe().unwrap());
    let (mut rates, mut speed, mut work) = (Vec::new(), Vec::new(), Vec::new());
    let mut rows = Vec::new();
    for _ in 0..count {
        let file = folder("history-rival").join("rival.sqlite");
        let chunks = pinned(&rival, &["chunks", file.to_str().unwrap(), "1000", "3600"]);
        let ours = pinned(&us, &["ingest"]);
        let file = folder("history-rival").join("rival.sqlite");
        let table = pinned(&rival, &["rows", file.to_str().unwrap(), "1000", "360"]);
        rates.push(ours[0] / 1e6);
        speed.push(ours[0] / chunks[0]);
        work.push(ours[1] / chunks[1]);
        rows.push(ours[0] / table[0]);
    }
    println!(
        "ingest, 1,000 tags at 1 Hz, an hour, everything on one core, until all is sealed (median of {count} pairs [range])"
    );
    println!("  {} million samples/s", median(rates));
    println!("  beside chunks in C: {} x the rate, {} x the processor time", median(speed), median(work));
    println!("  beside row tables: {} x the rate", median(rows));
}

fn bytes() {
    println!("bytes a sample on disk, rollups and quality included, after a checkpoint");
    for (name, kind) in [
        ("rounded to 0.01, jitter of ms", Kind::Rounded),
        ("rounded to 0.01, exact ticks", Kind::Exact),
        ("floats of a 16-bit converter", Kind::Converter),
        ("counter", Kind::Counter),
        ("states", Kind::State),
        ("booleans", Kind::Bool),
        ("noise, 64-bit", Kind::Noise),
    ] {
        let folder = folder("history-bytes");
        fill(&folder, kind, 125, 6 * HOUR, false);
        let size = |prefix: &str| {
            let entries = std::fs::read_dir(folder.join("history")).unwrap().map(Result::unwrap);
            let of = entries.filter(|entry| entry.file_name().to_str().unwrap().starts_with(prefix));
            of.map(|entry| entry.metadata().unwrap().len()).sum::<u64>() as f64 / (125 * 6 * HOUR) as f64
        };
        let all = disk_bytes(&folder) as f64 / (125 * 6 * HOUR) as f64;
        println!(
            "  {name:32} {all:.2}: samples {:.2}, minutes {:.2}, the rest {:.2}",
            size("raw"),
            size("minutes"),
            size("samples")
        );
    }
}

fn timed(what: &str, mut question: impl FnMut() -> usize) {
    let count = question();
    let mut times: Vec<f64> = (0..9)
        .map(|_| {
            let start = Instant::now();
            assert_eq!(question(), count);
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    println!("  {what}: {:.2} ms [{:.2} to {:.2}], {count} found", times[4], times[0], times[8]);
}

fn questions() {
    let folder = folder("history-questions");
    let (wall, _) = fill(&folder, Kind::Rounded, 4, 30 * 24 * HOUR, false);
    let samples = 4.0 * 30.0 * 86_400.0;
    println!(
        "questions, 4 tags of 1 Hz for 30 days ({:.2} bytes a sample, filled in {wall:.0} s with the making of the signal; median of 9 [range])",
        disk_bytes(&folder) as f64 / samples
    );
    let reader = Reader::open(&folder.join("history/samples.sqlite"), None).unwrap();
    let key = TagKey::from("tag-2");
    let at = |second: i64| Timestamp::from_micros((START + second) * SECOND);
    let month = 30 * 24 * HOUR;
    timed("one day, every sample", || {
        let mut count = 0;
        reader
            .numbers(&key, at(month - 86_400), at(month), &mut |times, _| {
                count += times.len();
                true
            })
            .unwrap();
        count
    });
    timed("one day, every sample with quality", || reader.samples(&key, at(month - 86_400), at(month)).unwrap().len());
    timed("30 days, 1,000 columns", || reader.columns(&key, at(0), at(month), 1000, &|| false).unwrap().len());
    timed("30 days, 1,000 columns, exact", || {
        reader.exact_columns(&key, at(0), at(month), 1000, &|| false).unwrap().len()
    });
    timed("the value at a moment", || usize::from(reader.before(&key, at(month / 2)).unwrap().is_some()));
}

fn year() {
    let folder = folder("history-year");
    let (wall, _) = fill(&folder, Kind::Rounded, 10, 365 * 24 * HOUR, false);
    println!(
        "a year of 1 Hz, 10 tags: {:.2} bytes a sample, filled in {wall:.0} s",
        disk_bytes(&folder) as f64 / (3650.0 * 86_400.0)
    );
    let at = |second: i64| Timestamp::from_micros((START + second) * SECOND);
    timed("10 pens, the whole year, 1,000 columns, opening included", || {
        let reader = Reader::open(&folder.join("history/samples.sqlite"), None).unwrap();
        let columns = |tag| {
            reader.columns(&TagKey::from(format!("tag-{tag}").as_str()), at(0), at(365 * 24 * HOUR), 1000, &|| false)
        };
        (0..10).map(|tag| columns(tag).unwrap().len()).sum()
    });
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("  {}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["ingest"] => {
            let folder = folder("history-ingest");
            let (wall, busy) = fill(&folder, Kind::Rounded, 1000, 3600, true);
            let samples = 3_600_000.0;
            println!("{:.0} {:.1} {:.3}", samples / wall, busy * 1e9 / samples, disk_bytes(&folder) as f64 / samples);
        }
        ["year"] => year(),
        ["bytes"] => bytes(),
        ["questions"] => questions(),
        ["pairs", count] => pairs(count.parse().unwrap()),
        _ => {
            pairs(5);
            bytes();
            questions();
        }
    }
}
