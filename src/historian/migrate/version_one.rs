//! What a file of version 1 holds: it kept its chunks itself, uncompressed, and knew no rollups. A chunk or head row that cannot be read is
//! left out and counted.

use crate::historian::codec::{take, take_signed, take_unsigned};
use crate::historian::database::{StoreError, damage};
use crate::tag::{Quality, Sample, Timestamp, Value};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

/// What could not be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::historian) struct Unread {
    pub(in crate::historian) chunks: u64,
    pub(in crate::historian) head_rows: u64,
    /// At least so many samples were in them.
    pub(in crate::historian) samples: u64,
}

impl Unread {
    pub(in crate::historian) const fn rows(self) -> u64 {
        self.chunks + self.head_rows
    }
}

/// Whether a file holds its chunks as version 1 did.
pub(in crate::historian) fn is_version_one(connection: &Connection) -> bool {
    connection.prepare("SELECT tag, start, through, count, bytes FROM chunk").is_ok()
}

/// Hands over every chunk of a file of version 1 that can be read.
pub(in crate::historian) fn read_chunks(
    old: &Connection,
    tags: &[(i64, String)],
    mut take: impl FnMut(i64, Vec<Sample>) -> Result<(), StoreError>,
) -> Result<Unread, StoreError> {
    let mut unread = Unread::default();
    for (tag, _) in tags {
        let (places, all) = places(old, *tag);
        unread.chunks += u64::from(!all);
        for (start, through, count) in places {
            match read_chunk(old, *tag, start, through) {
                Ok(samples) => take(*tag, samples)?,
                Err(_) => {
                    unread.chunks += 1;
                    unread.samples += u64::try_from(count).unwrap_or(0);
                }
            }
        }
    }
    Ok(unread)
}

/// Start, head row and count of each chunk of a tag, in the order in which they came; and whether that is all.
fn places(old: &Connection, tag: i64) -> (Vec<(i64, i64, i64)>, bool) {
    let list = |sql: &str| {
        let mut places = Vec::new();
        let mut read = || -> rusqlite::Result<()> {
            let mut statement = old.prepare_cached(sql)?;
            let mut rows = statement.query([tag])?;
            while let Some(row) = rows.next()? {
                places.push((row.get(0)?, row.get(1)?, row.get(2)?));
            }
            Ok(())
        };
        let all = read().is_ok();
        places.sort_by_key(|(start, through, _)| (*through, *start));
        (places, all)
    };
    let listed = list("SELECT start, through, count FROM chunk WHERE tag = ?1");
    if listed.1 {
        return listed;
    }
    // The index knows where chunks are even where the table does not.
    let by_index = list("SELECT start, through, 0 FROM chunk INDEXED BY chunk_by_through WHERE tag = ?1");
    if by_index.1 || by_index.0.len() > listed.0.len() { by_index } else { listed }
}

fn read_chunk(old: &Connection, tag: i64, start: i64, through: i64) -> rusqlite::Result<Vec<Sample>> {
    let sql = "SELECT count, bytes FROM chunk WHERE tag = ?1 AND start = ?2 AND through = ?3";
    old.prepare_cached(sql)?.query_row(params![tag, start, through], |row| {
        let samples = decode_chunk(row.get_ref(1)?.as_blob()?).ok_or_else(|| damage("a chunk"))?;
        let is_whole = i64::try_from(samples.len()) == Ok(row.get(0)?);
        if is_whole { Ok(samples) } else { Err(damage("a chunk with another number of samples")) }
    })
}

/// Hands over what head rows of a file of version 1 hold that is in no chunk yet.
pub(in crate::historian) fn read_head(
    old: &Connection,
    tags: &[(i64, String)],
    mut unread: Unread,
    mut take: impl FnMut(i64, Vec<Sample>) -> Result<(), StoreError>,
) -> Result<Unread, StoreError> {
    let newest = |tag: i64| places(old, tag).0.into_iter().map(|(_, through, _)| through).max();
    let sealed: HashMap<i64, i64> = tags.iter().filter_map(|(tag, _)| Some((*tag, newest(*tag)?))).collect();
    let mut rows = crate::historian::repair::ids(old, "head");
    for id in rows.by_ref() {
        let row = || {
            let mut statement = old.prepare_cached("SELECT bytes FROM head WHERE id = ?1")?;
            statement.query_row([id], |row| row.get::<_, Vec<u8>>(0)).optional()
        };
        let parts = match row() {
            Ok(None) => continue,
            Ok(Some(bytes)) => decode_head(&bytes),
            Err(_) => None,
        };
        let Some(parts) = parts else {
            unread.head_rows += 1;
            unread.samples += 1;
            continue;
        };
        for (tag, samples) in parts {
            if sealed.get(&tag).is_none_or(|through| *through < id) {
                take(tag, samples)?;
            }
        }
    }
    unread.head_rows += rows.unread;
    Ok(unread)
}

fn decode_head(mut bytes: &[u8]) -> Option<Vec<(i64, Vec<Sample>)>> {
    let mut parts = Vec::new();
    while !bytes.is_empty() {
        let (tag, rest) = bytes.split_first_chunk::<8>()?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let (chunk, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        parts.push((i64::from_le_bytes(*tag), decode_chunk(chunk)?));
        bytes = rest;
    }
    Some(parts)
}

/// The samples of a chunk of version 1; none when the bytes are damaged.
pub(in crate::historian) fn decode_chunk(mut bytes: &[u8]) -> Option<Vec<Sample>> {
    let mut samples = Vec::new();
    let mut time = 0i64;
    while !bytes.is_empty() {
        time = time.wrapping_add(take_signed(&mut bytes)?);
        let &[status, reason] = take(&mut bytes, 2)? else { return None };
        let quality = Quality::from_code(status, reason)?;
        let value = take_value(&mut bytes)?;
        samples.push(Sample { time: Timestamp::from_micros(time), value, quality });
    }
    Some(samples)
}

/// The outer `Option` is about damage, the inner one is the value.
#[expect(clippy::option_option, reason = "a damaged value and a sample without value are two things")]
fn take_value(bytes: &mut &[u8]) -> Option<Option<Value>> {
    Some(Some(match take(bytes, 1)?[0] {
        0 => return Some(None),
        1 => Value::Bool(false),
        2 => Value::Bool(true),
        3 => Value::Signed(take_signed(bytes)?),
        4 => Value::Unsigned(take_unsigned(bytes)?),
        5 => Value::Single(f32::from_le_bytes(take(bytes, 4)?.try_into().ok()?)),
        6 => Value::Double(f64::from_le_bytes(take(bytes, 8)?.try_into().ok()?)),
        7 => {
            let length = usize::try_from(take_unsigned(bytes)?).ok()?;
            Value::Text(std::str::from_utf8(take(bytes, length)?).ok()?.into())
        }
        _ => return None,
    }))
}
