//! Which stand-in serves which connection, and where the copy of the station finds it.

use super::Options;
use super::registers::Bank;
use super::respond::Unit;
use super::server::Framing;
use crate::config::{NewWay, Plant};
use crate::driver::Protocol;
use crate::driver::modbus::{Device, SerialLine, Settings, Transport, open_serial};
use anyhow::{Context, bail};
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use tokio::net::TcpListener;

/// Where a broker of the copy is looked for that has no stand-in: nobody listens there.
pub(super) const NOBODY: &str = "127.0.0.1:1";

/// Whether serial frames travel there, host and port.
type Address<'a> = (bool, &'a str, u16);

/// What answers on a wire.
pub(super) enum Port {
    /// A socket.
    Socket(TcpListener, Framing),
    /// A serial line.
    Serial(SerialLine, tokio_serial::SerialStream),
}

/// A wire with the units on it.
pub(super) struct Wire {
    pub(super) port: Port,
    pub(super) units: Vec<Unit>,
}

/// Everything that was opened, and what there is to say about it.
#[derive(Default)]
pub(super) struct Opened {
    pub(super) wires: Vec<Wire>,
    /// Where the connections lead in a copy, by their slot.
    pub(super) ways: HashMap<usize, NewWay>,
    pub(super) words: Vec<String>,
}

