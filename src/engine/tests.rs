//! Event scripts: `tests/scripts/*.script` are replayed twice, and give the same effects both times, which are those that they expect.
//!
//! A script begins with a station file, ended by a line `---`. Then each line is an event at a time in seconds, and below it, behind `>`,
//! every effect that it has. Lines that begin with `#` are remarks.

use super::*;
use crate::access::Principal;

use crate::audit::{MemoryStore, RequestId, commit};
use crate::command::{Confirmation, WriteAnswer};
use crate::config;
use crate::driver::{Heartbeat, Statistics, Written};
use crate::tag::{DeviceId, Reason, TagKey};
use std::path::Path;
use std::time::Duration;

fn reload(plan: Plan) -> Event {
    Event::Reload { plan: Arc::new(plan), who: Principal::person("anna"), settings: Vec::new() }
}

struct Replay {
    engine: Engine,
    effects: Effects,
    store: MemoryStore,
    records_work: bool,
    now: Now,
}

fn plan(station: &str, generation: u32) -> Plan {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("station.json"), station).unwrap();
    config::load(folder.path(), Generation(generation)).into_plant().unwrap().plan
}

impl Replay {
    fn new(station: &str) -> Self {
        let plan = Arc::new(plan(station, 1));
        Self {
            engine: Engine::new(plan, Restored::default()),
            effects: Effects::default(),
            store: MemoryStore::default(),
            records_work: true,
            now: Now::default(),
        }
    }

    fn tag(&self, key: &str) -> TagId {
        self.engine.plan().directory.find(key).unwrap_or_else(|| panic!("no tag {key}"))
    }

    fn device(&self, name: &str) -> DeviceId {
        let devices = self.engine.plan().directory.devices();
        DeviceId(devices.iter().position(|device| &*device.name == name).unwrap_or_else(|| panic!("no device {name}"))
            as u32)
    }

    fn batch(&self, key: &str, value: Option<Value>, quality: Quality) -> Event {
        let reading = Reading { tag: self.tag(key), value, quality };
        let generation = self.engine.generation();
        Event::Driver(DriverEvent::Batch(Batch {
            generation,
            device: DeviceId(0),
            time: self.now.utc,
            readings: vec![reading],
            confirmed: Arc::from([]),
        }))
    }

    fn request(&self, id: &str, body: RequestBody) -> Event {
        let principal = Principal::person("anna");
        let expires = self.now.utc.plus(Duration::from_secs(10));
        Event::Request(
            Request { version: PROTOCOL_VERSION, id: RequestId::from(id), principal, expires, body },
            ReplyId(0),
        )
    }

    fn event(&mut self, words: &[&str]) -> Event {
        match words {
            ["sample", key, value] => {
                let value = serde_json::from_str(value).unwrap();
                self.batch(key, Some(value), Quality::GOOD)
            }
            ["not-a-number", key] => self.batch(key, Some(Value::Single(f32::NAN)), Quality::GOOD),
            ["infinite", key] => self.batch(key, Some(Value::Double(f64::INFINITY)), Quality::GOOD),
            ["bad", key] => self.batch(key, None, Quality::bad(Reason::BadPayload)),
            ["device", name, state] => {
                let link = match *state {
                    "good" => Link::Good,
                    "lost" => Link::Lost { reason: Reason::NoAnswer, detail: "".into(), next_try: None },
                    _ => Link::Starting,
                };
                let (generation, device) = (self.engine.generation(), self.device(name));
                Event::Driver(DriverEvent::Device(DeviceReport {
                    generation,
                    device,
                    link,
                    condition: Default::default(),
                    statistics: Statistics::default(),
                }))
            }
            ["set", id, key, value, rest @ ..] => {
                let value_seen = rest.first().map(|seen| serde_json::from_str(seen).unwrap());
                let (tag, value) = (TagKey::from(*key), serde_json::from_str(value).unwrap());
                let confirmation = Confirmation::Dialog;
                self.request(id, RequestBody::Command { tag, value, value_seen, reason: "test".into(), confirmation })
            }
            ["acknowledge", id, occurrences @ ..] => {
                let occurrences = occurrences.iter().map(|text| OccurrenceId(text.parse().unwrap())).collect();
                self.request(id, RequestBody::Acknowledge { occurrences, comment: "".into() })
            }
            ["written", id, answer] => {
                let answer = match *answer {
                    "accepted" => WriteAnswer::Accepted,
                    "failed" => WriteAnswer::Failed("the device said no".into()),
                    _ => WriteAnswer::Unknown("no answer".into()),
                };
                Event::Driver(DriverEvent::Written(Written { request: RequestId::from(*id), answer }))
            }
            ["records", "fail"] => {
                self.records_work = false;
                Event::Health(Health { records_failing: Some("disk full".into()), ..Health::default() })
            }
            ["records", "work"] => {
                self.records_work = true;
                Event::Health(Health::default())
            }
            ["stop"] => Event::Stop,
            ["reload", rest @ ..] => {
                let next = self.engine.generation().0 + 1;
                reload(plan(&rest.join(" "), next))
            }
            ["tick"] => Event::Tick,
            other => self.alarm_event(other),
        }
    }

