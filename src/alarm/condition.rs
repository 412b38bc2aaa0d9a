//! When an alarm is active.

use crate::tag::{Quality, Reason, Scalar};

/// The condition of an alarm. Limits are in the tag's unit and belong to the alarm side: reaching one is enough.
#[derive(Clone, Copy, Debug, PartialEq)]
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
    /// The quality is bad although the device answers.
    BadQuality,
    /// The device does not answer.
    DeviceLost,
    /// Another device answers where one was known.
    OtherIdentity,
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
            Self::HighHigh(_) => "high-high",
            Self::High(_) => "high",
            Self::Low(_) => "low",
            Self::LowLow(_) => "low-low",
            Self::Digital(_) => "digital",
            Self::BadQuality => "bad-quality",
            Self::DeviceLost => "lost",
            Self::OtherIdentity => "identity",
        }
    }

    /// The limit that is shown beside the value, where there is one.
    pub const fn limit(&self) -> Option<f64> {
        match self {
            Self::HighHigh(limit) | Self::High(limit) | Self::Low(limit) | Self::LowLow(limit) => Some(*limit),
            _ => None,
        }
    }

    /// How far a number is from the limit on the side of the normal ones, in the tag's unit; 0 beyond it, and where there is no limit.
    pub fn distance(&self, number: f64) -> f64 {
        match self {
            Self::HighHigh(limit) | Self::High(limit) => (limit - number).max(0.0),
            Self::Low(limit) | Self::LowLow(limit) => (number - limit).max(0.0),
            _ => 0.0,
        }
    }

    /// Judges a sample. `active` is whether the alarm's condition holds already: then the deadband applies.
    pub fn judge(&self, value: Scalar, quality: Quality, active: bool, deadband: f64) -> Verdict {
        if let Self::BadQuality = self {
            return judge_quality(quality);
        }
        if quality.is_bad() {
            return Verdict::Unevaluated;
        }
        let Some(number) = value.as_f64() else { return Verdict::Unevaluated };
        let back = if active { deadband } else { 0.0 };
        match self {
            Self::HighHigh(limit) | Self::High(limit) => (number >= limit - back).into(),
            Self::Low(limit) | Self::LowLow(limit) => (number <= limit + back).into(),
            Self::Digital(state) => (number == *state).into(),
            Self::BadQuality | Self::DeviceLost | Self::OtherIdentity => Verdict::Unevaluated,
        }
    }
}

/// A silent device has one alarm of its own: the tags behind it raise none, and lower none.
fn judge_quality(quality: Quality) -> Verdict {
    match quality.reason {
        Reason::NoAnswer
        | Reason::NotConnected
        | Reason::NotYetRead
        | Reason::StationOff
        | Reason::GatewayNoPath
        | Reason::OffScan
        | Reason::BadFrame => Verdict::Unevaluated,
        _ => quality.is_bad().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(condition: Condition, value: f64, active: bool) -> Verdict {
        condition.judge(Scalar::Double(value), Quality::GOOD, active, 2.0)
    }

    #[test]
    fn limits_and_deadbands() {
        assert_eq!(judge(Condition::High(10.0), 9.99, false), Verdict::Inactive);
        assert_eq!(judge(Condition::High(10.0), 10.0, false), Verdict::Active);
        assert_eq!(judge(Condition::High(10.0), 8.5, true), Verdict::Active);
        assert_eq!(judge(Condition::High(10.0), 7.9, true), Verdict::Inactive);
        assert_eq!(judge(Condition::Low(-1.0), -1.0, false), Verdict::Active);
        assert_eq!(judge(Condition::Low(-1.0), 0.9, true), Verdict::Active);
        assert_eq!(judge(Condition::Low(-1.0), 1.1, true), Verdict::Inactive);
        assert_eq!(judge(Condition::Digital(1.0), 1.0, false), Verdict::Active);
    }

    #[test]
    fn distances_are_on_the_side_of_the_normal_ones() {
        for (condition, number, expected) in [
            (Condition::High(10.0), 7.5, 2.5),
            (Condition::HighHigh(10.0), 11.0, 0.0),
            (Condition::Low(2.0), 7.5, 5.5),
            (Condition::LowLow(2.0), 1.0, 0.0),
            (Condition::Digital(1.0), 0.0, 0.0),
        ] {
            assert_eq!(condition.distance(number), expected, "{condition:?}");
        }
    }

    #[test]
    fn bad_input_says_nothing() {
        let bad = Quality::bad(Reason::NoAnswer);
        assert_eq!(Condition::High(1.0).judge(Scalar::Double(5.0), bad, false, 0.0), Verdict::Unevaluated);
        assert_eq!(Condition::High(1.0).judge(Scalar::Empty, Quality::GOOD, true, 0.0), Verdict::Unevaluated);
        assert_eq!(Condition::BadQuality.judge(Scalar::Empty, bad, false, 0.0), Verdict::Unevaluated);
        let nonsense = Quality::bad(Reason::BadPayload);
        assert_eq!(Condition::BadQuality.judge(Scalar::Empty, nonsense, false, 0.0), Verdict::Active);
    }
}
