//! Commands as messages: each is sent once, ahead of everything, and what becomes of it is told once.

use super::packet::{MessageProperties, QoS};
use super::session::{self, Outcome, Ticket};
use super::{Client, Settings, write_payload};
use crate::audit::RequestId;
use crate::command::{Dispatch, WriteAnswer};
use crate::tag::{Generation, Monotonic};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Commands that the broker has not confirmed.
#[derive(Default)]
pub(super) struct Commands {
    open: HashMap<Ticket, (RequestId, Arc<str>)>,
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
        let payload = write_payload(dispatch.value(), publication.payload.as_deref(), publication.scaling);
        let message = session::Publication {
            topic: Arc::clone(&publication.topic),
            payload: payload.into(),
            qos: QoS::AtLeastOnce,
            retain: false,
            properties: Some(Box::new(properties(dispatch.id(), left, publication.response_topic.as_ref()))),
        };
        self.send(dispatch, message, client)
    }

    fn send(&mut self, dispatch: &Dispatch, message: session::Publication, client: &mut Client) -> Result<(), String> {
        let topic = Arc::clone(&message.topic);
        let ticket = client.publish(message).map_err(|error| error.to_string())?;
        self.open.insert(ticket, (dispatch.id().clone(), topic));
        Ok(())
    }

    /// What became of a message; none where it was no command.
    pub(super) fn finish(&mut self, ticket: Ticket, outcome: Outcome) -> Option<(RequestId, WriteAnswer)> {
        let (request, topic) = self.open.remove(&ticket)?;
        let answer = match outcome {
            Outcome::Taken => WriteAnswer::Accepted,
            // Quality of service 0, as Sparkplug wants it: nobody confirms that it arrived, nor that anybody took it.
            Outcome::Sent => WriteAnswer::Unknown("nobody confirms a Sparkplug command".to_owned()),
            Outcome::Nobody => WriteAnswer::Failed(format!("the broker says that nobody is subscribed to {topic}")),
            Outcome::Refused(words) => WriteAnswer::Failed(words),
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
