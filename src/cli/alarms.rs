//! The alarms of a station: listed, acknowledged, reset, set aside and put back.

use super::act::{ask_or_start, ask_running};
use super::figures::{LookingBack, look_back};
use super::output::out_line;
use super::wires::ask_tool;
use crate::alarm::{AlarmKey, OccurrenceId, Priority};
use crate::engine::{AlarmLine, AlarmName, Reply, RequestBody, ToolReply, ToolRequest};
use crate::tag::Timestamp;
use anyhow::bail;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Alarms are named as they are listed: by the number of their activation, or by their name, such as pump-1/speed:high.
#[derive(Debug, clap::Args)]
pub(super) struct AlarmsArguments {
    /// Station folder.
    folder: PathBuf,
    /// Acknowledge these occurrences.
    #[arg(long, num_args = 1.., group = "act")]
    ack: Vec<u64>,
    /// Acknowledge all that are listed.
    #[arg(long, group = "act")]
    ack_all: bool,
    /// Reset these, whose condition is gone.
    #[arg(long, num_args = 1.., value_name = "ALARM", group = "act")]
    reset: Vec<String>,
    /// Set these aside for a while; needs --reason, and --for or --one-shot.
    #[arg(long, num_args = 1.., value_name = "ALARM", group = "act")]
    shelve: Vec<String>,
    /// Take these from the shelf.
    #[arg(long, num_args = 1.., value_name = "ALARM", group = "act")]
    unshelve: Vec<String>,
    /// Take these out of service, for maintenance or repair; needs --reason.
    #[arg(long, num_args = 1.., value_name = "ALARM", group = "act")]
    out_of_service: Vec<String>,
    /// Put these back into service.
    #[arg(long, num_args = 1.., value_name = "ALARM", group = "act")]
    return_to_service: Vec<String>,
    /// Say something about these with --comment, and do nothing else to them.
    #[arg(long, num_args = 1.., value_name = "ALARM", group = "act", requires = "comment")]
    comment_on: Vec<String>,
    /// Silence what sounds at the running station, as F3 does in its window. Nothing is acknowledged.
    #[arg(long, group = "act")]
    silence: bool,
    /// How long they are shelved, such as 30m or 2h; the station file says how long at most.
    #[arg(long = "for", value_name = "DURATION", value_parser = super::duration, requires = "shelve")]
    length: Option<Duration>,
    /// End the shelf as soon as the condition is gone.
    #[arg(long, requires = "shelve")]
    one_shot: bool,
    /// Put them back into service at this time (RFC 3339); by hand where it is not given.
    #[arg(long, value_name = "TIME", requires = "out_of_service")]
    until: Option<String>,
    /// Why they are set aside.
    #[arg(long, default_value = "")]
    reason: String,
    /// What to say about it.
    #[arg(long, default_value = "")]
    comment: String,
    /// List those that are set aside too.
    #[arg(long)]
    all: bool,
    /// As JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    looking_back: LookingBack,
}

pub(super) fn alarms(arguments: &AlarmsArguments) -> anyhow::Result<ExitCode> {
    let folder = &arguments.folder;
    if arguments.looking_back.is_wanted() {
        return look_back(folder, &arguments.looking_back, arguments.json);
    }
    if arguments.silence {
        return silence(folder);
    }
    if let Some((body, done)) = act(arguments)? {
        return say(&ask_running(folder, body)?, done);
    }
    let Reply::Alarms { alarms, set_aside } = ask_or_start(folder, RequestBody::ListAlarms, |_| true)? else {
        bail!("the station gave an answer to another question");
    };
    let occurrences: Vec<OccurrenceId> = if arguments.ack_all {
        alarms.iter().filter(|alarm| alarm.state.needs_acknowledgement()).map(|alarm| alarm.occurrence).collect()
    } else {
        arguments.ack.iter().map(|number| OccurrenceId(*number)).collect()
    };
    if occurrences.is_empty() {
        let listed: Vec<AlarmLine> =
            alarms.into_iter().chain(set_aside.into_iter().filter(|_| arguments.all)).collect();
        return print(&listed, arguments.json);
    }
    acknowledge(folder, occurrences, &arguments.comment)
}

fn silence(folder: &Path) -> anyhow::Result<ExitCode> {
    match ask_tool(folder, ToolRequest::Silence)? {
        ToolReply::Silenced { sounded: true } => out_line!("silenced; nothing was acknowledged"),
        ToolReply::Silenced { sounded: false } => out_line!("nothing sounds"),
        other => bail!("the station gave an answer to another question: {other:?}"),
    }
    Ok(ExitCode::SUCCESS)
}

