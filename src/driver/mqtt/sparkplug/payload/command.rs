//! Commands: NCMD and DCMD payloads. They carry the time at which they were made, and no sequence number.

use super::{DataType, Metric, MetricValue, Payload, REBIRTH};
use crate::tag::{Timestamp, Value};

/// Why a value cannot be sent as a data type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The value is another kind of value, or does not fit.
    #[error("{value} does not fit the data type {} that the metric was born with", .kind.word())]
    Value {
        /// What was to be sent.
        value: String,
        /// The data type.
        kind: DataType,
    },
    /// Nobody can write such a value by hand.
    #[error("a metric of the data type {} cannot be set from here", .0.word())]
    Kind(DataType),
}

/// Which metric is meant: by alias alone where birth gave one, as the specification wants it.
pub fn command(
    name: &str,
    alias: Option<u64>,
    kind: DataType,
    value: &Value,
    now: Timestamp,
) -> Result<Payload, Unfit> {
    let metric = Metric {
        name: alias.is_none().then(|| name.to_owned()),
        alias,
        timestamp: Some(millis(now)),
        datatype: Some(kind.code()),
        value: Some(write(value, kind)?),
        ..Metric::default()
    };
    Ok(with(metric, now))
}

/// Asks an edge node to announce itself and its devices anew.
pub fn rebirth_request(now: Timestamp) -> Payload {
    let metric = Metric {
        name: Some(REBIRTH.to_owned()),
        timestamp: Some(millis(now)),
        datatype: Some(DataType::Boolean.code()),
        value: Some(MetricValue::Boolean(true)),
        ..Metric::default()
    };
    with(metric, now)
}

fn with(metric: Metric, now: Timestamp) -> Payload {
    Payload { timestamp: Some(millis(now)), metrics: vec![metric], ..Payload::default() }
}

/// Milliseconds since 1970; nothing is sent from before.
pub(in crate::driver::mqtt::sparkplug) fn millis(moment: Timestamp) -> u64 {
    u64::try_from(moment.as_micros() / 1000).unwrap_or(0)
}

/// A value as the metric's own data type. Whole numbers have to be whole and fit, floats have to be finite.
pub(in crate::driver::mqtt::sparkplug) fn write(value: &Value, kind: DataType) -> Result<MetricValue, Unfit> {
    let unfit = || Unfit::Value { value: value.to_string(), kind };
    if let Some((bits, is_signed)) = kind.integer() {
        let number = whole(value).ok_or_else(unfit)?;
        let (low, high) =
            if is_signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1_i128 << bits) - 1) };
        if !(low..=high).contains(&number) {
            return Err(unfit());
        }
        return Ok(if bits == 64 { MetricValue::Long(number as u64) } else { MetricValue::Int(number as u32) });
    }
    match kind {
        DataType::Float => {
            let number = finite(value).ok_or_else(unfit)? as f32;
            if number.is_finite() { Ok(MetricValue::Float(number)) } else { Err(unfit()) }
        }
        DataType::Double => finite(value).map(MetricValue::Double).ok_or_else(unfit),
        DataType::Boolean => match value {
            Value::Bool(value) => Ok(MetricValue::Boolean(*value)),
            number if number.as_f64() == Some(0.0) => Ok(MetricValue::Boolean(false)),
            number if number.as_f64() == Some(1.0) => Ok(MetricValue::Boolean(true)),
            _ => Err(unfit()),
        },
        DataType::String | DataType::Text | DataType::UUID => match value {
            Value::Text(text) => Ok(MetricValue::Text(text.as_ref().to_owned())),
            _ => Err(unfit()),
        },
        DataType::DateTime => match value {
            Value::Text(text) => {
                let moment = Timestamp::parse_rfc3339(text).filter(|moment| moment.as_micros() >= 0);
                moment.map(|moment| MetricValue::Long(millis(moment))).ok_or_else(unfit)
            }
            _ => Err(unfit()),
        },
        other => Err(Unfit::Kind(other)),
    }
}

fn finite(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(_) => None,
        number => number.as_f64().filter(|number| number.is_finite()),
    }
}

/// A whole number, exact.
fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Signed(number) => Some(i128::from(*number)),
        Value::Unsigned(number) => Some(i128::from(*number)),
        Value::Single(_) | Value::Double(_) => {
            let number = value.as_f64()?;
            // Beyond this a float no longer tells one whole number from the next.
            (number.fract() == 0.0 && number.abs() <= 9_007_199_254_740_992.0).then_some(number as i128)
        }
        Value::Bool(_) | Value::Text(_) => None,
    }
}
