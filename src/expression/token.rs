//! Cuts text into tokens. What cannot be one is noted and skipped, so that all of it is told at once.

use super::mistake::{Fault, Mistake};
use std::ops::Range;
use winnow::Parser;
use winnow::combinator::{alt, opt};
use winnow::error::EmptyError;
use winnow::stream::{LocatingSlice, Location, Stream};
use winnow::token::{any, literal, one_of, take_while};

/// A place in the text, in bytes; always between characters.
pub type Span = Range<usize>;

type Input<'a> = LocatingSlice<&'a str>;

/// The smallest piece that means something.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    /// The name of a tag, without its braces.
    Tag(String),
    /// A whole number.
    Integer(u64),
    /// Any other number; finite.
    Real(f64),
    /// Text without its quotes.
    Text(String),
    /// A word: of the language, or the name of a function.
    Word(String),
    /// An operator, a parenthesis or a comma.
    Sign(&'static str),
}

impl Token {
    /// Whether it is this word or sign.
    pub fn is(&self, what: &str) -> bool {
        match self {
            Self::Word(word) => word == what,
            Self::Sign(sign) => *sign == what,
            _ => false,
        }
    }

    /// As it is shown in a sentence.
    pub fn words(&self) -> String {
        match self {
            Self::Tag(name) => format!("{{{name}}}"),
            Self::Integer(number) => number.to_string(),
            Self::Real(number) => number.to_string(),
            Self::Text(text) => format!("\"{text}\""),
            Self::Word(word) => word.clone(),
            Self::Sign(sign) => (*sign).to_owned(),
        }
    }
}

