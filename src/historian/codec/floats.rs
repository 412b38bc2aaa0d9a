//! Columns of floats: as decimals where they are ones, else packed as they are.

use super::bytes::{put_unsigned, take, take_unsigned};
use super::integers::{best_order, packing, put_integers, take_integers};
use pco::ModeSpec;
use pco::data_types::Number;
use pco::standalone::{simple_compress, simple_decompress_into};

const DECIMAL: u8 = 0;
const PACKED: u8 = 1;
const PLAIN: u8 = 2;
const SHORT: usize = 24;
const MOST_DIGITS: u8 = 9;
/// Sampled to find the step of a converter.
const PROBED: usize = 512;

/// What the two widths of floats share.
trait Float: Number + Copy {
    /// Beyond this a decimal has more bits than the float itself.
    const LARGEST: f64;
    const WIDTH: usize;
    fn wide(self) -> f64;
    fn narrow(number: f64) -> Self;
    fn put(self, bytes: &mut Vec<u8>);
    fn read(bytes: &[u8]) -> Option<Self>;
    /// The bits in an order that is the order of the numbers, for probing only.
    fn ordered(self) -> i64;
    fn same_bits(self, other: Self) -> bool;
}

impl Float for f64 {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    const WIDTH: usize = 8;
    fn wide(self) -> f64 {
        self
    }
    fn narrow(number: f64) -> Self {
        number
    }
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_le_bytes(bytes.try_into().ok()?))
    }
    fn ordered(self) -> i64 {
        let bits = self.to_bits() as i64;
        bits ^ (((bits >> 63) as u64) >> 1) as i64
    }
    fn same_bits(self, other: Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

impl Float for f32 {
    const LARGEST: f64 = 16_777_216.0;
    const WIDTH: usize = 4;
    fn wide(self) -> f64 {
        f64::from(self)
    }
    fn narrow(number: f64) -> Self {
        number as f32
    }
    fn put(self, bytes: &mut Vec<u8>) {
        bytes.extend(self.to_le_bytes());
    }
    fn read(bytes: &[u8]) -> Option<Self> {
        Some(Self::from_le_bytes(bytes.try_into().ok()?))
    }
    fn ordered(self) -> i64 {
        let bits = self.to_bits() as i32;
        i64::from(bits ^ (((bits >> 31) as u32) >> 1) as i32)
    }
    fn same_bits(self, other: Self) -> bool {
        self.to_bits() == other.to_bits()
    }
}

/// Writes a column of 64-bit floats; its length is not part of it.
pub(in crate::historian) fn put_doubles(bytes: &mut Vec<u8>, numbers: &[f64]) {
    put_floats(bytes, numbers);
}

/// Reads what [`put_doubles`] wrote; none when the bytes are damaged.
pub(in crate::historian) fn take_doubles(bytes: &mut &[u8], count: usize) -> Option<Vec<f64>> {
    take_floats(bytes, count)
}

/// The same for 32-bit floats.
pub(super) fn put_singles(bytes: &mut Vec<u8>, numbers: &[f32]) {
    put_floats(bytes, numbers);
}

pub(super) fn take_singles(bytes: &mut &[u8], count: usize) -> Option<Vec<f32>> {
    take_floats(bytes, count)
}

fn put_floats<F: Float>(bytes: &mut Vec<u8>, numbers: &[F]) {
    if numbers.is_empty() {
        return;
    }
    if let Some(decimals) = as_decimals(numbers) {
        bytes.push(DECIMAL);
        bytes.push(decimals.digits);
        put_exceptions(bytes, numbers, &decimals.exceptions);
        return put_integers(bytes, &decimals.integers);
    }
    let packed = if numbers.len() < SHORT { None } else { pack(numbers) };
    match packed.filter(|packed| packed.len() < numbers.len() * F::WIDTH) {
        Some(packed) => {
            bytes.push(PACKED);
            put_unsigned(bytes, packed.len() as u64);
            bytes.extend(packed);
        }
        None => {
            bytes.push(PLAIN);
            numbers.iter().for_each(|number| number.put(bytes));
        }
    }
}

struct Decimals {
    digits: u8,
    integers: Vec<i64>,
    exceptions: Vec<usize>,
}

/// The numbers as integers over a power of ten, if that gives them back bit for bit, all but few.
fn as_decimals<F: Float>(numbers: &[F]) -> Option<Decimals> {
    (0..=MOST_DIGITS).find_map(|digits| with_digits(numbers, digits))
}

fn with_digits<F: Float>(numbers: &[F], digits: u8) -> Option<Decimals> {
    let power = 10f64.powi(i32::from(digits));
    let allowed = numbers.len() / 64;
    let mut decimals = Decimals { digits, integers: Vec::with_capacity(numbers.len()), exceptions: Vec::new() };
    let mut before = 0i64;
    for (place, number) in numbers.iter().enumerate() {
        let scaled = (number.wide() * power).round_ties_even();
        let integer = scaled as i64;
        // Exactly as it is read, so that the sign of zero counts; not-a-number fails both comparisons.
        if scaled.abs() <= F::LARGEST && F::narrow(integer as f64 / power).same_bits(*number) {
            before = integer;
        } else if decimals.exceptions.len() == allowed {
            return None;
        } else {
            decimals.exceptions.push(place);
        }
        decimals.integers.push(before);
    }
    Some(decimals)
}

/// Several columns as integers over one power of ten; none when that does not give all of them back bit for bit.
pub(in crate::historian) fn common_decimals<const N: usize>(columns: &[Vec<f64>; N]) -> Option<(u8, [Vec<i64>; N])> {
    (0..=MOST_DIGITS).find_map(|digits| {
        let exact = |column: &Vec<f64>| with_digits(column, digits).filter(|decimals| decimals.exceptions.is_empty());
        let decimals: Vec<Vec<i64>> =
            columns.iter().map(|column| exact(column).map(|decimals| decimals.integers)).collect::<Option<_>>()?;
        Some((digits, decimals.try_into().ok()?))
    })
}

fn put_exceptions<F: Float>(bytes: &mut Vec<u8>, numbers: &[F], exceptions: &[usize]) {
    put_unsigned(bytes, exceptions.len() as u64);
    let mut before = 0;
    for place in exceptions {
        put_unsigned(bytes, (place - before) as u64);
        numbers[*place].put(bytes);
        before = *place;
    }
}

/// The smaller of: the floats as they are, and the floats as multiples of a converter's step.
fn pack<F: Float>(numbers: &[F]) -> Option<Vec<u8>> {
    let ordered: Vec<i64> = numbers.iter().take(PROBED).map(|number| number.ordered()).collect();
    let plain = simple_compress(numbers, &packing(best_order(&ordered))).ok()?;
    let stepped = step(numbers).and_then(|step| {
        let multiples: Vec<i64> =
            numbers.iter().take(PROBED).map(|number| (number.wide() / step).round() as i64).collect();
        let config = packing(best_order(&multiples)).with_mode_spec(ModeSpec::TryFloatMult(step));
        simple_compress(numbers, &config).ok()
    });
    Some(match stepped {
        Some(stepped) if stepped.len() < plain.len() => stepped,
        _ => plain,
    })
}

/// The step of which all numbers seem to be multiples, as an analogue-to-digital converter makes them.
fn step<F: Float>(numbers: &[F]) -> Option<f64> {
    let mut probe: Vec<f64> = numbers.iter().take(PROBED).map(|number| number.wide()).collect();
    if probe.iter().any(|number| !number.is_finite()) {
        return None;
    }
    probe.sort_by(f64::total_cmp);
    probe.dedup();
    let mut gaps: Vec<f64> = probe.windows(2).map(|pair| pair[1] - pair[0]).collect();
    gaps.sort_by(f64::total_cmp);
    let mut step = *gaps.first()?;
    // Larger distances tell the step more exactly, once they are known to how many steps they belong.
    let last = *probe.last()? - *probe.first()?;
    let farthest = probe.last()?.abs().max(probe.first()?.abs());
    for distance in gaps.into_iter().chain([last, farthest]) {
        let count = (distance / step).round();
        if count < 1.0 || (distance / step - count).abs() > 0.1 {
            return None;
        }
        step = distance / count;
    }
    (step.is_normal() && farthest / step < F::LARGEST).then_some(step)
}

fn take_floats<F: Float>(bytes: &mut &[u8], count: usize) -> Option<Vec<F>> {
    if count == 0 {
        return Some(Vec::new());
    }
    match take(bytes, 1)?[0] {
        DECIMAL => take_decimals(bytes, count),
        PACKED => {
            let length = usize::try_from(take_unsigned(bytes)?).ok()?;
            let packed = take(bytes, length)?;
            let mut numbers = vec![F::narrow(0.0); count];
            let progress = simple_decompress_into(packed, &mut numbers).ok()?;
            (progress.n_processed == count && progress.finished).then_some(numbers)
        }
        PLAIN => take(bytes, count.checked_mul(F::WIDTH)?)?.chunks_exact(F::WIDTH).map(F::read).collect(),
        _ => None,
    }
}

fn take_decimals<F: Float>(bytes: &mut &[u8], count: usize) -> Option<Vec<F>> {
    let digits = take(bytes, 1)?[0];
    if digits > MOST_DIGITS {
        return None;
    }
    let mut exceptions = Vec::new();
    let mut place = 0usize;
    for _ in 0..take_unsigned(bytes)? {
        place = place.checked_add(usize::try_from(take_unsigned(bytes)?).ok()?)?;
        exceptions.push((place, F::read(take(bytes, F::WIDTH)?)?));
    }
    let power = 10f64.powi(i32::from(digits));
    let integers = take_integers(bytes, count)?;
    let mut numbers: Vec<F> = integers.into_iter().map(|integer| F::narrow(integer as f64 / power)).collect();
    for (place, number) in exceptions {
        *numbers.get_mut(place)? = number;
    }
    Some(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size<F: Float>(numbers: &[F]) -> usize {
        let mut bytes = Vec::new();
        put_floats(&mut bytes, numbers);
        let back: Vec<F> = take_floats(&mut &bytes[..], numbers.len()).unwrap();
        assert!(back.iter().zip(numbers).all(|(back, number)| back.same_bits(*number)) && back.len() == numbers.len());
        bytes.len()
    }

    fn level(second: u64) -> f64 {
        50.0 + 10.0 * (second as f64 / 600.0).sin() + (second * 2_654_435_761 % 97) as f64 / 1000.0
    }

    #[test]
    fn rounded_decimals_and_converters_are_small() {
        let rounded: Vec<f64> = (0..3600).map(|second| (level(second) * 100.0).round() / 100.0).collect();
        assert!(size(&rounded) < 3600, "{}", size(&rounded));
        let single: Vec<f32> = rounded.iter().map(|number| *number as f32).collect();
        assert!(size(&single) < 3600, "{}", size(&single));
        let converter = |second| (level(second) / 200.0 * 65535.0).round() as f32 * (200.0f32 / 65535.0);
        let counts: Vec<f32> = (0..3600).map(converter).collect();
        assert!(size(&counts) < 4500, "{}", size(&counts));
        let mut disturbed = rounded.clone();
        (disturbed[7], disturbed[8], disturbed[900]) = (f64::NAN, -0.0, f64::INFINITY);
        assert!(size(&disturbed) < size(&rounded) + 50, "few exceptions cost little");
    }

    #[test]
    fn odd_numbers_come_back() {
        let payload = f64::from_bits(0x7FF8_0000_DEAD_BEEF);
        let odd = [
            f64::NAN,
            payload,
            -f64::NAN,
            f64::INFINITY,
            -0.0,
            0.0,
            5e-324,
            f64::MIN_POSITIVE,
            f64::MAX,
            f64::MIN,
            0.1,
        ];
        size(&odd);
        size(&odd.repeat(50));
        size(&[f32::NAN, f32::from_bits(0x7F80_0001), -0.0, 1e-45, f32::MAX].repeat(50));
        size(&[f64::MAX, f64::MIN].repeat(100));
    }

    proptest! {
        #[test]
        fn whatever_goes_in_comes_back(bits in proptest::collection::vec(any::<u64>(), 0..80), small in proptest::collection::vec(-500i32..500, 0..300)) {
            size(&bits.iter().map(|bits| f64::from_bits(*bits)).collect::<Vec<_>>());
            size(&bits.iter().map(|bits| f32::from_bits(*bits as u32)).collect::<Vec<_>>());
            size(&small.iter().map(|number| f64::from(*number) / 8.0).collect::<Vec<_>>());
            size(&small.iter().map(|number| *number as f32 * 0.003_051_85).collect::<Vec<_>>());
            size(&small.iter().map(|number| f64::from(*number) * 0.003_051_85).collect::<Vec<_>>());
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), method in 0u8..4, count in 0usize..500) {
            let mut damaged = vec![method];
            damaged.extend(bytes);
            let _ = take_floats::<f64>(&mut &damaged[..], count);
            let _ = take_floats::<f32>(&mut &damaged[..], count);
        }
    }
}