    fn alarm_event(&mut self, words: &[&str]) -> Event {
        let named = |name: &str| match name.parse() {
            Ok(number) => vec![AlarmName::Occurrence(OccurrenceId(number))],
            Err(_) => vec![AlarmName::Key(AlarmKey::from(name))],
        };
        match words {
            ["shelve", id, name, seconds, reason @ ..] => {
                let (length_seconds, reason) = (Some(seconds.parse().unwrap()), reason.join(" ").into());
                let body = RequestBody::Shelve { alarms: named(name), length_seconds, one_shot: false, reason };
                self.request(id, body)
            }
            ["shelve-once", id, name, reason @ ..] => {
                let (alarms, reason) = (named(name), reason.join(" ").into());
                self.request(id, RequestBody::Shelve { alarms, length_seconds: None, one_shot: true, reason })
            }
            ["unshelve", id, name] => {
                self.request(id, RequestBody::Unshelve { alarms: named(name), comment: "".into() })
            }
            ["reset", id, name] => self.request(id, RequestBody::Reset { alarms: named(name), comment: "".into() }),
            ["out-of-service", id, name, reason @ ..] => {
                let reason = reason.join(" ").into();
                self.request(id, RequestBody::OutOfService { alarms: named(name), until: None, reason })
            }
            ["return-to-service", id, name] => {
                self.request(id, RequestBody::ReturnToService { alarms: named(name), comment: "".into() })
            }
            other => self.driver_event(other),
        }
    }

    fn driver_event(&mut self, words: &[&str]) -> Event {
        match words {
            // The driver says that nothing changed since its last answer.
            ["again", key] => {
                let (generation, confirmed) = (self.engine.generation(), Arc::from([self.tag(key)]));
                let (device, time, readings) = (DeviceId(0), self.now.utc, Vec::new());
                Event::Driver(DriverEvent::Batch(Batch { generation, device, time, readings, confirmed }))
            }
            // What a driver had read before it heard of the reload.
            ["late", slot, value] => {
                let (tag, value) = (TagId(slot.parse().unwrap()), serde_json::from_str(value).unwrap());
                let reading = Reading { tag, value: Some(value), quality: Quality::GOOD };
                let generation = Generation(self.engine.generation().0 - 1);
                let (device, time, confirmed) = (DeviceId(0), self.now.utc, Arc::from([]));
                let readings = vec![reading];
                Event::Driver(DriverEvent::Batch(Batch { generation, device, time, readings, confirmed }))
            }
            ["scan", id, device, on, reason @ ..] => {
                let (device, on, reason) = (Arc::from(*device), *on == "on", reason.join(" ").into());
                self.request(id, RequestBody::Scan { device, on, reason })
            }
            ["loop-check", id, tag, result, remark @ ..] => {
                let (tag, passed, remark) = (TagKey::from(*tag), *result == "passed", remark.join(" ").into());
                let value_seen = Some(Value::Double(50.0));
                self.request(id, RequestBody::LoopCheck { tag, value_seen, passed, remark })
            }
            ["note", id, seconds, words @ ..] => {
                let at = Timestamp::from_seconds(seconds.parse().unwrap());
                self.request(id, RequestBody::Note { at, words: words.join(" ").into() })
            }
            ["identity", device, product] => {
                let identity = Identity { product: Arc::from(*product), ..Identity::default() };
                Event::Driver(DriverEvent::Identity(self.engine.generation(), self.device(device), identity))
            }
            ["heartbeat", device, "beats"] => {
                let (generation, device) = (self.engine.generation(), self.device(device));
                Event::Driver(DriverEvent::Heartbeat(generation, device, Heartbeat::Beating))
            }
            ["heartbeat", device, why @ ..] => {
                let (generation, device) = (self.engine.generation(), self.device(device));
                let failing = Heartbeat::Failing(why.join(" ").into());
                Event::Driver(DriverEvent::Heartbeat(generation, device, failing))
            }
            other => panic!("unknown event {other:?}"),
        }
    }

