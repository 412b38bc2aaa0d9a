//! The one writer. [`Engine::step`] takes an event and the time and gives effects; it does no I/O and reads no clock, so that every
//! bug becomes a script that can be replayed. [`run`] is the loop around it.

mod alarm_inputs;
mod alarms;
mod asked;
mod bridges;
mod clock;
mod commands;
mod counters;
mod deadlines;
mod devices;
mod difference;
mod effects;
mod event;
mod field;
mod handover;
mod link;
mod loop_check;
mod manual;
mod messages;
mod note;
mod plan;
mod reload;
mod request;
pub mod run;
mod scan;

mod snapshot;
mod tags;
mod taken;
mod unchanged;

pub use bridges::{BRIDGE_START, BRIDGE_STOP, BridgeView, StoppedBridge};
pub use devices::{DeviceView, OffScan};
pub use difference::{Difference, Tally};
pub use effects::{Effects, Notice};
pub use event::{Event, Health, LeftOut, OutboxHealth};
pub use field::FoundAt;
pub use handover::{HANDOVER, HandoverPage};
pub use link::{LinkState, bytes_words};
pub use loop_check::LOOP_CHECK;
pub use note::NOTE;
pub use plan::{LinkTags, Plan, SystemTags};
pub use reload::is_under_way;
pub use request::{
    AlarmLine, AlarmName, NotDone, PROTOCOL_VERSION, Reply, ReplyId, Request, RequestBody, ToolReply, ToolRequest,
};
pub use snapshot::{AlarmBoard, Moment, Snapshot};

use crate::alarm::{AlarmKey, Condition, DelayChange, OccurrenceId, Persisted, State, Subject, Verdict};
use crate::audit::RequestId;
use crate::driver::{Batch, DeviceReport, DriverEvent, Identity, Link, Reading};
use crate::tag::{
    DeviceId, Generation, Live, Monotonic, Now, Origin, Quality, Reason, Scalar, TagId, Timestamp, Value,
};
use alarm_inputs::AlarmInputs;
use alarms::{AlarmDesk, Turn};
use bridges::BridgeDesk;
use clock::ClockWatch;
use commands::CommandDesk;
use counters::Counters;
use deadlines::{Deadline, Deadlines};
use devices::DeviceDesk;
use loop_check::LoopChecks;
use messages::MessageDesk;
use reload::Slots;
use std::collections::HashMap;
use std::sync::Arc;
use tags::TagTable;
use taken::TakenRequests;

/// What the records say about the last run.
#[derive(Clone, Debug, Default)]
pub struct Restored {
    /// The alarms that were not normal, with the value that raised them.
    pub alarms: Vec<(AlarmKey, Persisted, Option<Value>)>,
    /// The highest occurrence that was ever given out.
    pub last_occurrence: u64,
    /// The devices that were off scan, by name.
    pub off_scan: HashMap<Arc<str>, OffScan>,
    /// Who the devices were known to be, by name.
    pub identities: HashMap<Arc<str>, Identity>,
    /// The last totals of counters that roll over, by the name of the tag.
    pub totals: HashMap<Arc<str>, f64>,
    /// What people entered last, by the name of the tag.
    pub entered: HashMap<Arc<str>, Value>,
    /// The bridges that were stopped, by name.
    pub stopped_bridges: HashMap<Arc<str>, StoppedBridge>,
    /// The last requests that came over links, the oldest first: a broker may hand one on again after a start.
    pub taken: Vec<RequestId>,
}

/// The state of the plant, and the only one who changes it.
pub struct Engine {
    plan: Arc<Plan>,
    tags: TagTable,
    alarms: AlarmDesk,
    inputs: AlarmInputs,
    devices: DeviceDesk,
    commands: CommandDesk,
    deadlines: Deadlines,
    health: Health,
    loop_checks: LoopChecks,
    messages: MessageDesk,
    bridges: BridgeDesk,
    /// Commands that came over links without a name of their own, since the start.
    asked_over_links: u64,
    /// What people entered last, by the name of the tag.
    entered: HashMap<Arc<str>, Value>,
    changed: bool,
    /// The slots of the plant before the last reload, in the present one: what drivers read just before it still counts.
    before: Option<Slots>,
    /// Whether the drivers know which devices are off scan.
    scans_told: bool,
    /// Memory for tags that need a closer look.
    special: Vec<TagId>,
    clock: ClockWatch,
    taken: TakenRequests,
}

