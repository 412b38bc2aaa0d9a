//! Commands between authorisation and outcome.

use super::deadlines::{Deadline, Deadlines};
use super::{Effects, Notice, Plan, Reply, ReplyId};
use crate::access::Principal;
use crate::audit::{Draft, OUTCOME, Receipt, RequestId};
use crate::command::{
    Authorised, CommandView, Confirmed, Facts, InFlight, Outcome, Phase, Progress, Refusal, authorise,
};
use crate::driver::{DriverNumber, LinkAnswer, ReplyTo, Written};
use crate::tag::{Now, Quality, TagId, Value};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Ended commands that stay in sight.
const SHOWN: usize = 100;

/// Who waits for the end of a command.
enum Asker {
    /// Somebody who gets a reply.
    Somebody(ReplyId),
    /// The bridge of this name.
    Bridge(Arc<str>),
    /// Somebody behind the link of this name, heard by this start of its driver, who may expect an answer.
    Link(Arc<str>, DriverNumber, Option<ReplyTo>),
}

/// Commands under way and those that ended lately.
#[derive(Default)]
pub(super) struct CommandDesk {
    recording: HashMap<RequestId, Authorised>,
    in_flight: HashMap<RequestId, InFlight>,
    askers: HashMap<RequestId, Asker>,
    /// Commands of bridges that ended, and that the bridge was not told of yet.
    ended: Vec<(Arc<str>, Outcome, String)>,
    views: VecDeque<CommandView>,
    shown: Option<Arc<Vec<CommandView>>>,
}

impl CommandDesk {
    /// Takes a confirmed command: authorises it and asks for its record.
    pub(super) fn request(
        &mut self,
        confirmed: Confirmed,
        facts: Result<Facts<'_>, Refusal>,
        reply: ReplyId,
        now: Now,
        effects: &mut Effects,
    ) {
        self.begin(confirmed, facts, Asker::Somebody(reply), now, effects);
    }

    /// The same for a bridge, which never asks twice under one name; how it ends is told by [`Self::take_ended`].
    pub(super) fn request_by_bridge(
        &mut self,
        confirmed: Confirmed,
        facts: Result<Facts<'_>, Refusal>,
        bridge: Arc<str>,
        now: Now,
        effects: &mut Effects,
    ) {
        let request = confirmed.request();
        // What it did before goes out of sight, so that what people did stays in it.
        self.views.retain(|view| view.principal != request.principal || !matches!(view.phase, Phase::Ended(..)));
        self.begin(confirmed, facts, Asker::Bridge(bridge), now, effects);
    }

    /// The same for somebody behind a link.
    pub(super) fn request_by_link(
        &mut self,
        confirmed: Confirmed,
        facts: Result<Facts<'_>, Refusal>,
        (link, driver, reply): (Arc<str>, DriverNumber, Option<ReplyTo>),
        now: Now,
        effects: &mut Effects,
    ) {
        self.begin(confirmed, facts, Asker::Link(link, driver, reply), now, effects);
    }

    /// The commands of bridges that ended since this was last asked for, by the name of the bridge.
    pub(super) fn take_ended(&mut self) -> Vec<(Arc<str>, Outcome, String)> {
        std::mem::take(&mut self.ended)
    }

    fn begin(
        &mut self,
        confirmed: Confirmed,
        facts: Result<Facts<'_>, Refusal>,
        asker: Asker,
        now: Now,
        effects: &mut Effects,
    ) {
        let request = confirmed.request().clone();
        self.askers.insert(request.id.clone(), asker);
        let tag = facts.as_ref().ok().map(|facts| facts.tag);
        let busy = tag.is_some_and(|tag| self.is_busy(tag));
        let old = facts.as_ref().ok().and_then(|facts| facts.value.clone());
        let authorised = match facts {
            Ok(_) if busy => Err(Refusal::Busy),
            Ok(facts) => authorise(confirmed, facts, now),
            Err(refusal) => Err(refusal),
        };
        if let Some(tag) = tag {
            self.begin_view(&request, tag, old, now);
        }
        match authorised {
            Ok(authorised) => {
                effects.drafts.push(authorised.draft(now));
                self.recording.insert(request.id, authorised);
            }
            Err(refusal) => {
                let words = refusal.to_string();
                self.end(&request.id, &request.principal, request.tag.as_str(), Outcome::Refused, words, now, effects);
            }
        }
    }

    fn is_busy(&self, tag: TagId) -> bool {
        self.views.iter().any(|view| view.tag == tag && !matches!(view.phase, Phase::Ended(..)))
    }