/// Signs, the longer before the shorter.
const SIGNS: [&str; 14] = ["==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "(", ")", ","];

/// How other languages write it, and how it is written here.
const FOREIGN: [(&str, &str); 10] = [
    ("&&", "and"),
    ("||", "or"),
    ("<>", "!="),
    ("=<", "<="),
    ("=>", ">="),
    ("**", "*"),
    ("=", "=="),
    ("!", "not"),
    ("&", "and"),
    ("|", "or"),
];

type Cut = Result<Token, Mistake>;

/// Cuts the text into tokens with their places, and notes what is none.
pub(super) fn tokens(text: &str) -> (Vec<(Token, Span)>, Vec<Fault>) {
    let mut input = LocatingSlice::new(text);
    let (mut found, mut faults) = (Vec::new(), Vec::new());
    loop {
        skip_blanks(&mut input);
        let start = input.current_token_start();
        let Ok(cut) = one(&mut input) else { break };
        let span = start..input.current_token_start();
        match cut {
            Ok(token) => found.push((token, span)),
            Err(mistake) => {
                // What is meant is clear: reading goes on with it.
                if let Mistake::Foreign { instead, .. } = mistake {
                    let is_word = instead.starts_with(char::is_alphabetic);
                    let token = if is_word { Token::Word(instead.to_owned()) } else { Token::Sign(instead) };
                    found.push((token, span.clone()));
                }
                faults.push(Fault { span, mistake });
            }
        }
    }
    (found, faults)
}

fn skip_blanks(input: &mut Input<'_>) {
    let _: Result<&str, EmptyError> = take_while(0.., char::is_whitespace).parse_next(input);
}

/// One token or mistake; an error only at the end of the text.
fn one(input: &mut Input<'_>) -> Result<Cut, EmptyError> {
    alt((tag, quoted, number, word, foreign, sign, unknown)).parse_next(input)
}

fn tag(input: &mut Input<'_>) -> Result<Cut, EmptyError> {
    '{'.parse_next(input)?;
    let name: &str =
        take_while(0.., |sign: char| !matches!(sign, '{' | '}') && !sign.is_control()).parse_next(input)?;
    let closed = opt::<_, _, EmptyError, _>('}').parse_next(input)?.is_some();
    Ok(match (closed, name.trim()) {
        (false, _) => Err(Mistake::UnclosedTag),
        (true, "") => Err(Mistake::EmptyTag),
        (true, name) => Ok(Token::Tag(name.to_owned())),
    })
}

fn quoted(input: &mut Input<'_>) -> Result<Cut, EmptyError> {
    let quote = one_of(['"', '\'']).parse_next(input)?;
    let mut text = String::new();
    let mut wrong = None;
    while let Some(sign) = input.next_token() {
        match sign {
            sign if sign == quote => return Ok(wrong.map_or(Ok(Token::Text(text)), Err)),
            '\\' => match input.next_token() {
                Some(escaped @ ('"' | '\'' | '\\')) => text.push(escaped),
                Some(other) => wrong = Some(Mistake::UnknownEscape(other)),
                None => break,
            },
            sign => text.push(sign),
        }
    }
    Ok(Err(Mistake::UnclosedText))
}

/// Takes everything that looks like part of a number, so that `12abc` is one mistake rather than two tokens.
fn number(input: &mut Input<'_>) -> Result<Cut, EmptyError> {
    let rest = **input;
    let starts = rest.starts_with(|sign: char| sign.is_ascii_digit())
        || rest.strip_prefix('.').is_some_and(|rest| rest.starts_with(|sign: char| sign.is_ascii_digit()));
    if !starts {
        return Err(EmptyError);
    }
    let mut before = ' ';
    let end = rest.find(|sign: char| {
        let is_sign_of_exponent = matches!(sign, '+' | '-') && matches!(before, 'e' | 'E');
        before = sign;
        !(sign.is_alphanumeric() || matches!(sign, '.' | '_') || is_sign_of_exponent)
    });
    let text = literal(&rest[..end.unwrap_or(rest.len())]).parse_next(input)?;
    Ok(read_number(text))
}

fn read_number(text: &str) -> Cut {
    let wrong = || Mistake::NotANumber(text.to_owned());
    let between_digits = text.split('_').all(|part| !part.is_empty());
    let well_formed = text.starts_with(|sign: char| sign.is_ascii_digit()) && !text.ends_with('.') && between_digits;
    let plain: String = text.chars().filter(|sign| *sign != '_').collect();
    if plain.chars().all(|sign| sign.is_ascii_digit()) && well_formed {
        return plain.parse().map(Token::Integer).map_err(|_| Mistake::NumberTooLarge(text.to_owned()));
    }
    let is_number = plain.chars().all(|sign| matches!(sign, '0'..='9' | '.' | 'e' | 'E' | '+' | '-'));
    let number: f64 = if is_number && well_formed { plain.parse().map_err(|_| wrong())? } else { return Err(wrong()) };
    if number.is_finite() { Ok(Token::Real(number)) } else { Err(Mistake::NumberTooLarge(text.to_owned())) }
}

fn word(input: &mut Input<'_>) -> Result<Cut, EmptyError> {
    let first = |sign: char| sign.is_alphabetic() || sign == '_';
    let next = |sign: char| sign.is_alphanumeric() || sign == '_';
    let text: &str = (one_of(first), take_while(0.., next)).take().parse_next(input)?;
    Ok(Ok(Token::Word(text.to_owned())))
}

fn foreign(input: &mut Input<'_>) -> Result<Cut, EmptyError> {
    let rest = **input;
    let ours = ["==", "!=", "<=", ">="].iter().any(|sign| rest.starts_with(sign));
    let found = FOREIGN.iter().find(|(foreign, _)| !ours && rest.starts_with(foreign)).ok_or(EmptyError)?;
    let (written, instead) = *found;
    literal(written).parse_next(input)?;
    Ok(Err(Mistake::Foreign { written, instead }))
}

fn sign(input: &mut Input<'_>) -> Result<Cut, EmptyError> {
    let rest = **input;
    let found = SIGNS.into_iter().find(|sign| rest.starts_with(sign)).ok_or(EmptyError)?;
    literal(found).parse_next(input)?;
    Ok(Ok(Token::Sign(found)))
}

fn unknown(input: &mut Input<'_>) -> Result<Cut, EmptyError> {
    any.map(|sign| Err(Mistake::UnknownCharacter(sign))).parse_next(input)
}