impl Engine {
    /// An engine for `plan`, with the alarms as the last run left them.
    pub fn new(plan: Arc<Plan>, restored: Restored) -> Self {
        let devices = DeviceDesk::new(&plan, restored.off_scan.clone(), restored.identities.clone());
        let entered = restored.entered.clone();
        let bridges = BridgeDesk::new(&plan, restored.stopped_bridges.clone());
        let taken = TakenRequests::remembering(&restored.taken);
        let mut engine = Self {
            tags: TagTable::new(&plan, Counters::new(&plan.directory, &restored.totals)),
            inputs: AlarmInputs::new(&plan),
            alarms: AlarmDesk::new(&plan, restored),
            devices,
            commands: CommandDesk::default(),
            deadlines: Deadlines::default(),
            health: Health::default(),
            loop_checks: LoopChecks::default(),
            messages: MessageDesk::default(),
            bridges,
            asked_over_links: 0,
            entered,
            changed: true,
            before: None,
            scans_told: false,
            special: Vec::new(),
            clock: ClockWatch::default(),
            taken,
            plan,
        };
        engine.arm_staleness(Monotonic::default());
        if engine.alarms.waits_for_time() {
            // The first event may be long in coming.
            engine.deadlines.push(Monotonic::default(), Deadline::Delays);
        }
        engine
    }

    /// Takes one event. Effects are added to `effects`, in the order in which they have to happen.
    pub fn step(&mut self, event: Event, now: Now, effects: &mut Effects) {
        self.follow_clock(now, effects);
        // Values that stay as they are and devices that go on well make no new picture; the one each second shows their age.
        self.changed |= !matches!(event, Event::Driver(DriverEvent::Batch(_) | DriverEvent::Device(_)) | Event::Tick);
        let is_over = matches!(event, Event::Stop);
        match event {
            Event::Driver(DriverEvent::Batch(batch)) => self.take_batch(batch, now, effects),
            Event::Driver(DriverEvent::Asked(asked)) => self.take_asked(*asked, now, effects),
            Event::Driver(DriverEvent::Past(batch)) => self.take_past(batch, effects),
            Event::Driver(DriverEvent::Detail(generation, tag, detail)) => self.take_detail(generation, tag, detail),
            Event::Driver(DriverEvent::Found(generation, device, found)) => {
                self.take_found(generation, device, found, effects);
            }
            Event::Driver(DriverEvent::Device(report)) => self.take_report(report, now, effects),
            Event::Driver(DriverEvent::Written(written)) if self.messages.take_written(&written, now, effects) => {}
            Event::Driver(DriverEvent::Written(written)) => {
                self.commands.take_written(written, now, &self.plan, &mut self.deadlines, effects);
            }
            Event::Driver(DriverEvent::Identity(generation, device, identity)) => {
                self.take_identity(generation, device, identity, now, effects);
            }
            Event::Driver(DriverEvent::Learned(generation, device, holes)) => {
                if let Some(device) = self.slot_of_device(generation, device) {
                    self.devices.take_holes(&self.plan, device, &holes, now, effects);
                }
            }
            Event::Driver(DriverEvent::Heartbeat(generation, device, heartbeat)) => {
                if let Some(device) = self.slot_of_device(generation, device) {
                    let plan = Arc::clone(&self.plan);
                    self.devices.take_heartbeat(&plan, device, heartbeat, now, effects);
                }
            }
            Event::Request(request, reply) => self.take_request(request, reply, now, effects),
            Event::Committed(receipts) => self.take_receipts(receipts, now, effects),
            Event::NotCommitted { requests, why } => {
                self.commands.refuse_unrecorded(&requests, &why, now, &self.plan, effects);
                self.alarms.refuse_unrecorded(&requests, &why, effects);
                self.devices.refuse_unrecorded(&requests, &why, effects);
                self.loop_checks.refuse_unrecorded(&requests, &why, effects);
                self.messages.refuse_unrecorded(&requests, &why, effects);
                self.bridges.refuse_unrecorded(&requests, &why, effects);
            }
            Event::Health(health) => self.take_health(health, now, effects),
            Event::Stop => {
                let plan = Arc::clone(&self.plan);
                self.commands.abandon("the station stopped", now, &plan, effects);
                self.messages.abandon("the station stopped", now, effects);
                self.devices.stop_heartbeats(&plan, "the station stopped", now, effects);
                self.alarms.hurry_delays(now);
            }
            Event::Tick => {}
            Event::Reload { plan, who, settings } => self.reload(plan, who, settings, now, effects),
            Event::ReloadByItself { plan, settings, waited, reply } => {
                let answer = self.reload_by_itself(plan, settings, waited, now, effects);
                effects.replies.push((reply, answer));
            }
        }
        if !std::mem::replace(&mut self.scans_told, true) {
            self.tell_scans(effects);
            self.enter_first_values(now, effects);
            self.forget_removed_alarms(now, effects);
        }
        self.judge_waiting(now, effects);
        self.pass_time(now, effects);
        if !is_over {
            self.run_bridges(now, effects);
            self.judge_waiting(now, effects);
        }
        self.alarms.record_delays(&self.plan, now, effects);
    }

