//! Suppression by design, from the station file to the journal.

use super::*;
use crate::access::PrincipalKind;

/// No flow means nothing while the pump stands. The first tag is the flow, the second the pump.
const FLOW: &str = r#"{"low":5,"message":"flow {t0}, pump {t1}","suppress_when":"{t1} == 0"}"#;
/// What is suppressed by nothing.
const PUMP: &str = r#"{"high":1000}"#;
const RUNS: u64 = 1;
const STANDS: u64 = 0;

impl Bench {
    /// What one answer says of flow and pump, and what the journal has of it.
    fn answer(&mut self, flow: Option<u64>, pump: Option<u64>) -> Vec<String> {
        let known = self.journal.len();
        self.samples(&[(0, flow), (1, pump)]);
        self.record();
        self.journal[known..].iter().map(line).collect()
    }

    fn shown(&mut self) -> Vec<String> {
        let board = self.engine.snapshot(self.now).alarms;
        let all = board.views.iter().chain(board.set_aside.iter());
        all.map(|view| format!("{} {}", view.state.word(), view.message)).collect()
    }

    /// The next run, after ten seconds; none of its clocks has anything to do with those of this one.
    fn restart(&self, plan: &Arc<Plan>) -> Self {
        let later = Now { monotonic: Monotonic::from_micros(7), ..jump(self.now, 10) };
        let mut next = Self::new(plan, self.restored(), later);
        next.step(Event::Tick);
        next.record();
        next
    }
}

fn line(change: &Transition) -> String {
    let actor = change.actor.as_ref().map(|actor| format!(" by {actor}: {}", change.comment)).unwrap_or_default();
    let (occasion, occurrence) = (change.occasion.word(), change.occurrence);
    format!("{occasion} {occurrence} {} -> {}{actor}", change.from.word(), change.to.word())
}

#[test]
fn what_is_suppressed_is_judged_on_below_and_comes_back_as_defined() {
    let mut bench = Bench::start(&[FLOW, PUMP]);
    assert_eq!(bench.answer(Some(20), Some(RUNS)), Vec::<String>::new());
    // The pump stands, and with the same answer the flow is gone: the alarm is never seen.
    let began = "suppression-began 0 normal -> suppressed by rule suppress_when: {t1} == 0";
    let below = "condition-active 0 suppressed -> suppressed";
    assert_eq!(bench.answer(Some(0), Some(STANDS)), [began, below]);
    assert_eq!(bench.shown(), ["suppressed Flow 0, pump 0"]);
    // It went below, and came once more.
    bench.now = bench.now.plus(MINUTE);
    assert_eq!(bench.answer(Some(9), Some(STANDS)), ["condition-gone 0 suppressed -> suppressed"]);
    assert_eq!(bench.answer(Some(1), Some(STANDS)), [below]);
    // The pump runs, and with the same answer the flow is back: there is nothing to do.
    let ended = "by rule suppress_when: no longer true: {t1} == 0";
    let gone = "condition-gone 0 suppressed -> suppressed";
    assert_eq!(
        bench.answer(Some(20), Some(RUNS)),
        [gone.to_owned(), format!("suppression-ended 0 suppressed -> normal {ended}")]
    );
    assert_eq!(bench.shown(), Vec::<String>::new());
    assert!(
        !bench.notices.iter().any(|notice| matches!(notice, Notice::Alarm(view) if view.state.needs_acknowledgement()))
    );
    // The pump runs, and there is no flow: this is for the operator, with the values of the moment at which it came.
    bench.answer(Some(3), Some(STANDS));
    let came = bench.now.utc;
    bench.now = bench.now.plus(MINUTE);
    assert_eq!(
        bench.answer(Some(2), Some(RUNS)),
        [format!("suppression-ended 1 suppressed -> unacknowledged {ended}")]
    );
    assert_eq!(bench.shown(), ["unacknowledged Flow 3, pump 0"]);
    assert_eq!(bench.engine.alarms.alarms[0].raised(), came, "it is active since its condition came");
    let actor = bench.journal.last().and_then(|change| change.actor.clone()).unwrap();
    assert_eq!((actor.kind, &*actor.name), (PrincipalKind::Rule, "suppress_when"));
    // Suppressed once more while it is active: the same activation comes back.
    bench.answer(Some(2), Some(STANDS));
    assert_eq!(
        bench.answer(Some(2), Some(RUNS)),
        [format!("suppression-ended 1 suppressed -> unacknowledged {ended}")]
    );
}

