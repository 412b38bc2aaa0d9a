//! Publishes what the topics of a station would say, and takes up its commands.

use super::Options;
use super::edge_nodes::{StandIn, stand_ins};
use super::payload::{commanded, payload, topics};
use super::server::{Shared, say};
use super::wires::{NOBODY, Opened, is_loopback};
use crate::config::{NewWay, Plant};
use crate::driver::Protocol;
use crate::driver::mqtt::{Kind, Point, Settings};
use crate::tag::{Scaling, TagId, Timestamp, Value};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);
const WAITING: usize = 256;
/// Bytes of a message.
const LONGEST: usize = 1 << 20;

/// The clock of the stand-in devices.
#[expect(clippy::disallowed_methods, reason = "a device has a clock of its own")]
fn wall_clock() -> Timestamp {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_micros(since.as_micros() as i64)
}

/// A broker, and everything that the station reads there.
pub(super) struct Broker {
    host: String,
    port: u16,
    settings: Settings,
    scaling: HashMap<TagId, Scaling>,
}

/// The brokers of the station that may be spoken to, those of this computer or the one that was named, and the edge nodes behind them.
pub(super) fn brokers(plant: &Plant, options: &Options, opened: &mut Opened) -> (Vec<Broker>, Vec<StandIn>) {
    let (mut brokers, mut edge_nodes) = (Vec::new(), Vec::new());
    for connection in &plant.connections {
        let Protocol::Mqtt(settings) = &connection.protocol else { continue };
        let name = &connection.name;
        let slot = connection.connection.index();
        let (host, port) = match &options.broker {
            Some((host, port)) => {
                opened.ways.insert(slot, NewWay::Mqtt(format!("mqtt://{host}:{port}")));
                (host.clone(), *port)
            }
            None if is_loopback(&settings.endpoint.host) && settings.endpoint.tls.is_none() => {
                (settings.endpoint.host.to_string(), settings.endpoint.port)
            }
            None => {
                opened.ways.insert(slot, NewWay::Mqtt(format!("mqtt://{NOBODY}")));
                opened.words.push(format!(
                    "{name} ({}) is left alone: {}. --broker HOST:PORT names one that may be published to",
                    settings.endpoint,
                    if settings.endpoint.tls.is_some() {
                        "the stand-in speaks no TLS"
                    } else {
                        "the broker is not of this computer"
                    }
                ));
                continue;
            }
        };
        let points: Vec<&Point> = settings.devices.iter().flat_map(|device| &device.points).collect();
        let scaling = points
            .iter()
            .filter_map(|point| Some((point.tag, plant.plan.directory.tag(point.tag)?.scaling?)))
            .collect();
        let nodes = stand_ins(settings, plant, options, &host, port);
        if !nodes.is_empty() {
            let metrics: usize = nodes.iter().map(StandIn::metrics).sum();
            opened.words.push(format!("{name}: at {host}:{port}: {} edge nodes with {metrics} metrics", nodes.len()));
        }
        edge_nodes.extend(nodes);
        // A broker that only edge nodes are behind has no topics of its own.
        if settings.sparkplug.is_none() || !points.is_empty() {
            opened.words.push(format!("{name}: published at {host}:{port}: {} tags", points.len()));
            brokers.push(Broker { host, port, settings: settings.clone(), scaling });
        }
    }
    (brokers, edge_nodes)
}

impl Broker {
    /// Publishes for ever.
    pub(super) async fn run(self, shared: Shared) {
        let mut options =
            MqttOptions::new(format!("{}-stand-in", self.settings.options.client_id), self.host.clone(), self.port);
        options.set_keep_alive(self.settings.options.keep_alive.max(EVERY));
        if let Some(login) = &self.settings.options.login {
            options.set_credentials(&*login.user, login.password.as_deref().unwrap_or_default());
        }
        options.set_max_packet_size(LONGEST, LONGEST);
        let (client, events) = AsyncClient::new(options, WAITING);
        let is_new = AtomicBool::new(false);
        tokio::select! {
            () = self.listen(events, &is_new, &shared) => {}
            () = self.talk(&client, &is_new, &shared) => {}
        }
    }

    fn points(&self) -> impl Iterator<Item = &Point> + Clone {
        self.settings.devices.iter().flat_map(|device| &device.points)
    }

    async fn talk(&self, client: &AsyncClient, is_new: &AtomicBool, shared: &Shared) {
        let topics = topics(self.points());
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            if is_new.swap(false, Ordering::Relaxed) {
                self.subscribe(client).await;
            }
            for (topic, points) in &topics {
                let values: Vec<_> =
                    points.iter().filter_map(|point| Some((*point, self.raw(point, shared)?))).collect();
                if let Some(payload) = payload(&values, wall_clock()) {
                    // Waits while the broker is away.
                    let _ = client.publish(topic.as_str(), QoS::AtMostOnce, false, payload).await;
                }
            }
        }
    }

    /// What the device would say: before scaling, and with no more digits than an instrument has.
    fn raw(&self, point: &Point, shared: &Shared) -> Option<Value> {
        let said = |field: &mut super::plant::Field, seconds| {
            Some((field.value(point.tag, seconds)?, field.is_written(point.tag, seconds)))
        };
        let (value, written) = shared.with(said)??;
        let scaled = match (value.as_f64(), self.scaling.get(&point.tag)) {
            (Some(number), Some(scaling)) => Value::Double(scaling.to_raw(number)),
            _ => value,
        };
        Some(match scaled {
            Value::Double(number) if !written => Value::Double(format!("{number:.5e}").parse().unwrap_or(number)),
            Value::Bool(on) if point.kind == Kind::Number => Value::Signed(i64::from(on)),
            other => other,
        })
    }

    /// A new session knows of no subscription.
    async fn subscribe(&self, client: &AsyncClient) {
        let topics: BTreeSet<&str> =
            self.points().filter_map(|point| Some(&*point.publication.as_ref()?.topic)).collect();
        for topic in topics {
            let _ = client.subscribe(topic, QoS::AtLeastOnce).await;
        }
    }

    async fn listen(&self, mut events: EventLoop, is_new: &AtomicBool, shared: &Shared) {
        let mut said = false;
        loop {
            match events.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    said = false;
                    is_new.store(true, Ordering::Relaxed);
                }
                Ok(Event::Incoming(Packet::Publish(message))) => {
                    self.take(&message.topic, &message.payload, shared);
                }
                Ok(_) => {}
                Err(error) => {
                    if !said {
                        say(&format!("the broker {}:{}: {error}; it is tried again", self.host, self.port));
                    }
                    said = true;
                    tokio::time::sleep(EVERY).await;
                }
            }
        }
    }

    fn take(&self, topic: &str, payload: &[u8], shared: &Shared) {
        let text = String::from_utf8_lossy(payload);
        for point in self.points() {
            let Some(publication) = point.publication.as_ref().filter(|one| &*one.topic == topic) else { continue };
            let Some(value) = commanded(&text, publication.payload.as_deref(), point.kind) else { continue };
            let value = match (value.as_f64(), publication.scaling) {
                (Some(number), Some(scaling)) => Value::Double(scaling.to_engineering(number)),
                _ => value,
            };
            shared.with(|field, seconds| field.write(point.tag, value, seconds));
        }
    }
}
