//! The life of one alarm, as a pure state machine: samples, time and what people do in, changes of state out.

use super::{
    AlarmDefinition, AlarmEvent, Aside, Change, ConditionState, DelayKept, Observation, Occasion, OccurrenceId,
    OutOfService, Persisted, ProcessState, Refused, Shelf, State, Suppression, Verdict,
};
use crate::tag::{Monotonic, Now, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// What an alarm is at this moment, and how it changes.
///
/// ```text
///              raise                     acknowledge
///   Normal -----------> Unacknowledged ---------------> Acknowledged
///     ^                    |      ^                          |
///     |             return |      | raise (from each         | return
///     |                    v      |  below: a new            |
///     +-- acknowledge -- ReturnedUnacknowledged occurrence)  |
///     +------------------------------------------------------+
///   With a latch, a return leads to these instead:
///     Unacknowledged -- return --> LatchedUnacknowledged -- acknowledge --> LatchedAcknowledged <-- return -- Acknowledged
///                                     | reset                                   | reset
///                                     v                                         v
///                                  ReturnedUnacknowledged                     Normal
/// ```
/// Bad input changes nothing: the condition holds as it was, marked unevaluated, and delays start anew.
///
/// # Set aside
/// Over the process an alarm can be shelved, suppressed by design and out of service, all at once; the strongest is shown. The condition
/// is evaluated on below with its delays, and the journal says when it changes. The state of the process stands still until the last of
/// the three is over; then it follows from the condition:
///
/// | before | below, meanwhile | condition now | state after | why |
/// |---|---|---|---|---|
/// | active | it never went | active | `Unacknowledged`, the same occurrence | it is the same event, and somebody has to look at it now |
/// | any | it came, or went and came | active | `Unacknowledged`, a new occurrence | another event, which nobody has seen |
/// | any, no latch | whatever it did | gone | `Normal` | there is nothing to do, and the journal has what happened |
/// | latched | nothing | gone | as before | who set it aside has not reset it; what was acknowledged stays so |
/// | latched, or any with a latch | it came and went | gone | `LatchedUnacknowledged`, a new occurrence | a latch is there so that nothing passes unseen |
/// | active, with a latch | it went | gone | `LatchedUnacknowledged`, the same occurrence | only a reset ends a latch, and a shelf is none |
///
/// Bad input returns nothing here either: "now" is what the condition was when its input last said something.
///
/// # After a restart
/// Everything is as it was. A delay that had begun goes on from its start if the first good sample still says so, and is forgotten if it
/// does not. Ends in time go on as [`super::TimeLimit`] says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Alarm {
    process: ProcessState,
    /// Whether the condition holds, after its delays. While nothing is set aside, the state says the same.
    active: bool,
    unevaluated: bool,
    delay: Delay,
    occurrence: OccurrenceId,
    raised: Timestamp,
    changed: Timestamp,
    /// Rare, so that the alarm stays small.
    aside: Option<Box<Aside>>,
}

/// A delay before the condition takes effect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Delay {
    /// None goes on.
    #[default]
    None,
    /// It is over then.
    Until(Monotonic),
    /// It began in the last run; the first sample that says something decides.
    Kept(Timestamp),
}

impl Alarm {
    /// An alarm as it was when the last run ended; its condition counts as unevaluated until a good sample comes.
    pub fn restore(kept: Persisted) -> Self {
        let aside = kept.aside.filter(|aside| !aside.is_over());
        let delay = kept.delay.filter(|delay| delay.towards_active != kept.active);
        // Whatever a file says: what is shown as active has a condition that holds, and the other way round.
        let active = if aside.is_some() { kept.active } else { kept.process.is_active() };
        Self {
            process: kept.process,
            active,
            unevaluated: true,
            delay: delay.map_or(Delay::None, |delay| Delay::Kept(delay.since)),
            occurrence: kept.occurrence,
            raised: kept.raised,
            changed: kept.changed,
            aside,
        }
    }

