//! A defect of ours in a driver must not leave its values standing as if they were live, nor keep its devices away for ever.

use super::backoff::Backoff;
use super::{Assignment, Condition, DeviceReport, DriverEvent, Inbox, Instruction, Link, Port, Statistics, Written};
use crate::audit::RequestId;
use crate::command::WriteAnswer;
use crate::tag::{DeviceId, Generation, Reason};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// A driver that breaks off is started again after the first pause, and the longer the more often it did; one that ran for longer than the
/// longest pause begins anew.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The work of a driver, with the inbox that it is lent.
pub(super) type Work<'a> = Pin<Box<dyn Future<Output = ()> + Send + 'a>>;

/// The work of a driver; ready with an error when it panicked.
struct Watched<'a>(Work<'a>);

/// The driver broke off; the words of the panic.
#[derive(Debug, PartialEq, Eq)]
struct BrokeOff(String);

impl Future for Watched<'_> {
    type Output = Result<(), BrokeOff>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // Nothing of the work is looked at again after it panicked.
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(payload) => Poll::Ready(Err(BrokeOff(words(payload.as_ref())))),
        }
    }
}

fn words(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it does not say which").to_owned()
}

/// How often a driver broke off, and how long it rests after that.
struct Restarts {
    count: u32,
    backoff: Backoff,
}

impl Restarts {
    const fn new() -> Self {
        Self { count: 0, backoff: Backoff::new(FIRST_PAUSE, LONGEST_PAUSE) }
    }

    /// It broke off after it `ran` for so long; the pause before it is started again.
    fn broke_off(&mut self, ran: Duration) -> Duration {
        if ran > LONGEST_PAUSE {
            self.backoff.succeed();
        }
        self.count = self.count.saturating_add(1);
        self.backoff.fail()
    }
}

/// Runs a driver until it ends by itself. One that breaks off is started again, later each time, or at once when there is something
/// else for it to work on.
pub(super) async fn keep_running<S: Clone + Send + Sync>(
    mut assignments: watch::Receiver<Assignment<S>>,
    mut port: Port,
    mut inbox: Inbox,
    devices: impl Fn(&S) -> Vec<DeviceId> + Send,
    work: impl for<'a> Fn(watch::Receiver<Assignment<S>>, Port, &'a mut Inbox) -> Work<'a> + Send,
) {
    let mut restarts = Restarts::new();
    loop {
        let begun = Instant::now();
        let outcome = Watched(work(assignments.clone(), port.clone(), &mut inbox)).await;
        let Err(BrokeOff(defect)) = outcome else { return };
        let pause = restarts.broke_off(begun.elapsed());
        port.broke_off = restarts.count;
        let Assignment { generation, settings } = assignments.borrow_and_update().clone();
        let here = devices(&settings).into_iter().map(|device| report(&port, generation, device, &defect, pause));
        for report in here {
            port.send(DriverEvent::Device(report)).await;
        }
        if !rest(pause, &mut assignments, &mut inbox, &port).await {
            return;
        }
    }
}

/// Nothing is heard of a device until its driver runs again.
fn report(port: &Port, generation: Generation, device: DeviceId, defect: &str, pause: Duration) -> DeviceReport {
    let times = match port.broke_off {
        1 => "once".to_owned(),
        often => format!("{often} times"),
    };
    let detail = format!(
        "the driver broke off because of a defect in Polder ({defect}), {times} so far; it is started again by itself, and a report of this \
         to the makers helps"
    );
    let next_try = Some(port.clock.now().monotonic.plus(pause));
    DeviceReport {
        generation,
        device,
        link: Link::Lost { reason: Reason::NotConnected, detail: detail.into(), next_try },
        condition: Condition::Failing,
        statistics: Statistics { broke_off: port.broke_off, ..Statistics::default() },
    }
}

/// Waits. Meanwhile no command is kept for later, and no tool is left waiting. False when the station has no use for the driver any more.
async fn rest<S>(
    pause: Duration,
    assignments: &mut watch::Receiver<Assignment<S>>,
    inbox: &mut Inbox,
    port: &Port,
) -> bool {
    let end = Instant::now() + pause;
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(end) => return true,
            changed = assignments.changed() => return changed.is_ok(),
            Some(instruction) = inbox.instructions.recv() => match instruction {
                Instruction::Inquiry(unanswered) => drop(unanswered),
                Instruction::Look(_, unanswered) => drop(unanswered),
                Instruction::Publish(message) => port.send(not_sent(message.id().clone())).await,
            },
            Some(order) = inbox.orders.recv() => super::mqtt::refuse(order).await,
            dispatch = inbox.commands.recv() => {
                let Some(dispatch) = dispatch else { return false };
                port.send(not_sent(dispatch.id().clone())).await;
            }
        }
    }
}

