//! From registers to values and back.

use crate::tag::{Reason, Scaling, Value};
use serde::{Deserialize, Serialize};

/// What kind of value stands in the registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One bit: a coil, a discrete input, or a bit of a register.
    Bool,
    /// 16 bits, signed.
    I16,
    /// 16 bits, unsigned.
    U16,
    /// 32 bits, signed.
    I32,
    /// 32 bits, unsigned.
    U32,
    /// 64 bits, signed.
    I64,
    /// 64 bits, unsigned.
    U64,
    /// IEEE 754 single.
    F32,
    /// IEEE 754 double.
    F64,
    /// Four decimal digits in one register.
    Bcd16,
    /// Eight decimal digits in two registers.
    Bcd32,
    /// Text, two characters a register, ended by a zero byte or by its length.
    String,
}

/// The order of bytes on the wire, where A is the most significant. 64-bit values follow the same rule: words reversed, bytes
/// swapped in each word, or both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Order {
    /// As the standard has it.
    #[default]
    Abcd,
    /// Words reversed.
    Cdab,
    /// Bytes swapped in each word.
    Badc,
    /// Both.
    Dcba,
}

/// A run of bits in a value, 0 is the least significant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bits {
    /// The lowest one.
    pub low: u8,
    /// How many.
    pub count: u8,
}

impl Bits {
    /// Which ones, for people.
    pub fn words(self) -> String {
        match self.count {
            1 => format!("bit {}", self.low),
            count => format!("bits {} to {}", self.low, self.low + count.max(1) - 1),
        }
    }

    /// These bits as ones, where they stand.
    pub const fn mask(self) -> u64 {
        let ones = if self.count >= 64 { u64::MAX } else { (1 << self.count) - 1 };
        ones << self.low
    }
}

/// All that is needed to read a value out of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Encoding {
    /// What kind of value.
    pub kind: Kind,
    /// The order of its bytes.
    pub order: Order,
    /// For booleans and whole numbers in registers: which bits count. Without them a boolean means "not zero".
    pub bits: Option<Bits>,
    /// For text: how many characters.
    pub length: u16,
}

impl Encoding {
    /// An encoding without bits and length.
    pub const fn new(kind: Kind, order: Order) -> Self {
        Self { kind, order, bits: None, length: 0 }
    }

    /// How many registers the value takes (bits count as one).
    pub const fn registers(&self) -> u16 {
        match self.kind {
            Kind::Bool | Kind::I16 | Kind::U16 | Kind::Bcd16 => 1,
            Kind::I32 | Kind::U32 | Kind::F32 | Kind::Bcd32 => 2,
            Kind::I64 | Kind::U64 | Kind::F64 => 4,
            Kind::String => self.length.div_ceil(2),
        }
    }
}

fn ordered(registers: &[u16], order: Order) -> impl Iterator<Item = u16> + '_ {
    let (reverse, swap) = match order {
        Order::Abcd => (false, false),
        Order::Cdab => (true, false),
        Order::Badc => (false, true),
        Order::Dcba => (true, true),
    };
    let count = registers.len();
    (0..count).map(move |place| {
        let register = registers[if reverse { count - 1 - place } else { place }];
        if swap { register.swap_bytes() } else { register }
    })
}

fn unsigned(registers: &[u16], order: Order) -> u64 {
    ordered(registers, order).fold(0, |value, register| (value << 16) | u64::from(register))
}

/// Reads a value. `registers` holds exactly as many as [`Encoding::registers`] says; one that is shorter is a bad frame.
pub fn decode(registers: &[u16], encoding: &Encoding) -> Result<Value, Reason> {
    if registers.len() != usize::from(encoding.registers()) || registers.is_empty() {
        return Err(Reason::BadFrame);
    }
    if encoding.kind == Kind::String {
        return decode_text(registers, encoding);
    }
    let bits = raw_bits(registers, encoding);
    Ok(match encoding.kind {
        Kind::Bool => Value::Bool(bits != 0),
        Kind::I16 => Value::Signed(i64::from(bits as u16 as i16)),
        Kind::I32 => Value::Signed(i64::from(bits as u32 as i32)),
        Kind::I64 => Value::Signed(bits as i64),
        Kind::U16 | Kind::U32 | Kind::U64 => Value::Unsigned(bits),
        Kind::F32 => Value::Single(f32::from_bits(bits as u32)),
        Kind::F64 => Value::Double(f64::from_bits(bits)),
        Kind::Bcd16 => Value::Unsigned(digits(bits, 4)?),
        Kind::Bcd32 => Value::Unsigned(digits(bits, 8)?),
        Kind::String => return Err(Reason::BadFrame),
    })
}

