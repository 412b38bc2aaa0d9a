//! The task of one broker session.

use super::deliver::deliver;
use super::intake::{Intake, Message, Said};
use super::{Device, Point, Settings};
use crate::audit::RequestId;
use crate::command::{Dispatch, WriteAnswer};
use crate::driver::backoff::Backoff;
use crate::driver::report::Reporter;
use crate::driver::{Assignment, DriverEvent, Inbox, Port, Written};
use crate::queue::{self, WhenFull};
use crate::tag::{Generation, Reason};
use rumqttc::{
    AsyncClient, ConnectionError, Event, EventLoop, MqttOptions, Outgoing, Packet, Publish, QoS, SubscribeFilter,
    SubscribeReasonCode,
};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);
/// Largest message in either direction.
const PACKET_BYTES: usize = 1 << 20;
/// How long the broker may take to confirm a command.
const CONFIRMATION: Duration = Duration::from_secs(5);

/// Runs one broker session after another until its inbox is closed.
pub(in crate::driver) async fn run(
    mut assignments: watch::Receiver<Assignment<Settings>>,
    port: Port,
    inbox: &mut Inbox,
) {
    let assignment = assignments.borrow_and_update().clone();
    let mut broker = Broker::new(assignment, port);
    let mut backoff = Backoff::new(FIRST_PAUSE, LONGEST_PAUSE);
    loop {
        let End::Lost { why, was_up } = broker.session(inbox, &mut assignments).await else { return };
        if was_up {
            backoff.succeed();
        }
        let pause = backoff.fail();
        broker.lose(&why, pause).await;
        if !broker.rest(pause, inbox).await {
            return;
        }
        if assignments.has_changed().unwrap_or(false) {
            let assignment = assignments.borrow_and_update().clone();
            broker.adopt(assignment).await;
        }
    }
}

enum End {
    Stopped,
    Lost { why: String, was_up: bool },
}

/// Commands on their way to the broker in one session.
#[derive(Default)]
struct Confirmations {
    queued: VecDeque<RequestId>,
    sent: HashMap<u16, RequestId>,
    deadline: Option<Instant>,
}

struct Broker {
    settings: Settings,
    generation: Generation,
    port: Port,
    reporters: Vec<Reporter>,
    intake: Intake,
}

impl Broker {
    fn new(assignment: Assignment<Settings>, port: Port) -> Self {
        let Assignment { generation, settings } = assignment;
        let reporters = settings.devices.iter().map(|device| Reporter::new(generation, device.device)).collect();
        let intake = Intake::new(&settings);
        Self { settings, generation, port, reporters, intake }
    }

    /// Goes on with settings that differ in nothing but the slots and what was found.
    /// What is to be subscribed to besides, where a session is open.
    async fn adopt(&mut self, assignment: Assignment<Settings>) -> HashSet<Arc<str>> {
        let Assignment { generation, settings } = assignment;
        for (reporter, device) in self.reporters.iter_mut().zip(&settings.devices) {
            reporter.move_to(generation, device.device);
        }
        let said = self.intake.adopt(&self.settings, &settings);
        let added = settings.filters().difference(&self.settings.filters()).cloned().collect();
        (self.settings, self.generation) = (settings, generation);
        self.deliver(said).await;
        added
    }

    async fn deliver(&mut self, said: Vec<Said>) {
        deliver(said, &self.intake, &self.settings, self.generation, &mut self.reporters, &self.port).await;
    }

    fn options(&self) -> MqttOptions {
        let mut options = MqttOptions::new(&*self.settings.client_id, &*self.settings.host, self.settings.port);
        options.set_keep_alive(self.settings.keep_alive.max(Duration::from_secs(1)));
        options.set_max_packet_size(PACKET_BYTES, PACKET_BYTES);
        options.set_clean_session(true);
        if let Some((user, password)) = &self.settings.login {
            options.set_credentials(&**user, &**password);
        }
        options
    }

