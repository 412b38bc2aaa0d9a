//! Values as metrics of messages.

use super::{EdgeMetric, EdgeSample};
use crate::driver::mqtt::sparkplug::payload::{
    DataType, Metric, MetricValue, PropertyContent, PropertySet, PropertyValue, REBIRTH, millis, write,
};
use crate::tag::{Reason, Timestamp};

const QUALITY: &str = "Quality";

pub(super) fn rebirth_metric(now: Timestamp) -> Metric {
    Metric {
        name: Some(REBIRTH.to_owned()),
        timestamp: Some(millis(now)),
        datatype: Some(DataType::Boolean.code()),
        value: Some(MetricValue::Boolean(false)),
        ..Metric::default()
    }
}

/// Value, time, kind, and what is to be said about its quality; name and alias are still missing.
pub(super) fn described(sample: &EdgeSample, metric: &EdgeMetric) -> Result<Metric, String> {
    let value =
        sample.value.as_ref().map(|value| write(value, metric.kind)).transpose().map_err(|error| error.to_string())?;
    let quality = match (sample.quality.is_bad(), sample.quality.reason) {
        _ if sample.quality.is_good() => None,
        (_, Reason::Stale) => Some(500),
        (false, _) => None,
        (true, _) => Some(0),
    };
    let properties = quality.map(|code| {
        let values = vec![property(DataType::Int32, PropertyContent::Int(code))];
        Box::new(PropertySet { keys: vec![QUALITY.to_owned()], values })
    });
    Ok(Metric {
        timestamp: Some(millis(sample.time)),
        datatype: Some(metric.kind.code()),
        is_null: value.is_none().then_some(true),
        value,
        properties,
        ..Metric::default()
    })
}

pub(super) fn property(kind: DataType, content: PropertyContent) -> PropertyValue {
    PropertyValue { datatype: Some(kind.code()), is_null: None, value: Some(content) }
}

pub(super) fn told_name(metric: &Metric) -> String {
    match (&metric.name, metric.alias) {
        (Some(name), _) => name.clone(),
        (None, Some(alias)) => format!("alias {alias}"),
        (None, None) => "without a name".to_owned(),
    }
}
