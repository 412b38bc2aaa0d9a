//! How a wire is reached, and the units on it.

use crate::config::connection_entries::ModbusEntry;
use crate::config::device_entries::HeartbeatEntry;
use crate::config::drafts::DeviceDraft;
use crate::config::problem::{Place, Problems};
use crate::config::tls::TlsFiles;
use crate::config::units;
use crate::driver::modbus::{
    Device, Heartbeat, MAX_BITS, MAX_REGISTERS, Quirks, SerialLine, Settings, Table, Transport,
};
use crate::tag::DeviceId;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// An answer on a socket may take this long where nothing is said.
const SOCKET_TIMEOUT: Duration = Duration::from_secs(1);
/// A device on a serial line may think this long where nothing is said; the time of the characters comes on top.
const SERIAL_TIMEOUT: Duration = Duration::from_millis(200);
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(10);
const SHORTEST_BEAT: Duration = Duration::from_millis(100);
const MOST_IN_FLIGHT: u8 = 32;

pub(in crate::config) fn settings(
    entry: &ModbusEntry,
    connection: usize,
    devices: &[DeviceDraft],
    folder: &Path,
    place: &Place,
    problems: &mut Problems,
) -> Option<Settings> {
    let transport = transport(entry, folder, place, problems);
    let serial = transport.as_ref().is_some_and(|transport| matches!(transport, Transport::Serial(_)));
    let usual = if serial { SERIAL_TIMEOUT } else { SOCKET_TIMEOUT };
    let timeout = timeout(entry.timeout.as_ref(), place, problems).unwrap_or(usual);
    let pause = pause(entry.pause.as_ref(), place, problems);
    let in_flight = entry.in_flight.unwrap_or(1);
    if !(1..=MOST_IN_FLIGHT).contains(&in_flight) {
        problems.error(&place.at("in_flight"), format!("1 to {MOST_IN_FLIGHT} requests can be under way at once"));
    }
    if in_flight > 1 && transport.as_ref().is_some_and(Transport::is_rtu) {
        problems.error(&place.at("in_flight"), "serial frames carry no transaction: only one request can be under way");
    }
    let fallback = transport.as_ref().and_then(|transport| fallback(entry, transport, place, problems));
    let here = devices.iter().enumerate().filter(|(_, device)| device.connection == connection);
    let devices = here
        .filter_map(|(slot, device)| Some(unit(DeviceId(slot as u32), device, transport.as_ref()?, problems)))
        .collect();
    Some(Settings {
        transport: transport?,
        fallback,
        only_via: None,
        is_slow: false,
        timeout,
        pause,
        in_flight,
        devices,
    })
}

fn timeout(text: Option<&String>, place: &Place, problems: &mut Problems) -> Option<Duration> {
    let timeout = problems.take(&place.at("timeout"), units::duration(text?))?;
    if timeout < SHORTEST_TIMEOUT {
        problems.error(&place.at("timeout"), "a time-out of at least 10ms is needed");
    }
    Some(timeout)
}

fn pause(text: Option<&String>, place: &Place, problems: &mut Problems) -> Duration {
    let pause = text.and_then(|text| problems.take(&place.at("pause"), units::duration(text))).unwrap_or_default();
    if pause > Duration::from_secs(10) {
        problems.error(&place.at("pause"), "a pause of at most 10s is possible");
    }
    pause
}

fn transport(entry: &ModbusEntry, folder: &Path, place: &Place, problems: &mut Problems) -> Option<Transport> {
    check_keys(entry, place, problems);
    match (&entry.tcp, &entry.tls, &entry.rtu_over_tcp, &entry.serial) {
        (Some(address), None, None, None) => {
            let (host, port) = problems.take(&place.at("tcp"), units::host_and_port(address, 502))?;
            Some(Transport::Tcp { host: host.into(), port, tls: None })
        }
        (None, Some(address), None, None) => {
            let (host, port) = problems.take(&place.at("tls"), units::host_and_port(address, 802))?;
            let files = TlsFiles {
                authority: entry.ca.as_deref(),
                certificate: entry.certificate.as_deref(),
                key: entry.key.as_deref(),
                server_name: entry.server_name.as_deref(),
            };
            let tls = files.settings("\"tls\"", folder, place, problems)?;
            Some(Transport::Tcp { host: host.into(), port, tls: Some(tls) })
        }
        (None, None, Some(address), None) => {
            let (host, port) = problems.take(&place.at("rtu_over_tcp"), units::host_and_port(address, 502))?;
            Some(Transport::RtuOverTcp { host: host.into(), port })
        }
        (None, None, None, Some(path)) => Some(Transport::Serial(serial_line(entry, path, place, problems))),
        _ => {
            problems.error(place, "exactly one of \"tcp\", \"tls\", \"rtu_over_tcp\" and \"serial\" is needed");
            None
        }
    }
}

