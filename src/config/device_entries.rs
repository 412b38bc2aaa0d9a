//! Devices and templates as the station file has them. These comments too are what an engineer reads in the editor.

use super::tag_entries::{HistoryEntry, TagEntry};
use crate::alarm::Priority;
use crate::driver::modbus::{WriteBits, WriteWith};
use crate::driver::mqtt::{Source, TimeFormat};
use schemars::JsonSchema;
use serde::Deserialize;

/// A list of tags that several devices share.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TemplateEntry {
    /// Name, unique among templates.
    pub(super) name: String,
    /// What is kept of its tags that say nothing about it.
    pub(super) history: Option<HistoryEntry>,
    /// MQTT: the topic on which its devices say whether they are there; ${device} stands for the topic of the device.
    pub(super) availability: Option<AvailabilityEntry>,
    /// MQTT: where messages say their time, where a tag does not.
    pub(super) time: Option<String>,
    /// MQTT: how messages write their time.
    pub(super) time_format: Option<TimeFormat>,
    /// Tags; the name of each is put behind area and name of the device.
    #[serde(default)]
    pub(super) tags: Vec<TagEntry>,
}

/// An addressable thing behind a connection.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceEntry {
    /// Name, unique among devices.
    pub(super) name: String,
    /// Name of its connection.
    pub(super) connection: String,
    /// Modbus unit, 0 to 255; 1 where none is given.
    pub(super) unit: Option<u8>,
    /// Time from one poll to the next, such as "500ms"; "1s" where none is given.
    pub(super) poll: Option<String>,
    /// Name of a template whose tags it has.
    pub(super) template: Option<String>,
    /// The part of the plant that it stands in; it begins the names of the template's tags.
    pub(super) area: Option<String>,
    /// What the names of the template's tags begin with; area and name of the device where none is given.
    pub(super) prefix: Option<String>,
    /// Added to the register addresses of the template.
    pub(super) offset: Option<u16>,
    /// What stands for ${device} in topics of the template; the name where none is given.
    pub(super) topic: Option<String>,
    /// Registers that nobody asked for and that are read along rather than making a second request.
    pub(super) gap: Option<u16>,
    /// Registers in one request, at most 125.
    pub(super) max_registers: Option<u16>,
    /// Bits in one request, at most 2000.
    pub(super) max_bits: Option<u16>,
    /// Modbus: whether the addresses of its tags are counted from 1, as in many manuals.
    #[serde(default)]
    pub(super) one_based: bool,
    /// Modbus: how long an answer of this unit may take; that of the connection where none is given.
    pub(super) timeout: Option<String>,
    /// Modbus: rest that the unit needs between an answer and the next request to it, such as "50ms".
    pub(super) pause: Option<String>,
    /// Modbus: which functions write. "single" forces 5 and 6, "multiple" forces 15 and 16.
    #[serde(default)]
    pub(super) write_with: WriteWith,
    /// Modbus: how bits of a register are written. "mask" is function 22; "read-modify-write" is for devices that lack it, and loses
    /// what another master changes in between.
    #[serde(default)]
    pub(super) write_bits: WriteBits,
    /// Modbus: the unit that it answers with, where that is another one than it is asked by.
    pub(super) accept_unit: Option<u8>,
    /// Modbus: whether it is asked who it is (function 43/14); true on sockets, false on serial lines where nothing is said.
    pub(super) identify: Option<bool>,
    /// Modbus: a sign of life that the station gives it.
    pub(super) heartbeat: Option<HeartbeatEntry>,
    /// The other station that tells its values, where one does: they are shown as from there.
    pub(super) station: Option<String>,
    /// Sparkplug: the edge node, or the device behind one, as "group/node" or "group/node/device".
    pub(super) sparkplug: Option<String>,
    /// Sparkplug: "all" makes a tag of every metric that its birth declares and no tag reads; area and name of the device begin its name.
    pub(super) take_in: Option<TakeInEntry>,
    /// Sparkplug, with take_in: how many tags there may be; 1000 where none is given.
    pub(super) most: Option<u32>,
    /// MQTT: the topic on which it, or its Last Will, says whether it is there.
    pub(super) availability: Option<AvailabilityEntry>,
    /// MQTT: a list that says what the device has; each entry becomes a tag. "topic" is what its topics begin with, the usual one where none
    /// is given.
    pub(super) discovery: Option<Source>,
    /// MQTT: where messages say their time, such as "/ts"; the time of arrival counts where none is given.
    pub(super) time: Option<String>,
    /// MQTT: how messages write their time; "auto" reads RFC 3339, and since 1970 s, ms, µs and ns by their magnitude.
    pub(super) time_format: Option<TimeFormat>,
    /// The alarm for when it does not answer.
    pub(super) lost: Option<LostEntry>,
}

/// How a device says over MQTT whether it is there.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AvailabilityEntry {
    /// Topic, without + and #.
    pub(super) topic: String,
    /// The word for: it is there; "online" where none is given.
    pub(super) online: Option<String>,
    /// The word for: it is away; "offline" where none is given.
    pub(super) offline: Option<String>,
    /// Place of the word in a JSON payload, such as "/state"; the whole payload where none is given.
    pub(super) json: Option<String>,
}

/// What of a birth becomes tags without being named.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum TakeInEntry {
    /// Every metric.
    All,
}

/// A register that the station changes again and again, so that the device sees that the station lives.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct HeartbeatEntry {
    /// A holding register, which counts, or a coil, which goes on and off.
    pub(super) register: String,
    /// Time from one beat to the next, such as "1s".
    pub(super) every: String,
}

/// The alarm for when a device does not answer.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LostEntry {
    /// How soon an operator has to act.
    pub(super) priority: Priority,
    /// How long it must be silent, such as "5s".
    pub(super) on_delay: Option<String>,
    /// What the operator reads.
    pub(super) message: Option<String>,
    /// What the operator should do.
    pub(super) guidance: Option<String>,
}
