//! A stream of a broker: wherever it is cut, the same packets come out of it, and what was read and can be written reads back the same.

use crate::driver::mqtt::packet::{
    Incoming, Malformed, MessageProperties, Outgoing, Piece, Publish, Splitter, Version, decode, encode, publish_size,
};
use bytes::BytesMut;
use std::time::Duration;

/// Bytes that a packet may have in front of what is skipped or waited for: type, length, topic and identifier.
const LONGEST_START: usize = 5 + 2 + u16::MAX as usize + 2;
/// Places at which a stream is cut, at most.
const CUTS: usize = 48;

/// The bytes as a stream, with a narrow limit and with a wide one.
pub(super) fn packets(bytes: &[u8]) {
    for limit in [24, 4096] {
        let whole = pieces([bytes], limit);
        let step = bytes.len() / CUTS + 1;
        for cut in (0..bytes.len()).step_by(step) {
            let (first, second) = bytes.split_at(cut);
            assert_eq!(pieces([first, second], limit), whole, "cut at {cut}, limit {limit}");
        }
        assert_eq!(pieces(bytes.chunks(1), limit), whole, "byte by byte, limit {limit}");
        for piece in whole.0 {
            let Piece::Frame(frame) = piece else { continue };
            for version in [Version::V3, Version::V5] {
                match decode(frame.clone(), version) {
                    Ok(packet) => reads_back(&packet, version),
                    Err(error) => assert!(!error.to_string().is_empty()),
                }
            }
        }
    }
}

/// What comes out of a stream that arrives in these parts, and with what it ends.
fn pieces<'a>(parts: impl IntoIterator<Item = &'a [u8]>, limit: usize) -> (Vec<Piece>, Option<Malformed>) {
    let (mut splitter, mut stream, mut pieces) = (Splitter::new(limit), BytesMut::new(), Vec::new());
    for part in parts {
        stream.extend_from_slice(part);
        loop {
            match splitter.next(&mut stream) {
                Ok(Some(piece)) => pieces.push(piece),
                Ok(None) => break,
                Err(error) => return (pieces, Some(error)),
            }
        }
        assert!(stream.len() < limit + LONGEST_START, "{} bytes are kept", stream.len());
    }
    (pieces, None)
}

fn reads_back(packet: &Incoming, version: Version) {
    let outgoing = match packet {
        Incoming::Publish(publish) => Outgoing::Publish(publish.clone()),
        Incoming::PubAck(answer) => Outgoing::PubAck(answer.id, answer.code),
        Incoming::PubRec(answer) => Outgoing::PubRec(answer.id, answer.code),
        Incoming::PubComp(answer) => Outgoing::PubComp(answer.id, answer.code),
        _ => return,
    };
    let mut written = BytesMut::new();
    assert_eq!(encode(&outgoing, version, &mut written), Ok(()));
    if let Outgoing::Publish(publish) = &outgoing {
        assert_eq!(publish_size(publish, version), Ok(written.len()));
    }
    let (again, error) = pieces([&written[..]], usize::MAX - LONGEST_START);
    assert!(error.is_none() && again.len() == 1, "{error:?}");
    for piece in again {
        let Piece::Frame(frame) = piece else { continue };
        assert_eq!(decode(frame, version), Ok(plain(packet.clone())));
    }
}

/// Without what is not written: words of a broker, and properties that say nothing. An expiry of 0 is written as 1.
fn plain(packet: Incoming) -> Incoming {
    match packet {
        Incoming::Publish(publish) => Incoming::Publish(Publish {
            properties: publish.properties.and_then(|properties| {
                let expiry = properties.expiry.map(|expiry| expiry.max(Duration::from_secs(1)));
                let properties = MessageProperties { expiry, ..*properties };
                (properties != MessageProperties::default()).then(|| Box::new(properties))
            }),
            ..publish
        }),
        Incoming::PubAck(mut answer) => {
            answer.text = None;
            Incoming::PubAck(answer)
        }
        Incoming::PubRec(mut answer) => {
            answer.text = None;
            Incoming::PubRec(answer)
        }
        Incoming::PubComp(mut answer) => {
            answer.text = None;
            Incoming::PubComp(answer)
        }
        other => other,
    }
}
