//! Questions of tools to the wires: through the station's own connections, or over a wire that is opened for a tool alone.

use super::{Handle, SystemClock};
use crate::alarm::annunciation::Bell;
use crate::driver::modbus::{Inquiry, Presence, Settings, Traffic, TrustLine, WirePlan};
use crate::driver::mqtt::Ear;
use crate::driver::mqtt::sparkplug::namespace::{NamespaceView, NamespaceWish};
use crate::driver::{ConnectionSettings, Drivers, LinkSettings, NotAsked, Port, Protocol};
use crate::engine::{ToolReply, ToolRequest};
use crate::queue::{self, WhenFull};
use crate::tag::{ConnectionId, Generation, TagId};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::oneshot;

/// The answer to a tool's question, when it is there.
#[derive(Debug)]
pub struct Asked<T>(Result<oneshot::Receiver<T>, NotAsked>);

impl<T> Asked<T> {
    /// The answer, or why none will come; none while it is awaited.
    pub fn poll(&mut self) -> Option<Result<T, NotAsked>> {
        let receiver = match &mut self.0 {
            Ok(receiver) => receiver,
            Err(why) => return Some(Err(*why)),
        };
        match receiver.try_recv() {
            Ok(answer) => Some(Ok(answer)),
            Err(oneshot::error::TryRecvError::Empty) => None,
            Err(oneshot::error::TryRecvError::Closed) => Some(Err(NotAsked::Closed)),
        }
    }

    #[cfg(test)]
    pub(crate) fn pair() -> (oneshot::Sender<T>, Self) {
        let (sender, receiver) = oneshot::channel();
        (sender, Self(Ok(receiver)))
    }

    /// Waits for the answer, or for the reason why none will come.
    pub async fn wait(self) -> Result<T, NotAsked> {
        self.0?.await.map_err(|_| NotAsked::Closed)
    }

    /// Waits for the answer on a thread that may wait.
    pub fn wait_blocking(self) -> Result<T, NotAsked> {
        self.0?.blocking_recv().map_err(|_| NotAsked::Closed)
    }
}

fn ask<T>(
    drivers: &Mutex<Drivers>,
    connection: ConnectionId,
    question: impl FnOnce(oneshot::Sender<T>) -> Inquiry,
) -> Asked<T> {
    let (sender, receiver) = oneshot::channel();
    // A lock that is poisoned belongs to a station that is stopping.
    let drivers = drivers.lock().map_err(|_| NotAsked::Closed);
    let taken = drivers.and_then(|drivers| drivers.inquire(connection, question(sender)));
    Asked(taken.map(|()| receiver))
}

fn not_asked(why: NotAsked) -> String {
    why.to_string()
}

impl Handle {
    /// Asks a wire something, such as `|reply| Inquiry::Read(wish, reply)`. Commands and polls go before it.
    pub fn inquire<T>(
        &self,
        connection: ConnectionId,
        question: impl FnOnce(oneshot::Sender<T>) -> Inquiry,
    ) -> Asked<T> {
        ask(&self.drivers, connection, question)
    }

    /// What a broker's driver knows of its Sparkplug namespace.
    pub fn look(&self, connection: ConnectionId, wish: NamespaceWish) -> Asked<NamespaceView> {
        let (sender, receiver) = oneshot::channel();
        let drivers = self.drivers.lock().map_err(|_| NotAsked::Closed);
        let taken = drivers.and_then(|drivers| drivers.look(connection, wish, sender));
        Asked(taken.map(|()| receiver))
    }

    /// Where the value of a tag comes from, down to the bytes.
    pub fn trace(&self, tag: TagId) -> Asked<Option<TrustLine>> {
        match self.wire_of(tag) {
            Some(connection) => self.inquire(connection, |reply| Inquiry::Trace(tag, reply)),
            None => Asked(Err(NotAsked::NoWire)),
        }
    }

    fn wire_of(&self, tag: TagId) -> Option<ConnectionId> {
        let plan = Arc::clone(&self.snapshot().plan);
        let device = plan.directory.tag(tag)?.device?;
        Some(plan.directory.device(device)?.connection)
    }

    /// What went over a wire.
    pub fn traffic(&self, connection: ConnectionId) -> Option<Arc<Traffic>> {
        self.drivers.lock().ok()?.traffic(connection)
    }

    /// What a broker says, for those who look; none where the connection leads to none.
    pub fn ear(&self, connection: ConnectionId) -> Option<Arc<Ear>> {
        self.drivers.lock().ok()?.ear(connection)
    }

    fn connection(&self, name: &str) -> Result<ConnectionId, String> {
        let plan = Arc::clone(&self.snapshot().plan);
        let place = plan.directory.connections().iter().position(|connection| &*connection.name == name);
        place.map(|slot| ConnectionId(slot as u32)).ok_or_else(|| format!("there is no connection \"{name}\""))
    }

