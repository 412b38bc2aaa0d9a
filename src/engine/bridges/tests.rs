use crate::access::PrincipalKind;
use crate::audit::{MemoryStore, Sealed, commit};
use crate::automation::BridgeState;
use crate::command::WriteAnswer;
use crate::driver::{Batch, DeviceReport, DriverEvent, Link, Reading, Statistics, Written};
use crate::engine::{Effects, Engine, Event, PROTOCOL_VERSION, Plan, Reply, ReplyId, Request, RequestBody, Restored};
use crate::tag::{DeviceId, Generation, Now, Quality, Reason, Value};
use std::sync::Arc;
use std::time::Duration;

const STATION: &str = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],
    "devices":[{"name":"meter","connection":"a"},{"name":"plc","connection":"a","unit":2}],
    "tags":[{"name":"level","device":"meter","register":"input:0","type":"f32","stale_after":"30s"},
            {"name":"copy","device":"plc","register":"holding:0","type":"f32","command":{"max":100}}],
    "bridges":[{"name":"level to plc","from":"level","to":"copy","every":"10s","deadband":0.1,"audit":"each"}]}"#;

fn plan(station: &str, generation: u32) -> Arc<Plan> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("station.json"), station).unwrap();
    Arc::new(crate::config::load(folder.path(), Generation(generation)).into_plant().unwrap().plan)
}

struct Bench {
    engine: Engine,
    effects: Effects,
    store: MemoryStore,
    now: Now,
    /// Requests of commands that were sent to the device.
    sent: Vec<(crate::audit::RequestId, Value)>,
}

impl Bench {
    fn new(station: &str) -> Self {
        let engine = Engine::new(plan(station, 1), Restored::default());
        let (effects, store) = (Effects::default(), MemoryStore::default());
        Self { engine, effects, store, now: Now::default(), sent: Vec::new() }
    }

    /// Takes an event at this second, with all that follows; the records work.
    fn step(&mut self, seconds: f64, event: Event) {
        self.now = Now::default().plus(Duration::from_secs_f64(seconds));
        let mut event = Some(event);
        while let Some(one) = event.take() {
            self.engine.step(one, self.now, &mut self.effects);
            let dispatches = self.effects.dispatches.drain(..);
            self.sent.extend(dispatches.map(|(_, dispatch)| (dispatch.id().clone(), dispatch.value().clone())));
            let drafts = std::mem::take(&mut self.effects.drafts);
            if !drafts.is_empty() {
                event = Some(Event::Committed(commit(&mut self.store, &drafts).unwrap()));
            }
        }
    }

    fn device(&mut self, seconds: f64, device: u32, link: Link) {
        let (generation, condition) = (self.engine.generation(), Default::default());
        let device = DeviceId(device);
        let report = DeviceReport { generation, device, link, condition, statistics: Statistics::default() };
        self.step(seconds, Event::Driver(DriverEvent::Device(report)));
    }

    fn sample(&mut self, seconds: f64, key: &str, value: f64, quality: Quality) {
        let (generation, confirmed) = (self.engine.generation(), Arc::from([]));
        let tag = self.engine.plan().directory.find(key).unwrap();
        let device = self.engine.plan().directory.tag(tag).unwrap().device.unwrap();
        let time = Now::default().plus(Duration::from_secs_f64(seconds)).utc;
        let readings = vec![Reading { tag, value: Some(Value::Double(value)), quality }];
        self.step(seconds, Event::Driver(DriverEvent::Batch(Batch { generation, device, time, readings, confirmed })));
    }

    fn tick(&mut self, seconds: f64) {
        self.step(seconds, Event::Tick);
    }

    /// The device takes the last command, and reads it back.
    fn obey(&mut self, seconds: f64) {
        let (request, value) = self.sent.last().cloned().unwrap();
        self.step(seconds, Event::Driver(DriverEvent::Written(Written { request, answer: WriteAnswer::Accepted })));
        self.sample(seconds, "copy", value.as_f64().unwrap(), Quality::GOOD);
    }

    fn fail(&mut self, seconds: f64) {
        let (request, _) = self.sent.last().cloned().unwrap();
        let answer = WriteAnswer::Failed("the device said no".into());
        self.step(seconds, Event::Driver(DriverEvent::Written(Written { request, answer })));
    }

