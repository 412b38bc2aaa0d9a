//! Publishing a message by hand, along the way of commands.

use super::act::ask_or_start;
use super::output::out_line;
use crate::command::{Confirmation, Message, Outcome};
use crate::driver::Link;
use crate::engine::{Reply, RequestBody};
use crate::station::Station;
use anyhow::bail;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// What goes out.
#[derive(Debug, clap::Args)]
pub(super) struct PublishArguments {
    /// Station folder.
    folder: PathBuf,
    /// Name of the connection.
    connection: String,
    /// Topic, without wildcards.
    topic: String,
    /// Payload; "" takes away what the broker keeps, with --retain.
    #[arg(allow_hyphen_values = true)]
    payload: String,
    /// Why.
    #[arg(long)]
    reason: String,
    /// The broker keeps it for those who come later.
    #[arg(long)]
    retain: bool,
    /// How surely it is handed on, 0 to 2.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=2))]
    qos: u8,
}

pub(super) fn publish(arguments: &PublishArguments) -> anyhow::Result<ExitCode> {
    let connection: Arc<str> = arguments.connection.as_str().into();
    let message = Message {
        connection: Arc::clone(&connection),
        topic: arguments.topic.as_str().into(),
        payload: arguments.payload.as_str().into(),
        quality_of_service: arguments.qos,
        retain: arguments.retain,
    };
    let (reason, confirmation) = (arguments.reason.as_str().into(), Confirmation::CommandLine);
    let body = RequestBody::Publish { message, reason, confirmation };
    match ask_or_start(&arguments.folder, body, |station| is_connected(station, &connection))? {
        Reply::Command { outcome, detail } => {
            let (word, code) = match outcome {
                Outcome::Verified | Outcome::Unverified => ("published", 0),
                other => (other.word(), other.exit_code()),
            };
            out_line!("{word}: {detail}");
            Ok(ExitCode::from(code))
        }
        Reply::Refused { why } => {
            out_line!("refused: {why}");
            Ok(ExitCode::from(Outcome::Refused.exit_code()))
        }
        other => bail!("the station gave an answer to another question: {other:?}"),
    }
}

/// Whether a device at this broker is there. A connection without devices says nothing: it gets all the time that there is.
fn is_connected(station: &Station, connection: &str) -> bool {
    let snapshot = station.handle().snapshot();
    let directory = &snapshot.plan.directory;
    let Some(place) = directory.connections().iter().position(|wire| &*wire.name == connection) else { return true };
    let mut devices = directory.devices().iter().zip(snapshot.devices.iter());
    devices.any(|(device, view)| device.connection.index() == place && view.link == Link::Good)
}
