//! Loop checks: a person says that a measurement was followed from the device to the screen, and what they saw. It is a record, nothing else.

use super::{Effects, Engine, Reply, ReplyId, Request, RequestBody};
use crate::access::{Role, permit};
use crate::audit::{Draft, RequestId};
use crate::tag::{Now, TagKey};
use std::collections::HashMap;

/// The word of the audit record.
pub const LOOP_CHECK: &str = "loop-check";

/// Loop checks and notes whose record is being written.
#[derive(Default)]
pub(super) struct LoopChecks(HashMap<RequestId, ReplyId>);

impl LoopChecks {
    /// The record of this request is being written; `reply` waits for it.
    pub(super) fn wait(&mut self, request: RequestId, reply: ReplyId) {
        self.0.insert(request, reply);
    }

    /// The record is durable; whether it was one of these.
    pub(super) fn committed(&mut self, request: &RequestId, effects: &mut Effects) -> bool {
        let Some(reply) = self.0.remove(request) else { return false };
        effects.replies.push((reply, Reply::Done));
        true
    }

    /// The records of these requests could not be written.
    pub(super) fn refuse_unrecorded(&mut self, requests: &[RequestId], why: &str, effects: &mut Effects) {
        for reply in requests.iter().filter_map(|request| self.0.remove(request)) {
            effects.replies.push((reply, Reply::Refused { why: format!("not recorded: {why}") }));
        }
    }
}

impl Engine {
    pub(super) fn take_loop_check(&mut self, request: &Request, reply: ReplyId, now: Now, effects: &mut Effects) {
        let RequestBody::LoopCheck { tag, value_seen, passed, remark } = &request.body else { return };
        let quality = match self.may_check(request, tag, *passed, remark) {
            Ok(quality) => quality,
            Err(why) => {
                effects.replies.push((reply, Reply::Refused { why }));
                return;
            }
        };
        let detail =
            serde_json::json!({"value": value_seen, "quality": quality, "passed": passed, "remark": remark.trim()});
        effects.drafts.push(Draft {
            request: request.id.clone(),
            time: now.utc,
            principal: request.principal.clone(),
            action: LOOP_CHECK.into(),
            subject: tag.as_str().into(),
            detail: detail.to_string().into(),
            essential: false,
        });
        self.loop_checks.wait(request.id.clone(), reply);
    }

    /// The quality of the tag's value, or why nothing is recorded.
    fn may_check(&self, request: &Request, tag: &TagKey, passed: bool, remark: &str) -> Result<&'static str, String> {
        permit(&request.principal, Role::Operator).map_err(|denied| denied.to_string())?;
        let slot = self.plan.directory.find(tag.as_str()).ok_or_else(|| format!("there is no tag \"{tag}\""))?;
        if !passed && remark.trim().is_empty() {
            return Err("say what was wrong".to_owned());
        }
        Ok(self.tags.live()[slot.index()].quality.words())
    }
}
