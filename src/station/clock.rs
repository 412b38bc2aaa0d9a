//! The one place where the clocks of the computer are read.

use crate::tag::{Clock, Monotonic, Now, Timestamp};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The clocks of the computer.
#[derive(Debug)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic side begins now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that everything else is given")]
    fn now(&self) -> Now {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Now { utc: Timestamp::from_micros(since_epoch.as_micros() as i64), monotonic: self.monotonic() }
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_micros(self.started.elapsed().as_micros() as u64)
    }
}
