//! One cell: from a value of the station file to the text in a sheet, and back.

use serde_json::Value;

/// What the cells of a column hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cell {
    /// Text; spaces around it are none of it.
    Text,
    /// Text as it is, spaces around it too: somebody else gave the name.
    Foreign,
    /// A number.
    Number,
    /// A whole number.
    Whole,
    /// Words with | between them, or values with their words: `0=off|1=on`.
    States,
    /// yes, or nothing.
    Yes,
}

/// How a sheet is written. Spreadsheets of countries with a decimal comma put semicolons between the cells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dialect {
    /// Commas between cells, decimal points.
    #[default]
    Comma,
    /// Semicolons between cells, decimal commas.
    Semicolon,
}

impl Dialect {
    /// What stands between two cells.
    pub(super) const fn separator(self) -> char {
        match self {
            Self::Comma => ',',
            Self::Semicolon => ';',
        }
    }
}

impl Cell {
    /// The text for a value; none for none.
    pub(super) fn write(self, value: Option<&Value>, dialect: Dialect) -> String {
        match (self, value) {
            (_, None) => String::new(),
            (Self::Yes, Some(_)) => "yes".to_owned(),
            (Self::Number | Self::Whole, Some(Value::Number(number))) => match dialect {
                Dialect::Comma => number.to_string(),
                Dialect::Semicolon => number.to_string().replace('.', ","),
            },
            (Self::States, Some(Value::Array(words))) => guarded(&states_text(words)),
            (_, Some(Value::String(text))) => guarded(text),
            (_, Some(other)) => guarded(&other.to_string()),
        }
    }

    /// The value that a text stands for; none where the cell is empty.
    pub(super) fn read(self, text: &str, dialect: Dialect) -> Result<Option<Value>, String> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let text = if self == Self::Foreign { text } else { text.trim() };
        match self {
            Self::Text | Self::Foreign => Ok(Some(Value::from(unguarded(text)))),
            // A limit that another tag says stands as it is written in the station file.
            Self::Number if text.starts_with('{') => object(text).map(Some),
            Self::Number => number(text, dialect).map(Some),
            Self::Whole => whole(text, dialect).map(Some),
            Self::States => states(unguarded(text)).map(|words| Some(words.into())),
            Self::Yes => yes(text),
        }
    }
}

/// Whether two values are the same for a person: 1500 and 1500.0 are.
pub(super) fn same(one: Option<&Value>, other: Option<&Value>) -> bool {
    match (one, other) {
        (Some(Value::Number(one)), Some(Value::Number(other))) if one.is_f64() || other.is_f64() => {
            one.as_f64() == other.as_f64()
        }
        (one, other) => one == other,
    }
}

/// A spreadsheet takes such text for a formula, and what stands in a station file could then act in it. An apostrophe in front keeps it text.
fn looks_like_a_formula(text: &str) -> bool {
    let text = text.trim_start_matches('\'');
    text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.chars().count() > 1
}

fn guarded(text: &str) -> String {
    if looks_like_a_formula(text) { format!("'{text}") } else { text.to_owned() }
}

/// The text without the apostrophe that guards it. Words with one of their own, such as 's-Gravenhage, keep it.
pub(super) fn unguarded(text: &str) -> &str {
    text.strip_prefix('\'').filter(|rest| looks_like_a_formula(rest)).unwrap_or(text)
}

fn object(text: &str) -> Result<Value, String> {
    let found = serde_json::from_str::<serde_json::Map<String, Value>>(text);
    found.map(Value::Object).map_err(|error| format!("{text} is not like {{\"tag\": \"north/limit\"}}: {error}"))
}

fn number(text: &str, dialect: Dialect) -> Result<Value, String> {
    let plain = match dialect {
        Dialect::Comma => text.to_owned(),
        Dialect::Semicolon => text.replace(',', "."),
    };
    if let Ok(whole) = plain.parse::<i64>() {
        return Ok(whole.into());
    }
    match plain.parse::<f64>() {
        Ok(number) if number.is_finite() && plain.contains(|sign: char| sign.is_ascii_digit()) => {
            Ok(plain.parse::<u64>().map_or_else(|_| number.into(), Value::from))
        }
        _ => Err(format!("\"{text}\" is not a number; {}", number_words(dialect))),
    }
}

const fn number_words(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Comma => "write it as 1500 or 12.5 (decimal commas are for sheets with semicolons between the cells)",
        Dialect::Semicolon => "write it as 1500 or 12,5, without signs between thousands",
    }
}

/// A spreadsheet may show 2 as 2.0.
fn whole(text: &str, dialect: Dialect) -> Result<Value, String> {
    let wrong = || format!("\"{text}\" is not a whole number; write it as 0, 1, 2 and so on");
    let value = number(text, dialect).map_err(|_| wrong())?;
    match value.as_f64() {
        Some(number) if value.is_f64() && number.fract() == 0.0 && number.abs() < 1e15 => Ok((number as i64).into()),
        Some(_) if !value.is_f64() => Ok(value),
        _ => Err(wrong()),
    }
}

/// Spreadsheets make TRUE of true, and people tick with x.
fn yes(text: &str) -> Result<Option<Value>, String> {
    match text.to_lowercase().as_str() {
        "yes" | "true" | "x" | "1" => Ok(Some(Value::Bool(true))),
        "no" | "false" | "0" => Ok(None),
        _ => Err(format!("\"{text}\" stands here; yes or nothing would be right")),
    }
}

