//! Which devices of an edge node are there, by what was last told of their metrics.

use super::{EdgeMetric, EdgeSample};
use crate::tag::{Monotonic, Quality, Reason};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// For so long a device that is gone is announced after a value of before: more of them may follow, and without a birth none of them counts.
const FOR_HISTORY: Duration = Duration::from_secs(2);

/// What a value changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing: the device is there.
    There,
    /// Nothing: the device is gone, and that is known.
    Gone,
    /// The device is gone from now on.
    Died,
    /// The device is there from now on.
    Born,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Life {
    There,
    /// It is gone, or nothing was told of it yet.
    #[default]
    Gone,
    /// It is gone, and announced until then because values of before are told.
    ForHistory(Monotonic),
}

/// The devices of a node.
#[derive(Debug)]
pub(super) struct Devices {
    lives: BTreeMap<Arc<str>, (Life, Vec<usize>)>,
}

/// Whether this is how the values of a device look that nobody hears of. Answers that fit no request come from a disturbed line as a whole:
/// what one value of a sound answer is like has reasons of its own.
fn is_lost(quality: Quality) -> bool {
    use Reason::{
        BadFrame, DeviceOffline, GatewayNoPath, NoAnswer, NotConnected, NotSubscribed, NotYetRead, OffScan, TunnelDown,
    };
    let unheard = [NotYetRead, NoAnswer, NotConnected, GatewayNoPath, BadFrame, NotSubscribed];
    let away = [OffScan, DeviceOffline, TunnelDown];
    quality.is_bad() && (unheard.contains(&quality.reason) || away.contains(&quality.reason))
}

/// A device is there from the first value on that is not lost, until everything that was told of it is: who was not heard of yet is not
/// announced, for it may be dead.
fn is_there(places: &[usize], last: &[Option<EdgeSample>]) -> bool {
    let mut told = places.iter().filter_map(|place| last.get(*place)?.as_ref());
    told.any(|sample| !is_lost(sample.quality))
}

impl Devices {
    pub(super) fn new(metrics: &[EdgeMetric]) -> Self {
        let mut lives: BTreeMap<Arc<str>, (Life, Vec<usize>)> = BTreeMap::new();
        for (place, metric) in metrics.iter().enumerate() {
            if let Some(device) = &metric.device {
                lives.entry(Arc::clone(device)).or_default().1.push(place);
            }
        }
        Self { lives }
    }

    /// The node announces itself: the devices that are there.
    pub(super) fn begin(&mut self, last: &[Option<EdgeSample>]) -> Vec<Arc<str>> {
        for (life, places) in self.lives.values_mut() {
            *life = if is_there(places, last) { Life::There } else { Life::Gone };
        }
        let there = self.lives.iter().filter(|(_, (life, _))| *life == Life::There);
        there.map(|(device, _)| Arc::clone(device)).collect()
    }

    /// One of its present values is another.
    pub(super) fn follow(&mut self, device: &Arc<str>, last: &[Option<EdgeSample>]) -> Change {
        let Some((life, places)) = self.lives.get_mut(device) else { return Change::There };
        match (*life, is_there(places, last)) {
            (Life::There, true) => Change::There,
            (Life::There, false) => {
                *life = Life::Gone;
                Change::Died
            }
            (_, false) => Change::Gone,
            (_, true) => {
                *life = Life::There;
                Change::Born
            }
        }
    }

    /// One of its values of before is to be told.
    pub(super) fn tell_history(&mut self, device: &Arc<str>, now: Monotonic) -> Change {
        let Some((life, _)) = self.lives.get_mut(device).filter(|(life, _)| *life != Life::There) else {
            return Change::There;
        };
        let before = std::mem::replace(life, Life::ForHistory(now.plus(FOR_HISTORY)));
        if before == Life::Gone { Change::Born } else { Change::There }
    }

    /// When [`Self::pass_time`] is due.
    pub(super) fn next_deadline(&self) -> Option<Monotonic> {
        let until = self.lives.values().filter_map(|(life, _)| match life {
            Life::ForHistory(until) => Some(*until),
            Life::There | Life::Gone => None,
        });
        until.min()
    }

    /// The devices of which no more history came: they are gone again.
    pub(super) fn pass_time(&mut self, now: Monotonic) -> Vec<Arc<str>> {
        let over = |life: &Life| matches!(life, Life::ForHistory(until) if *until <= now);
        let mut gone = Vec::new();
        for (device, (life, _)) in self.lives.iter_mut().filter(|(_, (life, _))| over(life)) {
            *life = Life::Gone;
            gone.push(Arc::clone(device));
        }
        gone
    }
}
