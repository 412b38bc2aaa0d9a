//! What a device can do wrong over TCP.

use super::answer::Ask;
use super::both;
use super::cases::*;
use super::device::{Act, Fault};
use super::trial::FAR;
use Expect::{Bad, Either, Flaky, Works};
use std::sync::Arc;
use std::time::Duration;

fn case(name: &str, fault: Fault, expect: Expect) -> Case {
    Case::new(Flavour::Tcp, name, fault, expect)
}

pub fn all() -> Vec<Case> {
    let codes = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 0x7F, 0x80, 0xFF];
    [header(), contents(), lengths(), cuts(), strangers(), repeats(), connections(), times(), refusals()]
        .into_iter()
        .flatten()
        .chain(both::contents(Flavour::Tcp))
        .chain(both::times(Flavour::Tcp))
        .chain(exceptions(Flavour::Tcp, &codes))
        .collect()
}

fn header() -> Vec<Case> {
    vec![
        case("transaction one too high", spoilt(|a| a.transaction = a.transaction.wrapping_add(1)), Bad(&[UNFIT])),
        case("transaction one too low", spoilt(|a| a.transaction = a.transaction.wrapping_sub(1)), Bad(&[UNFIT])),
        case("transaction 0", spoilt(|a| a.transaction = u16::from(a.transaction == 0)), Bad(&[UNFIT])),
        case("transaction with its high byte turned", spoilt(|a| a.transaction ^= 0xFF00), Bad(&[UNFIT])),
        case("answer to the request before", stale(), Bad(&[UNFIT, SILENT])),
        case("protocol 1", spoilt(|a| a.protocol = 1), Bad(&[UNFIT])),
        case("protocol 256", spoilt(|a| a.protocol = 256), Bad(&[UNFIT])),
        case("unit one too high", spoilt(|a| a.unit += 1), Bad(&[UNFIT])),
        case("unit 0", spoilt(|a| a.unit = 0), Bad(&[UNFIT])),
        case("unit 255", spoilt(|a| a.unit = 255), Bad(&[UNFIT])),
    ]
}

fn stale() -> Fault {
    reads(|ask| match &ask.before {
        Some(before) if !ask.first => vec![send(before)],
        _ => Vec::new(),
    })
}

fn contents() -> Vec<Case> {
    vec![
        case("function 3 for 4", spoilt(|a| a.function = 3), Bad(&[UNFIT])).reads("input"),
        case("function 1 for 3", spoilt(|a| a.function = 1), Bad(&[UNFIT])),
        case("registers behind an error function", spoilt(|a| a.function |= 0x80), Bad(&[UNFIT])),
        case(
            "exception without its code",
            spoilt(|a| {
                a.exception(2);
                a.payload.clear();
            }),
            Bad(&[UNFIT]),
        ),
        case("function alone", spoilt(|a| (a.count, a.payload) = (None, Vec::new())), Bad(&[UNFIT])),
        case("no registers", spoilt(|a| a.registers(0)), Bad(&[UNFIT])),
        case("byte count one short", spoilt(|a| a.count = a.count.map(|count| count - 1)), Bad(&[UNFIT])),
        case("byte count two long", spoilt(|a| a.count = a.count.map(|count| count + 2)), Bad(&[UNFIT])),
        case("123 registers too many", spoilt(|a| a.registers(a.payload.len() / 2 + 123)), Bad(&[UNFIT])),
        case(
            "a byte short, count and all",
            spoilt(|a| {
                a.payload.pop();
                a.count = a.count.map(|count| count - 1);
            }),
            Bad(&[UNFIT]),
        ),
        case("two bytes behind the registers", spoilt(|a| a.payload.extend([0x1A, 0x0A])), Bad(&[UNFIT])),
    ]
}

