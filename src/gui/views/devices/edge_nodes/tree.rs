//! A line of the tree of edge nodes and devices: how it is written, and how it is said.

use crate::driver::mqtt::sparkplug::namespace::{NamespaceLine, Presence, SourceFacts, Standing};
use crate::gui::format::{clock, counted};
use crate::gui::theme::Palette;
use crate::gui::widgets::columns::{Column, number, words};
use crate::gui::widgets::{Ink, RowWords};
use crate::tag::Timestamp;

pub(super) const COLUMNS: [Column; 6] = [
    words("Name", 0.0),
    words("State", 70.0),
    words("Since", 62.0),
    number("Births", 42.0),
    number("Metrics", 50.0),
    number("Tags", 34.0),
];

/// How far a level stands in.
const INDENT: &str = "   ";

pub(super) const fn presence_word(presence: Presence) -> &'static str {
    match presence {
        Presence::Unheard => "not heard",
        Presence::Online => "online",
        Presence::Unconfirmed => "awaited",
        Presence::Offline => "offline",
    }
}

/// The cells of a line; `is_open` says that what is below it is shown, `is_past` that it is not known whether it is so still.
pub(super) fn cells(
    line: &NamespaceLine,
    is_open: bool,
    is_past: bool,
    now: Timestamp,
    palette: &Palette,
) -> [(String, Ink); 6] {
    let sign = match (line.below, is_open) {
        (0, _) => " ",
        (_, true) => "-",
        (_, false) => "+",
    };
    let name = format!("{}{sign} {}", INDENT.repeat(line.depth), line.name);
    let muted = |words: String| (words, Ink::muted(palette));
    let Some(SourceFacts { standing, metrics, tags, .. }) = line.facts else {
        let below = counted(line.below, "node");
        return [
            (name, Ink::text(palette)),
            muted(below),
            muted(String::new()),
            muted(String::new()),
            muted(String::new()),
            muted(String::new()),
        ];
    };
    let is_online = standing.presence == Presence::Online && !is_past;
    let ink = || if is_online { Ink::text(palette) } else { Ink::muted(palette) };
    let word = presence_word(standing.presence);
    let state = match (is_past, is_online) {
        (true, _) => (format!("({word})"), Ink::muted(palette)),
        (false, true) => (word.to_owned(), Ink::text(palette)),
        (false, false) => (word.to_owned(), Ink::bold(palette)),
    };
    [
        (name, ink()),
        state,
        (standing.since.map(|since| clock(since, now)).unwrap_or_default(), Ink::muted(palette)),
        (counted_cell(standing.births as usize), Ink::muted(palette)),
        (metrics.to_string(), Ink::text(palette)),
        (counted_cell(tags), Ink::text(palette)),
    ]
}

/// Nothing where there is none: what stands out is what there is.
fn counted_cell(count: usize) -> String {
    if count == 0 { "-".to_owned() } else { count.to_string() }
}

/// What a line says to those who do not see it, and to a pointer that stays.
pub(super) fn said(line: &NamespaceLine, is_open: bool, is_past: bool, now: Timestamp) -> RowWords {
    let mut said = vec![line.name.to_string()];
    if line.below > 0 {
        let fold = if is_open { "unfolded" } else { "folded" };
        said.push(format!("{}, {fold}", counted(line.below, if line.depth == 0 { "node" } else { "device" })));
    }
    said.extend(is_past.then(|| "from before".to_owned()));
    said.extend(line.facts.iter().map(|facts| facts_words(facts, now)));
    let words = said.join(", ");
    let hover = line.facts.map(|facts| format!("{}: {}", line.path, facts_words(&facts, now)));
    RowWords { words, hover }
}

/// How a source stands, in words.
pub(super) fn facts_words(facts: &SourceFacts, now: Timestamp) -> String {
    let (metrics, tags) = (counted(facts.metrics, "metric"), counted(facts.tags, "tag"));
    format!("{}, {metrics}, {tags}", standing_words(&facts.standing, now))
}

fn standing_words(standing: &Standing, now: Timestamp) -> String {
    let since = standing.since.map(|since| format!(" since {}", clock(since, now))).unwrap_or_default();
    let state = match standing.presence {
        Presence::Unheard => "not heard of since the station is connected",
        Presence::Online => "online",
        Presence::Unconfirmed => "its birth is awaited: its node announced itself anew",
        Presence::Offline => "offline",
    };
    let rebirths = match standing.rebirths {
        0 => String::new(),
        count => format!(" ({})", counted(count as usize, "rebirth")),
    };
    format!("{state}{since}, {}{rebirths}", counted(standing.births as usize, "birth"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_source_stands_is_said_in_words() {
        let standing = Standing { presence: Presence::Online, since: None, births: 3, rebirths: 1 };
        let facts = SourceFacts { standing, metrics: 12, tags: 1, device: None };
        let now = Timestamp::default();
        assert_eq!(facts_words(&facts, now), "online, 3 births (1 rebirth), 12 metrics, 1 tag");
        let never = SourceFacts { standing: Standing::default(), metrics: 0, tags: 0, device: None };
        let line =
            NamespaceLine { depth: 1, name: "edge".into(), path: "north/edge".into(), below: 0, facts: Some(facts) };
        let palette = Palette::of(egui::Theme::Light);
        let state = |is_past| cells(&line, false, is_past, now, &palette)[1].0.clone();
        assert_eq!([state(false), state(true)], ["online", "(online)"]);
        assert!(said(&line, false, true, now).words.starts_with("edge, from before, online"));
        let words = facts_words(&never, now);
        assert_eq!(words, "not heard of since the station is connected, 0 births, 0 metrics, 0 tags");
    }
}