/// Whether only programs on this computer can be meant.
pub(super) fn is_loopback(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn address(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Opens a stand-in for each Modbus connection. Connections to one address share it, as they do at the plant.
pub(super) async fn open(plant: &Plant, options: &Options) -> anyhow::Result<Opened> {
    let mut opened = Opened::default();
    let mut sockets: BTreeMap<Address<'_>, Vec<(usize, &Settings)>> = BTreeMap::new();
    for connection in &plant.connections {
        let Protocol::Modbus(wire) = &connection.protocol else { continue };
        let slot = connection.connection.index();
        match &wire.transport {
            Transport::Tcp { host, port, .. } => sockets.entry((false, host, *port)).or_default().push((slot, wire)),
            Transport::RtuOverTcp { host, port } => sockets.entry((true, host, *port)).or_default().push((slot, wire)),
            Transport::Serial(line) => open_line(&mut opened, slot, &connection.name, line, wire, options)?,
        }
    }
    for ((rtu, host, port), sharing) in sockets {
        open_socket(&mut opened, if rtu { Framing::Rtu } else { Framing::Tcp }, (host, port), &sharing, options)
            .await?;
    }
    Ok(opened)
}

async fn open_socket(
    opened: &mut Opened,
    framing: Framing,
    (host, port): (&str, u16),
    sharing: &[(usize, &Settings)],
    options: &Options,
) -> anyhow::Result<()> {
    let listener = listener(host, port, options).await?;
    let bound = listener.local_addr()?;
    let reached = if bound.ip().is_unspecified() { "127.0.0.1".to_owned() } else { bound.ip().to_string() };
    let here = address(&reached, bound.port());
    let there = address(host, port);
    let same = is_loopback(host) && bound.port() == port;
    let stands_in = if same { String::new() } else { format!(", for {there}") };
    let devices: Vec<&Device> = sharing.iter().flat_map(|(_, wire)| &wire.devices).collect();
    describe(opened, &devices, &format!("{here}{stands_in}"));
    for (slot, wire) in sharing {
        let secure = matches!(wire.transport, Transport::Tcp { tls: Some(_), .. });
        if secure {
            opened.words.push(format!("{there} speaks TLS at the plant; its stand-in is in clear"));
        }
        if !same || secure || wire.fallback.is_some() {
            let way = if framing == Framing::Rtu { NewWay::RtuOverTcp } else { NewWay::Tcp };
            opened.ways.insert(*slot, way(here.clone()));
        }
    }
    if !same && options.copy.is_none() {
        opened.words.push(format!(
            "{there} is not of this computer: point the connection to {here}, or let --station FOLDER write a copy of the station that does"
        ));
    }
    opened.wires.push(Wire { port: Port::Socket(listener, framing), units: units(&devices) });
    Ok(())
}

/// On the very port of a loopback address. For others, and where a copy can say it, on a free one.
async fn listener(host: &str, port: u16, options: &Options) -> anyhow::Result<TcpListener> {
    if is_loopback(host) {
        let host = if host.eq_ignore_ascii_case("localhost") { "127.0.0.1" } else { host };
        match TcpListener::bind((host, port)).await {
            Ok(listener) => return Ok(listener),
            Err(error) if options.copy.is_none() => bail!(
                "{} cannot be listened on: {error}. End what listens there, or let --station FOLDER write a copy of the station with free ports",
                address(host, port)
            ),
            Err(_) => {}
        }
    }
    let words = || format!("{} is no address of this computer; --address 127.0.0.1 is", options.address);
    TcpListener::bind((options.address.as_str(), 0)).await.with_context(words)
}

fn open_line(
    opened: &mut Opened,
    slot: usize,
    name: &str,
    line: &SerialLine,
    wire: &Settings,
    options: &Options,
) -> anyhow::Result<()> {
    let Some(way) = options.serial.iter().find(|way| way.connection == name) else {
        opened.ways.insert(slot, NewWay::Serial(format!("no stand-in for {name}")));
        opened.words.push(format!(
            "{name} ({}) has no stand-in: a serial line needs two ends. `socat -d -d pty,raw,echo=0 pty,raw,echo=0` makes them and \
             prints both paths; then --serial {name}=ONE,OTHER serves the one and lets a copy of the station use the other",
            line.path
        ));
        return Ok(());
    };
    let ours = SerialLine { path: way.path.as_str().into(), echo: false, ..line.clone() };
    let stream = open_serial(&ours).map_err(anyhow::Error::msg)?;
    match &way.other {
        Some(other) => drop(opened.ways.insert(slot, NewWay::Serial(other.clone()))),
        None => {
            opened.words.push(format!("{name} stays at {} in a copy: see that it leads to {}", line.path, way.path))
        }
    }
    let devices: Vec<&Device> = wire.devices.iter().collect();
    describe(opened, &devices, &format!("{}, for {}", way.path, line.path));
    opened.wires.push(Wire { port: Port::Serial(ours, stream), units: units(&devices) });
    Ok(())
}

fn describe(opened: &mut Opened, devices: &[&Device], at: &str) {
    for device in devices {
        let count = device.points.len();
        let tags = if count == 1 { "tag" } else { "tags" };
        opened.words.push(format!("{}: unit {} at {at}: {count} {tags}", device.name, device.unit));
    }
}

/// Devices with one number are one unit: nobody on the wire can tell them apart.
fn units(devices: &[&Device]) -> Vec<Unit> {
    let mut by_number: BTreeMap<u8, Vec<&Device>> = BTreeMap::new();
    for device in devices {
        by_number.entry(device.unit).or_default().push(device);
    }
    let unit = |(number, devices): (u8, Vec<&Device>)| Unit {
        number,
        answers_as: devices.iter().find_map(|device| device.quirks.accept_unit).unwrap_or(number),
        name: devices.iter().map(|device| &*device.name).collect::<Vec<_>>().join(", "),
        bank: Bank::of(&devices),
    };
    by_number.into_iter().map(unit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_this_computer() {
        for (host, expected) in [
            ("127.0.0.1", true),
            ("127.8.0.1", true),
            ("::1", true),
            ("LocalHost", true),
            ("10.0.0.7", false),
            ("plc", false),
        ] {
            assert_eq!(is_loopback(host), expected, "{host}");
        }
        assert_eq!((address("::1", 5), address("a", 6)), ("[::1]:5".to_owned(), "a:6".to_owned()));
    }
}