    /// One event with all that follows from it; drafts are committed at once, as the recorder does.
    fn step(&mut self, seconds: f64, words: &[&str]) -> Vec<String> {
        self.now = Now::default().plus(Duration::from_secs_f64(seconds));
        let event = self.event(words);
        self.engine.step(event, self.now, &mut self.effects);
        let mut lines = Vec::new();
        loop {
            let drafts = std::mem::take(&mut self.effects.drafts);
            self.describe(&mut lines);
            if drafts.is_empty() {
                return lines;
            }
            for draft in &drafts {
                lines.push(format!("audit {} {} {}", draft.action, draft.request, draft.subject));
            }
            let event = if self.records_work {
                Event::Committed(commit(&mut self.store, &drafts).unwrap())
            } else {
                let requests =
                    drafts.into_iter().filter(|draft| &*draft.action != "outcome").map(|draft| draft.request);
                Event::NotCommitted {
                    requests: requests.collect(),
                    why: "records cannot be written: disk full".to_owned(),
                }
            };
            self.engine.step(event, self.now, &mut self.effects);
        }
    }

    fn describe(&mut self, lines: &mut Vec<String>) {
        let plan = Arc::clone(self.engine.plan());
        let key = |tag: TagId| plan.directory.tag(tag).map_or("?", |tag| tag.key.as_str()).to_owned();
        for row in self.effects.rows.drain(..) {
            if key(row.tag).starts_with("station/") {
                continue;
            }
            let value = row.sample.value.as_ref().map_or_else(|| "-".to_owned(), ToString::to_string);
            lines.push(format!("sample {} {value} {}", key(row.tag), row.sample.quality.words()));
        }
        for change in self.effects.transitions.drain(..) {
            let actor = change.actor.map_or_else(String::new, |actor| format!(" by {actor}"));
            // What every script sees of old is told as of old.
            let below = if change.from == change.to {
                format!(" ({}, {})", change.occasion.word(), change.condition.words())
            } else {
                String::new()
            };
            let first = change.kept.and_then(|kept| kept.first_out);
            let first = first.map_or_else(String::new, |first| format!(" first of its group with {first}"));
            lines.push(format!(
                "journal {} {} {} -> {}{actor}{below}{first}",
                change.alarm,
                change.occurrence,
                change.from.word(),
                change.to.word()
            ));
        }
        for (_, dispatch) in self.effects.dispatches.drain(..) {
            lines.push(format!("dispatch {} {} {}", dispatch.id(), key(dispatch.tag()), dispatch.value()));
        }
        if let Some(devices) = self.effects.off_scan.take().filter(|devices| !devices.is_empty()) {
            lines.push(format!("off scan {}", devices.iter().map(|name| &**name).collect::<Vec<_>>().join(" ")));
        }
        for (_, reply) in self.effects.replies.drain(..) {
            lines.push(format!("reply {}", serde_json::to_string(&reply).unwrap()));
        }
        for notice in self.effects.notices.drain(..) {
            if let Notice::SetAsideEnded { alarm, words, .. } = notice {
                lines.push(format!("notice {alarm}: {words}"));
            }
        }
        self.effects.delays.clear();
    }
}

fn replay(text: &str) -> Vec<(String, Vec<String>, Vec<String>)> {
    let (station, events) = text.split_once("\n---\n").unwrap();
    let mut replay = Replay::new(station);
    let mut steps: Vec<(String, Vec<String>, Vec<String>)> = Vec::new();
    for line in events.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(expected) = line.strip_prefix('>') {
            steps.last_mut().unwrap().2.push(expected.trim().to_owned());
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        let found = replay.step(words[0].parse().unwrap(), &words[1..]);
        steps.push((line.to_owned(), found, Vec::new()));
    }
    steps
}

#[test]
fn every_script_gives_its_effects_twice() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let (first, second) = (replay(&text), replay(&text));
        assert_eq!(first, second, "{} is not repeatable", path.display());
        if std::env::var_os("POLDER_BLESS").is_some() {
            bless(&path, &text, &first);
            continue;
        }
        for (line, found, expected) in first {
            assert_eq!(found, expected, "{}: {line}\nfound:\n> {}", path.display(), found.join("\n> "));
        }
        count += 1;
    }
    assert!(count >= 8 || std::env::var_os("POLDER_BLESS").is_some(), "only {count} scripts were found");
}

