//! Between a host application and a station: metrics become readings of tags, births and deaths become the state of devices.

use super::host::{Effect, Host, MetricDefinition, Publication, Refusal, SourceId, Update};
use super::settings::{Device, Point, Settings};
use crate::driver::mqtt::Kind;
use crate::driver::{Found, Reading};
use crate::tag::{Monotonic, Now, Quality, Reason, TagId, Timestamp, Value};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What is to be said or done; `place` is that of a device among the devices of the connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Say {
    /// Present values that share their time.
    Values {
        /// Of which device.
        place: usize,
        /// Since when.
        time: Timestamp,
        /// The values.
        readings: Vec<Reading>,
    },
    /// Values of before, for history alone.
    Past {
        /// Of which device.
        place: usize,
        /// Their time.
        time: Timestamp,
        /// The values.
        readings: Vec<Reading>,
    },
    /// The device is there.
    Alive {
        /// Which one.
        place: usize,
    },
    /// The device is not there.
    Lost {
        /// Which one.
        place: usize,
        /// Since when, by the clock that knows it.
        time: Timestamp,
        /// Its tags without their quality, at that time.
        readings: Vec<Reading>,
        /// Why, in words.
        words: String,
    },
    /// To be published.
    Publish(Publication),
    /// Something was not as the specification wants it.
    Fault {
        /// Which device did it; none where it is none of the station's.
        place: Option<usize>,
        /// What, in words.
        words: String,
    },
    /// Metrics that are no tags yet.
    Found {
        /// Of which device.
        place: usize,
        /// Which ones.
        metrics: Vec<MetricDefinition>,
        /// How many more there are than are allowed.
        left_out: usize,
    },
}