/// The bits that count, as one number.
pub fn raw_bits(registers: &[u16], encoding: &Encoding) -> u64 {
    let all = unsigned(registers, encoding.order);
    encoding.bits.map_or(all, |bits| (all & bits.mask()) >> bits.low)
}

fn digits(bits: u64, count: u32) -> Result<u64, Reason> {
    (0..count).rev().try_fold(0, |value, place| match bits >> (4 * place) & 0xF {
        digit @ 0..=9 => Ok(value * 10 + digit),
        _ => Err(Reason::BadDigits),
    })
}

fn decode_text(registers: &[u16], encoding: &Encoding) -> Result<Value, Reason> {
    let swap = matches!(encoding.order, Order::Badc | Order::Dcba);
    let bytes =
        registers.iter().flat_map(|register| if swap { register.to_le_bytes() } else { register.to_be_bytes() });
    let bytes: Vec<u8> = bytes.take(usize::from(encoding.length)).take_while(|&byte| byte != 0).collect();
    let text = String::from_utf8(bytes).map_err(|_| Reason::BadPayload)?;
    Ok(Value::Text(text.trim_end().into()))
}

/// Why a value cannot be written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The number does not fit the register type.
    #[error("{value} does not fit {kind:?}")]
    DoesNotFit {
        /// The number, in raw counts.
        value: String,
        /// The type.
        kind: Kind,
    },
    /// The value is of another kind.
    #[error("{0} cannot be written as {1:?}")]
    WrongKind(String, Kind),
}

/// Turns a value in engineering units into registers. Integers are exact unless scaled; scaled ones are rounded to the nearest count.
pub fn encode(value: &Value, encoding: &Encoding, scaling: Option<Scaling>) -> Result<Vec<u16>, EncodeError> {
    let kind = encoding.kind;
    let wrong = || EncodeError::WrongKind(value.to_string(), kind);
    let number = match (value.as_f64(), scaling) {
        (Some(number), Some(scaling)) => Some(scaling.to_raw(number)),
        (number, _) => number,
    };
    let bits = match kind {
        Kind::String => return encode_text(value, encoding),
        Kind::Bool => match value {
            Value::Bool(on) => u64::from(*on),
            _ => return Err(wrong()),
        },
        Kind::F32 => {
            let single = number.ok_or_else(wrong)? as f32;
            if !single.is_finite() {
                return Err(EncodeError::DoesNotFit { value: value.to_string(), kind });
            }
            u64::from(single.to_bits())
        }
        Kind::F64 => number.ok_or_else(wrong)?.to_bits(),
        _ => integer_bits(value, number.ok_or_else(wrong)?, scaling.is_some(), kind)?,
    };
    let count = encoding.registers();
    let plain: Vec<u16> = (0..count).rev().map(|place| (bits >> (16 * place)) as u16).collect();
    Ok(ordered(&plain, encoding.order).collect())
}

fn integer_bits(value: &Value, number: f64, scaled: bool, kind: Kind) -> Result<u64, EncodeError> {
    let exact = match value {
        Value::Signed(integer) if !scaled => i128::from(*integer),
        Value::Unsigned(integer) if !scaled => i128::from(*integer),
        _ if scaled => number.round() as i128,
        _ if number.fract() == 0.0 => number as i128,
        _ => return Err(EncodeError::DoesNotFit { value: value.to_string(), kind }),
    };
    let (low, high) = match kind {
        Kind::I16 => (i128::from(i16::MIN), i128::from(i16::MAX)),
        Kind::U16 => (0, i128::from(u16::MAX)),
        Kind::I32 => (i128::from(i32::MIN), i128::from(i32::MAX)),
        Kind::U32 => (0, i128::from(u32::MAX)),
        Kind::I64 => (i128::from(i64::MIN), i128::from(i64::MAX)),
        Kind::Bcd16 => (0, 9_999),
        Kind::Bcd32 => (0, 99_999_999),
        _ => (0, i128::from(u64::MAX)),
    };
    if exact < low || exact > high {
        return Err(EncodeError::DoesNotFit { value: exact.to_string(), kind });
    }
    Ok(match kind {
        Kind::Bcd16 | Kind::Bcd32 => to_bcd(exact as u64),
        _ => exact as u64,
    })
}

