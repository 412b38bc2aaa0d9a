//! What windows, sockets and tests hold of a running station.

use super::annunciator::Desk;
use super::queries::{Job, QueryContext};
use super::reload::Reloader;
use crate::access::Principal;
use crate::alarm::OccurrenceId;
use crate::audit::RequestId;
use crate::command::{Confirmation, Message};
use crate::config::table::{TagWish, add_tag};
use crate::driver::Drivers;
use crate::engine::{Event, PROTOCOL_VERSION, Reply, ReplyId, Request, RequestBody, Snapshot};
use crate::queue::{self, Sender, WhenFull};
use crate::tag::{Clock, Now, TagKey, Timestamp, Value};
use arc_swap::ArcSwap;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// How long a request may be under way before it becomes void.
const EXPIRY: Duration = Duration::from_secs(10);

pub(super) type Waker = Box<dyn Fn() + Send + Sync>;

/// Those who wait for replies.
#[derive(Default)]
pub(super) struct Waiting {
    replies: Mutex<HashMap<ReplyId, oneshot::Sender<Reply>>>,
    next: AtomicU64,
}

impl Waiting {
    pub(super) fn add(&self) -> (ReplyId, oneshot::Receiver<Reply>) {
        let id = ReplyId(self.next.fetch_add(1, Ordering::Relaxed));
        let (sender, receiver) = oneshot::channel();
        if let Ok(mut replies) = self.replies.lock() {
            // Those who went away without waiting are forgotten.
            replies.retain(|_, sender| !sender.is_closed());
            replies.insert(id, sender);
        }
        (id, receiver)
    }

    /// No reply will come any more.
    pub(super) fn clear(&self) {
        if let Ok(mut replies) = self.replies.lock() {
            replies.clear();
        }
    }

    pub(super) fn answer(&self, id: ReplyId, reply: Reply) {
        let sender = self.replies.lock().ok().and_then(|mut replies| replies.remove(&id));
        if let Some(sender) = sender {
            let _ = sender.send(reply);
        }
    }
}

/// A reply that is on its way.
#[derive(Debug)]
pub struct Pending<T> {
    receiver: oneshot::Receiver<T>,
    request: RequestId,
}

impl<T> Pending<T> {
    /// The reply, when it is there; `Some(None)` when it will never come because the station stopped.
    pub fn poll(&mut self) -> Option<Option<T>> {
        match self.receiver.try_recv() {
            Ok(reply) => Some(Some(reply)),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(None),
        }
    }

    /// Waits for the reply; `None` when the station stopped.
    pub async fn wait(self) -> Option<T> {
        self.receiver.await.ok()
    }

    /// Waits for the reply on a thread that may wait.
    pub fn wait_blocking(self) -> Option<T> {
        self.receiver.blocking_recv().ok()
    }

    /// The request that it answers.
    pub fn request(&self) -> &RequestId {
        &self.request
    }
}

/// An answer to a question to history. Dropping it cancels the question.
#[derive(Debug)]
pub struct Ticket<T> {
    receiver: oneshot::Receiver<T>,
    cancelled: Arc<AtomicBool>,
}

impl<T> Ticket<T> {
    /// The answer, when it is there; `Some(None)` when it will never come.
    pub fn poll(&mut self) -> Option<Option<T>> {
        match self.receiver.try_recv() {
            Ok(answer) => Some(Some(answer)),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(None),
        }
    }

    /// Waits for the answer on a thread that may wait.
    pub fn wait_blocking(mut self) -> Option<T> {
        let (_, unused) = oneshot::channel();
        std::mem::replace(&mut self.receiver, unused).blocking_recv().ok()
    }
}

impl<T> Drop for Ticket<T> {
    fn drop(&mut self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }
}

/// A running station, as others see it. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) snapshots: Arc<ArcSwap<Snapshot>>,
    pub(super) urgent: Sender<Event>,
    pub(super) waiting: Arc<Waiting>,
    pub(super) jobs: Sender<Job>,
    pub(super) long_jobs: Sender<Job>,
    pub(super) wakers: Arc<Mutex<Vec<Waker>>>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) person: Principal,
    pub(super) folder: PathBuf,
    pub(super) session: Arc<str>,
    pub(super) drivers: Arc<Mutex<Drivers>>,
    pub(super) reloader: Option<Arc<Reloader>>,
    pub(super) annunciator: Arc<Desk>,
    /// Held by whoever changes the file of what was found.
    pub(super) found_file: Arc<Mutex<()>>,
}

impl Handle {
    /// A handle without a station behind it: it shows `snapshot` at the moment that `clock` says, and what is asked of it comes out of
    /// the receiver. For tests and benchmarks of the window; history knows nothing.
    pub fn detached(snapshot: Snapshot, clock: Arc<dyn Clock>) -> (Self, tokio::sync::mpsc::Receiver<Event>) {
        let (urgent, inbox) = queue::bounded("requests of a detached window", 256, WhenFull::Refuse);
        let (jobs, _) = queue::bounded("questions of a detached window", 1, WhenFull::Refuse);
        let long_jobs = jobs.clone();
        let handle = Self {
            snapshots: Arc::new(ArcSwap::from_pointee(snapshot)),
            urgent,
            waiting: Arc::default(),
            jobs,
            long_jobs,
            wakers: Arc::default(),
            clock,
            person: Principal::person("anna"),
            folder: PathBuf::new(),
            session: "detached".into(),
            drivers: Arc::default(),
            reloader: None,
            annunciator: Arc::default(),
            found_file: Arc::default(),
        };
        (handle, inbox)
    }

