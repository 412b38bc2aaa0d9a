//! The bridges of a running station.

use super::act::ask_running;
use super::output::out_line;
use crate::engine::{BridgeView, Reply, RequestBody};
use anyhow::bail;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What to do with bridges.
#[derive(Debug, clap::Args)]
pub(super) struct BridgesArguments {
    /// Station folder.
    folder: PathBuf,
    /// As JSON.
    #[arg(long, conflicts_with_all = ["stop", "start"])]
    json: bool,
    /// Stop this bridge.
    #[arg(long, value_name = "NAME", conflicts_with = "start")]
    stop: Option<String>,
    /// Start this bridge again.
    #[arg(long, value_name = "NAME")]
    start: Option<String>,
    /// Why; needed to stop one.
    #[arg(long, default_value = "")]
    reason: String,
}

/// Lists the bridges, or stops or starts one.
pub(super) fn bridges(arguments: &BridgesArguments) -> anyhow::Result<ExitCode> {
    let wish = arguments.stop.as_ref().map(|name| (name, false)).or(arguments.start.as_ref().map(|name| (name, true)));
    match wish {
        Some((name, on)) => switch(&arguments.folder, name, on, &arguments.reason),
        None => list(&arguments.folder, arguments.json),
    }
}

fn switch(folder: &Path, name: &str, on: bool, reason: &str) -> anyhow::Result<ExitCode> {
    match ask_running(folder, RequestBody::Bridge { name: name.into(), on, reason: reason.into() })? {
        Reply::Done => {
            out_line!("the bridge {name} is {}", if on { "started" } else { "stopped" });
            Ok(ExitCode::SUCCESS)
        }
        Reply::Refused { why } => bail!("{why}"),
        other => bail!("the station answered something else: {other:?}"),
    }
}

fn list(folder: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let bridges = match ask_running(folder, RequestBody::ListBridges)? {
        Reply::Bridges { bridges } => bridges,
        Reply::Refused { why } => bail!("{why}"),
        other => bail!("the station answered something else: {other:?}"),
    };
    if as_json {
        let lines: Vec<_> = bridges.iter().map(line).collect();
        out_line!("{}", serde_json::to_string_pretty(&lines)?);
        return Ok(ExitCode::SUCCESS);
    }
    if bridges.is_empty() {
        out_line!("this station has no bridges");
    }
    for bridge in &bridges {
        let last = bridge.last_copy.map_or_else(|| "never".to_owned(), crate::tag::Timestamp::to_rfc3339);
        let ends = format!("{} -> {}", bridge.from, bridge.to);
        let state = bridge.state.word();
        out_line!(
            "{:<24} {ends:<48} {state:<8} {:>8} copies, last {last}  {}",
            bridge.name,
            bridge.copies,
            bridge.detail
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn line(bridge: &BridgeView) -> serde_json::Value {
    serde_json::json!({
        "bridge": &*bridge.name, "from": bridge.from, "to": bridge.to, "state": bridge.state.word(), "detail": &*bridge.detail,
        "copies": bridge.copies, "last_copy": bridge.last_copy.map(crate::tag::Timestamp::to_rfc3339), "value": bridge.value,
    })
}
