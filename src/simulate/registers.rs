//! The registers of one simulated unit: what they hold follows from the values of its tags, and what is written to them becomes values.

use super::plant::Field;
use crate::driver::modbus::{Device, Encoding, Kind, MAX_REGISTERS, Point, Table, decode, encode, raw_bits};
use crate::tag::Value;
use std::collections::HashMap;
use std::ops::Range;

/// Exception codes of the standard (7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exception {
    /// The unit does not know the function.
    Function = 1,
    /// No tag is there, or none that can be set.
    Address = 2,
    /// The request, or what it writes, is none.
    Value = 3,
}

/// One unit.
#[derive(Debug, Default)]
pub(super) struct Bank {
    /// By table, in the order of their addresses.
    points: HashMap<Table, Vec<Point>>,
    /// Addresses that can be read, by table: tags, and what lies between them within the gap.
    known: HashMap<Table, Vec<Range<u32>>>,
    /// Signs of life that the station gives.
    beats: HashMap<(Table, u32), u16>,
}

impl Bank {
    /// A unit with everything that the station reads from these devices, which share its number.
    pub(super) fn of(devices: &[&Device]) -> Self {
        let mut bank = Self::default();
        let mut extents: HashMap<Table, Vec<Range<u32>>> = HashMap::new();
        for device in devices {
            for point in &device.points {
                extents.entry(point.table).or_default().push(u32::from(point.address)..point.end());
                bank.points.entry(point.table).or_default().push(point.clone());
            }
            if let Some(beat) = &device.heartbeat {
                let address = u32::from(beat.address);
                extents.entry(beat.table).or_default().push(address..address + 1);
                bank.beats.insert((beat.table, address), 0);
            }
        }
        bank.points.values_mut().for_each(|points| points.sort_by_key(|point| point.address));
        let gap = devices.iter().map(|device| u32::from(device.gap)).max().unwrap_or_default();
        bank.known = extents.into_iter().map(|(table, extents)| (table, joined(table, extents, gap))).collect();
        bank
    }

    /// Bits (as 0 and 1) or registers from `address` on.
    pub(super) fn read(
        &self,
        field: &Field,
        table: Table,
        address: u16,
        count: u16,
        seconds: f64,
    ) -> Result<Vec<u16>, Exception> {
        let span = u32::from(address)..u32::from(address) + u32::from(count);
        let known = self.known.get(&table).map(Vec::as_slice).unwrap_or_default();
        if !known.iter().any(|extent| extent.start <= span.start && span.end <= extent.end) {
            return Err(Exception::Address);
        }
        Ok(self.image(field, table, &span, seconds))
    }

    /// Takes up bits or registers; each tag that they change keeps its new value.
    pub(super) fn write(
        &mut self,
        field: &mut Field,
        table: Table,
        address: u16,
        values: &[u16],
        seconds: f64,
    ) -> Result<(), Exception> {
        let span = u32::from(address)..u32::from(address) + values.len() as u32;
        let mut places = span.clone().zip(values);
        if !places.all(|(place, _)| self.beats.contains_key(&(table, place)) || self.is_set(field, table, place)) {
            return Err(Exception::Address);
        }
        let changes = self.changes(field, table, &span, values, seconds)?;
        for (place, value) in span.zip(values) {
            if let Some(beat) = self.beats.get_mut(&(table, place)) {
                *beat = *value;
            }
        }
        // A write that says what is there already is one, too.
        let none = changes.iter().all(|(_, _, changed)| !changed);
        for (tag, value, _) in changes.into_iter().filter(|(_, _, changed)| *changed || none) {
            field.write(tag, value, seconds);
        }
        Ok(())
    }

    /// Changes bits of one register: it becomes (register AND `keep`) OR (`set` AND NOT `keep`).
    pub(super) fn mask(
        &mut self,
        field: &mut Field,
        address: u16,
        keep: u16,
        set: u16,
        seconds: f64,
    ) -> Result<(), Exception> {
        let span = u32::from(address)..u32::from(address) + 1;
        let now = self.image(field, Table::Holding, &span, seconds)[0];
        self.write(field, Table::Holding, address, &[(now & keep) | (set & !keep)], seconds)
    }

    /// The tags that can be set, with what these values make of them.
    fn changes(
        &self,
        field: &Field,
        table: Table,
        span: &Range<u32>,
        values: &[u16],
        seconds: f64,
    ) -> Result<Vec<(crate::tag::TagId, Value, bool)>, Exception> {
        let mut changes = Vec::new();
        for point in self.touching(table, span).filter(|point| field.is_commanded(point.tag)) {
            let own = u32::from(point.address)..point.end();
            let before = self.image(field, table, &own, seconds);
            let mut after = before.clone();
            for (place, value) in span.clone().zip(values).filter(|(place, _)| own.contains(place)) {
                after[(place - own.start) as usize] = *value;
            }
            let value = taken(point, &after).ok_or(Exception::Value)?;
            let changed = taken(point, &before).is_none_or(|old| old != value);
            changes.push((point.tag, value, changed));
        }
        Ok(changes)
    }

    fn is_set(&self, field: &Field, table: Table, place: u32) -> bool {
        self.touching(table, &(place..place + 1)).any(|point| field.is_commanded(point.tag))
    }

