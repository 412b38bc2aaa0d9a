//! Noordpolder: three basins that nine pumps drain into a canal, which two sluices empty into the sea at low tide; with rain, wind and
//! a broker. Everything stands behind Modbus servers and MQTT on the loopback interface: the station polls it like any other plant.

mod broker;
mod model;
mod registers;
mod servers;
mod storm;
mod telemetry;
mod weather;

use crate::queue::{self, Sender, WhenFull};
use anyhow::Context;
use model::Polder;
use registers::{CONTROLLERS, Controller};
use servers::{FieldServer, Shared};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use telemetry::BrokerProcess;
use tokio::sync::mpsc::Receiver;

pub use storm::{MOST_GAUGES, Storm};

/// The station file of the demo, with a place for each port.
const STATION: &str = include_str!("../../assets/demo/station.json");
/// By this the demo knows its own station file.
const MARK: &str = "Noordpolder, the demo plant";
/// One step of the model.
const STEP: Duration = Duration::from_millis(100);

/// Something that the demo's menu breaks or mends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Cuts the cable to the controller of the south basin, or puts it back.
    CutSouth,
    /// Trips the first pump that runs.
    TripPump,
    /// Half an hour of very heavy rain.
    Cloudburst,
    /// Kills the broker, or starts it again.
    KillBroker,
}

impl Fault {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::CutSouth, Self::TripPump, Self::Cloudburst, Self::KillBroker];

    /// What the menu says.
    pub const fn words(self) -> &'static str {
        match self {
            Self::CutSouth => "Cut or mend the cable to the south basin",
            Self::TripPump => "Trip a pump that runs",
            Self::Cloudburst => "Cloudburst",
            Self::KillBroker => "Kill or start the MQTT broker",
        }
    }
}

/// Breaks and mends things.
#[derive(Clone)]
pub struct Faults {
    sender: Sender<Fault>,
}

impl Faults {
    /// Breaks or mends one thing.
    pub fn trigger(&self, fault: Fault) {
        let _ = self.sender.try_send(fault);
    }
}

/// The running demo plant. It stops when it is dropped.
pub struct Demo {
    faults: Option<Faults>,
    thread: Option<JoinHandle<()>>,
}

impl Demo {
    /// Starts the plant on free ports and writes its station file into `folder`; with a storm, where one is to come.
    pub fn start(folder: &Path, seed: u64, storm: Option<Storm>) -> anyhow::Result<Self> {
        let (sender, inbox) = queue::bounded("faults of the demo", 16, WhenFull::Refuse);
        let (ready, started) = std::sync::mpsc::channel();
        let folder = folder.to_owned();
        let body = move || {
            let outcome = begin(&folder, seed, storm);
            match outcome {
                Ok((runtime, plant)) => {
                    let _ = ready.send(Ok(()));
                    runtime.block_on(plant.run(inbox));
                }
                Err(error) => drop(ready.send(Err(error))),
            }
        };
        let thread = std::thread::Builder::new().name("demo plant".to_owned()).spawn(body)?;
        started.recv().context("the demo plant did not start")??;
        Ok(Self { faults: Some(Faults { sender }), thread: Some(thread) })
    }

    /// What breaks and mends things.
    pub fn faults(&self) -> Option<Faults> {
        self.faults.clone()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        self.faults = None;
        if let Some(thread) = self.thread.take() {
            // Whoever holds a copy of the faults keeps the plant alive; the process takes it along then.
            if thread.is_finished() {
                let _ = thread.join();
            }
        }
    }
}

/// Runs the broker of the demo; the demo starts its own program with this.
pub fn run_broker(port: u16) -> anyhow::Result<()> {
    broker::run(port)
}

struct PlantOnLoopback {
    polder: Shared,
    servers: Vec<FieldServer>,
    /// The storm that is to come, with the gauges that see it.
    storm: Option<(Storm, FieldServer)>,
    broker: BrokerProcess,
    broker_port: u16,
    broker_lives: bool,
    south_lives: bool,
}

fn begin(folder: &Path, seed: u64, storm: Option<Storm>) -> anyhow::Result<(tokio::runtime::Runtime, PlantOnLoopback)> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let path = folder.join("station.json");
    let is_ours = std::fs::read_to_string(&path).map_or(true, |text| text.contains(MARK));
    anyhow::ensure!(is_ours, "{} is not the demo's; it is left as it is", path.display());
    let plant = runtime.block_on(PlantOnLoopback::start(seed, storm))?;
    std::fs::write(folder.join("station.json"), plant.station_file()?)
        .with_context(|| format!("the station file cannot be written into {}", folder.display()))?;
    Ok((runtime, plant))
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

