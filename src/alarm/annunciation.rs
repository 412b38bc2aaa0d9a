//! What an operator hears: a pure state machine. The alarms that wait and the time go in, what is to sound now comes out.
//!
//! # Rules
//! - An alarm is heard while it is active, not acknowledged and not set aside. The caller names just those; a return to normal,
//!   an acknowledgement, a shelf or a suppression takes one away and never makes a sound.
//! - The most urgent of them sounds, with the sound of its priority, again and again, the more urgent the sooner.
//! - Silence is for the ears alone: it acknowledges nothing, and holds for what waited at that moment. A new alarm sounds again. So that a
//!   flood leaves the operator the room to think that they asked for, one that is no more urgent than what was silenced waits until
//!   [`REST`] is over; one that is more urgent does not.
//! - One sound at a time, with [`GAP`] between two. A more urgent alarm comes next; others keep the rhythm, so that a flood does not
//!   stutter.
//!
//! # After a restart
//! What waited already sounds once, with the sound of the most urgent of it, and then counts as silenced. Somebody has probably heard it
//! before, so that a station that is restarted does not scream; but nobody can know, so that it does not keep silent either.

use super::{AlarmView, OccurrenceId, Priority, State};
use crate::tag::Monotonic;
use std::collections::BTreeMap;
use std::time::Duration;

/// The silence between two sounds.
pub const GAP: Duration = Duration::from_millis(500);
/// For so long after a silence only what is more urgent sounds.
pub const REST: Duration = Duration::from_secs(5);

/// What the station file says about sounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoundSettings {
    /// How loud, in percent of what the computer is set to; 1 to 100.
    pub volume_percent: u8,
    /// Whether alarms of a priority are heard; index 0 for priority 1.
    pub heard: [bool; 4],
}

impl Default for SoundSettings {
    fn default() -> Self {
        Self { volume_percent: 70, heard: [true; 4] }
    }
}

impl SoundSettings {
    /// Whether anything is heard at all.
    pub fn is_on(&self) -> bool {
        self.heard.contains(&true)
    }

    /// Whether alarms of this priority are heard.
    pub const fn hears(&self, priority: Priority) -> bool {
        self.heard[priority as usize]
    }
}

/// What the bell shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bell {
    /// Nothing that could be heard waits.
    #[default]
    Quiet,
    /// Alarms sound, the most urgent with this priority.
    Sounding(Priority),
    /// So many alarms wait, and all of them were silenced.
    Silenced(usize),
}

impl Priority {
    /// From the beginning of its sound to the next one.
    pub const fn sound_interval(self) -> Duration {
        Duration::from_secs(match self {
            Self::Critical => 3,
            Self::High => 6,
            Self::Medium => 15,
            Self::Low => 60,
        })
    }
}

/// The activation and priority of an alarm that is to be heard; none where it is not.
pub fn to_be_heard(view: &AlarmView, settings: &SoundSettings) -> Option<(OccurrenceId, Priority)> {
    (view.state == State::Unacknowledged && settings.hears(view.priority)).then_some((view.occurrence, view.priority))
}

/// An alarm that waits.
#[derive(Clone, Copy, Debug)]
struct Waiting {
    priority: Priority,
    is_silenced: bool,
}

/// The rest after a silence.
#[derive(Clone, Copy, Debug)]
struct Rest {
    until: Monotonic,
    /// The most urgent of what was silenced.
    silenced: Priority,
}

/// The annunciator.
#[derive(Clone, Debug, Default)]
pub struct Annunciation {
    waiting: BTreeMap<OccurrenceId, Waiting>,
    /// Whether it has looked at the alarms before.
    has_begun: bool,
    /// The one sound for what waited when the station started.
    greeting: Option<Priority>,
    /// The sound that was begun last since all was quiet.
    last: Option<(Priority, Monotonic)>,
    rest: Option<Rest>,
    is_playing: bool,
    /// No sound begins before this.
    free_at: Monotonic,
}

impl Annunciation {
    /// These alarms are to be heard, and no others.
    pub fn observe(&mut self, alarms: impl IntoIterator<Item = (OccurrenceId, Priority)>) {
        let is_start = !std::mem::replace(&mut self.has_begun, true);
        let before = std::mem::take(&mut self.waiting);
        self.waiting = alarms
            .into_iter()
            .map(|(occurrence, priority)| {
                let is_silenced = before.get(&occurrence).map_or(is_start, |waiting| waiting.is_silenced);
                (occurrence, Waiting { priority, is_silenced })
            })
            .collect();
        let most_urgent = self.waiting.values().map(|waiting| waiting.priority).min();
        self.greeting = if is_start { most_urgent } else { self.greeting.and(most_urgent) };
        if self.most_urgent().is_none() {
            self.last = None;
        }
    }

    /// The operator wants silence. Nothing is acknowledged.
    pub fn silence(&mut self, now: Monotonic) {
        if let Some(silenced) = self.most_urgent() {
            self.rest = Some(Rest { until: now.plus(REST), silenced });
        }
        self.waiting.values_mut().for_each(|waiting| waiting.is_silenced = true);
        (self.greeting, self.last) = (None, None);
    }

    /// The sound that is to begin now; the caller says with [`Annunciation::ended`] when it is over.
    pub fn next_sound(&mut self, now: Monotonic) -> Option<Priority> {
        let (priority, due) = self.due_sound()?;
        if due > now {
            return None;
        }
        // The greeting begins no rhythm: what comes after it is new.
        self.last = self.most_urgent().map(|priority| (priority, now));
        (self.greeting, self.is_playing) = (None, true);
        Some(priority)
    }

    /// The sound that was begun is over, or was cut off.
    pub fn ended(&mut self, now: Monotonic) {
        self.is_playing = false;
        self.free_at = now.plus(GAP);
    }

    /// When [`Annunciation::next_sound`] has something, unless anything else happens.
    pub fn due(&self) -> Option<Monotonic> {
        self.due_sound().map(|(_, due)| due)
    }

    /// What the bell shows.
    pub fn bell(&self) -> Bell {
        match self.most_urgent() {
            Some(priority) => Bell::Sounding(priority),
            None if self.waiting.is_empty() => Bell::Quiet,
            None => Bell::Silenced(self.waiting.len()),
        }
    }

    /// The most urgent of what is not silenced.
    fn most_urgent(&self) -> Option<Priority> {
        self.waiting.values().filter(|waiting| !waiting.is_silenced).map(|waiting| waiting.priority).min()
    }

    /// The next sound, and when it may begin.
    fn due_sound(&self) -> Option<(Priority, Monotonic)> {
        if self.is_playing {
            return None;
        }
        let Some(priority) = self.most_urgent() else { return self.greeting.map(|priority| (priority, self.free_at)) };
        let rhythm = match self.last {
            Some((last, began)) if priority >= last => began.plus(priority.sound_interval()),
            _ => Monotonic::default(),
        };
        let rest = self.rest.filter(|rest| priority >= rest.silenced).map_or(Monotonic::default(), |rest| rest.until);
        Some((priority, self.free_at.max(rhythm).max(rest)))
    }
}

#[cfg(test)]
mod tests;
