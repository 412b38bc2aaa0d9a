//! The thread that owns the samples: an open head that is durable after every flush, sealed into one chunk per tag every few minutes.
//!
//! Readers have connections of their own and share only the small unsealed part, so that no query ever delays a flush.

mod chunk;
mod export;
mod query;
mod store;
mod thread;

pub use chunk::{decode_chunk, encode_chunk};
pub use export::{
    Dialect, ExportError, ExportOptions, Moments, Progress, Setting, Shape, Table, export_csv, export_table,
    matches_pattern, write_whole,
};
pub use query::{Column, QueryError, Reader};
pub use store::{OpenedHistory, Unsealed};
pub use thread::{Historian, HistoryState};

/// The folder of the samples in a station folder.
pub const HISTORY_FOLDER: &str = "history";
/// The name of the file in it.
pub const SAMPLES_FILE: &str = "samples.sqlite";