    /// What stood when the last run ended, and was taken out of the station file since, stands no more.
    fn forget_removed_alarms(&mut self, now: Now, effects: &mut Effects) {
        for (key, alarm) in self.alarms.take_gone() {
            effects.delays.push(DelayChange { alarm: key.clone(), delay: None });
            if alarm.state() != State::Normal {
                effects.transitions.push(reload::removed(key, &alarm, now));
            }
        }
    }

    /// When [`Event::Tick`] is due at the latest; none when nothing waits for time.
    pub fn next_deadline(&self) -> Option<Monotonic> {
        self.deadlines.next()
    }

    /// The plant that runs.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The generation of the plant that runs.
    pub fn generation(&self) -> Generation {
        self.plan.generation
    }

    fn take_batch(&mut self, batch: Batch, now: Now, effects: &mut Effects) {
        let Some(device) = self.slot_of_device(batch.generation, batch.device) else { return };
        if self.devices.is_off_scan(device) {
            return;
        }
        let is_remote = self.plan.directory.device(device).is_some_and(|device| device.station.is_some());
        let origin = if is_remote { Origin::Remote } else { Origin::Field };
        for reading in batch.readings {
            let Some(tag) = self.slot_of_tag(batch.generation, reading.tag) else { continue };
            self.take_reading(Reading { tag, ..reading }, batch.time, origin, now, effects);
        }
        self.confirm(batch.generation, &batch.confirmed, batch.time, now, effects);
    }

    /// The field says the same of these tags as before: their age is new, and their quality what it was before they became stale.
    fn confirm(&mut self, generation: Generation, tags: &[TagId], time: Timestamp, now: Now, effects: &mut Effects) {
        let mut special = std::mem::take(&mut self.special);
        if generation == self.plan.generation {
            self.tags.confirm_all(tags.iter().copied(), time, now, &mut special);
        } else {
            let here: Vec<_> = tags.iter().filter_map(|tag| self.slot_of_tag(generation, *tag)).collect();
            self.tags.confirm_all(here.into_iter(), time, now, &mut special);
        }
        for tag in special.drain(..) {
            if self.tags.confirm(tag, time, now, effects) {
                self.is_fresh_again(tag, now, effects);
            }
        }
        self.special = special;
        if self.commands.is_watching() {
            tags.iter().for_each(|tag| self.observe(generation, *tag, now, effects));
        }
    }

