//! From bytes to packets.

use super::fields::Reader;
use super::frame::{self, Frame};
use super::{Answer, ConnAck, Granted, Incoming, Malformed, Properties, Publish, QoS, ReasonCode, Version};
use std::sync::Arc;

/// Reads a packet of the broker.
pub(in super::super) fn decode(frame: Frame, version: Version) -> Result<Incoming, Malformed> {
    let Frame { first, body } = frame;
    let kind = first >> 4;
    let mut reader = Reader::new(frame::name(first), body);
    let (expected, flags) = (if kind == 6 { 2 } else { 0 }, first & 15);
    if kind != frame::PUBLISH && flags != expected {
        return Err(Malformed::Flags(reader.packet, flags));
    }
    match kind {
        2 => connack(reader, version),
        frame::PUBLISH => publish(reader, flags, version).map(Incoming::Publish),
        4 => answer(&mut reader, version).map(Incoming::PubAck),
        5 => answer(&mut reader, version).map(Incoming::PubRec),
        6 => answer(&mut reader, version).map(Incoming::PubRel),
        7 => answer(&mut reader, version).map(Incoming::PubComp),
        9 => granted(reader, version).map(Incoming::SubAck),
        11 => granted(reader, version).map(Incoming::UnsubAck),
        13 => reader.end().map(|()| Incoming::Pong),
        14 => disconnect(reader, version),
        other => Err(Malformed::Type(other)),
    }
}

fn identifier(reader: &mut Reader) -> Result<u16, Malformed> {
    match reader.short()? {
        0 => Err(Malformed::Identifier(reader.packet)),
        id => Ok(id),
    }
}

fn connack(mut reader: Reader, version: Version) -> Result<Incoming, Malformed> {
    let session_present = reader.byte()? & 1 == 1;
    let code = reader.byte()?;
    // A broker that speaks only 3.1.1 refuses version 5 in its own format.
    if version == Version::V3 || reader.left() == 0 {
        reader.end()?;
        let code = ReasonCode::of_connack_3(code);
        return Ok(Incoming::ConnAck(Box::new(ConnAck { session_present, code, properties: Properties::default() })));
    }
    let properties = Properties::read(&mut reader)?;
    reader.end()?;
    Ok(Incoming::ConnAck(Box::new(ConnAck { session_present, code: ReasonCode(code), properties })))
}

fn publish(mut reader: Reader, flags: u8, version: Version) -> Result<Publish, Malformed> {
    let qos = QoS::from_number(flags >> 1 & 3).ok_or(Malformed::Flags(reader.packet, flags))?;
    let topic = reader.text()?;
    let id = if qos == QoS::AtMostOnce { 0 } else { identifier(&mut reader)? };
    let mut properties = None;
    if version == Version::V5 {
        let read = Properties::read(&mut reader)?;
        // We allow no aliases, so that an empty topic means nothing.
        if read.topic_alias.is_some() {
            return Err(Malformed::Topic);
        }
        properties = read.message;
    }
    if topic.is_empty() || topic.bytes().any(|byte| matches!(byte, b'+' | b'#' | 0)) {
        return Err(Malformed::Topic);
    }
    Ok(Publish {
        topic,
        qos,
        id,
        retain: flags & 1 == 1,
        duplicate: flags & 8 == 8,
        payload: reader.rest(),
        properties,
    })
}

fn answer(reader: &mut Reader, version: Version) -> Result<Answer, Malformed> {
    let id = identifier(reader)?;
    let (code, text) = if version == Version::V5 { reason(reader)? } else { (ReasonCode::SUCCESS, None) };
    reader.end()?;
    Ok(Answer { id, code, text })
}

/// Both the code and the properties may be left out.
fn reason(reader: &mut Reader) -> Result<(ReasonCode, Option<Arc<str>>), Malformed> {
    if reader.left() == 0 {
        return Ok((ReasonCode::SUCCESS, None));
    }
    let code = ReasonCode(reader.byte()?);
    if reader.left() == 0 {
        return Ok((code, None));
    }
    Ok((code, Properties::read(reader)?.reason))
}

fn granted(mut reader: Reader, version: Version) -> Result<Granted, Malformed> {
    let id = identifier(&mut reader)?;
    let text = if version == Version::V5 { Properties::read(&mut reader)?.reason } else { None };
    Ok(Granted { id, codes: reader.rest().iter().copied().map(ReasonCode).collect(), text })
}

fn disconnect(mut reader: Reader, version: Version) -> Result<Incoming, Malformed> {
    let (code, text) = if version == Version::V5 { reason(&mut reader)? } else { (ReasonCode::SUCCESS, None) };
    reader.end()?;
    Ok(Incoming::Disconnect(code, text))
}
