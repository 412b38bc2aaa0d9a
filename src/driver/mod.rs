//! Drivers: one task per connection, each the sole owner of its wire. They deliver batches and take dispatches; nothing else goes through.

mod backoff;
mod contract;
pub mod modbus;
pub mod mqtt;
mod report;
mod supervisor;

pub use contract::{Batch, DeviceReport, DriverEvent, Link, Reading, Statistics, Written};
pub use supervisor::{ConnectionSettings, Drivers, Port, Protocol};
