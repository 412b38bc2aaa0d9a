//! The dialog that takes a device off scan: it asks why.

use crate::gui::scene::{Action, Scene};
use crate::gui::theme::{plain, strong};
use crate::gui::widgets::{button, primary_button};
use egui::{Id, Key, Modal, Modifiers, RichText, TextEdit, Ui};
use std::sync::Arc;

/// A wish that is being put together.
#[derive(Debug)]
pub(super) struct OffScanDialog {
    device: Arc<str>,
    reason: String,
}

impl OffScanDialog {
    /// Opens it with the keyboard in its field.
    pub(super) fn open(ui: &Ui, device: Arc<str>) -> Self {
        ui.memory_mut(|memory| memory.request_focus(field()));
        Self { device, reason: String::new() }
    }

    /// Paints it; whether it is over.
    pub(super) fn ui(&mut self, ui: &Ui, scene: &mut Scene<'_>) -> bool {
        let palette = scene.palette;
        let area = Modal::default_area(Id::unique("off scan")).accessible_name("Take off scan");
        let shown = Modal::new(Id::unique("off scan")).area(area).frame(palette.card()).show(ui.ctx(), |ui| {
            ui.set_width(420.0);
            let title = format!("Take {} off scan", self.device);
            ui.label(RichText::new(title).font(strong(15.0)).color(palette.text));
            let words = "It is not talked to any more and raises no alarms, until somebody puts it back.";
            ui.label(RichText::new(words).font(plain(13.0)).color(palette.text));
            ui.label(RichText::new("Reason").color(palette.muted));
            let edit = TextEdit::singleline(&mut self.reason).id(field()).desired_width(f32::INFINITY);
            let entered = ui.add(edit).accessible_name("Reason").lost_focus();
            let entered = entered && ui.input(|input| input.key_pressed(Key::Enter));
            let ready = !self.reason.trim().is_empty();
            if !ready {
                ui.label(RichText::new("A reason is needed. It is recorded.").font(plain(12.0)).color(palette.muted));
            }
            let (mut send, mut cancel) = (false, false);
            ui.horizontal(|ui| {
                send = primary_button(ui, "Take off scan Enter", ready, &palette).clicked();
                cancel = button(ui, "Cancel Esc", false, &palette).clicked();
            });
            cancel |= ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
            (ready && (send || entered), cancel)
        });
        let (send, cancel) = shown.inner;
        if send {
            let (device, reason) = (Arc::clone(&self.device), self.reason.trim().to_owned());
            scene.act(Action::Scan { device, on: false, reason });
        }
        send || cancel || shown.should_close()
    }
}

fn field() -> Id {
    Id::unique("off-scan reason")
}