/// The masks of function 22 that put `value` into the bits of one register: those that stay, and those that are set.
pub(super) fn field_masks(value: &Value, encoding: &Encoding) -> Result<(u16, u16), EncodeError> {
    let bits = encoding.bits.unwrap_or(Bits { low: 0, count: 16 });
    let wanted = match value {
        Value::Bool(on) => u64::from(*on),
        Value::Unsigned(number) => *number,
        Value::Signed(number) => u64::try_from(*number).unwrap_or(u64::MAX),
        Value::Single(_) | Value::Double(_) => {
            let number = value.as_f64().unwrap_or(f64::NAN);
            if number.fract() == 0.0 && (0.0..65_536.0).contains(&number) { number as u64 } else { u64::MAX }
        }
        Value::Text(_) => return Err(EncodeError::WrongKind(value.to_string(), encoding.kind)),
    };
    if wanted > bits.mask() >> bits.low {
        return Err(EncodeError::DoesNotFit { value: value.to_string(), kind: encoding.kind });
    }
    let (keep, set) = (!(bits.mask() as u16), (wanted << bits.low) as u16);
    let swap = matches!(encoding.order, Order::Badc | Order::Dcba);
    Ok(if swap { (keep.swap_bytes(), set.swap_bytes()) } else { (keep, set) })
}

fn to_bcd(mut number: u64) -> u64 {
    let (mut bits, mut place) = (0, 0);
    while number > 0 {
        bits |= (number % 10) << place;
        number /= 10;
        place += 4;
    }
    bits
}

