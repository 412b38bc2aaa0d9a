//! Marks between samples: who handed samples on learns that they are durable.

use std::fmt;
use std::sync::Arc;

/// What becomes durable together with the samples before a mark: which messages of a session were taken in, so that none is taken in twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identifiers {
    /// Name of the session; identifiers of others are not touched.
    pub session: Arc<str>,
    /// Whether all that are kept are forgotten first: the session that they belong to is over.
    pub forgets: bool,
    /// The messages that the samples before the mark are of.
    pub taken_in: Vec<KnownMessage>,
    /// Those that are free again.
    pub released: Vec<u16>,
    /// Whether those that are kept are to be told.
    pub recalls: bool,
}

impl Identifiers {
    /// Whether there is anything to write.
    pub const fn is_change(&self) -> bool {
        self.forgets || !self.taken_in.is_empty() || !self.released.is_empty()
    }
}

/// A message that must not be taken in again while its identifier is in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownMessage {
    /// Its identifier in its session.
    pub id: u16,
    /// Of what is in it, so that another message under the same identifier is not taken for it.
    pub checksum: u32,
}

/// Says that everything up to a mark is durable.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kept {
    /// The number of the mark.
    pub number: u64,
    /// The messages that are known, where the mark asked for them.
    pub known: Option<Arc<[KnownMessage]>>,
    /// Whether samples before it had to be dropped, so that they never will be durable; what they are of was not kept as taken in.
    pub is_lost: bool,
}

/// Who is told.
pub type WhenKept = Arc<dyn Fn(Kept) + Send + Sync>;

/// Rides behind samples to the store. What it holds is written in the commit of these samples, and its sender is told afterwards. Samples
/// that a policy does not keep do not hold it up. Where samples right before it had to be dropped and are counted as lost, it is answered as
/// lost: a mark is always answered as soon as the store can write. The marks of one sender are answered in their order.
#[derive(Clone)]
pub struct Mark {
    /// Its number; each sender counts its own.
    pub number: u64,
    /// What is written along with the samples.
    pub identifiers: Identifiers,
    is_lost: bool,
    when_kept: WhenKept,
}

impl Mark {
    /// A mark whose sender is told by `when_kept`, which must not wait.
    pub const fn new(number: u64, identifiers: Identifiers, when_kept: WhenKept) -> Self {
        Self { number, identifiers, is_lost: false, when_kept }
    }

    /// Samples right before it were dropped: the messages that they are of count as not taken in.
    pub fn lose(&mut self) {
        self.is_lost = true;
        self.identifiers.taken_in.clear();
        self.identifiers.released.clear();
    }

    /// Whether samples right before it were dropped.
    pub const fn is_lost(&self) -> bool {
        self.is_lost
    }

    /// Tells its sender that everything up to it is durable.
    pub fn answer(&self, known: Option<Arc<[KnownMessage]>>) {
        (self.when_kept)(Kept { number: self.number, known, is_lost: self.is_lost });
    }
}

impl PartialEq for Mark {
    fn eq(&self, other: &Self) -> bool {
        (self.number, &self.identifiers) == (other.number, &other.identifiers)
    }
}

impl fmt::Debug for Mark {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Mark").field("number", &self.number).field("identifiers", &self.identifiers).finish()
    }
}
