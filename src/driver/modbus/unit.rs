//! One unit on a wire, as its task sees it: what is asked when, what came last, and what was learned.

use super::health::Health;
use super::pdu;
use super::plan::{Block, Learned, plan_blocks};
use super::schedule::{self, Turn};
use super::{Device, Point, codec, decode};
use crate::driver::Reading;
use crate::driver::report::Reporter;
use crate::tag::{Generation, Monotonic, Quality, Reason, Timestamp, Value};
use std::sync::Arc;
use std::time::Duration;

/// What a device refused alone is asked for again soon, because it may be starting, and then more and more rarely.
const FIRST_QUARANTINE: Duration = Duration::from_secs(2);
const LONGEST_QUARANTINE: Duration = Duration::from_secs(60);

/// What an answer to a block means.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Outcome {
    /// The same bytes as the last time.
    Same,
    /// Other bytes.
    Fresh,
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
    /// What they mean; empty until the first answer, and after a failure.
    pub(super) readings: Option<Arc<[Reading]>>,
    pub(super) not_before: Option<Monotonic>,
    refusals: u32,
    pub(super) latency: Option<Duration>,
    pub(super) answers: u64,
    pub(super) unchanged: u64,
    pub(super) last: Option<Timestamp>,
}

impl BlockState {
    pub(super) fn new(block: Block) -> Self {
        let request = pdu::read_request(block.table, block.address, block.count);
        Self {
            block,
            request,
            payload: Vec::new(),
            readings: None,
            not_before: None,
            refusals: 0,
            latency: None,
            answers: 0,
            unchanged: 0,
            last: None,
        }
    }

    /// Takes an answer that was checked.
    pub(super) fn take(&mut self, payload: &[u8], took: Duration, time: Timestamp) -> Outcome {
        self.latency = Some(self.latency.map_or(took, |before| (before * 7 + took) / 8));
        self.answers += 1;
        self.last = Some(time);
        if self.readings.is_some() && self.payload == payload {
            self.unchanged += 1;
            return Outcome::Same;
        }
        self.payload.clear();
        self.payload.extend(payload);
        self.readings = Some(read_all(&self.block, payload));
        Outcome::Fresh
    }

    /// It was refused alone: it rests for a while, longer each time.
    pub(super) fn quarantine(&mut self, now: Monotonic) {
        let pause = FIRST_QUARANTINE.saturating_mul(1 << self.refusals.min(8)).min(LONGEST_QUARANTINE);
        self.refusals += 1;
        self.not_before = Some(now.plus(pause));
    }

    /// Whether it rests.
    pub(super) fn is_resting(&self, now: Monotonic) -> bool {
        self.not_before.is_some_and(|moment| moment > now)
    }

