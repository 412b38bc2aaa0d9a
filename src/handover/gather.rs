//! What belongs on the page, out of the records.

use super::{Deed, Handover, StandingAlarm, Why};
use crate::alarm::figures::{Figures, Opening, Period, Standing};
use crate::alarm::{AlarmDefinition, Condition};
use crate::audit::{Entry, RequestId};
use crate::command::{Outcome, PUBLISH};
use crate::tag::{Timestamp, Value};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// A command without an end that is older than this will have none any more.
const UNDER_WAY_MICROS: i64 = 60_000_000;
/// Signs of a payload by hand that are told.
const PAYLOAD_SIGNS: usize = 80;

/// What the page is made from.
#[derive(Clone, Debug)]
pub struct Sources<'a> {
    /// Name of the station.
    pub station: &'a str,
    /// The shift.
    pub period: Period,
    /// Now.
    pub made: Timestamp,
    /// Who makes it.
    pub made_by: &'a str,
    /// Whether the station runs.
    pub is_running: bool,
    /// The alarms that are not normal.
    pub standing: &'a [Opening],
    /// Of those among them that are set aside, by name: who did it, why, and until when.
    pub asides: &'a HashMap<Arc<str>, Why>,
    /// The messages of those that are not normal, as the operator reads them: with the values of their activation. By name.
    pub messages: &'a HashMap<Arc<str>, Arc<str>>,
    /// The alarms of the station file by name.
    pub definitions: &'a HashMap<String, AlarmDefinition>,
    /// The audit record from the beginning of the shift until now, the oldest entry first.
    pub audit: &'a [Entry],
    /// The last entry about taking each device off scan or putting it back.
    pub scans: &'a [Entry],
    /// The alarm figures of the shift.
    pub figures: Figures,
    /// What the next shift has to know besides; may be empty.
    pub remarks: &'a str,
    /// The name of the person who hands over; empty where they write it by hand.
    pub signer: &'a str,
}

/// Puts the page together.
pub fn gather(sources: Sources<'_>) -> Handover {
    let (mut alarms, mut set_aside, mut silent) = (Vec::new(), Vec::new(), Vec::new());
    for standing in sources.standing {
        let definition = sources.definitions.get(&*standing.alarm);
        let why = sources.asides.get(&standing.alarm).cloned();
        let message = sources.messages.get(&standing.alarm);
        let alarm = StandingAlarm { why, ..standing_alarm(standing, definition, message) };
        let is_device = definition.is_some_and(|known| known.condition == Condition::DeviceLost);
        match Standing::of_word(&standing.state) {
            Some(Standing::SetAside) => set_aside.push(alarm),
            Some(Standing::Active) if is_device => silent.push(alarm),
            Some(Standing::Normal) => {}
            // What is not known is shown rather than left out.
            Some(Standing::Active | Standing::Returned) | None => alarms.push(alarm),
        }
    }
    for list in [&mut alarms, &mut set_aside, &mut silent] {
        list.sort_by_key(|alarm: &StandingAlarm| (alarm.priority.map_or(0, |priority| priority.number()), alarm.since));
    }
    Handover {
        station: sources.station.to_owned(),
        period: sources.period,
        made: sources.made,
        made_by: sources.made_by.to_owned(),
        is_running: sources.is_running,
        alarms,
        set_aside,
        silent,
        off_scan: sources.scans.iter().filter(|entry| &*entry.action == "off-scan").map(off_scan).collect(),
        uncertain: uncertain(sources.audit, sources.period, sources.made),
        notes: sources.audit.iter().filter_map(|entry| note(entry, sources.period)).collect(),
        figures: sources.figures,
        remarks: sources.remarks.to_owned(),
        signer: sources.signer.to_owned(),
    }
}

