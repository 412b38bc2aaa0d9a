//! From one generation of the plant to the next: what keeps its name keeps its state.

use super::alarm_inputs::AlarmInputs;
use super::alarms::{AlarmDesk, Turn};
use super::counters::Counters;
use super::devices::DeviceDesk;
use super::tags::TagTable;
use super::unchanged::Unchanged;
use super::{Difference, Effects, Engine, Plan, Restored};
use crate::access::Principal;
use crate::alarm::{Alarm, AlarmKey, Condition, DelayChange, Occasion, State, Transition, Verdict};
use crate::audit::{Draft, RequestId};
use crate::tag::{DeviceId, Generation, Now, TagId};
use std::collections::HashMap;
use std::sync::Arc;

/// The journal says what became of an alarm that is not in the station file any more.
pub(super) fn removed(key: AlarmKey, alarm: &Alarm, now: Now) -> Transition {
    Transition {
        alarm: key,
        occurrence: alarm.occurrence().unwrap_or_default(),
        from: alarm.state(),
        to: State::Normal,
        time: now.utc,
        raised: alarm.raised(),
        value: None,
        actor: Some(Principal::station()),
        comment: "removed from the station file".into(),
        occasion: Occasion::Removed,
        condition: alarm.condition(),
        kept: None,
        is_requested: false,
    }
}

/// Where the slots of one plant stand in another.
pub(super) struct Slots {
    generation: Generation,
    tags: Vec<Option<TagId>>,
    devices: Vec<Option<DeviceId>>,
}

impl Slots {
    fn between(old: &Plan, new: &Plan) -> Self {
        let renamed: HashMap<&str, TagId> = new.formerly.iter().map(|(tag, name)| (&**name, *tag)).collect();
        let tag = |key: &str| new.directory.find(key).or_else(|| renamed.get(key).copied());
        let tags = old.directory.tags().iter().map(|definition| tag(definition.key.as_str())).collect();
        let device = |name: &Arc<str>| new.directory.devices().iter().position(|device| device.name == *name);
        let devices = old.directory.devices().iter().map(|definition| Some(DeviceId(device(&definition.name)? as u32)));
        Self { generation: old.generation, tags, devices: devices.collect() }
    }

    /// Where a tag of the one stands in the other; none for one that is gone.
    pub(super) fn tag(&self, before: TagId) -> Option<TagId> {
        *self.tags.get(before.index())?
    }
}

impl Engine {
    /// Where a device of a driver's plant stands now; none for one that is gone.
    pub(super) fn slot_of_device(&self, generation: Generation, device: DeviceId) -> Option<DeviceId> {
        if generation == self.plan.generation {
            return Some(device);
        }
        let before = self.before.as_ref().filter(|slots| slots.generation == generation)?;
        *before.devices.get(device.index())?
    }

    /// Where a tag of a driver's plant stands now; none for one that is gone.
    pub(super) fn slot_of_tag(&self, generation: Generation, tag: TagId) -> Option<TagId> {
        if generation == self.plan.generation {
            return Some(tag);
        }
        let before = self.before.as_ref().filter(|slots| slots.generation == generation)?;
        *before.tags.get(tag.index())?
    }

    /// Takes up a new plan. Commands under way end, in words. Delays of alarms, and what their conditions remember, go on where the alarm and
    /// the tags that it looks at mean the same as before, and start anew elsewhere.
    pub(super) fn reload(
        &mut self,
        plan: Arc<Plan>,
        who: Principal,
        settings: Vec<String>,
        now: Now,
        effects: &mut Effects,
    ) {
        let old = std::mem::replace(&mut self.plan, plan);
        let slots = Slots::between(&old, &self.plan);
        self.commands.abandon("the station file was reloaded", now, &old, effects);
        self.messages.abandon("the station file was reloaded", now, effects);
        self.inherit_tags(&old);
        self.inherit_devices(&old);
        self.deadlines.clear();
        let next = Arc::clone(&self.plan);
        let unchanged = Unchanged { old: &old, new: &next, slots: &slots };
        self.inherit_bridges(unchanged, now);
        self.inherit_alarms(unchanged, now, effects);
        self.before = Some(slots);
        let mut difference = Difference::between(&old, &self.plan);
        difference.add_changes(settings);
        effects.drafts.push(self.reload_entry(&difference, who, now));
        self.clock.arm(&mut self.deadlines);
        self.arm_staleness(now.monotonic);
        self.judge_all(now, effects);
        self.enter_first_values(now, effects);
        self.tell_scans(effects);
    }

