//! What is to be told over one connection: the newest value of each tag, in its time; and behind it, in order, what the broker missed. Pure:
//! samples, answers and time in, wishes out.

mod watch;

use crate::driver::mqtt::{Fate, Format, QoS, Telling};
use crate::tag::{HistoryRow, Monotonic, Now, Quality, TagId, Timestamp, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use watch::Watch;

/// Messages with present values that may wait for the broker's confirmation.
const LIVE: usize = 64;
/// Messages with what it missed that may.
const MISSED: usize = 16;
/// A broker that is away is tried again after this long.
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// What is stored is asked for again after this long, where it could not be read.
const LOAD_AGAIN: Duration = Duration::from_secs(5);
/// Every message is answered, also where its driver is lost. One that is not after this long, far longer than a driver waits for its
/// broker, may have arrived.
const ANSWERED_WITHIN: Duration = Duration::from_secs(300);

/// Before all values.
const NEVER: Timestamp = Timestamp::from_micros(i64::MIN);

/// A value on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Waiting {
    /// When it was true.
    pub(super) time: Timestamp,
    /// What it was.
    pub(super) value: Option<Value>,
    /// How far it can be trusted.
    pub(super) quality: Quality,
}

/// A value that waits in the store.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Stored {
    /// Its place in the order.
    pub(super) id: i64,
    /// The topic that it belongs to.
    pub(super) topic: Arc<str>,
    /// The value.
    pub(super) sample: Waiting,
}

/// What has to be done, in this order.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wishes {
    /// Values to be stored, each with its topic.
    pub(super) store: Vec<(Arc<str>, Waiting)>,
    /// Places in the store that are done with.
    pub(super) delete: Vec<i64>,
    /// Whether more is wanted of what is stored, from behind this place on.
    pub(super) load_after: Option<i64>,
    /// Messages to be sent.
    pub(super) send: Vec<Message>,
    /// An order that is answered when the connection ends; it goes before the messages.
    pub(super) watch: Option<u64>,
}

/// A message to be sent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    /// Names it in the answer.
    pub(super) number: u64,
    /// The topic.
    pub(super) topic: Arc<str>,
    /// The value.
    pub(super) sample: Waiting,
    /// The unit of the tag.
    pub(super) unit: Arc<str>,
    /// How it is written.
    pub(super) format: Format,
    /// The level.
    pub(super) qos: QoS,
    /// Whether the broker keeps it.
    pub(super) retain: bool,
    /// Whether it is from the past.
    pub(super) historical: bool,
}

/// What diagnostics and alarms are told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Messages that the broker has.
    pub(super) taken: u64,
    /// Values that were replaced by a newer one before it was their turn.
    pub(super) conflated: u64,
    /// Values that are lost: refused by the broker, or of a tag that is not told any more.
    pub(super) lost: u64,
    /// The last refusal.
    pub(super) refusal: Option<Arc<str>>,
}

#[derive(Debug)]
struct Lane {
    topic: Arc<str>,
    unit: Arc<str>,
    telling: usize,
    format: Format,
    /// The newest value, while it was not taken.
    newest: Option<Waiting>,
    /// Of an alarm: its state, for a broker that has forgotten it.
    last: Option<Waiting>,
    /// Whether that waits for its turn; otherwise it is under way.
    waits: bool,
    /// Whether it is in the store already.
    is_stored: bool,
    not_before: Monotonic,
    /// The time of the newest value that was kept and offered.
    latest: Timestamp,
}

#[derive(Debug)]
enum Flight {
    Live(usize, Waiting),
    Missed(Stored),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Good,
    /// Since when it is not known whether the broker takes anything; tried again then.
    Away(Monotonic),
    /// One message is under way to find out.
    Trying,
}

