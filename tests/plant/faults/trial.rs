//! Puts every case through the same trial, all of them at once in one station: well, faulty, well again. Each sample is judged.

use super::answer::truth;
use super::cases::{Case, Expect, SILENT};
use super::device::{Device, Fault};
use crate::support::{DEADLINE, Folder, Station};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Two neighbours and one far off: two requests, with answers of different length.
pub const TAGS: [(&str, u16); 3] = [("near", 0), ("next", 1), ("far", FAR)];
pub const FAR: u16 = 200;

/// How soon a fault has to be seen. Poll and time-out are 0.4 s together; the rest is the allowance for a busy machine.
const IN_TIME: Duration = Duration::from_secs(5);
/// The pulse comes every 100 ms; a machine on which it is so late stands still for other devices as well.
const HELD_UP: Duration = Duration::from_millis(400);
/// How long a fault may take to be committed often enough: a client may leave a faulty device alone for longer and longer.
const FAULT: Duration = Duration::from_secs(40);
/// How often a fault is committed at least, so that what was tried again is judged as well: here the client leaves the device alone in between.
const SELDOM: u64 = 3;
/// And here it goes on at its full rate.
const OFTEN: u64 = 20;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Well,
    Faulty,
    Again,
    Done,
    Failed,
}

/// What was seen of one tag last.
#[derive(Clone, Debug, Default)]
struct Seen {
    good: bool,
    epoch: u16,
    /// In this stage.
    bad_for: Option<String>,
}

struct Trial {
    case: Case,
    device: Device,
    stage: Stage,
    since: Instant,
    seen: [Seen; 3],
    log: Vec<String>,
    /// How long it took until the fault had shown what it had to.
    seen_after: Option<Duration>,
    verdict: String,
    /// Whether the machine stood still for a moment just now, for all at once.
    is_held_up: bool,
}

impl Trial {
    fn new(case: Case) -> Self {
        let (device, since) = (case.device(), Instant::now());
        let (stage, seen, log) = (Stage::Well, Default::default(), Vec::new());
        Self { case, device, stage, since, seen, log, seen_after: None, verdict: String::new(), is_held_up: false }
    }

    fn enter(&mut self, stage: Stage) {
        let (fault, epoch) = match stage {
            Stage::Well => (Fault::None, 1),
            Stage::Faulty => (self.case.fault.clone(), 2),
            Stage::Again | Stage::Done | Stage::Failed => (Fault::None, 3),
        };
        let took = self.since.elapsed().as_secs_f32();
        self.log.push(format!("-- {:?} took {took:.2} s; now {stage:?}", self.stage));
        if stage != Stage::Done {
            self.device.set(fault, epoch);
        }
        if stage == Stage::Done {
            self.verdict += &format!("well again after {took:.1} s");
        }
        self.stage = stage;
        self.since = Instant::now();
        for seen in &mut self.seen {
            seen.bad_for = None;
        }
    }

    fn fail(&mut self, why: &str) {
        if self.stage != Stage::Failed {
            let log = self.log[self.log.len().saturating_sub(12)..].join("\n      ");
            self.verdict = format!("{:?} while {:?}: {why}\n      {log}", self.case.name, self.stage);
            self.enter(Stage::Failed);
        }
    }

    fn suffers(&self, place: usize) -> bool {
        self.case.only.is_none_or(|only| only == TAGS[place].0)
    }

    fn sample(&mut self, place: usize, event: &Value) {
        let words = format!("{} {} {} {}", TAGS[place].0, event["quality"], event["value"], event["reason"]);
        self.log.push(words.clone());
        if let Err(why) = self.judge(place, event) {
            self.fail(&format!("{words}: {why}"));
        }
    }

