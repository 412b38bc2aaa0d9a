//! Everything that reads samples out of bytes, for fuzzing: whatever stands in a file, nothing here may panic or ask for memory without end,
//! and samples come back bit for bit. `tests/fuzz` holds the targets and their corpora, which the ordinary tests replay.

use super::codec::{
    HeadWriter, decode_chunk, decode_timeline, encode_chunk, encode_timeline, read_head, seal, take, take_unsigned,
    unseal,
};
use super::migrate::read_old_samples;
use super::month::{decode_sample, encode_sample};
use super::rollup::{decode_rollups, encode_rollups, roll};
use super::series::Series;
use crate::tag::{Quality, Sample, Timestamp, Value};

/// Takes whatever bytes a fuzzer thinks of.
pub type Target = fn(&[u8]);

/// The targets by name.
pub const TARGETS: [(&str, Target); 2] = [("history_stored", stored), ("history_samples", samples)];

/// A column may say in a few bytes that it has millions of numbers: here it is not followed beyond this many.
const MOST: u64 = 20_000;
const MINUTE: i64 = 60_000_000;

/// Bytes as what stands in the files of history, with a checksum that fits: the first one says what, from 0 to 4.
pub fn stored(bytes: &[u8]) {
    let Some((&what, body)) = bytes.split_first() else { return };
    let whole = seal(body.to_vec());
    assert!(unseal(bytes).is_none_or(|inside| seal(inside.to_vec()) == bytes));
    match what % 5 {
        0 if count(body, false) <= MOST => timeline(&whole),
        1 if count(body, false) <= MOST => chunk(&whole, count(body, false) as usize),
        2 => head(&whole),
        3 if count(body, true) <= MOST => rollups(&whole),
        4 => drop(read_old_samples(body)),
        _ => {}
    }
}

/// The number of things that a block says it has.
fn count(mut body: &[u8], is_behind_width: bool) -> u64 {
    let mut read = || {
        take(&mut body, 1)?;
        if is_behind_width {
            take_unsigned(&mut body)?;
        }
        take_unsigned(&mut body)
    };
    read().unwrap_or(0)
}

fn timeline(bytes: &[u8]) {
    let Some(times) = decode_timeline(bytes) else { return };
    assert_eq!(decode_timeline(&encode_timeline(&times)), Some(times));
}

fn chunk(bytes: &[u8], count: usize) {
    let times: Vec<i64> = (0..count as i64).map(|second| second * 1_000_000).collect();
    let Some(series) = decode_chunk(bytes, times) else { return };
    let samples: Vec<Sample> = series.iter().collect();
    assert_eq!((samples.len(), series.numbers().len()), (count, count));
    comes_back(&samples);
    assert!(decode_chunk(bytes, vec![0; count + 1]).is_none(), "times of another chunk");
}

fn head(bytes: &[u8]) {
    let mut read = Vec::new();
    if read_head(bytes, |tag, sample| read.push((tag, sample))).is_some() {
        head_comes_back(&read);
    }
}

fn rollups(bytes: &[u8]) {
    let Some(rollups) = decode_rollups(bytes) else { return };
    assert!(rollups.len() <= MOST as usize);
}

/// Bytes as samples: they come back from every form in which they are stored.
pub fn samples(bytes: &[u8]) {
    let (mut rest, mut made, mut time) = (bytes, Vec::new(), 1_795_000_000_000_000_i64);
    while let Some(sample) = sample(&mut rest, &mut time) {
        made.push(sample);
    }
    comes_back(&made);
    let numbered: Vec<(i64, Sample)> = (0..3).cycle().zip(made.iter().cloned()).collect();
    head_comes_back(&numbered);
    if let Some(first) = made.first() {
        assert!(decode_sample(&encode_sample(first)).is_some_and(|back| same(&back, first)));
    }
    made.sort_by_key(|sample| sample.time);
    let series: Series = made.into_iter().collect();
    let rolled = roll(&series.times, &series.numbers(), None, MINUTE);
    let back = decode_rollups(&encode_rollups(MINUTE, &rolled));
    let of = |list: &[super::rollup::Rollup]| {
        list.iter().map(|one| (one.start, one.count, one.good, one.bad)).collect::<Vec<_>>()
    };
    assert_eq!(back.as_deref().map(of), Some(of(&rolled)));
}

