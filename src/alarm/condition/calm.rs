//! Values that let an alarm rest, told by a look at one number: nearly all samples are of this kind, and most alarms.

use super::Condition;
use crate::tag::{Quality, Scalar};

/// Numbers at which a condition that does not hold goes on not holding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Calm {
    /// Those below this.
    Below(f64),
    /// Those above this.
    Above(f64),
    /// All but this one.
    OtherThan(f64),
    /// Not told so simply: [`Condition::judge`] knows.
    Untold,
}

impl Condition {
    /// The numbers that leave it alone while it does not hold.
    pub const fn calm(&self) -> Calm {
        match self {
            Self::HighHigh(limit) | Self::High(limit) => Calm::Below(*limit),
            Self::Low(limit) | Self::LowLow(limit) => Calm::Above(*limit),
            Self::Digital(state) => Calm::OtherThan(*state),
            _ => Calm::Untold,
        }
    }
}

impl Calm {
    /// Whether a sample certainly makes the verdict [`super::Verdict::Inactive`] of a condition that does not hold.
    #[inline]
    pub fn holds(self, value: Scalar, quality: Quality) -> bool {
        let Some(number) = value.as_f64() else { return false };
        !quality.is_bad()
            && match self {
                Self::Below(limit) => number < limit,
                Self::Above(limit) => number > limit,
                Self::OtherThan(state) => number != state,
                Self::Untold => false,
            }
    }
}
