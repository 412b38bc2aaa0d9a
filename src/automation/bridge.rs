//! One bridge: a tag that is copied to another one. It decides when a command is wanted; whether that may go, others decide.

use crate::command::Outcome;
use crate::tag::{Monotonic, Quality, Reason, TagId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// Failures in a row from which on a bridge counts as failing.
const FAILURES: u32 = 3;
/// Whatever failed is left alone for this long at most before it is tried again.
const LONGEST_PAUSE: Duration = Duration::from_secs(600);
/// After a failure it is left alone for at least this long.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
/// A bridge that copies the value before the last one this often ...
const RETURNS: usize = 20;
/// ... within this time goes back and forth.
const RETURNS_WITHIN: Duration = Duration::from_secs(60);

/// What a bridge does while its source has no good value.
#[derive(Clone, Debug, PartialEq)]
pub enum OnBad {
    /// It copies nothing: the target stays as it is.
    Hold,
    /// It sets the target to this value.
    Set(Value),
}

/// What the engineer says about a bridge.
#[derive(Clone, Debug, PartialEq)]
pub struct BridgeDefinition {
    /// Name, unique among bridges.
    pub name: Arc<str>,
    /// The tag that is copied.
    pub from: TagId,
    /// The tag that is set.
    pub to: TagId,
    /// Time from one copy to the next, at least.
    pub every: Duration,
    /// A number that differs by no more than this from the last one that was copied is not copied, in the unit of the source.
    pub deadband: f64,
    /// What happens while the source has no good value.
    pub on_bad: OnBad,
}

/// How a bridge is doing. From `Failing` on an operator has to act; the numbers stand in history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BridgeState {
    /// What its source says is what its target was set to, or will be in a moment.
    Copying = 0,
    /// The source has no good value, and the target is left as it is, or was set to what was agreed for that.
    #[default]
    Holding = 1,
    /// The device of the target cannot be talked to.
    Waiting = 2,
    /// A person stopped it.
    Stopped = 3,
    /// Its commands failed several times in a row.
    Failing = 4,
    /// It went back and forth, and stopped by itself.
    Tripped = 5,
}

impl BridgeState {
    /// All states, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::Copying, Self::Holding, Self::Waiting, Self::Stopped, Self::Failing, Self::Tripped];

    /// The word that screens and tools show.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Copying => "copying",
            Self::Holding => "holding",
            Self::Waiting => "waiting",
            Self::Stopped => "stopped",
            Self::Failing => "failing",
            Self::Tripped => "tripped",
        }
    }

    /// Whether it copies nothing until a person starts it.
    pub const fn is_stopped(self) -> bool {
        matches!(self, Self::Stopped | Self::Tripped)
    }

    /// Whether an operator has to act.
    pub fn needs_somebody(self) -> bool {
        self >= Self::Failing
    }
}

/// What a bridge wants.
#[derive(Clone, Debug, PartialEq)]
pub enum Next {
    /// Nothing, until something happens.
    Nothing,
    /// To be asked again then.
    At(Monotonic),
    /// To set its target to this value, now.
    Set(Value),
}

/// What the source says.
#[derive(Clone, Debug, PartialEq)]
enum Wanted {
    /// There is no good value.
    Nothing(Quality),
    /// A value to be copied.
    Copy(Value),
    /// There is no good value, and this stands in for it.
    Substitute(Value, Quality),
}

/// A bridge between two moments.
#[derive(Clone, Debug)]
pub struct Bridge {
    definition: BridgeDefinition,
    wanted: Wanted,
    /// What the target was set to last, as far as that is known.
    set: Option<Value>,
    /// The last two values that went out, the newer one first.
    sent: [Option<Value>; 2],
    under_way: Option<Value>,
    not_before: Monotonic,
    failures: u32,
    failure: Arc<str>,
    /// When it copied the value before the last one.
    returns: VecDeque<Monotonic>,
    copies: u64,
    last_copy: Option<Timestamp>,
}

impl Bridge {
    /// A bridge whose source was not looked at yet.
    pub fn new(definition: BridgeDefinition) -> Self {
        Self {
            definition,
            wanted: Wanted::Nothing(Quality::bad(Reason::NotYetRead)),
            set: None,
            sent: [None, None],
            under_way: None,
            not_before: Monotonic::default(),
            failures: 0,
            failure: "".into(),
            returns: VecDeque::new(),
            copies: 0,
            last_copy: None,
        }
    }

    /// The same bridge in another plant: it goes on counting. What was under way has ended with the plant; what the target was set to still
    /// holds where it is the same one, and set by the same command.
    #[must_use]
    pub fn moved_to(mut self, definition: BridgeDefinition, is_same_target: bool) -> Self {
        self.definition = definition;
        self.under_way = None;
        self.set = self.set.filter(|_| is_same_target);
        self
    }

    /// What the engineer says about it.
    pub fn definition(&self) -> &BridgeDefinition {
        &self.definition
    }

