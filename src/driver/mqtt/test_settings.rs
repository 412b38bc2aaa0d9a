//! The plainest broker, for tests.

use super::{Acknowledge, Device, Options, Persistence, QoS, Settings, Version};
use crate::driver::socket::Endpoint;
use std::time::Duration;

/// A broker in clear by 3.1.1, with these devices.
pub(super) fn settings(devices: Vec<Device>) -> Settings {
    Settings {
        endpoint: Endpoint { host: "broker".into(), port: 1883, tls: None, only_via: None, is_slow: false },
        options: Options {
            version: Version::V3,
            client_id: "test".into(),
            login: None,
            persistence: Persistence::Clean,
            keep_alive: Duration::from_secs(10),
            timeout: Duration::from_secs(10),
            receive_maximum: 1000,
            acknowledge: Acknowledge::TakenIn,
            will: None,
        },
        packet_limit: 1_000_000,
        qos: QoS::AtLeastOnce,
        sparkplug: None,
        edge: None,
        asks: Box::default(),
        devices,
    }
}
