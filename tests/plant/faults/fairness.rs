//! A device that misbehaves costs nobody else anything: polls are counted where they arrive, with and without faults.

use super::answer::{Ask, truth};
use super::cases::{Expect, Flavour, SILENT, reads, send};
use super::device::{Act, Device, Fault};
use super::tcp;
use crate::support::{DEADLINE, Folder, Station};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How long polls are counted.
const WINDOW: Duration = Duration::from_secs(5);
/// Others use this machine: what fails once is measured again, control run and all.
const TRIES: usize = 3;

/// A station with one tag for each unit, called by its number.
struct Plant {
    station: Station,
    _folder: Folder,
    /// The quality and the reason of each tag.
    seen: BTreeMap<String, (String, String)>,
    /// Tags that must not be anything but good.
    healthy: Vec<String>,
    /// What register 0 holds, in every epoch; that of the first device counts.
    held: [Value; 2],
}

impl Plant {
    /// Connections as (device, time-out, units). The first one has to be a counter, so that there is always something to see.
    fn start(wires: &[(&Device, &str, u8)]) -> Self {
        let (mut connections, mut devices, mut tags) = (Vec::new(), Vec::new(), Vec::new());
        for (number, (device, timeout, units)) in wires.iter().enumerate() {
            let wire = format!("c{number}");
            connections.push(json!({"name": wire, "modbus": device.reach(timeout)}));
            for unit in 1..=*units {
                let name = format!("{wire}-{unit}");
                devices
                    .push(json!({"name": name, "connection": wire, "unit": unit, "poll": "100ms", "identify": false}));
                tags.push(json!({"name": name, "device": name, "register": "holding:0"}));
            }
        }
        let file = json!({"station": {"name": "Fair"}, "connections": connections, "devices": devices, "tags": tags});
        let folder = Folder::new(&file);
        let station = Station::start(&folder.path);
        let mut plant = Self {
            station,
            _folder: folder,
            seen: BTreeMap::new(),
            healthy: Vec::new(),
            held: [1, 2].map(|epoch| json!(truth(epoch, 0))),
        };
        plant
            .follow("all good", |seen| seen.len() == tags.len() && seen.values().all(|(quality, _)| quality == "good"));
        plant
    }

    fn next(&mut self) {
        let event = self.station.wait("a sample", |event| event["event"] == "sample");
        let Some(tag) = event["tag"].as_str().filter(|tag| tag.starts_with('c')) else { return };
        let word = |key: &str| event[key].as_str().unwrap_or_default().to_owned();
        assert!(
            event["quality"] == "good" || !self.healthy.iter().any(|healthy| healthy == tag),
            "a healthy device suffers from others: {event}"
        );
        let wrong = event["quality"] == "good" && !tag.starts_with("c0-") && !self.held.contains(&event["value"]);
        assert!(!wrong, "a value that no device held is shown as good: {event}");
        self.seen.insert(tag.to_owned(), (word("quality"), word("reason")));
    }

    fn follow(&mut self, what: &str, fits: impl Fn(&BTreeMap<String, (String, String)>) -> bool) {
        let end = Instant::now() + DEADLINE;
        while !fits(&self.seen) {
            assert!(Instant::now() < end, "waited in vain for {what}: {:?}", self.seen);
            self.next();
        }
    }

    /// How often each of these was asked, a second, over one window, or until it is interrupted.
    fn rates(&mut self, asked: impl Fn() -> Vec<u64>, interrupted: impl Fn() -> bool) -> Vec<f64> {
        let (start, before) = (Instant::now(), asked());
        let (mut seconds, mut after) = (0.0, before.clone());
        while !interrupted() && start.elapsed() < WINDOW {
            (seconds, after) = (start.elapsed().as_secs_f64(), asked());
            self.next();
        }
        after.iter().zip(before).map(|(after, before)| (after - before) as f64 / seconds).collect()
    }
}

/// The whole, and the worst single one, against the control run.
fn compare(control: &[f64], faulty: &[f64]) -> (f64, f64) {
    let whole = faulty.iter().sum::<f64>() / control.iter().sum::<f64>();
    let worst = faulty.iter().zip(control).map(|(faulty, control)| faulty / control);
    (whole, worst.fold(f64::INFINITY, f64::min))
}

/// Twenty faults of all sorts, spread over the table.
fn twenty() -> Vec<Fault> {
    let bad: Vec<_> = tcp::all().into_iter().filter(|case| matches!(case.expect, Expect::Bad(_))).collect();
    let step = bad.len() / 20;
    let mut faults: Vec<Fault> = bad.into_iter().step_by(step).take(17).map(|case| case.fault).collect();
    faults.extend([Fault::Refuse, Fault::NeverRead, reads(|_| Vec::new())]);
    faults
}

