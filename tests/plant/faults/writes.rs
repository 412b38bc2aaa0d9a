//! What a device can do wrong when it is told something: the outcome has to be true, and the command has to go out exactly once.

use super::answer::{Answer, truth};
use super::cases::{Flavour, send};
use super::device::{Act, Device, Fault, Takes};
use crate::support::{DEADLINE, Folder, Station, run, words};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What is set, and with which function.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// Function 6.
    Word,
    /// Function 16.
    Pair,
    /// Function 5.
    Bit,
}

impl Kind {
    fn tag(self) -> Value {
        match self {
            Self::Word => json!({"register": "holding:300", "command": {}}),
            Self::Pair => json!({"register": "holding:310", "type": "u32", "command": {}}),
            Self::Bit => json!({"register": "coil:5", "command": {}}),
        }
    }

    fn before(self) -> Value {
        match self {
            Self::Word => json!(truth(1, 300)),
            Self::Pair => json!(u32::from(truth(1, 310)) << 16 | u32::from(truth(1, 311))),
            Self::Bit => json!(false),
        }
    }

    fn wanted(self) -> (&'static str, Value) {
        match self {
            Self::Word => ("1234", json!(1234)),
            Self::Pair => ("123456789", json!(123_456_789)),
            Self::Bit => ("on", json!(true)),
        }
    }
}

/// Exit codes of `polder set`.
const VERIFIED: i32 = 0;
const FAILED: i32 = 3;
const MISMATCH: i32 = 4;
const UNVERIFIED: i32 = 5;
const UNKNOWN: i32 = 6;

struct Case {
    name: &'static str,
    flavour: Flavour,
    kind: Kind,
    fault: Fault,
    code: i32,
    words: &'static str,
}

/// What may have arrived is read back before anything is said of it: where the device did it, that shows.
fn read_back(fault: &Fault, code: i32, words: &'static str) -> (i32, &'static str) {
    match fault {
        Fault::Writes(Takes::It, _) if code == UNKNOWN => (VERIFIED, "no clear answer came"),
        _ => (code, words),
    }
}

fn case(name: &'static str, kind: Kind, fault: Fault, code: i32, words: &'static str) -> Case {
    let (code, words) = read_back(&fault, code, words);
    Case { name, flavour: Flavour::Tcp, kind, fault, code, words }
}

/// The device does it and answers with a spoilt confirmation.
fn spoilt(spoil: impl Fn(&mut Answer) + Send + Sync + 'static) -> Fault {
    answered(Takes::It, move |answer| {
        spoil(answer);
        vec![send(answer)]
    })
}

fn answered(takes: Takes, script: impl Fn(&mut Answer) -> Vec<Act> + Send + Sync + 'static) -> Fault {
    Fault::Writes(takes, Arc::new(move |ask| script(&mut ask.truth.clone())))
}

fn exception(takes: Takes, code: u8) -> Fault {
    answered(takes, move |answer| {
        answer.exception(code);
        vec![send(answer)]
    })
}

const MAYBE: &str = "it may have arrived";

