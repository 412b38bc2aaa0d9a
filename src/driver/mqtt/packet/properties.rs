//! The properties of version 5.

use super::fields::{Reader, put_binary};
use super::{Malformed, MessageProperties, TooLong};
use bytes::{BufMut, BytesMut};
use std::sync::Arc;
use std::time::Duration;

const PAYLOAD_FORMAT: u8 = 1;
const MESSAGE_EXPIRY: u8 = 2;
const CONTENT_TYPE: u8 = 3;
const RESPONSE_TOPIC: u8 = 8;
const CORRELATION: u8 = 9;
pub(super) const SESSION_EXPIRY: u8 = 17;
const ASSIGNED_CLIENT: u8 = 18;
const SERVER_KEEP_ALIVE: u8 = 19;
const SERVER_REFERENCE: u8 = 28;
const REASON_TEXT: u8 = 31;
pub(super) const RECEIVE_MAXIMUM: u8 = 33;
const TOPIC_ALIAS: u8 = 35;
const MAXIMUM_QOS: u8 = 36;
const RETAIN_AVAILABLE: u8 = 37;
const USER: u8 = 38;
const MAXIMUM_PACKET: u8 = 39;
const WILDCARDS_AVAILABLE: u8 = 40;

/// What a packet of the broker carries; what is not of use is read over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in super::super) struct Properties {
    /// In seconds.
    pub(in super::super) session_expiry: Option<u32>,
    pub(in super::super) assigned_client: Option<Arc<str>>,
    /// In seconds.
    pub(in super::super) server_keep_alive: Option<u16>,
    pub(in super::super) server_reference: Option<Arc<str>>,
    pub(in super::super) reason: Option<Arc<str>>,
    pub(in super::super) receive_maximum: Option<u16>,
    pub(super) topic_alias: Option<u16>,
    pub(in super::super) maximum_qos: Option<u8>,
    pub(in super::super) retain_available: Option<bool>,
    /// In bytes.
    pub(in super::super) maximum_packet: Option<u32>,
    pub(in super::super) wildcards_available: Option<bool>,
    pub(super) message: Option<Box<MessageProperties>>,
}

impl Properties {
    /// Reads the length and no more than it says.
    pub(super) fn read(reader: &mut Reader) -> Result<Self, Malformed> {
        let length = reader.variable()?;
        let mut properties = Self::default();
        if length > 0 {
            let mut inner = Reader::new(reader.packet, reader.part(length)?);
            while inner.left() > 0 {
                properties.read_one(&mut inner)?;
            }
        }
        Ok(properties)
    }

    fn message(&mut self) -> &mut MessageProperties {
        self.message.get_or_insert_default()
    }

    fn read_one(&mut self, reader: &mut Reader) -> Result<(), Malformed> {
        match reader.byte()? {
            PAYLOAD_FORMAT => self.message().is_text = reader.byte()? == 1,
            MESSAGE_EXPIRY => self.message().expiry = Some(Duration::from_secs(reader.long()?.into())),
            CONTENT_TYPE => self.message().content_type = Some(reader.text()?),
            RESPONSE_TOPIC => self.message().response_topic = Some(reader.text()?),
            CORRELATION => self.message().correlation = Some(reader.binary()?),
            USER => {
                let pair = (reader.text()?, reader.text()?);
                self.message().user.push(pair);
            }
            SESSION_EXPIRY => self.session_expiry = Some(reader.long()?),
            ASSIGNED_CLIENT => self.assigned_client = Some(reader.text()?),
            SERVER_KEEP_ALIVE => self.server_keep_alive = Some(reader.short()?),
            SERVER_REFERENCE => self.server_reference = Some(reader.text()?),
            REASON_TEXT => self.reason = Some(reader.text()?),
            RECEIVE_MAXIMUM => self.receive_maximum = Some(reader.short()?),
            TOPIC_ALIAS => self.topic_alias = Some(reader.short()?),
            MAXIMUM_QOS => self.maximum_qos = Some(reader.byte()?),
            RETAIN_AVAILABLE => self.retain_available = Some(reader.byte()? != 0),
            MAXIMUM_PACKET => self.maximum_packet = Some(reader.long()?),
            WILDCARDS_AVAILABLE => self.wildcards_available = Some(reader.byte()? != 0),
            other => return skip(other, reader),
        }
        Ok(())
    }
}

/// What exists, but is of no use here.
fn skip(property: u8, reader: &mut Reader) -> Result<(), Malformed> {
    match property {
        23 | 25 | 41 | 42 => reader.byte().map(drop),
        34 => reader.short().map(drop),
        24 => reader.long().map(drop),
        11 => reader.variable().map(drop),
        21 | 26 => reader.text().map(drop),
        22 => reader.binary().map(drop),
        unknown => Err(Malformed::Property(reader.packet, unknown)),
    }
}

/// Writes what a message carries, without the length in front.
pub(super) fn put_message(out: &mut BytesMut, message: &MessageProperties) -> Result<(), TooLong> {
    if message.is_text {
        out.put_slice(&[PAYLOAD_FORMAT, 1]);
    }
    if let Some(expiry) = message.expiry {
        out.put_u8(MESSAGE_EXPIRY);
        // A part of a second is a second: nought would be an expiry that some brokers read as none.
        let seconds = expiry.as_secs() + u64::from(expiry.subsec_nanos() > 0);
        out.put_u32(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX));
    }
    for (property, name, text) in [
        (CONTENT_TYPE, "content type", message.content_type.as_deref()),
        (RESPONSE_TOPIC, "response topic", message.response_topic.as_deref()),
    ] {
        if let Some(text) = text {
            out.put_u8(property);
            put_binary(out, name, text.as_bytes())?;
        }
    }
    if let Some(correlation) = &message.correlation {
        out.put_u8(CORRELATION);
        put_binary(out, "correlation data", correlation)?;
    }
    for (name, value) in &message.user {
        out.put_u8(USER);
        put_binary(out, "user property", name.as_bytes())?;
        put_binary(out, "user property", value.as_bytes())?;
    }
    Ok(())
}
