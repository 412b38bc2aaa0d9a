//! A set of packet identifiers.

const WORD_BITS: usize = 64;

/// A bit for each identifier: thousands a second come and go.
#[derive(Debug)]
pub(super) struct Identifiers {
    bits: Vec<u64>,
    count: usize,
}

impl Default for Identifiers {
    fn default() -> Self {
        Self { bits: vec![0; (usize::from(u16::MAX) + 1) / WORD_BITS], count: 0 }
    }
}

impl Identifiers {
    const fn place(id: u16) -> (usize, u64) {
        (id as usize / WORD_BITS, 1 << (id as usize % WORD_BITS))
    }

    /// Puts one in; whether it was not there yet.
    pub(super) fn insert(&mut self, id: u16) -> bool {
        let (word, bit) = Self::place(id);
        let is_new = self.bits[word] & bit == 0;
        self.bits[word] |= bit;
        self.count += usize::from(is_new);
        is_new
    }

    /// Takes one out; whether it was there.
    pub(super) fn remove(&mut self, id: u16) -> bool {
        let (word, bit) = Self::place(id);
        let was_there = self.bits[word] & bit != 0;
        self.bits[word] &= !bit;
        self.count -= usize::from(was_there);
        was_there
    }

    pub(super) fn clear(&mut self) {
        self.bits.fill(0);
        self.count = 0;
    }

    pub(super) const fn len(&self) -> usize {
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn it_is_a_set(steps in prop::collection::vec((any::<bool>(), prop_oneof![0..200_u16, any::<u16>()]), 0..400)) {
            let (mut identifiers, mut expected) = (Identifiers::default(), HashSet::new());
            for (is_in, id) in steps {
                if is_in {
                    prop_assert_eq!(identifiers.insert(id), expected.insert(id));
                } else {
                    prop_assert_eq!(identifiers.remove(id), expected.remove(&id));
                }
                prop_assert_eq!(identifiers.len(), expected.len());
            }
            identifiers.clear();
            prop_assert!(identifiers.len() == 0 && expected.iter().all(|id| !identifiers.remove(*id)));
        }
    }
}
