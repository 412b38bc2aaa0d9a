//! Drivers: one task per connection, each the sole owner of its wire. They deliver batches and take dispatches; nothing else goes through.

mod backoff;
mod broken;
mod contract;
pub mod modbus;
pub mod mqtt;
mod report;
pub mod socket;
mod supervisor;

pub use contract::{
    Asked, AskedValue, Assignment, Batch, Condition, DeviceReport, DriverEvent, DriverNumber, Found, Heartbeat,
    Identity, Instruction, Link, LinkAnswer, OffScan, Reading, ReplyTo, Statistics, Written,
};
use supervisor::Inbox;
pub use supervisor::{ConnectionSettings, Drivers, LinkSettings, NotAsked, Port, Protocol};
