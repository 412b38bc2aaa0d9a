use super::*;
use crate::alarm::State;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(seconds * 1_000_000)
}

/// Changes as `seconds alarm before>after`, with the letters of ISA-18.2: Normal, Unacknowledged, acKnowledged, Returned; an acknowledgement
/// is one by its letters. Each U begins an occurrence.
fn changes(script: &str) -> Vec<Change> {
    let word = |letter: &str| match letter {
        "U" => State::Unacknowledged.word(),
        "K" => State::Acknowledged.word(),
        "R" => State::ReturnedUnacknowledged.word(),
        "S" => "shelved",
        _ => State::Normal.word(),
    };
    let mut raised: HashMap<String, (u64, Timestamp)> = HashMap::new();
    let mut one = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let (before, after) = words[2].split_once('>').unwrap();
        let time = at(words[0].parse().unwrap());
        let count = raised.len() as u64 + 1;
        let begun = raised.entry(words[1].to_owned()).or_insert((count, time));
        if after == "U" {
            *begun = (begun.0 + 1000, time);
        }
        Change {
            time,
            alarm: words[1].into(),
            occurrence: begun.0,
            before: word(before).into(),
            after: word(after).into(),
            raised: begun.1,
            by_person: matches!((before, after), ("U", "K") | ("R", "N") | (_, "S") | ("S", _)),
        }
    };
    script.split(',').map(|line| one(line.trim())).collect()
}

fn figures(opening: Vec<Opening>, script: &str, from: i64, to: i64) -> Figures {
    let record = Record { opening, changes: changes(script) };
    let priority = |alarm: &str| alarm.starts_with('h').then_some(Priority::High);
    Figures::of(&record, Period { from: at(from), to: at(to) }, &priority)
}

#[test]
fn what_was_active_before_the_period_stands_in_it_and_is_no_activation() {
    let standing = |alarm: &str, state: State, raised: i64| Opening {
        alarm: alarm.into(),
        occurrence: 7,
        state: state.word().into(),
        raised: at(raised),
    };
    let opening = vec![
        standing("h1", State::Unacknowledged, -100_000),
        standing("h2", State::Acknowledged, -50),
        standing("h3", State::ReturnedUnacknowledged, -60),
    ];
    let found = figures(opening, "10 h2 K>N, 20 h4 N>U, 30 h4 U>R, 999 h5 N>U, 1000 h6 N>U", 0, 1000);
    assert_eq!(found.activations, 2, "those within, and none at the very end");
    assert_eq!((found.standing.active_at_end, found.standing.waiting_at_end), (2, 4));
    assert_eq!(found.standing.stale_at_end, ["h1"]);
    assert_eq!(found.standing.maximum, 2);
    assert_eq!(found.standing.average, (1000.0 + 10.0 + 10.0 + 1.0) / 1000.0);
    assert_eq!((found.fleeting, found.fleeting_alarms), (1, 1), "the one that returned by itself");
}

#[test]
fn times_to_acknowledge_are_told_by_priority() {
    let script = "0 h1 N>U, 0 x N>U, 0 h2 N>U, 10 h1 U>K, 20 x U>R, 30 x R>N, 31 h2 U>R, 40 h2 R>U, 50 h2 U>K";
    let found = figures(Vec::new(), script, 0, 100);
    let times = found.acknowledge;
    assert_eq!(times.count, 3);
    assert_eq!((times.median_seconds, times.ninetieth_seconds), (Some(10.0), Some(30.0)));
    let high = found.priorities.iter().find(|one| one.priority == Priority::High).unwrap();
    assert_eq!((high.activations, high.acknowledge.count), (3, 2));
    assert_eq!(high.acknowledge.maximum_seconds, Some(10.0));
    assert_eq!((found.of_unknown_priority, high.share), (1, 1.0));
}

/// It returned while the record of its acknowledgement was being written: the journal tells that twice.
#[test]
fn an_acknowledgement_that_was_overtaken_counts_once() {
    let found = figures(Vec::new(), "0 h N>U, 10 h U>K, 11 h U>R, 11 h R>N", 0, 100);
    assert_eq!((found.acknowledge.count, found.activations), (1, 1));
    assert_eq!((found.standing.active_at_end, found.standing.waiting_at_end), (0, 0));
    assert_eq!(found.fleeting, 0, "somebody knew of it while it was active");
}

