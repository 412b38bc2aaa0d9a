//! The alarm journal as a table: every change of state, the oldest first, as far as it is wanted.

use super::output::Output;
use crate::alarm::AlarmDefinition;
use crate::alarm::figures::Period;
use crate::historian::matches_pattern;
use crate::recorder::{JOURNAL_HEAD, JournalRow, visit_journal};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

/// Which rows are wanted; all that are given have to fit.
#[derive(Debug, clap::Args)]
pub(super) struct Filter {
    /// Names of tags or devices whose alarms are wanted; * stands for any text, ? for any character.
    #[arg(long = "tag", num_args = 1..)]
    tags: Vec<String>,
    /// The area, as the station file has it.
    #[arg(long)]
    area: Option<String>,
    /// The priority, as the station file has it.
    #[arg(long, value_parser = ["critical", "high", "medium", "low"])]
    priority: Option<String>,
    /// Who; a part of the name is enough.
    #[arg(long)]
    actor: Option<String>,
    /// Words in the name of the alarm, its message or a comment; capitals do not matter.
    #[arg(long)]
    text: Option<String>,
}

impl Filter {
    /// Whether anything was asked for.
    pub(super) const fn is_wanted(&self) -> bool {
        let by_place = !self.tags.is_empty() || self.area.is_some() || self.priority.is_some();
        by_place || self.actor.is_some() || self.text.is_some()
    }

    fn fits(&self, row: &JournalRow, alarm: Option<&AlarmDefinition>) -> bool {
        let subject = row.alarm.rsplit_once(':').map_or(row.alarm.as_str(), |(subject, _)| subject);
        let fits_tag = self.tags.is_empty() || self.tags.iter().any(|pattern| matches_pattern(pattern, subject));
        let area = alarm.and_then(|alarm| alarm.area.as_deref());
        let fits_area = self.area.is_none() || self.area.as_deref() == area;
        let fits_priority =
            self.priority.as_ref().is_none_or(|word| alarm.is_some_and(|alarm| alarm.priority.word() == word));
        let has = |text: &str, part: &str| text.to_lowercase().contains(&part.to_lowercase());
        let fits_actor =
            self.actor.as_ref().is_none_or(|part| row.actor.as_ref().is_some_and(|actor| has(actor, part)));
        let message = row.message_beside(alarm);
        let fits_text = self
            .text
            .as_ref()
            .is_none_or(|part| [row.alarm.as_str(), message, &row.comment].iter().any(|text| has(text, part)));
        fits_tag && fits_area && fits_priority && fits_actor && fits_text
    }
}

pub(super) fn print(
    records: &Path,
    period: Period,
    definitions: &HashMap<String, AlarmDefinition>,
    filter: &Filter,
    is_csv: bool,
) -> anyhow::Result<ExitCode> {
    let mut out = Output::new();
    if is_csv {
        let mut writer = csv::Writer::from_writer(out);
        writer.write_record(JOURNAL_HEAD)?;
        visit_journal(records, period, |row| {
            let alarm = definitions.get(&row.alarm);
            if filter.fits(&row, alarm) {
                writer.write_record(row.columns(alarm))?;
            }
            anyhow::Ok(())
        })?;
        writer.flush()?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut count = 0u64;
    visit_journal(records, period, |row| {
        if filter.fits(&row, definitions.get(&row.alarm)) {
            count += 1;
            writeln!(out, "{}", words(&row))?;
        }
        anyhow::Ok(())
    })?;
    if count == 0 {
        writeln!(out, "nothing in the journal fits")?;
    }
    Ok(ExitCode::SUCCESS)
}

fn words(row: &JournalRow) -> String {
    let who = row.actor.as_deref().unwrap_or_default();
    let value = row.value.as_deref().unwrap_or_default();
    let (time, alarm) = (row.time.to_rfc3339(), &row.alarm);
    format!("{time}  {alarm:<40} {:<26} {value:>12}  {who}  {}", row.after, row.comment).trim_end().to_owned()
}
