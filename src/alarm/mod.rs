//! Alarms after ISA-18.2: conditions on values, a pure state machine per alarm, and what the operator sees of it.

mod condition;
mod definition;
mod machine;
mod state;
mod summary;
mod template;

pub use condition::{Condition, Direction, Judgement, Look, Memory, Rate, Side, Verdict};
pub use definition::{AlarmDefinition, AlarmKey, Priority, Subject};
pub use machine::{Alarm, Observation, Persisted};
pub use state::{Acknowledged, OccurrenceId, State, Transition};
pub use summary::{AlarmView, Summary};
pub use template::{Piece, Presentation, Response, Template};
