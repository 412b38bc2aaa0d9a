//! What is known of one edge node or device.

use super::SourceId;
use super::asking::Asking;
use super::order::Order;
use super::table::Table;
use crate::driver::mqtt::sparkplug::namespace::{Presence, Standing};
use crate::driver::mqtt::sparkplug::topic::Source;
use crate::tag::{Monotonic, Timestamp};

/// Whether it is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// No birth was seen in this session with the broker.
    Unknown,
    /// It is there.
    Alive,
    /// Its node announced itself anew within the same session; its own birth has to come next.
    Unconfirmed,
    /// It is gone.
    Dead,
}

/// An edge node or a device.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) source: Source,
    /// The node that it is or stands behind.
    pub(super) node: SourceId,
    pub(super) life: Life,
    /// Whether the station file names it, or something behind it.
    pub(super) is_wanted: bool,
    pub(super) table: Table,
    /// Since when its life is what it is; none where nothing was seen of it in this session with the broker.
    since: Option<Timestamp>,
    births: u32,
    rebirths: u32,
    state: Box<NodeState>,
}

/// What is known of a node beyond what is known of devices as well.
#[derive(Debug, Default)]
pub(super) struct NodeState {
    pub(super) session: Option<EdgeSession>,
    pub(super) asking: Asking,
    pub(super) devices: Vec<SourceId>,
    /// By when the births of its unconfirmed devices have to come.
    pub(super) devices_until: Option<Monotonic>,
    /// When time has to be passed for it.
    pub(super) due: Option<Monotonic>,
}

/// The session of an edge node with the broker.
#[derive(Debug)]
pub(super) struct EdgeSession {
    /// What its death will carry; none where its birth said nothing.
    pub(super) birth_death: Option<u64>,
    pub(super) order: Order,
    /// A death came that does not belong to it: by then it has to show that it lives.
    pub(super) doubted_until: Option<Monotonic>,
}

impl Entry {
    pub(super) fn new(source: Source, node: SourceId) -> Self {
        Self {
            source,
            node,
            life: Life::Unknown,
            is_wanted: false,
            table: Table::default(),
            since: None,
            births: 0,
            rebirths: 0,
            state: Box::default(),
        }
    }

    /// It announced itself.
    pub(super) fn is_born(&mut self, table: Table, now: Timestamp) {
        self.births = self.births.saturating_add(1);
        if matches!(self.life, Life::Alive | Life::Unconfirmed) {
            self.rebirths = self.rebirths.saturating_add(1);
        } else {
            self.since = Some(now);
        }
        (self.table, self.life) = (table, Life::Alive);
    }

    /// It is gone; whether that is news.
    pub(super) fn dies(&mut self, time: Timestamp) -> bool {
        let is_news = std::mem::replace(&mut self.life, Life::Dead) != Life::Dead;
        if is_news {
            self.since = Some(time);
        }
        is_news
    }

    /// Nothing is known of it any more.
    pub(super) fn forget(&mut self) {
        (self.life, self.since) = (Life::Unknown, None);
    }

    /// How it stands.
    pub(super) fn standing(&self) -> Standing {
        let presence = match self.life {
            Life::Unknown => Presence::Unheard,
            Life::Alive => Presence::Online,
            Life::Unconfirmed => Presence::Unconfirmed,
            Life::Dead => Presence::Offline,
        };
        Standing { presence, since: self.since, births: self.births, rebirths: self.rebirths }
    }

    pub(super) fn node_state(&mut self) -> &mut NodeState {
        &mut self.state
    }

    pub(super) fn as_node(&self) -> &NodeState {
        &self.state
    }
}