    /// The source has this value, with this quality. The newest counts; none is kept besides.
    pub fn look_at_source(&mut self, value: Option<Value>, quality: Quality) {
        self.wanted = match (value, &self.definition.on_bad) {
            (Some(value), _) if quality.is_good() => Wanted::Copy(value),
            // At a start every source is silent for a moment; what it is then is told soon.
            _ if quality.reason == Reason::NotYetRead => Wanted::Nothing(quality),
            (_, OnBad::Hold) => Wanted::Nothing(quality),
            (_, OnBad::Set(value)) => Wanted::Substitute(value.clone(), quality),
        };
    }

    /// What it wants now. `target` is the present value of the target, where that is good.
    pub fn next(&self, target: Option<&Value>, now: Monotonic) -> Next {
        let Some(value) = self.missing(target).filter(|_| self.under_way.is_none()) else { return Next::Nothing };
        if now < self.not_before { Next::At(self.not_before) } else { Next::Set(value.clone()) }
    }

    /// The value that the target has yet to get.
    fn missing(&self, target: Option<&Value>) -> Option<&Value> {
        // Before the first copy nobody knows what the target was set to: then what it says counts.
        let there = self.set.as_ref().or(target.filter(|_| self.failures == 0));
        match &self.wanted {
            Wanted::Nothing(_) => None,
            Wanted::Copy(value) => Some(value).filter(|value| !there.is_some_and(|there| self.is_near(there, value))),
            Wanted::Substitute(value, _) => Some(value).filter(|value| !there.is_some_and(|there| there.same(value))),
        }
    }

    fn is_near(&self, there: &Value, value: &Value) -> bool {
        let numbers = there.as_f64().zip(value.as_f64());
        there.same(value) || numbers.is_some_and(|(one, other)| (one - other).abs() <= self.definition.deadband)
    }

    /// A command with this value was asked for. Whether it goes back and forth, so that it has to be stopped.
    pub fn asked(&mut self, value: Value, now: Monotonic) -> bool {
        let [last, before] = &self.sent;
        let is_return = before.as_ref().is_some_and(|before| before.same(&value))
            && last.as_ref().is_some_and(|last| !last.same(&value));
        if is_return {
            self.returns.push_back(now);
        }
        while self.returns.front().is_some_and(|then| now.since(*then) > RETURNS_WITHIN) {
            self.returns.pop_front();
        }
        self.sent = [Some(value.clone()), self.sent[0].take()];
        self.not_before = now.plus(self.definition.every);
        self.under_way = Some(value);
        self.returns.len() >= RETURNS
    }

    /// The command ended.
    pub fn ended(&mut self, outcome: Outcome, words: &str, utc: Timestamp, now: Monotonic) {
        let Some(value) = self.under_way.take() else { return };
        if matches!(outcome, Outcome::Verified | Outcome::Unverified) {
            (self.set, self.last_copy) = (Some(value), Some(utc));
            (self.failures, self.copies) = (0, self.copies + 1);
            return;
        }
        // What the target has now is not known.
        self.set = None;
        self.failures = self.failures.saturating_add(1);
        self.failure = format!("{}: {words}", outcome.word()).into();
        self.not_before = self.not_before.max(now.plus(self.pause()));
    }

    /// Doubles with each failure in a row.
    fn pause(&self) -> Duration {
        let first = self.definition.every.clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        (first * 2u32.pow(self.failures.min(10))).min(LONGEST_PAUSE)
    }

    /// A person started it again: what was before counts no more.
    pub fn start_anew(&mut self) {
        self.returns.clear();
        (self.failures, self.set, self.sent, self.not_before) = (0, None, [None, None], Monotonic::default());
    }

    /// How it is doing, as long as it is not stopped and its target can be talked to; with what there is to say about that.
    pub fn state(&self, source: &str) -> (BridgeState, String) {
        if self.failures >= FAILURES {
            let pause = seconds(self.pause());
            let words = format!("{} times in a row, tried again every {pause}: {}", self.failures, self.failure);
            return (BridgeState::Failing, words);
        }
        match &self.wanted {
            Wanted::Copy(_) if self.failures > 0 => (BridgeState::Copying, format!("tried again: {}", self.failure)),
            Wanted::Copy(_) => (BridgeState::Copying, String::new()),
            Wanted::Nothing(quality) => (BridgeState::Holding, format!("{source}: {}", quality.words())),
            Wanted::Substitute(value, quality) => {
                (BridgeState::Holding, format!("{source}: {}; set to {value} meanwhile", quality.words()))
            }
        }
    }

    /// Copies since the start.
    pub const fn copies(&self) -> u64 {
        self.copies
    }

    /// When the last copy ended well.
    pub const fn last_copy(&self) -> Option<Timestamp> {
        self.last_copy
    }

    /// What the target was set to last, as far as that is known.
    pub const fn last_value(&self) -> Option<&Value> {
        self.set.as_ref()
    }
}

/// Whole seconds in words.
fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs())
}

/// Why a bridge stops by itself, in words.
pub const BACK_AND_FORTH: &str = "it went back and forth between two values 20 times within a minute: either something carries its target back \
     to its source, or the source flickers and the bridge needs a deadband";

#[cfg(test)]
mod tests;
