//! Activations out of changes: when each began, when it returned, when somebody acknowledged it.

use super::change::{Change, Period, Standing};
use crate::tag::Timestamp;
use std::collections::HashMap;
use std::sync::Arc;

/// One activation of one alarm, as far as it touches the period.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    /// The permanent name of the alarm.
    pub alarm: Arc<str>,
    /// Its number.
    pub occurrence: u64,
    /// When it began; before the period for one that was active already.
    pub raised: Timestamp,
    /// When it was active no more; none while it is at the end of the period.
    pub returned: Option<Timestamp>,
    /// When somebody first acknowledged it, within the period; none while nobody did.
    pub acknowledged: Option<Timestamp>,
    /// Whether it was taken away by setting the alarm aside rather than by the plant.
    pub is_cut: bool,
}

impl Activation {
    /// How long it was active up to `end`, in microseconds.
    pub fn micros(&self, end: Timestamp) -> i64 {
        self.returned.unwrap_or(end).min(end).micros_since(self.raised).max(0)
    }
}

/// Everything that happened in the period, put in order.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Lives {
    /// In the order in which they began.
    pub(super) activations: Vec<Activation>,
    /// Of each acknowledgement in the period: the alarm, and the microseconds since its activation began.
    pub(super) acknowledgements: Vec<(Arc<str>, i64)>,
    /// Alarms by the word of their state at the end of the period, where they are not normal.
    pub(super) at_end: HashMap<Arc<str>, Arc<str>>,
    /// How often an alarm was set aside in the period, by the word of that state.
    pub(super) set_aside: HashMap<Arc<str>, usize>,
}

/// What stood at the beginning of the period: the state of an alarm that was not normal.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// The permanent name of the alarm.
    pub alarm: Arc<str>,
    /// The activation.
    pub occurrence: u64,
    /// The word of its state.
    pub state: Arc<str>,
    /// When the activation began.
    pub raised: Timestamp,
}

impl Lives {
    /// Follows all changes, which stand in order of time, through the period. Changes outside of it are left out.
    pub(super) fn follow(opening: &[Opening], changes: &[Change], period: Period) -> Self {
        let mut lives = Self::default();
        let mut open: HashMap<Arc<str>, usize> = HashMap::new();
        let mut acknowledged: HashMap<(Arc<str>, u64), Timestamp> = HashMap::new();
        for standing in opening {
            lives.at_end.insert(standing.alarm.clone(), standing.state.clone());
            if Standing::of_word(&standing.state) == Some(Standing::Active) {
                open.insert(standing.alarm.clone(), lives.activations.len());
                lives.activations.push(begin(&standing.alarm, standing.occurrence, standing.raised));
            }
        }
        for change in changes.iter().filter(|change| period.contains(change.time)) {
            lives.take(change, &mut open, &mut acknowledged);
        }
        for activation in &mut lives.activations {
            let name = (activation.alarm.clone(), activation.occurrence);
            activation.acknowledged = acknowledged.get(&name).copied();
        }
        lives.activations.sort_by_key(|activation| activation.raised);
        lives
    }

    fn take(
        &mut self,
        change: &Change,
        open: &mut HashMap<Arc<str>, usize>,
        acknowledged: &mut HashMap<(Arc<str>, u64), Timestamp>,
    ) {
        let Some(after) = Standing::of_word(&change.after) else { return };
        self.at_end.insert(change.alarm.clone(), change.after.clone());
        if after == Standing::SetAside && Standing::of_word(&change.before) != Some(Standing::SetAside) {
            *self.set_aside.entry(change.after.clone()).or_default() += 1;
        }
        if change.acknowledges() {
            let name = (change.alarm.clone(), change.occurrence);
            acknowledged.entry(name).or_insert_with(|| {
                self.acknowledgements.push((change.alarm.clone(), change.time.micros_since(change.raised).max(0)));
                change.time
            });
        }
        if change.ends()
            && let Some(place) = open.remove(&change.alarm)
        {
            self.activations[place].returned = Some(change.time);
            self.activations[place].is_cut = after == Standing::SetAside;
        }
        if change.activates() {
            let place = self.activations.len();
            self.activations.push(begin(&change.alarm, change.occurrence, change.time));
            // Where changes are missing, one that never returned ends with the next.
            if let Some(earlier) = open.insert(change.alarm.clone(), place) {
                self.activations[earlier].returned = Some(change.time);
            }
        }
    }
}

fn begin(alarm: &Arc<str>, occurrence: u64, raised: Timestamp) -> Activation {
    Activation { alarm: alarm.clone(), occurrence, raised, returned: None, acknowledged: None, is_cut: false }
}
