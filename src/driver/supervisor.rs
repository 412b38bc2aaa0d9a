//! Starts a task per connection, hands instructions to them, changes what they work on, stops them.

use super::broken::keep_running;
use super::modbus::{Inquiry, Traffic};
use super::mqtt::Ear;
use super::mqtt::sparkplug::namespace::{NamespaceView, NamespaceWish};
use super::socket::{Counted, Meter};
use super::{Assignment, DriverEvent, DriverNumber, Instruction, OffScan, Written, modbus, mqtt};
use crate::audit::RequestId;
use crate::command::{Dispatch, MessageDispatch, WriteAnswer};
use crate::queue::{self, Rejected, Sender, WhenFull};
use crate::tag::{Clock, ConnectionId, Generation, Mark};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// Commands that may wait in front of one wire.
const COMMANDS: usize = 16;
/// Other instructions that may.
const INSTRUCTIONS: usize = 32;
/// Messages that others want published and that may wait in front of a broker.
const ORDERS: usize = 256;

/// Commands of the next plant that may wait until the drivers know it.
const EARLY: usize = 64;

/// The plant after which there is none: the station stops.
const LAST: Generation = Generation(u32::MAX);

/// How long a task may take to say goodbye.
const GOODBYE: Duration = Duration::from_secs(3);

/// The protocol of a connection, with all that its driver needs.
#[derive(Clone, Debug, PartialEq)]
pub enum Protocol {
    /// Modbus over a socket or a serial line.
    Modbus(modbus::Settings),
    /// MQTT 3.1.1 or 5.
    Mqtt(mqtt::Settings),
}

/// What holds for a connection whatever its protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LinkSettings {
    /// The interface that it is bound to, such as a tunnel; any where none is given. Its protocol knows it as well.
    pub only_via: Option<Arc<str>>,
    /// How many bytes it may take in a calendar month, headers of packets included; any number where none is given.
    pub budget: Option<u64>,
}

/// One connection.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionSettings {
    /// Its slot.
    pub connection: ConnectionId,
    /// Its name.
    pub name: Arc<str>,
    /// What holds whatever the protocol.
    pub link: LinkSettings,
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
    /// What the records know of the devices since before the start.
    pub(super) remembered: Arc<modbus::Remembered>,
    /// How often the driver that it belongs to broke off.
    pub(super) broke_off: u32,
    /// What is collected to go on in one piece; none while events go one by one.
    together: Arc<Mutex<Option<Vec<DriverEvent>>>>,
    /// The start of the driver that it belongs to.
    pub(super) driver: DriverNumber,
}

impl Port {
    /// A port for drivers.
    pub fn new(events: Sender<DriverEvent>, clock: Arc<dyn Clock>) -> Self {
        Self {
            events,
            clock,
            remembered: Arc::default(),
            broke_off: 0,
            together: Arc::default(),
            driver: DriverNumber::default(),
        }
    }

    /// The same with what the records know of the devices.
    pub fn remembering(self, remembered: modbus::Remembered) -> Self {
        Self { remembered: Arc::new(remembered), ..self }
    }

    /// The same for a task that collects events of its own.
    pub(super) fn collecting(self) -> Self {
        Self { together: Arc::default(), ..self }
    }

    /// From now on events are collected, until [`Port::send_together`].
    pub(super) fn collect(&self) {
        if let Ok(mut together) = self.together.lock() {
            together.get_or_insert_default();
        }
    }

    /// Sends what was collected: in one piece where there is a mark behind it, one by one otherwise.
    pub(super) async fn send_together(&self, mark: Option<Mark>) {
        let events = self.together.lock().ok().and_then(|mut together| together.take()).unwrap_or_default();
        match mark {
            Some(mark) => self.send(DriverEvent::Together(events, Box::new(mark))).await,
            None => {
                for event in events {
                    self.send(event).await;
                }
            }
        }
    }

    /// Puts an event to those that are collected; gives it back where none are.
    fn put_together(&self, event: DriverEvent) -> Option<DriverEvent> {
        let Ok(mut together) = self.together.lock() else { return Some(event) };
        match together.as_mut() {
            Some(events) => {
                events.push(event);
                None
            }
            None => Some(event),
        }
    }

    /// Sends an event, waiting for room. When nobody listens any more the station is stopping, and the task with it.
    pub(super) async fn send(&self, event: DriverEvent) {
        let Some(event) = self.put_together(event) else { return };
        if let Err(Rejected::Full(event)) = self.events.try_send(event) {
            let _ = self.events.send(event).await;
        }
    }
}

