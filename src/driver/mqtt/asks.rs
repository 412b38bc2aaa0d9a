//! Commands that come as messages: who may be asked what, what a message says, and how many are taken.

use super::session::Message;
use crate::driver::{Asked, AskedValue, LinkAnswer, ReplyTo};
use crate::tag::{Monotonic, Now, Timestamp, Value};
use serde::Deserialize;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// A command that says nothing about it is worth something for this long.
const WORTH: Duration = Duration::from_secs(10);
/// A message that says its time is taken while it is no older than this.
const OLDEST: Duration = Duration::from_secs(30);
/// Commands that are taken at once, and how many more a second.
const BURST: f64 = 20.0;
const A_SECOND: f64 = 10.0;
/// Texts of a message are kept to this many characters.
const LONGEST_TEXT: usize = 200;

/// The tags that can be set over a broker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AskSettings {
    /// Name of the connection.
    pub connection: Arc<str>,
    /// By topic, the tag.
    pub topics: Vec<(Arc<str>, Arc<str>)>,
    /// Whether the broker keeps messages while the station is away: then a message has to say how old it is.
    pub may_be_old: bool,
}

/// What a message may hold besides the value.
#[derive(Debug, Deserialize)]
struct Written {
    value: Value,
    #[serde(default)]
    reason: Option<String>,
    #[serde(default)]
    sender: Option<String>,
    #[serde(default)]
    id: Option<String>,
    #[serde(default)]
    time: Option<String>,
}

/// What becomes of a message.
#[derive(Debug, PartialEq)]
pub(super) enum Heard {
    /// It is no command.
    Nothing,
    /// The engine is to judge it.
    Command(Box<Asked>),
    /// It is refused here.
    Refused(LinkAnswer),
}

/// Listens for commands.
#[derive(Debug, Default)]
pub(super) struct Asks {
    settings: AskSettings,
    tags: HashMap<Arc<str>, Arc<str>>,
    /// How many more are taken now, and since when that is counted.
    left: f64,
    counted: Option<Monotonic>,
}

impl Asks {
    pub(super) fn new(settings: AskSettings) -> Self {
        let tags = settings.topics.iter().cloned().collect();
        Self { settings, tags, left: BURST, counted: None }
    }

    /// Goes on with other settings; what was taken lately still counts.
    pub(super) fn adopt(&mut self, settings: AskSettings) {
        *self = Self { left: self.left, counted: self.counted, ..Self::new(settings) };
    }

    pub(super) fn filters(&self) -> impl Iterator<Item = Arc<str>> + '_ {
        self.settings.topics.iter().map(|(topic, _)| Arc::clone(topic))
    }

    /// Looks at a message.
    pub(super) fn hear(&mut self, message: &Message, now: Now) -> Heard {
        let Some(tag) = self.tags.get(&message.topic).cloned() else { return Heard::Nothing };
        let reply = reply_to(message);
        let read = self.read(message, now).and_then(|written| {
            if self.has_room(now.monotonic) {
                Ok(written)
            } else {
                Err("too many commands at once; send it again".to_owned())
            }
        });
        let connection = Arc::clone(&self.settings.connection);
        match read {
            Ok((value, written, expires_in)) => {
                let text = |text: Option<String>| {
                    Arc::from(text.unwrap_or_default().chars().take(LONGEST_TEXT).collect::<String>())
                };
                let (sender, reason, id) = written.map(|one| (one.sender, one.reason, one.id)).unwrap_or_default();
                let correlation = (!reply.correlation.is_empty()).then(|| hexadecimal(&reply.correlation));
                let id = id.or(correlation).map(|id| text(Some(id)));
                let (sender, reason, reply) = (text(sender), text(reason), Some(reply));
                Heard::Command(Box::new(Asked { connection, tag, value, sender, reason, id, expires_in, reply }))
            }
            Err(words) => {
                let payload = serde_json::json!({"tag": &*tag, "outcome": "refused", "detail": words});
                Heard::Refused(LinkAnswer { connection, reply, payload: payload.to_string().into() })
            }
        }
    }

    fn read(&self, message: &Message, now: Now) -> Result<(AskedValue, Option<Written>, Duration), String> {
        if message.retained {
            return Err("a command that the broker kept is not carried out: publish it without retain".to_owned());
        }
        let text = std::str::from_utf8(&message.payload).map_err(|_| "the payload is not text".to_owned())?.trim();
        let written = if text.starts_with('{') {
            let read = serde_json::from_str::<Written>(text);
            Some(
                read.map_err(|error| format!("the payload cannot be read: {error}; {{\"value\": 42}} would be right"))?,
            )
        } else {
            None
        };
        let age =
            written.as_ref().and_then(|written| written.time.as_deref()).map(|time| age(time, now.utc)).transpose()?;
        let expiry = message.properties.as_ref().and_then(|properties| properties.expiry);
        if age.is_some_and(|age| age > OLDEST) {
            return Err(format!("it is older than {} s", OLDEST.as_secs()));
        }
        if self.settings.may_be_old && age.is_none() && expiry.is_none() {
            let words = "this broker keeps messages for the station, and this one does not say how old it is: give it an expiry (MQTT 5) or a \
                         \"time\"";
            return Err(words.to_owned());
        }
        let value = match &written {
            Some(written) => AskedValue::Known(written.value.clone()),
            None if text.is_empty() => return Err("the payload is empty".to_owned()),
            None => AskedValue::Text(text.into()),
        };
        Ok((value, written, expiry.unwrap_or(WORTH)))
    }

    fn has_room(&mut self, now: Monotonic) -> bool {
        let passed = self.counted.map_or(0.0, |counted| now.since(counted).as_secs_f64());
        self.left = (self.left + passed * A_SECOND).min(BURST);
        self.counted = Some(now);
        let has_room = self.left >= 1.0;
        if has_room {
            self.left -= 1.0;
        }
        has_room
    }
}

