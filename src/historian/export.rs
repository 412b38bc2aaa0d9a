//! Samples as files for others. CSV (RFC 4180): UTC times in ISO 8601, one line a sample, of any length without holding it in memory.

mod dialect;
mod file;
mod parquet;
mod table;

pub use dialect::{Dialect, Moments, Shape};
pub use file::write_whole;
pub use parquet::export_parquet;
pub use table::{Progress, Setting, Table, export_table};

use super::query::{QueryError, Reader};
use crate::tag::{Sample, TagKey, Timestamp};
use std::io::Write;
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

/// Writes the samples of all matching tags, one tag after the other, each in order of time; how many lines were written.
pub fn export_csv(reader: &Reader, options: &ExportOptions, out: impl Write) -> Result<u64, ExportError> {
    let tags: Vec<TagKey> = reader
        .tags()?
        .into_iter()
        .filter(|key| options.patterns.iter().any(|pattern| matches_pattern(pattern, key.as_str())))
        .collect();
    if tags.is_empty() {
        return Err(ExportError::NothingMatches(options.patterns.join(", ")));
    }
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
    writer.write_record(["time", "tag", "value", "quality", "reason"])?;
    let mut lines = 0;
    for key in &tags {
        lines += match options.every {
            None => export_raw(reader, key, options, &mut writer)?,
            Some(every) => export_steps(reader, key, options, every, &mut writer)?,
        };
    }
    writer.flush()?;
    Ok(lines)
}

fn export_raw(
    reader: &Reader,
    key: &TagKey,
    options: &ExportOptions,
    writer: &mut csv::Writer<impl Write>,
) -> Result<u64, ExportError> {
    let (mut lines, mut failed) = (0, None);
    let visited = reader.visit(key, options.from, options.to, |sample| {
        lines += 1;
        failed = write(writer, key, sample.time, &sample).err();
        failed.is_none()
    });
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(visited.map(|_| lines)?),
    }
}

fn export_steps(
    reader: &Reader,
    key: &TagKey,
    options: &ExportOptions,
    every: Duration,
    writer: &mut csv::Writer<impl Write>,
) -> Result<u64, ExportError> {
    let every = every.max(Duration::from_millis(1));
    // A value holds until the station was last known to run, and not into the future.
    let end = reader.known_until()?.map_or(options.to, |known| known.min(options.to));
    let mut holds = reader.before(key, options.from)?;
    let (mut step, mut last, mut lines, mut failed) = (options.from, options.from, 0, None);
    reader.visit(key, options.from, options.to, |sample| {
        while step < sample.time && failed.is_none() {
            if let Some(held) = &holds {
                failed = write(writer, key, step, held).err();
                lines += 1;
            }
            step = step.plus(every);
        }
        last = sample.time;
        holds = Some(sample);
        failed.is_none()
    })?;
    while step <= end.max(last) && failed.is_none() {
        let Some(held) = &holds else { break };
        failed = write(writer, key, step, held).err();
        lines += 1;
        step = step.plus(every);
    }
    failed.map_or(Ok(lines), |error| Err(error.into()))
}

fn write(
    writer: &mut csv::Writer<impl Write>,
    key: &TagKey,
    time: Timestamp,
    sample: &Sample,
) -> Result<(), csv::Error> {
    let value = sample.value.as_ref().map(ToString::to_string).unwrap_or_default();
    let reason = sample.quality.reason.words();
    writer.write_record([&time.to_rfc3339(), key.as_str(), &value, sample.quality.status.word(), reason])
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
