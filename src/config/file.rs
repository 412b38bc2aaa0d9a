//! The station file as it is written. The JSON Schema that `polder schema` prints is made from these types, so their comments are
//! what an engineer reads in the editor.

use super::alarm_entries::AlarmEntry;
use crate::access::Role;
use crate::alarm::Priority;
use crate::driver::modbus::{Kind, Order, Parity, WriteBits, WriteWith};
use crate::driver::mqtt::{BinaryKind, Source, TimeFormat};
use schemars::JsonSchema;
use serde::Deserialize;
use std::collections::BTreeMap;

/// The JSON Schema of the station file.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(StationFile).to_value()
}

/// A Polder station: its connections, devices, tags and alarms. Keys that begin with // are comments.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StationFile {
    /// The station itself.
    pub(super) station: StationEntry,
    /// Other files of this folder with connections, templates, devices and tags, so that a big plant can be split by area.
    pub(super) include: Vec<String>,
    /// Wires: sockets, serial lines, broker sessions.
    pub(super) connections: Vec<ConnectionEntry>,
    /// Lists of tags that several devices share.
    pub(super) templates: Vec<TemplateEntry>,
    /// Addressable things behind the connections.
    pub(super) devices: Vec<DeviceEntry>,
    /// Named values.
    pub(super) tags: Vec<TagEntry>,
    /// The picture of the plant in the overview; one is made up from the tags where none is given.
    pub(super) overview: Option<OverviewEntry>,
    /// Trends under a name, for the trend view. Operators save their own beside them, in trends.json.
    pub(super) trends: Vec<TrendEntry>,
    /// Tags that are copied to other tags.
    pub(super) bridges: Vec<BridgeEntry>,
    /// Tags that the station tells others, over a broker.
    pub(super) publications: Vec<PublicationEntry>,
}

/// Tags that the station tells others: whenever history keeps a value of one, a message goes to the broker.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PublicationEntry {
    /// Name of an MQTT connection.
    pub(super) connection: String,
    /// Names of tags; * stands for any text, ? for any character.
    pub(super) tags: Vec<String>,
    /// The topic: {tag} stands for the name of the tag, {station} for that of the station. "{station}/{tag}" where none is given.
    pub(super) topic: Option<String>,
    /// "json" with time, value, quality, reason and unit, or the "value" alone; "json" where nothing is said. What a broker missed comes
    /// later in JSON alone: a bare value cannot say that it is old.
    #[serde(default)]
    pub(super) format: FormatEntry,
    /// 0, 1 or 2; 1 where none is given.
    pub(super) qos: Option<u8>,
    /// Whether the broker keeps the last value of each tag; true where nothing is said.
    pub(super) retain: Option<bool>,
    /// Time from one message about a tag to the next, at least; "1s" where none is given. The newest value goes.
    pub(super) every: Option<String>,
    /// Whether others may set those of the tags that have a command, by a message to their topic with /set behind it; false where nothing is
    /// said. They hold the operator's role, and are answered at the response topic (MQTT 5), or at the topic with /result behind it.
    #[serde(default)]
    pub(super) commands: bool,
    /// With commands: another topic for them, with {tag} in it.
    pub(super) command_topic: Option<String>,
    /// The topic for the states of the alarms of these tags, as JSON, such as "{station}/alarms/{alarm}"; none are told where it is not given.
    pub(super) alarms: Option<String>,
}

/// How a value is written into a message.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum FormatEntry {
    /// With everything that belongs to it.
    #[default]
    Json,
    /// Alone.
    Value,
}

/// What waits for brokers that are away.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct OutboxEntry {
    /// The room that it has, such as "100 MB": beyond it the oldest goes; "100 MB" where none is given.
    pub(super) most: Option<String>,
    /// How long it waits, such as "30d"; that where none is given.
    pub(super) keep: Option<String>,
}

