//! Samples in a file of their own.

use super::dialect::{DialectArguments, local_offset};
use super::history::{open, tell_missing};
use super::output::out_line;
use super::range::RangeArguments;
use crate::historian::{Dialect, ExportOptions, Setting, export_parquet, export_table, write_whole};
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// What to export.
#[derive(Debug, clap::Args)]
pub(super) struct ExportArguments {
    /// Station folder.
    folder: PathBuf,
    /// Names of tags; * stands for any text, ? for any character.
    #[arg(long = "tag", required = true, num_args = 1..)]
    tags: Vec<String>,
    /// Which time.
    #[command(flatten)]
    range: RangeArguments,
    /// One line for every such step, such as 10s, rather than every sample.
    #[arg(long, value_parser = super::duration)]
    every: Option<Duration>,
    /// Format of the file: a table as text, or Parquet for pandas, DuckDB and their like.
    #[arg(long, default_value = "csv", value_parser = ["csv", "parquet"])]
    format: String,
    /// How the table is written.
    #[command(flatten)]
    dialect: DialectArguments,
    /// File to write.
    #[arg(long)]
    out: PathBuf,
}

pub(super) fn export(arguments: &ExportArguments) -> anyhow::Result<ExitCode> {
    let reader = open(&arguments.folder)?;
    let [from, to] = arguments.range.moments()?;
    let options = ExportOptions { patterns: arguments.tags.clone(), from, to, every: arguments.every };
    tell_missing(&reader, from)?;
    let offset = local_offset;
    let setting = Setting { dialect: arguments.dialect.dialect()?, offset: &offset, report: &|_| true };
    let plain = setting.dialect == Dialect::default();
    let parquet = arguments.format == "parquet";
    if parquet && !plain {
        bail!("Parquet has one form only: --excel, --layout, --separator, --decimal and --time are for --format csv");
    }
    let written = write_whole(&arguments.out, |out| {
        if parquet {
            export_parquet(&reader, &options, setting.report, out)
        } else {
            export_table(&reader, &options, &setting, out)
        }
    });
    let lines = written.with_context(|| format!("{} was not written", arguments.out.display()))?;
    out_line!("{lines} samples were written to {}", arguments.out.display());
    Ok(ExitCode::SUCCESS)
}
