//! Samples as bytes: time differences as variable-length integers, then quality and value. Lossless.

use crate::tag::{Quality, Sample, Timestamp, Value};

/// Turns samples into bytes.
pub fn encode_chunk(samples: &[Sample]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(samples.len() * 12);
    let mut previous = 0i64;
    for sample in samples {
        put_signed(&mut bytes, sample.time.as_micros().wrapping_sub(previous));
        previous = sample.time.as_micros();
        let (status, reason) = sample.quality.to_code();
        bytes.extend([status, reason]);
        put_value(&mut bytes, sample.value.as_ref());
    }
    bytes
}

fn put_value(bytes: &mut Vec<u8>, value: Option<&Value>) {
    match value {
        None => bytes.push(0),
        Some(Value::Bool(false)) => bytes.push(1),
        Some(Value::Bool(true)) => bytes.push(2),
        Some(Value::Signed(number)) => {
            bytes.push(3);
            put_signed(bytes, *number);
        }
        Some(Value::Unsigned(number)) => {
            bytes.push(4);
            put_unsigned(bytes, *number);
        }
        Some(Value::Single(number)) => {
            bytes.push(5);
            bytes.extend(number.to_le_bytes());
        }
        Some(Value::Double(number)) => {
            bytes.push(6);
            bytes.extend(number.to_le_bytes());
        }
        Some(Value::Text(text)) => {
            bytes.push(7);
            put_unsigned(bytes, text.len() as u64);
            bytes.extend(text.as_bytes());
        }
    }
}

fn put_unsigned(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn put_signed(bytes: &mut Vec<u8>, number: i64) {
    put_unsigned(bytes, ((number << 1) ^ (number >> 63)) as u64);
}

/// Reads what [`encode_chunk`] wrote; `None` when the bytes are damaged.
pub fn decode_chunk(mut bytes: &[u8]) -> Option<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut previous = 0i64;
    while !bytes.is_empty() {
        previous = previous.wrapping_add(take_signed(&mut bytes)?);
        let &[status, reason] = take(&mut bytes, 2)? else { return None };
        let quality = Quality::from_code(status, reason)?;
        let value = take_value(&mut bytes)?;
        samples.push(Sample { time: Timestamp::from_micros(previous), value, quality });
    }
    Some(samples)
}

/// The outer `Option` is about damage, the inner one is the value.
#[expect(clippy::option_option, reason = "a damaged value and a sample without value are two things")]
fn take_value(bytes: &mut &[u8]) -> Option<Option<Value>> {
    let &[kind] = take(bytes, 1)? else { return None };
    Some(Some(match kind {
        0 => return Some(None),
        1 => Value::Bool(false),
        2 => Value::Bool(true),
        3 => Value::Signed(take_signed(bytes)?),
        4 => Value::Unsigned(take_unsigned(bytes)?),
        5 => Value::Single(f32::from_le_bytes(take(bytes, 4)?.try_into().ok()?)),
        6 => Value::Double(f64::from_le_bytes(take(bytes, 8)?.try_into().ok()?)),
        7 => {
            let length = usize::try_from(take_unsigned(bytes)?).ok()?;
            Value::Text(std::str::from_utf8(take(bytes, length)?).ok()?.into())
        }
        _ => return None,
    }))
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn take_unsigned(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let &[byte] = take(bytes, 1)? else { return None };
        number |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

fn take_signed(bytes: &mut &[u8]) -> Option<i64> {
    let number = take_unsigned(bytes)?;
    Some((number >> 1) as i64 ^ -((number & 1) as i64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Reason;
    use proptest::prelude::*;

    fn value() -> impl Strategy<Value = Option<Value>> {
        prop_oneof![
            Just(None),
            any::<bool>().prop_map(|value| Some(Value::Bool(value))),
            any::<i64>().prop_map(|value| Some(Value::Signed(value))),
            any::<u64>().prop_map(|value| Some(Value::Unsigned(value))),
            any::<f32>().prop_filter("not NaN", |value| !value.is_nan()).prop_map(|value| Some(Value::Single(value))),
            any::<f64>().prop_filter("not NaN", |value| !value.is_nan()).prop_map(|value| Some(Value::Double(value))),
            ".*".prop_map(|value| Some(Value::Text(value.into()))),
        ]
    }

    proptest! {
        #[test]
        fn samples_come_back_bit_for_bit(rows in proptest::collection::vec((any::<i64>(), value(), 0u8..20), 0..50)) {
            let samples: Vec<Sample> = rows.into_iter().map(|(time, value, reason)| Sample {
                time: Timestamp::from_micros(time),
                value,
                quality: Reason::from_code(reason).map_or(Quality::GOOD, Quality::bad),
            }).collect();
            prop_assert_eq!(decode_chunk(&encode_chunk(&samples)), Some(samples));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_chunk(&bytes);
        }
    }
}
