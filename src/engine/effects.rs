//! What has to happen because of an event.

use super::{FoundAt, Reply, ReplyId};
use crate::alarm::{AlarmKey, AlarmView, DelayChange, Transition};
use crate::audit::Draft;
use crate::command::{CommandView, Dispatch, MessageDispatch};
use crate::driver::{Link, LinkAnswer, OffScan};
use crate::tag::{ConnectionId, DeviceId, HistoryRow, Mark, Timestamp};
use std::sync::Arc;

/// News for whoever watches: the event stream, the annunciator.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// An alarm changed its state.
    Alarm(AlarmView),
    /// What set an alarm aside ended by itself.
    SetAsideEnded {
        /// The alarm.
        alarm: AlarmKey,
        /// What ended, who had set it aside and why, and what the alarm is now.
        words: Arc<str>,
        /// When.
        time: Timestamp,
    },
    /// A device was lost or came back.
    Device {
        /// The device.
        device: DeviceId,
        /// Whether it can be talked to.
        link: Link,
        /// When.
        time: Timestamp,
    },
    /// A command ended.
    Command(CommandView),
    /// Samples were dropped.
    Loss {
        /// How many since the last such notice.
        count: u64,
        /// When it was noticed.
        time: Timestamp,
    },
}

/// The effects of one or more steps, each list in order.
#[derive(Debug, Default)]
pub struct Effects {
    /// Samples worth keeping.
    pub rows: Vec<HistoryRow>,
    /// Marks; everything in `rows` that they stand behind becomes durable with them.
    pub marks: Vec<Mark>,
    /// Changes of alarm states, for the journal.
    pub transitions: Vec<Transition>,
    /// Audit entries; transitions and drafts of one step are committed together.
    pub drafts: Vec<Draft>,
    /// Delays of alarms that began or ended, for the records; they may be a second late.
    pub delays: Vec<DelayChange>,
    /// Commands that may go now.
    pub dispatches: Vec<(ConnectionId, Dispatch)>,
    /// Messages by hand that may go now.
    pub messages: Vec<MessageDispatch>,
    /// The devices that are off scan, where that changed.
    pub off_scan: Option<OffScan>,
    /// Answers to requests.
    pub replies: Vec<(ReplyId, Reply)>,
    /// Answers to commands that came over links.
    pub link_answers: Vec<LinkAnswer>,
    /// News.
    pub notices: Vec<Notice>,
    /// What drivers found.
    pub found: Vec<FoundAt>,
}

impl Effects {
    /// Empties all lists and keeps their memory.
    pub fn clear(&mut self) {
        self.rows.clear();
        self.marks.clear();
        self.transitions.clear();
        self.drafts.clear();
        self.delays.clear();
        self.dispatches.clear();
        self.messages.clear();
        self.off_scan = None;
        self.replies.clear();
        self.link_answers.clear();
        self.notices.clear();
        self.found.clear();
    }
}