    fn is_fresh_again(&mut self, tag: TagId, now: Now, effects: &mut Effects) {
        self.changed = true;
        self.bridges.note(tag);
        let Some(live) = self.tags.live().get(tag.index()).copied() else { return };
        self.judge_tag(tag, &live, now, effects);
        if self.tags.arm(tag, now.monotonic) {
            self.deadlines.push(self.tags.stale_at(&self.plan, tag), Deadline::Stale(tag.0));
        }
    }

    /// A command may wait for what the tag says, changed or not.
    fn observe(&mut self, generation: Generation, tag: TagId, now: Now, effects: &mut Effects) {
        let Some(tag) = self.slot_of_tag(generation, tag) else { return };
        let Some(live) = self.tags.live().get(tag.index()).copied() else { return };
        let value = live.value.to_value(self.tags.text(tag));
        self.commands.observe(tag, value.as_ref(), live.quality, now, &self.plan, effects);
    }

    fn take_reading(&mut self, reading: Reading, time: Timestamp, origin: Origin, now: Now, effects: &mut Effects) {
        let tag = reading.tag;
        if self.inputs.has_news(tag) {
            self.judge_waiting(now, effects);
        }
        let before = self.tags.live().get(tag.index()).copied();
        let Some(live) = self.tags.accept(&self.plan, reading, time, origin, now, effects) else { return };
        let same =
            |before: Live| before.value == live.value && before.quality == live.quality && live.value != Scalar::Text;
        let is_news = !before.is_some_and(same);
        self.changed |= is_news;
        if is_news {
            self.bridges.note(tag);
        }
        if let Some(before) = before.filter(|_| self.inputs.is_read(tag)) {
            self.inputs.note_held(tag, before.time);
        }
        if self.commands.is_watching() {
            let value = live.value.to_value(self.tags.text(tag));
            self.commands.observe(tag, value.as_ref(), live.quality, now, &self.plan, effects);
        }
        self.judge_tag(tag, &live, now, effects);
        if self.tags.needs_arming(tag) {
            self.deadlines.push(self.tags.stale_at(&self.plan, tag), Deadline::Stale(tag.0));
        }
    }

    fn take_report(&mut self, report: DeviceReport, now: Now, effects: &mut Effects) {
        let Some(device) = self.slot_of_device(report.generation, report.device) else { return };
        let Some(link) = self.devices.take(DeviceReport { device, ..report }, now, effects) else { return };
        self.changed = true;
        let verdict = Self::verdict(&link);
        if let Link::Lost { reason, .. } = link {
            self.worsen_all(device, reason, now, effects);
            // Before the device's own alarm, which says how much is silent behind it.
            self.judge_waiting(now, effects);
        }
        if verdict == Verdict::Inactive {
            self.count_staleness(device, now);
        }
        self.judge_device(device, Condition::DeviceLost, verdict, now, effects);
    }

    fn judge_device(
        &mut self,
        device: DeviceId,
        condition: Condition,
        verdict: Verdict,
        now: Now,
        effects: &mut Effects,
    ) {
        let mut turn = Turn { plan: &self.plan, tags: &self.tags, now, deadlines: &mut self.deadlines, effects };
        self.alarms.judge_device(device, condition, verdict, &mut turn);
    }

    fn worsen_all(&mut self, device: DeviceId, reason: Reason, now: Now, effects: &mut Effects) {
        let plan = Arc::clone(&self.plan);
        for &tag in plan.directory.tags_of(device) {
            self.worsen(tag, Quality::bad(reason), now, effects);
        }
    }

    /// What a link says about the alarm of its device.
    fn verdict(link: &Link) -> Verdict {
        match link {
            Link::Starting => Verdict::Unevaluated,
            Link::Good => Verdict::Inactive,
            Link::Lost { .. } => Verdict::Active,
        }
    }

    /// A tag loses its quality without a new value.
    fn worsen(&mut self, tag: TagId, quality: Quality, now: Now, effects: &mut Effects) {
        if let Some(live) = self.tags.worsen(tag, quality, now, effects) {
            self.bridges.note(tag);
            self.judge_tag(tag, &live, now, effects);
        }
    }

