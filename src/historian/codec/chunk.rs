//! Whole chunks and timelines.

use super::bytes::{put_unsigned, take, take_unsigned};
use super::floats::{put_doubles, put_singles, take_doubles, take_singles};
use super::integers::{put_integers, take_integers};
use crate::historian::series::{Columns, Kind, Run, Series};
use crate::tag::Quality;
use std::collections::HashMap;
use std::sync::Arc;

const VERSION: u8 = 1;
/// No chunk has more samples; a larger number is damage, and would only ask for memory.
const MOST: usize = 1 << 26;

/// Adds what tells damage: a CRC-32 of everything before.
pub(in crate::historian) fn seal(mut bytes: Vec<u8>) -> Vec<u8> {
    let sum = crc32fast::hash(&bytes);
    bytes.extend(sum.to_le_bytes());
    bytes
}

/// The bytes without their checksum; none when it does not fit.
pub(in crate::historian) fn unseal(bytes: &[u8]) -> Option<&[u8]> {
    let (body, sum) = bytes.split_last_chunk::<4>()?;
    (crc32fast::hash(body) == u32::from_le_bytes(*sum)).then_some(body)
}

/// The times of a series.
pub(in crate::historian) fn encode_timeline(times: &[i64]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put_unsigned(&mut bytes, times.len() as u64);
    put_integers(&mut bytes, times);
    seal(bytes)
}

/// Reads what [`encode_timeline`] wrote; none when the bytes are damaged.
pub(in crate::historian) fn decode_timeline(bytes: &[u8]) -> Option<Vec<i64>> {
    let mut bytes = unseal(bytes)?;
    let count = begin(&mut bytes)?;
    let times = take_integers(&mut bytes, count)?;
    bytes.is_empty().then_some(times)
}

fn begin(bytes: &mut &[u8]) -> Option<usize> {
    if take(bytes, 1)?[0] != VERSION {
        return None;
    }
    usize::try_from(take_unsigned(bytes)?).ok().filter(|count| *count <= MOST)
}

/// Everything of a series but its times.
pub(in crate::historian) fn encode_chunk(series: &Series) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    put_unsigned(&mut bytes, series.len() as u64);
    put_unsigned(&mut bytes, series.runs.len() as u64);
    for run in &series.runs {
        put_unsigned(&mut bytes, run.count as u64);
        let (status, reason) = run.quality.to_code();
        bytes.extend([run.kind as u8, status, reason]);
    }
    let columns = &series.columns;
    put_integers(&mut bytes, &columns.bools.iter().map(|value| i64::from(*value)).collect::<Vec<_>>());
    put_integers(&mut bytes, &columns.signed);
    put_integers(&mut bytes, &columns.unsigned.iter().map(|value| *value as i64).collect::<Vec<_>>());
    put_singles(&mut bytes, &columns.singles);
    put_doubles(&mut bytes, &columns.doubles);
    put_texts(&mut bytes, &columns.texts);
    seal(bytes)
}

fn put_texts(bytes: &mut Vec<u8>, texts: &[Arc<str>]) {
    if texts.is_empty() {
        return;
    }
    let mut known: HashMap<&str, i64> = HashMap::new();
    let mut different: Vec<&str> = Vec::new();
    let mut numbers = Vec::with_capacity(texts.len());
    for text in texts {
        numbers.push(*known.entry(text).or_insert_with(|| {
            different.push(text);
            different.len() as i64 - 1
        }));
    }
    put_unsigned(bytes, different.len() as u64);
    for text in different {
        put_unsigned(bytes, text.len() as u64);
        bytes.extend(text.as_bytes());
    }
    put_integers(bytes, &numbers);
}

fn take_texts(bytes: &mut &[u8], count: usize) -> Option<Vec<Arc<str>>> {
    if count == 0 {
        return Some(Vec::new());
    }
    let mut different: Vec<Arc<str>> = Vec::new();
    for _ in 0..take_unsigned(bytes)? {
        let length = usize::try_from(take_unsigned(bytes)?).ok()?;
        different.push(std::str::from_utf8(take(bytes, length)?).ok()?.into());
    }
    let numbers = take_integers(bytes, count)?;
    numbers.into_iter().map(|number| different.get(usize::try_from(number).ok()?).cloned()).collect()
}

