//! What holds for a connection whatever its protocol: the interface that it may use, whether it may speak in clear, what it may cost, and
//! how slow it is.

use super::connection_entries::{ConnectionEntry, LinkKind};
use super::drafts::{DeviceDraft, Placed};
use super::problem::{Place, Problems};
use super::system::{SystemPart, system_alarm};
use super::units;
use crate::alarm::{AlarmDefinition, AlarmKey, Condition, Priority};
use crate::driver::modbus::Transport;
use crate::driver::socket::check_interface_name;
use crate::driver::{LinkSettings, Protocol};
use crate::engine::LinkTags;
use crate::expression::TagKind;
use crate::tag::TagId;
use std::net::IpAddr;
use std::sync::Arc;

/// What is usual over a slow line, where the engineer says nothing: as if it stood in the file.
const SLOW_TIMEOUT: &str = "10s";
const SLOW_POLL: &str = "10s";
const SLOW_KEEP_ALIVE: &str = "60s";

/// Writes down what is usual over slow lines where nothing is said.
pub(super) fn fill_in(connections: &mut [Placed<ConnectionEntry>]) {
    for entry in connections.iter_mut().map(|placed| &mut placed.entry).filter(|entry| is_slow(entry)) {
        if let Some(modbus) = &mut entry.modbus {
            modbus.timeout.get_or_insert_with(|| SLOW_TIMEOUT.to_owned());
        }
        if let Some(mqtt) = &mut entry.mqtt {
            mqtt.keep_alive.get_or_insert_with(|| SLOW_KEEP_ALIVE.to_owned());
        }
    }
}

/// The same for the devices behind them.
pub(super) fn fill_in_devices(devices: &mut [DeviceDraft], connections: &[Placed<ConnectionEntry>]) {
    for device in devices.iter_mut().filter(|device| is_slow(&connections[device.connection].entry)) {
        device.entry.poll.get_or_insert_with(|| SLOW_POLL.to_owned());
    }
}

fn is_slow(entry: &ConnectionEntry) -> bool {
    entry.link == Some(LinkKind::Slow)
}

/// Checks what is said of a connection, and lets its protocol know.
pub(super) fn settings(
    entry: &ConnectionEntry,
    protocol: Option<&mut Protocol>,
    place: &Place,
    problems: &mut Problems,
) -> LinkSettings {
    let budget = entry.budget.as_ref();
    let budget = budget.and_then(|text| problems.take(&place.at("budget"), monthly(text)));
    let only_via = entry.only_via.as_ref();
    let only_via = only_via.and_then(|name| problems.take(&place.at("only_via"), interface(name)));
    if (only_via.is_some() || budget.is_some()) && !is_part_of_a_name(&entry.name) {
        let words =
            "a connection with \"only_via\" or \"budget\" gives its name to tags: write one without / : { } * ?";
        problems.error(&place.at("name"), words);
    }
    let settings = LinkSettings { only_via, budget };
    let Some(protocol) = protocol else { return settings };
    check_sockets(entry, protocol, place, problems);
    if entry.only_via.is_some() {
        hosts(protocol).into_iter().for_each(|host| check_literal(host, place, problems));
    }
    if entry.tls.is_some() {
        check_tls(entry, protocol, place, problems);
    }
    match protocol {
        Protocol::Modbus(wire) => (wire.only_via, wire.is_slow) = (settings.only_via.clone(), is_slow(entry)),
        Protocol::Mqtt(broker) => {
            (broker.endpoint.only_via, broker.endpoint.is_slow) = (settings.only_via.clone(), is_slow(entry));
        }
    }
    settings
}

fn interface(name: &str) -> Result<Arc<str>, String> {
    if !cfg!(target_os = "linux") {
        return Err("only Linux can bind a connection to an interface, and Polder does not connect without".to_owned());
    }
    check_interface_name(name).map(|()| name.into())
}

fn monthly(text: &str) -> Result<u64, String> {
    let size = text.trim().strip_suffix("/month").map(str::trim_end);
    size.ok_or_else(|| format!("\"{text}\" is no budget; write it as 200MB/month")).and_then(units::bytes)
}

fn is_part_of_a_name(name: &str) -> bool {
    !name.trim().is_empty() && !name.contains(['/', ':', '{', '}', '*', '?'])
}

/// All of this is about sockets.
fn check_sockets(entry: &ConnectionEntry, protocol: &Protocol, place: &Place, problems: &mut Problems) {
    if !matches!(protocol, Protocol::Modbus(wire) if matches!(wire.transport, Transport::Serial(_))) {
        return;
    }
    let given = [
        ("only_via", entry.only_via.is_some()),
        ("tls", entry.tls.is_some()),
        ("link", entry.link.is_some()),
        ("budget", entry.budget.is_some()),
    ];
    for (key, _) in given.into_iter().filter(|(_, given)| *given) {
        problems.error(
            &place.at(key),
            format!("\"{key}\" belongs to a connection over the network, and this is a serial line"),
        );
    }
}

