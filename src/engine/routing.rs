//! Requests on their way: which desk takes each, and which goes on with it when its record is durable.

use super::alarms::Turn;
use super::reply::{AlarmLine, Reply, ReplyId};
use super::request::{PROTOCOL_VERSION, Request, RequestBody};
use super::{Effects, Engine, Plan};
use crate::alarm::AlarmView;
use crate::audit::Receipt;
use crate::command::{CommandRequest, Facts, Refusal};
use crate::tag::{Now, TagKey};
use std::sync::Arc;

impl Engine {
    /// Takes a request; its reply may come at once or with a later event.
    pub(super) fn take_request(&mut self, request: Request, reply: ReplyId, now: Now, effects: &mut Effects) {
        if request.version != PROTOCOL_VERSION {
            let why =
                format!("this station speaks version {PROTOCOL_VERSION} of the protocol, not {}", request.version);
            effects.replies.push((reply, Reply::Refused { why }));
            return;
        }
        if request.body.is_recorded() && !self.taken.take(&request.id) {
            effects.replies.push((reply, super::taken::repeated(&request.body)));
            return;
        }
        match &request.body {
            RequestBody::Acknowledge { .. }
            | RequestBody::Reset { .. }
            | RequestBody::Shelve { .. }
            | RequestBody::Unshelve { .. }
            | RequestBody::OutOfService { .. }
            | RequestBody::ReturnToService { .. }
            | RequestBody::Comment { .. } => {
                let mut turn =
                    Turn { plan: &self.plan, tags: &self.tags, now, deadlines: &mut self.deadlines, effects };
                self.alarms.request(&request, reply, &mut turn);
            }
            RequestBody::Command { .. } => self.take_command(request, reply, now, effects),
            RequestBody::Publish { .. } => self.take_publish(request, reply, now, effects),
            RequestBody::ListAlarms => effects.replies.push((reply, self.list_alarms())),
            RequestBody::Scan { .. } => self.take_scan(&request, reply, now, effects),
            RequestBody::Bridge { .. } => self.take_bridge(&request, reply, now, effects),
            RequestBody::ListBridges => {
                effects.replies.push((reply, Reply::Bridges { bridges: self.bridges.views().to_vec() }));
            }
            RequestBody::LoopCheck { .. } => self.take_loop_check(&request, reply, now, effects),
            RequestBody::Note { .. } => self.take_note(&request, reply, now, effects),
            RequestBody::Handover(page) => self.take_handover(page, &request, reply, now, effects),
            RequestBody::Tool(_) => {
                let why = "questions of tools are answered by the wires, not by the engine".to_owned();
                effects.replies.push((reply, Reply::Refused { why }));
            }
        }
    }

    fn take_command(&mut self, request: Request, reply: ReplyId, now: Now, effects: &mut Effects) {
        let RequestBody::Command { tag: key, value, value_seen, reason, confirmation } = request.body else { return };
        let wish = CommandRequest {
            id: request.id,
            tag: key.clone(),
            value,
            value_seen,
            reason,
            principal: request.principal,
            expires: request.expires,
        };
        let plan = Arc::clone(&self.plan);
        let facts = self.facts(&plan, &key);
        self.commands.request(wish.confirm(confirmation), facts, reply, now, effects);
    }

    /// What is known of a tag that somebody wants to set.
    pub(super) fn facts<'a>(&self, plan: &'a Plan, key: &TagKey) -> Result<Facts<'a>, Refusal> {
        let tag = plan.directory.find(key.as_str());
        tag.map(|tag| {
            let live = self.tags.live()[tag.index()];
            let device = plan.directory.tag(tag).and_then(|definition| definition.device);
            Facts {
                tag,
                settings: plan.commands.get(&tag),
                value: live.value.to_value(self.tags.text(tag)),
                quality: live.quality,
                unreachable: self.devices.unreachable(plan, device),
                manual: plan.manual.contains_key(&tag),
            }
        })
        .ok_or_else(|| Refusal::NoSuchTag(key.to_string()))
    }

    /// Audit entries are durable: what waited for them goes on.
    pub(super) fn take_receipts(&mut self, receipts: Vec<Receipt>, now: Now, effects: &mut Effects) {
        let plan = Arc::clone(&self.plan);
        for receipt in receipts {
            let mut turn = Turn { plan: &plan, tags: &self.tags, now, deadlines: &mut self.deadlines, effects };
            if let Some(acknowledged) = self.alarms.committed(receipt.request(), &mut turn) {
                self.accept_acknowledged(&acknowledged, now, effects);
            } else if let Some(scanned) = self.devices.committed(&plan, receipt.request(), effects) {
                self.apply_scan(scanned.device, scanned.on, now, effects);
            } else if self.release_message(&receipt, now, effects) {
                // It goes now.
            } else if self.bridges.committed(receipt.request(), effects) {
                // It copies from now on, or does so no more.
            } else if self.loop_checks.committed(receipt.request(), effects) {
                // It is a record, and nothing follows from it.
            } else if self.take_entered(&receipt, now, effects) {
                // It holds now.
            } else {
                self.commands.committed(&receipt, now, &plan, &mut self.deadlines, effects);
            }
        }
    }

    fn list_alarms(&mut self) -> Reply {
        let board = self.alarms.board(&self.plan);
        let lines = |views: &[AlarmView]| views.iter().map(AlarmLine::from).collect();
        Reply::Alarms { alarms: lines(&board.views), set_aside: lines(&board.set_aside) }
    }
}