/// Puts a chunk and its times together again; none when the bytes are damaged or do not belong together.
pub(in crate::historian) fn decode_chunk(bytes: &[u8], times: Vec<i64>) -> Option<Series> {
    let mut bytes = unseal(bytes)?;
    // Before anything is made: a damaged number of samples would ask for memory of its own.
    let count = begin(&mut bytes).filter(|count| *count == times.len())?;
    let mut counts = [0usize; 7];
    let runs = take_runs(&mut bytes, count, &mut counts)?;
    let bytes = &mut bytes;
    let columns = Columns {
        bools: take_integers(bytes, counts[1])?.into_iter().map(|number| number != 0).collect(),
        signed: take_integers(bytes, counts[2])?,
        unsigned: take_integers(bytes, counts[3])?.into_iter().map(|number| number as u64).collect(),
        singles: take_singles(bytes, counts[4])?,
        doubles: take_doubles(bytes, counts[5])?,
        texts: take_texts(bytes, counts[6])?,
    };
    bytes.is_empty().then_some(Series { times, runs, columns })
}

fn take_runs(bytes: &mut &[u8], count: usize, counts: &mut [usize; 7]) -> Option<Vec<Run>> {
    let (mut runs, mut left) = (Vec::new(), count);
    for _ in 0..take_unsigned(bytes)? {
        let length = usize::try_from(take_unsigned(bytes)?).ok()?;
        left = left.checked_sub(length)?;
        let &[kind, status, reason] = take(bytes, 3)? else { return None };
        let kind = Kind::from_code(kind)?;
        counts[kind as usize] += length;
        runs.push(Run { count: length, kind, quality: Quality::from_code(status, reason)? });
    }
    (left == 0).then_some(runs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::historian::series::tests::{any_quality, any_value, same};
    use crate::tag::{Sample, Timestamp};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn samples_come_back_bit_for_bit(
            rows in proptest::collection::vec((any::<i64>(), any_value(), any_quality()), 0..60),
            many in proptest::collection::vec((0i64..5_000_000, any_value()), 0..4), repeated in 1usize..80,
        ) {
            let quality = crate::tag::Quality::GOOD;
            let long = many.iter().flat_map(|(time, value)| {
                (0..repeated as i64).map(move |turn| (time + turn * 1_000_000, value.clone(), quality))
            });
            let samples: Vec<Sample> = rows.into_iter().chain(long)
                .map(|(time, value, quality)| Sample { time: Timestamp::from_micros(time), value, quality }).collect();
            let series: Series = samples.iter().cloned().collect();
            let times = decode_timeline(&encode_timeline(&series.times));
            prop_assert_eq!(times.as_ref(), Some(&series.times));
            let back = decode_chunk(&encode_chunk(&series), series.times.clone()).unwrap();
            prop_assert!(same(&back.iter().collect::<Vec<_>>(), &samples));
        }

        #[test]
        fn damage_is_found(
            rows in proptest::collection::vec((any::<i64>(), any_value(), any_quality()), 1..40), place in any::<usize>(), flip in 1u8..=255,
        ) {
            let series: Series = rows.into_iter()
                .map(|(time, value, quality)| Sample { time: Timestamp::from_micros(time), value, quality }).collect();
            let mut bytes = encode_chunk(&series);
            let place = place % bytes.len();
            bytes[place] ^= flip;
            prop_assert!(decode_chunk(&bytes, series.times.clone()).is_none());
            let mut bytes = encode_timeline(&series.times);
            let place = place % bytes.len();
            bytes[place] ^= flip;
            prop_assert!(decode_timeline(&bytes).is_none());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), count in 0u8..50) {
            let mut damaged = vec![VERSION, count];
            damaged.extend(bytes);
            let _ = decode_timeline(&seal(damaged.clone()));
            let _ = decode_chunk(&seal(damaged), vec![0; usize::from(count)]);
        }
    }
}
