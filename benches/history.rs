//! The historian beside SQLite: samples a second and bytes a sample, as the median ratio of interleaved pairs on one core, beside row tables
//! and beside chunks in C; then how long questions take. Linux only: it reads /proc. Needs a C compiler, SQLite and zstd for the rival.
//!
//! `cargo bench --bench history`, or `cargo bench --bench history -- pairs 3`, `-- year` for a year of 1 Hz of ten tags (315 million samples),
//! `-- export` for ten million rows of CSV, `-- recordings FILE.csv...` for the bytes that anybody's recordings take: a column of times, and a
//! tag for every other column that holds numbers.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::disallowed_methods, missing_docs)]

use polder::historian::{Dialect, ExportOptions, Historian, OpenedHistory, Reader, Setting, export_table, write_whole};
use polder::station::SystemClock;
use polder::tag::{Clock, Directory, HistoryRow, Now, Quality, Sample, TagDefinition, TagId, TagKey, Timestamp, Value};
use std::collections::HashMap;
use std::io::Write;
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
    // In a process of its own, so that its memory is that of the questions alone.
    assert!(Command::new(std::env::current_exe().unwrap()).arg("open-year").status().unwrap().success());
}

fn open_year() {
    let main = Path::new(env!("CARGO_TARGET_TMPDIR")).join("history-year/history/samples.sqlite");
    let at = |second: i64| Timestamp::from_micros((START + second) * SECOND);
    timed("10 pens, the whole year, 1,000 columns, opening included", || {
        let reader = Reader::open(&main, None).unwrap();
        let columns = |tag| {
            reader.columns(&TagKey::from(format!("tag-{tag}").as_str()), at(0), at(365 * 24 * HOUR), 1000, &|| false)
        };
        (0..10).map(|tag| columns(tag).unwrap().len()).sum()
    });
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    println!("  {}", status.lines().find(|line| line.starts_with("VmHWM")).unwrap());
}

/// Ten million rows of CSV, into a file, on one core; beside it the writing of the same bytes without making them.
fn export() {
    let folder = folder("history-export");
    let (tags, seconds) = (100, 100_000);
    fill(&folder, Kind::Rounded, tags, seconds, false);
    let rows = pinned(&std::env::current_exe().unwrap(), &["export-rows"]);
    println!(
        "CSV, {:.0} million rows of {:.0} bytes on one core: {:.2} million rows/s, {:.0} MB/s; writing and syncing those bytes alone takes {:.2} of the time",
        rows[0] / 1e6,
        rows[1] / rows[0],
        rows[0] / rows[2] / 1e6,
        rows[1] / rows[2] / 1e6,
        rows[3] / rows[2]
    );
}

fn export_rows() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("history-export");
    let reader = Reader::open(&folder.join("history/samples.sqlite"), None).unwrap();
    let [from, to] = [0, i64::MAX].map(Timestamp::from_micros);
    let options = ExportOptions { patterns: vec!["*".to_owned()], from, to, every: None };
    let setting = Setting { dialect: Dialect::default(), offset: &|_| 0, report: &|_| true };
    let out = folder.join("out.csv");
    let start = Instant::now();
    let rows = write_whole(&out, |out| export_table(&reader, &options, &setting, out)).unwrap();
    std::fs::File::open(&out).unwrap().sync_all().unwrap();
    let taken = start.elapsed().as_secs_f64();
    let bytes = std::fs::read(&out).unwrap();
    let start = Instant::now();
    let mut file = std::fs::File::create(folder.join("bytes.csv")).unwrap();
    bytes.chunks(1 << 18).for_each(|chunk| file.write_all(chunk).unwrap());
    file.sync_all().unwrap();
    println!("{rows} {} {taken:.3} {:.3}", bytes.len(), start.elapsed().as_secs_f64());
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The moment that a recording tells: RFC 3339, the same without a zone, or seconds since 1970.
fn moment(text: &str) -> Option<i64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return Some((seconds * 1e6) as i64);
    }
    let text = text.trim().replace(' ', "T");
    let zoned = Timestamp::parse_rfc3339(&text).or_else(|| Timestamp::parse_rfc3339(&format!("{text}Z")));
    zoned.map(Timestamp::as_micros)
}

