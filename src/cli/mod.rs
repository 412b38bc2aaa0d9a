//! The command line: which tool does what, and with which exit code.

mod act;
mod alarms;
mod backtest;
mod bridges;
mod broker;
mod browse;
mod dialect;
mod export;
mod figures;
mod handover;
mod history;
mod journal;
mod loop_check;
mod output;
mod publish;
mod range;
mod sheet;
mod simulate;
mod sound;
mod tls;
mod tools;
mod wires;

use crate::demo::{MOST_GAUGES, Storm};
use crate::headless;
use crate::station::{Attendance, StationLock};
use anyhow::Context;
use clap::{Parser, Subcommand};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// A native SCADA station.
#[derive(Debug, Parser)]
#[command(name = "polder", version, about)]
struct Arguments {
    #[command(subcommand)]
    tool: Option<Tool>,
}

#[derive(Debug, Subcommand)]
enum Tool {
    /// Open the demo plant: a polder with pumps, sluices and weather on embedded devices.
    Demo(DemoArguments),
    /// Write a commented starting station.
    New {
        /// Folder to make.
        folder: PathBuf,
    },
    /// Run a station.
    Run {
        /// Station folder.
        folder: PathBuf,
        #[command(flatten)]
        how: RunArguments,
    },
    /// Name every problem of a station file.
    Check {
        /// Station folder.
        folder: PathBuf,
    },
    /// Print the JSON Schema of station.json.
    Schema,
    /// List what is configured; write the tags of the station file to a sheet (CSV), or take a sheet in.
    Tags(sheet::TagsArguments),
    /// Look into a device or a broker: who it is, which units answer, what its registers may mean; which topics there are.
    #[command(subcommand)]
    Browse(browse::Browse),
    /// Show what is another in the station file than in the station that runs; with --apply, go on with it.
    Reload {
        /// Station folder.
        folder: PathBuf,
        /// Go on with it: what is equal in it misses nothing.
        #[arg(long)]
        apply: bool,
    },
    /// Forget names that the station found at run time (found.json); their tags go, until something is said under them again.
    Forget {
        /// Station folder, running or not.
        folder: PathBuf,
        /// Names, or device/name; * stands for any text, ? for any character.
        pattern: String,
    },
    /// Watch what goes over the wires of a running station.
    Traffic(wires::TrafficArguments),
    /// Show how the connections of a running station are: their tunnels, and the bytes of the last hour and of this month.
    Links {
        /// Station folder.
        folder: PathBuf,
        /// As JSON, in bytes.
        #[arg(long)]
        json: bool,
    },
    /// Show where the value of a tag comes from: raw registers, frame, request, latency, age.
    Trace {
        /// Station folder.
        folder: PathBuf,
        /// Name of the tag.
        tag: String,
    },
    /// Take a device of a running station off scan, or put it back.
    Scan {
        /// Station folder.
        folder: PathBuf,
        /// Name of the device.
        device: String,
        /// Whether it is on scan from now on.
        #[arg(value_parser = ["on", "off"])]
        state: String,
        /// Why; needed to take it off.
        #[arg(long, default_value = "")]
        reason: String,
    },
    /// List the bridges of a running station; stop one, or start one again.
    Bridges(bridges::BridgesArguments),
    /// Stand in for the field devices of a station, with values that move.
    Simulate(simulate::SimulateArguments),
    /// Write samples to a CSV file.
    Export(export::ExportArguments),
    /// Set a tag, along the whole command path. Exit code 0 verified, 2 refused, 3 failed, 4 mismatch, 5 unverified, 6 unknown.
    Set {
        /// Station folder.
        folder: PathBuf,
        /// Name of the tag.
        tag: String,
        /// The value.
        #[arg(allow_hyphen_values = true)]
        value: String,
        /// Why.
        #[arg(long)]
        reason: String,
    },
    /// Publish a message at a broker by hand. It is recorded first. Exit code 0 published, 2 refused, 3 failed, 6 unknown.
    Publish(publish::PublishArguments),
    /// List the alarms that are not normal; acknowledge, reset, shelve them, or take them out of service.
    Alarms(Box<alarms::AlarmsArguments>),
    /// Make the page that one shift hands to the next, as one file of HTML, and record that it was made.
    Handover(handover::HandoverArguments),
    /// List every tag with its last loop check, out of the audit record.
    LoopCheck(loop_check::LoopCheckArguments),
    /// Work out a figure of a tag for each interval of a range.
    Query(history::QueryArguments),
    /// Copy a station, running or not, into one new file or a new folder, and read the copy back.
    Backup {
        /// Station folder.
        folder: PathBuf,
        /// What to make: one file where the name ends in .tar, which every tar reads, else a folder.
        #[arg(long)]
        to: PathBuf,
    },
    /// Put a backup where a station is to run.
    Restore {
        /// File or folder that `polder backup` made.
        backup: PathBuf,
        /// Station folder; made where there is none.
        #[arg(long)]
        to: PathBuf,
    },
    /// Save what can be read out of damaged files of history. The station must not run.
    Repair {
        /// Station folder.
        folder: PathBuf,
        /// Only look, at every page and every chunk; exit code 1 where something is damaged. The station may run.
        #[arg(long)]
        check: bool,
    },
    /// Play the sound of each priority, the most urgent last, and say which program played it; exit code 1 where none can be heard.
    SoundTest {
        /// Station folder, for its volume.
        folder: Option<PathBuf>,
    },
    /// Check the audit record, offline.
    Verify {
        /// Station folder.
        folder: PathBuf,
    },
    /// The demo's broker; started by the demo itself.
    #[command(hide = true)]
    DemoBroker {
        /// Port on the loopback interface.
        port: u16,
    },
}