    /// Puts another picture in, as the engine does.
    pub fn publish(&self, snapshot: Snapshot) {
        self.snapshots.store(Arc::new(snapshot));
        wake(&self.wakers);
    }

    /// The newest picture.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshots.load_full()
    }

    /// The station's time.
    pub fn now(&self) -> Now {
        self.clock.now()
    }

    /// The person at this computer.
    pub fn person(&self) -> &Principal {
        &self.person
    }

    /// The station folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Calls `waker` whenever a new picture is there.
    pub fn add_waker(&self, waker: impl Fn() + Send + Sync + 'static) {
        if let Ok(mut wakers) = self.wakers.lock() {
            wakers.push(Box::new(waker));
        }
    }

    /// Acknowledges occurrences, for the person at this computer.
    pub fn acknowledge(&self, occurrences: Vec<OccurrenceId>, comment: &str) -> Pending<Reply> {
        self.request(RequestBody::Acknowledge { occurrences, comment: comment.into() })
    }

    /// Sets a tag, for the person at this computer.
    pub fn command(
        &self,
        tag: TagKey,
        value: Value,
        value_seen: Option<Value>,
        reason: &str,
        confirmation: Confirmation,
    ) -> Pending<Reply> {
        self.request(RequestBody::Command { tag, value, value_seen, reason: reason.into(), confirmation })
    }

    /// Publishes a message by hand, for the person at this computer.
    pub fn publish_message(&self, message: Message, reason: &str, confirmation: Confirmation) -> Pending<Reply> {
        self.request(RequestBody::Publish { message, reason: reason.into(), confirmation })
    }

    /// Takes a device off scan or puts it back, for the person at this computer.
    pub fn scan(&self, device: &str, on: bool, reason: &str) -> Pending<Reply> {
        self.request(RequestBody::Scan { device: device.into(), on, reason: reason.into() })
    }

    /// Stops a bridge or starts it again, for the person at this computer.
    pub fn bridge(&self, name: &str, on: bool, reason: &str) -> Pending<Reply> {
        self.request(RequestBody::Bridge { name: name.into(), on, reason: reason.into() })
    }

    /// Records that the person at this computer checked a measurement from the device to the screen.
    pub fn loop_check(&self, tag: TagKey, value_seen: Option<Value>, passed: bool, remark: &str) -> Pending<Reply> {
        self.request(RequestBody::LoopCheck { tag, value_seen, passed, remark: remark.into() })
    }

    /// Pins words to a moment of the trends, for the person at this computer.
    pub fn note(&self, at: Timestamp, words: &str) -> Pending<Reply> {
        self.request(RequestBody::Note { at, words: words.into() })
    }

    /// Makes a request for the person at this computer.
    pub fn request(&self, body: RequestBody) -> Pending<Reply> {
        let request = Request {
            version: PROTOCOL_VERSION,
            id: self.new_id(),
            principal: self.person.clone(),
            expires: self.clock.now().utc.plus(EXPIRY),
            body,
        };
        self.submit(request)
    }

    /// Submits a whole request. When the station has too much to do, the reply says so at once.
    pub fn submit(&self, request: Request) -> Pending<Reply> {
        let (id, receiver) = self.waiting.add();
        let name = request.id.clone();
        if self.urgent.try_send(Event::Request(request, id)).is_err() {
            self.waiting
                .answer(id, Reply::Refused { why: "the station has too much to do; nothing was done".to_owned() });
        }
        Pending { receiver, request: name }
    }

    /// Adds a tag to the station file; the file that was written. The station takes it up when it is reloaded.
    pub fn add_tag(&self, wish: TagWish) -> Ticket<Result<String, String>> {
        let folder = self.folder.clone();
        self.ask(move |_, _| add_tag(&folder, &wish))
    }

    /// A name that no other request has.
    pub fn new_id(&self) -> RequestId {
        let number = self.waiting.next.fetch_add(1, Ordering::Relaxed);
        RequestId::from(format!("{}-{number}", self.session).as_str())
    }

    /// Asks history something, off this thread. The job is told how to find out whether the answer is still wanted.
    pub fn ask<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut QueryContext, &dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Ticket<T> {
        self.ask_on(&self.jobs, job)
    }

    /// The same for questions that may take minutes: they wait for each other, and nobody else waits for them.
    pub fn ask_long<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut QueryContext, &dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Ticket<T> {
        self.ask_on(&self.long_jobs, job)
    }

    fn ask_on<T: Send + 'static>(
        &self,
        jobs: &Sender<Job>,
        job: impl FnOnce(&mut QueryContext, &dyn Fn() -> bool) -> T + Send + 'static,
    ) -> Ticket<T> {
        let (sender, receiver) = oneshot::channel();
        let cancelled = Arc::new(AtomicBool::new(false));
        let (flag, wakers) = (Arc::clone(&cancelled), Arc::clone(&self.wakers));
        let work: Job = Box::new(move |context| {
            if flag.load(Ordering::Relaxed) {
                return;
            }
            let answer = job(context, &|| flag.load(Ordering::Relaxed));
            let _ = sender.send(answer);
            wake(&wakers);
        });
        // When the queue is full the sender is dropped with the job, and the ticket says that no answer will come.
        let _ = jobs.try_send(work);
        Ticket { receiver, cancelled }
    }
}

pub(super) fn wake(wakers: &Mutex<Vec<Waker>>) {
    if let Ok(wakers) = wakers.lock() {
        wakers.iter().for_each(|waker| waker());
    }
}
