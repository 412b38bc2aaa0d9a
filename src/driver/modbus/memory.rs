//! What a device refuses outlives a restart: it is not asked for the same holes again at each start, only now and then.

use super::plan::Learned;
use super::task::Connection;
use super::unit::Unit;
use super::{Table, Transport};
use crate::driver::{DriverEvent, Identity, Port};
use crate::tag::{Monotonic, Reason};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Of a device that refuses more than this, nothing is kept: asking anew costs less than a record that long.
const MOST: usize = 2_000;
/// The records are told at most this often of one device.
const RARELY: Duration = Duration::from_secs(60);

/// What the records keep of one device. It holds for the same device at the same place only.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Holes {
    /// Its wire and its unit, in words.
    place: Arc<str>,
    /// Who it says that it is, where it does.
    identity: Option<Identity>,
    learned: Learned,
    /// The codes of the reasons that its refused tags get, by table.
    reasons: Vec<(Table, u8)>,
}

/// What is kept, by the name of the device.
pub type Remembered = HashMap<Arc<str>, Holes>;

/// What a unit knows of its record.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// What it knows comes from the record, and the engine has not been told which tags are refused.
    pub(super) recalled: bool,
    /// It learned something since the record was written.
    pub(super) untold: bool,
    identity: Option<Identity>,
    told: Option<Holes>,
    told_at: Option<Monotonic>,
}

fn place(transport: &Transport, unit: u8) -> Arc<str> {
    format!("{}, unit {unit}", transport.words()).into()
}

/// A unit that was made just now, with what the record knows of it.
pub(super) fn recalled(mut unit: Unit, transport: &Transport, port: &Port, now: Monotonic) -> Unit {
    let known = port.remembered.get(&unit.settings.name);
    let here = |holes: &&Holes| holes.place == place(transport, unit.settings.unit) && !holes.learned.is_empty();
    let Some(holes) = known.filter(here).cloned() else { return unit };
    let reason = |(table, code): &(Table, u8)| Some((*table, Reason::from_code(*code)?));
    unit.know(holes.learned.clone(), holes.reasons.iter().filter_map(reason).collect(), now);
    // Where nothing else is left to ask, nothing would show that it is there.
    if unit.is_refused_whole() {
        unit.forget_lessons(now);
        return unit;
    }
    let identity = holes.identity.clone();
    unit.memory = Memory { recalled: true, identity, told: Some(holes), ..Memory::default() };
    unit
}

impl Connection {
    /// A unit said who it is. What another one refused says nothing of it.
    pub(super) fn meet(&mut self, place: usize, identity: &Identity) {
        let now = self.now();
        let unit = &mut self.units[place];
        match unit.memory.identity.replace(identity.clone()) {
            Some(known) if known != *identity => unit.forget_lessons(now),
            Some(_) => {}
            None => unit.memory.untold |= !unit.learned.is_empty(),
        }
    }

    /// A round is over in which nothing was learned: what was learned before it is worth a record.
    pub(super) async fn tell_learned(&mut self, place: usize, now: Monotonic) {
        let unit = &mut self.units[place];
        let lately = unit.memory.told_at.is_some_and(|told| now.since(told) < RARELY);
        // Without the name of the device, what it refuses could be held against another one.
        if lately || unit.unidentified || !std::mem::take(&mut unit.memory.untold) {
            return;
        }
        let holes = self.holes(place);
        let unit = &mut self.units[place];
        let is_news = unit.memory.told.as_ref().map_or(!holes.learned.is_empty(), |told| *told != holes);
        if is_news {
            (unit.memory.told, unit.memory.told_at) = (Some(holes.clone()), Some(now));
            let device = unit.reporter.device();
            self.port.send(DriverEvent::Learned(self.generation, device, holes)).await;
        }
    }

    fn holes(&self, at: usize) -> Holes {
        let unit = &self.units[at];
        let few = unit.learned.size() <= MOST;
        Holes {
            place: place(&self.settings.transport, unit.settings.unit),
            identity: unit.memory.identity.clone(),
            learned: if few { unit.learned.clone() } else { Learned::default() },
            reasons: unit.why.iter().map(|(table, reason)| (*table, *reason as u8)).collect(),
        }
    }
}
