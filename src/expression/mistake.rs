//! What is wrong with an expression, where, and what would be right.

use super::token::Span;
use super::{MOST_BYTES, MOST_NESTED, MOST_NODES};
use std::fmt;
use std::sync::Arc;

/// A mistake at its place.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    /// Where in the text, in bytes.
    pub span: Span,
    /// What.
    pub mistake: Mistake,
}

impl Fault {
    /// The first character that is meant, counted from 1 as an editor does.
    pub fn character(&self, text: &str) -> usize {
        text.char_indices().take_while(|(start, _)| *start < self.span.start).count() + 1
    }

    /// Place and words in one line.
    pub fn words(&self, text: &str) -> String {
        format!("character {}: {}", self.character(text), self.mistake)
    }
}

/// All mistakes of one expression, in the order of the text.
#[derive(Clone, Debug, PartialEq)]
pub struct Faults {
    /// The text.
    pub text: Arc<str>,
    /// At least one.
    pub list: Vec<Fault>,
}

impl std::error::Error for Faults {}

impl fmt::Display for Faults {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.list.iter().enumerate() {
            let between = if number == 0 { "" } else { "; " };
            write!(formatter, "{between}{}", fault.words(&self.text))?;
        }
        Ok(())
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Mistake {
    /// Nothing is written.
    #[error("nothing stands here; an expression would be right, such as {{tag}} > 5")]
    Empty,
    /// The text is too long.
    #[error("this is too long; at most {MOST_BYTES} bytes would be right")]
    TooLong,
    /// It has too many parts.
    #[error("this has too many parts; at most {MOST_NODES} would be right")]
    TooManyParts,
    /// It is nested too deeply.
    #[error("this is nested too deeply; at most {MOST_NESTED} deep would be right")]
    TooDeep,
    /// A character that means nothing.
    #[error("the character {0:?} means nothing here; text stands in quotes, tags in {{ }}")]
    UnknownCharacter(char),
    /// An operator of another language.
    #[error("\"{written}\" is written \"{instead}\" here")]
    Foreign {
        /// As it stands.
        written: &'static str,
        /// As it would be right.
        instead: &'static str,
    },
    /// A brace is missing.
    #[error("the name of this tag does not end; }} is missing")]
    UnclosedTag,
    /// Braces with nothing in them.
    #[error("the name of a tag is missing between {{ and }}")]
    EmptyTag,
    /// A quote is missing.
    #[error("this text does not end; the closing quote is missing")]
    UnclosedText,
    /// A backslash before something else than a quote.
    #[error("\\{0} means nothing; \\\\ is a backslash, \\\" and \\' are quotes")]
    UnknownEscape(char),
    /// Digits that make no number.
    #[error("\"{0}\" is not a number; 5, 1_000, 0.5 and 2e-3 would be")]
    NotANumber(String),
    /// More than the number can hold.
    #[error("{0} does not fit 64 bits; at most 18446744073709551615 exactly, or 1.8e308 with a point or exponent")]
    NumberTooLarge(String),
    /// Something that has a value is missing.
    #[error(
        "a value is missing before {0}: a tag in {{ }}, a number, a text in quotes, a function, or ( would be right"
    )]
    ValueMissing(String),
    /// Two values side by side.
    #[error("before {0} an operator is missing, such as +, == or and")]
    OperatorMissing(String),
    /// A parenthesis is not closed.
    #[error("this ( is not closed; ) is missing")]
    Unclosed,
    /// A parenthesis was never opened.
    #[error("this ) has no (")]
    Unopened,
    /// A part of an `if` is missing.
    #[error("this if needs {0}: if a then b else c")]
    IfIncomplete(&'static str),
    /// Two comparisons in a row.
    #[error("comparisons do not follow each other; write a < b and b < c")]
    ChainedComparison,
    /// An `if` or `not` inside of an operator.
    #[error("put this {0} in parentheses")]
    NeedsParentheses(&'static str),
    /// A word that is no function.
    #[error("\"{word}\" is no function{hint}; tags stand in {{ }}, texts in quotes")]
    UnknownWord {
        /// As it stands.
        word: String,
        /// The nearest one that there is.
        hint: String,
    },
    /// A function without its parentheses.
    #[error("{0} needs its arguments in parentheses: {0}(...)")]
    NoArguments(&'static str),
    /// A function with too few or too many.
    #[error("{function} takes {wanted}; {found} stand here")]
    ArgumentCount {
        /// As it is written.
        function: &'static str,
        /// In words.
        wanted: &'static str,
        /// How many stand there.
        found: usize,
    },
    /// A tag that there is not.
    #[error("there is no tag \"{name}\"{hint}")]
    UnknownTag {
        /// As it stands.
        name: String,
        /// The nearest one that there is.
        hint: String,
    },
    /// A word that is no state.
    #[error("\"{word}\" is no state of it{hint}; it has {states}")]
    UnknownState {
        /// As it stands.
        word: String,
        /// All words.
        states: String,
        /// The nearest one that there is.
        hint: String,
    },
    /// Numbers in different units meet.
    #[error("{operator} brings {left} and {right} together; both sides need the same unit")]
    UnitsDiffer {
        /// What brings them together.
        operator: &'static str,
        /// Unit of the left side.
        left: Arc<str>,
        /// Unit of the right side.
        right: Arc<str>,
    },
    /// Something else than a number.
    #[error("{operator} needs a number; this is {found}{hint}")]
    NumberNeeded {
        /// What needs it.
        operator: &'static str,
        /// What stands there.
        found: String,
        /// How it could become one.
        hint: &'static str,
    },
    /// Something else than true or false.
    #[error("{operator} needs true or false; this is {found}{hint}")]
    TruthNeeded {
        /// What needs it.
        operator: &'static str,
        /// What stands there.
        found: String,
        /// How it could become one.
        hint: &'static str,
    },
    /// Two things that cannot be compared or chosen between.
    #[error("{operator} brings {left} and {right} together; both sides need the same type")]
    TypesDiffer {
        /// What brings them together.
        operator: &'static str,
        /// Type of the left side.
        left: String,
        /// Type of the right side.
        right: String,
    },
    /// A bit that does not exist.
    #[error("there is no bit {0}; 0 to 63 exist, 0 is the least significant")]
    NoSuchBit(u64),
    /// The whole has the wrong type.
    #[error("this is {found}; {wanted} would be right here")]
    WrongResult {
        /// What it is.
        found: String,
        /// What it should be.
        wanted: String,
    },
}

/// The known word that is nearest to `word`, as a hint to put behind a sentence.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let word = word.to_lowercase();
    let best = known.into_iter().map(|known| (strsim::damerau_levenshtein(&word, &known.to_lowercase()), known)).min();
    match best {
        Some((distance, known)) if distance <= 1 + word.chars().count() / 3 => format!("; did you mean \"{known}\"?"),
        _ => String::new(),
    }
}
