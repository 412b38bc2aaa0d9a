//! Samples, kept: everything that a tag said, in the order of time, for as long as the policy says.
//!
//! # The files
//! - `history/samples.sqlite`: the catalogue of tags, the open head (one row a flush, durable within 250 ms), the rollups of hours.
//! - `history/raw-YYYY-MM.sqlite`: the samples of a month (UTC), compressed, a chunk for each tag and hour; slow tags for up to a day. Tags
//!   of one answer share their times. It knows its tags by name, so that it can be read without the others.
//! - `history/minutes-YYYY.sqlite`: the rollups of minutes of a year.
//!
//! Samples go to the head first. After each hour they are sealed, a few tags at a time: into a chunk, then into rollups, then out of the
//! head ([`seal`] tells why a crash anywhere does no harm). Readers have connections of their own and share only the unsealed part, so
//! that no query ever delays a flush.
//!
//! # What happens to odd samples
//! - Out of order and late: kept; reading is in order of time. What is late for a chunk is merged into it within seconds, and the rollups of
//!   the touched hours, and of the hour of the next sample, are made again. What is older than all that is kept is dropped and counted.
//! - Of the same time: all are kept, in the order in which they came; the last one goes on.
//! - A clock that jumps: samples lie where their time says. Samples of the future wait in the head until their hour is over or there is too
//!   much in memory.
//! - Without value, with any quality: kept. A bad one is a gap in numbers.
//! - Retyped tags: a chunk may hold all kinds. Renamed ones keep their number, and so their samples.
//! - Station off: the first sample of a run is preceded by one that says so, at the moment when the last run was last known to live.
//!
//! # Where this differs from what one might expect
//! - A chunk tells the value with which it closes, not the one with which it opens: then a late sample changes one row. A month tells what it
//!   opens with.
//! - Slow tags wait in the head until 64 samples or a day have come together, and their chunk grows over the day.
//! - Rollups are not fed sample by sample but made from whole hours when these are sealed: late samples, restarts and crashes then need
//!   nothing of their own. Until then, columns come out of the samples in memory.

mod aggregate;
mod backup;
mod bands;
mod calendar;
mod codec;
mod columns;
mod database;
mod export;
mod flush;
mod head;
mod identifiers;
mod left_out;
mod migrate;
mod month;
mod naming;
mod opening;
mod plan;
mod policy;
pub mod proof;
mod prune;
mod query;
mod repair;
mod retention;
mod rollup;
mod rollups;
mod seal;
mod series;
mod store;
mod tail;
#[cfg(test)]
mod tests;
mod thread;
mod timelines;

pub use aggregate::{Aggregate, Interval};
pub use backup::{BackupError, Copied, back_up_history, copy_database};
pub use bands::Band;
pub use columns::Column;
pub use database::StoreError;
pub use export::{
    Dialect, ExportError, ExportOptions, Moments, Progress, Setting, Shape, Table, export_parquet, export_table,
    matches_pattern, write_whole,
};
pub use opening::OpenedHistory;
pub use query::{Loss, QueryError, Reader};
pub use repair::{Repaired, check_history, repair_history};
pub use retention::Forecast;
pub use store::SampleStore;
pub use tail::{Tail, Unsealed};
pub use thread::{Historian, HistoryState};

/// The folder of the samples in a station folder.
pub const HISTORY_FOLDER: &str = "history";
/// The name of the main file in it.
pub const SAMPLES_FILE: &str = "samples.sqlite";
