//! What kinds of values meet in an expression.

use crate::tag::States;
use std::sync::Arc;

/// The unit of a number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unit {
    /// None that is checked: it goes with any.
    Any,
    /// This one.
    Of(Arc<str>),
}

impl Unit {
    /// The unit of a tag; one without a unit goes with any.
    pub fn of_tag(unit: &Arc<str>) -> Self {
        if unit.trim().is_empty() { Self::Any } else { Self::Of(Arc::clone(unit)) }
    }

    /// The unit of two that meet; both names where they are different.
    pub(super) fn meet(&self, other: &Self) -> Result<Self, (Arc<str>, Arc<str>)> {
        match (self, other) {
            (Self::Of(left), Self::Of(right)) if left.trim() != right.trim() => Err((left.clone(), right.clone())),
            (Self::Any, known) | (known, _) => Ok(known.clone()),
        }
    }
}

/// The type of a part of an expression.
#[derive(Clone, Debug, PartialEq)]
pub enum Type {
    /// A number.
    Number(Unit),
    /// True or false.
    Boolean,
    /// A text.
    Text,
    /// A value with words. Where `truth` is set, it is true or false; otherwise a number.
    State {
        /// Its words.
        states: States,
        /// Whether its values are true and false.
        truth: bool,
    },
    /// Not known, because of a mistake that is told already.
    Unknown,
}

impl Type {
    /// A number that goes with any unit.
    pub const NUMBER: Self = Self::Number(Unit::Any);

    /// Whether it can be used as true or false.
    pub fn is_truth(&self) -> bool {
        matches!(self, Self::Boolean | Self::Unknown | Self::State { truth: true, .. })
    }

    /// Whether it is known to be a number, or not known.
    pub(super) const fn is_number(&self) -> bool {
        matches!(self, Self::Number(_) | Self::Unknown)
    }

    /// As it is called in a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::Number(Unit::Any) => "a number".to_owned(),
            Self::Number(Unit::Of(unit)) => format!("a number in {unit}"),
            Self::Boolean => "true or false".to_owned(),
            Self::Text => "a text".to_owned(),
            Self::State { states, .. } => format!("a state ({})", states.words().collect::<Vec<_>>().join(", ")),
            Self::Unknown => "unknown".to_owned(),
        }
    }
}
