//! Alarms as the station file has them. These comments too are what an engineer reads in the editor.

use crate::alarm::{Direction, Priority};
use schemars::JsonSchema;
use serde::Deserialize;

/// An alarm. Exactly one of the conditions is given: high_high, high, low, low_low, is, bad_quality, stale, deviation, rate, no_change,
/// discrepancy, when. Expressions name tags as {north/pump-1/flow}.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct AlarmEntry {
    /// What tells it from another alarm of the same kind on this tag, such as "dry-running"; its kind where none is given.
    pub(super) name: Option<String>,
    /// Active at or above this value, the upper one of two; {"tag": "..."} for a limit that another tag says.
    pub(super) high_high: Option<LimitEntry>,
    /// Active at or above this value.
    pub(super) high: Option<LimitEntry>,
    /// Active at or below this value.
    pub(super) low: Option<LimitEntry>,
    /// Active at or below this value, the lower one of two.
    pub(super) low_low: Option<LimitEntry>,
    /// Active while the value is this one: true, false, the number or the word of a state, or one of several.
    pub(super) is: Option<StatesIsEntry>,
    /// Active while the quality is bad although the device answers; where the tag also has an alarm "stale", other reasons only.
    pub(super) bad_quality: Option<bool>,
    /// Active while the value is older than "stale_after" of the tag.
    pub(super) stale: Option<bool>,
    /// Active while the value is this far or farther from that of the tag in "from".
    pub(super) deviation: Option<f64>,
    /// With deviation: the other tag.
    pub(super) from: Option<String>,
    /// Active while the value changes by this much or more within the time in "per".
    pub(super) rate: Option<f64>,
    /// With rate: the time, such as "1m".
    pub(super) per: Option<String>,
    /// With rate: which way counts; both where nothing is said.
    pub(super) direction: Option<Direction>,
    /// Active when the value did not change by more than the deadband for this long, such as "10m".
    pub(super) no_change: Option<String>,
    /// Active when the value is not what this tag commands, for longer than "within".
    pub(super) discrepancy: Option<String>,
    /// With discrepancy: how long it may take, such as "5s"; it counts anew with each command.
    pub(super) within: Option<String>,
    /// With discrepancy: how far it may stay off, in the unit; 0 where none is given.
    pub(super) tolerance: Option<f64>,
    /// Active while this expression is true, such as "{north/level} > 3 and {north/pump} == 'running'".
    pub(super) when: Option<String>,
    /// While this expression is true, the alarm is suppressed by design.
    pub(super) suppress_when: Option<String>,
    /// How soon an operator has to act.
    pub(super) priority: Priority,
    /// How far the value must come back, in the unit; the tag's deadband where none is given.
    pub(super) deadband: Option<f64>,
    /// How long the condition must hold, such as "5s".
    pub(super) on_delay: Option<String>,
    /// How long it must be gone.
    pub(super) off_delay: Option<String>,
    /// What the operator reads; ${device} and ${area} stand for those of the tag, {north/level} for the value of a tag at the activation.
    pub(super) message: Option<String>,
    /// What the operator should do; ${device} and ${area} stand for those of the tag.
    pub(super) guidance: Option<GuidanceEntry>,
    /// Whether it stays after its condition is gone, until a person resets it.
    pub(super) latch: bool,
    /// Alarms with one cause: of those with the same name here, the first that becomes active is marked.
    pub(super) group: Option<String>,
    /// The screen that shows what it is about: "overview" (of its area), "tags", "trends", "alarms" (of its area) or "devices".
    pub(super) screen: Option<String>,
    /// The name of the trend that shows what it is about.
    pub(super) trend: Option<String>,
}

/// A limit.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum LimitEntry {
    /// That stays.
    Fixed(f64),
    /// That another tag says.
    Moving(LimitTagEntry),
}

/// A limit that another tag says.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitTagEntry {
    /// The tag.
    pub(super) tag: String,
}

/// What the operator should do: a text, or its parts.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum GuidanceEntry {
    /// In one text.
    Text(String),
    /// In its parts.
    Parts(ResponseEntry),
}

/// Guidance in its parts.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ResponseEntry {
    /// What brings the alarm about.
    pub(super) cause: String,
    /// What happens if nobody acts.
    pub(super) consequence: String,
    /// What is to be done.
    pub(super) action: String,
    /// How much time there is, such as "10m".
    pub(super) within: Option<String>,
}

/// One state of a tag, or several.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum StatesIsEntry {
    /// Several.
    Several(Vec<StateEntry>),
    /// One.
    One(StateEntry),
}

/// A state of a tag.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub(super) enum StateEntry {
    /// Of a switch.
    Switch(bool),
    /// Of a tag with several states.
    Number(f64),
    /// By its word.
    Word(String),
}
