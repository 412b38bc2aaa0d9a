//! The dialog that makes a tag of a value in a message: what it would change in the station file is shown first, then written and taken up.

use crate::driver::mqtt::Kind;
use crate::driver::mqtt::look::Field;
use crate::gui::scene::Scene;
use crate::gui::sheet::{besides_words, imported_words, told};
use crate::gui::theme::{Palette, plain, strong};
use crate::gui::widgets::{button, primary_button, quiet};
use crate::station::{Imported, SheetPlan, Ticket, TopicTagWish};
use crate::tag::{ConnectionId, DeviceDefinition};
use egui::{ComboBox, Id, Key, Label, Modal, Modifiers, RichText, TextEdit, Ui, vec2};
use std::sync::Arc;

const WIDTH: f32 = 560.0;
/// Height of what is planned, so that no button moves.
const PLAN: f32 = 150.0;

#[derive(Debug)]
enum Stage {
    Writing,
    Planning(Ticket<SheetPlan>),
    Shown(Box<SheetPlan>),
    Applying(Ticket<Result<Imported, String>>),
    Ended(String),
}

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pressed {
    Look,
    Apply,
    Back,
    Close,
}

/// A tag that is being put together.
#[derive(Debug)]
pub(super) struct NewTagDialog {
    wish: TopicTagWish,
    preview: String,
    stage: Stage,
    is_focused: bool,
}

impl NewTagDialog {
    /// Opens it for a value in a message of this topic.
    pub(super) fn open(topic: &str, field: Field, device: &DeviceDefinition) -> Self {
        let wish = TopicTagWish {
            name: proposed(topic, &field.pointer),
            device: device.name.to_string(),
            topic: topic.to_owned(),
            pointer: field.pointer,
            kind: field.kind,
            unit: String::new(),
        };
        Self { wish, preview: field.preview, stage: Stage::Writing, is_focused: false }
    }

    /// Paints it; whether it is over.
    pub(super) fn ui(&mut self, ui: &Ui, scene: &Scene<'_>, connection: ConnectionId) -> bool {
        self.collect();
        let palette = scene.palette;
        let id = Id::unique("new tag of a topic");
        let area = Modal::default_area(id).accessible_name("New tag");
        let shown = Modal::new(id).area(area).frame(palette.card()).show(ui.ctx(), |ui| {
            ui.set_width(WIDTH);
            ui.label(RichText::new("Make a tag").font(strong(15.0)).color(palette.text));
            let place = match self.wish.pointer.as_str() {
                "" => String::new(),
                pointer => format!(" at {pointer}"),
            };
            let about = format!("{}{place}, now {}", self.wish.topic, self.preview);
            ui.add(Label::new(RichText::new(&about).font(plain(13.0)).color(palette.text)).truncate())
                .on_hover_text(&about);
            let is_writing = matches!(self.stage, Stage::Writing);
            let entered = ui.add_enabled_ui(is_writing, |ui| self.fields(ui, id, scene, connection)).inner;
            ui.allocate_ui(vec2(WIDTH, PLAN), |ui| {
                ui.set_min_size(vec2(WIDTH, PLAN));
                self.outcome(ui, &palette);
            });
            let pressed = self.buttons(ui, &palette);
            pressed.or((entered && is_writing && self.can_look()).then_some(Pressed::Look))
        });
        let should_close = shown.should_close();
        let pressed = shown.inner.or(should_close.then_some(Pressed::Close));
        pressed.is_some_and(|pressed| self.perform(pressed, scene))
    }

    /// Name, device, unit and kind; whether Enter was pressed in a line.
    fn fields(&mut self, ui: &mut Ui, id: Id, scene: &Scene<'_>, connection: ConnectionId) -> bool {
        let palette = scene.palette;
        quiet(ui, "Name of the tag", &palette);
        let edit = TextEdit::singleline(&mut self.wish.name).id(id.with("name")).desired_width(f32::INFINITY);
        let name = ui.add(edit).accessible_name("Name of the tag");
        // In its first pass a window is only measured, and what it holds cannot have the keyboard.
        if !self.is_focused && !ui.is_sizing_pass() {
            name.request_focus();
            self.is_focused = true;
        }
        let unit = ui.horizontal(|ui| {
            quiet(ui, "Device", &palette);
            self.device(ui, scene, connection);
            quiet(ui, "Unit", &palette);
            let edit = TextEdit::singleline(&mut self.wish.unit).id(id.with("unit")).desired_width(70.0);
            let unit = ui.add(edit).accessible_name("Unit");
            for (words, kind) in [("Number", Kind::Number), ("Yes or no", Kind::Bool), ("Text", Kind::Text)] {
                if button(ui, words, self.wish.kind == kind, &palette).clicked() {
                    self.wish.kind = kind;
                }
            }
            unit
        });
        let has_ended = name.lost_focus() || unit.inner.lost_focus();
        has_ended && ui.input(|input| input.key_pressed(Key::Enter))
    }

    /// One of the devices at this broker.
    fn device(&mut self, ui: &mut Ui, scene: &Scene<'_>, connection: ConnectionId) {
        let devices = scene.snapshot.plan.directory.devices().iter();
        let here: Vec<&Arc<str>> =
            devices.filter(|device| device.connection == connection).map(|device| &device.name).collect();
        let chooser = ComboBox::from_id_salt("device of the new tag").width(120.0).selected_text(&self.wish.device);
        let shown = chooser.show_ui(ui, |ui| {
            for name in here {
                ui.selectable_value(&mut self.wish.device, name.to_string(), &**name);
            }
        });
        let _ = shown.response.accessible_name("Device");
    }

