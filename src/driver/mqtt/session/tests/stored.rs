//! Identifiers that are kept on the disk: what an earlier run took in, and what is given up when.

use super::*;

/// A message of QoS 2 with the identifier 7, and its release.
const SEVEN: &[u8] = b"\x34\x06\x00\x01a\x00\x07x";
const RELEASE: &[u8] = b"\x62\x02\x00\x07";

#[track_caller]
fn check_kept(known: &[u16], script: &[Step<'_>], expected: &[&str]) {
    let mut bench = Bench::new(Options { acknowledge: super::super::Acknowledge::Stored, ..options(V3, true) });
    let seven = |id: &u16| KnownMessage { id: *id, checksum: crc32fast::hash(b"a\0x") };
    bench.session.know(&known.iter().map(seven).collect::<Vec<_>>());
    for step in script {
        bench.step(step);
    }
    assert_eq!(bench.log, expected, "{script:?}");
}

const UP: [&str; 3] = ["> connect clean=0", "up polder true", "ready"];

#[test]
fn what_an_earlier_run_took_in_is_not_told_again() {
    check_kept(&[7], &[Open(KNOWN_3), Get(SEVEN)], &[&UP[..], &["> pubrec 7"]].concat());
    check_kept(&[8], &[Open(KNOWN_3), Get(SEVEN)], &[&UP[..], &["held back a"]].concat());
}

#[test]
fn an_identifier_is_given_up_only_when_that_is_durable() {
    check_kept(
        &[],
        &[
            Open(KNOWN_3),
            Get(SEVEN),
            Acknowledge(0),
            Get(RELEASE),
            Get(RELEASE),
            Get(SEVEN),
            Acknowledge(1),
            Get(SEVEN),
        ],
        &[&UP[..], &["held back a", "> pubrec 7", "released 7", "> pubrec 7", "> pubcomp 7", "held back a"]].concat(),
    );
    // It became durable while there was no connection: the broker asks again, whatever it asks.
    check_kept(
        &[7],
        &[
            Open(KNOWN_3),
            Get(RELEASE),
            Close,
            Acknowledge(0),
            Open(KNOWN_3),
            Get(SEVEN),
            Get(RELEASE),
            Acknowledge(1),
            Get(SEVEN),
        ],
        &[&UP[..], &["released 7", "down"], &UP[..], &["> pubrec 7", "released 7", "> pubcomp 7", "held back a"]]
            .concat(),
    );
    // Or after the broker has asked again.
    check_kept(
        &[7],
        &[Open(KNOWN_3), Get(RELEASE), Close, Open(KNOWN_3), Get(RELEASE), Acknowledge(0), Acknowledge(1)],
        &[&UP[..], &["released 7", "down"], &UP[..], &["released 7", "> pubcomp 7"]].concat(),
    );
}

/// Found by killing the broker: it goes on where its last save stood, and gives identifiers again. The messages were answered and lost.
#[test]
fn another_message_under_an_identifier_that_was_not_released_is_told() {
    const OTHER: &[u8] = b"\x34\x06\x00\x01a\x00\x07y";
    check_kept(
        &[7],
        &[
            Open(KNOWN_3),
            Get(OTHER),
            Get(OTHER),
            Get(RELEASE),
            Get(SEVEN),
            Acknowledge(1),
            Acknowledge(0),
            Acknowledge(2),
        ],
        &[&UP[..], &["held back a", "released 7", "held back a", "> pubrec 7"]].concat(),
    );
    // Before the one before it was taken in: that says nothing of the other one.
    check_kept(
        &[],
        &[Open(KNOWN_3), Get(SEVEN), Close, Open(KNOWN_3), Get(OTHER), Acknowledge(0), Acknowledge(1)],
        &[&UP[..], &["held back a", "down"], &UP[..], &["held back a", "> pubrec 7"]].concat(),
    );
}

/// Its samples were dropped: it is told again, and its first receipt means nothing any more.
#[test]
fn a_message_that_was_given_back_is_told_again() {
    let mut bench = Bench::new(Options { acknowledge: super::super::Acknowledge::Stored, ..options(V3, true) });
    for step in [Open(KNOWN_3), Get(SEVEN)] {
        bench.step(&step);
    }
    bench.session.give_back(bench.receipts[0]);
    for step in [Close, Open(KNOWN_3), Get(SEVEN), Acknowledge(1), Get(SEVEN)] {
        bench.step(&step);
    }
    let told = [&UP[..], &["held back a", "down"], &UP[..], &["held back a", "> pubrec 7", "> pubrec 7"]].concat();
    assert_eq!(bench.log, told);
    // What was taken in is not given back.
    bench.session.give_back(bench.receipts[1]);
    bench.step(&Get(SEVEN));
    assert_eq!(bench.log.last().unwrap(), "> pubrec 7");
}

#[test]
fn a_new_session_gets_nothing_before_the_old_one_is_durably_forgotten() {
    check_kept(
        &[7],
        &[Want(&["a"]), Open(TAKEN_3), Open(KNOWN_3), Get(SEVEN)],
        &[
            "> connect clean=0",
            "> disconnect",
            "session lost",
            "end: the broker has lost the session; a new one is begun",
            "down",
            "> connect clean=0",
            "> subscribe 1 a",
            "up polder true",
            "held back a",
        ],
    );
}