fn confirmations() -> Vec<Case> {
    use Kind::{Bit, Pair, Word};
    vec![
        case("honest", Word, Fault::None, VERIFIED, "reads back 1234"),
        case("honest, two registers", Pair, Fault::None, VERIFIED, "reads back 123456789"),
        case("honest, a coil", Bit, Fault::None, VERIFIED, "reads back true"),
        case("another address", Word, spoilt(|a| a.payload[1] ^= 1), UNKNOWN, MAYBE),
        case("another value", Word, spoilt(|a| a.payload[3] ^= 1), UNKNOWN, MAYBE),
        case("another function", Word, spoilt(|a| a.function = 16), UNKNOWN, MAYBE),
        case("another transaction", Word, spoilt(|a| a.transaction = !a.transaction), UNKNOWN, MAYBE),
        case("another protocol", Word, spoilt(|a| a.protocol = 1), UNKNOWN, MAYBE),
        case("another unit", Word, spoilt(|a| a.unit += 1), UNKNOWN, MAYBE),
        case("a byte short", Word, spoilt(|a| _ = a.payload.pop()), UNKNOWN, MAYBE),
        case("a byte long", Word, spoilt(|a| a.payload.push(0)), UNKNOWN, MAYBE),
        case("the function alone", Word, spoilt(|a| a.payload.clear()), UNKNOWN, MAYBE),
        case("two registers: another address", Pair, spoilt(|a| a.payload[1] ^= 1), UNKNOWN, MAYBE),
        case("two registers: one confirmed", Pair, spoilt(|a| a.payload[3] = 1), UNKNOWN, MAYBE),
        case("two registers: three confirmed", Pair, spoilt(|a| a.payload[3] = 3), UNKNOWN, MAYBE),
        case(
            "two registers: everything comes back",
            Pair,
            spoilt(|a| a.payload.extend([4, 0, 1, 0, 2])),
            UNKNOWN,
            MAYBE,
        ),
        case("two registers: confirmed as one", Pair, spoilt(|a| a.function = 6), UNKNOWN, MAYBE),
        case("a coil: the other value", Bit, spoilt(|a| a.payload[2] = 0), UNKNOWN, MAYBE),
        case("a coil: neither on nor off", Bit, spoilt(|a| a.payload[3] = 1), UNKNOWN, MAYBE),
        case("a coil: another address", Bit, spoilt(|a| a.payload[1] ^= 1), UNKNOWN, MAYBE),
    ]
}

fn refusals() -> Vec<Case> {
    use Kind::{Pair, Word};
    let no = |code| exception(Takes::Nothing, code);
    let wrong = |function: u8| {
        answered(Takes::It, move |answer| {
            answer.exception(2);
            answer.function = function;
            vec![send(answer)]
        })
    };
    vec![
        case("exception 1", Word, no(1), FAILED, "function not supported"),
        case("exception 2", Word, no(2), FAILED, "address does not exist"),
        case("exception 3", Pair, no(3), FAILED, "request not allowed"),
        case("exception 4", Word, no(4), FAILED, "internal failure"),
        case("exception 6", Word, no(6), FAILED, "busy"),
        case("exception 127", Word, no(127), FAILED, "refused"),
        // It took it and works on it.
        case("exception 5", Word, exception(Takes::It, 5), VERIFIED, "reads back 1234"),
        // A gateway may have passed it on.
        case("exception 10", Word, exception(Takes::It, 10), UNKNOWN, MAYBE),
        case("exception 11", Word, exception(Takes::It, 11), UNKNOWN, MAYBE),
        case("exception of another function", Word, wrong(0x83), UNKNOWN, MAYBE),
        case("exception with a byte too many", Word, long_exception(), UNKNOWN, MAYBE),
    ]
}

fn long_exception() -> Fault {
    spoilt(|answer| {
        answer.exception(2);
        answer.payload.push(0);
    })
}

