//! Messages that come in, and their acknowledgement.

use super::*;

#[test]
fn messages_are_acknowledged_when_they_were_taken_in() {
    let up = ["> connect clean=0", "up polder false", "ready"];
    let check = |script: &[Step<'_>], expected: &[&str]| {
        let script: Vec<_> = std::iter::once(Open(TAKEN_3)).chain(script.iter().cloned()).collect();
        check(options(V3, true), &script, &[&up, expected].concat());
    };
    check(&[Get(MESSAGE_1), Pass(1), Acknowledge(0), Acknowledge(0)], &["message a 1", "> puback 5"]);
    check(
        &[Get(MESSAGE_2), Acknowledge(0), Get(RELEASE_2), Get(MESSAGE_2)],
        &["message b 2", "> pubrec 6", "> pubcomp 6", "message b 2"],
    );
    // Sent again before and after it was taken in: told once.
    check(
        &[Get(MESSAGE_2), Get(MESSAGE_2), Acknowledge(0), Get(MESSAGE_2)],
        &["message b 2", "> pubrec 6", "> pubrec 6"],
    );
    // Over a break, whenever it was taken in.
    let again = ["down", "> connect clean=0", "up polder true", "ready"];
    check(
        &[Get(MESSAGE_2), Acknowledge(0), Close, Open(KNOWN_3), Get(MESSAGE_2), Get(RELEASE_2)],
        &[&["message b 2", "> pubrec 6"][..], &again, &["> pubrec 6", "> pubcomp 6"]].concat(),
    );
    check(
        &[Get(MESSAGE_2), Close, Acknowledge(0), Open(KNOWN_3), Get(MESSAGE_2)],
        &[&["message b 2"][..], &again, &["> pubrec 6"]].concat(),
    );
    check(
        &[Get(MESSAGE_2), Close, Open(KNOWN_3), Get(MESSAGE_2), Acknowledge(0)],
        &[&["message b 2"][..], &again, &["> pubrec 6"]].concat(),
    );
    check(
        &[Get(MESSAGE_2), Close, Open(KNOWN_3), Acknowledge(0), Get(MESSAGE_2)],
        &[&["message b 2"][..], &again, &["> pubrec 6"]].concat(),
    );
    // A message of QoS 1 comes again, and its old receipt is worth nothing.
    check(
        &[Get(MESSAGE_1), Close, Open(KNOWN_3), Acknowledge(0), Get(MESSAGE_1), Acknowledge(1)],
        &[&["message a 1"][..], &again, &["held back a", "> puback 5"]].concat(),
    );
    // The broker forgot the session: the same identifier is another message.
    check(
        &[Get(MESSAGE_2), Acknowledge(0), Close, Open(TAKEN_3), Get(MESSAGE_2), Acknowledge(0), Acknowledge(1)],
        &[
            "message b 2",
            "> pubrec 6",
            "down",
            "> connect clean=0",
            "up polder false",
            "ready",
            "message b 2",
            "> pubrec 6",
        ],
    );
    check(&[Get(b"\x62\x02\x00\x09")], &["> pubcomp 9"]);
}

#[test]
fn more_messages_than_agreed_are_said_once_and_taken_in() {
    let message = |id: u8| [b"\x32\x06\x00\x01a\x00".as_slice(), &[id], b"\x00"].concat();
    let up = ["> connect clean=0", "up polder false", "ready"];
    check(
        options(V5, true),
        &[
            Open(TAKEN_5),
            Get(&message(1)),
            Get(&message(2)),
            Acknowledge(0),
            Get(&message(3)),
            Get(&message(4)),
            Get(&message(5)),
            Acknowledge(3),
            Close,
            Open(KNOWN_5),
            Get(&message(1)),
            Get(&message(3)),
            Get(&message(5)),
        ],
        &[
            &up[..],
            &[
                "message a ",
                "message a ",
                "> puback 1",
                "message a ",
                "exceeded 2",
                "message a ",
                "message a ",
                "> puback 4",
                "down",
                "> connect clean=0",
                "up polder true",
                "ready",
                "held back a",
                "held back a",
                "exceeded 2",
                "held back a",
            ],
        ]
        .concat(),
    );
}

#[test]
fn what_is_over_the_limit_is_answered_and_told() {
    let packet = |first: u8, id: &[u8]| {
        let body = [&[0, 1, b'a'], id, &[0; 1200]].concat();
        [&[first, (body.len() & 0x7F) as u8 | 0x80, (body.len() >> 7) as u8], &body[..]].concat()
    };
    for (version, first, id, expected) in [
        (V3, 0x30, &[][..], &["too large: a 1203"][..]),
        (V3, 0x32, &[0, 7], &["> puback 7", "too large: a 1205"]),
        (V5, 0x32, &[0, 7], &["> puback 7 0x83", "too large: a 1205"]),
        (V3, 0x34, &[0, 7], &["> pubrec 7", "too large: a 1205"]),
        (V5, 0x34, &[0, 7], &["> pubrec 7 0x83", "too large: a 1205"]),
    ] {
        let large = packet(first, id);
        let script = [Open(if version == V3 { TAKEN_3 } else { TAKEN_5 }), Get(&large)];
        check(
            options(version, false),
            &script,
            &[&["> connect clean=1", "up polder false", "ready"], expected].concat(),
        );
    }
}

#[test]
fn malformed_packets_end_the_connection_in_words() {
    let up = ["> connect clean=1", "up polder false", "ready"];
    check(
        options(V5, false),
        &[Open(TAKEN_5), Get(b"\x36\x05\x00\x01a\x00\x05")],
        &[&up[..], &["> disconnect 0x81", "end: it sent a PUBLISH with flags that do not exist (0b0110)", "down"]]
            .concat(),
    );
}
