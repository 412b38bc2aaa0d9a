//! Between a host application and a station: metrics become readings of tags, births and deaths become the state of devices.

mod found;
mod last;
mod looking;
mod readings;
mod say;

pub use found::{METRIC, kind_of, thing};
pub use say::Say;

use super::host::{Effect, Host, Publication, Refusal, SourceId, Update};
use super::namespace::Presence;
use super::settings::{Device, Point, Settings};
use super::topic::Source;
use crate::driver::Reading;
use crate::driver::mqtt::Kind;
use crate::tag::{Monotonic, Now, TagId, Timestamp, Value};
use found::found;
use last::{LastValues, Room};
use readings::{Worth, absent, close, lost, reading};
use std::collections::{HashMap, HashSet};

/// How the metrics of a source are bound to tags.
#[derive(Debug, Default)]
struct Bound {
    /// By place of the metric; empty where the source is no device of the station, or is gone.
    targets: Vec<Vec<Target>>,
    /// The last present value of each metric, for tags that are made of it later and for those who look.
    last: LastValues,
}

#[derive(Clone, Copy, Debug)]
struct Target {
    tag: TagId,
    kind: Kind,
}

/// The host application of one connection with the devices of the station that are behind it.
#[derive(Debug)]
pub struct Desk {
    host: Host,
    devices: Vec<Device>,
    by_source: HashMap<SourceId, usize>,
    bound: HashMap<SourceId, Bound>,
    /// What the texts of those may take that are no devices of the station.
    room: Room,
    /// Why devices are not there, as it was said last on this connection, or on the one before while there is none.
    gone: HashMap<Source, String>,
    /// When those who were not heard of count as lost.
    patience_ends: Option<Monotonic>,
    effects: Vec<Effect>,
}

impl Desk {
    /// A desk without a connection.
    pub fn new(settings: Settings) -> Self {
        let mut desk = Self {
            host: Host::new(settings.host),
            devices: Vec::new(),
            by_source: HashMap::new(),
            bound: HashMap::new(),
            room: Room::default(),
            gone: HashMap::new(),
            patience_ends: None,
            effects: Vec::new(),
        };
        desk.take_devices(settings.devices);
        desk
    }

    fn take_devices(&mut self, devices: Vec<Device>) {
        self.host.want(devices.iter().map(|device| device.source.clone()).collect());
        let ids = devices.iter().enumerate().filter_map(|(slot, device)| Some((self.host.find(&device.source)?, slot)));
        self.by_source = ids.collect();
        self.devices = devices;
    }

    /// Goes on with other tags and devices of the same host application. Devices that are there are told of anew, and tags that are new have
    /// the last values of their metrics. What is known of the others stands: said again, an old value would look like a fresh one. Of those
    /// of which too little is known a birth is asked for.
    pub fn adopt(&mut self, devices: Vec<Device>, now: Now, says: &mut Vec<Say>) {
        let old = std::mem::take(&mut self.devices);
        self.take_devices(devices);
        let new = self.new_tags(&old);
        self.tell_of_absent(&old, now, says);
        let mut wanting = self.unheard(&old);
        if !wanting.is_empty() && self.host.is_online() {
            self.patience_ends = Some(now.monotonic.plus(self.host.patience()));
        }
        let mut before = std::mem::take(&mut self.bound);
        self.room = Room::default();
        let alive: Vec<_> = self.host.sources().filter(|(_, _, is_alive)| *is_alive).map(|(id, ..)| id).collect();
        for source in alive {
            self.bind(source, |tag| new.contains(&tag), says);
            let last = before.remove(&source).map(|bound| bound.last).unwrap_or_default();
            if self.lacks(source, &last, &new) {
                wanting.push(source);
            }
            let last = last.into_updates();
            self.values(source, last, |tag| new.contains(&tag), says);
        }
        // Of those who are gone there is still to be seen what they said last.
        for (source, bound) in before {
            let mut last = LastValues::new(bound.last.len());
            let room = (!self.by_source.contains_key(&source)).then_some(&mut self.room);
            last.take_all(bound.last.into_updates(), room);
            self.bound.insert(source, Bound { targets: Vec::new(), last });
        }
        self.host.ask_births_of(&wanting, now, &mut self.effects);
        self.carry_out(says);
    }

    /// Devices that are known to be gone, the new ones among them too.
    fn tell_of_absent(&mut self, old: &[Device], now: Now, says: &mut Vec<Say>) {
        let present: HashSet<_> = self.devices.iter().map(|device| &device.source).collect();
        self.gone.retain(|source, _| present.contains(source));
        let old: HashSet<_> = old.iter().map(|device| &device.source).collect();
        for slot in 0..self.devices.len() {
            let device = &self.devices[slot];
            let standing = self.host.find(&device.source).map(|id| self.host.standing(id)).unwrap_or_default();
            match (self.gone.get(&device.source), standing.presence) {
                (_, Presence::Online) => {}
                (Some(words), _) => says.push(lost(device, None, words.clone())),
                (None, Presence::Offline) if !old.contains(&device.source) => {
                    let words = format!("{} was gone before it became a device of the station", device.source);
                    self.lose(slot, standing.since.unwrap_or(now.utc), words, says);
                }
                (None, _) => {}
            }
        }
    }

