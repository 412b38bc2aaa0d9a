//! Looking into a broker: its topics with their last payloads, heard in a session of its own.

use super::output::{error_line, out_line};
use super::tls::TlsArguments;
use crate::config;
use crate::driver::Protocol;
use crate::driver::mqtt::look::one_line;
use crate::driver::mqtt::topics::{Topic, TopicRow, Topics};
use crate::driver::mqtt::{Hearing, Options, Settings, is_filter};
use crate::station::LoneEar;
use crate::tag::Generation;
use anyhow::{Context, anyhow, bail};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// How often it is looked whether the broker is still there.
const LOOK: Duration = Duration::from_millis(50);
/// Where a password is read from that is in no file.
const PASSWORD: &str = "POLDER_MQTT_PASSWORD";
/// Where a user name is read from that is not on the command line.
const USERNAME: &str = "POLDER_MQTT_USERNAME";

/// How to reach the broker, and what to hear.
#[derive(Debug, clap::Args)]
pub(super) struct MqttArguments {
    /// mqtt://HOST[:PORT], mqtts://HOST[:PORT], or with --station the name of a connection.
    address: String,
    /// Station folder whose connection is used: its address, user, password and certificates. The station may run; it is not disturbed.
    #[arg(long, value_name = "DIR")]
    station: Option<PathBuf>,
    /// What to hear: + stands for a level, # for the rest at the end.
    #[arg(long, default_value = "#", value_parser = checked_filter)]
    topic: String,
    /// How long to listen.
    #[arg(long = "for", value_name = "DURATION", value_parser = super::duration, default_value = "10s")]
    duration: Duration,
    /// User name; else that of the variable POLDER_MQTT_USERNAME. The password is never taken from the command line, which others at
    /// this computer can read, but from --password-file or the variable POLDER_MQTT_PASSWORD.
    #[arg(long)]
    username: Option<String>,
    /// File with the password in its first line.
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Version of MQTT: 3.1.1 or 5.
    #[arg(long, value_parser = ["3.1.1", "5"])]
    mqtt_version: Option<String>,
    /// Certificates.
    #[command(flatten)]
    tls: TlsArguments,
    /// One JSON object a line.
    #[arg(long)]
    json: bool,
}

/// A topic filter that may be listened to.
fn checked_filter(text: &str) -> Result<String, String> {
    match is_filter(text) {
        true => Ok(text.to_owned()),
        false => Err("this is not a filter; + stands for a level, # for the rest at the end".to_owned()),
    }
}

pub(super) fn browse(arguments: &MqttArguments) -> anyhow::Result<ExitCode> {
    let settings = match &arguments.station {
        Some(folder) => of_station(folder, &arguments.address)?,
        None => alone(arguments)?,
    };
    // Two sessions of one name throw each other out.
    let client_id = format!("{}-{}", settings.options.client_id, std::process::id()).into();
    let settings = Settings { options: Options { client_id, ..settings.options.clone() }, ..settings };
    let endpoint = settings.endpoint.to_string();
    let ear = LoneEar::new(settings, &arguments.topic)?;
    let seconds = hear(&ear, arguments.duration).with_context(|| format!("broker {endpoint}"))?;
    let (state, topics) = (ear.state(), ear.topics());
    if arguments.json {
        topics.all(ear.now()).iter().for_each(|topic| out_line!("{}", json(topic, seconds)));
    } else {
        print(&topics, &ear, seconds);
    }
    let messages: u64 = topics.all(ear.now()).iter().map(|topic| topic.messages).sum();
    error_line!("{} topics, {messages} messages in {seconds:.1} s", topics.len());
    if state.left_out > 0 {
        error_line!("{} messages came too fast or had no room, and are left out", state.left_out);
    }
    Ok(ExitCode::SUCCESS)
}

