//! The samples of one flush, as the open head holds them until they are sealed: quick to write, in the order in which they came.
//!
//! Version byte 2; then for each sample: the tag's number and the time in microseconds, both as signed differences to the sample before;
//! a kind byte, with 0x80 added where the quality differs from the sample before (status and reason follow then); the value: a boolean as
//! kind 1 or 7 (true), integers as variable-length, floats little endian, text as length and UTF-8. A CRC-32 ends it.

use super::bytes::{put_signed, put_unsigned, take, take_signed, take_unsigned};
use super::chunk::unseal;
use crate::tag::{Quality, Sample, Timestamp, Value};

const VERSION: u8 = 2;
const TRUE: u8 = 7;
const OTHER_QUALITY: u8 = 0x80;

/// Writes a head row, sample by sample.
pub(in crate::historian) struct HeadWriter {
    bytes: Vec<u8>,
    tag: i64,
    time: i64,
    quality: Quality,
}

impl HeadWriter {
    /// An empty row, with room for `samples`.
    pub(in crate::historian) fn new(samples: usize) -> Self {
        let mut bytes = Vec::with_capacity(16 + samples * 14);
        bytes.push(VERSION);
        Self { bytes, tag: 0, time: 0, quality: Quality::GOOD }
    }

    pub(in crate::historian) fn push(&mut self, tag: i64, sample: &Sample) {
        let bytes = &mut self.bytes;
        put_signed(bytes, tag.wrapping_sub(self.tag));
        put_signed(bytes, sample.time.as_micros().wrapping_sub(self.time));
        (self.tag, self.time) = (tag, sample.time.as_micros());
        let kind = match &sample.value {
            None => 0,
            Some(Value::Bool(false)) => 1,
            Some(Value::Bool(true)) => TRUE,
            Some(Value::Signed(_)) => 2,
            Some(Value::Unsigned(_)) => 3,
            Some(Value::Single(_)) => 4,
            Some(Value::Double(_)) => 5,
            Some(Value::Text(_)) => 6,
        };
        if sample.quality == self.quality {
            bytes.push(kind);
        } else {
            let (status, reason) = sample.quality.to_code();
            bytes.extend([kind | OTHER_QUALITY, status, reason]);
            self.quality = sample.quality;
        }
        match &sample.value {
            None | Some(Value::Bool(_)) => {}
            Some(Value::Signed(number)) => put_signed(bytes, *number),
            Some(Value::Unsigned(number)) => put_unsigned(bytes, *number),
            Some(Value::Single(number)) => bytes.extend(number.to_le_bytes()),
            Some(Value::Double(number)) => bytes.extend(number.to_le_bytes()),
            Some(Value::Text(text)) => {
                put_unsigned(bytes, text.len() as u64);
                bytes.extend(text.as_bytes());
            }
        }
    }

    /// The whole row.
    pub(in crate::historian) fn finish(self) -> Vec<u8> {
        super::chunk::seal(self.bytes)
    }
}

/// Hands every sample of a head row to `take_sample`; none when the row is damaged.
pub(in crate::historian) fn read_head(bytes: &[u8], mut take_sample: impl FnMut(i64, Sample)) -> Option<()> {
    let mut bytes = unseal(bytes)?;
    if take(&mut bytes, 1)?[0] != VERSION {
        return None;
    }
    let (mut tag, mut time, mut quality) = (0i64, 0i64, Quality::GOOD);
    while !bytes.is_empty() {
        tag = tag.wrapping_add(take_signed(&mut bytes)?);
        time = time.wrapping_add(take_signed(&mut bytes)?);
        let kind = take(&mut bytes, 1)?[0];
        if kind & OTHER_QUALITY != 0 {
            let &[status, reason] = take(&mut bytes, 2)? else { return None };
            quality = Quality::from_code(status, reason)?;
        }
        let value = take_value(&mut bytes, kind & !OTHER_QUALITY)?;
        take_sample(tag, Sample { time: Timestamp::from_micros(time), value, quality });
    }
    Some(())
}

/// The outer `Option` is about damage, the inner one is the value.
#[expect(clippy::option_option, reason = "a damaged value and a sample without value are two things")]
fn take_value(bytes: &mut &[u8], kind: u8) -> Option<Option<Value>> {
    Some(Some(match kind {
        0 => return Some(None),
        1 => Value::Bool(false),
        TRUE => Value::Bool(true),
        2 => Value::Signed(take_signed(bytes)?),
        3 => Value::Unsigned(take_unsigned(bytes)?),
        4 => Value::Single(f32::from_le_bytes(take(bytes, 4)?.try_into().ok()?)),
        5 => Value::Double(f64::from_le_bytes(take(bytes, 8)?.try_into().ok()?)),
        6 => {
            let length = usize::try_from(take_unsigned(bytes)?).ok()?;
            Value::Text(std::str::from_utf8(take(bytes, length)?).ok()?.into())
        }
        _ => return None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::historian::series::tests::{any_quality, any_value, same};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back_in_order(rows in proptest::collection::vec((any::<i64>(), any::<i64>(), any_value(), any_quality()), 0..60)) {
            let mut writer = HeadWriter::new(rows.len());
            let samples: Vec<(i64, Sample)> = rows.into_iter()
                .map(|(tag, time, value, quality)| (tag, Sample { time: Timestamp::from_micros(time), value, quality })).collect();
            samples.iter().for_each(|(tag, sample)| writer.push(*tag, sample));
            let (mut tags, mut back) = (Vec::new(), Vec::new());
            read_head(&writer.finish(), |tag, sample| {
                tags.push(tag);
                back.push(sample);
            }).unwrap();
            prop_assert_eq!(tags, samples.iter().map(|(tag, _)| *tag).collect::<Vec<_>>());
            prop_assert!(same(&back, &samples.into_iter().map(|(_, sample)| sample).collect::<Vec<_>>()));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut damaged = vec![VERSION];
            damaged.extend(bytes);
            let _ = read_head(&super::super::chunk::seal(damaged), |_, _| {});
        }
    }
}
