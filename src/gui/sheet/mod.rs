//! The tags as a sheet: out of the station file, and back into it. An import always shows first what it would change.

mod files;
mod preview;

use super::format::counted;
use super::scene::Scene;
use super::theme::{Palette, plain, strong};
use super::widgets::{button, is_left, primary_button, quiet};
use crate::station::{Dialect, ExportOptions, ImportOptions, Imported, SheetPlan, Ticket};
use egui::{Id, Key, Label, Modal, Modifiers, RichText, TextEdit, Ui, vec2};
use files::FileField;
use preview::Preview;

const WIDTH: f32 = 1080.0;
/// Height of what is said above the list.
const HEAD: f32 = 40.0;
/// Height of the list below the controls.
const LIST: f32 = 400.0;

#[derive(Debug)]
enum Stage {
    Choosing,
    Exporting(Ticket<Result<usize, String>>),
    Planning(Ticket<Result<SheetPlan, String>>),
    Shown(Box<Preview>),
    Applying(Ticket<Result<Imported, String>>),
}

/// The dialog.
#[derive(Debug)]
pub(super) struct SheetDialog {
    file: FileField,
    template: String,
    semicolons: bool,
    remove_missing: bool,
    stage: Stage,
    said: String,
}

impl Default for SheetDialog {
    fn default() -> Self {
        Self {
            file: FileField::default(),
            template: String::new(),
            semicolons: false,
            remove_missing: false,
            stage: Stage::Choosing,
            said: String::new(),
        }
    }
}

/// What was pressed.
#[derive(Debug, PartialEq, Eq)]
enum Pressed {
    Export,
    Look,
    Apply,
    Back,
    Close,
}

impl SheetDialog {
    /// Paints it; whether it was closed.
    pub(super) fn ui(&mut self, ui: &Ui, scene: &Scene<'_>) -> bool {
        let palette = scene.palette;
        self.collect();
        self.file.keep(scene.handle);
        let id = Id::unique("sheet");
        let area = Modal::default_area(id).accessible_name("Tags as a sheet");
        let shown = Modal::new(id).area(area).frame(palette.card()).show(ui.ctx(), |ui| {
            ui.set_width(WIDTH);
            ui.label(RichText::new("Tags as a sheet").font(strong(15.0)).color(palette.text));
            let pressed = self.controls(ui, &palette);
            // Room for all of it from the beginning: a button that moves is not hit.
            ui.allocate_ui(vec2(WIDTH, HEAD), |ui| {
                ui.set_min_size(vec2(WIDTH, HEAD));
                self.headline(ui, &palette);
            });
            ui.allocate_ui(vec2(WIDTH, LIST), |ui| {
                ui.set_min_size(vec2(WIDTH, LIST));
                ui.set_max_height(LIST);
                match &mut self.stage {
                    Stage::Shown(preview) => preview.ui(ui, &palette),
                    Stage::Choosing | Stage::Exporting(_) => self.file.list(ui, scene),
                    Stage::Planning(_) | Stage::Applying(_) => {}
                }
            });
            ui.add_space(4.0);
            self.buttons(ui, &palette).or(pressed)
        });
        let should_close = is_left(&shown, !self.template.trim().is_empty());
        let pressed = shown.inner.or(should_close.then_some(Pressed::Close));
        pressed.is_some_and(|pressed| self.perform(pressed, scene))
    }

    /// The file and how it is taken; what was pressed.
    fn controls(&mut self, ui: &mut Ui, palette: &Palette) -> Option<Pressed> {
        let can_choose = matches!(self.stage, Stage::Choosing);
        let inner = ui.add_enabled_ui(can_choose, |ui| {
            let entered = ui.horizontal(|ui| {
                quiet(ui, "File", palette);
                self.file.field(ui, WIDTH - 420.0)
            });
            let rest = ui.horizontal(|ui| {
                quiet(ui, "Tags of the template (none: those of the station)", palette);
                let edit = TextEdit::singleline(&mut self.template).desired_width(150.0);
                ui.add(edit).accessible_name("Template");
                if button(ui, "Semicolons and decimal commas", self.semicolons, palette).clicked() {
                    self.semicolons = !self.semicolons;
                }
                if button(ui, "Remove tags that are not in the sheet", self.remove_missing, palette).clicked() {
                    self.remove_missing = !self.remove_missing;
                }
            });
            let _ = rest;
            entered.inner.then_some(Pressed::Look)
        });
        inner.inner.filter(|_| can_choose)
    }

    fn headline(&self, ui: &mut Ui, palette: &Palette) {
        let (words, is_bold) = match &self.stage {
            Stage::Choosing if self.said.is_empty() => (
                "An import first shows what it would change; nothing is written before you apply it.".to_owned(),
                false,
            ),
            Stage::Choosing => (self.said.clone(), true),
            Stage::Exporting(_) => ("The sheet is being written.".to_owned(), false),
            Stage::Planning(_) => ("The sheet is being read and compared.".to_owned(), false),
            Stage::Applying(_) => ("The station file is being written and taken up.".to_owned(), false),
            Stage::Shown(preview) => (preview.summary(), true),
        };
        let font = if is_bold { strong(13.0) } else { plain(13.0) };
        ui.add(Label::new(RichText::new(words).font(font).color(palette.text)).wrap());
        if let Stage::Shown(preview) = &self.stage
            && !preview.plan.besides.is_empty()
        {
            let words = besides_words(&preview.plan);
            ui.add(Label::new(RichText::new(words).font(plain(12.0)).color(palette.text)).wrap());
        }
    }