fn wires() -> Vec<Case> {
    use Kind::{Bit, Pair, Word};
    let ends = |act: Act| answered(Takes::It, move |_| vec![act.clone()]);
    let cut = |then: Option<Act>| {
        answered(Takes::It, move |answer| {
            let bytes = answer.bytes();
            [Act::Send(bytes[..bytes.len() - 1].to_vec())].into_iter().chain(then.clone()).collect()
        })
    };
    let slow = |millis: u64| answered(Takes::It, move |answer| vec![Act::Pause(millis), send(answer)]);
    let bytes = |answer: &mut Answer| {
        answer.bytes().into_iter().flat_map(|byte| [Act::Send(vec![byte]), Act::Pause(1)]).collect()
    };
    vec![
        case("silence, done", Word, answered(Takes::It, |_| Vec::new()), UNKNOWN, MAYBE),
        case("silence, not done", Pair, answered(Takes::Nothing, |_| Vec::new()), UNKNOWN, MAYBE),
        case("silence, a coil", Bit, answered(Takes::It, |_| Vec::new()), UNKNOWN, MAYBE),
        case("closed", Word, ends(Act::Close), UNKNOWN, MAYBE),
        case("reset", Word, ends(Act::Reset), UNKNOWN, MAYBE),
        case("cut, then silence", Word, cut(None), UNKNOWN, MAYBE),
        case("cut, then closed", Word, cut(Some(Act::Close)), UNKNOWN, MAYBE),
        case("cut, then reset", Word, cut(Some(Act::Reset)), UNKNOWN, MAYBE),
        case("too late", Word, slow(1500), UNKNOWN, MAYBE),
        case("slow but in time", Word, slow(300), VERIFIED, "reads back 1234"),
        case("a byte at a time", Pair, answered(Takes::It, bytes), VERIFIED, "reads back 123456789"),
        case("a web server", Word, ends(Act::Send(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec())), UNKNOWN, MAYBE),
        case(
            "confirmed twice",
            Word,
            answered(Takes::It, |answer| vec![Act::Send(answer.bytes().repeat(2))]),
            VERIFIED,
            "reads back 1234",
        ),
        case(
            "confirmed, not done",
            Word,
            answered(Takes::Nothing, |answer| vec![send(answer)]),
            MISMATCH,
            "sent 1234, the device kept 1300",
        ),
        case(
            "confirmed, something else done",
            Word,
            answered(Takes::Other(777), |answer| vec![send(answer)]),
            MISMATCH,
            "sent 1234, the device kept 777",
        ),
        case("confirmed, then never heard of again", Word, vanishes(), UNVERIFIED, "nothing good was read back"),
    ]
}

fn vanishes() -> Fault {
    let written = AtomicBool::new(false);
    Fault::All(Arc::new(move |ask| match written.fetch_or(ask.is_write(), Ordering::Relaxed) {
        true => Vec::new(),
        false => vec![send(&ask.truth)],
    }))
}

fn on_a_line() -> Vec<Case> {
    use Kind::{Pair, Word};
    let late = answered(Takes::It, |answer| vec![Act::Pause(1500), send(answer)]);
    let cases = vec![
        case("line: honest", Word, Fault::None, VERIFIED, "reads back 1234"),
        case("line: silence", Word, answered(Takes::It, |_| Vec::new()), UNKNOWN, MAYBE),
        case("line: wrong check sum", Pair, spoilt(|a| a.crc = 1), UNKNOWN, MAYBE),
        case("line: another value", Word, spoilt(|a| a.payload[3] ^= 1), UNKNOWN, MAYBE),
        case("line: another quantity", Pair, spoilt(|a| a.payload[3] = 1), UNKNOWN, MAYBE),
        case("line: another unit", Word, spoilt(|a| a.unit += 1), UNKNOWN, MAYBE),
        case("line: too late", Word, late, UNKNOWN, MAYBE),
        case("line: exception 4", Word, exception(Takes::Nothing, 4), FAILED, "internal failure"),
    ];
    cases.into_iter().map(|case| Case { flavour: Flavour::Serial, ..case }).collect()
}

struct Trial {
    case: Case,
    device: Device,
    /// The last sample of its tag.
    seen: Value,
    /// A value that it never held.
    wrong: Option<Value>,
}

impl Trial {
    fn new(case: Case) -> Self {
        let device = match case.flavour {
            Flavour::Tcp => Device::tcp(),
            Flavour::Serial => Device::serial(),
        };
        Self { case, device, seen: Value::Null, wrong: None }
    }

    /// What the device holds in the end.
    fn held(&self) -> Value {
        match self.case.fault {
            Fault::Writes(Takes::Nothing, _) => self.case.kind.before(),
            Fault::Writes(Takes::Other(value), _) => json!(value),
            _ => self.case.kind.wanted().1,
        }
    }

    fn shows(&self, value: &Value) -> bool {
        self.seen["quality"] == "good" && self.seen["value"] == *value
    }

