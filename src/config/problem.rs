//! What is wrong, where, and what would be right.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

/// How bad a problem is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The station cannot run with it.
    Error,
    /// The station runs, but it is probably not meant.
    Warning,
}

/// One problem in a file of a station.
#[derive(Clone, Debug, PartialEq, Eq, Hash, serde::Serialize)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file, relative to the station folder.
    pub file: String,
    /// The place in it, such as `tags/3/register`; empty for the whole file.
    pub path: String,
    /// What is wrong, and what would be right.
    pub words: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let warning = if self.severity == Severity::Warning { "warning: " } else { "" };
        write!(formatter, "{}:{}: {warning}{}", self.file, self.path, self.words)
    }
}

/// A place in a file.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) path: String,
}

impl Place {
    pub(super) fn new(file: &str, path: impl Into<String>) -> Self {
        Self { file: file.to_owned(), path: path.into() }
    }

    /// A place below this one.
    pub(super) fn at(&self, key: impl fmt::Display) -> Self {
        let path = if self.path.is_empty() { key.to_string() } else { format!("{}/{key}", self.path) };
        Self { file: self.file.clone(), path }
    }
}

/// Collects problems. A file of a big plant can have thousands of them, so none is looked for among all the others.
#[derive(Clone, Debug, Default)]
pub(super) struct Problems {
    list: Vec<Problem>,
    seen: HashSet<Problem>,
    /// By file, the places with a problem.
    places: HashMap<String, HashSet<String>>,
    /// By file, the places with an error.
    errors: HashMap<String, BTreeSet<String>>,
    /// Words that were compared for hints.
    compared: usize,
}

/// Hints may cost so many comparisons of words in all: a second or so. Where thousands of names are wrong, the first hints say why.
const MOST_COMPARED: usize = 1_000_000;

impl Problems {
    pub(super) fn error(&mut self, place: &Place, words: impl Into<String>) {
        self.add(Severity::Error, place, words.into());
    }

    pub(super) fn warn(&mut self, place: &Place, words: impl Into<String>) {
        self.add(Severity::Warning, place, words.into());
    }

    fn add(&mut self, severity: Severity, place: &Place, words: String) {
        let problem = Problem { severity, file: place.file.clone(), path: place.path.clone(), words };
        // A template is compiled once for every device: what is wrong in it is said once.
        if self.seen.insert(problem.clone()) {
            self.places.entry(place.file.clone()).or_default().insert(place.path.clone());
            if severity == Severity::Error {
                self.errors.entry(place.file.clone()).or_default().insert(place.path.clone());
            }
            self.list.push(problem);
        }
    }

    /// The known word that is nearest to `word`, as long as hints do not take too long.
    pub(super) fn nearest<'a>(&mut self, word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
        if self.compared > MOST_COMPARED {
            return String::new();
        }
        nearest(word, known.into_iter().inspect(|_| self.compared += 1))
    }

    /// Takes the value out, or notes the error.
    pub(super) fn take<T>(&mut self, place: &Place, result: Result<T, String>) -> Option<T> {
        result.map_err(|words| self.error(place, words)).ok()
    }

    pub(super) fn has_errors(&self) -> bool {
        !self.errors.is_empty()
    }

    /// Whether something is wrong at just this place.
    pub(super) fn stands_at(&self, place: &Place) -> bool {
        self.places.get(&place.file).is_some_and(|paths| paths.contains(&place.path))
    }

    /// Whether something at or below this place is wrong already.
    pub(super) fn covers(&self, place: &Place) -> bool {
        let below = format!("{}/", place.path);
        self.errors.get(&place.file).is_some_and(|paths| {
            paths.contains(&place.path)
                || paths.range(below.clone()..).next().is_some_and(|path| path.starts_with(&below))
        })
    }

    /// Takes the errors out of a file; it has to be read again without what is wrong in it.
    pub(super) fn errors_in(&self, file: &str) -> Vec<Problem> {
        let is_error = |problem: &&Problem| problem.file == file && problem.severity == Severity::Error;
        self.list.iter().filter(is_error).cloned().collect()
    }

    pub(super) fn into_list(self) -> Vec<Problem> {
        self.list
    }
}

/// The known word that is nearest to `word`, as a hint to put behind a sentence.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let best = known.into_iter().map(|candidate| (strsim::damerau_levenshtein(word, candidate), candidate)).min();
    match best {
        Some((distance, candidate)) if distance <= 1 + word.chars().count() / 3 => {
            format!("; did you mean \"{candidate}\"?")
        }
        _ => String::new(),
    }
}
