//! One row of a sheet into one entry. A row changes what its cells say and nothing else.

use super::cell::same;
use super::columns::{COLUMNS, Column};
use super::findings::Findings;
use super::home::{Home, lost_with, missing_ends};
use super::sheet::{Row, Sheet};
use serde::Serialize;
use serde_json::{Map, Value};

/// What changes in one column of a tag.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KeyChange {
    /// The column.
    pub column: &'static str,
    /// The value that was there; none where there was none.
    pub old: Option<Value>,
    /// The value that comes; none where it goes.
    pub new: Option<Value>,
    /// Keys without a column that go with it, such as the guidance of an alarm.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
}

/// The entry as the row wants it; none where it wants nothing else.
pub(super) fn merged(old: &Value, row: &Row, sheet: &Sheet, findings: &mut Findings) -> Option<Value> {
    let wanted = wanted(old, row, sheet, findings);
    if wanted.is_empty() {
        return None;
    }
    let mut entry = old.as_object().cloned().unwrap_or_default();
    for (column, value) in wanted {
        if let Err(words) = put(column, &mut entry, value, sheet) {
            findings.cell(row.line, column.name, words);
        }
    }
    let entry = Value::Object(entry);
    for column in missing_ends(&entry) {
        findings.cell(row.line, column.name, "the other end is given; a span needs both");
    }
    Some(entry)
}

/// The cells that say something else than the entry does.
fn wanted(old: &Value, row: &Row, sheet: &Sheet, findings: &mut Findings) -> Vec<(&'static Column, Option<Value>)> {
    let mut wanted = Vec::new();
    for (number, column) in &sheet.columns {
        let (text, before) = (row.cell(*number), column.home.get(old));
        // What an export writes is what is there, whatever it is.
        if text == column.cell.write(before.as_ref(), sheet.dialect) {
            continue;
        }
        match column.cell.read(text, sheet.dialect) {
            Ok(value) if same(before.as_ref(), value.as_ref()) => {}
            Ok(value) => wanted.push((*column, value)),
            Err(words) => findings.cell(row.line, column.name, words),
        }
    }
    wanted
}

fn put(column: &Column, entry: &mut Map<String, Value>, value: Option<Value>, sheet: &Sheet) -> Result<(), String> {
    if let Home::Inside(object, _) = column.home
        && value.is_some()
        && !entry.contains_key(object)
        && sheet.has(object)
    {
        return Err(format!("the tag has no {object}; write yes in the column \"{object}\""));
    }
    column.home.set(entry, value)
}

/// What differs between two entries, by column.
pub(super) fn changes(old: &Value, new: &Value) -> Vec<KeyChange> {
    let changes = COLUMNS.iter().filter_map(|column| {
        let (before, after) = (column.home.get(old), column.home.get(new));
        let lost = if after.is_none() { lost_with(column.home, old) } else { Vec::new() };
        (before != after).then_some(KeyChange { column: column.name, old: before, new: after, lost })
    });
    changes.filter(|change| change.column != "name" || change.old.is_some()).collect()
}
