//! Going on with a changed station file: what is another is shown first, and only then taken up.

use super::format::counted;
use super::scene::Scene;
use super::theme::{Palette, plain, strong};
use super::widgets::columns::{Column, words};
use super::widgets::{Ink, RowWords, Rows, button, primary_button, quiet, table_row};
use crate::engine::{Difference, Tally};
use crate::station::{Problem, ReloadError, ReloadPlan, Severity, Ticket};
use crate::tag::Monotonic;
use egui::{Id, Key, Label, Modal, Modifiers, RichText, Ui, vec2};
use std::time::Duration;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(2);
const WIDTH: f32 = 920.0;
/// Height of what is said above the list.
const HEAD: f32 = 44.0;
const LIST: f32 = 300.0;
/// Height of the whole text of the line that was chosen.
const WHOLE: f32 = 50.0;

const COLUMNS: [Column; 2] = [words("What", 72.0), words("In detail", 0.0)];
const PROBLEMS: [Column; 3] =
    [words("What", 72.0), words("Where", 260.0), words("What is wrong, and what would be right", 0.0)];

/// A line of the list: what happens, to what, and how.
type Line = Vec<String>;

enum Stage {
    Reading(Ticket<Result<ReloadPlan, ReloadError>>),
    Shown(Box<ReloadPlan>),
    Applying(Ticket<Result<(), ReloadError>>),
    Done,
    Refused(String),
}

/// What is shown, from the difference until it is done.
struct Shown {
    stage: Stage,
    summary: Vec<String>,
    problems: bool,
    lines: Vec<Line>,
    selected: Option<usize>,
}

/// The files of the station, and the dialog.
#[derive(Default)]
pub(super) struct Reload {
    look: Option<Ticket<bool>>,
    looked_at: Option<Monotonic>,
    is_changed: bool,
    shown: Option<Shown>,
}

impl Reload {
    /// Whether the files on the disk are others than those that the station runs from.
    pub(super) const fn is_changed(&self) -> bool {
        self.is_changed
    }

    /// Reads the files and shows what is another, unless something is being done already.
    pub(super) fn open(&mut self, scene: &Scene<'_>) {
        if self.shown.is_none() {
            self.shown = Some(Shown::reading(scene));
        }
    }

    /// Looks at the files now and then, and paints the dialog.
    pub(super) fn frame(&mut self, ui: &Ui, scene: &Scene<'_>) {
        self.watch(scene);
        let Some(shown) = &mut self.shown else { return };
        if shown.collect() {
            // What was just taken up is not told as changed until the next look.
            (self.look, self.looked_at, self.is_changed) = (None, None, false);
        }
        if shown.ui(ui, scene) {
            self.shown = None;
        }
    }

    fn watch(&mut self, scene: &Scene<'_>) {
        if let Some(answer) = self.look.as_mut().and_then(Ticket::poll) {
            self.look = None;
            self.is_changed = answer.unwrap_or(false);
        }
        let now = scene.now.monotonic;
        if self.look.is_none() && self.looked_at.is_none_or(|at| now.since(at) >= LOOK) {
            self.looked_at = Some(now);
            self.look = Some(scene.handle.look_at_files());
        }
    }
}

impl Shown {
    fn reading(scene: &Scene<'_>) -> Self {
        let stage = Stage::Reading(scene.handle.prepare_reload());
        Self { stage, summary: Vec::new(), problems: false, lines: Vec::new(), selected: None }
    }

    /// Takes what came; whether the station went on with the file just now.
    fn collect(&mut self) -> bool {
        let was_over = matches!(self.stage, Stage::Done);
        self.take_answers();
        !was_over && matches!(self.stage, Stage::Done)
    }

