//! Event scripts: `tests/scripts/*.script` are replayed twice, and give the same effects both times, which are those that they expect.
//!
//! A script begins with a station file, ended by a line `---`. Then each line is an event at a time in seconds, and below it, behind `>`,
//! every effect that it has. Lines that begin with `#` are remarks.

use super::*;
use crate::access::Principal;
use crate::alarm::{AlarmKey, Persisted, State};
use crate::audit::{MemoryStore, RequestId, commit};
use crate::command::{Confirmation, Message, WriteAnswer};
use crate::config;
use crate::driver::{DeviceReport, Heartbeat, Identity, Link, Statistics, Written};
use crate::tag::{DeviceId, Reason, TagKey};
use std::path::Path;
use std::time::Duration;

fn reload(plan: Plan) -> Event {
    Event::Reload { plan: Arc::new(plan), who: Principal::person("anna"), settings: Vec::new() }
}

mod cases;

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
        let device = self.engine.plan().directory.tag(reading.tag).and_then(|tag| tag.device);
        Event::Driver(DriverEvent::Batch(Batch {
            generation,
            device: device.unwrap_or(DeviceId(0)),
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
                    "sent-to-all" => WriteAnswer::SentToAll,
                    "not-sent" => WriteAnswer::NotSent("the broker is not connected".into()),
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
            ["reload-by-itself", seconds, rest @ ..] => {
                let plan = plan(&rest.join(" "), self.engine.generation().0 + 1);
                let (settings, waited) = (Vec::new(), Duration::from_secs(seconds.parse().unwrap()));
                Event::ReloadByItself { plan: Arc::new(plan), settings, waited, reply: ReplyId(9) }
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
            ["publish", id, topic, payload, quality, reason @ ..] => {
                let (connection, quality_of_service) = ("site".into(), quality.parse().unwrap());
                let (topic, payload) = (Arc::from(*topic), Arc::from(*payload));
                let message = Message { connection, topic, payload, quality_of_service, retain: false };
                let (reason, confirmation) = (reason.join(" ").into(), Confirmation::Dialog);
                self.request(id, RequestBody::Publish { message, reason, confirmation })
            }
            ["note", id, seconds, words @ ..] => {
                let at = Timestamp::from_seconds(seconds.parse().unwrap());
                self.request(id, RequestBody::Note { at, words: words.join(" ").into() })
            }
            ["identity", device, product] => {
                let identity = Identity { product: Arc::from(*product), ..Identity::default() };
                Event::Driver(DriverEvent::Identity(self.engine.generation(), self.device(device), identity))
            }
            ["held-up", device, is_held_up] => {
                let (generation, device) = (self.engine.generation(), self.device(device));
                Event::Driver(DriverEvent::HeldUp(generation, device, *is_held_up == "yes"))
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
        for dispatch in self.effects.messages.drain(..) {
            let message = dispatch.message();
            lines.push(format!("message {} {} {}", dispatch.id(), message.topic, message.payload));
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
    // The first step tells about the station itself.
    assert!(effects.rows.iter().all(|row| row.tag != TagId(0)), "nobody listens to a device that is off scan");
    effects.clear();
    let old = Batch { generation: Generation(7), ..batch };
    replay.engine.step(Event::Driver(DriverEvent::Past(old)), replay.now, &mut effects);
    assert!(effects.rows.is_empty(), "of another plant");
}

/// What is for the present alone is shown and judged, and leaves no trace in history, also not by growing old.
#[test]
fn transient_values_are_shown_and_judged_and_not_kept() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0","alarms":[{"high":50}]}]}"#;
    let mut replay = Replay::new(station);
    let tell = |replay: &mut Replay, is_transient, value: Option<i64>, reason| {
        let quality = if value.is_some() { Quality::GOOD } else { Quality::bad(reason) };
        let reading = Reading { tag: TagId(0), value: value.map(Value::Signed), quality };
        let (generation, device, time) = (Generation(1), DeviceId(0), replay.now.utc);
        let batch = Batch { generation, device, time, readings: vec![reading], confirmed: Arc::from([]) };
        let event = if is_transient { DriverEvent::Transient(batch) } else { DriverEvent::Batch(batch) };
        let mut effects = Effects::default();
        replay.engine.step(Event::Driver(event), replay.now, &mut effects);
        let rows = effects.rows.iter().filter(|row| row.tag == TagId(0)).map(|row| row.sample.value.clone());
        (rows.collect::<Vec<_>>(), effects.transitions.len())
    };
    assert_eq!(tell(&mut replay, false, Some(1), Reason::None), (vec![Some(Value::Signed(1))], 0));
    assert_eq!(tell(&mut replay, true, Some(90), Reason::None), (vec![], 1), "an alarm, and no row");
    assert_eq!(replay.engine.snapshot(replay.now).value(TagId(0)), Some(Value::Signed(90)));
    assert_eq!(tell(&mut replay, false, None, Reason::NotConnected).0, [None], "that there is none is kept");
    assert_eq!(tell(&mut replay, true, Some(1), Reason::None).0, []);
    assert_eq!(tell(&mut replay, false, Some(1), Reason::None).0, [Some(Value::Signed(1))]);
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
