//! What the driver is told about a wire and the devices on it.

use super::Encoding;
use crate::driver::socket::Tls;
use crate::tag::{DeviceId, Scaling, TagId};
use std::sync::Arc;
use std::time::Duration;

/// The four tables of the Modbus data model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
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
#[derive(Clone, Debug, PartialEq)]
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
    /// Time from one poll to the next.
    pub poll: Duration,
    /// Raw bit patterns that stand for "not available".
    pub not_available: Option<Arc<[u64]>>,
    /// Whether the register can be read at all; one that cannot is only written.
    pub readable: bool,
}

impl Point {
    /// How many bits or registers it takes in its table.
    pub const fn size(&self) -> u16 {
        if self.table.is_bits() { 1 } else { self.encoding.registers() }
    }

    /// The address behind its last one.
    pub const fn end(&self) -> u32 {
        self.address as u32 + self.size() as u32
    }
}

/// Which function a write uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WriteWith {
    /// Functions 5 and 6 for one coil or register, 16 for several.
    #[default]
    Automatic,
    /// Always functions 5 and 6; values of several registers cannot be set.
    Single,
    /// Always functions 15 and 16.
    Multiple,
    /// Function 23 for registers: written and read back in one request.
    #[serde(rename = "read-write")]
    ReadWrite,
}

/// How one bit of a register is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WriteBits {
    /// Function 22, in one request: nobody else's bits are touched.
    #[default]
    Mask,
    /// Read the register, change the bit, write it back. What another master changes in between is lost.
    ReadModifyWrite,
}

/// In what a device differs from the standard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quirks {
    /// Which function a write uses.
    pub write_with: WriteWith,
    /// How one bit of a register is written.
    pub write_bits: WriteBits,
    /// The unit that it answers with, where that is another one than it is asked by.
    pub accept_unit: Option<u8>,
}

/// A register that the station changes again and again, so that the device sees that the station lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// Holding register or coil.
    pub table: Table,
    /// Zero-based protocol address.
    pub address: u16,
    /// Time from one beat to the next. A register counts 0 to 65535, a coil goes on and off.
    pub period: Duration,
}

/// One unit on the wire.
#[derive(Clone, Debug, PartialEq)]
pub struct Device {
    /// Its slot.
    pub device: DeviceId,
    /// Name, unique in the station.
    pub name: Arc<str>,
    /// Unit identifier, 0 to 255 (1 to 247 on serial lines, 0 there is the broadcast).
    pub unit: u8,
    /// What is read from it.
    pub points: Vec<Point>,
    /// Registers that nobody asked for and that are read along rather than making a second request.
    pub gap: u16,
    /// Registers in one request, at most 125.
    pub max_registers: u16,
    /// Bits in one request, at most 2000.
    pub max_bits: u16,
    /// Rest between the end of one of its answers and the next request to it.
    pub pause: Duration,
    /// How long an answer may take; that of the wire where none is given.
    pub timeout: Option<Duration>,
    /// In what it differs from the standard.
    pub quirks: Quirks,
    /// Its sign of life from the station.
    pub heartbeat: Option<Heartbeat>,
    /// Whether it is asked who it is (function 43/14).
    pub identify: bool,
}

impl Device {
    /// Whether this is the broadcast address of a serial line: what is written to it is never answered.
    pub const fn is_broadcast(&self, transport: &Transport) -> bool {
        self.unit == 0 && transport.is_rtu()
    }

    /// The same settings, whatever slots of the plant they stand in.
    pub(super) fn same_but_slots(&self, other: &Self) -> bool {
        let same_point = |(one, two): (&Point, &Point)| Point { tag: two.tag, ..one.clone() } == *two;
        let bare = |device: &Self| Self { device: DeviceId(0), points: Vec::new(), ..device.clone() };
        self.points.len() == other.points.len()
            && bare(self) == bare(other)
            && self.points.iter().zip(&other.points).all(same_point)
    }
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

/// A serial line.
#[derive(Clone, Debug, PartialEq)]
pub struct SerialLine {
    /// Path of the port, best one below `/dev/serial/by-id/`.
    pub path: Arc<str>,
    /// Bits a second.
    pub baud: u32,
    /// Parity.
    pub parity: Parity,
    /// 1 or 2.
    pub stop_bits: u8,
    /// How long the line rests between two frames beyond the standard's 3.5 characters: RS-485 drivers and slow devices need it.
    pub turnaround: Duration,
    /// Whether the adapter gives back what is sent (two-wire adapters that do not switch their receiver off).
    pub echo: bool,
}

impl SerialLine {
    /// How long `characters` take on the line: 11 bits each, whatever the parity (serial line standard, 2.5.1).
    pub fn time_of(&self, characters: usize) -> Duration {
        Duration::from_secs_f64(characters as f64 * 11.0 / f64::from(self.baud.max(1)))
    }
}

/// How to reach the wire.
#[derive(Clone, Debug, PartialEq)]
pub enum Transport {
    /// A socket with MBAP framing (Messaging on TCP/IP V1.0b).
    Tcp {
        /// Name or address.
        host: Arc<str>,
        /// Port, 502 by default.
        port: u16,
        /// Modbus/TCP Security (V21); port 802 by default.
        tls: Option<Tls>,
    },
    /// A socket on which serial frames travel: a converter that does not translate.
    RtuOverTcp {
        /// Name or address.
        host: Arc<str>,
        /// Port.
        port: u16,
    },
    /// A serial line.
    Serial(SerialLine),
}

impl Transport {
    /// Whether frames carry a check sum instead of a transaction: then an answer cannot be told from a late one by its head.
    pub const fn is_rtu(&self) -> bool {
        !matches!(self, Self::Tcp { .. })
    }

    /// The address in words.
    pub fn words(&self) -> String {
        match self {
            Self::Tcp { host, port, tls: None } => format!("Modbus TCP {host}:{port}"),
            Self::Tcp { host, port, tls: Some(_) } => format!("Modbus TCP with TLS {host}:{port}"),
            Self::RtuOverTcp { host, port } => format!("Modbus RTU over TCP {host}:{port}"),
            Self::Serial(line) => format!("Modbus RTU {}, {} baud", line.path, line.baud),
        }
    }
}

/// One wire with everything on it.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// How to reach it.
    pub transport: Transport,
    /// Where else it can be reached, tried when the first way fails.
    pub fallback: Option<Transport>,
    /// The interface that its sockets are bound to, such as a tunnel; any where none is given.
    pub only_via: Option<Arc<str>>,
    /// Whether the line is slow: see [`Endpoint::is_slow`](crate::driver::socket::Endpoint::is_slow).
    pub is_slow: bool,
    /// How long an answer may take; on serial lines the time that the characters need comes on top.
    pub timeout: Duration,
    /// Rest between the end of one answer and the next request, whatever the unit.
    pub pause: Duration,
    /// Requests that may be under way at once; more than 1 only on TCP.
    pub in_flight: u8,
    /// The units on it.
    pub devices: Vec<Device>,
}

impl Settings {
    /// Whether the wire itself is the same, whatever is on it.
    pub(super) fn same_wire(&self, other: &Self) -> bool {
        let bare = |settings: &Self| Self { devices: Vec::new(), ..settings.clone() };
        bare(self) == bare(other)
    }
}
