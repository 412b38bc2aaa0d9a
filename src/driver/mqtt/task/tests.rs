use super::*;
use crate::driver::mqtt::intake::Message;
use crate::driver::mqtt::order::{Answer, Content, Fate, Promise};
use crate::driver::mqtt::session::Event;
use crate::driver::mqtt::sparkplug::{host::HostSettings, settings as sparkplug, topic::Source};
use crate::driver::mqtt::test_settings::settings;
use crate::driver::mqtt::{Availability, Device, Persistence, Point, Search};
use crate::driver::{Link, OffScan};
use crate::queue::{self, WhenFull};
use crate::tag::{Clock, DeviceId, Now, TagId, Timestamp};
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};
use tokio::sync::mpsc::Receiver;

#[derive(Default)]
struct Moved(Mutex<Now>);

impl Clock for Moved {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

struct Bench {
    broker: Broker,
    events: Receiver<DriverEvent>,
    clock: Arc<Moved>,
}

impl Bench {
    fn new(settings: Settings) -> Self {
        let (events, told) = queue::bounded("events of a test", 64, WhenFull::Wait);
        let clock = Arc::new(Moved::default());
        let port = Port::new(events, Arc::clone(&clock) as Arc<dyn Clock>);
        Self { broker: Broker::new(Assignment { generation: Generation(1), settings }, port), events: told, clock }
    }

    async fn adopt(&mut self, settings: Settings) {
        let generation = Generation(self.broker.generation.0 + 1);
        self.broker.adopt(Assignment { generation, settings }).await.unwrap();
    }

    /// What was told of devices: its slot, and why it is lost.
    fn links(&mut self) -> Vec<(u32, Option<Reason>)> {
        let mut links = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            if let DriverEvent::Device(report) = event {
                let why = match report.link {
                    Link::Lost { reason, .. } => Some(reason),
                    _ => None,
                };
                links.push((report.device.0, why));
            }
        }
        links
    }
}

/// A device that said it is away is away after a reload too: its word does not come again.
#[tokio::test]
async fn a_reload_brings_no_device_back_that_is_away() {
    let word = Availability { topic: "s".into(), pointer: None, online: "1".into(), offline: "0".into() };
    let device = |slot, points| Device { points, availability: Some(word.clone()), ..Device::new(DeviceId(slot)) };
    let mut bench = Bench::new(settings(vec![device(0, vec![Point::plain(TagId(0), "v")])]));
    bench.broker.is_ready = true;
    let said = bench.broker.intake.take(
        &bench.broker.settings,
        Message { topic: "s", payload: b"0", retained: false, queued: false },
        Timestamp::default(),
    );
    bench.broker.deliver(said).await;
    assert_eq!(bench.links(), [(0, Some(Reason::DeviceOffline))]);
    let more = vec![Point::plain(TagId(1), "w"), Point::plain(TagId(2), "v")];
    bench.adopt(settings(vec![Device::new(DeviceId(0)), device(1, more)])).await;
    assert_eq!(bench.links(), [(0, None), (1, Some(Reason::DeviceOffline))]);
}

/// What was kept before the break says nothing of the devices during it.
#[tokio::test]
async fn a_reload_during_a_break_calls_no_device_good() {
    let found = |known: &[&str], points| {
        let search = Search {
            filter: "+/v".into(),
            below: None,
            only: Vec::new(),
            most: 9,
            known: Arc::new(known.iter().map(|name| Arc::from(*name)).collect()),
        };
        settings(vec![Device { searches: vec![search], points, ..Device::new(DeviceId(0)) }])
    };
    let mut bench = Bench::new(found(&[], Vec::new()));
    let seen = Message { topic: "a/v", payload: b"7", retained: false, queued: false };
    bench.broker.intake.take(&bench.broker.settings, seen, Timestamp::default());
    bench.adopt(found(&["a/v"], vec![Point { is_found: true, ..Point::plain(TagId(0), "a/v") }])).await;
    assert!(bench.events.try_recv().is_err());
}

