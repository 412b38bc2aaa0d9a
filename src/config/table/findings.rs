//! What is wrong in a sheet, by line and column.

use crate::config::problem::{Problem, Severity};
use std::collections::HashSet;

/// Collects what is wrong in one sheet, and in the station that it would make.
#[derive(Debug)]
pub(super) struct Findings {
    sheet: String,
    /// By line; those of other files behind all of them.
    list: Vec<(usize, Problem)>,
    cells: HashSet<String>,
}

impl Findings {
    pub(super) fn new(sheet: &str) -> Self {
        Self { sheet: sheet.to_owned(), list: Vec::new(), cells: HashSet::new() }
    }

    /// Something is wrong in a whole row.
    pub(super) fn row(&mut self, line: usize, words: impl Into<String>) {
        self.add(line, line.to_string(), Severity::Error, words.into());
    }

    /// Something is wrong in the cell of this line and column.
    pub(super) fn cell(&mut self, line: usize, column: &str, words: impl Into<String>) {
        self.add(line, format!("{line}:{column}"), Severity::Error, words.into());
    }

    /// What the check of the station says about a cell.
    pub(super) fn checked(&mut self, line: usize, column: &str, problem: Problem) {
        self.add(line, format!("{line}:{column}"), problem.severity, problem.words);
    }

    /// Something is wrong elsewhere in the station.
    pub(super) fn elsewhere(&mut self, problem: Problem) {
        self.list.push((usize::MAX, problem));
    }

    /// A cell is spoken of once: the rest follows from the first thing that is wrong in it.
    fn add(&mut self, line: usize, path: String, severity: Severity, words: String) {
        if self.cells.insert(path.clone()) {
            self.list.push((line, Problem { severity, file: self.sheet.clone(), path, words }));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// All of them, in the order of the sheet.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.list.sort_by_key(|(line, _)| *line);
        self.list.into_iter().map(|(_, problem)| problem).collect()
    }
}