    /// New devices that were not heard of.
    fn unheard(&self, old: &[Device]) -> Vec<SourceId> {
        let old: HashSet<_> = old.iter().map(|device| &device.source).collect();
        let new = self.devices.iter().filter(|device| !old.contains(&device.source));
        let ids = new.filter_map(|device| self.host.find(&device.source));
        ids.filter(|id| self.host.standing(*id).presence == Presence::Unheard).collect()
    }

    /// Whether what was kept of a source, as of a stranger, is too little for its new tags.
    fn lacks(&self, source: SourceId, last: &LastValues, new: &HashSet<TagId>) -> bool {
        let Some(device) =
            self.device(source).filter(|device| device.points.iter().any(|point| new.contains(&point.tag)))
        else {
            return false;
        };
        let targets = self.bound.get(&source).map(|bound| &bound.targets[..]).unwrap_or_default();
        let is_wanted = |place: usize| {
            targets.get(place).is_some_and(|targets| targets.iter().any(|target| new.contains(&target.tag)))
        };
        let all = device.take_in.is_some();
        !self.host.is_whole(source) || last.cut().any(|place| all || is_wanted(place))
    }

    fn new_tags(&self, old: &[Device]) -> HashSet<TagId> {
        let of: HashMap<_, _> = old.iter().map(|device| (&device.source, device)).collect();
        let mut new = HashSet::new();
        for device in &self.devices {
            let before = of.get(&device.source).map(|device| &device.points[..]).unwrap_or_default();
            let before: HashMap<_, _> = before.iter().map(|point| (&point.name, point)).collect();
            let is_new = |point: &&Point| !before.get(&point.name).is_some_and(|other| point.is_same_tag(other));
            new.extend(device.points.iter().filter(is_new).map(|point| point.tag));
        }
        new
    }

    fn lose(&mut self, device: usize, time: Timestamp, words: String, says: &mut Vec<Say>) {
        let Some(device) = self.devices.get(device) else { return };
        self.gone.insert(device.source.clone(), words.clone());
        says.push(lost(device, Some(time), words));
    }

    /// A connection is about to be opened: the will that it has to carry.
    pub fn connect(&mut self, now: Now) -> Option<Publication> {
        self.host.connect(now)
    }

    /// What to subscribe to.
    pub fn filters(&self) -> Vec<String> {
        self.host.filters()
    }

    /// The devices of the connection that are spoken for here.
    pub fn places(&self) -> HashSet<usize> {
        self.devices.iter().map(|device| device.place).collect()
    }

    /// The broker confirmed all subscriptions.
    pub fn subscribed(&mut self, now: Now, says: &mut Vec<Say>) {
        // Whoever is gone still has not announced itself on this connection, and that is said anew.
        self.gone.clear();
        self.host.subscribed(now, &mut self.effects);
        self.patience_ends = Some(now.monotonic.plus(self.host.patience()));
        self.carry_out(says);
    }

    /// A message of the namespace arrived.
    pub fn message(&mut self, topic: &str, payload: &[u8], is_retained: bool, now: Now, says: &mut Vec<Say>) {
        self.host.message(topic, payload, is_retained, now, &mut self.effects);
        self.carry_out(says);
    }

