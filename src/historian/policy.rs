//! Swinging door: leaves samples out where a straight line tells them well enough. Pure; it works between the engine's rows and the store.
//!
//! The bound: every sample left out lies within it of the straight line between the two kept samples around it. Whether a number changed,
//! moved by more than its deadband, or is due again is judged before, in the engine.

use crate::tag::{Sample, Value};

/// The door of one tag.
#[derive(Clone, Debug, Default)]
pub(super) struct SwingingDoor {
    /// The last sample that was kept, as a point.
    hinge: Option<(i64, f64)>,
    /// The newest sample: kept or left out, as the next one shows.
    waiting: Option<Sample>,
    /// Between these slopes, in units a microsecond, a line from the hinge passes all samples left out within the bound.
    slopes: [f64; 2],
}

impl SwingingDoor {
    /// Takes a sample; hands those that are kept to `keep`, in order. At least one is kept in every `longest` microseconds: so much can be
    /// lost with the sample that waits.
    pub(super) fn take(&mut self, [bound, longest]: [f64; 2], sample: Sample, keep: &mut impl FnMut(Sample)) {
        let Some((time, number)) = point(&sample) else {
            // What is no good number is kept, and so is what was before it.
            self.release(keep);
            self.hinge = None;
            return keep(sample);
        };
        let Some((hinge_time, hinge)) = self.hinge else { return self.begin(sample, (time, number), keep) };
        let newest = self.waiting.as_ref().map_or(hinge_time, |waiting| waiting.time.as_micros());
        let same_kind = self.waiting.as_ref().is_none_or(|waiting| waiting.quality == sample.quality);
        if time <= newest || !same_kind || (time - hinge_time) as f64 >= longest {
            self.release(keep);
            return self.begin(sample, (time, number), keep);
        }
        if let Some((waiting_time, waiting)) = self.waiting.as_ref().and_then(point) {
            let run = (waiting_time - hinge_time) as f64;
            let [low, high] = self.slopes;
            let slopes = [low.max((waiting - bound - hinge) / run), high.min((waiting + bound - hinge) / run)];
            let slope = (number - hinge) / (time - hinge_time) as f64;
            if !(slopes[0] <= slope && slope <= slopes[1]) {
                // The line to the new sample would leave one out too far: the one before it is kept and begins anew.
                self.release(keep);
                self.hinge = Some((waiting_time, waiting));
            } else {
                self.slopes = slopes;
            }
        }
        self.waiting = Some(sample);
    }

    fn begin(&mut self, sample: Sample, point: (i64, f64), keep: &mut impl FnMut(Sample)) {
        self.hinge = Some(point);
        self.slopes = [f64::NEG_INFINITY, f64::INFINITY];
        keep(sample);
    }

    /// The waiting sample is kept after all: history is to be complete now.
    pub(super) fn release(&mut self, keep: &mut impl FnMut(Sample)) {
        if let Some(waiting) = self.waiting.take() {
            self.hinge = point(&waiting);
            self.slopes = [f64::NEG_INFINITY, f64::INFINITY];
            keep(waiting);
        }
    }
}

/// A good number that is no state.
fn point(sample: &Sample) -> Option<(i64, f64)> {
    let value = sample.value.as_ref().filter(|_| !sample.quality.is_bad())?;
    let number = value.as_f64().filter(|number| number.is_finite() && !matches!(value, Value::Bool(_)))?;
    Some((sample.time.as_micros(), number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Quality, Reason, Timestamp};
    use proptest::prelude::*;

    fn at(time: i64, number: f64) -> Sample {
        Sample { time: Timestamp::from_micros(time), value: Some(Value::Double(number)), quality: Quality::GOOD }
    }

    fn kept(bound: f64, samples: &[Sample]) -> Vec<Sample> {
        let (mut door, mut kept) = (SwingingDoor::default(), Vec::new());
        samples.iter().for_each(|sample| door.take([bound, 1e9], sample.clone(), &mut |sample| kept.push(sample)));
        door.release(&mut |sample| kept.push(sample));
        kept
    }

    #[test]
    fn a_ramp_is_its_two_ends_and_a_gap_keeps_what_was_before_it() {
        let mut samples: Vec<Sample> = (0..100).map(|second| at(second * 1_000_000, second as f64 / 2.0)).collect();
        assert_eq!(kept(0.1, &samples), [samples[0].clone(), samples[99].clone()]);
        let (mut door, mut count) = (SwingingDoor::default(), 0);
        samples.iter().for_each(|sample| door.take([0.1, 10e6], sample.clone(), &mut |_| count += 1));
        assert_eq!(count, 19, "two at every ten seconds: the one before and the one that is due");
        let gap = Sample { value: None, quality: Quality::bad(Reason::NoAnswer), ..samples[50].clone() };
        samples[50] = gap;
        let expected: Vec<Sample> = [0, 49, 50, 51, 99].map(|place| samples[place].clone()).into();
        assert_eq!(kept(0.1, &samples), expected);
    }

    proptest! {
        /// Whatever comes: nothing left out is farther from the line than the bound, and all that is no number is kept.
        #[test]
        fn the_bound_holds(
            steps in proptest::collection::vec((-3i64..5_000_000, -1000i32..1000, 0u8..30), 1..200), bound in 0.0f64..30.0, calm in any::<bool>(),
        ) {
            let (mut time, mut level) = (0i64, 0.0);
            let samples: Vec<Sample> = steps.into_iter().map(|(step, change, odd)| {
                time += step;
                level += f64::from(change) / if calm { 500.0 } else { 10.0 };
                match odd {
                    0 => Sample { value: None, quality: Quality::bad(Reason::NoAnswer), ..at(time, 0.0) },
                    1 => Sample { quality: Quality::uncertain(Reason::Retained), ..at(time, level) },
                    _ => at(time, level),
                }
            }).collect();
            let kept = kept(bound, &samples);
            let mut place = 0;
            for sample in &samples {
                if kept.get(place) == Some(sample) {
                    place += 1;
                    continue;
                }
                let (before, after) = (&kept[place - 1], &kept[place]);
                let number = |sample: &Sample| sample.value.as_ref().and_then(Value::as_f64).unwrap();
                let share = sample.time.micros_since(before.time) as f64 / after.time.micros_since(before.time) as f64;
                let line = number(before) + (number(after) - number(before)) * share;
                prop_assert!((number(sample) - line).abs() <= bound + 1e-6, "{sample:?} between {before:?} and {after:?}");
            }
            prop_assert_eq!(place, kept.len(), "nothing is kept that did not come");
        }
    }
}
