//! What goes out: commands ahead of what is told, the last word, and nothing twice.

use super::*;

/// A link that is slower than what is told: a socket that takes few bytes.
fn slow() -> Bench {
    let mut bench = Bench::new(options(V5, false));
    bench.step(&Open(TAKEN_5));
    bench.log.clear();
    for topic in ["one", "two", "three"] {
        let publication = Publication { topic: topic.into(), payload: vec![0; 2000].into(), ..Publication::default() };
        bench.session.publish(publication, bench.now).unwrap();
    }
    assert!(!bench.session.outgoing().is_empty());
    bench.session.wrote(10);
    bench
}

fn command(topic: &str) -> Publication {
    Publication { topic: topic.into(), qos: Q1, ..Publication::default() }
}

#[test]
fn a_command_goes_ahead_of_what_is_told_and_packets_stay_whole() {
    let mut bench = slow();
    assert!(bench.session.unsent() > 6000 && !bench.session.has_events(), "nothing was sent yet");
    let mut wire = Vec::new();
    bench.session.publish_ahead(command("command"), bench.now.plus(Duration::from_secs(1)), bench.now).unwrap();
    while !bench.session.has_events() {
        let part = bench.session.outgoing()[..1].to_vec();
        bench.session.wrote(1);
        wire.extend(part);
    }
    assert_eq!(wire.len(), 2000 + 3 + 2 + 3 + 1 - 10, "the socket has the whole of the first message");
    bench.note();
    let first = "published 1: Sent";
    let rest = [
        "> publish 1 command",
        "> publish 0 two",
        "> publish 0 three",
        first,
        "published 2: Sent",
        "published 3: Sent",
    ];
    assert_eq!(bench.log, rest);
    assert_eq!(bench.session.unsent(), 0);
}

#[test]
fn a_command_that_expires_before_it_leaves_is_not_sent() {
    let mut bench = slow();
    let expires = bench.now.plus(Duration::from_millis(500));
    bench.session.publish_ahead(command("command"), expires, bench.now).unwrap();
    let quota = bench.session.quota_left();
    assert_eq!(bench.session.deadline(), Some(expires));
    bench.now = expires;
    bench.session.tick(bench.now).unwrap();
    assert_eq!(bench.session.quota_left(), quota + 1);
    let said = bench.session.event().map(|event| told(&event)).unwrap_or_default();
    assert!(said.starts_with("published 4: NotSent(") && said.contains("expired"), "{said}");
    let rest = String::from_utf8_lossy(&drain(&mut bench.session)).into_owned();
    assert!(!rest.contains("command") && rest.contains("three"));
    assert_eq!(bench.session.unsent(), 0);
}

#[test]
fn what_had_not_begun_to_leave_was_not_sent() {
    let mut bench = slow();
    bench.session.publish_ahead(command("command"), bench.now.plus(Duration::from_secs(1)), bench.now).unwrap();
    bench.session.close();
    let told: Vec<_> = std::iter::from_fn(|| bench.session.event()).map(|event| told(&event)).collect();
    assert_eq!(told[0], "published 1: Unknown");
    assert!(told[1..4].iter().all(|one| one.contains("NotSent")), "{told:?}");
    assert_eq!((told.len(), told[4].as_str(), bench.session.unsent()), (5, "down", 0));
}

/// Behind our last word comes nothing; but who goes of their own will says everything before it.
#[test]
fn the_last_word_is_the_last() {
    let mut bench = slow();
    bench.session.leave();
    let bytes = drain(&mut bench.session);
    assert!(
        bytes.ends_with(&[0xE0, 0]) || bytes.ends_with(&[0xE0, 1, 0]) || bytes.ends_with(&[0xE0, 2, 0, 0]),
        "{:?}",
        &bytes[bytes.len() - 6..]
    );
    assert!(bytes.len() > 5900);
    let mut bench = slow();
    assert!(bench.take(TAKEN_5).is_err());
    assert!(drain(&mut bench.session).len() < 2020, "only what had begun, and the word");
}

/// Found by a fuzzer: what the broker sent on its way to us was answered behind our goodbye, and a mistake of it with a second one.
#[test]
fn behind_a_goodbye_comes_nothing() {
    for script in [&[Get(b"\x32\x06\x00\x01a\x00\x05\x00"), Acknowledge(0), Pass(10_000)][..], &[Get(b"\x00\x00")]] {
        let mut bench = Bench::new(options(V5, false));
        bench.step(&Open(TAKEN_5));
        bench.session.leave();
        bench.note();
        script.iter().for_each(|step| bench.step(step));
        let sent: Vec<_> = bench.log.iter().filter(|line| line.starts_with('>')).collect();
        assert_eq!(sent, ["> connect clean=1", "> disconnect"], "{:#?}", bench.log);
        assert_eq!(bench.session.unsent(), 0);
    }
}

