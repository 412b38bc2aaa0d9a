//! Which bytes of an answer are not what they were. Most of them are: comparing eight at a time is what makes an unchanged value cost nothing.

/// The longest answer to a read, in bytes (Application Protocol V1.1b3, 6.1 to 6.4: 2,000 bits or 125 registers).
const LONGEST: usize = 256;
const WORD: usize = u64::BITS as usize;

/// One bit for each byte of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChangedBytes([u64; LONGEST / WORD]);

impl ChangedBytes {
    /// Nothing of the answer is known yet.
    pub(super) const ALL: Self = Self([u64::MAX; LONGEST / WORD]);

    /// What `now` says that `before` did not; everything where they are not of one length, or too long to be told apart.
    pub(super) fn between(before: &[u8], now: &[u8]) -> Self {
        if before.len() != now.len() || now.len() > LONGEST {
            return Self::ALL;
        }
        let mut changed = Self([0; LONGEST / WORD]);
        let (old, old_rest) = before.as_chunks::<8>();
        let (new, new_rest) = now.as_chunks::<8>();
        for (place, (old, new)) in old.iter().zip(new).enumerate() {
            if u64::from_ne_bytes(*old) != u64::from_ne_bytes(*new) {
                changed.0[place / 8] |= differing(old, new) << (place % 8 * 8);
            }
        }
        if let Some(word) = changed.0.get_mut(old.len() / 8) {
            *word |= differing(old_rest, new_rest) << (old.len() % 8 * 8);
        }
        changed
    }

    /// How many bytes there are.
    pub(super) fn count(&self) -> usize {
        self.0.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether one of the bytes from the first to the last, both included, is among them.
    pub(super) fn touch(&self, [first, last]: [u16; 2]) -> bool {
        let (from, to) = (usize::from(first) / WORD, usize::from(last) / WORD);
        let (head, tail) = (u64::MAX << (usize::from(first) % WORD), u64::MAX >> (WORD - 1 - usize::from(last) % WORD));
        let Some(words) = self.0.get(from..=to) else { return true };
        match words {
            [word] => word & head & tail != 0,
            [front, middle @ .., back] => front & head != 0 || back & tail != 0 || middle.iter().any(|word| *word != 0),
            [] => false,
        }
    }
}

/// One bit for each byte that differs, of eight at most.
fn differing(old: &[u8], new: &[u8]) -> u64 {
    old.iter().zip(new).enumerate().fold(0, |bits, (byte, (old, new))| bits | u64::from(old != new) << byte)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// The same as comparing the bytes of every place.
        #[test]
        fn every_place_that_changed_is_told_and_no_other(
            before in proptest::collection::vec(0u8..3, 0..=250),
            changes in proptest::collection::vec((0usize..250, any::<u8>()), 0..6),
            first in 0u16..250, length in 1u16..90,
        ) {
            let mut now = before.clone();
            for (place, value) in changes {
                if let Some(byte) = now.get_mut(place) {
                    *byte = value;
                }
            }
            let changed = ChangedBytes::between(&before, &now);
            prop_assert_eq!(changed.count(), before.iter().zip(&now).filter(|(old, new)| old != new).count());
            let last = (usize::from(first + length) - 1).min(before.len().saturating_sub(1));
            if usize::from(first) <= last && !before.is_empty() {
                let place = usize::from(first)..=last;
                prop_assert_eq!(changed.touch([first, last as u16]), before[place.clone()] != now[place]);
            }
        }
    }

    #[test]
    fn another_length_is_new_as_a_whole() {
        assert_eq!(ChangedBytes::between(&[1, 2], &[1, 2, 3]), ChangedBytes::ALL);
        assert_eq!(ChangedBytes::between(&[0; 300], &[0; 300]), ChangedBytes::ALL);
    }
}
