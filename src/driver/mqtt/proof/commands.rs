//! What others want set: as messages on topics of commands, and as instructions to the station as an edge node. Whatever they say, only a
//! tag that can be set is named, by a value that its metric can have; an answer never goes where commands go; and what was kept is no command.

use super::messages;
use crate::driver::DriverNumber;
use crate::driver::mqtt::asks::{AskSettings, Asks, Heard};
use crate::driver::mqtt::session::Message;
use crate::driver::mqtt::sparkplug::edge::{EdgeEffect, EdgeMetric, EdgeNode, EdgeSettings};
use crate::driver::mqtt::sparkplug::payload::{DataType, decode};
use crate::driver::mqtt::{MessageProperties, QoS};
use crate::tag::{Monotonic, Now, Timestamp, Value};
use std::sync::Arc;
use std::time::Duration;

const NOW: Now =
    Now { utc: Timestamp::from_micros(1_795_266_000_000_000), monotonic: Monotonic::from_micros(3_600_000_000) };
const ASKED: &str = "polder/speed/set";
/// The oldest that a command may be.
const OLDEST: Duration = Duration::from_secs(30);

/// Bytes as a message: the first one says by which way it comes and how (bit 0: to the edge node; bit 1: kept by the broker; bit 2: over a
/// session that keeps messages, or for a device; bit 3: with where to answer), the others are the payload.
pub(super) fn commands(bytes: &[u8]) {
    let Some((&first, payload)) = bytes.split_first() else { return };
    if first & 1 == 0 { asked(first, payload) } else { instructed(first, payload) }
}

fn asked(first: u8, payload: &[u8]) {
    let (is_kept, may_be_old) = (first & 2 == 2, first & 4 == 4);
    let mut settings = messages::settings();
    let topics = vec![(ASKED.into(), "speed".into())];
    *settings.asks = AskSettings { connection: "site".into(), topics, may_be_old };
    // The beginning of the payload is where the answer is wanted as well.
    let start = String::from_utf8_lossy(&payload[..payload.len().min(40)]);
    let properties = MessageProperties {
        response_topic: Some(start.lines().next().unwrap_or_default().into()),
        correlation: Some(payload[..payload.len().min(9)].to_vec().into()),
        ..MessageProperties::default()
    };
    let message = Message {
        topic: ASKED.into(),
        payload: payload.to_vec().into(),
        retained: is_kept,
        queued: false,
        duplicate: false,
        qos: QoS::AtLeastOnce,
        receipt: None,
        properties: (first & 8 == 8).then(|| Box::new(properties)),
    };
    let mut asks = Asks::new(&settings, DriverNumber::default());
    match asks.hear(&message, NOW) {
        Heard::Command(asked) => {
            assert!(!is_kept && &*asked.tag == "speed" && (!may_be_old || asked.id.is_some()));
            assert!(asked.reply.is_none_or(|reply| &*reply.topic != ASKED), "the answer would be a command");
            assert!([&asked.sender, &asked.reason].iter().all(|text| text.chars().count() <= 200));
        }
        Heard::Refused(answer) => {
            assert!(
                &*answer.reply.topic != ASKED && serde_json::from_str::<serde_json::Value>(&answer.payload).is_ok()
            );
        }
        Heard::LeftOut => {}
        Heard::Nothing => assert_ne!(&*message.topic, ASKED, "it was not even looked at"),
    }
}

fn metrics() -> Vec<EdgeMetric> {
    let kinds =
        [DataType::Int8, DataType::UInt64, DataType::Double, DataType::Float, DataType::Boolean, DataType::String];
    let metric = |(place, kind): (usize, &DataType)| EdgeMetric {
        tag: format!("tag-{place}").into(),
        device: (place % 2 == 1).then(|| "pump".into()),
        name: format!("m{place}").into(),
        kind: *kind,
        unit: "".into(),
    };
    kinds.iter().enumerate().map(metric).collect()
}

fn instructed(first: u8, payload: &[u8]) {
    let metrics = metrics();
    let kinds: Vec<(Arc<str>, DataType)> =
        metrics.iter().map(|metric| (Arc::clone(&metric.tag), metric.kind)).collect();
    let settings = EdgeSettings {
        group: "north".into(),
        node: "polder".into(),
        primary_host: Some("scada".into()),
        metrics,
        takes_commands: true,
    };
    let (mut node, mut effects) = (EdgeNode::new(settings, None), Vec::new());
    node.connect(NOW.utc);
    node.ready(NOW.utc, &mut effects);
    node.message("spBv1.0/STATE/scada", payload, true, NOW, &mut effects);
    let state = br#"{"online":true,"timestamp":18446744073709551615}"#;
    node.message("spBv1.0/STATE/scada", state, true, NOW, &mut effects);
    let topic = if first & 4 == 4 { "spBv1.0/north/DCMD/polder/pump" } else { "spBv1.0/north/NCMD/polder" };
    for turn in 0..3 {
        let now = Now { monotonic: NOW.monotonic.plus(OLDEST * turn), ..NOW };
        node.message(topic, payload, first & 2 == 2, now, &mut effects);
        node.pass_time(now, &mut effects);
        assert!(node.next_deadline().is_none_or(|next| next > now.monotonic), "a birth is due for ever");
    }
    for effect in effects {
        match effect {
            EdgeEffect::Set { tag, value } => {
                let kind = kinds.iter().find(|(known, _)| *known == tag).map(|(_, kind)| *kind);
                assert!(first & 2 == 0 && kind.is_some_and(|kind| fits(&value, kind)), "{tag} {value:?} {kind:?}");
            }
            EdgeEffect::Publish(message) => assert!(decode(&message.payload).is_ok()),
            EdgeEffect::Fault(words) => assert!(!words.is_empty()),
            EdgeEffect::Disconnect => {}
        }
    }
}

fn fits(value: &Value, kind: DataType) -> bool {
    match value {
        Value::Signed(_) | Value::Unsigned(_) => kind.integer().is_some(),
        Value::Single(_) | Value::Double(_) => matches!(kind, DataType::Double | DataType::Float),
        Value::Bool(_) => kind == DataType::Boolean,
        Value::Text(_) => kind == DataType::String,
    }
}