    /// One session from connecting to its end. Whatever the client still holds then is thrown away.
    async fn session(&mut self, inbox: &mut Inbox, assignments: &mut watch::Receiver<Assignment<Settings>>) -> End {
        let (client, mut event_loop) = AsyncClient::new(self.options(), 64);
        let mut network = rumqttc::NetworkOptions::new();
        network.set_connection_timeout(5);
        event_loop.set_network_options(network);
        let (events, mut incoming) = queue::bounded("events of a broker session", 256, WhenFull::Wait);
        let pump = pump(event_loop, events);
        tokio::pin!(pump);
        let (mut confirmations, mut was_up) = (Confirmations::default(), false);
        let end = loop {
            let deadline = confirmations.deadline;
            tokio::select! {
                biased;
                error = &mut pump => {
                    // What arrived before the error is still true.
                    while let Ok(event) = incoming.try_recv() {
                        self.take(event, &client, &mut confirmations, &mut was_up).await;
                    }
                    break End::Lost { why: words(&error), was_up };
                }
                Some(event) = incoming.recv() => {
                    if let Some(why) = self.take(event, &client, &mut confirmations, &mut was_up).await {
                        break End::Lost { why, was_up };
                    }
                }
                dispatch = inbox.commands.recv() => match dispatch {
                    Some(dispatch) => self.publish(&dispatch, &client, &mut confirmations, was_up).await,
                    None => break End::Stopped,
                },
                // What is off scan the engine does not listen to; there is nothing here that tools could ask.
                Some(_) = inbox.instructions.recv() => {}
                changed = assignments.changed() => {
                    if changed.is_err() {
                        break End::Stopped;
                    }
                    let assignment = assignments.borrow_and_update().clone();
                    let added = self.adopt(assignment).await;
                    if was_up && let Some(why) = subscribe(&client, added) {
                        break End::Lost { why, was_up };
                    }
                }
                () = until(deadline), if deadline.is_some() => {
                    break End::Lost { why: "the broker did not confirm a command".to_owned(), was_up };
                }
            }
        };
        self.abandon(confirmations).await;
        end
    }

    /// Takes one event of the client; words where the session has to end.
    async fn take(
        &mut self,
        event: Event,
        client: &AsyncClient,
        confirmations: &mut Confirmations,
        was_up: &mut bool,
    ) -> Option<String> {
        match event {
            Event::Incoming(Packet::ConnAck(_)) => {
                *was_up = true;
                return subscribe(client, self.settings.filters());
            }
            Event::Incoming(Packet::SubAck(answer)) => {
                let refused = answer.return_codes.iter().filter(|code| **code == SubscribeReasonCode::Failure).count();
                if refused > 0 {
                    return Some(format!("the broker refuses {refused} subscriptions of this user"));
                }
                for (place, reporter) in self.reporters.iter_mut().enumerate() {
                    if self.intake.is_offline(place) {
                        let words = "it said so before, and nothing since";
                        reporter.lost(&self.port, Reason::DeviceOffline, words, None).await;
                    } else {
                        reporter.good(&self.port, None).await;
                    }
                }
            }
            Event::Incoming(Packet::Publish(publish)) => self.receive(&publish).await,
            Event::Incoming(Packet::PubAck(answer)) => {
                if let Some(request) = confirmations.sent.remove(&answer.pkid) {
                    let open = !confirmations.sent.is_empty() || !confirmations.queued.is_empty();
                    confirmations.deadline = open.then(|| Instant::now() + CONFIRMATION);
                    self.answer(request, WriteAnswer::Accepted).await;
                }
            }
            Event::Outgoing(Outgoing::Publish(packet)) => {
                if let Some(request) = confirmations.queued.pop_front() {
                    confirmations.sent.insert(packet, request);
                }
            }
            _ => {}
        }
        None
    }

    async fn receive(&mut self, publish: &Publish) {
        let message = Message { topic: &publish.topic, payload: &publish.payload, retained: publish.retain };
        let said = self.intake.take(&self.settings, message, self.port.clock.now().utc);
        self.deliver(said).await;
    }

