//! Values: what a tag says, kept exactly as the field said it.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A value with its own memory. Integers keep all 64 bits, and a 32-bit float stays one, so that both print as they came.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Two-valued.
    Bool(bool),
    /// Signed integer, exact.
    Signed(i64),
    /// Unsigned integer, exact.
    Unsigned(u64),
    /// 32-bit float; JSON has no "not a number", there it is `null`.
    Single(f32),
    /// 64-bit float.
    Double(f64),
    /// Text.
    Text(Arc<str>),
}

/// Why text is not a value of the wanted kind.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// The text is no number at all, or one that can be misread.
    #[error("\"{0}\" is not a number; write it with a decimal point, such as 1.5")]
    NotANumber(String),
    /// The text is neither of the two words of a switch.
    #[error("\"{0}\" is neither true nor false")]
    NotABool(String),
    /// The number does not fit the tag's type.
    #[error("{0} does not fit the type {1}")]
    DoesNotFit(String, &'static str),
}

impl Value {
    /// As a number: booleans are 0 and 1, text is none.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Signed(value) => Some(*value as f64),
            Self::Unsigned(value) => Some(*value as f64),
            Self::Single(value) => Some(f64::from(*value)),
            Self::Double(value) => Some(*value),
            Self::Text(_) => None,
        }
    }

    /// Reads a number as people write it. One comma or one point is a decimal sign ("1,5" is 1.5); anything that could mean a
    /// thousands separator ("1.500,0", "1,500.0", "1'000") is an error, never a guess. Spaces around it are ignored.
    pub fn parse_number(text: &str) -> Result<Self, ValueError> {
        let trimmed = text.trim();
        let refuse = || ValueError::NotANumber(trimmed.to_owned());
        let signs = trimmed.chars().filter(|sign| matches!(sign, ',' | '.')).count();
        let plain = trimmed.chars().all(|sign| matches!(sign, '0'..='9' | '+' | '-' | '.' | ',' | 'e' | 'E'));
        if signs > 1 || !plain || !trimmed.contains(|sign: char| sign.is_ascii_digit()) {
            return Err(refuse());
        }
        if signs == 0 {
            if let Ok(integer) = trimmed.parse::<i64>() {
                return Ok(Self::Signed(integer));
            }
            if let Ok(integer) = trimmed.parse::<u64>() {
                return Ok(Self::Unsigned(integer));
            }
        }
        let number = if trimmed.contains(',') { trimmed.replace(',', ".").parse() } else { trimmed.parse::<f64>() };
        match number {
            Ok(number) if number.is_finite() => Ok(Self::Double(number)),
            _ => Err(refuse()),
        }
    }

    /// Reads `true/false`, `on/off`, `1/0`, in any case.
    pub fn parse_bool(text: &str) -> Result<Self, ValueError> {
        match text.trim().to_ascii_lowercase().as_str() {
            "true" | "on" | "1" => Ok(Self::Bool(true)),
            "false" | "off" | "0" => Ok(Self::Bool(false)),
            other => Err(ValueError::NotABool(other.to_owned())),
        }
    }

    /// Whether two values are the same, counting "not a number" as equal to itself and ignoring the number's kind.
    pub fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Text(first), Self::Text(second)) => first == second,
            (Self::Text(_), _) | (_, Self::Text(_)) => false,
            (Self::Signed(first), Self::Signed(second)) => first == second,
            (Self::Unsigned(first), Self::Unsigned(second)) => first == second,
            _ => match (self.as_f64(), other.as_f64()) {
                (Some(first), Some(second)) => first == second || (first.is_nan() && second.is_nan()),
                _ => false,
            },
        }
    }
}

impl fmt::Display for Value {
    /// The shortest text that reads back as the same value.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Signed(value) => write!(formatter, "{value}"),
            Self::Unsigned(value) => write!(formatter, "{value}"),
            Self::Single(value) => write!(formatter, "{value}"),
            Self::Double(value) => write!(formatter, "{value}"),
            Self::Text(value) => formatter.write_str(value),
        }
    }
}

/// The 64-bit float that prints as the 32-bit one does: 0.1 rather than 0.10000000149011612. Casting it back gives the same 32 bits.
fn shortest(single: f32) -> f64 {
    if single.is_finite() { single.to_string().parse().unwrap_or(f64::from(single)) } else { f64::from(single) }
}

