//! Which requests read all points of a device: as few as possible, never splitting a value, and never again what the device refused.

use super::{Device, Point, Table};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Registers in one request (Application Protocol V1.1b3, 6.3).
pub const MAX_REGISTERS: u16 = 125;
/// Bits in one request (6.1).
pub const MAX_BITS: u16 = 2000;

/// A place in a device.
type Place = (Table, u16);

/// What a value takes: table, address, bits or registers.
type Extent = (Table, u16, u16);

fn extent(point: &Point) -> Extent {
    (point.table, point.address, point.size())
}

/// One request and the points that it serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The table.
    pub table: Table,
    /// First address.
    pub address: u16,
    /// How many bits or registers.
    pub count: u16,
    /// Time from one poll to the next.
    pub poll: Duration,
    /// What is found in the answer.
    pub points: Vec<Point>,
}

impl Block {
    /// The address behind its last one.
    pub const fn end(&self) -> u32 {
        self.address as u32 + self.count as u32
    }

    fn of(point: Point) -> Self {
        Self { table: point.table, address: point.address, count: point.size(), poll: point.poll, points: vec![point] }
    }

    fn take(&mut self, point: Point) {
        self.count = (point.end().max(self.end()) - u32::from(self.address)) as u16;
        self.points.push(point);
    }

    /// Whether addresses lie in it that no point asked for.
    fn has_gap(&self) -> bool {
        let mut reached = u32::from(self.address);
        self.points.iter().any(|point| {
            let gap = u32::from(point.address) > reached;
            reached = reached.max(point.end());
            gap
        })
    }

    /// Where it can be cut nearest to its middle without splitting a value; `None` when its values hang together.
    fn cut(&self) -> Option<u16> {
        let middle = self.points.len() / 2;
        let mut reached = 0;
        let mut cuts = Vec::new();
        for (place, point) in self.points.iter().enumerate() {
            // Values that overlap stay together: they cannot be told apart by address.
            if place > 0 && u32::from(point.address) >= reached {
                cuts.push((place.abs_diff(middle), point.address));
            }
            reached = reached.max(point.end());
        }
        cuts.into_iter().min().map(|(_, address)| address)
    }
}

/// What a device taught about itself by refusing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    /// Spans in which registers that nobody asked for are not read along.
    no_gaps: Vec<(Table, u32, u32)>,
    /// Addresses at which a request has to end.
    cuts: BTreeSet<Place>,
    /// Those cuts that a search is still making.
    #[serde(skip)]
    searching: Vec<Place>,
    /// Values that are read alone, because what they share registers with was refused.
    alone: BTreeSet<Extent>,
    /// Values that are refused even alone.
    refused: BTreeSet<Extent>,
}

/// What follows from a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lesson {
    /// The plan is another one now: ask again.
    Replan,
    /// The values of this block are refused whatever is asked with them.
    Refused,
}

impl Learned {
    /// Whether nothing was refused so far.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The device refused a block (exceptions 2 and 3).
    pub fn refuse(&mut self, block: &Block) -> Lesson {
        let span = (block.table, u32::from(block.address), block.end());
        if block.has_gap() && !self.no_gaps.contains(&span) {
            self.no_gaps.push(span);
            return Lesson::Replan;
        }
        if let Some(cut) = block.cut() {
            self.cuts.insert((block.table, cut));
            self.searching.push((block.table, cut));
            return Lesson::Replan;
        }
        let extents: BTreeSet<Extent> = block.points.iter().map(extent).collect();
        if extents.len() > 1 {
            // Values that share registers: each is asked for by itself.
            self.alone.extend(extents);
            return Lesson::Replan;
        }
        // Found: its neighbours are read together again, around it.
        for cut in self.searching.drain(..) {
            self.cuts.remove(&cut);
        }
        self.refused.extend(extents);
        Lesson::Refused
    }