impl PlantOnLoopback {
    async fn start(seed: u64, storm: Option<Storm>) -> anyhow::Result<Self> {
        let polder: Shared = Arc::new(Mutex::new(Polder { storm, ..Polder::new(seed) }));
        let mut servers = Vec::new();
        for (controller, _) in CONTROLLERS {
            servers.push(FieldServer::start(Arc::clone(&polder), controller).await?);
        }
        let storm = match storm {
            Some(storm) => Some((storm, FieldServer::start(Arc::clone(&polder), Controller::Dikes).await?)),
            None => None,
        };
        let broker_port = free_port()?;
        let broker = BrokerProcess::start(broker_port)?;
        Ok(Self { polder, servers, storm, broker, broker_port, broker_lives: true, south_lives: true })
    }

    fn station_file(&self) -> anyhow::Result<String> {
        let mut text = STATION.replace("@broker@", &self.broker_port.to_string());
        for ((_, name), server) in CONTROLLERS.iter().zip(&self.servers) {
            text = text.replace(&format!("@{name}@"), &server.port().to_string());
        }
        let Some((storm, gauges)) = &self.storm else { return Ok(text) };
        let mut station = serde_json::from_str(&text)?;
        storm.add_to(&mut station, gauges.port());
        Ok(serde_json::to_string_pretty(&station)?)
    }

    async fn run(mut self, mut inbox: Receiver<Fault>) {
        let gauges = tokio::spawn(telemetry::publish(Arc::clone(&self.polder), self.broker_port));
        let mut clock = tokio::time::interval(STEP);
        clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                _ = clock.tick() => {
                    if let Ok(mut polder) = self.polder.lock() {
                        polder.step(STEP.as_secs_f64());
                    }
                }
                fault = inbox.recv() => match fault {
                    Some(fault) => self.apply(fault).await,
                    None => break,
                }
            }
        }
        gauges.abort();
    }

    async fn apply(&mut self, fault: Fault) {
        let outcome = match fault {
            Fault::CutSouth => self.toggle_south().await,
            Fault::TripPump => self.change(Polder::trip_one),
            Fault::Cloudburst => self.change(|polder| polder.weather.cloudburst()),
            Fault::KillBroker => self.toggle_broker(),
        };
        if let Err(error) = outcome {
            tracing::warn!("the demo cannot do that: {error:#}");
        }
    }

    fn change(&self, change: impl FnOnce(&mut Polder)) -> anyhow::Result<()> {
        if let Ok(mut polder) = self.polder.lock() {
            change(&mut polder);
        }
        Ok(())
    }

    async fn toggle_south(&mut self) -> anyhow::Result<()> {
        self.south_lives = !self.south_lives;
        let place = CONTROLLERS.iter().position(|(_, name)| *name == "pumps-south").unwrap_or_default();
        if self.south_lives {
            self.servers[place].restore().await?;
        } else {
            self.servers[place].cut();
        }
        Ok(())
    }

    fn toggle_broker(&mut self) -> anyhow::Result<()> {
        self.broker_lives = !self.broker_lives;
        if self.broker_lives {
            return self.broker.restore();
        }
        self.broker.kill();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_station_file_has_no_problems() {
        let folder = tempfile::tempdir().unwrap();
        let text = CONTROLLERS
            .iter()
            .fold(STATION.replace("@broker@", "1883"), |text, (_, name)| text.replace(&format!("@{name}@"), "1502"));
        assert!(!text.contains('@'), "a port is left open");
        std::fs::write(folder.path().join("station.json"), text).unwrap();
        let loaded = crate::config::load(folder.path(), crate::tag::Generation(1));
        assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
    }

    #[test]
    fn nor_has_the_one_with_a_storm_and_all_its_alarms_have_one_group() {
        let folder = tempfile::tempdir().unwrap();
        let text = CONTROLLERS
            .iter()
            .fold(STATION.replace("@broker@", "1883"), |text, (_, name)| text.replace(&format!("@{name}@"), "1502"));
        let mut station = serde_json::from_str(&text).unwrap();
        Storm { after: Duration::from_secs(20), gauges: 2000 }.add_to(&mut station, 1503);
        assert!(station.to_string().contains(MARK), "the demo does not know its own file again");
        std::fs::write(folder.path().join("station.json"), station.to_string()).unwrap();
        let loaded = crate::config::load(folder.path(), crate::tag::Generation(1));
        assert!(loaded.problems.is_empty(), "{:#?}", loaded.problems);
        let alarms = loaded.plant.unwrap().plan.alarms;
        let grouped: Vec<&str> = alarms
            .iter()
            .filter(|alarm| alarm.group.as_deref() == Some("pumping"))
            .map(|alarm| alarm.key.as_str())
            .collect();
        assert_eq!(grouped.len(), 2009);
        assert!(grouped.contains(&"middle/P4/state:is-2"));
    }
}
