use super::*;
use crate::historian::Reader;
use crate::tag::{Quality, Value};

struct Fixed;
impl Clock for Fixed {
    fn now(&self) -> Now {
        Now { utc: Timestamp::from_micros(9_000_000), monotonic: Monotonic::from_micros(1) }
    }
}

fn sample(seconds: i64, value: f64) -> Sample {
    let time = Timestamp::from_micros(seconds * 1_000_000);
    Sample { time, value: Some(Value::Double(value)), quality: Quality::GOOD }
}

fn start(folder: &std::path::Path) -> Historian {
    let opened = OpenedHistory::open(folder, Timestamp::default()).unwrap();
    let historian = Historian::start(opened, Arc::new(Fixed), |_| {}).unwrap();
    let tags = vec![TagDefinition::named("a"), TagDefinition::named("b")];
    assert!(historian.set_plan(Arc::new(Directory::new(tags, Vec::new(), Vec::new())), HashMap::new()));
    historian
}

fn read(folder: &std::path::Path, key: &str) -> Vec<Sample> {
    let path = folder.join(HISTORY_FOLDER).join(SAMPLES_FILE);
    let reader = Reader::open(&path, None).unwrap();
    let end = Timestamp::from_micros(i64::MAX);
    reader.samples(&key.into(), Timestamp::from_micros(0), end).unwrap()
}

#[test]
fn samples_come_back_and_a_hard_stop_leaves_a_gap() {
    let folder = tempfile::tempdir().unwrap();
    let first = start(folder.path());
    first.rows(vec![HistoryRow { tag: TagId(0), sample: sample(1, 1.5) }]).unwrap();
    first.stop();
    let second = start(folder.path());
    second.rows(vec![HistoryRow { tag: TagId(0), sample: sample(20, 2.5) }]).unwrap();
    second.stop();
    let samples = read(folder.path(), "a");
    assert_eq!(samples.len(), 3, "{samples:?}");
    assert_eq!(samples[0], sample(1, 1.5));
    assert_eq!(samples[1].quality.words(), "station was off");
    assert_eq!(samples[2], sample(20, 2.5));
    assert_eq!(read(folder.path(), "b"), []);
}

fn worker(folder: &Path) -> Worker {
    let store = OpenedHistory::open(folder, Timestamp::default()).unwrap().store;
    let mut worker = Worker::new(store, Arc::new(Fixed), Box::new(|_| {}));
    let tags = vec![TagDefinition::named("a"), TagDefinition::named("b")];
    let directory = Directory::new(tags, Vec::new(), Vec::new());
    worker.take(Message::Plan(Arc::new(directory), HashMap::new()));
    worker
}

#[test]
fn a_mark_is_answered_when_its_samples_are_in_the_file_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = worker(folder.path());
    let (path, answers) = (folder.path().to_owned(), Arc::new(std::sync::Mutex::new(Vec::new())));
    let told = Arc::clone(&answers);
    // By number, how many samples are in the file by then.
    let when_kept = Arc::new(move |kept: crate::tag::Kept| {
        told.lock().unwrap().push((kept.number, read(&path, "a").len()));
    });
    let mark = |number| Mark::new(number, Identifiers::default(), Arc::clone(&when_kept) as _);
    let row = |second: i64| HistoryRow { tag: TagId(0), sample: sample(second, 1.0) };
    let refuse = |worker: &Worker, refuses: bool| {
        worker.store.main.with(|connection| connection.pragma_update(None, "query_only", refuses)).unwrap();
    };
    assert_eq!(worker.due(), worker.turned.plus(FLUSH));
    refuse(&worker, true);
    worker.take(Message::Rows(vec![row(1), row(2)], vec![mark(1)]));
    assert_eq!(worker.due(), worker.flushed.plus(HURRIED_FLUSH));
    worker.flush();
    assert_eq!(*answers.lock().unwrap(), []);
    assert_eq!(worker.due(), worker.turned.plus(FLUSH), "what fails is not tried again in a hurry");
    refuse(&worker, false);
    worker.take(Message::Rows(vec![row(3)], vec![mark(2)]));
    worker.flush();
    worker.take(Message::Rows(Vec::new(), vec![mark(3)]));
    worker.flush();
    worker.flush();
    assert_eq!(*answers.lock().unwrap(), [(1, 3), (2, 3), (3, 3)]);
}

