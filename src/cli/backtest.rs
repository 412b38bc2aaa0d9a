//! What other settings of an alarm would have made of its history: of one alarm as somebody wishes, or of all bad actors as it is proposed.

use super::figures::{self, LookingBack};
use super::output::out_line;
use crate::alarm::AlarmDefinition;
use crate::alarm::backtest::{Proposal, Setting};
use crate::alarm::figures::{AlarmFigures, Figures};
use crate::config;
use crate::historian::{HISTORY_FOLDER, Reader, SAMPLES_FILE};
use crate::station::{History, ReplayError, Source, SystemClock};
use crate::tag::{Clock, Generation, Timestamp};
use anyhow::{Context, bail};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// Bad actors for which proposals are worked out: those who deal with these have done most of the work.
const WORST: usize = 20;

/// Other settings of an alarm; what is not given stays as it is.
#[derive(Debug, clap::Args)]
pub(super) struct Wish {
    /// Replay history with other settings of this alarm, such as north/pump-1/speed:high.
    #[arg(long, value_name = "ALARM", conflicts_with_all = ["act", "kpi", "journal", "bad_actors", "csv"])]
    pub(super) backtest: Option<String>,
    /// Alarms that chatter or are over before anybody can act, each with the deadband or delay that would have helped most.
    #[arg(long, conflicts_with_all = ["act", "kpi", "journal", "csv"])]
    pub(super) bad_actors: bool,
    /// Another limit of an alarm high-high.
    #[arg(long, requires = "backtest", allow_hyphen_values = true)]
    high_high: Option<f64>,
    /// Another limit of an alarm high.
    #[arg(long, requires = "backtest", allow_hyphen_values = true)]
    high: Option<f64>,
    /// Another limit of an alarm low.
    #[arg(long, requires = "backtest", allow_hyphen_values = true)]
    low: Option<f64>,
    /// Another limit of an alarm low-low.
    #[arg(long, requires = "backtest", allow_hyphen_values = true)]
    low_low: Option<f64>,
    /// Another deadband, in the tag's unit.
    #[arg(long, requires = "backtest")]
    deadband: Option<f64>,
    /// Another on-delay, such as 5s.
    #[arg(long, requires = "backtest", value_parser = super::duration)]
    on_delay: Option<Duration>,
    /// Another off-delay, such as 30s.
    #[arg(long, requires = "backtest", value_parser = super::duration)]
    off_delay: Option<Duration>,
}

impl Wish {
    /// Whether anything of it was asked for.
    pub(super) const fn is_wanted(&self) -> bool {
        self.backtest.is_some() || self.bad_actors
    }

    fn setting(&self, definition: &AlarmDefinition) -> anyhow::Result<Setting> {
        let limits = [("high-high", self.high_high), ("high", self.high), ("low", self.low), ("low-low", self.low_low)];
        let given = limits.into_iter().filter_map(|(word, limit)| Some((word, limit?)));
        let mut setting = Setting {
            limit: None,
            deadband: self.deadband,
            on_delay_seconds: self.on_delay.map(|delay| delay.as_secs_f64()),
            off_delay_seconds: self.off_delay.map(|delay| delay.as_secs_f64()),
        };
        for (word, limit) in given {
            if word != definition.condition.word() {
                bail!(
                    "{} is an alarm {}, so --{word} says nothing about it",
                    definition.key,
                    definition.condition.word()
                );
            }
            setting.limit = Some(limit);
        }
        if setting == Setting::default() {
            bail!("say what should be another: the limit, --deadband, --on-delay or --off-delay");
        }
        if setting.deadband.is_some_and(|deadband| deadband < 0.0 || !deadband.is_finite()) {
            bail!("a deadband is not negative");
        }
        if setting.limit.is_some_and(|limit| !limit.is_finite()) {
            bail!("a limit is a number");
        }
        Ok(setting)
    }
}

pub(super) fn look_back(folder: &Path, wish: &LookingBack, json: bool) -> anyhow::Result<ExitCode> {
    let period = wish.period()?;
    let plan = config::load(folder, Generation(1)).into_plant().map_err(anyhow::Error::msg)?.plan;
    let path = folder.join(HISTORY_FOLDER).join(SAMPLES_FILE);
    if !path.exists() {
        bail!("{} has no history yet", folder.display());
    }
    let (reader, records) = (Reader::open(&path, None)?, figures::records(folder)?);
    let history = History::new(&reader, &records, &plan, period)?;
    match &wish.wish.backtest {
        Some(alarm) => backtest(&history, alarm, &wish.wish, json),
        None => {
            let definitions = figures::by_name(&plan.alarms);
            let figures = figures::figures_of(&records, period, &definitions)?;
            bad_actors(&history, &figures, json)
        }
    }
}

