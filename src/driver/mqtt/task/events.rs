//! What the session tells: messages and what they say, how marks stand, and what the devices behind a broker are told of it.

use super::*;
use crate::driver::mqtt::asks::Heard;
use crate::driver::mqtt::gather::Gathered;
use crate::driver::mqtt::intake::{Lone, Message, Said};
use crate::driver::mqtt::marks::Settled;
use crate::driver::mqtt::session::Event;
use crate::driver::{Batch, Reading};
use crate::tag::{Quality, Timestamp};

/// Messages over the limit are written of at most so often.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(10);

impl Broker {
    /// Takes what the session tells; then hands on what was gathered, and only then acknowledges it: at once, or when history has it.
    pub(super) async fn take_events(&mut self) -> Result<(), session::End> {
        let Settled { kept, lost } = self.marks.take_settled();
        for receipt in kept {
            self.client.acknowledge(receipt)?;
        }
        let is_lost = !lost.is_empty();
        lost.into_iter().for_each(|receipt| self.client.give_back(receipt));
        if is_lost && self.client.is_up() {
            // What is not acknowledged the broker sends again on the next connection.
            return Err(session::End::HistoryLost);
        }
        if self.marks.waits() {
            self.port.collect();
        }
        while let Some(event) = self.client.event() {
            self.take(event).await;
        }
        for gathered in self.gatherer.take() {
            self.hand_on(gathered).await;
        }
        let receipts = std::mem::take(&mut self.receipts);
        let waits = self.marks.waits();
        let (now, later) = if waits { (Vec::new(), receipts) } else { (receipts, Vec::new()) };
        let mark = self.marks.mark(later, self.port.clock.monotonic());
        self.port.send_together(mark).await;
        for receipt in now {
            self.client.acknowledge(receipt)?;
        }
        Ok(())
    }

    /// When [`Broker::look_at_marks`] may have something to tell.
    pub(super) fn next_of_marks(&self, now: Monotonic) -> Option<Monotonic> {
        let late = self.marks.late_from(self.settings.options.timeout).filter(|_| self.is_ready);
        let is_late = late.is_some_and(|late| late <= now);
        if self.is_held_up || is_late { Some(now.plus(BETWEEN_LOOKS)) } else { late }
    }

    /// A broker that waits for too many acknowledgements sends nothing more, and nobody can see that in the values: they are doubtful while
    /// messages wait for history longer than anybody may take for an answer, and as many as the broker is known to let wait. What it had no
    /// room for comes when they do not wait any more; until that is through, the values are no better.
    pub(super) async fn look_at_marks(&mut self) {
        let now = self.port.clock.monotonic();
        let is_late = self.marks.late_from(self.settings.options.timeout).is_some_and(|late| late <= now);
        let broker = &self.settings.endpoint;
        if self.is_held_up && is_late {
            return self.client.expect_backlog();
        }
        if self.is_ready && is_late && !self.client.has_room_for_more() {
            tracing::warn!(
                "broker {broker}: its messages are not acknowledged, as history cannot write; it may send no more until it can"
            );
            self.client.expect_backlog();
        } else if self.is_held_up && !is_late && !self.client.expects_backlog() {
            tracing::info!("broker {broker}: history can write again, and what was held up has come");
        } else {
            return;
        }
        self.is_held_up = !self.is_held_up;
        for (place, device) in self.settings.devices.iter().enumerate() {
            // Sparkplug is not held up: its data comes without acknowledgements.
            if self.sparkplug.as_ref().is_some_and(|side| side.speaks_for(place)) {
                continue;
            }
            self.port.send(DriverEvent::HeldUp(self.generation, device.device, self.is_held_up)).await;
        }
    }

