//! Alarms of a whole engine: clocks that jump, runs that end, records that are late or fail.

mod clock;
mod hidden;
mod requests;

use super::*;
use crate::access::Principal;
use crate::alarm::{DelayChange, Persisted, ProcessState, State, Transition};
use crate::audit::{MemoryStore, commit};
use crate::config;
use crate::driver::{Batch, DriverEvent, Reading};
use crate::engine::{AlarmName, Engine, Event, Notice, PROTOCOL_VERSION, Reply, ReplyId, Request, RequestBody};
use crate::tag::{Generation, Monotonic, Quality, Reason, Timestamp};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

fn plan(alarms: &[&str]) -> Arc<Plan> {
    let tag = |(number, alarm): (usize, &&str)| {
        format!(r#"{{"name":"t{number}","device":"d","register":"input:{number}","alarms":[{alarm}]}}"#)
    };
    let tags: Vec<String> = alarms.iter().enumerate().map(tag).collect();
    let text = format!(
        r#"{{"connections":[{{"name":"a","modbus":{{"tcp":"127.0.0.1"}}}}],
            "devices":[{{"name":"d","connection":"a","identify":false}}],"tags":[{}]}}"#,
        tags.join(",")
    );
    plan_of(&text)
}

fn plan_of(station: &str) -> Arc<Plan> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("station.json"), station).unwrap();
    Arc::new(config::load(folder.path(), Generation(1)).into_plant().unwrap().plan)
}

/// An engine with a recorder that writes when it is told to.
struct Bench {
    engine: Engine,
    effects: Effects,
    now: Now,
    store: MemoryStore,
    numbers: u64,
    /// Handed to the recorder and not written yet.
    waiting: Vec<(Vec<Transition>, Vec<crate::audit::Draft>)>,
    journal: Vec<Transition>,
    delays: HashMap<AlarmKey, DelayChange>,
    delay_orders: usize,
    replies: Vec<Reply>,
    notices: Vec<Notice>,
}

impl Bench {
    fn new(plan: &Arc<Plan>, restored: Restored, now: Now) -> Self {
        Self {
            engine: Engine::new(Arc::clone(plan), restored),
            effects: Effects::default(),
            now,
            store: MemoryStore::default(),
            numbers: 0,
            waiting: Vec::new(),
            journal: Vec::new(),
            delays: HashMap::new(),
            delay_orders: 0,
            replies: Vec::new(),
            notices: Vec::new(),
        }
    }

    fn start(alarms: &[&str]) -> Self {
        Self::new(&plan(alarms), Restored::default(), at(1_000_000, 0))
    }

    fn step(&mut self, event: Event) {
        self.engine.step(event, self.now, &mut self.effects);
        self.hand_on();
    }

    fn hand_on(&mut self) {
        self.delay_orders += usize::from(!self.effects.delays.is_empty());
        self.delays.extend(self.effects.delays.drain(..).map(|change| (change.alarm.clone(), change)));
        let transitions = std::mem::take(&mut self.effects.transitions);
        let drafts = std::mem::take(&mut self.effects.drafts);
        if !transitions.is_empty() || !drafts.is_empty() {
            self.waiting.push((transitions, drafts));
        }
        self.replies.extend(self.effects.replies.drain(..).map(|(_, reply)| reply));
        self.notices.append(&mut self.effects.notices);
        self.effects.clear();
    }

    /// The recorder takes its oldest order, and writes it or not.
    fn record_one(&mut self, works: bool) {
        if self.waiting.is_empty() {
            return;
        }
        let (transitions, drafts) = self.waiting.remove(0);
        self.journal.extend(transitions.into_iter().filter(|change| works || !change.is_requested));
        if drafts.is_empty() {
            return;
        }
        let event = if works {
            Event::Committed(commit(&mut self.store, &drafts).unwrap())
        } else {
            let requests = drafts.into_iter().map(|draft| draft.request).collect();
            Event::NotCommitted { requests, why: "disk full".to_owned() }
        };
        self.step(event);
    }

    fn record(&mut self) {
        while !self.waiting.is_empty() {
            self.record_one(true);
        }
    }

