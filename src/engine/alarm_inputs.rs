//! Alarms that look at more than one sample of their own tag: which tag concerns whom, what they remember, when they look again. The desk of
//! alarms takes their verdicts as it takes those of the simple ones.

use super::deadlines::{Deadline, Deadlines};
use super::tags::TagTable;
use super::{Effects, Engine, Notice, Plan};
use crate::alarm::{AlarmKey, Judgement, Look, Memory, Subject, Verdict};
use crate::expression::Values;
use crate::tag::{Live, Monotonic, Now, Quality, Scalar, TagId, Timestamp};
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

/// What an alarm beside its own condition needs.
#[derive(Default)]
pub(super) struct AlarmInputs {
    /// By tag, whether any list below has it: most tags are in none.
    is_read: Vec<bool>,
    /// By tag, the alarms whose condition looks at it, its own among them.
    readers: HashMap<TagId, Arc<[u32]>>,
    /// By tag, the alarms that are suppressed because of it.
    suppressors: HashMap<TagId, Arc<[u32]>>,
    /// By alarm.
    memories: HashMap<u32, Memory>,
    /// By alarm, when it looks again at the latest; each stands in the heap at least once.
    wakes: HashMap<u32, Monotonic>,
    /// Until when the field confirmed the value before the present one.
    held_until: HashMap<TagId, Timestamp>,
    /// Alarms that are suppressed by design.
    suppressed: BTreeSet<u32>,
    /// What arrives together is judged together: these tags have news,
    news: Vec<TagId>,
    /// and these alarms look at them and others.
    waiting: BTreeSet<u32>,
}

/// The present values, as expressions look at them.
pub(super) struct Present<'a>(pub(super) &'a TagTable);

impl Values for Present<'_> {
    fn value(&self, tag: TagId) -> (Scalar, Quality) {
        let live = self.0.live().get(tag.index()).copied().unwrap_or(Live::UNREAD);
        (live.value, live.quality)
    }

    fn text(&self, tag: TagId) -> Option<&Arc<str>> {
        self.0.text(tag)
    }
}

impl AlarmInputs {
    pub(super) fn new(plan: &Plan) -> Self {
        let (mut readers, mut suppressors) = (HashMap::new(), HashMap::new());
        let mut inputs = Self { is_read: vec![false; plan.directory.tags().len()], ..Self::default() };
        for (slot, alarm) in plan.alarms.iter().enumerate() {
            let slot = slot as u32;
            if let (Subject::Tag(own), false) = (alarm.subject, alarm.condition.is_simple()) {
                let tags = std::iter::once(&own).chain(alarm.condition.others());
                tags.for_each(|tag| inputs.add(&mut readers, *tag, slot));
                inputs.memories.insert(slot, alarm.condition.memory());
            }
            let tags = alarm.suppress_when.iter().flat_map(|program| program.inputs());
            tags.for_each(|tag| inputs.add(&mut suppressors, *tag, slot));
        }
        let lists = |lists: HashMap<TagId, BTreeSet<u32>>| {
            lists.into_iter().map(|(tag, slots)| (tag, slots.into_iter().collect())).collect()
        };
        Self { readers: lists(readers), suppressors: lists(suppressors), ..inputs }
    }

    /// What was suppressed in the plant before stays so until its inputs say otherwise.
    pub(super) fn with_suppressed(
        mut self,
        before: &Self,
        plan: &Plan,
        slot_of: impl Fn(usize) -> Option<usize>,
    ) -> Self {
        let here = before.suppressed.iter().filter_map(|slot| slot_of(*slot as usize));
        let still = |slot: &usize| plan.alarms.get(*slot).is_some_and(|alarm| alarm.suppress_when.is_some());
        self.suppressed = here.filter(still).map(|slot| slot as u32).collect();
        self
    }

    fn add(&mut self, lists: &mut HashMap<TagId, BTreeSet<u32>>, tag: TagId, slot: u32) {
        lists.entry(tag).or_default().insert(slot);
        if let Some(is_read) = self.is_read.get_mut(tag.index()) {
            *is_read = true;
        }
    }

    /// Whether a tag concerns any of these alarms.
    #[inline]
    pub(super) fn is_read(&self, tag: TagId) -> bool {
        self.is_read.get(tag.index()).is_some_and(|is_read| *is_read)
    }

    /// A new value comes; the one before was confirmed until this moment.
    pub(super) fn note_held(&mut self, tag: TagId, until: Timestamp) {
        self.held_until.insert(tag, until);
    }

    /// Whether a tag has news that somebody has yet to look at.
    #[inline]
    pub(super) fn has_news(&self, tag: TagId) -> bool {
        self.news.contains(&tag)
    }

    /// Sees to it that an alarm looks again. Of those that are due later than one that is set, none is needed: it will say so again.
    fn wake_at(&mut self, slot: u32, due: Monotonic, deadlines: &mut Deadlines) {
        if self.wakes.get(&slot).is_none_or(|set| due < *set) {
            self.wakes.insert(slot, due);
            deadlines.push(due, Deadline::Watch(slot));
        }
    }
}

