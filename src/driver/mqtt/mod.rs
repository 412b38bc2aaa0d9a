//! MQTT 3.1.1 client. The client library stands behind this module alone; its session is thrown away on every error, so that nothing
//! that it queued can go out later.

mod ear;
mod intake;
pub mod look;
mod payload;
mod settings;
mod task;
pub mod topics;

pub use ear::{EVERY_TOPIC, Ear, EarState, Hearing, Listening, is_filter};
pub use payload::{Kind, read_payload, write_payload};
pub use settings::{Device, Point, Publication, Settings};
pub(super) use task::run;
