//! Modbus wires and points out of their entries.

use super::compile::{DeviceDraft, TagDraft, scaling};
use super::file::ModbusEntry;
use super::problem::{Place, Problems};
use super::units;
use crate::command::CommandSettings;
use crate::driver::modbus::{Device, Encoding, Kind, MAX_BITS, MAX_REGISTERS, Point, Settings, Table, Transport};
use crate::tag::{DeviceId, TagDefinition, TagId};
use std::collections::HashMap;
use std::time::Duration;

pub(super) fn settings(
    entry: &ModbusEntry,
    connection: usize,
    devices: &[DeviceDraft],
    place: &Place,
    problems: &mut Problems,
) -> Option<Settings> {
    let timeout = entry.timeout.as_ref().and_then(|text| problems.take(&place.at("timeout"), units::duration(text)));
    let timeout = timeout.unwrap_or(Duration::from_secs(1));
    if timeout < Duration::from_millis(10) {
        problems.error(&place.at("timeout"), "a time-out of at least 10ms is needed");
    }
    let transport = transport(entry, place, problems);
    let serial = entry.serial.is_some();
    let here = devices.iter().enumerate().filter(|(_, device)| device.connection == connection);
    let devices = here.map(|(slot, device)| unit(DeviceId(slot as u32), device, serial, problems)).collect();
    Some(Settings { transport: transport?, timeout, devices })
}

fn transport(entry: &ModbusEntry, place: &Place, problems: &mut Problems) -> Option<Transport> {
    match (&entry.tcp, &entry.serial) {
        (Some(address), None) => {
            let (host, port) = problems.take(&place.at("tcp"), units::host_and_port(address, 502))?;
            Some(Transport::Tcp { host: host.into(), port })
        }
        (None, Some(path)) => {
            let stop_bits = entry.stop_bits.unwrap_or(1);
            if !(1..=2).contains(&stop_bits) {
                problems.error(&place.at("stop_bits"), "1 or 2 stop bits are possible");
            }
            let baud = entry.baud.unwrap_or(19_200);
            if !(300..=4_000_000).contains(&baud) {
                problems.error(&place.at("baud"), "300 to 4000000 bits a second are possible");
            }
            let parity = entry.parity.unwrap_or_default();
            Some(Transport::Serial { path: path.as_str().into(), baud, parity, stop_bits })
        }
        _ => {
            problems.error(place, "exactly one of \"tcp\" and \"serial\" is needed");
            None
        }
    }
}

fn unit(id: DeviceId, draft: &DeviceDraft, serial: bool, problems: &mut Problems) -> Device {
    let (entry, place) = (&draft.entry, &draft.place);
    let poll = entry.poll.as_ref().and_then(|text| problems.take(&place.at("poll"), units::duration(text)));
    let poll = poll.unwrap_or(Duration::from_secs(1));
    if poll < Duration::from_millis(10) {
        problems.error(&place.at("poll"), "polls at least 10ms apart are possible");
    }
    let unit = entry.unit.unwrap_or(1);
    if serial && !(1..=247).contains(&unit) {
        problems.error(&place.at("unit"), "units 1 to 247 exist on a serial line");
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
        unit,
        poll,
        points: Vec::new(),
        gap: entry.gap.unwrap_or(if serial { 8 } else { 32 }),
        max_registers: within(entry.max_registers, "max_registers", MAX_REGISTERS, problems),
        max_bits: within(entry.max_bits, "max_bits", MAX_BITS, problems),
    }
}

pub(super) fn point(id: TagId, draft: &TagDraft, device: &DeviceDraft, problems: &mut Problems) -> Option<Point> {
    let (entry, place) = (&draft.entry, &draft.place);
    for (key, given) in [("topic", entry.topic.is_some()), ("json", entry.json.is_some())] {
        if given {
            problems.error(&place.at(key), format!("\"{key}\" belongs to MQTT, and this device speaks Modbus"));
        }
    }
    let Some(register) = &entry.register else {
        problems.error(place, "a tag of a Modbus device needs a \"register\", such as holding:40");
        return None;
    };
    let place = place.at("register");
    let (table, address) = problems.take(&place, units::register(register))?;
    let encoding = encoding(draft, table, problems)?;
    let offset = if draft.prefix.is_empty() { 0 } else { device.entry.offset.unwrap_or(0) };
    let address = u32::from(address) + u32::from(offset);
    let size = if table.is_bits() { 1 } else { u32::from(encoding.registers()) };
    if address + size > 65_536 {
        problems.error(&place, format!("the value ends at address {}, and the last one is 65535", address + size - 1));
        return None;
    }
    if draft.entry.command.is_some() {
        check_writable(draft, table, &encoding, problems);
    }
    Some(Point { tag: id, table, address: address as u16, encoding, scaling: scaling(draft, problems) })
}

