//! What the engine works from: one generation of the plant, complete and unchangeable.

use super::{Health, LinkState};
use crate::alarm::annunciation::SoundSettings;
use crate::alarm::{AlarmDefinition, ShelvingLimits};
use crate::automation::BridgeDefinition;
use crate::command::CommandSettings;
use crate::driver::mqtt::Tellings;
use crate::screen::{Picture, TrendGroup};
use crate::tag::{ConnectionId, Directory, Generation, Retention, TagId, Value};
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
    /// Whether damaged records were set aside.
    pub records_set_aside: Option<TagId>,
    /// Files of history that cannot be read and are left out.
    pub history_left_out: Option<TagId>,
    /// What history takes of its limit, in percent; where the station file sets one.
    pub history_percent: Option<TagId>,
    /// Whether history is near its limit; where the station file sets one.
    pub history_near_limit: Option<TagId>,
    /// Days until the first of our certificates ends.
    pub certificate_days: Option<TagId>,
    /// Hours since the last good backup; where the station file asks for backups.
    pub backup_age_hours: Option<TagId>,
    /// Whether the last backup was made; where the station file asks for backups.
    pub backup_working: Option<TagId>,
    /// Whether alarms can not be heard.
    pub sound: Option<TagId>,
    /// Whether the wall clock of this computer was stepped a moment ago.
    pub clock_stepped: Option<TagId>,
    /// From when to when it was stepped last, in words.
    pub clock_step: Option<TagId>,
    /// What waits for brokers that are away; where anything is told.
    pub outbox_waiting: Option<TagId>,
    /// What that takes of its room, in percent.
    pub outbox_percent: Option<TagId>,
    /// What was to be told and is lost, since the start.
    pub publications_lost: Option<TagId>,
    /// Whether somebody should look at what is told.
    pub publications_working: Option<TagId>,
}

impl SystemTags {
    /// The values of these tags; none where one is not known, or not any more.
    fn readings(&self, health: &Health) -> Vec<(TagId, Option<Value>)> {
        let told = |is: bool| Some(Value::Bool(is));
        let values = [
            (self.records_writable, told(health.records_failing.is_none())),
            (self.history_writable, told(health.history_failing.is_none())),
            (self.samples_lost, Some(Value::Unsigned(health.samples_lost))),
            (self.history_days, health.history_days.map(Value::Unsigned)),
            (self.history_set_aside, told(health.history_set_aside.is_some())),
            (self.records_set_aside, told(health.records_set_aside.is_some())),
            (
                self.history_left_out,
                Some(Value::Unsigned(health.history_left_out.as_ref().map_or(0, |files| files.count))),
            ),
            (self.history_percent, health.history_percent.map(Value::Unsigned)),
            (self.history_near_limit, told(health.history_near_limit.is_some())),
            (self.certificate_days, health.certificate_days.map(Value::Signed)),
            (self.backup_age_hours, health.backup_age_hours.map(Value::Unsigned)),
            (self.backup_working, told(health.backup_failing.is_none())),
            (self.outbox_waiting, health.outbox.as_ref().map(|state| Value::Unsigned(state.waiting))),
            (self.outbox_percent, health.outbox.as_ref().map(|state| Value::Unsigned(state.percent))),
            (self.publications_lost, health.outbox.as_ref().map(|state| Value::Unsigned(state.lost))),
            (self.publications_working, health.outbox.as_ref().map(|state| Value::Bool(state.failing.is_none()))),
            (self.sound, health.sound.as_ref().map(|heard| Value::Bool(heard.is_err()))),
        ];
        values.into_iter().filter_map(|(tag, value)| Some((tag?, value))).collect()
    }
}

/// The tags in which a connection speaks about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkTags {
    /// Name of the connection.
    pub connection: Arc<str>,
    /// Whether the interface that it is bound to is up; where it is bound to one.
    pub tunnel_up: Option<TagId>,
    /// What it sent and received in this month, in bytes; where it has a budget.
    pub bytes: Option<TagId>,
    /// The same in percent of its budget.
    pub percent: Option<TagId>,
}

impl LinkTags {
    /// The values of these tags; none where one is not known, or not any more.
    fn readings(&self, health: &Health) -> impl Iterator<Item = (TagId, Option<Value>)> + use<> {
        let state = health.links.iter().find(|state| state.connection == self.connection);
        let up = state.filter(|state| state.interface.is_some()).map(|state| state.tunnel_down.is_none());
        let values = [
            (self.tunnel_up, up.map(Value::Bool)),
            (self.bytes, state.map(|state| Value::Unsigned(state.month.on_the_line()))),
            (self.percent, state.and_then(LinkState::percent).map(Value::Unsigned)),
        ];
        values.into_iter().filter_map(|(tag, value)| Some((tag?, value)))
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
    /// How alarms sound.
    pub sound: SoundSettings,
    /// Whether a message on the desktop tells of urgent alarms while nobody looks at the window.
    pub notify: bool,
    /// The tags that can be set.
    pub commands: HashMap<TagId, CommandSettings>,
    /// The tags that people enter, with the values that they begin with.
    pub manual: HashMap<TagId, Value>,
    /// The station's own tags.
    pub system: SystemTags,
    /// The tags of connections.
    pub links: Vec<LinkTags>,
    /// For a tag that was renamed, the name under which its history and alarms were kept before.
    pub formerly: HashMap<TagId, Arc<str>>,
    /// The picture of the plant, where the engineer drew one.
    pub overview: Option<Picture>,
    /// How long history is kept.
    pub retention: Retention,
    /// Trends that the engineer put under names.
    pub trends: Vec<TrendGroup>,
    /// Tags that are copied to other tags, each with the tag in which it says how it is doing ([`crate::automation::BridgeState`]).
    pub bridges: Vec<(BridgeDefinition, TagId)>,
    /// The topics that carry commands, by each connection to their broker, with the tag: closed to messages by hand.
    pub closed_topics: HashMap<(ConnectionId, Arc<str>), Arc<str>>,
    /// What the station tells others by itself.
    pub tellings: Arc<Tellings>,
}

impl Plan {
    /// The values of all tags in which the station speaks about itself.
    pub(super) fn readings(&self, health: &Health) -> Vec<(TagId, Option<Value>)> {
        let mut readings = self.system.readings(health);
        readings.extend(self.links.iter().flat_map(|link| link.readings(health)));
        readings
    }
}
