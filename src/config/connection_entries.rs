//! Wires as the station file has them: over which line, and how Modbus goes over it. These comments too are what an engineer reads in
//! the editor.

use super::mqtt_entries::MqttEntry;
use crate::driver::modbus::Parity;
use schemars::JsonSchema;
use serde::Deserialize;

/// A wire. Exactly one protocol is given.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConnectionEntry {
    /// Name, unique among connections.
    pub(super) name: String,
    /// The only network interface that it may use, such as the tunnel "wg0": while that is missing or down nothing is sent. The addresses of
    /// such a connection are numbers, because names are asked for outside of the tunnel. Linux only.
    pub(super) only_via: Option<String>,
    /// "required" refuses every address at which it would speak in clear.
    pub(super) tls: Option<TlsDemand>,
    /// "slow" for radio, satellite and other lines of some kbit/s: what is not said otherwise is then "timeout" 10s and "poll" 10s for Modbus
    /// and "keep_alive" 60s for MQTT.
    pub(super) link: Option<LinkKind>,
    /// How many bytes it may take in a month, such as "200MB/month", headers of packets included: an alarm at 80 % and another one at 100 %.
    /// Nothing is cut off.
    pub(super) budget: Option<String>,
    /// Modbus over TCP or a serial line.
    pub(super) modbus: Option<ModbusEntry>,
    /// An MQTT broker.
    pub(super) mqtt: Option<MqttEntry>,
}

/// Whether a connection may speak in clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum TlsDemand {
    /// It may not.
    Required,
}

/// What kind of line a connection goes over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum LinkKind {
    /// Long round trips, losses, few bits a second.
    Slow,
}

/// A Modbus wire. Exactly one of tcp, tls, rtu_over_tcp and serial is given.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ModbusEntry {
    /// Host and port, such as "10.0.0.7:502"; the port is 502 where none is given.
    pub(super) tcp: Option<String>,
    /// Modbus/TCP Security: host and port, such as "10.0.0.7:802"; the port is 802 where none is given.
    pub(super) tls: Option<String>,
    /// With tls: file with the certificates of those who may sign the device's certificate (PEM).
    pub(super) ca: Option<String>,
    /// With tls: file with our certificate (PEM); devices by the standard want one.
    pub(super) certificate: Option<String>,
    /// With tls: file with the key of our certificate (PEM), readable by this account alone.
    pub(super) key: Option<String>,
    /// With tls: the name in the device's certificate; the host where none is given.
    pub(super) server_name: Option<String>,
    /// Host and port of a converter that passes serial frames on as they are.
    pub(super) rtu_over_tcp: Option<String>,
    /// Path of a serial port, best one below /dev/serial/by-id/.
    pub(super) serial: Option<String>,
    /// Where else the same devices can be reached, tried when the first way fails: host and port, or a path for a serial port.
    pub(super) fallback: Option<String>,
    /// Bits a second on the serial line; 19200 where none is given.
    pub(super) baud: Option<u32>,
    /// Parity on the serial line; even where none is given.
    pub(super) parity: Option<Parity>,
    /// Stop bits on the serial line, 1 or 2; 1 where none is given.
    pub(super) stop_bits: Option<u8>,
    /// Data bits on the serial line; RTU frames need 8.
    pub(super) data_bits: Option<u8>,
    /// Rest between two frames on the serial line beyond the standard's 3.5 characters, such as "5ms": for RS-485 drivers that turn slowly.
    pub(super) turnaround: Option<String>,
    /// Whether the serial adapter gives back what is sent (two-wire adapters with their receiver on).
    pub(super) echo: Option<bool>,
    /// How long an answer may take; "1s" on sockets. On serial lines it is "200ms" and the time that the characters need.
    pub(super) timeout: Option<String>,
    /// Rest between the end of an answer and the next request, whatever the unit, such as "20ms".
    pub(super) pause: Option<String>,
    /// Requests that may be under way at once, 1 to 32; 1 where none is given. Many devices and all serial converters take only one.
    pub(super) in_flight: Option<u8>,
}
