//! Brokers: how they are reached, and as whom.

use crate::config::drafts::DeviceDraft;
use crate::config::mqtt_entries::{AcknowledgeEntry, MqttEntry, MqttVersionEntry, SessionEntry, WillEntry};
use crate::config::problem::{Place, Problems};
use crate::config::read::Secrets;
use crate::config::tls::TlsFiles;
use crate::config::units;
use crate::driver::mqtt::{Acknowledge, Login, Options, Persistence, QoS, Settings, Version, Will};
use crate::driver::socket::Endpoint;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

const USUAL_KEEP_ALIVE: Duration = Duration::from_secs(10);
const USUAL_TIMEOUT: Duration = Duration::from_secs(10);
const USUAL_PACKET_LIMIT: usize = 1_000_000;
const USUAL_RECEIVE_MAXIMUM: u16 = 1000;
/// The wire counts seconds in 16 bits.
const KEEP_ALIVES: RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(u16::MAX as u64);
const TIMEOUTS: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(600);
/// Below it no topic would fit; no packet of MQTT is larger.
const PACKET_LIMITS: RangeInclusive<usize> = 1_000..=(1 << 28) - 1;
const WILL_BYTES: usize = u16::MAX as usize;

pub(in crate::config) fn settings(
    entry: &MqttEntry,
    connection: usize,
    client: &str,
    devices: &[DeviceDraft],
    secrets: &Secrets,
    place: &Place,
    problems: &mut Problems,
) -> Option<Settings> {
    let endpoint = endpoint(entry, secrets.folder(), place, problems);
    let client_id = entry.client_id.clone().unwrap_or_else(|| client.replace(char::is_whitespace, "-"));
    let version = match entry.version {
        MqttVersionEntry::V3 => Version::V3,
        MqttVersionEntry::V5 => Version::V5,
    };
    if entry.session == SessionEntry::Persistent && client_id.is_empty() {
        problems.error(&place.at("client_id"), "a persistent session needs a client identifier that stays the same");
    }
    if version == Version::V3 && entry.receive_maximum.is_some() {
        problems.error(&place.at("receive_maximum"), "MQTT 3.1.1 cannot say this; it needs \"version\": \"5\"");
    }
    let receive_maximum = entry.receive_maximum.unwrap_or(USUAL_RECEIVE_MAXIMUM);
    if receive_maximum == 0 {
        problems.error(&place.at("receive_maximum"), "1 to 65535 messages are possible");
    }
    let options = Options {
        version,
        client_id: client_id.into(),
        login: login(entry, secrets, place, problems),
        persistence: persistence(entry, version, place, problems),
        keep_alive: within(entry.keep_alive.as_ref(), "keep_alive", KEEP_ALIVES, place, problems)
            .unwrap_or(USUAL_KEEP_ALIVE),
        timeout: within(entry.timeout.as_ref(), "timeout", TIMEOUTS, place, problems).unwrap_or(USUAL_TIMEOUT),
        receive_maximum,
        acknowledge: match entry.acknowledge {
            AcknowledgeEntry::TakenIn => Acknowledge::TakenIn,
            AcknowledgeEntry::Stored => Acknowledge::Stored,
        },
        will: entry.will.as_ref().map(|will| self::will(will, &place.at("will"), problems)),
    };
    if entry.sparkplug.is_some() {
        super::sparkplug::check_session(&options, place, problems);
    }
    let here = devices.iter().enumerate().filter(|(_, device)| device.connection == connection);
    Some(Settings {
        endpoint: endpoint?,
        options,
        packet_limit: packet_limit(entry, place, problems),
        qos: qos(entry.qos, place, problems),
        devices: here.map(|(slot, draft)| super::device::device(slot, draft, problems)).collect(),
        edge: None,
        asks: Box::default(),
        sparkplug: super::sparkplug::settings(entry.sparkplug.as_ref(), connection, devices, place, problems),
    })
}