fn hosts(protocol: &Protocol) -> Vec<&Arc<str>> {
    match protocol {
        Protocol::Modbus(wire) => std::iter::once(&wire.transport).chain(&wire.fallback).filter_map(host).collect(),
        Protocol::Mqtt(broker) => vec![&broker.endpoint.host],
    }
}

const fn host(transport: &Transport) -> Option<&Arc<str>> {
    match transport {
        Transport::Tcp { host, .. } | Transport::RtuOverTcp { host, .. } => Some(host),
        Transport::Serial(_) => None,
    }
}

fn check_literal(host: &str, place: &Place, problems: &mut Problems) {
    if host.parse::<IpAddr>().is_err() {
        let words = format!(
            "\"{host}\" is a name, and names are asked for outside of the tunnel: write its address, such as 10.8.0.7 (with TLS, the \
             name goes to \"server_name\")"
        );
        problems.error(&place.at("only_via"), words);
    }
}

fn check_tls(entry: &ConnectionEntry, protocol: &Protocol, place: &Place, problems: &mut Problems) {
    let is_clear = |transport: &Transport| !matches!(transport, Transport::Tcp { tls: Some(_), .. });
    let words = match protocol {
        Protocol::Modbus(wire) if is_clear(&wire.transport) => {
            "this address is spoken to in clear; write it as \"tls\" of \"modbus\", with a \"ca\""
        }
        // Its second address is reached the same way as the first.
        Protocol::Modbus(_) => return,
        Protocol::Mqtt(_) => {
            let url = entry.mqtt.as_ref().map_or("", |mqtt| &mqtt.url);
            if ["mqtts://", "ssl://"].iter().any(|scheme| url.starts_with(scheme)) {
                return;
            }
            "this broker is spoken to in clear; write its address as mqtts://"
        }
    };
    problems.error(&place.at("tls"), words);
}

impl SystemPart {
    /// The tags in which connections over tunnels, and those that cost by the byte, speak about themselves, with their alarms.
    pub(super) fn add_link_tags(&mut self, links: &[(Arc<str>, LinkSettings)]) -> Vec<LinkTags> {
        let mut added = Vec::new();
        for (name, link) in links {
            let tunnel_up = link.only_via.as_ref().map(|interface| self.add_tunnel(name, interface));
            let budget = link.budget.map(|_| self.add_budget(name));
            let (bytes, percent) = budget.unzip();
            if tunnel_up.is_some() || bytes.is_some() {
                added.push(LinkTags { connection: Arc::clone(name), tunnel_up, bytes, percent });
            }
        }
        added
    }

    fn add_tunnel(&mut self, connection: &str, interface: &str) -> TagId {
        let name = format!("links/{connection}/tunnel-up");
        let words = format!("Whether the interface {interface} is up, over which alone {connection} may go.");
        let tag = self.station_tag(&name, TagKind::Boolean, &words);
        self.alarms.push(system_alarm(
            tag,
            &name,
            0.0,
            Priority::High,
            &format!("The tunnel {interface} of {connection} is down"),
            "Nothing is sent to its devices until it is up, and nothing another way. Look at the tunnel on this computer and at the line \
             below it; the devices themselves may be well.",
        ));
        tag
    }

    fn add_budget(&mut self, connection: &str) -> (TagId, TagId) {
        let words = format!("What {connection} sent and received in this calendar month, headers of packets included.");
        let bytes = self.station_tag(&format!("links/{connection}/month"), TagKind::Number, &words);
        self.tag(bytes).unit = "B".into();
        let name = format!("links/{connection}/budget");
        let words = format!("What {connection} has taken of its budget of this calendar month.");
        let percent = self.station_tag(&name, TagKind::Number, &words);
        self.tag(percent).unit = "%".into();
        let key = format!("station/{name}");
        let guidance = "Nothing is cut off; what is above it may cost. Poll more slowly, or ask for more.";
        let alarm = |kind: &str, condition, priority, message: String| AlarmDefinition {
            key: AlarmKey::new(&key, kind),
            condition,
            ..system_alarm(percent, &name, 0.0, priority, &message, guidance)
        };
        let near = format!("{connection} has taken 80 % of its bytes of this month");
        self.alarms.push(alarm("high", Condition::High(80.0), Priority::Low, near));
        let all = format!("{connection} has taken all its bytes of this month");
        self.alarms.push(alarm("high-high", Condition::HighHigh(100.0), Priority::Medium, all));
        (bytes, percent)
    }
}