fn standing_alarm(
    standing: &Opening,
    definition: Option<&AlarmDefinition>,
    message: Option<&Arc<str>>,
) -> StandingAlarm {
    let message = message.or_else(|| definition.map(|known| &known.message)).unwrap_or(&standing.alarm);
    StandingAlarm {
        alarm: standing.alarm.to_string(),
        message: message.to_string(),
        priority: definition.map(|known| known.priority),
        state: standing.state.to_string(),
        since: standing.raised,
        why: None,
    }
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct ScanDetail {
    reason: String,
}

fn off_scan(entry: &Entry) -> Deed {
    let detail: ScanDetail = serde_json::from_str(&entry.detail).unwrap_or_default();
    deed(entry, detail.reason)
}

fn deed(entry: &Entry, words: String) -> Deed {
    Deed { time: entry.time, subject: entry.subject.to_string(), words, who: entry.principal.to_string() }
}

#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct CommandDetail {
    value: Option<Value>,
    old: Option<Value>,
    /// Of a message by hand.
    payload: String,
    reason: String,
}

#[derive(serde::Deserialize)]
struct OutcomeDetail {
    outcome: Outcome,
    #[serde(default)]
    detail: String,
}

/// Commands and messages by hand whose end leaves open what stands in the device, and those of which no end is recorded.
fn uncertain(audit: &[Entry], period: Period, made: Timestamp) -> Vec<Deed> {
    let of_action = |action: &'static str| audit.iter().filter(move |entry| &*entry.action == action);
    let sent = || of_action("command").chain(of_action(PUBLISH));
    let commands: HashMap<&RequestId, &Entry> = sent().map(|entry| (&entry.request, entry)).collect();
    let ended: BTreeSet<&RequestId> = of_action("outcome").map(|entry| &entry.request).collect();
    let mut found = Vec::new();
    for entry in of_action("outcome").filter(|entry| period.contains(entry.time)) {
        let Ok(end) = serde_json::from_str::<OutcomeDetail>(&entry.detail) else {
            found.push(deed(entry, "its end cannot be read; see the audit record".to_owned()));
            continue;
        };
        if matches!(end.outcome, Outcome::Unverified | Outcome::Unknown | Outcome::Mismatch) {
            let wish = commands.get(&entry.request).map(|command| wish(command)).unwrap_or_default();
            found.push(deed(entry, format!("{wish}{}: {}", end.outcome.word(), end.detail)));
        }
    }
    for entry in sent().filter(|entry| period.contains(entry.time) && !ended.contains(&entry.request)) {
        // The next page begins after it: it has to stand on this one.
        let is_young = made.micros_since(entry.time) <= UNDER_WAY_MICROS;
        let words = if is_young { "under way when this page was made" } else { "unknown: no end of it is recorded" };
        found.push(deed(entry, format!("{}{words}", wish(entry))));
    }
    found.sort_by_key(|deed| deed.time);
    found
}

fn wish(command: &Entry) -> String {
    let detail: CommandDetail = serde_json::from_str(&command.detail).unwrap_or_default();
    let [old, value] = [detail.old, detail.value].map(|value| value.map_or("?".to_owned(), |value| value.to_string()));
    let reason = if detail.reason.is_empty() { String::new() } else { format!(" ({})", detail.reason) };
    if &*command.action == PUBLISH {
        return format!("by hand \"{}\"{reason}, ", shortened(&detail.payload));
    }
    format!("{old} → {value}{reason}, ")
}

/// A payload may be long; the whole of it stands in the audit record.
fn shortened(payload: &str) -> String {
    match payload.char_indices().nth(PAYLOAD_SIGNS) {
        Some((end, _)) => format!("{}...", &payload[..end]),
        None => payload.to_owned(),
    }
}

#[derive(serde::Deserialize)]
struct NoteDetail {
    at: Timestamp,
    words: String,
}

fn note(entry: &Entry, period: Period) -> Option<Deed> {
    if &*entry.action != "note" {
        return None;
    }
    let detail: NoteDetail = serde_json::from_str(&entry.detail).ok()?;
    let belongs = period.contains(detail.at) || period.contains(entry.time);
    belongs.then(|| Deed { time: detail.at, ..deed(entry, detail.words) })
}
