//! The last message of a topic: its payload as it reads best, and the values in it.

use crate::driver::mqtt::look::{Field, Form, Look, look};
use crate::driver::mqtt::topics::Topic;
use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::theme::{Palette, plain, strong};
use crate::gui::widgets::columns::{Column, words};
use crate::gui::widgets::{Ink, RowWords, Rows, button, quiet, table_row};
use egui::{Label, RichText, ScrollArea, Ui};

const COLUMNS: [Column; 2] = [words("Field", 0.0), words("Value", 140.0)];
/// Height of a line of a payload, in points.
const LINE: f32 = 17.0;

/// What is asked for beside the message.
#[derive(Debug, PartialEq)]
pub(super) enum Asked {
    /// A tag made of this value.
    Tag(Field),
    /// A message to this topic.
    Publish,
}

/// The panel.
#[derive(Debug, Default)]
pub(super) struct MessagePanel {
    topic: Option<Topic>,
    look: Option<Look>,
    field: Option<String>,
    is_text: bool,
}

impl MessagePanel {
    /// Shows this message; it is looked at anew only where another one came.
    pub(super) fn show(&mut self, topic: Option<Topic>) {
        let same = |before: &Topic, now: &Topic| before.topic == now.topic && before.messages == now.messages;
        if self.topic.as_ref().zip(topic.as_ref()).is_some_and(|(before, now)| same(before, now)) {
            return;
        }
        let is_other = self.topic.as_ref().map(|topic| &topic.topic) != topic.as_ref().map(|topic| &topic.topic);
        if is_other {
            self.field = None;
        }
        self.look = topic.as_ref().map(|topic| look(&topic.payload, topic.payload.len() == topic.length_bytes));
        self.topic = topic;
    }

    /// Paints it; what was asked for.
    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Option<Asked> {
        let palette = scene.palette;
        let (Some(topic), Some(look)) = (&self.topic, &self.look) else {
            quiet(ui, "Choose a topic to see its last message.", &palette);
            return None;
        };
        let name = Label::new(RichText::new(&*topic.topic).font(strong(13.0)).color(palette.text)).truncate();
        ui.add(name).on_hover_text(&*topic.topic);
        let about = about(topic, look, scene);
        ui.add(Label::new(RichText::new(&about).font(plain(12.0)).color(palette.muted)).truncate())
            .on_hover_text(about);
        let place = look.fields.iter().position(|field| Some(&field.pointer) == self.field.as_ref());
        let mut asked = None;
        ui.horizontal(|ui| {
            for (words, is_text) in [("Fields", false), ("Text", true)] {
                if button(ui, words, self.is_text == is_text, &palette).clicked() {
                    self.is_text = is_text;
                }
            }
            // Without a choice it is the first value.
            if let Some(field) = look.fields.get(place.unwrap_or(0))
                && button(ui, "Make a tag...", false, &palette).clicked()
            {
                asked = Some(Asked::Tag(field.clone()));
            }
            if button(ui, "Publish here...", false, &palette).clicked() {
                asked = Some(Asked::Publish);
            }
        });
        if self.is_text || look.fields.is_empty() {
            text(ui, look, &palette);
            return asked;
        }
        let chosen = Rows::new("fields", &COLUMNS, look.fields.len()).show(ui, place, &palette, |ui, row, rect| {
            let cells = cells(&look.fields[row], &palette);
            table_row(ui.painter(), &COLUMNS, rect, &cells);
            let words = cells.map(|(words, _)| words).join(", ");
            RowWords { hover: Some(words.clone()), words }
        });
        if let Some(field) = chosen.and_then(|row| look.fields.get(row)) {
            self.field = Some(field.pointer.clone());
        }
        asked
    }
}

fn cells(field: &Field, palette: &Palette) -> [(String, Ink); 2] {
    let name = if field.pointer.is_empty() { "the whole payload" } else { &field.pointer };
    [(name.to_owned(), Ink::text(palette)), (field.preview.clone(), Ink::value(palette))]
}

fn about(topic: &Topic, look: &Look, scene: &Scene<'_>) -> String {
    let cut = match topic.payload.len() < topic.length_bytes {
        true => format!(", of which the first {} are shown", topic.payload.len()),
        false => String::new(),
    };
    let retained = if topic.retained { ", retained: the broker kept it" } else { "" };
    format!(
        "{}, {} bytes{cut}{retained}, at {}",
        look.form.word(),
        topic.length_bytes,
        format::clock(topic.last, scene.now.utc)
    )
}

/// The payload as it reads best; only the lines that are seen are laid out.
fn text(ui: &mut Ui, look: &Look, palette: &Palette) {
    if look.form == Form::Empty {
        quiet(ui, "It has no payload. On a retained topic that takes away what the broker kept.", palette);
        return;
    }
    let lines: Vec<&str> = look.text.lines().collect();
    ui.spacing_mut().item_spacing.y = 0.0;
    ScrollArea::vertical().id_salt("payload").auto_shrink([false, false]).show_rows(
        ui,
        LINE,
        lines.len(),
        |ui, range| {
            for line in &lines[range] {
                let label = Label::new(RichText::new(*line).font(plain(12.0)).color(palette.text)).truncate();
                ui.add(label).on_hover_text(*line);
            }
        },
    );
}
