//! A request that is made again and again: what came last, and what of the next answer is new.

use super::changed::ChangedBytes;
use super::pdu::{self, ReadRequest};
use super::plan::Block;
use super::{Encoding, Point, codec, decode};
use crate::driver::Reading;
use crate::tag::{Monotonic, Quality, Reason, TagId, Timestamp, Value};
use std::sync::Arc;
use std::time::Duration;

/// What a device refused alone is asked for again soon, because it may be starting, and then more and more rarely.
const FIRST_QUARANTINE: Duration = Duration::from_secs(2);
const LONGEST_QUARANTINE: Duration = Duration::from_secs(60);
/// After so many refusals it rests for the longest time.
const OFTEN: u32 = 5;

/// What an answer to a block means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// Values: those that are not what they were.
    Values(Vec<Reading>),
    /// The device refused.
    Exception(u8),
}

/// A request that is made again and again.
#[derive(Debug)]
pub(super) struct BlockState {
    pub(super) block: Block,
    pub(super) request: ReadRequest,
    /// The bytes of the last answer.
    pub(super) payload: Vec<u8>,
    /// Whether the engine knows what they mean; not before the first answer, and not after a failure.
    known: bool,
    /// The tags that are found in them.
    pub(super) tags: Arc<[TagId]>,
    places: Vec<Place>,
    pub(super) not_before: Option<Monotonic>,
    refusals: u32,
    /// Whether it was refused just now, and is to rest.
    pub(super) refused_now: bool,
    /// Failures in a row of this block alone.
    pub(super) failures: u32,
    /// Whether it rests because it was not answered, while the unit answers.
    pub(super) is_silent: bool,
    /// The reason that its tags get while it is refused.
    pub(super) refused_for: Reason,
    pub(super) latency: Option<Duration>,
    pub(super) answers: u64,
    pub(super) unchanged: u64,
    pub(super) last: Option<Timestamp>,
    /// The number that the last answer carried, on wires whose frames have one.
    pub(super) transaction: u16,
}

impl BlockState {
    pub(super) fn new(block: Block) -> Self {
        let request = pdu::read_request(block.table, block.address, block.count);
        let tags = block.points.iter().map(|point| point.tag).collect();
        let places = block.points.iter().map(|point| Place::of(&block, point)).collect();
        Self {
            block,
            places,
            request,
            payload: Vec::new(),
            known: false,
            tags,
            not_before: None,
            refusals: 0,
            refused_now: false,
            failures: 0,
            is_silent: false,
            refused_for: Reason::IllegalAddress,
            latency: None,
            answers: 0,
            unchanged: 0,
            last: None,
            transaction: 0,
        }
    }

    /// The same request, for other slots. A tag may have another name now, and then the engine knows nothing of it.
    pub(super) fn serve(&mut self, block: Block) {
        self.tags = block.points.iter().map(|point| point.tag).collect();
        self.places = block.points.iter().map(|point| Place::of(&block, point)).collect();
        self.block = block;
        self.forget();
    }

    /// Takes an answer that was checked.
    pub(super) fn take(&mut self, payload: &[u8], took: Duration, time: Timestamp) -> Outcome {
        self.latency = Some(self.latency.map_or(took, |before| (before * 7 + took) / 8));
        self.answers += 1;
        (self.failures, self.is_silent) = (0, false);
        self.last = Some(time);
        if self.known && self.payload == payload {
            self.unchanged += 1;
            return Outcome::Values(Vec::new());
        }
        let known = std::mem::replace(&mut self.known, true);
        let changed = if known { ChangedBytes::between(&self.payload, payload) } else { ChangedBytes::ALL };
        let mut readings = Vec::with_capacity(changed.count().min(self.block.points.len()));
        let places = self.places.iter().enumerate().filter(|(_, place)| changed.touch(place.bytes));
        readings.extend(places.map(|(number, place)| place.read(&self.block.points[number], payload)));
        self.payload.clear();
        self.payload.extend(payload);
        Outcome::Values(readings)
    }