    /// All blocks of a round were answered or found refused. Of the cuts that a search made, the last one is known to be needed; the
    /// others only led there. Whether the plan is another one now.
    pub fn settle(&mut self) -> bool {
        let needed = self.searching.pop();
        let others = !self.searching.is_empty();
        for cut in self.searching.drain(..).filter(|cut| Some(*cut) != needed) {
            self.cuts.remove(&cut);
        }
        others
    }

    /// The device does not know the function: every value of the table is refused.
    pub fn refuse_table(&mut self, device: &Device, table: Table) {
        self.refused.extend(device.points.iter().filter(|point| point.table == table).map(extent));
    }

    /// A value that was refused alone is answered now.
    pub fn readmit(&mut self, block: &Block) {
        for point in &block.points {
            self.refused.remove(&extent(point));
            self.alone.remove(&extent(point));
        }
        self.no_gaps.retain(|(table, start, end)| {
            *table != block.table || *end <= u32::from(block.address) || *start >= block.end()
        });
    }

    /// Whether a block holds values that were refused alone: it is asked rarely.
    pub fn is_refused(&self, block: &Block) -> bool {
        self.refuses(block.points.first())
    }

    /// How much it is to keep: places and values.
    pub(super) fn size(&self) -> usize {
        self.no_gaps.len() + self.cuts.len() + self.alone.len() + self.refused.len()
    }

    /// How many values are refused.
    pub fn refusals(&self) -> usize {
        self.refused.len()
    }

    fn refuses(&self, point: Option<&Point>) -> bool {
        point.is_some_and(|point| self.refused.contains(&extent(point)))
    }

    fn stands_alone(&self, point: &Point) -> bool {
        let extent = extent(point);
        self.refused.contains(&extent) || self.alone.contains(&extent)
    }

    fn allows_gap(&self, table: Table, from: u32, to: u32) -> bool {
        let learned = self.no_gaps.iter().any(|(other, start, end)| *other == table && *start < to && *end > from);
        let refused = |(other, address, count): &Extent| {
            *other == table && u32::from(*address) < to && u32::from(*address) + u32::from(*count) > from
        };
        !learned && !self.refused.iter().any(refused)
    }

    fn cuts_between(&self, table: Table, after: u16, up_to: u16) -> bool {
        after < up_to && self.cuts.range((table, after + 1)..=(table, up_to)).next().is_some()
    }
}

/// Plans the requests of a device.
pub fn plan_blocks(device: &Device, learned: &Learned) -> Vec<Block> {
    let mut by_rate: BTreeMap<(bool, Duration), Vec<Point>> = BTreeMap::new();
    for point in device.points.iter().filter(|point| point.readable) {
        // What is refused never stands in one request with what is answered.
        by_rate.entry((learned.refuses(Some(point)), point.poll)).or_default().push(point.clone());
    }
    by_rate.into_values().flat_map(|points| plan_rate(device, learned, points)).collect()
}

fn plan_rate(device: &Device, learned: &Learned, mut points: Vec<Point>) -> Vec<Block> {
    points.sort_by_key(|point| (point.table, point.address, std::cmp::Reverse(point.size()), point.tag));
    let mut blocks: Vec<Block> = Vec::new();
    for point in points {
        match blocks.last_mut() {
            Some(block) if joins(block, &point, device, learned) => block.take(point),
            _ => blocks.push(Block::of(point)),
        }
    }
    blocks
}