    fn begin_view(&mut self, request: &crate::command::CommandRequest, tag: TagId, old: Option<Value>, now: Now) {
        self.shown = None;
        self.views.push_front(CommandView {
            id: request.id.clone(),
            tag,
            old,
            value: request.value.clone(),
            principal: request.principal.clone(),
            reason: request.reason.clone(),
            time: now.utc,
            phase: Phase::Recording,
        });
        while self.views.len() > SHOWN {
            // Only what has ended may go out of sight.
            let Some(place) = self.views.iter().rposition(|view| matches!(view.phase, Phase::Ended(..))) else { break };
            self.views.remove(place);
        }
    }

    /// The record of a command is durable: it goes.
    pub(super) fn committed(
        &mut self,
        receipt: &Receipt,
        now: Now,
        plan: &Plan,
        deadlines: &mut Deadlines,
        effects: &mut Effects,
    ) {
        let Some(authorised) = self.recording.remove(receipt.request()) else { return };
        let device = plan.directory.tag(authorised.tag()).and_then(|tag| tag.device);
        let connection = device.and_then(|device| plan.directory.device(device)).map(|device| device.connection);
        match (authorised.dispatch(receipt, plan.generation), connection) {
            (Ok(dispatch), Some(connection)) => {
                let flight = InFlight::new(&authorised, now);
                deadlines.push(flight.deadline(), Deadline::Command);
                self.in_flight.insert(receipt.request().clone(), flight);
                self.set_phase(receipt.request(), Phase::Sending);
                effects.dispatches.push((connection, dispatch));
            }
            _ => self.conclude(
                receipt.request(),
                Outcome::Refused,
                "no device stands behind this tag".into(),
                now,
                plan,
                effects,
            ),
        }
    }

    /// The record of a value that a person entered is durable: that is all there is to it. None where the record is of something else.
    pub(super) fn entered(
        &mut self,
        receipt: &Receipt,
        now: Now,
        plan: &Plan,
        effects: &mut Effects,
    ) -> Option<(TagId, Value)> {
        let authorised = self.recording.get(receipt.request()).filter(|authorised| authorised.is_manual())?;
        let request = authorised.confirmed().request().clone();
        let dispatch = authorised.dispatch(receipt, plan.generation).ok();
        self.recording.remove(receipt.request());
        // The plant may be another one than when it was asked for: the name counts.
        let tag = plan.directory.find(request.tag.as_str()).filter(|tag| plan.manual.contains_key(tag));
        let found = tag.zip(dispatch.map(|dispatch| dispatch.value().clone()));
        let (outcome, words) = match found {
            Some(_) => (Outcome::Verified, "entered"),
            None => (Outcome::Refused, "this tag is not entered by hand any more"),
        };
        self.end(&request.id, &request.principal, request.tag.as_str(), outcome, words.to_owned(), now, effects);
        found
    }

    /// The records of these requests could not be written: nothing is sent, except what is essential.
    pub(super) fn refuse_unrecorded(
        &mut self,
        requests: &[RequestId],
        why: &str,
        now: Now,
        plan: &Plan,
        effects: &mut Effects,
    ) {
        for request in requests {
            if self.recording.remove(request).is_some() {
                let words = Refusal::NotRecorded(why.to_owned()).to_string();
                self.conclude(request, Outcome::Refused, words, now, plan, effects);
            }
        }
    }

    /// A driver said what became of a dispatch.
    pub(super) fn take_written(
        &mut self,
        written: Written,
        now: Now,
        plan: &Plan,
        deadlines: &mut Deadlines,
        effects: &mut Effects,
    ) {
        let Some(flight) = self.in_flight.get_mut(&written.request) else { return };
        match flight.answered(written.answer, now) {
            Progress::Waiting(deadline) => {
                deadlines.push(deadline, Deadline::Command);
                self.set_phase(&written.request, Phase::ReadingBack);
            }
            Progress::Ended(outcome, words) => self.conclude(&written.request, outcome, words, now, plan, effects),
        }
    }