/// The marks that were answered.
type Answers = Arc<std::sync::Mutex<Vec<crate::tag::Kept>>>;

fn mark(number: u64, identifiers: Identifiers, answers: &Answers) -> Mark {
    let answers = Arc::clone(answers);
    Mark::new(number, identifiers, Arc::new(move |kept| answers.lock().unwrap().push(kept)))
}

fn numbers(answers: &Answers) -> Vec<u64> {
    answers.lock().unwrap().iter().map(|kept| kept.number).collect()
}

fn row(second: i64) -> HistoryRow {
    HistoryRow { tag: TagId(0), sample: sample(second, 1.0) }
}

#[test]
fn what_cannot_be_recalled_keeps_no_other_mark_waiting() {
    let folder = tempfile::tempdir().unwrap();
    let (mut worker, answers) = (worker(folder.path()), Answers::default());
    let change = |worker: &Worker, sql| worker.store.main.with(|connection| connection.execute_batch(sql)).unwrap();
    // As a file would have it that somebody else made.
    change(&worker, "CREATE TABLE message(session)");
    let recalls = Identifiers { session: "a".into(), forgets: true, recalls: true, ..Identifiers::default() };
    let marks = vec![mark(1, recalls, &answers), mark(2, Identifiers::default(), &answers)];
    worker.take(Message::Rows(vec![row(1)], marks));
    worker.flush();
    assert_eq!(numbers(&answers), [2]);
    assert!(worker.state.failing.is_some());
    change(&worker, "DROP TABLE message");
    let known = crate::tag::KnownMessage { id: 7, checksum: 0 };
    let taken_in = Identifiers { session: "a".into(), taken_in: vec![known], ..Identifiers::default() };
    worker.store.flush_with(&mut VecDeque::new(), &[&taken_in], Timestamp::default()).unwrap();
    worker.flush();
    assert_eq!(numbers(&answers), [2, 1]);
    assert_eq!(answers.lock().unwrap()[1].known.as_deref(), Some(&[known][..]), "forgotten once, not twice");
}

#[test]
fn a_mark_behind_rows_without_names_waits_for_them() {
    let folder = tempfile::tempdir().unwrap();
    let (mut worker, answers) = (worker(folder.path()), Answers::default());
    let refuse = |worker: &Worker, refuses: bool| {
        worker.store.main.with(|connection| connection.pragma_update(None, "query_only", refuses)).unwrap();
    };
    let plan = || {
        let tags = ["a", "new"].map(TagDefinition::named);
        Message::Plan(Arc::new(Directory::new(tags.into(), Vec::new(), Vec::new())), HashMap::new())
    };
    refuse(&worker, true);
    worker.take(plan());
    worker.take(Message::Rows(vec![row(1)], vec![mark(1, Identifiers::default(), &answers)]));
    worker.take(Message::Rows(Vec::new(), vec![mark(2, Identifiers::default(), &answers)]));
    worker.flush();
    assert_eq!((numbers(&answers), worker.unnamed.len()), (vec![], 1));
    refuse(&worker, false);
    worker.flush();
    assert_eq!((numbers(&answers), read(folder.path(), "a").len()), (vec![1, 2], 1));
}

