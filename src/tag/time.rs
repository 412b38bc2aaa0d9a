//! Time as Polder counts it: UTC microseconds for what happened when, monotonic microseconds for how long.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A moment in UTC, in microseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `micros` microseconds after the Unix epoch (before it when negative).
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Seconds since the Unix epoch, for plotting.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The moment `seconds` after the Unix epoch, to the microsecond.
    pub fn from_seconds(seconds: f64) -> Self {
        Self((seconds * 1e6).round() as i64)
    }

    /// RFC 3339 in UTC with microseconds, such as `2026-11-21T14:32:07.000250Z`.
    pub fn to_rfc3339(self) -> String {
        match DateTime::<Utc>::from_timestamp_micros(self.0) {
            Some(moment) => moment.to_rfc3339_opts(SecondsFormat::Micros, true),
            None => format!("{} us after 1970", self.0),
        }
    }

    /// Reads RFC 3339 with any offset; `None` when the text is not such a moment.
    pub fn parse_rfc3339(text: &str) -> Option<Self> {
        DateTime::parse_from_rfc3339(text.trim()).ok().map(|moment| Self(moment.timestamp_micros()))
    }

    /// This moment as chrono's UTC type; `None` outside the years that chrono can hold.
    pub fn to_chrono(self) -> Option<DateTime<Utc>> {
        DateTime::<Utc>::from_timestamp_micros(self.0)
    }

    /// The moment `duration` later.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_micros() as i64))
    }

    /// The moment `duration` earlier.
    pub fn minus(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(duration.as_micros() as i64))
    }

    /// Microseconds from `earlier` to this moment; negative when `earlier` is in fact later.
    pub const fn micros_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A reading of a clock that never jumps, in microseconds since the station started. It measures durations only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Monotonic(u64);

impl Monotonic {
    /// A reading of `micros` microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the station started.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The reading `duration` later.
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_micros() as u64))
    }

    /// How long after `earlier` this reading is; zero when it is not later.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Tenths of a second since the start, as live values carry it (it lasts 13 years).
    pub const fn deciseconds(self) -> u32 {
        (self.0 / 100_000) as u32
    }
}

/// Both clocks, read at the same moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    /// Wall clock.
    pub utc: Timestamp,
    /// Clock for durations.
    pub monotonic: Monotonic,
}

impl Now {
    /// The same pair `duration` later.
    pub fn plus(self, duration: Duration) -> Self {
        Self { utc: self.utc.plus(duration), monotonic: self.monotonic.plus(duration) }
    }
}

/// Where time comes from. Injected, so that logic can be replayed at any time.
pub trait Clock: Send + Sync {
    /// Both clocks, now.
    fn now(&self) -> Now;

    /// The clock that measures durations, alone: half the price.
    fn monotonic(&self) -> Monotonic {
        self.now().monotonic
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_reads_back_to_the_microsecond() {
        let moment = Timestamp::from_micros(1_795_000_000_123_456);
        assert_eq!(Timestamp::parse_rfc3339(&moment.to_rfc3339()), Some(moment));
        assert_eq!(
            Timestamp::parse_rfc3339("2026-11-21T15:00:00+01:00"),
            Timestamp::parse_rfc3339("2026-11-21T14:00:00Z")
        );
        assert_eq!(Timestamp::parse_rfc3339("yesterday"), None);
    }

    #[test]
    fn durations_never_run_backwards() {
        assert_eq!(Monotonic::from_micros(5).since(Monotonic::from_micros(9)), Duration::ZERO);
    }
}
