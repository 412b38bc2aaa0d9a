//! Which units answer on a connection: found by asking each of them for one register, over the station's own connection.

use super::registers::{RegistersTab, Target};
use super::unit_scan::{Found, Scan, Who};
use crate::driver::modbus::{Inquiry, WirePlan};
use crate::gui::asking::Repeated;
use crate::gui::scene::Scene;
use crate::gui::theme::{Palette, plain, strong};
use crate::gui::widgets::columns::{Column, number, words};
use crate::gui::widgets::{Ink, RowWords, Rows, button, primary_button, quiet, table_row};
use crate::station::UnitScanWish;
use crate::tag::{ConnectionId, WireKind};
use egui::{Align, ComboBox, DragValue, Label, Layout, RichText, Sense, Ui, UiBuilder, vec2};
use std::sync::Arc;
use std::time::Duration;

const COLUMNS: [Column; 3] = [number("Unit", 36.0), words("Device", 100.0), words("Who it is", 0.0)];
/// Width of the list of units beside the registers of one; alone it has the whole panel.
const LIST: f32 = 300.0;
/// How often the wire is asked which units the station knows.
const FRESH: Duration = Duration::from_secs(5);
/// The units that the standard gives to devices.
const UNITS: std::ops::RangeInclusive<u8> = 1..=247;

/// A Modbus connection of the station.
struct Wire {
    id: ConnectionId,
    name: Arc<str>,
    kind: WireKind,
}

/// The panel.
#[derive(Debug)]
pub(super) struct UnitsPanel {
    connection: Option<Arc<str>>,
    first: u8,
    last: u8,
    /// On a socket: units 0 and 255 as well, which stand for the gateway itself.
    ends: bool,
    /// Whether those who answer are asked who they are; as the kind of the wire suggests where nothing is chosen.
    identify: Option<bool>,
    limit_millis: u64,
    known: Repeated<WirePlan>,
    scan: Option<Scan>,
    selected: Option<u8>,
    registers: Option<(Target, RegistersTab)>,
}

impl Default for UnitsPanel {
    fn default() -> Self {
        Self {
            connection: None,
            first: *UNITS.start(),
            last: *UNITS.end(),
            ends: true,
            identify: None,
            limit_millis: 300,
            known: Repeated::default(),
            scan: None,
            selected: None,
            registers: None,
        }
    }
}