/// Whoever watches the will knows of a station that is stopped as of one that is gone.
#[test]
fn who_goes_lets_the_will_be_known() {
    let will = Will { topic: "state".into(), payload: "gone".into(), qos: Q1, retain: true };
    for (version, answer, will, expected) in [
        (V3, TAKEN_3, Some(&will), &["publish 1 state", "disconnect"][..]),
        (V5, TAKEN_5, Some(&will), &["disconnect 0x4"]),
        (V3, TAKEN_3, None, &["disconnect"]),
        (V5, TAKEN_5, None, &["disconnect"]),
    ] {
        let mut bench = Bench::new(Options { will: will.cloned(), ..options(version, false) });
        bench.step(&Open(answer));
        bench.session.leave_with_will(bench.now);
        let out = drain(&mut bench.session);
        assert_eq!(sent(&out, version), expected, "{version:?}");
        if version == V3 && will.is_some() {
            assert!(out[0] == 0x33 && out.ends_with(b"gone\xE0\x00"), "as the will says it: {out:?}");
        }
    }
}

/// What is only told is given up when we go; the session's own packets, commands and the last word are not.
#[test]
fn who_goes_does_not_wait_for_what_is_only_told() {
    let mut bench = slow();
    bench.session.publish_ahead(command("command"), bench.now.plus(Duration::from_secs(1)), bench.now).unwrap();
    let before = bench.session.unsent();
    bench.session.give_up_unsent();
    assert!(bench.session.unsent() < before - 3000, "{before} {}", bench.session.unsent());
    bench.session.leave();
    let out = drain(&mut bench.session);
    assert!(out.ends_with(&[0xE0, 0]) && out.windows(7).any(|part| part == b"command"), "{} bytes", out.len());
    let told: Vec<_> = std::iter::from_fn(|| bench.session.event()).map(|event| told(&event)).collect();
    assert!(told.iter().any(|one| one.contains("NotSent")), "{told:?}");
}

/// A break: the outcome is not known, and nothing is sent again.
#[test]
fn nothing_is_sent_twice() {
    check(
        options(V3, true),
        &[Open(TAKEN_3), Publish("a", Q1), Publish("b", Q2), Close, Open(KNOWN_3), Publish("c", Q2), Pass(5000)],
        &[
            "> connect clean=0",
            "up polder false",
            "ready",
            "> publish 1 a",
            "> publish 2 b",
            "published 1: Unknown",
            "published 2: Unknown",
            "down",
            "> connect clean=0",
            "up polder true",
            "ready",
            // Not 2: the broker would take it for the message of before.
            "> publish 3 c",
            "end: it did not confirm a message within 5000 ms",
            "published 3: Unknown",
            "down",
        ],
    );
    // What was released is released again, or the broker would keep it for ever.
    check(
        options(V3, true),
        &[Open(TAKEN_3), Publish("b", Q2), Get(b"\x50\x02\x00\x01"), Close, Open(KNOWN_3), Get(b"\x70\x02\x00\x01")],
        &[
            "> connect clean=0",
            "up polder false",
            "ready",
            "> publish 1 b",
            "> pubrel 1",
            "published 1: Unknown",
            "down",
            "> connect clean=0",
            "> pubrel 1",
            "up polder true",
            "ready",
        ],
    );
}

/// Identifiers are used again after 65,535 others, but not one under which the broker still knows a message.
#[test]
fn an_identifier_of_a_message_that_was_left_half_way_is_not_used_again() {
    let mut bench = Bench::new(options(V3, true));
    for step in [Open(TAKEN_3), Publish("left", Q2), Close, Open(KNOWN_3)] {
        bench.step(&step);
    }
    for _ in 0..65_534 {
        bench.log.clear();
        bench.step(&Publish("a", Q1));
        let id: u16 = bench.log[0].trim_start_matches("> publish ").trim_end_matches(" a").parse().unwrap();
        bench.step(&Get(&[&[0x40, 2], &id.to_be_bytes()[..]].concat()));
    }
    bench.log.clear();
    bench.step(&Publish("b", Q1));
    assert_eq!(bench.log, ["> publish 2 b"]);
}

#[test]
fn the_broker_s_bounds_are_kept() {
    // Receive Maximum 1, Maximum QoS 1, no retained messages, packets of 30 bytes.
    let bounds = b"\x20\x0F\x00\x00\x0C\x21\x00\x01\x24\x01\x25\x00\x27\x00\x00\x00\x1E";
    let up = ["> connect clean=1", "up polder false", "ready"];
    check(
        options(V5, false),
        &[
            Open(bounds),
            Publish("a", Q1),
            Publish("b", Q1),
            Publish("c", Q0),
            Get(b"\x40\x02\x00\x01"),
            Publish("b", Q1),
            Publish("d", Q2),
            Publish("a-topic-that-is-far-too-long-for-it", Q0),
        ],
        &[
            &up[..],
            &[
                "> publish 1 a",
                "not published: 1 messages wait for the broker's confirmation already, and it allows no more",
                "> publish 0 c",
                "published 2: Sent",
                "published 1: Taken",
                "> publish 2 b",
                "not published: the broker takes messages of QoS 1 at most",
                "not published: the message has 40 bytes, and the broker takes 30 at most",
            ],
        ]
        .concat(),
    );
    let mut bench = Bench::new(options(V5, false));
    bench.step(&Open(bounds));
    let retained = Publication { topic: "a".into(), retain: true, ..Publication::default() };
    assert_eq!(bench.session.publish(retained, bench.now), Err(NotPublished::Retain));
}
