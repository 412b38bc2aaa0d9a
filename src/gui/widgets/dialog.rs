//! A small question with one line to write: Enter sends it, Escape takes it away.

use super::{button, primary_button};
use crate::gui::theme::{Palette, plain, strong};
use egui::{Id, Key, Modal, ModalResponse, Modifiers, RichText, TextEdit, Ui};

/// What is asked.
pub(in crate::gui) struct Question<'a> {
    /// Tells it from other questions, and names it to those who do not see it.
    pub(in crate::gui) name: &'static str,
    /// Its title.
    pub(in crate::gui) title: String,
    /// What it is about.
    pub(in crate::gui) about: String,
    /// The name of the line to write.
    pub(in crate::gui) field: &'static str,
    /// The button that sends it.
    pub(in crate::gui) send: &'static str,
    /// Why it cannot be sent as it stands, for what has been written.
    pub(in crate::gui) lacks: &'a dyn Fn(&str) -> Option<&'static str>,
}

/// Whether a dialog is to be taken away. A click beside it closes one that can be had again as it was; what somebody typed is lost only by
/// Escape, or by the button that says so.
pub(in crate::gui) fn is_left<T>(shown: &ModalResponse<T>, has_typed: bool) -> bool {
    let is_slip = has_typed && shown.backdrop_response.clicked();
    !is_slip && shown.should_close()
}

/// What has been written, and whether the keyboard went there once.
#[derive(Debug, Default)]
pub(in crate::gui) struct Dialog {
    text: String,
    is_focused: bool,
}

/// How a question ended.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::gui) enum Said {
    /// With this line.
    Sent(String),
    /// It was taken away.
    Nothing,
}

impl Dialog {
    /// A question whose line begins with this.
    pub(in crate::gui) fn starting_with(text: String) -> Self {
        Self { text, is_focused: false }
    }

    /// Paints it; how it ended, once it did.
    pub(in crate::gui) fn ui(&mut self, ui: &Ui, question: &Question<'_>, palette: &Palette) -> Option<Said> {
        let id = Id::unique(("question", question.name));
        let area = Modal::default_area(id).accessible_name(question.name);
        let shown = Modal::new(id).area(area).frame(palette.card()).show(ui.ctx(), |ui| {
            ui.set_width(420.0);
            ui.label(RichText::new(&question.title).font(strong(15.0)).color(palette.text));
            ui.label(RichText::new(&question.about).font(plain(13.0)).color(palette.text));
            ui.label(RichText::new(question.field).color(palette.muted));
            let edit = TextEdit::singleline(&mut self.text).id(id.with("line")).desired_width(f32::INFINITY);
            let edit = ui.add(edit).accessible_name(question.field);
            // In its first pass a window is only measured, and what it holds cannot have the keyboard.
            if !self.is_focused && !ui.is_sizing_pass() {
                edit.request_focus();
                self.is_focused = true;
            }
            let entered = edit.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter));
            let lacks = (question.lacks)(self.text.trim());
            ui.label(RichText::new(lacks.unwrap_or_default()).font(plain(12.0)).color(palette.muted));
            let (mut send, mut cancel) = (false, false);
            ui.horizontal(|ui| {
                send = primary_button(ui, question.send, lacks.is_none(), palette).clicked();
                cancel = button(ui, "Cancel Esc", false, palette).clicked();
            });
            cancel |= ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
            (lacks.is_none() && (send || entered), cancel)
        });
        match shown.inner {
            (true, _) => Some(Said::Sent(self.text.trim().to_owned())),
            (false, cancel) if cancel || is_left(&shown, !self.text.trim().is_empty()) => Some(Said::Nothing),
            _ => None,
        }
    }
}
