//! Where a tag stands in its device, and how its registers are read and written.

use crate::command::CommandSettings;
use crate::config::drafts::{DeviceDraft, TagDraft};
use crate::config::problem::Problems;
use crate::config::tags::scaling;
use crate::config::units;
use crate::driver::modbus::{Bits, Encoding, Kind, MAX_REGISTERS, Point, Table};
use crate::tag::{DeviceId, TagDefinition, TagId};
use std::collections::HashMap;
use std::time::Duration;

const USUAL_POLL: Duration = Duration::from_secs(1);
const SHORTEST_POLL: Duration = Duration::from_millis(10);
/// Registers that functions 16 and 23 can both write (Application Protocol V1.1b3, 6.12 and 6.17).
const MOST_WRITTEN: u16 = 121;

pub(in crate::config) fn point(
    id: TagId,
    draft: &TagDraft,
    device: &DeviceDraft,
    is_rtu: bool,
    problems: &mut Problems,
) -> Option<Point> {
    let (entry, place) = (&draft.entry, &draft.place);
    for (key, given) in
        [("topic", entry.topic.is_some()), ("json", entry.json.is_some()), ("metric", entry.metric.is_some())]
    {
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
    if device.entry.one_based && address == 0 && register.contains(':') {
        problems.error(&place, "this device counts from 1: there is no address 0");
        return None;
    }
    // Modicon numbers such as 40041 count from 1 by themselves.
    let counted = u32::from(device.entry.one_based && register.contains(':'));
    let address = u32::from(address) + u32::from(offset) - counted;
    let size = if table.is_bits() { 1 } else { u32::from(encoding.registers()) };
    if address + size > 65_536 {
        problems.error(&place, format!("the value ends at address {}, and the last one is 65535", address + size - 1));
        return None;
    }
    if draft.entry.command.is_some() {
        check_writable(draft, table, &encoding, problems);
    }
    if device.entry.unit == Some(0) && is_rtu && !draft.entry.write_only {
        let words =
            "unit 0 of a serial line is the broadcast: its tags are \"write_only\", and a command goes to every device";
        problems.error(&draft.place.at("write_only"), words);
    }
    if draft.entry.write_only && draft.entry.command.is_none() {
        problems.error(&draft.place.at("write_only"), "a tag that is only written needs a \"command\"");
    }
    let codes = &draft.entry.not_available;
    Some(Point {
        tag: id,
        table,
        address: address as u16,
        encoding,
        scaling: scaling(draft, problems),
        poll: poll(draft, device, problems),
        not_available: (!codes.is_empty()).then(|| codes.as_slice().into()),
        readable: !draft.entry.write_only,
    })
}

/// The tag's own rate, or that of its device.
fn poll(draft: &TagDraft, device: &DeviceDraft, problems: &mut Problems) -> Duration {
    let (text, place) = match (&draft.entry.poll, &device.entry.poll) {
        (Some(text), _) => (text, draft.place.at("poll")),
        (None, Some(text)) => (text, device.place.at("poll")),
        (None, None) => return USUAL_POLL,
    };
    let poll = problems.take(&place, units::duration(text)).unwrap_or(USUAL_POLL);
    if poll < SHORTEST_POLL {
        problems.error(&place, "polls at least 10ms apart are possible");
    }
    poll
}

/// The bits of the value that count.
fn bits(draft: &TagDraft, kind: Kind, table: Table, problems: &mut Problems) -> Option<Bits> {
    let (entry, place) = (&draft.entry, &draft.place);
    match (entry.bit, entry.bits) {
        (None, None) => None,
        (Some(_), Some(_)) => {
            problems.error(&place.at("bits"), "\"bit\" and \"bits\" exclude each other");
            None
        }
        (Some(bit), None) => {
            if bit > 15 || kind != Kind::Bool || table.is_bits() {
                problems.error(&place.at("bit"), "a bit is 0 to 15 of a register, and the type is bool");
            }
            Some(Bits { low: bit.min(15), count: 1 })
        }
        (None, Some([low, high])) => {
            let most = match kind {
                Kind::U16 => 15,
                Kind::U32 => 31,
                Kind::U64 => 63,
                _ => 0,
            };
            if most == 0 || table.is_bits() {
                problems
                    .error(&place.at("bits"), "a field of bits has the type u16, u32 or u64 and stands in registers");
            } else if low > high || high > most {
                problems.error(
                    &place.at("bits"),
                    format!("the first bit is not above the last, and the last at most {most}"),
                );
            }
            Some(Bits { low: low.min(63), count: high.saturating_sub(low).min(63 - low.min(63)) + 1 })
        }
    }
}

fn encoding(draft: &TagDraft, table: Table, problems: &mut Problems) -> Option<Encoding> {
    let (entry, place) = (&draft.entry, &draft.place);
    let usual = if table.is_bits() || entry.bit.is_some() { Kind::Bool } else { Kind::U16 };
    let kind = entry.kind.unwrap_or(usual);
    if table.is_bits() && kind != Kind::Bool {
        problems.error(&place.at("type"), format!("a {} holds one bit; the type is bool", table.word()));
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
    let bits = bits(draft, kind, table, problems);
    Some(Encoding { kind, order: entry.order.unwrap_or_default(), bits, length })
}

fn check_writable(draft: &TagDraft, table: Table, encoding: &Encoding, problems: &mut Problems) {
    let place = draft.place.at("command");
    if !table.is_writable() {
        problems.error(&place, format!("a {} register can only be read; coil and holding can be set", table.word()));
    }
    if encoding.registers() > MOST_WRITTEN {
        problems.error(&place, format!("at most {MOST_WRITTEN} registers can be written in one request"));
    }
    if encoding.bits.is_some() && encoding.registers() > 1 {
        problems.error(&place, "only bits of one register can be set; give the whole value a command");
    }
    if encoding.bits.is_some() && draft.entry.scale.is_some() {
        problems.error(&place, "a field of bits that is scaled cannot be set; give the whole register a command");
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
pub(in crate::config) fn describe(
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
    let bit = match point.encoding.bits {
        None => String::new(),
        Some(Bits { low, count: 1 }) => format!(" bit {low}"),
        Some(Bits { low, count }) => format!(" bits {low} to {}", low + count - 1),
    };
    definition.address = format!("{}:{} {word}{order}{bit}", point.table.word(), point.address).into();
    let float = matches!(kind, Kind::F32 | Kind::F64) || point.scaling.is_some();
    if draft.entry.decimals.is_none() && !float {
        definition.decimals = 0;
    }
    if let Some(settings) = settings {
        settings.boolean = kind == Kind::Bool;
        settings.text = kind == Kind::String;
        settings.whole = !float && !settings.text && !settings.boolean;
        settings.read_back = settings.read_back.or(point.readable.then_some(id));
        if let Some(scaling) = point.scaling {
            // What was sent is rounded to whole counts.
            let count = ((scaling.engineering[1] - scaling.engineering[0]) / (scaling.raw[1] - scaling.raw[0])).abs();
            settings.tolerance = settings.tolerance.max(count);
        }
    }
}

/// Overlapping tags are normal (a status word and its bits); two numbers of different types in one place are probably not meant.
pub(in crate::config) fn warn_conflicts(drafts: &[TagDraft], problems: &mut Problems) {
    let mut seen: HashMap<(Option<DeviceId>, &str), &TagDraft> = HashMap::new();
    for draft in drafts {
        let Some(register) = &draft.entry.register else { continue };
        if draft.entry.bit.is_some() || draft.entry.bits.is_some() {
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
