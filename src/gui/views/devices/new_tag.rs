//! The dialog that makes a tag of a value in a message or of a metric of Sparkplug: what it would change in the station file is shown first, then written and taken up.

mod wish;

use crate::driver::mqtt::Kind;
use crate::driver::mqtt::look::Field;
use crate::driver::mqtt::sparkplug::namespace::MetricLine;
use crate::gui::scene::Scene;
use crate::gui::sheet::{besides_words, imported_words, told};
use crate::gui::theme::{Palette, plain, strong};
use crate::gui::widgets::{button, primary_button, quiet};
use crate::station::{Imported, MetricDevice, SheetPlan, Ticket};
use crate::tag::{ConnectionId, DeviceDefinition};
use egui::{ComboBox, Id, Key, Label, Modal, Modifiers, RichText, TextEdit, Ui, vec2};
use std::sync::Arc;
use wish::Wish;

const WIDTH: f32 = 560.0;
/// Height of what is planned, so that no button moves.
const PLAN: f32 = 160.0;

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
    wish: Wish,
    /// Where the value comes from, and what it is now.
    about: String,
    stage: Stage,
    is_focused: bool,
}

impl NewTagDialog {
    /// Opens it for a value in a message of this topic.
    pub(super) fn open(topic: &str, field: Field, device: &DeviceDefinition) -> Self {
        let preview = field.preview.clone();
        let wish = Wish::of_topic(topic, field, device);
        let about = format!("{}, now {preview}", wish.place());
        Self { wish, about, stage: Stage::Writing, is_focused: false }
    }

    /// Opens it for a metric of this device, or without one for all that the device declares.
    pub(super) fn open_metric(device: MetricDevice, metric: Option<&MetricLine>) -> Self {
        let now = metric.and_then(|metric| metric.value.as_ref()).map(|value| format!(", now {value}"));
        let wish = Wish::of_metric(device, metric);
        let about = format!("{}{}", wish.place(), now.unwrap_or_default());
        Self { wish, about, stage: Stage::Writing, is_focused: false }
    }

    /// Paints it; whether it is over.
    pub(super) fn ui(&mut self, ui: &Ui, scene: &Scene<'_>, connection: ConnectionId) -> bool {
        self.collect();
        let palette = scene.palette;
        let id = Id::unique("new tag of a topic");
        let area = Modal::default_area(id).accessible_name("New tag");
        let shown = Modal::new(id).area(area).frame(palette.card()).show(ui.ctx(), |ui| {
            ui.set_width(WIDTH);
            let title = if self.wish.is_one_tag() { "Make a tag" } else { "Take in whole" };
            ui.label(RichText::new(title).font(strong(15.0)).color(palette.text));
            ui.add(Label::new(RichText::new(&self.about).font(plain(13.0)).color(palette.text)).truncate())
                .on_hover_text(&self.about);
            let is_writing = matches!(self.stage, Stage::Writing);
            let entered = ui.add_enabled_ui(is_writing, |ui| self.fields(ui, id, scene, connection)).inner;
            ui.allocate_ui(vec2(WIDTH, PLAN), |ui| {
                ui.set_min_size(vec2(WIDTH, PLAN));
                self.outcome(ui, &palette);
            });
            let pressed = self.buttons(ui, &palette);
            pressed.or((entered && is_writing && self.wish.is_whole()).then_some(Pressed::Look))
        });
        let should_close = shown.should_close();
        let pressed = shown.inner.or(should_close.then_some(Pressed::Close));
        pressed.is_some_and(|pressed| self.perform(pressed, scene))
    }

    /// Name, device, unit and kind; whether Enter was pressed in a line.
    fn fields(&mut self, ui: &mut Ui, id: Id, scene: &Scene<'_>, connection: ConnectionId) -> bool {
        let palette = scene.palette;
        let mut has_ended = false;
        if self.wish.is_one_tag() {
            has_ended |= self.line(ui, id.with("name"), "Name of the tag", &palette, |wish| Some(wish.name()));
        }
        has_ended |= self.line(ui, id.with("device"), "Name of the new device", &palette, |wish| {
            wish.new_device().map(|device| &mut device.name)
        });
        if self.wish.is_one_tag() {
            has_ended |= ui.horizontal(|ui| self.unit_and_kind(ui, id, scene, connection)).inner;
        } else {
            quiet(ui, "Each metric becomes a tag: its name is that of the device and of the metric.", &palette);
        }
        has_ended && ui.input(|input| input.key_pressed(Key::Enter))
    }

    /// A line to be written, where there is something to write; whether the keyboard left it. The first one has the keyboard.
    fn line(
        &mut self,
        ui: &mut Ui,
        id: Id,
        words: &str,
        palette: &Palette,
        text: impl Fn(&mut Wish) -> Option<&mut String>,
    ) -> bool {
        let Some(text) = text(&mut self.wish) else { return false };
        quiet(ui, words, palette);
        let edit = TextEdit::singleline(text).id(id).desired_width(f32::INFINITY);
        let line = ui.add(edit).accessible_name(words);
        // In its first pass a window is only measured, and what it holds cannot have the keyboard.
        if !self.is_focused && !ui.is_sizing_pass() {
            line.request_focus();
            self.is_focused = true;
        }
        line.lost_focus()
    }

    fn unit_and_kind(&mut self, ui: &mut Ui, id: Id, scene: &Scene<'_>, connection: ConnectionId) -> bool {
        let palette = scene.palette;
        self.device(ui, scene, connection);
        quiet(ui, "Unit", &palette);
        let edit = TextEdit::singleline(self.wish.unit()).id(id.with("unit")).desired_width(70.0);
        let unit = ui.add(edit).accessible_name("Unit");
        for (words, kind) in [("Number", Kind::Number), ("Yes or no", Kind::Bool), ("Text", Kind::Text)] {
            if button(ui, words, *self.wish.kind() == kind, &palette).clicked() {
                *self.wish.kind() = kind;
            }
        }
        unit.lost_focus()
    }

    /// One of the devices at this broker; that of a metric is given.
    fn device(&mut self, ui: &mut Ui, scene: &Scene<'_>, connection: ConnectionId) {
        let palette = scene.palette;
        let wish = match &mut self.wish {
            Wish::Metric(wish) if wish.device.is_known => {
                return quiet(ui, format!("Device {}", wish.device.name), &palette);
            }
            Wish::Metric(_) => return,
            Wish::Topic(wish) => wish,
        };
        quiet(ui, "Device", &palette);
        let devices = scene.snapshot.plan.directory.devices().iter();
        let here: Vec<&Arc<str>> =
            devices.filter(|device| device.connection == connection).map(|device| &device.name).collect();
        let chooser = ComboBox::from_id_salt("device of the new tag").width(120.0).selected_text(&wish.device);
        let shown = chooser.show_ui(ui, |ui| {
            for name in here {
                ui.selectable_value(&mut wish.device, name.to_string(), &**name);
            }
        });
        let _ = shown.response.accessible_name("Device");
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
                for (file, device) in &plan.import.devices {
                    line(&format!("added to {file}: device {}", words_of(&device["name"])), true);
                    let keys = device.as_object().into_iter().flatten().filter(|(key, _)| *key != "name");
                    let keys = keys.map(|(key, value)| format!("{key} {}", words_of(value)));
                    line(&keys.collect::<Vec<_>>().join(", "), false);
                }
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
                    offer(primary_button(ui, look, self.wish.is_whole(), palette).clicked(), Pressed::Look);
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
                self.stage = Stage::Planning(self.wish.plan(scene));
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