    /// What has to be kept of it, but for a delay; none where nothing has to be.
    pub fn kept(&self) -> Option<Persisted> {
        (self.process != ProcessState::Normal || self.aside.is_some()).then(|| self.image())
    }

    /// The same even where nothing has to be kept.
    pub fn image(&self) -> Persisted {
        Persisted {
            process: self.process,
            active: self.active,
            occurrence: self.occurrence,
            raised: self.raised,
            changed: self.changed,
            aside: self.aside.clone(),
            first_out: None,
            message: None,
            value: None,
            delay: None,
        }
    }

    /// The delay that goes on, as it has to be kept.
    pub fn delay(&self, definition: &AlarmDefinition, now: Now) -> Option<DelayKept> {
        let towards_active = !self.active;
        let since = match self.delay {
            Delay::None => return None,
            Delay::Kept(since) => since,
            Delay::Until(due) => {
                let whole = if towards_active { definition.on_delay } else { definition.off_delay };
                now.utc.minus(whole.saturating_sub(due.since(now.monotonic)))
            }
        };
        Some(DelayKept { since, towards_active })
    }

    /// When it wants to be told the time: a delay runs out, or what sets it aside ends.
    pub fn due(&self) -> Option<Monotonic> {
        let delay = match self.delay {
            Delay::Until(due) => Some(due),
            Delay::None | Delay::Kept(_) => None,
        };
        delay.into_iter().chain(self.aside().and_then(Aside::due)).min()
    }

    /// The same alarm with a delay that had begun forgotten: it starts anew.
    #[must_use]
    pub fn without_delay(self) -> Self {
        Self { delay: Delay::None, ..self }
    }

    /// Whether a delay goes on.
    pub fn has_delay(&self) -> bool {
        self.delay != Delay::None
    }

    /// Whether a sample that lets the condition go on not holding changes nothing about it.
    #[inline]
    pub fn is_at_rest(&self) -> bool {
        !self.active && !self.unevaluated && self.delay == Delay::None
    }

    /// The same alarm with the delay of another one, where that leads away from the same condition.
    #[must_use]
    pub fn with_delay_of(self, other: &Self) -> Self {
        if self.active == other.active { Self { delay: other.delay, ..self } } else { self }
    }

    /// The design that suppresses it says so in other words.
    pub fn restate_suppression(&mut self, reason: &Arc<str>) {
        let held = self.aside.iter_mut().filter_map(|aside| aside.suppression.as_mut());
        held.for_each(|held| held.reason = Arc::clone(reason));
    }

    /// What is shown.
    pub fn state(&self) -> State {
        self.aside.as_ref().map_or(self.process.into(), |aside| aside.state())
    }

    /// Where it stands in the process; of one that is set aside, where it stood when it was.
    pub const fn process(&self) -> ProcessState {
        self.process
    }

    /// How it is set aside.
    pub fn aside(&self) -> Option<&Aside> {
        self.aside.as_deref()
    }

    /// What is known of its condition.
    pub const fn condition(&self) -> ConditionState {
        ConditionState { active: self.active, unevaluated: self.unevaluated }
    }

    /// Its present activation, or its last one; none where it never was active.
    pub fn occurrence(&self) -> Option<OccurrenceId> {
        Some(self.occurrence).filter(|occurrence| occurrence.0 > 0)
    }

    /// When the present activation began.
    pub const fn raised(&self) -> Timestamp {
        self.raised
    }

    /// When what is shown last changed.
    pub const fn changed(&self) -> Timestamp {
        self.changed
    }

