//! The rows of a sheet against the lists of tags: which entries change, which come, which go.

use super::edit::{self, ListEdit};
use super::findings::Findings;
use super::lists::{List, list_of_device, name_of};
use super::merge::{KeyChange, changes, merged};
use super::plan::{Effect, FileChange, TagChange};
use super::sheet::{Row, Sheet};
use crate::config::problem::{Problem, Severity};
use serde_json::Value;
use std::collections::HashMap;

/// An entry of a list as it will be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Standing<'a> {
    /// Its number in the list as it is; none for a new one.
    pub(super) number: Option<usize>,
    /// The line of the sheet; none where it is not in the sheet.
    pub(super) line: Option<usize>,
    /// What it says.
    pub(super) entry: &'a Value,
}

/// All lists on their way.
#[derive(Debug)]
pub(super) struct Drafts<'a> {
    pub(super) lists: &'a [List],
    edits: Vec<ListEdit>,
    /// By list, the lines of the sheet from which new tags come.
    new_lines: Vec<Vec<usize>>,
    /// By list and number of an entry, the line of the sheet.
    lines: HashMap<(usize, usize), usize>,
    /// Where the tag of a name stands: list, number.
    names: HashMap<&'a str, (usize, usize)>,
    /// The list into which new tags of a device go.
    devices: HashMap<&'a str, usize>,
    /// By name, the line of the sheet.
    seen: HashMap<String, usize>,
    pub(super) changes: Vec<TagChange>,
    pub(super) unchanged: usize,
    pub(super) not_in_sheet: usize,
}

impl<'a> Drafts<'a> {
    pub(super) fn new(lists: &'a [List]) -> Self {
        let mut names = HashMap::new();
        for (list, place) in lists.iter().enumerate() {
            for (number, entry) in place.entries.iter().enumerate() {
                names.entry(name_of(entry)).or_insert((list, number));
            }
        }
        Self {
            lists,
            edits: lists.iter().map(|_| ListEdit::default()).collect(),
            new_lines: vec![Vec::new(); lists.len()],
            lines: HashMap::new(),
            names,
            devices: list_of_device(lists),
            seen: HashMap::new(),
            changes: Vec::new(),
            unchanged: 0,
            not_in_sheet: 0,
        }
    }

    /// Takes one row in.
    pub(super) fn row(&mut self, row: &Row, sheet: &Sheet, findings: &mut Findings) {
        let written = sheet.name(row);
        let name = if self.names.contains_key(written) { written } else { written.trim() };
        if name.is_empty() {
            return findings.cell(row.line, "name", "a name is needed");
        }
        if let Some(first) = self.seen.insert(name.to_owned(), row.line) {
            return findings.cell(row.line, "name", format!("\"{name}\" stands in line {first} already"));
        }
        match self.names.get(name).copied() {
            Some((list, number)) => self.known_tag(list, number, row, sheet, findings),
            None => self.new_tag(name, row, sheet, findings),
        }
    }

    fn known_tag(&mut self, list: usize, number: usize, row: &Row, sheet: &Sheet, findings: &mut Findings) {
        self.lines.insert((list, number), row.line);
        let old = &self.lists[list].entries[number];
        match merged(old, row, sheet, findings) {
            Some(new) => {
                self.note(name_of(old), Effect::Changed, list, Some(row.line), changes(old, &new));
                self.edits[list].changed.insert(number, new);
            }
            None => self.unchanged += 1,
        }
    }

    fn new_tag(&mut self, name: &str, row: &Row, sheet: &Sheet, findings: &mut Findings) {
        let Some(new) = merged(&Value::Null, row, sheet, findings) else { return };
        let device = new.get("device").and_then(Value::as_str);
        let list = device.and_then(|device| self.devices.get(device)).copied().unwrap_or(0);
        self.note(name, Effect::Added, list, Some(row.line), changes(&Value::Null, &new));
        self.new_lines[list].push(row.line);
        self.edits[list].added.push(new);
    }

    fn note(&mut self, tag: &str, effect: Effect, list: usize, line: Option<usize>, keys: Vec<KeyChange>) {
        let file = self.lists[list].file.clone();
        self.changes.push(TagChange { tag: tag.to_owned(), effect, file, line, keys });
    }

    /// Tags that are not in the sheet stay, or go where that was asked for.
    pub(super) fn rest(&mut self, remove: bool) {
        for (list, place) in self.lists.iter().enumerate() {
            for (number, entry) in place.entries.iter().enumerate() {
                match self.lines.contains_key(&(list, number)) {
                    true => {}
                    false if remove => {
                        self.note(name_of(entry), Effect::Removed, list, None, Vec::new());
                        self.edits[list].removed.insert(number);
                    }
                    false => self.not_in_sheet += 1,
                }
            }
        }
    }

    /// The files that change, with their new texts.
    pub(super) fn files(&self, findings: &mut Findings) -> Vec<FileChange> {
        let changed = self.lists.iter().zip(&self.edits).filter(|(_, edit)| !edit.is_empty());
        let files = changed.filter_map(|(list, edit)| {
            let new = edit::with_list(&list.text, &list.path, edit);
            if new.is_none() {
                let words = "no list of tags stands here; [] would be right".to_owned();
                let (file, path) = (list.file.clone(), list.path.clone());
                findings.elsewhere(Problem { severity: Severity::Error, file, path, words });
            }
            Some(FileChange { name: list.file.clone(), old: list.text.clone(), new: new? })
        });
        files.collect()
    }

    /// The entries of a list as it will be.
    pub(super) fn standing(&self, list: usize) -> Vec<Standing<'_>> {
        let edit = &self.edits[list];
        let kept = self.lists[list].entries.iter().enumerate().filter(|(number, _)| !edit.removed.contains(number));
        let kept = kept.map(|(number, old)| Standing {
            number: Some(number),
            line: self.lines.get(&(list, number)).copied(),
            entry: edit.changed.get(&number).unwrap_or(old),
        });
        let new = self.new_lines[list].iter().zip(&edit.added);
        kept.chain(new.map(|(line, entry)| Standing { number: None, line: Some(*line), entry })).collect()
    }
}
