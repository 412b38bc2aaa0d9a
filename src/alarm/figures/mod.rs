//! Alarm figures after EEMUA 191, ISA-18.2 and IEC 62682: how many alarms an operator got, how many told nothing, how long they stood, and how
//! soon somebody knew. Pure: changes of the journal in, figures out.
//!
//! The texts of the standards are not free; their figures are taken from what is published about them, and every definition here says what it
//! counts, so that it can be checked. Targets are meant for one operator position and for at least 30 days.
//!
//! # The edges of a period
//! - Alarms that were active when the period began stand in it, and can be stale, but are no activations of it.
//! - What is active when it ends is counted up to there.
//! - Rates, floods, chatter and fleeting alarms look at activations within the period only.

mod change;
mod life;
mod nuisance;
mod rates;
mod standing;
mod table;
#[cfg(test)]
mod tests;

pub use change::{Change, Period, Standing};
pub use life::{Activation, Opening};
pub use rates::{Flood, Rate, Rates};
pub use standing::StandingFigures;
pub use table::{Judgement, Row};

use super::Priority;
use crate::tag::Timestamp;
use life::Lives;
use nuisance::Nuisance;
use rates::share;
use std::collections::HashMap;
use std::sync::Arc;

/// Alarms of which the share is told (EEMUA 191: the ten most frequent ones).
pub const TOP: usize = 10;

/// How long it took until somebody acknowledged, in seconds from the beginning of the activation, over all acknowledgements of the period.
/// Percentiles are values that occurred: the smallest that at least so many of a hundred do not exceed.
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct AcknowledgeTimes {
    /// Acknowledgements.
    pub count: usize,
    /// Half of them did not take longer, in seconds; none without acknowledgements.
    pub median_seconds: Option<f64>,
    /// Nine of ten did not take longer, in seconds.
    pub ninetieth_seconds: Option<f64>,
    /// The longest, in seconds.
    pub maximum_seconds: Option<f64>,
}

impl AcknowledgeTimes {
    fn of(mut micros: Vec<i64>) -> Self {
        micros.sort_unstable();
        let percentile = |percent: usize| {
            let place = (micros.len() * percent).div_ceil(100).checked_sub(1)?;
            micros.get(place).map(|micros| *micros as f64 / 1e6)
        };
        Self {
            count: micros.len(),
            median_seconds: percentile(50),
            ninetieth_seconds: percentile(90),
            maximum_seconds: percentile(100),
        }
    }
}

/// What the activations of one alarm were.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct AlarmFigures {
    /// The permanent name of the alarm.
    pub alarm: Arc<str>,
    /// How soon an operator has to act; none where the station file does not know the alarm any more.
    pub priority: Option<Priority>,
    /// Activations within the period.
    pub activations: usize,
    /// Of those, the chattering ones.
    pub chattering: usize,
    /// Of those, the fleeting ones.
    pub fleeting: usize,
    /// Their share in all activations of the period, 0 to 1.
    pub share: f64,
    /// The number of the last one.
    pub last_occurrence: u64,
}

/// What belongs to one priority.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct PriorityFigures {
    /// The priority.
    pub priority: Priority,
    /// Activations.
    pub activations: usize,
    /// Their share in all activations of alarms whose priority is known, 0 to 1.
    pub share: f64,
    /// How soon they were acknowledged.
    pub acknowledge: AcknowledgeTimes,
}

/// The figures of a period.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Figures {
    /// The period, in UTC microseconds.
    pub period: Period,
    /// Activations within it.
    pub activations: usize,
    /// How often they came.
    pub rates: Rates,
    /// Every alarm with activations, the most frequent first.
    pub alarms: Vec<AlarmFigures>,
    /// The share of the ten most frequent alarms in all activations, 0 to 1.
    pub top_share: f64,
    /// Alarms that chattered.
    pub chattering_alarms: usize,
    /// Activations that were part of a chatter.
    pub chattering: usize,
    /// Alarms with fleeting activations.
    pub fleeting_alarms: usize,
    /// Activations that were fleeting.
    pub fleeting: usize,
    /// What stood.
    pub standing: StandingFigures,
    /// Every priority, the most urgent first.
    pub priorities: Vec<PriorityFigures>,
    /// Activations of alarms that the station file does not know any more.
    pub of_unknown_priority: usize,
    /// How soon somebody acknowledged.
    pub acknowledge: AcknowledgeTimes,
    /// How often alarms were set aside in the period, by the word of the state: shelved, suppressed, out-of-service.
    pub set_aside: Vec<(Arc<str>, usize)>,
    /// Alarms that are set aside at the end of the period.
    pub set_aside_at_end: usize,
    /// Remarks of the station that changes could not be recorded: then there were more than these figures tell.
    pub gaps: usize,
}

/// What the figures are worked out from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// The alarms that were not normal when the period began.
    pub opening: Vec<Opening>,
    /// The changes of the period, in order of time.
    pub changes: Vec<Change>,
}

impl Record {
    /// Every activation that touches a period, in the order in which they began.
    pub fn activations(&self, period: Period) -> Vec<Activation> {
        Lives::follow(&self.opening, &self.changes, period).activations
    }
}

