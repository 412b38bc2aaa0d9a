//! The condition of an alarm out of its entry.

use super::alarm_entries::{AlarmEntry, LimitEntry, StateEntry, StatesIsEntry};
use super::names::NamesFrom;
use super::problem::Place;
use super::units;
use crate::alarm::{Condition, Rate, Side};
use crate::expression::{Program, TagKind, Wanted, compile};
use crate::tag::TagId;
use std::time::Duration;

/// An entry with what is around it.
pub(super) struct Entry<'a> {
    pub(super) entry: &'a AlarmEntry,
    /// The tag that it belongs to.
    pub(super) tag: TagId,
    pub(super) place: &'a Place,
    pub(super) names: &'a NamesFrom<'a>,
    /// Whether the tag says when it is stale.
    pub(super) can_be_stale: bool,
    /// Whether the tag has an alarm of its own for being stale.
    pub(super) has_stale_alarm: bool,
}

const KINDS: &str =
    "high_high, high, low, low_low, is, bad_quality, stale, deviation, rate, no_change, discrepancy and when";

impl Entry<'_> {
    /// The one condition that is given; problems where there is none, more than one, or one that cannot be.
    pub(super) fn condition(&self) -> Option<Condition> {
        let entry = self.entry;
        let wanted = |flag: Option<bool>| flag.filter(|wanted| *wanted).is_some();
        let given = [
            entry.high_high.is_some(),
            entry.high.is_some(),
            entry.low.is_some(),
            entry.low_low.is_some(),
            entry.is.is_some(),
            wanted(entry.bad_quality),
            wanted(entry.stale),
            entry.deviation.is_some(),
            entry.rate.is_some(),
            entry.no_change.is_some(),
            entry.discrepancy.is_some(),
            entry.when.is_some(),
        ];
        self.companions();
        if given.into_iter().filter(|given| *given).count() != 1 {
            self.names.error(self.place, format!("an alarm needs exactly one of {KINDS}"));
            return None;
        }
        self.limit().or_else(|| self.quality()).or_else(|| self.state()).or_else(|| self.watching())
    }

    /// Keys that mean nothing without the one that they go with.
    fn companions(&self) {
        let entry = self.entry;
        let pairs = [
            ("from", entry.from.is_some(), "deviation", entry.deviation.is_some()),
            ("per", entry.per.is_some(), "rate", entry.rate.is_some()),
            ("direction", entry.direction.is_some(), "rate", entry.rate.is_some()),
            ("within", entry.within.is_some(), "discrepancy", entry.discrepancy.is_some()),
            ("tolerance", entry.tolerance.is_some(), "discrepancy", entry.discrepancy.is_some()),
        ];
        for (key, is_given, other, has_other) in pairs {
            if is_given && !has_other {
                self.names.error(&self.place.at(key), format!("\"{key}\" goes with \"{other}\", which is missing"));
            }
        }
        if entry.within.is_some() && entry.on_delay.is_some() {
            self.names
                .error(&self.place.at("on_delay"), "\"within\" is the delay of this alarm; leave one of them out");
        }
    }

    fn limit(&self) -> Option<Condition> {
        let entry = self.entry;
        let limits = [
            ("high_high", &entry.high_high, Side::HighHigh),
            ("high", &entry.high, Side::High),
            ("low", &entry.low, Side::Low),
            ("low_low", &entry.low_low, Side::LowLow),
        ];
        let (key, limit, side) =
            limits.into_iter().find_map(|(key, limit, side)| Some((key, limit.as_ref()?, side)))?;
        match (limit, side) {
            (LimitEntry::Moving(moving), side) => {
                let limit = self.number_like(&moving.tag, &self.place.at(key).at("tag"))?;
                Some(Condition::Moving(side, limit))
            }
            (LimitEntry::Fixed(limit), Side::HighHigh) => Some(Condition::HighHigh(*limit)),
            (LimitEntry::Fixed(limit), Side::High) => Some(Condition::High(*limit)),
            (LimitEntry::Fixed(limit), Side::Low) => Some(Condition::Low(*limit)),
            (LimitEntry::Fixed(limit), Side::LowLow) => Some(Condition::LowLow(*limit)),
        }
    }

    fn quality(&self) -> Option<Condition> {
        if self.entry.stale == Some(true) {
            if !self.can_be_stale {
                self.names.error(&self.place.at("stale"), "the tag never becomes stale; give it \"stale_after\"");
            }
            return Some(Condition::Stale);
        }
        match (self.entry.bad_quality, self.has_stale_alarm) {
            (Some(true), true) => Some(Condition::BadQualityNotStale),
            (Some(true), false) => Some(Condition::BadQuality),
            _ => None,
        }
    }

    fn state(&self) -> Option<Condition> {
        let place = self.place.at("is");
        match self.entry.is.as_ref()? {
            StatesIsEntry::One(state) => self.state_number(state, &place).map(Condition::Digital),
            StatesIsEntry::Several(states) if states.is_empty() => {
                self.names.error(&place, "at least one state is needed, such as [\"tripped\", \"fault\"]");
                None
            }
            StatesIsEntry::Several(states) => {
                let numbers =
                    states.iter().enumerate().map(|(number, state)| self.state_number(state, &place.at(number)));
                // Each is looked at, so that all mistakes are told.
                let mut numbers: Vec<f64> = numbers.collect::<Vec<_>>().into_iter().collect::<Option<_>>()?;
                numbers.sort_by(f64::total_cmp);
                numbers.dedup();
                Some(Condition::States(numbers.into()))
            }
        }
    }

    fn state_number(&self, state: &StateEntry, place: &Place) -> Option<f64> {
        let word = match state {
            StateEntry::Switch(on) => return Some(f64::from(u8::from(*on))),
            StateEntry::Number(number) => return Some(*number),
            StateEntry::Word(word) => word,
        };
        let states = self.names.names.states(self.tag);
        let found = states.number(word);
        if found.is_none() {
            let hint = self.names.problems.borrow_mut().nearest(word, states.words());
            let known = states.words().collect::<Vec<_>>().join(", ");
            let known = if known.is_empty() { "it has none".to_owned() } else { format!("it has {known}") };
            self.names.error(place, format!("\"{word}\" is no state of this tag{hint}; {known}"));
        }
        found.map(|number| number as f64)
    }

    fn watching(&self) -> Option<Condition> {
        let entry = self.entry;
        if let Some(limit) = entry.deviation {
            let from = self.with("from", entry.from.as_ref(), "the tag that the value is compared with")?;
            let from = self.number_like(from, &self.place.at("from"))?;
            self.above_zero("deviation", limit)?;
            return Some(Condition::Deviation { from, limit });
        }
        if let Some(change) = entry.rate {
            let per = self.with("per", entry.per.as_ref(), "the time that the change may take, such as \"1m\"")?;
            let per = self.duration("per", per)?;
            self.above_zero("rate", change)?;
            self.is_number(self.tag, self.place)?;
            return Some(Condition::Rate(Rate { change, per, direction: entry.direction.unwrap_or_default() }));
        }
        if let Some(text) = &entry.no_change {
            self.is_no_text(self.tag, &self.place.at("no_change"))?;
            return self.duration("no_change", text).map(Condition::NoChange);
        }
        if let Some(name) = &entry.discrepancy {
            return self.discrepancy(name);
        }
        let text = entry.when.as_deref()?;
        self.expression("when", text).map(|program| Condition::When(Box::new(program)))
    }

    fn discrepancy(&self, name: &str) -> Option<Condition> {
        let place = self.place.at("discrepancy");
        let commanded = self.names.wanted(name, &place)?;
        let both = [self.tag, commanded].map(|tag| self.is_no_text(tag, &place));
        self.same_unit(commanded, &place);
        let tolerance = self.entry.tolerance.unwrap_or(0.0);
        if tolerance < 0.0 || tolerance.is_nan() {
            self.names.error(&self.place.at("tolerance"), "a tolerance is not negative");
        }
        both.into_iter().all(|fine| fine.is_some()).then_some(Condition::Discrepancy { commanded, tolerance })
    }

    /// An expression that has to be true or false.
    pub(super) fn expression(&self, key: &str, text: &str) -> Option<Program> {
        let compiled = compile(text, self.names, &Wanted::Truth);
        compiled.map_err(|faults| self.names.faults(&self.place.at(key), &faults)).ok()
    }

    fn with<'b>(&self, key: &str, value: Option<&'b String>, what: &str) -> Option<&'b String> {
        if value.is_none() {
            self.names.error(self.place, format!("\"{key}\" is missing: {what}"));
        }
        value
    }

    fn duration(&self, key: &str, text: &str) -> Option<Duration> {
        let place = self.place.at(key);
        let found = self.names.problems.borrow_mut().take(&place, units::duration(text))?;
        if found.is_zero() {
            self.names.error(&place, "a time longer than zero is needed");
            return None;
        }
        Some(found)
    }

    fn above_zero(&self, key: &str, number: f64) -> Option<()> {
        if number > 0.0 {
            return Some(());
        }
        self.names.error(&self.place.at(key), "a number above 0 would be right");
        None
    }

    /// Another tag that says numbers in the unit of this one.
    fn number_like(&self, name: &str, place: &Place) -> Option<TagId> {
        let other = self.names.wanted(name, place)?;
        self.is_number(self.tag, self.place)?;
        self.is_number(other, place)?;
        self.same_unit(other, place);
        Some(other)
    }

    fn is_number(&self, tag: TagId, place: &Place) -> Option<()> {
        if self.names.names.kind(tag) == TagKind::Number {
            return Some(());
        }
        self.names.error(place, "this kind of alarm needs tags that are numbers");
        None
    }

    fn is_no_text(&self, tag: TagId, place: &Place) -> Option<()> {
        if self.names.names.kind(tag) != TagKind::Text {
            return Some(());
        }
        self.names.error(place, "this kind of alarm needs tags that are no texts");
        None
    }

    fn same_unit(&self, other: TagId, place: &Place) {
        let (own, other) = (self.names.names.unit(self.tag).trim(), self.names.names.unit(other).trim());
        if !own.is_empty() && !other.is_empty() && own != other {
            self.names
                .error(place, format!("this tag is in {other}, the alarm's own in {own}; both need the same unit"));
        }
    }
}
