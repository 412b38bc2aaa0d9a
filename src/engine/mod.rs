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
mod health;
mod link;
mod loop_check;
mod manual;
mod messages;
mod note;
mod plan;
mod reload;
mod reply;
mod reports;
mod request;
mod restored;
mod routing;
pub mod run;
mod scan;
mod snapshot;
mod staleness;
mod tags;
mod taken;
mod tool;
mod unchanged;

pub use bridges::{BRIDGE_START, BRIDGE_STOP, BridgeView, StoppedBridge};
pub use devices::{DeviceView, OffScan};
pub use difference::{Difference, Tally};
pub use effects::{Effects, Notice};
pub use event::Event;
pub use field::FoundAt;
pub use handover::{HANDOVER, HandoverPage};
pub use health::{Health, LeftOut, OutboxHealth};
pub use link::{LinkState, bytes_words};
pub use loop_check::LOOP_CHECK;
pub use note::NOTE;
pub use plan::{LinkTags, Plan, SystemTags};
pub use reload::is_under_way;
pub use reply::{AlarmLine, NotDone, Reply, ReplyId};
pub use request::{AlarmName, PROTOCOL_VERSION, Request, RequestBody};
pub use restored::Restored;
pub use snapshot::{AlarmBoard, Moment, Snapshot};
pub use tool::{ToolReply, ToolRequest};

use crate::alarm::{OccurrenceId, Subject};
use crate::driver::{Batch, DriverEvent, Reading};
use crate::tag::{Generation, Live, Monotonic, Now, Origin, Quality, Scalar, TagId, Timestamp, Value};
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
        let is_quiet = |event: &DriverEvent| {
            matches!(
                event,
                DriverEvent::Batch(_) | DriverEvent::Transient(_) | DriverEvent::Device(_) | DriverEvent::Together(..)
            )
        };
        self.changed |= !matches!(&event, Event::Tick) && !matches!(&event, Event::Driver(event) if is_quiet(event));
        let is_over = matches!(event, Event::Stop);
        match event {
            Event::Driver(event) => self.take_from_driver(event, now, effects),
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

    #[inline]
    fn take_from_driver(&mut self, event: DriverEvent, now: Now, effects: &mut Effects) {
        match event {
            DriverEvent::Batch(batch) => self.take_batch(batch, false, now, effects),
            DriverEvent::Transient(batch) => self.take_batch(batch, true, now, effects),
            DriverEvent::Asked(asked) => self.take_asked(*asked, now, effects),
            DriverEvent::Together(events, mark) => {
                events.into_iter().for_each(|event| self.step(Event::Driver(event), now, effects));
                effects.marks.push(*mark);
            }
            DriverEvent::Past(batch) => self.take_past(batch, effects),
            DriverEvent::Detail(generation, tag, detail) => self.take_detail(generation, tag, detail),
            DriverEvent::Found(generation, device, found) => {
                self.take_found(generation, device, found, effects);
            }
            DriverEvent::Device(report) => self.take_report(report, now, effects),
            DriverEvent::HeldUp(generation, device, is_held_up) => {
                if let Some(device) = self.slot_of_device(generation, device) {
                    self.hold_up(device, is_held_up, now, effects);
                }
            }
            DriverEvent::Written(written) if self.messages.take_written(&written, now, effects) => {}
            DriverEvent::Written(written) => {
                self.commands.take_written(written, now, &self.plan, &mut self.deadlines, effects);
            }
            DriverEvent::Identity(generation, device, identity) => {
                self.take_identity(generation, device, identity, now, effects);
            }
            DriverEvent::Learned(generation, device, holes) => {
                if let Some(device) = self.slot_of_device(generation, device) {
                    self.devices.take_holes(&self.plan, device, &holes, now, effects);
                }
            }
            DriverEvent::Heartbeat(generation, device, heartbeat) => {
                if let Some(device) = self.slot_of_device(generation, device) {
                    let plan = Arc::clone(&self.plan);
                    self.devices.take_heartbeat(&plan, device, heartbeat, now, effects);
                }
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

    /// Transient values are for the present alone.
    fn take_batch(&mut self, batch: Batch, is_transient: bool, now: Now, effects: &mut Effects) {
        let Some(device) = self.slot_of_device(batch.generation, batch.device) else { return };
        if self.devices.is_off_scan(device) {
            return;
        }
        let is_remote = self.plan.directory.device(device).is_some_and(|device| device.station.is_some());
        let origin = if is_remote { Origin::Remote } else { Origin::Field };
        for reading in batch.readings {
            let Some(tag) = self.slot_of_tag(batch.generation, reading.tag) else { continue };
            self.tags.set_transient(tag, is_transient);
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

    /// A tag loses its quality without a new value.
    fn worsen(&mut self, tag: TagId, quality: Quality, now: Now, effects: &mut Effects) {
        if let Some(live) = self.tags.worsen(tag, quality, now, effects) {
            self.bridges.note(tag);
            self.judge_tag(tag, &live, now, effects);
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

    /// The highest occurrence that was given out so far.
    pub fn last_occurrence(&self) -> OccurrenceId {
        self.alarms.last_occurrence()
    }
}

#[cfg(test)]
mod tests;
