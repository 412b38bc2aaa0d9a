//! Requests whose record is being written.

use super::act::Act;
use crate::access::Principal;
use crate::alarm::{Alarm, AlarmEvent, AlarmKey, OccurrenceId, Refused};
use crate::engine::{NotDone, ReplyId};
use crate::tag::Now;
use std::sync::Arc;

/// What is done to one alarm when its record is durable.
pub(super) struct Planned {
    pub(super) slot: usize,
    /// None for what changes nothing.
    pub(super) event: Option<AlarmEvent>,
    pub(super) occurrence: OccurrenceId,
    /// Whether another line about this alarm was handed to the records since: then that one would come last, and this has to be said again.
    pub(super) is_overtaken: bool,
    /// Numbers an activation that begins with it; given to nobody else.
    pub(super) next: OccurrenceId,
    /// What the record says that the alarm becomes.
    pub(super) after: Alarm,
}

/// A request whose record is being written.
pub(super) struct Pending {
    pub(super) act: Act,
    pub(super) planned: Vec<Planned>,
    /// What the record says of alarms that left the station file meanwhile, and that nobody has put right yet.
    pub(super) removed: Vec<(AlarmKey, Alarm)>,
    pub(super) refused: Vec<NotDone>,
    pub(super) already: usize,
    pub(super) gone: usize,
    pub(super) set_aside: usize,
    pub(super) principal: Principal,
    pub(super) at: Now,
    pub(super) reply: ReplyId,
}

/// A request that took effect, while the last line about it is being written: only then it is answered.
pub(super) struct Settled {
    pub(super) pending: Pending,
    pub(super) count: usize,
}

impl Pending {
    /// The same in another plan. `was` gives the name of an alarm of the old one, and whether the records are told that it is removed.
    pub(super) fn move_to(
        &mut self,
        slot_of: impl Fn(usize) -> Option<usize>,
        was: impl Fn(usize) -> (AlarmKey, bool),
    ) {
        for planned in std::mem::take(&mut self.planned) {
            if let Some(slot) = slot_of(planned.slot) {
                self.planned.push(Planned { slot, ..planned });
                continue;
            }
            let (key, is_told) = was(planned.slot);
            self.refuse(key.as_str().into(), &Refused::NoSuchAlarm);
            if !is_told {
                self.removed.push((key, planned.after));
            }
        }
    }

    /// A line about this alarm goes to the records.
    pub(super) fn overtake(&mut self, slot: usize) {
        let same = self.planned.iter_mut().filter(|planned| planned.slot == slot);
        same.for_each(|planned| planned.is_overtaken = true);
    }

    /// It is not done to this alarm.
    pub(super) fn refuse(&mut self, alarm: Arc<str>, why: &Refused) {
        match why {
            Refused::AlreadyAcknowledged => self.already += 1,
            Refused::SetAside(_) => self.set_aside += 1,
            _ => self.gone += 1,
        }
        self.refused.push(NotDone { alarm, why: why.to_string() });
    }
}