fn with_sparkplug(names: &[&str]) -> Settings {
    let host = HostSettings {
        host: "polder".into(),
        is_announced: false,
        groups: vec!["north".into()],
        reordering_timeout: Duration::from_secs(5),
        wanted: Vec::new(),
    };
    let device = |(place, name): (usize, &&str)| {
        let source = Source::parse(&format!("north/{name}")).unwrap();
        sparkplug::Device { place, source, points: Vec::new(), take_in: None }
    };
    let devices = names.iter().enumerate().map(device).collect();
    Settings {
        sparkplug: Some(sparkplug::Settings { host, devices }),
        ..settings((0..names.len()).map(|slot| Device::new(DeviceId(slot as u32))).collect())
    }
}

/// Reloads during a break, of which the second has fewer devices.
#[tokio::test]
async fn what_a_reload_said_during_a_break_is_said_of_no_other_device() {
    let mut bench = Bench::new(with_sparkplug(&["a", "b", "c"]));
    bench.broker.prepare_sparkplug();
    bench.broker.sparkplug_is_ready().await;
    *bench.clock.0.lock().unwrap() = Now::default().plus(Duration::from_secs(60));
    bench.broker.pass_sparkplug_time().await;
    let lost = |slot| (slot, Some(Reason::NotConnected));
    assert_eq!(bench.links(), [lost(0), lost(1), lost(2)]);
    bench.broker.lose_sparkplug();
    bench.adopt(with_sparkplug(&["a", "b", "c"])).await;
    bench.adopt(with_sparkplug(&["b"])).await;
    assert_eq!(bench.links(), []);
    bench.broker.say().await;
    assert_eq!(bench.links(), [lost(0)], "the one that is left, once");
}

/// Commands are looked at first, also before a reload that was told before them.
#[tokio::test]
async fn a_command_finds_the_plant_that_it_is_for() {
    let mut bench = Bench::new(settings(Vec::new()));
    let first = Assignment { generation: Generation(1), settings: settings(Vec::new()) };
    let (change, mut assignments) = watch::channel(first);
    for (asked, told, expected) in [(1, None, 1), (2, None, 1), (1, Some(2), 1), (2, None, 2), (3, Some(3), 3)] {
        if let Some(generation) = told {
            let devices = vec![Device::new(DeviceId(0))];
            change.send_replace(Assignment { generation: Generation(generation), settings: settings(devices) });
        }
        bench.broker.catch_up(Generation(asked), &mut assignments).await.unwrap();
        assert_eq!(bench.broker.generation, Generation(expected), "a command of {asked}");
    }
}

/// The connection is there while an answer waits for room: it is given all the same.
#[test]
fn what_was_taken_out_of_the_inbox_is_answered() {
    let (answers, mut told) = queue::bounded("answers of a test", 1, WhenFull::Wait);
    let (orders, ordered) = queue::bounded("messages of a test", 4, WhenFull::Refuse);
    let (_commands, waiting) = queue::bounded("commands of a test", 4, WhenFull::Refuse);
    let (_instructions, asked) = queue::bounded("questions of a test", 4, WhenFull::Refuse);
    let (events, _told) = queue::bounded("events of a test", 4, WhenFull::Wait);
    let (_, off_scan) = watch::channel(OffScan::default());
    let mut inbox = Inbox { commands: waiting, instructions: asked, orders: ordered, off_scan };
    let port = Port::new(events, Arc::new(Moved::default()));
    for number in [1, 2] {
        let content = Content::Message(session::Publication::default());
        assert!(
            orders
                .try_send(Order {
                    connection: "a".into(),
                    generation: None,
                    driver: None,
                    content,
                    promise: Promise::new(number, answers.clone()),
                })
                .is_ok()
        );
    }
    let (connected, connecting) = tokio::sync::oneshot::channel::<()>();
    let mut refusing = Box::pin(refuse_until(connecting, &port, &mut inbox));
    let mut context = Context::from_waker(Waker::noop());
    assert!(refusing.as_mut().poll(&mut context).is_pending());
    connected.send(()).unwrap();
    assert!(refusing.as_mut().poll(&mut context).is_pending(), "the second answer has no room yet");
    let refused = |number| Answer { number, fate: Fate::NotSent };
    assert_eq!(told.try_recv(), Ok(refused(1)));
    assert!(matches!(refusing.as_mut().poll(&mut context), Poll::Ready(Some(Ok(())))));
    assert_eq!(told.try_recv(), Ok(refused(2)));
}

