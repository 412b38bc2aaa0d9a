//! A host application at one broker: what it has to say about itself, and what it knows of the edge nodes and devices behind the broker.
//! Messages and time go in, effects come out; it knows no socket and no clock.
//!
//! One session: [`Host::connect`] gives the will for the connection, [`Host::filters`] what to subscribe to, [`Host::subscribed`] publishes
//! the birth of the host. Then [`Host::message`] for everything that arrives, [`Host::pass_time`] at [`Host::next_deadline`]. When the
//! connection broke, [`Host::lost`]; before it is closed on purpose, [`Host::stop`] gives the last message.

mod asking;
mod budget;
mod effect;
mod node;
mod order;
mod sessions;
mod settings;
mod state;
mod table;

pub use effect::{Effect, Publication, SourceId, Update};
pub use settings::HostSettings;
pub use state::HostState;
pub use table::MetricDefinition;

use super::namespace::Standing;
use super::payload::{self, Unfit};
use super::topic::{Kind, NAMESPACE, Source, Topic};
use crate::tag::{Monotonic, Now, Timestamp, Value};
use budget::Budget;
use node::{Entry, Life};
use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

/// Edge nodes and devices that are kept track of; what comes beyond them is refused in words.
const SOURCES: usize = 20_000;
/// As many of them may be none that the station file names: anybody who may publish can invent more.
const STRANGERS: usize = 2_000;
/// Metrics that are kept of those together.
const STRANGE_METRICS: usize = 200_000;
/// Time between the requests to two nodes that were not heard of after a start.
const STAGGER: Duration = Duration::from_millis(20);

/// Where the session with the broker stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Session {
    /// There is none, or it was not subscribed yet.
    Down,
    /// All is subscribed, and the birth is out.
    Online,
    /// It ends on purpose.
    Stopping,
}

/// Why a command cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The edge node or device is not there.
    #[error("{0} is not there: it has not announced itself, or has said that it is gone")]
    NotAlive(Source),
    /// Its birth declared no such metric.
    #[error("{source_name} has no metric \"{metric}\": its birth did not declare it")]
    NoMetric {
        /// Whose.
        source_name: Source,
        /// The name.
        metric: String,
    },
    /// Its birth gave it no data type of the specification.
    #[error("the metric \"{0}\" has no known data type")]
    NoKind(String),
    /// The value does not fit the metric.
    #[error(transparent)]
    Unfit(#[from] Unfit),
}

/// The host application.
#[derive(Debug)]
pub struct Host {
    settings: HostSettings,
    session: Session,
    /// The time in the will of the present connection: every birth of the host carries the same.
    connected: Timestamp,
    entries: Vec<Entry>,
    places: HashMap<Source, SourceId>,
    /// Topics that were read before, so that each is read once.
    topics: HashMap<Box<str>, (Kind, SourceId)>,
    due: BTreeSet<(Monotonic, SourceId)>,
    budget: Budget,
    /// How many the station file does not name, and how many metrics are kept of them.
    strangers: usize,
    strange_metrics: usize,
}

impl Host {
    /// A host application that is not connected.
    pub fn new(settings: HostSettings) -> Self {
        let mut host = Self {
            settings,
            session: Session::Down,
            connected: Timestamp::default(),
            entries: Vec::new(),
            places: HashMap::new(),
            topics: HashMap::new(),
            due: BTreeSet::new(),
            budget: Budget::default(),
            strangers: 0,
            strange_metrics: 0,
        };
        host.want(host.settings.wanted.clone());
        host
    }

    /// Whom the station file names now.
    pub fn want(&mut self, wanted: Vec<Source>) {
        self.entries.iter_mut().for_each(|entry| entry.is_wanted = false);
        for source in &wanted {
            if let Some(place) = self.place_of(source, true) {
                let node = self.entries[place.index()].node;
                self.entries[place.index()].is_wanted = true;
                self.entries[node.index()].is_wanted = true;
            }
        }
        let strangers = self.entries.iter().filter(|entry| !entry.is_wanted);
        (self.strangers, self.strange_metrics) =
            strangers.fold((0, 0), |(count, metrics), entry| (count + 1, metrics + entry.table.metrics.len()));
        self.settings.wanted = wanted;
    }

    /// Whether there is room for the metrics of a birth; then they count.
    fn keeps(&mut self, source: SourceId, table: &table::Table) -> bool {
        let entry = &self.entries[source.index()];
        if entry.is_wanted {
            return true;
        }
        let others = self.strange_metrics - entry.table.metrics.len();
        let has_room = others + table.metrics.len() <= STRANGE_METRICS;
        self.strange_metrics = others + if has_room { table.metrics.len() } else { 0 };
        has_room
    }

    /// How long those who are wanted may take to announce themselves after a start, the request for it included.
    pub fn patience(&self) -> Duration {
        self.settings.reordering_timeout * 2 + STAGGER * self.settings.wanted.len() as u32
    }

