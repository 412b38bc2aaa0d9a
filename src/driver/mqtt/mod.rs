//! MQTT 3.1.1 client. The client library stands behind this module alone; its session is thrown away on every error, so that nothing
//! that it queued can go out later.

mod binary;
mod deliver;
mod discovery;
mod document;
mod intake;
mod payload;
mod pointer;
mod points;
mod search;
mod settings;
mod source_time;
mod task;

pub use binary::{Binary, BinaryKind};
pub use discovery::{Discovery, Source, TAG};
pub use intake::topic_matches;
pub use payload::{Kind, PayloadError, Words, read_payload};
pub use pointer::{Pointer, PointerError};
pub use points::{Availability, Device, FRESH, Point, Publication, Search};
pub use search::TOPIC;
pub use settings::Settings;
pub use source_time::{SourceTime, TimeFormat};
pub(super) use task::run;
