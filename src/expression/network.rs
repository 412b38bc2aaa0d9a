//! Many expressions over the same tags: only those run again whose inputs changed, and a result that feeds a tag runs what looks at that tag,
//! in an order in which nothing runs twice.

use super::program::Program;
use crate::tag::TagId;
use std::collections::{BTreeSet, HashMap};

/// Expressions that wait for each other in a circle.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("{words}; take one of these references out")]
pub struct Cycle {
    /// The tags of the circle, each calculated from the next and the last from the first.
    pub tags: Vec<TagId>,
    words: String,
}

/// Expressions and what depends on what. It holds no values.
#[derive(Debug, Default)]
pub struct Network {
    programs: Vec<(Program, Option<TagId>)>,
    /// By tag, the expressions that look at it.
    readers: HashMap<TagId, Vec<u32>>,
    /// By expression, when it runs: behind everything that it waits for.
    ranks: Vec<u32>,
    /// By rank, the expression.
    order: Vec<u32>,
    /// Ranks of expressions whose inputs changed. At most each one once.
    waiting: BTreeSet<u32>,
}

impl Network {
    /// A network of these expressions, each with the tag that its result feeds. `name` names tags, for words about a circle. All of them wait
    /// to be run at first.
    pub fn new(programs: Vec<(Program, Option<TagId>)>, name: impl Fn(TagId) -> String) -> Result<Self, Cycle> {
        let mut readers: HashMap<TagId, Vec<u32>> = HashMap::new();
        for (slot, (program, _)) in programs.iter().enumerate() {
            for input in program.inputs() {
                readers.entry(*input).or_default().push(slot as u32);
            }
        }
        let order = order(&programs, &readers).map_err(|circle| describe(&programs, &circle, name))?;
        let mut ranks = vec![0; programs.len()];
        for (rank, slot) in order.iter().enumerate() {
            ranks[*slot as usize] = rank as u32;
        }
        let waiting = (0..programs.len() as u32).collect();
        Ok(Self { programs, readers, ranks, order, waiting })
    }

    /// The expression in this slot, and the tag that it feeds.
    pub fn program(&self, slot: usize) -> Option<&(Program, Option<TagId>)> {
        self.programs.get(slot)
    }

    /// A tag has another value or quality: what looks at it has to run again.
    pub fn changed(&mut self, tag: TagId) {
        for slot in self.readers.get(&tag).map(Vec::as_slice).unwrap_or_default() {
            self.waiting.insert(self.ranks[*slot as usize]);
        }
    }

    /// The next expression that has to run. Where its result differs from the one before and feeds a tag, say so by [`Network::changed`] before
    /// asking again: then each runs at most once.
    pub fn take_next(&mut self) -> Option<usize> {
        let rank = self.waiting.pop_first()?;
        self.order.get(rank as usize).map(|slot| *slot as usize)
    }
}

/// An order in which everything stands behind what it waits for, or the slots of a circle.
fn order(programs: &[(Program, Option<TagId>)], readers: &HashMap<TagId, Vec<u32>>) -> Result<Vec<u32>, Vec<u32>> {
    let fed = |slot: u32| {
        let result = programs.get(slot as usize).and_then(|(_, result)| *result);
        result.and_then(|tag| readers.get(&tag)).map(Vec::as_slice).unwrap_or_default()
    };
    let mut before = vec![0_u32; programs.len()];
    for slot in 0..programs.len() as u32 {
        fed(slot).iter().for_each(|reader| before[*reader as usize] += 1);
    }
    let mut ready: BTreeSet<u32> = (0..programs.len() as u32).filter(|slot| before[*slot as usize] == 0).collect();
    let mut order = Vec::with_capacity(programs.len());
    while let Some(slot) = ready.pop_first() {
        order.push(slot);
        for reader in fed(slot) {
            before[*reader as usize] -= 1;
            if before[*reader as usize] == 0 {
                ready.insert(*reader);
            }
        }
    }
    match before.iter().position(|count| *count > 0) {
        None => Ok(order),
        Some(start) => Err(circle(programs, &before, start as u32)),
    }
}

/// Goes back from one that waits to one that it waits for, until one comes a second time.
fn circle(programs: &[(Program, Option<TagId>)], before: &[u32], start: u32) -> Vec<u32> {
    let mut feeds: HashMap<TagId, u32> = HashMap::new();
    for (slot, (_, result)) in programs.iter().enumerate().filter(|(slot, _)| before[*slot] > 0) {
        feeds.extend(result.map(|tag| (tag, slot as u32)));
    }
    let mut path = vec![start];
    loop {
        let here = path.last().copied().unwrap_or(start);
        let next = programs[here as usize].0.inputs().iter().find_map(|input| feeds.get(input).copied());
        let Some(next) = next else { return path };
        if let Some(first) = path.iter().position(|slot| *slot == next) {
            return path.split_off(first);
        }
        path.push(next);
    }
}

fn describe(programs: &[(Program, Option<TagId>)], circle: &[u32], name: impl Fn(TagId) -> String) -> Cycle {
    let tags: Vec<TagId> = circle.iter().filter_map(|slot| programs.get(*slot as usize)?.1).collect();
    let mut names: Vec<String> = tags.iter().map(|tag| format!("{{{}}}", name(*tag))).collect();
    names.extend(names.first().cloned());
    let words = format!("these wait for each other: {}", names.join(" is calculated from "));
    Cycle { tags, words }
}
