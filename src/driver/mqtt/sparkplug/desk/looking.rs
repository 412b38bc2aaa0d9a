//! What the desk shows to those who look: the tree of what was heard of, and the metrics of one source.

use super::found::{is_control, kind_of};
use super::last::beginning;
use super::{Desk, Device};
use crate::driver::mqtt::sparkplug::host::{MetricDefinition, SourceId};
use crate::driver::mqtt::sparkplug::namespace::{
    MOST_LINES, MOST_METRICS, MetricLine, NamespaceLine, NamespaceView, NamespaceWish, PREVIEW_BYTES, Presence,
    SourceDetail, SourceFacts, WHOLE_BYTES,
};
use crate::driver::mqtt::sparkplug::payload::DataType;
use crate::driver::mqtt::sparkplug::topic::Source;
use crate::tag::{DeviceId, Quality, Reason, TagId, Value};
use std::collections::HashMap;
use std::sync::Arc;

impl Desk {
    /// What is known; `device_at` is the device of the station at a place of the connection.
    pub fn look(&self, wish: &NamespaceWish, device_at: impl Fn(usize) -> Option<DeviceId>) -> NamespaceView {
        let mut sources: Vec<_> = self.host.sources().map(|(id, source, is_online)| (source, id, is_online)).collect();
        sources.sort_unstable_by_key(|(source, ..)| *source);
        let facts = |id| self.facts(id, &device_at);
        let words = wish.words.trim().to_lowercase();
        let mut lines = if words.is_empty() { tree(&sources, wish, facts) } else { search(&sources, &words, facts) };
        let left_out = lines.len().saturating_sub(MOST_LINES);
        lines.truncate(MOST_LINES);
        NamespaceView {
            is_heard: self.host.is_online(),
            sources: sources.len(),
            online: sources.iter().filter(|(.., is_online)| *is_online).count(),
            strangers: sources.iter().filter(|(_, id, _)| self.device(*id).is_none()).count(),
            lines,
            left_out,
            detail: self.detail(wish, facts),
            ..NamespaceView::default()
        }
    }

    fn facts(&self, id: SourceId, device_at: impl Fn(usize) -> Option<DeviceId>) -> SourceFacts {
        let device = self.device(id);
        SourceFacts {
            standing: self.host.standing(id),
            metrics: self.host.metrics(id).iter().filter(|metric| !is_control(&metric.name)).count(),
            tags: device.map_or(0, |device| device.points.len()),
            device: device.and_then(|device| device_at(device.place)),
        }
    }

    fn detail(&self, wish: &NamespaceWish, facts: impl Fn(SourceId) -> SourceFacts) -> Option<SourceDetail> {
        let path = wish.selected.as_ref()?;
        let id = self.host.find(&Source::parse(path).ok()?)?;
        let words = wish.metric_words.trim().to_lowercase();
        let tags = self.device(id).map(tags_of).unwrap_or_default();
        let fits = |metric: &MetricDefinition| {
            !is_control(&metric.name) && (words.is_empty() || metric.name.to_lowercase().contains(&words))
        };
        let all = self.host.metrics(id).iter().enumerate().filter(|(_, metric)| fits(metric));
        let mut found: Vec<_> = all.collect();
        found.sort_unstable_by_key(|(_, metric)| &metric.name);
        let lines = found.iter().take(MOST_METRICS);
        let metrics = lines.map(|(place, metric)| self.metric(id, *place, metric, &tags)).collect();
        let chosen = found.iter().find(|(_, metric)| Some(&metric.name) == wish.metric.as_ref());
        let whole = chosen.and_then(|(place, _)| self.whole(id, *place));
        Some(SourceDetail { path: Arc::clone(path), facts: facts(id), found: found.len(), metrics, whole })
    }

