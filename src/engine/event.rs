//! Everything that can happen to the plant.

use super::{Plan, ReplyId, Request};
use crate::access::Principal;
use crate::audit::{Receipt, RequestId};
use crate::driver::DriverEvent;
use std::sync::Arc;

/// One thing that happened.
#[derive(Debug)]
pub enum Event {
    /// A driver spoke.
    Driver(DriverEvent),
    /// Somebody asks for something; the reply goes to the one who holds the id.
    Request(Request, ReplyId),
    /// Audit entries are durable.
    Committed(Vec<Receipt>),
    /// Audit entries could not be written.
    NotCommitted {
        /// The requests that they belong to.
        requests: Vec<RequestId>,
        /// Why.
        why: String,
    },
    /// How the stores are.
    Health(Health),
    /// Time passed.
    Tick,
    /// The station goes on with another file.
    Reload {
        /// The plant from now on.
        plan: Arc<Plan>,
        /// Who wants it.
        who: Principal,
        /// What is another in the settings of the drivers, for the record; see [`super::Difference::add_changes`].
        settings: Vec<String>,
    },
    /// The station stops; the loop ends.
    Stop,
}

/// How the stores are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Why records cannot be written; none where they can.
    pub records_failing: Option<Arc<str>>,
    /// Why samples cannot be written; none where they can.
    pub history_failing: Option<Arc<str>>,
    /// Samples dropped since the start.
    pub samples_lost: u64,
    /// Days until the disk is full, 3650 when that is not in sight; none while it is not known.
    pub history_days: Option<u64>,
    /// Where a damaged file of samples was put.
    pub history_set_aside: Option<Arc<str>>,
    /// Days until the first of our certificates ends; none where there is none.
    pub certificate_days: Option<i64>,
}
