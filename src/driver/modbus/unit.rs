//! One unit on a wire, as its task sees it: what is asked when, what came last, and what was learned.

use super::health::Health;
use super::memory::Memory;
use super::pdu;
use super::plan::{Block, Learned, MAX_REGISTERS, plan_blocks};
use super::schedule::{self, Turn};
use super::{Device, Point, Table, codec, decode};
use crate::driver::Reading;
use crate::driver::report::Reporter;
use crate::tag::{Generation, Monotonic, Quality, Reason, TagId, Timestamp, Value};
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
    pub(super) request: Vec<u8>,
    /// The bytes of the last answer.
    pub(super) payload: Vec<u8>,
    /// Whether the engine knows what they mean; not before the first answer, and not after a failure.
    known: bool,
    /// The tags that are found in them.
    pub(super) tags: Arc<[TagId]>,
    /// Where each point stands in the bytes: first and last. Points are large, and most of them did not change.
    places: Vec<[u16; 2]>,
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
        let places = block.points.iter().map(|point| place(&block, point)).collect();
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
        let all = !std::mem::replace(&mut self.known, true) || self.payload.len() != payload.len();
        let changed = |[first, last]: [u16; 2]| {
            let place = usize::from(first)..=usize::from(last);
            all || self.payload.get(place.clone()) != payload.get(place)
        };
        let points = self.block.points.iter().zip(&self.places).filter(|(_, place)| changed(**place));
        let readings = points.map(|(point, _)| read_point(&self.block, point, payload)).collect();
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

/// Blocks that are polled together.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) turn: Turn,
    pub(super) blocks: Vec<BlockState>,
    /// The block that comes next, and when the turn was due; none between turns.
    pub(super) under_way: Option<(usize, Monotonic)>,
}

impl Group {
    pub(super) fn due(&self) -> Monotonic {
        self.under_way.map_or(self.turn.due(), |(_, due)| due)
    }
}

/// How the sign of life goes.
#[derive(Debug)]
pub(super) struct Beat {
    pub(super) due: Monotonic,
    pub(super) count: u16,
    pub(super) beating: Option<bool>,
}

/// One unit on the wire.
pub(super) struct Unit {
    pub(super) settings: Device,
    pub(super) groups: Vec<Group>,
    pub(super) learned: Learned,
    pub(super) memory: Memory,
    pub(super) health: Health,
    pub(super) reporter: Reporter,
    pub(super) on_scan: bool,
    /// Rest that the device was promised.
    pub(super) quiet_until: Monotonic,
    /// A read was lost on a wire without transactions: its answer may still come, and must not be taken for another one.
    pub(super) unsure: bool,
    /// A block was not answered, and nothing since: it may be the silence of that block or of the unit.
    pub(super) in_doubt: bool,
    /// Whether it is still to be asked who it is, from when on, and how often that failed.
    pub(super) unidentified: bool,
    pub(super) identify_at: Monotonic,
    pub(super) identify_failures: u32,
    pub(super) beat: Beat,
    /// For the share of the wire's time.
    pub(super) busy: Duration,
    place: usize,
    /// The reason of the last refusal in each table.
    pub(super) why: Vec<(Table, Reason)>,
}

impl Unit {
    pub(super) fn new(settings: Device, generation: Generation, place: usize, now: Monotonic) -> Self {
        let reporter = Reporter::new(generation, settings.device);
        let mut unit = Self {
            unidentified: settings.identify,
            identify_at: Monotonic::default(),
            identify_failures: 0,
            settings,
            groups: Vec::new(),
            learned: Learned::default(),
            memory: Memory::default(),
            health: Health::new(),
            reporter,
            on_scan: true,
            quiet_until: Monotonic::default(),
            unsure: false,
            in_doubt: false,
            beat: Beat { due: now, count: 0, beating: None },
            busy: Duration::ZERO,
            place,
            why: Vec::new(),
        };
        unit.replan(now);
        unit
    }

