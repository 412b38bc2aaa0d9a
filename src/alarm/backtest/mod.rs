//! What another setting of an alarm would have made of its tag's own history: samples are replayed through the real condition and the real
//! state machine, with the present settings and with others, and the activations are compared. Pure: samples and settings in, activations out.
//!
//! # What it cannot know
//! - History keeps what its policy keeps: a value that was left out within a deadband or an error bound is not replayed. Between two samples the
//!   last one holds, as everywhere.
//! - What held when the period began is taken from the last sample before it; an activation that began there is compared but not counted.
//! - Only an alarm that judges its own tag alone is replayed ([`can_be_replayed`]): of several tags it is not known what came together.
//! - Nothing is set aside in a replay, by the design of the plant neither: what was suppressed counts as well.
//! - Nobody acknowledges in a replay. Activations do not depend on it.

mod comparison;
mod proposal;
mod replay;

pub use comparison::Comparison;
pub use proposal::{Observed, Proposal, Setting};
pub use replay::{NotReplayed, Replay, Span, can_be_replayed};