#[test]
fn a_mark_behind_rows_that_were_dropped_says_so_and_keeps_no_message() {
    let folder = tempfile::tempdir().unwrap();
    let (mut worker, answers) = (worker(folder.path()), Answers::default());
    worker.store.main.with(|connection| connection.pragma_update(None, "query_only", true)).unwrap();
    let taken_in = |id| {
        let known = crate::tag::KnownMessage { id, checksum: 0 };
        Identifiers { session: "a".into(), taken_in: vec![known], ..Identifiers::default() }
    };
    worker.take(Message::Rows(vec![row(1), row(2)], vec![mark(1, taken_in(1), &answers)]));
    worker.take(Message::Rows(Vec::new(), vec![mark(2, taken_in(2), &answers)]));
    worker.take(Message::Rows(vec![row(3)], vec![mark(3, taken_in(3), &answers)]));
    worker.flush();
    worker.take(Message::Rows((4..HELD as i64 + 2).map(row).collect(), Vec::new()));
    worker.flush();
    assert_eq!((worker.state.lost, numbers(&answers)), (1, vec![]));
    worker.store.main.with(|connection| connection.pragma_update(None, "query_only", false)).unwrap();
    worker.flush();
    let fates: Vec<_> = answers.lock().unwrap().iter().map(|kept| (kept.number, kept.is_lost)).collect();
    assert_eq!(fates, [(1, true), (2, false), (3, false)]);
    let known = worker.store.known_messages("a").unwrap();
    assert_eq!(known.iter().map(|known| known.id).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn a_mark_behind_rows_that_a_new_plan_cannot_name_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (mut worker, answers) = (worker(folder.path()), Answers::default());
    let unknown = HistoryRow { tag: TagId(7), sample: sample(1, 1.0) };
    worker.take(Message::Rows(vec![unknown], vec![mark(1, Identifiers::default(), &answers)]));
    worker.flush();
    assert!(numbers(&answers).is_empty());
    worker.take(Message::Plan(Arc::clone(&worker.directory), HashMap::new()));
    worker.take(Message::Rows(vec![row(2)], vec![mark(2, Identifiers::default(), &answers)]));
    worker.flush();
    let fates: Vec<_> = answers.lock().unwrap().iter().map(|kept| (kept.number, kept.is_lost)).collect();
    assert_eq!(fates, [(1, true), (2, false)]);
}

#[test]
fn what_cannot_be_sealed_has_a_bound_in_memory() {
    let folder = tempfile::tempdir().unwrap();
    let mut worker = worker(folder.path());
    let count = UNSEALED as i64 + 100;
    let row = |second: i64| HistoryRow { tag: TagId(second as u32 % 2), sample: sample(second, 1.0) };
    for part in (0..count).collect::<Vec<_>>().chunks(50) {
        worker.take(Message::Rows(part.iter().copied().map(row).collect(), Vec::new()));
        worker.flush();
    }
    assert!(worker.store.unsealed_count() <= UNSEALED, "{}", worker.store.unsealed_count());
    worker.flush();
    let kept = worker.store.unsealed_count();
    assert_eq!(worker.state.lost + kept as u64, count as u64, "what left is counted");
    drop(worker);
    let samples = [read(folder.path(), "a"), read(folder.path(), "b")].concat();
    assert_eq!(samples.len(), kept, "the head does not grow without a bound either");
    assert!(samples.contains(&sample(count - 1, 1.0)) && !samples.contains(&sample(0, 1.0)), "the oldest went");
}

#[test]
fn a_damaged_file_is_set_aside_and_kept() {
    let folder = tempfile::tempdir().unwrap();
    start(folder.path()).stop();
    let path = folder.path().join(HISTORY_FOLDER).join(SAMPLES_FILE);
    std::fs::write(&path, vec![0x55; 8192]).unwrap();
    let opened = OpenedHistory::open(folder.path(), Timestamp::from_micros(0)).unwrap();
    let set_aside = opened.set_aside.unwrap();
    assert_eq!(std::fs::read(folder.path().join(&set_aside)).unwrap(), vec![0x55; 8192]);
}
