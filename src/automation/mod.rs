//! Machines that act on machines: what the engineer wrote down beforehand, and what it does by itself. Pure logic: values and time in,
//! wishes for commands out. A wish goes the whole command path, as that of a person does.

mod bridge;
mod circle;

pub use bridge::{BACK_AND_FORTH, Bridge, BridgeDefinition, BridgeState, Next, OnBad};
pub use circle::circle;