fn backtest(history: &History<'_>, name: &str, wish: &Wish, json: bool) -> anyhow::Result<ExitCode> {
    let alarm = history.alarm(name).with_context(|| {
        format!("there is no alarm \"{name}\"; an alarm is called after its tag and its condition, such as pump-1/speed:high")
    })?;
    let source = history.source(alarm).map_err(|why| anyhow::anyhow!("{name} cannot be replayed: {why}"))?;
    let setting = wish.setting(alarm)?;
    let clock = SystemClock::new();
    let present = History::as_it_is(alarm, &source);
    let other = wished(alarm, &source, setting)?;
    let (comparison, samples) = history.compare(&present, &source, other)?;
    let seconds = clock.now().monotonic.as_micros() as f64 / 1e6;
    if json {
        let json = serde_json::json!({"alarm": name, "setting": setting, "comparison": comparison, "samples": samples});
        out_line!("{}", serde_json::to_string_pretty(&json)?);
        return Ok(ExitCode::SUCCESS);
    }
    out_line!("{name} from {} to {}", history.period.from.to_rfc3339(), history.end.to_rfc3339());
    out_line!("  as it is    {:<60} {:>8} activations", settings_words(alarm), comparison.activations);
    out_line!("  as wished   {:<60} {:>8} activations", settings_words(&setting.apply(alarm)), comparison.changed);
    comparison.words(&Timestamp::to_rfc3339).iter().for_each(|line| out_line!("  {line}"));
    match source {
        Source::Samples(_) => out_line!("{samples} samples were replayed in {seconds:.2} s"),
        Source::Journal(_) => out_line!("{samples} activations of the journal were replayed in {seconds:.2} s"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The alarm with a setting. Of a device, the journal tells only what lasted longer than the present on-delay.
fn wished(alarm: &AlarmDefinition, source: &Source<'_>, setting: Setting) -> anyhow::Result<AlarmDefinition> {
    let wished = setting.apply(alarm);
    if let Source::Samples(_) = source {
        return Ok(wished);
    }
    if wished.off_delay != alarm.off_delay || wished.deadband.to_bits() != alarm.deadband.to_bits() {
        bail!("{} watches a device: it has an on-delay, and neither a deadband nor an off-delay", alarm.key);
    }
    let Some(more) = wished.on_delay.checked_sub(alarm.on_delay) else {
        bail!(
            "what lasted less than the present on-delay of {} s is not recorded, so only a longer one can be tried",
            alarm.on_delay.as_secs_f64()
        );
    };
    Ok(AlarmDefinition { on_delay: more, ..wished })
}

fn settings_words(alarm: &AlarmDefinition) -> String {
    let limit = alarm.condition.limit().map(|limit| format!(" {limit}")).unwrap_or_default();
    let [on, off] = [alarm.on_delay, alarm.off_delay].map(|delay| delay.as_secs_f64());
    format!("{}{limit}, deadband {}, on-delay {on} s, off-delay {off} s", alarm.condition.word(), alarm.deadband)
}

fn bad_actors(history: &History<'_>, figures: &Figures, json: bool) -> anyhow::Result<ExitCode> {
    let actors = figures.bad_actors();
    let mut told = Vec::new();
    for actor in actors.iter().take(WORST) {
        match history.propose_for(actor) {
            Ok(proposal) => told.push((*actor, Ok(proposal))),
            Err(ReplayError::Impossible(why)) => told.push((*actor, Err(why))),
            Err(error) => return Err(error.into()),
        }
    }
    if json {
        let one = |(actor, proposal): &(&AlarmFigures, Result<Proposal, String>)| {
            let (found, why) = (proposal.as_ref().ok(), proposal.as_ref().err());
            serde_json::json!({"figures": actor, "proposal": found, "no_proposal": why})
        };
        out_line!("{}", serde_json::to_string_pretty(&told.iter().map(one).collect::<Vec<_>>())?);
        return Ok(ExitCode::SUCCESS);
    }
    if told.is_empty() {
        out_line!("no alarm chattered, and none was over before anybody could act");
    }
    for (actor, proposal) in &told {
        let counts = format!("{} activations", actor.activations);
        out_line!("{:<46} {counts}, {} chattering, {} fleeting", actor.alarm, actor.chattering, actor.fleeting);
        match proposal {
            Ok(found) => {
                out_line!("    {}", found.setting.words());
                let activations = found.comparison.activations;
                out_line!(
                    "    of {activations} replayed activations: {}",
                    found.comparison.words(&Timestamp::to_rfc3339).join("; ")
                );
            }
            Err(why) => out_line!("    no proposal: {why}"),
        }
    }
    if actors.len() > told.len() {
        out_line!("{} more are less bad than these; deal with these first", actors.len() - told.len());
    }
    Ok(ExitCode::SUCCESS)
}
