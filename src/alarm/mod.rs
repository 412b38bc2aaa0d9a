//! Alarms after ISA-18.2 and IEC 62682: conditions on values, a pure state machine per alarm, and what the operator sees of it.

pub mod annunciation;
mod aside;
pub mod backtest;
mod condition;
mod definition;
pub mod figures;
mod machine;
pub mod notification;
mod refusal;
mod state;
mod summary;
mod transition;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use aside::{Aside, OutOfService, Shelf, ShelvingLimits, Suppression, TimeLimit};
pub use condition::{Condition, Verdict};
pub use definition::{AlarmDefinition, AlarmKey, Priority, Subject};
pub use machine::{Alarm, AlarmEvent, Change, Observation};
pub use refusal::Refused;
pub use state::{ConditionState, Occasion, OccurrenceId, ProcessState, State};
pub use summary::{AlarmView, Summary};
pub use transition::{DelayChange, DelayKept, Persisted, Transition};
