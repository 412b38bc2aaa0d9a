//! From raw counts to engineering units and back.

use serde::{Deserialize, Serialize};

/// A straight line through two points: raw counts on one side, engineering units on the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Lower and upper raw value; they differ.
    pub raw: [f64; 2],
    /// The engineering values that these stand for; they differ where the tag can be written.
    pub engineering: [f64; 2],
}

impl Scaling {
    /// The engineering value of `raw`. Values beyond the two points follow the same line.
    pub fn to_engineering(&self, raw: f64) -> f64 {
        let [raw_low, raw_high] = self.raw;
        let [low, high] = self.engineering;
        low + (raw - raw_low) * (high - low) / (raw_high - raw_low)
    }

    /// The raw value that stands for `engineering`.
    pub fn to_raw(&self, engineering: f64) -> f64 {
        let [raw_low, raw_high] = self.raw;
        let [low, high] = self.engineering;
        raw_low + (engineering - low) * (raw_high - raw_low) / (high - low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn raw_and_engineering_are_inverse(raw in -32768.0f64..32767.0, low in -1e3f64..1e3, span in 1.0f64..1e4) {
            let scaling = Scaling { raw: [0.0, 27648.0], engineering: [low, low + span] };
            let back = scaling.to_raw(scaling.to_engineering(raw));
            prop_assert!((back - raw).abs() < 1e-6 * raw.abs().max(1.0), "{raw} became {back}");
        }
    }
}
