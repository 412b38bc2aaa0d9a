//! The loop check of a tag: somebody followed the measurement from the device to the screen, and says whether it was right.

use super::format;
use super::scene::{Action, Scene};
use super::theme::{plain, strong};
use super::widgets::{button, quiet};
use crate::engine::Reply;
use crate::station::Pending;
use crate::tag::{TagDefinition, TagId, TagKey, Value};
use egui::{Align, Button, Id, Key, Label, Modifiers, RichText, TextEdit, Ui};

/// A check that is being put together.
#[derive(Debug, Default)]
struct Draft {
    remark: String,
    /// The value that was painted last: this is what the person saw when they press a button.
    seen: Option<Value>,
    /// Whether it has come into sight.
    is_shown: bool,
}

/// The section of the faceplate.
#[derive(Debug, Default)]
pub(super) struct LoopCheck {
    draft: Option<Draft>,
    pending: Option<Pending<Reply>>,
    said: Option<String>,
    is_wanted: bool,
}

impl LoopCheck {
    /// Opens it in the next frame.
    pub(super) fn begin(&mut self) {
        self.is_wanted = true;
    }

    /// Another tag is shown.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// The record was asked for.
    pub(super) fn sent(&mut self, pending: Pending<Reply>) {
        (self.draft, self.said) = (None, Some("being recorded".to_owned()));
        self.pending = Some(pending);
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, id: TagId, definition: &TagDefinition) {
        self.outcome();
        let palette = scene.palette;
        let pressed = self.draft.is_none() && button(ui, "Loop check... F7", false, &palette).clicked();
        if (std::mem::take(&mut self.is_wanted) || pressed) && self.draft.is_none() {
            self.draft = Some(Draft { seen: scene.snapshot.value(id), ..Draft::default() });
            self.said = None;
            ui.memory_mut(|memory| memory.request_focus(field()));
        }
        if let Some(said) = &self.said {
            ui.add(Label::new(RichText::new(said).font(plain(12.0)).color(palette.text)).wrap());
        }
        self.form(ui, scene, id, definition);
    }

    fn outcome(&mut self) {
        let Some(answer) = self.pending.as_mut().and_then(Pending::poll) else { return };
        self.pending = None;
        self.said = Some(match answer {
            Some(Reply::Done) => "The loop check is recorded.".to_owned(),
            Some(Reply::Refused { why }) => format!("! {why}"),
            Some(_) | None => "! the station stopped before it answered".to_owned(),
        });
    }

    fn form(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, id: TagId, definition: &TagDefinition) {
        let palette = scene.palette;
        let Some(draft) = &mut self.draft else { return };
        ui.label(RichText::new("Loop check").font(strong(14.0)).color(palette.text));
        let now = scene.snapshot.value(id);
        let shown = now.as_ref().map_or_else(|| "?".to_owned(), |value| format::with_unit(definition, value));
        let doubt = scene.doubt(id).map_or_else(String::new, |doubt| format!(" ({doubt})"));
        quiet(ui, format!("Value seen: {shown}{doubt}"), &palette);
        ui.label(RichText::new("Remark; a failure needs one").color(palette.muted));
        let edit = TextEdit::singleline(&mut draft.remark).id(field()).desired_width(f32::INFINITY);
        let edit = ui.add(edit).accessible_name("Remark");
        if !std::mem::replace(&mut draft.is_shown, true) {
            edit.scroll_to_me(Some(Align::Center));
        }
        let is_told = !draft.remark.trim().is_empty();
        let (mut passed, mut failed, mut cancel) = (false, false, false);
        ui.horizontal(|ui| {
            passed = button(ui, "Passed", false, &palette).clicked();
            failed = ui.add_enabled(is_told, Button::new("Failed")).clicked();
            cancel = button(ui, "Cancel Esc", false, &palette).clicked();
        });
        cancel |= ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
        // A click is about what was painted before it came.
        let seen = std::mem::replace(&mut draft.seen, now);
        if passed || failed {
            let remark = draft.remark.trim().to_owned();
            let tag: TagKey = definition.key.clone();
            scene.act(Action::LoopCheck { tag, seen, passed, remark });
        } else if cancel {
            self.draft = None;
        }
    }
}

fn field() -> Id {
    Id::unique("loop check remark")
}
