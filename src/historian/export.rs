//! Samples as files for others. CSV (RFC 4180): UTC times in ISO 8601, one line a sample, of any length without holding it in memory.

mod dialect;
mod file;
mod moment;
mod parquet;
mod table;

pub use dialect::{Dialect, Moments, Shape};
pub use file::write_whole;
pub use parquet::export_parquet;
pub use table::{Progress, Setting, Table, export_table};

use super::query::QueryError;
use crate::tag::Timestamp;
use std::time::Duration;

/// Why an export stopped.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The samples cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The file cannot be written.
    #[error("the file cannot be written: {0}")]
    Write(#[from] csv::Error),
    /// The file cannot be finished.
    #[error("the file cannot be written: {0}")]
    Io(#[from] std::io::Error),
    /// The file cannot be written as Parquet.
    #[error("the file cannot be written: {0}")]
    Parquet(#[from] ::parquet::errors::ParquetError),
    /// No tag has such a name.
    #[error("no tag with history matches {0}")]
    NothingMatches(String),
}

/// What to export.
#[derive(Clone, Debug)]
pub struct ExportOptions {
    /// Names of tags, with `*` for any text and `?` for any character.
    pub patterns: Vec<String>,
    /// First moment.
    pub from: Timestamp,
    /// Last moment.
    pub to: Timestamp,
    /// One line for every such step, with the value that held then; none for every sample as it was.
    pub every: Option<Duration>,
}

/// Whether `name` matches a pattern with `*` and `?`.
pub fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    let (mut at_pattern, mut at_name, mut star) = (0, 0, None);
    while at_name < name.len() {
        match pattern.get(at_pattern) {
            Some('*') => {
                star = Some((at_pattern, at_name));
                at_pattern += 1;
            }
            Some(sign) if *sign == '?' || *sign == name[at_name] => {
                at_pattern += 1;
                at_name += 1;
            }
            _ => {
                let Some((place, from)) = star else { return false };
                star = Some((place, from + 1));
                at_pattern = place + 1;
                at_name = from + 1;
            }
        }
    }
    pattern[at_pattern..].iter().all(|sign| *sign == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, name, expected) in [
            ("*", "north/pump-1/speed", true),
            ("north/*/speed", "north/pump-1/speed", true),
            ("north/pump-?/speed", "north/pump-1/speed", true),
            ("north/*", "south/pump-1", false),
            ("speed", "north/speed", false),
            ("*speed*", "speed", true),
            ("a*b*c", "aXbYc", true),
            ("a*b*c", "aXcYb", false),
            ("", "", true),
        ] {
            assert_eq!(matches_pattern(pattern, name), expected, "{pattern} {name}");
        }
    }
}
