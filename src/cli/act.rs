//! Tools that act on a station: on the one that runs, or on one that is started for this command alone.

use super::output::{error_line, out_line};
use super::wires::ask_tool;
use crate::access::Principal;
use crate::audit::RequestId;
use crate::command::{CommandSettings, Confirmation};
use crate::config;
use crate::engine::{PROTOCOL_VERSION, Reply, Request, RequestBody, ToolReply, ToolRequest};
use crate::station::{Station, StationLock, SystemClock, account_name, ask, went_away};
use crate::tag::{Clock, Generation, TagKey, Value};
use anyhow::{Context, bail};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

/// How long devices get to answer for the first time.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

fn request(body: RequestBody) -> Request {
    let now = SystemClock::new().now().utc;
    Request {
        version: PROTOCOL_VERSION,
        id: RequestId::from(format!("{:x}-{:x}-cli", now.as_micros(), std::process::id()).as_str()),
        principal: Principal::person(&account_name()),
        expires: now.plus(Duration::from_secs(30)),
        body,
    }
}

/// Asks the station that runs, or starts one until `ready` says that it can be asked.
pub(super) fn ask_or_start(
    folder: &Path,
    body: RequestBody,
    ready: impl Fn(&Station) -> bool,
) -> anyhow::Result<Reply> {
    let request = request(body);
    if let Some(reply) = ask(folder, &request).context("the running station cannot be asked")? {
        return Ok(reply);
    }
    let station = Station::start(folder, None)?;
    error_line!("No station runs in {}: it was started for this one request.", folder.display());
    let clock = SystemClock::new();
    while !ready(&station) && clock.now().monotonic.as_micros() < FIRST_ANSWER.as_micros() as u64 {
        std::thread::park_timeout(Duration::from_millis(20));
    }
    let is_command = request.body.reaches_the_field();
    let reply = station.handle().submit(request).wait_blocking();
    station.stop();
    match reply {
        None if is_command => Ok(went_away()),
        reply => reply.context("the station stopped before it answered"),
    }
}

/// Asks the station that runs.
pub(super) fn ask_running(folder: &Path, body: RequestBody) -> anyhow::Result<Reply> {
    let reply = ask(folder, &request(body)).context("the running station cannot be asked")?;
    reply.with_context(|| format!("no station runs in {}; start it with: polder run {0}", folder.display()))
}

pub(super) fn scan(folder: &Path, device: &str, on: bool, reason: &str) -> anyhow::Result<ExitCode> {
    match ask_running(folder, RequestBody::Scan { device: device.into(), on, reason: reason.into() })? {
        Reply::Done => {
            out_line!("{device} is {} scan", if on { "on" } else { "off" });
            Ok(ExitCode::SUCCESS)
        }
        Reply::Refused { why } => bail!("{why}"),
        other => bail!("the station answered something else: {other:?}"),
    }
}

pub(super) fn reload(folder: &Path, apply: bool) -> anyhow::Result<ExitCode> {
    let ToolReply::Reload { difference } = ask_tool(folder, ToolRequest::Reload { apply })? else {
        bail!("the station answered something else");
    };
    for (sign, list) in [("+", &difference.added), ("-", &difference.removed), ("~", &difference.changed)] {
        list.iter().for_each(|words| out_line!("{sign} {words}"));
    }
    out_line!(
        "{}",
        match (difference.is_empty(), apply) {
            (true, false) => "nothing is another in the station file",
            (false, false) => "nothing was done; with --apply the station goes on with it",
            (_, true) => "the station goes on with it",
        }
    );
    Ok(ExitCode::SUCCESS)
}

pub(super) fn forget(folder: &Path, pattern: &str) -> anyhow::Result<ExitCode> {
    let names = match StationLock::take(folder) {
        Ok(_held) => crate::station::forget(folder, pattern).map_err(anyhow::Error::msg)?,
        // A station that runs does it, and goes on without the tags.
        Err(_) => match ask_tool(folder, ToolRequest::Forget { pattern: pattern.into() })? {
            ToolReply::Forgotten { names } => names,
            _ => bail!("the station answered something else"),
        },
    };
    names.iter().for_each(|name| out_line!("- {name}"));
    out_line!("{} forgotten", names.len());
    Ok(ExitCode::SUCCESS)
}

pub(super) fn set(folder: &Path, tag: &str, text: &str, reason: &str) -> anyhow::Result<ExitCode> {
    // A station that runs goes on with the file that it read; one that somebody is editing does not keep it from being asked.
    let plant = config::load(folder, Generation(1)).plant;
    let slot = plant.as_ref().and_then(|plant| plant.plan.directory.find(tag));
    let settings = slot.and_then(|slot| plant.as_ref()?.plan.commands.get(&slot));
    let value = parse(settings, text)?;
    let confirmation = Confirmation::CommandLine;
    let body =
        RequestBody::Command { tag: TagKey::from(tag), value, value_seen: None, reason: reason.into(), confirmation };
    let ready = |station: &Station| {
        let snapshot = station.handle().snapshot();
        let live = slot.and_then(|slot| snapshot.live(slot));
        live.is_none_or(|live| live.quality.reason != crate::tag::Reason::NotYetRead)
    };
    match ask_or_start(folder, body, ready)? {
        Reply::Command { outcome, detail } => {
            out_line!("{}: {detail}", outcome.word());
            Ok(ExitCode::from(outcome.exit_code()))
        }
        Reply::Refused { why } => {
            out_line!("refused: {why}");
            Ok(ExitCode::from(2))
        }
        other => bail!("the station gave an answer to another question: {other:?}"),
    }
}

/// A tag that cannot be set is refused by the station, with the words for it; here only the value is read.
fn parse(settings: Option<&CommandSettings>, text: &str) -> anyhow::Result<Value> {
    match settings {
        Some(settings) => Ok(settings.parse(text)?),
        None => {
            let value = Value::parse_number(text).or_else(|_| Value::parse_bool(text));
            Ok(value.unwrap_or_else(|_| Value::Text(text.into())))
        }
    }
}