    fn sample(&mut self, tag: u32, value: Option<u64>) {
        self.samples(&[(tag, value)]);
    }

    /// What one answer of the device says.
    fn samples(&mut self, all: &[(u32, Option<u64>)]) {
        let reading = |(tag, value): &(u32, Option<u64>)| Reading {
            tag: TagId(*tag),
            value: value.map(Value::Unsigned),
            quality: if value.is_some() { Quality::GOOD } else { Quality::bad(Reason::BadPayload) },
        };
        self.step(Event::Driver(DriverEvent::Batch(Batch {
            generation: self.engine.generation(),
            device: DeviceId(0),
            time: self.now.utc,
            readings: all.iter().map(reading).collect(),
            confirmed: Arc::from([]),
        })));
    }

    fn ask(&mut self, body: RequestBody) {
        let name = format!("r{}", self.numbers + 1);
        self.ask_as(&name, body);
    }

    fn ask_as(&mut self, name: &str, body: RequestBody) {
        self.numbers += 1;
        let id = RequestId::from(name);
        let expires = self.now.utc.plus(MINUTE);
        let request = Request { version: PROTOCOL_VERSION, id, principal: Principal::person("anna"), expires, body };
        self.step(Event::Request(request, ReplyId(self.numbers)));
    }

    fn shelve(&mut self, key: &str, seconds: u64) {
        let alarms = vec![AlarmName::Key(AlarmKey::from(key))];
        self.ask(RequestBody::Shelve { alarms, length_seconds: Some(seconds), one_shot: false, reason: "why".into() });
    }

    fn pass(&mut self, time: Duration) {
        self.now = self.now.plus(time);
        self.step(Event::Tick);
        self.record();
    }

    fn state(&self, slot: usize) -> State {
        self.engine.alarms.alarms[slot].state()
    }

    /// What the records hold: the last line of each alarm.
    fn kept(&self) -> HashMap<AlarmKey, Persisted> {
        let lines = self.journal.iter().map(|change| (change.alarm.clone(), change.kept.clone()));
        let last: HashMap<_, _> = lines.collect();
        last.into_iter().filter_map(|(key, kept)| Some((key, *kept?))).collect()
    }

    fn restored(&self) -> Restored {
        let mut alarms: HashMap<AlarmKey, Persisted> = self.kept();
        for (key, change) in self.delays.iter().filter(|(_, change)| change.delay.is_some()) {
            alarms.entry(key.clone()).or_default().delay = change.delay;
        }
        // What is skipped when it is written is not there when it is read.
        let read = |kept: Persisted| {
            let read: Persisted = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
            Persisted { delay: kept.delay, ..read }
        };
        let alarms = alarms.into_iter().map(|(key, kept)| (key, read(kept), None)).collect();
        let last_occurrence = self.journal.iter().map(|change| change.occurrence.0).max().unwrap_or(0);
        Restored { alarms, last_occurrence, ..Restored::default() }
    }

    /// Lines about alarms of the plant.
    fn lines(&self) -> impl Iterator<Item = &Transition> {
        self.journal.iter().filter(|change| !change.alarm.as_str().starts_with("station/"))
    }

    fn occasions(&self) -> Vec<&'static str> {
        self.lines().map(|change| change.occasion.word()).collect()
    }

    fn acknowledge(&mut self, occurrence: u64) {
        let occurrences = vec![OccurrenceId(occurrence)];
        self.ask(RequestBody::Acknowledge { occurrences, comment: "".into() });
    }

    /// Goes on with another station file.
    fn reload(&mut self, plan: &Arc<Plan>) {
        let generation = Generation(self.engine.generation().0 + 1);
        let plan = Arc::new(Plan { generation, ..(**plan).clone() });
        self.step(Event::Reload { plan, who: Principal::person("anna"), settings: Vec::new() });
    }
}

fn at(utc_seconds: i64, monotonic_seconds: u64) -> Now {
    Now {
        utc: Timestamp::from_micros(utc_seconds * 1_000_000),
        monotonic: Monotonic::from_micros(monotonic_seconds * 1_000_000),
    }
}

