//! The lists of tags of a station as they stand in its files, comments included.

use crate::config::STATION_FILE;
use crate::config::problem::{Problem, Severity, nearest};
use crate::config::read::Source;
use serde_json::Value;
use std::collections::HashMap;

/// A list of tags in one file.
#[derive(Debug)]
pub(super) struct List {
    /// The file, relative to the station folder.
    pub(super) file: String,
    /// Its text.
    pub(super) text: String,
    /// Where the list stands in it, such as `tags`.
    pub(super) path: String,
    /// Its entries.
    pub(super) entries: Vec<Value>,
    /// Devices that the file makes.
    devices: Vec<String>,
}

/// The tag lists of all files, or the one of a template.
pub(super) fn lists(sources: &[Source], template: Option<&str>) -> Result<Vec<List>, Problem> {
    let parsed = sources.iter().map(|source| (source, source.with_comments()));
    match template {
        None => Ok(lists_at(sources, "tags")),
        Some(wanted) => of_template(parsed, wanted).map(|list| vec![list]),
    }
}

/// The lists at this path of all files.
pub(super) fn lists_at(sources: &[Source], path: &str) -> Vec<List> {
    sources.iter().map(|source| list(source, source.with_comments(), path.to_owned())).collect()
}

fn of_template<'a>(parsed: impl Iterator<Item = (&'a Source, Value)>, wanted: &str) -> Result<List, Problem> {
    let mut names = Vec::new();
    for (source, value) in parsed {
        let templates = value.get("templates").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let own: Vec<String> = templates.iter().map(|template| name_of(template).to_owned()).collect();
        if let Some(number) = own.iter().position(|name| name == wanted) {
            return Ok(list(source, value, format!("templates/{number}/tags")));
        }
        names.extend(own);
    }
    let words = format!("there is no template \"{wanted}\"{}", nearest(wanted, names.iter().map(String::as_str)));
    Err(Problem { severity: Severity::Error, file: STATION_FILE.to_owned(), path: "templates".to_owned(), words })
}

fn list(source: &Source, mut value: Value, path: String) -> List {
    let devices = value.get("devices").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let devices = devices.iter().map(|device| name_of(device).to_owned()).collect();
    let entries = match value.pointer_mut(&format!("/{path}")) {
        Some(Value::Array(entries)) => std::mem::take(entries),
        _ => Vec::new(),
    };
    List { file: source.name.clone(), text: source.text.clone(), path, entries, devices }
}

/// The name in an entry.
pub(super) fn name_of(entry: &Value) -> &str {
    entry.get("name").and_then(Value::as_str).unwrap_or_default()
}

fn device_of(entry: &Value) -> Option<&str> {
    entry.get("device").and_then(Value::as_str)
}

/// Into which list a new tag of a device goes: to the other tags of it, or to where the device is made, or into the main file.
pub(super) fn list_of_device(lists: &[List]) -> HashMap<&str, usize> {
    let mut found = HashMap::new();
    for (number, list) in lists.iter().enumerate() {
        for device in list.entries.iter().filter_map(device_of) {
            found.entry(device).or_insert(number);
        }
    }
    for (number, list) in lists.iter().enumerate() {
        for device in &list.devices {
            found.entry(device.as_str()).or_insert(number);
        }
    }
    found
}