impl UnitsPanel {
    /// Paints it; whether it was closed.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> bool {
        let palette = scene.palette;
        let wires = modbus_wires(scene);
        let chosen = wires.iter().find(|wire| Some(&wire.name) == self.connection.as_ref()).or(wires.first());
        let mut closed = false;
        palette.card().show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            closed = head(ui, &palette);
            match chosen {
                Some(wire) => self.of_wire(ui, scene, &wires, wire),
                None => quiet(ui, "The station has no Modbus connection. Add one to the station file.", &palette),
            }
        });
        closed
    }

    fn of_wire(&mut self, ui: &mut Ui, scene: &Scene<'_>, wires: &[Wire], wire: &Wire) {
        let (handle, id) = (scene.handle, wire.id);
        self.known.keep(ui, scene.now.monotonic, Some(FRESH), || handle.inquire(id, Inquiry::Plan));
        self.scan.iter_mut().for_each(Scan::collect);
        self.controls(ui, scene, wires, wire);
        self.progress(ui, &scene.palette);
        let Some(scan) = &self.scan else {
            let words = "Each unit is asked for one holding register: nothing is written. The station's own polls and commands go \
                         first; devices that are off scan are not asked.";
            ui.add(Label::new(RichText::new(words).font(plain(12.0)).color(scene.palette.muted)).wrap());
            return;
        };
        let list = if self.selected.is_some() { LIST } else { ui.available_width() };
        let (left, right) = ui.available_rect_before_wrap().split_left_right_at_x(ui.min_rect().left() + list);
        let found = scan.found();
        let row = found.iter().position(|found| Some(found.unit) == self.selected);
        let chosen = ui.scope_builder(UiBuilder::new().max_rect(left), |ui| {
            Rows::new("units", &COLUMNS, found.len()).show(ui, row, &scene.palette, |ui, row, rect| {
                let cells = self.cells(scene, &found[row]);
                table_row(ui.painter(), &COLUMNS, rect, &cells);
                let words = cells.iter().map(|(words, _)| words.as_str()).collect::<Vec<_>>().join(", ");
                RowWords { words, hover: Some(cells[2].0.clone()) }
            })
        });
        let chosen = chosen.inner.and_then(|row| found.get(row)).map(|found| found.unit);
        if let Some(unit) = self.selected {
            let right = right.with_min_x(right.left() + 12.0);
            ui.scope_builder(UiBuilder::new().max_rect(right), |ui| self.browser(ui, scene, wire, unit));
        }
        // From the next frame on, so that what was laid out for one width is not painted in another.
        self.selected = chosen.or(self.selected);
    }

    /// The registers of the unit that was chosen.
    fn browser(&mut self, ui: &mut Ui, scene: &Scene<'_>, wire: &Wire, unit: u8) {
        let target = Target { connection: wire.id, unit, device: self.device(unit) };
        if self.registers.as_ref().is_none_or(|(of, _)| *of != target) {
            self.registers = Some((target, RegistersTab::default()));
        }
        if let Some((target, registers)) = &mut self.registers {
            let name = target.device.as_ref().map_or_else(String::new, |device| format!(", {device}"));
            let words = format!("Registers of unit {unit}{name}");
            ui.label(RichText::new(words).font(strong(13.0)).color(scene.palette.text));
            let who = self.scan.iter().flat_map(Scan::found).find(|found| found.unit == unit);
            let who = who.map(|found| who_words(&found.who)).unwrap_or_default();
            ui.add(Label::new(RichText::new(who).font(plain(12.0)).color(scene.palette.muted)).truncate());
            registers.ui(ui, scene, target);
        }
    }

    fn controls(&mut self, ui: &mut Ui, scene: &Scene<'_>, wires: &[Wire], wire: &Wire) {
        let palette = scene.palette;
        let is_running = self.scan.as_ref().is_some_and(Scan::is_running);
        ui.horizontal(|ui| {
            ui.add_enabled_ui(!is_running, |ui| {
                self.choose_wire(ui, wires, wire);
                quiet(ui, "units", &palette);
                ui.add(DragValue::new(&mut self.first).range(UNITS)).accessible_name("First unit");
                quiet(ui, "to", &palette);
                ui.add(DragValue::new(&mut self.last).range(UNITS)).accessible_name("Last unit");
                if wire.kind == WireKind::ModbusTcp && button(ui, "0 and 255 too", self.ends, &palette).clicked() {
                    self.ends = !self.ends;
                }
                quiet(ui, "wait", &palette);
                let limit = DragValue::new(&mut self.limit_millis).range(50..=5000).speed(10).suffix(" ms");
                ui.add(limit).accessible_name("How long a unit may take");
                let identify = self.identifies(wire);
                if button(ui, "Ask who it is", identify, &palette).clicked() {
                    self.identify = Some(!identify);
                }
            });
            if is_running {
                if primary_button(ui, "Stop", true, &palette).clicked()
                    && let Some(scan) = &mut self.scan
                {
                    scan.stop();
                }
            } else if primary_button(ui, "Scan", self.known.answer().is_some(), &palette).clicked() {
                self.begin(scene, wire);
            }
            if self.known.answer().is_none() {
                quiet(ui, self.known.silence(), &palette);
            }
        });
    }

    fn choose_wire(&mut self, ui: &mut Ui, wires: &[Wire], wire: &Wire) {
        let mut name = Arc::clone(&wire.name);
        let chooser = ComboBox::from_id_salt("connection to scan").width(140.0).selected_text(&*name);
        let shown = chooser.show_ui(ui, |ui| {
            for wire in wires {
                ui.selectable_value(&mut name, Arc::clone(&wire.name), &*wire.name);
            }
        });
        let _ = shown.response.accessible_name("Connection");
        if name != wire.name {
            *self = Self { connection: Some(name), limit_millis: self.limit_millis, ..Self::default() };
        }
    }

    /// Devices on serial lines are asked who they are only by those who want it: some stumble over the question.
    fn identifies(&self, wire: &Wire) -> bool {
        self.identify.unwrap_or(wire.kind == WireKind::ModbusTcp)
    }

    fn begin(&mut self, scene: &Scene<'_>, wire: &Wire) {
        let units = self.units(scene, wire);
        let limit = Duration::from_millis(self.limit_millis);
        let identify = self.identifies(wire);
        let wish = UnitScanWish { connection: wire.id, units: units.clone(), limit, identify };
        let scan = match scene.handle.find_units(wish) {
            _ if units.is_empty() => {
                Scan::refused("None of these units may be asked: their devices are off scan.".into())
            }
            Ok(running) => Scan::begun(running, units, limit),
            Err(why) => Scan::refused(why),
        };
        (self.scan, self.selected, self.registers) = (Some(scan), None, None);
    }

    /// The units to ask: none that somebody took off scan.
    fn units(&self, scene: &Scene<'_>, wire: &Wire) -> Vec<u8> {
        let all = wanted(self.first, self.last, self.ends, wire.kind);
        all.into_iter().filter(|unit| !self.is_off_scan(scene, *unit)).collect()
    }

    fn is_off_scan(&self, scene: &Scene<'_>, unit: u8) -> bool {
        let devices = scene.snapshot.plan.directory.devices().iter().zip(scene.snapshot.devices.iter());
        let off: Vec<&Arc<str>> =
            devices.filter(|(_, view)| view.off_scan.is_some()).map(|(device, _)| &device.name).collect();
        let units = self.known.answer().into_iter().flat_map(|wire| &wire.units);
        units.filter(|known| known.unit == unit).any(|known| off.contains(&&known.device))
    }

    /// The device of the station that answers as this unit.
    fn device(&self, unit: u8) -> Option<Arc<str>> {
        let known = self.known.answer()?.units.iter().find(|known| known.unit == unit)?;
        Some(Arc::clone(&known.device))
    }

    fn progress(&self, ui: &mut Ui, palette: &Palette) {
        let Some(scan) = &self.scan else { return };
        ui.add(Label::new(RichText::new(scan.words()).font(plain(12.0)).color(palette.text)).truncate());
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 4.0), Sense::hover());
        ui.painter().rect_filled(rect, 2, palette.sunk);
        ui.painter().rect_filled(rect.with_max_x(rect.left() + rect.width() * scan.done()), 2, palette.muted);
        ui.add_space(4.0);
    }

    fn cells(&self, scene: &Scene<'_>, found: &Found) -> [(String, Ink); 3] {
        let palette = &scene.palette;
        let device = self.device(found.unit);
        let ink = if matches!(found.who, Who::Says(_)) { Ink::text(palette) } else { Ink::muted(palette) };
        let who = (who_words(&found.who), ink);
        let name = device.map_or_else(|| "not in the file".to_owned(), |device| device.to_string());
        [(found.unit.to_string(), Ink::bold(palette)), (name, Ink::text(palette)), who]
    }
}

