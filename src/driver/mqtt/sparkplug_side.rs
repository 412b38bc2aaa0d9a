//! What a broker's driver does for Sparkplug: hands messages and time to the desk, and carries out what the desk says.

use super::packet::{QoS, Subscription, Will};
use super::session::{self, Message};
use super::sparkplug::desk::{Desk, Say, thing};
use super::sparkplug::host;
use super::sparkplug::namespace::{NamespaceView, NamespaceWish};
use super::sparkplug::topic::NAMESPACE;
use super::task::Broker;
use super::{Client, Settings};
use crate::driver::{Batch, DriverEvent};
use crate::tag::{Monotonic, Now, Reason, TagId, Timestamp, Value};
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::oneshot;

/// Sparkplug at one broker.
pub(super) struct Side {
    desk: Desk,
    says: Vec<Say>,
    places: HashSet<usize>,
    /// What was wrong last, so that one fault again and again is told once.
    last_fault: String,
}

impl Side {
    pub(super) fn new(settings: &Settings) -> Option<Self> {
        let desk = Desk::new(settings.sparkplug.clone()?);
        Some(Self { places: desk.places(), desk, says: Vec::new(), last_fault: String::new() })
    }

    /// Goes on with other tags and devices.
    pub(super) fn adopt(&mut self, settings: &Settings, now: Now) {
        let devices = settings.sparkplug.as_ref().map(|sparkplug| sparkplug.devices.clone()).unwrap_or_default();
        // Without a connection nobody carried out what an earlier reload gave; its places mean other devices by now.
        self.says.clear();
        self.desk.adopt(devices, now, &mut self.says);
        self.places = self.desk.places();
    }

    /// Whether the desk says how a device is doing.
    pub(super) fn speaks_for(&self, place: usize) -> bool {
        self.places.contains(&place)
    }

    pub(super) fn subscriptions(&self) -> impl Iterator<Item = Subscription> {
        self.desk.filters().into_iter().map(|filter| Subscription::new(filter, QoS::AtLeastOnce))
    }

    pub(super) fn next_deadline(&self) -> Option<Monotonic> {
        self.desk.next_deadline()
    }

    /// The message that sets a tag; none where the tag is no metric.
    pub(super) fn command(
        &self,
        tag: TagId,
        value: &Value,
        now: Timestamp,
    ) -> Option<Result<session::Publication, String>> {
        let message = self.desk.command(tag, value, now)?;
        Some(message.map(publication).map_err(|refusal| refusal.to_string()))
    }

    /// The connection is about to be closed on purpose.
    pub(super) fn stop(&mut self, now: Now, client: &mut Client) {
        if let Some(death) = self.desk.stop(now)
            && let Err(error) = client.publish(publication(death))
        {
            tracing::warn!("the last STATE message did not go out: {error}");
        }
    }
}

fn publication(message: host::Publication) -> session::Publication {
    session::Publication {
        topic: message.topic.into(),
        payload: message.payload.into(),
        qos: QoS::from_number(message.qos).unwrap_or_default(),
        retain: message.retain,
        properties: None,
    }
}

impl Broker {
    /// The will of the next connection carries its time.
    pub(super) fn prepare_sparkplug(&mut self) {
        let now = self.port.clock.now();
        let Some(will) = self.sparkplug.as_mut().and_then(|side| side.desk.connect(now)) else { return };
        let qos = QoS::from_number(will.qos).unwrap_or_default();
        let will = Will { topic: will.topic.into(), payload: will.payload.into(), qos, retain: will.retain };
        self.client.set_will(Some(will));
    }

    /// The broker has answered the subscriptions; where it refuses one, nothing is published and nothing is believed.
    pub(super) async fn sparkplug_is_ready(&mut self) {
        let now = self.port.clock.now();
        let Some(side) = self.sparkplug.as_mut() else { return };
        let refused = side.desk.filters().iter().find_map(|filter| self.refused.get(filter.as_str())).cloned();
        match refused {
            None => side.desk.subscribed(now, &mut side.says),
            Some(why) => {
                let words = format!("broker {}: {why}", self.settings.endpoint);
                side.desk.refused(now, &words, &mut side.says);
            }
        }
        self.say().await;
    }

