//! The dialog that publishes a message by hand: it is written, shown as it goes out, recorded and sent, and its end is told.

use crate::command::{Confirmation, LONGEST_PAYLOAD, Message, Outcome, check_topic};
use crate::engine::Reply;
use crate::gui::scene::Scene;
use crate::gui::theme::{Palette, plain, strong};
use crate::gui::widgets::{button, primary_button, quiet};
use crate::station::Pending;
use crate::tag::DeviceDefinition;
use egui::{Id, Key, Label, Modal, Modifiers, RichText, ScrollArea, TextEdit, Ui, vec2};
use std::sync::Arc;

const WIDTH: f32 = 560.0;
/// Height of what is written or shown, so that no button moves.
const BODY: f32 = 300.0;
/// Height of the payload.
const PAYLOAD: f32 = 96.0;

#[derive(Debug)]
enum Stage {
    Writing,
    /// It is shown as it goes out; whether the keyboard stands on the way back already.
    Asking(bool),
    Sending(Pending<Reply>),
    Ended(String),
}

/// What was pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pressed {
    Look,
    Send,
    Back,
    Close,
}

/// A message that is being put together.
#[derive(Debug)]
pub(super) struct PublishDialog {
    connection: Arc<str>,
    /// Where the broker is.
    address: Arc<str>,
    topic: String,
    payload: String,
    quality_of_service: u8,
    retain: bool,
    reason: String,
    stage: Stage,
    is_focused: bool,
}

impl PublishDialog {
    /// Opens it for the broker of this device.
    pub(super) fn open(scene: &Scene<'_>, device: &DeviceDefinition, topic: &str) -> Self {
        let wire = scene.snapshot.plan.directory.connections().get(device.connection.index());
        let (connection, address) = wire.map(|wire| (wire.name.clone(), wire.address.clone())).unwrap_or_default();
        Self {
            connection,
            address,
            topic: topic.to_owned(),
            payload: String::new(),
            quality_of_service: 1,
            retain: false,
            reason: String::new(),
            stage: Stage::Writing,
            is_focused: false,
        }
    }

    /// Paints it; whether it is over.
    pub(super) fn ui(&mut self, ui: &Ui, scene: &Scene<'_>) -> bool {
        self.collect(ui);
        let palette = scene.palette;
        let id = Id::unique("publish by hand");
        let area = Modal::default_area(id).accessible_name("Publish by hand");
        let shown = Modal::new(id).area(area).frame(palette.card()).show(ui.ctx(), |ui| {
            ui.set_width(WIDTH);
            ui.label(RichText::new("Publish a message by hand").font(strong(15.0)).color(palette.text));
            let about = format!("{}, {}", self.connection, self.address);
            ui.add(Label::new(RichText::new(about).font(plain(13.0)).color(palette.text)).truncate());
            ui.allocate_ui(vec2(WIDTH, BODY), |ui| {
                ui.set_min_size(vec2(WIDTH, BODY));
                match &self.stage {
                    Stage::Writing => self.fields(ui, id, &palette),
                    Stage::Asking(_) => self.as_it_goes_out(ui, &palette),
                    Stage::Sending(_) => quiet(ui, "It is being recorded and sent.", &palette),
                    Stage::Ended(words) => {
                        ui.add(Label::new(RichText::new(words).font(strong(13.0)).color(palette.text)).wrap());
                    }
                }
            });
            self.buttons(ui, &palette)
        });
        let should_close = shown.should_close();
        let pressed = shown.inner.or(should_close.then_some(Pressed::Close));
        pressed.is_some_and(|pressed| self.perform(pressed, scene))
    }

    fn fields(&mut self, ui: &mut Ui, id: Id, palette: &Palette) {
        quiet(ui, "Topic", palette);
        let edit = TextEdit::singleline(&mut self.topic).id(id.with("topic")).desired_width(f32::INFINITY);
        let topic = ui.add(edit).accessible_name("Topic");
        quiet(ui, "Payload, as text", palette);
        let area = ScrollArea::vertical().id_salt("payload by hand").max_height(PAYLOAD);
        let payload = area.show(ui, |ui| {
            let edit = TextEdit::multiline(&mut self.payload).id(id.with("payload"));
            ui.add(edit.desired_rows(4).desired_width(f32::INFINITY)).accessible_name("Payload")
        });
        // In its first pass a window is only measured, and what it holds cannot have the keyboard.
        if !self.is_focused && !ui.is_sizing_pass() {
            if self.topic.is_empty() {
                topic.request_focus()
            } else {
                payload.inner.request_focus()
            }
            self.is_focused = true;
        }
        ui.horizontal(|ui| {
            for (level, words) in [(0, "QoS 0, may be lost"), (1, "QoS 1, acknowledged"), (2, "QoS 2, once")] {
                if button(ui, words, self.quality_of_service == level, palette).clicked() {
                    self.quality_of_service = level;
                }
            }
            if button(ui, "Retain", self.retain, palette).clicked() {
                self.retain = !self.retain;
            }
        });
        quiet(ui, "Reason", palette);
        let edit = TextEdit::singleline(&mut self.reason).id(id.with("reason")).desired_width(f32::INFINITY);
        let _ = ui.add(edit).accessible_name("Reason");
        let lacks = self.lacks().unwrap_or_else(|| "It is shown once more before it goes out.".to_owned());
        ui.add(Label::new(RichText::new(lacks).font(plain(12.0)).color(palette.muted)).wrap());
    }

