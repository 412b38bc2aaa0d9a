//! Messages that a person publishes at a broker by hand. They go the way of commands, each step a type that only the step before can make:
//!
//! [`MessageRequest`] -> [`ConfirmedMessage`] -> [`AuthorisedMessage`] -> (audit receipt) -> [`MessageDispatch`] -> the broker's word.
//!
//! A message by hand knows no limits and no interlock. So a topic that a command of the station goes to is closed to it: that one is set
//! through its tag. Everything else takes the operator's role, a reason and a record that is written first.

use super::{Confirmation, Refusal, WrongReceipt};
use crate::access::{self, Principal, Role};
use crate::audit::{Draft, Receipt, RequestId};
use crate::tag::{Generation, Monotonic, Now, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// The word of the audit record.
pub const PUBLISH: &str = "publish";
/// Bytes of a payload that is written by hand: it stands in the record as it goes out.
pub const LONGEST_PAYLOAD: usize = 64 << 10;
/// Bytes of a topic (MQTT 5, section 1.5.4).
const LONGEST_TOPIC: usize = 65_535;
/// Where Sparkplug speaks: its payloads are no text.
const SPARKPLUG: &str = "spBv1.0/";

/// A message as it goes out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Name of the connection.
    pub connection: Arc<str>,
    /// Topic, without wildcards.
    pub topic: Arc<str>,
    /// Payload, as text.
    pub payload: Arc<str>,
    /// Quality of service, 0 to 2.
    pub quality_of_service: u8,
    /// Whether the broker keeps it for those who come later; an empty one takes away what it kept.
    pub retain: bool,
}

impl Message {
    /// What the audit entries say that it is about.
    pub fn subject(&self) -> Arc<str> {
        format!("{} {}", self.connection, self.topic).into()
    }
}

/// A wish: publish this message.
#[derive(Clone, Debug, PartialEq)]
pub struct MessageRequest {
    /// Unique name of the request.
    pub id: RequestId,
    /// What goes out.
    pub message: Message,
    /// Why.
    pub reason: Arc<str>,
    /// Who.
    pub principal: Principal,
    /// When it becomes void.
    pub expires: Timestamp,
}

impl MessageRequest {
    /// Confirms the wish.
    pub fn confirm(self, confirmation: Confirmation) -> ConfirmedMessage {
        ConfirmedMessage { request: self, confirmation }
    }
}

/// A wish that was meant.
#[derive(Clone, Debug, PartialEq)]
pub struct ConfirmedMessage {
    request: MessageRequest,
    confirmation: Confirmation,
}

impl ConfirmedMessage {
    /// What was asked for.
    pub fn request(&self) -> &MessageRequest {
        &self.request
    }
}

/// What the engine knows about the way to the broker.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MessageFacts {
    /// Whether the connection leads to a broker.
    pub is_broker: bool,
    /// The tag whose command goes to this topic over this connection.
    pub commanded: Option<String>,
}

/// A message that may go as soon as its audit entry is durable.
#[derive(Debug)]
pub struct AuthorisedMessage {
    confirmed: ConfirmedMessage,
    permit: access::Permit,
    expires: Monotonic,
}

/// Authorises a confirmed message, or says why not.
pub fn authorise_message(
    confirmed: ConfirmedMessage,
    facts: &MessageFacts,
    now: Now,
) -> Result<AuthorisedMessage, Refusal> {
    let request = &confirmed.request;
    let permit = access::permit(&request.principal, Role::Operator)?;
    if !facts.is_broker {
        return Err(Refusal::NoBroker(request.message.connection.to_string()));
    }
    check_topic(&request.message.topic).map_err(Refusal::Value)?;
    if let Some(tag) = &facts.commanded {
        return Err(Refusal::CommandTopic(tag.clone()));
    }
    if request.message.payload.len() > LONGEST_PAYLOAD {
        return Err(Refusal::Value(format!("a payload by hand has at most {} KiB", LONGEST_PAYLOAD >> 10)));
    }
    if request.message.quality_of_service > 2 {
        return Err(Refusal::Value("the quality of service is 0, 1 or 2".to_owned()));
    }
    if request.reason.trim().is_empty() {
        return Err(Refusal::NoReason);
    }
    let left = request.expires.micros_since(now.utc);
    if left <= 0 {
        return Err(Refusal::Expired);
    }
    let left = Duration::from_micros(left as u64).min(super::in_flight::DRIVER_SILENCE);
    Ok(AuthorisedMessage { permit, expires: now.monotonic.plus(left), confirmed })
}

/// Whether a message by hand may go to this topic, as far as its name says; the error is a sentence.
pub fn check_topic(topic: &str) -> Result<(), String> {
    match topic {
        "" => Err("a message needs a topic".to_owned()),
        _ if topic.len() > LONGEST_TOPIC => Err(format!("a topic has at most {LONGEST_TOPIC} bytes")),
        _ if topic.contains(['+', '#']) => Err("a message goes to one topic, without + and #".to_owned()),
        _ if topic.contains(char::is_control) => Err("a topic has no control characters".to_owned()),
        _ if topic.starts_with('$') => Err("topics that begin with $ belong to the broker".to_owned()),
        _ if topic.starts_with(SPARKPLUG) => {
            Err("what is under spBv1.0 are Sparkplug's messages, and these are no text".to_owned())
        }
        _ => Ok(()),
    }
}

