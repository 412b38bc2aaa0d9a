//! Tags as a sheet: what a spreadsheet holds goes out of the station file and comes back into it.
//!
//! An export has a line for each tag and only the columns that some tag uses ([`export`]). An import is planned first ([`plan_import`]):
//! rows find their tags by name, a row changes only what its columns say, and the station as it would be passes the ordinary check, whose
//! problems are told by line and column of the sheet. What is written ([`apply`]) differs from the old file only in the values that
//! changed: comments, order and layout stay, because engineers keep the file in git.
//!
//! # Where this differs from what one might expect
//! - A cell that says what an export would write changes nothing, whatever stands in the file: an untouched sheet is never a change.
//! - Whether a tag can be set has a column of its own, `command`: emptied limits leave a command without limits, and never take it away.
//! - A row that is shorter than the first line is wrong, although CSV allows it: its missing cells would remove what they do not reach.
//! - Text that a spreadsheet would take for a formula goes out behind an apostrophe, which is taken off at import; numbers stay numbers.
//! - The last line of a sheet is one of ours while it is read: a quote that is never closed would swallow rows without a word.

mod apply;
mod cell;
mod check;
mod columns;
mod drafts;
mod edit;
mod export;
mod findings;
mod home;
mod lists;
mod merge;
mod metric_wish;
mod outline;
mod plan;
mod setting;
mod sheet;
mod topic_wish;
mod wish;

pub use apply::{ApplyError, apply};
pub use cell::Dialect;
pub(super) use edit::edited;
pub use export::{Export, ExportOptions, export};
pub use merge::KeyChange;
pub use metric_wish::{MetricDevice, MetricTagWish, plan_metric_tag};
pub use plan::{Effect, ImportOptions, ImportPlan, TagChange, plan_import};
pub use setting::plan_setting;
pub use topic_wish::{TopicTagWish, plan_topic_tag};
pub use wish::{TagWish, add_tag};

#[cfg(test)]
mod tests;
