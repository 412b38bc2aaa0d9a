//! The list as it stands: worked out anew when something changed, held still while a hand is on it.

use super::arrange::{Arrangement, Line, is_urgent};
use super::catalogue::Catalogue;
use super::choice::{Choice, Column};
use super::places::Places;
use crate::alarm::{AlarmView, OccurrenceId, Subject};
use crate::engine::{AlarmBoard, Snapshot};
use crate::tag::Generation;
use std::sync::Arc;

/// What the list was worked out from.
#[derive(Clone)]
struct Basis {
    board: Arc<AlarmBoard>,
    places: Arc<Places>,
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
    places: Arc<Places>,
    catalogue: Option<(Generation, Catalogue)>,
    /// Of those, the ones that fit and came since the list was held,
    fresh: usize,
    /// all that came since,
    unseen: usize,
    /// and the critical ones that wait and are not shown.
    hidden_critical: usize,
    /// The activations in the lines, from top to bottom.
    order: Vec<OccurrenceId>,
}

impl Listing {
    /// Looks at a picture. While the list is held, rows stay where they are: what is new waits, and what is over stays as a row that says so.
    pub(super) fn refresh(&mut self, snapshot: &Snapshot, choice: &Choice, is_held: bool) {
        let is_new_board = !self.current.as_ref().is_some_and(|board| Arc::ptr_eq(board, &snapshot.alarms));
        if is_new_board {
            self.places = Arc::new(Places::of(&snapshot.alarms.views));
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
        let (views, generation) = (&snapshot.alarms.views, snapshot.plan.generation);
        let catalogue = match self.catalogue.take() {
            Some((known, catalogue)) if known == generation => catalogue,
            _ => Catalogue::of(&snapshot.plan),
        };
        self.arrangement = Arrangement::of(views, &catalogue, choice, &value);
        self.catalogue = Some((generation, catalogue));
        let shown = self.arrangement.lines.iter().filter_map(|line| match line {
            Line::Alarm(place) => Some(views[*place].occurrence),
            Line::Head(_) => None,
        });
        self.order.clear();
        self.order.extend(shown);
        (self.fresh, self.unseen, self.hidden_critical) = (0, 0, self.arrangement.hidden_critical);
        let (board, places) = (Arc::clone(&snapshot.alarms), Arc::clone(&self.places));
        self.basis = Some(Basis { board, places, generation, choice: choice.clone(), second });
    }

    fn count_fresh(&mut self, snapshot: &Snapshot) {
        let (Some(basis), Some((_, catalogue))) = (&self.basis, &self.catalogue) else { return };
        let views = &snapshot.alarms.views;
        let sought = basis.choice.filter.sought();
        let unseen = || views.iter().filter(|view| basis.places.find(view.occurrence).is_none());
        (self.fresh, self.unseen) =
            (unseen().filter(|view| sought.fits(view, catalogue.known(view))).count(), unseen().count());
        if self.unseen == 0 {
            self.hidden_critical = self.arrangement.hidden_critical;
            return;
        }
        let shown = Places::among(&self.order);
        // What nobody may overlook stands first on the board.
        let urgent = views.iter().take_while(|view| is_urgent(view));
        self.hidden_critical = urgent.filter(|view| shown.find(view.occurrence).is_none()).count();
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
        self.current.as_ref()?.views.get(self.places.find(occurrence)?)
    }

    /// Of these, the ones that wait for an acknowledgement.
    pub(super) fn waiting(&self, occurrences: &[OccurrenceId]) -> Vec<OccurrenceId> {
        let waits = |one: &&OccurrenceId| self.find(**one).is_some_and(|view| view.state.needs_acknowledgement());
        occurrences.iter().filter(waits).copied().collect()
    }

    /// The newest critical alarm that waits for an acknowledgement, wherever it stands: it is the first of the board.
    pub(super) fn newest_critical(&self) -> Option<&AlarmView> {
        self.current.as_ref()?.views.first().filter(|view| is_urgent(view))
    }

    /// Critical alarms that wait and are not shown now, those that wait to be let in among them.
    pub(super) const fn hidden_critical(&self) -> usize {
        self.hidden_critical
    }
}
