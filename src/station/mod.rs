//! Opens a station folder, wires its parts together, starts and stops them. Whoever acts on the station does it through its [`Handle`].

mod account;
mod annunciator;
pub mod backup;
mod captures;
mod certificates;
mod clock;
mod discovery;
mod handle;
mod handover;
mod held_rows;
mod links;
mod lock;
mod lone_ear;
mod outlets;
mod queries;
mod reload;
mod replay;
mod settings_difference;
mod sheets;
mod signals;
mod socket;
mod stamp;
mod start;
mod tools;
mod trends;
mod unit_scan;

pub use crate::config::table::{
    Dialect, Effect, ExportOptions, ImportOptions, ImportPlan, KeyChange, MetricDevice, MetricTagWish, TagChange,
    TagWish, TopicTagWish,
};
pub use crate::config::{Problem, Severity};
pub use account::account_name;
pub use annunciator::{AnnunciatorView, Attendance};
pub use captures::{CAPTURES, CaptureForm};
pub use clock::SystemClock;
pub use discovery::forget;
pub use handle::{Handle, Pending, Ticket};
pub use handover::{
    HandoverError, HandoverWish, HandoverWritten, PageSources, StandingAlarms, handover_page, write_handover,
};
pub use lock::{Held, StationLock};
pub use lone_ear::LoneEar;
pub use outlets::News;
pub use queries::QueryContext;
pub use reload::{ReloadError, ReloadPlan};
pub use replay::{History, ReplayError, Source};
pub use sheets::{Imported, Listed, SheetPlan};
pub use signals::on_stop_signal;
pub use socket::{SOCKET_FILE, ask, went_away};
pub use start::{StartError, Station};
pub use tools::{Asked, LoneWire};
pub use trends::TRENDS_FILE;
pub use unit_scan::{ScanNews, UnitScan, UnitScanWish};