fn lengths() -> Vec<Case> {
    let by = |by: i16| {
        spoilt(move |a| {
            let right = 3 + a.payload.len() as u16;
            a.length = Some(right.wrapping_add_signed(by));
        })
    };
    let fixed = |length: u16| spoilt(move |a| a.length = Some(length));
    vec![
        case("length 65535", fixed(0xFFFF), Bad(&[UNFIT])),
        case("length 255", fixed(255), Bad(&[UNFIT])),
        case("length 254 and then silence", fixed(254), Bad(&[UNFIT, SILENT])),
        case("length 0", fixed(0), Bad(&[UNFIT])),
        case("length 1", fixed(1), Bad(&[UNFIT])),
        case("length 2", fixed(2), Bad(&[UNFIT])),
        case("length one more than was sent", by(1), Bad(&[UNFIT, SILENT])),
        case("length one less than was sent", by(-1), Bad(&[UNFIT])),
    ]
}

fn cuts() -> Vec<Case> {
    vec![
        case("header cut, then silence", cut(|_| 5, None), Bad(&[UNFIT, SILENT])),
        case("header alone, then silence", cut(|_| 7, None), Bad(&[UNFIT, SILENT])),
        case("answer cut by a byte, then silence", cut(|all| all - 1, None), Bad(&[UNFIT, SILENT])),
        case("one byte, then silence", cut(|_| 1, None), Bad(&[UNFIT, SILENT])),
        case("header cut, then closed", cut(|_| 5, Some(Act::Close)), Bad(&[UNFIT, AWAY])),
        case("answer cut by a byte, then closed", cut(|all| all - 1, Some(Act::Close)), Bad(&[UNFIT, AWAY])),
        case("one byte, then closed", cut(|_| 1, Some(Act::Close)), Bad(&[UNFIT, AWAY])),
        case("answer cut, then reset", cut(|all| all - 2, Some(Act::Reset)), Bad(&[UNFIT, AWAY])),
    ]
}

