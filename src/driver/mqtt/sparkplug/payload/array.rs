//! Arrays: packed little-endian bytes. Booleans are packed eight to a byte behind their count, texts end with a zero byte.

use super::value::moment;
use super::{DataType, Unreadable};
use crate::tag::Value;
use serde_json::Value as Json;

/// The items as JSON.
pub(super) fn read(bytes: &[u8], kind: DataType) -> Result<Json, Unreadable> {
    let wrong = Unreadable::BadArray(kind);
    match kind {
        DataType::Int8Array => numbers(bytes, kind, |[byte]: [u8; 1]| Value::Signed(i64::from(byte as i8))),
        DataType::Int16Array => numbers(bytes, kind, |item| Value::Signed(i64::from(i16::from_le_bytes(item)))),
        DataType::Int32Array => numbers(bytes, kind, |item| Value::Signed(i64::from(i32::from_le_bytes(item)))),
        DataType::Int64Array => numbers(bytes, kind, |item| Value::Signed(i64::from_le_bytes(item))),
        DataType::UInt8Array => numbers(bytes, kind, |[byte]: [u8; 1]| Value::Unsigned(u64::from(byte))),
        DataType::UInt16Array => numbers(bytes, kind, |item| Value::Unsigned(u64::from(u16::from_le_bytes(item)))),
        DataType::UInt32Array => numbers(bytes, kind, |item| Value::Unsigned(u64::from(u32::from_le_bytes(item)))),
        DataType::UInt64Array => numbers(bytes, kind, |item| Value::Unsigned(u64::from_le_bytes(item))),
        DataType::FloatArray => numbers(bytes, kind, |item| Value::Single(f32::from_le_bytes(item))),
        DataType::DoubleArray => numbers(bytes, kind, |item| Value::Double(f64::from_le_bytes(item))),
        DataType::DateTimeArray => {
            let moments = items(bytes, kind)?.map(|item| moment(u64::from_le_bytes(item)).map(Json::from));
            moments.collect::<Result<Vec<_>, _>>().map(Json::from).map_err(|_| wrong)
        }
        DataType::BooleanArray => booleans(bytes).ok_or(wrong),
        DataType::StringArray => texts(bytes).ok_or(wrong),
        other => Err(Unreadable::WrongField(other)),
    }
}

fn items<const SIZE: usize>(bytes: &[u8], kind: DataType) -> Result<impl Iterator<Item = [u8; SIZE]>, Unreadable> {
    let (whole, rest) = bytes.as_chunks::<SIZE>();
    if rest.is_empty() { Ok(whole.iter().copied()) } else { Err(Unreadable::BadArray(kind)) }
}

fn numbers<const SIZE: usize>(
    bytes: &[u8],
    kind: DataType,
    value: impl Fn([u8; SIZE]) -> Value,
) -> Result<Json, Unreadable> {
    Ok(items(bytes, kind)?.map(|item| super::json::of(&value(item))).collect())
}

fn booleans(bytes: &[u8]) -> Option<Json> {
    let (count, packed) = bytes.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    if count.div_ceil(8) != packed.len() {
        return None;
    }
    Some((0..count).map(|place| packed[place / 8] >> (7 - place % 8) & 1 == 1).collect())
}

fn texts(bytes: &[u8]) -> Option<Json> {
    let Some(body) = bytes.strip_suffix(&[0]) else { return bytes.is_empty().then(|| Json::Array(Vec::new())) };
    let texts = body.split(|byte| *byte == 0).map(|text| std::str::from_utf8(text).ok().map(Json::from));
    texts.collect()
}
