//! Tags that a list of a device says, in the words of the station file.

use super::super::drafts::{DeviceDraft, TagDraft, prefix_of};
use super::super::problem::{Place, Problems};
use super::super::tag_entries::{HistoryEntry, TagEntry};
use super::{Candidate, FoundThing, name_path, numbered, place};
use crate::driver::mqtt::TAG;
use crate::tag::DeviceId;
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// The facts that are known, by name.
pub(in crate::config) type ListKnown = HashMap<Arc<str>, Value>;

/// What such a tag may say. It names no other device, and raises no alarm that no engineer wrote.
const ALLOWED: &[&str] = &[
    "name",
    "topic",
    "json",
    "optional",
    "type",
    "true",
    "false",
    "unit",
    "range",
    "description",
    "stale_after",
    "command",
];

/// Adds the tags of lists; what is known of each device that has one.
pub(in crate::config) fn expand_lists(
    things: &[Candidate],
    devices: &[DeviceDraft],
    history: &(Option<HistoryEntry>, Place),
    drafts: &mut Vec<TagDraft>,
    problems: &mut Problems,
) -> Vec<(usize, ListKnown)> {
    let mut taken: HashSet<String> = drafts.iter().map(|draft| draft.key.clone()).collect();
    let lists = devices.iter().enumerate().filter(|(_, device)| device.entry.discovery.is_some());
    let mut known: Vec<(usize, ListKnown)> = lists.map(|(slot, _)| (slot, ListKnown::new())).collect();
    let mut orphans = 0;
    for (number, Candidate { thing, is_faulty }) in numbered(things, TAG) {
        let found = known.iter_mut().find(|(slot, _)| devices[*slot].entry.name == thing.device);
        let Some((slot, known)) = found else {
            orphans += 1;
            continue;
        };
        known.insert(thing.name.as_str().into(), thing.facts.clone());
        if *is_faulty {
            continue;
        }
        let place = place(number);
        if thing.waits {
            let words = format!(
                "\"{0}\" of {1} says something else about its command than when it was found, and stays as it was; polder forget \
                 \"{1}/{0}\" takes up what it says now",
                thing.name, thing.device
            );
            problems.warn(&place, words);
        }
        match entry(thing) {
            Err(why) => problems.warn(&place, format!("\"{}\" of {} is left out: {why}", thing.name, thing.device)),
            Ok(entry) => {
                let prefix = prefix_of(&devices[*slot]);
                let key = format!("{prefix}{}", entry.name);
                if !taken.insert(key.clone()) {
                    let words = format!("\"{}\" is left out: the tag \"{key}\" is there already", thing.name);
                    problems.warn(&place, words);
                    continue;
                }
                let (device, history) = (Some(DeviceId(*slot as u32)), [(None, place.clone()), history.clone()]);
                drafts.push(TagDraft { entry, place, key, prefix, device, history, is_found: true });
            }
        }
    }
    if orphans > 0 {
        let words = format!("{orphans} names are of no list in the station file any more; polder forget removes them");
        problems.warn(&Place::new(super::FOUND_FILE, ""), words);
    }
    known
}

fn entry(thing: &FoundThing) -> Result<TagEntry, String> {
    let facts = thing.facts.as_object().ok_or("its facts are damaged")?;
    if let Some(why) = facts.get("refused").and_then(Value::as_str) {
        return Err(why.to_owned());
    }
    if let Some(key) = facts.keys().find(|key| !ALLOWED.contains(&key.as_str())) {
        return Err(format!("\"{key}\" is not for tags that are found"));
    }
    let mut entry: TagEntry = serde_json::from_value(thing.facts.clone()).map_err(|error| error.to_string())?;
    if entry.topic.as_deref().is_none_or(|topic| topic.is_empty() || !rumqttc::valid_topic(topic)) {
        return Err("its topic is none, or has + or # in it".to_owned());
    }
    entry.name = name_path(&entry.name);
    if let Some(command) = &mut entry.command {
        command.read_back = command.read_back.as_deref().map(name_path);
    }
    Ok(entry)
}
