//! Alarms that look at more than one sample of their own tag: which tag concerns whom, what they remember, when they look again. The desk of
//! alarms takes their verdicts as it takes those of the simple ones.

use super::alarms::Turn;
use super::deadlines::{Deadline, Deadlines};
use super::tags::TagTable;
use super::{Effects, Engine, Plan};
use crate::alarm::{AlarmDefinition, Judgement, Look, Memory, Subject, Verdict};
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
    /// What arrives together is judged together: these tags have news,
    news: Vec<TagId>,
    /// the same by tag,
    is_news: Vec<bool>,
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
        let none = vec![false; plan.directory.tags().len()];
        let mut inputs = Self { is_read: none.clone(), is_news: none, ..Self::default() };
        for (slot, alarm) in plan.alarms.iter().enumerate() {
            let slot = slot as u32;
            if let (Subject::Tag(own), false) = (alarm.subject, alarm.needs_one_sample()) {
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

    /// Goes on with what the conditions of the plant before remember, where these say in which slots: of alarms and tags that mean the same.
    pub(super) fn inherit(
        &mut self,
        previous: Self,
        slot_of: impl Fn(usize) -> Option<usize>,
        tag_of: impl Fn(TagId) -> Option<TagId>,
    ) {
        for (before, memory) in previous.memories {
            let slot = slot_of(before as usize).map(|slot| slot as u32);
            if let Some(place) = slot.and_then(|slot| self.memories.get_mut(&slot)) {
                *place = memory;
            }
        }
        let held = previous.held_until.into_iter();
        self.held_until = held.filter_map(|(tag, until)| Some((tag_of(tag)?, until))).collect();
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

    /// The clock by which samples are timed was put forward or back.
    pub(super) fn restart_windows(&mut self) {
        self.memories.values_mut().for_each(Memory::restart_window);
    }

    /// Whether a tag has news that somebody has yet to look at.
    #[inline]
    pub(super) fn has_news(&self, tag: TagId) -> bool {
        self.is_news.get(tag.index()).is_some_and(|is_news| *is_news)
    }

    fn add_news(&mut self, tag: TagId) {
        if let Some(is_news) = self.is_news.get_mut(tag.index())
            && !std::mem::replace(is_news, true)
        {
            self.news.push(tag);
        }
    }

    /// Whoever is suppressed because of the tags that have news; these have none any more.
    fn take_suppressed(&mut self) -> BTreeSet<u32> {
        let mut slots = BTreeSet::new();
        for tag in self.news.drain(..) {
            self.is_news[tag.index()] = false;
            slots.extend(self.suppressors.get(&tag).iter().flat_map(|slots| slots.iter().copied()));
        }
        slots
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
        let mut turn = Turn { plan: &self.plan, tags: &self.tags, now, deadlines: &mut self.deadlines, effects };
        self.alarms.judge_tag(tag, live, self.tags.text(tag), &mut turn);
        if self.inputs.is_read(tag) {
            self.judge_readers(tag, now, effects);
        }
    }

    /// Who looks at this tag alone, looks at each sample; who looks at others too, waits for those that came with it.
    fn judge_readers(&mut self, tag: TagId, now: Now, effects: &mut Effects) {
        self.inputs.add_news(tag);
        for slot in self.inputs.readers.get(&tag).cloned().iter().flat_map(|slots| slots.iter()) {
            let looks_at_others =
                |alarm: &AlarmDefinition| !alarm.condition.others().is_empty() || alarm.suppress_when.is_some();
            if self.plan.alarms.get(*slot as usize).is_some_and(looks_at_others) {
                self.inputs.waiting.insert(*slot);
            } else {
                self.judge_slot(*slot, now, effects);
            }
        }
    }

    /// Everything that arrived together is there. What is suppressed from now on is judged below that already, and what is so no longer comes
    /// back by what arrived with it: an operator never sees the moment between.
    pub(super) fn judge_waiting(&mut self, now: Now, effects: &mut Effects) {
        if self.inputs.news.is_empty() {
            return;
        }
        let suppressed = self.inputs.take_suppressed();
        let (begins, ends): (Vec<_>, Vec<_>) = suppressed
            .into_iter()
            .filter_map(|slot| Some((slot, self.is_to_be_suppressed(slot)?)))
            .partition(|(_, holds)| *holds);
        self.follow_design(&begins, now, effects);
        while let Some(slot) = self.inputs.waiting.pop_first() {
            self.judge_slot(slot, now, effects);
        }
        self.follow_design(&ends, now, effects);
    }

    /// The time has come that an alarm wanted to look again.
    pub(super) fn look_again(&mut self, slot: u32, now: Now, effects: &mut Effects) {
        if self.inputs.wakes.get(&slot).is_some_and(|due| *due <= now.monotonic) {
            self.inputs.wakes.remove(&slot);
            self.judge_slot(slot, now, effects);
        }
    }

    fn judge_slot(&mut self, slot: u32, now: Now, effects: &mut Effects) {
        let Some((judgement, tag, active)) = self.judgement(slot, now) else { return };
        let live = self.tags.live().get(tag.index()).copied().unwrap_or(Live::UNREAD);
        if judgement.restarts_delay && !active && judgement.verdict == Verdict::Active {
            self.alarms.restart_delay(slot as usize);
        }
        let value = || live.value.to_value(self.tags.text(tag));
        let mut turn = Turn { plan: &self.plan, tags: &self.tags, now, deadlines: &mut self.deadlines, effects };
        self.alarms.apply(slot as usize, judgement.verdict, value, &mut turn);
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

    /// Whether the design suppresses an alarm at present. Bad input says nothing: it neither begins nor ends that.
    fn is_to_be_suppressed(&self, slot: u32) -> Option<bool> {
        let program = self.plan.alarms.get(slot as usize)?.suppress_when.as_ref()?;
        program.evaluate(&Present(&self.tags)).truth()
    }

    fn follow_design(&mut self, slots: &[(u32, bool)], now: Now, effects: &mut Effects) {
        let mut turn = Turn { plan: &self.plan, tags: &self.tags, now, deadlines: &mut self.deadlines, effects };
        for (slot, holds) in slots {
            self.alarms.follow_design(*slot as usize, *holds, &mut turn);
        }
    }
}
