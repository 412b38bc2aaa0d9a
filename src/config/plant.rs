//! What compiling comes to.

use super::backup::BackupSettings;
use crate::driver::ConnectionSettings;
use crate::engine::Plan;
use crate::tag::TagId;
use std::collections::HashSet;

/// Everything that a station runs from.
#[derive(Clone, Debug)]
pub struct Plant {
    /// For the engine and the screens.
    pub plan: Plan,
    /// For the drivers.
    pub connections: Vec<ConnectionSettings>,
    /// Backups that the station makes by itself.
    pub backup: Option<BackupSettings>,
    /// The tags that were found rather than written in the station file.
    pub found: HashSet<TagId>,
}