impl Serialize for Value {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Signed(value) => serializer.serialize_i64(*value),
            Self::Unsigned(value) => serializer.serialize_u64(*value),
            Self::Single(value) => serializer.serialize_f64(shortest(*value)),
            Self::Double(value) => serializer.serialize_f64(*value),
            Self::Text(value) => serializer.serialize_str(value),
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Bool(value) => Ok(Self::Bool(value)),
            serde_json::Value::String(value) => Ok(Self::Text(value.into())),
            serde_json::Value::Number(number) => Ok(match (number.as_i64(), number.as_u64(), number.as_f64()) {
                (Some(value), _, _) => Self::Signed(value),
                (_, Some(value), _) => Self::Unsigned(value),
                (_, _, Some(value)) => Self::Double(value),
                _ => return Err(serde::de::Error::custom("a number of at most 64 bits was expected")),
            }),
            _ => Err(serde::de::Error::custom("a number, true, false or a string was expected")),
        }
    }
}

/// A value without memory of its own, 16 bytes and `Copy`, for dense tables. Texts live in a table beside it.
#[derive(Clone, Copy, Debug, PartialEq, Default)]
pub enum Scalar {
    /// Nothing has been read yet.
    #[default]
    Empty,
    /// Two-valued.
    Bool(bool),
    /// Signed integer.
    Signed(i64),
    /// Unsigned integer.
    Unsigned(u64),
    /// 32-bit float.
    Single(f32),
    /// 64-bit float.
    Double(f64),
    /// The text stands in the table beside.
    Text,
}

impl Scalar {
    /// As a number: booleans are 0 and 1; text and nothing are none.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Empty | Self::Text => None,
            Self::Bool(value) => Some(f64::from(u8::from(value))),
            Self::Signed(value) => Some(value as f64),
            Self::Unsigned(value) => Some(value as f64),
            Self::Single(value) => Some(f64::from(value)),
            Self::Double(value) => Some(value),
        }
    }

    /// With memory of its own; `text` is what the table beside says. `None` for nothing.
    pub fn to_value(self, text: Option<&Arc<str>>) -> Option<Value> {
        Some(match self {
            Self::Empty => return None,
            Self::Bool(value) => Value::Bool(value),
            Self::Signed(value) => Value::Signed(value),
            Self::Unsigned(value) => Value::Unsigned(value),
            Self::Single(value) => Value::Single(value),
            Self::Double(value) => Value::Double(value),
            Self::Text => Value::Text(text?.clone()),
        })
    }
}

impl From<&Value> for Scalar {
    fn from(value: &Value) -> Self {
        match value {
            Value::Bool(value) => Self::Bool(*value),
            Value::Signed(value) => Self::Signed(*value),
            Value::Unsigned(value) => Self::Unsigned(*value),
            Value::Single(value) => Self::Single(*value),
            Value::Double(value) => Self::Double(*value),
            Value::Text(_) => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<Value>) {
        assert_eq!(Value::parse_number(text).ok(), expected, "{text:?}");
    }

    #[test]
    fn numbers_are_read_as_people_write_them_or_refused() {
        check("1,5", Some(Value::Double(1.5)));
        check("1.5", Some(Value::Double(1.5)));
        check(" -12 ", Some(Value::Signed(-12)));
        check("18446744073709551615", Some(Value::Unsigned(u64::MAX)));
        check("1e3", Some(Value::Double(1000.0)));
        for text in ["", "-", "1.500,0", "1,500.0", "1 500", "1'000", "NaN", "inf", "0x10", "12 rpm", "1e999", ".", "e"]
        {
            check(text, None);
        }
    }

    #[test]
    fn json_keeps_all_bits() {
        for value in [Value::Signed(i64::MIN), Value::Unsigned(u64::MAX), Value::Double(0.1), Value::Bool(true)] {
            let text = serde_json::to_string(&value).unwrap();
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
        assert_eq!(serde_json::to_string(&Value::Single(0.1)).unwrap(), "0.1");
        assert_eq!(serde_json::json!(Value::Single(0.1)).to_string(), "0.1");
        assert_eq!(serde_json::to_string(&Value::Double(f64::NAN)).unwrap(), "null");
    }

    #[test]
    fn a_scalar_is_sixteen_bytes() {
        assert_eq!(size_of::<Scalar>(), 16);
    }
}
