//! The list of everything that has a name in one generation of the plant.

use super::{Scaling, States, TagId, TagKey};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The slot of a device in one generation of the plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DeviceId(pub u32);

impl DeviceId {
    /// The slot as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// The slot of a connection in one generation of the plant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionId(pub u32);

impl ConnectionId {
    /// The slot as an index.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// When a new value is worth a row in history.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct HistoryPolicy {
    /// Whether this tag is kept at all.
    pub keep: bool,
    /// A number is kept when it differs from the last kept one by more than this, in the tag's unit; 0 keeps every change.
    pub deadband: f64,
    /// An unchanged value is kept again after this long.
    pub heartbeat: Duration,
    /// A number is left out while the last kept one, which every reader holds until the next, is nowhere farther from it than this, in the
    /// tag's unit, and of the same quality; none keeps them all. What the deadband takes away comes on top.
    pub error_bound: Option<f64>,
}

/// How long history is kept. Hours are kept for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Samples are kept this long; for ever if none.
    pub raw: Option<Duration>,
    /// Rollups of minutes are kept this long; for ever if none. Never shorter than samples.
    pub minutes: Option<Duration>,
    /// All files of history together may take this many bytes: beyond it the oldest samples go, whatever was said above.
    pub most_bytes: Option<u64>,
}

impl Default for HistoryPolicy {
    fn default() -> Self {
        Self { keep: true, deadband: 0.0, heartbeat: Duration::from_secs(60), error_bound: None }
    }
}

/// What is known about a tag before any value arrives.
#[derive(Clone, Debug, PartialEq)]
pub struct TagDefinition {
    /// Permanent name.
    pub key: TagKey,
    /// The device that it is read from; none for the station's own tags.
    pub device: Option<DeviceId>,
    /// The part of the plant that it belongs to.
    pub area: Option<Arc<str>>,
    /// What it means, in a sentence.
    pub description: Arc<str>,
    /// Engineering unit as shown, such as `m³/h`; empty where there is none.
    pub unit: Arc<str>,
    /// Digits behind the decimal point on screen, always all of them, so that numbers do not jump.
    pub decimals: u8,
    /// Span for display, in the unit.
    pub range: Option<[f64; 2]>,
    /// Conversion from raw counts.
    pub scaling: Option<Scaling>,
    /// Words for its values, where it has states.
    pub states: States,
    /// For a counter: the raw count at which it begins anew at zero; the tag goes on counting. None where it does not.
    pub rolls_over_at: Option<f64>,
    /// When a value is worth keeping.
    pub history: HistoryPolicy,
    /// A value older than this is stale; none where a device's silence says it already.
    pub stale_after: Option<Duration>,
    /// Where it is read, in the words of the protocol, such as `holding:40 f32 ABCD`.
    pub address: Arc<str>,
}

impl TagDefinition {
    /// A tag with this name and nothing else said about it.
    pub fn named(key: &str) -> Self {
        Self {
            key: TagKey::from(key),
            device: None,
            area: None,
            description: "".into(),
            unit: "".into(),
            decimals: 2,
            range: None,
            scaling: None,
            states: States::default(),
            rolls_over_at: None,
            history: HistoryPolicy::default(),
            stale_after: None,
            address: "".into(),
        }
    }
}

/// A device and the wire that leads to it.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceDefinition {
    /// Name, unique in the station.
    pub name: Arc<str>,
    /// The wire.
    pub connection: ConnectionId,
    /// The part of the plant that it stands in.
    pub area: Option<Arc<str>>,
    /// How it is addressed on the wire, such as `unit 3`.
    pub address: Arc<str>,
    /// The other station that speaks for it; none where it is a device of this one.
    pub station: Option<Arc<str>>,
}

/// What travels over a wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WireKind {
    /// Modbus on a socket, with or without TLS; units 0 to 255.
    ModbusTcp,
    /// Modbus with serial frames: a line, or a converter behind a socket; units 1 to 247, and 0 is everybody.
    ModbusRtu,
    /// MQTT.
    #[default]
    Mqtt,
}

/// A wire: a socket, a serial line or a broker session.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectionDefinition {
    /// Name, unique in the station.
    pub name: Arc<str>,
    /// Protocol and address in words, such as `Modbus TCP 10.0.0.7:502`.
    pub address: Arc<str>,
    /// What travels over it.
    pub kind: WireKind,
    /// Whether the station is a host application of Sparkplug there.
    pub is_sparkplug_host: bool,
}

/// All tags, devices and connections of one generation.
#[derive(Clone, Debug, Default)]
pub struct Directory {
    tags: Vec<TagDefinition>,
    devices: Vec<DeviceDefinition>,
    connections: Vec<ConnectionDefinition>,
    slots: HashMap<TagKey, TagId>,
    by_device: Vec<Vec<TagId>>,
}

impl Directory {
    /// Builds the directory. Names are expected to be unique: the station file's checks see to it; of two equal names the later wins.
    pub fn new(
        tags: Vec<TagDefinition>,
        devices: Vec<DeviceDefinition>,
        connections: Vec<ConnectionDefinition>,
    ) -> Self {
        let mut slots = HashMap::with_capacity(tags.len());
        let mut by_device = vec![Vec::new(); devices.len()];
        for (slot, tag) in tags.iter().enumerate() {
            let id = TagId(slot as u32);
            slots.insert(tag.key.clone(), id);
            if let Some(list) = tag.device.and_then(|device| by_device.get_mut(device.index())) {
                list.push(id);
            }
        }
        Self { tags, devices, connections, slots, by_device }
    }

    /// All tags, in slot order.
    pub fn tags(&self) -> &[TagDefinition] {
        &self.tags
    }

    /// All devices, in slot order.
    pub fn devices(&self) -> &[DeviceDefinition] {
        &self.devices
    }

    /// All connections, in slot order.
    pub fn connections(&self) -> &[ConnectionDefinition] {
        &self.connections
    }

    /// The tag in this slot; `None` for a slot of another generation.
    pub fn tag(&self, id: TagId) -> Option<&TagDefinition> {
        self.tags.get(id.index())
    }

    /// The slot of the tag with this name.
    pub fn find(&self, key: &str) -> Option<TagId> {
        self.slots.get(&TagKey::from(key)).copied()
    }

    /// The device in this slot.
    pub fn device(&self, id: DeviceId) -> Option<&DeviceDefinition> {
        self.devices.get(id.index())
    }

    /// The tags that are read from this device.
    pub fn tags_of(&self, device: DeviceId) -> &[TagId] {
        self.by_device.get(device.index()).map_or(&[], Vec::as_slice)
    }

    /// Slots and definitions together.
    pub fn iter(&self) -> impl Iterator<Item = (TagId, &TagDefinition)> {
        self.tags.iter().enumerate().map(|(slot, tag)| (TagId(slot as u32), tag))
    }
}