fn joins(block: &Block, point: &Point, device: &Device, learned: &Learned) -> bool {
    let (limit, gap) = if point.table.is_bits() {
        (device.max_bits.clamp(1, MAX_BITS), u32::from(device.gap) * 16)
    } else {
        (device.max_registers.clamp(1, MAX_REGISTERS), u32::from(device.gap))
    };
    let (start, end) = (u32::from(point.address), point.end().max(block.end()));
    if block.table != point.table || end - u32::from(block.address) > u32::from(limit) {
        return false;
    }
    let overlaps = start < block.end();
    if learned.stands_alone(point) || block.points.iter().any(|other| learned.stands_alone(other)) {
        // Unless they are the same registers.
        return block.points.iter().all(|other| extent(other) == extent(point));
    }
    let gap = if learned.allows_gap(point.table, block.end(), start.max(block.end() + 1)) { gap } else { 0 };
    overlaps || (start <= block.end() + gap && !learned.cuts_between(point.table, block.address, point.address))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::modbus::testing::{device, point};
    use crate::driver::modbus::{Encoding, Kind, Order};
    use crate::tag::TagId;
    use proptest::prelude::*;

    fn spans(blocks: &[Block]) -> Vec<(u16, u16)> {
        blocks.iter().map(|block| (block.address, block.count)).collect()
    }

    fn fresh(device: &Device) -> Vec<(u16, u16)> {
        spans(&plan_blocks(device, &Learned::default()))
    }

    #[test]
    fn neighbours_share_a_request() {
        let points = vec![
            point(0, Table::Holding, 0, Kind::F32),
            point(1, Table::Holding, 2, Kind::U16),
            point(2, Table::Holding, 10, Kind::U16),
            point(3, Table::Holding, 200, Kind::U16),
            point(4, Table::Input, 0, Kind::U16),
        ];
        assert_eq!(fresh(&Device { gap: 8, ..device(points.clone()) }), [(0, 1), (0, 11), (200, 1)]);
        assert_eq!(fresh(&Device { gap: 0, ..device(points) }), [(0, 1), (0, 3), (10, 1), (200, 1)]);
    }

    #[test]
    fn a_value_is_never_split_and_rates_are_apart() {
        let mut points: Vec<_> =
            (0..40).map(|place| point(place, Table::Holding, place as u16 * 4, Kind::F64)).collect();
        assert_eq!(fresh(&Device { gap: 0, ..device(points.clone()) }), [(0, 124), (124, 36)]);
        points[39].poll = Duration::from_millis(100);
        assert_eq!(fresh(&Device { gap: 0, ..device(points) }), [(156, 4), (0, 124), (124, 32)]);
    }

    /// A device that refuses reads which touch a hole, cross a border, or ask for too much.
    struct Refusing {
        holes: Vec<u32>,
        borders: Vec<u32>,
        most: u16,
    }

    impl Refusing {
        fn answers(&self, block: &Block) -> bool {
            let (start, end) = (u32::from(block.address), block.end());
            block.count <= self.most
                && !self.holes.iter().any(|hole| (start..end).contains(hole))
                && !self.borders.iter().any(|border| start < *border && *border < end)
        }

        /// Rounds of reading until the plan stands still; the blocks, and how many requests it took.
        fn teach(&self, device: &Device) -> (Vec<Block>, Learned, usize) {
            let (mut learned, mut requests) = (Learned::default(), 0);
            'again: loop {
                let blocks = plan_blocks(device, &learned);
                for block in &blocks {
                    requests += 1;
                    assert!(requests < 2_000, "it never ends");
                    if !self.answers(block) && !learned.is_refused(block) {
                        learned.refuse(block);
                        continue 'again;
                    }
                }
                if !learned.settle() {
                    return (blocks, learned, requests);
                }
                continue 'again;
            }
        }
    }

    #[test]
    fn one_wrong_tag_keeps_its_neighbours_together() {
        let points: Vec<_> = (0..10).map(|place| point(place, Table::Holding, place as u16, Kind::U16)).collect();
        let refusing = Refusing { holes: vec![7], borders: vec![], most: 125 };
        let (blocks, learned, _) = refusing.teach(&device(points));
        assert_eq!(spans(&blocks), [(0, 7), (8, 2), (7, 1)]);
        assert_eq!(learned.refusals(), 1);
    }

    #[test]
    fn a_hole_between_tags_costs_no_tag() {
        let points = vec![point(0, Table::Holding, 0, Kind::U16), point(1, Table::Holding, 5, Kind::U16)];
        let refusing = Refusing { holes: vec![2], borders: vec![], most: 125 };
        let (blocks, learned, requests) = refusing.teach(&device(points));
        assert_eq!((spans(&blocks), learned.refusals(), requests), (vec![(0, 1), (5, 1)], 0, 3));
    }

    #[test]
    fn borders_and_small_limits_are_found() {
        let points: Vec<_> = (0..64).map(|place| point(place, Table::Holding, place as u16, Kind::U16)).collect();
        let refusing = Refusing { holes: vec![], borders: vec![32], most: 125 };
        let (blocks, learned, _) = refusing.teach(&device(points.clone()));
        assert_eq!((spans(&blocks), learned.refusals()), (vec![(0, 32), (32, 32)], 0));
        let refusing = Refusing { holes: vec![], borders: vec![], most: 20 };
        let (blocks, learned, _) = refusing.teach(&device(points));
        assert!(blocks.iter().all(|block| block.count <= 20) && learned.refusals() == 0);
    }

    #[test]
    fn what_is_answered_again_goes_back_to_its_neighbours() {
        let points: Vec<_> = (0..10).map(|place| point(place, Table::Holding, place as u16, Kind::U16)).collect();
        let device = device(points);
        let refusing = Refusing { holes: vec![7], borders: vec![], most: 125 };
        let (blocks, mut learned, _) = refusing.teach(&device);
        let alone = blocks.iter().find(|block| learned.is_refused(block)).unwrap();
        learned.readmit(alone);
        assert_eq!(spans(&plan_blocks(&device, &learned)), [(0, 10)]);
    }

    fn entries() -> impl Strategy<Value = Vec<(u16, usize, usize, bool)>> {
        proptest::collection::vec((0u16..600, 0usize..3, 0usize..2, any::<bool>()), 1..80)
    }

    fn many(entries: &[(u16, usize, usize, bool)]) -> Vec<Point> {
        let kinds = [Kind::U16, Kind::F32, Kind::F64];
        let tables = [Table::Holding, Table::Input];
        let made = entries.iter().enumerate().map(|(tag, (address, kind, table, fast))| {
            let encoding = Encoding::new(kinds[*kind], Order::Abcd);
            let poll = Duration::from_millis(if *fast { 100 } else { 1000 });
            Point { encoding, poll, ..point(tag as u32, tables[*table], *address, Kind::U16) }
        });
        made.collect()
    }

    /// Every point once, whole, at its rate, and never more than the limit.
    fn check(blocks: &[Block], points: &[Point], max: u16) -> Result<(), TestCaseError> {
        let mut seen: Vec<TagId> = blocks.iter().flat_map(|block| block.points.iter().map(|point| point.tag)).collect();
        seen.sort();
        prop_assert_eq!(seen, points.iter().map(|point| point.tag).collect::<Vec<_>>());
        for block in blocks {
            prop_assert!(block.count <= max.max(4));
            for point in &block.points {
                prop_assert!(point.address >= block.address && point.end() <= block.end());
                prop_assert_eq!((point.table, point.poll), (block.table, block.poll));
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn every_point_is_read_once_and_whole(entries in entries(), gap in 0u16..40, max in 4u16..126) {
            let points = many(&entries);
            let device = Device { max_registers: max, gap, ..device(points.clone()) };
            check(&plan_blocks(&device, &Learned::default()), &points, max)?;
        }

        #[test]
        fn only_what_the_device_refuses_is_lost(
            entries in entries(), gap in 0u16..40,
            holes in proptest::collection::vec(0u32..600, 0..4), borders in proptest::collection::vec(0u32..600, 0..3),
        ) {
            let points = many(&entries);
            let device = Device { gap, ..device(points.clone()) };
            let refusing = Refusing { holes, borders, most: 125 };
            let (blocks, learned, _) = refusing.teach(&device);
            check(&blocks, &points, MAX_REGISTERS)?;
            for block in &blocks {
                let alone = |point: &Point| refusing.answers(&Block::of(point.clone()));
                if learned.is_refused(block) {
                    prop_assert!(!block.points.iter().all(alone), "{block:?} is refused for nothing");
                } else {
                    prop_assert!(refusing.answers(block));
                }
            }
        }
    }
}
