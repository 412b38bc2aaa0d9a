//! Handing over to the next shift: what it has to know, and who says so. The page is written and recorded as by the command line, and opened
//! by nobody but people.

use super::scene::{Action, Scene};
use super::theme::{Palette, plain, strong};
use super::widgets::{button, is_left, primary_button, quiet};
use crate::alarm::figures::Period;
use crate::station::{HandoverWish, HandoverWritten, Ticket};
use egui::{Id, Key, Label, Modal, Modifiers, RichText, TextEdit, Ui, vec2};
use std::time::Duration;

const WIDTH: f32 = 560.0;
/// Height of what is said above the buttons.
const SAID: f32 = 66.0;
/// Lines of the notes that are seen at once.
const LINES: usize = 7;
/// Lengths of a shift, in hours.
const SHIFTS: [u64; 3] = [8, 12, 24];

/// The dialog.
pub(super) struct HandoverDialog {
    hours: u64,
    remarks: String,
    signer: String,
    is_focused: bool,
    ticket: Option<Ticket<Result<HandoverWritten, String>>>,
    outcome: Option<Result<HandoverWritten, String>>,
}

impl Default for HandoverDialog {
    fn default() -> Self {
        Self {
            hours: SHIFTS[0],
            remarks: String::new(),
            signer: String::new(),
            is_focused: false,
            ticket: None,
            outcome: None,
        }
    }
}

impl HandoverDialog {
    /// Whether somebody asked for it in this frame.
    pub(super) fn is_wanted(scene: &Scene<'_>) -> bool {
        scene.actions.contains(&Action::Handover)
    }

    /// Paints it; whether it was closed.
    pub(super) fn ui(&mut self, ui: &Ui, scene: &Scene<'_>) -> bool {
        if let Some(answer) = self.ticket.as_mut().and_then(Ticket::poll) {
            self.ticket = None;
            let busy = || Err("the station has too much to do; try again".to_owned());
            self.outcome = Some(answer.unwrap_or_else(busy));
        }
        let palette = scene.palette;
        let id = Id::unique("handover");
        let area = Modal::default_area(id).accessible_name("Hand over the shift");
        let shown = Modal::new(id).area(area).frame(palette.card()).show(ui.ctx(), |ui| {
            ui.set_width(WIDTH);
            ui.label(RichText::new("Hand over the shift").font(strong(15.0)).color(palette.text));
            ui.add_enabled_ui(!self.is_busy() && !self.is_done(), |ui| self.fields(ui, &palette));
            // Room for all of it from the beginning: a button that moves is not hit.
            ui.allocate_ui(vec2(WIDTH, SAID), |ui| {
                ui.set_min_size(vec2(WIDTH, SAID));
                ui.add(Label::new(RichText::new(self.said()).font(plain(12.0)).color(palette.text)).wrap());
            });
            self.buttons(ui, scene)
        });
        let has_typed = !self.is_done() && [&self.remarks, &self.signer].iter().any(|text| !text.trim().is_empty());
        (shown.inner || is_left(&shown, has_typed)) && !self.is_busy()
    }

    const fn is_busy(&self) -> bool {
        self.ticket.is_some()
    }

    const fn is_done(&self) -> bool {
        matches!(self.outcome, Some(Ok(_)))
    }

    fn fields(&mut self, ui: &mut Ui, palette: &Palette) {
        ui.horizontal(|ui| {
            quiet(ui, "The shift: until now, from", palette);
            for hours in SHIFTS {
                if button(ui, &format!("{hours} h ago"), self.hours == hours, palette).clicked() {
                    self.hours = hours;
                }
            }
        });
        quiet(ui, "Notes for the next shift", palette);
        let notes = TextEdit::multiline(&mut self.remarks).id(Id::unique("handover notes")).desired_rows(LINES);
        let notes = ui.add(notes.desired_width(f32::INFINITY)).accessible_name("Notes for the next shift");
        // In its first pass a window is only measured, and what it holds cannot have the keyboard.
        if !self.is_focused && !ui.is_sizing_pass() {
            notes.request_focus();
            self.is_focused = true;
        }
        quiet(ui, "Your name", palette);
        let name = TextEdit::singleline(&mut self.signer).id(Id::unique("handover name"));
        ui.add(name.desired_width(f32::INFINITY)).accessible_name("Your name");
    }

    fn said(&self) -> String {
        match (&self.outcome, &self.ticket) {
            (_, Some(_)) => "The page is being made.".to_owned(),
            (Some(Ok(written)), None) => {
                format!("Written and recorded: {}\nSHA-256 {}", written.path.display(), written.sha256)
            }
            (Some(Err(why)), None) => format!("Not made: {why}."),
            (None, None) if self.signer.trim().is_empty() => "Say who hands over.".to_owned(),
            (None, None) => {
                "The page has what stands in alarm, what is set aside, devices, commands and figures of the \
                             shift besides. It is written into the station folder, and recorded."
                    .to_owned()
            }
        }
    }

    /// The buttons and their keys; whether it is to be closed.
    fn buttons(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> bool {
        let palette = scene.palette;
        let can = !self.is_busy() && !self.is_done() && !self.signer.trim().is_empty();
        let (mut make, mut close) = (false, false);
        ui.horizontal(|ui| {
            if self.is_done() {
                close = primary_button(ui, "Close Esc", true, &palette).clicked();
                return;
            }
            make = primary_button(ui, "Make the page Ctrl Enter", can, &palette).clicked();
            close = button(ui, "Cancel Esc", false, &palette).clicked();
        });
        make |= ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::Enter)) && can;
        close |= ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
        if make {
            let period = Period::until(scene.now.utc, Duration::from_secs(self.hours * 3600));
            let wish = HandoverWish { period, remarks: self.remarks.clone(), signer: self.signer.clone() };
            self.outcome = None;
            self.ticket = Some(scene.handle.hand_over(wish));
        }
        close
    }
}