fn encoding(draft: &TagDraft, table: Table, problems: &mut Problems) -> Option<Encoding> {
    let (entry, place) = (&draft.entry, &draft.place);
    let usual = if table.is_bits() || entry.bit.is_some() { Kind::Bool } else { Kind::U16 };
    let kind = entry.kind.unwrap_or(usual);
    if table.is_bits() && kind != Kind::Bool {
        problems.error(&place.at("type"), format!("a {} holds one bit; the type is bool", table.word()));
        return None;
    }
    if entry.bit.is_some_and(|bit| bit > 15 || kind != Kind::Bool || table.is_bits()) {
        problems.error(&place.at("bit"), "a bit is 0 to 15 of a register, and the type is bool");
        return None;
    }
    let length = entry.length.unwrap_or(0);
    if (kind == Kind::String) != entry.length.is_some() || length > MAX_REGISTERS * 2 {
        problems.error(&place.at("length"), "a string, and only a string, needs a length of 1 to 250 characters");
        return None;
    }
    if kind == Kind::String && length == 0 {
        problems.error(&place.at("length"), "a string needs at least 1 character");
        return None;
    }
    Some(Encoding { kind, order: entry.order.unwrap_or_default(), bit: entry.bit, length })
}

fn check_writable(draft: &TagDraft, table: Table, encoding: &Encoding, problems: &mut Problems) {
    let place = draft.place.at("command");
    if !table.is_writable() {
        problems.error(&place, format!("a {} register can only be read; coil and holding can be set", table.word()));
    }
    if encoding.bit.is_some() {
        problems.error(&place, "one bit of a register cannot be set; give the whole register a command");
    }
    let command = draft.entry.command.as_ref();
    for (key, given) in [
        ("topic", command.is_some_and(|command| command.topic.is_some())),
        ("payload", command.is_some_and(|command| command.payload.is_some())),
    ] {
        if given {
            problems.error(&place.at(key), format!("\"{key}\" belongs to MQTT, and this device speaks Modbus"));
        }
    }
}

/// What follows from the point for screens and commands.
pub(super) fn describe(
    point: &Point,
    definition: &mut TagDefinition,
    settings: Option<&mut CommandSettings>,
    id: TagId,
    draft: &TagDraft,
) {
    let kind = point.encoding.kind;
    let word = serde_json::to_value(kind).ok().and_then(|word| word.as_str().map(str::to_owned)).unwrap_or_default();
    let order = match point.encoding.registers() {
        1 => String::new(),
        _ => format!(" {}", format!("{:?}", point.encoding.order).to_uppercase()),
    };
    let bit = point.encoding.bit.map_or_else(String::new, |bit| format!(" bit {bit}"));
    definition.address = format!("{}:{} {word}{order}{bit}", point.table.word(), point.address).into();
    let float = matches!(kind, Kind::F32 | Kind::F64) || point.scaling.is_some();
    if draft.entry.decimals.is_none() && !float {
        definition.decimals = 0;
    }
    if let Some(settings) = settings {
        settings.boolean = kind == Kind::Bool;
        settings.text = kind == Kind::String;
        settings.whole = !float && !settings.text && !settings.boolean;
        settings.read_back = settings.read_back.or(Some(id));
        if let Some(scaling) = point.scaling {
            // What was sent is rounded to whole counts.
            let count = ((scaling.engineering[1] - scaling.engineering[0]) / (scaling.raw[1] - scaling.raw[0])).abs();
            settings.tolerance = settings.tolerance.max(count);
        }
    }
}

pub(super) fn address_words(wire: &Settings) -> String {
    match &wire.transport {
        Transport::Tcp { host, port } => format!("Modbus TCP {host}:{port}"),
        Transport::Serial { path, baud, .. } => format!("Modbus RTU {path}, {baud} baud"),
    }
}

/// Overlapping tags are normal (a status word and its bits); two numbers of different types in one place are probably not meant.
pub(super) fn warn_conflicts(drafts: &[TagDraft], problems: &mut Problems) {
    let mut seen: HashMap<(Option<DeviceId>, &str), &TagDraft> = HashMap::new();
    for draft in drafts {
        let Some(register) = &draft.entry.register else { continue };
        if draft.entry.bit.is_some() {
            continue;
        }
        if let Some(first) = seen.insert((draft.device, register), draft)
            && (first.entry.kind != draft.entry.kind || first.entry.order != draft.entry.order)
        {
            let words = format!("{register} is read here and by \"{}\" as different types", first.key);
            problems.warn(&draft.place.at("register"), words);
        }
    }
}
