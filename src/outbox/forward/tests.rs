use super::*;
use crate::driver::mqtt::ToldTag;
use crate::tag::{ConnectionId, Reason, Sample};
use proptest::prelude::*;
use std::collections::BTreeMap;

fn telling(every: Duration, format: Format) -> Telling {
    let told = |slot: u32| ToldTag { tag: TagId(slot), topic: format!("t/{slot}").into(), unit: "".into() };
    Telling {
        connection: ConnectionId(0),
        connection_name: "site".into(),
        tags: (0..3).map(told).collect(),
        alarms: vec![("level:high".into(), "alarms/level:high".into())],
        format,
        qos: QoS::AtMostOnce,
        retain: true,
        every,
    }
}

fn row(slot: u32, number: i64) -> HistoryRow {
    let sample =
        Sample { time: Timestamp::from_micros(number), value: Some(Value::Signed(number)), quality: Quality::GOOD };
    HistoryRow { tag: TagId(slot), sample }
}

fn moment(millis: u64) -> Now {
    Now { utc: Timestamp::default().plus(Duration::from_secs(1)), monotonic: at(millis) }
}

fn at(millis: u64) -> Monotonic {
    Monotonic::default().plus(Duration::from_millis(millis))
}

/// A forwarder with a store and a broker that are only what a test needs of them.
struct Bench {
    forwarder: Forwarder,
    store: BTreeMap<i64, Stored>,
    next_id: i64,
    is_up: bool,
    /// Whether the store cannot be read.
    is_unreadable: bool,
    /// Messages that the broker did not answer yet.
    open: Vec<Message>,
    /// Topic, value, whether it was historical and whether it was to be kept, as the broker took them.
    taken: Vec<(String, i64, bool, bool)>,
    now: u64,
}

impl Bench {
    fn new(every: u64, format: Format) -> Self {
        let forwarder = Forwarder::new(vec![telling(Duration::from_millis(every), format)], 0);
        let (store, open, taken) = (BTreeMap::new(), Vec::new(), Vec::new());
        Self { forwarder, store, next_id: 1, is_up: true, is_unreadable: false, open, taken, now: 0 }
    }

    fn carry_out(&mut self, mut wishes: Wishes) {
        loop {
            for (topic, sample) in wishes.store.drain(..) {
                let id = self.next_id;
                self.next_id += 1;
                self.store.insert(id, Stored { id, topic, sample });
            }
            wishes.delete.drain(..).for_each(|id| drop(self.store.remove(&id)));
            if self.is_unreadable && wishes.load_after.take().is_some() {
                self.forwarder.load_failed(at(self.now));
            }
            if let Some(after) = wishes.load_after.take() {
                let rows: Vec<_> = self.store.range(after + 1..).take(2).map(|(_, stored)| stored.clone()).collect();
                let last = rows.last().map_or(after, |last| last.id);
                let has_more = self.store.range(last + 1..).next().is_some();
                self.forwarder.loaded(rows, has_more);
            }
            let sent = std::mem::take(&mut wishes.send);
            if sent.is_empty() {
                return;
            }
            for message in sent {
                if self.is_up {
                    self.open.push(message);
                } else {
                    self.forwarder.answer(message.number, &Fate::NotSent, at(self.now), &mut wishes);
                }
            }
        }
    }

    fn turn(&mut self) {
        loop {
            let mut wishes = Wishes::default();
            self.forwarder.turn(at(self.now), &mut wishes);
            let loads = wishes.load_after.is_some();
            self.carry_out(wishes);
            if !loads {
                return;
            }
        }
    }

    fn offer(&mut self, slot: u32, number: i64) {
        self.forwarder.offer(&row(slot, number), moment(self.now));
        self.turn();
    }

    fn pass(&mut self, millis: u64) {
        self.now += millis;
        self.turn();
    }