#[test]
fn bad_input_neither_begins_nor_ends_suppression_over_a_restart_either() {
    let mut bench = Bench::start(&[FLOW, PUMP]);
    bench.answer(Some(20), Some(RUNS));
    assert_eq!(bench.answer(Some(20), None), Vec::<String>::new(), "it does not begin");
    bench.answer(Some(0), Some(STANDS));
    assert_eq!(bench.answer(Some(0), None), Vec::<String>::new(), "it does not end");
    let since = bench.engine.snapshot(bench.now).alarms.set_aside[0].aside.as_ref().unwrap().since();
    for (first, expected) in
        [(Some(STANDS), State::Suppressed), (Some(RUNS), State::Unacknowledged), (None, State::Suppressed)]
    {
        let mut next = bench.restart(bench.engine.plan());
        assert_eq!(next.shown(), ["suppressed Flow 0, pump 0"], "before any input it is as it was");
        assert_eq!(next.journal, []);
        next.answer(Some(0), None);
        assert_eq!(next.state(0), State::Suppressed, "bad input says nothing");
        next.answer(Some(0), first);
        assert_eq!(next.state(0), expected, "what the inputs say first decides: {first:?}");
        assert_eq!(next.journal.len(), usize::from(expected != State::Suppressed));
        if expected == State::Suppressed {
            let board = next.engine.snapshot(next.now).alarms;
            assert_eq!(board.set_aside[0].aside.as_ref().unwrap().since(), since, "it is the same suppression");
        }
    }
    // What was not suppressed when the last run ended can be by what the inputs say first.
    bench.answer(Some(20), Some(RUNS));
    let mut next = bench.restart(bench.engine.plan());
    next.answer(Some(0), Some(STANDS));
    assert_eq!(next.state(0), State::Suppressed);
}

#[test]
fn what_the_station_file_suppresses_no_more_comes_back_with_words() {
    let mut bench = Bench::start(&[FLOW, PUMP]);
    bench.answer(Some(0), Some(STANDS));
    let without = plan(&[r#"{"low":5}"#, PUMP]);
    let words = "suppression-ended 1 suppressed -> unacknowledged by rule suppress_when: the station file does not suppress it any more";
    let next = bench.restart(&without);
    assert_eq!(next.journal.iter().map(line).collect::<Vec<_>>(), [words]);
    let reload = |bench: &mut Bench, next: &Arc<Plan>| {
        let (known, number) = (bench.journal.len(), bench.engine.generation().0 + 1);
        let plan = Arc::new(Plan { generation: Generation(number), ..(**next).clone() });
        bench.step(Event::Reload { plan, who: Principal::person("anna"), settings: Vec::new() });
        bench.record();
        bench.journal[known..].iter().map(line).collect::<Vec<_>>()
    };
    // Said in other words, it goes on.
    let other = plan(&[r#"{"low":5,"suppress_when":"{t1} < 1"}"#, PUMP]);
    let restated = "suppression-began 0 suppressed -> suppressed by rule suppress_when: {t1} < 1";
    assert_eq!(reload(&mut bench, &other), [restated]);
    let board = bench.engine.snapshot(bench.now).alarms;
    assert_eq!(board.set_aside[0].aside.as_ref().unwrap().reason(), "{t1} < 1");
    assert_eq!(reload(&mut bench, &other), Vec::<String>::new(), "the same once more");
    assert_eq!(reload(&mut bench, &without), [words]);
}

#[test]
fn a_shelf_and_the_design_hold_at_once() {
    let mut bench = Bench::start(&[FLOW, PUMP]);
    bench.answer(Some(0), Some(RUNS));
    bench.shelve("t0:low", 3600);
    bench.record();
    bench.answer(Some(0), Some(STANDS));
    assert_eq!(bench.state(0), State::Suppressed, "the design is the stronger one");
    bench.answer(Some(0), Some(RUNS));
    assert_eq!(bench.state(0), State::Shelved);
    bench.answer(Some(0), Some(STANDS));
    bench.pass(HOUR);
    assert_eq!(bench.state(0), State::Suppressed, "the shelf is over, the design is not");
    bench.answer(Some(0), Some(RUNS));
    assert_eq!(bench.state(0), State::Unacknowledged);
}

#[test]
fn the_message_with_its_values_outlives_a_restart() {
    let mut bench = Bench::start(&[FLOW, PUMP]);
    bench.answer(Some(3), Some(RUNS));
    let mut next = bench.restart(bench.engine.plan());
    assert_eq!(next.shown(), ["unacknowledged Flow 3, pump 1"]);
    next.answer(Some(2), Some(RUNS));
    assert_eq!(next.shown(), ["unacknowledged Flow 3, pump 1"], "it is the same activation");
    next.answer(Some(20), Some(RUNS));
    assert_eq!(next.restart(bench.engine.plan()).shown(), ["returned-unacknowledged Flow 3, pump 1"]);
    next.answer(Some(1), Some(RUNS));
    assert_eq!(next.restart(bench.engine.plan()).shown(), ["unacknowledged Flow 1, pump 1"]);
}

/// Each new command is another situation: how long the device may take counts from there, and that is no news for the journal.
#[test]
fn a_delay_that_begins_anew_is_no_line_of_the_journal() {
    let alarm = r#"{"discrepancy":"t1","within":"10s"}"#;
    let mut bench = Bench::start(&[alarm, PUMP]);
    for command in 1..=20 {
        bench.answer(Some(0), Some(command));
        bench.pass(Duration::from_secs(6));
    }
    assert_eq!(bench.journal, []);
    let since = bench.delays[&AlarmKey::from("t0:discrepancy")].delay.unwrap().since;
    assert_eq!(since, at(1_000_000 + 19 * 6, 0).utc, "the records know when the delay began last");
    bench.pass(Duration::from_secs(3));
    assert_eq!(bench.journal, []);
    bench.pass(Duration::from_secs(1));
    assert_eq!(bench.occasions(), ["condition-active"]);
    // Of one that is active, a new command ends nothing either.
    bench.answer(Some(0), Some(30));
    assert_eq!(bench.occasions(), ["condition-active"]);
}
