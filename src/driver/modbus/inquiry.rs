//! What tools ask of a wire that the station holds: they share its connection, and stand behind commands and polls.

use super::traffic::Exchange;
use super::{Bits, Kind, Order, Table};
use crate::driver::{Condition, Identity};
use crate::tag::{TagId, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// A question of a tool. Nothing here changes anything in a device.
#[derive(Debug)]
pub enum Inquiry {
    /// Read bits or registers.
    Read(ReadWish, oneshot::Sender<Result<ReadAnswer, String>>),
    /// Ask a unit who it is.
    Identify(u8, oneshot::Sender<Result<Identity, String>>),
    /// Find out whether a unit answers at all, within a limit.
    Probe(u8, Duration, oneshot::Sender<Presence>),
    /// Let a unit give back a word (function 8): how long that took, in microseconds.
    Echo(u8, oneshot::Sender<Result<u32, String>>),
    /// Where the value of a tag comes from.
    Trace(TagId, oneshot::Sender<Option<TrustLine>>),
    /// What is asked, how often, and how the wire bears it.
    Plan(oneshot::Sender<WirePlan>),
}

/// What is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadWish {
    /// The unit.
    pub unit: u8,
    /// The table.
    pub table: Table,
    /// Zero-based protocol address.
    pub address: u16,
    /// How many: at most 125 registers or 2000 bits.
    pub count: u16,
}

/// What was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadAnswer {
    /// Registers; bits as 0 and 1.
    pub values: Vec<u16>,
    /// From the request to the answer.
    pub micros: u32,
}

/// Whether a unit is there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Presence {
    /// It answered, if only with an exception.
    Present,
    /// Nothing came, or a gateway says that it is not there.
    Silent,
    /// The wire is not open, or broke.
    NoWire(String),
}

/// Where a value comes from, down to the bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustLine {
    /// Registers of the tag as they came last; bits as 0 and 1.
    pub raw: Vec<u16>,
    /// The table.
    pub table: Table,
    /// Its first address.
    pub address: u16,
    /// How the registers are read.
    pub kind: Kind,
    /// In which order.
    pub order: Order,
    /// Which bits of them count; none where all do.
    #[serde(default)]
    pub bits: Option<Bits>,
    /// The number that request and answer carried; none on wires whose frames have none.
    #[serde(default)]
    pub transaction: Option<u16>,
    /// The last exchange that read it.
    pub exchange: Exchange,
    /// Whether frames carry a check sum instead of a head.
    pub is_rtu: bool,
}

/// One request of a plan.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedRead {
    /// The table.
    pub table: Table,
    /// First address.
    pub address: u16,
    /// How many bits or registers.
    pub count: u16,
    /// Time from one poll to the next.
    pub poll: Duration,
    /// How many tags are found in it.
    pub tags: usize,
    /// Smoothed time from request to answer; none before a first answer.
    pub latency_micros: Option<u32>,
    /// The share of the wire's time that it needs at its rate, as far as is known.
    pub load: f32,
    /// Answers so far.
    pub answers: u64,
    /// Answers that were the same as the one before.
    pub unchanged: u64,
    /// Whether the device refuses it, so that it is asked only now and then.
    pub refused: bool,
    /// When it was answered last.
    pub last: Option<Timestamp>,
}

impl PlannedRead {
    /// A block before anything is known of it.
    pub fn unlearned(block: &super::Block) -> Self {
        Self {
            table: block.table,
            address: block.address,
            count: block.count,
            poll: block.poll,
            tags: block.points.len(),
            latency_micros: None,
            load: 0.0,
            answers: 0,
            unchanged: 0,
            refused: false,
            last: None,
        }
    }
}

/// What one unit is asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UnitPlan {
    /// Name of the device.
    pub device: Arc<str>,
    /// Its unit on the wire.
    pub unit: u8,
    /// How it is doing.
    pub condition: Condition,
    /// Its requests.
    pub reads: Vec<PlannedRead>,
}

/// What goes over one wire.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WirePlan {
    /// The units on it.
    pub units: Vec<UnitPlan>,
    /// The share of the time in which the wire worked, lately.
    pub busy: f32,
    /// The share of the time that the plan needs, by the latencies that were measured. Above 1 the wire is overloaded.
    pub needed: f32,
    /// Whether the device answered only some of several requests, and therefore gets one at a time.
    pub takes_one: bool,
}

impl WirePlan {
    /// What an engineer should know of a device that gets one request at a time where more were allowed.
    pub const TAKES_ONE: &str = "one request at a time: of several at once the device answered only some";
}
