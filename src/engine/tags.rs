//! The dense table of present values, and what of them is worth keeping.

use super::counters::Counters;
use super::{Effects, Plan};
use crate::driver::Reading;
use crate::tag::{
    HistoryPolicy, HistoryRow, Live, Monotonic, Now, Origin, Quality, Reason, Sample, Scalar, Scaling, Span,
    TagDefinition, TagId, Timestamp, Value,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// The last sample that went to history.
#[derive(Clone, Copy, Debug)]
struct Kept {
    value: Scalar,
    time: Timestamp,
    quality: Quality,
}

/// What a reading goes through, side by side: a definition is large, and most readings need nothing else of it.
#[derive(Clone, Copy, Debug)]
struct Treatment {
    history: HistoryPolicy,
    is_scaled: bool,
    is_counter: bool,
}

impl Treatment {
    fn of(definition: &TagDefinition) -> Self {
        let (is_scaled, is_counter) = (definition.scaling.is_some(), definition.rolls_over_at.is_some());
        Self { history: definition.history, is_scaled, is_counter }
    }
}

/// Present values of all tags.
pub(super) struct TagTable {
    live: Vec<Live>,
    treatments: Vec<Treatment>,
    kept: Vec<Option<Kept>>,
    received: Vec<Monotonic>,
    armed: Vec<bool>,
    stale: Vec<bool>,
    texts: Arc<BTreeMap<TagId, Arc<str>>>,
    /// Why values are bad, where more is known than the reason says.
    details: Arc<BTreeMap<TagId, Arc<str>>>,
    counters: Counters,
    /// The quality of stale tags before they became it.
    before_stale: HashMap<TagId, Quality>,
    /// The quality of tags before what is said of them was held up.
    before_held_up: HashMap<TagId, Quality>,
    /// When an unchanged value is to be kept again.
    keep_again: Vec<Timestamp>,
    /// Tags whose present value is for the present alone.
    transient: HashSet<TagId>,
}

impl TagTable {
    pub(super) fn new(plan: &Plan, counters: Counters) -> Self {
        let count = plan.directory.tags().len();
        Self {
            live: vec![Live::UNREAD; count],
            treatments: plan.directory.tags().iter().map(Treatment::of).collect(),
            kept: vec![None; count],
            received: vec![Monotonic::default(); count],
            armed: vec![false; count],
            stale: plan.directory.tags().iter().map(|tag| tag.stale_after.is_some()).collect(),
            texts: Arc::default(),
            details: Arc::default(),
            counters,
            before_stale: HashMap::new(),
            before_held_up: HashMap::new(),
            keep_again: vec![Timestamp::from_micros(i64::MAX); count],
            transient: HashSet::new(),
        }
    }

    pub(super) fn live(&self) -> &[Live] {
        &self.live
    }

    pub(super) fn texts(&self) -> &Arc<BTreeMap<TagId, Arc<str>>> {
        &self.texts
    }

    pub(super) fn text(&self, tag: TagId) -> Option<&Arc<str>> {
        if self.texts.is_empty() { None } else { self.texts.get(&tag) }
    }

    pub(super) fn details(&self) -> &Arc<BTreeMap<TagId, Arc<str>>> {
        &self.details
    }

    /// Why the value of a tag is bad; until its quality is another.
    pub(super) fn explain(&mut self, tag: TagId, detail: Arc<str>) {
        if self.live.get(tag.index()).is_some_and(|live| live.quality.is_bad()) {
            Arc::make_mut(&mut self.details).insert(tag, detail);
        }
    }

    fn forget_detail(&mut self, tag: TagId) {
        if self.details.contains_key(&tag) {
            Arc::make_mut(&mut self.details).remove(&tag);
        }
    }

    /// Says whether the value that comes next is for the present alone; until the one after it.
    pub(super) fn set_transient(&mut self, tag: TagId, is_transient: bool) {
        if is_transient {
            self.transient.insert(tag);
        } else if !self.transient.is_empty() {
            self.transient.remove(&tag);
        }
    }

    /// Keeps a value of before. One count of a counter that rolls over says no total by itself, so none is kept of these.
    pub(super) fn remember(&self, plan: &Plan, tag: TagId, reading: &Reading, time: Timestamp, effects: &mut Effects) {
        let treatment = self.treatments.get(tag.index()).filter(|treatment| treatment.history.keep);
        let Some(treatment) = treatment.filter(|treatment| !treatment.is_counter) else { return };
        let scaling = if treatment.is_scaled { plan.directory.tag(tag).and_then(|tag| tag.scaling) } else { None };
        let (value, quality) = refine(scaling, reading.value.as_ref(), reading.quality);
        let text = match &reading.value {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        };
        let value = if quality.is_bad() { None } else { value.to_value(text) };
        effects.rows.push(HistoryRow { tag, sample: Sample { time, value, quality } });
    }

    /// Takes a reading: scales it, sets its quality, stores it, and keeps it where that is worth it.
    pub(super) fn accept(
        &mut self,
        plan: &Plan,
        reading: Reading,
        time: Timestamp,
        origin: Origin,
        now: Now,
        effects: &mut Effects,
    ) -> Option<Live> {
        let tag = reading.tag;
        self.forget_detail(tag);
        let treatment = *self.treatments.get(tag.index())?;
        let definition = if treatment.is_scaled || treatment.is_counter { plan.directory.tag(tag) } else { None };
        let total = match (&reading.value, definition) {
            (Some(value), Some(definition)) if treatment.is_counter => self.counters.total(tag, definition, value),
            _ => None,
        };
        let scaling = definition.and_then(|definition| definition.scaling);
        let (value, quality) = refine(scaling, total.as_ref().or(reading.value.as_ref()), reading.quality);
        if let (Scalar::Text, Some(Value::Text(text))) = (value, &reading.value)
            && self.text(tag) != Some(text)
        {
            Arc::make_mut(&mut self.texts).insert(tag, text.clone());
            self.kept[tag.index()] = None;
        }
        let slot = &mut self.live[tag.index()];
        slot.quality = quality;
        slot.origin = origin;
        slot.time = time;
        if value != Scalar::Empty {
            slot.value = value;
            slot.received_deciseconds = now.monotonic.deciseconds();
        }
        let live = *slot;
        if self.stale[tag.index()] {
            self.received[tag.index()] = now.monotonic;
        }
        self.keep(treatment.history, tag, &live, time, effects);
        Some(live)
    }

    /// The field says the same as before of all these: only their age is new. Those that need a closer look are left in `special`: stale
    /// ones, and those that history wants again.
    pub(super) fn confirm_all(
        &mut self,
        tags: impl Iterator<Item = TagId>,
        time: Timestamp,
        now: Now,
        special: &mut Vec<TagId>,
    ) {
        let deciseconds = now.monotonic.deciseconds();
        for tag in tags {
            let place = tag.index();
            let (Some(slot), Some(keep_again)) = (self.live.get_mut(place), self.keep_again.get(place)) else {
                continue;
            };
            match slot.quality.reason {
                Reason::None => slot.received_deciseconds = deciseconds,
                Reason::Stale => {
                    special.push(tag);
                    continue;
                }
                // Only a value lifts these; the driver sends one when it begins to read again.
                Reason::NotYetRead | Reason::NoAnswer | Reason::NotConnected | Reason::OffScan => continue,
                _ if slot.quality.is_bad() => {}
                _ => slot.received_deciseconds = deciseconds,
            }
            slot.time = time;
            if self.stale[place] {
                self.received[place] = now.monotonic;
            }
            if time >= *keep_again {
                special.push(tag);
            }
        }
    }

    /// The closer look: a stale tag has its quality from before again, and history what it wants. Whether the tag was stale.
    pub(super) fn confirm(&mut self, tag: TagId, time: Timestamp, now: Now, effects: &mut Effects) -> bool {
        let place = tag.index();
        let (Some(treatment), Some(slot)) = (self.treatments.get(place).copied(), self.live.get_mut(place)) else {
            return false;
        };
        let before = if slot.quality.reason == Reason::Stale { self.before_stale.remove(&tag) } else { None };
        if let Some(before) = before {
            slot.quality = before;
            slot.received_deciseconds = now.monotonic.deciseconds();
        }
        slot.time = time;
        self.received[place] = now.monotonic;
        let live = *slot;
        self.keep(treatment.history, tag, &live, time, effects);
        before.is_some()
    }

    /// Takes the quality away, at this moment; `None` when it was no better already.
    pub(super) fn worsen(&mut self, tag: TagId, quality: Quality, now: Now, effects: &mut Effects) -> Option<Live> {
        self.forget_detail(tag);
        let slot = self.live.get_mut(tag.index())?;
        let silence = [Reason::NotYetRead, Reason::NotConnected, Reason::NoAnswer].contains(&slot.quality.reason);
        if slot.quality == quality || (slot.quality.is_bad() && quality.reason == Reason::Stale && !silence) {
            return None;
        }
        let before = std::mem::replace(&mut slot.quality, quality);
        let live = *slot;
        if quality.reason == Reason::Stale {
            self.before_stale.insert(tag, before);
        } else {
            self.before_stale.remove(&tag);
        }
        self.keep(HistoryPolicy::default(), tag, &live, now.utc, effects);
        Some(live)
    }

    /// What is said of a tag may be held up: it is doubtful, unless it is bad already. What it was is remembered.
    pub(super) fn hold_up(&mut self, tag: TagId, now: Now, effects: &mut Effects) -> Option<Live> {
        let before = self.live.get(tag.index())?.quality;
        if before.is_bad() || before.reason == Reason::HeldUp {
            return None;
        }
        self.before_held_up.insert(tag, before);
        self.worsen(tag, Quality::uncertain(Reason::HeldUp), now, effects)
    }

    /// Nothing newer was held up: the tag is what it was. One that became stale meanwhile is what it was before that.
    pub(super) fn let_go(&mut self, tag: TagId, now: Now, effects: &mut Effects) -> Option<Live> {
        let before = self.before_held_up.remove(&tag)?;
        if let Some(stale) = self.before_stale.get_mut(&tag).filter(|stale| stale.reason == Reason::HeldUp) {
            *stale = before;
        }
        let is_held_up = self.live.get(tag.index())?.quality.reason == Reason::HeldUp;
        if is_held_up { self.worsen(tag, before, now, effects) } else { None }
    }

    fn keep(&mut self, policy: HistoryPolicy, tag: TagId, live: &Live, time: Timestamp, effects: &mut Effects) {
        let never_read = live.value == Scalar::Empty && live.quality.reason == Reason::NotYetRead;
        // That there is no value is worth knowing; which one there was is not.
        let is_passing = !live.quality.is_bad() && !self.transient.is_empty() && self.transient.contains(&tag);
        let kept = &mut self.kept[tag.index()];
        if !policy.keep
            || never_read
            || is_passing
            || !kept.as_ref().is_none_or(|kept| worth_keeping(policy, kept, live, time))
        {
            return;
        }
        *kept = Some(Kept { value: live.value, time, quality: live.quality });
        self.keep_again[tag.index()] = time.plus(policy.heartbeat);
        let text = if live.value == Scalar::Text { self.texts.get(&tag) } else { None };
        let value = if live.quality.is_bad() { None } else { live.value.to_value(text) };
        effects.rows.push(HistoryRow { tag, sample: Sample { time, value, quality: live.quality } });
    }

    pub(super) fn needs_arming(&mut self, tag: TagId) -> bool {
        let place = tag.index();
        self.stale[place] && !std::mem::replace(&mut self.armed[place], true)
    }

    /// Counts staleness from `start` on. Whether nothing waits for it yet: then the deadline is still to be set.
    pub(super) fn arm(&mut self, tag: TagId, start: Monotonic) -> bool {
        self.received[tag.index()] = start;
        !std::mem::replace(&mut self.armed[tag.index()], true)
    }

    pub(super) fn disarm(&mut self, tag: TagId) {
        self.armed[tag.index()] = false;
    }

    /// When the tag becomes stale unless something arrives.
    pub(super) fn stale_at(&self, plan: &Plan, tag: TagId) -> Monotonic {
        let limit = plan.directory.tag(tag).and_then(|definition| definition.stale_after).unwrap_or_default();
        self.received[tag.index()].plus(limit)
    }

    /// Carries a value over from another generation.
    pub(super) fn inherit(&mut self, tag: TagId, from: &Self, old: TagId) {
        self.live[tag.index()] = from.live[old.index()];
        self.kept[tag.index()] = from.kept[old.index()];
        self.received[tag.index()] = from.received[old.index()];
        self.keep_again[tag.index()] = from.keep_again[old.index()];
        self.set_transient(tag, from.transient.contains(&old));
        self.counters.inherit(tag, &from.counters, old);
        if let Some(before) = from.before_stale.get(&old) {
            self.before_stale.insert(tag, *before);
        }
        if let Some(before) = from.before_held_up.get(&old) {
            self.before_held_up.insert(tag, *before);
        }
        if let Some(detail) = from.details.get(&old) {
            Arc::make_mut(&mut self.details).insert(tag, Arc::clone(detail));
        }
        if let Some(text) = from.text(old) {
            Arc::make_mut(&mut self.texts).insert(tag, text.clone());
        }
    }
}

/// Scales a raw value and finds what its quality can be at best.
fn refine(scaling: Option<Scaling>, raw: Option<&Value>, quality: Quality) -> (Scalar, Quality) {
    let Some(raw) = raw else {
        let quality = if quality.is_bad() { quality } else { Quality::bad(Reason::BadPayload) };
        return (Scalar::Empty, quality);
    };
    let (value, quality) = match (scaling, raw.as_f64()) {
        (Some(scaling), Some(number)) => {
            (Scalar::Double(scaling.to_engineering(number)), within_span(scaling.span(number), quality))
        }
        _ => (Scalar::from(raw), quality),
    };
    match value.as_f64() {
        Some(number) if !number.is_finite() => (Scalar::Empty, Quality::bad(Reason::NotANumber)),
        _ => (value, quality),
    }
}

/// What an instrument says outside of its span is doubtful, and what it cannot say is bad.
fn within_span(span: Span, quality: Quality) -> Quality {
    match span {
        _ if quality.is_bad() => quality,
        Span::Inside => quality,
        Span::Under => Quality::uncertain(Reason::UnderRange),
        Span::Over => Quality::uncertain(Reason::OverRange),
        Span::Outside => Quality::bad(Reason::OutOfRange),
    }
}

fn worth_keeping(policy: HistoryPolicy, kept: &Kept, live: &Live, time: Timestamp) -> bool {
    if kept.quality != live.quality {
        return true;
    }
    if time.micros_since(kept.time) >= policy.heartbeat.as_micros() as i64 {
        return true;
    }
    if live.quality.is_bad() {
        return false;
    }
    match (kept.value.as_f64(), live.value.as_f64()) {
        (Some(before), Some(after)) if policy.deadband > 0.0 => (before - after).abs() > policy.deadband,
        _ => kept.value != live.value,
    }
}