    /// Whether an edge node or device has announced itself and is there.
    pub fn is_alive(&self, source: &Source) -> bool {
        self.find(source).and_then(|id| self.entries.get(id.index())).is_some_and(|entry| entry.life == Life::Alive)
    }

    /// Whether the namespace is listened to.
    pub fn is_online(&self) -> bool {
        self.session == Session::Online
    }

    /// How an edge node or device stands.
    pub fn standing(&self, id: SourceId) -> Standing {
        self.entries.get(id.index()).map(Entry::standing).unwrap_or_default()
    }

    /// When the present connection was opened.
    pub fn connected_since(&self) -> Timestamp {
        self.connected
    }

    /// A connection is about to be opened: the will that it has to carry, none for a mere onlooker. The session has to be a clean one:
    /// "clean session" under MQTT 3.1.1, "clean start" with a session expiry of 0 under MQTT 5.
    pub fn connect(&mut self, now: Now) -> Option<Publication> {
        (self.session, self.connected) = (Session::Down, now.utc);
        self.settings.is_announced.then(|| self.state(false, now.utc))
    }

    /// What to subscribe to, the own STATE first; each with quality of service 1.
    pub fn filters(&self) -> Vec<String> {
        let own = self.settings.is_announced.then(|| self.own_topic());
        let groups = self.settings.groups.iter().flat_map(|group| {
            let of_nodes = ["NBIRTH", "NDATA", "NDEATH"].map(|kind| format!("{NAMESPACE}/{group}/{kind}/+"));
            let of_devices = ["DBIRTH", "DDATA", "DDEATH"].map(|kind| format!("{NAMESPACE}/{group}/{kind}/+/+"));
            of_nodes.into_iter().chain(of_devices)
        });
        own.into_iter().chain(groups).collect()
    }

    /// The broker confirmed all subscriptions: the birth goes out. Nodes of the station file that are not heard of in a while are asked.
    pub fn subscribed(&mut self, now: Now, effects: &mut Vec<Effect>) {
        self.session = Session::Online;
        if self.settings.is_announced {
            effects.push(Effect::Publish(self.state(true, self.connected)));
        }
        let mut from = now.monotonic.plus(self.settings.reordering_timeout);
        for wanted in self.settings.wanted.clone() {
            let Some(node) = self.place(&wanted.of_node()) else { continue };
            let state = self.entries[node.index()].node_state();
            if state.session.is_none() && state.asking.due().is_none() {
                state.asking.want_from(from);
                from = from.plus(STAGGER);
            }
        }
        (0..self.entries.len()).for_each(|place| self.reschedule(SourceId(place as u32)));
    }

    /// Births are asked for of nodes that are not asked already: of these sources more has to be known than is.
    pub fn ask_births_of(&mut self, sources: &[SourceId], now: Now, effects: &mut Vec<Effect>) {
        let nodes: BTreeSet<_> = sources.iter().filter_map(|id| Some(self.entries.get(id.index())?.node)).collect();
        if self.session != Session::Online {
            return;
        }
        let mut from = now.monotonic;
        for node in nodes {
            let asking = &mut self.entries[node.index()].node_state().asking;
            if asking.due().is_none() {
                asking.want_from(from);
                from = from.plus(STAGGER);
            }
            self.reschedule(node);
        }
        self.pass_time(now, effects);
    }

    /// Whether its last birth was taken in as it was: of strangers some is left out.
    pub fn is_whole(&self, id: SourceId) -> bool {
        self.entries.get(id.index()).is_none_or(|entry| entry.table.is_whole())
    }

    /// A message arrived. What the broker kept from before tells nothing of a session, and is left aside.
    pub fn message(&mut self, topic: &str, payload: &[u8], is_retained: bool, now: Now, effects: &mut Vec<Effect>) {
        if let Some((kind, source)) = self.topics.get(topic).copied() {
            return self.of_source(kind, source, payload, is_retained, now, effects);
        }
        match Topic::parse(topic) {
            Ok(Topic::State { host }) => {
                if host == self.settings.host {
                    self.own_state(payload, is_retained, effects);
                }
            }
            // Ours, or another host's: it comes back to whoever listens to everything.
            Ok(Topic::Message(Kind::Command, _)) => {}
            Ok(Topic::Message(kind, source)) => match self.place(&source) {
                Some(place) => {
                    self.topics.insert(topic.into(), (kind, place));
                    self.of_source(kind, place, payload, is_retained, now, effects);
                }
                None => fault(
                    effects,
                    None,
                    format!(
                        "{source} is left aside: enough nodes and devices are known that are not in the station file"
                    ),
                ),
            },
            Err(error) => fault(effects, None, format!("{topic}: {error}")),
        }
    }

