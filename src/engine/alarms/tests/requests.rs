//! Requests, while their records are under way: names that come twice, alarms that change, station files that change.

use super::*;

const HIGH: &str = r#"{"high":10}"#;

fn shelf(key: &str) -> RequestBody {
    let alarms = vec![AlarmName::Key(AlarmKey::from(key))];
    RequestBody::Shelve { alarms, length_seconds: Some(600), one_shot: false, reason: "why".into() }
}

#[test]
fn a_second_request_of_the_same_name_is_refused_whatever_it_asks_for() {
    let mut bench = Bench::start(&[HIGH, HIGH]);
    bench.sample(0, Some(20));
    let acknowledge = RequestBody::Acknowledge { occurrences: vec![OccurrenceId(1)], comment: "".into() };
    bench.ask_as("one", acknowledge.clone());
    let scan = |on| RequestBody::Scan { device: "d".into(), on, reason: "why".into() };
    let note = || RequestBody::Note { at: Timestamp::default(), words: "words".into() };
    for body in [shelf("t1:high"), scan(false), note(), acknowledge] {
        bench.ask_as("one", body);
        let refused = Reply::Refused { why: "this request was taken before".to_owned() };
        assert_eq!(bench.replies.pop(), Some(refused));
    }
    bench.ask_as("two", scan(false));
    bench.ask_as("two", scan(true));
    bench.ask_as("three", note());
    bench.ask_as("three", note());
    assert_eq!(bench.replies.len(), 2);
    bench.replies.clear();
    bench.record();
    assert_eq!(bench.replies.len(), 3, "each that was taken is answered: {:?}", bench.replies);
    assert!(bench.replies.contains(&Reply::Acknowledged { count: 1, already: 0, gone: 0, set_aside: 0 }));
    assert_eq!((bench.state(0), bench.state(1)), (State::Acknowledged, State::Normal));
    bench.ask_as("one", RequestBody::ListAlarms);
    assert!(matches!(bench.replies.pop(), Some(Reply::Alarms { .. })), "what changes nothing may be asked again");
}

/// A power cut right after the answer asks for nothing again.
#[test]
fn an_acknowledgement_that_is_overtaken_is_answered_when_its_last_line_is_durable() {
    for works in [true, false] {
        let mut bench = Bench::start(&[HIGH]);
        bench.sample(0, Some(20));
        bench.record();
        bench.acknowledge(1);
        bench.sample(0, Some(0));
        bench.record_one(true);
        bench.record_one(true);
        assert_eq!(bench.state(0), State::Normal, "it has taken effect");
        assert_eq!(bench.replies, [], "and is not durable yet");
        assert!(bench.kept().contains_key(&AlarmKey::from("t0:high")));
        bench.record_one(works);
        if works {
            assert_eq!(bench.replies, [Reply::Acknowledged { count: 1, already: 0, gone: 0, set_aside: 0 }]);
            assert_eq!(bench.kept(), HashMap::new(), "nobody is asked again");
        } else {
            let why = "it was done, but the last of it could not be recorded: disk full; look again after a restart";
            assert_eq!(bench.replies, [Reply::Refused { why: why.to_owned() }]);
        }
        assert!(bench.engine.alarms.settled.is_empty() && bench.waiting.is_empty());
    }
}

#[test]
fn an_acknowledgement_that_is_overtaken_is_answered_over_a_reload() {
    let mut bench = Bench::start(&[HIGH]);
    bench.sample(0, Some(20));
    bench.acknowledge(1);
    bench.sample(0, Some(0));
    bench.record_one(true);
    bench.record_one(true);
    bench.reload(&plan(&[HIGH]));
    bench.record();
    assert_eq!(bench.replies, [Reply::Acknowledged { count: 1, already: 0, gone: 0, set_aside: 0 }]);
}