    fn can_look(&self) -> bool {
        let name = self.wish.name.trim();
        !name.is_empty() && !name.ends_with('/')
    }

    fn outcome(&self, ui: &mut Ui, palette: &Palette) {
        let mut line = |words: &str, is_bold: bool| {
            let font = if is_bold { strong(13.0) } else { plain(13.0) };
            ui.add(Label::new(RichText::new(words).font(font).color(palette.text)).wrap());
        };
        match &self.stage {
            Stage::Writing => {
                line("It is first shown what this would change; nothing is written before you apply it.", false)
            }
            Stage::Planning(_) => line("The station file is being read and compared.", false),
            Stage::Applying(_) => line("The station file is being written and taken up.", false),
            Stage::Ended(words) => line(words, true),
            Stage::Shown(plan) if !plan.import.is_fine() => {
                line("! Nothing can be written:", true);
                plan.import.problems.iter().take(4).for_each(|problem| line(&problem.words, false));
            }
            Stage::Shown(plan) => {
                for change in &plan.import.changes {
                    let keys = change.keys.iter().filter_map(|key| Some((key.column, key.new.as_ref()?)));
                    let keys = keys.map(|(column, value)| format!("{column} {}", words_of(value)));
                    line(&format!("added to {}: {}", change.file, change.tag), true);
                    line(&keys.collect::<Vec<_>>().join(", "), false);
                }
                if !plan.besides.is_empty() {
                    line(&besides_words(plan), false);
                }
            }
        }
    }

    fn buttons(&self, ui: &mut Ui, palette: &Palette) -> Option<Pressed> {
        let mut pressed = None;
        ui.horizontal(|ui| {
            let mut offer = |is_pressed: bool, what: Pressed| {
                if is_pressed {
                    pressed = Some(what);
                }
            };
            match &self.stage {
                Stage::Writing => {
                    let look = "Show what it would change Enter";
                    offer(primary_button(ui, look, self.can_look(), palette).clicked(), Pressed::Look);
                }
                Stage::Shown(plan) => {
                    let apply = "Apply: write the station file and take it up";
                    offer(primary_button(ui, apply, plan.import.is_fine(), palette).clicked(), Pressed::Apply);
                    offer(button(ui, "Back", false, palette).clicked(), Pressed::Back);
                }
                Stage::Planning(_) | Stage::Applying(_) | Stage::Ended(_) => {}
            }
            if !matches!(self.stage, Stage::Applying(_)) {
                let words = if matches!(self.stage, Stage::Ended(_)) { "Close Esc" } else { "Cancel Esc" };
                offer(button(ui, words, false, palette).clicked(), Pressed::Close);
            }
        });
        let escape = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
        pressed.or(escape.then_some(Pressed::Close))
    }

    /// Does what was pressed; whether the dialog is over.
    fn perform(&mut self, pressed: Pressed, scene: &Scene<'_>) -> bool {
        match (pressed, std::mem::replace(&mut self.stage, Stage::Writing)) {
            // What was begun comes to its end.
            (_, stage @ Stage::Applying(_)) => self.stage = stage,
            (Pressed::Close, _) => return true,
            (Pressed::Look, Stage::Writing) => {
                self.stage = Stage::Planning(scene.handle.plan_topic_tag(self.wish.clone()));
            }
            (Pressed::Apply, Stage::Shown(plan)) if plan.import.is_fine() => {
                self.stage = Stage::Applying(scene.handle.apply_import(*plan));
            }
            (Pressed::Back, _) => {}
            (_, stage) => self.stage = stage,
        }
        false
    }

    fn collect(&mut self) {
        let stage = match &mut self.stage {
            Stage::Planning(ticket) => ticket.poll().map(|plan| match plan {
                Some(plan) => Stage::Shown(Box::new(plan)),
                None => Stage::Ended("! nothing was done: the station has too much to do at once".to_owned()),
            }),
            Stage::Applying(ticket) => ticket.poll().map(|answer| {
                let words = told(answer).map_or_else(|why| format!("! {why}"), |done| imported_words(&done));
                Stage::Ended(words)
            }),
            Stage::Writing | Stage::Shown(_) | Stage::Ended(_) => None,
        };
        self.stage = stage.unwrap_or_else(|| std::mem::replace(&mut self.stage, Stage::Writing));
    }
}

fn words_of(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A name out of the topic and the place in its payload.
fn proposed(topic: &str, pointer: &str) -> String {
    let place = pointer.replace("~1", "-").replace("~0", "~");
    let levels = topic.split('/').chain(place.split('/'));
    let levels = levels.map(str::trim).filter(|level| !level.is_empty());
    // Braces are how expressions name tags.
    levels.map(|level| level.replace(['{', '}', ' '], "-")).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_proposed_out_of_topic_and_place() {
        for (topic, pointer, expected) in [
            ("hall/lamp", "", "hall/lamp"),
            ("/hall//lamp", "/state/0/on", "hall/lamp/state/0/on"),
            ("hall", "/a~1b", "hall/a-b"),
            ("big hall/{x}", "/t", "big-hall/-x-/t"),
        ] {
            assert_eq!(proposed(topic, pointer), expected);
        }
    }
}
