//! What the station tells others, as the station file has it. These comments too are what an engineer reads in the editor.

use schemars::JsonSchema;
use serde::Deserialize;

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