/// Puts the wall clock forward or back.
fn jump(now: Now, seconds: i64) -> Now {
    Now { utc: Timestamp::from_micros(now.utc.as_micros() + seconds * 1_000_000), ..now }
}

#[test]
fn a_clock_that_jumps_neither_ends_a_shelf_nor_keeps_it() {
    for seconds in [-86_400, -7200, 7200, 86_400, 40_000_000] {
        let mut bench = Bench::start(&[r#"{"high":10,"priority":"medium"}"#]);
        bench.sample(0, Some(20));
        bench.shelve("t0:high", 3600);
        bench.record();
        bench.pass(10 * MINUTE);
        bench.now = jump(bench.now, seconds);
        bench.pass(Duration::ZERO);
        assert_eq!(bench.state(0), State::Shelved, "{seconds}");
        let board = bench.engine.snapshot(bench.now).alarms;
        let until = board.set_aside[0].aside.as_ref().unwrap().until();
        assert_eq!(until, Some(bench.now.utc.plus(50 * MINUTE)), "what is shown follows the clock: {seconds}");
        assert_eq!(bench.kept()[&AlarmKey::from("t0:high")].aside.as_ref().unwrap().until(), until, "{seconds}");
        bench.pass(50 * MINUTE - Duration::from_secs(1));
        assert_eq!(bench.state(0), State::Shelved, "{seconds}");
        bench.pass(Duration::from_secs(1));
        assert_eq!(bench.state(0), State::Unacknowledged, "{seconds}");
        assert_eq!(bench.occasions(), ["condition-active", "shelved", "clock-changed", "shelf-ended"], "{seconds}");
        assert!(
            matches!(&bench.notices.last(), Some(Notice::SetAsideEnded { words, .. }) if words.contains("anna: why"))
        );
        assert_eq!(bench.lines().nth(3).unwrap().actor, Some(Principal::station()));
    }
}

#[test]
fn a_shelf_goes_on_over_a_restart_and_never_for_longer_than_was_asked() {
    // Seconds that the wall clock went on while the station was off, seconds that remain.
    for (off, left) in [(600, 3000), (0, 3600), (3600, 0), (50_000, 0), (-50_000, 3600), (-600, 3600)] {
        let mut bench = Bench::start(&[r#"{"high":10}"#]);
        bench.sample(0, Some(20));
        bench.shelve("t0:high", 3600);
        bench.record();
        let later = Now { monotonic: Monotonic::from_micros(5), ..jump(bench.now, off) };
        let mut again = Bench::new(bench.engine.plan(), bench.restored(), later);
        assert_eq!(again.state(0), State::Shelved, "{off}: before the first event nothing is over");
        assert!(again.engine.next_deadline().is_some(), "{off}: nobody has to wait for the first sample");
        again.step(Event::Tick);
        if left > 0 {
            assert_eq!(again.state(0), State::Shelved, "{off}");
            let until = again.engine.snapshot(later).alarms.set_aside[0].aside.as_ref().unwrap().until();
            assert_eq!(until, Some(later.utc.plus(Duration::from_secs(left))), "{off}");
            again.pass(Duration::from_secs(left - 1));
            assert_eq!(again.state(0), State::Shelved, "{off}");
            again.pass(Duration::from_secs(1));
        }
        assert_eq!(again.state(0), State::Unacknowledged, "{off}: the condition held when it was last known");
        let occurrence = again.engine.alarms.alarms[0].occurrence();
        assert_eq!(occurrence, Some(OccurrenceId(1)), "{off}");
    }
}

#[test]
fn what_is_out_of_service_comes_back_on_its_date() {
    let mut bench = Bench::start(&[r#"{"high":10}"#]);
    let (alarms, until) = (vec![AlarmName::Key(AlarmKey::from("t0:high"))], Some(bench.now.utc.plus(HOUR)));
    let body = |until| RequestBody::OutOfService { alarms: alarms.clone(), until, reason: "valve is replaced".into() };
    bench.ask(body(Some(bench.now.utc)));
    assert!(matches!(bench.replies.pop(), Some(Reply::Refused { why }) if why.contains("is over")));
    bench.ask(body(until));
    bench.record();
    bench.sample(0, Some(20));
    bench.pass(59 * MINUTE);
    assert_eq!(bench.state(0), State::OutOfService);
    bench.pass(MINUTE);
    assert_eq!(bench.state(0), State::Unacknowledged);
    let raised = bench.engine.alarms.alarms[0].raised();
    assert_eq!(raised, at(1_000_000, 0).utc, "it is active since its condition came, not since it was shown");
}

#[test]
fn a_delay_goes_on_after_a_restart_and_a_chattering_input_costs_one_commit_a_second() {
    let mut bench = Bench::start(&[r#"{"high":10,"on_delay":"10s"}"#]);
    for _ in 0..100 {
        bench.now = bench.now.plus(Duration::from_millis(50));
        bench.sample(0, Some(20));
        bench.now = bench.now.plus(Duration::from_millis(50));
        bench.sample(0, Some(0));
    }
    assert!(bench.delay_orders <= 11, "{} in ten seconds", bench.delay_orders);
    bench.sample(0, Some(20));
    let began = bench.now;
    bench.pass(Duration::from_secs(1));
    let kept = bench.delays[&AlarmKey::from("t0:high")].delay.unwrap();
    assert_eq!((kept.since, kept.towards_active), (began.utc, true), "at most a second late");
    // Off for three seconds; then the input still says so, or not.
    for (value, state) in [(Some(20), State::Unacknowledged), (Some(0), State::Normal), (None, State::Normal)] {
        let later = Now { monotonic: Monotonic::from_micros(9), ..jump(bench.now, 3) };
        let mut again = Bench::new(bench.engine.plan(), bench.restored(), later);
        again.sample(0, value);
        again.pass(Duration::from_millis(5900));
        assert_eq!(again.state(0), State::Normal, "{value:?}");
        again.pass(Duration::from_millis(200));
        assert_eq!(again.state(0), state, "{value:?}");
        if value.is_some() {
            again.pass(Duration::from_secs(2));
            assert_eq!(again.delays[&AlarmKey::from("t0:high")].delay, None, "{value:?}: it is over");
        } else {
            again.sample(0, Some(20));
            assert_eq!(again.state(0), State::Unacknowledged, "the first good sample decides");
        }
    }
}

#[test]
fn a_reload_and_a_stop_tell_the_records_of_delays() {
    let key = AlarmKey::from("t0:high");
    let (slow, none) = (r#"{"high":10,"on_delay":"10s"}"#, r#"{"low":-10}"#);
    let reload = |alarm: &str| {
        let plan = Arc::new(Plan { generation: Generation(2), ..(*plan(&[alarm])).clone() });
        Event::Reload { plan, who: Principal::person("anna"), settings: Vec::new() }
    };
    for (alarm, goes_on) in [(slow, true), (none, false)] {
        let mut bench = Bench::start(&[slow]);
        bench.sample(0, Some(20));
        bench.pass(Duration::from_secs(2));
        bench.step(reload(alarm));
        bench.pass(Duration::from_secs(1));
        let since = goes_on.then(|| at(1_000_000, 0).utc);
        assert_eq!(bench.delays[&key].delay.map(|delay| delay.since), since, "{alarm}");
    }
    let mut bench = Bench::start(&[slow]);
    bench.sample(0, Some(20));
    assert!(bench.delays.is_empty(), "it is not due");
    bench.step(Event::Stop);
    assert!(bench.delays[&key].delay.is_some(), "nothing waits when the station stops");
}

#[test]
fn the_first_of_a_group_stays_marked_over_a_restart() {
    let mut bench = Bench::start(&[r#"{"high":10,"group":"trip"}"#, r#"{"high":10,"group":"trip"}"#]);
    bench.sample(1, Some(20));
    bench.sample(0, Some(20));
    bench.record();
    let mut again = Bench::new(bench.engine.plan(), bench.restored(), bench.now);
    again.step(Event::Tick);
    let marked = |bench: &mut Bench| -> Vec<String> {
        let board = bench.engine.snapshot(bench.now).alarms;
        board.views.iter().filter(|view| view.is_first_out).map(|view| view.key.to_string()).collect()
    };
    assert_eq!((marked(&mut bench), marked(&mut again)), (vec!["t1:high".to_owned()], vec!["t1:high".to_owned()]));
}

struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

const ALARMS: [&str; 4] = [
    r#"{"high":10,"group":"a"}"#,
    r#"{"high":10,"group":"a","latch":true}"#,
    r#"{"high":10,"on_delay":"2s","off_delay":"1s","group":"a"}"#,
    r#"{"high":10,"latch":true,"off_delay":"2s"}"#,
];

fn random_request(dice: &mut Dice, occurrences: u64) -> RequestBody {
    let key = AlarmName::Key(AlarmKey::from(format!("t{}:high", dice.throw(4)).as_str()));
    let other = AlarmName::Occurrence(OccurrenceId(occurrences.saturating_sub(dice.throw(4))));
    let (alarms, comment): (_, Arc<str>) = (vec![key, other.clone()], "".into());
    let reason: Arc<str> = "why".into();
    match dice.throw(7) {
        6 => RequestBody::Comment { alarms, comment: reason },
        0 | 1 => {
            let AlarmName::Occurrence(occurrence) = other else { unreachable!() };
            let all = (0..4).map(|less| OccurrenceId(occurrence.0.saturating_sub(less))).collect();
            RequestBody::Acknowledge { occurrences: all, comment }
        }
        2 => RequestBody::Reset { alarms, comment },
        3 => {
            let (length_seconds, one_shot) = (Some(1 + dice.throw(9)), dice.throw(2) == 0);
            RequestBody::Shelve { alarms, length_seconds, one_shot, reason }
        }
        4 => RequestBody::Unshelve { alarms, comment },
        _ if dice.throw(2) == 0 => RequestBody::OutOfService { alarms, until: None, reason },
        _ => RequestBody::ReturnToService { alarms, comment },
    }
}

/// However late the recorder is, and whatever it cannot write: in the end the records say what is.
#[test]
fn the_records_say_what_is_however_late_they_are_written() {
    let plan = plan(&ALARMS);
    for seed in 0..1500 {
        let mut dice = Dice(seed * 7919 + 1);
        let mut bench = Bench::new(&plan, Restored::default(), at(1_000_000, 0));
        for _ in 0..60 {
            bench.now = bench.now.plus(Duration::from_millis(dice.throw(1500)));
            match dice.throw(10) {
                0..=3 => {
                    let value = [Some(20), Some(0), None][dice.throw(5) as usize % 3];
                    bench.sample(dice.throw(4) as u32, value);
                }
                4..=6 => {
                    let body = random_request(&mut dice, bench.engine.last_occurrence().0);
                    bench.ask(body);
                }
                7 => bench.step(Event::Tick),
                _ => bench.record_one(dice.throw(5) > 0),
            }
        }
        bench.record();
        let kept = bench.kept();
        for (slot, definition) in plan.alarms.iter().enumerate() {
            let desk = &bench.engine.alarms;
            let is = desk.kept(&desk.alarms[slot], slot);
            assert_eq!(kept.get(&definition.key), is.as_ref(), "seed {seed}: {}", definition.key);
        }
        assert!(bench.engine.alarms.pending.is_empty());
        no_number_was_used_twice(&bench.journal, seed);
        // And a restart shows the same.
        let mut again = Bench::new(&plan, bench.restored(), bench.now);
        let before = bench.engine.snapshot(bench.now).alarms;
        let after = again.engine.snapshot(bench.now).alarms;
        let told = |board: &AlarmBoard| -> Vec<_> {
            let all = board.views.iter().chain(&board.set_aside);
            all.map(|view| (view.key.clone(), view.state, view.occurrence, view.raised, view.changed)).collect()
        };
        assert_eq!(told(&before), told(&after), "seed {seed}");
    }
}

fn no_number_was_used_twice(journal: &[Transition], seed: u64) {
    let mut owners: HashMap<OccurrenceId, AlarmKey> = HashMap::new();
    for change in journal.iter().filter(|change| change.occurrence.0 > 0) {
        let owner = owners.entry(change.occurrence).or_insert_with(|| change.alarm.clone());
        assert_eq!(*owner, change.alarm, "seed {seed}: occurrence {} of two alarms", change.occurrence);
    }
}

/// Whatever its state, before, after and while something else is done to it.
#[test]
fn what_is_said_about_an_alarm_stands_in_the_journal_and_changes_nothing() {
    let mut bench = Bench::start(&[r#"{"high":10}"#, r#"{"high":10}"#]);
    bench.sample(0, Some(20));
    bench.record();
    let alarms = vec![AlarmName::Occurrence(OccurrenceId(1)), AlarmName::Key("t1:high".into())];
    bench.ask(RequestBody::Comment { alarms, comment: " cable is ordered ".into() });
    assert!(bench.replies.is_empty(), "it is not recorded yet");
    // It is acknowledged, and returns, before the record is durable.
    bench.ask(RequestBody::Acknowledge { occurrences: vec![OccurrenceId(1)], comment: "".into() });
    bench.sample(0, Some(0));
    bench.record();
    assert!(
        matches!(&bench.replies[0], Reply::AlarmsDone { count: 2, refused } if refused.is_empty()),
        "{:?}",
        bench.replies
    );
    let said: Vec<_> = bench.journal.iter().filter(|line| line.occasion == Occasion::Commented).collect();
    assert_eq!(said.len(), 2);
    for line in said {
        assert_eq!((&*line.comment, line.from), ("cable is ordered", line.to));
        assert_eq!(line.actor, Some(Principal::person("anna")));
    }
    assert_eq!((bench.state(0), bench.state(1)), (State::Normal, State::Normal));
    bench.replies.clear();
    for (alarm, comment, why) in [("t0:high", "  ", "write what"), ("none:high", "?", "no such alarm")] {
        let alarms = vec![AlarmName::Key(AlarmKey::from(alarm))];
        bench.ask(RequestBody::Comment { alarms, comment: comment.into() });
        assert!(matches!(bench.replies.last(), Some(Reply::Refused { why: told }) if told.contains(why)), "{alarm}");
    }
}

/// A station with the tags `t` and `u` and these alarms of `t`; the tag `before` moves their slots.
fn found(before: &str, words: &str, alarms: &str) -> Arc<Plan> {
    let text = format!(
        r#"{{"connections":[{{"name":"a","modbus":{{"tcp":"127.0.0.1"}}}}],
            "devices":[{{"name":"d","connection":"a","identify":false}}],
            "tags":[{before}{{"name":"u","device":"d","register":"input:1"}},
                {{"name":"t","device":"d","register":"input:2","description":"{words}","alarms":[{alarms}]}}]}}"#
    );
    plan_of(&text)
}

const MORE: &str = r#"{"name":"more","device":"d","register":"input:9"},"#;

/// The seconds until the alarm of `t` is raised, while the values stay as they are and the station goes on with one plan after the other
/// every four seconds; none where it is not within two minutes.
fn raised_after(plans: [&Arc<Plan>; 2]) -> Option<u64> {
    let mut bench = Bench::new(plans[0], Restored::default(), at(1_000_000, 0));
    let slot = |bench: &Bench, name: &str| bench.engine.plan().directory.find(name).unwrap().0;
    // The tag moves once, so that what waits for a change has seen one.
    for value in [4, 5] {
        bench.samples(&[(slot(&bench, "t"), Some(value)), (slot(&bench, "u"), Some(0))]);
    }
    for second in 0..120 {
        let board = bench.engine.snapshot(bench.now).alarms;
        if board.views.iter().any(|view| view.key.as_str().starts_with("t:")) {
            return Some(second);
        }
        if second % 4 == 3 {
            bench.reload(plans[(second as usize / 4 + 1) % 2]);
        }
        bench.samples(&[(slot(&bench, "t"), Some(5)), (slot(&bench, "u"), Some(0))]);
        bench.pass(Duration::from_secs(1));
    }
    None
}

/// A station takes up what it found by itself: however often it does, every alarm that this leaves alone is raised in its time.
#[test]
fn delays_and_what_conditions_remember_go_on_over_reloads() {
    for (alarm, seconds) in [
        (r#"{"high":3,"on_delay":"30s"}"#, 30),
        (r#"{"no_change":"30s"}"#, 30),
        (r#"{"discrepancy":"u","within":"30s","tolerance":1}"#, 30),
        (r#"{"when":"{t} > {u}","name":"more","on_delay":"30s"}"#, 30),
    ] {
        let plain = found("", "as it was", alarm);
        let moved = found(MORE, "in other words", alarm);
        assert_eq!(raised_after([&plain, &plain]), Some(seconds), "{alarm}");
        assert_eq!(raised_after([&plain, &moved]), Some(seconds), "{alarm}: slots and words are others");
    }
}

#[test]
fn a_delay_begins_anew_where_the_alarm_or_its_tag_is_another() {
    let alarm = r#"{"high":3,"on_delay":"30s"}"#;
    let plan = found("", "", alarm);
    for other in [r#"{"high":4,"on_delay":"30s"}"#, r#"{"high":3,"on_delay":"31s"}"#] {
        assert_eq!(raised_after([&plan, &found("", "", other)]), None, "{other}");
    }
    let elsewhere = found("", "", alarm).as_ref().clone();
    let mut tags = elsewhere.directory.tags().to_vec();
    tags.iter_mut().filter(|tag| tag.key.as_str() == "t").for_each(|tag| tag.address = "input:7".into());
    let (devices, wires) = (elsewhere.directory.devices().to_vec(), elsewhere.directory.connections().to_vec());
    let directory = Arc::new(crate::tag::Directory::new(tags, devices, wires));
    assert_eq!(raised_after([&plan, &Arc::new(Plan { directory, ..elsewhere })]), None, "it is read elsewhere");
}

/// What moved by this much within the last minute did so, whether the station was reloaded in it or not.
#[test]
fn a_window_goes_on_over_a_reload() {
    let alarm = r#"{"rate":10,"per":"1m"}"#;
    let mut bench = Bench::new(&found("", "", alarm), Restored::default(), at(1_000_000, 0));
    bench.samples(&[(1, Some(0))]);
    bench.pass(Duration::from_secs(20));
    bench.samples(&[(1, Some(6))]);
    bench.reload(&found(MORE, "", alarm));
    bench.pass(Duration::from_secs(20));
    bench.samples(&[(2, Some(12))]);
    let board = bench.engine.snapshot(bench.now).alarms;
    assert!(board.views.iter().any(|view| view.key.as_str() == "t:rate"), "12 within 40 s");
}

/// The rule of the figures, live: more than ten in ten minutes, until fewer than five.
#[test]
fn a_flood_is_told_while_it_lasts_and_survives_a_reload() {
    let alarms = [r#"{"high":10}"#; 12];
    let mut bench = Bench::start(&alarms);
    for tag in 0..10 {
        bench.sample(tag, Some(20));
    }
    let flood = |bench: &mut Bench| bench.engine.snapshot(bench.now).alarms.flood.map(|flood| flood.activations);
    assert_eq!(flood(&mut bench), None, "ten are what an operator can take");
    bench.sample(10, Some(20));
    assert_eq!(flood(&mut bench), Some(11));
    let next = Arc::new(Plan { generation: Generation(2), ..(*plan(&alarms)).clone() });
    let (who, settings) = (Principal::person("anna"), Vec::new());
    bench.step(Event::Reload { plan: next, who, settings });
    assert_eq!(flood(&mut bench), Some(11), "the operator is the same one");
    bench.now = bench.now.plus(10 * MINUTE);
    bench.step(Event::Tick);
    assert!(bench.engine.has_changed(), "a new picture is made of it");
    assert_eq!(flood(&mut bench), None);
    assert_eq!(bench.engine.snapshot(bench.now).alarms.views.len(), 11, "and nothing was dropped");
}

mod design;
