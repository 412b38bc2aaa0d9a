//! What fits at the cursor: names of tags, functions, words of the language, states.

use super::function::Function;
use super::names::{Known, Names, TagKind};
use super::token::{Span, Token, tokens};
use super::types::{Type, Unit};
use super::{MOST_BYTES, check::QUALITY_WORDS};

/// At most so many are offered.
const MOST_CANDIDATES: usize = 50;
/// Words that can begin a value.
const OPENING: [&str; 4] = ["if", "not", "true", "false"];

/// What a candidate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CandidateKind {
    /// The word of a state.
    State,
    /// A tag.
    Tag,
    /// A function.
    Function,
    /// A word of the language.
    Word,
}

/// Something that fits.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// What it is.
    pub kind: CandidateKind,
    /// What stands in the text when it is chosen.
    pub text: String,
    /// What it means or takes, in few words.
    pub detail: String,
}

/// Everything that fits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Completion {
    /// What is replaced by the chosen one, in bytes.
    pub replaces: Span,
    /// The best first.
    pub candidates: Vec<Candidate>,
}

/// What fits at the cursor, a place in bytes; one within a character counts as before it.
pub fn complete(text: &str, cursor: usize, names: &dyn Names) -> Completion {
    if text.len() > MOST_BYTES {
        return Completion::default();
    }
    let mut cursor = cursor.min(text.len());
    while !text.is_char_boundary(cursor) {
        cursor -= 1;
    }
    let mut completion = match open(&text[..cursor]) {
        Open::Tag(start) => in_tag(text, start, cursor, names),
        Open::Text(start) => in_text(text, start, cursor, names),
        Open::Nothing => in_the_open(text, cursor, names),
    };
    completion.candidates.truncate(MOST_CANDIDATES);
    completion
}

enum Open {
    Nothing,
    Tag(usize),
    Text(usize),
}

/// What is open at the end of this text, and where it begins.
fn open(before: &str) -> Open {
    let mut open = Open::Nothing;
    let mut quote = '"';
    let mut is_escaped = false;
    for (place, sign) in before.char_indices() {
        open = match (open, sign) {
            (Open::Nothing, '{') => Open::Tag(place),
            (Open::Nothing, '"' | '\'') => {
                quote = sign;
                Open::Text(place)
            }
            (Open::Tag(_), '}') => Open::Nothing,
            (Open::Tag(_), '{') => Open::Tag(place),
            (Open::Text(start), sign) => {
                let closes = sign == quote && !is_escaped;
                is_escaped = sign == '\\' && !is_escaped;
                if closes { Open::Nothing } else { Open::Text(start) }
            }
            (open, _) => open,
        };
    }
    open
}

fn in_tag(text: &str, start: usize, cursor: usize, names: &dyn Names) -> Completion {
    let rest = &text[cursor..];
    let closing = rest.find(['{', '}', '"', '\'', ' ']);
    let end = match closing.filter(|place| rest[*place..].starts_with('}')) {
        Some(place) => cursor + place + 1,
        None => cursor,
    };
    Completion { replaces: start..end, candidates: tags(text[start + 1..cursor].trim(), names) }
}

/// Tags whose name has `typed` in it: those that begin with it first, then those with a part that does.
fn tags(typed: &str, names: &dyn Names) -> Vec<Candidate> {
    let typed = typed.to_lowercase();
    let mut found: Vec<(u8, &str)> = names
        .all()
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let place = lower.find(&typed)?;
            let rank = match place {
                0 => 0,
                place if lower[..place].ends_with('/') => 1,
                _ => 2,
            };
            Some((rank, name))
        })
        .collect();
    found.sort_unstable();
    found.truncate(MOST_CANDIDATES);
    let candidate = |(_, name): (u8, &str)| Candidate {
        kind: CandidateKind::Tag,
        text: format!("{{{name}}}"),
        detail: names.find(name).map(|known| detail(&known)).unwrap_or_default(),
    };
    found.into_iter().map(candidate).collect()
}

