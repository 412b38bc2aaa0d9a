//! What a message about a value says.

use super::forward::Waiting;
use crate::driver::mqtt::Format;

/// The bytes of a message; none where there is nothing that this format can say: a bare value says no quality.
pub(super) fn payload(sample: &Waiting, unit: &str, format: Format, historical: bool) -> Option<Vec<u8>> {
    match format {
        Format::Value => {
            let value = sample.value.as_ref().filter(|_| !sample.quality.is_bad())?;
            Some(value.to_string().into_bytes())
        }
        // The driver writes metrics, which have an order of their own.
        Format::Metric => None,
        Format::Json => Some(json(sample, unit, historical).to_string().into_bytes()),
    }
}

fn json(sample: &Waiting, unit: &str, historical: bool) -> serde_json::Value {
    let mut object = serde_json::Map::new();
    let mut put = |key: &str, value: serde_json::Value| drop(object.insert(key.to_owned(), value));
    put("time", sample.time.to_rfc3339().into());
    put("value", serde_json::json!(sample.value));
    put("quality", sample.quality.status.word().into());
    if sample.quality.reason != crate::tag::Reason::None {
        put("reason", sample.quality.reason.words().into());
    }
    if !unit.is_empty() {
        put("unit", unit.into());
    }
    if historical {
        put("historical", true.into());
    }
    serde_json::Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::{Quality, Reason, Timestamp, Value};

    fn check(value: Option<Value>, quality: Quality, historical: bool, json: &str, bare: Option<&str>) {
        let sample = Waiting { time: Timestamp::from_micros(1_500_000), value, quality };
        let text = |format| payload(&sample, "m", format, historical).map(|bytes| String::from_utf8(bytes).unwrap());
        let found: serde_json::Value = serde_json::from_str(&text(Format::Json).unwrap()).unwrap();
        assert_eq!(found, serde_json::from_str::<serde_json::Value>(json).unwrap());
        assert_eq!(text(Format::Value).as_deref(), bare);
    }

    #[test]
    fn a_message_says_time_value_quality_and_unit() {
        check(
            Some(Value::Single(0.1)),
            Quality::GOOD,
            false,
            r#"{"time":"1970-01-01T00:00:01.500000Z","value":0.1,"quality":"good","unit":"m"}"#,
            Some("0.1"),
        );
        check(
            Some(Value::Unsigned(u64::MAX)),
            Quality::uncertain(Reason::OverRange),
            true,
            r#"{"time":"1970-01-01T00:00:01.500000Z","value":18446744073709551615,"quality":"uncertain",
                "reason":"above the instrument's span","unit":"m","historical":true}"#,
            Some("18446744073709551615"),
        );
        check(
            None,
            Quality::bad(Reason::NoAnswer),
            false,
            r#"{"time":"1970-01-01T00:00:01.500000Z","value":null,"quality":"bad","reason":"no answer","unit":"m"}"#,
            None,
        );
    }
}