    /// The broker takes all that it was sent.
    fn take(&mut self) {
        for message in std::mem::take(&mut self.open) {
            let Some(Value::Signed(value)) = message.sample.value else { panic!("{message:?}") };
            self.taken.push((message.topic.to_string(), value, message.historical, message.retain));
            let mut wishes = Wishes::default();
            self.forwarder.answer(message.number, &Fate::Taken, at(self.now), &mut wishes);
            self.carry_out(wishes);
        }
        self.turn();
    }

    /// The connection breaks; what the broker was sent may have arrived, and has where `arrived` says so.
    fn lose(&mut self, arrived: bool) {
        self.is_up = false;
        for message in std::mem::take(&mut self.open) {
            if let (true, Some(Value::Signed(value))) = (arrived, &message.sample.value) {
                self.taken.push((message.topic.to_string(), *value, message.historical, message.retain));
            }
            let mut wishes = Wishes::default();
            self.forwarder.answer(message.number, &Fate::Unknown, at(self.now), &mut wishes);
            self.carry_out(wishes);
        }
        self.turn();
    }

    fn settle(&mut self) {
        self.is_up = true;
        for _ in 0..1000 {
            self.pass(100);
            self.take();
        }
    }

    fn told(&self) -> Vec<(&str, i64, bool)> {
        self.taken.iter().map(|(topic, value, historical, _)| (topic.as_str(), *value, *historical)).collect()
    }
}

#[test]
fn the_newest_of_each_tag_goes_in_its_time() {
    let mut bench = Bench::new(1000, Format::Json);
    bench.offer(0, 1);
    bench.offer(0, 2);
    bench.offer(0, 3);
    bench.offer(1, 4);
    bench.take();
    assert_eq!(bench.told(), [("t/0", 1, false), ("t/1", 4, false)]);
    bench.pass(999);
    bench.take();
    assert_eq!(bench.taken.len(), 2);
    bench.pass(1);
    bench.take();
    assert_eq!(bench.told()[2..], [("t/0", 3, false)]);
    assert_eq!(bench.forwarder.counts.conflated, 1);
    assert!(bench.store.is_empty() && bench.taken.iter().all(|message| message.3), "and the broker keeps it");
}

#[test]
fn what_a_broker_missed_comes_in_order_and_does_not_take_the_place_of_what_it_keeps() {
    let mut bench = Bench::new(1000, Format::Json);
    bench.offer(0, 1);
    bench.take();
    bench.is_up = false;
    for number in 2..6 {
        bench.pass(1000);
        bench.offer(0, number);
    }
    assert_eq!(bench.store.len(), 4);
    bench.settle();
    let historical: Vec<_> = bench.told().into_iter().filter(|message| message.2).map(|message| message.1).collect();
    assert_eq!(historical, [2, 3, 4, 5]);
    assert!(bench.told().contains(&("t/0", 5, false)), "the present value goes as such: {:?}", bench.told());
    assert!(bench.taken.iter().all(|(_, _, historical, kept)| historical != kept), "{:?}", bench.taken);
    assert!(bench.store.is_empty());
}

#[test]
fn bare_values_are_not_stored_and_the_newest_goes_when_the_broker_is_back() {
    let mut bench = Bench::new(1000, Format::Value);
    bench.is_up = false;
    for number in 1..4 {
        bench.offer(0, number);
        bench.pass(1500);
    }
    assert!(bench.store.is_empty());
    bench.settle();
    assert_eq!(bench.told(), [("t/0", 3, false)]);
}

#[test]
fn what_the_broker_refuses_is_lost_and_said_and_holds_up_nothing() {
    let mut bench = Bench::new(0, Format::Json);
    bench.offer(0, 1);
    let refused = bench.open.remove(0);
    let mut wishes = Wishes::default();
    bench.forwarder.answer(refused.number, &Fate::Refused("station may not publish to t/0".into()), at(0), &mut wishes);
    assert_eq!(wishes, Wishes::default(), "it is not tried again");
    assert_eq!((bench.forwarder.counts.lost, bench.forwarder.counts.refusal.as_deref().is_some()), (1, true));
    bench.offer(0, 2);
    bench.take();
    assert_eq!(bench.told(), [("t/0", 2, false)]);
}

