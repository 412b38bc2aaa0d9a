//! What a tag with states was, over time: true steps, pure.

use crate::tag::{Quality, Sample, Timestamp, Value};

/// A stretch of time in which a tag said one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Band {
    /// Its beginning.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
    /// What it said; with bad quality, or while it changed too often to be shown, nothing.
    pub value: Option<Value>,
    /// How far that could be trusted.
    pub quality: Quality,
    /// Further changes in it, in a band that is shorter than a pixel: then the value is not the whole truth.
    pub changes: u32,
}

/// Builds bands out of samples in order of time. Bands shorter than a pixel are put together.
pub(super) struct BandBuilder {
    bands: Vec<Band>,
    current: Option<Band>,
    pixel: i64,
}

impl BandBuilder {
    /// For a range with so many pixels; `before` is the last sample before it.
    pub(super) fn new(from: Timestamp, to: Timestamp, width: usize, before: Option<Sample>) -> Self {
        let pixel = to.micros_since(from).max(1) / width.max(1) as i64;
        let current = before.map(|sample| Self::begin(from, &sample));
        Self { bands: Vec::new(), current, pixel }
    }

    fn begin(from: Timestamp, sample: &Sample) -> Band {
        let value = sample.value.clone().filter(|_| !sample.quality.is_bad());
        Band { from, to: from, value, quality: sample.quality, changes: 0 }
    }

    pub(super) fn add(&mut self, sample: &Sample) {
        let next = Self::begin(sample.time, sample);
        if self.current.as_ref().is_some_and(|band| band.value == next.value && band.quality == next.quality) {
            return;
        }
        let before = self.current.replace(next);
        self.close(before, sample.time);
    }

    fn close(&mut self, band: Option<Band>, to: Timestamp) {
        let Some(mut band) = band.filter(|band| band.from < to) else { return };
        band.to = to;
        if to.micros_since(band.from) >= self.pixel {
            return self.bands.push(band);
        }
        // A pixel of flutter is one band, however often the tag changed in it.
        match self.bands.last_mut() {
            Some(last) if last.changes > 0 && last.to == band.from && to.micros_since(last.from) <= self.pixel => {
                last.to = to;
                last.changes += 1;
                last.value = None;
            }
            _ => self.bands.push(Band { changes: 1, ..band }),
        }
    }

    /// All bands up to `until`.
    pub(super) fn finish(mut self, until: Timestamp) -> Vec<Band> {
        let last = self.current.take();
        self.close(last, until);
        self.bands
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Reason;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_micros(second * 1_000_000)
    }

    fn says(second: i64, value: Option<i64>) -> Sample {
        let quality = if value.is_some() { Quality::GOOD } else { Quality::bad(Reason::NoAnswer) };
        Sample { time: at(second), value: value.map(Value::Signed), quality }
    }

    fn build(before: Option<Sample>, samples: &[Sample], width: usize) -> Vec<(i64, i64, Option<Value>, u32)> {
        let mut builder = BandBuilder::new(at(0), at(100), width, before);
        samples.iter().for_each(|sample| builder.add(sample));
        let seconds = |time: Timestamp| time.as_micros() / 1_000_000;
        let bands = builder.finish(at(100));
        bands.into_iter().map(|band| (seconds(band.from), seconds(band.to), band.value, band.changes)).collect()
    }

    #[test]
    fn steps_are_true_and_gaps_stay() {
        let samples = [says(10, Some(1)), says(20, Some(1)), says(30, None), says(60, Some(2))];
        let one = |number| Some(Value::Signed(number));
        assert_eq!(
            build(Some(says(-5, Some(0))), &samples, 100),
            [(0, 10, one(0), 0), (10, 30, one(1), 0), (30, 60, None, 0), (60, 100, one(2), 0)]
        );
        assert_eq!(build(None, &samples[..1], 100), [(10, 100, one(1), 0)], "nothing is known before");
    }

    #[test]
    fn flutter_becomes_one_band() {
        let samples: Vec<Sample> = (0..10).map(|turn| says(50 + turn, Some(turn % 2))).collect();
        let bands = build(Some(says(-5, Some(7))), &samples, 10);
        assert_eq!(bands[1], (50, 59, None, 9));
        assert_eq!(bands.len(), 3, "{bands:?}");
    }
}
