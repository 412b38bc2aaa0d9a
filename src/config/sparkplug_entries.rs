//! Sparkplug as the station file has it. These comments too are what an engineer reads in the editor.

use schemars::JsonSchema;
use serde::Deserialize;

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
