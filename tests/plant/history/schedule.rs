//! What the child writes: every sample can be told from its tag, its run and its number, so that what is found can be judged without
//! having been told.

use super::Random;
use polder::tag::{Directory, Quality, Reason, Sample, TagDefinition, TagKey, Timestamp, Value};
use std::sync::Arc;

/// Tags of one batch; the last one is the marker.
pub const TAGS: u32 = 26;
/// Station time between two batches: an hour is 30 of them.
pub const STEP: i64 = 120_000_000;
pub const HOUR: i64 = 3_600_000_000;
/// No run is longer: runs begin a month after each other.
const MOST: u64 = 10_000;
/// Every so many batches, one is of long ago.
const LATE_EVERY: u64 = 37;
const LATE: i64 = 3 * HOUR;
/// Late samples lie beside the grid, so that their number can be told from their time.
const BESIDE: i64 = 7;

/// One life of the child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run(pub i64);

impl Run {
    /// The run that begins so many microseconds before the end of the `number`th month from January 2026.
    pub fn before_month_end(number: u64, micros: i64) -> Self {
        let (year, month) = (2026 + (number + 1) / 12, (number + 1) % 12 + 1);
        let end = Timestamp::parse_rfc3339(&format!("{year}-{month:02}-01T00:00:00Z")).unwrap();
        Self(end.as_micros() - micros / STEP * STEP)
    }

    /// The clock of the station when it sends a batch.
    pub fn clock(self, number: u64) -> i64 {
        self.0 + number as i64 * STEP
    }

    fn is_late(tag: u32, number: u64) -> bool {
        tag != marker() && number % LATE_EVERY == LATE_EVERY - 1
    }

    fn time(self, tag: u32, number: u64) -> i64 {
        let time = self.clock(number);
        if Self::is_late(tag, number) { time - LATE + BESIDE } else { time }
    }

    /// The number of the sample with this time, if it can be of this run.
    pub fn number_at(self, tag: u32, time: i64) -> Option<u64> {
        let beside = (time - self.0).rem_euclid(STEP) == BESIDE;
        let on_grid = if beside { time - BESIDE + LATE } else { time };
        let number = u64::try_from((on_grid - self.0) / STEP).ok()?;
        (number < MOST && self.time(tag, number) == time).then_some(number)
    }

    pub fn sample(self, tag: u32, number: u64) -> Sample {
        let noise = Random(self.0 as u64 ^ u64::from(tag) << 48 ^ number).next();
        let value = match tag % 5 {
            _ if tag == marker() => Some(Value::Unsigned(number)),
            0 | 1 => Some(Value::Double((noise % 100_000) as f64 / 100.0)),
            2 => Some(Value::Bool(noise & 1 == 0)),
            3 => Some(Value::Unsigned(u64::MAX - noise % 1000)),
            _ if noise.is_multiple_of(7) => None,
            _ => Some(Value::Text(format!("step {}", noise % 9).into())),
        };
        let quality = if value.is_none() { Quality::bad(Reason::NoAnswer) } else { Quality::GOOD };
        Sample { time: Timestamp::from_micros(self.time(tag, number)), value, quality }
    }
}

/// The tag that tells the number of its batch.
pub const fn marker() -> u32 {
    TAGS - 1
}

pub fn key(tag: u32) -> TagKey {
    TagKey::from(format!("plant/tag-{tag}").as_str())
}

pub fn directory() -> Arc<Directory> {
    let tags = (0..TAGS).map(|tag| TagDefinition::named(key(tag).as_str())).collect();
    Arc::new(Directory::new(tags, Vec::new(), Vec::new()))
}

/// What an audit entry and the alarm transition beside it are called.
pub fn request(run: Run, number: u64) -> String {
    format!("{}-{number}", run.0)
}
