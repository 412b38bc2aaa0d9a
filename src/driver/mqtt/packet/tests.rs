//! Packets against the bytes of the standard, against rumqttc's codecs, and against any bytes at all.

use super::*;
use bytes::{Buf, BytesMut};
use proptest::prelude::*;
use rumqttc::v5::mqttbytes::v5;

const LIMIT: usize = 4096;

fn split(bytes: &[u8]) -> Result<Vec<Piece>, Malformed> {
    let (mut splitter, mut stream, mut pieces) = (Splitter::new(LIMIT), BytesMut::from(bytes), Vec::new());
    while let Some(piece) = splitter.next(&mut stream)? {
        pieces.push(piece);
    }
    Ok(pieces)
}

fn read(bytes: &[u8], version: Version) -> Result<Incoming, Malformed> {
    match split(bytes)?.as_slice() {
        [Piece::Frame(frame)] => decode(frame.clone(), version),
        other => panic!("{other:?}"),
    }
}

fn written(packet: &Outgoing, version: Version) -> BytesMut {
    let mut out = BytesMut::new();
    encode(packet, version, &mut out).unwrap();
    out
}

fn publish(topic: &str, payload: &[u8], qos: QoS, id: u16) -> Publish {
    let payload = Bytes::copy_from_slice(payload);
    Publish { topic: topic.into(), payload, qos, retain: false, duplicate: false, id, properties: None }
}

fn answer(id: u16, code: u8) -> Answer {
    Answer { id, code: ReasonCode(code), text: None }
}

#[test]
fn what_the_broker_sends() {
    use Version::{V3, V5};
    let connack = |session_present, code| {
        Incoming::ConnAck(Box::new(ConnAck {
            session_present,
            code: ReasonCode(code),
            properties: Properties::default(),
        }))
    };
    let told = |codes: &[u8]| Granted { id: 7, codes: codes.iter().copied().map(ReasonCode).collect(), text: None };
    for (bytes, version, expected) in [
        (&b"\x20\x02\x01\x00"[..], V3, Ok(connack(true, 0))),
        (b"\x20\x02\x00\x05", V3, Ok(connack(false, 0x87))),
        // A broker of 3.1.1 refuses version 5 in its own format.
        (b"\x20\x02\x00\x01", V5, Ok(connack(false, 0x84))),
        (b"\x20\x03\x00\x87\x00", V5, Ok(connack(false, 0x87))),
        (b"\x30\x07\x00\x03a/bxy", V3, Ok(Incoming::Publish(publish("a/b", b"xy", QoS::AtMostOnce, 0)))),
        (b"\x32\x07\x00\x01a\x00\x05xy", V3, Ok(Incoming::Publish(publish("a", b"xy", QoS::AtLeastOnce, 5)))),
        (b"\x32\x08\x00\x01a\x00\x05\x00xy", V5, Ok(Incoming::Publish(publish("a", b"xy", QoS::AtLeastOnce, 5)))),
        (b"\x40\x02\x00\x07", V3, Ok(Incoming::PubAck(answer(7, 0)))),
        (b"\x40\x03\x00\x07\x10", V5, Ok(Incoming::PubAck(answer(7, 0x10)))),
        (b"\x40\x04\x00\x07\x87\x00", V5, Ok(Incoming::PubAck(answer(7, 0x87)))),
        (b"\x62\x02\x00\x07", V3, Ok(Incoming::PubRel(answer(7, 0)))),
        (b"\x90\x04\x00\x07\x01\x80", V3, Ok(Incoming::SubAck(told(&[1, 0x80])))),
        (b"\x90\x05\x00\x07\x00\x02\x87", V5, Ok(Incoming::SubAck(told(&[2, 0x87])))),
        (b"\xB0\x02\x00\x07", V3, Ok(Incoming::UnsubAck(told(&[])))),
        (b"\xD0\x00", V3, Ok(Incoming::Pong)),
        // All three lengths are allowed.
        (b"\xE0\x00", V5, Ok(Incoming::Disconnect(ReasonCode(0), None))),
        (b"\xE0\x01\x8E", V5, Ok(Incoming::Disconnect(ReasonCode(0x8E), None))),
        (b"\xE0\x02\x8E\x00", V5, Ok(Incoming::Disconnect(ReasonCode(0x8E), None))),
        (b"\xE0\x06\x8B\x04\x1F\x00\x01x", V5, Ok(Incoming::Disconnect(ReasonCode(0x8B), Some("x".into())))),
        // Faults.
        (b"\x20\x00", V3, Err(Malformed::Short("CONNACK"))),
        (b"\x20\x03\x00\x00\x00", V3, Err(Malformed::Long("CONNACK"))),
        (b"\x36\x05\x00\x01a\x00\x05", V3, Err(Malformed::Flags("PUBLISH", 6))),
        (b"\x32\x05\x00\x01a\x00\x00", V3, Err(Malformed::Identifier("PUBLISH"))),
        (b"\x32\x03\x00\x01a", V3, Err(Malformed::Short("PUBLISH"))),
        (b"\x30\x02\x00\x09", V3, Err(Malformed::Short("PUBLISH"))),
        (b"\x30\x03\x00\x01#", V3, Err(Malformed::Topic)),
        (b"\x30\x02\x00\x00", V3, Err(Malformed::Topic)),
        (b"\x30\x03\x00\x01\xFF", V3, Err(Malformed::Text("PUBLISH"))),
        // A property that is longer than the properties must not eat the payload.
        (b"\x30\x0A\x00\x01a\x03\x03\x00\x04abc", V5, Err(Malformed::Short("PUBLISH"))),
        (b"\x30\x06\x00\x01a\x09\x01\x00", V5, Err(Malformed::Short("PUBLISH"))),
        (b"\x30\x06\x00\x01a\x02\x7F\x00", V5, Err(Malformed::Property("PUBLISH", 0x7F))),
        (b"\x30\x07\x00\x00\x03\x23\x00\x01x", V5, Err(Malformed::Topic)),
        (b"\x30\x08\x00\x01a\x03\x23\x00\x01x", V5, Err(Malformed::Topic)),
        (b"\x60\x02\x00\x07", V3, Err(Malformed::Flags("PUBREL", 0))),
        (b"\x40\x02\x00\x00", V3, Err(Malformed::Identifier("PUBACK"))),
        (b"\x10\x00", V3, Err(Malformed::Type(1))),
        (b"\xF0\x00", V5, Err(Malformed::Type(15))),
        (b"\xD0\x01\x00", V3, Err(Malformed::Long("PINGRESP"))),
    ] {
        assert_eq!(read(bytes, version), expected, "{bytes:02x?}");
    }
}