    fn take_answers(&mut self) {
        match &mut self.stage {
            Stage::Reading(ticket) => match ticket.poll() {
                None => {}
                Some(Some(Ok(plan))) => self.show(plan),
                Some(Some(Err(ReloadError::Problems(problems)))) => self.show_problems(&problems),
                Some(Some(Err(ReloadError::Refused(why)))) => self.stage = Stage::Refused(why),
                Some(None) => self.stage = Stage::Refused("the station has too much to do; look again".to_owned()),
            },
            Stage::Applying(ticket) => match ticket.poll() {
                None => {}
                Some(Some(Ok(()))) => self.stage = Stage::Done,
                Some(Some(Err(why))) => self.stage = Stage::Refused(why.to_string()),
                Some(None) => {
                    self.stage = Stage::Refused("nothing was done: the station has too much to do".to_owned())
                }
            },
            Stage::Shown(_) | Stage::Done | Stage::Refused(_) => {}
        }
    }

    fn show(&mut self, plan: ReloadPlan) {
        self.summary = plan.tally.iter().map(tally_words).collect();
        self.lines = difference_lines(&plan.difference);
        self.lines.extend(plan.warnings.iter().map(|problem| {
            let [what, place, words] = problem_cells(problem);
            vec![what, format!("{place}: {words}")]
        }));
        self.stage = Stage::Shown(Box::new(plan));
    }

    fn show_problems(&mut self, problems: &[Problem]) {
        self.problems = true;
        self.lines = problems.iter().map(|problem| problem_cells(problem).to_vec()).collect();
        let errors = problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        let words = format!(
            "The station file has {}. The station goes on with what it has; nothing was changed.",
            counted(errors, "error")
        );
        self.stage = Stage::Refused(words);
    }

    /// What is the matter, in a sentence.
    fn headline(&self) -> (String, bool) {
        match &self.stage {
            Stage::Reading(_) => ("The station file is being read.".to_owned(), false),
            Stage::Shown(plan) if plan.difference.is_empty() => {
                ("Nothing is another in the station file than in the plant that runs.".to_owned(), false)
            }
            Stage::Shown(_) => ("This would change. Nothing has been done yet.".to_owned(), true),
            Stage::Applying(_) => ("The station is taking it up.".to_owned(), false),
            Stage::Done => ("Done: the station goes on with the file. It is in the record.".to_owned(), true),
            Stage::Refused(why) => (format!("! {why}"), true),
        }
    }

    /// Paints it; whether it was closed.
    fn ui(&mut self, ui: &Ui, scene: &Scene<'_>) -> bool {
        let palette = scene.palette;
        let id = Id::unique("reload");
        let area = Modal::default_area(id).accessible_name("Reload");
        let shown = Modal::new(id).area(area).frame(palette.card()).show(ui.ctx(), |ui| {
            ui.set_width(WIDTH);
            ui.label(RichText::new("Reload the station file").font(strong(15.0)).color(palette.text));
            // Room for all of it from the beginning: a button that moves is not hit.
            ui.allocate_ui(vec2(WIDTH, HEAD), |ui| {
                ui.set_min_size(vec2(WIDTH, HEAD));
                self.head(ui, &palette);
            });
            self.list(ui, &palette);
            self.buttons(ui, scene)
        });
        let is_busy = matches!(self.stage, Stage::Applying(_));
        (shown.inner || shown.should_close()) && !is_busy
    }

    fn head(&self, ui: &mut Ui, palette: &Palette) {
        let (headline, is_bold) = self.headline();
        let font = if is_bold { strong(13.0) } else { plain(13.0) };
        ui.add(Label::new(RichText::new(headline).font(font).color(palette.text)).wrap());
        if !self.summary.is_empty() {
            ui.horizontal(|ui| {
                self.summary.iter().for_each(|words| quiet(ui, format!("{words}      "), palette));
            });
        }
    }

