//! What needs the operator: active alarms with what to do, alarms that are set aside, the journal, the figures, the bad actors.

mod active;
mod arrange;
mod catalogue;
mod choice;
mod columns;
mod details;
mod dialog;
mod lengths;
mod list;
mod listing;
mod past;
mod places;
mod row;
mod selection;
mod set_aside;
#[cfg(test)]
mod tests;

pub(in crate::gui) use dialog::not_done;

use super::alarm_figures::FiguresView;
use super::bad_actors::BadActorsView;
use super::journal::Journal;
use crate::alarm::{AlarmView, OccurrenceId};
use crate::engine::Snapshot;
use crate::gui::scene::{Action, Scene};
use crate::gui::theme::size;
use crate::gui::widgets::{button, heading};
use active::ActiveAlarms;
use dialog::AsideDialog;
use egui::{Layout, Ui};
use past::Past;
use set_aside::SetAside;

/// What is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tab {
    #[default]
    Active,
    SetAside,
    Journal,
    Figures,
    BadActors,
}

/// The alarms view.
#[derive(Default)]
pub(in crate::gui) struct AlarmsView {
    tab: Tab,
    active: ActiveAlarms,
    set_aside: SetAside,
    journal: Journal,
    figures: FiguresView,
    bad_actors: BadActorsView,
    past: Past,
    comment: String,
    dialog: Option<AsideDialog>,
    /// Where the keyboard goes when a dialog was closed.
    returns_to: Option<egui::Id>,
}

impl AlarmsView {
    /// What F2 means here: what is selected and stands in the list. Empty where nothing is.
    pub(in crate::gui) fn acknowledge_key(&self) -> Vec<OccurrenceId> {
        if self.tab == Tab::Active { self.active.selected_and_listed() } else { Vec::new() }
    }

    /// Selects an activation, or looks for its alarm in the journal when it is over.
    pub(in crate::gui) fn open(&mut self, alarm: &str, occurrence: OccurrenceId, snapshot: &Snapshot) {
        let is_active = snapshot.alarms.views.iter().any(|view| view.occurrence == occurrence);
        if is_active {
            self.tab = Tab::Active;
            self.active.open(occurrence);
        } else {
            self.tab = Tab::Journal;
            self.journal.find(alarm);
        }
    }

    /// The active alarms, of this area alone where one is given.
    pub(in crate::gui) fn focus(&mut self, area: Option<std::sync::Arc<str>>) {
        self.tab = Tab::Active;
        self.active.choice.filter.area = area;
    }

    pub(in crate::gui) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        self.active.refresh(ui, scene);
        self.head(ui, scene);
        ui.add_space(4.0);
        if self.tab != Tab::Active {
            self.active.painted.clear();
        }
        match self.tab {
            Tab::Active => self.show_active(ui, scene),
            Tab::SetAside => self.set_aside.ui(ui, scene),
            Tab::Journal => self.journal.ui(ui, scene),
            Tab::Figures => self.figures.ui(ui, scene),
            Tab::BadActors => self.bad_actors.ui(ui, scene, &mut self.figures),
        }
        if let Some(opener) = self.returns_to.take() {
            ui.memory_mut(|memory| memory.request_focus(opener));
        }
        if self.dialog.as_mut().is_some_and(|dialog| dialog.ui(ui, scene)) {
            // In this frame and at the beginning of the next, nothing below the dialog can have the keyboard.
            self.returns_to = self.dialog.take().and_then(|dialog| dialog.opener());
            ui.request_repaint();
        }
    }

    fn show_active(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        self.active.bar(ui, scene);
        let whole = ui.available_rect_before_wrap();
        let (left, right) = whole.split_left_right_at_x(whole.right() - size::DETAILS - 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| self.list(ui, scene));
        let right = right.with_min_x(right.left() + 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(right), |ui| self.details(ui, scene));
    }

    fn head(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        ui.horizontal(|ui| {
            heading(ui, "Alarms", &palette);
            let board = &scene.snapshot.alarms;
            for (tab, words) in [
                (Tab::Active, format!("Active {}", board.views.len())),
                (Tab::SetAside, format!("Set aside {}", board.set_aside.len())),
                (Tab::Journal, "Journal".to_owned()),
                (Tab::Figures, "Figures".to_owned()),
                (Tab::BadActors, "Bad actors".to_owned()),
            ] {
                if button(ui, &words, self.tab == tab, &palette).clicked() {
                    self.tab = tab;
                }
            }
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                if self.tab == Tab::Active {
                    self.active.acknowledge_buttons(ui, scene);
                } else if button(ui, "Shift handover...", false, &palette).clicked() {
                    scene.act(Action::Handover);
                }
            });
        });
    }

    fn list(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let palette = scene.palette;
        palette.card().inner_margin(egui::Margin::same(0)).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.spacing_mut().item_spacing.y = 0.0;
            self.active.pinned(ui, scene);
            self.active.rows(ui, scene);
        });
    }

    /// The selected alarms, as they are now.
    fn selected(&self) -> Vec<&AlarmView> {
        self.active.selection.all().into_iter().filter_map(|one| self.active.listing.find(one)).collect()
    }

    fn begin_shelving(&mut self, ui: &Ui, scene: &Scene<'_>) {
        let opener = self.opener(ui);
        self.dialog = AsideDialog::shelve(&self.selected(), &scene.snapshot.plan.shelving, opener);
    }

    fn begin_taking_out(&mut self, ui: &Ui, scene: &Scene<'_>) {
        let opener = self.opener(ui);
        self.dialog = AsideDialog::out_of_service(&self.selected(), &scene.snapshot.plan.shelving, opener);
    }

    /// Where the keyboard goes when the dialog is closed: to where it was, or to the alarm.
    fn opener(&self, ui: &Ui) -> Option<egui::Id> {
        let of_row = self.active.cursor.as_ref().map(list::Place::id);
        ui.memory(egui::Memory::focused).or(of_row)
    }
}
