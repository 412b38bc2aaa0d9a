//! Going on with another station file: what is equal in it misses nothing. What is gone on with is what was shown, to the last byte.

use super::certificates::{self, Files};
use super::links::LinkDesk;
use super::outlets::{HealthBoard, send_surely};
use super::settings_difference::{Wires, changes};
use super::stamp::Stamp;
use super::{Handle, Ticket, backup};
use crate::access::{Principal, Role, permit};
use crate::config::{self, BackupSettings, Loaded, Plant, Problem};
use crate::driver::{ConnectionSettings, Port};
use crate::engine::{Difference, Event, Plan, Reply, Tally};
use crate::tag::Generation;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What it takes to let the station go on with another file.
const NEEDED: Role = Role::Operator;

/// The plant that runs, as far as a reload has to know it. The picture of the engine may be a moment behind.
pub(super) struct Running {
    pub(super) plan: Arc<Plan>,
    pub(super) connections: Arc<Vec<ConnectionSettings>>,
    pub(super) files: Stamp,
}

/// What a reload needs of a running station.
pub(super) struct Reloader {
    port: Port,
    runtime: tokio::runtime::Handle,
    /// Held during a reload, so that two never mix.
    running: Mutex<Running>,
    certificates: Files,
    backups: backup::Shared,
    board: Arc<HealthBoard>,
    links: Arc<LinkDesk>,
}

impl Reloader {
    pub(super) fn new(
        port: Port,
        runtime: tokio::runtime::Handle,
        running: Running,
        (certificates, backups): (Files, backup::Shared),
        (board, links): (Arc<HealthBoard>, Arc<LinkDesk>),
    ) -> Self {
        Self { port, runtime, running: Mutex::new(running), certificates, backups, board, links }
    }

    /// What is another about backups.
    fn backup_words(&self, next: Option<&BackupSettings>) -> Option<String> {
        let words = |settings: Option<&BackupSettings>| settings.map_or_else(|| "none".to_owned(), ToString::to_string);
        let before = self.backups.lock().ok()?.0.clone();
        (before.as_ref() != next).then(|| format!("backup: {} -> {}", words(before.as_ref()), words(next)))
    }

    /// Where tasks of the station run.
    pub(super) const fn runtime(&self) -> &tokio::runtime::Handle {
        &self.runtime
    }
}

/// A station file that the station could go on with.
pub struct ReloadPlan {
    /// What is another in it than in the plant that runs.
    pub difference: Difference,
    /// The same in numbers.
    pub tally: [Tally; 5],
    /// What is probably not meant; the station runs with it.
    pub warnings: Vec<Problem>,
    base: Generation,
    /// What is another in the settings of the drivers.
    settings: Vec<String>,
    plant: Plant,
    files: Stamp,
}

/// Why there is nothing to go on with.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReloadError {
    /// The files have problems; the running plant stays as it is.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Problems(Vec<Problem>),
    /// It cannot be done now, or not by this person.
    #[error("{0}")]
    Refused(String),
}

impl From<ReloadError> for String {
    fn from(error: ReloadError) -> Self {
        error.to_string()
    }
}

fn refused(why: &str) -> ReloadError {
    ReloadError::Refused(why.to_owned())
}

const BROKEN: &str = "a reload before this one failed; restart the station";

impl Handle {
    /// Reads the station file and says what is another in it than in the plant that runs; goes on with it where `apply` is set. On
    /// problems, a line each, the running plant stays as it is. This reads files: never call it on a thread that paints.
    pub fn reload(&self, apply: bool) -> Result<Difference, String> {
        self.reload_for(&self.person, apply)
    }

    /// The same, for this principal.
    pub(super) fn reload_for(&self, who: &Principal, apply: bool) -> Result<Difference, String> {
        let plan = self.plan_reload()?;
        let difference = plan.difference.clone();
        if apply {
            self.go_on_with(who, plan)?;
        }
        Ok(difference)
    }

    /// Reads the station file, off this thread, and says what the station would go on with.
    pub fn prepare_reload(&self) -> Ticket<Result<ReloadPlan, ReloadError>> {
        let handle = self.clone();
        self.ask(move |_, _| handle.plan_reload())
    }

    /// Goes on with what was prepared, off this thread, for the person at this computer.
    pub fn apply_reload(&self, plan: ReloadPlan) -> Ticket<Result<(), ReloadError>> {
        let handle = self.clone();
        self.ask(move |_, _| handle.go_on_with(&handle.person, plan))
    }