/// A normal alarm is being shelved while it leaves the station file: it stands nowhere, and who asked hears of it.
#[test]
fn what_is_set_aside_while_it_leaves_the_station_file_leaves_no_ghost() {
    for (works, comes_back) in [(true, false), (true, true), (false, false)] {
        let mut bench = Bench::start(&[HIGH, HIGH]);
        bench.ask(shelf("t1:high"));
        bench.reload(&plan(&[HIGH]));
        if comes_back {
            bench.reload(&plan(&[HIGH, HIGH]));
            bench.sample(1, Some(20));
        }
        bench.record_one(works);
        let refused = matches!(&bench.replies[..], [Reply::Refused { why }] if why.contains(if works { "no such alarm" } else { "disk full" }));
        assert!(refused, "{:?}", bench.replies);
        bench.record();
        let kept: Vec<_> = bench.kept().iter().map(|(key, kept)| (key.to_string(), kept.state())).collect();
        let stands = comes_back.then(|| ("t1:high".to_owned(), State::Unacknowledged));
        assert_eq!(kept, Vec::from_iter(stands), "works {works}, comes back {comes_back}");
    }
    // Of one that was not normal the reload tells the records already.
    let mut bench = Bench::start(&[HIGH, HIGH]);
    bench.sample(1, Some(20));
    bench.ask(shelf("t1:high"));
    bench.reload(&plan(&[HIGH]));
    bench.record();
    assert_eq!(bench.occasions(), ["condition-active", "shelved", "removed"]);
    assert_eq!(bench.kept(), HashMap::new());
}

#[test]
fn a_group_of_which_a_reload_leaves_only_what_is_quiet_marks_nothing() {
    let member = r#"{"high":10,"group":"trip"}"#;
    let mut bench = Bench::start(&[member, member]);
    bench.sample(0, Some(20));
    bench.sample(1, Some(20));
    bench.sample(0, Some(0));
    bench.acknowledge(1);
    bench.record();
    assert_eq!(bench.state(0), State::Normal);
    assert!(bench.kept()[&AlarmKey::from("t0:high")].first_out.is_some(), "it is the first until all are quiet");
    bench.reload(&plan(&[member]));
    bench.record();
    assert_eq!(bench.kept(), HashMap::new());
    assert_eq!(bench.journal.last().unwrap().occasion, Occasion::GroupNormal);
}