    fn list(&mut self, ui: &mut Ui, palette: &Palette) {
        let columns: &[Column] = if self.problems { &PROBLEMS } else { &COLUMNS };
        let lines = &self.lines;
        let chosen = ui.allocate_ui(vec2(WIDTH, LIST), |ui| {
            ui.set_min_size(vec2(WIDTH, LIST));
            ui.set_max_height(LIST);
            Rows::new("difference", columns, lines.len()).show(ui, self.selected, palette, |ui, row, rect| {
                table_row(ui.painter(), columns, rect, &cells(&lines[row], palette));
                RowWords { words: lines[row].join(", "), hover: None }
            })
        });
        self.selected = chosen.inner.or(self.selected);
        ui.add_space(6.0);
        ui.allocate_ui(vec2(WIDTH, WHOLE), |ui| {
            ui.set_min_size(vec2(WIDTH, WHOLE));
            let line = self.selected.and_then(|row| lines.get(row));
            let words = line.map_or_else(|| "Choose a line to read all of it.".to_owned(), |line| line.join(": "));
            let color = if line.is_some() { palette.text } else { palette.muted };
            egui::ScrollArea::vertical().id_salt("whole line").show(ui, |ui| {
                ui.add(Label::new(RichText::new(words).font(plain(12.0)).color(color)).wrap());
            });
        });
    }

    /// The buttons and their keys; whether it is to be closed.
    fn buttons(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> bool {
        let palette = scene.palette;
        let can_apply = matches!(self.stage, Stage::Shown(_));
        let (mut apply, mut again, mut close) = (false, false, false);
        ui.horizontal(|ui| {
            if can_apply {
                apply = primary_button(ui, "Apply Ctrl Enter", true, &palette).clicked();
            }
            let is_over = matches!(self.stage, Stage::Done);
            close = button(ui, if can_apply { "Cancel Esc" } else { "Close Esc" }, false, &palette).clicked();
            let is_busy = matches!(self.stage, Stage::Reading(_) | Stage::Applying(_));
            again = !is_over && !is_busy && button(ui, "Read it again", false, &palette).clicked();
        });
        apply |= can_apply && ui.input_mut(|input| input.consume_key(Modifiers::COMMAND, Key::Enter));
        close |= ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape));
        if apply {
            self.apply(scene);
        } else if again {
            *self = Self::reading(scene);
        }
        close
    }

    /// Goes on with just what is shown.
    fn apply(&mut self, scene: &Scene<'_>) {
        match std::mem::replace(&mut self.stage, Stage::Done) {
            Stage::Shown(plan) => self.stage = Stage::Applying(scene.handle.apply_reload(*plan)),
            other => self.stage = other,
        }
    }
}

fn cells(line: &Line, palette: &Palette) -> Vec<(String, Ink)> {
    let ink = |place: usize| if place == 0 { Ink::muted(palette) } else { Ink::text(palette) };
    line.iter().enumerate().map(|(place, words)| (words.clone(), ink(place))).collect()
}

/// Such as `tags: 12 kept, 1 changed`.
fn tally_words(tally: &Tally) -> String {
    let more = [(tally.changed, "changed"), (tally.added, "added"), (tally.removed, "removed")];
    let more = more.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!(", {count} {word}"));
    format!("{}: {} kept{}", tally.kind, tally.kept, more.collect::<String>())
}

/// The difference as lines: what happens, and to what.
pub(super) fn difference_lines(difference: &Difference) -> Vec<Vec<String>> {
    let lists = [("removed", &difference.removed), ("changed", &difference.changed), ("added", &difference.added)];
    let lines =
        lists.iter().flat_map(|(what, list)| list.iter().map(move |words| vec![(*what).to_owned(), words.clone()]));
    lines.collect()
}

/// What it is, where, and in which words.
fn problem_cells(problem: &Problem) -> [String; 3] {
    let what = match problem.severity {
        Severity::Error => "! error",
        Severity::Warning => "warning",
    };
    let place = match problem.path.is_empty() {
        true => problem.file.clone(),
        false => format!("{}: {}", problem.file, problem.path),
    };
    [what.to_owned(), place, problem.words.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tally_tells_only_what_there_is() {
        let tally = Tally { kind: "tags", kept: 12, changed: 0, added: 2, removed: 1 };
        assert_eq!(tally_words(&tally), "tags: 12 kept, 2 added, 1 removed");
    }
}