    fn of_source(
        &mut self,
        kind: Kind,
        source: SourceId,
        payload: &[u8],
        is_retained: bool,
        now: Now,
        effects: &mut Vec<Effect>,
    ) {
        if is_retained {
            return fault(
                effects,
                Some(source),
                "a message that the broker kept from before was left aside".to_owned(),
            );
        }
        self.take(kind, source, payload, now, effects);
        self.reschedule(self.entries[source.index()].node);
    }

    /// The edge nodes and devices that are known, in the order in which they were first heard of.
    pub fn sources(&self) -> impl Iterator<Item = (SourceId, &Source, bool)> {
        let entries = self.entries.iter().enumerate();
        entries.map(|(place, entry)| (SourceId(place as u32), &entry.source, entry.life == Life::Alive))
    }

    /// Who has this number.
    pub fn source(&self, id: SourceId) -> Option<&Source> {
        self.entries.get(id.index()).map(|entry| &entry.source)
    }

    /// The number of an edge node or device; none where it was never heard of and is not wanted.
    pub fn find(&self, source: &Source) -> Option<SourceId> {
        self.places.get(source).copied()
    }

    /// The metrics that its last birth declared.
    pub fn metrics(&self, id: SourceId) -> &[MetricDefinition] {
        self.entries.get(id.index()).map_or(&[], |entry| &entry.table.metrics)
    }

    /// The message that sets a metric, with the data type of its birth.
    pub fn command(
        &self,
        source: &Source,
        metric: &str,
        value: &Value,
        now: Timestamp,
    ) -> Result<Publication, Refusal> {
        let entry = self.find(source).and_then(|id| self.entries.get(id.index()));
        let entry = entry.filter(|entry| entry.life == Life::Alive && self.session == Session::Online);
        let entry = entry.ok_or_else(|| Refusal::NotAlive(source.clone()))?;
        let unknown = || Refusal::NoMetric { source_name: source.clone(), metric: metric.to_owned() };
        let place = entry.table.place(metric).ok_or_else(unknown)?;
        let definition = entry.table.metrics.get(place as usize).ok_or_else(unknown)?;
        let kind = definition.kind.ok_or_else(|| Refusal::NoKind(metric.to_owned()))?;
        let payload = payload::command(metric, definition.alias, kind, value, now)?;
        Ok(command_to(source, &payload))
    }

    /// The connection is about to be closed on purpose: the message that has to go out before it.
    pub fn stop(&mut self, now: Now) -> Option<Publication> {
        let was_online = std::mem::replace(&mut self.session, Session::Stopping) == Session::Online;
        (was_online && self.settings.is_announced).then(|| self.state(false, now.utc))
    }

    /// The own STATE: who else says that this host is gone is contradicted at once.
    fn own_state(&mut self, payload: &[u8], is_retained: bool, effects: &mut Vec<Effect>) {
        if self.session != Session::Online || !self.settings.is_announced {
            return;
        }
        let ours = HostState::at(true, self.connected);
        match HostState::read(payload) {
            Some(HostState { online: false, .. }) => effects.push(Effect::Publish(self.state(true, self.connected))),
            Some(state) if state != ours && !is_retained => {
                let words =
                    "another host application uses the same name at this broker: give one of them another \"host_id\"";
                fault(effects, None, words.to_owned());
            }
            Some(_) => {}
            None => fault(effects, None, format!("{}: the message is no state of a host", self.own_topic())),
        }
    }

    fn own_topic(&self) -> String {
        Topic::State { host: self.settings.host.clone() }.to_string()
    }

    fn state(&self, is_online: bool, moment: Timestamp) -> Publication {
        let payload = HostState::at(is_online, moment).payload();
        Publication { topic: self.own_topic(), payload, qos: 1, retain: true }
    }

    /// The number of a source, a new one where it has none; none where there are too many.
    fn place(&mut self, source: &Source) -> Option<SourceId> {
        self.place_of(source, false)
    }

    fn place_of(&mut self, source: &Source, is_wanted: bool) -> Option<SourceId> {
        if let Some(place) = self.places.get(source) {
            return Some(*place);
        }
        // A device may bring its node along.
        if self.entries.len() + 2 > SOURCES || (!is_wanted && self.strangers + 2 > STRANGERS) {
            return None;
        }
        let node = if source.is_node() { None } else { self.place_of(&source.of_node(), is_wanted) };
        self.strangers += usize::from(!is_wanted);
        let place = SourceId(self.entries.len() as u32);
        self.entries.push(Entry::new(source.clone(), node.unwrap_or(place)));
        self.places.insert(source.clone(), place);
        if let Some(node) = node {
            self.entries[node.index()].node_state().devices.push(place);
        }
        Some(place)
    }
}

fn command_to(source: &Source, payload: &payload::Payload) -> Publication {
    let topic = Topic::Message(Kind::Command, source.clone()).to_string();
    Publication { topic, payload: payload::encode(payload), qos: 0, retain: false }
}

fn fault(effects: &mut Vec<Effect>, source: Option<SourceId>, words: String) {
    effects.push(Effect::Fault { source, words });
}

#[cfg(test)]
mod tests;
