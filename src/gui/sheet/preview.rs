//! What a sheet would change, line by line. Only the lines that are seen are laid out.

use crate::gui::format::counted;
use crate::gui::theme::Palette;
use crate::gui::widgets::columns::{Column, number, words};
use crate::gui::widgets::{Ink, RowWords, Rows, button, table_row};
use crate::station::{Effect, KeyChange, Problem, Severity, SheetPlan, TagChange};
use egui::Ui;
use serde_json::Value;

const CHANGES: [Column; 6] = [
    words("What", 62.0),
    words("Tag", 250.0),
    words("Column", 130.0),
    words("From", 170.0),
    words("To", 0.0),
    number("Row", 46.0),
];
const PROBLEMS: [Column; 4] =
    [words("What", 62.0), number("Row", 46.0), words("Column or place", 200.0), words("What is wrong", 0.0)];
/// Columns of a new tag that are told in its line.
const TOLD: usize = 12;

/// What is shown of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Problems,
    Changes(Option<Effect>),
}

/// A line of the table.
#[derive(Clone, Copy, Debug)]
enum Line {
    Problem(usize),
    Tag(usize),
    /// A tag, and the place of the column that changes in it.
    Key(usize, usize),
}

/// A plan, and the part of it that is looked at.
#[derive(Debug)]
pub(super) struct Preview {
    pub(super) plan: SheetPlan,
    part: Part,
    lines: Vec<Line>,
    selected: Option<usize>,
}

impl Preview {
    /// Problems come first: with an error nothing can be written.
    pub(super) fn new(plan: SheetPlan) -> Self {
        let part = if plan.import.is_fine() { Part::Changes(None) } else { Part::Problems };
        let mut preview = Self { plan, part, lines: Vec::new(), selected: None };
        preview.show(part);
        preview
    }

    fn show(&mut self, part: Part) {
        let changes = self.plan.import.changes.iter().enumerate();
        (self.part, self.selected) = (part, None);
        self.lines = match part {
            Part::Problems => (0..self.plan.import.problems.len()).map(Line::Problem).collect(),
            Part::Changes(effect) => changes
                .filter(|(_, change)| effect.is_none_or(|effect| change.effect == effect))
                .flat_map(|(at, change)| lines_of(at, change))
                .collect(),
        };
    }

    /// What it would do in all, in a sentence.
    pub(super) fn summary(&self) -> String {
        let plan = &self.plan.import;
        let count = |effect| plan.count(effect);
        let errors = plan.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
        if errors > 0 {
            return format!(
                "! Nothing can be written: {} in the sheet or in the station that it would make.",
                counted(errors, "error")
            );
        }
        format!(
            "This was a dry run: {} added, {} changed, {} removed; {} unchanged, {} not in the sheet and left alone.",
            count(Effect::Added),
            count(Effect::Changed),
            count(Effect::Removed),
            plan.unchanged,
            plan.not_in_sheet
        )
    }

    /// Whether there is something that can be written.
    pub(super) fn can_be_applied(&self) -> bool {
        self.plan.import.is_fine() && self.plan.import.files().next().is_some()
    }

    /// Paints the choice of what is shown, and the table.
    pub(super) fn ui(&mut self, ui: &mut Ui, palette: &Palette) {
        self.parts(ui, palette);
        let (columns, lines): (&[Column], _) = match self.part {
            Part::Problems => (&PROBLEMS, &self.lines),
            Part::Changes(_) => (&CHANGES, &self.lines),
        };
        let chosen = Rows::new("changes", columns, lines.len()).show(ui, self.selected, palette, |ui, row, rect| {
            let cells = self.cells(lines[row], palette);
            table_row(ui.painter(), columns, rect, &cells);
            let said = cells.iter().map(|(words, _)| words.as_str()).filter(|words| !words.is_empty());
            let words = said.collect::<Vec<_>>().join(", ");
            RowWords { hover: Some(words.clone()), words }
        });
        self.selected = chosen.or(self.selected);
    }

    fn parts(&mut self, ui: &mut Ui, palette: &Palette) {
        let plan = &self.plan.import;
        let mut parts = vec![(format!("All changes {}", plan.changes.len()), Part::Changes(None))];
        let effects = [("Added", Effect::Added), ("Changed", Effect::Changed), ("Removed", Effect::Removed)];
        parts.extend(
            effects.map(|(word, effect)| (format!("{word} {}", plan.count(effect)), Part::Changes(Some(effect)))),
        );
        parts.push((format!("Problems {}", plan.problems.len()), Part::Problems));
        let chosen = ui.horizontal(|ui| {
            let pressed = |(words, part): &(String, Part)| button(ui, words, self.part == *part, palette).clicked();
            parts.iter().map(pressed).collect::<Vec<bool>>()
        });
        if let Some(place) = chosen.inner.iter().position(|pressed| *pressed) {
            self.show(parts[place].1);
        }
    }

