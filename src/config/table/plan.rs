//! What an import would do.

use super::check::check;
use super::drafts::Drafts;
use super::findings::Findings;
use super::lists::lists;
use super::merge::KeyChange;
use super::sheet::Sheet;
use crate::config::problem::{Problem, Problems, Severity};
use crate::config::read::{self, Texts};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;

/// How a sheet is taken in.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Into the tags of this template, rather than those of the station.
    pub template: Option<String>,
    /// Whether tags that are not in the sheet go.
    pub remove_missing: bool,
}

/// What happens to a tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It is new.
    Added,
    /// Some of its columns change.
    Changed,
    /// It goes.
    Removed,
}

/// A tag that is added, changed or removed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TagChange {
    /// Its name.
    pub tag: String,
    /// What happens to it.
    pub effect: Effect,
    /// The file of the station in which it stands.
    pub file: String,
    /// The line of the sheet; none where it is not in the sheet.
    pub line: Option<usize>,
    /// What changes in it.
    pub keys: Vec<KeyChange>,
}

/// A file of the station before and after.
#[derive(Clone, Debug)]
pub(super) struct FileChange {
    pub(super) name: String,
    pub(super) old: String,
    pub(super) new: String,
}

/// What an import would do.
#[derive(Debug, Default)]
pub struct ImportPlan {
    /// Tags that are added, changed or removed, in the order of the sheet.
    pub changes: Vec<TagChange>,
    /// Devices that are added besides: the file of each, and its entry.
    pub devices: Vec<(String, Value)>,
    /// How many tags of the sheet stay as they are.
    pub unchanged: usize,
    /// How many tags that are not in the sheet stay.
    pub not_in_sheet: usize,
    /// What is wrong, in the sheet and in the station as it would be.
    pub problems: Vec<Problem>,
    pub(super) files: Vec<FileChange>,
}

impl ImportPlan {
    /// Whether nothing keeps it from being written.
    pub fn is_fine(&self) -> bool {
        !self.problems.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// How many tags have this effect.
    pub fn count(&self, effect: Effect) -> usize {
        self.changes.iter().filter(|change| change.effect == effect).count()
    }

    /// The files that would be written, relative to the station folder.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|file| file.name.as_str())
    }

    pub(super) fn refused(problems: Vec<Problem>) -> Self {
        Self { problems, ..Self::default() }
    }
}

/// Finds out what the sheet `bytes`, called `sheet_name` in problems, would change in the station in `folder`. Nothing is written.
pub fn plan_import(folder: &Path, sheet_name: &str, bytes: &[u8], options: &ImportOptions) -> ImportPlan {
    plan_import_behind(folder, &[], sheet_name, bytes, options)
}

/// The same where these files are to change besides.
pub(super) fn plan_import_behind(
    folder: &Path,
    before: &[FileChange],
    sheet_name: &str,
    bytes: &[u8],
    options: &ImportOptions,
) -> ImportPlan {
    let mut problems = Problems::default();
    let texts: Texts = before.iter().map(|file| (file.name.clone(), file.new.clone())).collect();
    let sources = read::read(folder, &texts, &mut problems);
    if sources.is_empty() {
        return ImportPlan::refused(problems.into_list());
    }
    let mut findings = Findings::new(sheet_name);
    let lists = lists(&sources, options.template.as_deref()).map_err(|problem| findings.elsewhere(problem));
    let (Ok(lists), Some(sheet)) = (lists, Sheet::read(bytes, &mut findings)) else {
        return ImportPlan::refused(findings.into_problems());
    };
    let is_read = findings.is_empty();
    let mut drafts = Drafts::new(&lists);
    for row in &sheet.rows {
        drafts.row(row, &sheet, &mut findings);
    }
    if options.remove_missing && sheet.rows.is_empty() {
        findings.row(1, "the sheet has no rows; to remove every tag cannot be meant");
    }
    drafts.rest(options.remove_missing);
    let mut plan = ImportPlan {
        unchanged: drafts.unchanged,
        not_in_sheet: drafts.not_in_sheet,
        files: behind(before, drafts.files(&mut findings)),
        ..ImportPlan::default()
    };
    // Of a sheet whose columns or rows are not what they seem, the check would say a thousand times what follows from that.
    if is_read {
        check(folder, &plan.files, &drafts, &mut findings);
    }
    plan.changes = drafts.changes;
    plan.problems = findings.into_problems();
    plan
}

/// One change after the other, as one.
fn behind(before: &[FileChange], mut files: Vec<FileChange>) -> Vec<FileChange> {
    for first in before {
        match files.iter_mut().find(|file| file.name == first.name) {
            Some(file) => file.old.clone_from(&first.old),
            None => files.push(first.clone()),
        }
    }
    files
}