    pub(super) async fn take(&mut self, event: Event) {
        match event {
            Event::Up { .. } => self.was_up = true,
            Event::Ready => {
                self.is_ready = true;
                self.tell_devices().await;
                self.sparkplug_is_ready().await;
                self.edge_is_ready().await;
            }
            Event::Refused { filter, why } => {
                tracing::warn!("broker {}: {why}", self.settings.endpoint);
                self.refused.insert(filter, why);
                if self.is_ready {
                    self.tell_devices().await;
                }
            }
            Event::Message(message) => {
                self.receive_sparkplug(&message).await;
                self.receive_for_edge(&message).await;
                if !self.hear(&message).await {
                    self.receive(&message).await;
                }
            }
            Event::TooLarge { topic, bytes } => self.leave_out(&topic, bytes).await,
            Event::Exceeded(most) => {
                let broker = &self.settings.endpoint;
                tracing::warn!(
                    "broker {broker}: it sends more than the {most} messages that may wait for their acknowledgement (receive_maximum); they are taken in"
                );
            }
            Event::Released(receipt) => self.receipts.push(receipt),
            Event::SessionLost => {
                self.marks.forget();
                (self.is_recalled, self.is_session_new) = (false, true);
            }
            Event::Published(ticket, outcome) => match self.commands.finish(ticket, outcome.clone()) {
                Some((request, answer)) => {
                    self.port.send(DriverEvent::Written(Written { request, answer })).await;
                }
                None => self.orders.finish(ticket, outcome).await,
            },
            Event::Down => {
                (self.is_ready, self.is_held_up) = (false, false);
                self.intake.lose_connection();
                self.orders.lose_connection().await;
                self.lose_sparkplug();
                self.lose_edge();
            }
        }
    }

    /// Whether a message is a command; then it is judged, and answered.
    pub(super) async fn hear(&mut self, message: &session::Message) -> bool {
        if !self.asks.is_for(&message.topic) {
            return false;
        }
        let now = self.port.clock.now();
        let heard = self.asks.hear(message, now);
        if heard != Heard::Nothing {
            self.receipts.extend(message.receipt);
        }
        match heard {
            Heard::Nothing => return false,
            Heard::Command(asked) => self.port.send(DriverEvent::Asked(asked)).await,
            Heard::LeftOut => self.warn_of_flood(now.monotonic),
            // What is refused takes no room from commands.
            Heard::Refused(_) if !self.takes_orders() => {}
            Heard::Refused(answer) => {
                self.orders.publish(Order::answer(&answer), self.generation, None, &mut self.client, now).await;
            }
        }
        true
    }

    pub(in crate::driver::mqtt) fn warn_of_flood(&mut self, now: Monotonic) {
        if let Some(count) = self.asks.beyond(now) {
            let broker = &self.settings.endpoint;
            tracing::warn!("broker {broker}: {count} commands since the start were not looked at: too many at once");
        }
    }

    /// Room is left for commands, which go before everything that is only told; and a link that is slow is not given more.
    pub(super) fn takes_orders(&self) -> bool {
        let kept = kept_for_commands(self.client.quota());
        self.is_ready && self.client.quota_left() > kept && self.client.has_room()
    }

    pub(super) async fn receive(&mut self, message: &session::Message) {
        self.receipts.extend(message.receipt);
        let now = self.client.arrived().utc;
        let session::Message { topic, payload, retained, queued, .. } = message;
        let seen = Message { topic, payload, retained: *retained, queued: *queued };
        match self.intake.take_lone(&self.settings, seen, now) {
            Some(Lone::Value { place, time, reading }) => self.deliver_lone(place, time, reading).await,
            Some(Lone::Nothing) => {}
            Some(Lone::Other(said)) => self.deliver(vec![said]).await,
            None => {
                let said = self.intake.take(&self.settings, seen, now);
                self.deliver(said).await;
            }
        }
    }

    /// A value goes on with those that came with it.
    async fn deliver_lone(&mut self, place: usize, time: Timestamp, reading: Reading) {
        self.note_good(place).await;
        if let Some(complete) = self.gatherer.add_one(place, time, reading) {
            self.hand_on(complete).await;
        }
    }

    /// A device that says it is away is brought back by its own word alone.
    async fn note_good(&mut self, place: usize) {
        if !self.intake.is_offline(place) {
            let now = self.client.arrived().monotonic;
            self.reporters[place].good_at(&self.port, None, now).await;
        }
    }

