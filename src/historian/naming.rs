//! Numbers of tags: a tag that is renamed keeps its own.

use super::database::StoreError;
use super::store::SampleStore;
use crate::tag::{TagKey, Timestamp};
use rusqlite::{Transaction, params};
use std::collections::HashMap;
use std::sync::Arc;

impl SampleStore {
    /// The file's numbers of these tags, each with the name that it had before, if any: a tag that was renamed keeps its number.
    pub(super) fn ids(
        &mut self,
        wanted: &[(TagKey, Option<Arc<str>>)],
        now: Timestamp,
    ) -> Result<Vec<i64>, StoreError> {
        let mut known = self.keys.clone();
        self.main.change(|transaction| {
            for (id, old, key) in renames(wanted, &mut known) {
                rename(transaction, id, &old, &key, now)?;
            }
            for (key, _) in wanted {
                if !known.contains_key(key) {
                    let id = transaction.prepare_cached("INSERT INTO tag(key) VALUES (?1)")?.insert([key.as_str()])?;
                    known.insert(key.clone(), id);
                }
            }
            Ok(())
        })?;
        if known != self.keys {
            // A renamed tag is named anew in the files of months.
            self.months.values_mut().for_each(|month| month.named.clear());
        }
        self.keys = known;
        let id = |(key, _): &(TagKey, _)| {
            let without = || StoreError::WithoutNumber { file: self.main.path().to_owned(), key: key.clone() };
            self.keys.get(key).copied().ok_or_else(without)
        };
        wanted.iter().map(id).collect()
    }
}

/// Finds which numbers get another name: number, old name, new name, in the order in which this can be done. A name that one tag gives up
/// may be the new one of the next, so this goes on until nothing changes; no number moves twice.
fn renames(wanted: &[(TagKey, Option<Arc<str>>)], known: &mut HashMap<TagKey, i64>) -> Vec<(i64, TagKey, TagKey)> {
    let mut renames: Vec<(i64, TagKey, TagKey)> = Vec::new();
    loop {
        let before = renames.len();
        for (key, formerly) in wanted.iter().filter_map(|(key, formerly)| Some((key, formerly.as_ref()?))) {
            let old = TagKey::new(Arc::clone(formerly));
            let Some(id) = known.get(&old).copied() else { continue };
            if !known.contains_key(key) && !renames.iter().any(|(moved, ..)| *moved == id) {
                known.remove(&old);
                known.insert(key.clone(), id);
                renames.push((id, old, key.clone()));
            }
        }
        if renames.len() == before {
            return renames;
        }
    }
}

fn rename(transaction: &Transaction<'_>, id: i64, old: &TagKey, key: &TagKey, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "INSERT INTO former(tag, key, until) VALUES (?1, ?2, ?3)";
    transaction.prepare_cached(sql)?.execute(params![id, old.as_str(), now.as_micros()])?;
    transaction.prepare_cached("UPDATE tag SET key = ?1 WHERE id = ?2")?.execute(params![key.as_str(), id]).map(drop)
}
