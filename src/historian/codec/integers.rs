//! Columns of integers.

use super::bits::{put_blocks, take_blocks};
use super::bytes::{put_signed, put_unsigned, take, take_signed, take_unsigned};
use pco::standalone::{simple_compress, simple_decompress_into};
use pco::{ChunkConfig, DeltaSpec, ModeSpec};

const SAME: u8 = 0;
const RUNS: u8 = 1;
const DIFFERENCES: u8 = 2;
const PACKED: u8 = 3;
const STEPS: u8 = 4;
const BLOCKS: u8 = 5;

/// Columns shorter than this are not worth the header of a packed one, nor the time: the minutes of an hour are rewritten every hour.
const SHORT: usize = 100;
/// Sampled to find which differences are the smallest.
const PROBED: usize = 512;
/// Steps of steps are worth a look, more is not; and damaged bytes cannot make reading go deep.
const DEEPEST: usize = 2;

/// Writes a column of integers; its length is not part of it.
pub(in crate::historian) fn put_integers(bytes: &mut Vec<u8>, numbers: &[i64]) {
    put_nested(bytes, numbers, 0, put_packed);
}

/// The same for columns that are written anew often and read many at a time: a little larger, and several times as quick both ways.
pub(in crate::historian) fn put_integers_quickly(bytes: &mut Vec<u8>, numbers: &[i64]) {
    put_nested(bytes, numbers, 0, put_bits);
}

fn put_nested(bytes: &mut Vec<u8>, numbers: &[i64], depth: usize, put_long: fn(&mut Vec<u8>, &[i64])) {
    let Some(first) = numbers.first().copied() else { return };
    let runs = 1 + numbers.windows(2).filter(|pair| pair[0] != pair[1]).count();
    if runs == 1 {
        bytes.push(SAME);
        put_signed(bytes, first);
    } else if 3 * runs <= numbers.len() / 16 + 16 {
        put_runs(bytes, numbers, runs);
    } else if depth < DEEPEST && steps_are_few(numbers) {
        bytes.push(STEPS);
        put_signed(bytes, first);
        put_nested(bytes, &steps(numbers), depth + 1, put_long);
    } else if numbers.len() < SHORT {
        put_differences(bytes, numbers);
    } else {
        put_long(bytes, numbers);
    }
}

/// As blocks of bits, or their steps so, where these are smaller.
fn put_bits(bytes: &mut Vec<u8>, numbers: &[i64]) {
    bytes.push(BLOCKS);
    let has_steps = best_order(numbers) > 0;
    bytes.push(u8::from(has_steps));
    if has_steps {
        put_signed(bytes, numbers[0]);
        put_blocks(bytes, &steps(numbers));
    } else {
        put_blocks(bytes, numbers);
    }
}

fn steps(numbers: &[i64]) -> Vec<i64> {
    numbers.windows(2).map(|pair| pair[1].wrapping_sub(pair[0])).collect()
}

/// Whether most steps are the same as the one before. The steps of steps are then mostly zero and held as runs.
fn steps_are_few(numbers: &[i64]) -> bool {
    let changes = numbers.windows(3).filter(|three| three[1].wrapping_sub(three[0]) != three[2].wrapping_sub(three[1]));
    numbers.len() > 2 && 3 * (changes.count() + 1) <= (numbers.len() - 1) / 16 + 4
}

fn put_runs(bytes: &mut Vec<u8>, numbers: &[i64], runs: usize) {
    bytes.push(RUNS);
    put_unsigned(bytes, runs as u64);
    let mut before = 0i64;
    for run in numbers.chunk_by(|first, second| first == second) {
        put_signed(bytes, run[0].wrapping_sub(before));
        put_unsigned(bytes, run.len() as u64);
        before = run[0];
    }
}

fn put_differences(bytes: &mut Vec<u8>, numbers: &[i64]) {
    bytes.push(DIFFERENCES);
    let mut before = 0i64;
    for number in numbers {
        put_signed(bytes, number.wrapping_sub(before));
        before = *number;
    }
}