    /// What stood when the last run ended, and was taken out of the station file since, stands no more.
    pub(super) fn forget_removed_alarms(&mut self, now: Now, effects: &mut Effects) {
        for (key, alarm) in self.alarms.take_gone() {
            effects.delays.push(DelayChange { alarm: key.clone(), delay: None });
            if alarm.state() != State::Normal {
                effects.transitions.push(removed(key, &alarm, now));
            }
        }
    }

    /// That the plant is another one now belongs into the record.
    fn reload_entry(&self, difference: &Difference, principal: Principal, now: Now) -> Draft {
        let (tags, alarms) = (self.plan.directory.tags().len(), self.plan.alarms.len());
        Draft {
            request: RequestId::from(format!("reload-{}", self.plan.generation.0).as_str()),
            time: now.utc,
            principal,
            action: "reload".into(),
            subject: Arc::clone(&self.plan.station),
            detail: serde_json::json!({
                "generation": self.plan.generation, "tags": tags, "alarms": alarms, "difference": difference.recorded(),
            })
            .to_string()
            .into(),
            essential: true,
        }
    }

    /// Limits may have moved: everything is judged as it stands.
    fn judge_all(&mut self, now: Now, effects: &mut Effects) {
        let plan = Arc::clone(&self.plan);
        for (tag, _) in plan.directory.iter() {
            let live = self.tags.live()[tag.index()];
            self.judge_tag(tag, &live, now, effects);
        }
        let verdict = |view: &super::DeviceView| match view.off_scan {
            Some(_) => Verdict::Inactive,
            None => Self::verdict(&view.link),
        };
        let verdicts: Vec<_> =
            self.devices.views().iter().map(|view| (verdict(view), Verdict::from(view.known_as.is_some()))).collect();
        for (slot, (lost, another)) in verdicts.into_iter().enumerate() {
            let device = DeviceId(slot as u32);
            self.judge_device(device, Condition::DeviceLost, lost, now, effects);
            self.judge_device(device, Condition::OtherIdentity, another, now, effects);
        }
    }

    fn inherit_tags(&mut self, old: &Plan) {
        let previous = std::mem::replace(&mut self.tags, TagTable::new(&self.plan, Counters::default()));
        for (tag, definition) in self.plan.directory.iter() {
            if let Some(before) = self.formerly(old, tag, definition.key.as_str()) {
                self.tags.inherit(tag, &previous, before);
            }
        }
    }

    fn formerly(&self, old: &Plan, tag: TagId, key: &str) -> Option<TagId> {
        let renamed = || old.directory.find(self.plan.formerly.get(&tag)?);
        old.directory.find(key).or_else(renamed)
    }

    fn inherit_devices(&mut self, old: &Plan) {
        let (off_scan, known) = self.devices.hand_over(old);
        let fresh = DeviceDesk::new(&self.plan, off_scan, known);
        let mut previous = std::mem::replace(&mut self.devices, fresh);
        self.devices.adopt_pending(&mut previous);
        let names: HashMap<_, _> = old
            .directory
            .devices()
            .iter()
            .zip(previous.views().iter())
            .map(|(device, view)| (&device.name, view))
            .collect();
        for (place, device) in self.plan.directory.devices().iter().enumerate() {
            if let Some(view) = names.get(&device.name) {
                self.devices.inherit(place, (*view).clone());
            }
        }
    }

    fn inherit_alarms(&mut self, unchanged: Unchanged<'_>, now: Now, effects: &mut Effects) {
        let old = unchanged.old;
        let restored = Restored { last_occurrence: self.alarms.last_occurrence().0, ..Restored::default() };
        let mut previous = std::mem::replace(&mut self.alarms, AlarmDesk::new(&self.plan, restored));
        let slots: HashMap<_, _> =
            self.plan.alarms.iter().enumerate().map(|(slot, alarm)| (&alarm.key, slot)).collect();
        for (before, carried) in previous.hand_over() {
            let Some(definition) = old.alarms.get(before) else { continue };
            match slots.get(&definition.key) {
                Some(&slot) => self.alarms.adopt(slot, carried),
                None => effects.transitions.push(removed(definition.key.clone(), &carried.alarm, now)),
            }
        }
        let slot_of = |before: usize| slots.get(&old.alarms.get(before)?.key).copied();
        let goes_on = |before: usize| slot_of(before).filter(|now| unchanged.alarm(before, *now));
        let mut turn = Turn { plan: &self.plan, tags: &self.tags, now, deadlines: &mut self.deadlines, effects };
        self.alarms.inherit(&mut previous, old, slot_of, goes_on, &mut turn);
        self.alarms.end_suppression_without_design(&mut turn);
        self.alarms.arm(&mut self.deadlines);
        let before = std::mem::replace(&mut self.inputs, AlarmInputs::new(&self.plan));
        self.inputs.inherit(before, goes_on, |tag| unchanged.tag_of(tag));
    }
}