fn detail(known: &Known) -> String {
    if !known.states.is_empty() {
        return Type::State { states: known.states.clone(), truth: false }.words();
    }
    match known.kind {
        TagKind::Number => Type::Number(Unit::of_tag(&known.unit)).words(),
        TagKind::Boolean => Type::Boolean.words(),
        TagKind::Text => Type::Text.words(),
    }
}

fn in_text(text: &str, start: usize, cursor: usize, names: &dyn Names) -> Completion {
    let typed = text[start + 1..cursor].to_lowercase();
    let (before, _) = tokens(&text[..start]);
    let mut candidates = states(&before, names);
    candidates.retain(|candidate| candidate.text.to_lowercase().trim_matches('"').starts_with(&typed));
    let quote = &text[start..=start];
    let rest = &text[cursor..];
    let closing = rest.find(|sign: char| !sign.is_alphanumeric()).filter(|place| rest[*place..].starts_with(quote));
    Completion { replaces: start..closing.map_or(cursor, |place| cursor + place + 1), candidates }
}

/// The words of the state that is compared just before.
fn states(before: &[(Token, Span)], names: &dyn Names) -> Vec<Candidate> {
    let compared = match before {
        [earlier @ .., (Token::Sign("==" | "!="), _)] => earlier,
        _ => return Vec::new(),
    };
    let words: Vec<String> = match compared {
        [.., (Token::Tag(name), _)] => {
            names.find(name).map_or_else(Vec::new, |known| known.states.words().map(str::to_owned).collect())
        }
        [.., (Token::Word(word), _), (Token::Sign("("), _), (Token::Tag(_), _), (Token::Sign(")"), _)]
            if word == Function::Quality.word() =>
        {
            QUALITY_WORDS.map(str::to_owned).to_vec()
        }
        _ => Vec::new(),
    };
    let candidate = |word: String| Candidate {
        kind: CandidateKind::State,
        text: format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"")),
        detail: String::new(),
    };
    words.into_iter().map(candidate).collect()
}

fn in_the_open(text: &str, cursor: usize, names: &dyn Names) -> Completion {
    let before = &text[..cursor];
    let start = before.trim_end_matches(|sign: char| sign.is_alphanumeric() || sign == '_').len();
    let typed = &before[start..];
    let (before, _) = tokens(&before[..start]);
    let wants_value = match before.last() {
        None => true,
        Some((Token::Sign(sign), _)) => *sign != ")",
        Some((Token::Word(word), _)) => !OPENING[2..].contains(&word.as_str()),
        Some(_) => false,
    };
    let candidates = if wants_value { openings(typed, &before, names) } else { connecting(typed, &before) };
    Completion { replaces: start..cursor, candidates }
}

/// What can begin a value.
fn openings(typed: &str, before: &[(Token, Span)], names: &dyn Names) -> Vec<Candidate> {
    let mut candidates = states(before, names);
    let functions = Function::ALL.iter().map(|function| Candidate {
        kind: CandidateKind::Function,
        text: format!("{}(", function.word()),
        detail: function.takes().to_owned(),
    });
    candidates.extend(functions.chain(OPENING.map(word)));
    candidates.retain(|candidate| candidate.text.trim_start_matches('"').starts_with(typed));
    candidates.extend(tags(typed, names));
    candidates
}

fn word(text: &str) -> Candidate {
    Candidate { kind: CandidateKind::Word, text: text.to_owned(), detail: String::new() }
}

/// What can follow a value.
fn connecting(typed: &str, before: &[(Token, Span)]) -> Vec<Candidate> {
    let count = |word: &str| before.iter().filter(|(token, _)| token.is(word)).count();
    let mut words = vec!["and", "or"];
    if count("if") > count("then") {
        words.insert(0, "then");
    } else if count("then") > count("else") {
        words.insert(0, "else");
    }
    words.retain(|word| word.starts_with(typed));
    words.into_iter().map(word).collect()
}
