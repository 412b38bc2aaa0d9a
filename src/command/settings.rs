//! What the engineer says about commanding a tag.

use crate::access::Role;
use crate::tag::{TagId, Value, ValueError};
use std::sync::Arc;
use std::time::Duration;

/// How a tag may be set.
#[derive(Clone, Debug, PartialEq)]
pub struct CommandSettings {
    /// Lowest value that may be sent, in the tag's unit.
    pub min: Option<f64>,
    /// Highest value that may be sent.
    pub max: Option<f64>,
    /// Whether only true and false may be sent.
    pub boolean: bool,
    /// Whether text is sent.
    pub text: bool,
    /// Whether only whole numbers can be sent: the field holds an integer and there is no scaling.
    pub whole: bool,
    /// The role that it needs.
    pub role: Role,
    /// The tag that shows what the device made of it; none where no read-back exists.
    pub read_back: Option<TagId>,
    /// How far the read-back may differ from what was sent, in the tag's unit.
    pub tolerance: f64,
    /// How long the read-back may take to come true.
    pub within: Duration,
    /// Whether the device resets it by itself once it has taken it up.
    pub pulse: bool,
    /// Whether it must go out even when records cannot be written (stop, close).
    pub essential: bool,
    /// How far the value may have moved since the operator saw it.
    pub seen_tolerance: f64,
    /// MQTT: the topic that it goes to, which is closed to messages by hand.
    pub topic: Option<Arc<str>>,
}

impl CommandSettings {
    /// Reads what an operator typed as a value for this tag, with the words that the dialog shows when it is none.
    pub fn parse(&self, text: &str) -> Result<Value, ValueError> {
        if self.text {
            return Ok(Value::Text(Arc::from(text.trim())));
        }
        if self.boolean {
            return Value::parse_bool(text);
        }
        Value::parse_number(text)
    }

    /// Checks a value against kind and limits; the error is a sentence.
    pub fn check(&self, value: &Value) -> Result<(), String> {
        match value {
            Value::Text(_) if self.text => return Ok(()),
            Value::Bool(_) if self.boolean => return Ok(()),
            _ if self.text => return Err("this tag takes text".to_owned()),
            _ if self.boolean => return Err("this tag takes true or false".to_owned()),
            _ => {}
        }
        let number = match value {
            Value::Bool(_) | Value::Text(_) => return Err("this tag takes a number".to_owned()),
            other => other.as_f64().filter(|number| number.is_finite()).ok_or("this is not a number")?,
        };
        if self.whole && number.fract() != 0.0 {
            return Err(format!("{value} is not a whole number, and the device holds whole numbers only"));
        }
        match (self.min, self.max) {
            (Some(min), _) if number < min => Err(format!("{value} is below the lowest allowed value {min}")),
            (_, Some(max)) if number > max => Err(format!("{value} is above the highest allowed value {max}")),
            _ => Ok(()),
        }
    }
}

impl Default for CommandSettings {
    fn default() -> Self {
        Self {
            min: None,
            max: None,
            boolean: false,
            text: false,
            whole: false,
            role: Role::Operator,
            read_back: None,
            tolerance: 0.0,
            within: Duration::from_secs(10),
            pulse: false,
            essential: false,
            seen_tolerance: 0.0,
            topic: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_include_their_ends_and_kinds_are_not_mixed() {
        let settings = CommandSettings { min: Some(0.0), max: Some(10.0), ..CommandSettings::default() };
        assert!(settings.check(&Value::Signed(10)).is_ok());
        assert!(settings.check(&Value::Double(10.01)).is_err());
        assert!(settings.check(&Value::Double(f64::NAN)).is_err());
        assert!(settings.check(&Value::Bool(true)).is_err());
        let switch = CommandSettings { boolean: true, ..CommandSettings::default() };
        assert!(switch.check(&Value::Bool(false)).is_ok());
        assert!(switch.check(&Value::Signed(1)).is_err());
        let whole = CommandSettings { whole: true, ..CommandSettings::default() };
        assert!(whole.check(&Value::Double(1.5)).is_err());
    }
}
