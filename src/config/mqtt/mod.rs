//! MQTT brokers and points out of their entries.

mod broker;
mod device;
mod point;

pub(super) use broker::settings;
pub(super) use device::search;
pub(super) use point::{describe, point};