    async fn publish(&self, dispatch: &Dispatch, client: &AsyncClient, confirmations: &mut Confirmations, is_up: bool) {
        let request = dispatch.id().clone();
        let refused = if dispatch.generation() != self.generation {
            Some("the station file was reloaded")
        } else if self.port.clock.now().monotonic >= dispatch.expires() {
            Some("it expired while it waited")
        } else if !is_up {
            Some("the broker is not connected")
        } else {
            None
        };
        if let Some(why) = refused {
            return self.answer(request, WriteAnswer::NotSent(why.to_owned())).await;
        }
        let publication = self.point(dispatch).and_then(|point| point.publication.as_ref());
        let Some(publication) = publication else {
            let words = "this connection does not know the tag".to_owned();
            return self.answer(request, WriteAnswer::NotSent(words)).await;
        };
        let payload = publication.message(dispatch.value());
        confirmations.queued.push_back(request);
        if let Err(error) = client.try_publish(&*publication.topic, QoS::AtLeastOnce, false, payload) {
            if let Some(request) = confirmations.queued.pop_back() {
                self.answer(request, WriteAnswer::NotSent(error.to_string())).await;
            }
            return;
        }
        confirmations.deadline = Some(Instant::now() + CONFIRMATION);
    }

    fn point(&self, dispatch: &Dispatch) -> Option<&Point> {
        let mut points = self.settings.devices.iter().flat_map(|device: &Device| &device.points);
        points.find(|point| point.tag == dispatch.tag())
    }

    /// The session is over: what was not confirmed may have arrived.
    async fn abandon(&self, confirmations: Confirmations) {
        for request in confirmations.sent.into_values().chain(confirmations.queued) {
            let words = "the connection to the broker broke before it confirmed".to_owned();
            self.answer(request, WriteAnswer::Unknown(words)).await;
        }
    }

    async fn answer(&self, request: RequestId, answer: WriteAnswer) {
        self.port.send(DriverEvent::Written(Written { request, answer })).await;
    }

    async fn lose(&mut self, why: &str, pause: Duration) {
        let detail = format!("broker {}:{}: {why}", self.settings.host, self.settings.port);
        for reporter in &mut self.reporters {
            reporter.lost(&self.port, Reason::NotConnected, &detail, Some(pause)).await;
        }
    }

    /// Waits out a pause and refuses commands meanwhile; false when the station stops.
    async fn rest(&self, pause: Duration, inbox: &mut Inbox) -> bool {
        let end = Instant::now() + pause;
        loop {
            tokio::select! {
                () = tokio::time::sleep_until(end) => return true,
                Some(_) = inbox.instructions.recv() => {}
                dispatch = inbox.commands.recv() => match dispatch {
                    Some(dispatch) => {
                        let words = "the broker is not connected".to_owned();
                        self.answer(dispatch.id().clone(), WriteAnswer::NotSent(words)).await;
                    }
                    None => return false,
                },
            }
        }
    }
}

/// Asks for these topics; words where that cannot be done.
fn subscribe(client: &AsyncClient, filters: HashSet<Arc<str>>) -> Option<String> {
    if filters.is_empty() {
        return None;
    }
    let filters = filters.into_iter().map(|filter| SubscribeFilter::new(filter.to_string(), QoS::AtLeastOnce));
    client.try_subscribe_many(filters).err().map(|error| format!("cannot subscribe: {error}"))
}

/// The client's event loop must not be cancelled half-way, so it runs whole and only its events come out.
async fn pump(mut event_loop: EventLoop, events: queue::Sender<Event>) -> ConnectionError {
    loop {
        match event_loop.poll().await {
            Ok(event) => {
                if events.send(event).await.is_err() {
                    return ConnectionError::RequestsDone;
                }
            }
            Err(error) => return error,
        }
    }
}

async fn until(deadline: Option<Instant>) {
    if let Some(deadline) = deadline {
        tokio::time::sleep_until(deadline).await;
    }
}

fn words(error: &ConnectionError) -> String {
    match error {
        ConnectionError::ConnectionRefused(code) => format!("refused: {code:?}"),
        ConnectionError::NetworkTimeout => "no answer within 5 s".to_owned(),
        ConnectionError::MqttState(rumqttc::StateError::ConnectionAborted) => "closed the connection".to_owned(),
        other => other.to_string(),
    }
}
