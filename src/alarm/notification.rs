//! What a person who looks elsewhere is told of alarms: a pure state machine. Alarms and time go in, at most one short message comes out.
//!
//! Only new alarms of the two most urgent priorities are told, and none that came while somebody looked at the window. What waited when the
//! station started is not news. A flood makes one message each [`GAP`], with a count.

use super::{AlarmView, OccurrenceId, Priority, State};
use crate::tag::Monotonic;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// The time between two messages.
pub const GAP: Duration = Duration::from_secs(10);

/// One message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// The first line.
    pub title: String,
    /// The most urgent alarm, in its own words.
    pub body: Arc<str>,
    /// Whether one of them is critical.
    pub is_critical: bool,
}

/// Who tells.
#[derive(Clone, Debug, Default)]
pub struct Notifications {
    /// Those that wait, and whether they were told, or need not be.
    known: BTreeMap<OccurrenceId, bool>,
    has_begun: bool,
    last: Option<Monotonic>,
}

/// Whether somebody who looks elsewhere should hear of it.
pub fn is_worth_telling(view: &AlarmView) -> bool {
    view.state == State::Unacknowledged && view.priority <= Priority::High
}

impl Notifications {
    /// These alarms are worth telling, the most urgent first, and no others; `is_watched` says whether somebody looks at the window.
    pub fn observe(&mut self, alarms: &[&AlarmView], is_watched: bool, now: Monotonic) -> Option<Notification> {
        let is_old = !std::mem::replace(&mut self.has_begun, true) || is_watched;
        let before = std::mem::take(&mut self.known);
        let told =
            |view: &&AlarmView| (view.occurrence, is_old || before.get(&view.occurrence).copied().unwrap_or(false));
        self.known = alarms.iter().map(told).collect();
        let untold: Vec<&&AlarmView> = alarms.iter().filter(|view| !self.known[&view.occurrence]).collect();
        if self.due().is_none_or(|due| due > now) {
            return None;
        }
        let message = message(&untold)?;
        self.known.values_mut().for_each(|told| *told = true);
        self.last = Some(now);
        Some(message)
    }

    /// When there is something to tell, unless anything else happens.
    pub fn due(&self) -> Option<Monotonic> {
        let waits = self.known.values().any(|told| !told);
        waits.then(|| self.last.map_or(Monotonic::default(), |last| last.plus(GAP)))
    }
}

fn message(untold: &[&&AlarmView]) -> Option<Notification> {
    let first = untold.iter().min_by_key(|view| (view.priority, view.raised))?;
    let critical = untold.iter().filter(|view| view.priority == Priority::Critical).count();
    let title = match (untold.len(), critical) {
        (1, 0) => "An alarm of high priority".to_owned(),
        (1, _) => "A critical alarm".to_owned(),
        (count, 0) => format!("{count} alarms of high priority"),
        (count, critical) => format!("{count} alarms, {critical} of them critical"),
    };
    Some(Notification { title, body: Arc::clone(&first.message), is_critical: critical > 0 })
}

#[cfg(test)]
mod tests;
