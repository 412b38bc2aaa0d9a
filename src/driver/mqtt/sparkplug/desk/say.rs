//! What a desk wants said or done.

use crate::driver::Reading;
use crate::driver::mqtt::sparkplug::host::{MetricDefinition, Publication};
use crate::tag::Timestamp;

/// What is to be said or done; `place` is that of a device among the devices of the connection.
#[derive(Clone, Debug, PartialEq)]
pub enum Say {
    /// Present values that share their time.
    Values {
        /// Of which device.
        place: usize,
        /// Since when.
        time: Timestamp,
        /// The values.
        readings: Vec<Reading>,
    },
    /// Present values that share their time, and are never for history.
    Transient {
        /// Of which device.
        place: usize,
        /// Since when.
        time: Timestamp,
        /// The values.
        readings: Vec<Reading>,
    },
    /// Values of before, for history alone.
    Past {
        /// Of which device.
        place: usize,
        /// Their time.
        time: Timestamp,
        /// The values.
        readings: Vec<Reading>,
    },
    /// The device is there.
    Alive {
        /// Which one.
        place: usize,
    },
    /// The device is not there.
    Lost {
        /// Which one.
        place: usize,
        /// Since when, by the clock that knows it.
        time: Timestamp,
        /// Its tags without their quality, at that time.
        readings: Vec<Reading>,
        /// Why, in words.
        words: String,
    },
    /// To be published.
    Publish(Publication),
    /// Something was not as the specification wants it.
    Fault {
        /// Which device did it; none where it is none of the station's.
        place: Option<usize>,
        /// What, in words.
        words: String,
    },
    /// Metrics that are no tags yet.
    Found {
        /// Of which device.
        place: usize,
        /// Which ones.
        metrics: Vec<MetricDefinition>,
        /// How many more there are than are allowed.
        left_out: usize,
    },
}