fn comes_back(samples: &[Sample]) {
    let series: Series = samples.iter().cloned().collect();
    let times = decode_timeline(&encode_timeline(&series.times));
    assert_eq!(times.as_ref(), Some(&series.times));
    let back: Vec<Sample> =
        times.and_then(|times| decode_chunk(&encode_chunk(&series), times)).iter().flat_map(Series::iter).collect();
    assert!(
        back.len() == samples.len() && back.iter().zip(samples).all(|(one, other)| same(one, other)),
        "{back:?} was {samples:?}"
    );
}

fn head_comes_back(samples: &[(i64, Sample)]) {
    let mut writer = HeadWriter::new(samples.len());
    samples.iter().for_each(|(tag, sample)| writer.push(*tag, sample));
    let mut back = Vec::new();
    assert!(read_head(&writer.finish(), |tag, sample| back.push((tag, sample))).is_some());
    let is_same = |(one, other): (&(i64, Sample), &(i64, Sample))| one.0 == other.0 && same(&one.1, &other.1);
    assert!(back.len() == samples.len() && back.iter().zip(samples).all(is_same), "{back:?} was {samples:?}");
}

/// To the bit: not-a-number is itself here, and -0 is not 0.
fn same(one: &Sample, other: &Sample) -> bool {
    let values = match (&one.value, &other.value) {
        (Some(Value::Single(one)), Some(Value::Single(other))) => one.to_bits() == other.to_bits(),
        (Some(Value::Double(one)), Some(Value::Double(other))) => one.to_bits() == other.to_bits(),
        (one, other) => one == other,
    };
    values && one.time == other.time && one.quality == other.quality
}

/// The next sample. A byte says what kind it has (bits 0 to 2), how far its time lies behind the last one's (bits 3 to 5) and whether a byte
/// for its quality follows (bit 6) or the value of the last sample is used in a simple way (bit 7); then the bytes of its value.
fn sample(rest: &mut &[u8], time: &mut i64) -> Option<Sample> {
    let head = take(rest, 1)?[0];
    let step = [0, 1, 1000, 1_000_000, 60_000_000, 3_600_000_000, -1, i64::MAX / 3][usize::from(head >> 3 & 7)];
    *time = time.wrapping_add(step);
    let quality = match head & 64 {
        0 => Quality::GOOD,
        _ => Quality::from_code(take(rest, 1)?[0] % 3, 0)?,
    };
    let number = |rest: &mut &[u8]| match head & 128 {
        // Small and with few digits, as most devices speak.
        0 => Some(i64::from(*take(rest, 1)?.first()? as i8)),
        _ => Some(i64::from_le_bytes(take(rest, 8)?.try_into().ok()?)),
    };
    let value = match head & 7 {
        0 => None,
        1 => Some(Value::Bool(take(rest, 1)?[0] & 1 == 1)),
        2 => Some(Value::Signed(number(rest)?)),
        3 => Some(Value::Unsigned(number(rest)? as u64)),
        4 if head & 128 == 0 => Some(Value::Single(number(rest)? as f32 / 10.0)),
        4 => Some(Value::Single(f32::from_bits(number(rest)? as u32))),
        5 if head & 128 == 0 => Some(Value::Double(number(rest)? as f64 / 100.0)),
        5 => Some(Value::Double(f64::from_bits(number(rest)? as u64))),
        6 => {
            let length = usize::from(take(rest, 1)?[0] & 15);
            Some(Value::Text(String::from_utf8_lossy(take(rest, length)?).into()))
        }
        _ => Some(Value::Double(number(rest)? as f64 * 0.003_051_85)),
    };
    Some(Sample { time: Timestamp::from_micros(*time), value, quality })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn every_corpus_replays() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus");
        for (name, target) in TARGETS {
            let folder = corpora.join(name);
            let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
            assert!(files.len() >= 20, "{} holds {} inputs", folder.display(), files.len());
            files.iter().for_each(|file| target(&std::fs::read(file).unwrap()));
        }
    }
}
