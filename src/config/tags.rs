//! Tags: from entries to definitions.

use super::drafts::{DeviceDraft, TagDraft};
use super::problem::{Place, Problems};
use super::tag_entries::StatesEntry;
use super::{history, units};
use crate::tag::{Scaling, States, TagDefinition, TagKey};

pub(super) fn definition(draft: &TagDraft, device: Option<&DeviceDraft>, problems: &mut Problems) -> TagDefinition {
    let (entry, place) = (&draft.entry, &draft.place);
    let area = entry.area.as_deref().or_else(|| device.and_then(|device| device.entry.area.as_deref()));
    let deadband = entry.deadband.unwrap_or(0.0);
    if deadband < 0.0 || deadband.is_nan() {
        problems.error(&place.at("deadband"), "a deadband is not negative");
    }
    let stale_after = entry.stale_after.as_deref();
    TagDefinition {
        key: TagKey::from(draft.key.as_str()),
        device: draft.device,
        area: area.map(Into::into),
        description: entry.description.clone().unwrap_or_default().into(),
        unit: entry.unit.clone().unwrap_or_default().into(),
        decimals: entry.decimals.unwrap_or(2).min(9),
        range: range(entry.range, place, problems),
        scaling: scaling(draft, problems),
        states: states(entry.states.as_ref(), place, problems),
        rolls_over_at: entry.rolls_over_at.filter(|count| {
            if *count < 2.0 {
                problems.error(&place.at("rolls_over_at"), "a counter has at least 2 counts");
            }
            *count >= 2.0
        }),
        history: {
            let [template, station] = &draft.history;
            let own = (entry.history.as_ref(), place.at("history"));
            let others = [template, station].map(|(entry, place)| (entry.as_ref(), place.clone()));
            history::policy(&[own, others[0].clone(), others[1].clone()], deadband, problems)
        },
        stale_after: stale_after.and_then(|text| problems.take(&place.at("stale_after"), units::duration(text))),
        address: "".into(),
    }
}

fn states(entry: Option<&StatesEntry>, place: &Place, problems: &mut Problems) -> States {
    match entry {
        None => States::default(),
        Some(StatesEntry::Counted(words)) => States::counted(words.iter().map(String::as_str)),
        Some(StatesEntry::Numbered(words)) => {
            let place = place.at("states");
            let numbered = words.iter().filter_map(|(number, word)| {
                let wrong = || format!("\"{number}\" is not a whole number");
                let number = problems.take(&place.at(number), number.trim().parse::<i64>().map_err(|_| wrong()))?;
                Some((number, word.as_str().into()))
            });
            numbered.collect()
        }
    }
}

fn range(range: Option<[f64; 2]>, place: &Place, problems: &mut Problems) -> Option<[f64; 2]> {
    let [low, high] = range?;
    if low < high {
        return Some([low, high]);
    }
    problems.error(&place.at("range"), "the first number of a range is below the second");
    None
}

pub(super) fn scaling(draft: &TagDraft, problems: &mut Problems) -> Option<Scaling> {
    let scale = draft.entry.scale.as_ref()?;
    let place = draft.place.at("scale");
    if scale.raw[0] == scale.raw[1] {
        problems.error(&place.at("raw"), "the two raw values differ");
        return None;
    }
    if scale.eng[0] == scale.eng[1] {
        problems.error(&place.at("eng"), "the two engineering values differ");
        return None;
    }
    if scale
        .valid
        .is_some_and(|[low, high]| low > scale.raw[0].min(scale.raw[1]) || high < scale.raw[0].max(scale.raw[1]))
    {
        problems.error(&place.at("valid"), "the valid raw values include both of \"raw\"");
    }
    Some(Scaling { raw: scale.raw, engineering: scale.eng, valid: scale.valid })
}
