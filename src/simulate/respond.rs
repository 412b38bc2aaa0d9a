//! What a simulated unit answers to a request (Application Protocol V1.1b3, section 6).

use super::plant::Field;
use super::registers::{Bank, Exception};
use crate::driver::modbus::{MAX_BITS, MAX_REGISTERS, Table};

/// Characters of a name that an identification has room for.
const NAME: usize = 60;

/// One unit with its name.
#[derive(Debug, Default)]
pub(super) struct Unit {
    /// Its number.
    pub(super) number: u8,
    /// The number that it answers with.
    pub(super) answers_as: u8,
    /// The names of the devices that it stands in for.
    pub(super) name: String,
    /// What it holds.
    pub(super) bank: Bank,
}

impl Unit {
    /// The answer to a request without its frame.
    pub(super) fn answer(&mut self, field: &mut Field, request: &[u8], seconds: f64) -> Vec<u8> {
        let function = request.first().copied().unwrap_or_default();
        self.carry_out(field, request, seconds).unwrap_or_else(|exception| vec![function | 0x80, exception as u8])
    }

    fn carry_out(&mut self, field: &mut Field, request: &[u8], seconds: f64) -> Result<Vec<u8>, Exception> {
        match request {
            [function @ 1..=4, rest @ ..] => self.read(field, *function, words(rest), seconds),
            [5, a1, a0, high, low] => {
                let on = match (high, low) {
                    (0xFF, 0) => 1,
                    (0, 0) => 0,
                    _ => return Err(Exception::Value),
                };
                self.bank.write(field, Table::Coil, word(*a1, *a0), &[on], seconds)?;
                Ok(request.to_vec())
            }
            [6, a1, a0, high, low] => {
                self.bank.write(field, Table::Holding, word(*a1, *a0), &[word(*high, *low)], seconds)?;
                Ok(request.to_vec())
            }
            [8, 0, 0, ..] => Ok(request.to_vec()),
            [15, a1, a0, c1, c0, bytes, data @ ..] => {
                let count = usize::from(word(*c1, *c0));
                if !(1..=1968).contains(&count)
                    || usize::from(*bytes) != count.div_ceil(8)
                    || data.len() != count.div_ceil(8)
                {
                    return Err(Exception::Value);
                }
                let bits: Vec<u16> = (0..count).map(|place| u16::from(data[place / 8] >> (place % 8) & 1)).collect();
                self.bank.write(field, Table::Coil, word(*a1, *a0), &bits, seconds)?;
                Ok(request[..5].to_vec())
            }
            [16, a1, a0, rest @ ..] => {
                self.bank.write(field, Table::Holding, word(*a1, *a0), &counted(rest, 123)?, seconds)?;
                Ok(request[..5].to_vec())
            }
            [22, a1, a0, k1, k0, s1, s0] => {
                self.bank.mask(field, word(*a1, *a0), word(*k1, *k0), word(*s1, *s0), seconds)?;
                Ok(request.to_vec())
            }
            [23, r1, r0, c1, c0, w1, w0, rest @ ..] => {
                self.bank.write(field, Table::Holding, word(*w1, *w0), &counted(rest, 121)?, seconds)?;
                let asked = Some((word(*r1, *r0), word(*c1, *c0)));
                let mut answer = self.read(field, 3, asked, seconds)?;
                answer[0] = 23;
                Ok(answer)
            }
            [43, 14, code, object] => self.identification(*code, *object),
            [5 | 6 | 8 | 15 | 22 | 23 | 43, ..] => Err(Exception::Value),
            _ => Err(Exception::Function),
        }
    }

    fn read(&self, field: &Field, function: u8, asked: Option<(u16, u16)>, seconds: f64) -> Result<Vec<u8>, Exception> {
        let (address, count) = asked.ok_or(Exception::Value)?;
        let (table, most) = match function {
            1 => (Table::Coil, MAX_BITS),
            2 => (Table::Discrete, MAX_BITS),
            3 => (Table::Holding, MAX_REGISTERS),
            _ => (Table::Input, MAX_REGISTERS),
        };
        if !(1..=most).contains(&count) {
            return Err(Exception::Value);
        }
        let values = self.bank.read(field, table, address, count, seconds)?;
        let bytes: Vec<u8> = if table.is_bits() {
            let byte = |bits: &[u16]| bits.iter().rev().fold(0, |byte, bit| byte << 1 | *bit as u8);
            values.chunks(8).map(byte).collect()
        } else {
            values.iter().flat_map(|register| register.to_be_bytes()).collect()
        };
        Ok([&[function, bytes.len() as u8], &bytes[..]].concat())
    }

    /// Who it is (6.21): the three basic objects, all in one answer.
    fn identification(&self, code: u8, object: u8) -> Result<Vec<u8>, Exception> {
        let product: String = format!("simulated {}", self.name).chars().take(NAME).collect();
        let objects = ["Polder".to_owned(), product, env!("CARGO_PKG_VERSION").to_owned()];
        let wanted = match (code, usize::from(object)) {
            (1..=3, first) => {
                if first < objects.len() {
                    first..objects.len()
                } else {
                    0..objects.len()
                }
            }
            (4, single) if single < objects.len() => single..single + 1,
            (4, _) => return Err(Exception::Address),
            _ => return Err(Exception::Value),
        };
        // Basic objects, in one piece or each by itself.
        let mut answer = vec![43, 14, code, 0x81, 0, 0, wanted.len() as u8];
        for number in wanted {
            answer.extend([number as u8, objects[number].len() as u8]);
            answer.extend(objects[number].as_bytes());
        }
        Ok(answer)
    }
}

const fn word(high: u8, low: u8) -> u16 {
    u16::from_be_bytes([high, low])
}

fn words(rest: &[u8]) -> Option<(u16, u16)> {
    let [a1, a0, c1, c0] = rest else { return None };
    Some((word(*a1, *a0), word(*c1, *c0)))
}

/// Registers behind their count and their number of bytes.
fn counted(rest: &[u8], most: usize) -> Result<Vec<u16>, Exception> {
    let [c1, c0, bytes, data @ ..] = rest else { return Err(Exception::Value) };
    let count = usize::from(word(*c1, *c0));
    if !(1..=most).contains(&count) || usize::from(*bytes) != count * 2 || data.len() != count * 2 {
        return Err(Exception::Value);
    }
    Ok(data.chunks_exact(2).map(|pair| word(pair[0], pair[1])).collect())
}
