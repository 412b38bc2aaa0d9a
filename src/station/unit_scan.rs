//! Finding the units that answer on a wire of the station: one after the other, over the station's own connection, behind its commands
//! and polls. Nothing is written.

use super::{Asked, Handle};
use crate::driver::Identity;
use crate::driver::modbus::{Inquiry, Presence};
use crate::queue::{self, Sender, WhenFull};
use crate::tag::{ConnectionId, Generation};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;
use tokio::task::AbortHandle;

/// News that may wait for whoever looks; a whole scan is at most 256 units with their identities and an end.
const NEWS: usize = 600;
/// What a wire that is busy with polls may add to an answer.
const PATIENCE: Duration = Duration::from_secs(30);
const TOO_BUSY: &str =
    "the wire had no time for a question within 30 s; take devices off scan or poll less, and scan again";
const NO_WIRE: &str = "this connection has no wire that can be asked";

/// What is to be looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitScanWish {
    /// The wire.
    pub connection: ConnectionId,
    /// The units, in the order in which they are asked.
    pub units: Vec<u8>,
    /// How long one may take to answer, at most 5 s.
    pub limit: Duration,
    /// Whether those who answer are asked who they are (function 43/14).
    pub identify: bool,
}

/// What a scan finds out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScanNews {
    /// Nobody answers as this unit.
    Silent(u8),
    /// This unit answers.
    Present(u8),
    /// Who the unit is, or why it does not say so.
    Identity(u8, Result<Identity, String>),
    /// All units were asked.
    Finished,
    /// It could not go on, and why.
    BrokeOff(String),
}

/// A scan that is under way. Dropping it stops it: nothing that has not been sent goes out any more.
#[derive(Debug)]
pub struct UnitScan {
    news: Receiver<ScanNews>,
    task: AbortHandle,
}

impl UnitScan {
    /// What it found out since the last look.
    pub fn news(&mut self) -> Vec<ScanNews> {
        std::iter::from_fn(|| self.news.try_recv().ok()).collect()
    }
}

impl Drop for UnitScan {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Handle {
    /// Starts looking for units.
    pub fn find_units(&self, wish: UnitScanWish) -> Result<UnitScan, String> {
        let reloader = self.reloader.as_ref().ok_or_else(|| NO_WIRE.to_owned())?;
        let (sender, news) = queue::bounded("news of a unit scan", NEWS, WhenFull::Wait);
        let limit = wish.limit.min(super::tools::LONGEST_FIND);
        let (handle, generation) = (self.clone(), self.snapshot().generation);
        let scanner = Scanner { handle, generation, news: sender, wish: UnitScanWish { limit, ..wish } };
        let task = reloader.runtime().spawn(scanner.run()).abort_handle();
        Ok(UnitScan { news, task })
    }
}

struct Scanner {
    handle: Handle,
    generation: Generation,
    news: Sender<ScanNews>,
    wish: UnitScanWish,
}

impl Scanner {
    async fn run(self) {
        let end = match self.all().await {
            Ok(()) => ScanNews::Finished,
            Err(why) => ScanNews::BrokeOff(why),
        };
        self.tell(end).await;
    }

    async fn all(&self) -> Result<(), String> {
        let UnitScanWish { connection, ref units, limit, identify } = self.wish;
        for &unit in units {
            // Slots of another generation are other wires.
            if self.handle.snapshot().generation != self.generation {
                return Err("the station was reloaded; scan again".to_owned());
            }
            let asked = self.handle.inquire(connection, |reply| Inquiry::Probe(unit, limit, reply));
            match patiently(asked).await? {
                Presence::Silent => self.tell(ScanNews::Silent(unit)).await,
                Presence::NoWire(why) => return Err(format!("unit {unit} could not be asked: {why}")),
                Presence::Present => {
                    self.tell(ScanNews::Present(unit)).await;
                    if identify {
                        let asked = self.handle.inquire(connection, |reply| Inquiry::Identify(unit, reply));
                        let identity = patiently(asked).await?;
                        self.tell(ScanNews::Identity(unit, identity)).await;
                    }
                }
            }
        }
        Ok(())
    }

    /// When nobody looks any more, the task is about to be stopped.
    async fn tell(&self, news: ScanNews) {
        let _ = self.news.send(news).await;
        super::handle::wake(&self.handle.wakers);
    }
}

async fn patiently<T>(asked: Asked<T>) -> Result<T, String> {
    let answer = tokio::time::timeout(PATIENCE, asked.wait()).await.map_err(|_| TOO_BUSY.to_owned())?;
    answer.map_err(|why| why.to_string())
}