    fn metric(
        &self,
        id: SourceId,
        place: usize,
        metric: &MetricDefinition,
        tags: &HashMap<Arc<str>, TagId>,
    ) -> MetricLine {
        let kept = self.bound.get(&id).and_then(|bound| bound.last.get(place));
        let is_gone = self.host.standing(id).presence != Presence::Online;
        let said = kept.map_or(Quality::bad(Reason::NotYetRead), |kept| kept.update.quality);
        MetricLine {
            name: Arc::clone(&metric.name),
            kind: metric.kind.map_or("unknown", DataType::word),
            tag_kind: metric.kind.is_some().then(|| kind_of(metric)),
            unit: metric.properties.unit.clone(),
            value: kept.and_then(|kept| kept.update.value.as_ref()).map(preview),
            // What somebody said who is gone is no present value.
            quality: if is_gone && !said.is_bad() { Quality::bad(Reason::NotConnected) } else { said },
            time: kept.map(|kept| kept.update.time),
            tag: tags.get(&metric.name).copied(),
        }
    }

    /// The value of a metric as text.
    fn whole(&self, id: SourceId, place: usize) -> Option<Arc<str>> {
        let kept = self.bound.get(&id)?.last.get(place)?;
        let text = kept.update.value.as_ref()?.to_string();
        let shown = beginning(&text, WHOLE_BYTES);
        let cut = kept.is_cut || shown.len() < text.len();
        Some(if cut { format!("{shown}\n(and more, which is not kept here)").into() } else { shown.into() })
    }
}

fn tags_of(device: &Device) -> HashMap<Arc<str>, TagId> {
    device.points.iter().map(|point| (Arc::clone(&point.metric), point.tag)).collect()
}

/// The beginning of a value on one line.
fn preview(value: &Value) -> String {
    let text = match value {
        Value::Text(text) => beginning(text, PREVIEW_BYTES).to_owned(),
        other => other.to_string(),
    };
    text.chars().map(|sign| if sign.is_control() { ' ' } else { sign }).collect()
}

/// Sources in the order of their names.
type Sorted<'a> = [(&'a Source, SourceId, bool)];

fn line(depth: usize, name: &Arc<str>, path: Arc<str>, below: usize, facts: Option<SourceFacts>) -> NamespaceLine {
    NamespaceLine { depth, name: Arc::clone(name), path, below, facts }
}

/// Groups, below them their nodes, below these their devices, as far as they are unfolded.
fn tree(sources: &Sorted<'_>, wish: &NamespaceWish, facts: impl Fn(SourceId) -> SourceFacts) -> Vec<NamespaceLine> {
    let mut lines = Vec::new();
    for group in sources.chunk_by(|one, other| one.0.group == other.0.group) {
        let name = &group[0].0.group;
        let nodes = group.iter().filter(|(source, ..)| source.is_node()).count();
        lines.push(line(0, name, Arc::clone(name), nodes, None));
        if wish.open.as_ref().is_some_and(|open| !open.contains(name)) {
            continue;
        }
        // A node stands before its devices: no name comes before every name.
        for node in group.chunk_by(|one, other| one.0.node == other.0.node) {
            let (source, id, _) = node[0];
            let path: Arc<str> = source.of_node().to_string().into();
            let is_open = wish.open.as_ref().is_some_and(|open| open.contains(&path));
            lines.push(line(1, &source.node, path, node.len() - 1, Some(facts(id))));
            for (source, id, _) in node.iter().skip(1).filter(|_| is_open) {
                let name = source.device.as_ref().unwrap_or(&source.node);
                lines.push(line(2, name, source.to_string().into(), 0, Some(facts(*id))));
            }
        }
    }
    lines
}

/// Nodes and devices in whose names the words stand.
fn search(sources: &Sorted<'_>, words: &str, facts: impl Fn(SourceId) -> SourceFacts) -> Vec<NamespaceLine> {
    let found = sources.iter().filter_map(|(source, id, _)| {
        let path: Arc<str> = source.to_string().into();
        path.to_lowercase().contains(words).then(|| line(0, &path, Arc::clone(&path), 0, Some(facts(*id))))
    });
    found.collect()
}

#[cfg(test)]
mod tests;
