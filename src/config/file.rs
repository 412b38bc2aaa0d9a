//! The station file as it is written. The JSON Schema that `polder schema` prints is made from these types, so their comments are
//! what an engineer reads in the editor.

use super::bridge_entries::BridgeEntry;
use super::connection_entries::ConnectionEntry;
use super::device_entries::{DeviceEntry, TemplateEntry};
use super::publication_entries::{OutboxEntry, PublicationEntry};
use super::screen_entries::{OverviewEntry, TrendEntry};
use super::tag_entries::{HistoryEntry, TagEntry};
use schemars::JsonSchema;
use serde::Deserialize;

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
