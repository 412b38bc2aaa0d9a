//! What a host application is told.

use crate::driver::mqtt::sparkplug::topic::Source;
use std::sync::Arc;
use std::time::Duration;

/// A host application at one broker.
#[derive(Clone, Debug, PartialEq)]
pub struct HostSettings {
    /// Its name, unlike that of every other host application.
    pub host: Arc<str>,
    /// Whether it publishes that it is there. The specification wants that of every host application; without it this is a mere onlooker,
    /// and no edge node waits for it.
    pub is_announced: bool,
    /// The groups that are listened to; "+" stands for all of them.
    pub groups: Vec<Arc<str>>,
    /// How long a message may be missing before the edge node is asked to announce itself anew.
    pub reordering_timeout: Duration,
    /// Whom the station file names.
    pub wanted: Vec<Source>,
}
