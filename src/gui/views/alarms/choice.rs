//! How the operator wants the list: sorted, grouped, filtered.

use super::catalogue::Known;
use crate::alarm::{AlarmView, Priority};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What can be sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    Priority,
    Since,
    Age,
    Alarm,
    Value,
    Limit,
    State,
    Area,
}

/// What stands together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Grouping {
    /// Nothing: one list.
    #[default]
    None,
    Area,
    Device,
    AreaAndDevice,
    Priority,
    /// Alarms with one cause.
    FirstOut,
}

impl Grouping {
    pub(super) const ALL: [Self; 6] =
        [Self::None, Self::Area, Self::Device, Self::AreaAndDevice, Self::Priority, Self::FirstOut];

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::None => "not grouped",
            Self::Area => "by area",
            Self::Device => "by device",
            Self::AreaAndDevice => "by area and device",
            Self::Priority => "by priority",
            Self::FirstOut => "by first-out group",
        }
    }
}

/// Which states are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    #[default]
    Any,
    /// They wait for an acknowledgement.
    Waiting,
    /// Their condition holds.
    Active,
    /// Their condition is gone.
    Returned,
    /// They wait for a reset, or will.
    Latched,
}

impl Standing {
    pub(super) const ALL: [Self; 5] = [Self::Any, Self::Waiting, Self::Active, Self::Returned, Self::Latched];

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Any => "any state",
            Self::Waiting => "not acknowledged",
            Self::Active => "active",
            Self::Returned => "returned",
            Self::Latched => "latched",
        }
    }

    fn fits(self, view: &AlarmView) -> bool {
        match self {
            Self::Any => true,
            Self::Waiting => view.state.needs_acknowledgement(),
            Self::Active => view.state.is_active(),
            Self::Returned => !view.state.is_active(),
            Self::Latched => view.state.process().is_some_and(crate::alarm::ProcessState::is_latched),
        }
    }
}

/// What is shown; everything that is chosen has to fit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Filter {
    /// By [`Priority`].
    pub(super) priorities: [bool; 4],
    pub(super) standing: Standing,
    /// None for all areas.
    pub(super) area: Option<Arc<str>>,
    /// Words that stand in the message, the tag, the device or the area, in any order; capitals do not matter.
    pub(super) text: String,
}

impl Default for Filter {
    fn default() -> Self {
        Self { priorities: [true; 4], standing: Standing::Any, area: None, text: String::new() }
    }
}

impl Filter {
    /// Whether anything is filtered away.
    pub(super) fn is_set(&self) -> bool {
        *self != Self::default()
    }

    /// The filter, made ready to be held against many alarms.
    pub(super) fn sought(&self) -> Sought<'_> {
        Sought { filter: self, words: self.text.split_whitespace().map(str::to_lowercase).collect() }
    }
}

/// A filter with its words as they are compared.
pub(super) struct Sought<'a> {
    filter: &'a Filter,
    words: Vec<String>,
}

impl Sought<'_> {
    pub(super) fn fits(&self, view: &AlarmView, known: &Known) -> bool {
        let filter = self.filter;
        filter.priorities[view.priority as usize]
            && filter.standing.fits(view)
            && filter.area.as_ref().is_none_or(|area| *area == known.area)
            && self.has_words(view, known)
    }

    fn has_words(&self, view: &AlarmView, known: &Known) -> bool {
        if self.words.is_empty() {
            return true;
        }
        let tag = known.tag.as_ref().map_or("", |tag| tag.as_str());
        let all = [&*view.message, view.key.as_str(), tag, &known.device, &known.area].map(str::to_lowercase);
        self.words.iter().all(|word| all.iter().any(|text| text.contains(word)))
    }
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Choice {
    /// None for the order of the board: what waits first, then by priority, then the newest. Else the column, and whether it is reversed.
    pub(super) sorting: Option<(Column, bool)>,
    pub(super) grouping: Grouping,
    pub(super) filter: Filter,
    /// Names of groups of which only the head is shown.
    pub(super) closed: BTreeSet<Arc<str>>,
}

impl Choice {
    /// The head of a column was pressed: by it, then the other way round, then as the board has it.
    pub(super) fn press(&mut self, column: Column) {
        self.sorting = match self.sorting {
            Some((sorted, false)) if sorted == column => Some((column, true)),
            Some((sorted, true)) if sorted == column => None,
            _ => Some((column, false)),
        };
    }

    /// Opens a group, or closes it.
    pub(super) fn fold(&mut self, group: &Arc<str>) {
        if !self.closed.remove(group) {
            self.closed.insert(group.clone());
        }
    }

    /// The priorities that are filtered away, or those alone that were.
    pub(super) fn toggle(&mut self, priority: Priority) {
        self.filter.priorities[priority as usize] ^= true;
    }
}