    /// Takes an event. `next` numbers a new activation; the caller counts on when it was used. One event makes at most one change:
    /// after [`AlarmEvent::TimePasses`] with a change, the caller lets time pass once more.
    pub fn take(
        &mut self,
        definition: &AlarmDefinition,
        event: AlarmEvent,
        now: Now,
        next: OccurrenceId,
    ) -> Result<Observation, Refused> {
        let from = self.state();
        match event {
            AlarmEvent::Observed(verdict) => Ok(self.observe(definition, verdict, now, next)),
            AlarmEvent::TimePasses => Ok(self.wake(definition, now, next)),
            AlarmEvent::Acknowledge(occurrence) => self.acknowledge(occurrence, now),
            AlarmEvent::Reset => self.reset(now),
            AlarmEvent::Shelve(shelf) => self.shelve(shelf, now),
            AlarmEvent::Unshelve => {
                let shelf = self.aside.as_mut().and_then(|aside| aside.shelf.take());
                shelf.ok_or(Refused::NotShelved)?;
                Ok(self.lift(definition, from, Occasion::Unshelved, now, next))
            }
            AlarmEvent::BeginSuppression(suppression) => self.suppress(suppression, now),
            AlarmEvent::EndSuppression => {
                let suppression = self.aside.as_mut().and_then(|aside| aside.suppression.take());
                suppression.ok_or(Refused::NotSuppressed)?;
                Ok(self.lift(definition, from, Occasion::SuppressionEnded, now, next))
            }
            AlarmEvent::TakeOutOfService(out) => self.take_out_of_service(out, now),
            AlarmEvent::ReturnToService => {
                let out = self.aside.as_mut().and_then(|aside| aside.out_of_service.take());
                out.ok_or(Refused::InService)?;
                Ok(self.lift(definition, from, Occasion::ReturnedToService, now, next))
            }
        }
    }

    /// Takes what a sample says about the condition.
    #[inline]
    pub fn observe(
        &mut self,
        definition: &AlarmDefinition,
        verdict: Verdict,
        now: Now,
        next: OccurrenceId,
    ) -> Observation {
        self.unevaluated = verdict == Verdict::Unevaluated;
        let wanted = match verdict {
            Verdict::Unevaluated => self.active,
            Verdict::Active => true,
            Verdict::Inactive => false,
        };
        if wanted != self.active {
            return self.delay_or_turn(definition, wanted, now, next);
        }
        let is_undecided = self.unevaluated && matches!(self.delay, Delay::Kept(_));
        if self.delay == Delay::None || is_undecided {
            return Observation::default();
        }
        self.delay = Delay::None;
        Observation { delay_changed: true, ..Observation::default() }
    }

    fn delay_or_turn(
        &mut self,
        definition: &AlarmDefinition,
        wanted: bool,
        now: Now,
        next: OccurrenceId,
    ) -> Observation {
        let whole = if wanted { definition.on_delay } else { definition.off_delay };
        let left = match self.delay {
            Delay::Until(due) => due.since(now.monotonic),
            Delay::Kept(since) => {
                let gone = Duration::from_micros(now.utc.micros_since(since).max(0) as u64);
                whole.saturating_sub(gone)
            }
            Delay::None => whole,
        };
        if left.is_zero() || whole.is_zero() {
            return self.turn(definition, now, next);
        }
        if let Delay::Until(_) = self.delay {
            return Observation::default();
        }
        let due = now.monotonic.plus(left);
        self.delay = Delay::Until(due);
        Observation { wake: Some(due), delay_changed: true, ..Observation::default() }
    }

    /// Lets time pass: a delay that has run out takes effect, and what was set aside until now comes back.
    pub fn wake(&mut self, definition: &AlarmDefinition, now: Now, next: OccurrenceId) -> Observation {
        if matches!(self.delay, Delay::Until(due) if due <= now.monotonic) {
            return self.turn(definition, now, next);
        }
        let from = self.state();
        let Some(aside) = &mut self.aside else { return Observation::default() };
        if aside.shelf.take_if(|shelf| shelf.limit.is_over(now)).is_some() {
            return self.lift(definition, from, Occasion::ShelfEnded, now, next);
        }
        let is_over = |out: &mut OutOfService| out.limit.as_ref().is_some_and(|limit| limit.is_over(now));
        if aside.out_of_service.take_if(is_over).is_some() {
            return self.lift(definition, from, Occasion::ServiceDateReached, now, next);
        }
        Observation::default()
    }

