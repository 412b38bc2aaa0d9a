//! The error bound: leaves samples out that the value before them tells well enough. Pure; it works between the engine's rows and the store.
//!
//! Every reader holds a value until the next sample. So the bound is against what is held: for samples that come in order of time, the value
//! that is read at the time of one that was left out is nowhere farther from it than the bound, and of the same quality. What comes out of
//! order is kept. Whether a number changed, moved by more than its deadband, or is due again is judged before, in the engine; what the
//! deadband takes away adds to the bound.

use crate::tag::{Sample, Value};

/// What is held of one tag: of all samples that were kept, the last one in order of time.
#[derive(Clone, Debug, Default)]
pub(super) struct ErrorBound {
    held: Option<Sample>,
    /// The newest moment of which there was a sample, kept or left out.
    newest: i64,
}

impl ErrorBound {
    /// Whether a sample is to be kept. At least one is in every `longest` microseconds.
    pub(super) fn keeps(&mut self, [bound, longest]: [f64; 2], sample: &Sample) -> bool {
        let time = sample.time.as_micros();
        let is_next = self.held.is_none() || time > self.newest;
        self.newest = if self.held.is_none() { time } else { self.newest.max(time) };
        let is_told = |held: &Sample| {
            let is_due = sample.time.micros_since(held.time) as f64 >= longest;
            is_next && !is_due && held.quality == sample.quality && is_near(held, sample, bound)
        };
        if self.held.as_ref().is_some_and(is_told) {
            return false;
        }
        if self.held.as_ref().is_none_or(|held| held.time <= sample.time) {
            self.held = Some(sample.clone());
        }
        true
    }
}

fn is_near(held: &Sample, sample: &Sample, bound: f64) -> bool {
    number(held).zip(number(sample)).is_some_and(|(held, number)| (number - held).abs() <= bound)
}

/// A number that is good or uncertain, and no state.
fn number(sample: &Sample) -> Option<f64> {
    let value = sample.value.as_ref().filter(|value| !sample.quality.is_bad() && !matches!(value, Value::Bool(_)))?;
    value.as_f64().filter(|number| number.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Quality, Reason, Timestamp};
    use proptest::prelude::*;

    const SECOND: i64 = 1_000_000;

    fn at(time: i64, number: f64) -> Sample {
        Sample { time: Timestamp::from_micros(time), value: Some(Value::Double(number)), quality: Quality::GOOD }
    }

    fn kept(limits: [f64; 2], samples: &[Sample]) -> Vec<Sample> {
        let mut bound = ErrorBound::default();
        samples.iter().filter(|sample| bound.keeps(limits, sample)).cloned().collect()
    }

    fn seconds(kept: &[Sample]) -> Vec<i64> {
        kept.iter().map(|sample| sample.time.as_micros() / SECOND).collect()
    }

    #[test]
    fn a_ramp_is_kept_in_steps_and_a_calm_value_when_it_is_due() {
        let ramp: Vec<Sample> = (0..=50).map(|second| at(second * SECOND, second as f64)).collect();
        assert_eq!(seconds(&kept([9.5, 1e9], &ramp)), [0, 10, 20, 30, 40, 50]);
        let calm: Vec<Sample> = (0..100).map(|second| at(second * SECOND, 5.0)).collect();
        assert_eq!(seconds(&kept([0.1, 30e6], &calm)), [0, 30, 60, 90]);
    }

    #[test]
    fn a_gap_and_every_change_of_quality_are_kept() {
        let mut samples: Vec<Sample> = (0..8).map(|second| at(second * SECOND, 5.0)).collect();
        samples[2] = Sample { value: None, quality: Quality::bad(Reason::NoAnswer), ..samples[2].clone() };
        samples[5].quality = Quality::uncertain(Reason::Retained);
        samples[6].quality = Quality::uncertain(Reason::Retained);
        assert_eq!(seconds(&kept([0.1, 1e9], &samples)), [0, 2, 3, 5, 7]);
    }

    #[test]
    fn what_is_out_of_order_is_kept_and_not_held_beyond_its_time() {
        let samples = [at(0, 1.0), at(SECOND, 1.0), at(-SECOND, 9.0), at(SECOND, 1.0), at(2 * SECOND, 9.0)];
        assert_eq!(seconds(&kept([0.1, 1e9], &samples)), [0, -1, 1, 2]);
    }

    proptest! {
        /// Whatever comes in order: what is read of one that was left out is within the bound and of its quality.
        #[test]
        fn the_bound_holds(
            steps in proptest::collection::vec((1i64..5_000_000, -1000i32..1000, 0u8..30), 1..200), bound in 0.0f64..30.0, calm in any::<bool>(),
        ) {
            let (mut time, mut level) = (0i64, 0.0);
            let samples: Vec<Sample> = steps.into_iter().map(|(step, change, odd)| {
                time += step;
                level += f64::from(change) / if calm { 500.0 } else { 10.0 };
                match odd {
                    0 => Sample { value: None, quality: Quality::bad(Reason::NoAnswer), ..at(time, 0.0) },
                    1..=4 => Sample { quality: Quality::uncertain(Reason::Retained), ..at(time, level) },
                    5 => Sample { quality: Quality::uncertain(Reason::Stale), ..at(time, level) },
                    _ => at(time, level),
                }
            }).collect();
            let kept = kept([bound, 60e6], &samples);
            let mut place = 0;
            for sample in &samples {
                if kept.get(place) == Some(sample) {
                    place += 1;
                    continue;
                }
                let held = &kept[place - 1];
                prop_assert_eq!(held.quality, sample.quality);
                let value = |sample: &Sample| sample.value.as_ref().and_then(Value::as_f64).unwrap();
                prop_assert!((value(sample) - value(held)).abs() <= bound, "{sample:?} read as {held:?}");
                prop_assert!(sample.time.micros_since(held.time) < 60_000_000);
            }
            prop_assert_eq!(place, kept.len(), "nothing is kept that did not come");
        }
    }
}
