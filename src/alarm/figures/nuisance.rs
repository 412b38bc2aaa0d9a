//! Activations that tell the operator nothing: chattering and fleeting ones.

use super::change::Period;
use super::life::Activation;
use std::collections::HashMap;
use std::sync::Arc;

/// An alarm chatters when this many activations of it come within [`CHATTER_MICROS`] (a working rule of ISA-18.2 users: 3 in 60 s).
const CHATTER: usize = 3;
const CHATTER_MICROS: i64 = 60_000_000;
/// An activation that was over sooner than this gave nobody the time to see it, judge it and act: one minute.
pub(super) const FLEETING_MICROS: i64 = 60_000_000;

/// What an activation was, apart from being one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Nuisance {
    /// One of at least 3 activations of its alarm, the first and the last of which are at most 60 s apart.
    Chattering,
    /// Over in less than 60 s, by itself, before anybody acknowledged it, and no part of a chatter (ISA-18.2: an alarm that returns before
    /// the operator could act, and does not come back at once).
    Fleeting,
}

/// What each activation of the period was; none for those that may have told something, and for those that began before it.
pub(super) fn nuisances(activations: &[Activation], period: Period) -> Vec<Option<Nuisance>> {
    let mut of_alarm: HashMap<&Arc<str>, Vec<usize>> = HashMap::new();
    for (place, activation) in activations.iter().enumerate().filter(|(_, one)| period.contains(one.raised)) {
        of_alarm.entry(&activation.alarm).or_default().push(place);
    }
    let mut found = vec![None; activations.len()];
    for places in of_alarm.values() {
        for place in places.iter().filter(|place| is_fleeting(&activations[**place])) {
            found[*place] = Some(Nuisance::Fleeting);
        }
        for run in places.windows(CHATTER) {
            let [first, last] = [run[0], run[CHATTER - 1]].map(|place| activations[place].raised);
            if last.micros_since(first) <= CHATTER_MICROS {
                run.iter().for_each(|place| found[*place] = Some(Nuisance::Chattering));
            }
        }
    }
    found
}

fn is_fleeting(activation: &Activation) -> bool {
    let Some(returned) = activation.returned.filter(|_| !activation.is_cut) else { return false };
    let was_acknowledged = activation.acknowledged.is_some_and(|moment| moment < returned);
    returned.micros_since(activation.raised) < FLEETING_MICROS && !was_acknowledged
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Timestamp;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Activations of one alarm as beginning, end and acknowledgement in seconds; -1 for none. A letter for each: chattering, fleeting.
    fn check(activations: &[[i64; 3]], expected: &str) {
        let moment = |second: i64| (second >= 0).then(|| at(second));
        let one = |[from, to, known]: &[i64; 3]| Activation {
            alarm: "a".into(),
            occurrence: 1,
            raised: at(*from),
            returned: moment(*to),
            acknowledged: moment(*known),
            is_cut: false,
        };
        let activations: Vec<Activation> = activations.iter().map(one).collect();
        let found = nuisances(&activations, Period { from: at(0), to: at(10_000) });
        let letter = |nuisance: Option<Nuisance>| match nuisance {
            Some(Nuisance::Chattering) => 'c',
            Some(Nuisance::Fleeting) => 'f',
            None => '-',
        };
        assert_eq!(found.into_iter().map(letter).collect::<String>(), expected);
    }

    #[test]
    fn three_in_a_minute_chatter() {
        check(&[[0, 1, -1], [30, 31, -1], [60, 61, -1]], "ccc");
        check(&[[0, 1, -1], [30, 31, -1], [61, 62, -1]], "fff");
        check(&[[0, 1, -1], [50, 51, -1], [55, 56, -1], [60, 61, -1], [200, 300, -1]], "cccc-");
        check(&[[-50, 1, -1], [1, 2, -1], [2, 3, -1]], "-ff");
    }

    #[test]
    fn what_is_gone_within_a_minute_and_was_not_acknowledged_is_fleeting() {
        check(&[[0, 59, -1]], "f");
        check(&[[0, 60, -1]], "-");
        check(&[[0, 59, 30]], "-");
        check(&[[0, 59, 70]], "f");
        check(&[[9990, -1, -1]], "-");
    }
}