    /// Whether the files on the disk are others than those that the station runs from; looked up off this thread.
    pub fn look_at_files(&self) -> Ticket<bool> {
        let handle = self.clone();
        self.ask(move |_, _| {
            let running = handle.reloader.as_ref().and_then(|reloader| reloader.running.lock().ok());
            running.is_some_and(|running| running.files.is_outdated(handle.folder()))
        })
    }

    pub(super) fn plan_reload(&self) -> Result<ReloadPlan, ReloadError> {
        let reloader = self.reloader.as_ref().ok_or_else(|| refused("this station cannot be reloaded"))?;
        let (old, connections) = {
            let running = reloader.running.lock().map_err(|_| refused(BROKEN))?;
            (Arc::clone(&running.plan), Arc::clone(&running.connections))
        };
        let base = old.generation;
        let Loaded { plant, problems, files } = config::load(self.folder(), Generation(base.0 + 1));
        let files = Stamp::of(self.folder(), files);
        let plant = plant.ok_or_else(|| ReloadError::Problems(problems.clone()))?;
        let mut difference = Difference::between(&old, &plant.plan);
        let (before, after) = (Wires { connections: &connections, plan: &old }, Wires::of(&plant));
        let mut settings = changes(before, after);
        settings.extend(reloader.backup_words(plant.backup.as_ref()));
        difference.add_changes(settings.clone());
        Ok(ReloadPlan { tally: difference.tally(&old), difference, warnings: problems, base, settings, plant, files })
    }

    /// Whether the files on the disk are those that the station runs from.
    pub(super) fn runs_from(&self, plan: &ReloadPlan) -> bool {
        let running = self.reloader.as_ref().and_then(|reloader| reloader.running.lock().ok());
        running.is_some_and(|running| running.files == plan.files)
    }

    /// Goes on with a plan, unless the station went on with another one since it was made.
    pub(super) fn go_on_with(&self, who: &Principal, plan: ReloadPlan) -> Result<(), ReloadError> {
        permit(who, NEEDED).map_err(|denied| ReloadError::Refused(denied.to_string()))?;
        let who = who.clone();
        self.take_up(plan, |plan, settings| {
            send_surely(&self.urgent, Event::Reload { plan, who, settings });
            Ok(())
        })
    }

    /// Goes on with a plan that nobody asked for, unless that would end something that is worth to be waited for.
    pub(super) fn go_on_by_itself(&self, plan: ReloadPlan, waited: Duration) -> Result<(), ReloadError> {
        self.take_up(plan, |plan, settings| {
            let (reply, answer) = self.waiting.add();
            send_surely(&self.urgent, Event::ReloadByItself { plan, settings, waited, reply });
            match answer.blocking_recv() {
                Ok(Reply::Done) => Ok(()),
                Ok(Reply::Refused { why }) => Err(ReloadError::Refused(why)),
                _ => Err(refused("the station is stopping")),
            }
        })
    }

    /// `tell` lets the engine take it first: what drivers say about the new plant must find it.
    fn take_up(
        &self,
        plan: ReloadPlan,
        tell: impl FnOnce(Arc<Plan>, Vec<String>) -> Result<(), ReloadError>,
    ) -> Result<(), ReloadError> {
        let reloader = self.reloader.as_ref().ok_or_else(|| refused("this station cannot be reloaded"))?;
        let mut running = reloader.running.lock().map_err(|_| refused(BROKEN))?;
        if running.plan.generation != plan.base {
            return Err(refused("nothing was done: the station was reloaded meanwhile; look at the difference again"));
        }
        let (plant, next) = (Arc::new(plan.plant.plan), Generation(plan.base.0 + 1));
        let connections = plan.plant.connections;
        tell(Arc::clone(&plant), plan.settings)?;
        if let Ok(mut backups) = reloader.backups.lock() {
            *backups = (plan.plant.backup, Arc::clone(&plant.station));
        }
        *running = Running { plan: plant, connections: Arc::new(connections.clone()), files: plan.files };
        if let Ok(mut files) = reloader.certificates.lock() {
            *files = certificates::files(&connections);
        }
        certificates::look(&reloader.certificates, &reloader.board, &self.urgent, self.now().utc);
        let _inside = reloader.runtime.enter();
        if let Ok(mut drivers) = self.drivers.lock() {
            drivers.reconfigure(connections.clone(), &reloader.port, next);
        }
        reloader.links.go_on_with(&connections);
        Ok(())
    }
}
