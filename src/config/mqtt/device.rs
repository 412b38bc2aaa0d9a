//! What a device of a broker is besides its tags: how it says that it is there, and what is looked for in its topics.

use super::point::{conditions, filter, pointer, topic_of};
use crate::config::drafts::DeviceDraft;
use crate::config::found::Pattern;
use crate::config::problem::Problems;
use crate::driver::mqtt::{Availability, Device, Discovery, Search};
use crate::tag::DeviceId;
use std::collections::HashSet;
use std::sync::Arc;

pub(super) fn device(slot: usize, draft: &DeviceDraft, problems: &mut Problems) -> Device {
    let discovery = draft.entry.discovery.map(|source| Discovery {
        source,
        base: draft.entry.topic.as_deref().unwrap_or(source.usual_base()).trim_end_matches('/').into(),
        known: Arc::default(),
    });
    if discovery.as_ref().is_some_and(|list| list.base.is_empty() || !rumqttc::valid_topic(&list.base)) {
        problems.error(&draft.place.at("topic"), "the topics of a list begin with a plain topic, without + and #");
    }
    Device { availability: availability(draft, problems), discovery, ..Device::new(DeviceId(slot as u32)) }
}

fn availability(draft: &DeviceDraft, problems: &mut Problems) -> Option<Availability> {
    let entry = draft.entry.availability.as_ref()?;
    let place = draft.place.at("availability");
    let topic = entry.topic.replace("${device}", topic_of(draft));
    if topic.is_empty() || !rumqttc::valid_topic(&topic) {
        problems.error(&place.at("topic"), "a device says on one topic whether it is there, without + and #");
        return None;
    }
    let word = |given: &Option<String>, usual: &str| Arc::from(given.as_deref().unwrap_or(usual).trim());
    let (online, offline): (Arc<str>, Arc<str>) = (word(&entry.online, "online"), word(&entry.offline, "offline"));
    if online == offline {
        problems.error(&place.at("offline"), "the words for online and offline differ");
    }
    let pointer = match &entry.json {
        Some(text) => Some(pointer(text, &place.at("json"), problems)?),
        None => None,
    };
    Some(Availability { topic: topic.into(), pointer, online, offline })
}

/// What a driver looks for so that tags can be made by a pattern.
pub(in crate::config) fn search(
    pattern: &Pattern,
    device: &DeviceDraft,
    known: HashSet<Arc<str>>,
    problems: &mut Problems,
) -> Option<Search> {
    let (entry, place) = (&pattern.draft.entry, &pattern.draft.place);
    Some(Search {
        filter: filter(entry, device, place, problems)?.into(),
        below: pattern.below.clone(),
        only: conditions(&entry.only, &place.at("only"), problems),
        most: pattern.most(),
        known: Arc::new(known),
    })
}
