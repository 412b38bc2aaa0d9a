//! Looks at the connections over the network, once a second and away from their drivers: whether the interfaces are up that they are bound
//! to, and what went over them.

mod account;
mod book;

use super::outlets::HealthBoard;
use crate::driver::modbus::Transport;
use crate::driver::socket::{Counted, look_at_interface};
use crate::driver::{ConnectionSettings, Drivers, LinkSettings, Protocol};
use crate::engine::{Event, LinkState};
use crate::queue::Sender;
use crate::tag::{Clock, Monotonic, Now};
use account::{Account, Month};
use book::{Accounts, BookError};
use chrono::{DateTime, Local};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often the connections are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How often bytes are told; tunnels are at once.
const TELL: Duration = Duration::from_secs(10);
/// How often what is known of months is written.
const KEEP: Duration = Duration::from_secs(60);

/// Where the connections of a station are looked at.
pub(super) struct LinkDesk {
    books: Mutex<Books>,
    drivers: Arc<Mutex<Drivers>>,
    board: Arc<HealthBoard>,
    urgent: Sender<Event>,
    clock: Arc<dyn Clock>,
}

impl LinkDesk {
    pub(super) fn new(
        folder: &Path,
        connections: &[ConnectionSettings],
        drivers: Arc<Mutex<Drivers>>,
        (board, urgent): (Arc<HealthBoard>, Sender<Event>),
        clock: Arc<dyn Clock>,
    ) -> Self {
        let books = Mutex::new(Books::open(folder, network(connections), clock.now().monotonic));
        Self { books, drivers, board, urgent, clock }
    }

    /// The station goes on with other connections; what is known of their tunnels is told at once.
    pub(super) fn go_on_with(&self, connections: &[ConnectionSettings]) {
        if let Ok(mut books) = self.books.lock() {
            books.adopt(network(connections));
        }
        self.look();
    }

    /// Looks once, and tells the engine what is another than before.
    pub(super) fn look(&self) {
        let counted = self.drivers.lock().map(|drivers| drivers.counted()).unwrap_or_default();
        let Ok(mut books) = self.books.lock() else { return };
        let now = self.clock.now();
        books.count(&counted, now);
        if now.monotonic.since(books.kept) >= KEEP {
            books.keep(now.monotonic);
        }
        let (links, failing) = (books.states(now), books.failing.clone());
        if !books.is_news(&links, now.monotonic) {
            return;
        }
        self.board.update_changed(&self.urgent, |stores| {
            let is_news = stores.links != links || stores.traffic_failing != failing;
            (stores.links, stores.traffic_failing) = (links, failing);
            is_news
        });
    }

    /// The station stops: what was counted until now is written.
    pub(super) fn close(&self) {
        self.look();
        if let Ok(mut books) = self.books.lock() {
            let now = self.clock.now().monotonic;
            books.keep(now);
        }
    }
}

