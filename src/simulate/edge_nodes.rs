//! Edge nodes of Sparkplug that stand in for those of the station file: what the tags of a node and of the devices behind it read are its
//! metrics. A device of which no tag reads anything, as one that is taken in whole, has a few usual metrics.

use super::Options;
use super::server::{Shared, say};
use super::values::{Course, Holds, value_at};
use crate::config::Plant;
use crate::driver::mqtt::sparkplug::edge::{EdgeEffect, EdgeMessage, EdgeMetric, EdgeNode, EdgeSample, EdgeSettings};
use crate::driver::mqtt::sparkplug::payload::DataType;
use crate::driver::mqtt::sparkplug::settings::{Device, Point};
use crate::driver::mqtt::sparkplug::topic::Source;
use crate::driver::mqtt::{Kind, Login, Settings};
use crate::tag::{Now, Quality, Scaling, TagDefinition, TagId, Value};
use rumqttc::{AsyncClient, Event, EventLoop, LastWill, MqttOptions, Packet, QoS};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

const EVERY: Duration = Duration::from_secs(1);
/// Messages that may wait for the socket beside one for each metric.
const WAITING: usize = 256;
/// Bytes of a message: a birth holds all metrics.
const LONGEST: usize = 16 << 20;
/// The metrics of a device of which no tag reads anything: name, kind, unit.
const USUAL: [(&str, DataType, &str); 4] = [
    ("Level", DataType::Double, "m"),
    ("Running", DataType::Boolean, ""),
    ("Motor/Starts", DataType::Int64, ""),
    ("Name", DataType::String, ""),
];

/// Where the value of a metric comes from.
#[derive(Clone, Debug)]
enum Origin {
    /// A tag of the station, in what the field says of it.
    Tag(TagId, Option<Scaling>),
    /// Nobody reads it yet.
    Course(Course),
}

/// A stand-in for one edge node with all devices behind it.
pub(super) struct StandIn {
    host: String,
    port: u16,
    login: Option<Login>,
    keep_alive: Duration,
    settings: EdgeSettings,
    origins: HashMap<Arc<str>, Origin>,
    still: bool,
}

/// The edge nodes behind a broker that may be spoken to.
pub(super) fn stand_ins(settings: &Settings, plant: &Plant, options: &Options, host: &str, port: u16) -> Vec<StandIn> {
    let mut nodes: BTreeMap<_, Vec<&Device>> = BTreeMap::new();
    for device in settings.sparkplug.iter().flat_map(|sparkplug| &sparkplug.devices) {
        nodes.entry(device.source.of_node()).or_default().push(device);
    }
    let stand_in = |(node, devices): (Source, Vec<&Device>)| {
        let (mut metrics, mut origins) = (Vec::new(), HashMap::new());
        for device in devices {
            for (metric, origin) in metrics_of(device, plant, options.seed) {
                origins.insert(Arc::clone(&metric.tag), origin);
                metrics.push(metric);
            }
        }
        StandIn {
            host: host.to_owned(),
            port,
            login: settings.options.login.clone(),
            keep_alive: settings.options.keep_alive.max(EVERY),
            settings: EdgeSettings {
                group: node.group,
                node: node.node,
                primary_host: None,
                metrics,
                takes_commands: true,
            },
            origins,
            still: options.still,
        }
    };
    nodes.into_iter().map(stand_in).collect()
}

fn metrics_of(device: &Device, plant: &Plant, seed: u64) -> Vec<(EdgeMetric, Origin)> {
    let behind = device.source.device.clone();
    // Two tags may read one metric: it is told once.
    let mut points: Vec<&Point> = device.points.iter().collect();
    points.sort_by(|one, other| one.metric.cmp(&other.metric));
    points.dedup_by(|one, other| one.metric == other.metric);
    let of_tag = |point: &Point| {
        let definition = plant.plan.directory.tag(point.tag);
        let kind = match point.kind {
            Kind::Bool => DataType::Boolean,
            Kind::Text => DataType::String,
            Kind::Number => DataType::Double,
        };
        let unit = definition.map(|tag| Arc::clone(&tag.unit)).unwrap_or_default();
        let tag = name_of(device, &point.metric);
        let metric = EdgeMetric { tag, device: behind.clone(), name: Arc::clone(&point.metric), kind, unit };
        (metric, Origin::Tag(point.tag, definition.and_then(|tag| tag.scaling)))
    };
    let usual = |(name, kind, unit): (&str, DataType, &str)| {
        let tag = name_of(device, name);
        let holds = match kind {
            DataType::Boolean => Holds::Bool,
            DataType::String => Holds::Text(40),
            kind => Holds::Number { span: [0.0, 1e9], whole: kind.integer().is_some(), wide: false },
        };
        let course = Course::of(&TagDefinition::named(&tag), None, holds, seed);
        let metric = EdgeMetric { tag, device: behind.clone(), name: name.into(), kind, unit: unit.into() };
        (metric, Origin::Course(course))
    };
    match points.is_empty() {
        true => USUAL.into_iter().map(usual).collect(),
        false => points.into_iter().map(of_tag).collect(),
    }
}

