//! Modbus client over TCP, TLS, serial RTU and RTU over TCP (Modbus Application Protocol V1.1b3; Messaging on TCP/IP V1.0b; Serial Line
//! V1.02; MODBUS/TCP Security V21).
//!
//! The framing is our own: a client library was measured to believe late answers on serial lines and to assert on answers of the
//! wrong length, and a station may do neither. Here every field of an answer is checked before any value is believed.
//!
//! From the wire up: `stream` opens it, `framing` and `pdu` are the bytes, `wire` exchanges them. Pure and without I/O: `plan` decides
//! what is asked together and learns from refusals, `schedule` when, `health` how a silent unit is treated, `codec` what registers
//! mean. `unit` keeps these together for one device, `task` runs a wire with `poll`, `write` and `answer` (tools).

mod answer;
mod block_state;
pub mod capture;
mod changed;
mod codec;
mod deadline;
mod exchange;
mod framing;
mod health;
mod heartbeat;
mod identify;
mod inquiry;
mod memory;
mod pdu;
mod plan;
pub mod plausible;
mod poll;
mod probe;
#[doc(hidden)]
pub mod proof;
mod schedule;
mod serial_port;
mod serial_wire;
mod settings;
mod stream;
mod task;
#[cfg(test)]
mod testing;
mod traffic;
mod unit;
mod wire;
pub mod words;
mod write;

pub use codec::{Bits, Encoding, Kind, Order, decode, encode, raw_bits};
pub use framing::{crc, serial_frame, tcp_frame};
pub use inquiry::{Inquiry, PlannedRead, Presence, ReadAnswer, ReadWish, TrustLine, UnitPlan, WirePlan};
pub use memory::{Holes, Remembered};
pub use plan::{Block, Learned, Lesson, MAX_BITS, MAX_REGISTERS, plan_blocks};
pub use serial_port::open_serial;
pub use settings::{
    Device, Heartbeat, Parity, Point, Quirks, SerialLine, Settings, Table, Transport, WriteBits, WriteWith,
};
pub(super) use task::run;
pub use traffic::{Exchange, Traffic, Watching};