    /// Values go on in few batches; whatever else is said comes in its order.
    pub(super) async fn deliver(&mut self, said: Vec<Said>) {
        for one in said {
            match one {
                Said::Values(arrival) if !arrival.is_past && arrival.details.is_empty() => {
                    self.note_good(arrival.place).await;
                    if let Some(complete) = self.gatherer.add(arrival) {
                        self.hand_on(complete).await;
                    }
                }
                other => {
                    for gathered in self.gatherer.take() {
                        self.hand_on(gathered).await;
                    }
                    let (intake, settings) = (&self.intake, &self.settings);
                    deliver(vec![other], intake, settings, self.generation, &mut self.reporters, &self.port).await;
                }
            }
        }
    }

    /// A message over the limit: its tags say that it cannot be read.
    async fn leave_out(&mut self, topic: &str, bytes: usize) {
        self.warn_too_large(topic, bytes);
        let now = self.client.arrived().utc;
        let seen = Message { topic, payload: &[], retained: false, queued: false };
        for said in self.intake.take(&self.settings, seen, now) {
            let Said::Values(mut arrival) = said else { continue };
            for reading in &mut arrival.readings {
                *reading = Reading { tag: reading.tag, value: None, quality: Quality::bad(Reason::TooLarge) };
            }
            self.reporters[arrival.place].count_error();
            if let Some(complete) = self.gatherer.add(arrival) {
                self.hand_on(complete).await;
            }
        }
    }

    /// A flood of such messages must not become one of lines.
    fn warn_too_large(&mut self, topic: &str, bytes: usize) {
        let now = self.client.arrived().monotonic;
        if self.warned.is_none_or(|warned| now.since(warned) >= BETWEEN_WARNINGS) {
            self.warned = Some(now);
            let (broker, limit) = (&self.settings.endpoint, self.settings.packet_limit);
            tracing::warn!(
                "broker {broker}: a message on {topic} was left out: {bytes} bytes, and {limit} are the limit"
            );
        }
    }

    pub(super) async fn hand_on(&self, gathered: Gathered) {
        let Gathered { place, time, readings } = gathered;
        let (generation, device) = (self.generation, self.settings.devices[place].device);
        self.port
            .send(DriverEvent::Batch(Batch { generation, device, time, readings, confirmed: Arc::from([]) }))
            .await;
    }

    /// The devices are there; the tags of a refused subscription are not, and a device that has no others is lost.
    pub(super) async fn tell_devices(&mut self) {
        for place in 0..self.settings.devices.len() {
            if self.intake.is_offline(place) {
                let words = "it said so before, and nothing since";
                self.reporters[place].lost(&self.port, Reason::DeviceOffline, words, None).await;
                continue;
            }
            if self.sparkplug.as_ref().is_some_and(|side| side.speaks_for(place)) {
                continue;
            }
            let device = &self.settings.devices[place];
            let refused = |filter: &Arc<str>| self.refused.get(filter);
            let tags: Vec<_> =
                device.points.iter().filter(|point| refused(&point.filter).is_some()).map(|point| point.tag).collect();
            let why = device.points.iter().find_map(|point| refused(&point.filter)).cloned();
            let (all, count) = (device.points.len(), tags.len());
            self.reporters[place].statistics().refused_tags = count as u32;
            match why {
                Some(why) if count == all => {
                    let detail = format!("broker {}: {why}", self.settings.endpoint);
                    self.reporters[place].lost(&self.port, Reason::NotSubscribed, &detail, None).await;
                }
                _ => self.reporters[place].tell_good(&self.port).await,
            }
            if count > 0 {
                let quality = Quality::bad(Reason::NotSubscribed);
                let readings = tags.into_iter().map(|tag| Reading { tag, value: None, quality }).collect();
                self.hand_on(Gathered { place, time: self.port.clock.now().utc, readings }).await;
            }
        }
    }
}
