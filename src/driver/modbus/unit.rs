//! One unit on a wire, as its task sees it: what is asked when, what came last, and what was learned.

use super::block_state::BlockState;
use super::health::Health;
use super::memory::Memory;
use super::plan::{Block, Learned, MAX_REGISTERS, plan_blocks};
use super::schedule::{self, Turn};
use super::{Device, Point, Table};
use crate::driver::report::Reporter;
use crate::tag::{Generation, Monotonic, Reason};
use std::time::Duration;

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
            state.rest_long(now);
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
            state.forgive();
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
            state.serve(fresh.swap_remove(found));
        }
        if !fresh.is_empty() {
            self.replan(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::modbus::Kind;
    use crate::driver::modbus::block_state::Outcome;
    use crate::driver::modbus::testing::{device, point};
    use crate::tag::{DeviceId, Quality, TagId, Timestamp, Value};
    use std::sync::Arc;

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
