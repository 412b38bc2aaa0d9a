//! Starts a task per connection, hands dispatches to them, stops them.

use super::{DriverEvent, modbus, mqtt};
use crate::command::Dispatch;
use crate::queue::{self, Rejected, Sender, WhenFull};
use crate::tag::{Clock, ConnectionId, Generation};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Commands that may wait in front of one wire.
const COMMANDS: usize = 16;

/// The protocol of a connection, with all that its driver needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Protocol {
    /// Modbus TCP or serial RTU.
    Modbus(modbus::Settings),
    /// MQTT 3.1.1.
    Mqtt(mqtt::Settings),
}

/// One connection.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionSettings {
    /// Its slot.
    pub connection: ConnectionId,
    /// Its name.
    pub name: Arc<str>,
    /// How to talk over it.
    pub protocol: Protocol,
}

/// What every driver task is given.
#[derive(Clone)]
pub struct Port {
    /// Where events go.
    pub events: Sender<DriverEvent>,
    /// Where time comes from.
    pub clock: Arc<dyn Clock>,
    generation: Arc<AtomicU32>,
}

impl Port {
    /// A port for drivers of `generation`.
    pub fn new(events: Sender<DriverEvent>, clock: Arc<dyn Clock>, generation: Generation) -> Self {
        Self { events, clock, generation: Arc::new(AtomicU32::new(generation.0)) }
    }

    /// The plant that its drivers work for.
    pub fn generation(&self) -> Generation {
        Generation(self.generation.load(Ordering::Acquire))
    }

    /// Sends an event, waiting for room. When nobody listens any more the station is stopping, and the task with it.
    pub(super) async fn send(&self, event: DriverEvent) {
        let _ = self.events.send(event).await;
    }
}

struct Running {
    settings: ConnectionSettings,
    port: Port,
    dispatches: Sender<Dispatch>,
    task: Option<JoinHandle<()>>,
}

impl Running {
    /// Stops the task; who waits for the handle knows that its wire is closed.
    fn stop(mut self) -> Option<JoinHandle<()>> {
        self.task.take().inspect(JoinHandle::abort)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// All driver tasks of a station. Dropping it stops them.
#[derive(Default)]
pub struct Drivers {
    running: Vec<Running>,
}

impl Drivers {
    /// Makes the running connections those of `settings`: what is equal goes on, the rest is stopped or started.
    pub fn reconfigure(&mut self, settings: Vec<ConnectionSettings>, port: &Port) {
        let before = std::mem::take(&mut self.running);
        let (kept, unwanted): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|running| settings.contains(&running.settings));
        // A wire is opened again only after it was closed: many devices have one connection, and a serial port has one owner.
        let ended: Vec<_> = unwanted.into_iter().filter_map(Running::stop).collect();
        let (closed, all_closed) = watch::channel(false);
        tokio::spawn(async move {
            for task in ended {
                let _ = task.await;
            }
            let _ = closed.send(true);
        });
        self.running = kept;
        for running in &self.running {
            running.port.generation.store(port.generation().0, Ordering::Release);
        }
        for wanted in settings {
            if !self.running.iter().any(|running| running.settings == wanted) {
                self.running.push(start(wanted, port, all_closed.clone()));
            }
        }
    }

    /// Puts a command in front of everything else on its wire; gives it back where there is no room or no wire.
    pub fn dispatch(&self, connection: ConnectionId, dispatch: Dispatch) -> Result<(), Dispatch> {
        let running = self.running.iter().find(|running| running.settings.connection == connection);
        let Some(running) = running else { return Err(dispatch) };
        running.dispatches.try_send(dispatch).map_err(|rejected| match rejected {
            Rejected::Full(dispatch) | Rejected::Closed(dispatch) => dispatch,
        })
    }
}

fn start(settings: ConnectionSettings, port: &Port, mut all_closed: watch::Receiver<bool>) -> Running {
    let (dispatches, inbox) = queue::bounded("commands to a connection", COMMANDS, WhenFull::Refuse);
    let port = Port::new(port.events.clone(), Arc::clone(&port.clock), port.generation());
    let (protocol, own) = (settings.protocol.clone(), port.clone());
    let task = tokio::spawn(async move {
        let _ = all_closed.wait_for(|closed| *closed).await;
        match protocol {
            Protocol::Modbus(modbus) => modbus::run(modbus, own, inbox).await,
            Protocol::Mqtt(mqtt) => mqtt::run(mqtt, own, inbox).await,
        }
    });
    Running { settings, port, dispatches, task: Some(task) }
}