/// What tells a metric from those of other devices behind the same node.
fn name_of(device: &Device, metric: &str) -> Arc<str> {
    format!("{} {metric}", device.source).into()
}

impl StandIn {
    /// How many metrics it tells.
    pub(super) fn metrics(&self) -> usize {
        self.settings.metrics.len()
    }

    /// Announces itself and tells what changes, for ever; a connection that breaks is one session less.
    pub(super) async fn run(self, shared: Shared) {
        let mut node = EdgeNode::new(self.settings.clone(), None);
        let mut said = false;
        loop {
            let death = node.connect(shared.clock.now().utc);
            let (client, events) = self.client(death);
            let why = self.session(&mut node, &client, events, &shared, &mut said).await;
            node.lost();
            if !std::mem::replace(&mut said, true) {
                let EdgeSettings { group, node, .. } = &self.settings;
                say(&format!("the edge node {group}/{node} at {}:{}: {why}; it is tried again", self.host, self.port));
            }
            tokio::time::sleep(EVERY).await;
        }
    }

    fn client(&self, death: EdgeMessage) -> (AsyncClient, EventLoop) {
        let name = format!("{}-{}-stand-in", self.settings.group, self.settings.node);
        let mut options = MqttOptions::new(name, self.host.clone(), self.port);
        options.set_keep_alive(self.keep_alive);
        if let Some(login) = &self.login {
            options.set_credentials(&*login.user, login.password.as_deref().unwrap_or_default());
        }
        options.set_max_packet_size(LONGEST, LONGEST);
        options.set_last_will(LastWill::new(death.topic, death.payload, QoS::AtLeastOnce, false));
        AsyncClient::new(options, WAITING + self.metrics())
    }

