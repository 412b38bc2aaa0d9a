//! Suppression by design: the station file says when an alarm means nothing, and the alarm follows that.

use super::unseen::with_unseen;
use super::{AlarmDesk, Turn};
use crate::access::Principal;
use crate::alarm::{AlarmEvent, Occasion, Suppression};
use std::sync::Arc;

/// The key of the station file that decides, in the journal and on screen.
const RULE: &str = "suppress_when";

impl AlarmDesk {
    /// The expression that suppresses an alarm is true, or is not. The reason is the expression as the engineer wrote it.
    pub(in crate::engine) fn follow_design(&mut self, slot: usize, holds: bool, turn: &mut Turn<'_>) {
        let Some(program) = turn.plan.alarms.get(slot).and_then(|alarm| alarm.suppress_when.as_ref()) else { return };
        let reason = Arc::clone(program.text());
        match (self.suppression(slot).map(|held| held.reason == reason), holds) {
            (None, true) => {
                let (by, since) = (Principal::rule(RULE), turn.now.utc);
                let event = AlarmEvent::BeginSuppression(Suppression { by, reason: Arc::clone(&reason), since });
                self.suppress(slot, event, &reason, turn);
            }
            (Some(false), true) => {
                self.alarms[slot].restate_suppression(&reason);
                let actor = Some((Principal::rule(RULE), &*reason));
                self.note_unchanged(slot, Occasion::SuppressionBegan, actor, turn);
            }
            (Some(_), false) => {
                self.suppress(slot, AlarmEvent::EndSuppression, &format!("no longer true: {reason}"), turn);
            }
            (Some(true), true) | (None, false) => {}
        }
    }

    /// Whatever was suppressed by an expression that the station file does not have any more, is so no longer.
    pub(in crate::engine) fn end_suppression_without_design(&mut self, turn: &mut Turn<'_>) {
        for slot in self.listed.clone() {
            if turn.plan.alarms[slot].suppress_when.is_none() && self.suppression(slot).is_some() {
                let words = "the station file does not suppress it any more";
                self.suppress(slot, AlarmEvent::EndSuppression, words, turn);
            }
        }
    }

    fn suppression(&self, slot: usize) -> Option<&Suppression> {
        self.alarms.get(slot)?.aside().and_then(|aside| aside.suppression.as_ref())
    }

    fn suppress(&mut self, slot: usize, event: AlarmEvent, words: &str, turn: &mut Turn<'_>) {
        let next = self.next();
        // Refused only where it is as it should be already.
        let before = self.alarms[slot].clone();
        if let Ok(seen) = self.alarms[slot].take(&turn.plan.alarms[slot], event, turn.now, next) {
            let words = with_unseen(words, &before, self.alarms[slot].state());
            self.note(slot, seen, None, Some((Principal::rule(RULE), &words)), turn);
        }
    }
}