/// rumqttc 0.25 makes payload of the last property here.
#[test]
fn subscription_identifiers_leave_the_payload_alone() {
    let Ok(Incoming::Publish(publish)) = read(b"\x30\x0C\x00\x01a\x06\x0B\x01\x0B\x02\x01\x01xy", Version::V5) else {
        panic!("not read")
    };
    assert_eq!(&publish.payload[..], b"xy");
    assert!(publish.properties.unwrap().is_text);
}

#[test]
fn what_is_over_the_limit_costs_only_itself() {
    for (qos, id) in [(QoS::AtMostOnce, 0), (QoS::AtLeastOnce, 9), (QoS::ExactlyOnce, 10)] {
        let large = written(&Outgoing::Publish(publish("a/b", &[7; LIMIT], qos, id)), Version::V3);
        let small = written(&Outgoing::Publish(publish("c", b"1", QoS::AtMostOnce, 0)), Version::V3);
        let all = [&large[..], &small[..]].concat();
        // In one go, and byte by byte.
        for step in [all.len(), 1, 17] {
            let (mut splitter, mut stream, mut pieces, mut most) = (Splitter::new(LIMIT), BytesMut::new(), vec![], 0);
            for part in all.chunks(step) {
                stream.extend_from_slice(part);
                while let Some(piece) = splitter.next(&mut stream).unwrap() {
                    pieces.push(piece);
                }
                most = most.max(stream.len());
            }
            let bytes = LIMIT + 5 + if id == 0 { 0 } else { 2 };
            let oversized = Piece::Oversized(Oversized { topic: "a/b".into(), qos, id, bytes });
            assert_eq!(pieces[0], oversized);
            assert!(matches!(&pieces[1..], [Piece::Frame(frame)] if frame.body == small[2..]), "{pieces:?}");
            assert!(most < 64, "{most} bytes of it were kept");
        }
    }
    assert_eq!(split(b"\x90\xFF\x7F"), Err(Malformed::TooLong("SUBACK", 16383)));
    assert_eq!(split(b"\x30\xFF\xFF\xFF\xFF\x01"), Err(Malformed::Length));
    assert_eq!(split(b"\x30\x81\x20\xFF\xFF"), Err(Malformed::Short("PUBLISH")));
}

