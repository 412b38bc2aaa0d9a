//! An engine's ends in benchmarks: what it gives away is thrown away, but for records and pictures.

use polder::alarm::{DelayChange, Transition};
use polder::audit::{Draft, RequestId};
use polder::command::{Dispatch, MessageDispatch};
use polder::driver::{LinkAnswer, OffScan};
use polder::engine::run::{NoRoom, Outlets};
use polder::engine::{Engine, FoundAt, Notice, Reply, ReplyId, Snapshot};
use polder::tag::{ConnectionId, HistoryRow, Mark};
use std::sync::Arc;

/// Whoever takes samples, records and pictures.
pub(crate) trait Ends: Send {
    /// Takes samples for history.
    fn history(&mut self, rows: &mut Vec<HistoryRow>) {
        rows.clear();
    }

    /// Takes records; gives back the drafts that were not taken.
    fn records(&mut self, _: Vec<Transition>, _: Vec<Draft>) -> Result<(), NoRoom> {
        Ok(())
    }

    /// Takes a picture.
    fn publish(&mut self, snapshot: Arc<Snapshot>);
}

/// The rest goes nowhere.
pub(crate) struct OrNowhere<T>(pub(crate) T);

impl<T: Ends> Outlets for OrNowhere<T> {
    fn history(&mut self, rows: &mut Vec<HistoryRow>, _: Vec<Mark>) {
        self.0.history(rows);
    }
    fn records(&mut self, transitions: Vec<Transition>, drafts: Vec<Draft>) -> Result<(), NoRoom> {
        self.0.records(transitions, drafts)
    }
    fn delays(&mut self, _: Vec<DelayChange>) {}
    fn dispatch(&mut self, _: ConnectionId, dispatch: Dispatch) -> Result<(), Dispatch> {
        Err(dispatch)
    }
    fn message(&mut self, message: MessageDispatch) -> Result<(), RequestId> {
        Err(message.id().clone())
    }
    fn off_scan(&mut self, _: OffScan) {}
    fn found(&mut self, _: Vec<FoundAt>) {}
    fn answer_link(&mut self, _: LinkAnswer) {}
    fn reply(&mut self, _: ReplyId, _: Reply) {}
    fn notices(&mut self, _: &Engine, _: &[HistoryRow], notices: &mut Vec<Notice>) {
        notices.clear();
    }
    fn publish(&mut self, snapshot: Arc<Snapshot>) {
        self.0.publish(snapshot);
    }
}
