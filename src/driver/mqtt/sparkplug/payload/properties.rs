//! The properties of a metric that Polder acts on.

use super::{PropertyContent, PropertySet};
use crate::tag::{Quality, Reason};
use std::sync::Arc;

/// What the properties of a metric say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Properties {
    /// Its engineering unit.
    pub unit: Option<Arc<str>>,
    /// What it means.
    pub description: Option<Arc<str>>,
    /// The lower end of its span.
    pub low: Option<f64>,
    /// The upper end of its span.
    pub high: Option<f64>,
    /// What the edge node thinks of the value; none where it says nothing, which means good.
    pub quality: Option<Quality>,
}

impl Properties {
    /// Reads a set; what is not understood is left out.
    pub fn of(set: &PropertySet) -> Self {
        let mut properties = Self::default();
        for (key, value) in set.keys.iter().zip(&set.values) {
            let Some(content) = value.value.as_ref().filter(|_| value.is_null != Some(true)) else { continue };
            match key.as_str() {
                "engUnit" | "EngUnit" => properties.unit = text(content),
                "documentation" | "Documentation" => properties.description = text(content),
                "engLow" | "EngLow" => properties.low = number(content),
                "engHigh" | "EngHigh" => properties.high = number(content),
                "Quality" | "quality" => properties.quality = Some(quality(content)),
                _ => {}
            }
        }
        properties
    }

    /// The quality alone: the one property that data carries as well.
    pub fn quality_of(set: &PropertySet) -> Option<Quality> {
        let named = set.keys.iter().zip(&set.values).find(|(key, _)| matches!(key.as_str(), "Quality" | "quality"));
        named.filter(|(_, value)| value.is_null != Some(true)).and_then(|(_, value)| value.value.as_ref()).map(quality)
    }
}

/// 192 is good, 500 stale, 0 bad; what is none of these is not trusted.
fn quality(content: &PropertyContent) -> Quality {
    match content {
        PropertyContent::Int(192) | PropertyContent::Long(192) => Quality::GOOD,
        PropertyContent::Int(500) | PropertyContent::Long(500) => Quality::uncertain(Reason::Stale),
        _ => Quality::bad(Reason::NotAvailable),
    }
}

fn text(content: &PropertyContent) -> Option<Arc<str>> {
    match content {
        PropertyContent::Text(text) if !text.trim().is_empty() => Some(text.trim().into()),
        _ => None,
    }
}

fn number(content: &PropertyContent) -> Option<f64> {
    let number = match content {
        PropertyContent::Int(value) => f64::from(*value as i32),
        PropertyContent::Long(value) => *value as i64 as f64,
        PropertyContent::Float(value) => f64::from(*value),
        PropertyContent::Double(value) => *value,
        _ => return None,
    };
    number.is_finite().then_some(number)
}