    /// One connection; why it ended.
    async fn session(
        &self,
        node: &mut EdgeNode,
        client: &AsyncClient,
        mut events: EventLoop,
        shared: &Shared,
        said: &mut bool,
    ) -> String {
        let mut unconfirmed = 0;
        for filter in node.filters() {
            if client.try_subscribe(filter, QoS::AtLeastOnce).is_ok() {
                unconfirmed += 1;
            }
        }
        let mut told = HashMap::new();
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            let mut effects = Vec::new();
            tokio::select! {
                event = events.poll() => match event {
                    Ok(Event::Incoming(Packet::SubAck(_))) => {
                        unconfirmed -= 1;
                        if unconfirmed == 0 {
                            *said = false;
                            self.tell(node, shared, &mut told, &mut effects);
                            node.ready(shared.clock.now().utc, &mut effects);
                        }
                    }
                    Ok(Event::Incoming(Packet::Publish(message))) => {
                        node.message(&message.topic, &message.payload, message.retain, shared.clock.now(), &mut effects);
                    }
                    Ok(_) => {}
                    Err(error) => return error.to_string(),
                },
                _ = ticks.tick() => {
                    node.pass_time(shared.clock.now(), &mut effects);
                    self.tell(node, shared, &mut told, &mut effects);
                }
            }
            for effect in effects {
                if let Err(why) = self.carry_out(effect, client, shared) {
                    return why;
                }
            }
        }
    }

    fn carry_out(&self, effect: EdgeEffect, client: &AsyncClient, shared: &Shared) -> Result<(), String> {
        match effect {
            EdgeEffect::Publish(EdgeMessage { topic, payload, qos }) => {
                let qos = if qos == 0 { QoS::AtMostOnce } else { QoS::AtLeastOnce };
                // A message that is left out would leave a gap: then it begins anew.
                client.try_publish(topic, qos, false, payload).map_err(|error| error.to_string())?;
            }
            EdgeEffect::Set { tag, value } => {
                if let Some(Origin::Tag(tag, scaling)) = self.origins.get(&tag) {
                    shared.with(|field, seconds| field.write(*tag, scaled(&value, *scaling), seconds));
                }
            }
            EdgeEffect::Fault(words) => say(&words),
            EdgeEffect::Disconnect => {}
        }
        Ok(())
    }

    /// Tells what is another value than before.
    fn tell(
        &self,
        node: &mut EdgeNode,
        shared: &Shared,
        told: &mut HashMap<Arc<str>, Value>,
        effects: &mut Vec<EdgeEffect>,
    ) {
        let now = shared.clock.now();
        for metric in &self.settings.metrics {
            let Some(value) = self.value(&metric.tag, shared).filter(|value| told.get(&metric.tag) != Some(value))
            else {
                continue;
            };
            effects.extend(self.sample(node, &metric.tag, &value, now));
            told.insert(Arc::clone(&metric.tag), value);
        }
    }

    fn sample(&self, node: &mut EdgeNode, tag: &Arc<str>, value: &Value, now: Now) -> Vec<EdgeEffect> {
        let sample = EdgeSample { time: now.utc, value: Some(value.clone()), quality: Quality::GOOD };
        // Before the birth nothing is told: the birth says it.
        let messages = node.sample(tag, sample, false, now).unwrap_or_default();
        messages.into_iter().map(EdgeEffect::Publish).collect()
    }

    /// What a metric says now: before the station scales it, and with no more digits than an instrument has.
    fn value(&self, metric: &Arc<str>, shared: &Shared) -> Option<Value> {
        let (value, is_written) = match self.origins.get(metric)? {
            Origin::Course(course) => (value_at(course, if self.still { 0.0 } else { shared.seconds() }), false),
            Origin::Tag(tag, scaling) => {
                let said =
                    shared.with(|field, seconds| Some((field.value(*tag, seconds)?, field.is_written(*tag, seconds))));
                let (value, is_written) = said??;
                let raw = match (value.as_f64(), scaling) {
                    (Some(number), Some(scaling)) => Value::Double(scaling.to_raw(number)),
                    _ => value,
                };
                (raw, is_written)
            }
        };
        Some(match value {
            Value::Double(number) if !is_written => Value::Double(format!("{number:.5e}").parse().unwrap_or(number)),
            other => other,
        })
    }
}

/// What was set, in engineering units.
fn scaled(value: &Value, scaling: Option<Scaling>) -> Value {
    match (value.as_f64(), scaling) {
        (Some(number), Some(scaling)) => Value::Double(scaling.to_engineering(number)),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::driver::Protocol;
    use crate::tag::Generation;

    fn stand_ins_of(station: &str) -> Vec<StandIn> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("station.json"), station).unwrap();
        let plant = config::load(folder.path(), Generation(1)).into_plant().unwrap();
        let Protocol::Mqtt(settings) = &plant.connections[0].protocol else { panic!("it is a broker") };
        let options = Options {
            address: String::new(),
            copy: None,
            duration: None,
            still: true,
            seed: 1,
            serial: Vec::new(),
            broker: None,
        };
        stand_ins(settings, &plant, &options, "127.0.0.1", 1883)
    }

    #[test]
    fn what_tags_read_are_the_metrics_of_nodes_and_devices() {
        let nodes = stand_ins_of(
            r#"{"connections":[{"name":"site","mqtt":{"url":"mqtt://127.0.0.1","sparkplug":{"host_id":"h"}}}],
            "devices":[{"name":"e","connection":"site","sparkplug":"north/edge"},{"name":"p","connection":"site","sparkplug":"north/edge/pump"},
                {"name":"o","connection":"site","sparkplug":"north/other","take_in":"all"}],
            "tags":[{"name":"load","device":"e","metric":"Load","unit":"kW"},{"name":"on","device":"p","metric":"On","type":"bool"},
                {"name":"on too","device":"p","metric":"On","type":"bool"}]}"#,
        );
        let told: Vec<_> = nodes
            .iter()
            .map(|node| {
                let metrics = node.settings.metrics.iter().map(|metric| {
                    (metric.device.as_deref().unwrap_or_default(), &*metric.name, metric.kind, &*metric.unit)
                });
                (&*node.settings.node, metrics.collect::<Vec<_>>())
            })
            .collect();
        let usual = USUAL.map(|(name, kind, unit)| ("", name, kind, unit)).to_vec();
        let edge = vec![("", "Load", DataType::Double, "kW"), ("pump", "On", DataType::Boolean, "")];
        assert_eq!(told, [("edge", edge), ("other", usual)]);
    }
}
