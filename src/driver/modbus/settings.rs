//! What the driver is told about a wire and the devices on it.

use super::Encoding;
use crate::tag::{DeviceId, Scaling, TagId};
use std::sync::Arc;
use std::time::Duration;

/// The four tables of the Modbus data model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Single bits, read and write (functions 1, 5, 15).
    Coil,
    /// Single bits, read only (function 2).
    Discrete,
    /// 16-bit registers, read only (function 4).
    Input,
    /// 16-bit registers, read and write (functions 3, 6, 16).
    Holding,
}

impl Table {
    /// Whether it holds single bits.
    pub const fn is_bits(self) -> bool {
        matches!(self, Self::Coil | Self::Discrete)
    }

    /// Whether it can be written.
    pub const fn is_writable(self) -> bool {
        matches!(self, Self::Coil | Self::Holding)
    }

    /// The word of the station file.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Coil => "coil",
            Self::Discrete => "discrete",
            Self::Input => "input",
            Self::Holding => "holding",
        }
    }
}

/// Where a tag is found in a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// The tag.
    pub tag: TagId,
    /// The table.
    pub table: Table,
    /// Zero-based protocol address.
    pub address: u16,
    /// How its bits are read.
    pub encoding: Encoding,
    /// For writing: how engineering units become raw counts.
    pub scaling: Option<Scaling>,
}

/// One unit on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its slot.
    pub device: DeviceId,
    /// Unit identifier, 0 to 255 (1 to 247 on serial lines).
    pub unit: u8,
    /// Time from one poll to the next.
    pub poll: Duration,
    /// What is read from it.
    pub points: Vec<Point>,
    /// Registers that nobody asked for and that are read along rather than making a second request.
    pub gap: u16,
    /// Registers in one request, at most 125.
    pub max_registers: u16,
    /// Bits in one request, at most 2000.
    pub max_bits: u16,
}

/// Parity of a serial line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Parity {
    /// No parity bit; the standard then asks for two stop bits.
    None,
    /// Even, the standard's default.
    #[default]
    Even,
    /// Odd.
    Odd,
}

/// How to reach the wire.
#[derive(Clone, Debug, PartialEq)]
pub enum Transport {
    /// A socket.
    Tcp {
        /// Name or address.
        host: Arc<str>,
        /// Port, 502 by default.
        port: u16,
    },
    /// A serial line.
    Serial {
        /// Path of the port, best one below `/dev/serial/by-id/`.
        path: Arc<str>,
        /// Bits a second.
        baud: u32,
        /// Parity.
        parity: Parity,
        /// 1 or 2.
        stop_bits: u8,
    },
}

/// One wire with everything on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How to reach it.
    pub transport: Transport,
    /// How long an answer may take.
    pub timeout: Duration,
    /// The units on it.
    pub devices: Vec<Device>,
}
