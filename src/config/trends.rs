//! Trends under names, out of their entries.

use super::drafts::Placed;
use super::problem::Problems;
use super::screen_entries::TrendEntry;
use super::units::duration;
use crate::screen::{TrendGroup, TrendPen};
use crate::tag::{TagId, TagKey};
use std::collections::HashMap;
use std::time::Duration;

/// What a trend shows where its entry does not say.
const SPAN: Duration = Duration::from_secs(300);

pub(super) fn groups(
    entries: Vec<Placed<TrendEntry>>,
    slots: &HashMap<String, TagId>,
    problems: &mut Problems,
) -> Vec<TrendGroup> {
    let mut groups: Vec<TrendGroup> = Vec::new();
    for Placed { entry, place } in entries {
        if groups.iter().any(|group| group.name == entry.name) {
            problems.error(&place.at("name"), format!("there are two trends \"{}\"", entry.name));
        }
        let span = entry.span.as_deref().map_or(Ok(SPAN), duration).unwrap_or_else(|why| {
            problems.error(&place.at("span"), why);
            SPAN
        });
        let mut pens = Vec::new();
        for (number, pen) in entry.pens.into_iter().enumerate() {
            let place = place.at("pens").at(number);
            if !slots.contains_key(&pen.tag) {
                let hint = problems.nearest(&pen.tag, slots.keys().map(String::as_str));
                problems.error(&place.at("tag"), format!("there is no tag \"{}\"{hint}", pen.tag));
            }
            if let Some([low, high]) = pen.range.filter(|[low, high]| low >= high) {
                problems.error(&place.at("range"), format!("{low} is not below {high}"));
            }
            pens.push(TrendPen {
                tag: TagKey::from(pen.tag.as_str()),
                own_axis: pen.own_axis,
                range: pen.range,
                log: pen.log,
                straight: pen.straight,
                hidden: false,
            });
        }
        groups.push(TrendGroup { name: entry.name, span_seconds: span.as_secs_f64(), author: None, pens });
    }
    groups
}
