//! Messages by hand between authorisation and outcome.

use super::deadlines::{Deadline, Deadlines};
use super::{Effects, Engine, Plan, Reply, ReplyId, Request, RequestBody};
use crate::access::Principal;
use crate::audit::{Draft, Receipt, RequestId};
use crate::command::{
    AuthorisedMessage, MessageFacts, MessageRequest, Outcome, Refusal, WriteAnswer, authorise_message,
};
use crate::driver::Written;
use crate::tag::{ConnectionId, Monotonic, Now, WireKind};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Messages that may be under way at a time: people write them.
const MOST: usize = 16;

/// A message that left the engine.
struct Sent {
    principal: Principal,
    subject: Arc<str>,
    needs_acknowledgement: bool,
    deadline: Monotonic,
    reply: ReplyId,
}

/// Messages by hand that are under way.
#[derive(Default)]
pub(super) struct MessageDesk {
    recording: HashMap<RequestId, (AuthorisedMessage, ReplyId)>,
    // In order, so that a replay ends them in the same one.
    sent: BTreeMap<RequestId, Sent>,
}

impl MessageDesk {
    /// The record of a message is durable: it goes. Whether it was one of these.
    fn committed(
        &mut self,
        receipt: &Receipt,
        plan: &Plan,
        now: Now,
        deadlines: &mut Deadlines,
        effects: &mut Effects,
    ) -> bool {
        let Some((authorised, reply)) = self.recording.remove(receipt.request()) else { return false };
        let request = authorised.confirmed().request();
        let sent = Sent {
            principal: request.principal.clone(),
            subject: request.message.subject(),
            needs_acknowledgement: request.message.quality_of_service > 0,
            deadline: authorised.patience(),
            reply,
        };
        let is_there = broker(plan, &request.message.connection).is_some();
        match authorised.dispatch(receipt, plan.generation) {
            Ok(message) if is_there => {
                deadlines.push(sent.deadline, Deadline::Command);
                self.sent.insert(receipt.request().clone(), sent);
                effects.messages.push(message);
            }
            _ => end(receipt.request(), &sent, Outcome::Refused, "the broker is not there any more", now, effects),
        }
        true
    }

    /// The records of these requests could not be written: nothing is sent.
    pub(super) fn refuse_unrecorded(&mut self, requests: &[RequestId], why: &str, effects: &mut Effects) {
        for (_, reply) in requests.iter().filter_map(|request| self.recording.remove(request)) {
            effects.replies.push((reply, refused(&Refusal::NotRecorded(why.to_owned()))));
        }
    }

    /// A driver said what became of a message; whether it was one of these.
    pub(super) fn take_written(&mut self, written: &Written, now: Now, effects: &mut Effects) -> bool {
        let Some(sent) = self.sent.remove(&written.request) else { return false };
        let (outcome, words) = match &written.answer {
            WriteAnswer::Accepted if sent.needs_acknowledgement => {
                (Outcome::Unverified, "the broker acknowledged it; who receives it is not known")
            }
            WriteAnswer::Accepted | WriteAnswer::SentToAll => {
                (Outcome::Unverified, "it went out; a broker acknowledges no message of quality of service 0")
            }
            WriteAnswer::Failed(why) => (Outcome::Failed, &**why),
            WriteAnswer::NotSent(why) => (Outcome::Refused, &**why),
            WriteAnswer::Unknown(why) => (Outcome::Unknown, &**why),
        };
        end(&written.request, &sent, outcome, words, now, effects);
        true
    }

    /// Time passed.
    pub(super) fn expire(&mut self, now: Now, effects: &mut Effects) {
        let due = |sent: &Sent| now.monotonic >= sent.deadline;
        let ended: Vec<RequestId> = self.sent.iter().filter(|(_, sent)| due(sent)).map(|(id, _)| id.clone()).collect();
        for id in ended {
            if let Some(sent) = self.sent.remove(&id) {
                let words = "the connection said nothing about it; it may have arrived";
                end(&id, &sent, Outcome::Unknown, words, now, effects);
            }
        }
    }