    fn sample(&mut self, event: Value) {
        let value = &event["value"];
        if event["quality"] == "good" && *value != self.case.kind.before() && *value != self.held() {
            self.wrong.get_or_insert_with(|| event.clone());
        }
        self.seen = event;
    }

    /// What is wrong with the outcome, or with what came over the wire.
    fn verdict(&self, code: Option<i32>, said: &str) -> Option<String> {
        let Case { name, kind, code: due, words, .. } = &self.case;
        let told = format!("{name:?} ({kind:?}):");
        if code != Some(*due) || !said.contains(words) {
            return Some(format!("{told} exit code {code:?} and {said:?}; {due} and {words:?} were due"));
        }
        if self.device.writes() != 1 {
            return Some(format!("{told} {} writes came over the wire", self.device.writes()));
        }
        if let Some(wrong) = &self.wrong {
            return Some(format!("{told} a value that the device never held was shown as good: {wrong}"));
        }
        let held = self.held();
        (!self.shows(&held)).then(|| format!("{told} in the end it holds {held} and {} is shown", self.seen))
    }
}

fn station_file(trials: &[Trial]) -> Value {
    let (mut connections, mut devices, mut tags) = (Vec::new(), Vec::new(), Vec::new());
    for (number, trial) in trials.iter().enumerate() {
        let name = format!("w{number}");
        connections.push(json!({"name": name, "modbus": trial.device.reach("1s")}));
        devices.push(json!({"name": name, "connection": name, "unit": 1, "poll": "100ms", "identify": false}));
        let mut tag = trial.case.kind.tag();
        tag["name"] = json!(name);
        tag["device"] = json!(name);
        tags.push(tag);
    }
    json!({"station": {"name": "Writes"}, "connections": connections, "devices": devices, "tags": tags})
}

/// Follows the events until all tags are as they should be, or the time is over.
fn follow(station: &mut Station, trials: &mut [Trial], what: &str, fits: impl Fn(&Trial) -> bool) -> bool {
    let end = Instant::now() + DEADLINE;
    while !trials.iter().all(&fits) {
        let event = station.wait(what, |event| event["event"] == "sample");
        let number = event["tag"].as_str().and_then(|tag| tag.strip_prefix('w')?.parse::<usize>().ok());
        if let Some(number) = number {
            trials[number].sample(event);
        }
        if Instant::now() > end {
            return false;
        }
    }
    true
}

pub fn prove() {
    let cases = [confirmations(), refusals(), wires(), on_a_line()].into_iter().flatten();
    let mut trials: Vec<Trial> = cases.map(Trial::new).collect();
    let folder = Folder::new(&station_file(&trials));
    let mut station = Station::start(&folder.path);
    assert!(follow(&mut station, &mut trials, "all at the start", |trial| trial.shows(&trial.case.kind.before())));
    for trial in &trials {
        trial.device.set(trial.case.fault.clone(), 1);
    }
    let path = folder.path.to_str().unwrap();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let set = |(number, trial): (usize, &Trial)| {
            let (tag, text) = (format!("w{number}"), trial.case.kind.wanted().0);
            scope.spawn(move || run(&["set", path, &tag, text, "--reason", "test"]))
        };
        let tools: Vec<_> = trials.iter().enumerate().map(set).collect();
        tools.into_iter().map(|tool| tool.join().unwrap()).collect()
    });
    for trial in &trials {
        trial.device.set(Fault::None, 1);
    }
    follow(&mut station, &mut trials, "all at the end", |trial| trial.shows(&trial.held()));
    let mut failed = Vec::new();
    for (trial, outcome) in trials.iter().zip(&outcomes) {
        let said = words(outcome);
        eprintln!("{:<48} {}", trial.case.name, said.trim());
        failed.extend(trial.verdict(outcome.status.code(), &said));
    }
    assert!(failed.is_empty(), "{} of {} cases failed:\n  {}", failed.len(), trials.len(), failed.join("\n  "));
}
