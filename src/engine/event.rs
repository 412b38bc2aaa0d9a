//! Everything that can happen to the plant.

use super::{LinkState, Plan, ReplyId, Request};
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
    /// Where damaged records were put.
    pub records_set_aside: Option<Arc<str>>,
    /// Which files of history cannot be read and are left out.
    pub history_left_out: Option<LeftOut>,
    /// What history takes of the limit that the station file sets, in percent; none where it sets none, or while that is not known.
    pub history_percent: Option<u64>,
    /// Why somebody should look before the oldest samples go because of that limit; none where they need not.
    pub history_near_limit: Option<Arc<str>>,
    /// Days until the first of our certificates ends; none where there is none.
    pub certificate_days: Option<i64>,
    /// Hours since the last good backup; none where there was none yet.
    pub backup_age_hours: Option<u64>,
    /// Why the last backup failed; none where it did not.
    pub backup_failing: Option<Arc<str>>,
    /// How the connections over the network are, in the order of the station file.
    pub links: Arc<[LinkState]>,
    /// Why what was sent and received in a month cannot be kept over a restart; none where it can.
    pub traffic_failing: Option<Arc<str>>,
    /// Whether alarms can be heard, or why they cannot; none where nobody is to hear them, and before that was tried.
    pub sound: Option<Result<(), Arc<str>>>,
    /// How what is told to others goes; none where nothing is.
    pub outbox: Option<OutboxHealth>,
}

/// How what is told to others goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutboxHealth {
    /// Values that wait for a broker.
    pub waiting: u64,
    /// What they take of the room that they have, in percent.
    pub percent: u64,
    /// Values that were given up or refused, since the start.
    pub lost: u64,
    /// Why what brokers miss cannot be kept, or what else somebody should look at; none where all is well.
    pub failing: Option<Arc<str>>,
}

/// Files that are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// How many.
    pub count: u64,
    /// Which, and why.
    pub words: Arc<str>,
}

impl Health {
    /// What a person should hear besides whether samples and records are written; nothing where all is well.
    pub fn remarks(&self) -> Vec<String> {
        let near = self.history_near_limit.as_ref().map(ToString::to_string);
        let lines = [
            self.records_set_aside.as_ref().map(|name| format!("damaged records were set aside as {name}")),
            self.history_set_aside.as_ref().map(|name| format!("damaged history was set aside as {name}")),
            self.history_left_out.as_ref().map(|left_out| format!("history is left out: {}", left_out.words)),
            self.backup_failing.as_ref().map(|why| format!("NO BACKUP: {why}")),
            self.sound.as_ref().and_then(|heard| Some(format!("NO SOUND: {}", heard.as_ref().err()?))),
            self.outbox
                .as_ref()
                .and_then(|outbox| Some(format!("what is told to others: {}", outbox.failing.as_ref()?))),
            near,
            self.traffic_failing.as_ref().map(|why| format!("BYTES NOT KEPT: {why}")),
        ];
        lines.into_iter().flatten().chain(self.links.iter().filter_map(LinkState::remark)).collect()
    }
}
