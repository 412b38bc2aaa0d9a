//! An ear that a tool opens for itself, where no window of a station listens.

use super::SystemClock;
use crate::driver::mqtt::topics::Topics;
use crate::driver::mqtt::{Ear, EarState, Listening, Settings, listen};
use crate::tag::{Clock, Monotonic};
use std::sync::Arc;

/// An ear with a session of its own, for as long as it lives.
pub struct LoneEar {
    _runtime: tokio::runtime::Runtime,
    _listening: Listening,
    ear: Arc<Ear>,
    clock: Arc<dyn Clock>,
}

impl LoneEar {
    /// Begins to listen to the topics of a filter.
    pub fn new(settings: Settings, filter: &str) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (ear, clock): (_, Arc<dyn Clock>) = (Arc::new(Ear::default()), Arc::new(SystemClock::new()));
        let listening = ear.listen(filter);
        drop(runtime.spawn(listen(settings, Arc::clone(&clock), Arc::clone(&ear))));
        Ok(Self { _runtime: runtime, _listening: listening, ear, clock })
    }

    /// Time since it began.
    pub fn now(&self) -> Monotonic {
        self.clock.monotonic()
    }

    /// How listening goes.
    pub fn state(&self) -> EarState {
        self.ear.state(self.now())
    }

    /// What was heard so far.
    pub fn topics(&self) -> Topics {
        self.ear.copy()
    }
}
