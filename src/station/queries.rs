//! Long questions, answered by a thread of their own.

use crate::historian::{QueryError, Reader, Unsealed};
use crate::queue::{self, Sender, WhenFull};
use std::path::{Path, PathBuf};
use tokio::sync::mpsc::Receiver;

/// Questions that may wait.
const QUESTIONS: usize = 64;

/// What a question can look at.
pub struct QueryContext {
    reader: Option<Reader>,
    samples: PathBuf,
    unsealed: Unsealed,
    records: PathBuf,
}

impl QueryContext {
    pub(super) fn new(samples: PathBuf, unsealed: Unsealed, records: PathBuf) -> Self {
        Self { reader: None, samples, unsealed, records }
    }

    /// The samples.
    pub fn samples(&mut self) -> Result<&Reader, QueryError> {
        let reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::open(&self.samples, Some(self.unsealed.clone()))?,
        };
        Ok(self.reader.insert(reader))
    }

    /// The file of records.
    pub fn records(&self) -> &Path {
        &self.records
    }
}

pub(super) type Job = Box<dyn FnOnce(&mut QueryContext) + Send>;

/// Starts the thread; it ends when all senders are gone.
pub(super) fn start(context: QueryContext) -> std::io::Result<Sender<Job>> {
    start_named("queries", "questions to history", context)
}

/// Starts the thread for questions that may take minutes, such as exports, so that pictures need not wait for them.
pub(super) fn start_long(context: QueryContext) -> std::io::Result<Sender<Job>> {
    start_named("long-queries", "long questions to history", context)
}

fn start_named(thread: &str, queue: &'static str, context: QueryContext) -> std::io::Result<Sender<Job>> {
    let (sender, inbox) = queue::bounded(queue, QUESTIONS, WhenFull::Refuse);
    std::thread::Builder::new().name(thread.to_owned()).spawn(move || answer(context, inbox))?;
    Ok(sender)
}

fn answer(mut context: QueryContext, mut inbox: Receiver<Job>) {
    while let Some(job) = inbox.blocking_recv() {
        job(&mut context);
    }
}
