//! Commands as messages: each is sent once, ahead of everything, and what becomes of it is told once.

use super::packet::{MessageProperties, QoS};
use super::session::{self, Outcome, Ticket};
use super::{Client, Settings};
use crate::audit::RequestId;
use crate::command::{Dispatch, MessageDispatch, WriteAnswer};
use crate::tag::{Generation, Monotonic};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Commands that the broker has not confirmed.
#[derive(Default)]
pub(super) struct Commands {
    open: HashMap<Ticket, Open>,
}

/// A command or a message by hand that is under way.
struct Open {
    request: RequestId,
    topic: Arc<str>,
    /// Whether it does its work even where nobody is subscribed: the broker keeps it.
    is_kept: bool,
    /// Whether a person wrote it as it is, and knows that nobody confirms quality of service 0.
    is_by_hand: bool,
}

impl Commands {
    /// Sends a command, or says why not.
    pub(super) fn publish(
        &mut self,
        dispatch: &Dispatch,
        generation: Generation,
        settings: &Settings,
        metric: Option<Result<session::Publication, String>>,
        client: &mut Client,
        now: Monotonic,
    ) -> Result<(), String> {
        if dispatch.generation() != generation {
            return Err("the station file was reloaded".to_owned());
        }
        let left = dispatch.expires().since(now);
        if left.is_zero() {
            return Err("it expired while it waited".to_owned());
        }
        if let Some(message) = metric {
            return self.send(dispatch, message?, client);
        }
        let mut points = settings.devices.iter().flat_map(|device| &device.points);
        let point = points.find(|point| point.tag == dispatch.tag());
        let Some(publication) = point.and_then(|point| point.publication.as_ref()) else {
            return Err("this connection does not know the tag".to_owned());
        };
        let payload = publication.message(dispatch.value());
        let message = session::Publication {
            topic: Arc::clone(&publication.topic),
            payload: payload.into(),
            qos: QoS::AtLeastOnce,
            retain: false,
            properties: Some(Box::new(properties(dispatch.id(), left, publication.response_topic.as_ref()))),
        };
        self.send(dispatch, message, client)
    }

    /// Ahead of all that is only told; and where the link does not take it before it expires, not at all.
    fn send(&mut self, dispatch: &Dispatch, message: session::Publication, client: &mut Client) -> Result<(), String> {
        let topic = Arc::clone(&message.topic);
        let ticket = client.publish_ahead(message, dispatch.expires()).map_err(|error| error.to_string())?;
        self.open.insert(ticket, Open { request: dispatch.id().clone(), topic, is_kept: false, is_by_hand: false });
        Ok(())
    }

    /// Sends a message by hand, or says why not.
    pub(super) fn publish_by_hand(
        &mut self,
        dispatch: &MessageDispatch,
        generation: Generation,
        client: &mut Client,
        now: Monotonic,
    ) -> Result<(), String> {
        if dispatch.generation() != generation {
            return Err("the station file was reloaded".to_owned());
        }
        if dispatch.expires() <= now {
            return Err("it expired while it waited".to_owned());
        }
        let message = dispatch.message();
        let qos = QoS::from_number(message.quality_of_service).ok_or("the quality of service is 0, 1 or 2")?;
        let publication = session::Publication {
            topic: Arc::clone(&message.topic),
            payload: Bytes::copy_from_slice(message.payload.as_bytes()),
            qos,
            retain: message.retain,
            properties: None,
        };
        let ticket = client.publish_ahead(publication, dispatch.expires()).map_err(|error| error.to_string())?;
        let (request, topic) = (dispatch.id().clone(), Arc::clone(&message.topic));
        self.open.insert(ticket, Open { request, topic, is_kept: message.retain, is_by_hand: true });
        Ok(())
    }

    /// What became of a message; none where it was no command.
    pub(super) fn finish(&mut self, ticket: Ticket, outcome: Outcome) -> Option<(RequestId, WriteAnswer)> {
        let Open { request, topic, is_kept, is_by_hand } = self.open.remove(&ticket)?;
        let answer = match outcome {
            Outcome::Taken => WriteAnswer::Accepted,
            Outcome::Sent if is_by_hand => WriteAnswer::Accepted,
            Outcome::Nobody if is_kept => WriteAnswer::Accepted,
            // Quality of service 0, as Sparkplug wants it: nobody confirms that it arrived, nor that anybody took it.
            Outcome::Sent => WriteAnswer::Unknown("nobody confirms a Sparkplug command".to_owned()),
            Outcome::Nobody => WriteAnswer::Failed(format!("the broker says that nobody is subscribed to {topic}")),
            Outcome::Refused(words) => WriteAnswer::Failed(words),
            Outcome::NotSent(words) => WriteAnswer::NotSent(words.to_owned()),
            Outcome::Unknown => {
                WriteAnswer::Unknown("the connection to the broker broke before it confirmed".to_owned())
            }
        };
        Some((request, answer))
    }
}

/// A broker must not hand a command on after its time; whoever answers it says to which one.
fn properties(request: &RequestId, left: Duration, response_topic: Option<&Arc<str>>) -> MessageProperties {
    MessageProperties {
        expiry: Some(left),
        response_topic: response_topic.cloned(),
        correlation: response_topic.map(|_| Bytes::copy_from_slice(request.to_string().as_bytes())),
        ..MessageProperties::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::Principal;
    use crate::audit::{MemoryStore, commit};
    use crate::command::{Confirmation, Message, MessageFacts, MessageRequest, authorise_message};
    use crate::tag::{Now, Timestamp};

    fn by_hand(generation: Generation) -> MessageDispatch {
        let (topic, payload) = ("a/b".into(), "on".into());
        let message = Message { connection: "site".into(), topic, payload, quality_of_service: 1, retain: false };
        let (principal, expires) = (Principal::person("anna"), Timestamp::from_micros(30_000_000));
        let request = MessageRequest { id: "r-1".into(), message, reason: "test".into(), principal, expires };
        let facts = MessageFacts { is_broker: true, commanded: None };
        let authorised = authorise_message(request.confirm(Confirmation::Dialog), &facts, Now::default()).unwrap();
        let receipts = commit(&mut MemoryStore::default(), &[authorised.draft(Now::default())]).unwrap();
        authorised.dispatch(&receipts[0], generation).unwrap()
    }

    #[test]
    fn a_message_by_hand_for_another_plant_is_not_sent() {
        let (mut commands, reloaded) = (Commands::default(), "the station file was reloaded");
        for (generation, is_reloaded) in [(1, true), (2, false), (3, true)] {
            let dispatch = by_hand(Generation(generation));
            let told =
                commands.publish_by_hand(&dispatch, Generation(2), &mut Client::unconnected(), Monotonic::default());
            // There is no broker here in any case.
            assert_eq!(told.unwrap_err() == reloaded, is_reloaded, "{generation}");
        }
    }
}
