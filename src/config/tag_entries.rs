//! Tags as the station file has them. These comments too are what an engineer reads in the editor.

use super::alarm_entries::AlarmEntry;
use crate::access::Role;
use crate::driver::modbus::{Kind, Order};
use crate::driver::mqtt::{BinaryKind, TimeFormat};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// A named value.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TagEntry {
    /// Name, unique among tags, such as "north/pump-1/speed".
    pub(super) name: String,
    /// Name of the device that it is read from; a template gives it.
    pub(super) device: Option<String>,
    /// For a value that people enter, such as a limit or a reading on the spot: the one that it begins with. It is read from no device.
    pub(super) manual: Option<ManualEntry>,
    /// What it means, in a sentence.
    pub(super) description: Option<String>,
    /// The part of the plant that it belongs to; that of the device where none is given.
    pub(super) area: Option<String>,
    /// Modbus: table and zero-based address, such as "holding:40"; "40041" means the same.
    pub(super) register: Option<String>,
    /// Type of the value; u16 for registers, bool for coils and inputs, a number for MQTT where none is given.
    #[serde(rename = "type")]
    pub(super) kind: Option<Kind>,
    /// Order of bytes; ABCD where none is given.
    pub(super) order: Option<Order>,
    /// Bit of a register, 0 is the least significant.
    pub(super) bit: Option<u8>,
    /// First and last bit of a field, such as [4, 7]; 0 is the least significant.
    pub(super) bits: Option<[u8; 2]>,
    /// Raw values that stand for "not available", such as [32768, 65535].
    #[serde(default)]
    pub(super) not_available: Vec<u64>,
    /// Modbus: whether it can only be written: it is never read, and a command to it stays unverified unless another tag reads it back.
    #[serde(default)]
    pub(super) write_only: bool,
    /// Modbus: time from one poll to the next, where it differs from that of the device.
    pub(super) poll: Option<String>,
    /// Characters of a string.
    pub(super) length: Option<u16>,
    /// MQTT: topic, + and # allowed. Where the name has {1}, each match is a tag of its own: {1} stands for what the first + matches, {2}
    /// for the second, {#} for what # matches.
    pub(super) topic: Option<String>,
    /// MQTT: place in a JSON payload, such as "/sensors/0/value"; [name=inlet] finds an object in a list. Where the name has {json}, it ends
    /// in /*, and each single value below is a tag of its own.
    pub(super) json: Option<String>,
    /// Sparkplug: name of the metric, such as "Inlet/Temperature".
    pub(super) metric: Option<String>,
    /// MQTT, where the name has {1}, {#} or {json}: how many tags there may be; 100 where none is given.
    pub(super) most: Option<u32>,
    /// MQTT: only messages that say all of this are about the tag, such as {"/_type": "location"}.
    #[serde(default)]
    pub(super) only: BTreeMap<String, String>,
    /// MQTT: whether a message may lack the place in "json"; then it says nothing about the tag, which otherwise becomes bad.
    #[serde(default)]
    pub(super) optional: bool,
    /// MQTT, of a switch: what it says for true, such as "OPEN".
    #[serde(rename = "true")]
    pub(super) word_true: Option<String>,
    /// MQTT, of a switch: what it says for false, such as "CLOSED".
    #[serde(rename = "false")]
    pub(super) word_false: Option<String>,
    /// MQTT: the number that a binary payload is; "order" is the order of its bytes, ABCD with the most significant first, DCBA last.
    pub(super) binary: Option<BinaryKind>,
    /// MQTT, with binary: bytes before the number; 0 where none is given.
    pub(super) offset: Option<u32>,
    /// MQTT: where the message says its time, such as "/ts", or "arrival" for the time of arrival; that of the device where none is given.
    pub(super) time: Option<String>,
    /// MQTT: how the message writes its time; that of the device where none is given.
    pub(super) time_format: Option<TimeFormat>,
    /// Engineering unit, such as "m³/h".
    pub(super) unit: Option<String>,
    /// Digits behind the decimal point on screen.
    pub(super) decimals: Option<u8>,
    /// Span for display and limits, in the unit.
    pub(super) range: Option<[f64; 2]>,
    /// Conversion from raw counts.
    pub(super) scale: Option<ScaleEntry>,
    /// Words for the values 0, 1, 2 and so on as a list, or by number as {"0": "stopped", "100": "fault"}.
    pub(super) states: Option<StatesEntry>,
    /// For a counter: the raw count at which it begins anew at zero, such as 65536; the tag goes on counting.
    pub(super) rolls_over_at: Option<f64>,
    /// A change smaller than this is none, in the unit.
    pub(super) deadband: Option<f64>,
    /// What is kept of it.
    pub(super) history: Option<HistoryEntry>,
    /// A value older than this is stale, such as "90s".
    pub(super) stale_after: Option<String>,
    /// How it is set; a tag without this cannot be set.
    pub(super) command: Option<CommandEntry>,
    /// Its alarms.
    #[serde(default)]
    pub(super) alarms: Vec<AlarmEntry>,
    /// Its name before it was renamed: history and alarms go on under the new one.
    pub(super) formerly: Option<String>,
}

/// The value with which a tag begins that people enter.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum ManualEntry {
    /// True or false.
    Switch(bool),
    /// A number, in the unit.
    Number(f64),
    /// Words.
    Text(String),
}

/// A straight line through two points.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ScaleEntry {
    /// Lower and upper raw value.
    pub(super) raw: [f64; 2],
    /// The engineering values that these stand for.
    pub(super) eng: [f64; 2],
    /// Raw values outside of these are bad; between these and "raw" the value is uncertain (under- and over-range).
    pub(super) valid: Option<[f64; 2]>,
}

/// Words for values.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum StatesEntry {
    /// For 0, 1, 2 and so on.
    Counted(Vec<String>),
    /// By number.
    Numbered(BTreeMap<String, String>),
}

/// What is kept of a tag.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HistoryEntry {
    /// Whether it is kept at all; true where nothing is said.
    pub(super) keep: Option<bool>,
    /// A change up to this is not kept, in the unit; the tag's deadband where none is given.
    pub(super) deadband: Option<f64>,
    /// An unchanged value is kept again after this long; "60s" where none is given.
    pub(super) heartbeat: Option<String>,
    /// A value is left out while it is nowhere farther from the last kept one, which trends and exports show until the next, than this, in the
    /// unit; the deadband comes on top. Without it none is left out.
    pub(super) error_bound: Option<f64>,
}

/// How a tag is set.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct CommandEntry {
    /// Lowest value, in the unit.
    pub(super) min: Option<f64>,
    /// Highest value.
    pub(super) max: Option<f64>,
    /// The role that it needs.
    pub(super) role: Role,
    /// The tag that shows what the device made of it; a Modbus tag reads itself back where none is given.
    pub(super) read_back: Option<String>,
    /// How far the read-back may differ, in the unit.
    pub(super) tolerance: Option<f64>,
    /// How long the read-back may take; "10s" where none is given.
    pub(super) within: Option<String>,
    /// Whether the device resets it by itself once it has taken it up.
    pub(super) pulse: bool,
    /// Whether it must go out even when it cannot be recorded (stop, close).
    pub(super) essential: bool,
    /// MQTT: topic that the value is sent to.
    pub(super) topic: Option<String>,
    /// MQTT: payload with ${value} where the value stands.
    pub(super) payload: Option<String>,
    /// MQTT 5: topic that the device is asked to answer on; the command's number goes along as correlation data.
    pub(super) response_topic: Option<String>,
}
