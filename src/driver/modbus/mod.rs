//! Modbus client over TCP and serial RTU (Modbus Application Protocol V1.1b3; Messaging on TCP/IP V1.0b; Serial Line V1.02).
//!
//! The framing is our own: a client library was measured to believe late answers on serial lines and to assert on answers of the
//! wrong length, and a station may do neither. Here every field of an answer is checked before any value is believed.

mod codec;
mod frame;
mod plan;
mod settings;
mod task;
mod wire;

pub use codec::{Encoding, Kind, Order, decode, encode};
pub use plan::{Block, MAX_BITS, MAX_REGISTERS, plan_blocks};
pub use settings::{Device, Parity, Point, Settings, Table, Transport};
pub use task::run;
