//! Numbers as bytes at a place in a payload.

use super::PayloadError;
use crate::driver::modbus::Order;
use crate::tag::Value;
use serde::Deserialize;

/// The number that the bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BinaryKind {
    /// One byte, without sign.
    U8,
    /// Two bytes, without sign.
    U16,
    /// Four bytes, without sign.
    U32,
    /// Eight bytes, without sign.
    U64,
    /// One byte.
    I8,
    /// Two bytes.
    I16,
    /// Four bytes.
    I32,
    /// Eight bytes.
    I64,
    /// A float of four bytes (IEEE 754).
    F32,
    /// A float of eight bytes.
    F64,
}

impl BinaryKind {
    /// How many bytes it has, 1 to 8.
    pub const fn bytes(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }
}

/// A number as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary {
    /// Which number.
    pub kind: BinaryKind,
    /// The order of its bytes; the first order has the most significant byte first.
    pub order: Order,
    /// Bytes before it.
    pub offset: usize,
}

impl Binary {
    /// The number in a payload.
    pub(super) fn read(self, payload: &[u8]) -> Result<Value, PayloadError> {
        let length = self.kind.bytes();
        let bytes = payload.get(self.offset..).and_then(|rest| rest.get(..length));
        let needed = self.offset.saturating_add(length);
        let bytes = bytes.ok_or(PayloadError::TooShort { bytes: payload.len(), needed })?;
        let mut ordered = [0; 8];
        let ordered = &mut ordered[..length];
        ordered.copy_from_slice(bytes);
        self.swap(ordered);
        self.kind.value(ordered)
    }

    /// Puts a number into a payload, which grows as far as it has to, to 64 KiB at most.
    pub fn write(self, value: &Value, payload: &mut Vec<u8>) {
        let length = self.kind.bytes();
        if self.offset > usize::from(u16::MAX) {
            return;
        }
        payload.resize(payload.len().max(self.offset + length), 0);
        let bits = match (self.kind, value) {
            (BinaryKind::F32, value) => u64::from((value.as_f64().unwrap_or_default() as f32).to_bits()),
            (BinaryKind::F64, value) => value.as_f64().unwrap_or_default().to_bits(),
            (_, Value::Unsigned(number)) => *number,
            (_, value) => value.as_f64().unwrap_or_default() as i64 as u64,
        };
        let place = &mut payload[self.offset..self.offset + length];
        place.copy_from_slice(&bits.to_be_bytes()[8 - length..]);
        self.swap(place);
    }

    /// From the order of the payload to the most significant first, and back: each order is its own reverse.
    fn swap(self, bytes: &mut [u8]) {
        if matches!(self.order, Order::Dcba | Order::Cdab) {
            bytes.reverse();
        }
        // The words are in their order now; within each the bytes may still be swapped.
        if matches!(self.order, Order::Badc | Order::Cdab) {
            bytes.chunks_exact_mut(2).for_each(<[u8]>::reverse);
        }
    }
}

impl BinaryKind {
    /// The value of as many bytes as it has, the most significant first.
    fn value(self, bytes: &[u8]) -> Result<Value, PayloadError> {
        let bits = bytes.iter().fold(0_u64, |bits, byte| bits << 8 | u64::from(*byte));
        let finite = |value: Value| match value.as_f64() {
            Some(number) if number.is_finite() => Ok(value),
            _ => Err(PayloadError::NotANumber),
        };
        match self {
            Self::U8 | Self::U16 | Self::U32 | Self::U64 => Ok(Value::Unsigned(bits)),
            Self::I8 => Ok(Value::Signed(i64::from(bits as i8))),
            Self::I16 => Ok(Value::Signed(i64::from(bits as i16))),
            Self::I32 => Ok(Value::Signed(i64::from(bits as i32))),
            Self::I64 => Ok(Value::Signed(bits as i64)),
            Self::F32 => finite(Value::Single(f32::from_bits(bits as u32))),
            Self::F64 => finite(Value::Double(f64::from_bits(bits))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(payload: &[u8], kind: BinaryKind, order: Order, offset: usize, expected: Result<Value, PayloadError>) {
        assert_eq!(Binary { kind, order, offset }.read(payload), expected, "{payload:?} {kind:?} {order:?} {offset}");
    }

    #[test]
    fn every_kind_in_every_order_at_any_place() {
        use BinaryKind::{F32, F64, I8, I16, I32, I64, U8, U16, U32, U64};
        use Order::{Abcd, Badc, Cdab, Dcba};
        check(&[9, 200], U8, Abcd, 1, Ok(Value::Unsigned(200)));
        check(&[200], I8, Dcba, 0, Ok(Value::Signed(-56)));
        check(&[1, 2], U16, Abcd, 0, Ok(Value::Unsigned(0x0102)));
        check(&[1, 2], U16, Dcba, 0, Ok(Value::Unsigned(0x0201)));
        check(&[0xFF, 0xFE], I16, Abcd, 0, Ok(Value::Signed(-2)));
        check(&[1, 2, 3, 4], U32, Abcd, 0, Ok(Value::Unsigned(0x0102_0304)));
        check(&[3, 4, 1, 2], U32, Cdab, 0, Ok(Value::Unsigned(0x0102_0304)));
        check(&[2, 1, 4, 3], U32, Badc, 0, Ok(Value::Unsigned(0x0102_0304)));
        check(&[4, 3, 2, 1], U32, Dcba, 0, Ok(Value::Unsigned(0x0102_0304)));
        check(&[0xFF; 4], I32, Abcd, 0, Ok(Value::Signed(-1)));
        check(&u64::MAX.to_be_bytes(), U64, Abcd, 0, Ok(Value::Unsigned(u64::MAX)));
        check(&i64::MIN.to_le_bytes(), I64, Dcba, 0, Ok(Value::Signed(i64::MIN)));
        check(&[7, 7, 0x41, 0x48, 0, 0], F32, Abcd, 2, Ok(Value::Single(12.5)));
        check(&12.5_f64.to_le_bytes(), F64, Dcba, 0, Ok(Value::Double(12.5)));
        check(&f32::NAN.to_be_bytes(), F32, Abcd, 0, Err(PayloadError::NotANumber));
        check(&f64::INFINITY.to_be_bytes(), F64, Abcd, 0, Err(PayloadError::NotANumber));
        check(&[1, 2, 3], U32, Abcd, 0, Err(PayloadError::TooShort { bytes: 3, needed: 4 }));
        check(&[], U8, Abcd, usize::MAX, Err(PayloadError::TooShort { bytes: 0, needed: usize::MAX }));
    }
}