/// Where the sender wants the answer, or else below the topic.
fn reply_to(message: &Message) -> ReplyTo {
    let properties = message.properties.as_deref();
    let wanted = properties.and_then(|properties| properties.response_topic.clone());
    let correlation = properties.and_then(|properties| properties.correlation.as_deref()).unwrap_or_default();
    let topic = wanted.unwrap_or_else(|| result_topic(&message.topic));
    ReplyTo { topic, correlation: correlation.into() }
}

/// `a/b/set` is answered at `a/b/result`, anything else below itself.
fn result_topic(topic: &str) -> Arc<str> {
    format!("{}/result", topic.strip_suffix("/set").unwrap_or(topic)).into()
}

fn age(time: &str, now: Timestamp) -> Result<Duration, String> {
    let time = Timestamp::parse_rfc3339(time)
        .ok_or_else(|| format!("\"{time}\" is no time; write it as 2026-11-21T14:00:00Z"))?;
    Ok(Duration::from_micros(u64::try_from(now.micros_since(time)).unwrap_or(0)))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().take(LONGEST_TEXT / 2).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::mqtt::{MessageProperties, QoS};
    use bytes::Bytes;

    fn asks(may_be_old: bool) -> Asks {
        let topics = vec![("polder/speed/set".into(), "speed".into())];
        Asks::new(AskSettings { connection: "site".into(), topics, may_be_old })
    }

    fn now() -> Now {
        Now { utc: Timestamp::parse_rfc3339("2026-11-21T14:00:00Z").unwrap(), ..Now::default() }
    }

    fn message(payload: &str) -> Message {
        let (topic, payload) = ("polder/speed/set".into(), Bytes::copy_from_slice(payload.as_bytes()));
        Message {
            topic,
            payload,
            retained: false,
            queued: false,
            duplicate: false,
            qos: QoS::AtLeastOnce,
            receipt: None,
            properties: None,
        }
    }

    fn refusal(heard: Heard) -> String {
        let Heard::Refused(answer) = heard else { panic!("{heard:?}") };
        assert_eq!(&*answer.reply.topic, "polder/speed/result");
        answer.payload.to_string()
    }

    fn command(heard: Heard) -> Asked {
        let Heard::Command(asked) = heard else { panic!("{heard:?}") };
        *asked
    }

    #[test]
    fn a_message_is_a_bare_value_or_json() {
        let bare = command(asks(false).hear(&message(" 42 "), now()));
        assert_eq!((&bare.value, &*bare.tag, bare.expires_in), (&AskedValue::Text("42".into()), "speed", WORTH));
        let json = r#"{"value": 42.5, "reason": "more water", "sender": "scada-1", "id": "x7", "time": "2026-11-21T13:59:45Z"}"#;
        let asked = command(asks(false).hear(&message(json), now()));
        assert_eq!(asked.value, AskedValue::Known(Value::Double(42.5)));
        assert_eq!((&*asked.sender, &*asked.reason, asked.id.as_deref()), ("scada-1", "more water", Some("x7")));
        for text in ["", "{\"valu\": 1}", "{\"value\": null}", "{", "{\"value\": 1, \"time\": \"yesterday\"}"] {
            assert!(refusal(asks(false).hear(&message(text), now())).contains("refused"), "{text}");
        }
        let other = Message { topic: "polder/other/set".into(), ..message("1") };
        assert_eq!(asks(false).hear(&other, now()), Heard::Nothing);
    }

    #[test]
    fn what_was_kept_or_is_old_is_refused() {
        let kept = Message { retained: true, ..message("42") };
        assert!(refusal(asks(false).hear(&kept, now())).contains("without retain"));
        let old = message(r#"{"value": 1, "time": "2026-11-21T13:59:29Z"}"#);
        assert!(refusal(asks(false).hear(&old, now())).contains("older than 30 s"));
        assert!(refusal(asks(true).hear(&message("42"), now())).contains("how old"));
        let properties = MessageProperties { expiry: Some(Duration::from_secs(3)), ..MessageProperties::default() };
        let dated = Message { properties: Some(Box::new(properties)), ..message("42") };
        assert_eq!(command(asks(true).hear(&dated, now())).expires_in, Duration::from_secs(3));
    }

    #[test]
    fn the_answer_goes_where_the_sender_wants_it() {
        let properties = MessageProperties {
            response_topic: Some("scada/answers".into()),
            correlation: Some(Bytes::from_static(&[0xAB, 1])),
            ..MessageProperties::default()
        };
        let asked =
            command(asks(false).hear(&Message { properties: Some(Box::new(properties)), ..message("42") }, now()));
        let reply = asked.reply.unwrap();
        assert_eq!(
            (&*reply.topic, &*reply.correlation, asked.id.as_deref()),
            ("scada/answers", &[0xAB, 1][..], Some("ab01"))
        );
    }

    #[test]
    fn a_flood_of_commands_is_refused() {
        let mut asks = asks(false);
        let taken = (0..100).filter(|_| matches!(asks.hear(&message("1"), now()), Heard::Command(_))).count();
        assert_eq!(taken, BURST as usize);
        let later = now().plus(Duration::from_secs(1));
        let taken = (0..100).filter(|_| matches!(asks.hear(&message("1"), later), Heard::Command(_))).count();
        assert_eq!(taken, A_SECOND as usize);
    }
}
