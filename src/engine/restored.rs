//! What the records say about the last run.

use super::{OffScan, StoppedBridge};
use crate::alarm::{AlarmKey, Persisted};
use crate::audit::RequestId;
use crate::driver::Identity;
use crate::tag::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// What the records say about the last run.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The alarms that were not normal, with the value that raised them.
    pub alarms: Vec<(AlarmKey, Persisted, Option<Value>)>,
    /// The highest occurrence that was ever given out.
    pub last_occurrence: u64,
    /// The devices that were off scan, by name.
    pub off_scan: HashMap<Arc<str>, OffScan>,
    /// Who the devices were known to be, by name.
    pub identities: HashMap<Arc<str>, Identity>,
    /// The last totals of counters that roll over, by the name of the tag.
    pub totals: HashMap<Arc<str>, f64>,
    /// What people entered last, by the name of the tag.
    pub entered: HashMap<Arc<str>, Value>,
    /// The bridges that were stopped, by name.
    pub stopped_bridges: HashMap<Arc<str>, StoppedBridge>,
    /// The last requests that came over links, the oldest first: a broker may hand one on again after a start.
    pub taken: Vec<RequestId>,
}