impl Engine {
    /// Judges everything that looks at a tag: simple alarms, others, suppression by design.
    #[inline]
    pub(super) fn judge_tag(&mut self, tag: TagId, live: &Live, now: Now, effects: &mut Effects) {
        self.alarms.judge_tag(&self.plan, tag, live, self.tags.text(tag), now, &mut self.deadlines, effects);
        if self.inputs.is_read(tag) {
            self.judge_readers(tag, now, effects);
        }
        self.fill_messages(effects);
    }

    /// Who looks at this tag alone, looks at each sample; who looks at others too, waits for those that came with it.
    fn judge_readers(&mut self, tag: TagId, now: Now, effects: &mut Effects) {
        self.inputs.news.push(tag);
        for slot in self.inputs.readers.get(&tag).cloned().iter().flat_map(|slots| slots.iter()) {
            let definition = self.plan.alarms.get(*slot as usize);
            if definition.is_some_and(|definition| !definition.condition.others().is_empty()) {
                self.inputs.waiting.insert(*slot);
            } else {
                self.judge_slot(*slot, now, effects);
            }
        }
    }

    /// Everything that arrived together is there.
    pub(super) fn judge_waiting(&mut self, now: Now, effects: &mut Effects) {
        if self.inputs.news.is_empty() {
            return;
        }
        for tag in std::mem::take(&mut self.inputs.news) {
            for slot in self.inputs.suppressors.get(&tag).cloned().iter().flat_map(|slots| slots.iter()) {
                self.judge_suppression(*slot);
            }
        }
        while let Some(slot) = self.inputs.waiting.pop_first() {
            self.judge_slot(slot, now, effects);
        }
        self.fill_messages(effects);
    }

    /// The time has come that an alarm wanted to look again.
    pub(super) fn look_again(&mut self, slot: u32, now: Now, effects: &mut Effects) {
        if self.inputs.wakes.get(&slot).is_some_and(|due| *due <= now.monotonic) {
            self.inputs.wakes.remove(&slot);
            self.judge_slot(slot, now, effects);
            self.fill_messages(effects);
        }
    }

    fn judge_slot(&mut self, slot: u32, now: Now, effects: &mut Effects) {
        let Some((judgement, tag, active)) = self.judgement(slot, now) else { return };
        let live = self.tags.live().get(tag.index()).copied().unwrap_or(Live::UNREAD);
        let begins_anew = judgement.restarts_delay && !active && judgement.verdict == Verdict::Active;
        let verdicts = begins_anew.then_some(Verdict::Inactive).into_iter().chain([judgement.verdict]);
        for verdict in verdicts {
            let value = || live.value.to_value(self.tags.text(tag));
            self.alarms.apply(&self.plan, slot as usize, verdict, value, now, &mut self.deadlines, effects);
        }
        if let Some(due) = judgement.wake {
            self.inputs.wake_at(slot, due, &mut self.deadlines);
        }
    }

    /// What an alarm makes of the present values, with its own tag and whether its condition held before.
    fn judgement(&mut self, slot: u32, now: Now) -> Option<(Judgement, TagId, bool)> {
        let definition = self.plan.alarms.get(slot as usize)?;
        let Subject::Tag(tag) = definition.subject else { return None };
        let active = self.alarms.is_active(slot as usize);
        let look = Look {
            tag,
            time: self.tags.live().get(tag.index())?.time,
            held_until: self.inputs.held_until.get(&tag).copied(),
            values: &Present(&self.tags),
            active,
            deadband: definition.deadband,
            now,
        };
        let memory = self.inputs.memories.entry(slot).or_default();
        Some((definition.condition.judge_with(&look, memory), tag, active))
    }

    /// Bad input neither begins nor ends suppression.
    fn judge_suppression(&mut self, slot: u32) {
        let program = self.plan.alarms.get(slot as usize).and_then(|alarm| alarm.suppress_when.as_ref());
        let holds = program.and_then(|program| program.evaluate(&Present(&self.tags)).truth());
        let has_changed = match holds {
            Some(true) => self.inputs.suppressed.insert(slot),
            Some(false) => self.inputs.suppressed.remove(&slot),
            None => false,
        };
        self.changed |= has_changed;
    }

    /// The alarms that the design of the plant sets aside at present.
    pub fn suppressed_by_design(&self) -> impl Iterator<Item = &AlarmKey> {
        self.inputs.suppressed.iter().filter_map(|slot| self.plan.alarms.get(*slot as usize)).map(|alarm| &alarm.key)
    }

    /// Messages of alarms that were just raised say what the values are now.
    pub(super) fn fill_messages(&mut self, effects: &mut Effects) {
        for slot in self.alarms.take_raised() {
            let Some(definition) = self.plan.alarms.get(slot) else { continue };
            let Some(template) = &definition.presentation.template else { continue };
            let message = template.fill(&self.plan.directory, &Present(&self.tags));
            for notice in &mut effects.notices {
                if let Notice::Alarm(view) = notice
                    && view.slot == slot
                {
                    view.message = Arc::clone(&message);
                }
            }
            self.alarms.set_message(slot, message);
        }
    }
}
