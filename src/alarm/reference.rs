//! The same life told in another way, slowly, to hold the state machine against: it keeps every event and works everything out anew from
//! the first one each time. It knows no transitions: a state follows from what is true of the last activation.

use super::State;

/// What happened, with times in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Said {
    Sample(Option<bool>),
    Time,
    Acknowledge(u64),
    Reset,
    Shelve { ends: u64, one_shot: bool },
    Unshelve,
    Suppress(bool),
    Out { ends: Option<u64> },
    In,
}

/// One activation that the operator was, or is, told of.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    is_acknowledged: bool,
    is_reset: bool,
    is_forgotten: bool,
}

/// What is true after a number of events.
#[derive(Clone, Debug, Default)]
pub(super) struct Look {
    flips: Vec<(usize, bool)>,
    told: Vec<Told>,
    shelf: Option<(u64, bool)>,
    is_suppressed: bool,
    out: Option<Option<u64>>,
    /// When the last of three ways to be set aside began, and the state before it.
    entered: Option<(usize, State)>,
    /// Whether the last event was taken.
    pub(super) was_taken: bool,
}

#[derive(Default)]
pub(super) struct Reference {
    pub(super) latch: bool,
    pub(super) on: u64,
    pub(super) off: u64,
    pub(super) log: Vec<(u64, Said)>,
}

impl Look {
    pub(super) fn is_active(&self) -> bool {
        self.flips.last().is_some_and(|(_, active)| *active)
    }

    pub(super) fn occurrence(&self) -> u64 {
        self.told.len() as u64
    }

    fn is_aside(&self) -> bool {
        self.shelf.is_some() || self.is_suppressed || self.out.is_some()
    }

    pub(super) fn state(&self, latch: bool) -> State {
        if self.out.is_some() {
            return State::OutOfService;
        }
        if self.is_suppressed {
            return State::Suppressed;
        }
        if self.shelf.is_some() {
            return State::Shelved;
        }
        let Some(last) = self.told.last().filter(|last| !last.is_forgotten) else { return State::Normal };
        match (self.is_active(), latch && !last.is_reset, last.is_acknowledged) {
            (true, _, false) => State::Unacknowledged,
            (true, _, true) => State::Acknowledged,
            (false, true, false) => State::LatchedUnacknowledged,
            (false, true, true) => State::LatchedAcknowledged,
            (false, false, false) => State::ReturnedUnacknowledged,
            (false, false, true) => State::Normal,
        }
    }
}

impl Reference {
    pub(super) fn look(&self) -> Look {
        let mut look = Look::default();
        for number in 0..self.log.len() {
            self.step(&mut look, number);
        }
        look
    }

    /// Whether the condition changes with this event: it was otherwise, without a break, for as long as its delay.
    fn flips(&self, look: &Look, number: usize) -> bool {
        let active = look.is_active();
        let (now, said) = self.log[number];
        let delay = if active { self.off } else { self.on };
        let first = look.flips.last().map_or(0, |(place, _)| place + 1);
        let breaks = |said: &Said| matches!(said, Said::Sample(None)) || *said == Said::Sample(Some(active));
        let since = self.log[first..=number]
            .iter()
            .rev()
            .take_while(|(_, said)| !breaks(said))
            .filter(|(_, said)| *said == Said::Sample(Some(!active)))
            .last();
        let looks = said == Said::Sample(Some(!active)) || said == Said::Time;
        looks && since.is_some_and(|(begun, _)| now - begun >= delay)
    }

    fn step(&self, look: &mut Look, number: usize) {
        let (now, said) = self.log[number];
        let (before, was_aside) = (look.state(self.latch), look.is_aside());
        look.was_taken = true;
        if self.flips(look, number) {
            let active = !look.is_active();
            look.flips.push((number, active));
            if active && !was_aside {
                look.told.push(Told::default());
            }
            look.shelf = look.shelf.filter(|(_, one_shot)| active || !one_shot);
        }
        self.act(look, now, said, before);
        match (was_aside, look.is_aside()) {
            (false, true) => look.entered = Some((number, before)),
            (true, false) => self.leave(look),
            _ => {}
        }
    }

    fn act(&self, look: &mut Look, now: u64, said: Said, before: State) {
        let is_last = |number: u64, look: &Look| number > 0 && number == look.occurrence();
        match said {
            Said::Sample(_) => {}
            Said::Time => {
                look.shelf = look.shelf.filter(|(ends, _)| *ends > now);
                look.out = look.out.filter(|ends| ends.is_none_or(|ends| ends > now));
            }
            Said::Acknowledge(number) if is_last(number, look) && before.needs_acknowledgement() => {
                look.told.iter_mut().last().unwrap().is_acknowledged = true;
            }
            Said::Reset if [State::LatchedUnacknowledged, State::LatchedAcknowledged].contains(&before) => {
                look.told.iter_mut().last().unwrap().is_reset = true;
            }
            Said::Shelve { ends, one_shot } if look.shelf.is_none() => look.shelf = Some((ends, one_shot)),
            Said::Unshelve if look.shelf.is_some() => look.shelf = None,
            Said::Suppress(begins) if look.is_suppressed != begins => look.is_suppressed = begins,
            Said::Out { ends } if look.out.is_none() => look.out = Some(ends),
            Said::In if look.out.is_some() => look.out = None,
            _ => look.was_taken = false,
        }
    }

    /// Nothing sets it aside any more: what is the operator told?
    fn leave(&self, look: &mut Look) {
        let Some((entered, before)) = look.entered.take() else { return };
        let flips: Vec<bool> = look.flips.iter().filter(|(number, _)| *number >= entered).map(|flip| flip.1).collect();
        let came = flips.contains(&true);
        let was_latched = [State::LatchedUnacknowledged, State::LatchedAcknowledged].contains(&before);
        let concerns = look.is_active() || (self.latch && (was_latched || before.is_active() || came));
        match (concerns, came) {
            (false, _) => look.told.iter_mut().for_each(|told| told.is_forgotten = true),
            (true, true) => look.told.push(Told::default()),
            (true, false) if was_latched => {}
            (true, false) => look.told.iter_mut().for_each(|told| told.is_acknowledged = false),
        }
    }
}