/// Looks at the connections until the runtime stops.
pub(super) async fn watch(desk: Arc<LinkDesk>) {
    loop {
        let here = Arc::clone(&desk);
        // It ends otherwise only where the runtime does.
        if tokio::task::spawn_blocking(move || here.look()).await.is_err() {
            return;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// The connections that go over the network.
fn network(connections: &[ConnectionSettings]) -> Vec<(Arc<str>, LinkSettings)> {
    let is_serial = |protocol: &Protocol| matches!(protocol, Protocol::Modbus(wire) if matches!(wire.transport, Transport::Serial(_)));
    let network = connections.iter().filter(|connection| !is_serial(&connection.protocol));
    network.map(|connection| (Arc::clone(&connection.name), connection.link.clone())).collect()
}

/// What is known of the connections.
struct Books {
    folder: PathBuf,
    links: Vec<(Arc<str>, LinkSettings)>,
    accounts: HashMap<Arc<str>, Account>,
    /// What the file has of connections, those that the station file does not have now included.
    known: Accounts,
    /// Whether something was counted that is not written yet.
    is_unwritten: bool,
    is_writable: bool,
    failing: Option<Arc<str>>,
    told: Arc<[LinkState]>,
    told_at: Option<Monotonic>,
    kept: Monotonic,
}

impl Books {
    fn open(folder: &Path, links: Vec<(Arc<str>, LinkSettings)>, now: Monotonic) -> Self {
        let (known, error) = match book::read(folder) {
            Ok(known) => (known, None),
            Err(error) => (Accounts::new(), Some(error)),
        };
        let mut books = Self {
            folder: folder.to_owned(),
            links: Vec::new(),
            accounts: HashMap::new(),
            known,
            is_unwritten: false,
            is_writable: !matches!(error, Some(BookError::Unreadable(..))),
            failing: error.map(|error| error.to_string().into()),
            told: Arc::default(),
            told_at: None,
            kept: now,
        };
        books.adopt(links);
        books
    }

    /// These are the connections from now on. What is known of them is known before anything is counted: nobody is told of an empty month.
    fn adopt(&mut self, links: Vec<(Arc<str>, LinkSettings)>) {
        self.links = links;
        for (name, _) in &self.links {
            let known = || Account::new(self.known.get(&**name).cloned().unwrap_or_default());
            self.accounts.entry(Arc::clone(name)).or_insert_with(known);
        }
    }

    fn count(&mut self, counted: &HashMap<Arc<str>, Counted>, now: Now) {
        let month = month(now);
        for (name, _) in &self.links {
            if let (Some(counted), Some(account)) = (counted.get(name), self.accounts.get_mut(name)) {
                self.is_unwritten |= account.take(*counted, &month, now.monotonic);
            }
        }
    }

    /// How the connections are now.
    fn states(&self, now: Now) -> Arc<[LinkState]> {
        let month = month(now);
        let state = |(name, link): &(Arc<str>, LinkSettings)| {
            let account = self.accounts.get(name);
            let down = link.only_via.as_ref().and_then(|interface| look_at_interface(interface).err());
            LinkState {
                connection: Arc::clone(name),
                interface: link.only_via.clone(),
                tunnel_down: down.map(|down| down.to_string().into()),
                hour: account.map(Account::hour).unwrap_or_default(),
                month: account.map(|account| account.month(&month)).unwrap_or_default(),
                budget: link.budget,
            }
        };
        self.links.iter().map(state).collect()
    }

    /// Whether this has to be told now: bytes that change all the time can wait, tunnels and budgets cannot.
    fn is_news(&mut self, links: &Arc<[LinkState]>, now: Monotonic) -> bool {
        let gist = |links: &[LinkState]| -> Vec<_> {
            let gist = |link: &LinkState| (link.connection.clone(), link.tunnel_down.clone(), link.percent());
            links.iter().map(gist).collect()
        };
        let is_due = self.told_at.is_none_or(|told| now.since(told) >= TELL);
        if !is_due && gist(links) == gist(&self.told) {
            return false;
        }
        (self.told, self.told_at) = (Arc::clone(links), Some(now));
        true
    }

    /// Writes what is known of months, where that is another than before.
    fn keep(&mut self, now: Monotonic) {
        self.kept = now;
        if !self.is_unwritten || !self.is_writable {
            return;
        }
        let accounts = self.accounts.iter().map(|(name, account)| (name.to_string(), account.months.clone()));
        self.known.extend(accounts);
        match book::write(&self.folder, &self.known) {
            Ok(()) => (self.is_unwritten, self.failing) = (false, None),
            Err(error) => self.failing = Some(error.to_string().into()),
        }
    }
}

/// The calendar month by the clock of this computer.
fn month(now: Now) -> Month {
    let date = DateTime::from_timestamp_micros(now.utc.as_micros()).unwrap_or_default();
    Month::of(&date.with_timezone(&Local))
}

#[cfg(test)]
mod tests;