/// With POLDER_BLESS set, scripts are written anew with the effects that were found; a person reads the difference before it is kept.
fn bless(path: &Path, text: &str, steps: &[(String, Vec<String>, Vec<String>)]) {
    let (station, events) = text.split_once("\n---\n").unwrap();
    let mut steps = steps.iter();
    let mut out = format!("{station}\n---\n");
    for line in events.lines().filter(|line| !line.trim_start().starts_with('>') && !line.trim().is_empty()) {
        out += &format!("{}\n", line.trim());
        if !line.trim_start().starts_with('#') {
            out.extend(steps.next().unwrap().1.iter().map(|effect| format!("> {effect}\n")));
        }
    }
    std::fs::write(path, out).unwrap();
}

#[test]
fn alarms_survive_a_restart_and_bad_input_lowers_none() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0","alarms":[{"high":10}]}]}"#;
    let (then, occurrence) = (Timestamp::default(), OccurrenceId(41));
    let kept = Persisted::of_state(State::Acknowledged, occurrence, then, then);
    let alarms = vec![(AlarmKey::from("t:high"), kept, None)];
    let restored = Restored { alarms, last_occurrence: 77, ..Restored::default() };
    let mut engine = Engine::new(Arc::new(plan(station, 1)), restored);
    let snapshot = engine.snapshot(Now::default());
    assert_eq!(snapshot.alarms.views[0].state, State::Acknowledged);
    assert!(snapshot.alarms.views[0].condition.unevaluated);
    assert_eq!(engine.last_occurrence(), OccurrenceId(77), "no occurrence is given out twice");
}

#[test]
fn an_old_generation_is_not_believed() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0"}]}"#;
    let mut engine = Engine::new(Arc::new(plan(station, 2)), Restored::default());
    let reading = Reading { tag: TagId(0), value: Some(Value::Signed(5)), quality: Quality::GOOD };
    let batch = Batch {
        generation: Generation(1),
        device: DeviceId(0),
        time: Timestamp::default(),
        readings: vec![reading],
        confirmed: Arc::from([]),
    };
    let mut effects = Effects::default();
    engine.step(Event::Driver(DriverEvent::Batch(batch)), Now::default(), &mut effects);
    assert!(effects.rows.is_empty());
    assert_eq!(engine.snapshot(Now::default()).value(TagId(0)), None);
}

/// Its record may be written before or after the reload: the device is off scan in the end, and the drivers are told by its name.
#[test]
fn a_wish_to_take_a_device_off_scan_outlives_a_reload() {
    let one = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0"}]}"#;
    // It stands in another slot afterwards.
    let two = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],
        "devices":[{"name":"b","connection":"a","unit":2},{"name":"d","connection":"a"}],
        "tags":[{"name":"s","device":"b","register":"input:0"},{"name":"t","device":"d","register":"input:0"}]}"#;
    for reload_first in [true, false] {
        let mut replay = Replay::new(one);
        let body = RequestBody::Scan { device: "d".into(), on: false, reason: "repair".into() };
        let wish = replay.request("s1", body);
        replay.engine.step(wish, replay.now, &mut replay.effects);
        let drafts = std::mem::take(&mut replay.effects.drafts);
        let recorded = Event::Committed(commit(&mut replay.store, &drafts).unwrap());
        let reload = reload(plan(two, 2));
        let events = if reload_first { [reload, recorded] } else { [recorded, reload] };
        let mut told = None;
        for event in events {
            replay.engine.step(event, replay.now, &mut replay.effects);
            told = replay.effects.off_scan.take().or(told);
        }
        let names: Vec<_> = told.iter().flat_map(|names| names.iter()).map(|name| &**name).collect();
        assert_eq!(names, ["d"], "reload first: {reload_first}");
        let snapshot = replay.engine.snapshot(replay.now);
        assert!(snapshot.devices[0].off_scan.is_none() && snapshot.devices[1].off_scan.is_some());
        let quality = snapshot.live(replay.tag("t")).unwrap().quality;
        assert_eq!(quality, Quality::bad(Reason::OffScan), "reload first: {reload_first}");
    }
}

/// A device that is off scan leaves the station file and comes back: nobody has put it back on scan.
#[test]
fn off_scan_outlives_a_time_outside_of_the_station_file() {
    let with = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"b","connection":"a"},{"name":"d","connection":"a","unit":2}],
        "tags":[{"name":"s","device":"b","register":"input:0"},{"name":"t","device":"d","register":"input:0"}]}"#;
    let without = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"b","connection":"a"}],
        "tags":[{"name":"s","device":"b","register":"input:0"}]}"#;
    let mut replay = Replay::new(with);
    let body = RequestBody::Scan { device: "d".into(), on: false, reason: "repair".into() };
    let wish = replay.request("s1", body);
    replay.engine.step(wish, replay.now, &mut replay.effects);
    let drafts = std::mem::take(&mut replay.effects.drafts);
    let recorded = Event::Committed(commit(&mut replay.store, &drafts).unwrap());
    replay.engine.step(recorded, replay.now, &mut replay.effects);
    for (generation, plant) in [(2, without), (3, without), (4, with)] {
        replay.engine.step(reload(plan(plant, generation)), replay.now, &mut replay.effects);
    }
    let told = replay.effects.off_scan.take().unwrap_or_default();
    assert_eq!(told.iter().map(|name| &**name).collect::<Vec<_>>(), ["d"]);
    assert!(replay.engine.snapshot(replay.now).devices[1].off_scan.is_some());
}