impl AuthorisedMessage {
    /// The entry that must be durable before anything is sent: it holds the whole message.
    pub fn draft(&self, now: Now) -> Draft {
        let MessageRequest { id, message, reason, expires, .. } = &self.confirmed.request;
        let detail = serde_json::json!({
            "connection": &*message.connection,
            "topic": &*message.topic,
            "payload": &*message.payload,
            "qos": message.quality_of_service,
            "retain": message.retain,
            "reason": &**reason,
            "confirmed": self.confirmed.confirmation.word(),
            "expires": expires.to_rfc3339(),
        });
        Draft {
            request: id.clone(),
            time: now.utc,
            principal: self.permit.principal().clone(),
            action: PUBLISH.into(),
            subject: message.subject(),
            essential: false,
            detail: detail.to_string().into(),
        }
    }

    /// The request behind it.
    pub fn confirmed(&self) -> &ConfirmedMessage {
        &self.confirmed
    }

    /// Until when the driver's word is waited for.
    pub fn patience(&self) -> Monotonic {
        self.expires.plus(super::in_flight::DRIVER_SILENCE)
    }

    /// Lets the message go, given the receipt of its own audit entry.
    pub fn dispatch(&self, receipt: &Receipt, generation: Generation) -> Result<MessageDispatch, WrongReceipt> {
        if receipt.request() != &self.confirmed.request.id {
            return Err(WrongReceipt);
        }
        Ok(MessageDispatch {
            id: self.confirmed.request.id.clone(),
            message: self.confirmed.request.message.clone(),
            expires: self.expires,
            generation,
        })
    }
}

/// A message on its way to a driver. Not `Clone`: it can be sent only once.
#[derive(Debug)]
pub struct MessageDispatch {
    id: RequestId,
    message: Message,
    expires: Monotonic,
    generation: Generation,
}

impl MessageDispatch {
    /// The plant that the name of the connection belongs to. A driver of another one must not send it.
    pub fn generation(&self) -> Generation {
        self.generation
    }

    /// The request that it carries out.
    pub fn id(&self) -> &RequestId {
        &self.id
    }

    /// What goes out.
    pub fn message(&self) -> &Message {
        &self.message
    }

    /// After this reading it may not be sent any more.
    pub fn expires(&self) -> Monotonic {
        self.expires
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{MemoryStore, commit};

    fn request(topic: &str) -> MessageRequest {
        MessageRequest {
            id: RequestId::from("r-1"),
            message: Message {
                connection: "site".into(),
                topic: topic.into(),
                payload: "on".into(),
                quality_of_service: 1,
                retain: false,
            },
            reason: "test".into(),
            principal: Principal::person("anna"),
            expires: Timestamp::from_micros(30_000_000),
        }
    }

    fn judged(request: MessageRequest, facts: &MessageFacts) -> Result<AuthorisedMessage, String> {
        let judged = authorise_message(request.confirm(Confirmation::Dialog), facts, Now::default());
        judged.map_err(|refusal| refusal.to_string())
    }

    fn free() -> MessageFacts {
        MessageFacts { is_broker: true, commanded: None }
    }

    #[test]
    fn each_reason_to_refuse_a_message_is_found() {
        let long = MessageRequest {
            message: Message { payload: "x".repeat(LONGEST_PAYLOAD + 1).into(), ..request("a").message },
            ..request("a")
        };
        let quality =
            MessageRequest { message: Message { quality_of_service: 3, ..request("a").message }, ..request("a") };
        let silent = MessageRequest { reason: " ".into(), ..request("a") };
        let late = MessageRequest { expires: Timestamp::from_micros(0), ..request("a") };
        for (request, words) in [
            (request(""), "a message needs a topic"),
            (request("a/+"), "a message goes to one topic, without + and #"),
            (request("#"), "a message goes to one topic, without + and #"),
            (request("a\0b"), "a topic has no control characters"),
            (request("$SYS/broker"), "topics that begin with $ belong to the broker"),
            (request("spBv1.0/G/NCMD/n"), "what is under spBv1.0 are Sparkplug's messages, and these are no text"),
            (long, "a payload by hand has at most 64 KiB"),
            (quality, "the quality of service is 0, 1 or 2"),
            (silent, "a reason is needed"),
            (late, "it expired before it could be sent"),
        ] {
            assert_eq!(judged(request, &free()).unwrap_err(), words);
        }
        let commanded = MessageFacts { commanded: Some("pump/speed".to_owned()), ..free() };
        let words = judged(request("pump/set"), &commanded).unwrap_err();
        assert_eq!(words, "the command of pump/speed goes to this topic; set the tag instead, so that its limits hold");
        let words = judged(request("a"), &MessageFacts::default()).unwrap_err();
        assert_eq!(words, "there is no broker \"site\" in this station");
    }

    #[test]
    fn only_the_receipt_of_its_own_entry_lets_a_message_go() {
        let authorised = judged(request("a/b"), &free()).unwrap();
        let mut store = MemoryStore::default();
        let mut other = authorised.draft(Now::default());
        assert!(other.detail.contains("\"payload\":\"on\""), "{}", other.detail);
        let own = commit(&mut store, &[other.clone()]).unwrap().remove(0);
        other.request = RequestId::from("r-2");
        let foreign = commit(&mut store, &[other]).unwrap().remove(0);
        assert!(authorised.dispatch(&foreign, Generation(1)).is_err());
        assert_eq!(&*authorised.dispatch(&own, Generation(1)).unwrap().message().topic, "a/b");
    }
}
