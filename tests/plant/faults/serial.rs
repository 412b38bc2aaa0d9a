//! What a device, or the line to it, can do wrong in serial RTU.

use super::answer::Ask;
use super::cases::*;
use super::device::{Act, Fault};
use super::trial::FAR;
use Expect::{Bad, Either, Flaky, Works};
use std::time::Duration;

fn case(name: &str, fault: Fault, expect: Expect) -> Case {
    Case::new(Flavour::Serial, name, fault, expect)
}

pub fn all() -> Vec<Case> {
    [sums(), contents(), cuts(), noises(), echoes(), times()]
        .into_iter()
        .flatten()
        .chain(exceptions(Flavour::Serial, &[2, 4, 6, 11]))
        .collect()
}

fn sums() -> Vec<Case> {
    let raw = |change: fn(&mut Vec<u8>)| {
        reads(move |ask| {
            let mut bytes = ask.lie().bytes();
            change(&mut bytes);
            vec![Act::Send(bytes)]
        })
    };
    vec![
        case("check sum one too high", spoilt(|a| a.crc = 1), Bad(&[UNFIT])),
        case("high byte of the check sum wrong", spoilt(|a| a.crc = 0x100), Bad(&[UNFIT])),
        case(
            "check sum the wrong way round",
            raw(|bytes| {
                let end = bytes.len();
                bytes.swap(end - 1, end - 2);
            }),
            Bad(&[UNFIT]),
        ),
        case(
            "check sum zero",
            raw(|bytes| {
                let end = bytes.len();
                bytes[end - 2..].fill(0);
            }),
            Bad(&[UNFIT]),
        ),
        case("a bit turned over on the way", raw(|bytes| bytes[4] ^= 4), Bad(&[UNFIT])),
        case(
            "exception with a wrong check sum",
            spoilt(|a| {
                a.exception(2);
                a.crc = 1;
            }),
            Bad(&[UNFIT]),
        ),
    ]
}

fn contents() -> Vec<Case> {
    vec![
        case("another unit answers", spoilt(|a| a.unit += 1), Bad(&[UNFIT, SILENT])),
        case("unit 0 answers", spoilt(|a| a.unit = 0), Bad(&[UNFIT, SILENT])),
        case("function 4 for 3", spoilt(|a| a.function = 4), Bad(&[UNFIT])),
        case("function 6 for 3", spoilt(|a| a.function = 6), Bad(&[UNFIT, SILENT])),
        case("function 0", spoilt(|a| a.function = 0), Bad(&[UNFIT, SILENT])),
        case(
            "exception of another function",
            spoilt(|a| {
                a.exception(2);
                a.function = 0x84;
            }),
            Bad(&[UNFIT, SILENT]),
        ),
        case(
            "exception with a byte too many",
            spoilt(|a| {
                a.exception(2);
                a.payload.push(0);
            }),
            Bad(&[UNFIT, SILENT]),
        ),
        case("byte count two short", spoilt(|a| a.count = a.count.map(|count| count - 2)), Bad(&[UNFIT])),
        case("byte count one long", spoilt(|a| a.count = a.count.map(|count| count + 1)), Bad(&[UNFIT, SILENT])),
        case("byte count zero", spoilt(|a| a.count = Some(0)), Bad(&[UNFIT])),
        case("byte count 255", spoilt(|a| a.count = Some(255)), Bad(&[UNFIT, SILENT])),
        case("a register short, count and all", spoilt(|a| a.registers(a.payload.len() / 2 - 1)), Bad(&[UNFIT])),
        case("a register long, count and all", spoilt(|a| a.registers(a.payload.len() / 2 + 1)), Bad(&[UNFIT])),
    ]
}

fn cuts() -> Vec<Case> {
    vec![
        case("silence", reads(|_| Vec::new()), Bad(&[SILENT])),
        case("one byte", cut(|_| 1, None), Bad(&[UNFIT, SILENT])),
        case("half an answer", cut(|all| all / 2, None), Bad(&[UNFIT, SILENT])),
        case("answer cut by a byte", cut(|all| all - 1, None), Bad(&[UNFIT, SILENT])),
        case("adapter pulled out", Fault::Unplug, Bad(&[AWAY])),
    ]
}