    /// Its tags have lost their quality: the next answer is new, whatever it says.
    pub(super) fn forget(&mut self) {
        self.known = false;
    }

    /// It was refused alone: it rests for a while, longer each time.
    pub(super) fn quarantine(&mut self, now: Monotonic) {
        let pause = FIRST_QUARANTINE.saturating_mul(1 << self.refusals.min(8)).min(LONGEST_QUARANTINE);
        self.refusals += 1;
        self.refused_now = false;
        self.not_before = Some(now.plus(pause));
    }

    /// It is known to be refused: it rests at first, and its tags are still to be told so.
    pub(super) fn rest_long(&mut self, now: Monotonic) {
        self.refusals = OFTEN;
        self.quarantine(now);
        self.refused_now = true;
    }

    /// What it was refused before is held against it no more.
    pub(super) fn forgive(&mut self) {
        (self.refusals, self.refused_now, self.not_before) = (0, false, None);
    }

    /// Whether it is to rest: it was refused just now, or with others before it was ever asked by itself. One whose rest is over is asked
    /// first.
    pub(super) fn is_to_rest(&self) -> bool {
        self.refused_now || self.not_before.is_none()
    }

    /// Whether it rests.
    pub(super) fn is_resting(&self, now: Monotonic) -> bool {
        self.not_before.is_some_and(|moment| moment > now)
    }

    /// Its tags get this reason; the next answer is new again.
    pub(super) fn all_bad(&mut self, reason: Reason) -> Vec<Reading> {
        self.known = false;
        let bad = |point: &Point| Reading { tag: point.tag, value: None, quality: Quality::bad(reason) };
        self.block.points.iter().map(bad).collect()
    }
}

/// Where a point stands in an answer and how it is read. Points are large, and there are many: what an answer needs of them lies side by
/// side here.
#[derive(Clone, Copy, Debug)]
struct Place {
    tag: TagId,
    /// The first and the last byte.
    bytes: [u16; 2],
    /// Of a bit, the number in the answer.
    bit: u16,
    is_bit: bool,
    /// Whether some of its values mean that there is none.
    has_codes: bool,
    encoding: Encoding,
}

impl Place {
    fn of(block: &Block, point: &Point) -> Self {
        let (start, is_bit) = (point.address - block.address, block.table.is_bits());
        let bytes = if is_bit { [start / 8; 2] } else { [start * 2, start * 2 + point.encoding.registers() * 2 - 1] };
        let (tag, encoding, has_codes) = (point.tag, point.encoding, point.not_available.is_some());
        Self { tag, bytes, bit: start, is_bit, has_codes, encoding }
    }

    fn read(&self, point: &Point, payload: &[u8]) -> Reading {
        match self.value(point, payload) {
            Ok(value) => Reading { tag: self.tag, value: Some(value), quality: Quality::GOOD },
            Err(reason) => Reading { tag: self.tag, value: None, quality: Quality::bad(reason) },
        }
    }

    fn value(&self, point: &Point, payload: &[u8]) -> Result<Value, Reason> {
        if self.is_bit {
            return pdu::bit(payload, usize::from(self.bit)).map(Value::Bool).ok_or(Reason::BadFrame);
        }
        let [first, last] = self.bytes.map(usize::from);
        let bytes = payload.get(first..=last).ok_or(Reason::BadFrame)?;
        // Most values take four registers at most.
        let mut few = [0; 4];
        let count = bytes.len() / 2;
        if count > few.len() {
            let many: Vec<u16> = pdu::registers(bytes).collect();
            return self.meaning(point, &many);
        }
        few.iter_mut().zip(pdu::registers(bytes)).for_each(|(place, register)| *place = register);
        self.meaning(point, &few[..count])
    }

    fn meaning(&self, point: &Point, registers: &[u16]) -> Result<Value, Reason> {
        if self.has_codes
            && let Some(codes) = &point.not_available
            && codes.contains(&codec::raw_bits(registers, &self.encoding))
        {
            return Err(Reason::NotAvailable);
        }
        decode(registers, &self.encoding)
    }
}
