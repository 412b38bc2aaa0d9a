//! The bridges: what is copied to where, how that goes, and stopping and starting one.

use crate::engine::BridgeView;
use crate::gui::format;
use crate::gui::scene::{Action, Scene};
use crate::gui::theme::size;
use crate::gui::widgets::columns::{Column, number, words};
use crate::gui::widgets::{Dialog, Ink, Question, RowWords, Rows, Said, button, heading, table_row};
use crate::tag::Timestamp;
use egui::Ui;
use std::sync::Arc;

const COLUMNS: [Column; 6] = [
    words("Bridge", 150.0),
    words("From", 170.0),
    words("To", 170.0),
    words("State", 0.0),
    number("Copies", 60.0),
    words("Last copy", 76.0),
];
/// Rows that are seen at once.
const ROWS: usize = 4;

/// The list, with the one that is chosen.
#[derive(Debug, Default)]
pub(super) struct BridgesPanel {
    selected: Option<Arc<str>>,
    stopping: Option<(Arc<str>, Dialog)>,
}

impl BridgesPanel {
    /// The height that it needs; none where the station has no bridges.
    pub(super) fn height(scene: &Scene<'_>) -> f32 {
        match scene.snapshot.bridges.len() {
            0 => 0.0,
            count => size::ROW * (count.min(ROWS) + 1) as f32 + 44.0,
        }
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        let bridges = Arc::clone(&scene.snapshot.bridges);
        if bridges.is_empty() {
            return;
        }
        let place = bridges.iter().position(|bridge| Some(&bridge.name) == self.selected.as_ref());
        ui.horizontal(|ui| {
            heading(ui, "Bridges", &palette);
            if let Some(bridge) = place.and_then(|place| bridges.get(place)) {
                self.switch(ui, scene, bridge);
            }
        });
        let room = size::ROW * (bridges.len().min(ROWS) + 1) as f32;
        let now = scene.now.utc;
        let chosen = palette.card().inner_margin(0).show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            ui.set_height(room);
            Rows::new("bridges", &COLUMNS, bridges.len()).show(ui, place, &palette, |ui, slot, rect| {
                let Some(bridge) = bridges.get(slot) else { return String::new().into() };
                let state = state_words(bridge);
                let is_calm = bridge.detail.is_empty();
                let cells = [
                    (bridge.name.to_string(), Ink::bold(&palette)),
                    (bridge.from.to_string(), Ink::muted(&palette)),
                    (bridge.to.to_string(), Ink::muted(&palette)),
                    (state.clone(), if is_calm { Ink::muted(&palette) } else { Ink::bold(&palette) }),
                    (format::number(bridge.copies as f64, 0), Ink::value(&palette)),
                    (last(bridge.last_copy, now), Ink::muted(&palette)),
                ];
                table_row(ui.painter(), &COLUMNS, rect, &cells);
                let words = cells.map(|(words, _)| words).join(", ");
                RowWords { words, hover: Some(state) }
            })
        });
        if let Some(chosen) = chosen.inner.and_then(|row| bridges.get(row)) {
            self.selected = Some(Arc::clone(&chosen.name));
        }
        self.ask_why(ui, scene);
        ui.add_space(8.0);
    }

    fn switch(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, bridge: &BridgeView) {
        let palette = scene.palette;
        if bridge.state.is_stopped() {
            if button(ui, "Start", false, &palette).clicked() {
                let (name, reason) = (Arc::clone(&bridge.name), String::new());
                scene.act(Action::Bridge { name, on: true, reason });
            }
        } else if button(ui, "Stop...", false, &palette).clicked() {
            self.stopping = Some((Arc::clone(&bridge.name), Dialog::default()));
        }
    }

    fn ask_why(&mut self, ui: &Ui, scene: &mut Scene<'_>) {
        let Some((name, dialog)) = &mut self.stopping else { return };
        let question = Question {
            name: "Stop bridge",
            title: format!("Stop the bridge {name}"),
            about: "It copies nothing any more, until somebody starts it.".to_owned(),
            field: "Reason",
            send: "Stop it Enter",
            lacks: &|reason| reason.is_empty().then_some("A reason is needed. It is recorded."),
        };
        let said = dialog.ui(ui, &question, &scene.palette);
        if let Some(Said::Sent(reason)) = &said {
            scene.act(Action::Bridge { name: Arc::clone(name), on: false, reason: reason.clone() });
        }
        if said.is_some() {
            self.stopping = None;
        }
    }
}

fn state_words(bridge: &BridgeView) -> String {
    if bridge.detail.is_empty() {
        return bridge.state.word().to_owned();
    }
    format!("{}: {}", bridge.state.word(), bridge.detail)
}

fn last(time: Option<Timestamp>, now: Timestamp) -> String {
    time.map_or_else(|| "never".to_owned(), |time| format::clock(time, now))
}