    fn buttons(&mut self, ui: &mut Ui, palette: &Palette) -> Option<Pressed> {
        let mut pressed = None;
        let mut note = |clicked: bool, what: Pressed| {
            if clicked {
                pressed = Some(what);
            }
        };
        ui.horizontal(|ui| match &self.stage {
            Stage::Shown(preview) => {
                let can = preview.can_be_applied();
                let words = "Apply: write the station file and take it up";
                note(primary_button(ui, words, can, palette).clicked(), Pressed::Apply);
                note(button(ui, "Back", false, palette).clicked(), Pressed::Back);
                note(button(ui, "Cancel Esc", false, palette).clicked(), Pressed::Close);
            }
            Stage::Applying(_) => quiet(ui, "Please wait.", palette),
            Stage::Choosing | Stage::Exporting(_) | Stage::Planning(_) => {
                let can = matches!(self.stage, Stage::Choosing) && self.file.is_file();
                let look = "Import: show what it would change";
                note(primary_button(ui, look, can, palette).clicked(), Pressed::Look);
                let export = ui.add_enabled_ui(can, |ui| button(ui, "Export to this file", false, palette).clicked());
                note(export.inner, Pressed::Export);
                note(button(ui, "Close Esc", false, palette).clicked(), Pressed::Close);
            }
        });
        let escape = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
        pressed.or(escape.then_some(Pressed::Close))
    }

    /// Does what was pressed; whether the dialog is over.
    fn perform(&mut self, pressed: Pressed, scene: &Scene<'_>) -> bool {
        let template = Some(self.template.trim().to_owned()).filter(|name| !name.is_empty());
        match (pressed, std::mem::replace(&mut self.stage, Stage::Choosing)) {
            // What was begun comes to its end.
            (_, stage @ Stage::Applying(_)) => self.stage = stage,
            (Pressed::Close, _) => return true,
            (Pressed::Export, Stage::Choosing) => {
                let dialect = if self.semicolons { Dialect::Semicolon } else { Dialect::Comma };
                let options = ExportOptions { template, dialect };
                self.stage = Stage::Exporting(scene.handle.export_tags(self.file.file(), options));
            }
            (Pressed::Look, Stage::Choosing) if self.file.is_file() => {
                let options = ImportOptions { template, remove_missing: self.remove_missing };
                self.stage = Stage::Planning(scene.handle.plan_import(self.file.file(), options));
            }
            (Pressed::Apply, Stage::Shown(preview)) if preview.can_be_applied() => {
                self.stage = Stage::Applying(scene.handle.apply_import(preview.plan));
            }
            (Pressed::Back, _) => self.said.clear(),
            (_, stage) => self.stage = stage,
        }
        false
    }

    fn collect(&mut self) {
        let (stage, said) = match &mut self.stage {
            Stage::Choosing | Stage::Shown(_) => return,
            Stage::Exporting(ticket) => {
                let Some(answer) = ticket.poll() else { return };
                self.file.refresh();
                let path = self.file.file();
                let words = |count| format!("{count} tags were written to {}.", path.display());
                (Stage::Choosing, told(answer).map_or_else(|why| format!("! {why}"), words))
            }
            Stage::Planning(ticket) => {
                let Some(answer) = ticket.poll() else { return };
                match told(answer) {
                    Ok(plan) => (Stage::Shown(Box::new(Preview::new(plan))), String::new()),
                    Err(why) => (Stage::Choosing, format!("! {why}")),
                }
            }
            Stage::Applying(ticket) => {
                let Some(answer) = ticket.poll() else { return };
                (Stage::Choosing, told(answer).map_or_else(|why| format!("! {why}"), |done| imported_words(&done)))
            }
        };
        (self.stage, self.said) = (stage, said);
    }
}

/// Where nobody answers, the station has too much to do.
pub(super) fn told<T>(answer: Option<Result<T, String>>) -> Result<T, String> {
    answer.unwrap_or_else(|| Err("nothing was done: the station has too much to do at once".to_owned()))
}

pub(super) fn besides_words(plan: &SheetPlan) -> String {
    let besides = &plan.besides;
    let count = besides.added.len() + besides.removed.len() + besides.changed.len();
    format!(
        "! The station file holds {} that the station has not taken up. Applying takes them up as well;          F5 shows them.",
        counted(count, "other change")
    )
}

pub(super) fn imported_words(imported: &Imported) -> String {
    match imported {
        Imported::TakenUp { files, difference } => {
            let (added, changed) = (difference.added.len(), difference.changed.len());
            let removed = difference.removed.len();
            format!(
                "{files} written, and the station goes on with it: {added} added, {changed} changed, {removed} removed."
            )
        }
        Imported::WrittenOnly { files, why } => {
            format!("! {files} written, but the station goes on with what it had: {why}")
        }
    }
}
