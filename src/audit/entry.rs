//! What an audit entry says, and the bytes that stand for it.

use crate::access::Principal;
use crate::tag::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// The unique name of one request; entries about its course carry it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(Arc<str>);

/// How the name of a request begins that came over a link to another system.
const OVER_LINK: &str = "link-";

impl RequestId {
    /// The name of a request that came over a link, unique on that.
    pub fn over_link(connection: &str, name: &str) -> Self {
        Self(format!("{OVER_LINK}{connection}-{name}").into())
    }

    /// Whether the request came over a link.
    pub fn is_over_link(&self) -> bool {
        self.0.starts_with(OVER_LINK)
    }
}

impl From<&str> for RequestId {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// The word of the entries that say what became of a command. Nobody waits for their record.
pub const OUTCOME: &str = "outcome";

/// An entry before it has a number.
#[derive(Clone, Debug, PartialEq)]
pub struct Draft {
    /// The request that it belongs to.
    pub request: RequestId,
    /// When.
    pub time: Timestamp,
    /// Who.
    pub principal: Principal,
    /// What was done, such as `command` or `outcome`.
    pub action: Arc<str>,
    /// To what: a tag or an alarm.
    pub subject: Arc<str>,
    /// The particulars, as JSON.
    pub detail: Arc<str>,
    /// Whether what it records must happen even when nothing can be written; then it is kept in memory and written later.
    pub essential: bool,
}

/// The same as people and tools read it back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Version of this layout.
    pub version: u8,
    /// Its place in the record, from 1, without gaps.
    pub number: u64,
    /// When, in UTC microseconds.
    pub time: Timestamp,
    /// The request that it belongs to.
    pub request: RequestId,
    /// Who.
    pub principal: Principal,
    /// What was done.
    pub action: Arc<str>,
    /// To what.
    pub subject: Arc<str>,
    /// The particulars, as JSON.
    pub detail: Arc<str>,
}

/// An entry with its number, its canonical bytes and the hash that binds it to the one before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its place in the record.
    pub number: u64,
    /// [`Entry`] as JSON with the fields in the order of its declaration.
    pub bytes: Vec<u8>,
    /// SHA-256 over the previous hash and these bytes.
    pub hash: [u8; 32],
}

impl Sealed {
    /// Seals `draft` as entry `number` behind the entry with the hash `previous`.
    pub(super) fn new(number: u64, draft: &Draft, previous: &[u8; 32]) -> Self {
        let entry = Entry {
            version: 1,
            number,
            time: draft.time,
            request: draft.request.clone(),
            principal: draft.principal.clone(),
            action: draft.action.clone(),
            subject: draft.subject.clone(),
            detail: draft.detail.clone(),
        };
        // Strings and integers only: such a structure always has a JSON form.
        let bytes = serde_json::to_vec(&entry).unwrap_or_default();
        Self { number, hash: link(previous, &bytes), bytes }
    }

    /// Reads the bytes back.
    pub fn entry(&self) -> Result<Entry, serde_json::Error> {
        serde_json::from_slice(&self.bytes)
    }
}

/// The hash of an entry with these bytes behind the hash `previous`.
pub(super) fn link(previous: &[u8; 32], bytes: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update(previous).chain_update(bytes).finalize().into()
}
