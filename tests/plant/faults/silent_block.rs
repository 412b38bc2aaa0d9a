//! A device that answers for some of its registers and is silent about others: only those tags suffer.

use super::cases::{Flavour, SILENT, send};
use super::device::{Device, Fault};
use crate::support::{DEADLINE, Folder, Station};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often the register that is not answered is asked for again before the fault ends: rests of 2 and 4 seconds lie in between.
const AGAIN: u64 = 3;
/// A try costs the others its time-out, and on a serial line the silence after it; the rest is the allowance for a busy machine.
const PAUSE: Duration = Duration::from_millis(2500);
/// The next rest is one of 8 seconds.
const RECOVERY: Duration = Duration::from_secs(20);

fn station_file(device: &Device, pulse: &Device) -> Value {
    let tag = |register: u16| json!({"name": format!("r{register}"), "device": "plc", "register": format!("holding:{register}")});
    json!({
        "station": {"name": "Silent"},
        "connections": [{"name": "plc", "modbus": device.reach("300ms")}, {"name": "pulse", "modbus": pulse.reach("2s")}],
        "devices": [{"name": "plc", "connection": "plc", "poll": "100ms", "identify": false},
                    {"name": "pulse", "connection": "pulse", "poll": "100ms", "identify": false}],
        "tags": [tag(0), tag(300), tag(600), {"name": "pulse", "device": "pulse", "register": "holding:0"}],
    })
}

/// Never answers for one register; counts how often it was asked for that one, and for others.
fn silence(about: u16) -> (Fault, Arc<[AtomicU64; 2]>) {
    let counts = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
    let inside = Arc::clone(&counts);
    let script = move |ask: &super::answer::Ask| {
        let silent = (ask.address..ask.address + ask.second()).contains(&about);
        inside[usize::from(!silent)].fetch_add(1, Ordering::Relaxed);
        if silent { Vec::new() } else { vec![send(&ask.truth)] }
    };
    (Fault::Reads(Arc::new(script)), counts)
}

pub fn prove(flavour: Flavour, about: u16) {
    // There is always something to see of another device.
    let pulse = Device::counter();
    let device = if flavour == Flavour::Tcp { Device::tcp() } else { Device::serial() };
    let folder = Folder::new(&station_file(&device, &pulse));
    let mut station = Station::start(&folder.path);
    station.wait_all_good(&["r0", "r300", "r600"]);
    let (fault, counts) = silence(about);
    device.set(fault, 1);
    let silent = format!("r{about}");
    // Nobody else is ever bad, from the first moment on.
    watch(&mut station, &silent, |event| event["tag"] == *silent && event["reason"] == SILENT);
    // It is asked again at once, and then rests.
    watch(&mut station, &silent, |_| counts[0].load(Ordering::Relaxed) >= 2);
    device.longest_pause(1);
    let tries = counts[0].load(Ordering::Relaxed);
    let asked = counts[1].load(Ordering::Relaxed);
    let begun = Instant::now();
    watch(&mut station, &silent, |_| counts[0].load(Ordering::Relaxed) >= tries + AGAIN);
    let (polls, pause) = (counts[1].load(Ordering::Relaxed) - asked, device.longest_pause(1));
    eprintln!(
        "{flavour:?}, {silent}: {polls} polls of the others in {:?}, the longest pause was {pause:?}",
        begun.elapsed()
    );
    assert!(pause < PAUSE, "a block that is not answered holds up its unit for {pause:?}");
    assert!(begun.elapsed() > Duration::from_secs(4), "it does not rest: {AGAIN} tries in {:?}", begun.elapsed());
    device.set(Fault::None, 2);
    let over = Instant::now();
    watch(&mut station, &silent, |event| event["tag"] == *silent && event["quality"] == "good");
    assert!(over.elapsed() < RECOVERY, "it came back after {:?}", over.elapsed());
}

/// Follows the news until `done`; of the device and its tags, nothing but the silent one may be bad.
fn watch(station: &mut Station, silent: &str, done: impl Fn(&Value) -> bool) {
    let end = Instant::now() + DEADLINE;
    loop {
        let event = station.wait("news", |_| true);
        let good = event["quality"] == "good" || event["state"] == "good";
        let concerns =
            event["device"] == "plc" || event["tag"].as_str().is_some_and(|tag| tag.starts_with('r') && tag != silent);
        assert!(good || !concerns, "its silence takes others down: {event}");
        assert!(event["event"] != "alarm", "its silence is an alarm of the whole device: {event}");
        if done(&event) {
            return;
        }
        assert!(Instant::now() < end, "waited in vain");
    }
}
