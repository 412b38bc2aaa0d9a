//! When an alarm is active.
//!
//! Simple conditions are judged from one sample of their own tag ([`Condition::judge`]); the others look at further tags, at a past, or at the
//! time ([`Condition::judge_with`]), and know which ([`Condition::others`]). Of all of them it holds: bad input says nothing, so that it neither
//! raises an alarm nor returns one.

mod calm;
mod no_change;
mod rate;
mod watch;
mod words;

pub use calm::Calm;
pub use rate::{Direction, Rate};
pub use watch::{Judgement, Look, Memory};

use crate::expression::Program;
use crate::tag::{Quality, Reason, Scalar, TagId};
use std::sync::Arc;
use std::time::Duration;

/// The condition of an alarm. Limits are in the tag's unit and belong to the alarm side: reaching one is enough.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// At or above the limit, the upper one of two.
    HighHigh(f64),
    /// At or above the limit.
    High(f64),
    /// At or below the limit.
    Low(f64),
    /// At or below the limit, the lower one of two.
    LowLow(f64),
    /// Equal to this number; booleans are 0 and 1.
    Digital(f64),
    /// Equal to one of these numbers.
    States(Arc<[f64]>),
    /// The quality is bad although the device answers.
    BadQuality,
    /// The quality is bad although the device answers, and not because the value is old.
    BadQualityNotStale,
    /// The value is older than it may be.
    Stale,
    /// The device does not answer.
    DeviceLost,
    /// Another device answers where one was known.
    OtherIdentity,
    /// At or beyond a limit that another tag says.
    Moving(Side, TagId),
    /// This far or farther from another tag, above or below.
    Deviation {
        /// The other tag.
        from: TagId,
        /// How far, in the unit of both; more than 0.
        limit: f64,
    },
    /// Farther than the tolerance from what another tag commands. How long that may take is the delay of the alarm; it starts anew with each
    /// new command.
    Discrepancy {
        /// The tag with the command.
        commanded: TagId,
        /// How far it may stay off, in the unit of both; not negative.
        tolerance: f64,
    },
    /// Changing this fast or faster.
    Rate(Rate),
    /// Not changing by more than the deadband for this long.
    NoChange(Duration),
    /// While this is true.
    When(Box<Program>),
}

/// Which limit a moving one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The upper one of two above.
    HighHigh,
    /// Above.
    High,
    /// Below.
    Low,
    /// The lower one of two below.
    LowLow,
}

/// What can be said about a condition from one sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Active,
    /// It does not hold.
    Inactive,
    /// The sample says nothing about it.
    Unevaluated,
}

impl From<bool> for Verdict {
    fn from(active: bool) -> Self {
        if active { Self::Active } else { Self::Inactive }
    }
}