#[test]
fn a_tag_that_is_not_told_any_more_is_counted_and_not_sent() {
    let mut bench = Bench::new(0, Format::Json);
    bench.store.insert(1, Stored { id: 1, topic: "gone".into(), sample: waiting(7) });
    bench.store.insert(2, Stored { id: 2, topic: "t/1".into(), sample: waiting(8) });
    bench.next_id = 3;
    bench.settle();
    assert_eq!((bench.told(), bench.forwarder.counts.lost), (vec![("t/1", 8, true)], 1));
    assert!(bench.store.is_empty());
}

fn waiting(number: i64) -> Waiting {
    Waiting { time: Timestamp::from_micros(number), value: Some(Value::Signed(number)), quality: Quality::GOOD }
}

#[test]
fn a_value_that_came_late_goes_as_what_was_missed() {
    let mut bench = Bench::new(1000, Format::Json);
    bench.offer(0, 7);
    bench.take();
    bench.pass(1000);
    bench.offer(0, 5);
    bench.take();
    bench.take();
    assert_eq!(bench.told(), [("t/0", 7, false), ("t/0", 5, true)]);
    // Unless the clock was put back: then the last time lies in the future.
    bench.offer(0, 100_000_000);
    bench.pass(1000);
    bench.offer(0, 8);
    bench.settle();
    assert!(bench.told().contains(&("t/0", 8, false)), "{:?}", bench.told());
}

#[test]
fn the_state_of_an_alarm_goes_at_once_and_only_the_present_one_when_a_broker_is_back() {
    let mut bench = Bench::new(1000, Format::Json);
    bench.is_up = false;
    for state in ["unacknowledged", "acknowledged"] {
        bench.forwarder.offer_alarm("level:high", &state.into(), moment(bench.now));
        bench.turn();
        bench.pass(1500);
    }
    assert!(bench.store.is_empty());
    bench.is_up = true;
    bench.pass(1500);
    let told: Vec<_> = bench.open.iter().map(|message| (&*message.topic, message.sample.value.clone())).collect();
    assert_eq!(told, [("alarms/level:high", Some(Value::Text("acknowledged".into())))]);
}

/// Orders may end with their driver, and their answers with them.
#[test]
fn what_is_never_answered_holds_up_nothing_for_ever() {
    let mut bench = Bench::new(0, Format::Json);
    bench.is_up = false;
    for number in 0..20 {
        bench.offer(0, number);
        bench.pass(1);
    }
    bench.is_up = true;
    (0..3).for_each(|_| bench.pass(1000));
    bench.take();
    assert_eq!(bench.open.iter().filter(|message| message.historical).count(), MISSED);
    bench.open.clear();
    let due = bench.forwarder.next_due();
    assert!(due <= Some(at(bench.now).plus(ANSWERED_WITHIN)), "somebody has to look: {due:?}");
    bench.pass(ANSWERED_WITHIN.as_millis() as u64 - 1);
    assert_eq!(bench.open.len(), 0);
    bench.pass(1);
    bench.settle();
    let mut past: Vec<_> = bench.told().into_iter().filter(|one| one.2).map(|one| one.1).collect();
    past.sort_unstable();
    past.dedup();
    assert_eq!(past, (0..20).collect::<Vec<_>>());
    assert!(bench.store.is_empty());
}

#[test]
fn what_is_stored_is_not_forgotten_because_it_could_not_be_read_once() {
    let mut bench = Bench::new(0, Format::Json);
    bench.store.insert(1, Stored { id: 1, topic: "t/1".into(), sample: waiting(8) });
    (bench.next_id, bench.is_unreadable) = (2, true);
    bench.offer(0, 9);
    bench.take();
    assert_eq!(bench.told(), [("t/0", 9, false)], "present values do not wait for it");
    assert_eq!(bench.forwarder.next_due(), Some(at(bench.now).plus(LOAD_AGAIN)));
    bench.is_unreadable = false;
    bench.pass(4999);
    assert_eq!(bench.open.len(), 0, "not again and again");
    bench.pass(1);
    bench.take();
    assert_eq!(bench.told()[1..], [("t/1", 8, true)]);
}

