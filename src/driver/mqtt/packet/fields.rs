//! The fields that packets are made of.

use super::{Malformed, TooLong};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use std::sync::Arc;

/// Reads the fields of one packet, one after the other, and never beyond its end.
pub(super) struct Reader {
    /// The packet's name, for what is wrong with it.
    pub(super) packet: &'static str,
    bytes: Bytes,
    at: usize,
}

impl Reader {
    pub(super) const fn new(packet: &'static str, bytes: Bytes) -> Self {
        Self { packet, bytes, at: 0 }
    }

    pub(super) fn left(&self) -> usize {
        self.bytes.len() - self.at
    }

    fn take(&mut self, count: usize) -> Result<&[u8], Malformed> {
        let end = self.at.checked_add(count).ok_or(Malformed::Short(self.packet))?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed::Short(self.packet))?;
        self.at = end;
        Ok(taken)
    }

    pub(super) fn byte(&mut self) -> Result<u8, Malformed> {
        Ok(self.take(1)?[0])
    }

    pub(super) fn short(&mut self) -> Result<u16, Malformed> {
        let taken = self.take(2)?;
        Ok(u16::from_be_bytes([taken[0], taken[1]]))
    }

    pub(super) fn long(&mut self) -> Result<u32, Malformed> {
        let taken = self.take(4)?;
        Ok(u32::from_be_bytes([taken[0], taken[1], taken[2], taken[3]]))
    }

    /// A number of one to four bytes.
    pub(super) fn variable(&mut self) -> Result<usize, Malformed> {
        let mut number = 0;
        for place in 0..4 {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7F) << (7 * place);
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Malformed::Length)
    }

    pub(super) fn text(&mut self) -> Result<Arc<str>, Malformed> {
        let (packet, length) = (self.packet, usize::from(self.short()?));
        let text = std::str::from_utf8(self.take(length)?).map_err(|_| Malformed::Text(packet))?;
        Ok(text.into())
    }

    pub(super) fn binary(&mut self) -> Result<Bytes, Malformed> {
        let length = usize::from(self.short()?);
        self.part(length)
    }

    /// The next `length` bytes, without copying them.
    pub(super) fn part(&mut self, length: usize) -> Result<Bytes, Malformed> {
        let begin = self.at;
        self.take(length)?;
        Ok(self.bytes.slice(begin..begin + length))
    }

    /// All that is left.
    pub(super) fn rest(mut self) -> Bytes {
        self.bytes.advance(self.at);
        self.bytes
    }

    /// Nothing may be left.
    pub(super) fn end(&self) -> Result<(), Malformed> {
        if self.left() == 0 { Ok(()) } else { Err(Malformed::Long(self.packet)) }
    }
}

/// A number of one to four bytes; it is below 2^28.
pub(super) fn put_variable(out: &mut BytesMut, mut number: usize) {
    loop {
        let byte = (number & 0x7F) as u8;
        number >>= 7;
        if number == 0 {
            return out.put_u8(byte);
        }
        out.put_u8(byte | 0x80);
    }
}

/// Bytes that a number takes.
pub(super) const fn variable_size(number: usize) -> usize {
    match number {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        0x4000..0x20_0000 => 3,
        _ => 4,
    }
}

/// A text or a block of bytes with its length in front.
pub(super) fn put_binary(out: &mut BytesMut, what: &'static str, bytes: &[u8]) -> Result<(), TooLong> {
    out.put_u16(u16::try_from(bytes.len()).map_err(|_| TooLong::Field(what))?);
    out.put_slice(bytes);
    Ok(())
}
