//! An engine on a thread of its own behind the queues of a station, of which only the newest picture is kept.

use super::ends::{Ends, OrNowhere};
use polder::driver::Port;
use polder::engine::run::{Inlets, run};
use polder::engine::{Engine, Event, Plan, Restored, Snapshot};
use polder::queue::{self, Sender, WhenFull};
use polder::station::SystemClock;
use polder::tag::{Clock, Directory, Generation};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

/// The newest picture.
pub(crate) type Newest = Arc<Mutex<Option<Arc<Snapshot>>>>;

struct Keep(Newest);

impl Ends for Keep {
    fn publish(&mut self, snapshot: Arc<Snapshot>) {
        *self.0.lock().unwrap() = Some(snapshot);
    }
}

/// The engine that runs.
pub(crate) struct Running {
    /// What it showed last.
    pub(crate) newest: Newest,
    urgent: Sender<Event>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Starts one for these tags; its drivers speak through the port.
    pub(crate) fn start(directory: Directory) -> (Self, Port) {
        let plan = Plan { generation: Generation(1), directory: Arc::new(directory), ..Plan::default() };
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let (urgent, urgent_inbox) = queue::bounded("urgent", 64, WhenFull::Refuse);
        let (field, field_inbox) = queue::bounded("field", 1024, WhenFull::Wait);
        let engine = Engine::new(Arc::new(plan), Restored::default());
        let (engine_clock, newest) = (Arc::clone(&clock), Newest::default());
        let mut outlets = OrNowhere(Keep(Arc::clone(&newest)));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            let inlets = Inlets { urgent: urgent_inbox, field: field_inbox };
            runtime.block_on(run(engine, inlets, engine_clock, &mut outlets));
        });
        (Self { newest, urgent, thread }, Port::new(field, clock))
    }

    /// Stops it.
    pub(crate) fn stop(self) {
        let _ = self.urgent.try_send(Event::Stop);
        self.thread.join().unwrap();
    }
}
