//! What drivers found at run time, as it is kept in `found.json`, and the tags that patterns of the station file make of it.
//!
//! A pattern is a tag whose name has `{1}`, `{2}`, `{#}` or `{json}` in it. What these stand for comes from the field, so it is put into
//! names with care: letters, digits, `-`, `_` and `.` stay, everything else becomes `_`, and of a long part the first 64 characters count.
//! Where two things would have one name, the first found has it, and the other is told as a warning.

mod attach;
mod file;
mod listed;
mod metrics;
mod pattern;

pub use file::{FOUND_FILE, FoundFile, FoundThing, MOST_FOUND, Merged};
pub(super) use listed::{ListKnown, expand_lists};
pub(super) use metrics::{MetricsKnown, expand_metrics, most as most_metrics};
pub(super) use pattern::{Pattern, patterns};

use super::drafts::{DeviceDraft, TagDraft};
use super::plant::Plant;
use super::problem::{Place, Problems};
use crate::driver::mqtt::TOPIC;
use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

/// The names that each pattern knows, in the order of the patterns.
pub(super) type Known = Vec<HashSet<Arc<str>>>;

/// A thing that may become a tag.
pub(super) struct Candidate {
    thing: FoundThing,
    /// Whether the station file would be wrong with it. It is known all the same: its driver need not tell it again.
    is_faulty: bool,
}

/// Reads what was found. The station runs without it, and says so, where that cannot be done.
pub(super) fn read(folder: &Path, problems: &mut Problems) -> Vec<FoundThing> {
    match FoundFile::read(folder) {
        Ok(file) => file.found,
        Err(error) => {
            let words = format!("{error}; the tags in it are left out. Delete it, and they are found again");
            problems.warn(&Place::new(FOUND_FILE, ""), words);
            Vec::new()
        }
    }
}

/// Compiles without what makes the station file wrong: no message may ever keep a station from running.
pub(super) fn leave_out_faulty(
    things: Vec<FoundThing>,
    compile: impl Fn(&[Candidate]) -> (Option<Plant>, Problems),
) -> (Option<Plant>, Problems) {
    let mut things: Vec<_> = things.into_iter().map(|thing| Candidate { thing, is_faulty: false }).collect();
    let mut faulty = Vec::new();
    loop {
        let (plant, mut problems) = compile(&things);
        let errors = problems.errors_in(FOUND_FILE);
        if errors.is_empty() || things.is_empty() {
            for (place, words) in faulty {
                problems.warn(&place, words);
            }
            return (plant, problems);
        }
        let before = faulty.len();
        for error in errors {
            let number = error.path.strip_prefix(LIST).and_then(|rest| rest.split('/').next()?.parse::<usize>().ok());
            let candidate = number.and_then(|number| things.get_mut(number)).filter(|candidate| !candidate.is_faulty);
            if let Some(Candidate { thing, is_faulty }) = candidate {
                *is_faulty = true;
                let words = format!("\"{}\" of {} is left out: {}", thing.name, thing.device, error.words);
                faulty.push((Place::new(FOUND_FILE, error.path), words));
            }
        }
        if faulty.len() == before {
            things.clear();
        }
    }
}

const LIST: &str = "found/";

/// The place of a thing in the file.
fn place(number: usize) -> Place {
    Place::new(FOUND_FILE, format!("{LIST}{number}"))
}

/// The things of a kind with their numbers.
fn numbered<'a>(things: &'a [Candidate], kind: &'a str) -> impl Iterator<Item = (usize, &'a Candidate)> {
    things.iter().enumerate().filter(move |(_, candidate)| candidate.thing.kind == kind)
}

/// Adds the tags that patterns make of what was found.
pub(super) fn expand(
    patterns: &[Pattern],
    things: &[Candidate],
    devices: &[DeviceDraft],
    drafts: &mut Vec<TagDraft>,
    problems: &mut Problems,
) -> Known {
    let mut taken: HashSet<String> = drafts.iter().map(|draft| draft.key.clone()).collect();
    let mut by_device: HashMap<&str, Vec<(usize, &Candidate)>> = HashMap::new();
    for (number, candidate) in numbered(things, TOPIC) {
        by_device.entry(&candidate.thing.device).or_default().push((number, candidate));
    }
    let mut used = HashSet::new();
    let mut known = Known::new();
    for pattern in patterns {
        let device = pattern.draft.device.and_then(|slot| devices.get(slot.index()));
        let here = device.and_then(|device| by_device.get(device.entry.name.as_str())).into_iter().flatten();
        let (mut names, mut left_out) = (HashSet::new(), 0);
        for &(number, Candidate { thing, is_faulty }) in here {
            let Some(draft) = device.and_then(|device| pattern.draft_of(thing, device)) else { continue };
            used.insert(number);
            if names.len() >= pattern.most() {
                left_out += 1;
                continue;
            }
            names.insert(Arc::from(thing.name.as_str()));
            if *is_faulty {
                continue;
            }
            if taken.insert(draft.key.clone()) {
                drafts.push(TagDraft { place: place(number), ..draft });
            } else {
                let words = format!("\"{}\" is left out: the tag \"{}\" is there already", thing.name, draft.key);
                problems.warn(&pattern.draft.place, words);
            }
        }
        if left_out > 0 {
            let words = format!("{left_out} names are left out: \"most\" allows {}", pattern.most());
            problems.warn(&pattern.draft.place, words);
        }
        known.push(names);
    }
    let all = by_device.values().map(Vec::len).sum::<usize>();
    if used.len() < all {
        let words = format!(
            "{} names are of no pattern in the station file any more; polder forget removes them",
            all - used.len()
        );
        problems.warn(&Place::new(FOUND_FILE, ""), words);
    }
    known
}

/// A part of a tag's name out of what the field says.
pub(super) fn name_part(text: &str) -> String {
    let plain = |sign: char| if sign.is_alphanumeric() || matches!(sign, '-' | '_' | '.') { sign } else { '_' };
    let name: String = text.chars().take(64).map(plain).collect();
    if name.is_empty() { "_".to_owned() } else { name }
}

/// Several parts, with / between them.
pub(super) fn name_path(text: &str) -> String {
    text.split('/').map(name_part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