impl Condition {
    /// The word in keys and files.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::HighHigh(_) | Self::Moving(Side::HighHigh, _) => "high-high",
            Self::High(_) | Self::Moving(Side::High, _) => "high",
            Self::Low(_) | Self::Moving(Side::Low, _) => "low",
            Self::LowLow(_) | Self::Moving(Side::LowLow, _) => "low-low",
            Self::Digital(_) => "digital",
            Self::States(_) => "is",
            Self::BadQuality | Self::BadQualityNotStale => "bad-quality",
            Self::Stale => "stale",
            Self::DeviceLost => "lost",
            Self::OtherIdentity => "identity",
            Self::Deviation { .. } => "deviation",
            Self::Discrepancy { .. } => "discrepancy",
            Self::Rate(_) => "rate",
            Self::NoChange(_) => "no-change",
            Self::When(_) => "when",
        }
    }

    /// The limit that is shown beside the value, where there is one that does not move.
    pub const fn limit(&self) -> Option<f64> {
        match self {
            Self::HighHigh(limit) | Self::High(limit) | Self::Low(limit) | Self::LowLow(limit) => Some(*limit),
            _ => None,
        }
    }

    /// How far a number is from the limit on the side of the normal ones, in the tag's unit; 0 beyond it, and where there is no limit that
    /// stays.
    pub fn distance(&self, number: f64) -> f64 {
        match self {
            Self::HighHigh(limit) | Self::High(limit) => (limit - number).max(0.0),
            Self::Low(limit) | Self::LowLow(limit) => (number - limit).max(0.0),
            _ => 0.0,
        }
    }

    /// Whether numbers alone do not settle it: the reason of a bad quality matters, or whether the value is a number at all.
    pub const fn needs_whole_samples(&self) -> bool {
        matches!(self, Self::BadQuality | Self::BadQualityNotStale | Self::Stale | Self::When(_))
    }

    /// Whether one sample of its own tag is enough: then [`Condition::judge`] judges it, otherwise [`Condition::judge_with`].
    pub const fn is_simple(&self) -> bool {
        !matches!(
            self,
            Self::Moving(..)
                | Self::Deviation { .. }
                | Self::Discrepancy { .. }
                | Self::Rate(_)
                | Self::NoChange(_)
                | Self::When(_)
        )
    }

    /// Whether it is the same one in another plant, whose slots are others; `is_same` says whether two tags are one, and mean the same.
    pub fn is_same(&self, other: &Self, is_same: impl Fn(TagId, TagId) -> bool) -> bool {
        match (self, other) {
            (Self::Moving(one, tag), Self::Moving(another, now)) => one == another && is_same(*tag, *now),
            (Self::Deviation { from: tag, limit: one }, Self::Deviation { from: now, limit: another })
            | (
                Self::Discrepancy { commanded: tag, tolerance: one },
                Self::Discrepancy { commanded: now, tolerance: another },
            ) => one == another && is_same(*tag, *now),
            (Self::When(one), Self::When(another)) => {
                let has = |tag: &TagId| another.inputs().iter().any(|now| is_same(*tag, *now));
                one == another && one.inputs().iter().all(has)
            }
            (one, another) => one == another,
        }
    }

    /// The tags beside its own that it looks at.
    pub fn others(&self) -> &[TagId] {
        match self {
            Self::Moving(_, tag) | Self::Deviation { from: tag, .. } | Self::Discrepancy { commanded: tag, .. } => {
                std::slice::from_ref(tag)
            }
            Self::When(program) => program.inputs(),
            _ => &[],
        }
    }

    /// Judges a sample. `active` is whether the alarm's condition holds already: then the deadband applies. A condition that is not simple
    /// is left unevaluated.
    pub fn judge(&self, value: Scalar, quality: Quality, active: bool, deadband: f64) -> Verdict {
        match self {
            Self::BadQuality => return judge_quality(quality, quality.is_bad()),
            Self::BadQualityNotStale => {
                return judge_quality(quality, quality.is_bad() && quality.reason != Reason::Stale);
            }
            Self::Stale => return judge_quality(quality, quality.reason == Reason::Stale),
            _ if quality.is_bad() => return Verdict::Unevaluated,
            _ => {}
        }
        let Some(number) = value.as_f64() else { return Verdict::Unevaluated };
        let back = if active { deadband } else { 0.0 };
        match self {
            Self::HighHigh(limit) | Self::High(limit) => (number >= limit - back).into(),
            Self::Low(limit) | Self::LowLow(limit) => (number <= limit + back).into(),
            Self::Digital(state) => (number == *state).into(),
            Self::States(states) => states.contains(&number).into(),
            _ => Verdict::Unevaluated,
        }
    }
}

/// A silent device has one alarm of its own: the tags behind it raise none, and lower none.
fn judge_quality(quality: Quality, active: bool) -> Verdict {
    match quality.reason {
        Reason::NoAnswer
        | Reason::NotConnected
        | Reason::NotYetRead
        | Reason::StationOff
        | Reason::GatewayNoPath
        | Reason::OffScan
        | Reason::BadFrame => Verdict::Unevaluated,
        _ => active.into(),
    }
}

#[cfg(test)]
mod tests;
