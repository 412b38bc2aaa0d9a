//! Looking into a device: who it is, which units answer, what its registers may mean. Through the station's own connection where it
//! holds one, otherwise over a wire that is opened for this.

use super::broker::{self, MqttArguments};
use super::output::{error_line, error_out, out_line};
use super::tls::TlsArguments;
use super::wires::ask_tool;
use crate::config;
use crate::driver::modbus::plausible::{self, Reading};
use crate::driver::modbus::{Inquiry, Presence, ReadAnswer, ReadWish, Settings, Table};
use crate::driver::{Identity, Protocol};
use crate::engine::{ToolReply, ToolRequest};
use crate::station::{LoneWire, SOCKET_FILE};
use crate::tag::Generation;
use anyhow::{anyhow, bail};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Readings that are shown of each register.
const SHOWN: usize = 3;

/// What to look into.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Browse {
    /// A Modbus device. Nothing is ever written.
    Modbus(Box<ModbusArguments>),
    /// An MQTT broker: its topics, how often they come, and what they say. Nothing is ever published.
    Mqtt(Box<MqttArguments>),
}

/// How to reach the device, and what to ask.
#[derive(Debug, clap::Args)]
pub(super) struct ModbusArguments {
    /// tcp://HOST:PORT, tls://HOST:PORT, rtu-over-tcp://HOST:PORT, serial:///dev/ttyUSB0, or with --station the name of a connection.
    address: String,
    /// Station folder whose connection is used, so that the device is not asked twice at once.
    #[arg(long, value_name = "DIR")]
    station: Option<PathBuf>,
    /// Unit to ask.
    #[arg(long, default_value_t = 1)]
    unit: u8,
    /// Find the units that answer, by reading one register of each. It can be interrupted at any time.
    #[arg(long)]
    scan: bool,
    /// First and last unit of the scan.
    #[arg(long, default_values_t = [1, 247], num_args = 2)]
    units: Vec<u8>,
    /// Table: coil, discrete, input or holding.
    #[arg(long, default_value = "holding", value_parser = table)]
    table: Table,
    /// First address, zero-based.
    #[arg(long = "from", value_name = "ADDRESS", default_value_t = 0)]
    address_from: u16,
    /// How many registers or bits.
    #[arg(long, default_value_t = 10)]
    count: u16,
    /// How long an answer may take; 300ms for each unit of a scan where nothing is said.
    #[arg(long, value_parser = super::duration)]
    timeout: Option<Duration>,
    /// Bits a second of a serial line.
    #[arg(long)]
    baud: Option<u32>,
    /// Parity of a serial line: none, even or odd.
    #[arg(long)]
    parity: Option<String>,
    /// Stop bits of a serial line.
    #[arg(long)]
    stop_bits: Option<u8>,
    /// Certificates.
    #[command(flatten)]
    tls: TlsArguments,
    /// As JSON.
    #[arg(long)]
    json: bool,
}

fn table(word: &str) -> Result<Table, String> {
    let tables = [Table::Coil, Table::Discrete, Table::Input, Table::Holding];
    let found = tables.into_iter().find(|table| table.word() == word);
    found.ok_or_else(|| format!("\"{word}\" is not a table; coil, discrete, input and holding are"))
}

/// Whoever can ask the device.
enum Asker {
    /// The station that holds the connection.
    Station { folder: PathBuf, connection: Arc<str> },
    /// A wire of our own.
    Alone(Box<LoneWire>),
}

impl Asker {
    fn identify(&self, unit: u8) -> anyhow::Result<Identity> {
        match self {
            Self::Station { folder, connection } => {
                match ask_tool(folder, ToolRequest::Identify { connection: Arc::clone(connection), unit })? {
                    ToolReply::Identity(identity) => Ok(identity),
                    other => bail!("the station answered something else: {other:?}"),
                }
            }
            Self::Alone(wire) => wire.ask(|reply| Inquiry::Identify(unit, reply))?.map_err(|why| anyhow!(why)),
        }
    }

    fn read(&self, wish: ReadWish) -> anyhow::Result<ReadAnswer> {
        match self {
            Self::Station { folder, connection } => {
                match ask_tool(folder, ToolRequest::Read { connection: Arc::clone(connection), wish })? {
                    ToolReply::Read(answer) => Ok(answer),
                    other => bail!("the station answered something else: {other:?}"),
                }
            }
            Self::Alone(wire) => wire.ask(|reply| Inquiry::Read(wish, reply))?.map_err(|why| anyhow!(why)),
        }
    }

    fn find(&self, unit: u8, limit: Duration) -> anyhow::Result<Presence> {
        match self {
            Self::Station { folder, connection } => {
                let limit_millis = limit.as_millis() as u64;
                let connection = Arc::clone(connection);
                match ask_tool(folder, ToolRequest::Find { connection, unit, limit_millis })? {
                    ToolReply::Presence { presence } => Ok(presence),
                    other => bail!("the station answered something else: {other:?}"),
                }
            }
            Self::Alone(wire) => Ok(wire.find(unit, limit)),
        }
    }
}

pub(super) fn browse(browse: &Browse) -> anyhow::Result<ExitCode> {
    let arguments = match browse {
        Browse::Modbus(arguments) => arguments,
        Browse::Mqtt(arguments) => return broker::browse(arguments),
    };
    let asker = asker(arguments)?;
    if arguments.scan { scan(&asker, arguments) } else { registers(&asker, arguments) }
}

