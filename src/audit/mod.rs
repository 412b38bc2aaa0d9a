//! The record that others can verify: numbered entries without gaps, each bound to the one before by a hash.
//!
//! A command may leave only with a [`Receipt`], and only [`commit`] makes one, after the store said that the entry is durable.

mod chain;
mod entry;

pub use chain::{Broken, GENESIS, verify};
pub use entry::{Draft, Entry, OUTCOME, RequestId, Sealed};

use std::sync::{Arc, Mutex};

/// Why an entry could not be made durable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("records cannot be written: {0}")]
pub struct StoreError(pub String);

/// Somewhere durable.
pub trait Store {
    /// Number and hash of the last entry; `(0, GENESIS)` where there is none.
    fn last(&self) -> Result<(u64, [u8; 32]), StoreError>;
    /// Makes all of `entries` durable, or none. It must not return `Ok` before they are.
    fn append(&mut self, entries: &[Sealed]) -> Result<(), StoreError>;
}

/// Proof that the audit entry of one request is durable.
#[derive(Debug, PartialEq, Eq)]
pub struct Receipt {
    number: u64,
    request: RequestId,
}

impl Receipt {
    /// Number of the entry.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// The request that the entry is about.
    pub fn request(&self) -> &RequestId {
        &self.request
    }
}

/// Numbers, binds and stores `drafts`; the receipts come in the same order. On an error nothing was stored.
pub fn commit(store: &mut dyn Store, drafts: &[Draft]) -> Result<Vec<Receipt>, StoreError> {
    let (last_number, mut previous) = store.last()?;
    let mut sealed = Vec::with_capacity(drafts.len());
    for (draft, number) in drafts.iter().zip(last_number + 1..) {
        let entry = Sealed::new(number, draft, &previous);
        previous = entry.hash;
        sealed.push(entry);
    }
    store.append(&sealed)?;
    Ok(drafts
        .iter()
        .zip(&sealed)
        .map(|(draft, entry)| Receipt { number: entry.number, request: draft.request.clone() })
        .collect())
}

/// A store in memory, for replays of event scripts: durable for as long as the replay runs.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    entries: Arc<Mutex<Vec<Sealed>>>,
}

impl MemoryStore {
    /// Everything stored so far.
    pub fn entries(&self) -> Vec<Sealed> {
        self.entries.lock().map(|entries| entries.clone()).unwrap_or_default()
    }
}

impl Store for MemoryStore {
    fn last(&self) -> Result<(u64, [u8; 32]), StoreError> {
        Ok(self.entries().last().map_or((0, GENESIS), |entry| (entry.number, entry.hash)))
    }

    fn append(&mut self, entries: &[Sealed]) -> Result<(), StoreError> {
        let mut stored = self.entries.lock().map_err(|_| StoreError("memory store is poisoned".to_owned()))?;
        stored.extend_from_slice(entries);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Principal;
    use crate::tag::Timestamp;

    pub(super) fn draft(subject: &str) -> Draft {
        Draft {
            request: RequestId::from("r-1"),
            time: Timestamp::from_micros(1),
            principal: Principal::person("anna"),
            action: "command".into(),
            subject: subject.into(),
            essential: false,
            detail: "{}".into(),
        }
    }

    #[test]
    fn numbers_have_no_gaps_and_the_chain_verifies() {
        let mut store = MemoryStore::default();
        commit(&mut store, &[draft("a"), draft("b")]).unwrap();
        let receipts = commit(&mut store, &[draft("c")]).unwrap();
        assert_eq!(receipts[0].number(), 3);
        assert_eq!(verify(store.entries().into_iter()), Ok(3));
    }

    #[test]
    fn every_changed_byte_is_found() {
        let mut store = MemoryStore::default();
        commit(&mut store, &[draft("a"), draft("b"), draft("c")]).unwrap();
        let entries = store.entries();
        for place in 0..entries[1].bytes.len() {
            let mut forged = entries.clone();
            forged[1].bytes[place] ^= 1;
            assert!(verify(forged.into_iter()).is_err(), "byte {place}");
        }
        let mut shortened = entries.clone();
        shortened.remove(1);
        assert!(verify(shortened.into_iter()).is_err());
        let mut swapped = entries;
        swapped.swap(0, 1);
        assert!(verify(swapped.into_iter()).is_err());
    }
}
