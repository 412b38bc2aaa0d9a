//! Tags out of the births of Sparkplug edge nodes and devices that are taken in whole.

use super::super::drafts::{DeviceDraft, TagDraft, prefix_of};
use super::super::problem::{Place, Problems};
use super::super::tag_entries::{HistoryEntry, TagEntry};
use super::{Candidate, FoundThing, name_path, numbered, place};
use crate::driver::mqtt::sparkplug::desk::METRIC;
use crate::tag::DeviceId;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Tags of one edge node or device, where it does not say.
const MOST: u32 = 1000;

/// What such a tag may say. It raises no alarm and takes no command that no engineer wrote.
const ALLOWED: &[&str] = &["metric", "type", "unit", "range", "description"];

/// The names of the metrics that are known, by the slot of the device.
pub(in crate::config) type MetricsKnown = HashMap<usize, HashSet<Arc<str>>>;

/// How many metrics of a device may become tags.
pub(in crate::config) fn most(device: &DeviceDraft) -> usize {
    device.entry.most.unwrap_or(MOST) as usize
}

/// Adds the metrics that were found; what is known of each device that is taken in whole. A metric that a tag of the station file reads is
/// that tag.
pub(in crate::config) fn expand_metrics(
    things: &[Candidate],
    devices: &[DeviceDraft],
    history: &(Option<HistoryEntry>, Place),
    drafts: &mut Vec<TagDraft>,
    problems: &mut Problems,
) -> MetricsKnown {
    let mut taken: HashSet<String> = drafts.iter().map(|draft| draft.key.clone()).collect();
    let read = |draft: &TagDraft| Some((draft.device?.index(), draft.entry.metric.clone()?));
    let read: HashSet<(usize, String)> = drafts.iter().filter_map(read).collect();
    let whole = devices.iter().enumerate().filter(|(_, device)| device.entry.take_in.is_some());
    let mut known: MetricsKnown = whole.map(|(slot, _)| (slot, HashSet::new())).collect();
    let (mut orphans, mut left_out) = (0, 0);
    for (number, Candidate { thing, is_faulty }) in numbered(things, METRIC) {
        let slot = devices.iter().position(|device| device.entry.name == thing.device);
        let Some((slot, names)) = slot.and_then(|slot| Some((slot, known.get_mut(&slot)?))) else {
            orphans += 1;
            continue;
        };
        if names.len() >= most(&devices[slot]) {
            left_out += 1;
            continue;
        }
        names.insert(thing.name.as_str().into());
        if *is_faulty || read.contains(&(slot, thing.name.clone())) {
            continue;
        }
        let place = place(number);
        match entry(thing) {
            Err(why) => problems.warn(&place, format!("\"{}\" of {} is left out: {why}", thing.name, thing.device)),
            Ok(entry) => {
                let prefix = prefix_of(&devices[slot]);
                let key = format!("{prefix}{}", entry.name);
                if !taken.insert(key.clone()) {
                    let words = format!("\"{}\" is left out: the tag \"{key}\" is there already", thing.name);
                    problems.warn(&place, words);
                    continue;
                }
                let (device, history) = (Some(DeviceId(slot as u32)), [(None, place.clone()), history.clone()]);
                drafts.push(TagDraft { entry, place, key, prefix, device, history, is_found: true });
            }
        }
    }
    if left_out > 0 {
        let words = format!("{left_out} metrics are left out: \"most\" of their devices allows no more");
        problems.warn(&Place::new(super::FOUND_FILE, ""), words);
    }
    if orphans > 0 {
        let words =
            format!("{orphans} metrics are of no device that is taken in whole any more; polder forget removes them");
        problems.warn(&Place::new(super::FOUND_FILE, ""), words);
    }
    known
}

fn entry(thing: &FoundThing) -> Result<TagEntry, String> {
    let mut facts = thing.facts.as_object().cloned().ok_or("its facts are damaged")?;
    if let Some(key) = facts.keys().find(|key| !ALLOWED.contains(&key.as_str())) {
        return Err(format!("\"{key}\" is not for metrics that are found"));
    }
    facts.insert("name".to_owned(), name_path(&thing.name).into());
    facts.insert("metric".to_owned(), thing.name.as_str().into());
    serde_json::from_value(facts.into()).map_err(|error| error.to_string())
}