#[test]
fn whatever_a_broker_allows_something_is_told() {
    let kept = [1, 2, 3, 4, 8, 20, u16::MAX].map(|quota| (quota, kept_for_commands(quota)));
    assert!(kept.iter().all(|(quota, kept)| quota > kept), "{kept:?}");
    assert_eq!((kept_for_commands(4), kept_for_commands(20)), (1, KEPT_FOR_COMMANDS));
}

impl Bench {
    fn broker_sends(&mut self, bytes: &[u8]) {
        let (mut stream, now) = (bytes::BytesMut::from(bytes), self.clock.monotonic());
        while let Some(piece) = crate::driver::mqtt::packet::Splitter::new(1000).next(&mut stream).unwrap() {
            self.broker.client.session().take(piece, now).unwrap();
        }
    }

    /// What was told of values and of what is held up, and the marks behind it.
    async fn look(&mut self) -> (Vec<String>, Vec<crate::tag::Mark>) {
        self.broker.take_events().await.unwrap();
        self.broker.look_at_marks().await;
        let (mut told, mut marks) = (Vec::new(), Vec::new());
        let mut events = Vec::new();
        while let Ok(event) = self.events.try_recv() {
            match event {
                DriverEvent::Together(together, mark) => {
                    events.extend(together);
                    marks.push(*mark);
                }
                other => events.push(other),
            }
        }
        for event in events {
            match event {
                DriverEvent::Batch(batch) => told.push(batch.readings[0].quality.words().to_owned()),
                DriverEvent::HeldUp(_, device, is_held_up) => told.push(format!("{} {is_held_up}", device.0)),
                _ => {}
            }
        }
        (told, marks)
    }
}

fn stored(persistence: Persistence) -> Settings {
    let mut settings = settings(vec![Device { points: vec![Point::plain(TagId(0), "v")], ..Device::new(DeviceId(0)) }]);
    (settings.options.acknowledge, settings.options.persistence) = (session::Acknowledge::Stored, persistence);
    settings
}

const PUBLISHED: [&[u8]; 2] = [b"\x32\x06\0\x01v\0\x011", b"\x32\x06\0\x01v\0\x022"];

/// The broker has answered a subscription.
async fn connected(settings: Settings) -> Bench {
    let mut bench = Bench::new(settings);
    let (wanted, now) = (bench.broker.subscriptions(), bench.clock.monotonic());
    bench.broker.client.session().open(now).unwrap();
    bench.broker_sends(b"\x20\x02\0\0");
    bench.broker.client.want(wanted).unwrap();
    bench.broker_sends(b"\x90\x03\0\x01\x01");
    bench.look().await;
    assert!(bench.broker.is_ready);
    bench
}

/// History cannot write for a while: the broker may wait with newer messages, and its values are no longer what they seem.
#[tokio::test]
async fn values_are_doubtful_while_the_broker_waits_for_history() {
    let mut bench = connected(stored(Persistence::Clean)).await;
    bench.broker_sends(PUBLISHED[0]);
    let (told, first) = bench.look().await;
    assert_eq!((&told[..], first.len()), (&["good".to_owned()][..], 1));
    let later = |bench: &Bench, seconds| {
        let mut now = bench.clock.0.lock().unwrap();
        *now = now.plus(Duration::from_secs(seconds));
    };
    later(&bench, 9);
    assert_eq!(bench.look().await.0, [""; 0]);
    later(&bench, 1);
    assert!(bench.broker.next_of_marks(bench.clock.monotonic()).is_some());
    assert_eq!(bench.look().await.0, ["0 true"]);
    // For longer than a backlog is believed in elsewhere.
    for _ in 0..40 {
        later(&bench, 10);
        assert_eq!(bench.look().await.0, [""; 0]);
    }
    bench.broker_sends(PUBLISHED[1]);
    let (told, second) = bench.look().await;
    assert_eq!(told, ["kept by the broker, age unknown"]);
    first[0].answer(None);
    second[0].answer(None);
    assert_eq!(bench.look().await.0, [""; 0], "what was held up has not come yet");
    let now = bench.clock.monotonic();
    bench.broker.client.session().tick(now).unwrap();
    bench.broker_sends(b"\xD0\0");
    assert_eq!(bench.look().await.0, ["0 false"]);
    assert_eq!(bench.broker.next_of_marks(now), None);
}