/// The last total is known from history; the station file may be changed before the counter is read for the first time.
#[test]
fn the_total_of_a_counter_outlives_a_reload_before_its_first_reading() {
    let station = |tags: &str| {
        format!(
            r#"{{"connections":[{{"name":"a","modbus":{{"tcp":"127.0.0.1"}}}}],"devices":[{{"name":"d","connection":"a"}}],"tags":[{tags}]}}"#
        )
    };
    let before = station(r#"{"name":"energy","device":"d","register":"input:0","rolls_over_at":65536}"#);
    let same = r#"{"name":"energy","device":"d","register":"input:0","rolls_over_at":65536}"#;
    let renamed = r#"{"name":"work","formerly":"energy","device":"d","register":"input:0","rolls_over_at":65536}"#;
    let another = r#"{"name":"another","device":"d","register":"input:9"}"#;
    for (key, tags) in [("energy", format!("{another},{same}")), ("work", format!("{another},{renamed}"))] {
        let mut replay = Replay::new(&before);
        let totals = HashMap::from([(Arc::from("energy"), 131_080.0)]);
        replay.engine = Engine::new(Arc::new(plan(&before, 1)), Restored { totals, ..Restored::default() });
        // And once more: what was handed on is handed on again.
        for generation in [2, 3] {
            let reload = reload(plan(&station(&tags), generation));
            replay.engine.step(reload, replay.now, &mut replay.effects);
        }
        let reading = replay.batch(key, Some(Value::Unsigned(10)), Quality::GOOD);
        replay.engine.step(reading, replay.now, &mut replay.effects);
        let snapshot = replay.engine.snapshot(replay.now);
        assert_eq!(snapshot.value(replay.tag(key)), Some(Value::Unsigned(131_082)), "{key}");
    }
}

#[test]
fn what_the_station_does_not_know_any_more_about_itself_turns_bad() {
    let mut replay = Replay::new("{}");
    let (days, aside) = (replay.tag("station/history-days"), replay.tag("station/records-set-aside"));
    let mut tell = |health: Health| {
        replay.engine.step(Event::Health(health), replay.now, &mut replay.effects);
        [days, aside].map(|tag| replay.engine.tags.live()[tag.index()].quality)
    };
    assert_eq!(tell(Health::default()), [Quality::bad(Reason::NotYetRead), Quality::GOOD], "not known yet is no news");
    assert_eq!(tell(Health { history_days: Some(7), ..Health::default() })[0], Quality::GOOD);
    assert_eq!(tell(Health::default())[0], Quality::bad(Reason::NotAvailable), "7 is not true any more");
    assert_eq!(tell(Health { history_days: Some(8), ..Health::default() })[0], Quality::GOOD);
}

const BESIDE: &str = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
    "tags":[{"name":"level","device":"d","register":"input:0","type":"f32","unit":"m","decimals":1,"alarms":[
        {"high":3,"on_delay":"2s","message":"level {level}, wind {wind}, {pump}","suppress_when":"not {gate} or {wind} > 20"}]},
      {"name":"wind","device":"d","register":"input:2","type":"u16"},
      {"name":"pump","device":"d","register":"input:3","states":["stopped","running"]},
      {"name":"gate","device":"d","register":"coil:0"}]}"#;