/// A tag that is copied to another one: each copy is a command, with its two entries in the record.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BridgeEntry {
    /// Name, unique among bridges.
    pub(super) name: String,
    /// The tag that is copied.
    pub(super) from: String,
    /// The tag that is set; it needs a command.
    pub(super) to: String,
    /// Time from one copy to the next, at least, such as "10s"; "1m" where none is given, because every copy is on record.
    pub(super) every: Option<String>,
    /// A change up to this is not copied, in the unit of the tag that is copied.
    pub(super) deadband: Option<f64>,
    /// While the source has no good value: "hold" leaves the target as it is, {"value": 0} sets it to that; "hold" where nothing is said.
    pub(super) on_bad: Option<OnBadEntry>,
    /// "each" says that a record of every copy is meant, also with "every" below a minute.
    pub(super) audit: Option<BridgeAuditEntry>,
}

/// What a bridge does while its source has no good value.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum OnBadEntry {
    /// Nothing.
    Hold(HoldEntry),
    /// It sets the target to a value.
    Set(OnBadValueEntry),
}

/// Nothing is copied.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum HoldEntry {
    /// The target stays as it is.
    Hold,
}

/// A value that stands in for a bad one.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OnBadValueEntry {
    /// The value.
    pub(super) value: ManualEntry,
}

/// What of a bridge is on record.
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum BridgeAuditEntry {
    /// Each copy.
    Each,
}

/// A trend under a name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TrendEntry {
    /// What it is called; unique.
    pub(super) name: String,
    /// Time from left to right, such as 2h; 5 minutes where it is not given.
    #[serde(default)]
    pub(super) span: Option<String>,
    /// Its pens, in their order.
    pub(super) pens: Vec<TrendPenEntry>,
}

/// A pen of a trend.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TrendPenEntry {
    /// The tag.
    pub(super) tag: String,
    /// An axis of its own rather than that of its unit.
    #[serde(default)]
    pub(super) own_axis: bool,
    /// Lowest and highest value of its axis; not given, it follows what is in sight.
    #[serde(default)]
    pub(super) range: Option<[f64; 2]>,
    /// A logarithmic axis.
    #[serde(default)]
    pub(super) log: bool,
    /// Straight from sample to sample, rather than in steps.
    #[serde(default)]
    pub(super) straight: bool,
}

/// The picture of the plant. Places are in units of its own size.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OverviewEntry {
    /// Width and height.
    pub(super) size: [f32; 2],
    /// What is drawn, in this order.
    pub(super) elements: Vec<ElementEntry>,
    /// Tags whose last hours stand beside it.
    #[serde(default)]
    pub(super) trends: Vec<String>,
}

/// One thing in the picture.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ElementEntry {
    /// Water in a basin.
    Tank { area: [f32; 4], title: String, level: String, target: Option<String>, span: [f64; 2] },
    /// A pump; its state is 0 stopped, 1 running, 2 tripped.
    Pump { at: [f32; 2], title: String, state: String, value: String },
    /// A sluice gate; its position is in percent.
    Gate { at: [f32; 2], title: String, position: String, value: Option<String> },
    /// A scale with a pointer.
    Gauge { at: [f32; 2], title: String, value: String, target: Option<String> },
    /// A number with its name.
    Number { at: [f32; 2], title: String, value: String },
    /// A pipe.
    Pipe { points: Vec<[f32; 2]> },
    /// A caption.
    Caption { at: [f32; 2], words: String },
}

