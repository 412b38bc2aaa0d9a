//! What a host application wants done, and what it found out.

use crate::tag::{Quality, Timestamp, Value};

/// An edge node or a device, numbered in the order in which it was first heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub(super) u32);

impl SourceId {
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// A message to publish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Its topic.
    pub topic: String,
    /// Its payload.
    pub payload: Vec<u8>,
    /// Quality of service, 0 or 1.
    pub qos: u8,
    /// Whether the broker keeps it.
    pub retain: bool,
}

/// What a message says about one metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Place of the metric in [`super::Host::metrics`] of its source.
    pub metric: u32,
    /// The value; none where there is none that can be used.
    pub value: Option<Value>,
    /// How far it can be trusted.
    pub quality: Quality,
    /// When it was so, by the clock of the edge node; the time of arrival where the message carries none that can be right.
    pub time: Timestamp,
    /// Whether it is from before: for history, never for the present.
    pub is_historical: bool,
    /// Whether it is for the present alone, never for history.
    pub is_transient: bool,
}

/// What came of an event, in the order in which it happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// To be published.
    Publish(Publication),
    /// The source announced itself: its metrics are known now, and may be others than before.
    Born {
        /// Who.
        source: SourceId,
        /// When, by the clock of the station.
        time: Timestamp,
    },
    /// What the source said.
    Values {
        /// Who.
        source: SourceId,
        /// What, in the order of the message.
        updates: Vec<Update>,
    },
    /// The source is gone: what it said last is no longer true for certain.
    Died {
        /// Who.
        source: SourceId,
        /// Since when.
        time: Timestamp,
        /// Why, in words.
        words: String,
    },
    /// Something was not as the specification wants it.
    Fault {
        /// Who did it, where that is known.
        source: Option<SourceId>,
        /// What, in words.
        words: String,
    },
}
