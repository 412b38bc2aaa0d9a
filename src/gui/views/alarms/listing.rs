//! The list as it stands: worked out anew when something changed, held still while a hand is on it.

use super::arrange::{Arrangement, Known, Line};
use super::choice::{Choice, Column};
use crate::alarm::{AlarmView, OccurrenceId, Priority, Subject};
use crate::engine::{AlarmBoard, Snapshot};
use crate::tag::Generation;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// What the list was worked out from.
#[derive(Clone)]
struct Basis {
    board: Arc<AlarmBoard>,
    generation: Generation,
    choice: Choice,
    /// Values are sorted anew once a second, so that they can be read.
    second: u64,
}

/// The list.
#[derive(Default)]
pub(super) struct Listing {
    basis: Option<Basis>,
    arrangement: Arrangement,
    /// The board of the last frame, and where its activations stand.
    current: Option<Arc<AlarmBoard>>,
    places: HashMap<OccurrenceId, usize>,
    /// Of those, the ones that fit and came since the list was held,
    fresh: usize,
    /// and all that came since.
    unseen: usize,
    /// The activations in the lines, from top to bottom.
    order: Vec<OccurrenceId>,
}

impl Listing {
    /// Looks at a picture. While the list is held, rows stay where they are: what is new waits, and what is over stays as a row that says so.
    pub(super) fn refresh(&mut self, snapshot: &Snapshot, choice: &Choice, is_held: bool) {
        let is_new_board = !self.current.as_ref().is_some_and(|board| Arc::ptr_eq(board, &snapshot.alarms));
        if is_new_board {
            let views = snapshot.alarms.views.iter().enumerate();
            self.places = views.map(|(place, view)| (view.occurrence, place)).collect();
            self.current = Some(Arc::clone(&snapshot.alarms));
        }
        let is_same_wish = self
            .basis
            .as_ref()
            .is_some_and(|basis| basis.choice == *choice && basis.generation == snapshot.plan.generation);
        if is_held && is_same_wish {
            if is_new_board {
                self.count_fresh(snapshot);
            }
            return;
        }
        let second = snapshot.taken.monotonic.as_micros() / 1_000_000;
        let is_same = is_same_wish
            && self.basis.as_ref().is_some_and(|basis| {
                Arc::ptr_eq(&basis.board, &snapshot.alarms)
                    && (basis.second == second || !matches!(choice.sorting, Some((Column::Value, _))))
            });
        if !is_same {
            self.arrange(snapshot, choice, second);
        }
    }

    fn arrange(&mut self, snapshot: &Snapshot, choice: &Choice, second: u64) {
        let value = |view: &AlarmView| match view.subject {
            Subject::Tag(tag) => snapshot.value(tag).and_then(|value| value.as_f64()),
            Subject::Device(_) => None,
        };
        let views = &snapshot.alarms.views;
        self.arrangement = Arrangement::of(views, &snapshot.plan, choice, &value);
        let shown = self.arrangement.lines.iter().filter_map(|line| match line {
            Line::Alarm(place) => Some(views[*place].occurrence),
            Line::Head(_) => None,
        });
        self.order = shown.collect();
        (self.fresh, self.unseen) = (0, 0);
        let (board, generation) = (Arc::clone(&snapshot.alarms), snapshot.plan.generation);
        self.basis = Some(Basis { board, generation, choice: choice.clone(), second });
    }

    fn count_fresh(&mut self, snapshot: &Snapshot) {
        let Some(basis) = &self.basis else { return };
        let known: HashSet<OccurrenceId> = basis.board.views.iter().map(|view| view.occurrence).collect();
        let unseen = || snapshot.alarms.views.iter().filter(|view| !known.contains(&view.occurrence));
        let fits = |view: &&AlarmView| basis.choice.filter.fits(view, &Known::of(view, &snapshot.plan));
        (self.fresh, self.unseen) = (unseen().filter(fits).count(), unseen().count());
    }

    /// What came while it was held is let in.
    pub(super) fn let_in(&mut self) {
        self.basis = None;
    }

    pub(super) fn arrangement(&self) -> &Arrangement {
        &self.arrangement
    }

    /// Alarms that came since it is held.
    pub(super) fn fresh(&self) -> usize {
        self.fresh
    }

    /// The same, those that a filter leaves out among them.
    pub(super) fn unseen(&self) -> usize {
        self.unseen
    }

    /// The activations in it, from top to bottom.
    pub(super) fn order(&self) -> &[OccurrenceId] {
        &self.order
    }

    pub(super) fn line(&self, row: usize) -> Option<Line> {
        self.arrangement.lines.get(row).copied()
    }

    /// The row of an activation.
    pub(super) fn row_of(&self, occurrence: OccurrenceId) -> Option<usize> {
        let views = &self.basis.as_ref()?.board.views;
        let is_it = |line: &Line| matches!(line, Line::Alarm(place) if views[*place].occurrence == occurrence);
        self.arrangement.lines.iter().position(is_it)
    }

    /// The alarm in this place of the list as it is now, and whether it is over: then as it was when the list was held.
    pub(super) fn alarm(&self, place: usize) -> Option<(&AlarmView, bool)> {
        let then = self.basis.as_ref()?.board.views.get(place)?;
        Some(self.find(then.occurrence).map_or((then, true), |view| (view, false)))
    }

    /// An activation as it is now; none when it is over.
    pub(super) fn find(&self, occurrence: OccurrenceId) -> Option<&AlarmView> {
        self.current.as_ref()?.views.get(*self.places.get(&occurrence)?)
    }

    /// Of these, the ones that wait for an acknowledgement.
    pub(super) fn waiting(&self, occurrences: &[OccurrenceId]) -> Vec<OccurrenceId> {
        let waits = |one: &&OccurrenceId| self.find(**one).is_some_and(|view| view.state.needs_acknowledgement());
        occurrences.iter().filter(waits).copied().collect()
    }

    /// The newest critical alarm that waits for an acknowledgement, wherever it stands.
    pub(super) fn newest_critical(&self) -> Option<&AlarmView> {
        let views = &self.current.as_ref()?.views;
        let waits = |view: &&AlarmView| view.priority == Priority::Critical && view.state.needs_acknowledgement();
        views.iter().filter(waits).max_by_key(|view| (view.raised, view.occurrence))
    }

    /// Critical alarms that wait and are not shown now, those that wait to be let in among them.
    pub(super) fn hidden_critical(&self) -> usize {
        let Some(current) = &self.current else { return 0 };
        if self.unseen == 0 {
            return self.arrangement.hidden_critical;
        }
        let shown: HashSet<&OccurrenceId> = self.order.iter().collect();
        let is_urgent = |view: &&AlarmView| view.priority == Priority::Critical && view.state.needs_acknowledgement();
        current.views.iter().filter(is_urgent).filter(|view| !shown.contains(&view.occurrence)).count()
    }
}