/// The station itself.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct StationEntry {
    /// Name shown in the top bar.
    pub(super) name: String,
    /// Language of the screens, such as "en" or "nl".
    pub(super) language: Option<String>,
    /// How long what is kept; for ever where nothing is said.
    pub(super) keep: Option<KeepEntry>,
    /// Backups that the station makes by itself while it runs.
    pub(super) backup: Option<BackupEntry>,
    /// What is kept of tags that, and whose template, say nothing about it.
    pub(super) history: Option<HistoryEntry>,
    /// How long alarms may be shelved at most, by priority.
    pub(super) shelving: Option<ShelvingEntry>,
    /// How alarms sound; all of them are heard where nothing is said.
    pub(super) sound: Option<SoundEntry>,
    /// Whether a message on the desktop tells of critical and high alarms while nobody looks at the window; false where it is not given.
    pub(super) notify: Option<bool>,
    /// What waits for brokers that are away.
    pub(super) outbox: Option<OutboxEntry>,
}

/// How alarms sound.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SoundEntry {
    /// How loud, in percent of what the computer is set to, from 1 to 100; 70 where it is not given.
    pub(super) volume: Option<i64>,
    /// Whether critical alarms are heard.
    pub(super) critical: Option<bool>,
    /// Whether high alarms are heard.
    pub(super) high: Option<bool>,
    /// Whether medium alarms are heard.
    pub(super) medium: Option<bool>,
    /// Whether low alarms are heard.
    pub(super) low: Option<bool>,
}

/// How long alarms may be shelved at most, by priority.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ShelvingEntry {
    /// 1; 30 minutes where it is not given.
    pub(super) critical: Option<String>,
    /// 2; 2 hours where it is not given.
    pub(super) high: Option<String>,
    /// 3; 8 hours where it is not given.
    pub(super) medium: Option<String>,
    /// 4; 24 hours where it is not given.
    pub(super) low: Option<String>,
}

/// How long what is kept. Hours are kept for ever.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct KeepEntry {
    /// Samples, such as "400d".
    pub(super) raw: Option<String>,
    /// Minima, maxima and means of minutes, such as "1800d".
    pub(super) minutes: Option<String>,
    /// All history together, such as "200 GB": beyond it the oldest samples go.
    pub(super) most: Option<String>,
}

/// Backups by the clock: one file each, read back after it is written. Exactly one of every and at is given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BackupEntry {
    /// The folder that they go to, best one on another disk. It has to be there: one that is not mounted is not made.
    pub(super) to: String,
    /// How long after the one before, such as "1d"; at least 10 minutes.
    pub(super) every: Option<String>,
    /// Time of day, such as "02:30", by the clock of this computer.
    pub(super) at: Option<String>,
    /// How many of the newest stay; 7 where none is given.
    pub(super) keep: Option<u32>,
}

/// A wire. Exactly one protocol is given.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectionEntry {
    /// Name, unique among connections.
    pub(super) name: String,
    /// The only network interface that it may use, such as the tunnel "wg0": while that is missing or down nothing is sent. The addresses of
    /// such a connection are numbers, because names are asked for outside of the tunnel. Linux only.
    pub(super) only_via: Option<String>,
    /// "required" refuses every address at which it would speak in clear.
    pub(super) tls: Option<TlsDemand>,
    /// "slow" for radio, satellite and other lines of some kbit/s: what is not said otherwise is then "timeout" 10s and "poll" 10s for Modbus
    /// and "keep_alive" 60s for MQTT.
    pub(super) link: Option<LinkKind>,
    /// How many bytes it may take in a month, such as "200MB/month", headers of packets included: an alarm at 80 % and another one at 100 %.
    /// Nothing is cut off.
    pub(super) budget: Option<String>,
    /// Modbus over TCP or a serial line.
    pub(super) modbus: Option<ModbusEntry>,
    /// An MQTT broker.
    pub(super) mqtt: Option<MqttEntry>,
}

/// Whether a connection may speak in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum TlsDemand {
    /// It may not.
    Required,
}

/// What kind of line a connection goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum LinkKind {
    /// Long round trips, losses, few bits a second.
    Slow,
}

