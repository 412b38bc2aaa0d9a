//! Where activations stand on a board of thousands, which is another one many times a second.

use crate::alarm::{AlarmView, OccurrenceId};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// The place of each activation.
#[derive(Debug, Default)]
pub(super) struct Places(HashMap<OccurrenceId, usize, BuildHasherDefault<Spread>>);

impl Places {
    /// On this board.
    pub(super) fn of(views: &[AlarmView]) -> Self {
        Self(views.iter().enumerate().map(|(place, view)| (view.occurrence, place)).collect())
    }

    /// Among these.
    pub(super) fn among(occurrences: &[OccurrenceId]) -> Self {
        Self(occurrences.iter().enumerate().map(|(place, occurrence)| (*occurrence, place)).collect())
    }

    /// Where it stands; none where it does not.
    pub(super) fn find(&self, occurrence: OccurrenceId) -> Option<usize> {
        self.0.get(&occurrence).copied()
    }
}

/// Spreads numbers that the station itself counts up: nobody else can choose them so that they collide.
#[derive(Debug, Default)]
struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        // The golden ratio of 64 bits: neighbours come to stand far from each other.
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_activation_is_found_where_it_stands() {
        let occurrences: Vec<OccurrenceId> =
            (0..5000_u64).map(|number| OccurrenceId((number * 7919) % 5000 + (number % 3) * 1_000_000)).collect();
        let places = Places::among(&occurrences);
        assert!(occurrences.iter().enumerate().all(|(place, one)| places.find(*one) == Some(place)));
        assert_eq!(places.find(OccurrenceId(999_999)), None);
    }
}
