//! The overview and the trends as the station file has them. These comments too are what an engineer reads in the editor.

use schemars::JsonSchema;
use serde::Deserialize;

/// A trend under a name.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TrendEntry {
    /// What it is called; unique.
    pub(super) name: String,
    /// Time from left to right, such as 2h; 5 minutes where it is not given.
    #[serde(default)]
    pub(super) span: Option<String>,
    /// Its pens, in their order.
    pub(super) pens: Vec<TrendPenEntry>,
}

/// A pen of a trend.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TrendPenEntry {
    /// The tag.
    pub(super) tag: String,
    /// An axis of its own rather than that of its unit.
    #[serde(default)]
    pub(super) own_axis: bool,
    /// Lowest and highest value of its axis; not given, it follows what is in sight.
    #[serde(default)]
    pub(super) range: Option<[f64; 2]>,
    /// A logarithmic axis.
    #[serde(default)]
    pub(super) log: bool,
    /// Straight from sample to sample, rather than in steps.
    #[serde(default)]
    pub(super) straight: bool,
}

/// The picture of the plant. Places are in units of its own size.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct OverviewEntry {
    /// Width and height.
    pub(super) size: [f32; 2],
    /// What is drawn, in this order.
    pub(super) elements: Vec<ElementEntry>,
    /// Tags whose last hours stand beside it.
    #[serde(default)]
    pub(super) trends: Vec<String>,
}

/// One thing in the picture.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ElementEntry {
    /// Water in a basin.
    Tank { area: [f32; 4], title: String, level: String, target: Option<String>, span: [f64; 2] },
    /// A pump; its state is 0 stopped, 1 running, 2 tripped.
    Pump { at: [f32; 2], title: String, state: String, value: String },
    /// A sluice gate; its position is in percent.
    Gate { at: [f32; 2], title: String, position: String, value: Option<String> },
    /// A scale with a pointer.
    Gauge { at: [f32; 2], title: String, value: String, target: Option<String> },
    /// A number with its name.
    Number { at: [f32; 2], title: String, value: String },
    /// A pipe.
    Pipe { points: Vec<[f32; 2]> },
    /// A caption.
    Caption { at: [f32; 2], words: String },
}
