//! Commands that come as messages: who may be asked what, what a message says, and how many are taken.

use super::Settings;
use super::intake::topic_matches;
use super::session::Message;
use super::sparkplug::topic::NAMESPACE;
use crate::driver::{Asked, AskedValue, DriverNumber, LinkAnswer, ReplyTo};
use crate::tag::{Monotonic, Now, Timestamp, Value};
use serde::Deserialize;
use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// A command that says nothing about it is worth something for this long.
const WORTH: Duration = Duration::from_secs(10);
/// A message that says its time is taken while it is no older than this.
const OLDEST: Duration = Duration::from_secs(30);
/// No clock goes before ours by more than this.
const AHEAD: Duration = Duration::from_secs(5);
/// A broker hands one message on once for each subscription that it fits; what says the same within this is one message.
const SAME_WITHIN: Duration = Duration::from_secs(1);
/// Messages that are compared.
const COMPARED: usize = 64;
/// Those beyond the bound are written of at most so often.
const BETWEEN_WARNINGS: Duration = Duration::from_secs(10);
/// Messages that are judged at once, be they taken or refused, and how many more a second.
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
    /// Whether the broker keeps messages while the station is away: then a message has to say its time and its name.
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
    /// It is left unanswered: one of too many, the same again, or one whose answer could only go where commands go.
    LeftOut,
}

/// Listens for commands.
#[derive(Debug, Default)]
pub(super) struct Asks {
    settings: AskSettings,
    driver: DriverNumber,
    tags: HashMap<Arc<str>, Arc<str>>,
    /// The topics that our own commands go to.
    ours: HashSet<Arc<str>>,
    /// Subscriptions of others that may fit topics of commands.
    wildcards: Vec<Arc<str>>,
    bucket: Bucket,
    /// What was heard lately by more than one subscription.
    recent: VecDeque<(u64, Monotonic)>,
}

/// How many more are taken now, and what became of the others.
#[derive(Debug)]
struct Bucket {
    left: f64,
    /// Since when that is counted.
    counted: Option<Monotonic>,
    /// Whether somebody was told that it is empty, since it last was not.
    is_told: bool,
    /// Those beyond it, since the start.
    beyond: u64,
    warned: Option<Monotonic>,
}

impl Default for Bucket {
    fn default() -> Self {
        Self { left: BURST, counted: None, is_told: false, beyond: 0, warned: None }
    }
}

impl Asks {
    pub(super) fn new(broker: &Settings, driver: DriverNumber) -> Self {
        let points = broker.devices.iter().flat_map(|device| &device.points);
        let ours = points.filter_map(|point| Some(Arc::clone(&point.publication.as_ref()?.topic))).collect();
        let wildcards = broker.filters().into_iter().filter(|filter| rumqttc::has_wildcards(filter)).collect();
        Self { driver, ..Self::with((*broker.asks).clone(), ours, wildcards) }
    }

    fn with(settings: AskSettings, ours: HashSet<Arc<str>>, wildcards: Vec<Arc<str>>) -> Self {
        let tags = settings.topics.iter().cloned().collect();
        Self { settings, tags, ours, wildcards, ..Self::default() }
    }

    /// Goes on with other settings; what was taken lately still counts.
    pub(super) fn adopt(&mut self, broker: &Settings) {
        let (bucket, recent) = (std::mem::take(&mut self.bucket), std::mem::take(&mut self.recent));
        *self = Self { bucket, recent, ..Self::new(broker, self.driver) };
    }