    fn touching<'a>(&'a self, table: Table, span: &Range<u32>) -> impl Iterator<Item = &'a Point> + use<'a> {
        let span = span.clone();
        let points = self.points.get(&table).map(Vec::as_slice).unwrap_or_default();
        let longest = u32::from(MAX_REGISTERS);
        let first = points.partition_point(|point| u32::from(point.address) + longest < span.start);
        let near = points[first..].iter().take_while(move |point| u32::from(point.address) < span.end);
        near.filter(move |point| point.end() > span.start)
    }

    /// What stands there. Bits are put over the words that they belong to, and what was written over everything.
    fn image(&self, field: &Field, table: Table, span: &Range<u32>, seconds: f64) -> Vec<u16> {
        let mut points: Vec<&Point> = self.touching(table, span).collect();
        points.sort_by_key(|point| (field.is_written(point.tag, seconds), point.encoding.bits.is_some()));
        let start = points.iter().map(|point| u32::from(point.address)).min().unwrap_or(span.start).min(span.start);
        let end = points.iter().map(|point| point.end()).max().unwrap_or(span.end).max(span.end);
        let mut image = vec![0; (end - start) as usize];
        for (place, value) in span.clone().filter_map(|place| Some((place, self.beats.get(&(table, place))?))) {
            image[(place - start) as usize] = *value;
        }
        for point in points {
            let from = (u32::from(point.address) - start) as usize;
            let registers = &mut image[from..from + usize::from(point.size())];
            if let Some(value) = field.value(point.tag, seconds) {
                put(point, &value, registers);
                leave_out_codes(point, registers);
            }
        }
        image[(span.start - start) as usize..(span.end - start) as usize].to_vec()
    }
}

/// Extents that lie no further apart than the gap are one: the station may read across it.
fn joined(table: Table, mut extents: Vec<Range<u32>>, gap: u32) -> Vec<Range<u32>> {
    let gap = if table.is_bits() { gap * 16 } else { gap };
    extents.sort_by_key(|extent| extent.start);
    let mut list: Vec<Range<u32>> = Vec::new();
    for extent in extents {
        match list.last_mut() {
            Some(last) if extent.start <= last.end + gap => last.end = last.end.max(extent.end),
            _ => list.push(extent),
        }
    }
    list
}

/// The registers as one whole number.
fn as_whole(encoding: &Encoding) -> Option<Encoding> {
    let kind = match encoding.registers() {
        1 => Kind::U16,
        2 => Kind::U32,
        4 => Kind::U64,
        _ => return None,
    };
    Some(Encoding::new(kind, encoding.order))
}

/// Puts raw bits where the encoding has them, and leaves the others.
fn put_raw(encoding: &Encoding, raw: u64, registers: &mut [u16]) -> Option<()> {
    let whole = as_whole(encoding)?;
    let (mask, low) = encoding.bits.map_or((u64::MAX, 0), |bits| (bits.mask(), bits.low));
    let all = (raw_bits(registers, &whole) & !mask) | ((raw << low) & mask);
    let all = if whole.kind == Kind::U64 { all } else { all & ((1 << (16 * whole.registers())) - 1) };
    registers.copy_from_slice(&encode(&Value::Unsigned(all), &whole, None).ok()?);
    Some(())
}

/// Puts a value into its registers; one that does not fit leaves them as they are.
fn put(point: &Point, value: &Value, registers: &mut [u16]) {
    let (encoding, number) = (&point.encoding, value.as_f64());
    let on = number.is_some_and(|number| number != 0.0);
    if point.table.is_bits() {
        registers[0] = u16::from(on);
        return;
    }
    if let Some(bits) = encoding.bits {
        let most = bits.mask() >> bits.low;
        let raw = match (encoding.kind, value, point.scaling) {
            (Kind::Bool, _, _) => u64::from(on),
            (_, Value::Unsigned(exact), None) => *exact,
            (_, _, scaling) => {
                let number = number.unwrap_or_default();
                scaling.map_or(number, |scaling| scaling.to_raw(number)).round() as u64
            }
        };
        put_raw(encoding, raw.min(most), registers);
        return;
    }
    let fitting = if encoding.kind == Kind::Bool { Value::Bool(on) } else { value.clone() };
    if let Ok(encoded) = encode(&fitting, encoding, point.scaling) {
        registers.copy_from_slice(&encoded);
    }
}

/// What stands in the registers, in engineering units; none where it is no value.
fn taken(point: &Point, registers: &[u16]) -> Option<Value> {
    if point.table.is_bits() {
        return Some(Value::Bool(registers[0] != 0));
    }
    let value = decode(registers, &point.encoding).ok()?;
    match (value.as_f64(), point.scaling) {
        (Some(number), _) if !number.is_finite() => None,
        (Some(number), Some(scaling)) => Some(Value::Double(scaling.to_engineering(number))),
        _ => Some(value),
    }
}

/// A value that happens to be one of the codes for "not available" becomes its neighbour.
fn leave_out_codes(point: &Point, registers: &mut [u16]) {
    let Some(codes) = &point.not_available else { return };
    let raw = raw_bits(registers, &point.encoding);
    if point.table.is_bits() || as_whole(&point.encoding).is_none() || !codes.contains(&raw) {
        return;
    }
    for raw in [raw.wrapping_sub(1), raw.wrapping_add(1), raw.wrapping_sub(2), raw.wrapping_add(2)] {
        let mut other = registers.to_vec();
        put_raw(&point.encoding, raw, &mut other);
        if !codes.contains(&raw_bits(&other, &point.encoding)) && decode(&other, &point.encoding).is_ok() {
            registers.copy_from_slice(&other);
            return;
        }
    }
}

#[cfg(test)]
mod tests;
