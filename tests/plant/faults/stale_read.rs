//! One bit of a register is set by reading it, changing the bit and writing it back. What is written must never come from an answer that
//! is late, whatever went wrong on the line before.

use super::answer::{Ask, truth};
use super::cases::send;
use super::device::{Act, Device, Fault};
use crate::support::{Folder, Station, run, words};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const REGISTER: u16 = 60;
/// The bit that is set.
const BIT: u16 = 1 << 4;

/// What goes wrong on the line just before the command.
#[derive(Clone, Copy, Debug)]
enum Before {
    /// A tool reads the register, and the answer comes late.
    LateRead,
    /// The write of a command like it is confirmed late: whether it arrived is in doubt.
    LateConfirmation,
}

/// The first request that this is true of is answered when the next one comes, whatever that is; all others at once.
fn late(is_late: impl Fn(&Ask) -> bool + Send + Sync + 'static) -> Fault {
    let (is_over, kept) = (AtomicBool::new(false), Mutex::new(None));
    let script = move |ask: &Ask| {
        if is_late(ask) && !is_over.swap(true, Ordering::Relaxed) {
            *kept.lock().unwrap() = Some(ask.truth.clone());
            return Vec::new();
        }
        let late = kept.lock().unwrap().take();
        late.iter().map(send).chain([Act::Pause(50), send(&ask.truth)]).collect()
    };
    Fault::All(Arc::new(script))
}

fn station_file(device: &Device) -> serde_json::Value {
    json!({
        "station": {"name": "Bits"},
        "connections": [{"name": "bus", "modbus": device.reach("300ms")}],
        // Polled so rarely that the command comes before anything else has looked at the line.
        "devices": [{"name": "plc", "connection": "bus", "poll": "60s", "identify": false,
                     "write_bits": "read-modify-write"}],
        "tags": [{"name": "bit", "device": "plc", "register": format!("holding:{REGISTER}"), "bit": 4,
                  "command": {"within": "3s"}}],
    })
}

fn disturb(station: &Station, device: &Device, before: Before) {
    let folder = station.folder.to_str().unwrap();
    match before {
        Before::LateRead => {
            device.set(late(|ask| ask.address == REGISTER && !ask.is_write()), 1);
            let register = REGISTER.to_string();
            let read = run(&["browse", "modbus", "bus", "--station", folder, "--from", &register, "--count", "1"]);
            assert!(words(&read).contains("no answer within"), "{}", words(&read));
        }
        Before::LateConfirmation => {
            device.set(late(Ask::is_write), 1);
            let first = station.tool(&["set", "bit", "off", "--reason", "test"]);
            assert_ne!(first.status.code(), Some(2), "{}", words(&first));
        }
    }
}

fn check(before: Before) {
    let device = Device::serial();
    let folder = Folder::new(&station_file(&device));
    let mut station = Station::start(&folder.path);
    station.wait_good("bit");
    disturb(&station, &device, before);
    // Another master changes other bits of the register: what was read before is not true any more.
    let (old, new) = (truth(1, REGISTER), truth(2, REGISTER));
    assert_ne!(old | BIT, new | BIT);
    device.become_true(2);
    let writes = device.writes();
    let mut tries = 0;
    loop {
        let said = station.tool(&["set", "bit", "on", "--reason", "test"]);
        let text = words(&said);
        eprintln!("{before:?}: {}", text.trim());
        match device.writes() - writes {
            0 => assert_eq!(said.status.code(), Some(2), "nothing was written, and this was said: {text}"),
            1 => break assert_eq!(said.status.code(), Some(0), "{text}"),
            more => panic!("{more} writes"),
        }
        tries += 1;
        assert!(tries < 10, "it is never written");
        if text.contains("commands are not kept for later") {
            station.wait_good("bit");
        }
    }
    assert_eq!(device.holds(REGISTER), Some(new | BIT), "bits were written that were read before the disturbance");
}

pub fn prove() {
    check(Before::LateRead);
    check(Before::LateConfirmation);
}