/// What comes to a driver task.
pub(super) struct Inbox {
    /// Commands; when their sender is gone, the task ends.
    pub(super) commands: Receiver<Dispatch>,
    /// Everything else.
    pub(super) instructions: Receiver<Instruction>,
    /// Messages that others want published; of brokers alone.
    pub(super) orders: Receiver<mqtt::Order>,
    /// Whom nobody may talk to.
    pub(super) off_scan: watch::Receiver<OffScan>,
}

/// How a running task is told to work on something else.
enum Change {
    Modbus(watch::Sender<Assignment<modbus::Settings>>),
    Mqtt(watch::Sender<Assignment<mqtt::Settings>>),
}

/// What a broker says, for those who look, and the task that hears it.
struct Heard {
    ear: Arc<Ear>,
    listener: JoinHandle<()>,
}

impl Drop for Heard {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

struct Running {
    number: DriverNumber,
    connection: ConnectionId,
    name: Arc<str>,
    change: Change,
    traffic: Arc<Traffic>,
    heard: Option<Heard>,
    commands: Sender<Dispatch>,
    instructions: Sender<Instruction>,
    orders: Sender<mqtt::Order>,
    task: Option<JoinHandle<()>>,
}

impl Running {
    /// Whether the task can go on with other settings, without being started anew.
    fn takes(&self, wanted: &ConnectionSettings) -> bool {
        if self.name != wanted.name || self.task.as_ref().is_none_or(JoinHandle::is_finished) {
            return false;
        }
        match (&self.change, &wanted.protocol) {
            // It compares wire and units itself.
            (Change::Modbus(_), Protocol::Modbus(settings)) => self.traffic.is_rtu() == settings.transport.is_rtu(),
            (Change::Mqtt(change), Protocol::Mqtt(settings)) => change.borrow().settings.same_session(settings),
            _ => false,
        }
    }

    fn go_on(&mut self, wanted: ConnectionSettings, generation: Generation) {
        self.connection = wanted.connection;
        match (&self.change, wanted.protocol) {
            (Change::Modbus(change), Protocol::Modbus(settings)) => {
                change.send_replace(Assignment { generation, settings });
            }
            (Change::Mqtt(change), Protocol::Mqtt(settings)) => {
                change.send_replace(Assignment { generation, settings });
            }
            _ => {}
        }
    }

    /// Whether the task has a last word before its wire is closed, and then ends by itself when its inbox is closed.
    const fn says_goodbye(&self) -> bool {
        matches!(&self.change, Change::Mqtt(_))
    }

    /// Stops the task; who waits for the handle knows that its wire is closed.
    fn stop(mut self) -> Option<JoinHandle<()>> {
        let task = self.task.take()?;
        if !self.says_goodbye() {
            task.abort();
        }
        Some(task)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(task) = self.task.as_ref().filter(|_| !self.says_goodbye()) {
            task.abort();
        }
    }
}

/// Why a tool gets no answer of a wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAsked {
    /// There is nothing to ask: another protocol, or no such connection.
    #[error("there is no Modbus wire here that can be asked")]
    NoWire,
    /// The connection leads to no broker.
    #[error("there is no broker here")]
    NoNamespace,
    /// It has too many questions before it.
    #[error("too many questions wait for this wire already; ask again in a moment")]
    Busy,
    /// It was closed before it answered: a reload, a stop, or a driver that broke off.
    #[error("the wire was closed before it answered; ask again in a moment")]
    Closed,
}

/// All driver tasks of a station. Dropping it stops them.
pub struct Drivers {
    running: Vec<Running>,
    /// What each connection sent and received, by its name: a driver that is started anew goes on counting.
    meters: HashMap<Arc<str>, Arc<Meter>>,
    /// What tasks that are started later see as well.
    off_scan: watch::Sender<OffScan>,
    /// The plant that the tasks are told to work on.
    generation: Generation,
    /// Commands of the plant after that: the engine knows it a moment earlier.
    early: Vec<(ConnectionId, Dispatch)>,
    /// The last start of a task.
    last: DriverNumber,
}

impl Default for Drivers {
    fn default() -> Self {
        Self {
            running: Vec::new(),
            meters: HashMap::new(),
            off_scan: watch::channel(OffScan::default()).0,
            generation: Generation(0),
            early: Vec::new(),
            last: DriverNumber::default(),
        }
    }
}

