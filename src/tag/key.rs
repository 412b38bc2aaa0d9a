//! Names of tags: a permanent one for records, and a dense one for speed.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// The permanent name of a tag, such as `north/pump-1/speed`. History, alarms and audit entries use it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TagKey(Arc<str>);

impl TagKey {
    /// A key with this name. Validation of names is the station file's business.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TagKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&str> for TagKey {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

/// The slot of a tag in one [`Generation`] of the plant: an index into every dense table of that generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TagId(pub u32);

impl TagId {
    /// The slot as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Counts the plants that this run has had: each reload of the station file makes the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Generation(pub u32);