fn endpoint(entry: &MqttEntry, folder: &Path, place: &Place, problems: &mut Problems) -> Option<Endpoint> {
    let (is_tls, address) = match entry.url.split_once("://") {
        Some(("mqtt" | "tcp", address)) => (false, address),
        Some(("mqtts" | "ssl", address)) => (true, address),
        _ => {
            let words = format!(
                "\"{}\" is not a broker's address; write it as mqtt://10.0.0.7:1883 or mqtts://10.0.0.7:8883",
                entry.url
            );
            problems.error(&place.at("url"), words);
            return None;
        }
    };
    let usual = if is_tls { 8883 } else { 1883 };
    let (host, port) = problems.take(&place.at("url"), units::host_and_port(address.trim_end_matches('/'), usual))?;
    let files = TlsFiles {
        authority: entry.ca.as_deref(),
        certificate: entry.certificate.as_deref(),
        key: entry.key.as_deref(),
        server_name: entry.server_name.as_deref(),
    };
    if !is_tls {
        for key in files.given() {
            problems.error(&place.at(key), format!("\"{key}\" belongs to TLS, and {} is in clear", entry.url));
        }
        return Some(Endpoint { host: host.into(), port, tls: None, only_via: None, is_slow: false });
    }
    let tls = files.settings("mqtts://", folder, place, problems)?;
    Some(Endpoint { host: host.into(), port, tls: Some(tls), only_via: None, is_slow: false })
}

fn persistence(entry: &MqttEntry, version: Version, place: &Place, problems: &mut Problems) -> Persistence {
    let at = place.at("session_expiry");
    let expiry = entry.session_expiry.as_ref().and_then(|text| problems.take(&at, units::duration(text)));
    match (entry.session, version) {
        _ if entry.session_expiry.is_none() => {}
        (SessionEntry::Clean, _) => problems.error(&at, "this belongs to \"session\": \"persistent\""),
        (SessionEntry::Persistent, Version::V3) => {
            problems.error(
                &at,
                "with MQTT 3.1.1 the broker decides how long it keeps a session; it needs \"version\": \"5\"",
            );
        }
        (SessionEntry::Persistent, Version::V5) => {
            if expiry.is_some_and(|expiry| expiry < Duration::from_secs(1)) {
                problems.error(&at, "a session is kept for 1s or longer");
            }
        }
    }
    match entry.session {
        SessionEntry::Clean => Persistence::Clean,
        SessionEntry::Persistent => Persistence::Persistent { expiry },
    }
}

fn within(
    text: Option<&String>,
    key: &str,
    range: RangeInclusive<Duration>,
    place: &Place,
    problems: &mut Problems,
) -> Option<Duration> {
    let duration = problems.take(&place.at(key), units::duration(text?))?;
    if !range.contains(&duration) {
        problems.error(&place.at(key), format!("{:?} to {:?} are possible", range.start(), range.end()));
    }
    Some(duration)
}

fn packet_limit(entry: &MqttEntry, place: &Place, problems: &mut Problems) -> usize {
    let Some(text) = &entry.packet_limit else { return USUAL_PACKET_LIMIT };
    let at = place.at("packet_limit");
    let bytes = problems.take(&at, units::bytes(text)).map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
    if bytes.is_some_and(|bytes| !PACKET_LIMITS.contains(&bytes)) {
        problems.error(&at, "1 kB to 268 MB are possible");
    }
    bytes.unwrap_or(USUAL_PACKET_LIMIT)
}

fn qos(number: Option<u8>, place: &Place, problems: &mut Problems) -> QoS {
    let level = QoS::from_number(number.unwrap_or(1));
    if level.is_none() {
        problems.error(&place.at("qos"), "0, 1 and 2 exist");
    }
    level.unwrap_or(QoS::AtLeastOnce)
}

fn will(entry: &WillEntry, place: &Place, problems: &mut Problems) -> Will {
    if !is_topic(&entry.topic) {
        problems.error(&place.at("topic"), "a will goes to one topic, without + and #");
    }
    if entry.payload.len() > WILL_BYTES {
        problems.error(&place.at("payload"), format!("{WILL_BYTES} bytes at most are possible"));
    }
    Will {
        topic: entry.topic.as_str().into(),
        payload: entry.payload.clone().into(),
        qos: qos(entry.qos, place, problems),
        retain: entry.retain,
    }
}

/// Whether something can be published to it.
pub(super) fn is_topic(text: &str) -> bool {
    !text.is_empty() && text.len() <= usize::from(u16::MAX) && !text.contains(['+', '#', '\0'])
}

fn login(entry: &MqttEntry, secrets: &Secrets, place: &Place, problems: &mut Problems) -> Option<Login> {
    let password = entry.password.as_ref().and_then(|wanted| {
        let found = secrets.get(&wanted.secret);
        if found.is_none() {
            let words = format!("there is no secret \"{}\" in secrets.json or the environment", wanted.secret);
            problems.error(&place.at("password"), words);
        }
        found
    });
    match (&entry.username, password) {
        (Some(user), password) => Some(Login { user: user.as_str().into(), password: password.map(Into::into) }),
        (None, Some(_)) => {
            problems.error(&place.at("username"), "a password without a user name is not possible");
            None
        }
        (None, None) => None,
    }
}
