//! What an operator reads about an alarm, beyond a fixed text: messages with values, what is to be done, where to look.

use crate::expression::Values;
use crate::tag::{Directory, Scalar, TagDefinition, TagId};
use std::sync::Arc;

/// A message with places for values.
#[derive(Clone, Debug, PartialEq)]
pub struct Template(pub Arc<[Piece]>);

/// A piece of a message.
#[derive(Clone, Debug, PartialEq)]
pub enum Piece {
    /// Words as they are.
    Words(Arc<str>),
    /// The value of a tag, with its unit.
    Value(TagId),
}

impl Template {
    /// The message with the present values. A bad one is told as such, with its reason.
    pub fn fill(&self, directory: &Directory, values: &impl Values) -> Arc<str> {
        let mut text = String::new();
        for piece in &*self.0 {
            match piece {
                Piece::Words(words) => text.push_str(words),
                Piece::Value(tag) => text.push_str(&value_words(*tag, directory.tag(*tag), values)),
            }
        }
        text.into()
    }

    /// The message with the names of its tags, as it was written.
    pub fn words(&self, name: impl Fn(TagId) -> String) -> String {
        let words = |piece: &Piece| match piece {
            Piece::Words(words) => words.to_string(),
            Piece::Value(tag) => format!("{{{}}}", name(*tag)),
        };
        self.0.iter().map(words).collect()
    }

    /// The message where the values of its moment are not known any more.
    pub fn without_values(&self) -> Arc<str> {
        let words = |piece: &Piece| match piece {
            Piece::Words(words) => Arc::clone(words),
            Piece::Value(_) => "...".into(),
        };
        self.0.iter().map(words).collect::<Vec<_>>().concat().into()
    }
}

fn value_words(tag: TagId, definition: Option<&TagDefinition>, values: &impl Values) -> String {
    let (value, quality) = values.value(tag);
    if quality.is_bad() {
        return format!("? ({})", quality.words());
    }
    let word = value.as_f64().and_then(|number| definition?.states.word(number));
    let words = match (word, value) {
        (Some(word), _) => return word.to_string(),
        (None, Scalar::Bool(true)) => "on".to_owned(),
        (None, Scalar::Bool(false)) => "off".to_owned(),
        (None, Scalar::Single(_) | Scalar::Double(_)) => {
            let decimals = definition.map_or(2, |definition| definition.decimals);
            format!("{:.*}", usize::from(decimals), value.as_f64().unwrap_or_default())
        }
        (None, value) => value.to_value(values.text(tag)).map_or_else(|| "?".to_owned(), |value| value.to_string()),
    };
    match definition.map(|definition| &*definition.unit) {
        None | Some("") => words,
        Some(unit) => format!("{words} {unit}"),
    }
}

/// What an operator should know and do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// What brings the alarm about.
    pub cause: Arc<str>,
    /// What happens if nobody acts.
    pub consequence: Arc<str>,
    /// What is to be done.
    pub action: Arc<str>,
    /// How much time there is to do it, as it was written; empty where nothing is said.
    pub within: Arc<str>,
}

impl Response {
    /// All of it in one text.
    pub fn words(&self) -> String {
        let parts = [
            ("", &self.action),
            ("Cause: ", &self.cause),
            ("Consequence: ", &self.consequence),
            ("Time to act: ", &self.within),
        ];
        let full = |words: &str| if words.ends_with(['.', '!', '?']) { "" } else { "." };
        let said = parts.iter().filter(|(_, words)| !words.is_empty());
        said.map(|(head, words)| format!("{head}{words}{}", full(words))).collect::<Vec<_>>().join(" ")
    }
}

/// What belongs to an alarm on screen, beside its message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Presentation {
    /// The message with places for values; none where it is fixed.
    pub template: Option<Template>,
    /// The guidance in its parts, where it has some.
    pub response: Option<Response>,
    /// The screen that shows what it is about.
    pub screen: Option<Arc<str>>,
    /// The trend that shows what it is about, by its name.
    pub trend: Option<Arc<str>>,
}
