//! Sealing and pruning, a small step at a time beside everything else.

use super::*;
use crate::historian::seal::Scope;

/// Chunks are made when an hour is over, or when this much is unsealed (some 50 MB).
const SEAL_ABOVE: usize = 2_000_000;
/// Above this, sealing goes before taking more.
const SEAL_FIRST_ABOVE: usize = 3_000_000;
/// Late samples are sealed this often.
const SEAL_LATE: Duration = Duration::from_secs(10);
/// Sealing that failed is tried again after this long; the samples are safe in the head meanwhile.
const SEAL_AGAIN: Duration = Duration::from_secs(5);
/// Tags sealed in one commit.
const SEAL_STEP: usize = 64;

impl Worker {
    /// A little at a time, after every hour and whenever the policy changed.
    pub(super) fn prune(&mut self, now: Now) -> Result<(), StoreError> {
        if !self.prunes {
            return Ok(());
        }
        let utc = now.utc.as_micros();
        self.store.believe(utc, now.monotonic.since(self.believed));
        self.believed = now.monotonic;
        self.prunes = self.store.prune_step(&self.retention, utc)?;
        if !self.prunes {
            self.store.look_for_left_out();
            self.state.forecast = self.store.forecast(&self.retention, utc);
        }
        Ok(())
    }

    pub(super) fn backs_off(&self, now: Now) -> bool {
        self.sealing_failed.as_ref().is_some_and(|(_, since)| now.monotonic.since(*since) < SEAL_AGAIN)
    }

    pub(super) fn seals_now(&self) -> bool {
        self.store.is_sealing() && !self.backs_off(self.clock.now())
    }

    /// A small step; more of them when memory fills faster than the disk takes it.
    pub(super) fn seal(&mut self) {
        while self.seals_now() {
            let done = self.store.seal_step(SEAL_STEP);
            let now = self.clock.now();
            self.sealed_or_failed(done, now);
            if now.monotonic.since(self.flushed) >= FLUSH {
                self.flush();
            }
            if self.store.unsealed_count() < SEAL_FIRST_ABOVE {
                return;
            }
        }
    }

    pub(super) fn sealed_or_failed(&mut self, done: Result<(), StoreError>, now: Now) {
        self.sealing_failed = match done {
            Ok(()) => None,
            Err(error) if self.put_away(&error, now.utc) => None,
            Err(error) => Some((error.to_string().into(), now.monotonic)),
        };
        self.tell();
    }

    pub(super) fn begin_seal(&mut self, now: Now) {
        if self.store.is_sealing() {
            return;
        }
        let hour = floor(now.utc.as_micros(), HOUR);
        if self.store.unsealed_count() > SEAL_ABOVE {
            self.store.begin_seal(Scope::Everything);
        } else if hour != self.sealed_hour {
            self.sealed_hour = hour;
            self.prunes = true;
            self.store.begin_seal(Scope::Before(hour));
        } else if !self.store.late.is_empty() && now.monotonic.since(self.sealed) >= SEAL_LATE {
            self.sealed = now.monotonic;
            self.store.begin_seal(Scope::Late(hour));
        }
    }
}
