//! What the figures are worked out from: changes of state, as the journal tells them, and the period that is looked at.

use crate::alarm::State;
use crate::tag::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// A piece of time: from its first moment up to, and without, its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Period {
    /// The first moment.
    pub from: Timestamp,
    /// The first moment that does not belong to it any more.
    pub to: Timestamp,
}

impl Period {
    /// The period of this length that ends at a moment.
    pub fn until(to: Timestamp, length: Duration) -> Self {
        Self { from: to.minus(length), to }
    }

    /// Its length in seconds; 0 when it ends before it begins.
    pub fn seconds(&self) -> f64 {
        self.micros() as f64 / 1e6
    }

    /// Whether a moment belongs to it.
    pub fn contains(&self, moment: Timestamp) -> bool {
        self.from <= moment && moment < self.to
    }

    pub(super) fn micros(&self) -> i64 {
        self.to.micros_since(self.from).max(0)
    }

    /// The part of a range that lies in it, in microseconds.
    pub(super) fn overlap(&self, from: Timestamp, to: Timestamp) -> i64 {
        to.min(self.to).micros_since(from.max(self.from)).max(0)
    }
}

/// Where an alarm stands, as far as the figures tell states apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// Its condition holds, and the operator is shown it.
    Active,
    /// Its condition holds no more, but it is still shown: returned or latched.
    Returned,
    /// Nothing is shown of it because all is well.
    Normal,
    /// Nothing is shown of it because somebody wanted so: shelved, suppressed by design, out of service (ISA-18.2, states G to I).
    SetAside,
}

impl Standing {
    /// The words of the states in which an alarm is set aside.
    pub const SET_ASIDE: [&str; 3] = ["shelved", "suppressed", "out-of-service"];

    /// What a state of the journal means to the figures; none for a word that is no state, as in remarks of the station.
    pub fn of_word(word: &str) -> Option<Self> {
        if Self::SET_ASIDE.contains(&word) {
            return Some(Self::SetAside);
        }
        match State::from_word(word) {
            Some(State::Normal) => Some(Self::Normal),
            Some(state) if state.is_active() => Some(Self::Active),
            Some(_) => Some(Self::Returned),
            None if word.starts_with("latched") => Some(Self::Returned),
            None => None,
        }
    }
}

/// Whether a state waits for an acknowledgement, by its word.
pub(super) fn waits(word: &str) -> bool {
    word.ends_with("unacknowledged")
}

/// One change of state, as the journal tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// When.
    pub time: Timestamp,
    /// The permanent name of the alarm.
    pub alarm: Arc<str>,
    /// The activation.
    pub occurrence: u64,
    /// The word of the state before.
    pub before: Arc<str>,
    /// The word of the state after.
    pub after: Arc<str>,
    /// When the activation began.
    pub raised: Timestamp,
    /// Whether somebody did it, rather than the plant.
    pub by_person: bool,
}

impl Change {
    /// Whether it is an activation: the alarm comes to be active, in the eyes of the operator. One that is taken back from the shelf while
    /// its condition holds counts, as it calls the operator.
    pub(super) fn activates(&self) -> bool {
        Standing::of_word(&self.after) == Some(Standing::Active)
            && Standing::of_word(&self.before) != Some(Standing::Active)
    }

    /// Whether it ends an activation.
    pub(super) fn ends(&self) -> bool {
        Standing::of_word(&self.before) == Some(Standing::Active)
            && Standing::of_word(&self.after) != Some(Standing::Active)
    }

    /// Whether somebody acknowledged.
    pub(super) fn acknowledges(&self) -> bool {
        self.by_person
            && waits(&self.before)
            && !waits(&self.after)
            && Standing::of_word(&self.after) != Some(Standing::SetAside)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_standing_and_remarks_have_none() {
        for state in State::ALL {
            assert!(Standing::of_word(state.word()).is_some(), "{}", state.word());
        }
        for (word, standing) in [
            ("unacknowledged", Some(Standing::Active)),
            ("acknowledged", Some(Standing::Active)),
            ("returned-unacknowledged", Some(Standing::Returned)),
            ("latched-unacknowledged", Some(Standing::Returned)),
            ("latched-acknowledged", Some(Standing::Returned)),
            ("shelved", Some(Standing::SetAside)),
            ("normal", Some(Standing::Normal)),
            ("", None),
        ] {
            assert_eq!(Standing::of_word(word), standing, "{word}");
        }
        for (word, expected) in [("unacknowledged", true), ("latched-unacknowledged", true), ("acknowledged", false)] {
            assert_eq!(waits(word), expected, "{word}");
        }
    }
}
