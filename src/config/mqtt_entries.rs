//! Brokers as the station file has them. These comments too are what an engineer reads in the editor.

use super::sparkplug_entries::{EdgeEntry, SparkplugEntry};
use schemars::JsonSchema;
use serde::Deserialize;

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
