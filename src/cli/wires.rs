//! What goes over the wires of a station: the plan, the traffic, and the way of one value.

use super::act::ask_running;
use super::output::{self, error_line, out_line};
use crate::config;
use crate::driver::Protocol;
use crate::driver::modbus::capture::write_capture;
use crate::driver::modbus::words::{answer_words, hexadecimal, pdu, request_words};
use crate::driver::modbus::{Exchange, Learned, PlannedRead, TrustLine, UnitPlan, WirePlan, plan_blocks};
use crate::engine::{Reply, RequestBody, ToolReply, ToolRequest};
use crate::station::SystemClock;
use crate::tag::{Clock, Generation, TagKey, Timestamp};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How often the station is asked for new traffic.
const LOOK: Duration = Duration::from_millis(200);

/// What to watch.
#[derive(Debug, clap::Args)]
pub(super) struct TrafficArguments {
    /// Station folder.
    folder: PathBuf,
    /// Name of the connection; needed where the station has several.
    #[arg(long)]
    connection: Option<String>,
    /// Only this unit.
    #[arg(long)]
    unit: Option<u8>,
    /// Only what went wrong.
    #[arg(long)]
    errors: bool,
    /// The bytes as well.
    #[arg(long)]
    bytes: bool,
    /// Write everything to this capture file (pcap) rather than to the screen.
    #[arg(long, value_name = "FILE.pcap")]
    pcap: Option<PathBuf>,
    /// Stop after this long, such as 30s; without it, when it is interrupted.
    #[arg(long = "for", value_name = "DURATION", value_parser = super::duration)]
    duration: Option<Duration>,
}

/// Asks the station that runs for a tool's answer.
pub(super) fn ask_tool(folder: &Path, tool: ToolRequest) -> anyhow::Result<ToolReply> {
    match ask_running(folder, RequestBody::Tool(tool))? {
        Reply::Tool(reply) => Ok(reply),
        Reply::Refused { why } => bail!("{why}"),
        other => bail!("the station answered something else: {other:?}"),
    }
}

pub(super) fn traffic(arguments: &TrafficArguments) -> anyhow::Result<ExitCode> {
    let connection: Arc<str> = connection(arguments)?.into();
    let clock = SystemClock::new();
    let (mut first, mut kept) = (0, Vec::new());
    let limit = arguments.duration.map(|limit| limit.as_micros() as u64);
    let is_rtu = loop {
        let request = ToolRequest::Traffic { connection: Arc::clone(&connection), first };
        let ToolReply::Traffic { exchanges, is_rtu } = ask_tool(&arguments.folder, request)? else {
            bail!("the station answered something else");
        };
        first = exchanges.last().map_or(first, |last| last.number + 1);
        let wanted = exchanges.into_iter().filter(|exchange| is_wanted(arguments, exchange));
        if arguments.pcap.is_some() {
            kept.extend(wanted);
        } else {
            wanted.for_each(|exchange| show(&exchange, is_rtu, arguments.bytes));
        }
        let is_over = limit.is_some_and(|limit| clock.now().monotonic.as_micros() >= limit);
        if is_over || !output::is_open() {
            break is_rtu;
        }
        std::thread::park_timeout(LOOK);
    };
    if let Some(path) = &arguments.pcap {
        let file = std::fs::File::create(path).with_context(|| format!("{} cannot be written", path.display()))?;
        write_capture(&kept, is_rtu, std::io::BufWriter::new(file))?;
        out_line!("{} exchanges were written to {}", kept.len(), path.display());
    }
    Ok(ExitCode::SUCCESS)
}

fn connection(arguments: &TrafficArguments) -> anyhow::Result<String> {
    if let Some(name) = &arguments.connection {
        return Ok(name.clone());
    }
    if arguments.pcap.is_some() && arguments.duration.is_none() {
        bail!("a capture needs an end: give --for, such as --for 30s");
    }
    let plant = config::load(&arguments.folder, Generation(1)).into_plant().map_err(anyhow::Error::msg)?;
    let modbus = plant.connections.iter().filter(|wire| matches!(wire.protocol, Protocol::Modbus(_)));
    let names: Vec<String> = modbus.map(|wire| wire.name.to_string()).collect();
    match names.as_slice() {
        [only] => Ok(only.clone()),
        [] => bail!("this station has no Modbus connection"),
        several => bail!("say which connection: --connection {}", several.join(", or ")),
    }
}

fn is_wanted(arguments: &TrafficArguments, exchange: &Exchange) -> bool {
    arguments.unit.is_none_or(|unit| unit == exchange.unit) && (!arguments.errors || exchange.error.is_some())
}

fn show(exchange: &Exchange, is_rtu: bool, bytes: bool) {
    let answer = match &exchange.error {
        Some(error) => format!("FAILED: {error}"),
        None => answer_words(pdu(&exchange.answer, is_rtu)),
    };
    out_line!(
        "{}  unit {:<3}  {:<44}  {:>8.2} ms  {answer}",
        exchange.time.to_rfc3339(),
        exchange.unit,
        request_words(pdu(&exchange.request, is_rtu)),
        f64::from(exchange.micros) / 1e3,
    );
    if bytes {
        out_line!("    > {}\n    < {}", hexadecimal(&exchange.request), hexadecimal(&exchange.answer));
    }
}