/// What is asked for besides acknowledging, and the word for it when it is done.
fn act(arguments: &AlarmsArguments) -> anyhow::Result<Option<(RequestBody, &'static str)>> {
    let words = if arguments.comment.is_empty() { &arguments.reason } else { &arguments.comment };
    let (reason, comment): (Arc<str>, Arc<str>) = (arguments.reason.as_str().into(), words.as_str().into());
    let some = |names: &[String]| (!names.is_empty()).then(|| names.iter().map(|name| named(name)).collect());
    if let Some(alarms) = some(&arguments.shelve) {
        let (length_seconds, one_shot) = (arguments.length.map(|length| length.as_secs()), arguments.one_shot);
        return Ok(Some((RequestBody::Shelve { alarms, length_seconds, one_shot, reason }, "shelved")));
    }
    if let Some(alarms) = some(&arguments.out_of_service) {
        let until = arguments.until.as_deref().map(|text| {
            let moment = Timestamp::parse_rfc3339(text);
            moment.ok_or_else(|| anyhow::anyhow!("\"{text}\" is no time; write it as 2026-11-21T14:00:00Z"))
        });
        let until = until.transpose()?;
        return Ok(Some((RequestBody::OutOfService { alarms, until, reason }, "taken out of service")));
    }
    let body = if let Some(alarms) = some(&arguments.reset) {
        (RequestBody::Reset { alarms, comment }, "reset")
    } else if let Some(alarms) = some(&arguments.unshelve) {
        (RequestBody::Unshelve { alarms, comment }, "taken from the shelf")
    } else if let Some(alarms) = some(&arguments.return_to_service) {
        (RequestBody::ReturnToService { alarms, comment }, "put back into service")
    } else if let Some(alarms) = some(&arguments.comment_on) {
        (RequestBody::Comment { alarms, comment }, "commented on")
    } else {
        return Ok(None);
    };
    Ok(Some(body))
}

/// A number is an activation; everything else is a name.
fn named(text: &str) -> AlarmName {
    match text.parse() {
        Ok(number) => AlarmName::Occurrence(OccurrenceId(number)),
        Err(_) => AlarmName::Key(AlarmKey::from(text)),
    }
}

fn say(reply: &Reply, done: &str) -> anyhow::Result<ExitCode> {
    match reply {
        Reply::AlarmsDone { count, refused } => {
            out_line!("{count} {done}");
            refused.iter().for_each(|refused| out_line!("refused: {refused}"));
            Ok(if refused.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(2) })
        }
        Reply::Refused { why } => {
            out_line!("refused: {why}");
            Ok(ExitCode::from(2))
        }
        other => bail!("the station gave an answer to another question: {other:?}"),
    }
}

fn acknowledge(folder: &Path, occurrences: Vec<OccurrenceId>, comment: &str) -> anyhow::Result<ExitCode> {
    let body = RequestBody::Acknowledge { occurrences, comment: comment.into() };
    match ask_or_start(folder, body, |_| true)? {
        Reply::Acknowledged { count, already, gone, set_aside } => {
            let aside = if set_aside > 0 { format!(", {set_aside} are set aside") } else { String::new() };
            out_line!("{count} acknowledged, {already} had been before, {gone} are over{aside}");
            Ok(if gone + set_aside == 0 { ExitCode::SUCCESS } else { ExitCode::from(2) })
        }
        other => say(&other, "acknowledged"),
    }
}

fn print(alarms: &[AlarmLine], json: bool) -> anyhow::Result<ExitCode> {
    if json {
        let lines = alarms.iter().map(for_programs).collect::<Result<Vec<_>, _>>()?;
        out_line!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(ExitCode::SUCCESS);
    }
    if alarms.is_empty() {
        out_line!("nothing is in alarm");
    }
    alarms.iter().for_each(|alarm| out_line!("{}", line(alarm)));
    Ok(ExitCode::SUCCESS)
}

/// The same as JSON, with its times as the event stream writes them.
fn for_programs(alarm: &AlarmLine) -> serde_json::Result<serde_json::Value> {
    let mut line = serde_json::to_value(alarm)?;
    line["raised"] = alarm.raised.to_rfc3339().into();
    if let Some(until) = alarm.until {
        line["until"] = until.to_rfc3339().into();
    }
    Ok(line)
}

fn line(alarm: &AlarmLine) -> String {
    let hides = if alarm.hides > 0 { format!("  (hides {})", alarm.hides) } else { String::new() };
    let first = if alarm.first_out { "  (first of its group)" } else { "" };
    let by = alarm.by.as_ref().map_or_else(String::new, |by| {
        let until = alarm.until.map_or_else(String::new, |until| format!(" until {}", until.to_rfc3339()));
        let reason = alarm.reason.as_deref().unwrap_or_default();
        format!("  {} by {by}{until}: {reason} (condition {})", alarm.alarm, alarm.condition)
    });
    let occurrence = if alarm.occurrence.0 == 0 { "-".to_owned() } else { alarm.occurrence.to_string() };
    let (number, state, raised) = (Priority::number(alarm.priority), alarm.state.word(), alarm.raised.to_rfc3339());
    format!("{occurrence:>6}  {number} {state:<26} {raised}  {}{first}{hides}{by}", alarm.message)
}
