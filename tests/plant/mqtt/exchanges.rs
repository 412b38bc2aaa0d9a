//! What went over the wire, to say who lost or doubled a message.

use super::between::{Between, Side};
use std::collections::{BTreeMap, BTreeSet, HashMap};

const PUBLISH: u8 = 3;
const PUBACK: u8 = 4;
const PUBREC: u8 = 5;
const PUBREL: u8 = 6;
const PUBCOMP: u8 = 7;

/// The exchange that an identifier stands for.
struct Exchange {
    number: u64,
    words: Vec<String>,
    is_released: bool,
}

/// Numbers that the broker published again although it had released them before, each with its whole exchange. It had our PUBREC by then,
/// and "MUST NOT re-send the PUBLISH once it has sent the corresponding PUBREL packet" (MQTT-4.3.3-6 of version 5; 3.1.1 has the same in
/// MQTT-4.3.3-1). Whoever receives it again "MUST treat any subsequent PUBLISH packet that contains that Packet Identifier as being a new
/// Application Message" (MQTT-4.3.3-12) once they have sent PUBCOMP.
pub(super) fn published_again(between: &Between, topic: &str, version: &str) -> BTreeMap<u64, String> {
    let mut exchanges: HashMap<u16, Exchange> = HashMap::new();
    // By number: what was said about it in exchanges that were released.
    let mut released: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    let mut again = BTreeMap::new();
    for (connection, side, packet) in between.all() {
        let kind = packet[0] >> 4;
        if kind == PUBLISH && side == Side::Broker && packet[0] & 0b110 == 0b100 {
            let Some((id, number)) =
                published(&packet, version).filter(|(on, ..)| *on == topic).map(|(_, id, number)| (id, number))
            else {
                continue;
            };
            let said = format!("PUBLISH {id} dup {} ({connection})", packet[0] >> 3 & 1);
            let exchange = exchanges.entry(id).or_insert(Exchange { number, words: Vec::new(), is_released: false });
            if exchange.number != number || exchange.is_released {
                *exchange = Exchange { number, words: Vec::new(), is_released: false };
            }
            exchange.words.push(said.clone());
            if let Some(before) = released.get(&number) {
                again.insert(number, format!("{}, {said}", before.join(", ")));
            }
        }
        let name = match (kind, side) {
            (PUBREC, Side::Station) => "PUBREC",
            (PUBREL, Side::Broker) => "PUBREL",
            (PUBCOMP, Side::Station) => "PUBCOMP",
            _ => continue,
        };
        let id = u16::from_be_bytes([packet[2], packet[3]]);
        let Some(exchange) = exchanges.get_mut(&id) else { continue };
        exchange.words.push(format!("{name} ({connection})"));
        if kind == PUBREL {
            exchange.is_released = true;
        }
        if exchange.is_released {
            released.insert(exchange.number, exchange.words.clone());
        }
    }
    again
}

/// Numbers that the station acknowledged, so that the broker keeps them no more.
pub(super) fn acknowledged(between: &Between, topic: &str, version: &str) -> BTreeSet<u64> {
    let mut under_way = HashMap::new();
    let mut acknowledged = BTreeSet::new();
    for (_, side, packet) in between.all() {
        match (packet[0] >> 4, side) {
            (PUBLISH, Side::Broker) => {
                let Some((on, id, number)) = published(&packet, version) else { continue };
                under_way.insert(id, (on == topic).then_some(number));
            }
            (PUBACK | PUBREC, Side::Station) => {
                let id = u16::from_be_bytes([packet[2], packet[3]]);
                acknowledged.extend(under_way.get(&id).copied().flatten());
            }
            _ => {}
        }
    }
    acknowledged
}

/// Topic, identifier and number of a message of QoS 1 or 2.
fn published<'a>(packet: &'a [u8], version: &str) -> Option<(&'a str, u16, u64)> {
    // All of it is shorter than 128 bytes, so that lengths are one byte.
    let (topic, rest) = packet.get(4..)?.split_at_checked(usize::from(packet[3]))?;
    let topic = std::str::from_utf8(topic).ok()?;
    let id = u16::from_be_bytes([rest[0], rest[1]]);
    let properties = if version == "5" { 1 + usize::from(rest[2]) } else { 0 };
    let number = std::str::from_utf8(&rest[2 + properties..]).ok()?.parse().ok()?;
    Some((topic, id, number))
}
