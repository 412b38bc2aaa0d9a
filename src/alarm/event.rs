//! What happens to an alarm, and what it makes of that.

use super::{Occasion, OccurrenceId, OutOfService, Shelf, State, Suppression, Verdict};
use crate::tag::Monotonic;

/// Something that happens to an alarm.
#[derive(Clone, Debug, PartialEq)]
pub enum AlarmEvent {
    /// A sample says this about the condition.
    Observed(Verdict),
    /// Time passes.
    TimePasses,
    /// A person acknowledges this activation.
    Acknowledge(OccurrenceId),
    /// A person resets what is latched.
    Reset,
    /// A person sets it aside for a while.
    Shelve(Shelf),
    /// A person ends that.
    Unshelve,
    /// The design of the plant sets it aside.
    BeginSuppression(Suppression),
    /// It does so no more.
    EndSuppression,
    /// A person takes it out of service.
    TakeOutOfService(OutOfService),
    /// A person puts it back.
    ReturnToService,
}

/// One change of an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was shown before.
    pub from: State,
    /// What is shown after; the same where only something below changed.
    pub to: State,
    /// What made it change.
    pub occasion: Occasion,
    /// Whether the number of a new activation was used.
    pub is_new_occurrence: bool,
}

/// What an alarm made of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observation {
    /// What changed.
    pub change: Option<Change>,
    /// When it wants to be told the time.
    pub wake: Option<Monotonic>,
    /// Whether a delay began or ended.
    pub delay_changed: bool,
}
