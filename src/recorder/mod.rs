//! The thread that owns `records.sqlite`: alarm states, the alarm journal and the audit record. Every commit is synchronous (FULL) and
//! is answered; what was answered survives a power cut.
//!
//! A damaged file keeps nothing from running: it is set aside, and a new one says in its first entry what came before it.

mod changes;
mod former;
mod gap;
mod journal;
mod journal_rows;
mod journal_search;
mod late;
mod past;
mod remembered;
mod salvage;
mod store;
mod thread;

pub use changes::{read_record, read_standing};
pub use former::{Former, FormerState, Verified, verify_folder};
pub use gap::Gap;
pub use journal::{
    AuditLine, JournalLine, read_actions, read_actions_after, read_audit, read_audit_between, read_journal,
    read_journal_between, read_journal_of, verify_file,
};
pub use journal_rows::{JOURNAL_HEAD, JournalRow, visit_journal};
pub use journal_search::{
    JournalEnds, JournalSearch, SearchWord, journal_ends, read_journal_lines, search_journal, visit_journal_found,
};
pub use late::Late;
pub use past::{AlarmThen, alarms_at, read_alarms_at};
pub use remembered::read_remembered;
pub use salvage::OpenedRecords;
pub use store::{OpenError, RecordStore, Restored};
pub use thread::{Answer, Order, Recorder};

/// The name of the file in a station folder.
pub const RECORDS_FILE: &str = "records.sqlite";
