//! From packets to bytes.

use super::fields::{put_binary, put_variable, variable_size};
use super::{Connect, Outgoing, Publish, QoS, ReasonCode, RetainHandling, Subscription, TooLong, Version, Will};
use super::{properties, properties::put_message};
use bytes::{BufMut, BytesMut};

/// The most that a packet can have behind its length.
const LONGEST: usize = (1 << 28) - 1;

/// Puts a packet behind what stands in `out`; nothing of it when it is too long.
pub(in super::super) fn encode(packet: &Outgoing, version: Version, out: &mut BytesMut) -> Result<(), TooLong> {
    match packet {
        Outgoing::Connect(connect) => framed(out, 0x10, &connect_body(connect, version)?, &[]),
        Outgoing::Publish(publish) => {
            let first = 0x30 | u8::from(publish.duplicate) << 3 | publish.qos.number() << 1 | u8::from(publish.retain);
            framed(out, first, &publish_head(publish, version)?, &publish.payload)
        }
        Outgoing::PubAck(id, code) => acknowledge(out, 0x40, *id, *code, version),
        Outgoing::PubRec(id, code) => acknowledge(out, 0x50, *id, *code, version),
        Outgoing::PubRel(id) => acknowledge(out, 0x62, *id, ReasonCode::SUCCESS, version),
        Outgoing::PubComp(id, code) => acknowledge(out, 0x70, *id, *code, version),
        Outgoing::Subscribe(id, list) => framed(out, 0x82, &subscribe(*id, list, version)?, &[]),
        Outgoing::Unsubscribe(id, list) => {
            let mut body = numbered(*id, version);
            for filter in list {
                put_binary(&mut body, "topic filter", filter.as_bytes())?;
            }
            framed(out, 0xA2, &body, &[])
        }
        Outgoing::Ping => framed(out, 0xC0, &[], &[]),
        Outgoing::Disconnect(code) => match version {
            Version::V5 if *code != ReasonCode::SUCCESS => framed(out, 0xE0, &[code.0], &[]),
            _ => framed(out, 0xE0, &[], &[]),
        },
    }
}

fn framed(out: &mut BytesMut, first: u8, head: &[u8], payload: &[u8]) -> Result<(), TooLong> {
    let length = head.len() + payload.len();
    if length > LONGEST {
        return Err(TooLong::Packet);
    }
    out.reserve(5 + length);
    out.put_u8(first);
    put_variable(out, length);
    out.put_slice(head);
    out.put_slice(payload);
    Ok(())
}

/// Bytes that a message takes on the wire.
pub(in super::super) fn publish_size(publish: &Publish, version: Version) -> Result<usize, TooLong> {
    let length = publish_head(publish, version)?.len() + publish.payload.len();
    Ok(1 + variable_size(length) + length)
}

fn publish_head(publish: &Publish, version: Version) -> Result<BytesMut, TooLong> {
    let mut head = BytesMut::with_capacity(publish.topic.len() + 8);
    put_binary(&mut head, "topic", publish.topic.as_bytes())?;
    if publish.qos != QoS::AtMostOnce {
        head.put_u16(publish.id);
    }
    if version == Version::V5 {
        let mut list = BytesMut::new();
        if let Some(message) = &publish.properties {
            put_message(&mut list, message)?;
        }
        put_variable(&mut head, list.len());
        head.put_slice(&list);
    }
    Ok(head)
}

fn connect_body(connect: &Connect, version: Version) -> Result<BytesMut, TooLong> {
    let mut body = BytesMut::new();
    put_binary(&mut body, "protocol", b"MQTT")?;
    body.put_u8(if version == Version::V5 { 5 } else { 4 });
    body.put_u8(connect_flags(connect));
    body.put_u16(connect.keep_alive);
    if version == Version::V5 {
        let mut list = BytesMut::new();
        if let Some(seconds) = connect.session_expiry {
            list.put_u8(properties::SESSION_EXPIRY);
            list.put_u32(seconds);
        }
        list.put_u8(properties::RECEIVE_MAXIMUM);
        list.put_u16(connect.receive_maximum);
        put_variable(&mut body, list.len());
        body.put_slice(&list);
    }
    put_binary(&mut body, "client identifier", connect.client_id.as_bytes())?;
    if let Some(Will { topic, payload, .. }) = &connect.will {
        if version == Version::V5 {
            put_variable(&mut body, 0);
        }
        put_binary(&mut body, "topic of the will", topic.as_bytes())?;
        put_binary(&mut body, "payload of the will", payload)?;
    }
    if let Some(login) = &connect.login {
        put_binary(&mut body, "user name", login.user.as_bytes())?;
        if let Some(password) = &login.password {
            put_binary(&mut body, "password", password.as_bytes())?;
        }
    }
    Ok(body)
}

fn connect_flags(connect: &Connect) -> u8 {
    let will = connect.will.as_ref();
    let login = connect.login.as_ref();
    u8::from(connect.clean) << 1
        | will.map_or(0, |will| 1 << 2 | will.qos.number() << 3 | u8::from(will.retain) << 5)
        | login.map_or(0, |login| 1 << 7 | u8::from(login.password.is_some()) << 6)
}

/// An acknowledgement. There is one for each message: it is written without memory of its own.
fn acknowledge(out: &mut BytesMut, first: u8, id: u16, code: ReasonCode, version: Version) -> Result<(), TooLong> {
    let [high, low] = id.to_be_bytes();
    if version == Version::V5 && code != ReasonCode::SUCCESS {
        out.extend_from_slice(&[first, 3, high, low, code.0]);
    } else {
        out.extend_from_slice(&[first, 2, high, low]);
    }
    Ok(())
}

/// Packet identifier, and no properties.
fn numbered(id: u16, version: Version) -> BytesMut {
    let mut body = BytesMut::new();
    body.put_u16(id);
    if version == Version::V5 {
        put_variable(&mut body, 0);
    }
    body
}

fn subscribe(id: u16, list: &[Subscription], version: Version) -> Result<BytesMut, TooLong> {
    let mut body = numbered(id, version);
    for subscription in list {
        put_binary(&mut body, "topic filter", subscription.filter.as_bytes())?;
        body.put_u8(match version {
            Version::V3 => subscription.qos.number(),
            Version::V5 => options(subscription),
        });
    }
    Ok(body)
}

fn options(subscription: &Subscription) -> u8 {
    let retain = match subscription.retain_handling {
        RetainHandling::Always => 0,
        RetainHandling::WhenNew => 1,
        RetainHandling::Never => 2,
    };
    subscription.qos.number()
        | u8::from(subscription.no_local) << 2
        | u8::from(subscription.retain_as_published) << 3
        | retain << 4
}