    /// Answers a tool that asks from outside.
    pub(super) async fn tool(&self, request: ToolRequest) -> Result<ToolReply, String> {
        match request {
            ToolRequest::Read { connection, wish } => {
                let asked = self.inquire(self.connection(&connection)?, |reply| Inquiry::Read(wish, reply));
                asked.wait().await.map_err(not_asked)?.map(ToolReply::Read)
            }
            ToolRequest::Identify { connection, unit } => {
                let asked = self.inquire(self.connection(&connection)?, |reply| Inquiry::Identify(unit, reply));
                asked.wait().await.map_err(not_asked)?.map(ToolReply::Identity)
            }
            ToolRequest::Find { connection, unit, limit_millis } => {
                // Whoever asks must not hold up polls and commands for long.
                let limit = Duration::from_millis(limit_millis).min(LONGEST_FIND);
                let connection = self.connection(&connection)?;
                let presence = self.inquire(connection, |reply| Inquiry::Probe(unit, limit, reply)).wait().await;
                presence.map_err(not_asked).map(|presence| ToolReply::Presence { presence })
            }
            ToolRequest::Echo { connection, unit } => {
                let asked = self.inquire(self.connection(&connection)?, |reply| Inquiry::Echo(unit, reply));
                asked.wait().await.map_err(not_asked)?.map(|micros| ToolReply::Echo { micros })
            }
            ToolRequest::Plan => Ok(ToolReply::Plan { wires: self.plans().await }),
            ToolRequest::Trace { tag } => {
                let plan = Arc::clone(&self.snapshot().plan);
                let slot = plan.directory.find(tag.as_str()).ok_or_else(|| format!("there is no tag \"{tag}\""))?;
                let line = self.trace(slot).wait().await.map_err(not_asked)?;
                line.map(ToolReply::Trace).ok_or_else(|| format!("nothing was read of \"{tag}\" yet"))
            }
            ToolRequest::Reload { apply } => {
                let handle = self.clone();
                let reload = tokio::task::spawn_blocking(move || handle.reload(apply)).await;
                let difference = reload.map_err(|_| "the reload broke off".to_owned())??;
                Ok(ToolReply::Reload { difference })
            }
            ToolRequest::Silence => {
                let view = self.annunciator();
                if !view.is_on {
                    return Err(
                        "alarms make no sound at this station; `polder run --sound` or a window lets them".to_owned()
                    );
                }
                self.silence();
                Ok(ToolReply::Silenced { sounded: matches!(view.bell, Bell::Sounding(_)) })
            }
            ToolRequest::Links => Ok(ToolReply::Links { links: self.snapshot().health.links.to_vec() }),
            ToolRequest::Forget { pattern } => {
                let handle = self.clone();
                let forgotten = tokio::task::spawn_blocking(move || handle.forget_found(&pattern)).await;
                let names = forgotten.map_err(|_| "forgetting broke off".to_owned())??;
                Ok(ToolReply::Forgotten { names })
            }
            ToolRequest::Traffic { connection, first } => self.traffic_since(&connection, first),
        }
    }

    async fn plans(&self) -> Vec<(Arc<str>, WirePlan)> {
        let plan = Arc::clone(&self.snapshot().plan);
        let mut wires = Vec::new();
        for (slot, connection) in plan.directory.connections().iter().enumerate() {
            if let Ok(wire) = self.inquire(ConnectionId(slot as u32), Inquiry::Plan).wait().await {
                wires.push((Arc::clone(&connection.name), wire));
            }
        }
        wires
    }

    /// Whoever asks again and again is taken to be watching; the ring forgets by itself.
    fn traffic_since(&self, connection: &str, first: u64) -> Result<ToolReply, String> {
        let traffic = self.traffic(self.connection(connection)?).ok_or_else(|| not_asked(NotAsked::NoWire))?;
        traffic.ask_for(WATCHED, self.now().monotonic);
        Ok(ToolReply::Traffic { exchanges: traffic.since(first), is_rtu: traffic.is_rtu() })
    }
}

/// A unit that is looked for gets at most this long.
pub(super) const LONGEST_FIND: Duration = Duration::from_secs(5);

/// How long a tool that asked for the traffic of a wire is taken to be watching.
const WATCHED: Duration = Duration::from_secs(5);

/// A wire that is open for a tool alone, where no station holds it.
pub struct LoneWire {
    runtime: tokio::runtime::Runtime,
    drivers: Mutex<Drivers>,
}

impl LoneWire {
    /// Prepares the wire; it is opened with the first question.
    pub fn new(settings: Settings) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let (events, mut ignored) = queue::bounded("events of a tool", 64, WhenFull::Wait);
        let mut drivers = Drivers::default();
        let port = Port::new(events, Arc::new(SystemClock::new()));
        let protocol = Protocol::Modbus(settings);
        let connection = ConnectionSettings {
            connection: ConnectionId(0),
            name: "tool".into(),
            link: LinkSettings::default(),
            protocol,
        };
        {
            let _inside = runtime.enter();
            drivers.reconfigure(vec![connection], &port, Generation(1));
        }
        runtime.spawn(async move { while ignored.recv().await.is_some() {} });
        Ok(Self { runtime, drivers: Mutex::new(drivers) })
    }

    /// Asks, and waits for the answer, or for the reason why none will come.
    pub fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Inquiry) -> Result<T, NotAsked> {
        let asked = ask(&self.drivers, ConnectionId(0), question);
        self.runtime.block_on(asked.wait())
    }

    /// Whether a unit answers.
    pub fn find(&self, unit: u8, limit: Duration) -> Presence {
        let answer = self.ask(|reply| Inquiry::Probe(unit, limit, reply));
        answer.unwrap_or_else(|why| Presence::NoWire(not_asked(why)))
    }
}
