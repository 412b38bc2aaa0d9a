//! The driver of one broker: one connection after another until its inbox is closed.

mod events;

use super::asks::Asks;
use super::client::Client;
use super::deliver::deliver;
use super::edge_side::EdgeSide;
use super::gather::Gatherer;
use super::intake::Intake;
use super::marks::Marks;
use super::packet::Subscription;
use super::session::{self, Receipt};
use super::sparkplug::namespace::NamespaceView;
use super::sparkplug_side::Side;
use super::{Commands, Order, Orders, QoS, Settings};
use crate::command::{Dispatch, MessageDispatch, WriteAnswer};
use crate::driver::backoff::Backoff;
use crate::driver::report::Reporter;
use crate::driver::socket::look_at_interface;
use crate::driver::{Assignment, DriverEvent, Inbox, Instruction, Port, Written};
use crate::tag::{Generation, Monotonic, Reason};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// How often it is looked whether what was held up has come.
const BETWEEN_LOOKS: Duration = Duration::from_millis(250);
/// Messages that may still wait for the broker's confirmation when no more are taken that others want published.
const KEPT_FOR_COMMANDS: u16 = 4;

/// Most brokers allow 20 messages and more; of few, something is left for what is told.
fn kept_for_commands(quota: u16) -> u16 {
    KEPT_FOR_COMMANDS.min(quota / 4)
}

/// Runs one connection after another until its inbox is closed.
pub(in crate::driver) async fn run(
    mut assignments: watch::Receiver<Assignment<Settings>>,
    port: Port,
    inbox: &mut Inbox,
) {
    let assignment = assignments.borrow_and_update().clone();
    let mut broker = Broker::new(assignment, port);
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let ended = broker.connection(inbox, &mut assignments).await;
        if broker.was_up {
            backoff.succeed();
        }
        // What was under way has its outcome before anything else is said.
        let _ = broker.take_events().await;
        let Ended::Lost(why) = ended else { return };
        let pause = pause_after(&why, &mut backoff);
        broker.lose(&why, pause).await;
        if !broker.rest(pause, inbox, &mut assignments).await {
            return;
        }
    }
}

/// How long to leave the broker alone. Where it took us and has lost the session, a new one is begun at once: until there is one, with its
/// subscriptions, whatever is published is lost.
fn pause_after(why: &session::End, backoff: &mut Backoff) -> Duration {
    match why {
        session::End::SessionLost => {
            backoff.succeed();
            Duration::ZERO
        }
        _ => backoff.fail(),
    }
}

enum Ended {
    Stopped,
    Lost(session::End),
}

pub(super) struct Broker {
    pub(super) settings: Settings,
    pub(super) generation: Generation,
    pub(super) port: Port,
    pub(super) client: Client,
    pub(super) reporters: Vec<Reporter>,
    pub(super) sparkplug: Option<Side>,
    pub(super) edge: Option<EdgeSide>,
    /// The edge node ends this connection, to begin a new session.
    pub(super) begins_anew: bool,
    pub(super) asks: Asks,
    intake: Intake,
    gatherer: Gatherer,
    commands: Commands,
    orders: Orders,
    /// Filters that the broker refuses on this connection, with its reason.
    pub(super) refused: BTreeMap<Arc<str>, String>,
    /// Messages that wait for their acknowledgement until they are handed on.
    receipts: Vec<Receipt>,
    /// Those that wait until history has them.
    marks: Marks,
    /// Whether history has said which messages of the session it has.
    is_recalled: bool,
    /// Whether it need not say it: the broker has lost the session before our eyes, and nothing was taken in of the new one.
    is_session_new: bool,
    /// Whether it was told of the devices that their messages are held up, because those before them wait for history.
    is_held_up: bool,
    /// When a message over the limit was last written of.
    warned: Option<Monotonic>,
    /// Whether the broker took this connection.
    was_up: bool,
    /// Whether it has answered the subscriptions.
    is_ready: bool,
}

