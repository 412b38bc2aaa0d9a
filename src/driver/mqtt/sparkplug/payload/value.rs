//! From what stands on the wire to values. The data type was declared at birth; what does not fit it is no value.

use super::{DataType, MetricValue, array, json};
use crate::driver::mqtt::payload::{LONGEST_TEXT, as_text};
use crate::tag::{Timestamp, Value};
use std::fmt::Write;

/// Why a metric has no usable value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// The value is carried in a field that does not belong to its data type.
    #[error("the value does not fit the data type {}", .0.word())]
    WrongField(DataType),
    /// The number needs more bits than its data type has.
    #[error("the number is outside of what {} can hold", .0.word())]
    OutOfRange(DataType),
    /// The bytes do not make up whole values.
    #[error("the bytes are no {}", .0.word())]
    BadArray(DataType),
    /// As text it would be longer than a tag holds.
    #[error("the text of the {} is longer than the {LONGEST_TEXT} bytes that a tag holds", .0.word())]
    TooLong(DataType),
    /// The data type is one for properties only.
    #[error("{} is a data type of properties, not of metrics", .0.word())]
    OnlyInProperties(DataType),
}

/// What a metric says. Moments are text (RFC 3339); tables, templates and arrays are text (JSON), bytes are text (hexadecimal). Text is no
/// longer than a tag holds.
pub fn read(value: &MetricValue, kind: DataType) -> Result<Value, Unreadable> {
    let text = |json: &serde_json::Value| as_text(json).map_err(|_| Unreadable::TooLong(kind));
    match (kind, value) {
        (_, MetricValue::Text(text)) if text.len() > LONGEST_TEXT => Err(Unreadable::TooLong(kind)),
        (DataType::Bytes | DataType::File, MetricValue::Bytes(bytes)) if bytes.len() > LONGEST_TEXT / 2 => {
            Err(Unreadable::TooLong(kind))
        }
        (DataType::DataSet, MetricValue::DataSet(table)) => text(&json::table(table)),
        (DataType::Template, MetricValue::Template(parts)) => text(&json::parts(parts)),
        (kind, MetricValue::Bytes(bytes)) if !matches!(kind, DataType::Bytes | DataType::File) => {
            // The largest items take 8 bytes on the wire, and no item less than 2 as text.
            if bytes.len() > LONGEST_TEXT * 4 {
                Err(Unreadable::TooLong(kind))
            } else {
                text(&array::read(bytes, kind)?)
            }
        }
        _ => read_whole(value, kind),
    }
}

/// The same without a bound: what is a part of something larger is bounded with it.
pub(super) fn read_whole(value: &MetricValue, kind: DataType) -> Result<Value, Unreadable> {
    match (kind, value) {
        (DataType::Float, MetricValue::Float(value)) => Ok(Value::Single(*value)),
        (DataType::Double, MetricValue::Double(value)) => Ok(Value::Double(*value)),
        // Encoders that know one kind of float use it for both.
        (DataType::Float, MetricValue::Double(value)) => Ok(Value::Double(*value)),
        (DataType::Double, MetricValue::Float(value)) => Ok(Value::Single(*value)),
        (DataType::Boolean, MetricValue::Boolean(value)) => Ok(Value::Bool(*value)),
        (DataType::String | DataType::Text | DataType::UUID, MetricValue::Text(text)) => {
            Ok(Value::Text(text.as_str().into()))
        }
        (DataType::DateTime, MetricValue::Long(millis)) => moment(*millis).map(|text| Value::Text(text.into())),
        (DataType::Bytes | DataType::File, MetricValue::Bytes(bytes)) => Ok(Value::Text(hexadecimal(bytes).into())),
        (DataType::DataSet, MetricValue::DataSet(table)) => Ok(Value::Text(json::table(table).to_string().into())),
        (DataType::Template, MetricValue::Template(parts)) => Ok(Value::Text(json::parts(parts).to_string().into())),
        (DataType::PropertySet | DataType::PropertySetList, _) => Err(Unreadable::OnlyInProperties(kind)),
        (kind, MetricValue::Int(raw)) => integer(kind, u64::from(*raw), i64::from(*raw as i32)),
        (kind, MetricValue::Long(raw)) => integer(kind, *raw, *raw as i64),
        (kind, MetricValue::Bytes(bytes)) => {
            array::read(bytes, kind).map(|items| Value::Text(items.to_string().into()))
        }
        (kind, _) => Err(Unreadable::WrongField(kind)),
    }
}

/// Signed numbers are two's complement: some encoders fill all bits of the field, some only those of the data type. `raw` is what stands
/// in the field, `signed` the same with the field's own sign.
pub(super) fn integer(kind: DataType, raw: u64, signed: i64) -> Result<Value, Unreadable> {
    let (bits, is_signed) = kind.integer().ok_or(Unreadable::WrongField(kind))?;
    let unused = 64 - bits;
    let fits_unsigned = raw.checked_shl(unused).is_some_and(|shifted| shifted >> unused == raw);
    if !is_signed {
        return if fits_unsigned { Ok(Value::Unsigned(raw)) } else { Err(Unreadable::OutOfRange(kind)) };
    }
    if (signed << unused) >> unused == signed {
        return Ok(Value::Signed(signed));
    }
    if fits_unsigned {
        return Ok(Value::Signed(((raw << unused) as i64) >> unused));
    }
    Err(Unreadable::OutOfRange(kind))
}

/// A moment as text, to the millisecond.
pub(super) fn moment(millis: u64) -> Result<String, Unreadable> {
    timestamp(millis).map(Timestamp::to_rfc3339).ok_or(Unreadable::OutOfRange(DataType::DateTime))
}

/// A moment of the wire; none where it is beyond the years that can be written.
pub(in crate::driver::mqtt::sparkplug) fn timestamp(millis: u64) -> Option<Timestamp> {
    let micros = i64::try_from(millis).ok()?.checked_mul(1000)?;
    let moment = Timestamp::from_micros(micros);
    moment.to_chrono().map(|_| moment)
}

fn hexadecimal(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
