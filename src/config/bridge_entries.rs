//! Bridges as the station file has them. These comments too are what an engineer reads in the editor.

use super::tag_entries::ManualEntry;
use schemars::JsonSchema;
use serde::Deserialize;

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
