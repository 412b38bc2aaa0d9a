//! Tags to a sheet and back.

use super::output::out_line;
use super::tools;
use crate::config::Problem;
use crate::config::table::{self, Dialect, Effect, ExportOptions, ImportOptions, ImportPlan, KeyChange, TagChange};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Changes that are shown one by one; of more, only the number is told.
const SHOWN: usize = 50;

/// What to do with the tags.
#[derive(Debug, clap::Args)]
pub(super) struct TagsArguments {
    /// Station folder.
    folder: PathBuf,
    /// As JSON, with every change.
    #[arg(long, conflicts_with = "export")]
    json: bool,
    /// Show the requests that read them: what is asked together, how often, and how the wires bear it. A station that runs is asked.
    #[arg(long, conflicts_with = "sheet")]
    plan: bool,
    /// Write the tags of the station file to this sheet (CSV); those that templates make are not in it.
    #[arg(long, value_name = "FILE.csv", group = "sheet")]
    export: Option<PathBuf>,
    /// Semicolons between cells and decimal commas, as spreadsheets of many countries want them. An import finds out by itself.
    #[arg(long, requires = "export")]
    semicolons: bool,
    /// Show what this sheet (CSV) would change: rows find tags by name, empty cells remove, columns that are absent stay.
    #[arg(long, value_name = "FILE.csv", group = "sheet")]
    import: Option<PathBuf>,
    /// Write the changes into the station file.
    #[arg(long, requires = "import")]
    apply: bool,
    /// Remove tags that are not in the sheet.
    #[arg(long, requires = "import")]
    remove_missing: bool,
    /// The tags of this template rather than those of the station.
    #[arg(long, value_name = "NAME", requires = "sheet")]
    template: Option<String>,
}

pub(super) fn tags(arguments: &TagsArguments) -> anyhow::Result<ExitCode> {
    if arguments.plan {
        return super::wires::plan(&arguments.folder, arguments.json);
    }
    match (&arguments.export, &arguments.import) {
        (Some(sheet), _) => export(arguments, sheet),
        (_, Some(sheet)) => import(arguments, sheet),
        _ => tools::tags(&arguments.folder, arguments.json),
    }
}

fn export(arguments: &TagsArguments, sheet: &Path) -> anyhow::Result<ExitCode> {
    let dialect = if arguments.semicolons { Dialect::Semicolon } else { Dialect::Comma };
    let options = ExportOptions { template: arguments.template.clone(), dialect };
    match table::export(&arguments.folder, &options) {
        Ok(export) => {
            std::fs::write(sheet, export.text).with_context(|| format!("{} cannot be written", sheet.display()))?;
            out_line!("{} tags were written to {}", export.tags, sheet.display());
            Ok(ExitCode::SUCCESS)
        }
        Err(problems) => {
            problems.iter().for_each(|problem| out_line!("{problem}"));
            Ok(ExitCode::from(1))
        }
    }
}

fn import(arguments: &TagsArguments, sheet: &Path) -> anyhow::Result<ExitCode> {
    let bytes = std::fs::read(sheet).with_context(|| format!("{} cannot be read", sheet.display()))?;
    let options = ImportOptions { template: arguments.template.clone(), remove_missing: arguments.remove_missing };
    let plan = table::plan_import(&arguments.folder, &sheet.display().to_string(), &bytes, &options);
    let written = arguments.apply && plan.is_fine();
    if written {
        table::apply(&arguments.folder, &plan)?;
    }
    match arguments.json {
        true => out_line!("{}", serde_json::to_string_pretty(&as_json(&plan, written))?),
        false => print(&plan, arguments, written),
    }
    Ok(if plan.is_fine() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn as_json(plan: &ImportPlan, written: bool) -> serde_json::Value {
    serde_json::json!({
        "written": written, "files": plan.files().collect::<Vec<_>>(), "changes": plan.changes, "problems": plan.problems,
        "added": plan.count(Effect::Added), "changed": plan.count(Effect::Changed), "removed": plan.count(Effect::Removed),
        "unchanged": plan.unchanged, "not_in_sheet": plan.not_in_sheet,
    })
}

fn print(plan: &ImportPlan, arguments: &TagsArguments, written: bool) {
    plan.problems.iter().for_each(|problem: &Problem| out_line!("{problem}"));
    if !plan.is_fine() {
        out_line!("Nothing was written: the sheet has to be without problems.");
        return;
    }
    plan.changes.iter().take(SHOWN).for_each(|change| out_line!("{}", line(change)));
    if plan.changes.len() > SHOWN {
        out_line!("... and {} more; --json shows all", plan.changes.len() - SHOWN);
    }
    out_line!(
        "{} added, {} changed, {} removed; {} unchanged, {} not in the sheet and left alone",
        plan.count(Effect::Added),
        plan.count(Effect::Changed),
        plan.count(Effect::Removed),
        plan.unchanged,
        plan.not_in_sheet
    );
    match (plan.files().collect::<Vec<_>>().join(", "), written) {
        (files, _) if files.is_empty() => out_line!("There is nothing to write."),
        (files, true) => out_line!("{files} written. A running station takes it up at reload (headless: SIGHUP)."),
        (files, false) => {
            out_line!("This was a dry run. --apply writes {files} in {}.", arguments.folder.display());
        }
    }
}

fn line(change: &TagChange) -> String {
    let keys = |word: fn(&KeyChange) -> String| change.keys.iter().map(word).collect::<Vec<_>>().join(", ");
    match change.effect {
        Effect::Added => format!("+ {}: {}", change.tag, keys(|key| format!("{} {}", key.column, words(&key.new)))),
        Effect::Changed => format!("~ {}: {}", change.tag, keys(key_words)),
        Effect::Removed => format!("- {}", change.tag),
    }
}

fn key_words(change: &KeyChange) -> String {
    let lost = match change.lost.is_empty() {
        true => String::new(),
        false => format!(" (with its {})", change.lost.join(", ")),
    };
    format!("{} {} -> {}{lost}", change.column, words(&change.old), words(&change.new))
}

fn words(value: &Option<serde_json::Value>) -> String {
    match value {
        None => "nothing".to_owned(),
        Some(serde_json::Value::Bool(true)) => "yes".to_owned(),
        Some(value) => value.to_string(),
    }
}