/// Listens for so long after the broker granted it; how long, in seconds.
fn hear(ear: &LoneEar, length: Duration) -> anyhow::Result<f64> {
    let mut begun = None;
    loop {
        match (ear.state().hearing, begun) {
            (Hearing::Failed(why), _) => bail!("{why}"),
            (Hearing::On { .. }, None) => begun = Some(ear.now()),
            _ => {}
        }
        if let Some(heard) = begun.map(|begun| ear.now().since(begun)).filter(|heard| *heard >= length) {
            return Ok(heard.as_secs_f64().max(0.001));
        }
        std::thread::park_timeout(LOOK.min(length));
    }
}

/// The connection of a station, with what its secrets hold.
fn of_station(folder: &Path, name: &str) -> anyhow::Result<Settings> {
    let plant = config::load(folder, Generation(1)).into_plant().map_err(anyhow::Error::msg)?;
    for wire in plant.connections {
        match wire.protocol {
            Protocol::Mqtt(settings) if &*wire.name == name => return Ok(settings),
            _ => {}
        }
    }
    bail!("the station in {} has no broker \"{name}\"", folder.display())
}

/// The address and the options as they would stand in a station file.
fn alone(arguments: &MqttArguments) -> anyhow::Result<Settings> {
    let address = &arguments.address;
    if address.contains('@') {
        bail!(
            "an address holds no user and no password: others at this computer can read them; give --username, and the password in \
             --password-file or in {PASSWORD}"
        );
    }
    let url = if address.contains("://") { address.clone() } else { format!("mqtt://{address}") };
    let mut entry = serde_json::json!({ "url": url, "client_id": "polder" });
    let mut put = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            entry[key] = value.into();
        }
    };
    put("username", arguments.username.clone().or_else(|| std::env::var(USERNAME).ok()));
    put("version", arguments.mqtt_version.clone());
    arguments.tls.put_into(&mut entry);
    let password = match &arguments.password_file {
        Some(file) => Some(first_line(file)?),
        None => std::env::var(PASSWORD).ok(),
    };
    config::broker(&entry, Path::new("."), password).map_err(|words| anyhow!(words))
}

fn first_line(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        bail!("the first line of {} is empty; it has to be the password", file.display())
    }
    Ok(line.to_owned())
}

fn print(topics: &Topics, ear: &LoneEar, seconds: f64) {
    let all = topics.all(ear.now());
    let open: BTreeSet<Arc<str>> = all.iter().flat_map(|topic| levels(&topic.topic)).collect();
    for row in topics.rows(&open, ear.now()) {
        out_line!("{}", line(&row, seconds));
    }
}

/// The levels above a topic.
fn levels(topic: &str) -> impl Iterator<Item = Arc<str>> {
    topic.match_indices('/').map(|(end, _)| topic[..end].into())
}

fn line(row: &TopicRow, seconds: f64) -> String {
    let name = format!("{}{}", "  ".repeat(row.depth), printable(&row.name));
    let Some(topic) = &row.topic else { return name };
    let retained = if topic.retained { "R" } else { " " };
    format!("{name:<40} {retained} {:>8.1}/s  {}", topic.messages as f64 / seconds, one_line(&topic.payload))
}

/// A broker must not be able to speak to the terminal.
fn printable(name: &str) -> String {
    if name.is_empty() { "(empty)".to_owned() } else { name.replace(char::is_control, "?") }
}

fn json(topic: &Topic, seconds: f64) -> serde_json::Value {
    serde_json::json!({
        "topic": topic.topic,
        "time": topic.last.to_rfc3339(),
        "messages": topic.messages,
        "per_second": topic.messages as f64 / seconds,
        "retained": topic.retained,
        "bytes": topic.length_bytes,
        "payload": one_line(&topic.payload),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_broker_sends_does_not_reach_the_terminal_as_it_is() {
        assert_eq!(printable("a\u{1b}[2Jb"), "a?[2Jb");
        assert_eq!(printable(""), "(empty)");
        assert_eq!(levels("a/b/c").collect::<Vec<_>>(), [Arc::from("a"), Arc::from("a/b")]);
    }
}