    /// Why it cannot go as it stands.
    fn lacks(&self) -> Option<String> {
        match check_topic(self.topic.trim()) {
            Err(why) => Some(format!("{why}.")),
            Ok(()) if self.payload.len() > LONGEST_PAYLOAD => {
                Some(format!("A payload by hand has at most {} KiB.", LONGEST_PAYLOAD >> 10))
            }
            Ok(()) if self.reason.trim().is_empty() => Some("A reason is needed. It is recorded.".to_owned()),
            Ok(()) => None,
        }
    }

    fn as_it_goes_out(&self, ui: &mut Ui, palette: &Palette) {
        let line = |ui: &mut Ui, name: &str, words: &str| {
            quiet(ui, name, palette);
            ui.add(Label::new(RichText::new(words).font(strong(13.0)).color(palette.text)).wrap());
        };
        line(ui, "To the topic", self.topic.trim());
        quiet(ui, format!("Payload, {} bytes", self.payload.len()), palette);
        ScrollArea::vertical().id_salt("payload that goes out").max_height(PAYLOAD).show(ui, |ui| {
            let words = if self.payload.is_empty() { "nothing" } else { &self.payload };
            ui.add(Label::new(RichText::new(words).font(strong(13.0)).color(palette.text)).wrap());
        });
        let kept = match (self.retain, self.payload.is_empty()) {
            (false, _) => "the broker does not keep it",
            (true, false) => "the broker keeps it for everybody who comes later",
            (true, true) => "it takes away what the broker keeps of this topic",
        };
        line(ui, "How", &format!("QoS {}; {kept}", self.quality_of_service));
        line(ui, "Reason", self.reason.trim());
    }

    fn buttons(&mut self, ui: &mut Ui, palette: &Palette) -> Option<Pressed> {
        let mut pressed = None;
        let can_look = self.lacks().is_none();
        ui.horizontal(|ui| {
            let mut offer = |is_pressed: bool, what: Pressed| {
                if is_pressed {
                    pressed = Some(what);
                }
            };
            match &mut self.stage {
                Stage::Writing => {
                    offer(primary_button(ui, "Show what goes out", can_look, palette).clicked(), Pressed::Look);
                }
                Stage::Asking(is_focused) => {
                    offer(primary_button(ui, "Publish it", true, palette).clicked(), Pressed::Send);
                    let back = button(ui, "Back", false, palette);
                    // Whoever holds a key down too long must not send with it.
                    if !std::mem::replace(is_focused, true) {
                        back.request_focus();
                    }
                    offer(back.clicked(), Pressed::Back);
                }
                Stage::Sending(_) | Stage::Ended(_) => {}
            }
            let words = if matches!(self.stage, Stage::Ended(_)) { "Close Esc" } else { "Cancel Esc" };
            if !matches!(self.stage, Stage::Sending(_)) {
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
            (_, stage @ Stage::Sending(_)) => self.stage = stage,
            (Pressed::Close, _) => return true,
            (Pressed::Look, Stage::Writing) if self.lacks().is_none() => self.stage = Stage::Asking(false),
            (Pressed::Send, Stage::Asking(_)) => {
                let reason = self.reason.trim();
                self.stage = Stage::Sending(scene.handle.publish_message(self.message(), reason, Confirmation::Dialog));
            }
            (Pressed::Back, _) => self.is_focused = false,
            (_, stage) => self.stage = stage,
        }
        false
    }

    fn message(&self) -> Message {
        Message {
            connection: Arc::clone(&self.connection),
            topic: self.topic.trim().into(),
            payload: self.payload.as_str().into(),
            quality_of_service: self.quality_of_service,
            retain: self.retain,
        }
    }

    fn collect(&mut self, ui: &Ui) {
        let Stage::Sending(pending) = &mut self.stage else { return };
        match pending.poll() {
            Some(reply) => self.stage = Stage::Ended(end_words(reply)),
            None => ui.request_repaint_after(std::time::Duration::from_millis(50)),
        }
    }
}

/// How it ended, in a sentence.
fn end_words(reply: Option<Reply>) -> String {
    match reply {
        Some(Reply::Command { outcome: Outcome::Unverified | Outcome::Verified, detail }) => {
            format!("Published: {detail}.")
        }
        Some(Reply::Command { outcome: Outcome::Refused, detail }) => format!("! Not sent: {detail}."),
        Some(Reply::Command { outcome: Outcome::Failed, detail }) => format!("! The broker refused it: {detail}."),
        Some(Reply::Command { outcome, detail }) => format!("! {}: {detail}.", outcome.word()),
        Some(Reply::Refused { why }) => format!("! Not sent: {why}."),
        Some(other) => format!("! The station answered something else: {other:?}"),
        None => "! Unknown: the station stopped before it answered; it may have been sent.".to_owned(),
    }
}
