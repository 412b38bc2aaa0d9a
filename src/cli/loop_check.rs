//! The loop check sheet: every tag with its last check, out of the audit record.

use super::output::out_line;
use crate::config;
use crate::engine::LOOP_CHECK;
use crate::recorder::{AuditLine, RECORDS_FILE, read_actions};
use crate::tag::{Generation, Value};
use anyhow::Context;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Which sheet.
#[derive(Debug, clap::Args)]
pub(super) struct LoopCheckArguments {
    /// Station folder.
    folder: PathBuf,
    /// Write it as a table to this file.
    #[arg(long, value_name = "FILE.csv")]
    csv: Option<PathBuf>,
}

/// What a check says, as the audit record has it.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Detail {
    value: Option<Value>,
    quality: String,
    passed: bool,
    remark: String,
}

/// The columns: tag, unit, value seen, quality, who, when, result, remark.
type Line = [String; 8];

const HEAD: [&str; 8] = ["tag", "unit", "value_seen", "quality", "tested_by", "tested_at", "result", "remark"];

pub(super) fn loop_check(arguments: &LoopCheckArguments) -> anyhow::Result<ExitCode> {
    let lines = lines(&arguments.folder)?;
    match &arguments.csv {
        Some(path) => {
            write(path, &lines).with_context(|| format!("{} cannot be written", path.display()))?;
            out_line!("{} tags were written to {}", lines.len(), path.display());
        }
        None => lines.iter().for_each(|line| out_line!("{}", words(line))),
    }
    let count = |result: &str| lines.iter().filter(|line| line[6] == result).count();
    out_line!("{} passed, {} failed, {} never checked", count("passed"), count("failed"), count("never checked"));
    Ok(ExitCode::SUCCESS)
}

/// The tags of the station file, each with its last check. What the station makes itself needs none.
fn lines(folder: &Path) -> anyhow::Result<Vec<Line>> {
    let plant = config::load(folder, Generation(1)).into_plant().map_err(anyhow::Error::msg)?;
    let records = folder.join(RECORDS_FILE);
    let checks = if records.exists() { read_actions(&records, LOOP_CHECK)? } else { Vec::new() };
    // The oldest first: of several, the last one counts.
    let last: HashMap<&str, &AuditLine> = checks.iter().map(|check| (&*check.subject, check)).collect();
    let tags = plant.plan.directory.tags().iter().filter(|tag| tag.device.is_some());
    Ok(tags.map(|tag| line(tag.key.as_str(), &tag.unit, last.get(tag.key.as_str()).copied())).collect())
}

fn line(tag: &str, unit: &str, check: Option<&AuditLine>) -> Line {
    let Some(check) = check else {
        let empty = String::new;
        return [tag.into(), unit.into(), empty(), empty(), empty(), empty(), "never checked".into(), empty()];
    };
    let detail: Detail = serde_json::from_str(&check.detail).unwrap_or_default();
    let value = detail.value.map_or_else(|| "?".to_owned(), |value| value.to_string());
    let result = if detail.passed { "passed" } else { "failed" };
    let (who, when) = (check.principal.to_string(), check.time.to_rfc3339());
    [tag.into(), unit.into(), value, detail.quality, who, when, result.into(), detail.remark]
}

fn words([tag, unit, value, quality, who, when, result, remark]: &Line) -> String {
    let seen = format!("{value} {unit}");
    format!("{tag:<40} {result:<14} {seen:<20} {quality:<16} {who:<12} {when:<28} {remark}").trim_end().to_owned()
}

fn write(path: &Path, lines: &[Line]) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_path(path)?;
    writer.write_record(HEAD)?;
    lines.iter().try_for_each(|line| writer.write_record(line))?;
    Ok(writer.flush()?)
}