impl Broker {
    fn new(assignment: Assignment<Settings>, port: Port) -> Self {
        let Assignment { generation, settings } = assignment;
        let client = Client::new(
            settings.endpoint.clone(),
            settings.options.clone(),
            settings.packet_limit,
            Arc::clone(&port.clock),
        );
        let marks = Marks::new(&settings.endpoint, &settings.options);
        let is_recalled = !marks.keeps_identifiers();
        Self {
            reporters: settings.devices.iter().map(|device| Reporter::new(generation, device.device)).collect(),
            intake: Intake::new(&settings),
            sparkplug: Side::new(&settings),
            edge: EdgeSide::new(&settings),
            begins_anew: false,
            asks: Asks::new(&settings, port.driver),
            client,
            settings,
            generation,
            port: port.collecting(),
            gatherer: Gatherer::default(),
            commands: Commands::default(),
            orders: Orders::default(),
            refused: BTreeMap::new(),
            receipts: Vec::new(),
            marks,
            is_recalled,
            is_session_new: false,
            is_held_up: false,
            warned: None,
            was_up: false,
            is_ready: false,
        }
    }

    /// Goes on with other settings of the same session.
    async fn adopt(&mut self, assignment: Assignment<Settings>) -> Result<(), session::End> {
        let Assignment { generation, settings } = assignment;
        if settings.same_but_found(&self.settings) {
            for (reporter, device) in self.reporters.iter_mut().zip(&settings.devices) {
                reporter.move_to(generation, device.device);
            }
        } else {
            self.reporters = settings.devices.iter().map(|device| Reporter::new(generation, device.device)).collect();
        }
        self.intake.adopt(&self.settings, &settings);
        self.client.repeat(&settings.filters_to_repeat(&self.settings));
        self.gatherer = Gatherer::default();
        self.refused.retain(|filter, _| settings.filters().contains(&**filter));
        (self.settings, self.generation) = (settings, generation);
        self.deliver_kept().await;
        if let Some(side) = &mut self.sparkplug {
            side.adopt(&self.settings, self.port.clock.now());
        }
        self.asks.adopt(&self.settings);
        self.client.want(self.subscriptions())?;
        if self.is_ready {
            self.tell_devices().await;
            self.say().await;
        }
        Ok(())
    }

    /// What was said about tags before they were. Without a connection there is none of it, and nothing speaks for the devices.
    async fn deliver_kept(&mut self) {
        if self.client.is_up() {
            let now = self.port.clock.now().utc;
            let said = self.intake.take_kept(&self.settings, now);
            self.deliver(said).await;
        }
    }

    fn subscriptions(&self) -> Vec<Subscription> {
        let filters = self.settings.filters().into_iter();
        let of_points = filters.map(|filter| Subscription::new(filter, self.settings.qos));
        let of_asks = self.asks.filters().map(|filter| Subscription::new(filter, QoS::AtLeastOnce));
        let of_edge = self.edge.iter().flat_map(EdgeSide::subscriptions);
        of_points.chain(self.sparkplug.iter().flat_map(Side::subscriptions)).chain(of_asks).chain(of_edge).collect()
    }

    /// One connection, from opening it to its end.
    async fn connection(
        &mut self,
        inbox: &mut Inbox,
        assignments: &mut watch::Receiver<Assignment<Settings>>,
    ) -> Ended {
        (self.was_up, self.is_ready, self.begins_anew) = (false, false, false);
        self.refused.clear();
        self.prepare_sparkplug();
        self.prepare_edge();
        let connect = async {
            if !self.is_recalled {
                let limit = self.settings.options.timeout;
                let recalled = recall(&mut self.marks, &self.port, &mut self.client, limit).await;
                // What it is asked to forget stands before all that comes of the new session; only a restart in between could mix them up.
                if !self.is_session_new {
                    recalled?;
                } else if let Err(why) = recalled {
                    tracing::warn!(
                        "broker {}: {why}; it goes on all the same, as the session is a new one",
                        self.settings.endpoint
                    );
                }
                (self.is_recalled, self.is_session_new) = (true, false);
            }
            self.client.connect().await
        };
        match refuse_until(connect, &self.port, inbox).await {
            None => return Ended::Stopped,
            Some(Err(end)) => return Ended::Lost(end),
            Some(Ok(())) => {}
        }
        let wanted = self.client.want(self.subscriptions());
        match wanted {
            Ok(()) => self.converse(inbox, assignments).await,
            Err(end) => Ended::Lost(end),
        }
    }

