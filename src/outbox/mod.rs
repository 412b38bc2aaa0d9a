//! What the station tells others: values of chosen tags as messages, and, while a broker is away, what it missed.
//!
//! The values are those that history keeps. The newest of each tag goes, at most once in its time; what gave way to it is counted. While the
//! broker is away, what would have gone is stored in a file, and goes later, in order, marked as historical; it is taken out of the file
//! when the broker has confirmed it. So nothing that was stored is lost by `kill -9`, and with QoS 1 a message may come twice. Bare values
//! ([`crate::driver::mqtt::Format::Value`]) cannot say that they are old: of them only the newest goes when the broker is back.

mod forward;
mod payload;
mod store;
mod thread;

pub use store::OutboxError;
pub use thread::{Outbox, OutboxState, Post};

use crate::driver::mqtt::Tellings;

/// The file with what brokers missed.
pub const OUTBOX_FILE: &str = "outbox.sqlite";
