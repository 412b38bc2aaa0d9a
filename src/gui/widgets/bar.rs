//! Buttons, headings and lines of text.

use crate::gui::theme::{Palette, plain, strong};
use egui::{Button, Response, RichText, Ui};

/// The title of a view.
pub(in crate::gui) fn heading(ui: &mut Ui, words: &str, palette: &Palette) {
    ui.label(RichText::new(words).font(strong(18.0)).color(palette.text));
}

/// Quiet words.
pub(in crate::gui) fn quiet(ui: &mut Ui, words: impl Into<String>, palette: &Palette) {
    ui.label(RichText::new(words).font(plain(12.0)).color(palette.muted));
}

/// An ordinary button; selected ones keep their place.
pub(in crate::gui) fn button(ui: &mut Ui, words: &str, selected: bool, palette: &Palette) -> Response {
    let font = if selected { strong(13.0) } else { plain(13.0) };
    let fill = if selected { palette.select } else { palette.panel };
    ui.add(Button::new(RichText::new(words).font(font).color(palette.text)).fill(fill).selected(selected))
}

/// The one button that matters.
pub(in crate::gui) fn primary_button(ui: &mut Ui, words: &str, enabled: bool, palette: &Palette) -> Response {
    let look = Button::new(RichText::new(words).font(strong(13.0)).color(palette.on_focus)).fill(palette.focus);
    ui.add_enabled(enabled, look)
}

/// A name and what it is.
pub(in crate::gui) fn key_value(ui: &mut Ui, key: &str, value: impl Into<String>, palette: &Palette) {
    ui.horizontal(|ui| {
        ui.label(RichText::new(key).font(plain(12.0)).color(palette.muted));
        let value = RichText::new(value).font(plain(13.0)).color(palette.text);
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            ui.add(egui::Label::new(value).truncate())
        });
    });
}

/// A field to search with.
pub(in crate::gui) fn search(ui: &mut Ui, text: &mut String, id: egui::Id, hint: &str, width: f32) -> Response {
    let field = egui::TextEdit::singleline(text).id(id).hint_text(hint).desired_width(width);
    ui.add(field).accessible_name(hint)
}