    pub(super) fn filters(&self) -> impl Iterator<Item = Arc<str>> + '_ {
        self.settings.topics.iter().map(|(topic, _)| Arc::clone(topic))
    }

    /// Whether commands come on a topic.
    pub(super) fn is_for(&self, topic: &str) -> bool {
        self.tags.contains_key(topic)
    }

    /// Looks at a message.
    pub(super) fn hear(&mut self, message: &Message, now: Now) -> Heard {
        let Some(tag) = self.tags.get(&message.topic).cloned() else { return Heard::Nothing };
        if self.is_same_again(message, now.monotonic) {
            return Heard::LeftOut;
        }
        let (reply, is_diverted) = self.reply_to(message);
        let read = if !self.take_room(now.monotonic) {
            if std::mem::replace(&mut self.bucket.is_told, true) {
                return Heard::LeftOut;
            }
            Err("too many commands at once; send it again".to_owned())
        } else if is_diverted {
            Err("the answer cannot go to a topic of commands".to_owned())
        } else {
            self.command(message, &tag, reply.clone(), now)
        };
        match (read, reply) {
            (Ok(asked), _) => Heard::Command(Box::new(asked)),
            (Err(words), Some(reply)) => {
                let connection = Arc::clone(&self.settings.connection);
                let payload = serde_json::json!({"tag": &*tag, "outcome": "refused", "detail": words});
                Heard::Refused(LinkAnswer {
                    connection,
                    driver: self.driver,
                    reply,
                    payload: payload.to_string().into(),
                })
            }
            (Err(_), None) => Heard::LeftOut,
        }
    }

    fn command(&self, message: &Message, tag: &Arc<str>, reply: Option<ReplyTo>, now: Now) -> Result<Asked, String> {
        let (value, written, expires_in) = self.read(message, now)?;
        let text =
            |text: Option<String>| Arc::from(text.unwrap_or_default().chars().take(LONGEST_TEXT).collect::<String>());
        let (sender, reason, id) = written.map(|one| (one.sender, one.reason, one.id)).unwrap_or_default();
        let id = id.or_else(|| correlation(message).filter(|bytes| !bytes.is_empty()).map(hexadecimal));
        if self.settings.may_be_old && id.is_none() {
            let words = "this broker keeps messages for the station, and this one could come twice: give it an \"id\"";
            return Err(words.to_owned());
        }
        let (connection, tag, id) =
            (Arc::clone(&self.settings.connection), Arc::clone(tag), id.map(|id| text(Some(id))));
        let (driver, sender, reason) = (self.driver, text(sender), text(reason));
        Ok(Asked { connection, driver, tag, value, sender, reason, id, expires_in, reply })
    }

    /// Where the answer goes: where the sender wants it, or else below the topic; but never to where commands go, ours or those of others. And
    /// whether the sender wanted it there.
    fn reply_to(&self, message: &Message) -> (Option<ReplyTo>, bool) {
        let is_free =
            |topic: &str| !self.tags.contains_key(topic) && !self.ours.contains(topic) && !topic.starts_with(NAMESPACE);
        let wanted = message.properties.as_ref().and_then(|properties| properties.response_topic.clone());
        let is_diverted = wanted.as_deref().is_some_and(|topic| !is_free(topic));
        let topic = wanted.filter(|_| !is_diverted).unwrap_or_else(|| result_topic(&message.topic));
        let correlation = correlation(message).unwrap_or_default().into();
        (is_free(&topic).then_some(ReplyTo { topic, correlation }), is_diverted)
    }

    /// Whether a command that more than one subscription fits was heard just now.
    pub(super) fn is_same_again(&mut self, message: &Message, now: Monotonic) -> bool {
        if !self.wildcards.iter().any(|filter| topic_matches(&message.topic, filter)) {
            return false;
        }
        let mut hasher = DefaultHasher::new();
        (&message.topic, &message.payload, correlation(message)).hash(&mut hasher);
        let hash = hasher.finish();
        self.recent.retain(|(_, heard)| now.since(*heard) < SAME_WITHIN);
        if self.recent.iter().any(|(other, _)| *other == hash) {
            return true;
        }
        if self.recent.len() == COMPARED {
            self.recent.pop_front();
        }
        self.recent.push_back((hash, now));
        false
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
        if self.settings.may_be_old && age.is_none() {
            let words = "this broker keeps messages for the station, and this one does not say how old it is: give it a \"time\"";
            return Err(words.to_owned());
        }
        let value = match &written {
            Some(written) => AskedValue::Known(written.value.clone()),
            None if text.is_empty() => return Err("the payload is empty".to_owned()),
            None => AskedValue::Text(text.into()),
        };
        Ok((value, written, expiry.unwrap_or(WORTH)))
    }

    /// Whether one more is taken; one that is not is counted.
    pub(super) fn take_room(&mut self, now: Monotonic) -> bool {
        let bucket = &mut self.bucket;
        let passed = bucket.counted.map_or(0.0, |counted| now.since(counted).as_secs_f64());
        bucket.left = (bucket.left + passed * A_SECOND).min(BURST);
        bucket.counted = Some(now);
        if bucket.left < 1.0 {
            bucket.beyond += 1;
            return false;
        }
        bucket.left -= 1.0;
        bucket.is_told = false;
        true
    }

    /// How many were beyond the bound since the start, where it is time to write of it.
    pub(super) fn beyond(&mut self, now: Monotonic) -> Option<u64> {
        let is_due = self.bucket.warned.is_none_or(|warned| now.since(warned) >= BETWEEN_WARNINGS);
        (is_due && self.bucket.beyond > 0).then(|| {
            self.bucket.warned = Some(now);
            self.bucket.beyond
        })
    }
}

fn correlation(message: &Message) -> Option<&[u8]> {
    message.properties.as_deref()?.correlation.as_deref()
}