/// The samples of a recording, in order of time: columns that hold numbers, and the times of its rows.
fn recording(path: &str) -> (Vec<i64>, Vec<Vec<Option<Value>>>) {
    let text = std::fs::read_to_string(path).expect(path);
    let separator = if text.lines().next().unwrap_or_default().contains(';') { b';' } else { b',' };
    let mut reader = csv::ReaderBuilder::new().delimiter(separator).from_reader(text.as_bytes());
    let width = reader.headers().unwrap().len();
    let mut rows: Vec<(i64, csv::StringRecord)> =
        reader.records().map(Result::unwrap).filter_map(|row| Some((moment(row.get(0)?)?, row))).collect();
    rows.sort_by_key(|row| row.0);
    let value = |text: &str| text.parse().ok().map(Value::Signed).or_else(|| text.parse().ok().map(Value::Double));
    let column = |place: usize| rows.iter().map(|row| row.1.get(place).and_then(value)).collect::<Vec<_>>();
    let mut columns: Vec<_> = (1..width).map(column).collect();
    columns.retain(|column| column.iter().any(Option::is_some));
    for column in &mut columns {
        // What is a decimal anywhere is one everywhere.
        if column.iter().flatten().any(|value| matches!(value, Value::Double(_))) {
            for value in column.iter_mut().flatten() {
                *value = Value::Double(value.as_f64().unwrap());
            }
        }
    }
    (rows.into_iter().map(|row| row.0).collect(), columns)
}

fn recordings(files: &[&str]) {
    let folder = folder("history-recordings");
    let read: Vec<_> = files.iter().map(|file| recording(file)).collect();
    let newest = read.iter().filter_map(|(times, _)| times.last()).max().copied().expect("a file with times");
    let clock = Arc::new(Simulated(SystemClock::new(), AtomicI64::new(newest)));
    let opened = OpenedHistory::open(&folder, Timestamp::from_micros(newest)).unwrap();
    let historian = Historian::start(opened, clock.clone(), |state| assert_eq!(state.failing, None)).unwrap();
    let tags: usize = read.iter().map(|(_, columns)| columns.len()).sum();
    let definitions = (0..tags).map(|tag| TagDefinition::named(&format!("tag-{tag}"))).collect();
    assert!(historian.set_plan(Arc::new(Directory::new(definitions, Vec::new(), Vec::new())), HashMap::new()));
    let (mut tag, mut count) = (0u32, 0u64);
    for (times, columns) in &read {
        for column in columns {
            let rows: Vec<_> = times
                .iter()
                .zip(column)
                .filter_map(|(time, value)| {
                    let value = Some(value.clone()?);
                    let sample = Sample { time: Timestamp::from_micros(*time), value, quality: Quality::GOOD };
                    Some(HistoryRow { tag: TagId(tag), sample })
                })
                .collect();
            count += rows.len() as u64;
            for part in rows.chunks(5000) {
                let mut waiting = Some(part.to_vec());
                while let Some(rows) = waiting.take() {
                    waiting = historian.rows(rows).err();
                    std::thread::park_timeout(Duration::from_millis(u64::from(waiting.is_some())));
                }
            }
            tag += 1;
        }
    }
    let (_, unsealed) = historian.source();
    let mut ahead = 3 * 86_400;
    // What was flushed after a round of sealing began is sealed an hour later.
    while ahead < 4 * 86_400 || unsealed.lock().unwrap().count() > 0 {
        clock.1.store(newest + ahead * SECOND, Ordering::Relaxed);
        ahead += HOUR;
        std::thread::park_timeout(Duration::from_millis(100));
    }
    historian.stop();
    let as_text: u64 = files.iter().map(|file| std::fs::metadata(file).unwrap().len()).sum();
    let packed: i64 = std::fs::read_dir(folder.join("history"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name().unwrap().to_str().unwrap().starts_with("raw"))
        .filter(|path| path.extension().is_some_and(|extension| extension == "sqlite"))
        .map(|path| {
            let sql = "SELECT (SELECT sum(length(bytes) + length(closing)) FROM chunk) + (SELECT sum(length(bytes)) FROM timeline)";
            rusqlite::Connection::open(path).unwrap().query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap()
        })
        .sum();
    println!(
        "recordings: {} files, {tags} tags, {count} samples: {:.2} bytes a sample packed, {:.2} with rollups, indexes and empty room of the files; as text {:.1}",
        files.len(),
        packed as f64 / count as f64,
        disk_bytes(&folder) as f64 / count as f64,
        as_text as f64 / count as f64
    );
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
        ["open-year"] => open_year(),
        ["export"] => export(),
        ["export-rows"] => export_rows(),
        ["recordings", ref files @ ..] => recordings(files),
        ["bytes"] => bytes(),
        ["questions"] => questions(),
        ["pairs", count] => pairs(count.parse().unwrap()),
        _ => {
            pairs(5);
            bytes();
            questions();
            export();
        }
    }
}
