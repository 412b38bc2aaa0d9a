//! Alarms and command settings out of their entries.

use super::alarm_entries::AlarmEntry;
use super::alarm_kinds::Entry;
use super::alarm_words::{Filling, presentation, usual_message};
use super::drafts::{DeviceDraft, TagDraft};
use super::file::ShelvingEntry;
use super::names::{NamesFrom, StationNames};
use super::problem::{Place, Problems};
use super::units;
use crate::alarm::{AlarmDefinition, AlarmKey, Condition, Priority, ShelvingLimits, Subject};
use crate::command::CommandSettings;
use crate::tag::{DeviceId, TagDefinition, TagId};
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

fn delay(text: Option<&String>, place: &Place, problems: &mut Problems) -> Duration {
    text.and_then(|text| problems.take(place, units::duration(text))).unwrap_or_default()
}

/// What is around a tag: the others, and what an alarm can lead to.
pub(super) struct Around {
    pub(super) names: StationNames,
    /// Names of trends.
    pub(super) trends: Vec<String>,
    /// Names of devices, by slot.
    pub(super) devices: Vec<String>,
}

/// The alarms of one tag.
pub(super) fn of_tag(
    tag: TagId,
    draft: &TagDraft,
    device: Option<&DeviceDraft>,
    definition: &TagDefinition,
    around: &Around,
    problems: &mut Problems,
) -> Vec<AlarmDefinition> {
    let mut alarms: Vec<AlarmDefinition> = Vec::new();
    let filling = Filling { device, definition };
    for (number, entry) in draft.entry.alarms.iter().enumerate() {
        let place = draft.place.at("alarms").at(number);
        let names = NamesFrom { names: &around.names, prefix: &draft.prefix, problems: RefCell::new(problems) };
        let read = Entry {
            entry,
            tag,
            place: &place,
            names: &names,
            can_be_stale: draft.entry.stale_after.is_some(),
            has_stale_alarm: draft.entry.alarms.iter().any(|other| other.stale == Some(true)),
        };
        let suppress_when =
            entry.suppress_when.as_ref().and_then(|text| read.expression("suppress_when", text)).map(Box::new);
        let Some(condition) = read.condition() else { continue };
        let usual = usual_message(draft, definition, &condition);
        let (message, guidance, presentation) = presentation(entry, usual, &filling, (&place, &names, &around.trends));
        let key = key(draft, entry, &condition, &place, problems);
        if alarms.iter().any(|alarm| alarm.key == key) {
            let name = key.as_str().rsplit(':').next().unwrap_or_default();
            problems.error(&place, format!("this tag has an alarm \"{name}\" already; give one of them a \"name\""));
        }
        let within = entry.within.as_ref().filter(|_| entry.discrepancy.is_some());
        let (key_of_delay, delay_text) = match within {
            Some(within) => ("within", Some(within)),
            None => ("on_delay", entry.on_delay.as_ref()),
        };
        alarms.push(AlarmDefinition {
            key,
            subject: Subject::Tag(tag),
            condition,
            deadband: deadband(entry, draft, &place, problems),
            on_delay: delay(delay_text, &place.at(key_of_delay), problems),
            off_delay: delay(entry.off_delay.as_ref(), &place.at("off_delay"), problems),
            priority: entry.priority,
            message,
            guidance,
            area: definition.area.clone(),
            latch: entry.latch,
            group: entry.group.as_deref().map(|name| filling.put_in(name).into()),
            suppress_when,
            presentation,
        });
    }
    check_order(&alarms, draft, problems);
    alarms
}

fn deadband(entry: &AlarmEntry, draft: &TagDraft, place: &Place, problems: &mut Problems) -> f64 {
    let deadband = entry.deadband.or(draft.entry.deadband).unwrap_or(0.0);
    if deadband < 0.0 || deadband.is_nan() {
        problems.error(&place.at("deadband"), "a deadband is not negative");
    }
    deadband
}

fn key(
    draft: &TagDraft,
    entry: &AlarmEntry,
    condition: &Condition,
    place: &Place,
    problems: &mut Problems,
) -> AlarmKey {
    if let Some(name) = &entry.name {
        let is_plain = |sign: char| sign.is_alphanumeric() || matches!(sign, '-' | '_');
        if name.is_empty() || !name.chars().all(is_plain) {
            let words = format!("\"{name}\" is no name of an alarm; letters, digits, - and _ are, such as dry-running");
            problems.error(&place.at("name"), words);
        }
        return AlarmKey::new(&draft.key, name);
    }
    match condition {
        Condition::Digital(state) if *state > 1.0 => AlarmKey::new(&draft.key, &format!("is-{state}")),
        Condition::States(states) => {
            let numbers: Vec<String> = states.iter().map(f64::to_string).collect();
            AlarmKey::new(&draft.key, &format!("is-{}", numbers.join("-")))
        }
        other => AlarmKey::new(&draft.key, other.word()),
    }
}