    fn judge(&mut self, place: usize, event: &Value) -> Result<(), &'static str> {
        let expect = if self.suffers(place) { self.case.expect } else { Expect::Works };
        let seen = &mut self.seen[place];
        if event["quality"] == "good" {
            let right = (1..=3).find(|epoch| event["value"] == truth(*epoch, TAGS[place].1));
            let epoch = right.ok_or("a wrong value is shown as good")?;
            if epoch < seen.epoch {
                return Err("an old value is shown as new");
            }
            if epoch == 2 && matches!(expect, Expect::Bad(_)) {
                return Err("it was never told this value");
            }
            if self.stage == Stage::Faulty && matches!(expect, Expect::Bad(_)) && seen.bad_for.is_some() {
                return Err("it turned good while the fault lasted");
            }
            (seen.good, seen.epoch) = (true, epoch);
            return Ok(());
        }
        seen.good = false;
        let reason = event["reason"].as_str().unwrap_or_default();
        seen.bad_for = Some(reason.to_owned());
        match self.stage {
            _ if event["quality"] != "bad" || !event["value"].is_null() => Err("it is neither good nor bad"),
            Stage::Well | Stage::Failed => Ok(()),
            // Of a short time-out a machine that stands still for a moment is enough.
            Stage::Done if reason == SILENT && expect.reasons().contains(&SILENT) => Ok(()),
            Stage::Done if reason == SILENT && self.is_held_up => Ok(()),
            Stage::Done => Err("it turned bad without a fault"),
            _ if matches!(expect, Expect::Works) => Err("it has to work"),
            _ if !expect.reasons().contains(&reason) => Err("the reason is not the right one"),
            _ => Ok(()),
        }
    }

    /// Whether a tag has shown all that it has to show in this stage.
    fn is_settled(&self, place: usize) -> bool {
        let seen = &self.seen[place];
        let fresh = seen.good && seen.epoch == 2;
        match self.case.expect {
            _ if !self.suffers(place) => fresh,
            Expect::Works => fresh,
            Expect::Bad(_) => seen.bad_for.is_some(),
            Expect::Either(_) => fresh || seen.bad_for.is_some(),
            Expect::Flaky(_) => seen.bad_for.is_some(),
        }
    }

    fn is_good(&self, epoch: u16) -> bool {
        self.seen.iter().all(|seen| seen.good && seen.epoch == epoch)
    }

    fn is_often(&self, passed: Duration) -> bool {
        let bad = self.seen.iter().any(|seen| seen.bad_for.is_some());
        match self.case.fault {
            Fault::Refuse | Fault::Unplug | Fault::Idle(..) => passed > IN_TIME,
            _ => self.device.committed() >= if bad { SELDOM } else { OFTEN },
        }
    }

    /// Goes on to the next stage where this one has shown what it had to.
    fn turn(&mut self) {
        let passed = self.since.elapsed();
        match self.stage {
            Stage::Faulty => {
                let settled = (0..TAGS.len()).all(|place| self.is_settled(place));
                let often = self.is_often(passed);
                if settled {
                    self.seen_after.get_or_insert(passed);
                }
                if settled && often {
                    let reason = self.seen.iter().find_map(|seen| seen.bad_for.clone());
                    let (reason, after) = (reason.unwrap_or_else(|| "works".to_owned()), self.seen_after);
                    self.verdict = format!("{reason} after {:.1} s; ", after.unwrap_or_default().as_secs_f32());
                    self.enter(Stage::Again);
                } else if !settled && passed > IN_TIME {
                    self.fail("what has to be seen was not seen in time");
                } else if passed > FAULT {
                    let count = self.device.committed();
                    self.fail(&format!("it was not tried again: the fault was committed {count} times"));
                }
            }
            Stage::Again if self.is_good(3) => self.enter(Stage::Done),
            Stage::Again if passed > self.case.recovery => self.fail("it did not recover"),
            _ => {}
        }
    }

    fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Done | Stage::Failed)
    }
}

/// A tag that shows how often its device was asked: it has to go on by ones, whatever happens beside it.
#[derive(Default)]
struct Pulse {
    last: Option<u64>,
    /// When it came last, and when it was last late.
    came: Option<Instant>,
    late: Option<Instant>,
}

impl Pulse {
    /// Whether even a device without a fault was read late: what waited for an answer then may have waited in vain.
    fn is_held_up(&self) -> bool {
        let is_late = self.came.is_some_and(|came| came.elapsed() > HELD_UP);
        is_late || self.late.is_some_and(|late| late.elapsed() < 2 * IN_TIME)
    }