#[derive(Debug, Default, clap::Args)]
struct RunArguments {
    /// Without a window.
    #[arg(long)]
    headless: bool,
    /// Print one JSON object a line for everything that happens (without a window).
    #[arg(long)]
    events: bool,
    /// Stop after this long, such as 30s.
    #[arg(long = "for", value_name = "DURATION", value_parser = duration)]
    duration: Option<Duration>,
    /// Tell critical and high alarms on the desktop, while nobody looks at the window or without one.
    #[arg(long)]
    notify: bool,
    /// Let alarms sound without a window too; with one they do, as the station file says.
    #[arg(long)]
    sound: bool,
}

impl RunArguments {
    fn is_headless(&self) -> bool {
        self.headless || self.events
    }

    fn options(&self) -> headless::Options {
        headless::Options { events: self.events, duration: self.duration, attendance: self.attendance() }
    }

    fn attendance(&self) -> Attendance {
        let window = !self.is_headless();
        Attendance { sound: window || self.sound, notify: self.notify, window }
    }
}

#[derive(Debug, Default, clap::Args)]
struct DemoArguments {
    #[command(flatten)]
    how: RunArguments,
    /// Keep the station folder here; a new one is made for each run where none is given.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Makes the weather repeatable.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Let a storm surge come: 2000 alarms in a minute, with one cause.
    #[arg(long)]
    storm: bool,
    /// When it comes, after the start.
    #[arg(long, value_parser = duration, default_value = "20s", requires = "storm")]
    after: Duration,
    /// How many gauges it reaches, each with one alarm.
    #[arg(long, value_parser = gauges, default_value = "2000", requires = "storm")]
    gauges: usize,
}

impl DemoArguments {
    fn storm(&self) -> Option<Storm> {
        self.storm.then_some(Storm { after: self.after, gauges: self.gauges })
    }
}

fn gauges(text: &str) -> Result<usize, String> {
    let count = text.parse().ok().filter(|count| (1..=MOST_GAUGES).contains(count));
    count.ok_or_else(|| format!("write a number from 1 to {MOST_GAUGES}"))
}

fn duration(text: &str) -> Result<Duration, String> {
    crate::config::parse_duration(text)
}

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    log();
    let tool = arguments.tool.unwrap_or_else(|| Tool::Demo(DemoArguments { seed: 1, ..DemoArguments::default() }));
    output::end(dispatch(tool))
}

