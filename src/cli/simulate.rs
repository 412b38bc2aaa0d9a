//! Stand-in field devices for a station.

use crate::config::parse_address;
use crate::simulate::{self, Options, SerialWay};
use crate::station::SystemClock;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// What to simulate, and how.
#[derive(Debug, clap::Args)]
pub(super) struct SimulateArguments {
    /// Station folder.
    folder: PathBuf,
    /// Write a copy of the station here whose connections lead to the stand-ins, and nowhere else.
    #[arg(long, value_name = "FOLDER")]
    station: Option<PathBuf>,
    /// Address of this computer on which stand-ins listen for devices that are elsewhere.
    #[arg(long, default_value = "127.0.0.1", value_name = "HOST")]
    address: String,
    /// Stop after this long, such as 30s.
    #[arg(long = "for", value_name = "DURATION", value_parser = super::duration)]
    duration: Option<Duration>,
    /// Let nothing move.
    #[arg(long)]
    still: bool,
    /// Another number gives other values.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Serve this end of a serial line; a copy of the station uses the other end.
    #[arg(long, value_name = "CONNECTION=PATH[,OTHER]", value_parser = serial)]
    serial: Vec<SerialWay>,
    /// Publish to this broker, whatever the station file names.
    #[arg(long, value_name = "HOST:PORT", value_parser = broker)]
    broker: Option<(String, u16)>,
    /// Play so many edge nodes of Sparkplug besides that the station file does not name.
    #[arg(long, default_value_t = 0, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(..=100))]
    edge_nodes: u32,
}

fn serial(text: &str) -> Result<SerialWay, String> {
    let wrong = || format!("\"{text}\" names no line; write it as bus=/dev/pts/3 or bus=/dev/pts/3,/dev/pts/4");
    let (connection, paths) = text.split_once('=').ok_or_else(wrong)?;
    let (path, other) = match paths.split_once(',') {
        Some((path, other)) => (path, Some(other.to_owned())),
        None => (paths, None),
    };
    if connection.is_empty() || path.is_empty() || other.as_ref().is_some_and(String::is_empty) {
        return Err(wrong());
    }
    Ok(SerialWay { connection: connection.to_owned(), path: path.to_owned(), other })
}

fn broker(text: &str) -> Result<(String, u16), String> {
    parse_address(text.trim_start_matches("mqtt://").trim_end_matches('/'), 1883)
}

pub(super) fn simulate(arguments: SimulateArguments) -> anyhow::Result<ExitCode> {
    let SimulateArguments { folder, station, address, duration, still, seed, serial, broker, edge_nodes } = arguments;
    let options = Options { address, copy: station, duration, still, seed, serial, broker, edge_nodes };
    simulate::run(&folder, &options, Arc::new(SystemClock::new())).map(|()| ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_have_one_end_or_two() {
        let way = |other: Option<&str>| SerialWay {
            connection: "bus".to_owned(),
            path: "/a".to_owned(),
            other: other.map(str::to_owned),
        };
        assert_eq!((serial("bus=/a"), serial("bus=/a,/b")), (Ok(way(None)), Ok(way(Some("/b")))));
        assert!(serial("bus").is_err() && serial("=/a").is_err() && serial("bus=/a,").is_err());
        assert_eq!(broker("mqtt://127.0.0.1:1884/"), Ok(("127.0.0.1".to_owned(), 1884)));
    }
}
