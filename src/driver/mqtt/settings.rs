//! What the driver is told about a broker and the tags behind it.

use super::Device;
use crate::tag::{DeviceId, TagId};
use std::sync::Arc;
use std::time::Duration;

/// One broker with everything behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// Name or address of the broker.
    pub host: Arc<str>,
    /// Its port, 1883 by default.
    pub port: u16,
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
