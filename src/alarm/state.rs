//! States, occurrences and transitions.

use super::AlarmKey;
use crate::access::Principal;
use crate::tag::{Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Where an alarm stands in its life (ISA-18.2, states A to D).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// Not active, nothing to acknowledge.
    #[default]
    Normal,
    /// Active, and nobody has acknowledged it.
    Unacknowledged,
    /// Active, and somebody has acknowledged it.
    Acknowledged,
    /// No longer active, but nobody has acknowledged that it was.
    ReturnedUnacknowledged,
}

impl State {
    /// All states.
    pub const ALL: [Self; 4] = [Self::Normal, Self::Unacknowledged, Self::Acknowledged, Self::ReturnedUnacknowledged];

    /// The word that files and the event stream show.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Unacknowledged => "unacknowledged",
            Self::Acknowledged => "acknowledged",
            Self::ReturnedUnacknowledged => "returned-unacknowledged",
        }
    }

    /// Reads [`State::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether it waits for an acknowledgement.
    pub const fn needs_acknowledgement(self) -> bool {
        matches!(self, Self::Unacknowledged | Self::ReturnedUnacknowledged)
    }

    /// Whether its condition holds.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Unacknowledged | Self::Acknowledged)
    }
}

/// One activation of one alarm. Never used again, in no run of the station.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OccurrenceId(pub u64);

impl fmt::Display for OccurrenceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// One change of state, as the journal keeps it.
#[derive(Clone, Debug, PartialEq)]
pub struct Transition {
    /// The alarm.
    pub alarm: AlarmKey,
    /// The activation that it belongs to.
    pub occurrence: OccurrenceId,
    /// State before.
    pub from: State,
    /// State after.
    pub to: State,
    /// When it happened.
    pub time: Timestamp,
    /// When this activation began.
    pub raised: Timestamp,
    /// The value that caused it, or that stood there when somebody acknowledged.
    pub value: Option<Value>,
    /// Who acknowledged; none where the plant itself caused the change.
    pub actor: Option<Principal>,
    /// What that person wrote.
    pub comment: Arc<str>,
}

/// What acknowledging an occurrence came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acknowledged {
    /// It waited for it, and has it now; the state that follows.
    Done(State),
    /// It had been acknowledged before.
    Already,
    /// This occurrence is over, or never was.
    Gone,
}
