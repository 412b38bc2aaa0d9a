//! Where the tags of a broker are found: topics, places in payloads, words.

use super::{Binary, Discovery, Kind, Pointer, Settings, SourceTime, Words};
use crate::tag::{DeviceId, Scaling, TagId};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

/// Where a command goes.
#[derive(Clone, Debug, PartialEq)]
pub struct Publication {
    /// Topic, without wildcards.
    pub topic: Arc<str>,
    /// Payload with `${value}` where the value stands; the bare value where none is given.
    pub payload: Option<Arc<str>>,
    /// From engineering units to what the device expects.
    pub scaling: Option<Scaling>,
    /// The words of the device for true and false; `true` and `false` where none are given.
    pub words: Option<Words>,
    /// Where the device is asked to answer (version 5); the command's identifier goes along, so that it can say to which command.
    pub response_topic: Option<Arc<str>>,
}

/// How long after its time a message is fresh, where a tag does not say when it is stale.
pub const FRESH: Duration = Duration::from_secs(60);

/// Where a tag is found.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The tag.
    pub tag: TagId,
    /// Its name, by which it is the same tag after a reload.
    pub name: Arc<str>,
    /// Topic filter; `+` and `#` as in MQTT.
    pub filter: Arc<str>,
    /// Place in a JSON payload; none where the payload is the bare value.
    pub pointer: Option<Pointer>,
    /// The number of a binary payload; none where the payload is text.
    pub binary: Option<Binary>,
    /// What kind of value is expected.
    pub kind: Kind,
    /// The words of the device for true and false.
    pub words: Option<Words>,
    /// Only messages that say all of this are about the tag: what has to stand at which place.
    pub only: Vec<(Pointer, Arc<str>)>,
    /// Whether a message may lack the place: then it says nothing about the tag. Otherwise the tag becomes bad.
    pub is_optional: bool,
    /// Where the message says its time; none where the time of arrival counts.
    pub time: Option<SourceTime>,
    /// How old a message may be on arrival.
    pub fresh: Duration,
    /// Whether it was found by the station rather than written in its file; another subscription covers its topic.
    pub is_found: bool,
    /// How it is set; none where it is not.
    pub publication: Option<Publication>,
}

impl Point {
    /// A number that is the whole payload.
    pub fn plain(tag: TagId, filter: &str) -> Self {
        Self {
            tag,
            name: "".into(),
            filter: filter.into(),
            pointer: None,
            binary: None,
            kind: Kind::Number,
            words: None,
            only: Vec::new(),
            is_optional: false,
            time: None,
            fresh: FRESH,
            is_found: false,
            publication: None,
        }
    }

    /// Whether this is the same tag as the other, and what messages said about that one holds of it.
    pub(super) fn reads_like(&self, other: &Self) -> bool {
        (&self.filter, &self.pointer, &self.binary, self.kind)
            == (&other.filter, &other.pointer, &other.binary, other.kind)
            && (&self.name, &self.words, &self.only, &self.time)
                == (&other.name, &other.words, &other.only, &other.time)
    }
}

/// The topic on which a device, or its Last Will, says whether it is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Availability {
    /// Topic, without wildcards.
    pub topic: Arc<str>,
    /// Place in a JSON payload; none where the payload is the bare word.
    pub pointer: Option<Pointer>,
    /// The word for: it is there.
    pub online: Arc<str>,
    /// The word for: it is away.
    pub offline: Arc<str>,
}

/// Topics whose matches become tags of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Topic filter; `+` and `#` as in MQTT.
    pub filter: Arc<str>,
    /// Where each single value below a place is a tag: that place. None where each topic is one tag.
    pub below: Option<Pointer>,
    /// Only messages that say all of this count.
    pub only: Vec<(Pointer, Arc<str>)>,
    /// How many names may be found.
    pub most: usize,
    /// The names that the station knows already.
    pub known: Arc<HashSet<Arc<str>>>,
}

impl Search {
    /// Whether this looks for the same names as the other, whichever of them are known.
    pub(super) fn looks_like(&self, other: &Self) -> bool {
        (&self.filter, &self.below, &self.only, self.most) == (&other.filter, &other.below, &other.only, other.most)
    }
}