/// A broker that is away is found again also while the store cannot be read.
#[test]
fn a_broker_is_found_again_without_the_store() {
    let mut bench = Bench::new(0, Format::Json);
    (bench.is_up, bench.is_unreadable) = (false, true);
    bench.offer(0, 1);
    bench.is_up = true;
    bench.pass(1000);
    bench.pass(1000);
    bench.take();
    assert_eq!(bench.told(), [("t/0", 1, false)]);
}

#[test]
fn a_stop_leaves_nothing_behind() {
    let mut bench = Bench::new(1000, Format::Json);
    bench.offer(0, 1);
    bench.offer(0, 2);
    let mut wishes = Wishes::default();
    bench.forwarder.close(at(bench.now), &mut wishes);
    bench.carry_out(wishes);
    let stored: Vec<_> = bench.store.values().map(|stored| stored.sample.value.clone()).collect();
    assert_eq!(stored, [Some(Value::Signed(1)), Some(Value::Signed(2))]);
}

#[test]
fn a_bad_value_is_told_like_any_other() {
    let mut bench = Bench::new(1000, Format::Json);
    let sample = Sample { time: Timestamp::default(), value: None, quality: Quality::bad(Reason::NoAnswer) };
    bench.forwarder.offer(&HistoryRow { tag: TagId(0), sample }, moment(0));
    bench.turn();
    assert_eq!(bench.open[0].sample.quality, Quality::bad(Reason::NoAnswer));
}

proptest! {
    /// Whatever the broker does: every value that was offered arrives, or gave way to a newer one of its tag before it was its turn;
    /// what was missed comes in order, and the last value of each tag is the last that is told as present.
    #[test]
    fn nothing_is_lost_that_did_not_give_way(steps in prop::collection::vec((0u8..7, 0u32..3, 0u64..1500), 1..120)) {
        let mut bench = Bench::new(500, Format::Json);
        let mut offered: Vec<(u32, i64)> = Vec::new();
        for (number, (event, slot, millis)) in steps.into_iter().enumerate() {
            bench.pass(millis);
            match event {
                0..=2 => {
                    bench.offer(slot, number as i64);
                    offered.push((slot, number as i64));
                }
                3 => bench.take(),
                4 => bench.lose(false),
                5 => bench.lose(true),
                _ => {
                    bench.is_up = true;
                    bench.turn();
                }
            }
            let live = bench.open.iter().filter(|message| !message.historical).count();
            prop_assert!(live <= LIVE && bench.open.len() - live <= MISSED);
        }
        bench.settle();
        prop_assert!(bench.store.is_empty(), "{:?}", bench.store);
        let arrived = |slot: u32, number: i64| bench.taken.iter().any(|one| one.0 == format!("t/{slot}") && one.1 == number);
        let missing = offered.iter().filter(|(slot, number)| !arrived(*slot, *number)).count() as u64;
        prop_assert!(missing <= bench.forwarder.counts.conflated, "{missing} of {offered:?}: {:?}", bench.taken);
        for slot in 0..3 {
            let topic = format!("t/{slot}");
            let of = |past: bool| bench.taken.iter().filter(|one| one.0 == topic && one.2 == past).map(|one| one.1).collect::<Vec<_>>();
            let last = offered.iter().rfind(|(other, _)| *other == slot).map(|(_, number)| *number);
            prop_assert_eq!(of(false).last().copied(), last, "the present value of {}", slot);
            // What may have arrived comes again; what comes for the first time comes in order.
            let mut seen = std::collections::HashSet::new();
            let first: Vec<_> = of(true).into_iter().filter(|number| seen.insert(*number)).collect();
            prop_assert!(first.is_sorted(), "{first:?}");
        }
    }
}