impl Drivers {
    /// Makes the running connections those of `settings`: what can go on goes on, the rest is stopped or started.
    pub fn reconfigure(&mut self, settings: Vec<ConnectionSettings>, port: &Port, generation: Generation) {
        if self.generation == LAST {
            return;
        }
        let before = std::mem::take(&mut self.running);
        let (kept, unwanted): (Vec<_>, Vec<_>) =
            before.into_iter().partition(|running| settings.iter().any(|wanted| running.takes(wanted)));
        // A wire is opened again only after it was closed: many devices have one connection, and a serial port has one owner.
        let ended = end(unwanted);
        let (closed, all_closed) = watch::channel(false);
        tokio::spawn(async move {
            ended.await;
            let _ = closed.send(true);
        });
        (self.running, self.generation) = (kept, generation);
        self.meters.retain(|name, _| settings.iter().any(|wanted| wanted.name == *name));
        for wanted in settings {
            match self.running.iter_mut().find(|running| running.takes(&wanted)) {
                Some(running) => running.go_on(wanted, generation),
                None => {
                    let off_scan = self.off_scan.subscribe();
                    let meter = Arc::clone(self.meters.entry(Arc::clone(&wanted.name)).or_default());
                    self.last.0 = self.last.0.wrapping_add(1);
                    let port = Port { driver: self.last, ..port.clone() };
                    self.running.push(start(wanted, (port, meter), generation, all_closed.clone(), off_scan));
                }
            }
        }
        self.pass_on_early(port);
    }

    /// Commands that came before the plant that they are for. Whoever has no room for one any more says so.
    fn pass_on_early(&mut self, port: &Port) {
        for (connection, dispatch) in std::mem::take(&mut self.early) {
            if let Err(refused) = self.dispatch(connection, dispatch) {
                let answer = WriteAnswer::NotSent("its connection has no room for it".to_owned());
                let written = DriverEvent::Written(Written { request: refused.id().clone(), answer });
                let port = port.clone();
                // The engine may wait for whoever is in here.
                tokio::spawn(async move { port.send(written).await });
            }
        }
    }

    /// Stops all for good, each with its last word; ready when their wires are closed.
    pub fn leave(&mut self) -> impl Future<Output = ()> + use<> {
        self.generation = LAST;
        end(std::mem::take(&mut self.running))
    }

    fn find(&self, connection: ConnectionId) -> Option<&Running> {
        self.running.iter().find(|running| running.connection == connection)
    }

    /// The broker behind the connection of this name. A slot would mean another one for a moment, while a reload is on its way to the drivers.
    fn broker(&self, name: &str) -> Option<&Running> {
        self.running.iter().find(|running| &*running.name == name && matches!(running.change, Change::Mqtt(_)))
    }

    /// Puts a command in front of everything else on its wire; gives it back where there is no room or no wire.
    ///
    /// A slot of the next plant means nothing yet: a command of that waits until the drivers work on it, a moment later.
    pub fn dispatch(&mut self, connection: ConnectionId, dispatch: Dispatch) -> Result<(), Dispatch> {
        if dispatch.generation() > self.generation {
            if self.early.len() == EARLY {
                return Err(dispatch);
            }
            self.early.push((connection, dispatch));
            return Ok(());
        }
        let Some(running) = self.find(connection) else { return Err(dispatch) };
        running.commands.try_send(dispatch).map_err(|rejected| match rejected {
            Rejected::Full(dispatch) | Rejected::Closed(dispatch) => dispatch,
        })
    }

    /// Hands a message to a broker; gives it back where there is no room, or no broker. Otherwise its answer will come.
    pub fn order(&self, order: mqtt::Order) -> Result<(), mqtt::Order> {
        let is_meant = |running: &&Running| order.driver.is_none_or(|driver| driver == running.number);
        let Some(running) = self.broker(&order.connection).filter(is_meant) else { return Err(order) };
        running.orders.try_send(order).map_err(|rejected| match rejected {
            Rejected::Full(order) | Rejected::Closed(order) => order,
        })
    }

    /// These devices are talked to no more, all others are.
    pub fn set_off_scan(&self, devices: OffScan) {
        self.off_scan.send_replace(devices);
    }

    /// Hands a question of a tool to the wire that it is about.
    pub fn inquire(&self, connection: ConnectionId, inquiry: Inquiry) -> Result<(), NotAsked> {
        let asked = |running: &&Running| matches!(running.change, Change::Modbus(_));
        let running = self.find(connection).filter(asked).ok_or(NotAsked::NoWire)?;
        running.instructions.try_send(Instruction::Inquiry(inquiry)).map_err(|rejected| match rejected {
            Rejected::Full(_) => NotAsked::Busy,
            Rejected::Closed(_) => NotAsked::Closed,
        })
    }

