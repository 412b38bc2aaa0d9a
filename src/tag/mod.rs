//! What a measured value is: its name, its number or text, how far it can be trusted, and when it was true.
//!
//! Everything else in Polder is built on these types; this module knows nothing of wires, files or screens.

mod directory;
mod key;
mod mark;
mod quality;
mod sample;
mod scaling;
mod states;
mod time;
mod value;

pub use directory::{
    ConnectionDefinition, ConnectionId, DeviceDefinition, DeviceId, Directory, HistoryPolicy, Retention, TagDefinition,
    WireKind,
};
pub use key::{Generation, TagId, TagKey};
pub use mark::{Identifiers, Kept, KnownMessage, Mark, WhenKept};
pub use quality::{Quality, Reason, Status};
pub use sample::{HistoryRow, Live, Origin, Sample};
pub use scaling::{Scaling, Span};
pub use states::States;
pub use time::{Clock, Monotonic, Now, Timestamp};
pub use value::{Scalar, Value, ValueError};