/// What is told over one connection.
#[derive(Debug)]
pub(super) struct Forwarder {
    tellings: Vec<Telling>,
    lanes: Vec<Lane>,
    by_tag: HashMap<TagId, Vec<usize>>,
    by_alarm: HashMap<Arc<str>, Vec<usize>>,
    by_topic: HashMap<Arc<str>, usize>,
    due: BTreeSet<(Monotonic, usize)>,
    /// By number, and so in the order in which they were sent; each with the moment from which on nothing is expected of it.
    flights: BTreeMap<u64, (Monotonic, Flight)>,
    link: Link,
    watch: Watch,
    /// What was loaded of the store, the oldest first.
    missed: VecDeque<Stored>,
    /// The last place that was loaded, and whether there is more behind it.
    loaded_to: i64,
    has_more: bool,
    is_loading: bool,
    /// Nothing is loaded before this.
    load_from: Monotonic,
    next_number: u64,
    /// Values that came late and are not stored yet.
    late: Vec<(Arc<str>, Waiting)>,
    pub(super) counts: Counts,
}

impl Lane {
    fn new(topic: Arc<str>, unit: Arc<str>, telling: usize, format: Format) -> Self {
        Self {
            topic,
            unit,
            telling,
            format,
            newest: None,
            last: None,
            waits: false,
            is_stored: false,
            not_before: Monotonic::default(),
            latest: NEVER,
        }
    }

    /// Whether what a broker missed of it is kept for later: a bare value cannot say that it is old.
    fn is_storable(&self) -> bool {
        self.format != Format::Value
    }
}

