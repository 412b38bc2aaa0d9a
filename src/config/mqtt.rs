//! MQTT brokers and points out of their entries.

use super::compile::scaling;
use super::drafts::{DeviceDraft, TagDraft};
use super::file::MqttEntry;
use super::problem::{Place, Problems};
use super::read::Secrets;
use super::units;
use crate::command::CommandSettings;
use crate::driver::modbus;
use crate::driver::mqtt::{Device, Kind, Point, Publication, Settings};
use crate::tag::{DeviceId, TagDefinition, TagId};
use std::sync::Arc;
use std::time::Duration;

pub(super) fn settings(
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
        devices: here.map(|(slot, _)| Device { device: DeviceId(slot as u32), points: Vec::new() }).collect(),
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

pub(super) fn point(id: TagId, draft: &TagDraft, device: &DeviceDraft, problems: &mut Problems) -> Option<Point> {
    let (entry, place) = (&draft.entry, &draft.place);
    for (key, given) in
        [("register", entry.register.is_some()), ("bit", entry.bit.is_some()), ("order", entry.order.is_some())]
    {
        if given {
            problems.error(&place.at(key), format!("\"{key}\" belongs to Modbus, and this device speaks MQTT"));
        }
    }
    let Some(topic) = &entry.topic else {
        problems.error(place, "a tag of an MQTT device needs a \"topic\"");
        return None;
    };
    let name = device.entry.topic.as_ref().unwrap_or(&device.entry.name);
    let filter = topic.replace("${device}", name);
    if !rumqttc::valid_filter(&filter) {
        problems.error(
            &place.at("topic"),
            format!("\"{filter}\" is not a topic; + stands for a level, # for the rest at the end"),
        );
        return None;
    }
    if entry.json.as_ref().is_some_and(|pointer| !pointer.starts_with('/')) {
        problems.error(&place.at("json"), "a place in JSON begins with /, such as /sensors/0/value");
        return None;
    }
    Some(Point {
        tag: id,
        filter: filter.into(),
        pointer: entry.json.as_deref().map(Into::into),
        kind: kind(entry.kind),
        publication: publication(draft, name, problems),
    })
}

fn publication(draft: &TagDraft, device: &str, problems: &mut Problems) -> Option<Publication> {
    let command = draft.entry.command.as_ref()?;
    let place = draft.place.at("command");
    let Some(topic) = &command.topic else {
        problems.error(&place, "a command to an MQTT device needs a \"topic\"");
        return None;
    };
    let topic = topic.replace("${device}", device);
    if !rumqttc::valid_topic(&topic) || topic.is_empty() {
        problems.error(&place.at("topic"), "a command goes to one topic, without + and #");
        return None;
    }
    let payload = command.payload.as_deref();
    if payload.is_some_and(|payload| !payload.contains("${value}")) {
        problems.error(&place.at("payload"), "the payload has to say where the value stands: ${value}");
    }
    Some(Publication { topic: topic.into(), payload: payload.map(Into::into), scaling: scaling(draft, problems) })
}

fn kind(kind: Option<modbus::Kind>) -> Kind {
    match kind {
        Some(modbus::Kind::Bool) => Kind::Bool,
        Some(modbus::Kind::String) => Kind::Text,
        _ => Kind::Number,
    }
}

/// What follows from the point for screens and commands.
pub(super) fn describe(point: &Point, definition: &mut TagDefinition, settings: Option<&mut CommandSettings>) {
    let pointer = point.pointer.as_deref().map_or_else(String::new, |pointer| format!(" {pointer}"));
    definition.address = format!("{}{pointer}", point.filter).into();
    if point.kind != Kind::Number {
        definition.decimals = 0;
    }
    if let Some(settings) = settings {
        settings.boolean = point.kind == Kind::Bool;
        settings.text = point.kind == Kind::Text;
    }
}
