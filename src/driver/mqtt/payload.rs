//! Payloads as values.

use super::document::Document;
use super::pointer::plain;
use super::{Point, Publication};
use crate::tag::{Reason, Value};
use serde_json::Value as Json;
use std::io;
use std::sync::Arc;

/// Bytes of text that one tag holds.
pub(super) const LONGEST_TEXT: usize = 8192;

/// What kind of value a tag takes out of a payload.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A number; whole numbers stay exact.
    #[default]
    Number,
    /// True or false.
    Bool,
    /// Text.
    Text,
}

impl Kind {
    const fn words(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::Text => "text",
        }
    }
}

/// The words of a device for true and false; where they are given, no others count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// What it says for true, such as "OPEN".
    pub yes: Arc<str>,
    /// What it says for false.
    pub no: Arc<str>,
}

/// Why a payload says nothing that a tag could be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PayloadError {
    /// Its bytes are no text.
    #[error("the message is not text (UTF-8)")]
    NotUtf8,
    /// Its text is no JSON.
    #[error("the message is not JSON: {0}")]
    NotJson(String),
    /// It is JSON without the place.
    #[error("the message has nothing at {0}")]
    NoPlace(Arc<str>),
    /// What it says is of another kind.
    #[error("{0} would be right")]
    WrongKind(&'static str),
    /// What it says is neither of the two words.
    #[error("\"{0}\" or \"{1}\" would be right")]
    UnknownWord(Arc<str>, Arc<str>),
    /// It says NaN or infinity, or a number that is larger than numbers can be.
    #[error("the message says a number that is none")]
    NotANumber,
    /// Too few bytes.
    #[error("the message has {bytes} bytes, and at least {needed} would be right")]
    TooShort {
        /// Bytes of the message.
        bytes: usize,
        /// Bytes up to the end of the number.
        needed: usize,
    },
    /// More text than a tag holds.
    #[error("the text is longer than the {LONGEST_TEXT} bytes that a tag holds")]
    TooLong,
}

impl PayloadError {
    /// The reason that the tag gets.
    pub const fn reason(&self) -> Reason {
        match self {
            Self::NotANumber => Reason::NotANumber,
            _ => Reason::BadPayload,
        }
    }
}

/// The value for one tag in a payload; none where the message says nothing about it, and may.
pub fn read_payload(payload: &[u8], point: &Point) -> Result<Option<Value>, PayloadError> {
    read(&Document::new(payload), point)
}

pub(super) fn read(document: &Document<'_>, point: &Point) -> Result<Option<Value>, PayloadError> {
    if let Some(binary) = point.binary {
        return binary.read(document.payload()).map(|value| Some(of_number(value, point.kind)));
    }
    let Some(pointer) = &point.pointer else { return of_text(document.text()?, point).map(Some) };
    match document.find(pointer)? {
        None if point.is_optional => Ok(None),
        None => Err(PayloadError::NoPlace(pointer.as_str().into())),
        Some(found) => of_json(found, point).map(Some),
    }
}

/// Any number but 0 is true.
fn of_number(number: Value, kind: Kind) -> Value {
    match kind {
        Kind::Number => number,
        Kind::Bool => Value::Bool(number.as_f64().is_some_and(|number| number != 0.0)),
        Kind::Text => Value::Text(number.to_string().into()),
    }
}

