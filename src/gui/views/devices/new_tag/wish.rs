//! What the new tag is made of: a value in a message, or a metric of Sparkplug.

use crate::driver::mqtt::Kind;
use crate::driver::mqtt::look::Field;
use crate::driver::mqtt::sparkplug::namespace::MetricLine;
use crate::gui::scene::Scene;
use crate::station::{MetricDevice, MetricTagWish, SheetPlan, Ticket, TopicTagWish};
use crate::tag::DeviceDefinition;

/// What somebody wants.
#[derive(Debug)]
pub(super) enum Wish {
    /// Out of a message.
    Topic(TopicTagWish),
    /// Out of a birth; or all that a birth declares.
    Metric(MetricTagWish),
}

impl Wish {
    pub(super) fn of_topic(topic: &str, field: Field, device: &DeviceDefinition) -> Self {
        Self::Topic(TopicTagWish {
            name: proposed(topic, &field.pointer),
            device: device.name.to_string(),
            topic: topic.to_owned(),
            pointer: field.pointer,
            kind: field.kind,
            unit: String::new(),
        })
    }

    /// Without a metric, the device is taken in whole.
    pub(super) fn of_metric(device: MetricDevice, metric: Option<&MetricLine>) -> Self {
        Self::Metric(MetricTagWish {
            name: metric.map(|metric| proposed(&device.name, &metric.name)).unwrap_or_default(),
            device,
            metric: metric.map(|metric| metric.name.to_string()),
            kind: metric.and_then(|metric| metric.tag_kind).unwrap_or(Kind::Number),
            unit: metric.and_then(|metric| metric.unit.as_deref()).unwrap_or_default().to_owned(),
        })
    }

    /// Whether one tag comes of it, with a name, a kind and a unit of its own.
    pub(super) fn is_one_tag(&self) -> bool {
        !matches!(self, Self::Metric(MetricTagWish { metric: None, .. }))
    }

    pub(super) fn name(&mut self) -> &mut String {
        match self {
            Self::Topic(wish) => &mut wish.name,
            Self::Metric(wish) => &mut wish.name,
        }
    }

    pub(super) fn unit(&mut self) -> &mut String {
        match self {
            Self::Topic(wish) => &mut wish.unit,
            Self::Metric(wish) => &mut wish.unit,
        }
    }

    pub(super) fn kind(&mut self) -> &mut Kind {
        match self {
            Self::Topic(wish) => &mut wish.kind,
            Self::Metric(wish) => &mut wish.kind,
        }
    }

    /// The device that does not exist yet.
    pub(super) fn new_device(&mut self) -> Option<&mut MetricDevice> {
        match self {
            Self::Metric(wish) if !wish.device.is_known => Some(&mut wish.device),
            _ => None,
        }
    }

    /// Where the value comes from.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Topic(wish) if wish.pointer.is_empty() => wish.topic.clone(),
            Self::Topic(wish) => format!("{} at {}", wish.topic, wish.pointer),
            Self::Metric(wish) => match &wish.metric {
                Some(metric) => format!("{metric} of {}", wish.device.source),
                None => format!("Every metric that {} declares", wish.device.source),
            },
        }
    }

    /// Whether enough is said to find out what it would change.
    pub(super) fn is_whole(&self) -> bool {
        let is_name = |name: &str| !name.trim().is_empty() && !name.trim().ends_with('/');
        match self {
            Self::Topic(wish) => is_name(&wish.name),
            Self::Metric(wish) => (wish.metric.is_none() || is_name(&wish.name)) && is_name(&wish.device.name),
        }
    }

    /// Finds out what it would change.
    pub(super) fn plan(&self, scene: &Scene<'_>) -> Ticket<SheetPlan> {
        match self {
            Self::Topic(wish) => scene.handle.plan_topic_tag(wish.clone()),
            Self::Metric(wish) => scene.handle.plan_metric_tag(wish.clone()),
        }
    }
}

/// A name out of the topic and the place in its payload, or of a device and its metric.
fn proposed(topic: &str, pointer: &str) -> String {
    let place = pointer.replace("~1", "-").replace("~0", "~");
    let levels = topic.split('/').chain(place.split('/'));
    let levels = levels.map(str::trim).filter(|level| !level.is_empty());
    // Braces are how expressions name tags.
    levels.map(|level| level.replace(['{', '}', ' '], "-")).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_proposed_out_of_topic_and_place() {
        for (topic, pointer, expected) in [
            ("hall/lamp", "", "hall/lamp"),
            ("/hall//lamp", "/state/0/on", "hall/lamp/state/0/on"),
            ("hall", "/a~1b", "hall/a-b"),
            ("big hall/{x}", "/t", "big-hall/-x-/t"),
            ("pump 1", "Motor/Speed", "pump-1/Motor/Speed"),
        ] {
            assert_eq!(proposed(topic, pointer), expected);
        }
    }
}
