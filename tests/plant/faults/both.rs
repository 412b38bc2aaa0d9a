//! What goes wrong in the same way over TCP and on a serial line.

use super::answer::Ask;
use super::cases::*;
use super::device::{Act, Fault};
use Expect::{Bad, Either, Flaky, Works};

/// Frames on a line say nothing of their length: where it does not fit, more may be waited for in vain.
const fn unfit(flavour: Flavour) -> Expect {
    match flavour {
        Flavour::Tcp => Bad(&[UNFIT]),
        Flavour::Serial => Bad(&[UNFIT, SILENT]),
    }
}

/// On a line an answer that comes too late may be met when the step is looked for.
const fn too_late(flavour: Flavour) -> &'static [&'static str] {
    match flavour {
        Flavour::Tcp => &[SILENT],
        Flavour::Serial => &[SILENT, UNFIT],
    }
}

pub fn contents(flavour: Flavour) -> Vec<Case> {
    let case = |name: &str, fault, expect| Case::new(flavour, name, fault, expect);
    let unfit = unfit(flavour);
    let other_exception = spoilt(|a| {
        a.exception(2);
        a.function = 0x84;
    });
    let long_exception = spoilt(|a| {
        a.exception(2);
        a.payload.push(0);
    });
    vec![
        case("function 4 for 3", spoilt(|a| a.function = 4), Bad(&[UNFIT])),
        case("function 6 for 3", spoilt(|a| a.function = 6), unfit),
        case("function 0", spoilt(|a| a.function = 0), unfit),
        case("exception of another function", other_exception, unfit),
        case("exception with a byte too many", long_exception, unfit),
        case("byte count one long", spoilt(|a| a.count = a.count.map(|count| count + 1)), unfit),
        case("byte count zero", spoilt(|a| a.count = Some(0)), Bad(&[UNFIT])),
        case("byte count 255", spoilt(|a| a.count = Some(255)), unfit),
        case("a register short, count and all", spoilt(|a| a.registers(a.payload.len() / 2 - 1)), Bad(&[UNFIT])),
        case("a register long, count and all", spoilt(|a| a.registers(a.payload.len() / 2 + 1)), Bad(&[UNFIT])),
        case("a Modbus ASCII frame", reads(ascii), unfit),
        case("the request comes back alone", reads(|ask| vec![Act::Send(ask.raw.clone())]), unfit),
    ]
}

fn ascii(ask: &Ask) -> Vec<Act> {
    vec![Act::Send(format!(":{:02X}0304{:08X}F1\r\n", ask.unit, 0x1A0A_1A0Au32).into_bytes())]
}

/// The right answer, and behind it a lie of the same shape.
pub fn glued() -> Fault {
    reads(|ask| vec![Act::Send([ask.truth.bytes(), ask.lie().bytes()].concat())])
}

/// The same, when nothing is due.
pub fn repeated_later() -> Fault {
    reads(|ask| vec![send(&ask.truth), Act::Idle(15), send(&ask.lie())])
}

fn late(millis: u64) -> Fault {
    reads(move |ask| vec![Act::Pause(millis), send(&ask.lie())])
}

fn jitter(ask: &Ask) -> Vec<Act> {
    match ask.number % 3 {
        0 => vec![Act::Pause(450), send(&ask.lie())],
        _ => vec![Act::Pause(50), send(&ask.truth)],
    }
}

pub fn times(flavour: Flavour) -> Vec<Case> {
    let case = |name: &str, fault, expect| Case::new(flavour, name, fault, expect);
    let reasons = too_late(flavour);
    // On a line silence within a frame ends it.
    let in_parts = if flavour == Flavour::Tcp { Works } else { Either(&[UNFIT, SILENT]) };
    vec![
        case("slow but in time", reads(|ask| vec![Act::Pause(150), send(&ask.truth)]), Works),
        case("too late by a hair", late(330), Bad(reasons)),
        case("too late", late(450), Bad(reasons)),
        case("nearly as late again", late(560), Bad(reasons)),
        case("sometimes too late", reads(jitter), Flaky(reasons)),
        case("a byte at a time", pieces(|_| 1, 2), Works),
        case("in two parts", pieces(|all| all / 2, 30), in_parts),
        case("a byte at a time, too slowly", pieces(|_| 1, 60), Bad(reasons)),
    ]
}
