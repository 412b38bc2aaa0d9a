//! Modbus wires, units and points out of their entries.

mod point;
mod wire;

pub(super) use point::{describe, point, warn_conflicts};
pub(super) use wire::settings;
