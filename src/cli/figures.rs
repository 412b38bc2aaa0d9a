//! Looking back on alarms: figures after EEMUA 191 and ISA-18.2, and the journal as a table.

use super::output::{error_line, out, out_line};
use super::{backtest, journal};
use crate::alarm::AlarmDefinition;
use crate::alarm::figures::{Figures, Period};
use crate::config;
use crate::recorder::{RECORDS_FILE, read_record};
use crate::station::SystemClock;
use crate::tag::{Clock, Generation, Timestamp};
use anyhow::{Context, bail};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

/// The standards want at least 30 days.
const USUAL: Duration = Duration::from_secs(30 * 86_400);

/// What to look at.
#[derive(Debug, clap::Args)]
pub(super) struct LookingBack {
    /// Figures after EEMUA 191 and ISA-18.2: rates, floods, chatter, stale alarms, times to acknowledge, against their targets.
    #[arg(long, conflicts_with_all = ["act", "journal"])]
    kpi: bool,
    /// The journal: every change of state.
    #[arg(long, conflicts_with_all = ["act", "json"])]
    journal: bool,
    /// First moment, such as 2026-11-21T14:00:00Z; 30 days before the last one unless given.
    #[arg(long)]
    from: Option<String>,
    /// End, which is not looked at any more; now unless given.
    #[arg(long)]
    to: Option<String>,
    /// As CSV.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    filter: journal::Filter,
    #[command(flatten)]
    pub(super) wish: backtest::Wish,
}

impl LookingBack {
    /// Whether anything of it was asked for.
    pub(super) fn is_wanted(&self) -> bool {
        let by_kind = self.kpi || self.journal || self.csv || self.wish.is_wanted();
        by_kind || self.from.is_some() || self.to.is_some() || self.filter.is_wanted()
    }

    /// The period that is looked at.
    pub(super) fn period(&self) -> anyhow::Result<Period> {
        period(self.from.as_ref(), self.to.as_ref(), USUAL)
    }
}

/// The period that ends at `to`, or now, and begins at `from`, or `usual` before its end.
pub(super) fn period(from: Option<&String>, to: Option<&String>, usual: Duration) -> anyhow::Result<Period> {
    let now = SystemClock::new().now().utc;
    let to = to.map(|text| super::range::moment(text)).transpose()?.unwrap_or(now);
    let from = from.map(|text| super::range::moment(text)).transpose()?.unwrap_or(to.minus(usual));
    if from >= to {
        bail!("the period ends before it begins; --from {} is not before --to {}", from.to_rfc3339(), to.to_rfc3339());
    }
    Ok(Period { from, to })
}

/// The records of a station, running or not.
pub(super) fn records(folder: &Path) -> anyhow::Result<PathBuf> {
    let path = folder.join(RECORDS_FILE);
    if !path.exists() {
        bail!("{} has no records yet; run the station first", folder.display());
    }
    Ok(path)
}

/// The alarms of the station file by name. Without them priorities and areas are not known, which is said and no reason to give up.
pub(super) fn definitions(folder: &Path) -> HashMap<String, AlarmDefinition> {
    match config::load(folder, Generation(1)).into_plant() {
        Ok(plant) => by_name(&plant.plan.alarms),
        Err(problems) => {
            error_line!("The station file cannot be read, so priorities and areas are not known:\n{problems}");
            HashMap::new()
        }
    }
}

pub(super) fn by_name(alarms: &[AlarmDefinition]) -> HashMap<String, AlarmDefinition> {
    alarms.iter().map(|alarm| (alarm.key.to_string(), alarm.clone())).collect()
}

/// The figures of a period.
pub(super) fn figures_of(
    records: &Path,
    period: Period,
    definitions: &HashMap<String, AlarmDefinition>,
) -> anyhow::Result<Figures> {
    let record = read_record(records, period).with_context(|| format!("{} cannot be read", records.display()))?;
    Ok(Figures::of(&record, period, &|alarm| definitions.get(alarm).map(|known| known.priority)))
}

pub(super) fn look_back(folder: &Path, wish: &LookingBack, json: bool) -> anyhow::Result<ExitCode> {
    if wish.wish.is_wanted() {
        return backtest::look_back(folder, wish, json);
    }
    let period = wish.period()?;
    let (records, definitions) = (records(folder)?, definitions(folder));
    if wish.journal {
        return journal::print(&records, period, &definitions, &wish.filter, wish.csv);
    }
    if !wish.kpi {
        bail!(
            "say what to look at: --kpi for figures, --journal for every change of state, --bad-actors, or --backtest ALARM"
        );
    }
    if wish.filter.is_wanted() {
        bail!("figures are of all alarms: --tag, --area, --priority, --actor and --text are for --journal");
    }
    let figures = figures_of(&records, period, &definitions)?;
    match (json, wish.csv) {
        (true, _) => out_line!("{}", serde_json::to_string_pretty(&as_json(&figures)?)?),
        (false, true) => out!("{}", figures.to_csv()),
        (false, false) => print(&figures),
    }
    Ok(ExitCode::SUCCESS)
}

/// The figures, and the table that is made of them. Moments stand in UTC microseconds.
fn as_json(figures: &Figures) -> anyhow::Result<serde_json::Value> {
    let mut json = serde_json::to_value(figures)?;
    json["table"] = serde_json::to_value(figures.table())?;
    Ok(json)
}

fn print(figures: &Figures) {
    let moment = |time: Timestamp| time.to_rfc3339();
    out_line!("From {} to {}, {:.1} days", moment(figures.period.from), moment(figures.period.to), days(figures));
    out_line!();
    for row in figures.table() {
        let line = format!("{:<46} {:>16}   {:<32} {}", row.figure, row.value, row.target, row.judgement.words());
        out_line!("{}", line.trim_end());
    }
    out_line!(
        "\n{:<46} {:>12} {:>8} {:>11} {:>9}",
        "Most frequent alarms",
        "activations",
        "share",
        "chattering",
        "fleeting"
    );
    for alarm in figures.alarms.iter().take(crate::alarm::figures::TOP) {
        out_line!(
            "{:<46} {:>12} {:>6.1} % {:>11} {:>9}",
            alarm.alarm,
            alarm.activations,
            alarm.share * 100.0,
            alarm.chattering,
            alarm.fleeting
        );
    }
    if figures.alarms.is_empty() {
        out_line!("none came");
    }
    if days(figures) < 29.9 {
        out_line!(
            "\nThe targets are meant for at least 30 days and one operator position; a shorter period says less."
        );
    }
}

fn days(figures: &Figures) -> f64 {
    figures.period.seconds() / 86_400.0
}
