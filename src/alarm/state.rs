//! States, occurrences, and what was the occasion of a change.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Where an alarm stands in its life, whatever was set aside over it (ISA-18.2, states A to F).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProcessState {
    /// Not active, nothing to acknowledge.
    #[default]
    Normal,
    /// Active, and nobody has acknowledged it.
    Unacknowledged,
    /// Active, and somebody has acknowledged it.
    Acknowledged,
    /// No longer active, but nobody has acknowledged that it was.
    ReturnedUnacknowledged,
    /// No longer active, but it stays until somebody resets it, and nobody has acknowledged it.
    LatchedUnacknowledged,
    /// No longer active and acknowledged, but it stays until somebody resets it.
    LatchedAcknowledged,
}

impl ProcessState {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::Normal,
        Self::Unacknowledged,
        Self::Acknowledged,
        Self::ReturnedUnacknowledged,
        Self::LatchedUnacknowledged,
        Self::LatchedAcknowledged,
    ];

    /// Whether its condition holds.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Unacknowledged | Self::Acknowledged)
    }

    /// Whether it stays until somebody resets it.
    pub const fn is_latched(self) -> bool {
        matches!(self, Self::LatchedUnacknowledged | Self::LatchedAcknowledged)
    }
}

/// What is shown of an alarm: its state in the process, or the strongest way in which it is set aside (ISA-18.2, states A to I).
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
    /// No longer active, but it stays until somebody resets it, and nobody has acknowledged it.
    LatchedUnacknowledged,
    /// No longer active and acknowledged, but it stays until somebody resets it.
    LatchedAcknowledged,
    /// Set aside by a person for a while.
    Shelved,
    /// Set aside by the design of the plant, as long as that says so.
    Suppressed,
    /// Taken out of service by a person.
    OutOfService,
}

impl State {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Normal,
        Self::Unacknowledged,
        Self::Acknowledged,
        Self::ReturnedUnacknowledged,
        Self::LatchedUnacknowledged,
        Self::LatchedAcknowledged,
        Self::Shelved,
        Self::Suppressed,
        Self::OutOfService,
    ];

    /// The word that files and the event stream show.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Unacknowledged => "unacknowledged",
            Self::Acknowledged => "acknowledged",
            Self::ReturnedUnacknowledged => "returned-unacknowledged",
            Self::LatchedUnacknowledged => "latched-unacknowledged",
            Self::LatchedAcknowledged => "latched-acknowledged",
            Self::Shelved => "shelved",
            Self::Suppressed => "suppressed",
            Self::OutOfService => "out-of-service",
        }
    }

    /// The same for a sentence to a person.
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Suppressed => "suppressed by design",
            Self::OutOfService => "out of service",
            other => other.word(),
        }
    }

    /// Reads [`State::word`] back.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Whether it waits for an acknowledgement. What is set aside waits for none.
    pub const fn needs_acknowledgement(self) -> bool {
        matches!(self, Self::Unacknowledged | Self::ReturnedUnacknowledged | Self::LatchedUnacknowledged)
    }

    /// Whether it is shown as active. What is set aside is not.
    pub const fn is_active(self) -> bool {
        matches!(self, Self::Unacknowledged | Self::Acknowledged)
    }

    /// Whether it is set aside.
    pub const fn is_set_aside(self) -> bool {
        matches!(self, Self::Shelved | Self::Suppressed | Self::OutOfService)
    }

    /// The state in the process that this one shows; none for those that are set aside.
    pub const fn process(self) -> Option<ProcessState> {
        Some(match self {
            Self::Normal => ProcessState::Normal,
            Self::Unacknowledged => ProcessState::Unacknowledged,
            Self::Acknowledged => ProcessState::Acknowledged,
            Self::ReturnedUnacknowledged => ProcessState::ReturnedUnacknowledged,
            Self::LatchedUnacknowledged => ProcessState::LatchedUnacknowledged,
            Self::LatchedAcknowledged => ProcessState::LatchedAcknowledged,
            Self::Shelved | Self::Suppressed | Self::OutOfService => return None,
        })
    }
}

