//! What a broker held back, and how its end is known.

use super::*;

/// What the broker held back counts as old until a ping is answered that nothing came before.
#[test]
fn the_backlog_ends_when_a_ping_is_answered_alone() {
    let message = |id: u8| [0x32, 5, 0, 1, b'a', 0, id];
    let (first, second, third, fourth) = (message(7), message(8), message(9), message(10));
    let up = ["> connect clean=0", "> subscribe 1 a", "up polder true"];
    check(
        options(V3, true),
        &[
            Want(&["a"]),
            Open(KNOWN_3),
            Get(&first),
            Pass(0),
            Get(b"\x90\x03\x00\x01\x01"),
            Pass(0),
            // It waits for its acknowledgement until now, and the broker may wait for that.
            Acknowledge(0),
            Pass(0),
            Get(&second),
            Get(b"\xD0\x00"),
            Acknowledge(1),
            Pass(999),
            Pass(1),
            Get(b"\x31\x03\x00\x01a"),
            Get(b"\xD0\x00"),
            Get(&third),
            Close,
            Open(TAKEN_3),
            Get(&fourth),
        ],
        &[
            up[0],
            up[1],
            up[2],
            "held back a",
            "ready",
            "> puback 7",
            "> ping",
            "held back a",
            "> puback 8",
            "> ping",
            "message a ",
            "message a ",
            "down",
            up[0],
            "> subscribe 2 a",
            "up polder false",
            "message a ",
        ],
    );
}

/// Where messages never cease, nothing is proven; it is asked once a second, and not for ever.
#[test]
fn a_backlog_is_not_believed_in_for_ever() {
    let mut bench = Bench::new(options(V3, true));
    bench.step(&Open(KNOWN_3));
    for _ in 0..310 {
        bench.step(&Get(b"\x30\x03\x00\x01a"));
        bench.step(&Get(b"\xD0\x00"));
        bench.step(&Pass(1000));
    }
    let count = |words: &str| bench.log.iter().filter(|line| *line == words).count();
    assert_eq!((count("held back a"), count("message a ")), (300, 10));
    assert!((295..=305).contains(&count("> ping")), "{}", count("> ping"));
}

/// The broker sends the next one as soon as it has our word for one: while it holds any back, as many are under way as it has room for.
#[test]
fn the_backlog_is_over_when_fewer_are_under_way_than_there_is_room_for() {
    let message = |id: u8| [0x32, 5, 0, 1, b'a', 0, id];
    let (first, second, third, fourth, fifth) = (message(1), message(2), message(3), message(4), message(5));
    let up = ["> connect clean=0", "up polder true", "ready"];
    let old = "held back a";
    let begun =
        [Open(KNOWN_3), Get(&first), Get(&second), Get(&third), Pass(0), Acknowledge(0), Acknowledge(1), Pass(0)];
    let asked = [&up[..], &[old, old, old, "> puback 1", "> puback 2", "> ping"]].concat();
    // One of three was under way, and one more came: there was room for a third.
    let script = [&begun[..], &[Get(&fourth), Get(b"\xD0\x00"), Get(&fifth)]].concat();
    check(options(V3, true), &script, &[&asked[..], &[old, "message a "]].concat());
    // Two more came: perhaps there was none.
    let script = [&begun[..], &[Get(&fourth), Get(&fifth), Get(b"\xD0\x00"), Acknowledge(2), Get(&first)]].concat();
    check(options(V3, true), &script, &[&asked[..], &[old, old, "> puback 3", old]].concat());
}

/// A message of QoS 2 is not over before the broker has our last word for it.
#[test]
fn the_backlog_waits_for_the_end_of_an_exchange() {
    let log = |steps: &[Step<'_>]| {
        let mut bench = Bench::new(options(V3, true));
        for step in steps {
            bench.step(step);
        }
        bench.log
    };
    let begun = [Open(KNOWN_3), Get(b"\x34\x05\x00\x01a\x00\x07"), Acknowledge(0), Pass(500)];
    assert!(!log(&begun).contains(&"> ping".to_owned()));
    let ended: Vec<_> = begun.iter().cloned().chain([Get(b"\x62\x02\x00\x07"), Pass(0)]).collect();
    assert_eq!(log(&ended).last().unwrap(), "> ping");
}