    async fn converse(&mut self, inbox: &mut Inbox, assignments: &mut watch::Receiver<Assignment<Settings>>) -> Ended {
        loop {
            let deadline = self.sparkplug.as_ref().and_then(Side::next_deadline);
            let now = self.port.clock.monotonic();
            let deadline = [deadline, self.next_of_edge(), self.next_of_marks(now)].into_iter().flatten().min();
            let turned = tokio::select! {
                biased;
                dispatch = inbox.commands.recv() => match dispatch {
                    Some(dispatch) => {
                        let caught_up = self.catch_up(dispatch.generation(), assignments).await;
                        self.carry_out(&dispatch).await;
                        caught_up
                    }
                    None => {
                        self.leave(inbox).await;
                        return Ended::Stopped;
                    }
                },
                // What is off scan the engine does not listen to.
                Some(instruction) = inbox.instructions.recv() => {
                    self.obey(instruction).await;
                    Ok(())
                }
                changed = assignments.changed() => {
                    if changed.is_err() {
                        self.leave(inbox).await;
                        return Ended::Stopped;
                    }
                    let assignment = assignments.borrow_and_update().clone();
                    self.adopt(assignment).await
                }
                Some(order) = inbox.orders.recv(), if self.takes_orders() => {
                    let now = self.port.clock.now();
                    self.orders.publish(order, self.generation, self.edge.as_mut(), &mut self.client, now).await;
                    Ok(())
                }
                () = self.marks.answered() => Ok(()),
                turned = self.client.turn() => turned,
                () = until(deadline, now) => Ok(()),
            };
            self.pass_sparkplug_time().await;
            self.pass_edge_time().await;
            let taken = match turned {
                Ok(()) => self.take_events().await,
                Err(end) => Err(end),
            };
            self.look_at_marks().await;
            if let Err(end) = taken {
                self.client.cut();
                return Ended::Lost(end);
            }
            if self.begins_anew {
                self.client.leave().await;
                return Ended::Lost(session::End::Socket("the primary host of the edge node is away".to_owned()));
            }
        }
    }

    /// Whoever gave a command knows the plant that it is for; here it may be on its way.
    async fn catch_up(
        &mut self,
        generation: Generation,
        assignments: &mut watch::Receiver<Assignment<Settings>>,
    ) -> Result<(), session::End> {
        if generation == self.generation || !assignments.has_changed().unwrap_or(false) {
            return Ok(());
        }
        let assignment = assignments.borrow_and_update().clone();
        self.adopt(assignment).await
    }

    /// Closes the connection on purpose. What is stored is told on the next one; answers go out while they can.
    async fn leave(&mut self, inbox: &mut Inbox) {
        let now = self.port.clock.now();
        self.client.give_up_unsent();
        while let Ok(order) = inbox.orders.try_recv() {
            if order.driver.is_some() {
                self.orders.publish(order, self.generation, None, &mut self.client, now).await;
            } else {
                super::order::refuse(order).await;
            }
        }
        if self.sparkplug.is_none() && self.edge.is_none() {
            return self.client.leave_with_will().await;
        }
        if let Some(side) = &mut self.sparkplug {
            side.stop(now, &mut self.client);
        }
        self.stop_edge();
        self.client.leave().await;
    }

    async fn carry_out(&mut self, dispatch: &Dispatch) {
        let now = self.port.clock.now();
        let sparkplug = self.sparkplug.as_ref();
        let metric = sparkplug.and_then(|side| side.command(dispatch.tag(), dispatch.value(), now.utc));
        let sent =
            self.commands.publish(dispatch, self.generation, &self.settings, metric, &mut self.client, now.monotonic);
        if let Err(words) = sent {
            let (request, answer) = (dispatch.id().clone(), WriteAnswer::NotSent(words));
            self.port.send(DriverEvent::Written(Written { request, answer })).await;
        }
    }

