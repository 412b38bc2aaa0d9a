//! Polder, a native SCADA station: one program that reads field devices, shows them live, raises alarms, keeps the history, sends commands
//! back, and can prove afterwards who did what.
//!
//! # The map
//! | module | what it is for |
//! |---|---|
//! | [`tag`] | values with quality, time and origin; names; scaling |
//! | [`expression`] | the small typed language of conditions: parse, check, evaluate |
//! | [`alarm`], [`command`], [`access`], [`audit`] | pure logic: events and time in, changes out |
//! | [`automation`] | machines that act on machines: bridges |
//! | [`engine`] | the one writer: [`engine::Engine::step`] is pure, [`engine::run`] is the loop around it |
//! | [`driver`] | one task per connection: Modbus, MQTT |
//! | [`disk`] | files on this computer: what is damage, how it is set aside, archives |
//! | [`recorder`], [`historian`] | two threads that own one file each: records, samples |
//! | [`outbox`] | what the station tells others, and keeps for a broker that is away |
//! | [`handover`] | the page from one shift to the next: records in, HTML out |
//! | [`config`] | the station file, and every problem in it at once |
//! | [`station`] | opens, wires, starts and stops everything; [`station::Handle`] is what others hold |
//! | [`sound`] | what is heard, and the programs that play it |
//! | [`gui`], [`headless`], [`cli`] | a window, an event stream, a command line |
//! | [`simulate`] | stand-in devices for any station |
//! | [`demo`] | a polder on loopback devices; it knows nothing of the station, so it cannot cheat |
//!
//! Who may use whom is held by `tests/architecture.rs`.
//!
//! # The data path goes one way
//! A driver reads and sends a batch on a bounded queue; the engine scales it, sets its quality, stores it, judges alarms; the loop hands rows
//! to the historian, records to the recorder, dispatches to drivers, and publishes an unchangeable [`engine::Snapshot`] at most twenty times
//! and at least once a second. Screens paint from one snapshot a frame.
//!
//! # The command path cannot be shortened
//! [`command::CommandRequest`] -> [`command::Confirmed`] -> [`command::Authorised`] -> [`audit::Receipt`], which only a durable audit entry
//! makes -> [`command::Dispatch`] -> the device -> read-back -> one of six [`command::Outcome`]s, audited again. A command is never queued
//! while its device is away, never sent twice, and never outlives its expiry.
//!
//! # Invariants
//! - No value without quality, time and origin; a value that is old says so.
//! - One slow or dead device never delays another; one bad tag never takes its neighbours down.
//! - Bad input never returns an alarm to normal.
//! - An alarm that is set aside is judged on below; it comes back by its condition, never silently acknowledged ([`alarm`]).
//! - Every queue has a bound and a stated policy ([`queue`]); every wait has a deadline; every task has an owner that stops it.
//! - Nothing acknowledged to a user is lost by `kill -9`. Samples lose at most the last flush of 250 ms.
//! - 64-bit integers are exact from the wire to the CSV unless scaled; floats print so that they read back the same.
//! - The window's thread never does I/O and never waits.
//!
//! # Where this differs from what one might expect
//! - Modbus framing is our own ([`driver::modbus`]); tokio-modbus serves the demo's devices.
//! - The demo's broker is our own too: a broker library would bring a hundred packages into a program that needs one only to be shown.
//! - `400041` means holding register 40 (as `40041` does): six-digit numbers count like five-digit ones.

// A print that panics when nobody reads it ends a tool in the middle of its work: `cli::output` writes instead.
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod access;
pub mod alarm;
pub mod audit;
pub mod automation;
pub mod cli;
pub mod command;
pub mod config;
pub mod demo;
pub mod disk;
pub mod driver;
pub mod engine;
pub mod expression;
pub mod gui;
pub mod handover;
pub mod headless;
pub mod historian;
pub mod outbox;
pub mod queue;
pub mod recorder;
pub mod screen;
pub mod simulate;
pub mod sound;
pub mod station;
pub mod tag;
