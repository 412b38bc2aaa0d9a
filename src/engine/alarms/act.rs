//! What people can do to an alarm, and what each of it comes to.

use crate::access::Principal;
use crate::alarm::{AlarmEvent, OccurrenceId, OutOfService, Priority, Refused, Shelf, TimeLimit};
use crate::engine::{AlarmName, Plan, RequestBody};
use crate::tag::{Now, Timestamp};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What a person wants to do.
#[derive(Clone, Debug)]
pub(super) enum Act {
    Acknowledge { comment: Arc<str> },
    Reset { comment: Arc<str> },
    Shelve { length: Option<Duration>, one_shot: bool, reason: Arc<str> },
    Unshelve { comment: Arc<str> },
    TakeOutOfService { until: Option<Timestamp>, reason: Arc<str> },
    ReturnToService { comment: Arc<str> },
    Comment { comment: Arc<str> },
}

impl Act {
    /// What a request asks for, and of which alarms; none where it is about something else.
    pub(super) fn of(body: &RequestBody) -> Option<(Self, Vec<AlarmName>)> {
        Some(match body {
            RequestBody::Acknowledge { occurrences, comment } => {
                let named: BTreeSet<OccurrenceId> = occurrences.iter().copied().collect();
                (Self::Acknowledge { comment: comment.clone() }, named.into_iter().map(AlarmName::Occurrence).collect())
            }
            RequestBody::Reset { alarms, comment } => (Self::Reset { comment: comment.clone() }, alarms.clone()),
            RequestBody::Shelve { alarms, length_seconds, one_shot, reason } => {
                let length = length_seconds.map(Duration::from_secs);
                (Self::Shelve { length, one_shot: *one_shot, reason: reason.trim().into() }, alarms.clone())
            }
            RequestBody::Unshelve { alarms, comment } => (Self::Unshelve { comment: comment.clone() }, alarms.clone()),
            RequestBody::OutOfService { alarms, until, reason } => {
                (Self::TakeOutOfService { until: *until, reason: reason.trim().into() }, alarms.clone())
            }
            RequestBody::ReturnToService { alarms, comment } => {
                (Self::ReturnToService { comment: comment.clone() }, alarms.clone())
            }
            RequestBody::Comment { alarms, comment } => {
                (Self::Comment { comment: comment.trim().into() }, alarms.clone())
            }
            _ => return None,
        })
    }

    /// The word of the audit record.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Acknowledge { .. } => "acknowledge",
            Self::Reset { .. } => "reset",
            Self::Shelve { .. } => "shelve",
            Self::Unshelve { .. } => "unshelve",
            Self::TakeOutOfService { .. } => "take-out-of-service",
            Self::ReturnToService { .. } => "return-to-service",
            Self::Comment { .. } => "comment",
        }
    }

    /// What was not done, for a sentence.
    pub(super) const fn not_done(&self) -> &'static str {
        match self {
            Self::Acknowledge { .. } => "not acknowledged",
            Self::Reset { .. } => "not reset",
            Self::Shelve { .. } => "not shelved",
            Self::Unshelve { .. } => "not unshelved",
            Self::TakeOutOfService { .. } => "not taken out of service",
            Self::ReturnToService { .. } => "not returned to service",
            Self::Comment { .. } => "not commented on",
        }
    }

    /// What the person wrote.
    pub(super) fn words(&self) -> &Arc<str> {
        match self {
            Self::Acknowledge { comment }
            | Self::Reset { comment }
            | Self::Unshelve { comment }
            | Self::Comment { comment }
            | Self::ReturnToService { comment } => comment,
            Self::Shelve { reason, .. } | Self::TakeOutOfService { reason, .. } => reason,
        }
    }

    /// The event for one alarm, none where it is not to change, or why it cannot be.
    pub(super) fn event(
        &self,
        plan: &Plan,
        occurrence: Option<OccurrenceId>,
        priority: Priority,
        by: &Principal,
        now: Now,
    ) -> Result<Option<AlarmEvent>, Refused> {
        Ok(Some(match self {
            Self::Comment { comment } if comment.is_empty() => return Err(Refused::NoComment),
            Self::Comment { .. } => return Ok(None),
            Self::Acknowledge { .. } => AlarmEvent::Acknowledge(occurrence.ok_or(Refused::Gone)?),
            Self::Reset { .. } => AlarmEvent::Reset,
            Self::Unshelve { .. } => AlarmEvent::Unshelve,
            Self::ReturnToService { .. } => AlarmEvent::ReturnToService,
            Self::Shelve { length, one_shot, reason } => {
                let longest = plan.shelving.longest(priority);
                // A shelf for one activation needs no time of its own, but an end it has.
                let length = length.or(one_shot.then_some(longest)).filter(|length| !length.is_zero());
                let length = length.ok_or(Refused::NoTime)?;
                if length > longest {
                    return Err(Refused::TooLong { priority, longest });
                }
                let limit = TimeLimit::starting(now, length);
                let reason = given(reason)?;
                AlarmEvent::Shelve(Shelf { by: by.clone(), reason, since: now.utc, limit, one_shot: *one_shot })
            }
            Self::TakeOutOfService { until, reason } => {
                let limit = until.map(|until| limit_until(until, now)).transpose()?;
                let reason = given(reason)?;
                AlarmEvent::TakeOutOfService(OutOfService { by: by.clone(), reason, since: now.utc, limit })
            }
        }))
    }
}

fn given(reason: &Arc<str>) -> Result<Arc<str>, Refused> {
    if reason.is_empty() { Err(Refused::NoReason) } else { Ok(Arc::clone(reason)) }
}

fn limit_until(until: Timestamp, now: Now) -> Result<TimeLimit, Refused> {
    let left = u64::try_from(until.micros_since(now.utc)).ok().filter(|left| *left > 0);
    Ok(TimeLimit::starting(now, Duration::from_micros(left.ok_or(Refused::DateIsOver(until))?)))
}
