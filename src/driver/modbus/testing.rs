//! Devices and points for the tests of this module.

use super::{Device, Encoding, Kind, MAX_BITS, MAX_REGISTERS, Order, Point, Quirks, Table};
use crate::tag::{DeviceId, TagId};
use std::time::Duration;

pub(super) fn point(tag: u32, table: Table, address: u16, kind: Kind) -> Point {
    Point {
        tag: TagId(tag),
        table,
        address,
        encoding: Encoding::new(kind, Order::Abcd),
        scaling: None,
        poll: Duration::from_secs(1),
        not_available: None,
        readable: true,
    }
}

pub(super) fn device(points: Vec<Point>) -> Device {
    Device {
        device: DeviceId(0),
        name: "device".into(),
        unit: 1,
        points,
        gap: 8,
        max_registers: MAX_REGISTERS,
        max_bits: MAX_BITS,
        pause: Duration::ZERO,
        timeout: None,
        quirks: Quirks::default(),
        heartbeat: None,
        identify: false,
    }
}
