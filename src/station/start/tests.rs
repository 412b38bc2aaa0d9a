//! Stores that take nothing, or die, and a station that goes on.

use super::*;
use crate::recorder::Order;
use std::time::{Duration, Instant};

/// Waits until the station shows that history fails, or that it does not; why it fails.
fn wait_until(station: &Station, failing: bool) -> Option<Arc<str>> {
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let found = station.handle().snapshot().health.history_failing.clone();
        if found.is_some() == failing {
            return found;
        }
        assert!(Instant::now() < end, "still {found:?}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

#[test]
fn a_reload_does_not_wait_for_a_historian_that_takes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(config::STATION_FILE), config::STARTER).unwrap();
    let history = folder.path().join(HISTORY_FOLDER);
    std::fs::create_dir_all(history.join(SAMPLES_FILE)).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let plant = config::load(folder.path(), Generation(1)).into_plant().unwrap();
    let (urgent, _inbox) = queue::bounded("requests of a test", URGENT, WhenFull::Refuse);
    let records = OpenedRecords::open(folder.path(), clock.now().utc).unwrap();
    let opened = OpenedHistory::open(folder.path(), clock.now().utc);
    assert!(opened.is_err());
    let parts = Parts::start(folder.path(), &plant, records, opened, &clock, &urgent).unwrap();
    while parts.historian.rows(Vec::new()).is_ok() {}
    let mut engine = Engine::new(Arc::new(plant.plan), Restored::default());
    let handle = parts.handle(folder.path(), &mut engine, urgent, &clock);
    let mut outlets = parts.outlets(&handle, None, None);
    let next = config::load(folder.path(), Generation(2)).into_plant().unwrap();
    let mut engine = Engine::new(Arc::new(next.plan), Restored::default());
    let snapshot = Arc::new(engine.snapshot(clock.now()));
    crate::engine::run::Outlets::publish(&mut outlets, Arc::clone(&snapshot));
    assert!(outlets.untold_plan.is_some(), "the plan waits, and nobody waits for it");
    std::fs::remove_dir(history.join(SAMPLES_FILE)).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while outlets.untold_plan.is_some() || outlets.untold_retention.is_some() {
        assert!(Instant::now() < end, "the plan is told when there is room");
        crate::engine::run::Outlets::publish(&mut outlets, Arc::clone(&snapshot));
        std::thread::park_timeout(Duration::from_millis(5));
    }
    outlets.close();
}

#[test]
fn a_recorder_that_died_holds_up_no_stop() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(config::STATION_FILE), config::STARTER).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let plant = config::load(folder.path(), Generation(1)).into_plant().unwrap();
    let (urgent, _inbox) = queue::bounded("requests of a test", URGENT, WhenFull::Refuse);
    let records = OpenedRecords::open(folder.path(), clock.now().utc).unwrap();
    let history = OpenedHistory::open(folder.path(), clock.now().utc);
    let parts = Parts::start(folder.path(), &plant, records, history, &clock, &urgent).unwrap();
    let other = tempfile::tempdir().unwrap();
    let doomed = OpenedRecords::open(other.path(), clock.now().utc).unwrap();
    let mut engine = Engine::new(Arc::new(plant.plan), Restored::default());
    let handle = parts.handle(folder.path(), &mut engine, urgent, &clock);
    let mut outlets = parts.outlets(&handle, None, None);
    // What it answers kills the thread, as a fault in it would.
    let recorder = Recorder::start(doomed.store, |_| panic!("a fault of the test")).unwrap();
    let draft = crate::audit::Draft {
        request: "r".into(),
        time: clock.now().utc,
        principal: crate::access::Principal::station(),
        action: "test".into(),
        subject: "".into(),
        detail: "{}".into(),
        essential: false,
    };
    recorder.order(Order { drafts: vec![draft], ..Order::default() }).unwrap();
    let end = Instant::now() + Duration::from_secs(30);
    while !recorder.has_ended() {
        assert!(Instant::now() < end, "it goes on");
        std::thread::park_timeout(Duration::from_millis(5));
    }
    outlets.recorder = Some(recorder);
    let closing = Instant::now();
    outlets.close();
    assert!(closing.elapsed() < Duration::from_secs(4), "nobody waits for a thread that is gone");
}

#[test]
fn a_historian_that_died_is_said_in_words_and_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(config::STATION_FILE), config::STARTER).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let plant = config::load(folder.path(), Generation(1)).into_plant().unwrap();
    let (urgent, mut inbox) = queue::bounded("requests of a test", URGENT, WhenFull::Refuse);
    let records = OpenedRecords::open(folder.path(), clock.now().utc).unwrap();
    let history = OpenedHistory::open(folder.path(), clock.now().utc);
    let mut parts = Parts::start(folder.path(), &plant, records, history, &clock, &urgent).unwrap();
    let other = tempfile::tempdir().unwrap();
    let doomed = OpenedHistory::open(other.path(), clock.now().utc).unwrap();
    // What it reports kills the thread, as a fault in it would.
    parts.historian = Historian::start(doomed, Arc::clone(&clock), |_| panic!("a fault of the test")).unwrap();
    let mut engine = Engine::new(Arc::new(plant.plan), Restored::default());
    let handle = parts.handle(folder.path(), &mut engine, urgent, &clock);
    let mut outlets = parts.outlets(&handle, None, None);
    let snapshot = Arc::new(engine.snapshot(clock.now()));
    let end = Instant::now() + Duration::from_secs(30);
    let why = loop {
        assert!(Instant::now() < end, "nothing was said");
        crate::engine::run::Outlets::publish(&mut outlets, Arc::clone(&snapshot));
        let told = std::iter::from_fn(|| inbox.try_recv().ok());
        let failing = told.filter_map(|event| match event {
            Event::Health(health) => health.history_failing,
            _ => None,
        });
        if let Some(why) = failing.last() {
            break why;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    };
    assert!(why.contains("a fault of the test") && why.contains("restart the station"), "{why}");
    let rows = (0..100).map(|_| crate::tag::HistoryRow {
        tag: crate::tag::TagId(0),
        sample: crate::tag::Sample { time: Timestamp::default(), value: None, quality: crate::tag::Quality::GOOD },
    });
    crate::engine::run::Outlets::history(&mut outlets, &mut rows.collect(), Vec::new());
    assert!(crate::engine::run::Outlets::records(&mut outlets, Vec::new(), Vec::new()).is_ok(), "records go on");
    let closing = Instant::now();
    outlets.close();
    assert!(closing.elapsed() < Duration::from_secs(4), "nobody waits for a thread that is gone");
}

#[test]
fn a_station_whose_history_cannot_be_opened_runs_says_so_and_tries_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(config::STATION_FILE), config::STARTER).unwrap();
    let history = folder.path().join(HISTORY_FOLDER);
    // SQLite says of it what it says of a disk on which it cannot make a file.
    std::fs::create_dir_all(history.join(SAMPLES_FILE)).unwrap();
    let station = Station::start(folder.path(), None).unwrap();
    let why = wait_until(&station, true).unwrap();
    assert!(why.contains(SAMPLES_FILE), "{why}");
    std::fs::remove_dir(history.join(SAMPLES_FILE)).unwrap();
    wait_until(&station, false);
    station.stop();
    let reader = Reader::open(&history.join(SAMPLES_FILE), None).unwrap();
    let tags = reader.tags().unwrap();
    assert!(tags.contains(&TagKey::from("pump-1/speed")), "what waited is kept: {tags:?}");
}