fn strangers() -> Vec<Case> {
    vec![
        case("a web server", garbage(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"), Bad(&[UNFIT])),
        case("a shell", garbage(b"\xFF\xFD\x18\xFF\xFD\x20login: "), Bad(&[UNFIT])),
        case("a TLS alert", garbage(&[0x15, 3, 1, 0, 2, 2, 0x46]), Bad(&[UNFIT])),
        case("bytes without meaning", garbage(&noise(64)), Bad(&[UNFIT])),
        case("zeros", garbage(&[0; 64]), Bad(&[UNFIT])),
        case("ones", garbage(&[0xFF; 64]), Bad(&[UNFIT])),
        case("64 kilobytes without meaning", garbage(&noise(65_536)), Bad(&[UNFIT])),
        case("a serial frame", reads(|ask| vec![Act::Send(ask.lie().rtu())]), Bad(&[UNFIT])),
        case(
            "a flood that never ends",
            Fault::Idle(Duration::from_millis(2), noise(256)),
            Either(&[UNFIT, AWAY, SILENT]),
        ),
    ]
}

/// Right answers with something beside them. The lies have the right shape, and come when nothing is due.
fn repeats() -> Vec<Case> {
    let foreign = |ask: &Ask| {
        let mut lie = ask.lie();
        lie.transaction = lie.transaction.wrapping_sub(1);
        Act::Send(lie.bytes())
    };
    let last = |ask: &Ask| ask.address == FAR;
    let guess = |ask: &Ask| {
        let mut guess = ask.lie();
        guess.transaction = guess.transaction.wrapping_add(1);
        guess.registers(2);
        guess.bytes()
    };
    vec![
        case("the answer and once more, glued", both::glued(), Either(&[UNFIT])),
        case("the answer and once more, later", both::repeated_later(), Either(&[UNFIT])),
        case(
            "a foreign answer before the right one",
            reads(move |ask| vec![foreign(ask), send(&ask.truth)]),
            Either(&[UNFIT]),
        ),
        case(
            "an answer before its request",
            reads(move |ask| match last(ask) {
                true => vec![Act::Send([ask.truth.bytes(), guess(ask)].concat())],
                false => vec![send(&ask.truth)],
            }),
            Either(&[UNFIT]),
        ),
        case(
            "foreign answers without end",
            reads(move |ask| (0..60).flat_map(|_| [foreign(ask), Act::Pause(10)]).collect()),
            Bad(&[UNFIT, SILENT]),
        ),
        case(
            "answers in reverse order",
            Fault::Together(Arc::new(|asks| asks.iter().rev().map(|ask| send(&ask.truth)).collect())),
            Works,
        ),
        case("answers crossed", Fault::Together(Arc::new(crossed)), Bad(&[UNFIT])),
    ]
}

/// Silence; and whoever connects anew gets what was due on the connection before. It is told by its transaction, if numbers go on from one
/// connection to the next.
pub fn hoarded() -> Vec<Case> {
    let late = reads(|ask| match &ask.before {
        Some(before) if ask.first => vec![send(before)],
        _ => Vec::new(),
    });
    vec![case("answers that wait for the next connection", late, Bad(&[UNFIT, SILENT]))]
}

/// Each request gets the contents of another one, which are of another length; one that is alone, another transaction.
fn crossed(asks: &[Ask]) -> Vec<Act> {
    let cross = |(place, ask): (usize, &Ask)| {
        let mut lie = ask.lie();
        let other = asks[(place + 1) % asks.len()].truth.transaction;
        lie.transaction = if asks.len() == 1 { other.wrapping_add(1) } else { other };
        send(&lie)
    };
    asks.iter().enumerate().map(cross).collect()
}

fn connections() -> Vec<Case> {
    let last = |ask: &Ask| ask.address == FAR;
    vec![
        case("nobody listens", Fault::Refuse, Bad(&[AWAY])),
        case("taken and closed at once", Fault::HangUp, Bad(&[AWAY])),
        case("closed after the request", reads(|_| vec![Act::Close]), Bad(&[AWAY])),
        case("reset after the request", reads(|_| vec![Act::Reset]), Bad(&[AWAY])),
        case("taken and never read", Fault::NeverRead, Bad(&[SILENT])),
        case("silence", reads(|_| Vec::new()), Bad(&[SILENT])),
        case("closed after each answer", reads(|ask| vec![send(&ask.truth), Act::Close]), Either(&[AWAY])),
        case(
            "closed after each poll",
            reads(move |ask| [send(&ask.truth)].into_iter().chain(last(ask).then_some(Act::Close)).collect()),
            Works,
        ),
        case(
            "reset after each poll",
            reads(move |ask| [send(&ask.truth)].into_iter().chain(last(ask).then_some(Act::Reset)).collect()),
            Works,
        ),
    ]
}

fn times() -> Vec<Case> {
    let held = |ask: &Ask| match (&ask.before, ask.number % 2) {
        (_, 0) => Vec::new(),
        (Some(before), _) if !ask.first => vec![send(before), send(&ask.truth)],
        _ => vec![send(&ask.truth)],
    };
    vec![
        case("held back until the next request", reads(held), Flaky(&[SILENT, UNFIT])),
        case("header apart", pieces(|_| 7, 30), Works),
    ]
}

/// Faults of one address: its neighbours go on.
fn refusals() -> Vec<Case> {
    let far = |code: u8| {
        reads(move |ask| match ask.address == FAR {
            true => {
                let mut answer = ask.lie();
                answer.exception(code);
                vec![send(&answer)]
            }
            false => vec![send(&ask.truth)],
        })
    };
    let busy = Bad(&["device: busy"]);
    vec![
        case("one address does not exist", far(2), Bad(&["device: address does not exist"]))
            .only("far")
            .recovers_within(REFUSED),
        case("one address fails", far(4), Bad(&["device: internal failure"])).only("far"),
        case("one address is busy", far(6), busy).only("far"),
    ]
}
