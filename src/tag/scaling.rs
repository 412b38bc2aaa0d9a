//! From raw counts to engineering units and back.

use serde::{Deserialize, Serialize};

/// A straight line through two points: raw counts on one side, engineering units on the other.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// Lower and upper raw value; they differ.
    pub raw: [f64; 2],
    /// The engineering values that these stand for; they differ where the tag can be written.
    pub engineering: [f64; 2],
    /// Raw values outside of these mean that something is wrong with the instrument; between these and the two points the value is
    /// only doubtful. None where nothing is known of it.
    pub valid: Option<[f64; 2]>,
}

/// Where a raw value lies in what its instrument can mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Span {
    /// Between the two points, or nothing is known of them.
    Inside,
    /// Below the span, but still valid.
    Under,
    /// Above the span, but still valid.
    Over,
    /// What no sound instrument sends.
    Outside,
}

impl Scaling {
    /// The engineering value of `raw`. Values beyond the two points follow the same line.
    pub fn to_engineering(&self, raw: f64) -> f64 {
        let [raw_low, raw_high] = self.raw;
        let [low, high] = self.engineering;
        low + (raw - raw_low) * (high - low) / (raw_high - raw_low)
    }

    /// Where `raw` lies.
    pub fn span(&self, raw: f64) -> Span {
        let Some([lowest, highest]) = self.valid else { return Span::Inside };
        if raw < lowest || raw > highest {
            return Span::Outside;
        }
        let (value, [first, second]) = (self.to_engineering(raw), self.engineering);
        if value < first.min(second) {
            Span::Under
        } else if value > first.max(second) {
            Span::Over
        } else {
            Span::Inside
        }
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

    #[test]
    fn a_current_loop_tells_a_broken_wire_from_a_low_value() {
        // 4 to 20 mA in hundredths, with the fault limits of NAMUR NE 43.
        let scaling = Scaling { raw: [400.0, 2000.0], engineering: [0.0, 10.0], valid: Some([360.0, 2100.0]) };
        for (raw, expected) in [
            (300.0, Span::Outside),
            (380.0, Span::Under),
            (400.0, Span::Inside),
            (1200.0, Span::Inside),
            (2000.0, Span::Inside),
            (2050.0, Span::Over),
            (2200.0, Span::Outside),
        ] {
            assert_eq!(scaling.span(raw), expected, "{raw}");
        }
        let falling = Scaling { engineering: [10.0, 0.0], ..scaling };
        assert_eq!(falling.span(380.0), Span::Over);
    }

    proptest! {
        #[test]
        fn raw_and_engineering_are_inverse(raw in -32768.0f64..32767.0, low in -1e3f64..1e3, span in 1.0f64..1e4) {
            let scaling = Scaling { raw: [0.0, 27648.0], engineering: [low, low + span], valid: None };
            let back = scaling.to_raw(scaling.to_engineering(raw));
            prop_assert!((back - raw).abs() < 1e-6 * raw.abs().max(1.0), "{raw} became {back}");
        }
    }
}
