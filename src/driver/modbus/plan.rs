//! Which requests read all points of a device: as few as possible, never splitting a value.

use super::{Device, Point, Table};

/// Registers in one request (Application Protocol V1.1b3, 6.3).
pub const MAX_REGISTERS: u16 = 125;
/// Bits in one request (6.1).
pub const MAX_BITS: u16 = 2000;

/// One request and the points that it serves.
#[derive(Clone, Debug, PartialEq)]
pub struct Block {
    /// The table.
    pub table: Table,
    /// First address.
    pub address: u16,
    /// How many bits or registers.
    pub count: u16,
    /// What is found in the answer.
    pub points: Vec<Point>,
}

impl Block {
    fn end(&self) -> u32 {
        u32::from(self.address) + u32::from(self.count)
    }

    fn of(point: Point) -> Self {
        Self { table: point.table, address: point.address, count: size(&point), points: vec![point] }
    }

    /// Two blocks that read the halves of this one; `None` when it serves a single value.
    pub fn split(&self) -> Option<[Self; 2]> {
        let first = self.points.first()?;
        let middle = self.points.len() / 2;
        // Values that overlap stay together: they cannot be told apart by address.
        let cut = (1..self.points.len()).filter(|&place| {
            let reached = self.points[..place].iter().map(end).max().unwrap_or_default();
            u32::from(self.points[place].address) >= reached
        });
        let cut = cut.min_by_key(|place| place.abs_diff(middle))?;
        debug_assert!(first.address <= self.points[cut].address);
        Some([Self::around(&self.points[..cut]), Self::around(&self.points[cut..])])
    }

    fn around(points: &[Point]) -> Self {
        let mut points = points.iter();
        let mut block = points.next().map_or_else(
            || Self { table: Table::Holding, address: 0, count: 0, points: Vec::new() },
            |point| Self::of(*point),
        );
        for point in points {
            block.count = (end(point).max(block.end()) - u32::from(block.address)) as u16;
            block.points.push(*point);
        }
        block
    }
}

fn size(point: &Point) -> u16 {
    if point.table.is_bits() { 1 } else { point.encoding.registers() }
}

fn end(point: &Point) -> u32 {
    u32::from(point.address) + u32::from(size(point))
}

/// Plans the requests of a device.
pub fn plan_blocks(device: &Device) -> Vec<Block> {
    let mut points = device.points.clone();
    points.sort_by_key(|point| (point.table, point.address, std::cmp::Reverse(size(point)), point.tag));
    let mut blocks: Vec<Block> = Vec::new();
    for point in points {
        let (limit, gap) = if point.table.is_bits() {
            (device.max_bits.clamp(1, MAX_BITS), u32::from(device.gap) * 16)
        } else {
            (device.max_registers.clamp(1, MAX_REGISTERS), u32::from(device.gap))
        };
        match blocks.last_mut() {
            Some(block) if joins(block, &point, limit, gap) => {
                block.count = (end(&point).max(block.end()) - u32::from(block.address)) as u16;
                block.points.push(point);
            }
            _ => blocks.push(Block::of(point)),
        }
    }
    blocks
}

fn joins(block: &Block, point: &Point, limit: u16, gap: u32) -> bool {
    block.table == point.table
        && u32::from(point.address) <= block.end() + gap
        && end(point).max(block.end()) - u32::from(block.address) <= u32::from(limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::modbus::{Encoding, Kind, Order};
    use crate::tag::{DeviceId, TagId};
    use proptest::prelude::*;
    use std::time::Duration;

    fn point(tag: u32, table: Table, address: u16, kind: Kind) -> Point {
        Point { tag: TagId(tag), table, address, encoding: Encoding::new(kind, Order::Abcd), scaling: None }
    }

    fn device(points: Vec<Point>, gap: u16) -> Device {
        Device {
            device: DeviceId(0),
            unit: 1,
            poll: Duration::from_secs(1),
            points,
            gap,
            max_registers: MAX_REGISTERS,
            max_bits: MAX_BITS,
        }
    }

    fn spans(blocks: &[Block]) -> Vec<(u16, u16)> {
        blocks.iter().map(|block| (block.address, block.count)).collect()
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
        assert_eq!(spans(&plan_blocks(&device(points.clone(), 8))), [(0, 1), (0, 11), (200, 1)]);
        assert_eq!(spans(&plan_blocks(&device(points, 0))), [(0, 1), (0, 3), (10, 1), (200, 1)]);
    }

    #[test]
    fn a_value_is_never_split() {
        let points: Vec<_> = (0..40).map(|place| point(place, Table::Holding, place as u16 * 4, Kind::F64)).collect();
        let blocks = plan_blocks(&device(points, 0));
        assert_eq!(spans(&blocks), [(0, 124), (124, 36)]);
    }

    #[test]
    fn halves_cover_the_same_points() {
        let points: Vec<_> = (0..5).map(|place| point(place, Table::Holding, place as u16 * 2, Kind::U32)).collect();
        let [first, second] = plan_blocks(&device(points, 0))[0].split().unwrap();
        assert_eq!((spans(std::slice::from_ref(&first)), spans(&[second])), (vec![(0, 4)], vec![(4, 6)]));
        let [left, right] = first.split().unwrap();
        assert!(left.split().is_none() && right.split().is_none());
    }

    proptest! {
        #[test]
        fn every_point_is_read_once_and_whole(
            entries in proptest::collection::vec((0u16..600, 0usize..3, 0usize..2), 1..80), gap in 0u16..40, max in 4u16..126,
        ) {
            let kinds = [Kind::U16, Kind::F32, Kind::F64];
            let tables = [Table::Holding, Table::Input];
            let points: Vec<_> = entries.iter().enumerate()
                .map(|(tag, (address, kind, table))| point(tag as u32, tables[*table], *address, kinds[*kind])).collect();
            let blocks = plan_blocks(&Device { max_registers: max, ..device(points.clone(), gap) });
            let mut seen: Vec<_> = blocks.iter().flat_map(|block| block.points.iter().map(|point| point.tag)).collect();
            seen.sort();
            prop_assert_eq!(seen, points.iter().map(|point| point.tag).collect::<Vec<_>>());
            for block in &blocks {
                prop_assert!(block.count <= max.max(4));
                for point in &block.points {
                    prop_assert!(point.address >= block.address && end(point) <= block.end());
                }
            }
        }
    }
}