/// A broker that was started anew has forgotten what it was told to keep, whoever noticed.
#[test]
fn the_states_of_alarms_are_told_again_over_each_new_connection() {
    let mut bench = Bench::new(0, Format::Json);
    let told = |bench: &mut Bench, millis| {
        let (now, mut wishes) = (at(millis), Wishes::default());
        bench.forwarder.turn(now, &mut wishes);
        for message in &wishes.send {
            bench.forwarder.answer(message.number, &Fate::Taken, now, &mut Wishes::default());
        }
        (wishes.watch, wishes.send.iter().filter(|message| message.topic.starts_with("alarms/")).count())
    };
    let (first, _) = told(&mut bench, 0);
    bench.forwarder.offer_alarm("level:high", &"unacknowledged".into(), moment(10));
    assert_eq!(told(&mut bench, 10), (None, 1), "the connection is watched already");
    assert_eq!(told(&mut bench, 500_000), (None, 0), "a watch is answered whenever the connection ends");
    bench.forwarder.answer(first.unwrap(), &Fate::Unknown, at(500_000), &mut Wishes::default());
    assert_eq!(told(&mut bench, 500_500), (None, 0));
    assert_eq!(bench.forwarder.next_watch(), Some(at(501_000)));
    let (second, count) = told(&mut bench, 501_000);
    assert!(second.is_some() && second != first && count == 1, "told again, with nothing new about it");
    // There is no connection: it waits, and goes once as soon as there is one.
    bench.forwarder.answer(second.unwrap(), &Fate::NotSent, at(501_000), &mut Wishes::default());
    let (third, count) = told(&mut bench, 502_000);
    assert!(third.is_some() && count == 1);
    assert_eq!(told(&mut bench, 503_000), (None, 0));
}

/// After a reload an edge node may know nothing, and history keeps an unchanged value only now and then.
#[test]
fn how_tags_stand_is_told_once_where_nothing_newer_was_kept() {
    let offered = |format: Format, is_new: bool| {
        let mut forwarder = Forwarder::new(vec![telling(Duration::ZERO, format)], 0);
        forwarder.offer(&row(1, 20), moment(0));
        (0..2).for_each(|_| forwarder.offer_present(&row(0, 10), |_| is_new, moment(0)));
        forwarder.offer_present(&row(1, 10), |_| is_new, moment(0));
        let mut wishes = Wishes::default();
        forwarder.turn(at(0), &mut wishes);
        assert_eq!((wishes.store.len(), forwarder.counts.conflated), (0, 0));
        // What is kept later is never late, even where it was so before.
        forwarder.offer(&row(0, 5), moment(1));
        forwarder.turn(at(1), &mut wishes);
        assert_eq!(wishes.store.len(), 0);
        let times = wishes.send.iter().map(|message| (&*message.topic, message.sample.time.as_micros()));
        times.map(|(topic, time)| format!("{topic} {time}")).collect::<Vec<_>>()
    };
    assert_eq!(offered(Format::Metric, false), ["t/0 10", "t/1 20", "t/0 5"]);
    assert_eq!(offered(Format::Json, true), ["t/0 10", "t/1 20", "t/0 5"]);
    assert_eq!(offered(Format::Json, false), ["t/1 20", "t/0 5"], "the broker knows the topic");
}

/// A driver that begins anew at the same time takes nothing yet: what is only how tags stand is no history that was missed.
#[test]
fn how_tags_stand_waits_for_the_broker_and_is_not_stored() {
    let mut bench = Bench::new(0, Format::Metric);
    bench.is_up = false;
    bench.forwarder.offer_present(&row(0, 10), |_| false, moment(0));
    bench.turn();
    assert!(bench.store.is_empty() && bench.taken.is_empty());
    bench.settle();
    assert_eq!(bench.told(), [("t/0", 10, false)]);
}