#[test]
fn what_is_set_aside_is_counted_and_does_not_stand() {
    let found = figures(Vec::new(), "0 a N>U, 10 a U>S, 20 b N>S, 60 a S>U, 70 a U>S", 0, 100);
    assert_eq!(found.set_aside[0], ("shelved".into(), 3));
    assert_eq!((found.set_aside_at_end, found.standing.active_at_end), (2, 0));
    assert_eq!(found.activations, 2, "taken back from the shelf it calls again");
    assert_eq!((found.fleeting, found.acknowledge.count), (0, 0), "setting aside is no return and no acknowledgement");
}

#[test]
fn the_most_frequent_stand_first_with_their_share() {
    let script = "0 a N>U, 1 a U>R, 100 a R>U, 101 a U>R, 200 b N>U, 300 c N>U";
    let found = figures(Vec::new(), script, 0, 1000);
    let names: Vec<(&str, usize)> = found.alarms.iter().map(|one| (&*one.alarm, one.activations)).collect();
    assert_eq!(names, [("a", 2), ("b", 1), ("c", 1)]);
    assert_eq!((found.alarms[0].share, found.top_share), (0.5, 1.0));
    assert_eq!(found.bad_actors().len(), 1);
}

#[test]
fn a_remark_of_the_station_is_a_gap_and_no_alarm() {
    let mut record = Record { opening: Vec::new(), changes: changes("0 a N>U") };
    let remark = Change { before: "".into(), after: "".into(), time: at(5), ..record.changes[0].clone() };
    record.changes.push(remark);
    let found = Figures::of(&record, Period { from: at(0), to: at(10) }, &|_| None);
    assert_eq!((found.gaps, found.activations), (1, 1));
    assert!(found.table().iter().any(|row| row.figure == "Gaps in the journal" && row.judgement == Judgement::Over));
}

/// Every published target, just kept and just not.
#[test]
fn targets_are_judged_in_words() {
    let judged = |figures: &Figures, name: &str| {
        figures.table().into_iter().find(|row| row.figure == name).unwrap_or_else(|| panic!("no {name}")).judgement
    };
    let base = figures(Vec::new(), "0 h N>U", 0, 86_400);
    let day = |average: f64| {
        let mut changed = base.clone();
        changed.rates.per_day.average = average;
        judged(&changed, "Activations per day, average")
    };
    assert_eq!([150.0, 150.1, 300.0, 300.1].map(day), {
        use Judgement::{Acceptable, Over, WithinTarget};
        [WithinTarget, Acceptable, Acceptable, Over]
    });
    let of = |change: &dyn Fn(&mut Figures), name: &str| {
        let mut changed = base.clone();
        change(&mut changed);
        judged(&changed, name)
    };
    let stale = |count: usize| of(&|one| one.standing.stale_on_worst_day = count, "Stale alarms on the worst day");
    assert_eq!([stale(4), stale(5)], [Judgement::WithinTarget, Judgement::Over]);
    let flood = |share: f64| of(&|one| one.rates.share_in_flood = share, "Time in flood");
    assert_eq!([flood(0.0099), flood(0.01)], [Judgement::WithinTarget, Judgement::Over]);
    let top = |share: f64| of(&|one| one.top_share = share, "Share of the 10 most frequent alarms");
    assert_eq!([top(0.05), top(0.051)], [Judgement::WithinTarget, Judgement::Over]);
    let low = |share: f64| of(&|one| one.priorities[3].share = share, "Priority low");
    assert_eq!([low(0.8), low(0.79)], [Judgement::WithinTarget, Judgement::TooFew]);
    let critical = |share: f64| of(&|one| one.priorities[0].share = share, "Priority critical");
    assert_eq!([critical(0.0), critical(0.01)], [Judgement::WithinTarget, Judgement::Over]);
    let chatter = |count: usize| of(&|one| one.chattering_alarms = count, "Chattering alarms");
    assert_eq!([chatter(0), chatter(1)], [Judgement::WithinTarget, Judgement::Over]);
}
