//! What registers may mean: every type and order at once, the most plausible first. Manuals forget to say it, and trying is the usual way.

use super::{Encoding, Kind, Order, decode};
use crate::tag::Value;

/// One way to read registers.
#[derive(Clone, Debug, PartialEq)]
pub struct Reading {
    /// The type.
    pub kind: Kind,
    /// The order; the plain one where the type takes a single register.
    pub order: Order,
    /// The value.
    pub value: Value,
    /// How plausible it is, 0 to 100. It tells apart, it proves nothing.
    pub score: u8,
}

const ORDERS: [Order; 4] = [Order::Abcd, Order::Cdab, Order::Badc, Order::Dcba];
const SINGLES: [Kind; 3] = [Kind::U16, Kind::I16, Kind::Bcd16];
const DOUBLES: [Kind; 4] = [Kind::F32, Kind::U32, Kind::I32, Kind::Bcd32];
const QUADS: [Kind; 3] = [Kind::F64, Kind::U64, Kind::I64];

/// Every way to read what begins with the first of `registers`, the most plausible first. Up to four registers are looked at for
/// numbers, all of them for text.
pub fn readings(registers: &[u16]) -> Vec<Reading> {
    let mut found = Vec::new();
    for kind in SINGLES {
        // A single register has two orders: as it is, and its bytes swapped.
        try_all(&mut found, registers, kind, &[Order::Abcd, Order::Badc]);
    }
    for kind in DOUBLES.into_iter().chain(QUADS) {
        try_all(&mut found, registers, kind, &ORDERS);
    }
    found.extend([Order::Abcd, Order::Badc].into_iter().filter_map(|order| text(registers, order)));
    // Of equals, the simpler one: fewer registers, and the order of the standard.
    found.sort_by_key(|reading| std::cmp::Reverse(reading.score));
    found
}

fn try_all(found: &mut Vec<Reading>, registers: &[u16], kind: Kind, orders: &[Order]) {
    for &order in orders {
        let encoding = Encoding::new(kind, order);
        let Some(part) = registers.get(..usize::from(encoding.registers())) else { continue };
        if let Ok(value) = decode(part, &encoding) {
            let score = score(&value, kind, order, part);
            found.push(Reading { kind, order, value, score });
        }
    }
}

fn text(registers: &[u16], order: Order) -> Option<Reading> {
    let length = (registers.len() * 2).min(64) as u16;
    let encoding = Encoding { length, ..Encoding::new(Kind::String, order) };
    let value = decode(&registers[..usize::from(encoding.registers())], &encoding).ok()?;
    let Value::Text(text) = &value else { return None };
    let letters = text.chars().filter(|sign| sign.is_alphanumeric() || " -_./:".contains(*sign)).count();
    let all = text.chars().count();
    let readable = all >= 3 && letters == all;
    // Words do not go on with a capital, and do not end in a sign: swapped bytes do both.
    let signs: Vec<char> = text.chars().collect();
    let odd = signs.windows(2).filter(|pair| pair[0].is_lowercase() && pair[1].is_uppercase()).count()
        + usize::from(!signs.last().is_some_and(|sign| sign.is_alphanumeric()));
    let score = if readable { 95_usize.saturating_sub(odd * 10) as u8 } else { 0 };
    Some(Reading { kind: Kind::String, order, score, value })
}

fn score(value: &Value, kind: Kind, order: Order, registers: &[u16]) -> u8 {
    if registers.iter().all(|register| *register == 0) {
        // Zero says nothing: the simplest reading stands first.
        return if kind == Kind::U16 && order == Order::Abcd { 50 } else { 40 };
    }
    let score = match value {
        Value::Single(single) => float(f64::from(*single), digits(&single.to_string()), 4),
        Value::Double(double) => float(*double, digits(&double.to_string()), 8),
        Value::Unsigned(_) if matches!(kind, Kind::Bcd16 | Kind::Bcd32) => binary_coded(registers),
        Value::Unsigned(number) => whole(*number, registers.len()),
        Value::Signed(number) => whole(number.unsigned_abs(), registers.len()) - 4 - i32::from(*number >= 0) * 6,
        Value::Bool(_) | Value::Text(_) => 0,
    };
    let unusual = match order {
        Order::Abcd => 0,
        Order::Cdab => 2,
        Order::Badc => 8,
        Order::Dcba => 6,
    };
    (score - unusual).clamp(0, 100) as u8
}

