//! Alarms after ISA-18.2 and IEC 62682: conditions on values, a pure state machine per alarm, and what the operator sees of it.
//!
//! Three things are kept apart: the condition ([`ConditionState`], after its delays), the state in the process ([`ProcessState`]), and
//! how the alarm is set aside ([`Aside`]). [`State`] is what is shown of them. [`Alarm`] is the machine, with its table.

pub mod annunciation;
mod aside;
pub mod backtest;
mod condition;
mod definition;
mod event;
pub mod figures;
mod flood;
mod machine;
pub mod notification;
mod refusal;
mod state;
mod summary;
mod template;
mod transition;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

pub use aside::{Aside, OutOfService, Shelf, ShelvingLimits, Suppression, TimeLimit};
pub use condition::{Calm, Condition, Direction, Judgement, Look, Memory, Rate, Side, Verdict};
pub use definition::{AlarmDefinition, AlarmKey, Priority, Subject};
pub use event::{AlarmEvent, Change, Observation};
pub use flood::{FloodState, LiveFlood};
pub use machine::Alarm;
pub use refusal::Refused;
pub use state::{ConditionState, Occasion, OccurrenceId, ProcessState, State};
pub use summary::{AlarmView, Summary};
pub use template::{Piece, Presentation, Response, Template};
pub use transition::{DelayChange, DelayKept, Persisted, Transition};
