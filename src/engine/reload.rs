//! From one generation of the plant to the next: what keeps its name keeps its state.

use super::alarm_inputs::AlarmInputs;
use super::alarms::{AlarmDesk, Turn};
use super::counters::Counters;
use super::devices::DeviceDesk;
use super::tags::TagTable;
use super::unchanged::Unchanged;
use super::{Difference, Effects, Engine, Plan, Reply, Restored};
use crate::access::{Principal, PrincipalKind};
use crate::alarm::{Alarm, AlarmKey, Condition, DelayChange, Occasion, State, Transition, Verdict};
use crate::audit::{Draft, RequestId};
use crate::command::{CommandView, Phase};
use crate::tag::{DeviceId, Generation, Now, TagId};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

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

/// How long commands and messages under way are waited for: a reload would end them. Longer than a valve takes.
const COMMANDS: Duration = Duration::from_secs(600);
/// The same for commands of bridges, which make up for one that was ended.
const COMMANDS_OF_RULES: Duration = Duration::from_secs(60);

/// Whether something is under way that is worth to be waited for, so long after the waiting began. Rules command on and on.
pub fn is_under_way(commands: &[CommandView], messages: usize, waited: Duration) -> bool {
    let is_rule = |command: &CommandView| command.principal.kind == PrincipalKind::Rule;
    let waits = |command: &CommandView| {
        let longest = if is_rule(command) { COMMANDS_OF_RULES } else { COMMANDS };
        !matches!(command.phase, Phase::Ended(..)) && waited < longest
    };
    commands.iter().any(waits) || (messages > 0 && waited < COMMANDS)
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

    /// Takes up a new plan that nobody asked for, unless that would end something. Here nothing comes in between.
    pub(super) fn reload_by_itself(
        &mut self,
        plan: Arc<Plan>,
        settings: Vec<String>,
        waited: Duration,
        now: Now,
        effects: &mut Effects,
    ) -> Reply {
        if is_under_way(&self.commands.views(), self.messages.under_way(), waited) {
            return Reply::Refused { why: "a command is under way".to_owned() };
        }
        self.reload(plan, Principal::station(), settings, now, effects);
        Reply::Done
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A reload ends what is under way: the station waits for it, though not for ever.
    #[test]
    fn what_people_do_is_waited_for_longer_than_what_rules_do() {
        let command = |principal: Principal, phase: Phase| CommandView {
            id: "r".into(),
            tag: TagId(0),
            old: None,
            value: crate::tag::Value::Bool(true),
            principal,
            reason: "".into(),
            time: crate::tag::Timestamp::from_micros(0),
            phase,
        };
        let (anna, bridge) = (Principal::person("anna"), Principal::rule("bridge b"));
        let ended = Phase::Ended(crate::command::Outcome::Verified, "".into());
        for (commands, messages, seconds, expected) in [
            (vec![], 0, 0, false),
            (vec![command(anna.clone(), ended.clone())], 0, 0, false),
            (vec![command(bridge.clone(), ended), command(anna.clone(), Phase::ReadingBack)], 0, 599, true),
            (vec![command(anna, Phase::Recording)], 0, 600, false),
            (vec![command(bridge.clone(), Phase::Sending)], 0, 59, true),
            (vec![command(bridge, Phase::Sending)], 0, 60, false),
            (vec![], 1, 599, true),
            (vec![], 1, 600, false),
        ] {
            assert_eq!(is_under_way(&commands, messages, Duration::from_secs(seconds)), expected, "{seconds} s");
        }
    }
}
