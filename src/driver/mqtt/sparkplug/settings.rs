//! What the driver is told about the Sparkplug edge nodes and devices of a broker.

use super::host::HostSettings;
use super::topic::Source;
use crate::driver::mqtt::Kind;
use crate::tag::{Scaling, TagId};
use std::collections::HashSet;
use std::sync::Arc;

/// A metric that is a tag.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The tag.
    pub tag: TagId,
    /// Its name, by which it is the same tag after a reload.
    pub name: Arc<str>,
    /// Name of the metric, as its birth declares it.
    pub metric: Arc<str>,
    /// What kind of value is expected.
    pub kind: Kind,
    /// Whether it can be set.
    pub is_set: bool,
    /// From engineering units to what the metric expects.
    pub scaling: Option<Scaling>,
}

impl Point {
    /// Whether what was said of the one holds of the other.
    pub(super) fn is_same_tag(&self, other: &Self) -> bool {
        (&self.name, &self.metric, self.kind) == (&other.name, &other.metric, other.kind)
    }
}

/// An edge node or device that is a device of the station.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its place among the devices of the connection.
    pub place: usize,
    /// Who it is.
    pub source: Source,
    /// Its tags.
    pub points: Vec<Point>,
    /// Where its other metrics are to become tags as well: how many at most, and which are known already.
    pub take_in: Option<TakeIn>,
}

/// Metrics that become tags as they are found.
#[derive(Clone, Debug, PartialEq)]
pub struct TakeIn {
    /// How many there may be.
    pub most: usize,
    /// The names that are kept already.
    pub known: Arc<HashSet<Arc<str>>>,
}

/// Sparkplug at one broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The host application.
    pub host: HostSettings,
    /// Who behind the broker is a device of the station.
    pub devices: Vec<Device>,
}

impl Settings {
    /// Whether a session of these settings can go on with the others: tags and devices may be others.
    pub fn same_session(&self, other: &Self) -> bool {
        let bare = |host: &HostSettings| HostSettings { wanted: Vec::new(), ..host.clone() };
        bare(&self.host) == bare(&other.host)
    }

    /// Forgets which metrics are tags.
    pub(in crate::driver::mqtt) fn without_metrics(&mut self) {
        for device in &mut self.devices {
            device.points.clear();
            device.take_in.iter_mut().for_each(|take_in| take_in.known = Arc::default());
        }
    }

    /// Forgets the slots of the plant.
    pub(in crate::driver::mqtt) fn without_slots(&mut self) {
        let points = self.devices.iter_mut().flat_map(|device| &mut device.points);
        points.for_each(|point| (point.tag, point.name) = (TagId(0), "".into()));
    }
}