fn who_words(who: &Who) -> String {
    match who {
        Who::Says(identity) => identity.words(),
        Who::NotAsked => "not asked".to_owned(),
        Who::Silent(why) => format!("does not say: {}", why.trim_start_matches("device: ")),
    }
}

/// The title, and a button that closes; whether it was pressed.
fn head(ui: &mut Ui, palette: &Palette) -> bool {
    let row = ui.horizontal(|ui| {
        ui.label(RichText::new("Find units").font(strong(15.0)).color(palette.text));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| button(ui, "Close", false, palette).clicked()).inner
    });
    row.inner
}

/// The units from `first` to `last`, and with `ends` those of a gateway itself; never the broadcast of a serial line.
fn wanted(first: u8, last: u8, ends: bool, kind: WireKind) -> Vec<u8> {
    let ends: &[u8] = if ends && kind == WireKind::ModbusTcp { &[0, 255] } else { &[] };
    (first..=last.max(first)).chain(ends.iter().copied()).collect()
}

fn modbus_wires(scene: &Scene<'_>) -> Vec<Wire> {
    let wires = scene.snapshot.plan.directory.connections().iter().enumerate();
    let modbus = wires.filter(|(_, wire)| wire.kind != WireKind::Mqtt);
    modbus
        .map(|(slot, wire)| Wire { id: ConnectionId(slot as u32), name: Arc::clone(&wire.name), kind: wire.kind })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_serial_line_is_never_asked_as_everybody() {
        assert_eq!(wanted(1, 3, true, WireKind::ModbusTcp), [1, 2, 3, 0, 255]);
        assert_eq!(wanted(1, 3, true, WireKind::ModbusRtu), [1, 2, 3]);
        assert_eq!(wanted(5, 3, false, WireKind::ModbusTcp), [5]);
    }
}