/// A group of topics that counts as one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its slot.
    pub device: DeviceId,
    /// Its tags.
    pub points: Vec<Point>,
    /// How it says that it is there; it is whenever the broker is where none is given.
    pub availability: Option<Availability>,
    /// What else is looked for in its topics.
    pub searches: Vec<Search>,
    /// A list that says what it has.
    pub discovery: Option<Discovery>,
}

impl Device {
    /// A device without tags.
    pub const fn new(device: DeviceId) -> Self {
        Self { device, points: Vec::new(), availability: None, searches: Vec::new(), discovery: None }
    }
}

impl Settings {
    /// Whether nothing but slots, what was found, and who may set what is another in the other settings. What of the others'
    /// [`Self::filters`] is new has to be subscribed to then.
    pub fn same_but_found(&self, other: &Self) -> bool {
        let without_found = |settings: &Self| {
            let mut bare = Self { asks: Box::default(), ..settings.clone() };
            bare.sparkplug.iter_mut().for_each(super::sparkplug::settings::Settings::without_metrics);
            for device in &mut bare.devices {
                device.points.retain(|point| !point.is_found);
                device.searches.iter_mut().for_each(|search| search.known = Arc::default());
                device.discovery.iter_mut().for_each(|discovery| discovery.known = Arc::default());
            }
            bare
        };
        without_found(self).same_but_slots(&without_found(other))
    }

    /// The subscriptions that have to be made again, because what the broker keeps under them is news to something here that `before` did
    /// not have. For what was found its first message is kept instead.
    pub(super) fn filters_to_repeat(&self, before: &Self) -> HashSet<Arc<str>> {
        let mut known: HashMap<&str, Vec<&Point>> = HashMap::new();
        for point in before.devices.iter().flat_map(|device| &device.points) {
            known.entry(&point.filter).or_default().push(point);
        }
        let is_new = |point: &&Point| {
            let alike = known.get(&*point.filter);
            !point.is_found && !alike.is_some_and(|list| list.iter().any(|other| point.reads_like(other)))
        };
        let points = self.devices.iter().flat_map(|device| &device.points).filter(is_new).map(|point| &point.filter);
        let word_is_new =
            |word: &&Availability| !before.devices.iter().any(|one| one.availability.as_ref() == Some(*word));
        let words = self.devices.iter().filter_map(|device| device.availability.as_ref()).filter(word_is_new);
        let searched =
            |search: &&Search| before.devices.iter().flat_map(|one| &one.searches).any(|one| one.looks_like(search));
        let searches = self.devices.iter().flat_map(|device| &device.searches).filter(|search| !searched(search));
        let topics = points.chain(words.map(|word| &word.topic)).chain(searches.map(|search| &search.filter));
        let (topics, filters): (HashSet<&Arc<str>>, _) = (topics.collect(), self.filters());
        let covers = |filter: &&Arc<str>, topic: &Arc<str>| {
            !filters.contains(topic) && super::intake::topic_matches(topic, filter)
        };
        let is_touched =
            |filter: &&Arc<str>| topics.contains(*filter) || topics.iter().any(|topic| covers(filter, topic));
        filters.iter().filter(is_touched).cloned().collect()
    }

    /// What has to be subscribed to. Topics that a search covers are not subscribed to again: a broker might send them twice.
    pub fn filters(&self) -> HashSet<Arc<str>> {
        let searches = self.devices.iter().flat_map(|device| &device.searches).map(|search| Arc::clone(&search.filter));
        let lists = self.devices.iter().filter_map(|device| device.discovery.as_ref());
        let mut filters: HashSet<Arc<str>> = searches.collect();
        filters.extend(lists.flat_map(Discovery::filters).map(Arc::from));
        let is_covered = |filter: &Arc<str>| {
            let is_plain = !rumqttc::has_wildcards(filter);
            is_plain && filters.iter().any(|search| super::intake::topic_matches(filter, search))
        };
        let points = self.devices.iter().flat_map(|device| &device.points).map(|point| &point.filter);
        let words = self.devices.iter().filter_map(|device| Some(&device.availability.as_ref()?.topic));
        let others: Vec<_> = points.chain(words).filter(|filter| !is_covered(filter)).cloned().collect();
        filters.extend(others);
        filters
    }
}