/// How the metrics of a source are bound to tags.
#[derive(Debug, Default)]
struct Bound {
    /// By place of the metric.
    targets: Vec<Vec<Target>>,
    /// The last present value of each metric, for tags that are made of it later.
    last: Vec<Option<Update>>,
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
    /// Why devices are not there, as it was said last.
    gone: HashMap<usize, String>,
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
    /// the last values of their metrics. What is known of the others stands: said again, an old value would look like a fresh one.
    pub fn adopt(&mut self, devices: Vec<Device>, says: &mut Vec<Say>) {
        let old = std::mem::take(&mut self.devices);
        self.take_devices(devices);
        let new = self.new_tags(&old);
        for device in &self.devices {
            let gone = self.gone.get(&device.place).filter(|_| !self.host.is_alive(&device.source));
            says.extend(gone.map(|words| lost(device, None, words.clone())));
        }
        let before = std::mem::take(&mut self.bound);
        let alive: Vec<_> = self.host.sources().filter(|(_, _, is_alive)| *is_alive).map(|(id, ..)| id).collect();
        for source in alive {
            self.bind(source, |tag| new.contains(&tag), says);
            let last = before.get(&source).into_iter().flat_map(|bound| &bound.last).flatten().cloned().collect();
            self.values(source, last, |tag| new.contains(&tag), says);
        }
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
        self.gone.insert(device.place, words.clone());
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
            if !self.host.is_alive(source) {
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
        let Some(device) = self.device(source) else { return };
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
        self.gone.remove(&place);
        self.bound.insert(source, Bound { last: vec![None; targets.len()], targets });
    }

    /// Neighbours that share their time go on together.
    fn values(&mut self, source: SourceId, updates: Vec<Update>, is_news: impl Fn(TagId) -> bool, says: &mut Vec<Say>) {
        let (Some(place), Some(bound)) =
            (self.by_source.get(&source).map(|slot| self.devices[*slot].place), self.bound.get_mut(&source))
        else {
            return;
        };
        let mut open: Option<(Timestamp, bool, Vec<Reading>)> = None;
        for update in updates {
            let Some(targets) = bound.targets.get(update.metric as usize) else { continue };
            for target in targets.iter().filter(|target| is_news(target.tag)) {
                let reading = reading(*target, &update);
                match &mut open {
                    Some((time, past, list)) if (*time, *past) == (update.time, update.is_historical) => {
                        list.push(reading)
                    }
                    _ => {
                        close(place, open.take(), says);
                        open = Some((update.time, update.is_historical, vec![reading]));
                    }
                }
            }
            if !update.is_historical {
                let slot = update.metric as usize;
                bound.last[slot] = Some(update);
            }
        }
        close(place, open, says);
    }

    fn die(&mut self, source: SourceId, time: Timestamp, words: String, says: &mut Vec<Say>) {
        self.bound.remove(&source);
        let Some(slot) = self.by_source.get(&source).copied() else { return };
        let words = format!("{}: {words}", self.devices[slot].source);
        self.lose(slot, time, words, says);
    }
}

/// Its tags lose their quality at the time of its death, where that is news, and the device with them.
fn lost(device: &Device, time: Option<Timestamp>, words: String) -> Say {
    let quality = Quality::bad(Reason::NotConnected);
    let readings = device.points.iter().filter(|_| time.is_some());
    let readings = readings.map(|point| Reading { tag: point.tag, value: None, quality }).collect();
    Say::Lost { place: device.place, time: time.unwrap_or_default(), readings, words }
}

fn close(place: usize, open: Option<(Timestamp, bool, Vec<Reading>)>, says: &mut Vec<Say>) {
    let Some((time, is_past, readings)) = open else { return };
    says.push(if is_past { Say::Past { place, time, readings } } else { Say::Values { place, time, readings } });
}

/// A tag whose metric the birth did not declare.
fn absent(point: &Point) -> Reading {
    Reading { tag: point.tag, value: None, quality: Quality::bad(Reason::IllegalAddress) }
}

fn reading(target: Target, update: &Update) -> Reading {
    let Target { tag, kind } = target;
    match update.value.as_ref().map(|value| fitted(value, kind)) {
        None => Reading { tag, value: None, quality: update.quality },
        Some(Some(value)) => Reading { tag, value: Some(value), quality: update.quality },
        Some(None) => Reading { tag, value: None, quality: Quality::bad(Reason::BadPayload) },
    }
}

/// The value as the kind that the tag wants; none where it is none.
fn fitted(value: &Value, kind: Kind) -> Option<Value> {
    match (kind, value) {
        (Kind::Number, Value::Bool(value)) => Some(Value::Signed(i64::from(*value))),
        (Kind::Number, Value::Text(_)) => None,
        (Kind::Text, Value::Text(_)) | (Kind::Bool, Value::Bool(_)) | (Kind::Number, _) => Some(value.clone()),
        (Kind::Text, other) => Some(Value::Text(other.to_string().into())),
        (Kind::Bool, other) => match other.as_f64() {
            Some(0.0) => Some(Value::Bool(false)),
            Some(1.0) => Some(Value::Bool(true)),
            _ => None,
        },
    }
}

/// Metrics that are to become tags, as many as are allowed beside those that are known.
fn found(device: &Device, metrics: &[MetricDefinition], targets: &[Vec<Target>]) -> Option<Say> {
    let take_in = device.take_in.as_ref()?;
    let is_new = |(place, metric): &(usize, &MetricDefinition)| {
        targets[*place].is_empty()
            && metric.kind.is_some()
            && !is_control(&metric.name)
            && !take_in.known.contains(&metric.name)
    };
    let new: Vec<_> = metrics.iter().enumerate().filter(is_new).map(|(_, metric)| metric.clone()).collect();
    let room = take_in.most.saturating_sub(take_in.known.len());
    let left_out = new.len().saturating_sub(room);
    let metrics: Vec<_> = new.into_iter().take(room).collect();
    (!metrics.is_empty() || left_out > 0).then_some(Say::Found { place: device.place, metrics, left_out })
}

/// What keeps the session going and is no value of the plant.
fn is_control(name: &str) -> bool {
    name == super::payload::BIRTH_DEATH_SEQUENCE
        || name.starts_with("Node Control/")
        || name.starts_with("Device Control/")
}

/// The kind of what is found in a birth: the facts are a tag in the words of the station file, without name and device.
pub const METRIC: &str = "metric";

/// A metric as a thing that the station keeps.
pub fn thing(metric: &MetricDefinition) -> Found {
    let mut facts = serde_json::Map::new();
    let mut add = |key: &str, value: Option<serde_json::Value>| value.map(|value| facts.insert(key.to_owned(), value));
    add(
        "type",
        match kind_of(metric) {
            Kind::Number => None,
            Kind::Bool => Some("bool".into()),
            Kind::Text => Some("string".into()),
        },
    );
    add("unit", metric.properties.unit.as_deref().map(Into::into));
    add("description", metric.properties.description.as_deref().map(Into::into));
    let range = metric.properties.low.zip(metric.properties.high).filter(|(low, high)| low < high);
    add("range", range.map(|(low, high)| vec![low, high].into()));
    Found { kind: METRIC.into(), name: Arc::clone(&metric.name), facts: facts.into() }
}

/// The kind of value that metrics of a data type have.
pub fn kind_of(metric: &MetricDefinition) -> Kind {
    use super::payload::DataType;
    match metric.kind {
        Some(DataType::Boolean) => Kind::Bool,
        Some(kind) if kind.is_number() => Kind::Number,
        _ => Kind::Text,
    }
}

#[cfg(test)]
mod tests;