/// A Modbus wire. Exactly one of tcp, tls, rtu_over_tcp and serial is given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModbusEntry {
    /// Host and port, such as "10.0.0.7:502"; the port is 502 where none is given.
    pub(super) tcp: Option<String>,
    /// Modbus/TCP Security: host and port, such as "10.0.0.7:802"; the port is 802 where none is given.
    pub(super) tls: Option<String>,
    /// With tls: file with the certificates of those who may sign the device's certificate (PEM).
    pub(super) ca: Option<String>,
    /// With tls: file with our certificate (PEM); devices by the standard want one.
    pub(super) certificate: Option<String>,
    /// With tls: file with the key of our certificate (PEM), readable by this account alone.
    pub(super) key: Option<String>,
    /// With tls: the name in the device's certificate; the host where none is given.
    pub(super) server_name: Option<String>,
    /// Host and port of a converter that passes serial frames on as they are.
    pub(super) rtu_over_tcp: Option<String>,
    /// Path of a serial port, best one below /dev/serial/by-id/.
    pub(super) serial: Option<String>,
    /// Where else the same devices can be reached, tried when the first way fails: host and port, or a path for a serial port.
    pub(super) fallback: Option<String>,
    /// Bits a second on the serial line; 19200 where none is given.
    pub(super) baud: Option<u32>,
    /// Parity on the serial line; even where none is given.
    pub(super) parity: Option<Parity>,
    /// Stop bits on the serial line, 1 or 2; 1 where none is given.
    pub(super) stop_bits: Option<u8>,
    /// Data bits on the serial line; RTU frames need 8.
    pub(super) data_bits: Option<u8>,
    /// Rest between two frames on the serial line beyond the standard's 3.5 characters, such as "5ms": for RS-485 drivers that turn slowly.
    pub(super) turnaround: Option<String>,
    /// Whether the serial adapter gives back what is sent (two-wire adapters with their receiver on).
    pub(super) echo: Option<bool>,
    /// How long an answer may take; "1s" on sockets. On serial lines it is "200ms" and the time that the characters need.
    pub(super) timeout: Option<String>,
    /// Rest between the end of an answer and the next request, whatever the unit, such as "20ms".
    pub(super) pause: Option<String>,
    /// Requests that may be under way at once, 1 to 32; 1 where none is given. Many devices and all serial converters take only one.
    pub(super) in_flight: Option<u8>,
}

/// An MQTT broker.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MqttEntry {
    /// Address: "mqtt://127.0.0.1:1883" in clear, "mqtts://broker.example:8883" with TLS. These ports are used where none is given.
    pub(super) url: String,
    /// The version of MQTT; "3.1.1" where none is given, which every broker speaks. No other one is tried.
    #[serde(default)]
    pub(super) version: MqttVersionEntry,
    /// With mqtts: file with the certificates of those who may sign the broker's certificate (PEM).
    pub(super) ca: Option<String>,
    /// With mqtts: file with our certificate (PEM), where the broker wants one.
    pub(super) certificate: Option<String>,
    /// With mqtts: file with the key of our certificate (PEM), readable by this account alone.
    pub(super) key: Option<String>,
    /// With mqtts: the name in the broker's certificate; the host where none is given.
    pub(super) server_name: Option<String>,
    /// Client identifier, unique at the broker; made from the station's and the connection's name where none is given.
    pub(super) client_id: Option<String>,
    /// User name at the broker.
    pub(super) username: Option<String>,
    /// Password at the broker: the name of an entry of secrets.json or of the environment.
    pub(super) password: Option<SecretEntry>,
    /// What the broker does when the connection ends: "clean", the default, forgets everything; "persistent" keeps the subscriptions, and
    /// the messages of QoS 1 and 2 that arrive meanwhile.
    #[serde(default)]
    pub(super) session: SessionEntry,
    /// With a persistent session of version 5: how long the broker keeps it, such as "1d"; for ever where none is given.
    pub(super) session_expiry: Option<String>,
    /// What the broker publishes when this station's connection breaks.
    pub(super) will: Option<WillEntry>,
    /// How often a sign of life is asked for, at least "1s"; "10s" where none is given.
    pub(super) keep_alive: Option<String>,
    /// How long the broker may take for an answer; "10s" where none is given.
    pub(super) timeout: Option<String>,
    /// The largest message that is taken in, "1 MB" where none is given. A larger one is left out and counted; nothing else suffers.
    pub(super) packet_limit: Option<String>,
    /// Version 5: messages of QoS 1 and 2 that the broker may send before one is acknowledged; 1000 where none is given.
    pub(super) receive_maximum: Option<u16>,
    /// When a message of QoS 1 or 2 is acknowledged: "taken-in", the default, as soon as Polder has it; "stored" when history has it on the
    /// disk, so that not even a power cut loses one.
    #[serde(default)]
    pub(super) acknowledge: AcknowledgeEntry,
    /// The level of the subscriptions, 0 to 2; 1 where none is given.
    pub(super) qos: Option<u8>,
    /// Sparkplug B 3.0: Polder is a host application at this broker.
    pub(super) sparkplug: Option<SparkplugEntry>,
    /// Sparkplug B 3.0: Polder is an edge node at this broker.
    pub(super) edge: Option<EdgeEntry>,
}