pub fn hundred() {
    let healthy: Vec<Device> =
        (0..80).map(|place| if place == 0 { Device::counter() } else { Device::tcp() }).collect();
    let faults = twenty();
    let faulty: Vec<Device> = faults.iter().map(|_| Device::tcp()).collect();
    let wires: Vec<_> = healthy.iter().map(|device| (device, "2s", 1)).collect();
    let wires: Vec<_> = wires.into_iter().chain(faulty.iter().map(|device| (device, "300ms", 1))).collect();
    let mut plant = Plant::start(&wires);
    plant.healthy = (0..80).map(|number| format!("c{number}-1")).collect();
    let asked = || healthy.iter().map(|device| device.asked(1)).collect();
    let mut tries = Vec::new();
    for _ in 0..TRIES {
        let control = plant.rates(asked, || false);
        for (device, fault) in faulty.iter().zip(&faults) {
            device.set(fault.clone(), 2);
        }
        plant.follow("twenty bad", |seen| (80..100).all(|number| seen[&format!("c{number}-1")].0 == "bad"));
        let (whole, worst) = compare(&control, &plant.rates(asked, || false));
        eprintln!(
            "of {:.0} polls a second {whole:.3} remain, of one device at least {worst:.3}",
            control.iter().sum::<f64>()
        );
        if whole >= 0.95 && worst >= 0.85 {
            return;
        }
        tries.push((whole, worst));
        faulty.iter().for_each(|device| device.set(Fault::None, 1));
        plant.follow("all good", |seen| seen.values().all(|(quality, _)| quality == "good"));
    }
    panic!("eighty healthy devices lose polls because of twenty others (of all, of the worst): {tries:?}");
}

/// What is wrong with one of four units behind a wire.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Wrong {
    Silent,
    /// Its answers come after the time-out, when others are asked.
    Late,
}

/// A probe of the bad unit costs the others no more than this at once: the time-out, what comes late, and on a serial line a time-out of
/// silence after it; the rest is the allowance for a busy machine.
const PROBE: Duration = Duration::from_millis(2200);

/// Between the probes the others go on as if the bad unit were not there.
pub fn shared(flavour: Flavour, wrong: Wrong) {
    let pulse = Device::counter();
    let wire = if flavour == Flavour::Tcp { Device::tcp() } else { Device::serial() };
    let mut plant = Plant::start(&[(&pulse, "2s", 1), (&wire, "600ms", 4)]);
    plant.healthy = ["c0-1", "c1-1", "c1-2", "c1-4"].map(str::to_owned).to_vec();
    let asked = || [1, 2, 4].map(|unit| wire.asked(unit)).to_vec();
    let pause = || [1, 2, 4].map(|unit| wire.longest_pause(unit)).into_iter().max().unwrap();
    let mut tries = Vec::new();
    for _ in 0..TRIES {
        let control = plant.rates(asked, || false);
        let before = wire.asked(3);
        pause();
        let fault = move |ask: &Ask| match wrong {
            _ if ask.unit != 3 => vec![send(&ask.truth)],
            Wrong::Silent => Vec::new(),
            Wrong::Late => vec![Act::Pause(900), send(&ask.lie())],
        };
        wire.set(reads(fault), 1);
        plant.follow("the bad unit", |seen| seen["c1-3"] == ("bad".to_owned(), SILENT.to_owned()));
        // Asked in vain three times it is left alone for some seconds; the last of the three has ended when others were asked again.
        while wire.asked(3) < before + 3 {
            plant.next();
        }
        let others = asked();
        while asked().iter().zip(&others).any(|(now, then)| *now < then + 2) {
            plant.next();
        }
        let probes = wire.asked(3);
        let (whole, worst) = compare(&control, &plant.rates(asked, || wire.asked(3) > probes));
        let pause = pause();
        eprintln!(
            "{flavour:?}, {wrong:?}: {whole:.3} of the polls remain, of one unit at least {worst:.3}; the longest pause was {pause:?}"
        );
        wire.set(Fault::None, 1);
        plant.follow("the bad unit again", |seen| seen["c1-3"].0 == "good");
        if whole >= 0.95 && worst >= 0.9 && pause <= PROBE {
            return;
        }
        tries.push((whole, worst, pause));
    }
    panic!("one bad unit costs the others on its wire too much (polls of all, of the worst, longest pause): {tries:?}");
}