fn states_text(words: &[Value]) -> String {
    let words: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
    let plain = words.join("|");
    if words.is_empty() || states(&plain).is_ok_and(|read| read == words) && !plain.is_empty() {
        return plain;
    }
    let numbered = words.iter().enumerate().map(|(value, word)| format!("{value}={word}"));
    numbered.collect::<Vec<_>>().join("|")
}

fn states(text: &str) -> Result<Vec<String>, String> {
    let numbered = |part: &str| {
        let (value, word) = part.split_once('=')?;
        Some((value.trim().parse::<usize>().ok()?, word.trim().to_owned()))
    };
    let parts: Vec<&str> = text.split('|').collect();
    let Some(mut pairs) = parts.iter().map(|part| numbered(part)).collect::<Option<Vec<_>>>() else {
        return Ok(parts.iter().map(|part| part.trim().to_owned()).collect());
    };
    pairs.sort_by_key(|(value, _)| *value);
    match pairs.iter().enumerate().find(|(place, (value, _))| place != value) {
        Some((place, (value, _))) if *value < place => {
            Err(format!("the value {value} has two words; one would be right"))
        }
        Some((place, _)) => Err(format!("the value {place} has no word; each from 0 on needs one, without gaps")),
        None => Ok(pairs.into_iter().map(|(_, word)| word).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What a cell means, or the words that its error contains.
    fn check(cell: Cell, dialect: Dialect, text: &str, expected: Result<Value, &str>) {
        match (cell.read(text, dialect), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found.unwrap_or_default(), expected, "{text}"),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found:?} does not say {expected:?}"),
            (found, _) => panic!("{text}: {found:?}"),
        }
    }

    #[test]
    fn numbers_in_both_dialects() {
        use Dialect::{Comma, Semicolon};
        for (dialect, text, expected) in [
            (Comma, "1500", Ok(json!(1500))),
            (Comma, " -12.5 ", Ok(json!(-12.5))),
            (Comma, "1E-3", Ok(json!(0.001))),
            (Comma, "18446744073709551615", Ok(json!(u64::MAX))),
            (Comma, "", Ok(Value::Null)),
            (Semicolon, "12,5", Ok(json!(12.5))),
            (Semicolon, "12.5", Ok(json!(12.5))),
            (Comma, "12,5", Err("\"12,5\" is not a number; write it as 1500 or 12.5")),
            (Semicolon, "1.500,5", Err("without signs between thousands")),
            (Comma, "nan", Err("not a number")),
            (Comma, "inf", Err("not a number")),
            (Comma, "1e999", Err("not a number")),
            (Comma, "5 rpm", Err("not a number")),
        ] {
            check(Cell::Number, dialect, text, expected);
        }
        for (text, expected) in [
            ("2", Ok(json!(2))),
            ("2.0", Ok(json!(2))),
            ("-1", Ok(json!(-1))),
            ("2.5", Err("not a whole number")),
            ("two", Err("not a whole number")),
        ] {
            check(Cell::Whole, Comma, text, expected);
        }
    }

    #[test]
    fn states_and_ticks() {
        for (text, expected) in [
            ("off|on", Ok(json!(["off", "on"]))),
            ("off | on", Ok(json!(["off", "on"]))),
            ("1=on|0=off", Ok(json!(["off", "on"]))),
            ("|on", Ok(json!(["", "on"]))),
            ("a=b|1=c", Ok(json!(["a=b", "1=c"]))),
            ("0=off|2=tripped", Err("the value 1 has no word")),
            ("0=off|0=on", Err("the value 0 has two words")),
        ] {
            check(Cell::States, Dialect::Comma, text, expected);
        }
        for words in [json!(["off", "on"]), json!([""]), json!(["0=x", "1=y"]), json!(["=a", "b"])] {
            let text = Cell::States.write(Some(&words), Dialect::Comma);
            check(Cell::States, Dialect::Comma, &text, Ok(words));
        }
        for (text, expected) in [
            ("yes", Ok(json!(true))),
            ("TRUE", Ok(json!(true))),
            ("x", Ok(json!(true))),
            ("no", Ok(Value::Null)),
            ("perhaps", Err("yes or nothing")),
        ] {
            check(Cell::Yes, Dialect::Comma, text, expected);
        }
    }

    /// Sparkplug allows any name for a metric.
    #[test]
    fn names_of_others_keep_their_spaces() {
        for text in [" Level", "Level ", "\tLevel", " =1"] {
            let written = Cell::Foreign.write(Some(&json!(text)), Dialect::Comma);
            check(Cell::Foreign, Dialect::Comma, &written, Ok(json!(text)));
        }
        check(Cell::Foreign, Dialect::Comma, " ", Ok(Value::Null));
        check(Cell::Text, Dialect::Comma, " a ", Ok(json!("a")));
    }

    #[test]
    fn text_is_never_a_formula_and_numbers_stay_numbers() {
        for (text, expected) in [
            ("=HYPERLINK(\"http://x\")", "'=HYPERLINK(\"http://x\")"),
            ("+/rain", "'+/rain"),
            ("@SUM(1)", "'@SUM(1)"),
            ("-2+3", "'-2+3"),
            ("'=1", "''=1"),
            ("''+1", "'''+1"),
            ("'s-Gravenhage", "'s-Gravenhage"),
            ("-", "-"),
            ("a=b", "a=b"),
        ] {
            let written = Cell::Text.write(Some(&json!(text)), Dialect::Comma);
            assert_eq!(written, expected);
            check(Cell::Text, Dialect::Comma, &written, Ok(json!(text)));
        }
        assert_eq!(Cell::Number.write(Some(&json!(-1.5)), Dialect::Comma), "-1.5");
        assert_eq!(Cell::Number.write(Some(&json!(-1.5)), Dialect::Semicolon), "-1,5");
    }
}