    /// Plans its requests anew. What stays the same keeps what is known of it.
    pub(super) fn replan(&mut self, now: Monotonic) {
        let mut before: Vec<BlockState> = self.groups.iter_mut().flat_map(|group| group.blocks.drain(..)).collect();
        let turns: Vec<Turn> = self.groups.drain(..).map(|group| group.turn).collect();
        for block in plan_blocks(&self.settings, &self.learned) {
            let same = before.iter().position(|state| state.block == block);
            let poll = block.poll;
            let mut state = same.map_or_else(|| BlockState::new(block), |place| before.swap_remove(place));
            if let Some((_, reason)) = self.why.iter().find(|(table, _)| *table == state.block.table) {
                state.refused_for = *reason;
            }
            match self.groups.iter_mut().find(|group| group.turn.period() == poll) {
                Some(group) => group.blocks.push(state),
                None => {
                    let known = turns.iter().find(|turn| turn.period() == poll).cloned();
                    let number = self.place * 3 + self.groups.len();
                    let turn = known.unwrap_or_else(|| Turn::new(poll, schedule::phase(number, poll), now));
                    self.groups.push(Group { turn, blocks: vec![state], under_way: None });
                }
            }
        }
        self.reporter.statistics().refused_tags = self.refused_tags();
    }

    fn refused_tags(&self) -> u32 {
        let blocks = self.groups.iter().flat_map(|group| &group.blocks);
        let refused = blocks.filter(|state| self.learned.is_refused(&state.block));
        refused.map(|state| state.block.points.len() as u32).sum()
    }

    /// The device refuses values of this table alone, for this reason.
    pub(super) fn note_refusal(&mut self, table: Table, reason: Reason) {
        self.why.retain(|(other, _)| *other != table);
        self.why.push((table, reason));
    }

    /// Takes over what was learned before the start. What is refused rests at first: it is asked for again, but rarely.
    pub(super) fn know(&mut self, learned: Learned, why: Vec<(Table, Reason)>, now: Monotonic) {
        (self.learned, self.why) = (learned, why);
        self.replan(now);
        let refused = self.groups.iter_mut().flat_map(|group| &mut group.blocks);
        for state in refused.filter(|state| self.learned.is_refused(&state.block)) {
            state.refusals = OFTEN;
            state.quarantine(now);
            // And its tags are still to be told so.
            state.refused_now = true;
        }
    }

    /// Whether it refuses everything that is read of it.
    pub(super) fn is_refused_whole(&self) -> bool {
        let mut blocks = self.groups.iter().flat_map(|group| &group.blocks);
        blocks.all(|state| self.learned.is_refused(&state.block))
    }

    /// Another device may stand there now: it is asked for everything.
    pub(super) fn forget_lessons(&mut self, now: Monotonic) {
        self.learned = Learned::default();
        self.why.clear();
        (self.memory.recalled, self.memory.untold) = (false, true);
        for state in self.groups.iter_mut().flat_map(|group| &mut group.blocks) {
            (state.refusals, state.refused_now, state.not_before) = (0, false, None);
        }
        self.replan(now);
        self.hurry(now);
    }

    /// Every group is due now: it answers again, or a command wants to be read back.
    pub(super) fn hurry(&mut self, now: Monotonic) {
        for group in &mut self.groups {
            group.turn.hurry(now);
            group.under_way = None;
        }
    }

    /// Nothing could be asked for a while: turns begin anew, and the next answers are new whatever they say.
    pub(super) fn resume(&mut self, now: Monotonic) {
        for group in &mut self.groups {
            group.turn.resume(now);
            group.under_way = None;
        }
        self.beat.due = now;
    }

    /// It answers again: blocks that rested because they were not answered are asked at once.
    pub(super) fn wake_silent(&mut self) {
        for state in self.groups.iter_mut().flat_map(|group| &mut group.blocks).filter(|state| state.is_silent) {
            (state.failures, state.is_silent, state.not_before) = (0, false, None);
        }
    }

    /// Its tags have lost their quality: the next answers are new, whatever they say.
    pub(super) fn forget_answers(&mut self) {
        for state in self.groups.iter_mut().flat_map(|group| &mut group.blocks) {
            state.forget();
        }
    }

    /// The block that is read to find out whether the unit answers.
    pub(super) fn smallest_block(&self) -> Option<&BlockState> {
        let blocks = self.groups.iter().flat_map(|group| &group.blocks);
        let answered = blocks.filter(|state| !self.learned.is_refused(&state.block));
        // One that was silent lately may be so for ever, while the unit answers for everything else.
        answered.min_by_key(|state| (state.failures > 0, state.block.count))
    }

    /// Whether anything else than this block is to be read of it now and then.
    pub(super) fn has_others(&self, group: usize, block: usize, now: Monotonic) -> bool {
        let all = self.groups.iter().enumerate();
        let mut all =
            all.flat_map(|(place, group)| group.blocks.iter().enumerate().map(move |(at, one)| (place, at, one)));
        all.any(|(place, at, one)| (place, at) != (group, block) && !one.is_resting(now))
    }