    fn sample(&mut self, event: &Value) {
        if self.came.replace(Instant::now()).is_some_and(|came| came.elapsed() > HELD_UP) {
            self.late = Some(Instant::now());
        }
        if self.last.is_none() && event["quality"] != "good" {
            return;
        }
        assert_eq!(event["quality"], "good", "a device without a fault was disturbed: {event}");
        let value = event["value"].as_u64().unwrap();
        if let Some(last) = self.last.replace(value) {
            assert_eq!(value, last + 1, "a device without a fault was asked in vain");
        }
    }
}

fn station_file(trials: &[Trial], control: &Device) -> Value {
    let mut connections = vec![json!({"name": "pulse", "modbus": control.reach("2s")})];
    let mut devices =
        vec![json!({"name": "pulse", "connection": "pulse", "unit": 1, "poll": "100ms", "identify": false})];
    let mut tags = vec![json!({"name": "pulse/count", "device": "pulse", "register": "holding:0"})];
    for (number, trial) in trials.iter().enumerate() {
        let name = format!("c{number}");
        connections.push(json!({"name": name, "modbus": trial.device.reach(trial.case.timeout())}));
        devices.push(json!({"name": name, "connection": name, "unit": 1, "poll": "100ms", "identify": false}));
        for (tag, address) in TAGS {
            let register = format!("{}:{address}", trial.case.table);
            tags.push(json!({"name": format!("c{number}/{tag}"), "device": name, "register": register}));
        }
    }
    json!({"station": {"name": "Faults"}, "connections": connections, "devices": devices, "tags": tags})
}

/// Which case and which of its tags an event is about.
fn place_of(event: &Value) -> Option<(usize, usize)> {
    let (case, tag) = event["tag"].as_str()?.strip_prefix('c')?.split_once('/')?;
    Some((case.parse().ok()?, TAGS.iter().position(|(name, _)| *name == tag)?))
}

/// Runs all cases to their end; fails with all that failed.
pub fn prove(cases: Vec<Case>) {
    let control = Device::counter();
    let mut trials: Vec<Trial> = cases.into_iter().map(Trial::new).collect();
    let folder = Folder::new(&station_file(&trials, &control));
    let mut station = Station::start(&folder.path);
    let mut pulse = Pulse::default();
    let (begun, mut started) = (Instant::now(), false);
    while !trials.iter().all(Trial::is_over) {
        // The pulse comes ten times a second, so that this never waits for long.
        let event = station.wait("an event", |event| event["event"] == "sample" || event["event"] == "loss");
        assert_eq!(event["event"], "sample", "events were lost");
        if let Some((case, place)) = place_of(&event) {
            trials[case].is_held_up = pulse.is_held_up();
            trials[case].sample(place, &event);
        } else if event["tag"] == "pulse/count" {
            pulse.sample(&event);
            if started {
                trials.iter_mut().for_each(Trial::turn);
            } else if trials.iter().all(|trial| trial.is_good(1)) {
                started = true;
                trials.iter_mut().for_each(|trial| trial.enter(Stage::Faulty));
            } else {
                assert!(begun.elapsed() < DEADLINE, "not every tag was good at the start: {}", missing(&trials));
            }
        }
    }
    report(&trials, begun.elapsed());
}

fn missing(trials: &[Trial]) -> String {
    let late = trials.iter().filter(|trial| !trial.is_good(1));
    late.map(|trial| format!("{:?}: {}", trial.case.name, trial.log.join(", "))).collect::<Vec<_>>().join("\n")
}

/// `cargo test -- --nocapture` shows the whole table.
fn report(trials: &[Trial], took: Duration) {
    for trial in trials {
        eprintln!("{:<48} {}", trial.case.name, trial.verdict);
    }
    let failed: Vec<_> =
        trials.iter().filter(|trial| trial.stage == Stage::Failed).map(|trial| &*trial.verdict).collect();
    eprintln!("{} cases in {:.1} s", trials.len(), took.as_secs_f32());
    assert!(failed.is_empty(), "{} of {} cases failed:\n  {}", failed.len(), trials.len(), failed.join("\n  "));
}