    fn take_health(&mut self, health: Health, now: Now, effects: &mut Effects) {
        if health.samples_lost > self.health.samples_lost {
            effects.notices.push(Notice::Loss { count: health.samples_lost - self.health.samples_lost, time: now.utc });
        }
        self.health = health;
        for (tag, value) in self.plan.readings(&self.health) {
            match value {
                Some(value) => {
                    let reading = Reading { tag, value: Some(value), quality: Quality::GOOD };
                    self.take_reading(reading, now.utc, Origin::Calculated, now, effects);
                }
                // What was known once and is not any more must not stand there as if it were.
                None if self.tags.live()[tag.index()].quality.reason != Reason::NotYetRead => {
                    self.worsen(tag, Quality::bad(Reason::NotAvailable), now, effects);
                }
                None => {}
            }
        }
    }

    fn pass_time(&mut self, now: Now, effects: &mut Effects) {
        while let Some(deadline) = self.deadlines.pop_due(now.monotonic) {
            self.changed = true;
            match deadline {
                Deadline::Alarm(slot) => self.wake_alarm(slot as usize, now, effects),
                Deadline::Watch(slot) => self.look_again(slot, now, effects),
                // They are told below, with whatever else is to be recorded.
                Deadline::Delays => {}
                Deadline::Stale(slot) => self.check_stale(TagId(slot), now, effects),
                Deadline::Flood => self.alarms.pass_flood(now, &mut self.deadlines),
                Deadline::Clock => self.end_step(now, effects),
                Deadline::Command => {
                    self.commands.expire(now, &self.plan, effects);
                    self.messages.expire(now, effects);
                }
                Deadline::Bridge(slot) => self.bridges.wake(slot),
            }
        }
        // A tag may have become stale.
        self.judge_waiting(now, effects);
    }

    fn wake_alarm(&mut self, slot: usize, now: Now, effects: &mut Effects) {
        let value = match self.plan.alarms.get(slot).map(|alarm| alarm.subject) {
            Some(Subject::Tag(tag)) => self.tags.live()[tag.index()].value.to_value(self.tags.text(tag)),
            _ => None,
        };
        let mut turn = Turn { plan: &self.plan, tags: &self.tags, now, deadlines: &mut self.deadlines, effects };
        self.alarms.wake(slot, value.as_ref(), &mut turn);
    }

    fn check_stale(&mut self, tag: TagId, now: Now, effects: &mut Effects) {
        let due = self.tags.stale_at(&self.plan, tag);
        if due > now.monotonic {
            self.deadlines.push(due, Deadline::Stale(tag.0));
            return;
        }
        self.tags.disarm(tag);
        let device = self.plan.directory.tag(tag).and_then(|definition| definition.device);
        if device.is_some_and(|device| !self.devices.is_good(device)) {
            // The device's silence says it already; the count begins anew when it is back.
            return;
        }
        self.worsen(tag, Quality::bad(Reason::Stale), now, effects);
    }

    /// A device is back: each of its tags has its time to follow.
    fn count_staleness(&mut self, device: DeviceId, now: Now) {
        let plan = Arc::clone(&self.plan);
        for &tag in plan.directory.tags_of(device) {
            if let Some(limit) = plan.directory.tag(tag).and_then(|definition| definition.stale_after)
                && self.tags.arm(tag, now.monotonic)
            {
                self.deadlines.push(now.monotonic.plus(limit), Deadline::Stale(tag.0));
            }
        }
    }

    fn arm_staleness(&mut self, start: Monotonic) {
        for (tag, definition) in self.plan.directory.iter() {
            if let Some(limit) = definition.stale_after {
                self.tags.arm(tag, start);
                self.deadlines.push(start.plus(limit), Deadline::Stale(tag.0));
            }
        }
    }

    /// The highest occurrence that was given out so far.
    pub fn last_occurrence(&self) -> OccurrenceId {
        self.alarms.last_occurrence()
    }
}

#[cfg(test)]
mod tests;