impl Forwarder {
    /// For the tellings of one connection; `first_number` begins the numbers of its messages. Whether the broker is there is found out.
    pub(super) fn new(tellings: Vec<Telling>, first_number: u64) -> Self {
        let (mut lanes, mut by_tag, mut by_topic) = (Vec::new(), HashMap::<_, Vec<_>>::new(), HashMap::new());
        let mut by_alarm = HashMap::<_, Vec<_>>::new();
        for (place, telling) in tellings.iter().enumerate() {
            for told in &telling.tags {
                by_tag.entry(told.tag).or_default().push(lanes.len());
                by_topic.insert(Arc::clone(&told.topic), lanes.len());
                lanes.push(Lane::new(Arc::clone(&told.topic), Arc::clone(&told.unit), place, telling.format));
            }
            for (alarm, topic) in &telling.alarms {
                by_alarm.entry(Arc::clone(alarm)).or_default().push(lanes.len());
                // A state that is not true any more is of no use to anybody: it is not stored.
                lanes.push(Lane::new(Arc::clone(topic), "".into(), place, Format::Value));
            }
        }
        Self {
            tellings,
            lanes,
            by_tag,
            by_alarm,
            by_topic,
            due: BTreeSet::new(),
            flights: BTreeMap::new(),
            link: Link::Good,
            watch: Watch::default(),
            missed: VecDeque::new(),
            loaded_to: 0,
            has_more: true,
            is_loading: false,
            load_from: Monotonic::default(),
            next_number: first_number,
            late: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// A value was kept. One that is older than the last of its tag came late, and goes as what was missed.
    pub(super) fn offer(&mut self, row: &HistoryRow, now: Now) {
        let sample = Waiting { time: row.sample.time, value: row.sample.value.clone(), quality: row.sample.quality };
        for place in self.by_tag.get(&row.tag).cloned().unwrap_or_default() {
            let lane = &mut self.lanes[place];
            // A clock that was put back makes nothing late.
            let is_late = sample.time < lane.latest && lane.latest <= now.utc.plus(TRY_AGAIN);
            if is_late && lane.is_storable() {
                self.late.push((Arc::clone(&lane.topic), sample.clone()));
                continue;
            }
            lane.latest = sample.time;
            if lane.waits && !lane.is_stored {
                self.counts.conflated += 1;
            }
            (lane.newest, lane.is_stored) = (Some(sample.clone()), false);
            if !std::mem::replace(&mut lane.waits, true) {
                self.due.insert((lane.not_before.max(now.monotonic), place));
            }
        }
    }

    /// A tag stands so at present, and nothing may have been kept of it for long: it goes as a value that was kept, unless one was offered
    /// already. Metrics go always, since an edge node that begins anew knows none of them and one that goes on knows what it told; topics
    /// only where they are new.
    pub(super) fn offer_present(&mut self, row: &HistoryRow, is_new: impl Fn(&str) -> bool, now: Now) {
        let sample = Waiting { time: row.sample.time, value: row.sample.value.clone(), quality: row.sample.quality };
        for place in self.by_tag.get(&row.tag).cloned().unwrap_or_default() {
            let lane = &mut self.lanes[place];
            let is_wanted = lane.format == Format::Metric || is_new(&lane.topic);
            if !is_wanted || lane.latest != NEVER || lane.waits {
                continue;
            }
            // As if it were stored: what history does not keep is not kept for later either.
            (lane.newest, lane.is_stored, lane.waits) = (Some(sample.clone()), true, true);
            self.due.insert((lane.not_before.max(now.monotonic), place));
        }
    }

    /// An alarm has this state now: JSON.
    pub(super) fn offer_alarm(&mut self, alarm: &str, state: &Arc<str>, now: Now) {
        let sample = Waiting { time: now.utc, value: Some(Value::Text(Arc::clone(state))), quality: Quality::GOOD };
        for place in self.by_alarm.get(alarm).cloned().unwrap_or_default() {
            let lane = &mut self.lanes[place];
            (lane.newest, lane.last, lane.is_stored) = (Some(sample.clone()), Some(sample.clone()), false);
            // An alarm does not wait for its turn.
            if !std::mem::replace(&mut lane.waits, true) {
                self.due.insert((now.monotonic, place));
            }
        }
    }

    /// Time passed, or something was offered.
    pub(super) fn turn(&mut self, now: Monotonic, wishes: &mut Wishes) {
        if !self.late.is_empty() {
            wishes.store.append(&mut self.late);
            self.has_more = true;
        }
        self.give_up(now, wishes);
        self.watch(now, wishes);
        if matches!(self.link, Link::Away(until) if now >= until) {
            self.try_broker(now, wishes);
        }
        if self.link == Link::Good {
            self.tell(now, wishes);
            self.catch_up(now, wishes);
        } else {
            self.put_by(now, wishes);
        }
    }

    /// When [`Self::turn`] is due at the latest.
    pub(super) fn next_due(&self) -> Option<Monotonic> {
        let again = match self.link {
            Link::Away(until) => Some(until),
            _ => None,
        };
        let turn = match self.link {
            Link::Good if self.live_under_way() >= LIVE => None,
            Link::Good => self.due.first().map(|(due, _)| *due),
            // What is stored already only waits for the broker.
            _ => self.due.iter().find(|(_, place)| !self.lanes[*place].is_stored).map(|(due, _)| *due),
        };
        let load = self.waits_for_load().then_some(self.load_from);
        let given_up = self.flights.first_key_value().map(|(_, (until, _))| *until);
        [again, turn, load, given_up, self.next_watch()].into_iter().flatten().min()
    }

    /// Whether something is stored that could go if it were loaded.
    fn waits_for_load(&self) -> bool {
        self.link == Link::Good && self.has_more && !self.is_loading && self.missed.is_empty()
    }

    /// What was not answered in time may have arrived, and no place is kept for it.
    fn give_up(&mut self, now: Monotonic, wishes: &mut Wishes) {
        while let Some((number, (until, _))) = self.flights.first_key_value()
            && *until <= now
        {
            self.answer(*number, &Fate::Unknown, now, wishes);
        }
    }

    fn live_under_way(&self) -> usize {
        self.flights.values().filter(|(_, flight)| matches!(flight, Flight::Live(..))).count()
    }

    /// One message finds out whether the broker is there again: the oldest that it missed, or else a present value.
    fn try_broker(&mut self, now: Monotonic, wishes: &mut Wishes) {
        if let Some(stored) = self.missed.pop_front() {
            self.link = Link::Trying;
            self.send_missed(stored, now, wishes);
            return;
        }
        // Where that cannot be read, a present value finds out.
        if self.has_more && (self.is_loading || now >= self.load_from) {
            self.load(now, wishes);
            self.link = Link::Away(now.plus(TRY_AGAIN));
            return;
        }
        if let Some((due, place)) = self.due.first().copied() {
            self.due.remove(&(due, place));
            self.link = Link::Trying;
            self.send_live(place, now, wishes);
            return;
        }
        // There is nothing to be said: the next value finds out.
        self.link = Link::Good;
    }

    fn tell(&mut self, now: Monotonic, wishes: &mut Wishes) {
        let mut room = LIVE.saturating_sub(self.live_under_way());
        while room > 0
            && let Some((due, place)) = self.due.first().copied().filter(|(due, _)| *due <= now)
        {
            self.due.remove(&(due, place));
            self.send_live(place, now, wishes);
            room -= 1;
        }
    }

    fn send_live(&mut self, place: usize, now: Monotonic, wishes: &mut Wishes) {
        let lane = &mut self.lanes[place];
        let telling = &self.tellings[lane.telling];
        lane.waits = false;
        lane.not_before = now.plus(telling.every);
        let Some(sample) = lane.newest.clone() else { return };
        let number = self.next_number;
        self.next_number += 1;
        wishes.send.push(Message {
            number,
            topic: Arc::clone(&lane.topic),
            sample: sample.clone(),
            unit: Arc::clone(&lane.unit),
            format: lane.format,
            qos: telling.qos,
            retain: telling.retain,
            historical: false,
        });
        self.flights.insert(number, (now.plus(ANSWERED_WITHIN), Flight::Live(place, sample)));
    }

    fn catch_up(&mut self, now: Monotonic, wishes: &mut Wishes) {
        let under_way = self.flights.values().filter(|(_, flight)| matches!(flight, Flight::Missed(_))).count();
        for _ in under_way..MISSED {
            match self.missed.pop_front() {
                Some(stored) => self.send_missed(stored, now, wishes),
                None => break,
            }
        }
        if self.missed.is_empty() && self.has_more {
            self.load(now, wishes);
        }
    }

    /// What the broker missed never takes the place of a present value that it keeps, and is worth a confirmation.
    fn send_missed(&mut self, stored: Stored, now: Monotonic, wishes: &mut Wishes) {
        let lane = self.by_topic.get(&stored.topic).map(|place| &self.lanes[*place]);
        let Some(lane) = lane.filter(|lane| lane.is_storable()) else {
            self.counts.lost += 1;
            wishes.delete.push(stored.id);
            if self.link == Link::Trying {
                self.link = Link::Away(Monotonic::default());
            }
            return;
        };
        let telling = &self.tellings[lane.telling];
        let number = self.next_number;
        self.next_number += 1;
        wishes.send.push(Message {
            number,
            topic: Arc::clone(&stored.topic),
            sample: stored.sample.clone(),
            unit: Arc::clone(&lane.unit),
            format: lane.format,
            qos: telling.qos.max(QoS::AtLeastOnce),
            retain: false,
            historical: true,
        });
        self.flights.insert(number, (now.plus(ANSWERED_WITHIN), Flight::Missed(stored)));
    }

    fn load(&mut self, now: Monotonic, wishes: &mut Wishes) {
        if now >= self.load_from && !std::mem::replace(&mut self.is_loading, true) {
            wishes.load_after = Some(self.loaded_to);
        }
    }

    /// The broker is away: what it is due is stored, and the newest of each tag goes as soon as it is back.
    fn put_by(&mut self, now: Monotonic, wishes: &mut Wishes) {
        let due: Vec<_> = self.due.iter().copied().take_while(|(due, _)| *due <= now).collect();
        for (due, place) in due {
            let lane = &mut self.lanes[place];
            let telling = &self.tellings[lane.telling];
            if !lane.is_stored
                && lane.is_storable()
                && let Some(sample) = lane.newest.clone()
            {
                lane.is_stored = true;
                wishes.store.push((Arc::clone(&lane.topic), sample));
                self.has_more = true;
                // The next one waits for its time, as it would if the broker were there.
                lane.not_before = now.plus(telling.every);
                self.due.remove(&(due, place));
                self.due.insert((lane.not_before, place));
            }
            self.lanes[place].is_stored = true;
        }
    }

    /// What was stored behind the place that was asked for, in order; and whether there is more.
    pub(super) fn loaded(&mut self, rows: Vec<Stored>, has_more: bool) {
        self.is_loading = false;
        self.loaded_to = rows.last().map_or(self.loaded_to, |last| last.id);
        self.missed.extend(rows);
        self.has_more = has_more;
    }

    /// What is stored could not be read: it is there still, and asked for again.
    pub(super) fn load_failed(&mut self, now: Monotonic) {
        self.is_loading = false;
        self.load_from = now.plus(LOAD_AGAIN);
    }

    /// The oldest were given up to make room.
    pub(super) fn dropped_to(&mut self, id: i64) {
        while self.missed.front().is_some_and(|stored| stored.id <= id) {
            self.missed.pop_front();
        }
        self.loaded_to = self.loaded_to.max(id);
    }

    /// The driver says what became of a message.
    pub(super) fn answer(&mut self, number: u64, fate: &Fate, now: Monotonic, wishes: &mut Wishes) {
        if self.is_watch_over(number, now) {
            return;
        }
        let Some((_, flight)) = self.flights.remove(&number) else { return };
        match fate {
            Fate::Taken | Fate::Refused(_) => {
                if self.link == Link::Trying {
                    self.link = Link::Good;
                }
                self.settle(flight, fate, wishes);
            }
            Fate::NotSent | Fate::Unknown => {
                self.link = Link::Away(now.plus(TRY_AGAIN));
                self.take_back(flight, now, wishes);
            }
        }
    }

    fn settle(&mut self, flight: Flight, fate: &Fate, wishes: &mut Wishes) {
        match fate {
            Fate::Refused(words) => {
                self.counts.lost += 1;
                self.counts.refusal = Some(words.as_str().into());
            }
            _ => self.counts.taken += 1,
        }
        match flight {
            Flight::Missed(stored) => wishes.delete.push(stored.id),
            Flight::Live(place, sample) => {
                let lane = &mut self.lanes[place];
                if !lane.waits && lane.newest.as_ref() == Some(&sample) {
                    lane.newest = None;
                }
            }
        }
    }

    /// It did not arrive, or that is not known.
    fn take_back(&mut self, flight: Flight, now: Monotonic, wishes: &mut Wishes) {
        match flight {
            Flight::Missed(stored) => {
                let place = self.missed.partition_point(|other| other.id < stored.id);
                self.missed.insert(place, stored);
            }
            Flight::Live(place, sample) => {
                let lane = &mut self.lanes[place];
                let is_newest = !lane.waits && lane.newest.as_ref() == Some(&sample);
                let was_stored = is_newest && lane.is_stored;
                if lane.is_storable() && !was_stored {
                    wishes.store.push((Arc::clone(&lane.topic), sample));
                    self.has_more = true;
                }
                if is_newest {
                    (lane.waits, lane.is_stored) = (true, true);
                    self.due.insert((lane.not_before.max(now), place));
                }
            }
        }
    }

    /// The station stops, or goes on with another plant: everything that was not confirmed is stored.
    pub(super) fn close(&mut self, now: Monotonic, wishes: &mut Wishes) {
        wishes.store.append(&mut self.late);
        for (_, flight) in std::mem::take(&mut self.flights).into_values() {
            self.take_back(flight, now, wishes);
        }
        for lane in &mut self.lanes {
            if lane.waits && !lane.is_stored && lane.is_storable() {
                lane.is_stored = true;
                wishes.store.extend(lane.newest.clone().map(|sample| (Arc::clone(&lane.topic), sample)));
            }
        }
    }
}

#[cfg(test)]
mod tests;