    /// Its tags get this reason; the next answer is new again.
    pub(super) fn all_bad(&mut self, reason: Reason) -> Arc<[Reading]> {
        self.readings = None;
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
    pub(super) health: Health,
    pub(super) reporter: Reporter,
    pub(super) on_scan: bool,
    /// Rest that the device was promised.
    pub(super) quiet_until: Monotonic,
    /// A read was lost on a wire without transactions: its answer may still come, and must not be taken for another one.
    pub(super) unsure: bool,
    /// Whether it is still to be asked who it is.
    pub(super) unidentified: bool,
    pub(super) beat: Beat,
    /// For the share of the wire's time.
    pub(super) busy: Duration,
    place: usize,
}

impl Unit {
    pub(super) fn new(settings: Device, generation: Generation, place: usize, now: Monotonic) -> Self {
        let reporter = Reporter::new(generation, settings.device);
        let mut unit = Self {
            unidentified: settings.identify,
            settings,
            groups: Vec::new(),
            learned: Learned::default(),
            health: Health::new(),
            reporter,
            on_scan: true,
            quiet_until: Monotonic::default(),
            unsure: false,
            beat: Beat { due: now, count: 0, beating: None },
            busy: Duration::ZERO,
            place,
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
            let state = same.map_or_else(|| BlockState::new(block), |place| before.swap_remove(place));
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

    /// Its tags have lost their quality: the next answers are new, whatever they say.
    pub(super) fn forget_answers(&mut self) {
        for state in self.groups.iter_mut().flat_map(|group| &mut group.blocks) {
            state.readings = None;
        }
    }

    /// The block that is read to find out whether the unit answers.
    pub(super) fn smallest_block(&self) -> Option<&BlockState> {
        let blocks = self.groups.iter().flat_map(|group| &group.blocks);
        let answered = blocks.filter(|state| !self.learned.is_refused(&state.block));
        answered.min_by_key(|state| state.block.count)
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
        let learned = std::mem::take(&mut self.learned);
        self.learned = learned;
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
            if state.readings.is_some() {
                state.readings = Some(read_all(&state.block, &state.payload));
            }
        }
        if !fresh.is_empty() {
            self.replan(now);
        }
    }
}

fn read_all(block: &Block, payload: &[u8]) -> Arc<[Reading]> {
    if block.table.is_bits() {
        return block.points.iter().map(|point| read_bit(block, point, payload)).collect();
    }
    let registers: Vec<u16> = pdu::registers(payload).collect();
    block.points.iter().map(|point| read_registers(block, point, &registers)).collect()
}

fn read_bit(block: &Block, point: &Point, payload: &[u8]) -> Reading {
    let value = pdu::bit(payload, usize::from(point.address - block.address));
    reading(point, value.map(Value::Bool).ok_or(Reason::BadFrame))
}

fn read_registers(block: &Block, point: &Point, registers: &[u16]) -> Reading {
    let start = usize::from(point.address - block.address);
    let part = registers.get(start..start + usize::from(point.encoding.registers()));
    reading(point, part.ok_or(Reason::BadFrame).and_then(|part| read_value(point, part)))
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
    use crate::driver::modbus::testing::{device, point};
    use crate::driver::modbus::{Kind, Table};
    use crate::tag::{DeviceId, TagId};

    fn unit(points: Vec<Point>) -> Unit {
        Unit::new(device(points), Generation(1), 0, Monotonic::default())
    }

    #[test]
    fn the_same_bytes_are_said_to_be_the_same_until_something_failed() {
        let mut unit = unit(vec![point(0, Table::Holding, 0, Kind::U16)]);
        let state = &mut unit.groups[0].blocks[0];
        let time = Timestamp::from_micros(1);
        assert_eq!(state.take(&[0, 1], Duration::ZERO, time), Outcome::Fresh);
        assert_eq!(state.take(&[0, 1], Duration::ZERO, time), Outcome::Same);
        assert_eq!(state.take(&[0, 2], Duration::ZERO, time), Outcome::Fresh);
        state.all_bad(Reason::DeviceBusy);
        assert_eq!(state.take(&[0, 2], Duration::ZERO, time), Outcome::Fresh);
        unit.forget_answers();
        assert_eq!(unit.groups[0].blocks[0].take(&[0, 2], Duration::ZERO, time), Outcome::Fresh);
    }

    #[test]
    fn codes_that_mean_not_available_are_bad_with_that_reason() {
        let codes = Some(Arc::from([0x8000u64, 0xFFFF]));
        let mut unit = unit(vec![Point { not_available: codes, ..point(0, Table::Input, 0, Kind::I16) }]);
        let state = &mut unit.groups[0].blocks[0];
        state.take(&[0x80, 0], Duration::ZERO, Timestamp::from_micros(1));
        assert_eq!(state.readings.as_ref().unwrap()[0].quality, Quality::bad(Reason::NotAvailable));
        state.take(&[0x7F, 0xFF], Duration::ZERO, Timestamp::from_micros(1));
        assert_eq!(state.readings.as_ref().unwrap()[0].value, Some(Value::Signed(0x7FFF)));
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
        assert_eq!(state.take(&[0, 1, 0, 2], Duration::ZERO, Timestamp::from_micros(2)), Outcome::Same);
        let tags: Vec<_> = state.readings.as_ref().unwrap().iter().map(|reading| reading.tag).collect();
        assert_eq!((tags, state.answers), (vec![TagId(10), TagId(11)], 2));
    }
}
