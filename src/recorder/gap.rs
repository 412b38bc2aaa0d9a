//! What could not be kept until it could be written: counted, and told later in one line of the journal and one entry of the audit record.

use crate::access::Principal;
use crate::alarm::{AlarmKey, Transition};
use crate::audit::{Draft, RequestId};
use crate::tag::Timestamp;
use std::collections::HashMap;

/// The word of the audit entry that says how many are missing.
const GAP: &str = "gap";

/// Changes of alarms and audit entries that are lost one by one: how many, when, and what each alarm came to.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gap {
    transitions: Count,
    entries: Count,
    /// The last change of each alarm, by which the states are put right; as many as there are alarms.
    latest: HashMap<AlarmKey, Transition>,
}

/// How many, and from when to when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    number: u64,
    span: Option<(Timestamp, Timestamp)>,
}

impl Count {
    fn add(&mut self, other: Self) {
        self.number += other.number;
        self.span = match (self.span, other.span) {
            (Some((from, to)), Some((first, last))) => Some((from.min(first), to.max(last))),
            (one, other) => one.or(other),
        };
    }

    fn add_one(&mut self, time: Timestamp) {
        self.add(Self { number: 1, span: Some((time, time)) });
    }

    /// In words, and the end of it; none where nothing is missing.
    fn words(&self, of: &str) -> Option<(String, Timestamp)> {
        let (from, to) = self.span?;
        let words =
            format!("{} {of} from {} to {} could not be written", self.number, from.to_rfc3339(), to.to_rfc3339());
        Some((words, to))
    }
}

impl Gap {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        self.transitions.number == 0 && self.entries.number == 0
    }

    /// How many changes of alarms are missing.
    pub fn transitions(&self) -> u64 {
        self.transitions.number
    }

    /// A change of an alarm is lost, but for what it came to. Changes are added in the order in which they happened.
    pub fn add_transition(&mut self, change: Transition) {
        self.transitions.add_one(change.time);
        self.latest.insert(change.alarm.clone(), change);
    }

    /// An audit entry is lost.
    pub fn add_entry(&mut self, time: Timestamp) {
        self.entries.add_one(time);
    }

    /// Takes over one that came after this one.
    pub fn add(&mut self, later: Self) {
        self.transitions.add(later.transitions);
        self.entries.add(later.entries);
        self.latest.extend(later.latest);
    }

    /// What each alarm came to, the oldest first.
    pub(super) fn latest(&self) -> Vec<&Transition> {
        let mut latest: Vec<&Transition> = self.latest.values().collect();
        latest.sort_by(|one, other| (one.time, &one.alarm).cmp(&(other.time, &other.alarm)));
        latest
    }

    /// When the last of all was.
    pub(super) fn end(&self) -> Option<Timestamp> {
        let ends = [self.transitions.span, self.entries.span].into_iter().flatten();
        ends.map(|(_, end)| end).max()
    }

    /// The line of the journal, with its time; none where no change of an alarm is missing.
    pub(super) fn line(&self) -> Option<(String, Timestamp)> {
        self.transitions.words("transitions")
    }

    /// The audit entry; none where none is missing.
    pub(super) fn draft(&self) -> Option<Draft> {
        let (words, time) = self.entries.words("entries")?;
        Some(Draft {
            request: RequestId::from(format!("{GAP}-{}", time.as_micros()).as_str()),
            time,
            principal: Principal::station(),
            action: GAP.into(),
            subject: "audit".into(),
            detail: serde_json::json!({"entries": self.entries.number, "words": words}).to_string().into(),
            essential: true,
        })
    }
}
