//! A device is taken off scan while the station goes on with another file: whichever comes first, nobody talks to it any more; and back
//! on scan it is talked to again. The wish and the file reach the drivers with nothing in between, so that no driver has seen the one
//! when the other comes.

use super::device::Device;
use crate::support::{DEADLINE, Folder};
use polder::config;
use polder::driver::{ConnectionSettings, DriverEvent, Drivers, OffScan, Port};
use polder::queue::{self, WhenFull};
use polder::station::SystemClock;
use polder::tag::Generation;
use serde_json::json;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::mpsc::Receiver;

/// What another file changes for the device.
#[derive(Clone, Copy, Debug)]
enum Change {
    /// Only others: its unit goes on.
    Nothing,
    /// Its unit is made anew, on the wire that is there.
    Unit,
    /// Its wire is another one: its task is asked to open it.
    Wire,
    /// Its connection has another name: another task does its work.
    Task,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum First {
    Wish,
    File,
}

/// The connections of a file in which so much of the device is another thing.
fn connections(device: &Device, other: &Device, changed: Option<Change>, generation: u32) -> Vec<ConnectionSettings> {
    let mut wire = device.reach("1s");
    let (mut name, mut poll) = ("wire", "50ms");
    match changed {
        Some(Change::Unit) => poll = "60ms",
        Some(Change::Wire) => wire["timeout"] = json!("900ms"),
        Some(Change::Task) => name = "another",
        Some(Change::Nothing) | None => {}
    }
    let folder = Folder::new(&json!({
        "station": {"name": "Off scan"},
        "connections": [{"name": name, "modbus": wire}, {"name": "other", "modbus": other.reach("1s")}],
        "devices": [{"name": "pump", "connection": name, "poll": poll, "identify": false},
                    {"name": "other", "connection": "other", "poll": "50ms", "identify": false}],
        "tags": [{"name": "speed", "device": "pump", "register": "holding:0"},
                 {"name": "level", "device": "other", "register": "holding:0"}],
    }));
    config::load(&folder.path, Generation(generation)).into_plant().unwrap().connections
}

/// Waits until a device was asked so often more.
async fn asked(device: &Device, more: u64, told: &mut Receiver<DriverEvent>) {
    let (before, end) = (device.asked(1), Instant::now() + DEADLINE);
    while device.asked(1) < before + more {
        assert!(Instant::now() < end, "it is not asked");
        tokio::time::timeout(DEADLINE, told.recv()).await.unwrap();
    }
}

async fn check(changed: Change, first: First) {
    let (device, other) = (Device::counter(), Device::counter());
    let (events, mut told) = queue::bounded("events of a test", 1024, WhenFull::Wait);
    let port = Port::new(events, Arc::new(SystemClock::new()));
    let mut drivers = Drivers::default();
    drivers.reconfigure(connections(&device, &other, None, 1), &port, Generation(1));
    asked(&device, 3, &mut told).await;
    let wish = |drivers: &mut Drivers, wanted: &[&str], change: Option<Change>, generation: u32| {
        let names: HashSet<Arc<str>> = wanted.iter().map(|name| Arc::from(*name)).collect();
        let settings = connections(&device, &other, change, generation);
        if first == First::Wish {
            drivers.set_off_scan(OffScan::from(names.clone()));
        }
        drivers.reconfigure(settings, &port, Generation(generation));
        if first == First::File {
            drivers.set_off_scan(OffScan::from(names));
        }
    };
    wish(&mut drivers, &["pump"], Some(changed), 2);
    // What was under way when the wish came may still arrive.
    asked(&other, 3, &mut told).await;
    let before = device.asked(1);
    asked(&other, 12, &mut told).await;
    assert_eq!(device.asked(1), before, "{changed:?}, the {first:?} first: it is asked although it is off scan");
    wish(&mut drivers, &[], None, 3);
    asked(&device, 3, &mut told).await;
}

pub async fn prove() {
    for changed in [Change::Nothing, Change::Unit, Change::Wire, Change::Task] {
        for first in [First::Wish, First::File] {
            check(changed, first).await;
        }
    }
}