/// `a/b/set` is answered at `a/b/result`, anything else below itself.
fn result_topic(topic: &str) -> Arc<str> {
    format!("{}/result", topic.strip_suffix("/set").unwrap_or(topic)).into()
}

fn age(time: &str, now: Timestamp) -> Result<Duration, String> {
    let time = Timestamp::parse_rfc3339(time)
        .ok_or_else(|| format!("\"{time}\" is no time; write it as 2026-11-21T14:00:00Z"))?;
    if time > now.plus(AHEAD) {
        let now = now.to_rfc3339();
        return Err(format!("its time lies ahead of the clock of this station, which says {now}"));
    }
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
        let settings = AskSettings { connection: "site".into(), topics, may_be_old };
        Asks::with(settings, HashSet::from(["valve/open".into()]), vec!["wide/#".into()])
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
        let ahead = message(r#"{"value": 1, "time": "2026-11-21T14:00:06Z"}"#);
        assert!(refusal(asks(false).hear(&ahead, now())).contains("ahead of the clock"));
        let near = message(r#"{"value": 1, "time": "2026-11-21T14:00:04Z"}"#);
        command(asks(false).hear(&near, now()));
    }

    fn with(properties: MessageProperties, payload: &str) -> Message {
        Message { properties: Some(Box::new(properties)), ..message(payload) }
    }

    /// The broker may have kept it for hours, and may hand it on twice.
    #[test]
    fn over_a_kept_session_a_message_says_its_time_and_its_name() {
        assert!(refusal(asks(true).hear(&message("42"), now())).contains("how old"));
        let properties = MessageProperties { expiry: Some(Duration::from_secs(3)), ..MessageProperties::default() };
        let expiring = with(properties.clone(), r#"{"value": 42, "id": "x7"}"#);
        assert!(refusal(asks(true).hear(&expiring, now())).contains("how old"), "an expiry is no age");
        let nameless = message(r#"{"value": 42, "time": "2026-11-21T14:00:00Z"}"#);
        assert!(refusal(asks(true).hear(&nameless, now())).contains("come twice"));
        let whole = with(properties, r#"{"value": 42, "id": "x7", "time": "2026-11-21T14:00:00Z"}"#);
        let asked = command(asks(true).hear(&whole, now()));
        assert_eq!((asked.expires_in, asked.id.as_deref()), (Duration::from_secs(3), Some("x7")));
    }

    /// An answer must not be a command itself, to us or from us.
    #[test]
    fn no_answer_goes_where_commands_go() {
        for topic in ["polder/speed/set", "valve/open", "spBv1.0/north/NCMD/node"] {
            let properties = MessageProperties { response_topic: Some(topic.into()), ..MessageProperties::default() };
            let words = refusal(asks(false).hear(&with(properties, "42"), now()));
            assert!(words.contains("topic of commands"), "{words}");
        }
        let mut asks = asks(false);
        asks.tags.insert("polder/speed/result".into(), "other".into());
        assert_eq!(command(asks.hear(&message("42"), now())).reply, None);
        assert_eq!(asks.hear(&message("{"), now()), Heard::LeftOut);
    }

    /// Brokers hand a message on once for each subscription that it fits.
    #[test]
    fn what_two_subscriptions_bring_is_one_command() {
        let mut asks = asks(false);
        asks.tags.insert("wide/set".into(), "speed".into());
        let wide = |payload: &str| Message { topic: "wide/set".into(), ..message(payload) };
        command(asks.hear(&wide("1"), now()));
        assert_eq!(asks.hear(&wide("1"), now()), Heard::LeftOut);
        command(asks.hear(&wide("2"), now()));
        command(asks.hear(&wide("1"), now().plus(SAME_WITHIN)));
        // One subscription brings what was sent.
        command(asks.hear(&message("1"), now()));
        command(asks.hear(&message("1"), now()));
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
        assert_eq!(asks.beyond(later.monotonic), Some(170));
        assert_eq!(asks.beyond(later.monotonic), None, "a flood is not one of lines");
    }

    /// What is refused costs an answer, and answers are bounded too; one of a flood is told why.
    #[test]
    fn a_flood_of_messages_that_are_refused_is_not_one_of_answers() {
        let mut asks = asks(false);
        let heard: Vec<_> = (0..100).map(|_| asks.hear(&message("{"), now())).collect();
        let answers: Vec<_> = heard.into_iter().filter(|heard| *heard != Heard::LeftOut).map(refusal).collect();
        assert_eq!(answers.len(), BURST as usize + 1);
        assert!(answers[BURST as usize].contains("too many"));
    }
}
