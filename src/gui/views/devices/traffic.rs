//! What goes over the wire of a device, live.

use super::exchanges::{COLUMNS, bytes_words, cells};
use crate::driver::modbus::{Exchange, Traffic, UnitPlan, Watching};
use crate::gui::scene::Scene;
use crate::gui::theme::{Palette, plain};
use crate::gui::widgets::{RowWords, Rows, button, quiet, table_row};
use crate::station::{CaptureForm, Ticket};
use crate::tag::ConnectionId;
use egui::{Label, RichText, Ui, vec2};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Exchanges that the window keeps.
const KEPT: usize = 2_000;
/// How often the window looks for new ones.
const LOOK: Duration = Duration::from_millis(200);
/// Height of the particulars of the selected exchange.
const PARTICULARS: f32 = 58.0;

/// The tab.
#[derive(Debug, Default)]
pub(super) struct TrafficTab {
    /// While this is here, the wire keeps every exchange.
    watching: Option<(Arc<Traffic>, Watching)>,
    kept: VecDeque<Exchange>,
    next: u64,
    is_paused: bool,
    all_units: bool,
    selected: Option<u64>,
    saving: Option<Ticket<Result<PathBuf, String>>>,
    saved: Option<String>,
}

impl TrafficTab {
    /// Nobody looks any more: the wire need not keep what goes well.
    pub(super) fn rest(&mut self) {
        self.watching = None;
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, connection: ConnectionId, unit: &UnitPlan) {
        self.collect(ui, scene, connection);
        self.controls(ui, scene, connection, unit);
        let palette = scene.palette;
        let is_rtu = self.watching.as_ref().is_some_and(|(traffic, _)| traffic.is_rtu());
        let wanted = |exchange: &&Exchange| self.all_units || exchange.unit == unit.unit;
        let shown: Vec<&Exchange> = self.kept.iter().filter(wanted).collect();
        let place = shown.iter().position(|exchange| Some(exchange.number) == self.selected);
        let room = ui.available_height() - PARTICULARS;
        let chosen = ui.allocate_ui(vec2(ui.available_width(), room), |ui| {
            let rows = Rows::new("traffic", &COLUMNS, shown.len()).following(place.is_none() && !self.is_paused);
            rows.show(ui, place, &palette, |ui, row, rect| {
                let cells = cells(shown[row], is_rtu, &palette);
                table_row(ui.painter(), &COLUMNS, rect, &cells);
                let words = cells.into_iter().map(|(words, _)| words).collect::<Vec<_>>().join(", ");
                RowWords { words, hover: Some(bytes_words(shown[row])) }
            })
        });
        particulars(ui, place.map(|place| shown[place]), &palette);
        let chosen = chosen.inner.map(|place| shown[place].number);
        self.selected = chosen.or(self.selected);
    }

    /// Takes what came since the last look.
    fn collect(&mut self, ui: &Ui, scene: &Scene<'_>, connection: ConnectionId) {
        if self.watching.is_none() {
            let traffic = scene.handle.traffic(connection);
            self.watching = traffic.map(|traffic| (Arc::clone(&traffic), traffic.watch()));
        }
        let Some((traffic, _)) = &self.watching else { return };
        ui.request_repaint_after(LOOK);
        if self.is_paused {
            return;
        }
        let new = traffic.since(self.next);
        self.next = new.last().map_or(self.next, |last| last.number + 1);
        self.kept.extend(new);
        self.kept.drain(..self.kept.len().saturating_sub(KEPT));
    }

    fn controls(&mut self, ui: &mut Ui, scene: &Scene<'_>, connection: ConnectionId, unit: &UnitPlan) {
        let palette = scene.palette;
        ui.horizontal(|ui| {
            if button(ui, &format!("Unit {} only", unit.unit), !self.all_units, &palette).clicked() {
                self.all_units = !self.all_units;
            }
            if button(ui, "Pause", self.is_paused, &palette).clicked() {
                self.is_paused = !self.is_paused;
            }
            if button(ui, "Clear", false, &palette).clicked() {
                self.kept.clear();
                self.selected = None;
            }
            for (words, form) in [("Save as pcap", CaptureForm::Pcap), ("Save as text", CaptureForm::Text)] {
                let wanted = button(ui, words, false, &palette).clicked();
                if wanted && self.saving.is_none() {
                    self.save(scene, connection, unit, form);
                }
            }
            if let Some(answer) = self.saving.as_mut().and_then(Ticket::poll) {
                self.saving = None;
                self.saved = Some(match answer {
                    Some(Ok(path)) => format!("written: {}", short(&path, scene).display()),
                    Some(Err(why)) => why,
                    None => "nothing was written: too much is asked at once".to_owned(),
                });
            }
            if let Some(saved) = &self.saved {
                let label = Label::new(RichText::new(saved).font(plain(12.0)).color(palette.text)).truncate();
                ui.add(label).on_hover_text(saved);
            }
        });
    }

    fn save(&mut self, scene: &Scene<'_>, connection: ConnectionId, unit: &UnitPlan, form: CaptureForm) {
        let plan = &scene.snapshot.plan;
        let Some(wire) = plan.directory.connections().get(connection.index()) else { return };
        let is_rtu = self.watching.as_ref().is_some_and(|(traffic, _)| traffic.is_rtu());
        let wanted = |exchange: &&Exchange| self.all_units || exchange.unit == unit.unit;
        let exchanges = self.kept.iter().filter(wanted).cloned().collect();
        self.saving = Some(scene.handle.save_capture(&wire.name, exchanges, is_rtu, form));
        self.saved = None;
    }
}

/// A path as it stands in the station folder.
fn short<'a>(path: &'a Path, scene: &Scene<'_>) -> &'a Path {
    path.strip_prefix(scene.handle.folder()).unwrap_or(path)
}

/// The bytes of the selected exchange.
fn particulars(ui: &mut Ui, exchange: Option<&Exchange>, palette: &Palette) {
    let Some(exchange) = exchange else {
        quiet(ui, "Choose an exchange to see its bytes.", palette);
        return;
    };
    for line in bytes_words(exchange).lines() {
        let label = Label::new(RichText::new(line).font(plain(12.0)).color(palette.text)).truncate();
        ui.add(label).on_hover_text(line);
    }
}
