//! That a page for the next shift was made: a record, nothing else.

use super::{Effects, Engine, Reply, ReplyId, Request};
use crate::access::{Principal, Role, permit};
use crate::audit::{Draft, RequestId};
use crate::tag::{Now, Timestamp};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The word of the audit record.
pub const HANDOVER: &str = "handover";
/// Digits of a SHA-256.
const DIGITS: usize = 64;

/// What is recorded of a page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HandoverPage {
    /// The beginning of the shift.
    pub from: Timestamp,
    /// Its end; not in the future.
    pub to: Timestamp,
    /// SHA-256 of the file, as 64 hexadecimal digits: it tells the page from any other.
    pub sha256: Arc<str>,
    /// The name that the person who hands over gave; empty where they sign by hand.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub signer: Arc<str>,
}

impl HandoverPage {
    /// The entry of the audit record, or why there can be none.
    pub fn draft(&self, request: RequestId, who: &Principal, now: Now) -> Result<Draft, String> {
        permit(who, Role::Operator).map_err(|denied| denied.to_string())?;
        if self.from >= self.to {
            return Err("the shift ends before it begins".to_owned());
        }
        if self.to > now.utc {
            return Err("the shift is not over yet; it cannot end in the future".to_owned());
        }
        if self.sha256.len() != DIGITS || !self.sha256.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err("the SHA-256 of the page has 64 hexadecimal digits".to_owned());
        }
        let mut detail = serde_json::json!({"from": self.from, "to": self.to, "sha256": self.sha256});
        if !self.signer.is_empty() {
            detail["signer"] = (*self.signer).into();
        }
        Ok(Draft {
            request,
            time: now.utc,
            principal: who.clone(),
            action: HANDOVER.into(),
            subject: "shift".into(),
            detail: detail.to_string().into(),
            essential: false,
        })
    }
}

impl Engine {
    pub(super) fn take_handover(
        &mut self,
        page: &HandoverPage,
        request: &Request,
        reply: ReplyId,
        now: Now,
        effects: &mut Effects,
    ) {
        match page.draft(request.id.clone(), &request.principal, now) {
            Err(why) => effects.replies.push((reply, Reply::Refused { why })),
            Ok(draft) => {
                effects.drafts.push(draft);
                self.loop_checks.wait(request.id.clone(), reply);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_shift_that_is_over_and_a_page_that_can_be_told_apart_are_recorded() {
        let at = |second: i64| Timestamp::from_micros(second * 1_000_000);
        let now = Now { utc: at(100), ..Now::default() };
        let draft = |from: i64, to: i64, sha256: &str| {
            let page = HandoverPage { from: at(from), to: at(to), sha256: sha256.into(), signer: "Anna".into() };
            page.draft(RequestId::from("r"), &Principal::person("anna"), now)
        };
        let digits = "0f".repeat(32);
        let found = draft(0, 100, &digits).unwrap();
        assert_eq!((&*found.action, found.time), (HANDOVER, at(100)));
        assert!(found.detail.contains(&digits) && found.detail.contains("\"signer\":\"Anna\""));
        for (from, to, sha256) in [(50, 50, &*digits), (0, 101, &digits), (0, 100, "0f"), (0, 100, &"xy".repeat(32))] {
            assert!(draft(from, to, sha256).is_err(), "{from} {to} {sha256}");
        }
    }
}
