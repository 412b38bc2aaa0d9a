//! What a device, or the line to it, can do wrong in serial RTU.

use super::both;
use super::cases::*;
use super::device::{Act, Fault};
use Expect::{Bad, Either, Works};
use std::time::Duration;

fn case(name: &str, fault: Fault, expect: Expect) -> Case {
    Case::new(Flavour::Serial, name, fault, expect)
}

pub fn all() -> Vec<Case> {
    [sums(), contents(), cuts(), noises(), echoes()]
        .into_iter()
        .flatten()
        .chain(both::contents(Flavour::Serial))
        .chain(both::times(Flavour::Serial))
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
        case("byte count two short", spoilt(|a| a.count = a.count.map(|count| count - 2)), Bad(&[UNFIT])),
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
    vec![
        case("text", garbage(b"AT+OK\r\n"), Bad(&[UNFIT, SILENT])),
        case("bytes without meaning", garbage(&noise(40)), Bad(&[UNFIT, SILENT])),
        case("zeros", garbage(&[0; 9]), Bad(&[UNFIT, SILENT])),
        case("a frame of Modbus TCP", reads(|ask| vec![Act::Send(ask.lie().tcp())]), Bad(&[UNFIT, SILENT])),
        case("noise before the frame", around(&[0xFF], &[]), Either(&[UNFIT, SILENT])),
        case("noise behind the frame", around(&[], &[0x00, 0xFF]), Either(&[UNFIT, SILENT])),
        case(
            "noise between the frames",
            reads(|ask| vec![send(&ask.truth), Act::Idle(15), Act::Send(noise(5))]),
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
    vec![
        case(
            "the request comes back before the answer",
            reads(|ask| vec![Act::Send([ask.raw.clone(), ask.truth.bytes()].concat())]),
            Either(&[UNFIT, SILENT]),
        ),
        case("the answer and once more, glued", both::glued(), Either(&[UNFIT, SILENT])),
        case("the answer and once more, later", both::repeated_later(), Works),
    ]
}
