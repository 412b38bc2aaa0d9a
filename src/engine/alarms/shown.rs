//! What the operator is shown of alarms.

use super::{AlarmDesk, Turn};
use crate::alarm::{AlarmView, Change, State};
use crate::engine::snapshot::AlarmBoard;
use crate::engine::{Notice, Plan};
use std::sync::Arc;

impl AlarmDesk {
    /// An alarm changed: whoever looks or listens learns of it.
    pub(super) fn show(&mut self, slot: usize, change: Change, turn: &mut Turn<'_>) {
        self.board = None;
        if change.to.is_active() && !change.from.is_active() {
            self.floods.activated(turn.now, turn.deadlines);
        }
        if change.from != change.to || change.is_new_occurrence {
            turn.effects.notices.push(Notice::Alarm(self.view(turn.plan, slot)));
        }
        if change.to == State::Normal {
            self.listed.remove(&slot);
            if let Some(occurrence) = self.newest_of.remove(&slot) {
                self.by_occurrence.remove(&occurrence);
            }
            self.values.remove(&slot);
            self.messages.remove(&slot);
        } else {
            self.listed.insert(slot);
        }
    }

    pub(super) fn view(&self, plan: &Plan, slot: usize) -> AlarmView {
        let (alarm, definition) = (&self.alarms[slot], &plan.alarms[slot]);
        AlarmView {
            key: definition.key.clone(),
            subject: definition.subject,
            slot,
            occurrence: alarm.occurrence().unwrap_or_default(),
            state: alarm.state(),
            priority: definition.priority,
            raised: alarm.raised(),
            changed: alarm.changed(),
            value: self.values.get(&slot).cloned(),
            message: self.messages.get(&slot).unwrap_or(&definition.message).clone(),
            condition: alarm.condition(),
            aside: alarm.aside().cloned().map(Arc::new),
            group: definition.group.clone(),
            is_first_out: self.groups.first_out(slot).is_some(),
            hides: self.hidden_behind(plan, slot),
        }
    }

    /// What the operator is shown; made anew only when something changed.
    pub(in crate::engine) fn board(&mut self, plan: &Plan) -> Arc<AlarmBoard> {
        if let Some(board) = &self.board {
            return Arc::clone(board);
        }
        let views = self.listed.iter().map(|&slot| self.view(plan, slot)).collect();
        let board = Arc::new(AlarmBoard { flood: self.floods.state(), ..AlarmBoard::new(views) });
        self.board = Some(Arc::clone(&board));
        board
    }
}