    fn ask(&mut self, seconds: f64, on: bool, reason: &str) -> Reply {
        let (version, id) = (PROTOCOL_VERSION, format!("r{seconds}").as_str().into());
        let expires = Now::default().plus(Duration::from_secs(1_000_000)).utc;
        let body = RequestBody::Bridge { name: "level to plc".into(), on, reason: reason.into() };
        let principal = crate::access::Principal::person("anna");
        let request = Request { version, id, principal, expires, body };
        self.step(seconds, Event::Request(request, ReplyId(7)));
        self.effects.replies.pop().unwrap().1
    }

    /// What was sent so far, how the bridge is doing, and the number in its tag.
    fn told(&mut self) -> (Vec<f64>, BridgeState, String) {
        let snapshot = self.engine.snapshot(self.now);
        let view = snapshot.bridges[0].clone();
        let tag = self.engine.plan().directory.find("station/bridge/level to plc").unwrap();
        assert_eq!(snapshot.value(tag).and_then(|value| value.as_f64()), Some(f64::from(view.state as u8)), "the tag");
        let sent = self.sent.iter().filter_map(|(_, value)| value.as_f64()).collect();
        (sent, view.state, view.detail.to_string())
    }

    fn alarms(&mut self) -> Vec<String> {
        let board = self.engine.snapshot(self.now).alarms;
        board.views.iter().map(|view| view.key.to_string()).collect()
    }

    fn entries(&self) -> Vec<crate::audit::Entry> {
        self.store.entries().iter().map(|sealed: &Sealed| sealed.entry().unwrap()).collect()
    }
}

/// Both devices answer, and the target says 1.
fn ready() -> Bench {
    let mut bench = Bench::new(STATION);
    bench.device(0.0, 0, Link::Good);
    bench.device(0.0, 1, Link::Good);
    bench.sample(0.0, "copy", 1.0, Quality::GOOD);
    bench
}

