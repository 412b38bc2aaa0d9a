//! MQTT brokers and points out of their entries.

mod broker;
mod point;

pub(super) use broker::settings;
pub(super) use point::{describe, point};
