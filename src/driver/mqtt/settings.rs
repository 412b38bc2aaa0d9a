//! What the driver is told about a broker and the tags behind it.

use super::{AskSettings, Device, EdgeHome, Options, QoS, sparkplug};
use crate::driver::socket::Endpoint;
use crate::tag::{DeviceId, TagId};

/// One broker with everything behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Where it is, and whether TLS is spoken.
    pub endpoint: Endpoint,
    /// As whom and how it is spoken to.
    pub options: Options,
    /// Bytes of the largest message that is taken in; larger ones are left out and counted.
    pub packet_limit: usize,
    /// The level of its subscriptions.
    pub qos: QoS,
    /// The devices.
    pub devices: Vec<Device>,
    /// Sparkplug, where it is spoken.
    pub sparkplug: Option<sparkplug::settings::Settings>,
    /// The edge node that the station is at this broker, where it is one.
    pub edge: Option<Box<EdgeHome>>,
    /// The tags that others can set over this broker.
    pub asks: Box<AskSettings>,
}

impl Settings {
    /// Whether a session of these settings can go on with the others: what it reads and writes may be something else.
    pub fn same_session(&self, other: &Self) -> bool {
        let sparkplug = match (&self.sparkplug, &other.sparkplug) {
            (Some(one), Some(other)) => one.same_session(other),
            (None, None) => true,
            _ => false,
        };
        sparkplug
            && self.edge == other.edge
            && (&self.endpoint, &self.options, self.packet_limit)
                == (&other.endpoint, &other.options, other.packet_limit)
    }

    /// The same settings, whatever slots of the plant they stand in.
    pub fn same_but_slots(&self, other: &Self) -> bool {
        let without_slots = |settings: &Self| {
            let mut bare = settings.clone();
            bare.sparkplug.iter_mut().for_each(sparkplug::settings::Settings::without_slots);
            for device in &mut bare.devices {
                device.device = DeviceId(0);
                device.points.iter_mut().for_each(|point| (point.tag, point.name) = (TagId(0), "".into()));
            }
            bare
        };
        without_slots(self) == without_slots(other)
    }
}
