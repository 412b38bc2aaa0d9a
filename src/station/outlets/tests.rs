//! A recorder that takes nothing, and an engine that has no room for news.

use super::*;
use crate::access::Principal;
use crate::alarm::{ConditionState, Occasion, OccurrenceId, Persisted, State};
use crate::driver::mqtt::{Content, Telling, ToldTag};
use crate::engine::Restored;
use crate::historian::OpenedHistory;
use crate::queue::{self, WhenFull};
use crate::recorder::{RECORDS_FILE, RecordStore, read_audit, read_journal};
use crate::tag::{Now, Quality, Timestamp, Value};

fn outlets(urgent: Sender<Event>) -> StationOutlets {
    let mut engine = Engine::new(Arc::default(), Restored::default());
    StationOutlets {
        recorder: None,
        historian: None,
        drivers: Arc::default(),
        waiting: Arc::default(),
        snapshots: Arc::new(ArcSwap::from_pointee(engine.snapshot(Now::default()))),
        wakers: Arc::default(),
        news: None,
        held: HeldRows::default(),
        untold_retention: None,
        untold_plan: None,
        is_health_untold: false,
        lost: 0,
        missed: 0,
        unsent: VecDeque::new(),
        unsent_gap: Gap::default(),
        unsent_late: Late::default(),
        is_recorder_full: false,
        unsent_delays: HashMap::new(),
        board: Arc::default(),
        urgent,
        generation: Generation(0),
        found: None,
        outbox: None,
        is_told: Vec::new(),
        alarms_untold: false,
        values_untold: false,
        untold_tellings: None,
    }
}

fn transition(second: i64, to: State) -> Transition {
    let time = Timestamp::from_micros(second * 1_000_000);
    Transition {
        alarm: AlarmKey::from("pump:high"),
        occurrence: OccurrenceId(1),
        from: State::Normal,
        to,
        time,
        raised: time,
        value: None,
        actor: None,
        comment: "".into(),
        occasion: Occasion::default(),
        condition: ConditionState::default(),
        kept: Some(Persisted::of_state(to, OccurrenceId(1), time, time).into()),
        is_requested: false,
    }
}

fn draft(action: &str, essential: bool) -> Draft {
    Draft {
        request: "r".into(),
        time: Timestamp::default(),
        principal: Principal::station(),
        action: action.into(),
        subject: "".into(),
        detail: "{}".into(),
        essential,
    }
}

#[test]
fn what_the_recorder_does_not_take_is_bounded_and_counted() {
    let (urgent, _inbox) = queue::bounded("requests of a test", 1, WhenFull::Refuse);
    let mut outlets = outlets(urgent);
    let stop = Draft { request: "stop".into(), ..draft("command", true) };
    let drafts = [stop, draft(OUTCOME, false), draft("heartbeat", true), draft("set", false), draft("note", false)];
    for second in 0..5000 {
        let raised = transition(second, State::Unacknowledged);
        let back = outlets.records(vec![raised], drafts.to_vec()).unwrap_err();
        let refused: Vec<_> = back.refused.iter().map(|draft| &*draft.action).collect();
        assert_eq!(refused, [OUTCOME, "set", "note"], "commands and wishes are refused in words");
        let kept: Vec<_> = back.kept.iter().map(|receipt| receipt.request().to_string()).collect();
        assert_eq!(kept, ["stop", "r"], "a stop goes out");
    }
    assert_eq!((outlets.unsent.len(), outlets.unsent_gap.transitions()), (2000, 3000));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(RECORDS_FILE);
    outlets.recorder = Some(Recorder::start(RecordStore::open(&path).unwrap(), |_| ()).unwrap());
    assert!(outlets.records(vec![transition(5000, State::Acknowledged)], Vec::new()).is_ok());
    outlets.recorder.take().unwrap().stop();
    let journal = read_journal(&path, 3000).unwrap();
    assert_eq!(journal.len(), 2002);
    assert!(journal.iter().any(|line| line.comment.starts_with("3000 transitions from 1970")), "{:?}", journal[2001]);
    let audit = read_audit(&path, 10).unwrap();
    // 5000 outcomes, 3000 stops and 4500 remarks of the station: the first ones are kept.
    let gap = audit.iter().find(|entry| &*entry.action == "gap").unwrap();
    assert!(gap.detail.contains("12500 entries"), "{gap:?}");
    let stops = read_audit(&path, 10_000).unwrap().iter().filter(|entry| &*entry.action == "command").count();
    assert_eq!(stops, 2000, "they are written later");
}