#[test]
fn a_copy_goes_the_whole_command_path_in_the_name_of_its_bridge() {
    let mut bench = ready();
    assert_eq!(bench.told(), (vec![], BridgeState::Holding, "level: waiting for the first value".into()));
    bench.sample(1.0, "level", 2.0, Quality::GOOD);
    assert_eq!(bench.told().0, [2.0]);
    bench.obey(1.5);
    let entries = bench.entries();
    let actions: Vec<&str> = entries.iter().map(|entry| &*entry.action).collect();
    assert_eq!(actions, ["command", "outcome"]);
    for entry in &entries {
        assert_eq!((entry.principal.kind, &*entry.principal.name), (PrincipalKind::Rule, "bridge level to plc"));
        assert_eq!(&*entry.subject, "copy");
    }
    assert!(entries[0].detail.contains(r#""confirmed":"rule""#) && entries[1].detail.contains("verified"));
    // The newest of those that came too soon goes when it is time, and no other.
    bench.sample(2.0, "level", 3.0, Quality::GOOD);
    bench.sample(3.0, "level", 4.0, Quality::GOOD);
    bench.tick(10.9);
    assert_eq!(bench.told().0, [2.0]);
    bench.tick(11.0);
    assert_eq!(bench.told().0, [2.0, 4.0]);
    bench.obey(12.0);
    bench.sample(30.0, "level", 4.1, Quality::GOOD);
    assert_eq!(bench.told(), (vec![2.0, 4.0], BridgeState::Copying, String::new()), "within the deadband");
    assert_eq!(
        bench.engine.snapshot(bench.now).commands.len(),
        1,
        "ended copies do not push what people did out of sight"
    );
}

#[test]
fn what_the_target_says_already_is_not_sent_at_a_start() {
    let mut bench = ready();
    bench.sample(1.0, "level", 1.0, Quality::GOOD);
    assert_eq!(bench.told(), (vec![], BridgeState::Copying, String::new()));
}

#[test]
fn nothing_that_is_not_good_is_copied() {
    let mut bench = ready();
    bench.sample(1.0, "level", 5.0, Quality::uncertain(Reason::Retained));
    assert_eq!(bench.told(), (vec![], BridgeState::Holding, "level: kept by the broker, age unknown".into()));
    bench.sample(2.0, "level", 6.0, Quality::bad(Reason::BadPayload));
    bench.sample(3.0, "level", 7.0, Quality::GOOD);
    bench.obey(3.5);
    bench.sample(4.0, "level", 8.0, Quality::GOOD);
    // Before it was its turn, the value became stale: it never goes.
    bench.device(5.0, 0, Link::Lost { reason: Reason::NoAnswer, detail: "".into(), next_try: None });
    bench.tick(60.0);
    assert_eq!(bench.told(), (vec![7.0], BridgeState::Holding, "level: no answer".into()));
    let mut bench = ready();
    bench.sample(1.0, "level", 7.0, Quality::GOOD);
    bench.obey(1.5);
    bench.sample(2.0, "level", 8.0, Quality::GOOD);
    bench.tick(11.0);
    bench.obey(11.5);
    bench.tick(40.0);
    assert_eq!(bench.told().1, BridgeState::Holding, "stale");
}

#[test]
fn what_stands_in_for_a_bad_value_is_set_once() {
    let mut bench = ready();
    let station = STATION.replace(r#""deadband":0.1"#, r#""deadband":0.1,"on_bad":{"value":0}"#);
    bench.engine = Engine::new(plan(&station, 1), Restored::default());
    bench.device(0.0, 0, Link::Good);
    bench.device(0.0, 1, Link::Good);
    bench.tick(5.0);
    assert!(bench.told().0.is_empty(), "a source that is only not read yet is not bad");
    bench.sample(6.0, "level", 7.0, Quality::GOOD);
    bench.obey(7.0);
    bench.sample(25.0, "level", 7.0, Quality::bad(Reason::NoAnswer));
    bench.obey(26.0);
    bench.tick(100.0);
    let detail = "level: stale; set to 0 meanwhile".to_owned();
    assert_eq!(bench.told(), (vec![7.0, 0.0], BridgeState::Holding, detail));
}

#[test]
fn nothing_is_asked_of_a_device_that_is_away() {
    let mut bench = ready();
    bench.device(0.5, 1, Link::Lost { reason: Reason::NoAnswer, detail: "".into(), next_try: None });
    bench.sample(1.0, "level", 2.0, Quality::GOOD);
    bench.tick(5.0);
    assert_eq!(bench.told(), (vec![], BridgeState::Waiting, "plc: no answer".into()));
    assert!(bench.entries().is_empty(), "no refusal is written again and again");
    bench.device(6.0, 1, Link::Good);
    bench.tick(7.1);
    assert_eq!((bench.told().0, bench.told().1), (vec![2.0], BridgeState::Copying));
}

#[test]
fn failures_raise_an_alarm_and_come_seldom() {
    let mut bench = ready();
    bench.sample(1.0, "level", 2.0, Quality::GOOD);
    let mut seconds = 1.0;
    for _ in 0..3 {
        let count = bench.sent.len();
        bench.fail(seconds + 0.5);
        while bench.sent.len() == count && bench.told().1 != BridgeState::Failing {
            seconds += 1.0;
            bench.sample(seconds, "level", 2.0, Quality::GOOD);
        }
    }
    let (sent, state, detail) = bench.told();
    assert_eq!((sent.len(), state), (3, BridgeState::Failing));
    assert!(detail.contains("3 times in a row") && detail.contains("the device said no"), "{detail}");
    assert_eq!(bench.alarms(), ["station/bridge/level to plc:high"]);
    while bench.sent.len() == 3 {
        seconds += 1.0;
        bench.sample(seconds, "level", 2.0, Quality::GOOD);
        assert!(seconds < 1000.0);
    }
    bench.obey(seconds);
    assert_eq!(bench.told().1, BridgeState::Copying);
}

#[test]
fn a_bridge_that_goes_back_and_forth_stops_and_a_person_starts_it_again() {
    let mut bench = ready();
    let station = STATION.replace(r#""every":"10s""#, r#""every":"1s""#);
    bench.engine = Engine::new(plan(&station, 1), Restored::default());
    bench.device(0.0, 0, Link::Good);
    bench.device(0.0, 1, Link::Good);
    for second in 1..60 {
        let count = bench.sent.len();
        bench.sample(f64::from(second), "level", f64::from(second % 2), Quality::GOOD);
        if bench.sent.len() > count {
            bench.obey(f64::from(second) + 0.5);
        }
    }
    let (sent, state, detail) = bench.told();
    assert_eq!((sent.len(), state), (21, BridgeState::Tripped));
    assert!(detail.contains("back and forth"), "{detail}");
    assert_eq!(bench.alarms(), ["station/bridge/level to plc:high"]);
    let last = bench.entries().pop().unwrap();
    assert_eq!((&*last.action, last.principal.kind), ("bridge-stop", PrincipalKind::Rule));
    assert_eq!(bench.ask(61.0, true, ""), Reply::Done);
    bench.sample(62.0, "level", 9.0, Quality::GOOD);
    assert_eq!((bench.told().0.len(), bench.told().1), (22, BridgeState::Copying));
}

#[test]
fn a_person_stops_a_bridge_and_that_outlives_a_reload_and_a_restart() {
    let mut bench = ready();
    assert!(matches!(bench.ask(1.0, true, ""), Reply::Refused { why } if why.contains("not stopped already")));
    assert!(matches!(bench.ask(2.0, false, " "), Reply::Refused { why } if why == "say why it is stopped"));
    assert_eq!(bench.ask(3.0, false, "the plc is tested"), Reply::Done);
    bench.sample(4.0, "level", 2.0, Quality::GOOD);
    assert_eq!(bench.told(), (vec![], BridgeState::Stopped, "anna: the plc is tested".into()));
    assert!(bench.alarms().is_empty(), "a person knows");
    let event =
        Event::Reload { plan: plan(STATION, 2), who: crate::access::Principal::person("anna"), settings: Vec::new() };
    bench.step(5.0, event);
    bench.sample(6.0, "level", 3.0, Quality::GOOD);
    assert_eq!(bench.told().1, BridgeState::Stopped);
    assert_eq!(bench.ask(7.0, true, ""), Reply::Done);
    assert_eq!(bench.told().0, [3.0]);
}

/// Nobody knows whether a command that a reload ended arrived: it goes anew after the pause of a failure, so that many reloads make no flood.
#[test]
fn a_reload_in_the_middle_of_a_copy_makes_it_anew() {
    let mut bench = ready();
    bench.sample(1.0, "level", 2.0, Quality::GOOD);
    let event =
        Event::Reload { plan: plan(STATION, 2), who: crate::access::Principal::person("anna"), settings: Vec::new() };
    bench.step(2.0, event);
    assert_eq!(bench.told().1, BridgeState::Copying);
    assert!(bench.told().2.contains("the station file was reloaded"), "{}", bench.told().2);
    bench.tick(11.0);
    assert_eq!(bench.told().0, [2.0], "it waits");
    bench.tick(23.0);
    assert_eq!(bench.told().0, [2.0, 2.0]);
}

/// Its target says nothing by which the bridge could see that there is nothing to do.
#[test]
fn a_reload_repeats_no_copy_to_a_silent_target() {
    let silent = |max: &str, extra: &str| {
        let text =
            STATION.replace(r#""command":{"max":100}"#, &format!(r#""write_only":true,"command":{{"max":{max}}}"#));
        text.replace(r#""tags":["#, &format!(r#""tags":[{extra}"#))
    };
    let mut bench = Bench::new(&silent("100", ""));
    bench.device(0.0, 0, Link::Good);
    bench.device(0.0, 1, Link::Good);
    bench.sample(1.0, "level", 2.0, Quality::GOOD);
    let (request, _) = bench.sent.last().cloned().unwrap();
    bench.step(1.5, Event::Driver(DriverEvent::Written(Written { request, answer: WriteAnswer::Accepted })));
    let more = r#"{"name":"more","device":"meter","register":"input:8"},"#;
    for (generation, station) in [(2, silent("100", more)), (3, silent("100", ""))] {
        let plan = plan(&station, generation);
        let event = Event::Reload { plan, who: crate::access::Principal::station(), settings: Vec::new() };
        bench.step(f64::from(generation) * 20.0, event);
        bench.tick(f64::from(generation) * 20.0 + 15.0);
        assert_eq!(bench.told().0, [2.0], "after reload {generation}");
    }
    let plan = plan(&silent("90", ""), 4);
    bench.step(90.0, Event::Reload { plan, who: crate::access::Principal::station(), settings: Vec::new() });
    bench.tick(110.0);
    assert_eq!(bench.told().0, [2.0, 2.0], "its command is another");
}

#[test]
fn nothing_is_copied_while_the_station_stops() {
    let mut bench = ready();
    bench.sample(1.0, "level", 2.0, Quality::GOOD);
    bench.obey(1.5);
    bench.sample(2.0, "level", 3.0, Quality::GOOD);
    bench.step(20.0, Event::Stop);
    assert_eq!(bench.told().0, [2.0]);
}
