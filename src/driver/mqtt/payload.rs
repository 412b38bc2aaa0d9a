//! Payloads as values.

use crate::tag::{Reason, Scaling, Value};

/// What kind of value a tag takes out of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number; whole numbers stay exact.
    Number,
    /// True or false.
    Bool,
    /// Text.
    Text,
}

/// Reads the value for one tag out of a payload.
pub fn read_payload(payload: &[u8], pointer: Option<&str>, kind: Kind) -> Result<Value, Reason> {
    let text = std::str::from_utf8(payload).map_err(|_| Reason::BadPayload)?;
    let Some(pointer) = pointer else { return plain(text, kind) };
    let document: serde_json::Value = serde_json::from_str(text).map_err(|_| Reason::BadPayload)?;
    match (document.pointer(pointer).ok_or(Reason::BadPayload)?, kind) {
        (serde_json::Value::String(text), kind) => plain(text, kind),
        (serde_json::Value::Bool(value), Kind::Bool) => Ok(Value::Bool(*value)),
        (serde_json::Value::Bool(value), Kind::Number) => Ok(Value::Signed(i64::from(*value))),
        (serde_json::Value::Number(number), Kind::Bool) => match number.as_f64() {
            Some(0.0) => Ok(Value::Bool(false)),
            Some(1.0) => Ok(Value::Bool(true)),
            _ => Err(Reason::BadPayload),
        },
        (serde_json::Value::Null, _) => Err(Reason::BadPayload),
        (other, Kind::Text) => Ok(Value::Text(other.to_string().into())),
        (other, Kind::Number) => serde_json::from_value(other.clone()).map_err(|_| Reason::BadPayload).and_then(number),
        (_, Kind::Bool) => Err(Reason::BadPayload),
    }
}

fn number(value: Value) -> Result<Value, Reason> {
    match value {
        Value::Text(_) | Value::Bool(_) => Err(Reason::BadPayload),
        number => Ok(number),
    }
}

/// Devices write numbers with a point; a comma would be two values elsewhere and is refused.
fn plain(text: &str, kind: Kind) -> Result<Value, Reason> {
    let trimmed = text.trim();
    match kind {
        Kind::Text => Ok(Value::Text(text.into())),
        Kind::Bool => Value::parse_bool(trimmed).map_err(|_| Reason::BadPayload),
        Kind::Number if trimmed.contains(',') => Err(Reason::BadPayload),
        Kind::Number => Value::parse_number(trimmed).map_err(|_| Reason::BadPayload),
    }
}

/// The payload of a command. Text is quoted as JSON only inside a template.
pub fn write_payload(value: &Value, template: Option<&str>, scaling: Option<Scaling>) -> String {
    let scaled = match (scaling, value.as_f64()) {
        (Some(scaling), Some(number)) => Value::Double(scaling.to_raw(number)),
        _ => value.clone(),
    };
    match (template, &scaled) {
        (None, value) => value.to_string(),
        (Some(template), Value::Text(text)) => {
            let quoted = serde_json::Value::from(&**text).to_string();
            template.replace("\"${value}\"", &quoted).replace("${value}", &quoted)
        }
        (Some(template), value) => template.replace("${value}", &value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(payload: &str, pointer: Option<&str>, kind: Kind, expected: Result<Value, Reason>) {
        assert_eq!(read_payload(payload.as_bytes(), pointer, kind), expected, "{payload} {pointer:?} {kind:?}");
    }

    #[test]
    fn plain_and_json() {
        let bad = Err(Reason::BadPayload);
        check("12.5", None, Kind::Number, Ok(Value::Double(12.5)));
        check(" 7\n", None, Kind::Number, Ok(Value::Signed(7)));
        check("1,5", None, Kind::Number, bad.clone());
        check("ON", None, Kind::Bool, Ok(Value::Bool(true)));
        check("running", None, Kind::Text, Ok(Value::Text("running".into())));
        check("running", None, Kind::Number, bad.clone());
        let json =
            r#"{"rain":{"mm_h":3.25},"sensors":[{"v":1},{"v":18446744073709551615}],"on":true,"n":null,"t":"21.5"}"#;
        check(json, Some("/rain/mm_h"), Kind::Number, Ok(Value::Double(3.25)));
        check(json, Some("/sensors/1/v"), Kind::Number, Ok(Value::Unsigned(u64::MAX)));
        check(json, Some("/on"), Kind::Bool, Ok(Value::Bool(true)));
        check(json, Some("/on"), Kind::Number, Ok(Value::Signed(1)));
        check(json, Some("/t"), Kind::Number, Ok(Value::Double(21.5)));
        check(json, Some("/n"), Kind::Number, bad.clone());
        check(json, Some("/missing"), Kind::Number, bad.clone());
        check(json, Some("/sensors"), Kind::Number, bad.clone());
        check("{", Some("/a"), Kind::Number, bad);
        assert_eq!(read_payload(&[0xFF, 0xFE], None, Kind::Text), Err(Reason::BadPayload));
    }

    #[test]
    fn commands() {
        assert_eq!(write_payload(&Value::Double(1.5), None, None), "1.5");
        assert_eq!(write_payload(&Value::Double(1.5), Some(r#"{"set": ${value}}"#), None), r#"{"set": 1.5}"#);
        assert_eq!(
            write_payload(&Value::Text("a\"b".into()), Some(r#"{"set": ${value}}"#), None),
            r#"{"set": "a\"b"}"#
        );
    }
}
