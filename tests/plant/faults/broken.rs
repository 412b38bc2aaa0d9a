//! A defect of ours: a driver breaks off in the middle of its work. Its own devices say so, all others go on, and it is started again.

use super::device::Device;
use crate::support::{DEADLINE, Folder};
use polder::config;
use polder::driver::{ConnectionSettings, DriverEvent, Drivers, Link, Port};
use polder::engine::{Effects, Engine, Event, Restored, Snapshot};
use polder::queue::{self, Sender, WhenFull};
use polder::station::SystemClock;
use polder::tag::{Clock, DeviceId, Generation, Now, Reason};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;
use tokio::sync::mpsc::Receiver;

/// A defect that can be let loose: the clock of one driver panics once.
struct Defect {
    loose: AtomicBool,
    clock: SystemClock,
}

impl Clock for Defect {
    fn now(&self) -> Now {
        assert!(!self.loose.swap(false, Ordering::Relaxed), "a defect of a test");
        self.clock.now()
    }
}

/// Drivers and an engine without the rest of a station.
struct Bench {
    engine: Engine,
    effects: Effects,
    clock: SystemClock,
    told: Receiver<DriverEvent>,
}

impl Bench {
    /// Takes what the drivers say until the picture fits.
    async fn until(&mut self, what: &str, fits: impl Fn(&Snapshot) -> bool) -> Snapshot {
        let end = Instant::now() + DEADLINE;
        loop {
            let event = tokio::time::timeout(DEADLINE, self.told.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("waited in vain for {what}")).unwrap();
            self.engine.step(Event::Driver(event), self.clock.now(), &mut self.effects);
            let snapshot = self.engine.snapshot(self.clock.now());
            if fits(&snapshot) {
                return snapshot;
            }
            assert!(Instant::now() < end, "waited in vain for {what}: {:?}", snapshot.devices);
        }
    }
}

fn station(devices: [&Device; 2]) -> Value {
    let wires = [("a", devices[0]), ("b", devices[1])];
    json!({
        "station": {"name": "Broken"},
        "connections": wires.map(|(name, device)| json!({"name": name, "modbus": device.reach("1s")})),
        "devices": wires.map(|(name, _)| json!({"name": name, "connection": name, "poll": "50ms", "identify": false})),
        "tags": wires.map(|(name, _)| json!({"name": format!("{name}/tag"), "device": name, "register": "holding:0"})),
    })
}

fn good(snapshot: &Snapshot, place: usize) -> bool {
    let tag = snapshot.plan.directory.find(["a/tag", "b/tag"][place]).unwrap();
    snapshot.devices[place].is_good() && snapshot.live(tag).unwrap().quality.is_good()
}

/// Drivers for both wires, of which that of the first has a defect.
fn start(drivers: &mut Drivers, wires: &[ConnectionSettings], events: &Sender<DriverEvent>, defect: &Arc<Defect>) {
    let faulty = Port::new(events.clone(), Arc::clone(defect) as Arc<dyn Clock>);
    let sound = Port::new(events.clone(), Arc::new(SystemClock::new()));
    // Who runs already keeps the clock that it has.
    drivers.reconfigure(wires[..1].to_vec(), &faulty, Generation(1));
    drivers.reconfigure(wires.to_vec(), &sound, Generation(1));
}

pub async fn prove() {
    let (broken, other) = (Device::counter(), Device::counter());
    let folder = Folder::new(&station([&broken, &other]));
    let plant = config::load(&folder.path, Generation(1)).into_plant().unwrap();
    let (events, told) = queue::bounded("events of a test", 1024, WhenFull::Wait);
    let engine = Engine::new(Arc::new(plant.plan), Restored::default());
    let mut bench = Bench { engine, effects: Effects::default(), clock: SystemClock::new(), told };
    let defect = Arc::new(Defect { loose: AtomicBool::new(false), clock: SystemClock::new() });
    let mut drivers = Drivers::default();
    start(&mut drivers, &plant.connections, &events, &defect);
    bench.until("both good", |snapshot| good(snapshot, 0) && good(snapshot, 1)).await;
    for often in 1..=2 {
        let asked = other.asked(1);
        defect.loose.store(true, Ordering::Relaxed);
        let picture = bench
            .until("the break", |snapshot| {
                assert!(good(snapshot, 1), "another device is disturbed: {:?}", snapshot.devices);
                !snapshot.devices[0].is_good()
            })
            .await;
        let Link::Lost { reason, detail, next_try } = &picture.devices[0].link else { panic!("{:?}", picture.devices) };
        assert!(detail.contains("a defect in Polder (a defect of a test)") && next_try.is_some(), "{detail}");
        assert_eq!((*reason, picture.devices[0].statistics.broke_off), (Reason::NotConnected, often));
        let tag = picture.plan.directory.tags_of(DeviceId(0))[0];
        assert!(!picture.live(tag).unwrap().quality.is_good(), "its value stands as if it were live");
        let picture = bench
            .until("its return", |snapshot| {
                assert!(good(snapshot, 1), "another device is disturbed: {:?}", snapshot.devices);
                good(snapshot, 0)
            })
            .await;
        assert_eq!(picture.devices[0].statistics.broke_off, often, "what was counted is forgotten");
        // It rested for a second at least, and the other one was asked all the while.
        assert!(other.asked(1) >= asked + 10, "{} polls", other.asked(1) - asked);
    }
}
