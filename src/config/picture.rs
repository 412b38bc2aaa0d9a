//! The overview out of its entry.

use super::problem::{Place, Problems};
use super::screen_entries::{ElementEntry, OverviewEntry};
use crate::screen::{Element, Picture};
use crate::tag::TagId;
use std::collections::HashMap;

pub(super) fn picture(
    entry: &OverviewEntry,
    slots: &HashMap<String, TagId>,
    place: &Place,
    problems: &mut Problems,
) -> Picture {
    let mut finder = Finder { slots, problems };
    let elements = entry.elements.iter().enumerate();
    let elements =
        elements.filter_map(|(number, entry)| finder.element(entry, &place.at("elements").at(number))).collect();
    let trends = entry.trends.iter().enumerate();
    let trends = trends.filter_map(|(number, key)| finder.tag(key, &place.at("trends").at(number))).collect();
    Picture { size: entry.size, elements, trends }
}

struct Finder<'a> {
    slots: &'a HashMap<String, TagId>,
    problems: &'a mut Problems,
}

impl Finder<'_> {
    fn tag(&mut self, key: &str, place: &Place) -> Option<TagId> {
        let found = self.slots.get(key).copied();
        if found.is_none() {
            let hint = self.problems.nearest(key, self.slots.keys().map(String::as_str));
            self.problems.error(place, format!("there is no tag \"{key}\"{hint}"));
        }
        found
    }

    /// The outer `Option` is about errors; an optional tag that is not given is fine.
    #[expect(clippy::option_option, reason = "wrong and not given are two things")]
    fn optional(&mut self, key: Option<&String>, place: &Place) -> Option<Option<TagId>> {
        match key {
            Some(key) => self.tag(key, place).map(Some),
            None => Some(None),
        }
    }

    fn element(&mut self, entry: &ElementEntry, place: &Place) -> Option<Element> {
        Some(match entry {
            ElementEntry::Tank { area, title, level, target, span } => Element::Tank {
                area: *area,
                title: title.as_str().into(),
                level: self.tag(level, &place.at("level"))?,
                target: self.optional(target.as_ref(), &place.at("target"))?,
                span: *span,
            },
            ElementEntry::Pump { at, title, state, value } => Element::Pump {
                at: *at,
                title: title.as_str().into(),
                state: self.tag(state, &place.at("state"))?,
                value: self.tag(value, &place.at("value"))?,
            },
            ElementEntry::Gate { at, title, position, value } => Element::Gate {
                at: *at,
                title: title.as_str().into(),
                position: self.tag(position, &place.at("position"))?,
                value: self.optional(value.as_ref(), &place.at("value"))?,
            },
            ElementEntry::Gauge { at, title, value, target } => Element::Gauge {
                at: *at,
                title: title.as_str().into(),
                value: self.tag(value, &place.at("value"))?,
                target: self.optional(target.as_ref(), &place.at("target"))?,
            },
            ElementEntry::Number { at, title, value } => {
                Element::Number { at: *at, title: title.as_str().into(), value: self.tag(value, &place.at("value"))? }
            }
            ElementEntry::Pipe { points } => Element::Pipe { points: points.clone() },
            ElementEntry::Caption { at, words } => Element::Caption { at: *at, words: words.as_str().into() },
        })
    }
}
