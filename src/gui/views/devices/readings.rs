//! What registers may mean, the most plausible first, and the dialog that makes a tag of it.

use crate::driver::modbus::plausible::{self, Reading};
use crate::driver::modbus::{Kind, Order, ReadWish};
use crate::gui::scene::Scene;
use crate::gui::theme::plain;
use crate::gui::widgets::columns::{Column, number, words};
use crate::gui::widgets::{Dialog, Ink, Question, RowWords, Rows, Said, button, table_row};
use crate::station::{TagWish, Ticket};
use crate::tag::Value;
use egui::{Label, RichText, Ui, vec2};
use std::sync::Arc;

const COLUMNS: [Column; 4] =
    [words("Type", 44.0), words("Order", 56.0), number("Value", 0.0), words("How likely", 66.0)];
/// Room below the list for the button and what became of it.
const BELOW: f32 = 62.0;

/// The readings of the selected register.
#[derive(Debug, Default)]
pub(super) struct Readings {
    selected: Option<(Kind, Order)>,
    draft: Option<(TagWish, Dialog)>,
    adding: Option<Ticket<Result<String, String>>>,
    said: Option<String>,
}

impl Readings {
    pub(super) fn ui(
        &mut self,
        ui: &mut Ui,
        scene: &Scene<'_>,
        device: Option<&Arc<str>>,
        place: ReadWish,
        values: &[u16],
    ) {
        let palette = scene.palette;
        let found = readings(place, values);
        let is_selected = |reading: &Reading| Some((reading.kind, reading.order)) == self.selected;
        let row = found.iter().position(is_selected);
        let room = (ui.available_height() - BELOW).max(40.0);
        let chosen = ui.allocate_ui(vec2(ui.available_width(), room), |ui| {
            Rows::new("readings", &COLUMNS, found.len()).show(ui, row, &palette, |ui, row, rect| {
                let cells = cells(scene, &found[row]);
                table_row(ui.painter(), &COLUMNS, rect, &cells);
                let hover = Some(found[row].value.to_string());
                let words = cells.into_iter().map(|(words, _)| words).collect::<Vec<_>>().join(", ");
                RowWords { words, hover }
            })
        });
        if let Some(chosen) = chosen.inner.and_then(|row| found.get(row)) {
            self.selected = Some((chosen.kind, chosen.order));
        }
        // Without a choice it is the most plausible one.
        let reading = row.or(Some(0)).and_then(|row| found.get(row));
        let Some(device) = device else {
            let words =
                "No device of the station has this unit. Give it a device in the station file to make tags of it.";
            ui.add(Label::new(RichText::new(words).font(plain(12.0)).color(palette.muted)).wrap());
            return;
        };
        if button(ui, "Make a tag...", false, &palette).clicked()
            && let Some(reading) = reading
        {
            self.open(device, place, values, reading);
        }
        self.outcome();
        if let Some(said) = &self.said {
            ui.add(Label::new(RichText::new(said).font(plain(12.0)).color(palette.text)).truncate())
                .on_hover_text(said);
        }
        self.dialog(ui, scene);
    }

    fn open(&mut self, device: &str, place: ReadWish, values: &[u16], reading: &Reading) {
        self.said = None;
        let wish = TagWish {
            name: String::new(),
            device: device.to_owned(),
            table: place.table,
            address: place.address,
            kind: reading.kind,
            order: reading.order,
            length: (values.len() * 2).min(64) as u16,
        };
        self.draft = Some((wish, Dialog::starting_with(format!("{device}/"))));
    }

    fn outcome(&mut self) {
        let Some(answer) = self.adding.as_mut().and_then(Ticket::poll) else { return };
        self.adding = None;
        self.said = Some(match answer {
            Some(Ok(file)) => format!("written to {file}; F5 shows it and takes it up"),
            Some(Err(why)) => format!("! nothing was written: {why}"),
            None => "! nothing was written: too much is asked at once".to_owned(),
        });
    }

    fn dialog(&mut self, ui: &Ui, scene: &Scene<'_>) {
        let Some((wish, dialog)) = &mut self.draft else { return };
        let (kind, order) = (kind_word(wish.kind), order_word(wish.kind, wish.order));
        let question = Question {
            name: "New tag",
            title: "Make a tag".to_owned(),
            about: format!("{}, {}:{} {kind} {order}", wish.device, wish.table.word(), wish.address),
            field: "Name of the tag",
            send: "Write it Enter",
            lacks: &|name| (name.is_empty() || name.ends_with('/')).then_some("It goes into the station file."),
        };
        let Some(said) = dialog.ui(ui, &question, &scene.palette) else { return };
        if let Said::Sent(name) = said {
            self.adding = Some(scene.handle.add_tag(TagWish { name, ..wish.clone() }));
        }
        self.draft = None;
    }
}

/// A bit has one reading.
fn readings(place: ReadWish, values: &[u16]) -> Vec<Reading> {
    if !place.table.is_bits() {
        return plausible::readings(values);
    }
    let on = values.first().is_some_and(|value| *value != 0);
    vec![Reading { kind: Kind::Bool, order: Order::Abcd, value: Value::Bool(on), score: 100 }]
}

fn cells(scene: &Scene<'_>, reading: &Reading) -> [(String, Ink); 4] {
    let palette = &scene.palette;
    let value = match &reading.value {
        Value::Text(text) => format!("\"{text}\""),
        other => other.to_string(),
    };
    [
        (kind_word(reading.kind), Ink::text(palette)),
        (order_word(reading.kind, reading.order), Ink::muted(palette)),
        (value, Ink::value(palette)),
        (likely(reading.score).to_owned(), Ink::text(palette)),
    ]
}

/// A score in words.
const fn likely(score: u8) -> &'static str {
    match score {
        80.. => "very likely",
        40..80 => "possible",
        _ => "unlikely",
    }
}

/// A type as the station file has it.
fn kind_word(kind: Kind) -> String {
    format!("{kind:?}").to_lowercase()
}

/// An order as the station file has it; of one register, whether its bytes are swapped.
fn order_word(kind: Kind, order: Order) -> String {
    match (kind, order) {
        (Kind::Bool, _) | (Kind::U16 | Kind::I16 | Kind::Bcd16, Order::Abcd) => String::new(),
        (Kind::U16 | Kind::I16 | Kind::Bcd16, _) => "swapped".to_owned(),
        _ => format!("{order:?}").to_uppercase(),
    }
}
