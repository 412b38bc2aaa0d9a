//! Brokers: how they are reached, and as whom.

use crate::config::compile::DeviceDraft;
use crate::config::file::MqttEntry;
use crate::config::problem::{Place, Problems};
use crate::config::read::Secrets;
use crate::config::units;
use crate::driver::mqtt::Settings;
use std::sync::Arc;
use std::time::Duration;

pub(in crate::config) fn settings(
    entry: &MqttEntry,
    connection: usize,
    client: &str,
    devices: &[DeviceDraft],
    secrets: &Secrets,
    place: &Place,
    problems: &mut Problems,
) -> Option<Settings> {
    let address = match entry.url.split_once("://") {
        Some(("mqtt" | "tcp", address)) => Ok(address),
        Some(("mqtts" | "ssl", _)) => {
            Err("TLS to a broker is not built in yet, and Polder does not speak in clear where TLS was asked for"
                .to_owned())
        }
        _ => Err(format!("\"{}\" is not a broker's address; write it as mqtt://10.0.0.7:1883", entry.url)),
    };
    let address = problems.take(&place.at("url"), address)?;
    let (host, port) = problems.take(&place.at("url"), units::host_and_port(address.trim_end_matches('/'), 1883))?;
    let keep_alive = entry.keep_alive.as_ref();
    let keep_alive = keep_alive.and_then(|text| problems.take(&place.at("keep_alive"), units::duration(text)));
    let here = devices.iter().enumerate().filter(|(_, device)| device.connection == connection);
    Some(Settings {
        host: host.into(),
        port,
        client_id: entry.client_id.clone().unwrap_or_else(|| client.replace(char::is_whitespace, "-")).into(),
        login: login(entry, secrets, place, problems),
        keep_alive: keep_alive.unwrap_or(Duration::from_secs(10)),
        devices: here.map(|(slot, draft)| super::device::device(slot, draft, problems)).collect(),
    })
}

fn login(entry: &MqttEntry, secrets: &Secrets, place: &Place, problems: &mut Problems) -> Option<(Arc<str>, Arc<str>)> {
    let password = entry.password.as_ref().and_then(|wanted| {
        let found = secrets.get(&wanted.secret);
        if found.is_none() {
            let words = format!("there is no secret \"{}\" in secrets.json or the environment", wanted.secret);
            problems.error(&place.at("password"), words);
        }
        found
    });
    match (&entry.username, password) {
        (Some(user), password) => Some((user.as_str().into(), password.unwrap_or_default().into())),
        (None, Some(_)) => {
            problems.error(&place.at("username"), "a password without a user name is not possible");
            None
        }
        (None, None) => None,
    }
}
