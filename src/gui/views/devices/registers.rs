//! The register browser: reads what a device has, and says what it may mean.

use super::readings::Readings;
use crate::driver::modbus::{Inquiry, ReadAnswer, ReadWish, Table};
use crate::gui::asking::Repeated;
use crate::gui::scene::Scene;
use crate::gui::widgets::columns::{Column, number, words};
use crate::gui::widgets::{Ink, Rows, button, quiet, table_row};
use crate::tag::ConnectionId;
use egui::{DragValue, Ui, UiBuilder};
use std::sync::Arc;
use std::time::Duration;

/// How often it is read again.
const AGAIN: Duration = Duration::from_secs(1);
/// Registers that are read at once.
const MOST: u16 = 40;

const COLUMNS: [Column; 5] = [
    number("Address", 48.0),
    number("Hex", 38.0),
    number("Unsigned", 58.0),
    number("Signed", 50.0),
    words("Bits, 15 to 0", 0.0),
];

/// Whose registers are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// The wire.
    pub(super) connection: ConnectionId,
    /// The unit on it.
    pub(super) unit: u8,
    /// The device of the station that it is; none for a unit that the station file does not know.
    pub(super) device: Option<Arc<str>>,
}

/// The tab.
#[derive(Debug)]
pub(super) struct RegistersTab {
    table: Table,
    address: u16,
    count: u16,
    is_repeated: bool,
    /// What was read, and by which wish.
    read: Option<(ReadWish, Repeated<Result<ReadAnswer, String>>)>,
    selected: Option<usize>,
    readings: Readings,
}

impl Default for RegistersTab {
    fn default() -> Self {
        Self {
            table: Table::Holding,
            address: 0,
            count: 10,
            is_repeated: false,
            read: None,
            selected: None,
            readings: Readings::default(),
        }
    }
}

impl RegistersTab {
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>, target: &Target) {
        self.controls(ui, scene, target.unit);
        self.ask(ui, scene, target.connection);
        let palette = scene.palette;
        let Some((wish, read)) = &self.read else {
            quiet(ui, "Reading changes nothing in the device. Its own polls and commands go first.", &palette);
            return;
        };
        let wish = *wish;
        let answer = match read.answer() {
            None => return quiet(ui, read.silence(), &palette),
            Some(Err(why)) => return quiet(ui, format!("! not read: {why}"), &palette),
            Some(Ok(answer)) => answer.clone(),
        };
        let (left, right) = ui.available_rect_before_wrap().split_left_right_at_fraction(0.57);
        ui.scope_builder(UiBuilder::new().max_rect(left.with_max_x(left.right() - 8.0)), |ui| {
            let chosen = Rows::new("registers", &COLUMNS, answer.values.len()).show(
                ui,
                self.selected,
                &palette,
                |ui, row, rect| {
                    let cells = cells(scene, wish, row, answer.values[row]);
                    table_row(ui.painter(), &COLUMNS, rect, &cells);
                    cells.into_iter().map(|(words, _)| words).collect::<Vec<_>>().join(", ").into()
                },
            );
            self.selected = chosen.or(self.selected);
        });
        let from = self.selected.and_then(|row| Some((row, answer.values.get(row..)?)));
        ui.scope_builder(UiBuilder::new().max_rect(right), |ui| match from {
            Some((row, values)) => {
                let place = ReadWish { address: wish.address.saturating_add(row as u16), ..wish };
                self.readings.ui(ui, scene, target.device.as_ref(), place, values);
            }
            None => quiet(ui, "Choose a register to see what it may mean.", &palette),
        });
    }

    fn controls(&mut self, ui: &mut Ui, scene: &Scene<'_>, unit: u8) {
        let palette = scene.palette;
        ui.horizontal(|ui| {
            for (table, words) in [
                (Table::Holding, "Holding"),
                (Table::Input, "Input"),
                (Table::Coil, "Coil"),
                (Table::Discrete, "Discrete"),
            ] {
                if button(ui, words, self.table == table, &palette).clicked() {
                    self.table = table;
                }
            }
            quiet(ui, "from", &palette);
            ui.add(DragValue::new(&mut self.address).range(0..=u16::MAX)).accessible_name("First address");
            quiet(ui, "count", &palette);
            ui.add(DragValue::new(&mut self.count).range(1..=MOST)).accessible_name("How many");
            if button(ui, "Read", false, &palette).clicked() {
                let count = self.count.min((u32::from(u16::MAX) + 1 - u32::from(self.address)).min(40) as u16);
                let wish = ReadWish { unit, table: self.table, address: self.address, count };
                if self.read.as_ref().is_none_or(|(before, _)| *before != wish) {
                    self.selected = None;
                    self.readings = Readings::default();
                }
                self.read = Some((wish, Repeated::default()));
            }
            if button(ui, "Again every second", self.is_repeated, &palette).clicked() {
                self.is_repeated = !self.is_repeated;
            }
        });
    }

    fn ask(&mut self, ui: &Ui, scene: &Scene<'_>, connection: ConnectionId) {
        let Some((wish, read)) = &mut self.read else { return };
        let (wish, handle) = (*wish, scene.handle);
        let every = self.is_repeated.then_some(AGAIN);
        read.keep(ui, scene.now.monotonic, every, || handle.inquire(connection, |reply| Inquiry::Read(wish, reply)));
    }
}

fn cells(scene: &Scene<'_>, wish: ReadWish, row: usize, value: u16) -> [(String, Ink); 5] {
    let palette = &scene.palette;
    let address = (u32::from(wish.address) + row as u32).to_string();
    let address = (address, Ink::text(palette));
    if wish.table.is_bits() {
        let words = if value == 0 { "0, off" } else { "1, on" };
        let none = || (String::new(), Ink::muted(palette));
        return [address, none(), none(), none(), (words.to_owned(), Ink::value(palette))];
    }
    let bits = format!("{value:016b}");
    let bits = [&bits[..4], &bits[4..8], &bits[8..12], &bits[12..]].join(" ");
    [
        address,
        (format!("{value:04X}"), Ink::value(palette)),
        (value.to_string(), Ink::value(palette)),
        (value.cast_signed().to_string(), Ink::value(palette)),
        (bits, Ink::value(palette)),
    ]
}