/// Keys that belong to another way than the one that was chosen are probably not meant.
fn check_keys(entry: &ModbusEntry, place: &Place, problems: &mut Problems) {
    let serial = [
        ("baud", entry.baud.is_some()),
        ("parity", entry.parity.is_some()),
        ("stop_bits", entry.stop_bits.is_some()),
        ("data_bits", entry.data_bits.is_some()),
        ("turnaround", entry.turnaround.is_some()),
        ("echo", entry.echo.is_some()),
    ];
    let secure = [
        ("ca", entry.ca.is_some()),
        ("certificate", entry.certificate.is_some()),
        ("key", entry.key.is_some()),
        ("server_name", entry.server_name.is_some()),
    ];
    for (key, _) in serial.into_iter().filter(|(_, given)| *given && entry.serial.is_none()) {
        problems.error(&place.at(key), format!("\"{key}\" belongs to a serial line"));
    }
    for (key, _) in secure.into_iter().filter(|(_, given)| *given && entry.tls.is_none()) {
        problems.error(&place.at(key), format!("\"{key}\" belongs to \"tls\""));
    }
}

fn serial_line(entry: &ModbusEntry, path: &str, place: &Place, problems: &mut Problems) -> SerialLine {
    let stop_bits = entry.stop_bits.unwrap_or(1);
    if !(1..=2).contains(&stop_bits) {
        problems.error(&place.at("stop_bits"), "1 or 2 stop bits are possible");
    }
    if entry.data_bits.is_some_and(|bits| bits != 8) {
        problems.error(&place.at("data_bits"), "RTU frames need 8 data bits; 7 are for Modbus ASCII");
    }
    let baud = entry.baud.unwrap_or(19_200);
    if !(300..=4_000_000).contains(&baud) {
        problems.error(&place.at("baud"), "300 to 4000000 bits a second are possible");
    }
    let turnaround = entry.turnaround.as_ref();
    let turnaround = turnaround.and_then(|text| problems.take(&place.at("turnaround"), units::duration(text)));
    SerialLine {
        path: path.into(),
        baud,
        parity: entry.parity.unwrap_or_default(),
        stop_bits,
        turnaround: turnaround.unwrap_or_default(),
        echo: entry.echo.unwrap_or(false),
    }
}

/// The same way to another address.
fn fallback(entry: &ModbusEntry, transport: &Transport, place: &Place, problems: &mut Problems) -> Option<Transport> {
    let (text, place) = (entry.fallback.as_ref()?, place.at("fallback"));
    let mut address = |usual: u16| {
        let (host, port) = problems.take(&place, units::host_and_port(text, usual))?;
        Some((Arc::<str>::from(host), port))
    };
    match transport {
        Transport::Serial(line) => Some(Transport::Serial(SerialLine { path: text.as_str().into(), ..line.clone() })),
        Transport::Tcp { tls, .. } => {
            let (host, port) = address(if tls.is_some() { 802 } else { 502 })?;
            Some(Transport::Tcp { host, port, tls: tls.clone() })
        }
        Transport::RtuOverTcp { .. } => {
            let (host, port) = address(502)?;
            Some(Transport::RtuOverTcp { host, port })
        }
    }
}

fn unit(id: DeviceId, draft: &DeviceDraft, transport: &Transport, problems: &mut Problems) -> Device {
    let (entry, place) = (&draft.entry, &draft.place);
    let unit = entry.unit.unwrap_or(1);
    if transport.is_rtu() && unit > 247 {
        problems.error(&place.at("unit"), "units 1 to 247 exist on a serial line, and 0 for a broadcast");
    }
    let within = |value: Option<u16>, key: &str, most: u16, problems: &mut Problems| {
        let value = value.unwrap_or(most);
        if !(1..=most).contains(&value) {
            problems.error(&place.at(key), format!("1 to {most} are possible"));
        }
        value.clamp(1, most)
    };
    Device {
        device: id,
        name: entry.name.as_str().into(),
        unit,
        points: Vec::new(),
        gap: entry.gap.unwrap_or(if transport.is_rtu() { 8 } else { 32 }),
        max_registers: within(entry.max_registers, "max_registers", MAX_REGISTERS, problems),
        max_bits: within(entry.max_bits, "max_bits", MAX_BITS, problems),
        pause: pause(entry.pause.as_ref(), place, problems),
        timeout: timeout(entry.timeout.as_ref(), place, problems),
        quirks: Quirks { write_with: entry.write_with, write_bits: entry.write_bits, accept_unit: entry.accept_unit },
        heartbeat: entry.heartbeat.as_ref().and_then(|beat| {
            if transport.is_rtu() && unit == 0 {
                problems.error(&place.at("heartbeat"), "nobody answers to a broadcast: give each device its heartbeat");
            }
            heartbeat(beat, draft, problems)
        }),
        // A device that is silent to functions it does not know would cost a serial line two time-outs.
        identify: entry.identify.unwrap_or(!transport.is_rtu()) && unit != 0,
    }
}

fn heartbeat(entry: &HeartbeatEntry, draft: &DeviceDraft, problems: &mut Problems) -> Option<Heartbeat> {
    let place = draft.place.at("heartbeat");
    let period = problems.take(&place.at("every"), units::duration(&entry.every))?;
    if period < SHORTEST_BEAT {
        problems.error(&place.at("every"), "beats at least 100ms apart are possible");
    }
    let (table, address) = problems.take(&place.at("register"), units::register(&entry.register))?;
    if !table.is_writable() {
        let words = format!("a {} register can only be read; a coil or a holding register beats", table.word());
        problems.error(&place.at("register"), words);
    }
    let address = if draft.entry.one_based { address.saturating_sub(1) } else { address };
    Some(Heartbeat { table: if table == Table::Coil { Table::Coil } else { Table::Holding }, address, period })
}
