//! Where packets begin and end. One that is over the limit is skipped as its bytes come in, and costs nothing else.

use super::{Malformed, QoS};
use bytes::{Buf, Bytes, BytesMut};
use std::sync::Arc;

/// The type of a PUBLISH.
pub(super) const PUBLISH: u8 = 3;
/// What stands in front of the payload at most, as far as it is looked at: the topic and the packet identifier.
const LONGEST_START: usize = 2 + u16::MAX as usize + 2;

/// A whole packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Frame {
    /// Type and flags.
    pub(super) first: u8,
    /// All behind the length.
    pub(super) body: Bytes,
}

/// A message that is larger than the limit. Its payload is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) struct Oversized {
    pub(in super::super) topic: Arc<str>,
    pub(in super::super) qos: QoS,
    /// 0 where the level is 0.
    pub(in super::super) id: u16,
    /// Of the whole packet without its first bytes, which tell type and length.
    pub(in super::super) bytes: usize,
}

/// What comes out of the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in super::super) enum Piece {
    Frame(Frame),
    Oversized(Oversized),
}

/// Cuts a stream into packets.
#[derive(Debug)]
pub(in super::super) struct Splitter {
    limit: usize,
    /// Bytes of a packet over the limit that are still to come.
    skipping: usize,
}

impl Splitter {
    /// `limit` bytes are the most that a packet may have behind its length.
    pub(in super::super) const fn new(limit: usize) -> Self {
        Self { limit, skipping: 0 }
    }

    /// The next packet that is complete in `stream`.
    pub(in super::super) fn next(&mut self, stream: &mut BytesMut) -> Result<Option<Piece>, Malformed> {
        if self.skipping > 0 {
            let skipped = self.skipping.min(stream.len());
            stream.advance(skipped);
            self.skipping -= skipped;
        }
        let Some((head, length)) = header(stream)? else { return Ok(None) };
        let first = stream[0];
        if length > self.limit {
            return self.oversized(stream, head, length);
        }
        if stream.len() < head + length {
            stream.reserve(head + length - stream.len());
            return Ok(None);
        }
        let mut packet = stream.split_to(head + length);
        packet.advance(head);
        Ok(Some(Piece::Frame(Frame { first, body: packet.freeze() })))
    }

    fn oversized(&mut self, stream: &mut BytesMut, head: usize, length: usize) -> Result<Option<Piece>, Malformed> {
        let first = stream[0];
        if first >> 4 != PUBLISH {
            return Err(Malformed::TooLong(name(first), length));
        }
        let body = &stream[head..];
        let Some(&[high, low]) = body.first_chunk::<2>() else { return Ok(None) };
        let topic = usize::from(u16::from_be_bytes([high, low]));
        let level = QoS::from_number(first >> 1 & 3).ok_or(Malformed::Flags("PUBLISH", first & 15))?;
        let start = 2 + topic + if level == QoS::AtMostOnce { 0 } else { 2 };
        debug_assert!(start <= LONGEST_START);
        if start > length {
            return Err(Malformed::Short("PUBLISH"));
        }
        let Some(start_bytes) = body.get(..start) else {
            stream.reserve(start);
            return Ok(None);
        };
        let id = match level {
            QoS::AtMostOnce => 0,
            _ => u16::from_be_bytes([start_bytes[start - 2], start_bytes[start - 1]]),
        };
        let topic = String::from_utf8_lossy(&start_bytes[2..2 + topic]).into();
        let skipped = (head + length).min(stream.len());
        stream.advance(skipped);
        self.skipping = head + length - skipped;
        Ok(Some(Piece::Oversized(Oversized { topic, qos: level, id, bytes: length })))
    }
}

/// Bytes of the fixed header, and of what follows it; none while they are not there.
fn header(stream: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let mut length = 0;
    for place in 0..4 {
        let Some(&byte) = stream.get(1 + place) else { return Ok(None) };
        length |= usize::from(byte & 0x7F) << (7 * place);
        if byte & 0x80 == 0 {
            return Ok(Some((2 + place, length)));
        }
    }
    Err(Malformed::Length)
}

/// The name of a packet by its first byte.
pub(super) const fn name(first: u8) -> &'static str {
    match first >> 4 {
        1 => "CONNECT",
        2 => "CONNACK",
        PUBLISH => "PUBLISH",
        4 => "PUBACK",
        5 => "PUBREC",
        6 => "PUBREL",
        7 => "PUBCOMP",
        8 => "SUBSCRIBE",
        9 => "SUBACK",
        10 => "UNSUBSCRIBE",
        11 => "UNSUBACK",
        12 => "PINGREQ",
        13 => "PINGRESP",
        14 => "DISCONNECT",
        15 => "AUTH",
        _ => "packet",
    }
}
