//! Edge nodes of Sparkplug that stand in for those of the station file: what the tags of a node and of the devices behind it read are its
//! metrics. A device of which no tag reads anything, as one that is taken in whole, has a few usual metrics.

mod sessions;

use super::Options;
use super::values::{Course, Holds};
use crate::config::Plant;
use crate::driver::mqtt::sparkplug::edge::{EdgeMetric, EdgeSettings};
use crate::driver::mqtt::sparkplug::payload::DataType;
use crate::driver::mqtt::sparkplug::settings::{Device, Point};
use crate::driver::mqtt::sparkplug::topic::Source;
use crate::driver::mqtt::{Kind, Login, Settings};
use crate::tag::{Scaling, TagDefinition, TagId};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

/// How often metrics are looked at, and a broker that is away is tried again.
const EVERY: Duration = Duration::from_secs(1);
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
    let strangers = strangers(settings, options.edge_nodes);
    for device in &strangers {
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

/// So many nodes that no entry of the station file names, each with a device behind it, in the first group that is listened to.
fn strangers(settings: &Settings, count: u32) -> Vec<Device> {
    let groups = settings.sparkplug.iter().flat_map(|sparkplug| &sparkplug.host.groups);
    let Some(group) = groups.into_iter().next() else { return Vec::new() };
    let group = if &**group == "+" { "plant".into() } else { Arc::clone(group) };
    let sources = (1..=count).flat_map(|number| {
        let node: Arc<str> = format!("stand-in-{number}").into();
        [None, Some("pump".into())].map(|device| Source { group: Arc::clone(&group), node: Arc::clone(&node), device })
    });
    sources.map(|source| Device { place: usize::MAX, source, points: Vec::new(), take_in: None }).collect()
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;
    use crate::driver::Protocol;
    use crate::tag::Generation;

    pub(super) fn plant_of(station: &str) -> Plant {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("station.json"), station).unwrap();
        config::load(folder.path(), Generation(1)).into_plant().unwrap()
    }

    pub(super) fn stand_ins_of(station: &str, edge_nodes: u32) -> Vec<StandIn> {
        let plant = plant_of(station);
        let Protocol::Mqtt(settings) = &plant.connections[0].protocol else { panic!("it is a broker") };
        let options = Options {
            address: String::new(),
            copy: None,
            duration: None,
            still: true,
            seed: 1,
            serial: Vec::new(),
            broker: None,
            edge_nodes,
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
            0,
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
    #[test]
    fn nodes_that_nobody_named_are_played_where_they_are_listened_to() {
        let station = |host: &str| {
            format!(
                r#"{{"connections":[{{"name":"site","mqtt":{{"url":"mqtt://127.0.0.1"{host}}}}}],"devices":[{{"name":"d","connection":"site"}}]}}"#
            )
        };
        let names = |host: &str| {
            let nodes = stand_ins_of(&station(host), 2);
            let names =
                nodes.iter().map(|node| format!("{}/{} {}", node.settings.group, node.settings.node, node.metrics()));
            names.collect::<Vec<_>>()
        };
        let everything = r#","sparkplug":{"host_id":"h","groups":["+"]}"#;
        assert_eq!(names(everything), ["plant/stand-in-1 8", "plant/stand-in-2 8"]);
        let north = r#","sparkplug":{"host_id":"h","groups":["north"]}"#;
        assert_eq!(names(north), ["north/stand-in-1 8", "north/stand-in-2 8"]);
        assert_eq!(names(""), [""; 0], "this broker is not one of Sparkplug");
    }
}