    /// When [`Desk::pass_time`] is due at the latest.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        self.host.next_deadline().into_iter().chain(self.patience_ends).min()
    }

    /// Time passed.
    pub fn pass_time(&mut self, now: Now, says: &mut Vec<Say>) {
        self.host.pass_time(now, &mut self.effects);
        self.carry_out(says);
        if self.patience_ends.is_none_or(|end| end > now.monotonic) {
            return;
        }
        self.patience_ends = None;
        for slot in 0..self.devices.len() {
            let source = &self.devices[slot].source;
            // Of those that are gone that is said already.
            if !self.host.is_alive(source) && !self.gone.contains_key(source) {
                let words = format!("{source} has not announced itself, and was asked to");
                self.lose(slot, now.utc, words, says);
            }
        }
    }

    /// The broker refuses a subscription: without it nothing here can be relied on.
    pub fn refused(&mut self, now: Now, why: &str, says: &mut Vec<Say>) {
        (0..self.devices.len()).for_each(|slot| self.lose(slot, now.utc, why.to_owned(), says));
    }

    /// The connection broke.
    pub fn lost(&mut self) {
        self.host.lost();
        self.bound.clear();
        self.room = Room::default();
        self.patience_ends = None;
    }

    /// The connection is about to be closed on purpose: what has to go out before.
    pub fn stop(&mut self, now: Now) -> Option<Publication> {
        self.host.stop(now)
    }

    /// The message that sets a tag; none where the tag is no metric.
    pub fn command(&self, tag: TagId, value: &Value, now: Timestamp) -> Option<Result<Publication, Refusal>> {
        let of_device = |device: &'_ Device| device.points.iter().position(|point| point.tag == tag);
        let (device, point) = self.devices.iter().find_map(|device| Some((device, of_device(device)?)))?;
        let point = device.points.get(point).filter(|point| point.is_set)?;
        let raw = match (point.scaling, value.as_f64()) {
            (Some(scaling), Some(number)) => Value::Double(scaling.to_raw(number)),
            _ => value.clone(),
        };
        Some(self.host.command(&device.source, &point.metric, &raw, now))
    }

    /// The host application.
    pub fn host(&self) -> &Host {
        &self.host
    }

    fn carry_out(&mut self, says: &mut Vec<Say>) {
        for effect in std::mem::take(&mut self.effects) {
            match effect {
                Effect::Publish(message) => says.push(Say::Publish(message)),
                Effect::Born { source, .. } => self.bind(source, |_| true, says),
                Effect::Values { source, updates } => self.values(source, updates, |_| true, says),
                Effect::Died { source, time, words } => self.die(source, time, words, says),
                Effect::Fault { source, words } => {
                    let place = source.and_then(|source| self.device(source)).map(|device| device.place);
                    let name = source.and_then(|source| self.host.source(source)).map(ToString::to_string);
                    let words = name.map_or_else(|| words.clone(), |name| format!("{name}: {words}"));
                    says.push(Say::Fault { place, words });
                }
            }
        }
    }

    fn device(&self, source: SourceId) -> Option<&Device> {
        self.by_source.get(&source).and_then(|slot| self.devices.get(*slot))
    }

    /// After a birth: which of its metrics are tags, which tags it has no metric for, and which metrics are no tags yet. Of the tags those
    /// are told that `is_news` chooses.
    fn bind(&mut self, source: SourceId, is_news: impl Fn(TagId) -> bool, says: &mut Vec<Say>) {
        let metrics = self.host.metrics(source);
        let last = LastValues::new(metrics.len());
        if let Some(before) = self.bound.remove(&source) {
            before.last.leave(&mut self.room);
        }
        let Some(device) = self.device(source) else {
            self.bound.insert(source, Bound { targets: Vec::new(), last });
            return;
        };
        let metrics = self.host.metrics(source);
        let mut targets = vec![Vec::new(); metrics.len()];
        let by_name: HashMap<_, _> = metrics.iter().enumerate().map(|(place, metric)| (&*metric.name, place)).collect();
        let mut missing = Vec::new();
        for point in &device.points {
            match by_name.get(&*point.metric) {
                Some(place) => targets[*place].push(Target { tag: point.tag, kind: point.kind }),
                None if is_news(point.tag) => missing.push(absent(point)),
                None => {}
            }
        }
        let place = device.place;
        says.push(Say::Alive { place });
        if !missing.is_empty() {
            let time = self.host.connected_since();
            says.push(Say::Values { place, time, readings: missing });
        }
        says.extend(found(device, metrics, &targets));
        let alive = device.source.clone();
        self.gone.remove(&alive);
        self.bound.insert(source, Bound { last, targets });
    }

    /// Neighbours that share their time go on together.
    fn values(&mut self, source: SourceId, updates: Vec<Update>, is_news: impl Fn(TagId) -> bool, says: &mut Vec<Say>) {
        let Some(bound) = self.bound.get_mut(&source) else { return };
        let Some(place) = self.by_source.get(&source).map(|slot| self.devices[*slot].place) else {
            return bound.last.take_all(updates, Some(&mut self.room));
        };
        let mut open: Option<(Timestamp, Worth, Vec<Reading>)> = None;
        for update in updates {
            let Some(targets) = bound.targets.get(update.metric as usize) else { continue };
            let Some(worth) = Worth::of(&update) else { continue };
            for target in targets.iter().filter(|target| is_news(target.tag)) {
                let reading = reading(*target, &update);
                match &mut open {
                    Some((time, other, list)) if (*time, *other) == (update.time, worth) => list.push(reading),
                    _ => {
                        close(place, open.take(), says);
                        open = Some((update.time, worth, vec![reading]));
                    }
                }
            }
            bound.last.take(update, None);
        }
        close(place, open, says);
    }

    fn die(&mut self, source: SourceId, time: Timestamp, words: String, says: &mut Vec<Say>) {
        self.bound.entry(source).and_modify(|bound| bound.targets.clear());
        let Some(slot) = self.by_source.get(&source).copied() else { return };
        let words = format!("{}: {words}", self.devices[slot].source);
        self.lose(slot, time, words, says);
    }
}

#[cfg(test)]
mod tests;
