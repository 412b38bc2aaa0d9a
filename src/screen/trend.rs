//! Trends that belong together under a name.

use crate::tag::TagKey;
use serde::{Deserialize, Serialize};

/// A trend with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrendGroup {
    /// What it is called.
    pub name: String,
    /// Seconds from left to right.
    pub span_seconds: f64,
    /// Who made it; nobody where it stands in the station file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// Its pens, in their order.
    pub pens: Vec<TrendPen>,
}

/// A pen of such a trend.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrendPen {
    /// Its tag.
    pub tag: TagKey,
    /// Whether it has an axis of its own rather than that of its unit.
    #[serde(default)]
    pub own_axis: bool,
    /// Lowest and highest value of its axis; none follows what is in sight.
    #[serde(default)]
    pub range: Option<[f64; 2]>,
    /// Whether its axis is logarithmic.
    #[serde(default)]
    pub log: bool,
    /// Whether it goes straight from sample to sample.
    #[serde(default)]
    pub straight: bool,
    /// Whether it is not drawn at first.
    #[serde(default)]
    pub hidden: bool,
}
