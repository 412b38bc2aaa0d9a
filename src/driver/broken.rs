//! A defect of ours in a driver must not leave its values standing as if they were live.

use super::{Condition, DeviceReport, DriverEvent, Link, Port, Statistics};
use crate::tag::{DeviceId, Generation, Reason};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// The work of a driver; ready with an error when it panicked.
pub(super) struct Watched<F>(Pin<Box<F>>);

impl<F: Future<Output = ()>> Watched<F> {
    pub(super) fn new(work: F) -> Self {
        Self(Box::pin(work))
    }
}

/// The driver broke off.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BrokeOff;

impl<F: Future<Output = ()>> Future for Watched<F> {
    type Output = Result<(), BrokeOff>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Nothing of the work is looked at again after it panicked.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(BrokeOff)),
        }
    }
}

/// Tells the engine that nothing is heard of these devices any more.
pub(super) async fn tell(port: &Port, generation: Generation, devices: impl Iterator<Item = DeviceId>) {
    for device in devices {
        let detail = "the driver broke off because of a defect in Polder; reload the station to start it again".into();
        let link = Link::Lost { reason: Reason::NotConnected, detail, next_try: None };
        let (condition, statistics) = (Condition::Failing, Statistics::default());
        port.send(DriverEvent::Device(DeviceReport { generation, device, link, condition, statistics })).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_panic_is_an_end_that_is_noticed() {
        assert_eq!(Watched::new(async {}).await, Ok(()));
        assert_eq!(Watched::new(async { panic!("a test of a panic") }).await, Err(BrokeOff));
    }
}