    /// A read whose answer has another length than that of every other read of this unit, single registers included.
    pub(super) fn distinct_read(&self) -> (Table, u16, u16) {
        let blocks = || self.groups.iter().flat_map(|group| &group.blocks).map(|state| &state.block);
        let bytes = |block: &Block| match block.table.is_bits() {
            true => block.count.div_ceil(8),
            false => block.count * 2,
        };
        let taken: Vec<u16> = blocks().map(bytes).collect();
        let count = (3..=MAX_REGISTERS).find(|count| !taken.contains(&(count * 2))).unwrap_or(3);
        let states = self.groups.iter().flat_map(|group| &group.blocks).filter(|state| !state.block.table.is_bits());
        // Not where it was silent lately.
        let place = states.min_by_key(|state| state.failures > 0).map(|state| &state.block);
        let (table, address) = place.map_or((Table::Holding, 0), |block| (block.table, block.address));
        (table, address.min(u16::MAX - count), count)
    }

    /// The point of a tag.
    pub(super) fn point(&self, tag: crate::tag::TagId) -> Option<&Point> {
        self.settings.points.iter().find(|point| point.tag == tag)
    }

    /// The block in which a tag is read.
    pub(super) fn block_of(&self, tag: crate::tag::TagId) -> Option<&BlockState> {
        let mut blocks = self.groups.iter().flat_map(|group| &group.blocks);
        blocks.find(|state| state.block.points.iter().any(|point| point.tag == tag))
    }

    /// Takes over settings that differ in nothing but the slots.
    pub(super) fn move_to(&mut self, settings: Device, generation: Generation, now: Monotonic) {
        self.reporter.move_to(generation, settings.device);
        self.settings = settings;
        self.replan_in_place(now);
    }

    /// The same blocks with other slots: phases and counts go on.
    fn replan_in_place(&mut self, now: Monotonic) {
        let mut fresh = plan_blocks(&self.settings, &self.learned);
        for state in self.groups.iter_mut().flat_map(|group| &mut group.blocks) {
            let alike = |block: &Block| {
                (block.table, block.address, block.count, block.poll)
                    == (state.block.table, state.block.address, state.block.count, state.block.poll)
            };
            let Some(found) = fresh.iter().position(alike) else { continue };
            state.block = fresh.swap_remove(found);
            state.tags = state.block.points.iter().map(|point| point.tag).collect();
            // A tag may have another name now, and then the engine knows nothing of it.
            state.forget();
        }
        if !fresh.is_empty() {
            self.replan(now);
        }
    }
}

/// The first and the last byte of a point in an answer to its block.
fn place(block: &Block, point: &Point) -> [u16; 2] {
    let start = point.address - block.address;
    if block.table.is_bits() {
        return [start / 8; 2];
    }
    [start * 2, start * 2 + point.encoding.registers() * 2 - 1]
}

fn read_point(block: &Block, point: &Point, payload: &[u8]) -> Reading {
    let start = usize::from(point.address - block.address);
    if block.table.is_bits() {
        return reading(point, pdu::bit(payload, start).map(Value::Bool).ok_or(Reason::BadFrame));
    }
    let end = start + usize::from(point.encoding.registers());
    let part = payload.get(start * 2..end * 2).ok_or(Reason::BadFrame);
    reading(point, part.and_then(|part| read_registers(point, part)))
}

fn read_registers(point: &Point, bytes: &[u8]) -> Result<Value, Reason> {
    // Most values take four registers at most.
    let mut few = [0; 4];
    let count = bytes.len() / 2;
    if count > few.len() {
        let many: Vec<u16> = pdu::registers(bytes).collect();
        return read_value(point, &many);
    }
    few.iter_mut().zip(pdu::registers(bytes)).for_each(|(place, register)| *place = register);
    read_value(point, &few[..count])
}

fn read_value(point: &Point, registers: &[u16]) -> Result<Value, Reason> {
    if let Some(codes) = &point.not_available
        && codes.contains(&codec::raw_bits(registers, &point.encoding))
    {
        return Err(Reason::NotAvailable);
    }
    decode(registers, &point.encoding)
}

