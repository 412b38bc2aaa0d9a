//! What is kept of tags, and for how long.

use super::file::KeepEntry;
use super::problem::{Place, Problems};
use super::tag_entries::HistoryEntry;
use super::units;
use crate::tag::{HistoryPolicy, Retention};
use std::time::Duration;

const HEARTBEAT: Duration = Duration::from_secs(60);

/// The policy of a tag: what it says itself, else what its template says, else what the station says.
pub(super) fn policy(
    entries: &[(Option<&HistoryEntry>, Place)],
    deadband: f64,
    problems: &mut Problems,
) -> HistoryPolicy {
    let said = || entries.iter().filter_map(|(entry, place)| Some(((*entry)?, place)));
    let mut policy = HistoryPolicy { deadband, heartbeat: HEARTBEAT, ..HistoryPolicy::default() };
    if let Some(keep) = said().find_map(|(entry, _)| entry.keep) {
        policy.keep = keep;
    }
    if let Some((wanted, place)) = said().find_map(|(entry, place)| Some((entry.deadband?, place))) {
        policy.deadband = wanted;
        if wanted < 0.0 {
            problems.error(&place.at("deadband"), format!("{wanted} is below 0; 0 keeps every change"));
        }
    }
    if let Some((text, place)) = said().find_map(|(entry, place)| Some((entry.heartbeat.as_deref()?, place))) {
        policy.heartbeat = problems.take(&place.at("heartbeat"), units::duration(text)).unwrap_or(HEARTBEAT);
    }
    if let Some((bound, place)) = said().find_map(|(entry, place)| Some((entry.error_bound?, place))) {
        policy.error_bound = Some(bound);
        if bound <= 0.0 {
            problems
                .error(&place.at("error_bound"), format!("{bound} is not above 0; leave it out to keep every change"));
        }
    }
    policy
}

/// How long what is kept.
pub(super) fn retention(entry: Option<&KeepEntry>, place: &Place, problems: &mut Problems) -> Retention {
    let Some(entry) = entry else { return Retention::default() };
    let mut time = |key: &str, text: &Option<String>| {
        let time = text.as_deref().and_then(|text| problems.take(&place.at(key), units::duration(text)))?;
        if time < Duration::from_secs(86_400) {
            problems.error(&place.at(key), "less than a day is not kept by itself; write at least \"1d\"");
        }
        Some(time)
    };
    let (raw, minutes) = (time("raw", &entry.raw), time("minutes", &entry.minutes));
    if let (Some(raw), Some(minutes)) = (raw, minutes)
        && minutes < raw
    {
        problems.error(&place.at("minutes"), "minutes are kept at least as long as \"raw\"");
    }
    let most_bytes = entry.most.as_deref().and_then(|text| problems.take(&place.at("most"), units::bytes(text)));
    if raw.is_none() && entry.minutes.is_some() {
        problems.error(&place.at("minutes"), "where samples are kept for ever, so are minutes; say \"raw\" too");
    }
    Retention { raw, minutes, most_bytes }
}
