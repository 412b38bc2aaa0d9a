//! What tools ask of the wires that the station holds, and what they get: the engine has no part in it.

use super::{Difference, LinkState};
use crate::driver::Identity;
use crate::driver::modbus::{Exchange, Presence, ReadAnswer, ReadWish, TrustLine, WirePlan};
use crate::tag::TagKey;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What tools ask of the wires that the station holds. Nothing here changes anything in a device.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tool", rename_all = "kebab-case")]
pub enum ToolRequest {
    /// Read bits or registers.
    Read {
        /// Name of the connection.
        connection: Arc<str>,
        /// What.
        wish: ReadWish,
    },
    /// Ask a unit who it is.
    Identify {
        /// Name of the connection.
        connection: Arc<str>,
        /// The unit.
        unit: u8,
    },
    /// Find out whether a unit answers.
    Find {
        /// Name of the connection.
        connection: Arc<str>,
        /// The unit.
        unit: u8,
        /// How long it may take, in milliseconds.
        limit_millis: u64,
    },
    /// Let a unit give back a word.
    Echo {
        /// Name of the connection.
        connection: Arc<str>,
        /// The unit.
        unit: u8,
    },
    /// What is asked on every wire, how often, and how the wires bear it.
    Plan,
    /// Where the value of a tag comes from.
    Trace {
        /// The tag.
        tag: TagKey,
    },
    /// Compare the station file with what runs, and go on with it where `apply` is set.
    Reload {
        /// Whether to go on with it.
        apply: bool,
    },
    /// Silence the alarms that sound at the station. Nothing is acknowledged.
    Silence,
    /// How the connections over the network are, and what went over them.
    Links,
    /// Forget what was found under names that fit.
    Forget {
        /// The name, or device/name; * stands for any text, ? for any character.
        pattern: Arc<str>,
    },
    /// What went over a wire since an exchange.
    Traffic {
        /// Name of the connection.
        connection: Arc<str>,
        /// The number of the first exchange that is wanted.
        first: u64,
    },
}

/// What a tool gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "tool", rename_all = "kebab-case")]
pub enum ToolReply {
    /// What was read.
    Read(ReadAnswer),
    /// Who the unit is.
    Identity(Identity),
    /// Whether the unit is there.
    Presence {
        /// Whether it is.
        presence: Presence,
    },
    /// It gave the word back.
    Echo {
        /// How long that took, in microseconds.
        micros: u32,
    },
    /// The wires by name.
    Plan {
        /// In the order of the station file.
        wires: Vec<(Arc<str>, WirePlan)>,
    },
    /// What was forgotten.
    Forgotten {
        /// The names, with those of their devices before them.
        names: Vec<Arc<str>>,
    },
    /// Where the value comes from.
    Trace(TrustLine),
    /// What is, or was, another in the station file.
    Reload {
        /// The difference.
        difference: Difference,
    },
    /// What is silent now.
    Silenced {
        /// Whether an alarm sounded when it was asked.
        sounded: bool,
    },
    /// The connections over the network.
    Links {
        /// In the order of the station file.
        links: Vec<LinkState>,
    },
    /// Exchanges, the oldest first.
    Traffic {
        /// The exchanges.
        exchanges: Vec<Exchange>,
        /// Whether frames carry a check sum instead of a head.
        is_rtu: bool,
    },
}
