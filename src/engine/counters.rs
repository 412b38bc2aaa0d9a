//! Counters that begin anew at zero when their register is full: the tag goes on counting.

use crate::tag::{Directory, TagDefinition, TagId, Value};
use std::collections::HashMap;
use std::sync::Arc;

/// Where a counter stands.
#[derive(Clone, Copy, Debug)]
struct Count {
    raw: f64,
    turns: f64,
}

/// All counters that roll over.
#[derive(Clone, Debug, Default)]
pub(super) struct Counters {
    counts: HashMap<TagId, Count>,
    /// The totals before the start, in raw counts.
    totals: HashMap<TagId, f64>,
}

impl Counters {
    /// Goes on from the last totals that history knows, by tag name, in the tag's unit.
    pub(super) fn new(directory: &Directory, totals: &HashMap<Arc<str>, f64>) -> Self {
        let known = totals.iter().filter_map(|(name, total)| {
            let tag = directory.find(name)?;
            let scaling = directory.tag(tag)?.scaling;
            Some((tag, scaling.map_or(*total, |scaling| scaling.to_raw(*total))))
        });
        Self { counts: HashMap::new(), totals: known.collect() }
    }

    /// The total that a raw count stands for. A fall by more than half of the range is a roll-over; a smaller one is what it is: the device
    /// was reset, or counts down.
    pub(super) fn total(&mut self, tag: TagId, definition: &TagDefinition, value: &Value) -> Option<Value> {
        let (modulus, raw) = (definition.rolls_over_at?, value.as_f64()?);
        let turns = match self.counts.get(&tag) {
            Some(count) if count.raw - raw > modulus / 2.0 => count.turns + 1.0,
            Some(count) if raw - count.raw > modulus / 2.0 => (count.turns - 1.0).max(0.0),
            Some(count) => count.turns,
            // After a start, the number of turns that comes nearest to the last total.
            None => self.totals.get(&tag).map_or(0.0, |total| ((total - raw) / modulus).round().max(0.0)),
        };
        self.counts.insert(tag, Count { raw, turns });
        let total = raw + turns * modulus;
        Some(match value {
            Value::Unsigned(_) | Value::Signed(_) if (0.0..9e15).contains(&total) => Value::Unsigned(total as u64),
            _ => Value::Double(total),
        })
    }

    /// Carries a counter over from another generation.
    pub(super) fn inherit(&mut self, tag: TagId, from: &Self, old: TagId) {
        if let Some(count) = from.counts.get(&old) {
            self.counts.insert(tag, *count);
        }
        if let Some(total) = from.totals.get(&old) {
            self.totals.insert(tag, *total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: Option<f64>, counts: &[u64], expected: &[u64]) {
        let definition = TagDefinition { rolls_over_at: Some(65_536.0), ..TagDefinition::named("energy") };
        let directory = Directory::new(vec![definition.clone()], Vec::new(), Vec::new());
        let totals = before.map(|total| (Arc::from("energy"), total)).into_iter().collect();
        let mut counters = Counters::new(&directory, &totals);
        let found: Vec<_> =
            counts.iter().map(|raw| counters.total(TagId(0), &definition, &Value::Unsigned(*raw))).collect();
        let expected: Vec<_> = expected.iter().map(|total| Some(Value::Unsigned(*total))).collect();
        assert_eq!(found, expected, "{before:?} {counts:?}");
    }

    #[test]
    fn totals_go_on_over_turns_resets_and_starts() {
        check(None, &[65_000, 65_500, 100, 200], &[65_000, 65_500, 65_636, 65_736]);
        check(None, &[100, 65_500, 100], &[100, 65_500, 65_636]);
        // A small step back over zero is one back.
        check(Some(65_600.0), &[64, 65_530], &[65_600, 65_530]);
        check(None, &[30_000, 20_000], &[30_000, 20_000]);
        check(Some(131_080.0), &[10, 30_000, 60_000, 3], &[131_082, 161_072, 191_072, 196_611]);
        check(Some(131_060.0), &[10], &[131_082]);
        check(Some(200.0), &[210], &[210]);
    }
}