fn not_sent(request: RequestId) -> DriverEvent {
    let answer = WriteAnswer::NotSent("the driver broke off and has not been started again yet".to_owned());
    DriverEvent::Written(Written { request, answer })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::OffScan;
    use crate::driver::modbus::Inquiry;
    use crate::queue::{self, Sender, WhenFull};
    use crate::tag::{Clock, Now};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::sync::mpsc::Receiver;
    use tokio::sync::oneshot;
    use tokio::task::JoinHandle;

    struct Still;

    impl Clock for Still {
        fn now(&self) -> Now {
            Now::default()
        }
    }

    struct Bench {
        change: watch::Sender<Assignment<()>>,
        instructions: Sender<Instruction>,
        /// While it is there, the driver is wanted.
        commands: Option<Sender<crate::command::Dispatch>>,
        events: Receiver<DriverEvent>,
        starts: Arc<AtomicUsize>,
        task: JoinHandle<()>,
    }

    /// A driver of one device that breaks off at its first starts, and then ends as it should.
    fn bench(failures: usize) -> Bench {
        let (events, told) = queue::bounded("events of a test", 64, WhenFull::Wait);
        let (commands, waiting) = queue::bounded("commands of a test", 4, WhenFull::Refuse);
        let (instructions, asked) = queue::bounded("questions of a test", 4, WhenFull::Refuse);
        let (_, off_scan) = watch::channel(OffScan::default());
        let (change, assignments) = watch::channel(Assignment { generation: Generation(1), settings: () });
        let (_, orders) = queue::bounded("messages of a test", 1, WhenFull::Refuse);
        let inbox = Inbox { commands: waiting, instructions: asked, orders, off_scan };
        let port = Port::new(events, Arc::new(Still));
        let starts = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&starts);
        let task = tokio::spawn(async move {
            keep_running(
                assignments,
                port,
                inbox,
                |()| vec![DeviceId(3)],
                |_, _, _| {
                    if count.fetch_add(1, Ordering::Relaxed) < failures { breaks_off() } else { Box::pin(async {}) }
                },
            )
            .await;
        });
        Bench { change, instructions, commands: Some(commands), events: told, starts, task }
    }

    fn breaks_off() -> Work<'static> {
        Box::pin(async { panic!("a test of a panic") })
    }

    #[tokio::test]
    async fn a_panic_is_an_end_that_is_noticed() {
        assert_eq!(Watched(Box::pin(async {})).await, Ok(()));
        assert_eq!(Watched(breaks_off()).await, Err(BrokeOff("a test of a panic".to_owned())));
        assert_eq!(Watched(Box::pin(async { panic!("number {}", 7) })).await, Err(BrokeOff("number 7".to_owned())));
    }

    #[test]
    fn each_restart_comes_later_than_the_one_before_up_to_a_bound() {
        let mut restarts = Restarts::new();
        let pauses: Vec<_> = (0..8).map(|_| restarts.broke_off(Duration::ZERO).as_secs()).collect();
        assert_eq!((pauses.as_slice(), restarts.count), ([1, 2, 4, 8, 16, 32, 60, 60].as_slice(), 8));
        assert_eq!(restarts.broke_off(LONGEST_PAUSE).as_secs(), 60);
        assert_eq!(restarts.broke_off(LONGEST_PAUSE * 2).as_secs(), 1, "it ran well for a while");
        assert_eq!(restarts.count, 10);
    }

    #[tokio::test]
    async fn each_break_is_told_with_its_number_and_another_assignment_starts_it_at_once() {
        let mut bench = bench(3);
        for (often, words, seconds) in [(1, "once so far", 1), (2, "2 times so far", 2), (3, "3 times so far", 4)] {
            let told = bench.events.recv().await;
            let Some(DriverEvent::Device(report)) = told else { panic!("{told:?}") };
            let Link::Lost { detail, next_try, .. } = report.link else { panic!("{:?}", report.link) };
            assert!(detail.contains("a test of a panic") && detail.contains(words), "{detail}");
            assert_eq!((report.device, report.generation), (DeviceId(3), Generation(often)));
            assert_eq!((report.condition, report.statistics.broke_off), (Condition::Failing, often));
            assert_eq!(next_try.map(|moment| moment.as_micros()), Some(seconds * 1_000_000));
            bench.change.send_replace(Assignment { generation: Generation(often + 1), settings: () });
        }
        bench.task.await.unwrap();
        assert_eq!(bench.starts.load(Ordering::Relaxed), 4, "it was not started again, or after it had ended");
    }

    #[tokio::test]
    async fn nobody_waits_for_a_driver_that_rests() {
        let mut bench = bench(usize::MAX);
        assert!(bench.events.recv().await.is_some());
        let (reply, answer) = oneshot::channel();
        assert!(bench.instructions.try_send(Instruction::Inquiry(Inquiry::Plan(reply))).is_ok());
        assert!(answer.await.is_err());
        drop(bench.commands.take());
        bench.task.await.unwrap();
        assert_eq!(bench.starts.load(Ordering::Relaxed), 1);
    }
}
