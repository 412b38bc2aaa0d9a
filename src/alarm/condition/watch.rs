//! Conditions that need more than one sample of one tag.

use super::no_change::Flatline;
use super::rate::Window;
use super::{Condition, Side, Verdict};
use crate::expression::Values;
use crate::tag::{Monotonic, Now, TagId, Timestamp};

/// What a condition looks at.
pub struct Look<'a, V> {
    /// Its own tag.
    pub tag: TagId,
    /// When the value of its own tag was true in the field.
    pub time: Timestamp,
    /// Until when the field confirmed the value before; the time of that value where nothing did.
    pub held_until: Option<Timestamp>,
    /// All values.
    pub values: &'a V,
    /// Whether the condition holds already: then the deadband applies.
    pub active: bool,
    /// How far a number must come back, in the tag's unit.
    pub deadband: f64,
    /// The present.
    pub now: Now,
}

/// What a condition has to remember from one look to the next. It is forgotten on a restart, and on a reload that changes the condition or a
/// tag that it looks at; then nothing returns to normal before as much as is needed was seen again.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Memory {
    /// Nothing.
    #[default]
    Nothing,
    /// What was commanded.
    Commanded(Option<f64>),
    /// The values of the last while.
    Window(Window),
    /// Since when nothing changed.
    Flatline(Flatline),
}

impl Memory {
    /// The clock by which samples are timed was put forward or back: times before and after it cannot be compared.
    pub fn restart_window(&mut self) {
        if let Self::Window(window) = self {
            *window = Window::default();
        }
    }
}

/// What a look came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// What can be said.
    pub verdict: Verdict,
    /// Whether a delay that runs starts anew: this is another situation than the one before.
    pub restarts_delay: bool,
    /// When it has to look again although nothing arrives.
    pub wake: Option<Monotonic>,
}

impl From<Verdict> for Judgement {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, restarts_delay: false, wake: None }
    }
}

impl<V: Values> Look<'_, V> {
    /// The number that a tag says; none where it is bad or none.
    pub(super) fn number(&self, tag: TagId) -> Option<f64> {
        let (value, quality) = self.values.value(tag);
        if quality.is_bad() { None } else { value.as_f64().filter(|number| number.is_finite()) }
    }

    /// How far a number has to come back at present.
    pub(super) fn back(&self) -> f64 {
        if self.active { self.deadband } else { 0.0 }
    }
}

impl Condition {
    /// What this condition remembers at first.
    pub fn memory(&self) -> Memory {
        match self {
            Self::Discrepancy { .. } => Memory::Commanded(None),
            Self::Rate(_) => Memory::Window(Window::default()),
            Self::NoChange(_) => Memory::Flatline(Flatline::default()),
            _ => Memory::Nothing,
        }
    }

    /// Judges from all values, the memory and the time. To be asked when its own tag or one of [`Condition::others`] has news, and when the time
    /// has come that it said last.
    pub fn judge_with(&self, look: &Look<'_, impl Values>, memory: &mut Memory) -> Judgement {
        match (self, memory) {
            (Self::Moving(side, limit), _) => moving(*side, *limit, look).into(),
            (Self::Deviation { from, limit }, _) => deviation(*from, *limit, look).into(),
            (Self::Discrepancy { commanded, tolerance }, Memory::Commanded(before)) => {
                discrepancy(*commanded, *tolerance, look, before)
            }
            (Self::Rate(rate), Memory::Window(window)) => window.judge(rate, look),
            (Self::NoChange(duration), Memory::Flatline(flatline)) => flatline.judge(*duration, look),
            (Self::When(program), _) => match program.evaluate(look.values).truth() {
                Some(holds) => Verdict::from(holds).into(),
                None => Verdict::Unevaluated.into(),
            },
            (simple, _) => {
                let (value, quality) = look.values.value(look.tag);
                simple.judge(value, quality, look.active, look.deadband).into()
            }
        }
    }
}

fn moving(side: Side, limit: TagId, look: &Look<'_, impl Values>) -> Verdict {
    let (Some(number), Some(limit)) = (look.number(look.tag), look.number(limit)) else { return Verdict::Unevaluated };
    match side {
        Side::HighHigh | Side::High => (number >= limit - look.back()).into(),
        Side::Low | Side::LowLow => (number <= limit + look.back()).into(),
    }
}

fn deviation(from: TagId, limit: f64, look: &Look<'_, impl Values>) -> Verdict {
    match (look.number(look.tag), look.number(from)) {
        (Some(number), Some(other)) => ((number - other).abs() >= limit - look.back()).into(),
        _ => Verdict::Unevaluated,
    }
}

fn discrepancy(commanded: TagId, tolerance: f64, look: &Look<'_, impl Values>, before: &mut Option<f64>) -> Judgement {
    let (Some(actual), Some(wanted)) = (look.number(look.tag), look.number(commanded)) else {
        return Verdict::Unevaluated.into();
    };
    let is_new = before.replace(wanted).is_some_and(|before| before != wanted);
    let verdict = ((actual - wanted).abs() > tolerance).into();
    Judgement { verdict, restarts_delay: is_new, wake: None }
}
