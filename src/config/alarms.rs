//! Alarms and command settings out of their entries.

use super::compile::{DeviceDraft, TagDraft};
use super::file::{AlarmEntry, ShelvingEntry, StateEntry};
use super::problem::{Place, Problems};
use super::units;
use crate::alarm::{AlarmDefinition, AlarmKey, Condition, Priority, ShelvingLimits, Subject};
use crate::command::CommandSettings;
use crate::tag::{DeviceId, TagDefinition, TagId};
use std::collections::HashMap;
use std::time::Duration;

fn delay(text: Option<&String>, place: &Place, problems: &mut Problems) -> Duration {
    text.and_then(|text| problems.take(place, units::duration(text))).unwrap_or_default()
}

/// The alarms of one tag.
pub(super) fn of_tag(
    tag: TagId,
    draft: &TagDraft,
    device: Option<&DeviceDraft>,
    definition: &TagDefinition,
    problems: &mut Problems,
) -> Vec<AlarmDefinition> {
    let fill = |text: String| filled(&text, device, definition);
    let mut alarms: Vec<AlarmDefinition> = Vec::new();
    for (number, entry) in draft.entry.alarms.iter().enumerate() {
        let place = draft.place.at("alarms").at(number);
        let Some(condition) = condition(entry, &place, problems) else { continue };
        let key = key(draft, &condition);
        if alarms.iter().any(|alarm| alarm.key == key) {
            problems.error(&place, format!("this tag has an alarm \"{}\" already", condition.word()));
        }
        let deadband = entry.deadband.or(draft.entry.deadband).unwrap_or(0.0);
        if deadband < 0.0 || deadband.is_nan() {
            problems.error(&place.at("deadband"), "a deadband is not negative");
        }
        alarms.push(AlarmDefinition {
            key,
            subject: Subject::Tag(tag),
            condition,
            deadband,
            on_delay: delay(entry.on_delay.as_ref(), &place.at("on_delay"), problems),
            off_delay: delay(entry.off_delay.as_ref(), &place.at("off_delay"), problems),
            priority: entry.priority,
            message: fill(entry.message.clone().unwrap_or_else(|| message(draft, definition, &condition))).into(),
            guidance: fill(entry.guidance.clone().unwrap_or_default()).into(),
            area: definition.area.clone(),
            latch: entry.latch,
            group: entry.group.as_deref().map(|name| with_names(name, device, definition).into()),
        });
    }
    check_order(&alarms, draft, problems);
    alarms
}

fn key(draft: &TagDraft, condition: &Condition) -> AlarmKey {
    match condition {
        Condition::Digital(state) if *state > 1.0 => AlarmKey::new(&draft.key, &format!("is-{state}")),
        other => AlarmKey::new(&draft.key, other.word()),
    }
}

fn message(draft: &TagDraft, definition: &TagDefinition, condition: &Condition) -> String {
    let name = draft.key.replace('/', " ");
    let words = match condition {
        Condition::HighHigh(_) => "very high".to_owned(),
        Condition::LowLow(_) => "very low".to_owned(),
        Condition::BadQuality => "cannot be trusted".to_owned(),
        Condition::Digital(state) => match definition.states.word(*state) {
            Some(word) => word.to_string(),
            None => (if *state == 0.0 { "is off" } else { "is on" }).to_owned(),
        },
        other => other.word().to_owned(),
    };
    format!("{name} {words}")
}

/// Puts device and area in, so that a template gives each device a group of its own.
fn with_names(text: &str, device: Option<&DeviceDraft>, definition: &TagDefinition) -> String {
    let name = device.map_or("", |device| &device.entry.name);
    text.replace("${device}", name).replace("${area}", definition.area.as_deref().unwrap_or_default())
}

/// Puts device and area in, and begins with a capital.
fn filled(text: &str, device: Option<&DeviceDraft>, definition: &TagDefinition) -> String {
    let text = with_names(text, device, definition);
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

fn condition(entry: &AlarmEntry, place: &Place, problems: &mut Problems) -> Option<Condition> {
    let digital = entry.is.map(|state| match state {
        StateEntry::Switch(on) => f64::from(u8::from(on)),
        StateEntry::Number(number) => number,
    });
    let given = [
        entry.high_high.map(Condition::HighHigh),
        entry.high.map(Condition::High),
        entry.low.map(Condition::Low),
        entry.low_low.map(Condition::LowLow),
        digital.map(Condition::Digital),
        entry.bad_quality.filter(|wanted| *wanted).map(|_| Condition::BadQuality),
    ];
    let mut given = given.into_iter().flatten();
    match (given.next(), given.next()) {
        (Some(condition), None) => Some(condition),
        _ => {
            problems.error(place, "an alarm needs exactly one of high_high, high, low, low_low, is and bad_quality");
            None
        }
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
        key: AlarmKey::new(name, "lost"),
        subject: Subject::Device(device),
        condition: Condition::DeviceLost,
        deadband: 0.0,
        on_delay: delay(entry.on_delay.as_ref(), &draft.place.at("lost").at("on_delay"), problems),
        off_delay: Duration::ZERO,
        priority: entry.priority,
        message: entry.message.unwrap_or_else(|| format!("{name} does not answer")).into(),
        guidance: entry
            .guidance
            .unwrap_or_else(|| {
                "Its values are not to be trusted until it answers again. Check power and cable.".to_owned()
            })
            .into(),
        area: draft.entry.area.as_deref().map(Into::into),
        latch: false,
        group: None,
    }
}

/// The alarm for when another device answers than the one that was known.
pub(super) fn of_identity(device: DeviceId, draft: &DeviceDraft) -> AlarmDefinition {
    let name = &draft.entry.name;
    AlarmDefinition {
        key: AlarmKey::new(name, "identity"),
        subject: Subject::Device(device),
        condition: Condition::OtherIdentity,
        deadband: 0.0,
        on_delay: Duration::ZERO,
        off_delay: Duration::ZERO,
        priority: Priority::Medium,
        message: format!("{name} is not the device that it was").into(),
        guidance: "Another device, or other firmware, answers at its address: the devices view shows both. \
                   Acknowledge to make it the known one."
            .into(),
        area: draft.entry.area.as_deref().map(Into::into),
        latch: false,
        group: None,
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
    }
}
