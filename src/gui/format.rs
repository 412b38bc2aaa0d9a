//! Values, times and states as an operator reads them.

use crate::alarm::State;
use crate::recorder::JournalLine;
use crate::tag::{TagDefinition, Timestamp, Value};
use chrono::{DateTime, Local, TimeZone};

/// A narrow space between thousands, so that no sign can be taken for a decimal point.
const THOUSANDS: char = '\u{2009}';

/// A number with all its decimals and spaces between thousands.
pub(super) fn number(value: f64, decimals: u8) -> String {
    if !value.is_finite() {
        return "?".to_owned();
    }
    let text = format!("{:.*}", usize::from(decimals), value.abs());
    let (whole, rest) = text.split_once('.').map_or((text.as_str(), ""), |(whole, rest)| (whole, rest));
    let mut grouped = String::with_capacity(text.len() + 4);
    if value < 0.0 && text.bytes().any(|digit| (b'1'..=b'9').contains(&digit)) {
        grouped.push('-');
    }
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && whole.len() > 3 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(THOUSANDS);
        }
        grouped.push(digit);
    }
    if !rest.is_empty() {
        grouped.push('.');
        grouped.push_str(rest);
    }
    grouped
}

/// A value as its tag wants it shown, without the unit.
pub(super) fn value(definition: &TagDefinition, value: &Value) -> String {
    if let Some(word) = state_word(definition, value) {
        return word.to_string();
    }
    match value {
        Value::Text(text) => text.to_string(),
        Value::Bool(on) => (if *on { "on" } else { "off" }).to_owned(),
        Value::Signed(integer) if definition.decimals == 0 && definition.scaling.is_none() => {
            grouped(&integer.to_string())
        }
        Value::Unsigned(integer) if definition.decimals == 0 && definition.scaling.is_none() => {
            grouped(&integer.to_string())
        }
        other => other.as_f64().map_or_else(String::new, |value| number(value, definition.decimals)),
    }
}

/// Integers keep every digit.
fn grouped(text: &str) -> String {
    let (sign, digits) = text.strip_prefix('-').map_or(("", text), |digits| ("-", digits));
    let mut out = sign.to_owned();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digits.len() > 3 && (digits.len() - place).is_multiple_of(3) {
            out.push(THOUSANDS);
        }
        out.push(digit);
    }
    out
}

fn state_word<'a>(definition: &'a TagDefinition, value: &Value) -> Option<&'a str> {
    definition.states.word(value.as_f64()?).map(|word| &**word)
}

/// A value with its unit.
pub(super) fn with_unit(definition: &TagDefinition, shown: &Value) -> String {
    let text = value(definition, shown);
    if definition.unit.is_empty() || state_word(definition, shown).is_some() {
        return text;
    }
    format!("{text} {}", definition.unit)
}

/// An age: `0.3 s`, `48 s`, `3 min`, `2 h`, `5 d`.
pub(super) fn age(seconds: f64) -> String {
    match seconds {
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 120.0 => format!("{s:.0} s"),
        s if s < 7200.0 => format!("{:.0} min", s / 60.0),
        s if s < 172_800.0 => format!("{:.0} h", s / 3600.0),
        s => format!("{:.0} d", s / 86_400.0),
    }
}

/// A moment in the local time of this computer.
pub(super) fn local(time: Timestamp) -> Option<DateTime<Local>> {
    Local.timestamp_micros(time.as_micros()).single()
}

/// Time of day, with the date in front where it is not today.
pub(super) fn clock(time: Timestamp, now: Timestamp) -> String {
    match (local(time), local(now)) {
        (Some(time), Some(now)) if time.date_naive() == now.date_naive() => time.format("%H:%M:%S").to_string(),
        (Some(time), _) => time.format("%d %b %H:%M").to_string(),
        _ => "?".to_owned(),
    }
}

/// Date, time and zone for the top bar.
pub(super) fn date_and_zone(now: Timestamp) -> String {
    let Some(now) = local(now) else { return "?".to_owned() };
    format!("{} {}", now.format("%d %b %Y %H:%M:%S"), now.format("UTC%:z"))
}

/// A state as the operator reads it.
pub(super) const fn state(state: State) -> &'static str {
    match state {
        State::Normal => "normal",
        State::Unacknowledged => "not acknowledged",
        State::Acknowledged => "acknowledged",
        State::ReturnedUnacknowledged => "returned, not ackn.",
        State::LatchedUnacknowledged => "latched, not ackn.",
        State::LatchedAcknowledged => "latched, acknowl.",
        State::Shelved => "shelved",
        State::Suppressed => "suppressed",
        State::OutOfService => "out of service",
    }
}

/// A number of things, such as `1 error` or `2 errors`.
pub(super) fn counted(count: usize, thing: &str) -> String {
    if count == 1 { format!("1 {thing}") } else { format!("{count} {thing}s") }
}

/// What an alarm became by a line of the journal; of a line that changed nothing, what it is.
pub(super) fn became(line: &JournalLine) -> String {
    match line.occasion.as_str() {
        "commented" => "comment".to_owned(),
        "not-done" => "not done".to_owned(),
        _ => State::from_word(&line.state).map_or_else(|| line.state.clone(), |known| state(known).to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_decimals_and_never_show_minus_zero() {
        assert_eq!(number(1182.4, 0), "1\u{2009}182");
        assert_eq!(number(-1234567.891, 2), "-1\u{2009}234\u{2009}567.89");
        assert_eq!(number(-0.001, 2), "0.00");
        assert_eq!(number(f64::NAN, 2), "?");
        assert_eq!(number(0.5, 3), "0.500");
    }

    #[test]
    fn values_follow_their_tags() {
        let tag = TagDefinition { decimals: 0, unit: "h".into(), ..TagDefinition::named("t") };
        assert_eq!(
            with_unit(&tag, &Value::Unsigned(u64::MAX)),
            "18\u{2009}446\u{2009}744\u{2009}073\u{2009}709\u{2009}551\u{2009}615 h"
        );
        let states = TagDefinition { states: crate::tag::States::counted(["off", "on"]), ..tag };
        assert_eq!(with_unit(&states, &Value::Bool(true)), "on");
        assert_eq!(with_unit(&states, &Value::Signed(7)), "7 h");
    }

    #[test]
    fn ages() {
        for (seconds, words) in [(0.34, "0.3 s"), (48.0, "48 s"), (200.0, "3 min"), (9000.0, "2 h"), (400_000.0, "5 d")]
        {
            assert_eq!(age(seconds), words);
        }
    }
}
