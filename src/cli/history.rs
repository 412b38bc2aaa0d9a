//! Tools for history: figures of intervals, copies of a station that runs, and what to do when a file is damaged.

use super::output::{Output, error_line, out_line};
use super::range::RangeArguments;
use crate::historian::{Aggregate, HISTORY_FOLDER, Reader, SAMPLES_FILE, check_history, repair_history};
use crate::station::backup::{Copied, back_up, restore as put_back};
use crate::station::{StationLock, SystemClock};
use crate::tag::{Clock, TagKey, Timestamp};
use anyhow::{Context, bail};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// What to work out.
#[derive(Debug, clap::Args)]
pub(super) struct QueryArguments {
    /// Station folder.
    folder: PathBuf,
    /// Name of the tag.
    tag: String,
    /// Which time.
    #[command(flatten)]
    range: RangeArguments,
    /// Length of an interval, such as 1h; the whole range is one where none is given.
    #[arg(long, value_parser = super::duration)]
    every: Option<Duration>,
    /// Figure of each interval: min, max, mean, integral (value times seconds), first, last, count, changes, duration=VALUE (seconds),
    /// percentile=95.
    #[arg(long, default_value = "mean", value_parser = Aggregate::parse)]
    aggregate: Aggregate,
}

/// Prints a line for each interval: its beginning, the figure, and for how many seconds the tag was good.
pub(super) fn query(arguments: &QueryArguments) -> anyhow::Result<ExitCode> {
    let reader = open(&arguments.folder)?;
    let key = TagKey::from(arguments.tag.as_str());
    if !reader.tags()?.contains(&key) {
        bail!("no tag \"{key}\" has history; `polder tags {}` lists those of the station", arguments.folder.display());
    }
    let range = arguments.range.moments()?;
    let span = range[1].micros_since(range[0]);
    if span <= 0 {
        let RangeArguments { from, to } = &arguments.range;
        bail!("the range ends before it begins; --from {from} is not before --to {to}");
    }
    let every = arguments.every.unwrap_or(Duration::from_micros(span as u64));
    tell_missing(&reader, range[0])?;
    let mut out = Output::new();
    writeln!(out, "from,value,good_seconds")?;
    for interval in reader.aggregate(&key, range, every, &arguments.aggregate, &|| false)? {
        let value = interval.value.map(|value| value.to_string()).unwrap_or_default();
        writeln!(out, "{},{value},{}", interval.from.to_rfc3339(), interval.good.as_secs_f64())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The history of a station.
pub(super) fn open(folder: &Path) -> anyhow::Result<Reader> {
    let path = folder.join(HISTORY_FOLDER).join(SAMPLES_FILE);
    if !path.exists() {
        bail!("{} has no history yet", folder.display());
    }
    Ok(Reader::open(&path, None)?)
}

/// Losses that are told one by one; of more, the newest, and the number of the others.
const TOLD: usize = 5;

/// Says on standard error what is missing in an answer about the time from `from` on.
pub(super) fn tell_missing(reader: &Reader, from: Timestamp) -> anyhow::Result<()> {
    missing(reader, from)?.iter().for_each(|line| error_line!("{line}"));
    Ok(())
}

fn missing(reader: &Reader, from: Timestamp) -> anyhow::Result<Vec<String>> {
    let mut lines = Vec::new();
    let damaged = reader.unreadable_flushes();
    if damaged > 0 {
        lines.push(format!("{damaged} rows of samples are damaged and missing in this answer; run `polder repair`"));
    }
    let losses = reader.losses(from)?;
    let earlier = losses.len().saturating_sub(TOLD);
    if earlier > 0 {
        let samples: u64 = losses[..earlier].iter().map(|loss| loss.samples).sum();
        lines.push(format!(
            "samples may be missing in this answer: {samples} were lost in {earlier} cases before those below"
        ));
    }
    lines.extend(losses[earlier..].iter().map(|loss| {
        let why = if loss.why.is_empty() { "history could not keep up" } else { &loss.why };
        format!(
            "samples may be missing in this answer: {} were lost by {}: {why}",
            loss.samples,
            loss.noted.to_rfc3339()
        )
    }));
    Ok(lines)
}

/// Copies a station, whether it runs or not: history, records and what stands beside them.
pub(super) fn backup(folder: &Path, to: &Path) -> anyhow::Result<ExitCode> {
    let Copied { history, others } = back_up(folder, to)?;
    let mega = history.bytes / 1_000_000;
    out_line!(
        "{} holds the history of {} tags ({} files, {mega} MB), the records and {others} other files; all were read back",
        to.display(),
        history.tags,
        history.files
    );
    Ok(ExitCode::SUCCESS)
}

/// Puts a backup where a station is to run.
pub(super) fn restore(backup: &Path, to: &Path) -> anyhow::Result<ExitCode> {
    let Copied { history, others } = put_back(backup, to)?;
    out_line!("{}: the history of {} tags, the records and {others} other files are back", to.display(), history.tags);
    Ok(ExitCode::SUCCESS)
}

/// Looks through all files of history, and, without `check`, saves what can be read out of those that are damaged.
pub(super) fn repair(folder: &Path, check: bool) -> anyhow::Result<ExitCode> {
    if check {
        let wrong = check_history(folder)?;
        wrong.iter().for_each(|what| out_line!("{what}"));
        if wrong.is_empty() {
            out_line!("history is whole: every page, every chunk");
            return Ok(ExitCode::SUCCESS);
        }
        return Ok(ExitCode::from(1));
    }
    let _lock = StationLock::take(folder)
        .context("stop it first; while it runs, `polder repair --check` looks without changing")?;
    let repaired = repair_history(folder, SystemClock::new().now().utc)?;
    if repaired.damaged.is_empty() {
        out_line!("history is whole; nothing was changed");
        return Ok(ExitCode::SUCCESS);
    }
    out_line!("{} samples were saved; {} rows could not be read", repaired.samples, repaired.lost_rows);
    out_line!("the rollups of {} hours were made again", repaired.hours);
    repaired.damaged.iter().for_each(|name| out_line!("kept as it was: {HISTORY_FOLDER}/{name}"));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