fn asker(arguments: &ModbusArguments) -> anyhow::Result<Asker> {
    let Some(folder) = &arguments.station else {
        let settings = config::wire(&entry(arguments)?, Path::new(".")).map_err(|words| anyhow!(words))?;
        return Ok(Asker::Alone(Box::new(LoneWire::new(settings)?)));
    };
    let (connection, settings) = of_station(folder, arguments)?;
    if folder.join(SOCKET_FILE).exists() && crate::station::StationLock::take(folder).is_err() {
        return Ok(Asker::Station { folder: folder.clone(), connection });
    }
    let alone = Settings { devices: Vec::new(), fallback: None, ..settings };
    Ok(Asker::Alone(Box::new(LoneWire::new(alone)?)))
}

/// The connection of a station by its name or its address.
fn of_station(folder: &Path, arguments: &ModbusArguments) -> anyhow::Result<(Arc<str>, Settings)> {
    let plant = config::load(folder, Generation(1)).into_plant().map_err(anyhow::Error::msg)?;
    let wanted = entry(arguments).ok().and_then(|entry| config::wire(&entry, folder).ok());
    let same = |settings: &Settings| {
        wanted.as_ref().is_some_and(|wanted| wanted.transport.words() == settings.transport.words())
    };
    for wire in plant.connections {
        if let Protocol::Modbus(settings) = wire.protocol
            && (*wire.name == *arguments.address || same(&settings))
        {
            return Ok((wire.name, settings));
        }
    }
    bail!("the station in {} has no Modbus connection \"{}\"", folder.display(), arguments.address)
}

/// The address and the options as they would stand in a station file.
fn entry(arguments: &ModbusArguments) -> anyhow::Result<serde_json::Value> {
    let (scheme, rest) = arguments.address.split_once("://").unwrap_or(("tcp", &arguments.address));
    let key = match scheme {
        "tcp" => "tcp",
        "tls" => "tls",
        "rtu-over-tcp" => "rtu_over_tcp",
        "serial" => "serial",
        other => bail!("\"{other}\" is not a way to a device; tcp, tls, rtu-over-tcp and serial are"),
    };
    let mut entry = serde_json::json!({ key: rest });
    let mut put = |key: &str, value: Option<serde_json::Value>| {
        if let Some(value) = value {
            entry[key] = value;
        }
    };
    put("baud", arguments.baud.map(Into::into));
    put("parity", arguments.parity.clone().map(Into::into));
    put("stop_bits", arguments.stop_bits.map(Into::into));
    put("timeout", arguments.timeout.map(|limit| format!("{}ms", limit.as_millis()).into()));
    arguments.tls.put_into(&mut entry);
    Ok(entry)
}

fn scan(asker: &Asker, arguments: &ModbusArguments) -> anyhow::Result<ExitCode> {
    let limit = arguments.timeout.unwrap_or(Duration::from_millis(300));
    let (first, last) = (arguments.units[0], arguments.units[1]);
    let mut found = Vec::new();
    for unit in first..=last {
        error_out!("\runit {unit} of {first} to {last}, {} found ", found.len());
        match asker.find(unit, limit)? {
            Presence::Present => {
                error_line!("\runit {unit} answers                              ");
                found.push(unit);
            }
            Presence::Silent => {}
            Presence::NoWire(why) => bail!("{why}"),
        }
    }
    error_line!();
    if arguments.json {
        out_line!("{}", serde_json::json!({ "units": found }));
    } else {
        let list: Vec<String> = found.iter().map(u8::to_string).collect();
        out_line!("{} units answer: {}", found.len(), list.join(", "));
    }
    Ok(ExitCode::SUCCESS)
}

fn registers(asker: &Asker, arguments: &ModbusArguments) -> anyhow::Result<ExitCode> {
    let identity = asker.identify(arguments.unit);
    let (unit, table, address, count) = (arguments.unit, arguments.table, arguments.address_from, arguments.count);
    let answer = asker.read(ReadWish { unit, table, address, count })?;
    if arguments.json {
        let identity = identity.ok();
        out_line!("{}", serde_json::json!({ "identity": identity, "values": answer.values, "micros": answer.micros }));
        return Ok(ExitCode::SUCCESS);
    }
    match identity {
        Ok(identity) => out_line!("unit {unit}: {}", identity.words()),
        Err(why) => out_line!("unit {unit} does not say who it is: {why}"),
    }
    out_line!(
        "{} {} of them from {address}, in {:.2} ms",
        table.word(),
        answer.values.len(),
        f64::from(answer.micros) / 1e3
    );
    for (place, value) in answer.values.iter().enumerate() {
        let at = usize::from(address) + place;
        if table.is_bits() {
            out_line!("{at:>6}  {}", if *value == 0 { "off" } else { "on" });
        } else {
            let likely: Vec<String> =
                plausible::readings(&answer.values[place..]).iter().take(SHOWN).map(words).collect();
            out_line!("{at:>6}  {value:04X}  {value:>6}   {}", likely.join("   "));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn words(reading: &Reading) -> String {
    let kind = serde_json::to_value(reading.kind).ok().and_then(|word| word.as_str().map(str::to_owned));
    format!("{} {} ({} %)", kind.unwrap_or_default(), order_words(reading), reading.score)
}

fn order_words(reading: &Reading) -> String {
    format!("{} {}", format!("{:?}", reading.order).to_uppercase(), reading.value)
}