/// The message tells the values of the moment at which the alarm was raised, also after a reload, and where the delay ended without a sample.
#[test]
fn a_message_tells_the_values_of_its_activation() {
    let mut replay = Replay::new(BESIDE);
    replay.step(0.0, &["sample", "pump", "1"]);
    replay.step(1.0, &["sample", "level", "3.25"]);
    replay.step(2.0, &["sample", "level", "3.5"]);
    let event = Event::Tick;
    replay.now = Now::default().plus(Duration::from_secs(3));
    replay.engine.step(event, replay.now, &mut replay.effects);
    let expected = "Level 3.5 m, wind ? (waiting for the first value), running";
    let told = replay.effects.notices.iter().find_map(|notice| match notice {
        Notice::Alarm(view) => Some(view.message.to_string()),
        _ => None,
    });
    assert_eq!(told.as_deref(), Some(expected));
    let shown = |replay: &mut Replay| {
        let snapshot = replay.engine.snapshot(replay.now);
        snapshot.alarms.views.iter().map(|view| view.message.to_string()).collect::<Vec<_>>()
    };
    replay.step(4.0, &["sample", "level", "9"]);
    replay.step(5.0, &["sample", "wind", "7"]);
    assert_eq!(shown(&mut replay), [expected]);
    let words: Vec<&str> = std::iter::once("reload").chain(BESIDE.split_whitespace()).collect();
    replay.step(6.0, &words);
    assert_eq!(shown(&mut replay), [expected]);
    replay.step(7.0, &["sample", "level", "0"]);
    replay.step(8.0, &["sample", "level", "4.0"]);
    replay.step(10.0, &["tick"]);
    assert_eq!(shown(&mut replay), ["Level 4.0 m, wind 7, running"]);
}

/// Where the values of the moment are not known any more, the words say so rather than telling those of now.
#[test]
fn a_message_from_before_the_start_tells_no_values() {
    let now = Timestamp::default();
    let kept = Persisted::of_state(State::Unacknowledged, OccurrenceId(1), now, now);
    let restored = Restored { alarms: vec![(AlarmKey::from("level:high"), kept, None)], ..Restored::default() };
    let mut engine = Engine::new(Arc::new(plan(BESIDE, 1)), restored);
    assert_eq!(&*engine.snapshot(Now::default()).alarms.views[0].message, "Level ..., wind ..., ...");
}

#[test]
fn suppression_by_design_follows_its_expression_and_holds_on_bad_input() {
    let mut replay = Replay::new(BESIDE);
    let mut check = |seconds: f64, words: &[&str], expected: bool| {
        replay.step(seconds, words);
        let board = replay.engine.snapshot(replay.now).alarms;
        let found: Vec<&str> = board.set_aside.iter().map(|view| view.key.as_str()).collect();
        assert_eq!(found, if expected { vec!["level:high"] } else { Vec::new() }, "{words:?}");
    };
    check(0.0, &["sample", "wind", "10"], false);
    check(1.0, &["sample", "gate", "true"], false);
    check(2.0, &["sample", "gate", "false"], true);
    check(3.0, &["bad", "gate"], true);
    check(4.0, &["sample", "gate", "true"], false);
    check(5.0, &["bad", "gate"], false);
    // What decides alone, decides.
    check(6.0, &["sample", "wind", "21"], true);
    let reload: Vec<&str> = std::iter::once("reload").chain(BESIDE.split_whitespace()).collect();
    check(7.0, &["bad", "wind"], true);
    check(8.0, &reload, true);
    check(9.0, &["sample", "wind", "1"], true);
    check(10.0, &["sample", "gate", "true"], false);
}

/// Alarms that look again by themselves stand in the heap of deadlines a few times at most, however many samples come.
#[test]
fn looking_again_takes_bounded_memory() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0","type":"f32","alarms":[{"no_change":"1h"},{"rate":1,"per":"1h"}]}]}"#;
    let mut replay = Replay::new(station);
    for number in 0..2_000_u32 {
        let value = number.to_string();
        replay.step(f64::from(number) * 0.1, &["sample", "t", &value]);
    }
    assert!(replay.engine.deadlines.len() <= 6, "{} deadlines", replay.engine.deadlines.len());
}

/// What only moved to another slot has not changed; what did is told with the names of tags.
#[test]
fn the_difference_names_the_tags_of_alarms() {
    let station = |tags: &str| {
        format!(
            r#"{{"connections":[{{"name":"a","modbus":{{"tcp":"127.0.0.1"}}}}],"devices":[{{"name":"d","connection":"a"}}],"tags":[{tags}]}}"#
        )
    };
    let tag = |name: &str, register: u16| format!(r#"{{"name":"{name}","device":"d","register":"input:{register}"}}"#);
    let own = |from: &str| {
        format!(
            r#"{{"name":"t","device":"d","register":"input:0","alarms":[{{"deviation":5,"from":"{from}","message":"off {{{from}}}"}},
                {{"when":"{{t}} > {{x}}","suppress_when":"{{x}} > 1"}}]}}"#
        )
    };
    let old = plan(&station(&[own("x"), tag("x", 1), tag("y", 2)].join(",")), 1);
    let moved = plan(&station(&[tag("y", 2), tag("x", 1), own("x")].join(",")), 2);
    assert_eq!(Difference::between(&old, &moved).changed, Vec::<String>::new());
    let other = plan(&station(&[own("y"), tag("x", 1), tag("y", 2)].join(",")), 2);
    assert_eq!(
        Difference::between(&old, &other).changed,
        [
            r#"alarm t:deviation: condition deviation 5 from {x} -> deviation 5 from {y}, message "Off {x}" -> "Off {y}""#
        ]
    );
}

