//! MQTT brokers and points out of their entries.

mod broker;
mod device;
mod point;
mod sparkplug;

pub(super) use broker::settings;
pub(super) use device::search;
pub(super) use point::{describe, point};
pub(super) use sparkplug::{add_metric, is_sparkplug, take_in};
