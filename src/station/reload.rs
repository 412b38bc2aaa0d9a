//! Going on with another station file: what is equal in it misses nothing.

use super::Handle;
use super::certificates::{self, Files};
use super::outlets::{HealthBoard, send_surely};
use crate::config;
use crate::driver::Port;
use crate::engine::{Difference, Event};
use crate::tag::Generation;
use std::sync::{Arc, Mutex};

/// What a reload needs of a running station.
pub(super) struct Reloader {
    port: Port,
    runtime: tokio::runtime::Handle,
    /// Held during a reload, so that two never mix.
    generation: Mutex<Generation>,
    certificates: Files,
    board: Arc<HealthBoard>,
}

impl Reloader {
    pub(super) fn new(
        port: Port,
        runtime: tokio::runtime::Handle,
        certificates: Files,
        board: Arc<HealthBoard>,
    ) -> Self {
        Self { port, runtime, generation: Mutex::new(Generation(1)), certificates, board }
    }
}

impl Handle {
    /// Reads the station file and says what is another in it than in the plant that runs; goes on with it where `apply` is set. On
    /// problems, a line each, the running plant stays as it is. This reads files: never call it on a thread that paints.
    pub fn reload(&self, apply: bool) -> Result<Difference, String> {
        let reloader = self.reloader.as_ref().ok_or("this station cannot be reloaded")?;
        let mut generation = reloader.generation.lock().map_err(|_| "a reload before this one failed".to_owned())?;
        let next = Generation(generation.0 + 1);
        let plant = config::load(self.folder(), next).into_plant()?;
        let difference = Difference::between(&self.snapshot().plan, &plant.plan);
        if !apply {
            return Ok(difference);
        }
        *generation = next;
        // The engine takes it first: what drivers say about the new plant must find it.
        send_surely(&self.urgent, Event::Reload(Arc::new(plant.plan.clone())));
        if let Ok(mut files) = reloader.certificates.lock() {
            *files = certificates::files(&plant.connections);
        }
        certificates::look(&reloader.certificates, &reloader.board, &self.urgent, self.now().utc);
        let _inside = reloader.runtime.enter();
        if let Ok(mut drivers) = self.drivers.lock() {
            drivers.reconfigure(plant.connections, &reloader.port, next);
        }
        Ok(difference)
    }
}
