//! Writes the tags of a station as a sheet.

use super::cell::Dialect;
use super::columns::{COLUMNS, Column};
use super::lists::lists;
use crate::config::problem::{Problem, Problems};
use crate::config::read::{self, Texts};
use serde_json::Value;
use std::path::Path;

/// What is written, and how.
#[derive(Clone, Debug, Default)]
pub struct ExportOptions {
    /// The tags of this template, rather than those of the station.
    pub template: Option<String>,
    /// What stands between cells, and how decimals are written.
    pub dialect: Dialect,
}

/// A sheet that was made.
#[derive(Clone, Debug)]
pub struct Export {
    /// Its text. It begins with the mark by which spreadsheets know UTF-8.
    pub text: String,
    /// How many tags are in it.
    pub tags: usize,
}

/// The tags of the station in `folder` as a sheet: a line for each, with the columns that some tag uses. Tags that come from templates are
/// not in it.
pub fn export(folder: &Path, options: &ExportOptions) -> Result<Export, Vec<Problem>> {
    let mut problems = Problems::default();
    let sources = read::read(folder, &Texts::new(), &mut problems);
    if problems.has_errors() {
        return Err(problems.into_list());
    }
    let lists = lists(&sources, options.template.as_deref()).map_err(|problem| vec![problem])?;
    let entries: Vec<&Value> = lists.iter().flat_map(|list| &list.entries).collect();
    let is_used = |column: &&Column| column.core || entries.iter().any(|entry| column.home.get(entry).is_some());
    let columns: Vec<&Column> = COLUMNS.iter().filter(is_used).collect();
    let mut text = "\u{feff}".to_owned();
    add_line(&mut text, columns.iter().map(|column| column.name.to_owned()), options.dialect);
    for entry in &entries {
        let cells = columns.iter().map(|column| column.cell.write(column.home.get(entry).as_ref(), options.dialect));
        add_line(&mut text, cells, options.dialect);
    }
    Ok(Export { text, tags: entries.len() })
}

/// By hand rather than by a writer of the csv crate: this cannot fail.
fn add_line(text: &mut String, cells: impl Iterator<Item = String>, dialect: Dialect) {
    for (number, cell) in cells.enumerate() {
        if number > 0 {
            text.push(dialect.separator());
        }
        match cell.contains(['"', '\r', '\n', dialect.separator()]) {
            true => text.extend(["\"", &cell.replace('"', "\"\""), "\""]),
            false => text.push_str(&cell),
        }
    }
    text.push_str("\r\n");
}