/// Limits stand in their order: low-low, low, high, high-high.
fn check_order(alarms: &[AlarmDefinition], draft: &TagDraft, problems: &mut Problems) {
    let find = |word: &str| {
        alarms.iter().find(|alarm| alarm.condition.word() == word).and_then(|alarm| alarm.condition.limit())
    };
    let limits: Vec<(&str, f64)> =
        ["low-low", "low", "high", "high-high"].into_iter().filter_map(|word| Some((word, find(word)?))).collect();
    for pair in limits.windows(2) {
        if pair[0].1 >= pair[1].1 {
            let words = format!(
                "the limit {} ({}) has to be below the limit {} ({})",
                pair[0].0, pair[0].1, pair[1].0, pair[1].1
            );
            problems.error(&draft.place.at("alarms"), words);
        }
    }
}

/// The one alarm of a device.
pub(super) fn of_device(device: DeviceId, draft: &DeviceDraft, problems: &mut Problems) -> AlarmDefinition {
    let entry = draft.entry.lost.clone().unwrap_or_default();
    let name = &draft.entry.name;
    AlarmDefinition {
        on_delay: delay(entry.on_delay.as_ref(), &draft.place.at("lost").at("on_delay"), problems),
        priority: entry.priority,
        message: entry.message.unwrap_or_else(|| format!("{name} does not answer")).into(),
        guidance: entry
            .guidance
            .unwrap_or_else(|| {
                "Its values are not to be trusted until it answers again. Check power and cable.".to_owned()
            })
            .into(),
        area: draft.entry.area.as_deref().map(Into::into),
        ..AlarmDefinition::plain(AlarmKey::new(name, "lost"), Subject::Device(device), Condition::DeviceLost)
    }
}

/// The alarm for when another device answers than the one that was known.
pub(super) fn of_identity(device: DeviceId, draft: &DeviceDraft) -> AlarmDefinition {
    let name = &draft.entry.name;
    AlarmDefinition {
        priority: Priority::Medium,
        message: format!("{name} is not the device that it was").into(),
        guidance: "Another device, or other firmware, answers at its address: the devices view shows both. \
                   Acknowledge to make it the known one."
            .into(),
        area: draft.entry.area.as_deref().map(Into::into),
        ..AlarmDefinition::plain(AlarmKey::new(name, "identity"), Subject::Device(device), Condition::OtherIdentity)
    }
}

/// How long alarms may be shelved at most.
pub(super) fn shelving(entry: Option<&ShelvingEntry>, place: &Place, problems: &mut Problems) -> ShelvingLimits {
    let Some(entry) = entry else { return ShelvingLimits::default() };
    let given = [&entry.critical, &entry.high, &entry.medium, &entry.low];
    let mut limits = ShelvingLimits::default();
    for (priority, text) in Priority::ALL.into_iter().zip(given) {
        let Some(text) = text else { continue };
        let place = place.at(priority.word());
        match problems.take(&place, units::duration(text)) {
            Some(time) if time.is_zero() => problems.error(&place, "write a time above 0, such as \"30m\""),
            Some(time) => limits = limits.with(priority, time),
            None => {}
        }
    }
    limits
}

/// How a tag is set. What depends on the protocol is added later.
pub(super) fn command(draft: &TagDraft, slots: &HashMap<String, TagId>, problems: &mut Problems) -> CommandSettings {
    let entry = draft.entry.command.clone().unwrap_or_default();
    let place = draft.place.at("command");
    if let (Some(min), Some(max)) = (entry.min, entry.max)
        && min > max
    {
        problems.error(&place.at("min"), "min is not above max");
    }
    let within = entry.within.as_ref().and_then(|text| problems.take(&place.at("within"), units::duration(text)));
    let read_back = entry.read_back.as_ref().and_then(|name| {
        let found = slots.get(&format!("{}{name}", draft.prefix)).or_else(|| slots.get(name)).copied();
        if found.is_none() {
            let hint = problems.nearest(name, slots.keys().map(String::as_str));
            problems.error(&place.at("read_back"), format!("there is no tag \"{name}\"{hint}"));
        }
        found
    });
    CommandSettings {
        min: entry.min.or(draft.entry.range.map(|range| range[0])),
        max: entry.max.or(draft.entry.range.map(|range| range[1])),
        boolean: false,
        text: false,
        whole: false,
        role: entry.role,
        read_back,
        tolerance: entry.tolerance.unwrap_or(0.0).max(0.0),
        within: within.unwrap_or(Duration::from_secs(10)),
        pulse: entry.pulse,
        essential: entry.essential,
        seen_tolerance: draft.entry.deadband.unwrap_or(0.0).max(entry.tolerance.unwrap_or(0.0)),
        topic: None,
    }
}