impl From<ProcessState> for State {
    fn from(state: ProcessState) -> Self {
        match state {
            ProcessState::Normal => Self::Normal,
            ProcessState::Unacknowledged => Self::Unacknowledged,
            ProcessState::Acknowledged => Self::Acknowledged,
            ProcessState::ReturnedUnacknowledged => Self::ReturnedUnacknowledged,
            ProcessState::LatchedUnacknowledged => Self::LatchedUnacknowledged,
            ProcessState::LatchedAcknowledged => Self::LatchedAcknowledged,
        }
    }
}

/// What is known of a condition, after its delays. It is kept apart from the state, and goes on below what is set aside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ConditionState {
    /// Whether it holds; of an input that says nothing, whether it held when the input last said something.
    pub active: bool,
    /// Whether the last input said nothing about it.
    pub unevaluated: bool,
}

impl ConditionState {
    /// The words that the journal and screens show.
    pub const fn words(self) -> &'static str {
        match (self.active, self.unevaluated) {
            (true, false) => "active",
            (false, false) => "inactive",
            (true, true) => "active, unevaluated",
            (false, true) => "inactive, unevaluated",
        }
    }
}

/// One activation of one alarm. Never used again, in no run of the station. 0 stands for none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OccurrenceId(pub u64);

impl fmt::Display for OccurrenceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// What made an alarm change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// The condition holds, and its delay is over.
    #[default]
    ConditionActive,
    /// The condition is gone, and its delay is over.
    ConditionGone,
    /// A person acknowledged it.
    Acknowledged,
    /// A person reset what was latched.
    Reset,
    /// A person shelved it.
    Shelved,
    /// A person ended the shelf.
    Unshelved,
    /// The time of the shelf is over.
    ShelfEnded,
    /// The condition is gone, and with it the shelf that was for this activation only.
    OneShotEnded,
    /// The design of the plant sets it aside.
    SuppressionBegan,
    /// The design of the plant sets it aside no more.
    SuppressionEnded,
    /// A person took it out of service.
    TakenOutOfService,
    /// A person put it back into service.
    ReturnedToService,
    /// The date until which it was out of service is here.
    ServiceDateReached,
    /// It is no longer in the station file.
    Removed,
    /// The clock of the computer was put forward or back: what ends at a time ends at another one, after as long as before.
    ClockChanged,
    /// Its group is normal and acknowledged: it is no longer marked as the first of it.
    GroupNormal,
    /// A request was recorded, but meanwhile what it asked for had become impossible: the alarm is as it is.
    NotDone,
    /// A person said something about it, and did nothing else.
    Commented,
}

impl Occasion {
    /// The word that the journal keeps.
    pub const fn word(self) -> &'static str {
        match self {
            Self::ConditionActive => "condition-active",
            Self::ConditionGone => "condition-gone",
            Self::Acknowledged => "acknowledged",
            Self::Reset => "reset",
            Self::Shelved => "shelved",
            Self::Unshelved => "unshelved",
            Self::ShelfEnded => "shelf-ended",
            Self::OneShotEnded => "one-shot-ended",
            Self::SuppressionBegan => "suppression-began",
            Self::SuppressionEnded => "suppression-ended",
            Self::TakenOutOfService => "taken-out-of-service",
            Self::ReturnedToService => "returned-to-service",
            Self::ServiceDateReached => "service-date-reached",
            Self::Removed => "removed",
            Self::ClockChanged => "clock-changed",
            Self::GroupNormal => "group-normal",
            Self::NotDone => "not-done",
            Self::Commented => "commented",
        }
    }

    /// Whether the station did it by itself, and nobody at that moment.
    pub const fn is_by_station(self) -> bool {
        matches!(
            self,
            Self::ShelfEnded | Self::OneShotEnded | Self::ServiceDateReached | Self::ClockChanged | Self::GroupNormal
        )
    }
}