    /// Ends everything under way, because the connections behind it changed.
    pub(super) fn abandon(&mut self, why: &str, now: Now, effects: &mut Effects) {
        for (id, sent) in std::mem::take(&mut self.sent) {
            end(&id, &sent, Outcome::Unknown, why, now, effects);
        }
        let mut recording: Vec<_> = std::mem::take(&mut self.recording).into_iter().collect();
        recording.sort_by(|(one, _), (other, _)| one.cmp(other));
        for (id, (authorised, reply)) in recording {
            let MessageRequest { principal, message, .. } = authorised.confirmed().request().clone();
            let (subject, deadline) = (message.subject(), Monotonic::default());
            let sent = Sent { principal, subject, needs_acknowledgement: false, deadline, reply };
            end(&id, &sent, Outcome::Refused, why, now, effects);
        }
    }

    /// Those that were asked for and have not ended yet.
    pub(super) fn under_way(&self) -> usize {
        self.recording.len() + self.sent.len()
    }

    fn is_full(&self) -> bool {
        self.under_way() >= MOST
    }
}

fn end(id: &RequestId, sent: &Sent, outcome: Outcome, words: &str, now: Now, effects: &mut Effects) {
    effects.drafts.push(Draft {
        request: id.clone(),
        time: now.utc,
        principal: sent.principal.clone(),
        action: "outcome".into(),
        subject: Arc::clone(&sent.subject),
        // The message may be out already: what is known of it is written as soon as anything can be.
        essential: true,
        detail: serde_json::json!({"outcome": outcome.word(), "detail": words}).to_string().into(),
    });
    effects.replies.push((sent.reply, Reply::Command { outcome, detail: words.to_owned() }));
}

fn refused(refusal: &Refusal) -> Reply {
    Reply::Command { outcome: Outcome::Refused, detail: refusal.to_string() }
}

/// The connection of this name, where it leads to a broker.
fn broker(plan: &Plan, name: &str) -> Option<ConnectionId> {
    let mut connections = plan.directory.connections().iter();
    let place = connections.position(|wire| &*wire.name == name && wire.kind == WireKind::Mqtt)?;
    Some(ConnectionId(place as u32))
}

/// The tag whose command goes to this topic at the broker of this connection.
fn commanded(plan: &Plan, connection: ConnectionId, topic: &Arc<str>) -> Option<String> {
    plan.closed_topics.get(&(connection, Arc::clone(topic))).map(ToString::to_string)
}

impl Engine {
    pub(super) fn take_publish(&mut self, request: Request, reply: ReplyId, now: Now, effects: &mut Effects) {
        let RequestBody::Publish { message, reason, confirmation } = request.body else { return };
        let plan = Arc::clone(&self.plan);
        let wire = broker(&plan, &message.connection);
        let commanded = wire.and_then(|wire| commanded(&plan, wire, &message.topic));
        let facts = MessageFacts { is_broker: wire.is_some(), commanded };
        let (id, principal, subject) = (request.id, request.principal, message.subject());
        let wish =
            MessageRequest { id: id.clone(), message, reason, principal: principal.clone(), expires: request.expires };
        let judged = match () {
            () if self.messages.is_full() => Err(Refusal::TooMany),
            () => authorise_message(wish.confirm(confirmation), &facts, now),
        };
        match judged {
            Ok(authorised) => {
                effects.drafts.push(authorised.draft(now));
                self.messages.recording.insert(id, (authorised, reply));
            }
            Err(refusal) => {
                let deadline = Monotonic::default();
                let sent = Sent { principal, subject, needs_acknowledgement: false, deadline, reply };
                end(&id, &sent, Outcome::Refused, &refusal.to_string(), now, effects);
            }
        }
    }

    /// The record of a message is durable; whether it was one.
    pub(super) fn release_message(&mut self, receipt: &Receipt, now: Now, effects: &mut Effects) -> bool {
        let plan = Arc::clone(&self.plan);
        self.messages.committed(receipt, &plan, now, &mut self.deadlines, effects)
    }
}

/// The word on a message that no driver took.
pub(super) fn not_taken(request: RequestId) -> Written {
    let answer = WriteAnswer::NotSent("the connection has too much waiting".to_owned());
    Written { request, answer }
}