    pub(super) async fn receive_sparkplug(&mut self, message: &Message) {
        let Some(side) = self.sparkplug.as_mut() else { return };
        if message.topic.starts_with(NAMESPACE) {
            let now = self.port.clock.now();
            side.desk.message(&message.topic, &message.payload, message.retained, now, &mut side.says);
            self.say().await;
        }
    }

    pub(super) async fn pass_sparkplug_time(&mut self) {
        let Some(side) = self.sparkplug.as_mut() else { return };
        let now = self.port.clock.now();
        if side.next_deadline().is_some_and(|deadline| deadline <= now.monotonic) {
            side.desk.pass_time(now, &mut side.says);
            self.say().await;
        }
    }

    /// Answers somebody who looks; one who does not look any more needs nothing.
    pub(super) fn show_namespace(&self, wish: &NamespaceWish, reply: oneshot::Sender<NamespaceView>) {
        let Some(side) = self.sparkplug.as_ref().filter(|_| !reply.is_closed()) else { return };
        let device_at = |place: usize| self.settings.devices.get(place).map(|device| device.device);
        let view = NamespaceView { generation: self.generation, ..side.desk.look(wish, device_at) };
        let _ = reply.send(view);
    }

    pub(super) fn lose_sparkplug(&mut self) {
        if let Some(side) = &mut self.sparkplug {
            side.desk.lost();
        }
    }

    /// Carries out what the desk says.
    pub(super) async fn say(&mut self) {
        let Some(says) = self.sparkplug.as_mut().map(|side| std::mem::take(&mut side.says)) else { return };
        for say in says {
            match say {
                Say::Values { place, time, readings } => {
                    if let Some(reporter) = self.reporters.get_mut(place) {
                        reporter.good(&self.port, None).await;
                    }
                    self.send_batch(place, time, readings, DriverEvent::Batch).await;
                }
                Say::Transient { place, time, readings } => {
                    if let Some(reporter) = self.reporters.get_mut(place) {
                        reporter.good(&self.port, None).await;
                    }
                    self.send_batch(place, time, readings, DriverEvent::Transient).await;
                }
                Say::Past { place, time, readings } => self.send_batch(place, time, readings, DriverEvent::Past).await,
                Say::Alive { place } => {
                    if let Some(reporter) = self.reporters.get_mut(place) {
                        reporter.tell_good(&self.port).await;
                    }
                }
                Say::Lost { place, time, readings, words } => {
                    self.send_batch(place, time, readings, DriverEvent::Batch).await;
                    if let Some(reporter) = self.reporters.get_mut(place) {
                        reporter.lost(&self.port, Reason::NotConnected, &words, None).await;
                    }
                }
                Say::Publish(message) => self.publish_sparkplug(message),
                Say::Fault { place, words } => self.note_fault(place, words),
                Say::Found { place, metrics, left_out } => {
                    if let Some(reporter) = self.reporters.get_mut(place) {
                        reporter.statistics().names_left_out = left_out as u32;
                    }
                    let Some(device) = self.settings.devices.get(place).filter(|_| !metrics.is_empty()) else {
                        continue;
                    };
                    let found = metrics.iter().map(thing).collect();
                    self.port.send(DriverEvent::Found(self.generation, device.device, found)).await;
                }
            }
        }
    }

    async fn send_batch(
        &self,
        place: usize,
        time: Timestamp,
        readings: Vec<crate::driver::Reading>,
        event: impl Fn(Batch) -> DriverEvent,
    ) {
        let Some(device) = self.settings.devices.get(place).filter(|_| !readings.is_empty()) else { return };
        let (generation, device) = (self.generation, device.device);
        self.port.send(event(Batch { generation, device, time, readings, confirmed: Arc::from([]) })).await;
    }

    fn publish_sparkplug(&mut self, message: host::Publication) {
        let topic = message.topic.clone();
        if let Err(error) = self.client.publish(publication(message)) {
            self.note_fault(None, format!("a message on {topic} did not go out: {error}"));
        }
    }

    fn note_fault(&mut self, place: Option<usize>, words: String) {
        if let Some(reporter) = place.and_then(|place| self.reporters.get_mut(place)) {
            reporter.count_error();
        }
        let Some(side) = self.sparkplug.as_mut().filter(|side| side.last_fault != words) else { return };
        tracing::warn!("broker {}: {words}", self.settings.endpoint);
        side.last_fault = words;
    }
}
