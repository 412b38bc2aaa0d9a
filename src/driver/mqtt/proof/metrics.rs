//! Payloads of Sparkplug B: what was read is written so that it reads the same, and every value fits the data type that it is read as.

use crate::driver::mqtt::payload::LONGEST_TEXT;
use crate::driver::mqtt::sparkplug::payload::{
    DataType, Metric, MetricValue, Properties, command, decode, encode, read,
};
use crate::tag::{Timestamp, Value};

/// Bytes as a payload.
pub(super) fn payload(bytes: &[u8]) {
    let payload = match decode(bytes) {
        Ok(payload) => payload,
        Err(words) => return assert!(!words.is_empty()),
    };
    let written = encode(&payload);
    let again = decode(&written);
    // Not-a-number is unlike itself: the bytes are compared.
    assert_eq!(again.as_ref().map(encode).as_deref(), Ok(&written[..]));
    assert!(again.is_ok_and(|again| again.metrics.len() == payload.metrics.len()));
    payload.metrics.iter().for_each(metric);
}

fn metric(metric: &Metric) {
    if let Some(set) = &metric.properties {
        let _ = (Properties::of(set), Properties::quality_of(set));
    }
    for kind in metric.value.iter().flat_map(|value| DataType::ALL.iter().map(move |kind| (value, *kind))) {
        let (carried, kind) = kind;
        match read(carried, kind) {
            Ok(value) => fits(&value, carried, kind),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

fn fits(value: &Value, carried: &MetricValue, kind: DataType) {
    match value {
        Value::Text(text) => assert!(text.len() <= LONGEST_TEXT, "{} bytes of {kind:?}", text.len()),
        Value::Signed(number) => {
            let range =
                kind.integer().map(|(bits, is_signed)| (is_signed, i64::MIN >> (64 - bits), i64::MAX >> (64 - bits)));
            assert!(
                range.is_some_and(|(is_signed, low, high)| is_signed && (low..=high).contains(number)),
                "{kind:?} {number}"
            );
        }
        Value::Unsigned(number) => {
            let highest = kind.integer().filter(|(_, is_signed)| !is_signed).map(|(bits, _)| u64::MAX >> (64 - bits));
            assert!(highest.is_some_and(|highest| *number <= highest), "{kind:?} {number}");
        }
        Value::Bool(_) => assert_eq!(kind, DataType::Boolean),
        Value::Single(_) | Value::Double(_) => assert!(matches!(kind, DataType::Float | DataType::Double)),
    }
    // What can be set is sent as it was read.
    if let Ok(sent) = command("a", None, kind, value, Timestamp::default()) {
        let back = sent.metrics.iter().filter_map(|metric| metric.value.as_ref()).map(|sent| read(sent, kind)).next();
        let back = back.and_then(Result::ok);
        let is_narrowed = kind == DataType::Float && matches!(carried, MetricValue::Double(_));
        let is_same = |back: &Value| back == value || (value.as_f64().is_some() && back.as_f64() == value.as_f64());
        assert!(back.as_ref().is_some_and(|back| is_narrowed || is_same(back)), "{kind:?}: {value:?} becomes {back:?}");
    }
}