    /// Hands somebody's wish to look at a Sparkplug namespace to the broker that it is at.
    pub fn look(
        &self,
        connection: ConnectionId,
        wish: NamespaceWish,
        reply: oneshot::Sender<NamespaceView>,
    ) -> Result<(), NotAsked> {
        let is_broker = |running: &&Running| matches!(running.change, Change::Mqtt(_));
        let running = self.find(connection).filter(is_broker).ok_or(NotAsked::NoNamespace)?;
        running.instructions.try_send(Instruction::Look(Box::new(wish), reply)).map_err(|rejected| match rejected {
            Rejected::Full(_) => NotAsked::Busy,
            Rejected::Closed(_) => NotAsked::Closed,
        })
    }

    /// What each connection has sent and received since the start, by its name.
    pub fn counted(&self) -> HashMap<Arc<str>, Counted> {
        self.meters.iter().map(|(name, meter)| (Arc::clone(name), meter.counted())).collect()
    }

    /// Hands a message by hand to the broker that it is for; `Err` names one for which there is no room or no broker.
    pub fn publish(&self, message: MessageDispatch) -> Result<(), RequestId> {
        let request = message.id().clone();
        let Some(running) = self.broker(&message.message().connection) else { return Err(request) };
        running.instructions.try_send(Instruction::Publish(message)).map_err(|_| request)
    }

    /// What went over a wire.
    pub fn traffic(&self, connection: ConnectionId) -> Option<Arc<Traffic>> {
        self.find(connection).map(|running| Arc::clone(&running.traffic))
    }

    /// The ear of a broker; none where the connection leads to none.
    pub fn ear(&self, connection: ConnectionId) -> Option<Arc<Ear>> {
        let heard = self.find(connection)?.heard.as_ref()?;
        (!heard.listener.is_finished()).then(|| Arc::clone(&heard.ear))
    }
}

/// Ends tasks; ready when they have ended, each after a moment at most.
fn end(unwanted: Vec<Running>) -> impl Future<Output = ()> + use<> {
    let ended: Vec<_> = unwanted.into_iter().filter_map(Running::stop).collect();
    async move {
        let deadline = Instant::now() + GOODBYE;
        for mut task in ended {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                task.abort();
                let _ = task.await;
            }
        }
    }
}

fn start(
    settings: ConnectionSettings,
    (port, meter): (Port, Arc<Meter>),
    generation: Generation,
    mut all_closed: watch::Receiver<bool>,
    off_scan: watch::Receiver<OffScan>,
) -> Running {
    let (commands, waiting) = queue::bounded("commands to a connection", COMMANDS, WhenFull::Refuse);
    let (instructions, told) = queue::bounded("instructions to a connection", INSTRUCTIONS, WhenFull::Refuse);
    let (orders, ordered) = queue::bounded("messages to a broker", ORDERS, WhenFull::Refuse);
    let ConnectionSettings { connection, name, protocol, .. } = settings;
    let is_rtu = matches!(&protocol, Protocol::Modbus(settings) if settings.transport.is_rtu());
    let (traffic, number) = (Arc::new(Traffic::new(is_rtu)), port.driver);
    let inbox = Inbox { commands: waiting, instructions: told, orders: ordered, off_scan };
    let seen = Arc::clone(&traffic);
    let (change, task, heard) = match protocol {
        Protocol::Modbus(settings) => {
            let (sender, assignments) = watch::channel(Assignment { generation, settings });
            let devices = |settings: &modbus::Settings| settings.devices.iter().map(|device| device.device).collect();
            let task = tokio::spawn(meter.count(async move {
                let _ = all_closed.wait_for(|closed| *closed).await;
                keep_running(assignments, port, inbox, devices, move |assignments, port, inbox| {
                    Box::pin(modbus::run(assignments, port, inbox, Arc::clone(&seen)))
                })
                .await;
            }));
            (Change::Modbus(sender), task, None)
        }
        Protocol::Mqtt(settings) => {
            let ear = Arc::new(Ear::default());
            let listening = mqtt::listen(settings.clone(), Arc::clone(&port.clock), Arc::clone(&ear));
            let listener = tokio::spawn(Arc::clone(&meter).count(listening));
            let heard = Heard { ear, listener };
            let (sender, assignments) = watch::channel(Assignment { generation, settings });
            let devices = |settings: &mqtt::Settings| settings.devices.iter().map(|device| device.device).collect();
            let task = tokio::spawn(meter.count(async move {
                let _ = all_closed.wait_for(|closed| *closed).await;
                keep_running(assignments, port, inbox, devices, |assignments, port, inbox| {
                    Box::pin(mqtt::run(assignments, port, inbox))
                })
                .await;
            }));
            (Change::Mqtt(sender), task, Some(heard))
        }
    };
    Running { number, connection, name, change, traffic, heard, commands, instructions, orders, task: Some(task) }
}

#[cfg(test)]
mod tests;