#[test]
fn what_does_not_fit_is_not_sent() {
    let long = "x".repeat(65_536);
    let mut out = BytesMut::from(&b"before"[..]);
    let packet = Outgoing::Publish(publish(&long, b"", QoS::AtMostOnce, 0));
    assert_eq!(encode(&packet, Version::V3, &mut out), Err(TooLong::Field("topic")));
    let will = Will { topic: "a".into(), payload: Bytes::from(long.clone()), qos: QoS::AtMostOnce, retain: false };
    let packet = Outgoing::Connect(Box::new(Connect { will: Some(will), ..connect() }));
    assert_eq!(encode(&packet, Version::V5, &mut out), Err(TooLong::Field("payload of the will")));
    let packet = Outgoing::Publish(publish("a", &vec![0; 1 << 28], QoS::AtMostOnce, 0));
    assert_eq!(encode(&packet, Version::V3, &mut out), Err(TooLong::Packet));
    assert_eq!(&out[..], b"before");
}

fn connect() -> Connect {
    Connect {
        client_id: "polder".into(),
        login: Some(Login { user: "u".into(), password: Some("p".into()) }),
        clean: false,
        session_expiry: Some(3600),
        keep_alive: 10,
        receive_maximum: 100,
        will: Some(Will { topic: "w".into(), payload: "off".into(), qos: QoS::AtLeastOnce, retain: true }),
    }
}

fn second_opinion_3(bytes: &BytesMut) -> rumqttc::Packet {
    let mut bytes = bytes.clone();
    let packet = rumqttc::Packet::read(&mut bytes, 1 << 20).unwrap();
    assert!(!bytes.has_remaining(), "more was written than the length says");
    packet
}

fn second_opinion_5(bytes: &BytesMut) -> v5::Packet {
    let mut bytes = bytes.clone();
    let packet = v5::Packet::read(&mut bytes, None).unwrap();
    assert!(!bytes.has_remaining(), "more was written than the length says");
    packet
}

#[test]
fn others_read_what_we_write() {
    let packet = Outgoing::Connect(Box::new(connect()));
    let rumqttc::Packet::Connect(seen) = second_opinion_3(&written(&packet, Version::V3)) else { panic!() };
    let will = seen.last_will.unwrap();
    assert_eq!((&*seen.client_id, seen.keep_alive, seen.clean_session), ("polder", 10, false));
    assert_eq!((&*will.topic, &will.message[..], will.retain), ("w", &b"off"[..], true));
    assert_eq!(seen.login.unwrap().password, "p");
    let v5::Packet::Connect(seen, will, login) = second_opinion_5(&written(&packet, Version::V5)) else { panic!() };
    let properties = seen.properties.unwrap();
    assert_eq!((properties.session_expiry_interval, properties.receive_maximum), (Some(3600), Some(100)));
    assert_eq!((will.unwrap().qos as u8, login.unwrap().username), (1, "u".to_owned()));
    let subscription = Subscription {
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::WhenNew,
        ..Subscription::new("a/#", QoS::ExactlyOnce)
    };
    let packet = Outgoing::Subscribe(3, vec![subscription]);
    let rumqttc::Packet::Subscribe(seen) = second_opinion_3(&written(&packet, Version::V3)) else { panic!() };
    assert_eq!((seen.pkid, &*seen.filters[0].path, seen.filters[0].qos as u8), (3, "a/#", 2));
    let v5::Packet::Subscribe(seen) = second_opinion_5(&written(&packet, Version::V5)) else { panic!() };
    let filter = &seen.filters[0];
    assert!(filter.nolocal && filter.preserve_retain);
    assert_eq!(filter.retain_forward_rule, v5::RetainForwardRule::OnNewSubscribe);
    let packet = Outgoing::Unsubscribe(4, vec!["a".into(), "b".into()]);
    let v5::Packet::Unsubscribe(seen) = second_opinion_5(&written(&packet, Version::V5)) else { panic!() };
    assert_eq!((seen.pkid, seen.filters), (4, vec!["a".to_owned(), "b".to_owned()]));
    assert_eq!(written(&Outgoing::Disconnect(ReasonCode(0x93)), Version::V5), &b"\xE0\x01\x93"[..]);
    assert_eq!(written(&Outgoing::Disconnect(ReasonCode(0x93)), Version::V3), &b"\xE0\x00"[..]);
    assert_eq!(written(&Outgoing::PubComp(9, ReasonCode(0x92)), Version::V5), &b"\x70\x03\x00\x09\x92"[..]);
    assert_eq!(written(&Outgoing::PubRel(9), Version::V3), &b"\x62\x02\x00\x09"[..]);
}

