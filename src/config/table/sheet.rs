//! Reads a sheet: CSV as spreadsheets write it, into rows with their lines.

use super::cell::{Dialect, unguarded};
use super::columns::{COLUMNS, Column};
use super::findings::Findings;
use crate::config::problem::nearest;
use csv::StringRecord;

/// Put behind the text: a row that swallows it has a quote that is never closed.
const END: &str = "\u{1}end";

/// A sheet, divided.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) dialect: Dialect,
    /// Columns with the numbers of their cells, in the order of [`COLUMNS`].
    pub(super) columns: Vec<(usize, &'static Column)>,
    pub(super) rows: Vec<Row>,
}

/// A row.
#[derive(Debug)]
pub(super) struct Row {
    /// The line of the file at which it begins, from 1.
    pub(super) line: usize,
    cells: StringRecord,
}

impl Row {
    /// The text of a cell.
    pub(super) fn cell(&self, number: usize) -> &str {
        self.cells.get(number).unwrap_or_default()
    }

    fn is_blank(&self) -> bool {
        self.cells.iter().all(|cell| cell.trim().is_empty())
    }
}

impl Sheet {
    /// Reads a sheet as far as it can be read; none where it cannot be known what its cells are.
    pub(super) fn read(bytes: &[u8], findings: &mut Findings) -> Option<Self> {
        let text = text(bytes, findings)?;
        let dialect = dialect(text);
        let mut rows = rows(text, dialect, findings).into_iter().filter(|row| !row.is_blank());
        let Some(header) = rows.next() else {
            findings.row(1, "the sheet is empty; its first line names the columns: name,device,register,type,unit");
            return None;
        };
        let columns = columns(&header, findings);
        let mut rows: Vec<Row> = rows.collect();
        rows.retain(|row| has_right_length(row, &header, findings));
        if columns.first().is_none_or(|(_, column)| column.name != "name") {
            findings.row(header.line, "a column \"name\" is needed: by it the tags are found");
            return None;
        }
        Some(Self { dialect, columns, rows })
    }

    /// Whether it says something about this column.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|(_, column)| column.name == name)
    }

    /// The name in a row, with the blanks that stand around it.
    pub(super) fn name<'a>(&self, row: &'a Row) -> &'a str {
        self.columns.first().map_or("", |(number, _)| unguarded(row.cell(*number)))
    }
}

fn text<'a>(bytes: &'a [u8], findings: &mut Findings) -> Option<&'a str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text.trim_start_matches('\u{feff}')),
        Err(error) => {
            let before = &bytes[..error.valid_up_to()];
            let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
            findings.row(line, "this is not UTF-8; save the sheet as \"CSV UTF-8\"");
            None
        }
    }
}

/// What stands more often in the first line, outside quotes.
fn dialect(text: &str) -> Dialect {
    let outside = text.trim_start().lines().next().unwrap_or_default().split('"').step_by(2);
    let (commas, semicolons) = outside.fold((0, 0), |(commas, semicolons), part| {
        (commas + part.matches(',').count(), semicolons + part.matches(';').count())
    });
    if semicolons > commas { Dialect::Semicolon } else { Dialect::Comma }
}

fn rows(text: &str, dialect: Dialect, findings: &mut Findings) -> Vec<Row> {
    let ended = format!("{text}\n{END}\n");
    let mut builder = csv::ReaderBuilder::new();
    builder.has_headers(false).flexible(true).delimiter(dialect.separator() as u8);
    let mut reader = builder.from_reader(ended.as_bytes());
    let (mut rows, mut counted, mut line) = (Vec::new(), 0, 1);
    for record in reader.records() {
        // Memory is read: nothing can fail.
        let Ok(cells) = record else { break };
        let begins = cells.position().map_or(0, |position| position.byte() as usize);
        let begins = begins + ended[begins..].bytes().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        line += ended[counted..begins].matches('\n').count();
        counted = begins;
        rows.push(Row { line, cells });
    }
    match rows.pop() {
        Some(last) if last.cells.len() == 1 && last.cell(0) == END => {}
        last => {
            let line = last.map_or(1, |last| last.line);
            findings.row(line, "a quote that opens in this row is never closed");
        }
    }
    rows
}

fn columns(header: &Row, findings: &mut Findings) -> Vec<(usize, &'static Column)> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (number, cell) in header.cells.iter().enumerate() {
        let words = cell.trim();
        // A column for the person alone.
        if words.is_empty() || words.starts_with("//") {
            continue;
        }
        let name = words.to_lowercase().replace([' ', '-'], "_");
        match COLUMNS.iter().position(|column| column.name == name) {
            Some(place) if found.iter().any(|(other, _)| *other == place) => {
                findings.cell(header.line, words, format!("there are two columns \"{words}\"; one would be right"));
            }
            Some(place) => found.push((place, number)),
            None => {
                let hint = nearest(&name, COLUMNS.iter().map(|column| column.name));
                let own = "; a column of your own begins with //";
                let hint = if hint.is_empty() { own.to_owned() } else { hint };
                findings.cell(header.line, words, format!("the column \"{words}\" is not known{hint}"));
            }
        }
    }
    found.sort_unstable();
    found.into_iter().map(|(place, number)| (number, &COLUMNS[place])).collect()
}

/// A row that is too short would empty what it does not reach; in one that is too long, cells have shifted.
fn has_right_length(row: &Row, header: &Row, findings: &mut Findings) -> bool {
    let (found, wanted) = (row.cells.len(), header.cells.len());
    let surplus = row.cells.iter().skip(wanted).any(|cell| !cell.trim().is_empty());
    let nameless =
        (0..wanted).find(|number| header.cell(*number).trim().is_empty() && !row.cell(*number).trim().is_empty());
    if found < wanted || surplus {
        let words =
            format!("this row has {found} cells, and the first line {wanted}; text with separators needs quotes");
        findings.row(row.line, words);
    } else if let Some(number) = nameless {
        let words =
            format!("this cell stands in column {} of the sheet, which has no name in the first line", number + 1);
        findings.row(row.line, words);
    }
    found >= wanted && !surplus && nameless.is_none()
}