pub(super) fn trace(folder: &Path, tag: &str) -> anyhow::Result<ExitCode> {
    let ToolReply::Trace(line) = ask_tool(folder, ToolRequest::Trace { tag: TagKey::from(tag) })? else {
        bail!("the station answered something else");
    };
    let now = SystemClock::new().now().utc;
    out_line!("{}", trust_words(tag, &line, now));
    Ok(ExitCode::SUCCESS)
}

fn trust_words(tag: &str, line: &TrustLine, now: Timestamp) -> String {
    let raw: Vec<String> = line.raw.iter().map(|register| format!("{register:04X}")).collect();
    let exchange = &line.exchange;
    let age = now.micros_since(exchange.time) as f64 / 1e6;
    let bits = line.bits.map_or_else(String::new, |bits| format!(", {}", bits.words()));
    let number = line.transaction.map_or_else(String::new, |number| format!("number     {number} ({number:04X})\n"));
    format!(
        "tag        {tag}\nregisters  {}   ({} {:?} {:?}{bits})\nplace      {}:{}, unit {}\nanswer     {}\nrequest    {}   ({})\n{number}\
         latency    {:.2} ms\nage        {age:.1} s, read at {}",
        raw.join(" "),
        line.table.word(),
        line.kind,
        line.order,
        line.table.word(),
        line.address,
        exchange.unit,
        hexadecimal(&exchange.answer),
        hexadecimal(&exchange.request),
        request_words(pdu(&exchange.request, line.is_rtu)),
        f64::from(exchange.micros) / 1e3,
        exchange.time.to_rfc3339(),
    )
}

/// How the connections over the network are, and what went over them.
pub(super) fn links(folder: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let ToolReply::Links { links } = ask_tool(folder, ToolRequest::Links)? else {
        bail!("the station answered something else");
    };
    if as_json {
        out_line!("{}", serde_json::to_string_pretty(&links)?);
        return Ok(ExitCode::SUCCESS);
    }
    for link in links {
        out_line!("{:<16} {:<24} {}", link.connection, link.way_words(), link.traffic_words());
        link.tunnel_down.iter().for_each(|why| out_line!("    {why}"));
    }
    Ok(ExitCode::SUCCESS)
}

pub(super) fn plan(folder: &Path, as_json: bool) -> anyhow::Result<ExitCode> {
    let running = ask_tool(folder, ToolRequest::Plan);
    let wires = match running {
        Ok(ToolReply::Plan { wires }) => wires,
        _ => {
            error_line!("No station runs in {}: this is the plan before anything was learned.", folder.display());
            unlearned(folder)?
        }
    };
    if as_json {
        out_line!("{}", serde_json::to_string_pretty(&wires)?);
        return Ok(ExitCode::SUCCESS);
    }
    wires.iter().for_each(|(name, wire)| show_wire(name, wire));
    Ok(ExitCode::SUCCESS)
}

/// The plan out of the station file alone.
fn unlearned(folder: &Path) -> anyhow::Result<Vec<(Arc<str>, WirePlan)>> {
    let plant = config::load(folder, Generation(1)).into_plant().map_err(anyhow::Error::msg)?;
    let wires = plant.connections.iter().filter_map(|wire| {
        let Protocol::Modbus(settings) = &wire.protocol else { return None };
        let units = settings.devices.iter().map(|device| UnitPlan {
            device: Arc::clone(&device.name),
            unit: device.unit,
            condition: crate::driver::Condition::Starting,
            reads: plan_blocks(device, &Learned::default()).iter().map(PlannedRead::unlearned).collect(),
        });
        Some((Arc::clone(&wire.name), WirePlan { units: units.collect(), busy: 0.0, needed: 0.0, takes_one: false }))
    });
    Ok(wires.collect())
}

fn show_wire(name: &str, wire: &WirePlan) {
    let overloaded = if wire.needed > 1.0 { ": OVERLOADED, polls are put off" } else { "" };
    out_line!("{name}: busy {:.1} %, the plan needs {:.1} %{overloaded}", wire.busy * 100.0, wire.needed * 100.0);
    if wire.takes_one {
        out_line!("  {}", WirePlan::TAKES_ONE);
    }
    for unit in &wire.units {
        out_line!("  {} (unit {}, {})", unit.device, unit.unit, unit.condition.word());
        for read in &unit.reads {
            let latency =
                read.latency_micros.map_or_else(|| "-".to_owned(), |us| format!("{:.2} ms", f64::from(us) / 1e3));
            let refused = if read.refused { "  refused by the device" } else { "" };
            out_line!(
                "    {:>8}:{:<5} {:>4} of them, {:>4} tags, every {:>6} ms, {latency:>10}, {:>5.1} % of the wire{refused}",
                read.table.word(),
                read.address,
                read.count,
                read.tags,
                read.poll.as_millis(),
                read.load * 100.0,
            );
        }
    }
}
