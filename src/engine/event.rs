//! Everything that can happen to the plant.

use super::{Health, Plan, ReplyId, Request};
use crate::access::Principal;
use crate::audit::{Receipt, RequestId};
use crate::driver::DriverEvent;
use std::sync::Arc;
use std::time::Duration;

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
    /// The station goes on with another file by itself. Where something is under way that a reload would end, and that is worth to be waited
    /// for, it does not, and the reply says so.
    ReloadByItself {
        /// The plant from now on.
        plan: Arc<Plan>,
        /// What is another in the settings of the drivers, for the record.
        settings: Vec<String>,
        /// For how long it has waited already.
        waited: Duration,
        /// Who holds this id is told whether it was done.
        reply: ReplyId,
    },
    /// The station stops; the loop ends.
    Stop,
}