fn of_json(found: &Json, point: &Point) -> Result<Value, PayloadError> {
    if let (Some(words), Kind::Bool) = (&point.words, point.kind) {
        let said = plain(found).ok_or(PayloadError::WrongKind(Kind::Bool.words()))?;
        return of_words(&said, words);
    }
    let wrong = || PayloadError::WrongKind(point.kind.words());
    match (found, point.kind) {
        (Json::String(text), _) => of_text(text, point),
        (Json::Bool(value), Kind::Bool) => Ok(Value::Bool(*value)),
        (Json::Bool(value), Kind::Number) => Ok(Value::Signed(i64::from(*value))),
        (Json::Number(number), Kind::Bool) => match number.as_f64() {
            Some(0.0) => Ok(Value::Bool(false)),
            Some(1.0) => Ok(Value::Bool(true)),
            _ => Err(wrong()),
        },
        (Json::Number(number), Kind::Number) => {
            let whole = number.as_i64().map(Value::Signed).or_else(|| number.as_u64().map(Value::Unsigned));
            whole.or_else(|| number.as_f64().map(Value::Double)).ok_or_else(wrong)
        }
        (Json::Null, _) => Err(wrong()),
        (other, Kind::Text) => as_text(other),
        (Json::Array(_) | Json::Object(_), _) => Err(wrong()),
    }
}

/// Devices write numbers with a point; a comma would be two values elsewhere and is refused.
fn of_text(text: &str, point: &Point) -> Result<Value, PayloadError> {
    let trimmed = without_padding(text).trim();
    let wrong = || PayloadError::WrongKind(point.kind.words());
    match (point.kind, &point.words) {
        (Kind::Text, _) if text.len() > LONGEST_TEXT => Err(PayloadError::TooLong),
        (Kind::Text, _) => Ok(Value::Text(text.into())),
        (Kind::Bool, Some(words)) => of_words(text, words),
        (Kind::Bool, None) => Value::parse_bool(trimmed).map_err(|_| wrong()),
        (Kind::Number, _) if trimmed.contains(',') => Err(wrong()),
        (Kind::Number, _) => Value::parse_number(trimmed).map_err(|_| match trimmed.parse::<f64>() {
            Ok(number) if !number.is_finite() => PayloadError::NotANumber,
            _ => wrong(),
        }),
    }
}

/// Payloads of a fixed length end in many spaces. Taken away by the piece they cost next to nothing; a few may be left.
fn without_padding(text: &str) -> &str {
    let mut bytes = text.as_bytes();
    while let Some((before, b"                ")) = bytes.split_last_chunk::<16>() {
        bytes = before;
    }
    text.get(..bytes.len()).unwrap_or(text)
}

fn of_words(said: &str, words: &Words) -> Result<Value, PayloadError> {
    match said.trim() {
        said if said == &*words.yes => Ok(Value::Bool(true)),
        said if said == &*words.no => Ok(Value::Bool(false)),
        _ => Err(PayloadError::UnknownWord(Arc::clone(&words.yes), Arc::clone(&words.no))),
    }
}

/// Ends as soon as it is too long: a thousand tags may each want all of a message.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > LONGEST_TEXT {
            return Err(io::Error::other("too long"));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// JSON as the text of a tag.
pub(super) fn as_text(json: &Json) -> Result<Value, PayloadError> {
    let mut text = Bounded(Vec::new());
    serde_json::to_writer(&mut text, json).map_err(|_| PayloadError::TooLong)?;
    let text = String::from_utf8(text.0).map_err(|_| PayloadError::NotUtf8)?;
    Ok(Value::Text(text.into()))
}

impl Publication {
    /// The payload of a command. Text is quoted as JSON only inside a template.
    pub fn message(&self, value: &Value) -> String {
        let said = match (value, &self.words, self.scaling, value.as_f64()) {
            (Value::Bool(on), Some(words), _, _) => Value::Text(Arc::clone(if *on { &words.yes } else { &words.no })),
            (_, _, Some(scaling), Some(number)) => Value::Double(scaling.to_raw(number)),
            _ => value.clone(),
        };
        match (self.payload.as_deref(), &said) {
            (None, value) => value.to_string(),
            (Some(template), Value::Text(text)) => {
                let quoted = Json::from(&**text).to_string();
                template.replace("\"${value}\"", &quoted).replace("${value}", &quoted)
            }
            (Some(template), value) => template.replace("${value}", &value.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
