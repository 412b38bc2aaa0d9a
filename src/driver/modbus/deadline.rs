//! A deadline for work that is begun many thousand times a second and nearly always done in time.
//!
//! A timer that is set and taken back for every request costs more than the check of its answer. Here one timer stays set; it is moved only
//! when it fires before its time, which with a constant limit is once in that limit.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::Poll;
use tokio::time::{Instant, Sleep, sleep_until};

/// One timer for one wait after the other.
pub(super) struct Deadline(Pin<Box<Sleep>>);

impl Deadline {
    /// A deadline that is not set yet. Inside the runtime only.
    pub(super) fn new() -> Self {
        Self(Box::pin(sleep_until(Instant::now())))
    }

    /// What the work says; none when it is not done at `until`.
    pub(super) async fn within<T>(&mut self, until: Instant, work: impl Future<Output = T>) -> Option<T> {
        let timer = &mut self.0;
        if timer.deadline() > until {
            timer.as_mut().reset(until);
        }
        let mut work = pin!(work);
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            loop {
                if timer.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                if timer.deadline() >= until {
                    return Poll::Ready(None);
                }
                timer.as_mut().reset(until);
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::time::Duration;

    /// No wait ends before its time, whatever the timer was set to before, and each one ends.
    #[tokio::test]
    async fn each_wait_ends_at_its_own_time() {
        let mut deadline = Deadline::new();
        for millis in [5, 20, 1, 30, 30] {
            let begun = Instant::now();
            let until = begun + Duration::from_millis(millis);
            assert_eq!(deadline.within(begun + Duration::from_secs(60), async { 7 }).await, Some(7));
            assert_eq!(deadline.within(until, pending::<()>()).await, None);
            assert!(begun.elapsed() >= Duration::from_millis(millis));
        }
    }
}