    /// A new run, or the wall clock jumped: ends in time are told anew. Whether something of what is kept is another now.
    pub fn follow_clock(&mut self, now: Now) -> bool {
        let Some(aside) = &mut self.aside else { return false };
        let mut is_another = false;
        for limit in aside.limits_mut() {
            let before = limit.until;
            match limit.due() {
                Some(_) => limit.follow_clock(now),
                None => drop(limit.resume(now)),
            }
            is_another |= limit.until != before;
        }
        is_another
    }

    fn acknowledge(&mut self, occurrence: OccurrenceId, now: Now) -> Result<Observation, Refused> {
        if self.occurrence != occurrence || occurrence.0 == 0 {
            return Err(Refused::Gone);
        }
        if let Some(aside) = &self.aside {
            return Err(Refused::SetAside(aside.state()));
        }
        let to = match self.process {
            ProcessState::Unacknowledged => ProcessState::Acknowledged,
            ProcessState::ReturnedUnacknowledged => ProcessState::Normal,
            ProcessState::LatchedUnacknowledged => ProcessState::LatchedAcknowledged,
            ProcessState::Normal | ProcessState::Acknowledged | ProcessState::LatchedAcknowledged => {
                return Err(Refused::AlreadyAcknowledged);
            }
        };
        Ok(self.become_in_process(to, Occasion::Acknowledged, false, now))
    }

    fn reset(&mut self, now: Now) -> Result<Observation, Refused> {
        if let Some(aside) = &self.aside {
            return Err(Refused::SetAside(aside.state()));
        }
        let to = match self.process {
            ProcessState::LatchedUnacknowledged => ProcessState::ReturnedUnacknowledged,
            ProcessState::LatchedAcknowledged => ProcessState::Normal,
            ProcessState::Unacknowledged | ProcessState::Acknowledged => return Err(Refused::StillActive),
            ProcessState::Normal | ProcessState::ReturnedUnacknowledged => return Err(Refused::NotLatched),
        };
        Ok(self.become_in_process(to, Occasion::Reset, false, now))
    }

    fn shelve(&mut self, shelf: Shelf, now: Now) -> Result<Observation, Refused> {
        if let Some(held) = self.aside.as_ref().and_then(|aside| aside.shelf.as_ref()) {
            return Err(Refused::AlreadyShelved(held.limit.until));
        }
        Ok(self.put_aside(Occasion::Shelved, now, |aside| aside.shelf = Some(shelf)))
    }

    fn suppress(&mut self, suppression: Suppression, now: Now) -> Result<Observation, Refused> {
        if let Some(held) = self.aside.as_ref().and_then(|aside| aside.suppression.as_ref()) {
            return Err(Refused::AlreadySuppressed(held.since));
        }
        Ok(self.put_aside(Occasion::SuppressionBegan, now, |aside| aside.suppression = Some(suppression)))
    }

    fn take_out_of_service(&mut self, out: OutOfService, now: Now) -> Result<Observation, Refused> {
        if let Some(held) = self.aside.as_ref().and_then(|aside| aside.out_of_service.as_ref()) {
            return Err(Refused::AlreadyOutOfService { by: held.by.to_string(), since: held.since });
        }
        Ok(self.put_aside(Occasion::TakenOutOfService, now, |aside| aside.out_of_service = Some(out)))
    }

    fn put_aside(&mut self, occasion: Occasion, now: Now, put: impl FnOnce(&mut Aside)) -> Observation {
        let from = self.state();
        let aside = self.aside.get_or_insert_default();
        put(aside);
        let wake = aside.due();
        Observation { wake, ..self.changed_from(from, occasion, false, now) }
    }

