//! Alarms with one cause: of each group, which was the first.

use super::AlarmDesk;
use crate::alarm::{Alarm, OccurrenceId, ProcessState};
use crate::engine::Plan;
use std::collections::HashMap;
use std::sync::Arc;

/// One group.
#[derive(Debug, Default)]
struct Group {
    members: Vec<usize>,
    /// The one that was first, until all of the group are normal and acknowledged.
    first: Option<(usize, OccurrenceId)>,
}

/// All groups of a plan.
#[derive(Debug, Default)]
pub(super) struct Groups {
    of: HashMap<usize, usize>,
    groups: Vec<Group>,
}

/// What is set aside counts as quiet: nobody is to look at it.
fn is_quiet(alarm: &Alarm) -> bool {
    alarm.process() == ProcessState::Normal || alarm.aside().is_some()
}

impl Groups {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut places: HashMap<&Arc<str>, usize> = HashMap::new();
        let mut groups = Self::default();
        for (slot, name) in
            plan.alarms.iter().enumerate().filter_map(|(slot, alarm)| Some((slot, alarm.group.as_ref()?)))
        {
            let place = *places.entry(name).or_insert(groups.groups.len());
            if place == groups.groups.len() {
                groups.groups.push(Group::default());
            }
            groups.groups[place].members.push(slot);
            groups.of.insert(slot, place);
        }
        groups
    }

    /// The occurrence with which this alarm was the first of its group.
    pub(super) fn first_out(&self, slot: usize) -> Option<OccurrenceId> {
        let group = &self.groups[*self.of.get(&slot)?];
        group.first.filter(|(first, _)| *first == slot).map(|(_, occurrence)| occurrence)
    }

    /// It was the first when the last run ended, or before the station file changed.
    pub(super) fn restore(&mut self, slot: usize, occurrence: OccurrenceId) {
        if let Some(group) = self.of.get(&slot).and_then(|place| self.groups.get_mut(*place)) {
            group.first = Some((slot, occurrence));
        }
    }

    /// The alarms that are marked.
    pub(super) fn marked(&self) -> impl Iterator<Item = usize> + '_ {
        self.groups.iter().filter_map(|group| Some(group.first?.0))
    }

    /// An alarm changed. Gives the alarm that is no longer marked, because its group is quiet.
    pub(super) fn settle(&mut self, slot: usize, is_newly_active: bool, alarms: &[Alarm]) -> Option<usize> {
        let group = self.of.get(&slot).and_then(|place| self.groups.get_mut(*place))?;
        if is_newly_active {
            let others_quiet = group.members.iter().all(|member| *member == slot || is_quiet(&alarms[*member]));
            if group.first.is_none() && others_quiet {
                group.first = Some((slot, alarms[slot].occurrence().unwrap_or_default()));
            }
            return None;
        }
        group.first.take_if(|_| group.members.iter().all(|member| is_quiet(&alarms[*member]))).map(|(first, _)| first)
    }
}

impl AlarmDesk {
    /// Groups that became quiet while nobody looked: in the last run, or through another station file.
    pub(super) fn quiet_groups(&mut self) -> Vec<usize> {
        let marked: Vec<usize> = self.groups.marked().collect();
        marked.into_iter().filter_map(|slot| self.groups.settle(slot, false, &self.alarms)).collect()
    }
}
