//! What a host application knows of a namespace, for those who look: the edge nodes and devices that were heard of, named by the station
//! file or not, and the metrics of one of them. Types only.

use crate::driver::mqtt::Kind;
use crate::tag::{DeviceId, Generation, Quality, TagId, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Lines of groups, nodes and devices that are shown; a search finds the others.
pub const MOST_LINES: usize = 2_000;
/// Metrics of one source that are shown; a search finds the others.
pub const MOST_METRICS: usize = 1_000;
/// Bytes of a value in a line.
pub const PREVIEW_BYTES: usize = 120;
/// Bytes of the value of the metric that was chosen.
pub const WHOLE_BYTES: usize = 64 << 10;

/// What is to be seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NamespaceWish {
    /// The lines that are unfolded, by their paths; none where all groups are.
    pub open: Option<BTreeSet<Arc<str>>>,
    /// What stands in the names of nodes and devices, whatever the case; empty for the tree.
    pub words: String,
    /// The source whose metrics are to be seen.
    pub selected: Option<Arc<str>>,
    /// What stands in the names of metrics, whatever the case.
    pub metric_words: String,
    /// The metric whose value is to be seen whole.
    pub metric: Option<Arc<str>>,
}

/// What there is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NamespaceView {
    /// The plant that devices and tags belong to.
    pub generation: Generation,
    /// Whether the station listens to the namespace.
    pub is_heard: bool,
    /// Edge nodes and devices that are known.
    pub sources: usize,
    /// How many of them are there.
    pub online: usize,
    /// How many of them are no devices of the station.
    pub strangers: usize,
    /// The lines of the tree, or of what was found.
    pub lines: Vec<NamespaceLine>,
    /// Lines beyond those.
    pub left_out: usize,
    /// The source that was chosen.
    pub detail: Option<SourceDetail>,
}

/// A group, an edge node or a device.
#[derive(Clone, Debug, PartialEq)]
pub struct NamespaceLine {
    /// Levels above it.
    pub depth: usize,
    /// Its own name; the whole path where a search flattened the tree.
    pub name: Arc<str>,
    /// `group`, `group/node` or `group/node/device`.
    pub path: Arc<str>,
    /// How many are directly below it.
    pub below: usize,
    /// What is known of it; none of a group.
    pub facts: Option<SourceFacts>,
}

/// Whether an edge node or a device is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// No birth was seen since the station is connected.
    #[default]
    Unheard,
    /// It is there.
    Online,
    /// Its node announced itself anew; its own birth has to come next.
    Unconfirmed,
    /// It is gone.
    Offline,
}

/// How a source stands with the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether it is there.
    pub presence: Presence,
    /// Since when; none where that is not known.
    pub since: Option<Timestamp>,
    /// Births since the station started.
    pub births: u32,
    /// How many of them came while it was there already.
    pub rebirths: u32,
}

/// What is known of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceFacts {
    /// How it stands.
    pub standing: Standing,
    /// Metrics that its last birth declared.
    pub metrics: usize,
    /// Tags that are made of them.
    pub tags: usize,
    /// The device of the station that it is.
    pub device: Option<DeviceId>,
}

/// One source with its metrics.
#[derive(Clone, Debug, PartialEq)]
pub struct SourceDetail {
    /// `group/node` or `group/node/device`.
    pub path: Arc<str>,
    /// What is known of it.
    pub facts: SourceFacts,
    /// Metrics in whose names the words stand.
    pub found: usize,
    /// The first of them.
    pub metrics: Vec<MetricLine>,
    /// The whole value of the metric that was chosen, or the beginning of a very long one.
    pub whole: Option<Arc<str>>,
}

/// A metric with its last value.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricLine {
    /// Its name.
    pub name: Arc<str>,
    /// The data type of its birth, in the words of the specification.
    pub kind: &'static str,
    /// The kind that a tag of it has; none where no tag can be made of it.
    pub tag_kind: Option<Kind>,
    /// Its engineering unit.
    pub unit: Option<Arc<str>>,
    /// The last value, or its beginning; none where none came.
    pub value: Option<String>,
    /// How far that can be trusted.
    pub quality: Quality,
    /// When it was so.
    pub time: Option<Timestamp>,
    /// A tag that is made of it.
    pub tag: Option<TagId>,
}