fn any_version() -> impl Strategy<Value = Version> {
    prop_oneof![Just(Version::V3), Just(Version::V5)]
}

prop_compose! {
    fn any_publish()(
        topic in "[a-zé/]{1,200}",
        payload in prop::collection::vec(any::<u8>(), 0..500),
        (qos, id) in prop_oneof![
            Just((QoS::AtMostOnce, 0)),
            (1..=u16::MAX).prop_map(|id| (QoS::AtLeastOnce, id)),
            (1..=u16::MAX).prop_map(|id| (QoS::ExactlyOnce, id)),
        ],
        retain in any::<bool>(),
        duplicate in any::<bool>(),
        text in prop::option::of("[a-z]{0,300}"),
        expiry in prop::option::of(1_u32..),
        user in prop::collection::vec(("[a-z]{0,9}", "[a-z]{0,9}"), 0..3),
    ) -> Publish {
        let properties = MessageProperties {
            expiry: expiry.map(|seconds| Duration::from_secs(seconds.into())),
            response_topic: text.as_deref().map(Into::into),
            correlation: text.as_deref().map(|text| Bytes::copy_from_slice(text.as_bytes())),
            content_type: text.as_deref().map(Into::into),
            is_text: retain,
            user: user.into_iter().map(|(name, value)| (name.as_str().into(), value.as_str().into())).collect(),
        };
        let properties = (properties != MessageProperties::default()).then(|| Box::new(properties));
        Publish { topic: topic.as_str().into(), payload: payload.into(), qos, retain, duplicate, id, properties }
    }
}

proptest! {
    #[test]
    fn messages_read_back_the_same(publish in any_publish(), version in any_version()) {
        let bytes = written(&Outgoing::Publish(publish.clone()), version);
        prop_assert_eq!(bytes.len(), publish_size(&publish, version).unwrap());
        let mut expected = publish.clone();
        expected.properties = expected.properties.filter(|_| version == Version::V5);
        prop_assert_eq!(read(&bytes, version), Ok(Incoming::Publish(expected)));
        if version == Version::V5 {
            let v5::Packet::Publish(seen) = second_opinion_5(&bytes) else { panic!() };
            prop_assert_eq!((&seen.topic[..], seen.payload), (publish.topic.as_bytes(), publish.payload));
        } else {
            let rumqttc::Packet::Publish(seen) = second_opinion_3(&bytes) else { panic!() };
            prop_assert_eq!((&*seen.topic, seen.payload), (&*publish.topic, publish.payload));
        }
    }

    #[test]
    fn any_bytes_are_packets_or_an_error(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        version in any_version(),
    ) {
        if let Ok(pieces) = split(&bytes) {
            for piece in pieces {
                if let Piece::Frame(frame) = piece {
                    let _ = decode(frame, version);
                }
            }
        }
    }

    /// Frames whose beginning is right get further.
    #[test]
    fn any_body_is_a_packet_or_an_error(
        first in any::<u8>(),
        body in prop::collection::vec(prop_oneof![0_u8..48, any::<u8>()], 0..60),
        version in any_version(),
    ) {
        let _ = decode(Frame { first, body: body.into() }, version);
    }

    /// Where the stream is cut does not matter.
    #[test]
    fn cuts_change_nothing(list in prop::collection::vec(any_publish(), 1..5), step in 1_usize..100) {
        let all: Vec<u8> = list.iter().flat_map(|publish| written(&Outgoing::Publish(publish.clone()), Version::V5)).collect();
        let (mut splitter, mut stream, mut pieces) = (Splitter::new(300), BytesMut::new(), vec![]);
        for part in all.chunks(step) {
            stream.extend_from_slice(part);
            while let Some(piece) = splitter.next(&mut stream).unwrap() {
                pieces.push(match piece {
                    Piece::Frame(frame) => decode(frame, Version::V5).map(|packet| match packet {
                        Incoming::Publish(publish) => publish.id,
                        other => panic!("{other:?}"),
                    }).unwrap(),
                    Piece::Oversized(oversized) => oversized.id,
                });
            }
        }
        prop_assert!(stream.is_empty());
        prop_assert_eq!(pieces, list.iter().map(|publish| publish.id).collect::<Vec<_>>());
    }
}