/// What arrives together is judged together: an alarm on two tags sees neither without the other. Each value is still judged when two of one
/// tag arrive at once.
#[test]
fn values_of_one_answer_are_judged_together() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0","alarms":[{"deviation":5,"from":"x"},{"when":"{t} != {x}"}]},
          {"name":"x","device":"d","register":"input:1"}]}"#;
    let mut replay = Replay::new(station);
    let mut check = |seconds: u64, readings: &[(&str, i64)], expected: &[&str]| {
        replay.now = Now::default().plus(Duration::from_secs(seconds));
        let reading = |(key, value): &(&str, i64)| Reading {
            tag: replay.tag(key),
            value: Some(Value::Signed(*value)),
            quality: Quality::GOOD,
        };
        let batch = Batch {
            generation: Generation(1),
            device: DeviceId(0),
            time: replay.now.utc,
            readings: readings.iter().map(reading).collect(),
            confirmed: Arc::from([]),
        };
        replay.engine.step(Event::Driver(DriverEvent::Batch(batch)), replay.now, &mut replay.effects);
        let mut lines = Vec::new();
        replay.describe(&mut lines);
        lines.retain(|line| line.starts_with("journal"));
        assert_eq!(lines, expected, "{readings:?}");
    };
    check(0, &[("t", 0), ("x", 0)], &[]);
    check(1, &[("t", 10), ("x", 10)], &[]);
    let (up, down) = ("normal -> unacknowledged", "unacknowledged -> returned-unacknowledged");
    let raised = |occurrence: u8, kind: &str| format!("journal t:{kind} {occurrence} {up}");
    let over = |occurrence: u8, kind: &str| format!("journal t:{kind} {occurrence} {down}");
    let expected = [raised(1, "deviation"), raised(2, "when"), over(1, "deviation"), over(2, "when")];
    check(2, &[("t", 20), ("t", 10)], &expected.each_ref().map(String::as_str));
}