impl Figures {
    /// The figures of a period; `priority_of` says how urgent an alarm is, as the station file has it now.
    pub fn of(record: &Record, period: Period, priority_of: &dyn Fn(&str) -> Option<Priority>) -> Self {
        let lives = Lives::follow(&record.opening, &record.changes, period);
        let nuisances = nuisance::nuisances(&lives.activations, period);
        let times: Vec<Timestamp> =
            lives.activations.iter().map(|one| one.raised).filter(|raised| period.contains(*raised)).collect();
        let alarms = of_alarms(&lives, &nuisances, period, priority_of);
        let count = |which: fn(&AlarmFigures) -> usize| alarms.iter().map(which).sum::<usize>();
        let top: usize = alarms.iter().take(TOP).map(|alarm| alarm.activations).sum();
        let waiting = lives.at_end.values().filter(|state| change::waits(state)).count();
        let gap = |change: &&Change| period.contains(change.time) && Standing::of_word(&change.after).is_none();
        Self {
            period,
            activations: times.len(),
            rates: Rates::of(&times, period),
            top_share: share(top as f64, times.len() as f64),
            chattering_alarms: alarms.iter().filter(|alarm| alarm.chattering > 0).count(),
            chattering: count(|alarm| alarm.chattering),
            fleeting_alarms: alarms.iter().filter(|alarm| alarm.fleeting > 0).count(),
            fleeting: count(|alarm| alarm.fleeting),
            standing: StandingFigures::of(&lives.activations, waiting, period),
            priorities: of_priorities(&alarms, &lives, priority_of),
            of_unknown_priority: alarms.iter().filter(|one| one.priority.is_none()).map(|one| one.activations).sum(),
            acknowledge: AcknowledgeTimes::of(lives.acknowledgements.iter().map(|(_, micros)| *micros).collect()),
            set_aside: set_aside(&lives),
            set_aside_at_end: lives
                .at_end
                .values()
                .filter(|state| Standing::of_word(state) == Some(Standing::SetAside))
                .count(),
            gaps: record.changes.iter().filter(gap).count(),
            alarms,
        }
    }

    /// The alarms whose activations told nothing, the most of them first.
    pub fn bad_actors(&self) -> Vec<&AlarmFigures> {
        let mut found: Vec<&AlarmFigures> =
            self.alarms.iter().filter(|alarm| alarm.chattering + alarm.fleeting > 0).collect();
        found.sort_by_key(|alarm| std::cmp::Reverse(alarm.chattering + alarm.fleeting));
        found
    }
}

fn of_alarms(
    lives: &Lives,
    nuisances: &[Option<Nuisance>],
    period: Period,
    priority_of: &dyn Fn(&str) -> Option<Priority>,
) -> Vec<AlarmFigures> {
    let mut found: HashMap<&Arc<str>, AlarmFigures> = HashMap::new();
    let within = lives.activations.iter().zip(nuisances).filter(|(one, _)| period.contains(one.raised));
    let mut total = 0;
    for (activation, nuisance) in within {
        total += 1;
        let figures = found.entry(&activation.alarm).or_insert_with(|| AlarmFigures {
            alarm: activation.alarm.clone(),
            priority: priority_of(&activation.alarm),
            activations: 0,
            chattering: 0,
            fleeting: 0,
            share: 0.0,
            last_occurrence: 0,
        });
        figures.activations += 1;
        figures.chattering += usize::from(*nuisance == Some(Nuisance::Chattering));
        figures.fleeting += usize::from(*nuisance == Some(Nuisance::Fleeting));
        figures.last_occurrence = activation.occurrence;
    }
    let mut alarms: Vec<AlarmFigures> = found.into_values().collect();
    alarms.iter_mut().for_each(|alarm| alarm.share = share(alarm.activations as f64, f64::from(total)));
    alarms.sort_by(|one, other| other.activations.cmp(&one.activations).then_with(|| one.alarm.cmp(&other.alarm)));
    alarms
}

fn of_priorities(
    alarms: &[AlarmFigures],
    lives: &Lives,
    priority_of: &dyn Fn(&str) -> Option<Priority>,
) -> Vec<PriorityFigures> {
    let known: usize = alarms.iter().filter(|one| one.priority.is_some()).map(|one| one.activations).sum();
    let one = |priority: Priority| {
        let of_it = alarms.iter().filter(|one| one.priority == Some(priority));
        let activations = of_it.map(|one| one.activations).sum();
        let acknowledged = lives.acknowledgements.iter().filter(|(alarm, _)| priority_of(alarm) == Some(priority));
        PriorityFigures {
            priority,
            activations,
            share: share(activations as f64, known as f64),
            acknowledge: AcknowledgeTimes::of(acknowledged.map(|(_, micros)| *micros).collect()),
        }
    };
    Priority::ALL.map(one).into()
}

fn set_aside(lives: &Lives) -> Vec<(Arc<str>, usize)> {
    let count = |word: &str| lives.set_aside.get(word).copied().unwrap_or(0);
    Standing::SET_ASIDE.map(|word| (word.into(), count(word))).into()
}
