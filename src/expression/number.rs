//! Exact where whole numbers meet, and never infinite.

use crate::tag::Reason;
use std::cmp::Ordering;

/// A number on its way through an expression.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    /// A whole one, exact; of 64 bits with or without sign once an operation is done.
    Whole(i128),
    /// Any other; finite once an operation is done.
    Real(f64),
}

impl Number {
    pub(super) fn real(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Real(number) => number,
        }
    }

    /// The number itself where it fits; the reason where it does not.
    pub(super) fn bounded(self) -> Result<Self, Reason> {
        match self {
            Self::Whole(number) if number < i128::from(i64::MIN) || number > i128::from(u64::MAX) => {
                Err(Reason::Overflow)
            }
            Self::Real(number) if number.is_nan() => Err(Reason::NotANumber),
            Self::Real(number) if number.is_infinite() => Err(Reason::Overflow),
            fine => Ok(fine),
        }
    }

    pub(super) fn negate(self) -> Self {
        match self {
            Self::Whole(number) => Self::Whole(-number),
            Self::Real(number) => Self::Real(-number),
        }
    }

    pub(super) fn abs(self) -> Self {
        match self {
            Self::Whole(number) => Self::Whole(number.abs()),
            Self::Real(number) => Self::Real(number.abs()),
        }
    }

    /// Rounds in this way; a whole number is round already.
    pub(super) fn rounded(self, round: fn(f64) -> f64) -> Self {
        match self {
            Self::Whole(number) => Self::Whole(number),
            Self::Real(number) => Self::Real(round(number)),
        }
    }

    pub(super) fn add(self, other: Self) -> Result<Self, Reason> {
        self.combine(other, i128::checked_add, |left, right| left + right)
    }

    pub(super) fn subtract(self, other: Self) -> Result<Self, Reason> {
        self.combine(other, i128::checked_sub, |left, right| left - right)
    }

    pub(super) fn multiply(self, other: Self) -> Result<Self, Reason> {
        self.combine(other, i128::checked_mul, |left, right| left * right)
    }

    pub(super) fn divide(self, other: Self) -> Result<Self, Reason> {
        match (self, other) {
            (_, other) if other.real() == 0.0 => Err(Reason::DividedByZero),
            (Self::Whole(left), Self::Whole(right)) if left % right == 0 => Self::Whole(left / right).bounded(),
            (left, right) => Self::Real(left.real() / right.real()).bounded(),
        }
    }

    pub(super) fn remainder(self, other: Self) -> Result<Self, Reason> {
        match other.real() {
            0.0 => Err(Reason::DividedByZero),
            _ => self.combine(other, i128::checked_rem, |left, right| left % right),
        }
    }

    fn combine(
        self,
        other: Self,
        whole: fn(i128, i128) -> Option<i128>,
        real: fn(f64, f64) -> f64,
    ) -> Result<Self, Reason> {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => {
                whole(left, right).map(Self::Whole).ok_or(Reason::Overflow)?.bounded()
            }
            (left, right) => Self::Real(real(left.real(), right.real())).bounded(),
        }
    }

    /// Which is larger, exactly: a whole number is not rounded to be compared with another one.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(left), Self::Whole(right)) => left.cmp(&right),
            (Self::Real(left), Self::Real(right)) => left.partial_cmp(&right).unwrap_or(Ordering::Equal),
            (Self::Whole(left), Self::Real(right)) => whole_with_real(left, right),
            (Self::Real(left), Self::Whole(right)) => whole_with_real(right, left).reverse(),
        }
    }

    /// As a whole number of 64 bits: two's complement where it is negative.
    pub(super) fn bits(self) -> Option<u64> {
        let whole = match self {
            Self::Whole(number) => number,
            // Casting saturates: what does not fit fails below.
            Self::Real(number) if number.fract() == 0.0 => number as i128,
            Self::Real(_) => return None,
        };
        u64::try_from(whole).ok().or_else(|| i64::try_from(whole).ok().map(|number| number as u64))
    }
}

fn whole_with_real(whole: i128, real: f64) -> Ordering {
    // Casting saturates far beyond 64 bits, on the right side of every whole number that there is.
    let floor = real.floor();
    match whole.cmp(&(floor as i128)) {
        Ordering::Equal if real > floor => Ordering::Less,
        order => order,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_exact_up_to_their_bounds() {
        let most = Number::Whole(u64::MAX.into());
        let least = Number::Whole(i64::MIN.into());
        assert_eq!(most.add(Number::Whole(1)), Err(Reason::Overflow));
        assert_eq!(most.subtract(Number::Whole(1)), Ok(Number::Whole((u64::MAX - 1).into())));
        assert_eq!(most.multiply(most), Err(Reason::Overflow));
        assert_eq!(least.subtract(Number::Whole(1)), Err(Reason::Overflow));
        assert_eq!(least.negate().bounded(), Ok(Number::Whole(1 << 63)));
        assert_eq!(most.negate().bounded(), Err(Reason::Overflow));
        assert_eq!(most.divide(Number::Whole(5)), Ok(Number::Whole((u64::MAX / 5).into())));
        assert_eq!(Number::Whole(7).divide(Number::Whole(2)), Ok(Number::Real(3.5)));
        assert_eq!(Number::Whole(-7).remainder(Number::Whole(2)), Ok(Number::Whole(-1)));
        assert_eq!(Number::Real(1e308).multiply(Number::Real(10.0)), Err(Reason::Overflow));
        for zero in [Number::Whole(0), Number::Real(0.0), Number::Real(-0.0)] {
            assert_eq!(Number::Whole(1).divide(zero), Err(Reason::DividedByZero));
            assert_eq!(Number::Real(1.0).remainder(zero), Err(Reason::DividedByZero));
        }
    }

    #[test]
    fn comparing_rounds_nothing() {
        let check = |whole: i128, real: f64, expected: Ordering| {
            assert_eq!(Number::Whole(whole).compare(Number::Real(real)), expected, "{whole} {real}");
            assert_eq!(Number::Real(real).compare(Number::Whole(whole)), expected.reverse(), "{real} {whole}");
        };
        check((1 << 53) + 1, 9_007_199_254_740_992.0, Ordering::Greater);
        check(u64::MAX.into(), 18_446_744_073_709_551_616.0, Ordering::Less);
        check(-3, -2.5, Ordering::Less);
        check(-2, -2.5, Ordering::Greater);
        check(2, 2.5, Ordering::Less);
        check(2, 2.0, Ordering::Equal);
        check(i64::MAX.into(), 1e300, Ordering::Less);
    }

    #[test]
    fn bits_of_negative_numbers_are_complements() {
        assert_eq!(Number::Whole(-1).bits(), Some(u64::MAX));
        assert_eq!(Number::Real(6.0).bits(), Some(6));
        assert_eq!(Number::Real(6.5).bits(), None);
        assert_eq!(Number::Real(1e30).bits(), None);
    }
}
