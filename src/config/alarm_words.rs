//! What an operator reads about an alarm, out of its entry.

use super::alarm_entries::{AlarmEntry, GuidanceEntry, ResponseEntry};
use super::drafts::{DeviceDraft, TagDraft};
use super::names::NamesFrom;
use super::problem::Place;
use super::units;
use crate::alarm::{Condition, Piece, Presentation, Response, Template};
use crate::tag::TagDefinition;
use std::sync::Arc;

/// The screens that an alarm can lead to.
const SCREENS: [&str; 5] = ["overview", "tags", "trends", "alarms", "devices"];

/// What `${device}` and `${area}` stand for.
pub(super) struct Filling<'a> {
    pub(super) device: Option<&'a DeviceDraft>,
    pub(super) definition: &'a TagDefinition,
}

impl Filling<'_> {
    /// Puts device and area in, so that a template gives each device a group of its own.
    pub(super) fn put_in(&self, text: &str) -> String {
        let name = self.device.map_or("", |device| &device.entry.name);
        text.replace("${device}", name).replace("${area}", self.definition.area.as_deref().unwrap_or_default())
    }

    /// Puts device and area in, and begins with a capital.
    pub(super) fn filled(&self, text: &str) -> String {
        let text = self.put_in(text);
        let mut letters = text.chars();
        letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
    }

    /// The message as a fixed text, and with places for values where it has some.
    pub(super) fn message(&self, text: &str, place: &Place, names: &NamesFrom<'_>) -> (Arc<str>, Option<Template>) {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = next_tag(rest) {
            let at = text.len() - rest.len() + open;
            let character = text[..at].chars().count() + 1;
            let words = self.piece(&rest[..open], pieces.is_empty());
            let Some(close) = rest[open..].find('}').map(|close| open + close) else {
                names.error(place, format!("character {character}: the name of this tag does not end; }} is missing"));
                return (text.into(), None);
            };
            let name = rest[open + 1..close].trim();
            let found = names.slot(name).map(|(tag, _)| tag);
            if found.is_none() {
                let hint = crate::expression::Names::nearest(names, name);
                names.error(place, format!("character {character}: there is no tag \"{name}\"{hint}"));
            }
            pieces.push(words);
            pieces.extend(found.map(Piece::Value));
            rest = &rest[close + 1..];
        }
        if pieces.is_empty() {
            return (self.filled(text).into(), None);
        }
        pieces.push(self.piece(rest, false));
        let template = Template(pieces.into());
        (template.without_values(), Some(template))
    }

    fn piece(&self, words: &str, is_first: bool) -> Piece {
        Piece::Words(if is_first { self.filled(words) } else { self.put_in(words) }.into())
    }

    /// Guidance as one text, and in its parts where it has some.
    pub(super) fn guidance(
        &self,
        entry: Option<&GuidanceEntry>,
        place: &Place,
        names: &NamesFrom<'_>,
    ) -> (Arc<str>, Option<Response>) {
        match entry {
            None => ("".into(), None),
            Some(GuidanceEntry::Text(text)) => (self.filled(text).into(), None),
            Some(GuidanceEntry::Parts(ResponseEntry { cause, consequence, action, within })) => {
                if action.trim().is_empty() {
                    names.error(place, "\"action\" is missing: what the operator should do");
                }
                if let Some(text) = within {
                    names.problems.borrow_mut().take(&place.at("within"), units::duration(text));
                }
                let response = Response {
                    cause: self.filled(cause).into(),
                    consequence: self.filled(consequence).into(),
                    action: self.filled(action).into(),
                    within: within.as_deref().unwrap_or_default().into(),
                };
                (response.words().into(), Some(response))
            }
        }
    }
}

/// Where the next name of a tag opens; `${` is no such place.
fn next_tag(text: &str) -> Option<usize> {
    text.match_indices('{').map(|(place, _)| place).find(|place| !text[..*place].ends_with('$'))
}

/// Message, guidance and links of an alarm.
pub(super) fn presentation(
    entry: &AlarmEntry,
    usual_message: String,
    filling: &Filling<'_>,
    (place, names, trends): (&Place, &NamesFrom<'_>, &[String]),
) -> (Arc<str>, Arc<str>, Presentation) {
    let message = entry.message.clone().unwrap_or(usual_message);
    let (message, template) = filling.message(&message, &place.at("message"), names);
    let (guidance, response) = filling.guidance(entry.guidance.as_ref(), &place.at("guidance"), names);
    let known = |key: &str, name: Option<&String>, known: &[&str]| {
        let name = name?;
        if !known.contains(&name.as_str()) {
            let hint = names.problems.borrow_mut().nearest(name, known.iter().copied());
            names.error(&place.at(key), format!("there is no {key} \"{name}\"{hint}"));
        }
        Some(Arc::from(name.as_str()))
    };
    let trends: Vec<&str> = trends.iter().map(String::as_str).collect();
    let screen = known("screen", entry.screen.as_ref(), &SCREENS);
    let trend = known("trend", entry.trend.as_ref(), &trends);
    (message, guidance, Presentation { template, response, screen, trend })
}

/// The message of an alarm that has none of its own.
pub(super) fn usual_message(draft: &TagDraft, definition: &TagDefinition, condition: &Condition) -> String {
    let name = draft.key.replace('/', " ");
    let words = match condition {
        Condition::HighHigh(_) => "very high".to_owned(),
        Condition::LowLow(_) => "very low".to_owned(),
        Condition::Moving(crate::alarm::Side::HighHigh, _) => "very high".to_owned(),
        Condition::Moving(crate::alarm::Side::LowLow, _) => "very low".to_owned(),
        Condition::BadQuality | Condition::BadQualityNotStale => "cannot be trusted".to_owned(),
        Condition::Stale => "is out of date".to_owned(),
        Condition::Digital(state) => match definition.states.word(*state) {
            Some(word) => word.to_string(),
            None => (if *state == 0.0 { "is off" } else { "is on" }).to_owned(),
        },
        Condition::States(states) => {
            let word =
                |state: &f64| definition.states.word(*state).map_or_else(|| state.to_string(), |word| word.to_string());
            states.iter().map(word).collect::<Vec<_>>().join(" or ")
        }
        Condition::Deviation { .. } => "deviates".to_owned(),
        Condition::Discrepancy { .. } => "does not follow its command".to_owned(),
        Condition::Rate(_) => "changes fast".to_owned(),
        Condition::NoChange(_) => "does not change".to_owned(),
        Condition::When(program) => format!("when {}", program.text()),
        other => other.word().to_owned(),
    };
    format!("{name} {words}")
}