/// The slot of a tag that was entered by hand may be that of a pump in the next plant.
#[test]
fn what_is_entered_by_hand_never_reaches_a_device() {
    let station = |tags: &str| {
        format!(
            r#"{{"connections":[{{"name":"a","modbus":{{"tcp":"127.0.0.1"}}}}],"devices":[{{"name":"d","connection":"a"}}],"tags":[{tags}]}}"#
        )
    };
    let mut replay = Replay::new(&station(r#"{"name":"limit","manual":3,"range":[0,50]}"#));
    replay.step(0.0, &["tick"]);
    let (tag, value) = (TagKey::from("limit"), Value::Double(40.0));
    let confirmation = Confirmation::Dialog;
    let body = RequestBody::Command { tag, value, value_seen: None, reason: "test".into(), confirmation };
    let request = replay.request("r1", body);
    let mut effects = Effects::default();
    replay.engine.step(request, replay.now, &mut effects);
    let drafts = std::mem::take(&mut effects.drafts);
    assert_eq!(drafts.len(), 1);
    let pump = r#"{"name":"speed","device":"d","register":"holding:0","command":{"min":0,"max":10}}"#;
    replay.engine.step(reload(plan(&station(pump), 2)), replay.now, &mut effects);
    let receipts = commit(&mut replay.store, &drafts).unwrap();
    replay.engine.step(Event::Committed(receipts), replay.now, &mut effects);
    assert!(effects.dispatches.is_empty(), "nothing is sent");
    let is_refused =
        |reply: &(ReplyId, Reply)| matches!(&reply.1, Reply::Command { outcome, .. } if outcome.word() == "refused");
    assert!(effects.replies.iter().any(is_refused), "{:?}", effects.replies);
}

/// An alarm that is no longer in the station file stands nowhere, and one that comes back later begins anew.
#[test]
fn an_alarm_that_was_removed_while_the_station_was_off_stands_no_more() {
    let now = Timestamp::default();
    let kept = Persisted::of_state(State::Unacknowledged, OccurrenceId(1), now, now);
    let restored = Restored { alarms: vec![(AlarmKey::from("old:high"), kept, None)], ..Restored::default() };
    let mut engine = Engine::new(Arc::new(plan(BESIDE, 1)), restored);
    let mut effects = Effects::default();
    engine.step(Event::Tick, Now::default(), &mut effects);
    let told: Vec<_> = effects.transitions.iter().map(|one| (one.alarm.as_str(), one.to, one.kept.is_none())).collect();
    assert_eq!(told, [("old:high", State::Normal, true)]);
    assert!(effects.delays.iter().any(|change| change.alarm.as_str() == "old:high" && change.delay.is_none()));
    effects.clear();
    engine.step(Event::Tick, Now::default(), &mut effects);
    assert!(effects.transitions.is_empty(), "once");
}

/// A message that came late belongs into history: it is neither shown nor judged.
#[test]
fn values_of_before_are_kept_and_not_shown() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0","scale":{"raw":[0,10],"eng":[0,100]},"alarms":[{"high":50}]}]}"#;
    let mut replay = Replay::new(station);
    replay.step(10.0, &["sample", "t", "1"]);
    let reading = Reading { tag: TagId(0), value: Some(Value::Signed(9)), quality: Quality::GOOD };
    let batch = Batch {
        generation: Generation(1),
        device: DeviceId(0),
        time: Timestamp::from_seconds(3.0),
        readings: vec![reading.clone(), Reading { value: None, quality: Quality::bad(Reason::BadPayload), ..reading }],
        confirmed: Arc::from([]),
    };
    let mut effects = Effects::default();
    replay.engine.step(Event::Driver(DriverEvent::Past(batch.clone())), replay.now, &mut effects);
    let rows: Vec<_> = effects.rows.iter().map(|row| (row.sample.time, row.sample.value.clone())).collect();
    let time = Timestamp::from_seconds(3.0);
    assert_eq!(rows, [(time, Some(Value::Double(90.0))), (time, None)]);
    assert!(effects.transitions.is_empty());
    let snapshot = replay.engine.snapshot(replay.now);
    assert_eq!(snapshot.value(TagId(0)), Some(Value::Double(10.0)));
    assert_eq!(snapshot.live(TagId(0)).unwrap().time, Timestamp::from_seconds(10.0));
    effects.clear();
    let why = OffScan { who: Principal::person("anna"), why: "test".into(), since: Timestamp::default() };
    let restored = Restored { off_scan: HashMap::from([("d".into(), why)]), ..Restored::default() };
    let mut off = Engine::new(Arc::new(plan(station, 1)), restored);
    off.step(Event::Driver(DriverEvent::Past(batch.clone())), replay.now, &mut effects);
    assert!(effects.rows.is_empty(), "nobody listens to a device that is off scan");
    effects.clear();
    let old = Batch { generation: Generation(7), ..batch };
    replay.engine.step(Event::Driver(DriverEvent::Past(old)), replay.now, &mut effects);
    assert!(effects.rows.is_empty(), "of another plant");
}

/// The particulars of a bad value stand beside it, and go with it.
#[test]
fn why_a_value_is_bad_is_said_until_it_is_another() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0"}]}"#;
    let mut replay = Replay::new(station);
    let tell = |replay: &mut Replay| {
        let event = DriverEvent::Detail(Generation(1), TagId(0), "it begins: x".into());
        replay.engine.step(Event::Driver(event), replay.now, &mut Effects::default());
        replay.engine.snapshot(replay.now).details.get(&TagId(0)).map(ToString::to_string)
    };
    let shown = |replay: &mut Replay| replay.engine.snapshot(replay.now).details.len();
    replay.step(1.0, &["sample", "t", "1"]);
    assert_eq!(tell(&mut replay), None, "a good value has none");
    replay.step(2.0, &["bad", "t"]);
    assert_eq!(tell(&mut replay).as_deref(), Some("it begins: x"));
    replay.engine.step(reload(plan(station, 2)), replay.now, &mut Effects::default());
    assert_eq!(shown(&mut replay), 1, "a reload keeps it");
    replay.step(3.0, &["device", "d", "lost"]);
    assert_eq!(shown(&mut replay), 0, "another reason has other words");
}

#[test]
fn what_is_found_is_handed_on_under_the_name_of_its_device() {
    let station =
        r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}]}"#;
    let mut replay = Replay::new(station);
    let found = crate::driver::Found { kind: "topic".into(), name: "x".into(), facts: serde_json::json!({}) };
    let mut find = |generation: u32| {
        let event = DriverEvent::Found(Generation(generation), DeviceId(0), vec![found.clone()]);
        let mut effects = Effects::default();
        replay.engine.step(Event::Driver(event), replay.now, &mut effects);
        effects.found.iter().map(|found| found.device.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(find(1), ["d"]);
    assert_eq!(find(2), Vec::<String>::new());
}