/// What the libraries say goes to standard error, from warnings on; the variable POLDER_LOG asks for more.
fn log() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("POLDER_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| output::Errors).try_init();
}

fn dispatch(tool: Tool) -> anyhow::Result<ExitCode> {
    match tool {
        Tool::Demo(demo) => run_demo(demo),
        Tool::New { folder } => tools::new(&folder),
        Tool::Run { folder, how } => run(&folder, &how),
        Tool::Check { folder } => tools::check(&folder),
        Tool::Schema => tools::schema(),
        Tool::Tags(arguments) => sheet::tags(&arguments),
        Tool::Browse(browse) => browse::browse(&browse),
        Tool::Reload { folder, apply } => act::reload(&folder, apply),
        Tool::Forget { folder, pattern } => act::forget(&folder, &pattern),
        Tool::Traffic(arguments) => wires::traffic(&arguments),
        Tool::Links { folder, json } => wires::links(&folder, json),
        Tool::Trace { folder, tag } => wires::trace(&folder, &tag),
        Tool::Scan { folder, device, state, reason } => act::scan(&folder, &device, state == "on", &reason),
        Tool::Bridges(arguments) => bridges::bridges(&arguments),
        Tool::Simulate(arguments) => simulate::simulate(arguments),
        Tool::Export(arguments) => export::export(&arguments),
        Tool::Query(arguments) => history::query(&arguments),
        Tool::Backup { folder, to } => history::backup(&folder, &to),
        Tool::Restore { backup, to } => history::restore(&backup, &to),
        Tool::Repair { folder, check } => history::repair(&folder, check),
        Tool::Set { folder, tag, value, reason } => act::set(&folder, &tag, &value, &reason),
        Tool::Publish(arguments) => publish::publish(&arguments),
        Tool::Alarms(arguments) => alarms::alarms(&arguments),
        Tool::Handover(arguments) => handover::handover(&arguments),
        Tool::LoopCheck(arguments) => loop_check::loop_check(&arguments),
        Tool::SoundTest { folder } => sound::test(folder.as_deref()),
        Tool::Verify { folder } => tools::verify(&folder),
        Tool::DemoBroker { port } => crate::demo::run_broker(port).map(|()| ExitCode::SUCCESS),
    }
}

fn run(folder: &std::path::Path, how: &RunArguments) -> anyhow::Result<ExitCode> {
    if how.is_headless() {
        return headless::run(folder, how.options()).map(|()| ExitCode::SUCCESS);
    }
    crate::gui::run(folder, how.duration, None, how.attendance())?;
    Ok(ExitCode::SUCCESS)
}

fn run_demo(demo: DemoArguments) -> anyhow::Result<ExitCode> {
    let temporary = std::env::temp_dir().join(format!("polder-demo-{}", std::process::id()));
    let folder = demo.dir.clone().unwrap_or_else(|| temporary.clone());
    std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
    // Before anything is written there: a folder that is in use is left alone.
    drop(StationLock::take(&folder)?);
    let plant = crate::demo::Demo::start(&folder, demo.seed, demo.storm())?;
    let outcome = if demo.how.is_headless() {
        headless::run(&folder, demo.how.options())
    } else {
        crate::gui::run(&folder, demo.how.duration, plant.faults().map(menu), demo.how.attendance())
    };
    drop(plant);
    if demo.dir.is_none() {
        let _ = std::fs::remove_dir_all(&temporary);
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

/// The demo's faults as a menu of the window, which itself knows nothing of the demo.
fn menu(faults: crate::demo::Faults) -> crate::gui::Extra {
    let entry = |fault: crate::demo::Fault| {
        let faults = faults.clone();
        let act: Box<dyn Fn()> = Box::new(move || faults.trigger(fault));
        (fault.words().to_owned(), act)
    };
    crate::gui::Extra { title: "Break something".to_owned(), entries: crate::demo::Fault::ALL.map(entry).into() }
}