fn reading(point: &Point, value: Result<Value, Reason>) -> Reading {
    match value {
        Ok(value) => Reading { tag: point.tag, value: Some(value), quality: Quality::GOOD },
        Err(reason) => Reading { tag: point.tag, value: None, quality: Quality::bad(reason) },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::modbus::Kind;
    use crate::driver::modbus::testing::{device, point};
    use crate::tag::DeviceId;

    fn unit(points: Vec<Point>) -> Unit {
        Unit::new(device(points), Generation(1), 0, Monotonic::default())
    }

    #[test]
    fn the_same_bytes_are_said_to_be_the_same_until_something_failed() {
        let mut unit = unit(vec![point(0, Table::Holding, 0, Kind::U16), point(1, Table::Holding, 1, Kind::U16)]);
        let state = &mut unit.groups[0].blocks[0];
        let time = Timestamp::from_micros(1);
        let changed = |state: &mut BlockState, payload: &[u8]| match state.take(payload, Duration::ZERO, time) {
            Outcome::Values(readings) => readings.iter().map(|reading| reading.tag.0).collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        assert_eq!(changed(state, &[0, 1, 0, 9]), [0, 1]);
        assert!(changed(state, &[0, 1, 0, 9]).is_empty());
        assert_eq!(changed(state, &[0, 2, 0, 9]), [0]);
        assert_eq!(changed(state, &[0, 2, 1, 9]), [1]);
        state.all_bad(Reason::DeviceBusy);
        assert_eq!(changed(state, &[0, 2, 1, 9]), [0, 1]);
        unit.forget_answers();
        assert_eq!(changed(&mut unit.groups[0].blocks[0], &[0, 2, 1, 9]), [0, 1]);
    }

    #[test]
    fn of_bits_only_those_in_bytes_that_changed_are_told() {
        let points = (0..12).map(|place| point(place, Table::Coil, place as u16, Kind::Bool)).collect();
        let mut unit = unit(points);
        let state = &mut unit.groups[0].blocks[0];
        let time = Timestamp::from_micros(1);
        state.take(&[0b0000_0000, 0b0000], Duration::ZERO, time);
        let Outcome::Values(readings) = state.take(&[0b0000_0000, 0b1000], Duration::ZERO, time) else { panic!() };
        assert_eq!(readings.iter().map(|reading| reading.tag.0).collect::<Vec<_>>(), [8, 9, 10, 11]);
    }

    #[test]
    fn codes_that_mean_not_available_are_bad_with_that_reason() {
        let codes = Some(Arc::from([0x8000u64, 0xFFFF]));
        let mut unit = unit(vec![Point { not_available: codes, ..point(0, Table::Input, 0, Kind::I16) }]);
        let state = &mut unit.groups[0].blocks[0];
        let mut read = |payload: &[u8]| match state.take(payload, Duration::ZERO, Timestamp::from_micros(1)) {
            Outcome::Values(readings) => readings[0].clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(read(&[0x80, 0]).quality, Quality::bad(Reason::NotAvailable));
        assert_eq!(read(&[0x7F, 0xFF]).value, Some(Value::Signed(0x7FFF)));
    }

    #[test]
    fn a_read_to_find_the_step_again_fits_no_other() {
        let unit = unit(vec![
            point(0, Table::Holding, 0, Kind::U16),
            point(1, Table::Input, 0, Kind::U64),
            Point { poll: Duration::from_secs(2), ..point(2, Table::Holding, 7, Kind::U32) },
        ]);
        let (_, _, count) = unit.distinct_read();
        assert_eq!(count, 3);
        let mut wide = unit;
        wide.settings.points.push(Point { poll: Duration::from_secs(3), ..point(3, Table::Input, 50, Kind::U16) });
        wide.settings.points.push(Point { poll: Duration::from_secs(3), ..point(4, Table::Input, 52, Kind::U16) });
        wide.replan(Monotonic::default());
        assert_eq!(wide.distinct_read().2, 5);
    }

    #[test]
    fn other_slots_keep_what_is_known() {
        let mut unit = unit(vec![point(0, Table::Holding, 0, Kind::U16), point(1, Table::Holding, 1, Kind::U16)]);
        unit.groups[0].blocks[0].take(&[0, 1, 0, 2], Duration::ZERO, Timestamp::from_micros(1));
        let mut moved = unit.settings.clone();
        moved.device = DeviceId(4);
        moved.points.iter_mut().for_each(|point| point.tag = TagId(point.tag.0 + 10));
        unit.move_to(moved, Generation(2), Monotonic::default());
        let state = &mut unit.groups[0].blocks[0];
        let outcome = state.take(&[0, 1, 0, 2], Duration::ZERO, Timestamp::from_micros(2));
        let Outcome::Values(readings) = outcome else { panic!("{outcome:?}") };
        let tags: Vec<_> = readings.iter().map(|reading| reading.tag).collect();
        assert_eq!((tags, state.answers), (vec![TagId(10), TagId(11)], 2));
    }
}
