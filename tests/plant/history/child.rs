//! The station's stores in a process of their own, that can be killed: the real threads under a clock that runs ahead, so that flushes,
//! hours and months come often.
//!
//! It is this test program once more, told by its environment to be the child. On standard output it says what it did, a line each:
//! `@open`, `@sent N` before a batch is handed over, `@kept N` when readers see batch N, which is after its commit, `@recorded N` when the
//! recorder has answered.

use super::schedule::{Run, STEP, TAGS, directory, key, marker, request};
use crate::support::root;
use polder::access::Principal;
use polder::alarm::{AlarmKey, ConditionState, Occasion, OccurrenceId, Persisted, State, Transition};
use polder::audit::Draft;
use polder::historian::{Historian, OpenedHistory, Reader};
use polder::recorder::{Answer, Order, RECORDS_FILE, RecordStore, Recorder};
use polder::tag::{Clock, HistoryRow, Monotonic, Now, TagId, Timestamp, Value};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// 26 samples each 5 ms: 5,200 a second.
const PACE: Duration = Duration::from_millis(5);
/// The monotonic clock is so much quicker: a flush each 12.5 ms.
const QUICKER: u64 = 20;
/// An alarm transition with its audit entry for every so many batches.
const RECORD_EVERY: u64 = 3;

/// How to start the child. `told` is a file for its lines, where a trace is to have them in order with everything else.
pub fn command(folder: &Path, run: Run, told: Option<&Path>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "history::child::stores", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("POLDER_CHILD", folder).env("POLDER_CHILD_RUN", run.0.to_string()).current_dir(root());
    if let Some(told) = told {
        command.env("POLDER_CHILD_TOLD", told);
    }
    command
}

#[derive(Clone)]
struct Teller(Arc<Mutex<Option<File>>>);

impl Teller {
    fn new() -> Self {
        let open = |path| File::options().create(true).append(true).open(path).unwrap();
        Self(Arc::new(Mutex::new(std::env::var_os("POLDER_CHILD_TOLD").map(open))))
    }

    /// One write each, so that a line is there or not.
    fn tell(&self, line: &str) {
        let mut file = self.0.lock().unwrap();
        let line = format!("@{line}\n");
        if let Some(file) = file.as_mut() {
            file.write_all(line.as_bytes()).unwrap();
        }
        std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
    }
}

struct RunningAhead {
    run: Run,
    number: AtomicU64,
    began: Instant,
}

impl Clock for RunningAhead {
    fn now(&self) -> Now {
        let utc = Timestamp::from_micros(self.run.clock(self.number.load(Ordering::SeqCst)) + STEP / 2);
        let monotonic = Monotonic::from_micros(self.began.elapsed().as_micros() as u64 * QUICKER);
        Now { utc, monotonic }
    }
}

struct Stores {
    run: Run,
    clock: Arc<RunningAhead>,
    historian: Historian,
    recorder: Recorder,
    reader: Reader,
    teller: Teller,
}

impl Stores {
    fn open(folder: &Path, run: Run) -> Self {
        let teller = Teller::new();
        teller.tell("open");
        let clock = Arc::new(RunningAhead { run, number: AtomicU64::new(0), began: Instant::now() });
        let records = RecordStore::open(&folder.join(RECORDS_FILE)).unwrap();
        let opened = OpenedHistory::open(folder, clock.now().utc).unwrap();
        assert_eq!(opened.set_aside, None, "a crash is no damage");
        let told = teller.clone();
        let recorder = Recorder::start(records, move |answer| match answer {
            Answer::Committed(receipts) => {
                let number = |request: &str| request.rsplit('-').next().unwrap().to_owned();
                receipts
                    .iter()
                    .for_each(|receipt| told.tell(&format!("recorded {}", number(&receipt.request().to_string()))));
            }
            other => panic!("{other:?}"),
        });
        let failed = |state: polder::historian::HistoryState| {
            assert!(state.failing.is_none() && state.lost == 0 && state.set_aside.is_none(), "history: {state:?}");
        };
        let historian = Historian::start(opened, Arc::clone(&clock) as Arc<dyn Clock>, failed).unwrap();
        assert!(historian.set_plan(directory(), HashMap::new()));
        let (path, unsealed) = historian.source();
        let reader = Reader::open(&path, Some(unsealed)).unwrap();
        Self { run, clock, historian, recorder: recorder.unwrap(), reader, teller }
    }

    fn send(&self, number: u64) {
        self.clock.number.store(number, Ordering::SeqCst);
        self.teller.tell(&format!("sent {number}"));
        let row = |tag| HistoryRow { tag: TagId(tag), sample: self.run.sample(tag, number) };
        self.historian.rows((0..TAGS).map(row).collect()).expect("the historian takes them");
        if number.is_multiple_of(RECORD_EVERY) {
            self.recorder.order(self.order(number)).expect("the recorder takes it");
        }
    }

    fn order(&self, number: u64) -> Order {
        let (request, time) = (request(self.run, number), self.clock.now().utc);
        let raised = number.is_multiple_of(2 * RECORD_EVERY);
        let states = [State::Normal, State::Unacknowledged];
        let transition = Transition {
            alarm: AlarmKey::from("plant/tag-0:high"),
            occurrence: OccurrenceId(number / 2),
            from: states[usize::from(!raised)],
            to: states[usize::from(raised)],
            time,
            raised: time,
            value: Some(Value::Unsigned(number)),
            actor: None,
            comment: request.as_str().into(),
            occasion: Occasion::ConditionActive,
            condition: ConditionState { active: raised, unevaluated: false },
            kept: raised.then(|| Persisted::of_state(states[1], OccurrenceId(number / 2), time, time).into()),
            is_requested: false,
        };
        let draft = Draft {
            request: request.as_str().into(),
            time,
            principal: Principal::person("anna"),
            action: "acknowledge".into(),
            subject: "plant/tag-0:high".into(),
            detail: "{}".into(),
            essential: false,
        };
        Order { transitions: vec![transition], drafts: vec![draft], ..Order::default() }
    }

    /// The newest batch that readers see.
    fn kept(&self) -> Option<u64> {
        let newest = self.reader.before(&key(marker()), Timestamp::from_micros(i64::MAX)).unwrap()?;
        let number = self.run.number_at(marker(), newest.time.as_micros())?;
        assert_eq!(newest.value, Some(Value::Unsigned(number)));
        Some(number)
    }
}

fn lines_of_stdin() -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::Builder::new()
        .spawn(move || std::io::stdin().lock().lines().map_while(Result::ok).try_for_each(|line| sender.send(line)))
        .unwrap();
    lines
}

/// No test: what `command` starts.
#[test]
#[ignore = "the child of other tests"]
fn stores() {
    let Some(folder) = std::env::var_os("POLDER_CHILD").map(PathBuf::from) else { return };
    let run = Run(std::env::var("POLDER_CHILD_RUN").unwrap().parse().unwrap());
    let (stores, orders) = (Stores::open(&folder, run), lines_of_stdin());
    let (began, mut told) = (Instant::now(), None);
    for number in 0.. {
        stores.send(number);
        let next = began + PACE * (number as u32 + 1);
        // Whoever started this tells it to stop by closing its input.
        if orders.recv_timeout(next.saturating_duration_since(Instant::now())) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
        let kept = stores.kept();
        if kept != told {
            told = kept;
            stores.teller.tell(&format!("kept {}", kept.expect("what was kept stays")));
        }
    }
    let Stores { historian, recorder, .. } = stores;
    historian.stop();
    recorder.stop();
}