    fn cells(&self, line: Line, palette: &Palette) -> Vec<(String, Ink)> {
        let import = &self.plan.import;
        match line {
            Line::Problem(at) => import.problems.get(at).map(|problem| problem_cells(problem, palette)),
            Line::Tag(at) => import.changes.get(at).map(|change| tag_cells(change, palette)),
            Line::Key(at, key) => {
                import.changes.get(at).and_then(|change| Some(key_cells(change, change.keys.get(key)?, palette)))
            }
        }
        .unwrap_or_default()
    }
}

/// A tag that comes or goes has one line, one that changes a line for each of its columns.
fn lines_of(at: usize, change: &TagChange) -> Vec<Line> {
    match change.effect {
        Effect::Changed => (0..change.keys.len()).map(|key| Line::Key(at, key)).collect(),
        Effect::Added | Effect::Removed => vec![Line::Tag(at)],
    }
}

fn tag_cells(change: &TagChange, palette: &Palette) -> Vec<(String, Ink)> {
    let keys = change.keys.iter().take(TOLD).map(|key| format!("{} {}", key.column, value_words(key.new.as_ref())));
    let (word, told) = match change.effect {
        Effect::Added => ("added", keys.collect::<Vec<_>>().join(", ")),
        Effect::Changed => ("changed", String::new()),
        Effect::Removed => ("removed", String::new()),
    };
    let quiet = |words: &str| (words.to_owned(), Ink::muted(palette));
    let tag = (change.tag.clone(), Ink::bold(palette));
    vec![quiet(word), tag, quiet(""), quiet(""), (told, Ink::text(palette)), quiet(&row_words(change.line))]
}

fn key_cells(change: &TagChange, key: &KeyChange, palette: &Palette) -> Vec<(String, Ink)> {
    let quiet = |words: &str| (words.to_owned(), Ink::muted(palette));
    let lost = match key.lost.is_empty() {
        true => String::new(),
        false => format!(" (with its {})", key.lost.join(", ")),
    };
    let to = format!("{}{lost}", value_words(key.new.as_ref()));
    vec![
        quiet("changed"),
        (change.tag.clone(), Ink::bold(palette)),
        (key.column.to_owned(), Ink::text(palette)),
        (value_words(key.old.as_ref()), Ink::text(palette)),
        (to, Ink::bold(palette)),
        quiet(&row_words(change.line)),
    ]
}

fn row_words(line: Option<usize>) -> String {
    line.map_or_else(|| "-".to_owned(), |line| line.to_string())
}

fn problem_cells(problem: &Problem, palette: &Palette) -> Vec<(String, Ink)> {
    let (word, ink) = match problem.severity {
        Severity::Error => ("! error", Ink::bold(palette)),
        Severity::Warning => ("warning", Ink::muted(palette)),
    };
    let (row, column) = place(problem);
    vec![
        (word.to_owned(), ink),
        (row, Ink::text(palette)),
        (column, Ink::text(palette)),
        (problem.words.clone(), Ink::text(palette)),
    ]
}

/// Row and column of the sheet; of a problem elsewhere, its place.
fn place(problem: &Problem) -> (String, String) {
    let (row, column) = problem.path.split_once(':').unwrap_or((&problem.path, ""));
    match row.parse::<usize>() {
        Ok(_) => (row.to_owned(), column.to_owned()),
        Err(_) => ("-".to_owned(), format!("{} {}", problem.file, problem.path)),
    }
}

fn value_words(value: Option<&Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(Value::Bool(true)) => "yes".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_stand_by_row_and_column_or_where_they_are() {
        let at = |path: &str| {
            let severity = Severity::Error;
            place(&Problem { severity, file: "station.json".to_owned(), path: path.to_owned(), words: String::new() })
        };
        assert_eq!(at("12:register"), ("12".to_owned(), "register".to_owned()));
        assert_eq!(at("12"), ("12".to_owned(), String::new()));
        assert_eq!(at("tags/3/type"), ("-".to_owned(), "station.json tags/3/type".to_owned()));
    }
}