/// Measured values lie between a thousandth and a million, and are often round.
fn float(number: f64, digits: usize, many: usize) -> i32 {
    if !number.is_finite() {
        return 0;
    }
    let magnitude = match number.abs() {
        size if (1e-3..1e6).contains(&size) => 60,
        size if (1e-6..1e9).contains(&size) => 35,
        0.0 => 30,
        _ => 3,
    };
    let round = if digits <= many { 30 } else { 12 };
    if magnitude > 3 { magnitude + round } else { magnitude }
}

fn digits(text: &str) -> usize {
    text.chars().filter(char::is_ascii_digit).collect::<String>().trim_matches('0').len()
}

/// Counters and states are small numbers in the registers that they have.
fn whole(number: u64, registers: usize) -> i32 {
    match (registers, number) {
        (1, _) => 55,
        (_, 0..=65_535) => 48,
        (2, 65_536..=100_000_000) => 52,
        (2, _) => 20,
        (_, 65_536..=1_000_000_000_000) => 45,
        _ => 5,
    }
}

/// That all digits are decimal happens by itself in one register of six, more rarely in two.
fn binary_coded(registers: &[u16]) -> i32 {
    if registers.len() == 1 { 25 } else { 46 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn best(registers: &[u16]) -> (Kind, Order, String) {
        let all = readings(registers);
        (all[0].kind, all[0].order, all[0].value.to_string())
    }

    #[test]
    fn what_an_engineer_would_say() {
        assert_eq!(best(&[0x41AC, 0x0000]), (Kind::F32, Order::Abcd, "21.5".into()));
        assert_eq!(best(&[0x0000, 0x41AC]), (Kind::F32, Order::Cdab, "21.5".into()));
        assert_eq!(best(&[0xAC41, 0x0000]), (Kind::F32, Order::Badc, "21.5".into()));
        assert_eq!(best(&[0x0000, 0xAC41]), (Kind::F32, Order::Dcba, "21.5".into()));
        assert_eq!(best(&[0x42F6, 0xE979]), (Kind::F32, Order::Abcd, "123.456".into()));
        assert_eq!(best(&[1450]), (Kind::U16, Order::Abcd, "1450".into()));
        assert_eq!(best(&[0, 0]), (Kind::U16, Order::Abcd, "0".into()));
        assert_eq!(best(&[0x5075, 0x6D70, 0x2D37]), (Kind::String, Order::Abcd, "Pump-7".into()));
        assert_eq!(best(&[0x7550, 0x706D, 0x372D]), (Kind::String, Order::Badc, "Pump-7".into()));
    }

    #[test]
    fn a_long_counter_is_seen_by_its_size() {
        // 1,234,567 as high and low word.
        let all = readings(&[0x0012, 0xD687]);
        let place = |kind, order| all.iter().position(|reading| reading.kind == kind && reading.order == order);
        assert!(place(Kind::U32, Order::Abcd) < place(Kind::U32, Order::Cdab));
        assert!(place(Kind::U32, Order::Abcd) < place(Kind::F32, Order::Abcd));
    }

    #[test]
    fn every_type_and_order_is_there() {
        let all = readings(&[1, 2, 3, 4]);
        assert!(all.iter().filter(|reading| reading.kind == Kind::F64).count() == 4);
        assert!(all.iter().filter(|reading| reading.kind == Kind::I32).count() == 4);
        assert!(all.windows(2).all(|pair| pair[0].score >= pair[1].score));
        assert!(readings(&[]).is_empty() || readings(&[]).iter().all(|reading| reading.kind == Kind::String));
    }
}