fn put_packed(bytes: &mut Vec<u8>, numbers: &[i64]) {
    let (first, divisor) = first_and_divisor(numbers);
    let reduced: Vec<i64> = if divisor == 1 {
        numbers.iter().map(|number| number.wrapping_sub(first)).collect()
    } else {
        numbers.iter().map(|number| number.wrapping_sub(first) / divisor).collect()
    };
    let config = packing(best_order(&reduced));
    let Ok(packed) = simple_compress(&reduced, &config) else { return put_differences(bytes, numbers) };
    bytes.push(PACKED);
    put_signed(bytes, first);
    put_unsigned(bytes, divisor as u64);
    put_unsigned(bytes, packed.len() as u64);
    bytes.extend(packed);
}

/// How pco packs: the order of differences is told to it, because looking for one costs it more than all the rest.
pub(super) fn packing(order: usize) -> ChunkConfig {
    let differences = if order == 0 { DeltaSpec::NoOp } else { DeltaSpec::TryConsecutive(order) };
    ChunkConfig::default().with_compression_level(6).with_mode_spec(ModeSpec::Classic).with_delta_spec(differences)
}

/// What is subtracted from all numbers, and what they can all be divided by then.
fn first_and_divisor(numbers: &[i64]) -> (i64, i64) {
    let first = numbers[0];
    let mut divisor = 0u64;
    for number in numbers {
        let Some(distance) = number.checked_sub(first).filter(|distance| *distance != i64::MIN) else { return (0, 1) };
        divisor = greatest_common_divisor(divisor, distance.unsigned_abs());
        if divisor == 1 {
            break;
        }
    }
    if divisor <= 1 {
        // Numbers after the one at which the search ended may lie too far away to be subtracted; wrapping keeps them right.
        return (first, 1);
    }
    (first, divisor as i64)
}

fn greatest_common_divisor(mut first: u64, mut second: u64) -> u64 {
    while second != 0 {
        (first, second) = (second, first % second);
    }
    first
}

/// How often to take differences: 0, 1 or 2, whichever leaves the fewest bits in a sample of neighbours.
pub(super) fn best_order(numbers: &[i64]) -> usize {
    let probe = &numbers[..numbers.len().min(PROBED)];
    let mean = probe.iter().map(|number| i128::from(*number)).sum::<i128>() / probe.len().max(1) as i128;
    let bits = |distance: i64| f64::from(64 - distance.unsigned_abs().leading_zeros());
    let plain: f64 = probe.iter().map(|number| bits(number.wrapping_sub(mean as i64))).sum::<f64>();
    let once: f64 = probe.windows(2).map(|pair| bits(pair[1].wrapping_sub(pair[0]))).sum();
    let twice: f64 = probe
        .windows(3)
        .map(|three| bits(three[2].wrapping_sub(three[1]).wrapping_sub(three[1].wrapping_sub(three[0]))))
        .sum();
    if once <= plain && once <= twice {
        1
    } else if twice < plain {
        2
    } else {
        0
    }
}

/// Reads `count` integers; none when the bytes are damaged.
pub(in crate::historian) fn take_integers(bytes: &mut &[u8], count: usize) -> Option<Vec<i64>> {
    take_nested(bytes, count, 0)
}

fn take_nested(bytes: &mut &[u8], count: usize, depth: usize) -> Option<Vec<i64>> {
    if count == 0 {
        return Some(Vec::new());
    }
    match take(bytes, 1)?[0] {
        SAME => Some(vec![take_signed(bytes)?; count]),
        RUNS => take_runs(bytes, count),
        DIFFERENCES => take_differences(bytes, count),
        PACKED => take_packed(bytes, count),
        STEPS if depth < DEEPEST => {
            let first = take_signed(bytes)?;
            Some(add_up(first, take_nested(bytes, count - 1, depth + 1)?))
        }
        BLOCKS => match take(bytes, 1)?[0] {
            0 => take_blocks(bytes, count),
            1 => {
                let first = take_signed(bytes)?;
                Some(add_up(first, take_blocks(bytes, count - 1)?))
            }
            _ => None,
        },
        _ => None,
    }
}