/// An input that chatters around its limit, with a long delay and over a long shelf.
#[test]
fn a_delay_that_is_called_off_leaves_nothing_behind() {
    let mut bench = Bench::start(&[r#"{"high":10,"on_delay":"1h"}"#, r#"{"high":10,"on_delay":"2s"}"#]);
    bench.shelve("t1:high", 1800);
    bench.record();
    for _ in 0..2000 {
        bench.now = bench.now.plus(Duration::from_millis(500));
        bench.samples(&[(0, Some(20)), (1, Some(20))]);
        bench.samples(&[(0, Some(0)), (1, Some(0))]);
        assert!(bench.engine.deadlines.len() <= 5, "{:?}", bench.engine.deadlines);
    }
    // What is left is what counts.
    assert_eq!(bench.state(1), State::Shelved);
    bench.pass(Duration::from_secs(800));
    assert_eq!(bench.state(1), State::Normal);
    bench.sample(0, Some(20));
    bench.pass(HOUR);
    assert_eq!(bench.state(0), State::Unacknowledged);
}

/// The value of a return is that of the return; what raised the alarm stays what raised it.
#[test]
fn the_value_that_raised_an_alarm_outlives_its_return_and_a_restart() {
    let mut bench = Bench::start(&[HIGH]);
    bench.sample(0, Some(20));
    bench.sample(0, Some(5));
    bench.record();
    assert_eq!(bench.journal[1].value, Some(Value::Unsigned(5)));
    let mut again = Bench::new(bench.engine.plan(), bench.restored(), bench.now);
    let board = again.engine.snapshot(again.now).alarms;
    assert_eq!(board.views[0].value.as_ref().and_then(Value::as_f64), Some(20.0));
    again.acknowledge(1);
    again.record();
    assert_eq!(again.journal[0].value.as_ref().and_then(Value::as_f64), Some(20.0));
}

/// What comes back normal although nobody ever acknowledged it is in the journal with just these words.
#[test]
fn what_went_unacknowledged_while_it_was_set_aside_is_said_in_the_journal() {
    let design = r#"{"high":10,"suppress_when":"{t1} == 0"}"#;
    let never = "it went while it was suppressed by design, and was never acknowledged";
    for (is_acknowledged, goes_before, expected) in [
        (false, false, format!("no longer true: {{t1}} == 0; {never}")),
        (true, false, "no longer true: {t1} == 0".to_owned()),
        (
            false,
            true,
            "no longer true: {t1} == 0; it had gone before it was suppressed by design, and was never acknowledged"
                .to_owned(),
        ),
    ] {
        let mut bench = Bench::start(&[design, r#"{"high":1000}"#]);
        bench.samples(&[(0, Some(20)), (1, Some(1))]);
        if is_acknowledged {
            bench.acknowledge(1);
            bench.record();
        }
        if goes_before {
            bench.sample(0, Some(0));
        }
        bench.sample(1, Some(0));
        bench.sample(0, Some(0));
        bench.sample(1, Some(1));
        bench.record();
        assert_eq!(bench.state(0), State::Normal);
        assert_eq!(&*bench.journal.last().unwrap().comment, expected);
    }
    // The same from a shelf, by time and by a person, whatever else happened while that was recorded.
    for overtaken in [None, Some(false), Some(true)] {
        let mut bench = Bench::start(&[HIGH]);
        bench.sample(0, Some(20));
        bench.shelve("t0:high", 600);
        bench.record();
        let unshelve = || RequestBody::Unshelve {
            alarms: vec![AlarmName::Key(AlarmKey::from("t0:high"))],
            comment: "done".into(),
        };
        match overtaken {
            None => {
                bench.sample(0, Some(0));
                bench.pass(11 * MINUTE);
            }
            Some(true) => {
                bench.ask(unshelve());
                bench.sample(0, Some(0));
            }
            Some(false) => {
                bench.sample(0, Some(0));
                bench.ask(unshelve());
            }
        }
        bench.record();
        assert_eq!(bench.state(0), State::Normal);
        let said = bench.journal.last().unwrap().comment.to_string();
        let begins = if overtaken.is_none() { "its time on the shelf is over" } else { "done; it went" };
        assert!(
            said.starts_with(begins) && said.ends_with("; it went while it was shelved, and was never acknowledged"),
            "{said}"
        );
    }
}

#[test]
fn two_who_shelve_at_once_get_one_shelf_and_the_journal_says_so() {
    let mut bench = Bench::start(&[r#"{"high":10}"#]);
    bench.shelve("t0:high", 60);
    bench.shelve("t0:high", 3600);
    bench.record();
    assert!(
        matches!(&bench.replies[..], [Reply::Refused { why }, Reply::AlarmsDone { count: 1, .. }] if why.contains("already shelved")),
        "{:?}",
        bench.replies
    );
    let last = bench.journal.last().unwrap();
    assert_eq!(
        (last.occasion.word(), &*last.comment),
        ("not-done", "not shelved: it is already shelved until 1970-01-12T13:47:40.000000Z; unshelve it first")
    );
    let until = bench.kept()[&AlarmKey::from("t0:high")].aside.as_ref().unwrap().until();
    assert_eq!(until, Some(bench.now.utc.plus(MINUTE)));
}

#[test]
fn what_is_set_aside_needs_no_acknowledgement() {
    let mut bench = Bench::start(&[r#"{"high":10}"#]);
    bench.sample(0, Some(20));
    bench.shelve("t0:high", 60);
    bench.record();
    bench.replies.clear();
    bench.ask(RequestBody::Acknowledge { occurrences: vec![OccurrenceId(1)], comment: "".into() });
    assert_eq!(bench.replies, [Reply::Acknowledged { count: 0, already: 0, gone: 0, set_aside: 1 }]);
    assert_eq!(bench.engine.alarms.alarms[0].process(), ProcessState::Unacknowledged);
}
