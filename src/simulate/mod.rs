//! Stand-in field devices for any station: what its tags say follows from the station file, and what is written to them is held.
//!
//! Pure, and tested by table and property: `values` (what a tag says at a moment), `plant` (all tags, and what was written over them),
//! `registers` and `respond` (one unit), `payload` (topics). Around them: `server`, `mqtt` and `edge_nodes` on the wires, `wires` for who serves which
//! connection, `copy` for a station that finds them there.

mod copy;
mod edge_nodes;
mod mqtt;
mod payload;
mod plant;
mod registers;
mod respond;
mod server;
mod values;
mod wires;

use crate::config::{self, Plant};
use crate::driver::modbus::open_serial;
use crate::tag::{Clock, Generation};
use server::{Framing, Shared, say};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use wires::{Port, Wire};

/// A serial line whose one end is served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SerialWay {
    /// Name of the connection.
    pub connection: String,
    /// The end that is served.
    pub path: String,
    /// The end that a copy of the station uses; that of the station file where none is given.
    pub other: Option<String>,
}

/// How to simulate.
#[derive(Clone, Debug)]
pub struct Options {
    /// Address of this computer on which stand-ins listen for devices that are elsewhere.
    pub address: String,
    /// Folder for a copy of the station that leads to the stand-ins.
    pub copy: Option<PathBuf>,
    /// How long to run; none until a signal to stop.
    pub duration: Option<Duration>,
    /// Whether nothing moves.
    pub still: bool,
    /// Another one gives other values.
    pub seed: u64,
    /// Serial lines that are served.
    pub serial: Vec<SerialWay>,
    /// The broker that may be published to, whatever the station file names.
    pub broker: Option<(String, u16)>,
    /// How many edge nodes of Sparkplug are played that no entry of the station file names.
    pub edge_nodes: u32,
}

/// Stands in for the field of the station in `folder` until the time is over or a signal comes.
pub fn run(folder: &Path, options: &Options, clock: Arc<dyn Clock>) -> anyhow::Result<()> {
    let plant = config::load(folder, Generation(1)).into_plant().map_err(anyhow::Error::msg)?;
    for way in &options.serial {
        let known = plant.plan.directory.connections().iter().any(|connection| *connection.name == *way.connection);
        anyhow::ensure!(known, "--serial {}: the station has no connection of this name", way.connection);
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(folder, &plant, options, clock))
}

async fn serve(folder: &Path, plant: &Plant, options: &Options, clock: Arc<dyn Clock>) -> anyhow::Result<()> {
    let mut opened = wires::open(plant, options).await?;
    let (brokers, edge_nodes) = mqtt::brokers(plant, options, &mut opened);
    if let Some(copy) = &options.copy {
        copy::write(folder, copy, &opened.ways, &opened.words)?;
    }
    let end = end(options.duration)?;
    opened.words.iter().for_each(|words| say(words));
    let field = plant::Field::new(plant, options.seed, options.still);
    let shared = Shared { field: Arc::new(Mutex::new(field)), clock };
    // They end with the runtime.
    for wire in opened.wires {
        tokio::spawn(answer(wire, shared.clone()));
    }
    for broker in brokers {
        tokio::spawn(broker.run(shared.clone()));
    }
    for node in edge_nodes {
        tokio::spawn(node.run(shared.clone()));
    }
    match &options.copy {
        Some(copy) => say(&format!("The stand-ins run until Ctrl C. Beside them: polder run {}", copy.display())),
        None => say("The stand-ins run until Ctrl C."),
    }
    end.await;
    Ok(())
}

async fn answer(wire: Wire, shared: Shared) {
    let units = Arc::new(Mutex::new(wire.units));
    match wire.port {
        Port::Socket(listener, framing) => server::listen(listener, framing, units, shared).await,
        Port::Serial(line, mut stream) => loop {
            if let Err(error) = server::serve(stream, Framing::Rtu, &units, &shared).await {
                say(&format!("{}: {error}; it is opened again", line.path));
            }
            stream = loop {
                tokio::time::sleep(Duration::from_secs(1)).await;
                if let Ok(stream) = open_serial(&line) {
                    break stream;
                }
            };
        },
    }
}

/// Waits for the end: the time, Ctrl C, or the signal to stop.
fn end(duration: Option<Duration>) -> std::io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        let time = async {
            match duration {
                Some(duration) => tokio::time::sleep(duration).await,
                None => std::future::pending().await,
            }
        };
        #[cfg(unix)]
        let stop = terminate.recv();
        #[cfg(not(unix))]
        let stop = std::future::pending::<Option<()>>();
        tokio::select! {
            () = time => {}
            _ = tokio::signal::ctrl_c() => {}
            _ = stop => {}
        }
    })
}
