//! A value with everything that must never be parted from it: quality, time, origin.

use super::{Monotonic, Quality, Reason, Scalar, TagId, Timestamp, Value};
use serde::{Deserialize, Serialize};

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Origin {
    /// A device said so.
    Field,
    /// The station worked it out.
    Calculated,
    /// A person typed it in.
    Manual,
    /// Another station said so.
    Remote,
    /// It was read from history.
    Historical,
}

/// One value as it goes to history, to a file or through the event stream.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// When it was true in the field.
    pub time: Timestamp,
    /// What it was; `None` when no value exists for this moment.
    pub value: Option<Value>,
    /// How far it can be trusted.
    pub quality: Quality,
}

/// A sample on its way to history.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryRow {
    /// The tag, in the generation of the plant that the sender runs.
    pub tag: TagId,
    /// What to keep.
    pub sample: Sample,
}

/// The present value of a tag: 32 bytes of plain data, so that copying a hundred thousand of them costs a tenth of a millisecond.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Live {
    /// What it is; for bad quality, what it last was.
    pub value: Scalar,
    /// When it was true in the field.
    pub time: Timestamp,
    /// When it reached the station, in tenths of a second of the monotonic clock.
    pub received_deciseconds: u32,
    /// How far it can be trusted.
    pub quality: Quality,
    /// Where it came from.
    pub origin: Origin,
}

impl Live {
    /// The state of a tag before anything arrived.
    pub const UNREAD: Self = Self {
        value: Scalar::Empty,
        time: Timestamp::from_micros(0),
        received_deciseconds: 0,
        quality: Quality::bad(Reason::NotYetRead),
        origin: Origin::Field,
    };

    /// How long ago it reached the station, in seconds to a tenth; `None` when nothing arrived yet.
    pub fn age_seconds(&self, now: Monotonic) -> Option<f64> {
        match self.value {
            Scalar::Empty => None,
            _ => Some(f64::from(now.deciseconds().saturating_sub(self.received_deciseconds)) / 10.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_live_value_is_thirty_two_bytes() {
        assert_eq!(size_of::<Live>(), 32);
    }
}
