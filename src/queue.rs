//! The one place where bounded channels between tasks are made, so that each has a name, a bound and a stated policy, and can be shown.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, Weak};
use tokio::sync::mpsc;

/// What happens to a sender when the queue is full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhenFull {
    /// It waits: the source slows down.
    Wait,
    /// It is refused, in words.
    Refuse,
    /// The oldest entries go, and are counted.
    DropOldest,
}

/// What diagnostics show of a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Its name.
    pub name: &'static str,
    /// Its bound.
    pub capacity: usize,
    /// What happens when it is full.
    pub when_full: WhenFull,
    /// The most entries that it ever held.
    pub high_water: usize,
}

struct Gauge {
    name: &'static str,
    capacity: usize,
    when_full: WhenFull,
    high_water: AtomicUsize,
}

static GAUGES: LazyLock<Mutex<Vec<Weak<Gauge>>>> = LazyLock::new(Mutex::default);

/// The sending end of a queue.
pub struct Sender<T> {
    inner: mpsc::Sender<T>,
    gauge: Arc<Gauge>,
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { inner: self.inner.clone(), gauge: Arc::clone(&self.gauge) }
    }
}

/// Why an entry was not taken.
#[derive(Debug, PartialEq, Eq)]
pub enum Rejected<T> {
    /// The queue is full.
    Full(T),
    /// Nobody listens any more.
    Closed(T),
}

impl<T> Sender<T> {
    /// Puts an entry in, and waits for room; `Err` when nobody listens any more.
    pub async fn send(&self, entry: T) -> Result<(), Rejected<T>> {
        let sent = self.inner.send(entry).await.map_err(|error| Rejected::Closed(error.0));
        self.note();
        sent
    }

    /// Puts an entry in when there is room now.
    pub fn try_send(&self, entry: T) -> Result<(), Rejected<T>> {
        let sent = self.inner.try_send(entry).map_err(|error| match error {
            mpsc::error::TrySendError::Full(entry) => Rejected::Full(entry),
            mpsc::error::TrySendError::Closed(entry) => Rejected::Closed(entry),
        });
        self.note();
        sent
    }

    /// Puts an entry in from a thread that may wait.
    pub fn blocking_send(&self, entry: T) -> Result<(), Rejected<T>> {
        let sent = self.inner.blocking_send(entry).map_err(|error| Rejected::Closed(error.0));
        self.note();
        sent
    }

    fn note(&self) {
        let held = self.gauge.capacity - self.inner.capacity();
        self.gauge.high_water.fetch_max(held, Ordering::Relaxed);
    }
}

/// Makes a queue. `capacity` is at least 1.
#[expect(clippy::disallowed_methods, reason = "this is the one constructor that everything else uses")]
pub fn bounded<T>(name: &'static str, capacity: usize, when_full: WhenFull) -> (Sender<T>, mpsc::Receiver<T>) {
    let capacity = capacity.max(1);
    let (inner, receiver) = mpsc::channel(capacity);
    let gauge = Arc::new(Gauge { name, capacity, when_full, high_water: AtomicUsize::new(0) });
    if let Ok(mut gauges) = GAUGES.lock() {
        gauges.retain(|gauge| gauge.strong_count() > 0);
        gauges.push(Arc::downgrade(&gauge));
    }
    (Sender { inner, gauge }, receiver)
}

/// All queues of this process.
pub fn queues() -> Vec<QueueView> {
    let Ok(gauges) = GAUGES.lock() else { return Vec::new() };
    let live = gauges.iter().filter_map(Weak::upgrade);
    live.map(|gauge| QueueView {
        name: gauge.name,
        capacity: gauge.capacity,
        when_full: gauge.when_full,
        high_water: gauge.high_water.load(Ordering::Relaxed),
    })
    .collect()
}

/// What a thread at the end of a queue said last, where it ended although nobody stopped it; told once. None while it runs.
pub fn ended(thread: &mut Option<std::thread::JoinHandle<()>>) -> Option<String> {
    let fault = thread.take_if(|thread| thread.is_finished())?.join().err();
    let words = fault.as_ref().and_then(|fault| {
        fault
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| fault.downcast_ref::<&str>().map(|words| (*words).to_owned()))
    });
    Some(words.unwrap_or_else(|| "it did not say why".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_queue_gives_the_entry_back_and_shows_its_high_water() {
        let (sender, _receiver) = bounded("test of a full queue", 1, WhenFull::Refuse);
        assert_eq!(sender.try_send(1), Ok(()));
        assert_eq!(sender.try_send(2), Err(Rejected::Full(2)));
        let view = queues().into_iter().find(|view| view.name == "test of a full queue").unwrap();
        assert_eq!((view.capacity, view.high_water), (1, 1));
    }
}
