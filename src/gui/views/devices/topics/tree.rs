//! A line of the tree of topics: how it is written, and how it is said.

use crate::driver::mqtt::look::one_line;
use crate::driver::mqtt::topics::TopicRow;
use crate::gui::format::counted;
use crate::gui::theme::Palette;
use crate::gui::widgets::columns::{Column, number, words};
use crate::gui::widgets::{Ink, RowWords};

pub(super) const COLUMNS: [Column; 4] =
    [words("Topic", 0.0), words("R", 12.0), number("Per s", 44.0), words("Last payload", 150.0)];

/// How far a level stands in.
const INDENT: &str = "   ";

/// The cells of a line; `is_open` says that what is below it is shown.
pub(super) fn cells(row: &TopicRow, is_open: bool, palette: &Palette) -> [(String, Ink); 4] {
    let sign = match (row.below, is_open) {
        (0, _) => " ",
        (_, true) => "-",
        (_, false) => "+",
    };
    let ink = if row.topic.is_some() { Ink::text(palette) } else { Ink::muted(palette) };
    let retained = row.topic.as_ref().is_some_and(|topic| topic.retained);
    let payload = match &row.topic {
        Some(topic) => (one_line(&topic.payload), Ink::value(palette)),
        None => (counted(row.below, "topic"), Ink::muted(palette)),
    };
    [
        (format!("{}{sign} {}", INDENT.repeat(row.depth), name(row)), ink),
        (if retained { "R" } else { "" }.to_owned(), Ink::bold(palette)),
        (rate(row.per_second), Ink::muted(palette)),
        payload,
    ]
}

/// What a line says to those who do not see it, and to a pointer that stays.
pub(super) fn said(row: &TopicRow, is_open: bool) -> RowWords {
    let mut words = vec![name(row).to_owned()];
    if row.below > 0 {
        let fold = if is_open { "unfolded" } else { "folded" };
        words.push(format!("{}, {fold}", counted(row.below, "topic")));
    }
    if let Some(topic) = &row.topic {
        words.push(one_line(&topic.payload));
        if topic.retained {
            words.push("retained".to_owned());
        }
    }
    RowWords { words: words.join(", "), hover: Some(row.path.to_string()) }
}

/// A level may be empty, as before a slash at the beginning.
fn name(row: &TopicRow) -> &str {
    if row.name.is_empty() { "(empty)" } else { &row.name }
}

/// Messages a second; nothing where next to none come.
pub(super) fn rate(per_second: f32) -> String {
    match per_second {
        rate if rate < 0.05 => String::new(),
        rate if rate < 100.0 => format!("{rate:.1}"),
        rate => format!("{rate:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_short_and_silence_is_no_rate() {
        let found = [0.0, 0.04, 0.1, 12.34, 1234.5].map(rate);
        assert_eq!(found, ["", "", "0.1", "12.3", "1234"]);
    }
}