/// While nobody subscribes, what is published is lost.
#[test]
fn a_lost_session_is_begun_anew_at_once() {
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    let silent = session::End::HistorySilent(1);
    let pauses = [&silent, &silent, &session::End::SessionLost, &silent].map(|end| pause_after(end, &mut backoff));
    assert_eq!(pauses.map(|pause| pause.as_secs()), [1, 2, 0, 1]);
}

/// A running station goes on with a new session although history does not answer; one that was started has to know first.
#[tokio::test]
async fn a_new_session_does_not_wait_for_a_history_that_cannot_write() {
    let mut stored_settings = stored(Persistence::Persistent { expiry: None });
    stored_settings.options.timeout = Duration::from_millis(1);
    // Where nobody listens.
    (stored_settings.endpoint.host, stored_settings.endpoint.port) = ("127.0.0.1".into(), 1);
    let mut bench = Bench::new(stored_settings);
    let (_commands, waiting) = queue::bounded("commands of a test", 4, WhenFull::Refuse);
    let (_instructions, asked) = queue::bounded("questions of a test", 4, WhenFull::Refuse);
    let (_orders, ordered) = queue::bounded("messages of a test", 4, WhenFull::Refuse);
    let (_, off_scan) = watch::channel(OffScan::default());
    let mut inbox = Inbox { commands: waiting, instructions: asked, orders: ordered, off_scan };
    let (_change, mut assignments) =
        watch::channel(Assignment { generation: Generation(1), settings: settings(Vec::new()) });
    let end = bench.broker.connection(&mut inbox, &mut assignments).await;
    assert!(matches!(end, Ended::Lost(session::End::HistorySilent(_))));
    bench.broker.take(Event::SessionLost).await;
    let end = bench.broker.connection(&mut inbox, &mut assignments).await;
    assert!(matches!(end, Ended::Lost(session::End::NotOpened(_))), "it was opened");
    let forgotten = std::iter::from_fn(|| bench.events.try_recv().ok());
    let forgets = |event: &DriverEvent| matches!(event, DriverEvent::Together(_, mark) if mark.identifiers.forgets);
    assert_eq!(forgotten.filter(forgets).count(), 1, "history is told all the same");
}

/// Its samples were dropped: it is not acknowledged, and comes again on the next connection.
#[tokio::test]
async fn a_message_whose_samples_were_dropped_is_asked_for_again() {
    let mut bench = connected(stored(Persistence::Persistent { expiry: None })).await;
    bench.broker_sends(PUBLISHED[0]);
    let mut mark = bench.look().await.1.remove(0);
    bench.broker_sends(PUBLISHED[1]);
    let mut other = bench.look().await.1.remove(0);
    let sent = bench.broker.client.session().outgoing().len();
    [&mut mark, &mut other].into_iter().for_each(crate::tag::Mark::lose);
    mark.answer(None);
    assert_eq!(bench.broker.take_events().await, Err(session::End::HistoryLost));
    assert_eq!(bench.broker.client.session().outgoing().len(), sent, "no acknowledgement goes out");
    other.answer(None);
    bench.broker.client.cut();
    assert_eq!(bench.broker.take_events().await, Ok(()), "without a connection there is nothing to break off");
    assert!(!bench.broker.is_ready && bench.broker.client.event().is_none(), "its end was told");
}