    pub(super) fn is_watching(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// A sample arrived that may be a read-back.
    pub(super) fn observe(
        &mut self,
        tag: TagId,
        value: Option<&Value>,
        quality: Quality,
        now: Now,
        plan: &Plan,
        effects: &mut Effects,
    ) {
        let mut ended = Vec::new();
        for (id, flight) in self.in_flight.iter_mut().filter(|(_, flight)| flight.watches() == Some(tag)) {
            if let Progress::Ended(outcome, words) = flight.observe(value, quality) {
                ended.push((id.clone(), outcome, words));
            }
        }
        self.conclude_all(ended, now, plan, effects);
    }

    /// Time passed.
    pub(super) fn expire(&mut self, now: Now, plan: &Plan, effects: &mut Effects) {
        let mut ended = Vec::new();
        for (id, flight) in &self.in_flight {
            if let Progress::Ended(outcome, words) = flight.expire(now) {
                ended.push((id.clone(), outcome, words));
            }
        }
        self.conclude_all(ended, now, plan, effects);
    }

    /// Ends everything under way, because the plant behind it changed.
    pub(super) fn abandon(&mut self, why: &str, now: Now, plan: &Plan, effects: &mut Effects) {
        // What was entered by hand and is being recorded holds in the next plant as well.
        let recorded = std::mem::take(&mut self.recording).into_iter();
        let (kept, ended): (HashMap<_, _>, HashMap<_, _>) =
            recorded.partition(|(_, authorised)| plan.manual.contains_key(&authorised.tag()));
        self.recording = kept;
        let recording = ended.keys().map(|id| (id.clone(), Outcome::Refused));
        let flying = self.in_flight.keys().map(|id| (id.clone(), Outcome::Unknown));
        let mut all: Vec<_> = recording.chain(flying).map(|(id, outcome)| (id, outcome, why.to_owned())).collect();
        all.sort();
        self.conclude_all(all, now, plan, effects);
        self.views.clear();
        self.shown = None;
    }

    fn conclude_all(
        &mut self,
        mut ended: Vec<(RequestId, Outcome, String)>,
        now: Now,
        plan: &Plan,
        effects: &mut Effects,
    ) {
        // The map has no order of its own; replays need one.
        ended.sort();
        for (id, outcome, words) in ended {
            self.conclude(&id, outcome, words, now, plan, effects);
        }
    }

    fn conclude(
        &mut self,
        id: &RequestId,
        outcome: Outcome,
        words: String,
        now: Now,
        plan: &Plan,
        effects: &mut Effects,
    ) {
        self.in_flight.remove(id);
        let view = self.views.iter().find(|view| &view.id == id);
        let principal = view.map_or_else(Principal::station, |view| view.principal.clone());
        let tag = view.and_then(|view| plan.directory.tag(view.tag)).map_or("", |tag| tag.key.as_str());
        let tag = tag.to_owned();
        self.end(id, &principal, &tag, outcome, words, now, effects);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "an outcome is told to three listeners, each of whom needs all of it"
    )]
    fn end(
        &mut self,
        id: &RequestId,
        principal: &Principal,
        tag: &str,
        outcome: Outcome,
        words: String,
        now: Now,
        effects: &mut Effects,
    ) {
        let detail = serde_json::json!({"outcome": outcome.word(), "detail": words});
        effects.drafts.push(Draft {
            request: id.clone(),
            time: now.utc,
            principal: principal.clone(),
            action: OUTCOME.into(),
            subject: tag.into(),
            // Where something was sent, the field may have changed already: what is known of it is written as soon as anything can be.
            essential: outcome != Outcome::Refused,
            detail: detail.to_string().into(),
        });
        self.set_phase(id, Phase::Ended(outcome, words.as_str().into()));
        if let Some(view) = self.views.iter().find(|view| &view.id == id) {
            effects.notices.push(Notice::Command(view.clone()));
        }
        match self.askers.remove(id) {
            Some(Asker::Somebody(reply)) => effects.replies.push((reply, Reply::Command { outcome, detail: words })),
            Some(Asker::Link(link, driver, reply)) => {
                let answer = reply.map(|reply| link_answer((&link, driver), reply, tag, outcome, &words));
                effects.link_answers.extend(answer);
            }
            Some(Asker::Bridge(bridge)) => self.ended.push((bridge, outcome, words)),
            None => {}
        }
    }

    fn set_phase(&mut self, id: &RequestId, phase: Phase) {
        self.shown = None;
        if let Some(view) = self.views.iter_mut().find(|view| &view.id == id) {
            view.phase = phase;
        }
    }

    /// What screens show.
    pub(super) fn views(&mut self) -> Arc<Vec<CommandView>> {
        let views = &self.views;
        Arc::clone(self.shown.get_or_insert_with(|| Arc::new(views.iter().cloned().collect())))
    }
}

/// What somebody behind a link is told.
pub(super) fn link_answer(
    (link, driver): (&Arc<str>, DriverNumber),
    reply: ReplyTo,
    tag: &str,
    outcome: Outcome,
    words: &str,
) -> LinkAnswer {
    let payload = serde_json::json!({"tag": tag, "outcome": outcome.word(), "detail": words});
    LinkAnswer { connection: Arc::clone(link), driver, reply, payload: payload.to_string().into() }
}
