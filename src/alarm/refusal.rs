//! Why something was not done to an alarm, in words for the one who asked.

use super::{Priority, State};
use crate::tag::Timestamp;
use std::time::Duration;

/// Why something was not done to an alarm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// There is no such alarm.
    #[error("there is no such alarm")]
    NoSuchAlarm,
    /// This occurrence is over, or never was.
    #[error("this activation is over")]
    Gone,
    /// A comment has to say something.
    #[error("the comment is empty; write what there is to say")]
    NoComment,
    /// Somebody did it before, or there was nothing to do it to.
    #[error("it does not wait for an acknowledgement")]
    AlreadyAcknowledged,
    /// What is set aside shows no state that could be acknowledged or reset.
    #[error("it is {}: that comes first", .0.in_words())]
    SetAside(State),
    /// A condition that holds cannot be reset.
    #[error("its condition still holds; it can be reset when that is gone")]
    StillActive,
    /// There is nothing to reset.
    #[error("it is not latched")]
    NotLatched,
    /// It is on a shelf.
    #[error("it is already shelved until {}; unshelve it first", .0.to_rfc3339())]
    AlreadyShelved(Timestamp),
    /// It is on no shelf.
    #[error("it is not shelved")]
    NotShelved,
    /// The design suppresses it already.
    #[error("it is already suppressed by design, since {}", .0.to_rfc3339())]
    AlreadySuppressed(Timestamp),
    /// The design does not suppress it.
    #[error("it is not suppressed by design")]
    NotSuppressed,
    /// It is out of service already.
    #[error("{by} took it out of service already, at {}", .since.to_rfc3339())]
    AlreadyOutOfService {
        /// Who.
        by: String,
        /// When.
        since: Timestamp,
    },
    /// It is in service.
    #[error("it is in service")]
    InService,
    /// Nobody said why.
    #[error("say why: a reason is needed")]
    NoReason,
    /// Nobody said for how long, or for no time at all.
    #[error("say for how long")]
    NoTime,
    /// Longer than alarms of its priority may be shelved.
    #[error("alarms of priority {} are shelved for at most {}", .priority.word(), minutes(*.longest))]
    TooLong {
        /// Its priority.
        priority: Priority,
        /// The longest time.
        longest: Duration,
    },
    /// The date until which it is to be out of service is over.
    #[error("{} is over", .0.to_rfc3339())]
    DateIsOver(Timestamp),
}

fn minutes(time: Duration) -> String {
    match time.as_secs() {
        seconds if seconds >= 3600 && seconds % 3600 == 0 => format!("{} h", seconds / 3600),
        seconds if seconds >= 60 => format!("{} min", seconds / 60),
        seconds => format!("{seconds} s"),
    }
}
