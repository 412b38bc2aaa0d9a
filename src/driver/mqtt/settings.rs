//! What the driver is told about a broker and the tags behind it.

use super::Kind;
use crate::tag::{DeviceId, Scaling, TagId};
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
}

/// Where a tag is found.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The tag.
    pub tag: TagId,
    /// Topic filter; `+` and `#` as in MQTT.
    pub filter: Arc<str>,
    /// JSON pointer (RFC 6901) into the payload, such as `/sensors/0/value`; none where the payload is the bare value.
    pub pointer: Option<Arc<str>>,
    /// What kind of value is expected.
    pub kind: Kind,
    /// How it is set; none where it is not.
    pub publication: Option<Publication>,
}

/// A group of topics that counts as one device.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its slot.
    pub device: DeviceId,
    /// Its tags.
    pub points: Vec<Point>,
}

/// One broker with everything behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name or address of the broker.
    pub host: Arc<str>,
    /// Its port, 1883 by default.
    pub port: u16,
    /// The interface that its socket is bound to, such as a tunnel; any where none is given.
    pub only_via: Option<Arc<str>>,
    /// Client identifier, unique at the broker.
    pub client_id: Arc<str>,
    /// User name and password.
    pub login: Option<(Arc<str>, Arc<str>)>,
    /// How often a sign of life is asked for, at least a second.
    pub keep_alive: Duration,
    /// The devices.
    pub devices: Vec<Device>,
}

impl Settings {
    /// The same settings, whatever slots of the plant they stand in.
    pub fn same_but_slots(&self, other: &Self) -> bool {
        let without_slots = |settings: &Self| {
            let mut bare = settings.clone();
            for device in &mut bare.devices {
                device.device = DeviceId(0);
                device.points.iter_mut().for_each(|point| point.tag = TagId(0));
            }
            bare
        };
        without_slots(self) == without_slots(other)
    }
}
