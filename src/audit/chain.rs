//! Checking the chain, offline, from nothing but the entries.

use super::entry::{Sealed, link};

/// The hash before the first entry.
pub const GENESIS: [u8; 32] = [0; 32];

/// The first entry that does not hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// Entries are missing or out of order.
    #[error("entry {expected} is missing: {found} stands in its place")]
    Gap {
        /// The number that had to come.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// The bytes or the hash were changed.
    #[error("entry {0} was changed after it was written")]
    Changed(u64),
    /// The bytes are not an entry with this number.
    #[error("entry {0} cannot be read")]
    Unreadable(u64),
}

/// Checks numbers and hashes from the first entry on and says how many hold.
pub fn verify(entries: impl Iterator<Item = Sealed>) -> Result<u64, Broken> {
    let (mut count, mut previous) = (0, GENESIS);
    for sealed in entries {
        if sealed.number != count + 1 {
            return Err(Broken::Gap { expected: count + 1, found: sealed.number });
        }
        if link(&previous, &sealed.bytes) != sealed.hash {
            return Err(Broken::Changed(sealed.number));
        }
        match sealed.entry() {
            Ok(entry) if entry.number == sealed.number => {}
            _ => return Err(Broken::Unreadable(sealed.number)),
        }
        count += 1;
        previous = sealed.hash;
    }
    Ok(count)
}