    /// One of the three is over; after the last of them the state follows from the condition.
    fn lift(
        &mut self,
        definition: &AlarmDefinition,
        from: State,
        occasion: Occasion,
        now: Now,
        next: OccurrenceId,
    ) -> Observation {
        let Some(aside) = self.aside.take_if(|aside| aside.is_over()) else {
            return self.changed_from(from, occasion, false, now);
        };
        let is_new_occurrence = self.come_back(definition, &aside, now, next);
        self.changed_from(from, occasion, is_new_occurrence, now)
    }

    /// The table of [`Alarm`]. Whether it is another activation.
    fn come_back(&mut self, definition: &AlarmDefinition, aside: &Aside, now: Now, next: OccurrenceId) -> bool {
        let was_active = self.process.is_active();
        let is_same = was_active && !aside.interrupted;
        let is_new_occurrence = match (self.active, self.process) {
            (true, _) => {
                self.process = ProcessState::Unacknowledged;
                !is_same
            }
            (false, before) if before.is_latched() && aside.came.is_none() => false,
            (false, before) if before.is_latched() || (definition.latch && (was_active || aside.came.is_some())) => {
                self.process = ProcessState::LatchedUnacknowledged;
                aside.came.is_some()
            }
            (false, _) => {
                self.process = ProcessState::Normal;
                false
            }
        };
        if is_new_occurrence {
            (self.occurrence, self.raised) = (next, aside.came.unwrap_or(now.utc));
        }
        is_new_occurrence
    }

    fn turn(&mut self, definition: &AlarmDefinition, now: Now, next: OccurrenceId) -> Observation {
        let delay_changed = std::mem::replace(&mut self.delay, Delay::None) != Delay::None;
        self.active = !self.active;
        let from = self.state();
        let seen = match &mut self.aside {
            None => self.turn_in_process(definition, now, next),
            Some(aside) if self.active => {
                aside.came = Some(now.utc);
                self.changed_from(from, Occasion::ConditionActive, false, now)
            }
            Some(aside) => {
                aside.interrupted = true;
                match aside.shelf.take_if(|shelf| shelf.one_shot) {
                    Some(_) => self.lift(definition, from, Occasion::OneShotEnded, now, next),
                    None => self.changed_from(from, Occasion::ConditionGone, false, now),
                }
            }
        };
        Observation { delay_changed, ..seen }
    }

    fn turn_in_process(&mut self, definition: &AlarmDefinition, now: Now, next: OccurrenceId) -> Observation {
        if self.active {
            (self.occurrence, self.raised) = (next, now.utc);
            return self.become_in_process(ProcessState::Unacknowledged, Occasion::ConditionActive, true, now);
        }
        let to = match (self.process, definition.latch) {
            (ProcessState::Unacknowledged, false) => ProcessState::ReturnedUnacknowledged,
            (ProcessState::Unacknowledged, true) => ProcessState::LatchedUnacknowledged,
            (ProcessState::Acknowledged, false) => ProcessState::Normal,
            (ProcessState::Acknowledged, true) => ProcessState::LatchedAcknowledged,
            // Not active in the process: there is nothing that could return.
            (other, _) => other,
        };
        self.become_in_process(to, Occasion::ConditionGone, false, now)
    }

    fn become_in_process(
        &mut self,
        to: ProcessState,
        occasion: Occasion,
        is_new_occurrence: bool,
        now: Now,
    ) -> Observation {
        let from = std::mem::replace(&mut self.process, to).into();
        self.changed_from(from, occasion, is_new_occurrence, now)
    }

    fn changed_from(&mut self, from: State, occasion: Occasion, is_new_occurrence: bool, now: Now) -> Observation {
        let to = self.state();
        if from != to || is_new_occurrence {
            self.changed = now.utc;
        }
        Observation { change: Some(Change { from, to, occasion, is_new_occurrence }), ..Observation::default() }
    }
}