fn encode_text(value: &Value, encoding: &Encoding) -> Result<Vec<u16>, EncodeError> {
    let Value::Text(text) = value else { return Err(EncodeError::WrongKind(value.to_string(), encoding.kind)) };
    if text.len() > usize::from(encoding.length) {
        return Err(EncodeError::DoesNotFit { value: text.to_string(), kind: encoding.kind });
    }
    let mut bytes = text.as_bytes().to_vec();
    bytes.resize(usize::from(encoding.registers()) * 2, 0);
    let swap = matches!(encoding.order, Order::Badc | Order::Dcba);
    let pack = |pair: &[u8]| {
        if swap { u16::from_le_bytes([pair[0], pair[1]]) } else { u16::from_be_bytes([pair[0], pair[1]]) }
    };
    Ok(bytes.chunks_exact(2).map(pack).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ORDERS: [Order; 4] = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba];

    fn check(registers: &[u16], kind: Kind, order: Order, expected: Value) {
        let encoding = Encoding { length: 4, ..Encoding::new(kind, order) };
        assert_eq!(decode(registers, &encoding), Ok(expected.clone()), "{kind:?} {order:?}");
        if kind != Kind::Bool {
            assert_eq!(encode(&expected, &encoding, None).unwrap(), registers, "{kind:?} {order:?}");
        }
    }

    #[test]
    fn every_order_by_hand() {
        check(&[0x42F6, 0xE979], Kind::F32, Order::Abcd, Value::Single(123.456));
        check(&[0xE979, 0x42F6], Kind::F32, Order::Cdab, Value::Single(123.456));
        check(&[0xF642, 0x79E9], Kind::F32, Order::Badc, Value::Single(123.456));
        check(&[0x79E9, 0xF642], Kind::F32, Order::Dcba, Value::Single(123.456));
        check(&[0x0123, 0x4567, 0x89AB, 0xCDEF], Kind::U64, Order::Abcd, Value::Unsigned(0x0123_4567_89AB_CDEF));
        check(&[0xCDEF, 0x89AB, 0x4567, 0x0123], Kind::U64, Order::Cdab, Value::Unsigned(0x0123_4567_89AB_CDEF));
        check(&[0x2301, 0x6745, 0xAB89, 0xEFCD], Kind::U64, Order::Badc, Value::Unsigned(0x0123_4567_89AB_CDEF));
        check(&[0xEFCD, 0xAB89, 0x6745, 0x2301], Kind::U64, Order::Dcba, Value::Unsigned(0x0123_4567_89AB_CDEF));
        check(&[0xFFFE], Kind::I16, Order::Abcd, Value::Signed(-2));
        check(&[0x1234], Kind::Bcd16, Order::Abcd, Value::Unsigned(1234));
        check(&[0x5678, 0x1234], Kind::Bcd32, Order::Cdab, Value::Unsigned(12_345_678));
        check(&[0x4142, 0x4300], Kind::String, Order::Abcd, Value::Text("ABC".into()));
        check(&[0x4241, 0x0043], Kind::String, Order::Badc, Value::Text("ABC".into()));
    }

    #[test]
    fn bits_and_what_is_not_bcd() {
        let bit = |low| Encoding { bits: Some(Bits { low, count: 1 }), ..Encoding::new(Kind::Bool, Order::Abcd) };
        assert_eq!(decode(&[0x8001], &bit(15)), Ok(Value::Bool(true)));
        assert_eq!(decode(&[0x8001], &bit(1)), Ok(Value::Bool(false)));
        let field = |low, count, kind| Encoding { bits: Some(Bits { low, count }), ..Encoding::new(kind, Order::Abcd) };
        assert_eq!(decode(&[0xABCD], &field(4, 8, Kind::U16)), Ok(Value::Unsigned(0xBC)));
        assert_eq!(decode(&[0x0001, 0x8000], &field(15, 2, Kind::U32)), Ok(Value::Unsigned(3)));
        assert_eq!(decode(&[0x12A4], &Encoding::new(Kind::Bcd16, Order::Abcd)), Err(Reason::BadDigits));
        assert_eq!(decode(&[1], &Encoding::new(Kind::F32, Order::Abcd)), Err(Reason::BadFrame));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let encoding = Encoding::new(Kind::U16, Order::Abcd);
        assert!(encode(&Value::Signed(-1), &encoding, None).is_err());
        assert!(encode(&Value::Signed(65_536), &encoding, None).is_err());
        assert!(encode(&Value::Double(1.5), &encoding, None).is_err());
        let scaling = Scaling { raw: [0.0, 27648.0], engineering: [0.0, 50.0], valid: None };
        assert_eq!(encode(&Value::Double(25.0), &encoding, Some(scaling)), Ok(vec![13824]));
        assert!(encode(&Value::Double(1e39), &Encoding::new(Kind::F32, Order::Abcd), None).is_err());
    }

    #[test]
    fn a_field_is_set_without_its_neighbours() {
        let field = |low, count, order| Encoding { bits: Some(Bits { low, count }), ..Encoding::new(Kind::U16, order) };
        assert_eq!(field_masks(&Value::Unsigned(5), &field(4, 4, Order::Abcd)), Ok((0xFF0F, 0x0050)));
        assert_eq!(field_masks(&Value::Unsigned(5), &field(4, 4, Order::Badc)), Ok((0x0FFF, 0x5000)));
        assert_eq!(field_masks(&Value::Bool(true), &field(15, 1, Order::Abcd)), Ok((0x7FFF, 0x8000)));
        assert!(field_masks(&Value::Unsigned(16), &field(4, 4, Order::Abcd)).is_err());
        assert!(field_masks(&Value::Signed(-1), &field(4, 4, Order::Abcd)).is_err());
        assert!(field_masks(&Value::Double(1.5), &field(4, 4, Order::Abcd)).is_err());
    }

    proptest! {
        #[test]
        fn everything_reads_back(bits: u64, kind in 0usize..8, order in 0usize..4) {
            let kind = [Kind::I16, Kind::U16, Kind::I32, Kind::U32, Kind::I64, Kind::U64, Kind::F32, Kind::F64][kind];
            let encoding = Encoding::new(kind, ORDERS[order]);
            let registers: Vec<u16> = (0..encoding.registers()).map(|place| (bits >> (16 * place)) as u16).collect();
            let value = decode(&registers, &encoding).unwrap();
            if value.as_f64().is_some_and(f64::is_finite) {
                prop_assert_eq!(encode(&value, &encoding, None).unwrap(), registers);
            }
        }
    }
}
