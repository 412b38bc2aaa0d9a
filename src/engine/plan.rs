//! What the engine works from: one generation of the plant, complete and unchangeable.

use super::Health;
use crate::alarm::{AlarmDefinition, ShelvingLimits};
use crate::command::CommandSettings;
use crate::screen::{Picture, TrendGroup};
use crate::tag::{Directory, Generation, Retention, TagId, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// The tags in which the station speaks about itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemTags {
    /// Whether alarms, commands and audit entries can be written.
    pub records_writable: Option<TagId>,
    /// Whether samples can be written.
    pub history_writable: Option<TagId>,
    /// Samples that were dropped because history could not keep up, since the start.
    pub samples_lost: Option<TagId>,
    /// Days until the disk is full, or history reaches its limit.
    pub history_days: Option<TagId>,
    /// Whether a damaged file of samples was set aside.
    pub history_set_aside: Option<TagId>,
    /// Days until the first of our certificates ends.
    pub certificate_days: Option<TagId>,
}

impl SystemTags {
    /// The values of these tags.
    pub(super) fn readings(&self, health: &Health) -> Vec<(TagId, Value)> {
        let days = health.certificate_days.map(Value::Signed);
        let values = [
            (self.records_writable, Value::Bool(health.records_failing.is_none())),
            (self.history_writable, Value::Bool(health.history_failing.is_none())),
            (self.samples_lost, Value::Unsigned(health.samples_lost)),
            (self.history_set_aside, Value::Bool(health.history_set_aside.is_some())),
        ];
        let certificate = self.certificate_days.zip(days).map(|(tag, days)| (Some(tag), days));
        let space = self.history_days.zip(health.history_days.map(Value::Unsigned));
        let space = space.map(|(tag, days)| (Some(tag), days));
        values.into_iter().chain(certificate).chain(space).filter_map(|(tag, value)| Some((tag?, value))).collect()
    }
}

/// One generation of the plant.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// Which one.
    pub generation: Generation,
    /// Name of the station.
    pub station: Arc<str>,
    /// Tags, devices and connections.
    pub directory: Arc<Directory>,
    /// Alarms, in the order of the station file.
    pub alarms: Vec<AlarmDefinition>,
    /// How long alarms may be shelved.
    pub shelving: ShelvingLimits,
    /// The tags that can be set.
    pub commands: HashMap<TagId, CommandSettings>,
    /// The station's own tags.
    pub system: SystemTags,
    /// For a tag that was renamed, the name under which its history and alarms were kept before.
    pub formerly: HashMap<TagId, Arc<str>>,
    /// The picture of the plant, where the engineer drew one.
    pub overview: Option<Picture>,
    /// How long history is kept.
    pub retention: Retention,
    /// Trends that the engineer put under names.
    pub trends: Vec<TrendGroup>,
}