/// An edge node of Sparkplug B 3.0: tags of a device become metrics of a device of the same name, all others metrics of the node.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct EdgeEntry {
    /// Group.
    pub(super) group: String,
    /// Name of the node, unique in its group.
    pub(super) node: String,
    /// Names of tags; * stands for any text, ? for any character.
    pub(super) tags: Vec<String>,
    /// The host application without which nothing is told; what it misses comes when it is back.
    pub(super) primary_host: Option<String>,
    /// Time from one message about a tag to the next, at least; "1s" where none is given. The newest value goes.
    pub(super) every: Option<String>,
    /// Whether hosts may set the tags that have a command; false where nothing is said. They hold the operator's role.
    #[serde(default)]
    pub(super) commands: bool,
}

/// A host application of Sparkplug B 3.0.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SparkplugEntry {
    /// Name of the host application, unlike that of every other one at the broker; edge nodes that wait for a primary host name it.
    pub(super) host_id: String,
    /// Whether it publishes that it is there (STATE), as the specification wants of every host application, so that edge nodes can wait for
    /// it; true where nothing is said. With false Polder only looks on, and still sends commands and asks for births.
    pub(super) primary: Option<bool>,
    /// The groups that are listened to, "+" for all; those of the devices where none is given.
    #[serde(default)]
    pub(super) groups: Vec<String>,
    /// How long a message may be missing before its edge node is asked to announce itself anew; "5s" where none is given.
    pub(super) reordering_timeout: Option<String>,
}

/// A version of MQTT.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
pub(super) enum MqttVersionEntry {
    /// 3.1.1.
    #[default]
    #[serde(rename = "3.1.1")]
    V3,
    /// 5.
    #[serde(rename = "5")]
    V5,
}

/// What becomes of a broker's session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum SessionEntry {
    /// It ends with the connection.
    #[default]
    Clean,
    /// The broker keeps it.
    Persistent,
}

/// When a message is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum AcknowledgeEntry {
    /// As soon as Polder has it.
    #[default]
    TakenIn,
    /// When history has it on the disk.
    Stored,
}

/// What a broker publishes when a connection breaks.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct WillEntry {
    /// Topic, without wildcards.
    pub(super) topic: String,
    /// Payload.
    #[serde(default)]
    pub(super) payload: String,
    /// 0 to 2; 1 where none is given.
    pub(super) qos: Option<u8>,
    /// Whether the broker keeps it for later subscribers.
    #[serde(default)]
    pub(super) retain: bool,
}

/// The name of a secret. The secret itself never stands in the station file.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SecretEntry {
    /// A key of secrets.json; the environment variable POLDER_SECRET_NAME goes before it.
    pub(super) secret: String,
}

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
