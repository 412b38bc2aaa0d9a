//! Tools for history: figures of intervals, copies of a station that runs, and what to do when a file is damaged.

use super::tools::moment;
use crate::historian::{
    Aggregate, Copied, HISTORY_FOLDER, Reader, SAMPLES_FILE, back_up_history, check_history, copy_database,
    repair_history,
};
use crate::recorder::RECORDS_FILE;
use crate::station::{StationLock, SystemClock};
use crate::tag::{Clock, TagKey};
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
    /// First moment, such as 2026-11-21T14:00:00Z.
    #[arg(long)]
    from: String,
    /// Last moment.
    #[arg(long)]
    to: String,
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
    let range = [moment(&arguments.from)?, moment(&arguments.to)?];
    let span = range[1].micros_since(range[0]);
    if span <= 0 {
        bail!("the range ends before it begins; --from {} is not before --to {}", arguments.from, arguments.to);
    }
    let every = arguments.every.unwrap_or(Duration::from_micros(span as u64));
    let mut out = std::io::stdout().lock();
    writeln!(out, "from,value,good_seconds")?;
    for interval in reader.aggregate(&key, range, every, &arguments.aggregate, &|| false)? {
        let value = interval.value.map(|value| value.to_string()).unwrap_or_default();
        writeln!(out, "{},{value},{}", interval.from.to_rfc3339(), interval.good.as_secs_f64())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn open(folder: &Path) -> anyhow::Result<Reader> {
    let path = folder.join(HISTORY_FOLDER).join(SAMPLES_FILE);
    if !path.exists() {
        bail!("{} has no history yet", folder.display());
    }
    let reader = Reader::open(&path, None)?;
    let damaged = reader.unreadable_flushes();
    if damaged > 0 {
        eprintln!(
            "{}: {damaged} rows of samples are damaged and missing in this answer; run `polder repair`",
            path.display()
        );
    }
    Ok(reader)
}

/// Copies a station, whether it runs or not: history, records and what stands beside them.
pub(super) fn backup(folder: &Path, to: &Path) -> anyhow::Result<ExitCode> {
    if to.exists() {
        bail!("{} is there already; nothing was changed. Name a folder that is not", to.display());
    }
    if lies_inside(to, folder)? {
        bail!(
            "{} lies inside the station folder {}; a backup there would copy itself, and be lost with it. Name a folder elsewhere",
            to.display(),
            folder.display()
        );
    }
    let part = fresh_part(to)?;
    let copied = back_up_history(folder, &part)?;
    let records = folder.join(RECORDS_FILE);
    if records.exists() {
        copy_database(&records, &part.join(RECORDS_FILE))?;
    }
    let others = copy_others(folder, &part, true)?;
    // Under its own name only now: what bears it is whole.
    std::fs::rename(&part, to).with_context(|| format!("{} cannot be renamed", part.display()))?;
    let mega = copied.bytes / 1_000_000;
    println!(
        "{} holds the history of {} tags ({} files, {mega} MB), the records and {others} other files; all were read back",
        to.display(),
        copied.tags,
        copied.files
    );
    Ok(ExitCode::SUCCESS)
}

/// Whether a path, which need not be there yet, leads into a folder.
fn lies_inside(path: &Path, folder: &Path) -> anyhow::Result<bool> {
    let folder = folder.canonicalize().with_context(|| format!("{} cannot be read", folder.display()))?;
    let path = std::path::absolute(path)?;
    Ok(path.ancestors().find_map(|there| there.canonicalize().ok()).is_some_and(|there| there.starts_with(folder)))
}

/// An empty folder beside `to`, in which something is made that is to bear that name when it is whole.
fn fresh_part(to: &Path) -> anyhow::Result<PathBuf> {
    let to = std::path::absolute(to)?;
    let Some(name) = to.file_name() else { bail!("{} is no name for a folder", to.display()) };
    let mut name = name.to_owned();
    name.push(".part");
    let part = to.with_file_name(name);
    if part.exists() {
        std::fs::remove_dir_all(&part)
            .with_context(|| format!("{} of an earlier try cannot be removed", part.display()))?;
    }
    std::fs::create_dir_all(&part).with_context(|| format!("{} cannot be made", part.display()))?;
    Ok(part)
}

/// The files beside history and records, with their permissions: station file, secrets, certificates. Links stay links. Only at the top are
/// there files of ours that are copied otherwise.
fn copy_others(from: &Path, to: &Path, is_top: bool) -> anyhow::Result<usize> {
    let mut count = 0;
    for entry in std::fs::read_dir(from).with_context(|| format!("{} cannot be read", from.display()))? {
        let entry = entry?;
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let is_ours =
            name.to_string_lossy().starts_with(RECORDS_FILE) || name == "polder.lock" || name == HISTORY_FOLDER;
        if is_top && is_ours {
            continue;
        }
        if kind.is_dir() {
            std::fs::create_dir_all(to.join(&name))?;
            count += copy_others(&entry.path(), &to.join(&name), false)?;
        } else if kind.is_symlink() {
            let link = || std::os::unix::fs::symlink(std::fs::read_link(entry.path())?, to.join(&name));
            link().with_context(|| format!("the link {} cannot be copied", entry.path().display()))?;
            count += 1;
        } else if kind.is_file() {
            std::fs::copy(entry.path(), to.join(&name))
                .with_context(|| format!("{} cannot be copied", entry.path().display()))?;
            count += 1;
        }
    }
    Ok(count)
}

/// Puts a backup where a station is to run.
pub(super) fn restore(backup: &Path, to: &Path) -> anyhow::Result<ExitCode> {
    if !backup.join(HISTORY_FOLDER).is_dir() {
        bail!("{} is no backup: it has no folder {HISTORY_FOLDER}", backup.display());
    }
    let is_free = !to.exists() || std::fs::read_dir(to).is_ok_and(|mut entries| entries.next().is_none());
    if !is_free {
        bail!(
            "{} is there already and not empty; nothing was changed. Name an empty folder, or move that one away",
            to.display()
        );
    }
    if lies_inside(to, backup)? {
        bail!("{} lies inside the backup {}. Name a folder elsewhere", to.display(), backup.display());
    }
    let part = fresh_part(to)?;
    let (copied, others) = restore_into(backup, &part, to).inspect_err(|_| drop(std::fs::remove_dir_all(&part)))?;
    println!("{}: the history of {} tags, the records and {others} other files are back", to.display(), copied.tags);
    Ok(ExitCode::SUCCESS)
}

/// Makes all of it in the folder `part`, and gives it its name when it is whole.
fn restore_into(backup: &Path, part: &Path, to: &Path) -> anyhow::Result<(Copied, usize)> {
    let copied = back_up_history(backup, part)?;
    if backup.join(RECORDS_FILE).exists() {
        copy_database(&backup.join(RECORDS_FILE), &part.join(RECORDS_FILE))?;
    }
    let others = copy_others(backup, part, true)?;
    if let Ok(empty) = std::fs::metadata(to) {
        std::fs::set_permissions(part, empty.permissions())?;
    }
    // Takes the place of an empty folder; of one that was filled meanwhile it does not.
    std::fs::rename(part, std::path::absolute(to)?).with_context(|| format!("{} cannot be renamed", part.display()))?;
    Ok((copied, others))
}

/// Looks through all files of history, and, without `check`, saves what can be read out of those that are damaged.
pub(super) fn repair(folder: &Path, check: bool) -> anyhow::Result<ExitCode> {
    if check {
        let wrong = check_history(folder)?;
        wrong.iter().for_each(|what| println!("{what}"));
        if wrong.is_empty() {
            println!("history is whole: every page, every chunk");
            return Ok(ExitCode::SUCCESS);
        }
        return Ok(ExitCode::from(1));
    }
    let _lock = StationLock::take(folder)
        .context("stop it first; while it runs, `polder repair --check` looks without changing")?;
    let repaired = repair_history(folder, SystemClock::new().now().utc)?;
    if repaired.damaged.is_empty() {
        println!("history is whole; nothing was changed");
        return Ok(ExitCode::SUCCESS);
    }
    println!("{} samples were saved; {} rows could not be read", repaired.samples, repaired.lost_rows);
    println!("the rollups of {} hours were made again", repaired.hours);
    repaired.damaged.iter().for_each(|name| println!("kept as it was: {HISTORY_FOLDER}/{name}"));
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests;
