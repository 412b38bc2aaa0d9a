//! Alarms after ISA-18.2: conditions on values, a pure state machine per alarm, and what the operator sees of it.

pub mod backtest;
mod condition;
mod definition;
pub mod figures;
mod machine;
mod state;
mod summary;

pub use condition::{Condition, Verdict};
pub use definition::{AlarmDefinition, AlarmKey, Priority, Subject};
pub use machine::{Alarm, Observation, Persisted};
pub use state::{Acknowledged, OccurrenceId, State, Transition};
pub use summary::{AlarmView, Summary};
