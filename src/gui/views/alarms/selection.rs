//! Which alarms are selected: one, a range with Shift, some with Ctrl, all that are shown with Ctrl A. Pure; alarms are named by their
//! activations, so that a selection never means an alarm that took the place of another.

use crate::alarm::OccurrenceId;
use std::collections::HashSet;
use std::hash::Hash;

/// How a row was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// It alone.
    Alone,
    /// It as well, or no longer.
    Toggled,
    /// All from the last one that was chosen up to it.
    UpTo,
}

impl Manner {
    /// What these keys mean beside a click or an arrow.
    pub(super) const fn of(modifiers: egui::Modifiers) -> Self {
        match (modifiers.shift, modifiers.command) {
            (true, _) => Self::UpTo,
            (false, true) => Self::Toggled,
            (false, false) => Self::Alone,
        }
    }
}

/// The selection: of activations, or of what else alarms are named by.
#[derive(Clone, Debug)]
pub(super) struct Selection<Name = OccurrenceId> {
    chosen: HashSet<Name>,
    /// The last one that was chosen: its details are shown.
    last: Option<Name>,
    /// Where a range begins.
    anchor: Option<Name>,
}

impl<Name> Default for Selection<Name> {
    fn default() -> Self {
        Self { chosen: HashSet::new(), last: None, anchor: None }
    }
}

impl<Name: Clone + Ord + Hash> Selection<Name> {
    /// The one whose details are shown.
    pub(super) fn last(&self) -> Option<Name> {
        self.last.clone()
    }

    pub(super) fn contains(&self, name: &Name) -> bool {
        self.chosen.contains(name)
    }

    pub(super) fn len(&self) -> usize {
        self.chosen.len()
    }

    /// In the order of their activations, or of their names.
    pub(super) fn all(&self) -> Vec<Name> {
        let mut all: Vec<Name> = self.chosen.iter().cloned().collect();
        all.sort_unstable();
        all
    }

    /// This one alone.
    pub(super) fn only(&mut self, name: Name) {
        self.chosen = HashSet::from([name.clone()]);
        (self.last, self.anchor) = (Some(name.clone()), Some(name));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// A row was chosen; `order` has the rows as they stand.
    pub(super) fn choose(&mut self, name: Name, manner: Manner, order: &[Name]) {
        match manner {
            Manner::Alone => self.only(name),
            Manner::Toggled => {
                if !self.chosen.remove(&name) {
                    self.chosen.insert(name.clone());
                }
                let stays = self.chosen.contains(&name);
                self.last = if stays { Some(name.clone()) } else { self.all().pop() };
                self.anchor = Some(name);
            }
            Manner::UpTo => {
                let place = |wanted: &Name| order.iter().position(|one| one == wanted);
                let (Some(from), Some(to)) = (self.anchor.as_ref().and_then(place), place(&name)) else {
                    self.only(name);
                    return;
                };
                self.chosen = order[from.min(to)..=from.max(to)].iter().cloned().collect();
                self.last = Some(name);
            }
        }
    }

    /// All of these.
    pub(super) fn take_all(&mut self, order: &[Name]) {
        self.chosen = order.iter().cloned().collect();
        self.last = self.last.take().filter(|last| self.chosen.contains(last)).or_else(|| order.first().cloned());
        self.anchor = self.anchor.take().filter(|anchor| self.chosen.contains(anchor)).or_else(|| self.last.clone());
    }

    /// Alarms that are over are not selected any more.
    pub(super) fn keep(&mut self, exists: impl Fn(&Name) -> bool) {
        self.chosen.retain(|name| exists(name));
        self.last = self.last.take().filter(|last| exists(last)).or_else(|| self.all().pop());
        self.anchor = self.anchor.take().filter(|anchor| exists(anchor)).or_else(|| self.last.clone());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> OccurrenceId {
        OccurrenceId(number)
    }

    #[test]
    fn shift_takes_a_range_and_ctrl_one_more() {
        let order: Vec<OccurrenceId> = [5, 3, 9, 7, 1].map(id).to_vec();
        let mut selection = Selection::default();
        selection.choose(id(3), Manner::UpTo, &order);
        assert_eq!(selection.all(), [id(3)], "a range that begins nowhere is one row");
        selection.choose(id(7), Manner::UpTo, &order);
        assert_eq!((selection.all(), selection.last()), (vec![id(3), id(7), id(9)], Some(id(7))));
        selection.choose(id(5), Manner::UpTo, &order);
        assert_eq!(selection.all(), [id(3), id(5)], "it begins where it began");
        selection.choose(id(1), Manner::Toggled, &order);
        selection.choose(id(3), Manner::Toggled, &order);
        assert_eq!(selection.all(), [id(1), id(5)]);
        selection.choose(id(9), Manner::Alone, &order);
        assert_eq!(selection.all(), [id(9)]);
        selection.take_all(&order);
        assert_eq!((selection.len(), selection.last()), (5, Some(id(9))));
    }

    #[test]
    fn what_is_over_is_not_selected_any_more() {
        let order: Vec<OccurrenceId> = [1, 2, 3].map(id).to_vec();
        let mut selection = Selection::default();
        selection.take_all(&order);
        selection.choose(id(2), Manner::UpTo, &order);
        selection.keep(|one| *one != id(2));
        assert_eq!((selection.all(), selection.last()), (vec![id(1)], Some(id(1))));
        selection.keep(|_| false);
        assert_eq!((selection.len(), selection.last()), (0, None));
    }
}
