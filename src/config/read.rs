//! Reads the files of a station folder.

use super::problem::{Place, Problems};
use super::{SECRETS_FILE, STATION_FILE, file, shape};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Texts that stand in for files, by name: what somebody is about to write.
pub(super) type Texts = HashMap<String, String>;

/// One file of the station, checked for its shape.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) value: Value,
}

impl Source {
    /// All that stands in the file, comments and what does not fit included.
    pub(super) fn with_comments(&self) -> Value {
        serde_json::from_str(without_mark(&self.text)).unwrap_or_default()
    }
}

/// Reads the main file and what it includes; a text goes before the file that it stands in for.
pub(super) fn read(folder: &Path, texts: &Texts, problems: &mut Problems) -> Vec<Source> {
    let schema = file::schema();
    let mut sources = Vec::new();
    let mut waiting = vec![(STATION_FILE.to_owned(), Place::new(STATION_FILE, ""))];
    while let Some((name, asked_at)) = waiting.pop() {
        if sources.iter().any(|source: &Source| source.name == name) {
            problems.error(&asked_at, format!("{name} is included twice"));
            continue;
        }
        let text = texts.get(&name).cloned().or_else(|| read_text(folder, &name, &asked_at, problems));
        let Some(text) = text else { continue };
        let Some(mut value) = parse(&text, &name, problems) else { continue };
        let place = Place::new(&name, "");
        shape::check(&mut value, &schema, &place, problems);
        let includes = value.get("include").and_then(Value::as_array).cloned().unwrap_or_default();
        for (number, include) in includes.iter().enumerate().rev() {
            let at = place.at("include").at(number);
            match include.as_str() {
                Some(path) if is_inside(path) => waiting.push((path.to_owned(), at)),
                Some(_) => {
                    problems.error(&at, "an included file lies in the station folder; write its name without .. and /")
                }
                None => {}
            }
        }
        sources.push(Source { name, text, value });
    }
    sources
}

fn is_inside(path: &str) -> bool {
    !path.starts_with('/') && !path.split(['/', '\\']).any(|part| part == "..")
}

fn read_text(folder: &Path, name: &str, asked_at: &Place, problems: &mut Problems) -> Option<String> {
    let path = folder.join(name);
    let words = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    problems.take(asked_at, std::fs::read_to_string(&path).map_err(words))
}

/// Some editors begin a file with the mark of UTF-8.
fn without_mark(text: &str) -> &str {
    text.trim_start_matches('\u{feff}')
}

fn parse(text: &str, name: &str, problems: &mut Problems) -> Option<Value> {
    match serde_json::from_str::<Value>(without_mark(text)) {
        Ok(mut value) => {
            shape::without_comments(&mut value);
            Some(value)
        }
        Err(error) => {
            let place = Place::new(name, format!("line {}, column {}", error.line(), error.column()));
            problems.error(&place, format!("this is not JSON: {error}"));
            None
        }
    }
}

/// Passwords, kept apart from the station file.
#[derive(Default)]
pub(super) struct Secrets {
    entries: HashMap<String, String>,
    folder: PathBuf,
}

impl Secrets {
    /// Reads `secrets.json` where there is one. Others must not be able to read it.
    pub(super) fn read(folder: &Path, problems: &mut Problems) -> Self {
        let path = folder.join(SECRETS_FILE);
        let place = Place::new(SECRETS_FILE, "");
        if !path.exists() {
            return Self { folder: folder.to_owned(), ..Self::default() };
        }
        if let Some(words) = too_open(&path) {
            problems.error(&place, words);
        }
        let text = read_text(folder, SECRETS_FILE, &place, problems);
        let Some(value) = text.and_then(|text| parse(&text, SECRETS_FILE, problems)) else { return Self::default() };
        match serde_json::from_value(value) {
            Ok(entries) => Self { entries, folder: folder.to_owned() },
            Err(_) => {
                problems.error(&place, "an object of names and passwords would be right, such as {\"site\": \"...\"}");
                Self::default()
            }
        }
    }

    /// One secret that stands in no file.
    pub(super) fn alone(folder: &Path, name: &str, secret: Option<String>) -> Self {
        let entries = secret.map(|secret| (name.to_owned(), secret)).into_iter().collect();
        Self { entries, folder: folder.to_owned() }
    }

    /// The station folder, below which files that the station file names are found.
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The secret of this name; the environment goes first.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let variable =
            format!("POLDER_SECRET_{}", name.to_uppercase().replace(|sign: char| !sign.is_alphanumeric(), "_"));
        std::env::var(variable).ok().or_else(|| self.entries.get(name).cloned())
    }
}

#[cfg(unix)]
fn too_open(path: &Path) -> Option<String> {
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & 0o077 != 0)
        .then(|| format!("others may read this file (mode {mode:o}); make it 600: chmod 600 {}", path.display()))
}

#[cfg(not(unix))]
fn too_open(_path: &Path) -> Option<String> {
    None
}