fn noises() -> Vec<Case> {
    let around = |before: &'static [u8], after: &'static [u8]| {
        reads(move |ask| vec![Act::Send([before, &ask.truth.bytes(), after].concat())])
    };
    let last = |ask: &Ask| ask.address == FAR;
    let ascii = |ask: &Ask| vec![Act::Send(format!(":{:02X}0304{:08X}F1\r\n", ask.unit, 0x1A0A_1A0Au32).into_bytes())];
    vec![
        case("text", garbage(b"AT+OK\r\n"), Bad(&[UNFIT, SILENT])),
        case("bytes without meaning", garbage(&noise(40)), Bad(&[UNFIT, SILENT])),
        case("zeros", garbage(&[0; 9]), Bad(&[UNFIT, SILENT])),
        case("a frame of Modbus TCP", reads(|ask| vec![Act::Send(ask.lie().tcp())]), Bad(&[UNFIT, SILENT])),
        case("a Modbus ASCII frame", reads(ascii), Bad(&[UNFIT, SILENT])),
        case("noise before the frame", around(&[0xFF], &[]), Either(&[UNFIT, SILENT])),
        case("noise behind the frame", around(&[], &[0x00, 0xFF]), Either(&[UNFIT, SILENT])),
        case(
            "noise between the frames",
            reads(move |ask| match last(ask) {
                true => vec![send(&ask.truth), Act::Pause(15), Act::Send(noise(5))],
                false => vec![send(&ask.truth)],
            }),
            Works,
        ),
        case("noise that never ends", Fault::Idle(Duration::from_millis(1), noise(16)), Either(&[AWAY, UNFIT, SILENT])),
        case(
            "another unit's answer before the right one",
            reads(|ask| {
                let mut other = ask.lie();
                other.unit += 1;
                vec![Act::Send([other.bytes(), ask.truth.bytes()].concat())]
            }),
            Either(&[UNFIT, SILENT]),
        ),
    ]
}

fn echoes() -> Vec<Case> {
    let last = |ask: &Ask| ask.address == FAR;
    vec![
        case(
            "the request comes back before the answer",
            reads(|ask| vec![Act::Send([ask.raw.clone(), ask.truth.bytes()].concat())]),
            Either(&[UNFIT, SILENT]),
        ),
        case("the request comes back alone", reads(|ask| vec![Act::Send(ask.raw.clone())]), Bad(&[UNFIT, SILENT])),
        case(
            "the answer and once more, glued",
            reads(|ask| vec![Act::Send([ask.truth.bytes(), ask.lie().bytes()].concat())]),
            Either(&[UNFIT, SILENT]),
        ),
        case(
            "the answer and once more, later",
            reads(move |ask| match last(ask) {
                true => vec![send(&ask.truth), Act::Pause(15), send(&ask.lie())],
                false => vec![send(&ask.truth)],
            }),
            Works,
        ),
    ]
}

fn late(millis: u64) -> Fault {
    reads(move |ask| vec![Act::Pause(millis), send(&ask.lie())])
}

fn times() -> Vec<Case> {
    let jitter = |ask: &Ask| match ask.number % 3 {
        0 => vec![Act::Pause(450), send(&ask.lie())],
        _ => vec![Act::Pause(50), send(&ask.truth)],
    };
    vec![
        case("slow but in time", reads(|ask| vec![Act::Pause(150), send(&ask.truth)]), Works),
        case("too late by a hair", late(330), Bad(&[SILENT, UNFIT])),
        case("too late", late(450), Bad(&[SILENT, UNFIT])),
        case("nearly as late again", late(560), Bad(&[SILENT, UNFIT])),
        case("sometimes too late", reads(jitter), Flaky(&[SILENT, UNFIT])),
        case("a byte at a time", pieces(|_| 1, 2), Works),
        case("in two parts", pieces(|all| all / 2, 30), Either(&[UNFIT, SILENT])),
        case("a byte at a time, too slowly", pieces(|_| 1, 60), Bad(&[SILENT, UNFIT])),
    ]
}
