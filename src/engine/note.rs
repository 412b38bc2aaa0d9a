//! Notes: a person pins words to a moment of the trends. It is a record, nothing else.

use super::{Effects, Engine, Reply, ReplyId, Request, RequestBody};
use crate::access::{Role, permit};
use crate::audit::Draft;
use crate::tag::Now;

/// The word of the audit record.
pub const NOTE: &str = "note";
/// Signs that a note has at most.
const LONGEST: usize = 500;

impl Engine {
    pub(super) fn take_note(&mut self, request: &Request, reply: ReplyId, now: Now, effects: &mut Effects) {
        let RequestBody::Note { at, words } = &request.body else { return };
        let words = words.trim();
        let refusal = match permit(&request.principal, Role::Operator) {
            Err(denied) => Some(denied.to_string()),
            Ok(_) if words.is_empty() => Some("a note needs words".to_owned()),
            Ok(_) if words.chars().count() > LONGEST => Some(format!("a note has at most {LONGEST} signs")),
            Ok(_) if *at > now.utc => Some("a note cannot be pinned to the future".to_owned()),
            Ok(_) => None,
        };
        if let Some(why) = refusal {
            effects.replies.push((reply, Reply::Refused { why }));
            return;
        }
        effects.drafts.push(Draft {
            request: request.id.clone(),
            time: now.utc,
            principal: request.principal.clone(),
            action: NOTE.into(),
            subject: "trend".into(),
            detail: serde_json::json!({"at": at, "words": words}).to_string().into(),
            essential: false,
        });
        self.loop_checks.wait(request.id.clone(), reply);
    }
}