    /// Publishes a message by hand, or shows what is known of a namespace; there is nothing else here that tools could ask.
    async fn obey(&mut self, instruction: Instruction) {
        let message = match instruction {
            Instruction::Publish(message) => message,
            Instruction::Look(wish, reply) => return self.show_namespace(&wish, reply),
            Instruction::Inquiry(_) => return,
        };
        let now = self.port.clock.monotonic();
        if let Err(words) = self.commands.publish_by_hand(&message, self.generation, &mut self.client, now) {
            tell_not_sent(&self.port, &message, words).await;
        }
    }

    async fn lose(&mut self, why: &session::End, pause: Duration) {
        let detail = match why {
            // It names the address itself.
            session::End::NotOpened(words) => format!("broker {words}"),
            _ => format!("broker {}: {why}", self.settings.endpoint),
        };
        let only_via = self.settings.endpoint.only_via.as_ref();
        let is_down = only_via.is_some_and(|interface| look_at_interface(interface).is_err());
        let reason = if is_down { Reason::TunnelDown } else { Reason::NotConnected };
        for reporter in &mut self.reporters {
            reporter.lost(&self.port, reason, &detail, Some(pause)).await;
        }
    }

    /// Waits out a pause, or until there is something else to work on, and refuses commands meanwhile; false when the station stops.
    async fn rest(
        &mut self,
        pause: Duration,
        inbox: &mut Inbox,
        assignments: &mut watch::Receiver<Assignment<Settings>>,
    ) -> bool {
        let rested = async {
            tokio::select! {
                () = tokio::time::sleep(pause) => true,
                changed = assignments.changed() => {
                    assignments.mark_changed();
                    changed.is_ok()
                }
            }
        };
        if refuse_until(rested, &self.port, inbox).await != Some(true) {
            return false;
        }
        if assignments.has_changed().unwrap_or(false) {
            let assignment = assignments.borrow_and_update().clone();
            // Nothing goes out without a connection, so nothing can be too long.
            let _ = self.adopt(assignment).await;
        }
        true
    }
}

/// Tells the session which of its messages history has already.
async fn recall(marks: &mut Marks, port: &Port, client: &mut Client, limit: Duration) -> Result<(), session::End> {
    port.send_together(Some(marks.recall())).await;
    let recalled = tokio::time::timeout(limit, marks.recalled()).await;
    client.know(&recalled.map_err(|_| session::End::HistorySilent(limit.as_millis()))?);
    Ok(())
}

/// What comes while there is no connection.
enum Refused {
    Command(Dispatch),
    Instruction(Instruction),
    Order(Order),
}

/// Refuses what comes until something is done; none when the station stops. What was taken out of the inbox is answered first.
async fn refuse_until<T>(done: impl Future<Output = T>, port: &Port, inbox: &mut Inbox) -> Option<T> {
    let mut done = std::pin::pin!(done);
    loop {
        let refused = tokio::select! {
            done = &mut done => return Some(done),
            Some(instruction) = inbox.instructions.recv() => Refused::Instruction(instruction),
            Some(order) = inbox.orders.recv() => Refused::Order(order),
            dispatch = inbox.commands.recv() => Refused::Command(dispatch?),
        };
        // Not inside of the wait: that is broken off when the connection is there, and the answer with it.
        refuse(port, refused).await;
    }
}

async fn refuse(port: &Port, refused: Refused) {
    let words = || "the broker is not connected".to_owned();
    match refused {
        Refused::Command(dispatch) => {
            let answer = WriteAnswer::NotSent(words());
            port.send(DriverEvent::Written(Written { request: dispatch.id().clone(), answer })).await;
        }
        Refused::Instruction(Instruction::Publish(message)) => tell_not_sent(port, &message, words()).await,
        // Nothing is heard, and whoever looks is to see just that.
        Refused::Instruction(Instruction::Look(_, reply)) => drop(reply.send(NamespaceView::default())),
        Refused::Instruction(Instruction::Inquiry(_)) => {}
        Refused::Order(order) => super::order::refuse(order).await,
    }
}

async fn tell_not_sent(port: &Port, message: &MessageDispatch, words: String) {
    let (request, answer) = (message.id().clone(), WriteAnswer::NotSent(words));
    port.send(DriverEvent::Written(Written { request, answer })).await;
}

async fn until(deadline: Option<Monotonic>, now: Monotonic) {
    match deadline {
        Some(deadline) => tokio::time::sleep(deadline.since(now)).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