#[test]
fn news_of_the_stores_that_found_no_room_are_told_later() {
    let (urgent, mut inbox) = queue::bounded("requests of a test", 1, WhenFull::Refuse);
    urgent.try_send(Event::Tick).unwrap();
    let mut outlets = outlets(urgent);
    outlets.lost = 7;
    outlets.history(&mut Vec::new(), Vec::new());
    assert!(matches!(inbox.try_recv(), Ok(Event::Tick)));
    assert!(inbox.try_recv().is_err());
    let snapshot = outlets.snapshots.load_full();
    outlets.publish(Arc::clone(&snapshot));
    assert!(matches!(inbox.try_recv(), Ok(Event::Health(health)) if health.samples_lost == 7));
    outlets.publish(snapshot);
    assert!(inbox.try_recv().is_err(), "once");
}

/// A broker that waits for its acknowledgements sends nothing that would take them along.
#[test]
fn what_history_had_no_room_for_goes_on_with_the_next_picture() {
    let (urgent, _inbox) = queue::bounded("requests of a test", 9, WhenFull::Refuse);
    let mut outlets = outlets(urgent);
    let (answers, answered) = std::sync::mpsc::channel();
    let when_kept = Arc::new(move |kept: crate::tag::Kept| answers.send(kept.number).unwrap_or_default());
    outlets.history(&mut Vec::new(), vec![Mark::new(7, Default::default(), when_kept)]);
    let folder = tempfile::tempdir().unwrap();
    let opened = OpenedHistory::open(folder.path(), Timestamp::default()).unwrap();
    outlets.historian =
        Some(Historian::start(opened, Arc::new(crate::station::clock::SystemClock::default()), |_| ()).unwrap());
    let snapshot = outlets.snapshots.load_full();
    outlets.publish(snapshot);
    assert_eq!(answered.recv_timeout(std::time::Duration::from_secs(20)), Ok(7));
}

/// History keeps what does not change only now and then: an edge node that begins anew would know nothing until then.
#[test]
fn how_every_told_tag_stands_is_told_when_the_tellings_change() {
    let (urgent, _inbox) = queue::bounded("requests of a test", 1, WhenFull::Refuse);
    let mut outlets = outlets(urgent);
    let (folder, told) = (tempfile::tempdir().unwrap(), Arc::new(Mutex::new(Vec::new())));
    let kept = Arc::clone(&told);
    let post = move |order: mqtt::Order| {
        if let Content::Metric(sample) = &order.content {
            kept.lock().unwrap().push((sample.tag.to_string(), sample.value.clone(), sample.quality, sample.time));
        }
        Ok(())
    };
    let clock = Arc::new(crate::station::SystemClock::new());
    outlets.outbox = Some(Outbox::start(folder.path(), clock, Box::new(post), |_| ()).unwrap());
    let tag = |slot: u32| ToldTag { tag: TagId(slot), topic: format!("t{slot}").into(), unit: "".into() };
    let telling = Telling {
        connection: ConnectionId(0),
        connection_name: "up".into(),
        tags: vec![tag(0), tag(1), tag(3)],
        alarms: Vec::new(),
        format: mqtt::Format::Metric,
        qos: mqtt::QoS::AtMostOnce,
        retain: false,
        every: std::time::Duration::ZERO,
    };
    let tags = (0..4).map(|slot| crate::tag::TagDefinition::named(&format!("t{slot}"))).collect();
    let plan = Plan {
        directory: Arc::new(crate::tag::Directory::new(tags, Vec::new(), Vec::new())),
        tellings: Arc::new(Tellings { list: vec![telling], ..Tellings::default() }),
        generation: Generation(1),
        ..Plan::default()
    };
    let mut engine = Engine::new(Arc::new(plan), Restored::default());
    let now = Now { utc: Timestamp::from_micros(9_000_000), ..Now::default() };
    let mut snapshot = engine.snapshot(now);
    let live = |quality| crate::tag::Live {
        value: crate::tag::Scalar::Signed(7),
        time: Timestamp::from_micros(5),
        quality,
        ..snapshot.values[0]
    };
    let lost = Quality::bad(Reason::NoAnswer);
    snapshot.values = [live(Quality::GOOD), live(lost), live(Quality::GOOD), snapshot.values[3]].into();
    let snapshot = Arc::new(snapshot);
    (0..2).for_each(|_| outlets.publish(Arc::clone(&snapshot)));
    drop(outlets.outbox.take());
    let expected = [
        ("t0".to_owned(), Some(Value::Signed(7)), Quality::GOOD, Timestamp::from_micros(5)),
        ("t1".to_owned(), None, lost, now.utc),
    ];
    assert_eq!(*told.lock().unwrap(), expected, "once; not what nobody reads, and nothing of what was not read yet");
}
