//! One file a view.

mod alarm_figures;
mod alarms;
mod bad_actors;
mod devices;
mod journal;
mod overview;
mod tags;
mod trend;

pub(super) use alarms::{AlarmsView, not_done};
pub(super) use devices::DevicesView;
pub(super) use overview::OverviewView;
pub(super) use tags::TagsView;
pub(super) use trend::TrendView;