/// The numbers that these steps lead to.
fn add_up(first: i64, steps: Vec<i64>) -> Vec<i64> {
    let mut numbers = Vec::with_capacity(steps.len() + 1);
    numbers.push(first);
    let mut number = first;
    numbers.extend(steps.into_iter().map(|step| {
        number = number.wrapping_add(step);
        number
    }));
    numbers
}

fn take_runs(bytes: &mut &[u8], count: usize) -> Option<Vec<i64>> {
    let runs = take_unsigned(bytes)?;
    let (mut numbers, mut number) = (Vec::with_capacity(count), 0i64);
    for _ in 0..runs {
        number = number.wrapping_add(take_signed(bytes)?);
        let length = usize::try_from(take_unsigned(bytes)?).ok()?;
        if length > count - numbers.len() {
            return None;
        }
        numbers.resize(numbers.len() + length, number);
    }
    (numbers.len() == count).then_some(numbers)
}

fn take_differences(bytes: &mut &[u8], count: usize) -> Option<Vec<i64>> {
    let mut number = 0i64;
    (0..count)
        .map(|_| {
            number = number.wrapping_add(take_signed(bytes)?);
            Some(number)
        })
        .collect()
}

fn take_packed(bytes: &mut &[u8], count: usize) -> Option<Vec<i64>> {
    let (first, divisor) = (take_signed(bytes)?, take_unsigned(bytes)? as i64);
    let length = usize::try_from(take_unsigned(bytes)?).ok()?;
    let packed = take(bytes, length)?;
    let mut numbers = vec![0i64; count];
    let progress = simple_decompress_into(packed, &mut numbers).ok()?;
    if progress.n_processed != count || !progress.finished {
        return None;
    }
    if divisor == 1 {
        numbers.iter_mut().for_each(|number| *number = number.wrapping_add(first));
    } else {
        numbers.iter_mut().for_each(|number| *number = number.wrapping_mul(divisor).wrapping_add(first));
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(numbers: &[i64], at_most: usize) {
        let mut bytes = Vec::new();
        put_integers(&mut bytes, numbers);
        assert!(bytes.len() <= at_most, "{} bytes for {} numbers", bytes.len(), numbers.len());
        let mut rest = &bytes[..];
        assert_eq!(take_integers(&mut rest, numbers.len()).as_deref(), Some(numbers));
        assert!(rest.is_empty());
    }

    #[test]
    fn columns_come_back_and_are_small() {
        check(&[], 0);
        check(&[i64::MIN; 3600], 12);
        check(&[i64::MIN, i64::MAX, 0, -1, i64::MAX, i64::MIN], 80);
        check(&(0..3600).map(|second| 1_760_000_000_000_000 + second * 1_000_000).collect::<Vec<_>>(), 24);
        check(&(0..3600).map(|second| second / 400).collect::<Vec<_>>(), 40);
        check(&(0..3600).map(|second| second * second % 7 * 1000).collect::<Vec<_>>(), 1400);
        check(&(0..100).map(|turn| if turn % 2 == 0 { i64::MIN } else { i64::MAX }).collect::<Vec<_>>(), 200);
        check(&(0..100).map(|turn| [0, 6, 12, i64::MIN, i64::MAX][turn % 5]).collect::<Vec<_>>(), 900);
    }

    proptest! {
        #[test]
        fn whatever_goes_in_comes_back(
            wild in proptest::collection::vec(any::<i64>(), 0..100), tame in proptest::collection::vec(-50i64..50, 0..300),
            factor in prop_oneof![Just(1i64), Just(1000), Just(i64::MAX / 50)],
        ) {
            for numbers in [wild, tame.iter().map(|number| number * factor).collect(), tame] {
                let mut bytes = Vec::new();
                put_integers(&mut bytes, &numbers);
                prop_assert_eq!(take_integers(&mut &bytes[..], numbers.len()), Some(numbers.clone()));
                bytes.clear();
                put_integers_quickly(&mut bytes, &numbers);
                prop_assert_eq!(take_integers(&mut &bytes[..], numbers.len()), Some(numbers));
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), method in 0u8..7, count in 0usize..500) {
            let mut damaged = vec![method];
            damaged.extend(bytes);
            let _ = take_integers(&mut &damaged[..], count);
        }
    }
}
