//! A lost device speaks once: whatever watches its tags says nothing meanwhile, and is counted.

use super::*;
use crate::alarm::AlarmView;
use crate::driver::{DeviceReport, Link, Statistics};

/// An alarm of each kind.
const KINDS: &[&str] = &[
    r#"{"high_high":100}"#,
    r#"{"high":50}"#,
    r#"{"low":10}"#,
    r#"{"low_low":5}"#,
    r#"{"is":7}"#,
    r#"{"bad_quality":true}"#,
    r#"{"is":[7,8]}"#,
    r#"{"stale":true}"#,
    r#"{"high":{"tag":"limit"},"deadband":1}"#,
    r#"{"deviation":50,"from":"limit"}"#,
    r#"{"discrepancy":"limit","within":"3s","tolerance":50}"#,
    r#"{"rate":1000,"per":"10s"}"#,
    r#"{"no_change":"90s"}"#,
    r#"{"when":"{t0} > 30 and {u} > 0"}"#,
];

/// Tags of the device "d" have an alarm each; "u" of the device "e" has one too, and "limit" none.
fn plant() -> Bench {
    let tag = |(number, alarm): (usize, &&str)| {
        format!(
            r#"{{"name":"t{number}","device":"d","register":"input:{number}","stale_after":"5s","alarms":[{alarm}]}}"#
        )
    };
    let tags: Vec<String> = KINDS.iter().enumerate().map(tag).collect();
    let text = format!(
        r#"{{"connections":[{{"name":"a","modbus":{{"tcp":"127.0.0.1"}}}}],
            "devices":[{{"name":"d","connection":"a","identify":false}},{{"name":"e","connection":"a","unit":2,"identify":false}}],
            "tags":[{},{{"name":"u","device":"e","register":"input:0","alarms":[{{"bad_quality":true}}]}},
            {{"name":"limit","device":"e","register":"input:1"}}]}}"#,
        tags.join(",")
    );
    let mut bench = Bench::new(&plan_of(&text), Restored::default(), at(1_000_000, 0));
    link(&mut bench, Link::Good);
    (0..KINDS.len() as u32 + 1).for_each(|tag| bench.sample(tag, Some(20)));
    bench.sample(KINDS.len() as u32 + 1, Some(40));
    bench
}

fn link(bench: &mut Bench, link: Link) {
    let report = DeviceReport {
        generation: bench.engine.generation(),
        device: DeviceId(0),
        link,
        condition: Default::default(),
        statistics: Statistics::default(),
    };
    bench.step(Event::Driver(DriverEvent::Device(report)));
    bench.record();
}

fn lose(bench: &mut Bench, reason: Reason) {
    link(bench, Link::Lost { reason, detail: "".into(), next_try: None });
}

/// How many alarms the tags of "d" have.
fn all() -> u32 {
    KINDS.len() as u32
}

/// Every line of the journal in short.
fn told(bench: &Bench) -> Vec<String> {
    bench.journal.iter().map(|change| format!("{} {}", change.alarm, change.to.word())).collect()
}

fn hides(bench: &mut Bench) -> Option<u32> {
    let board = bench.engine.snapshot(bench.now).alarms;
    board.views.iter().find(|view| view.key.as_str() == "d:lost").map(|view| view.hides)
}

/// Reasons for which drivers call a device lost.
const LOSSES: [Reason; 4] = [Reason::NoAnswer, Reason::NotConnected, Reason::BadFrame, Reason::GatewayNoPath];

#[test]
fn no_alarm_of_any_kind_speaks_for_a_lost_device() {
    for reason in LOSSES {
        let mut bench = plant();
        lose(&mut bench, reason);
        // Longer than it takes to become stale.
        (0..4).for_each(|_| bench.pass(MINUTE));
        assert_eq!(told(&bench), ["d:lost unacknowledged"], "{reason:?}");
        assert_eq!(hides(&mut bench), Some(all()), "{reason:?}");
        link(&mut bench, Link::Good);
        (0..KINDS.len() as u32).for_each(|tag| bench.sample(tag, Some(20)));
        assert_eq!(told(&bench), ["d:lost unacknowledged", "d:lost returned-unacknowledged"], "{reason:?}");
        assert_eq!(hides(&mut bench), Some(0), "{reason:?}");
    }
}

#[test]
fn a_device_that_never_answered_hides_its_alarms_too() {
    let mut bench = plant();
    bench = Bench::new(bench.engine.plan(), Restored::default(), at(1_000_000, 0));
    lose(&mut bench, Reason::NotConnected);
    bench.pass(MINUTE);
    assert_eq!(told(&bench), ["d:lost unacknowledged"]);
    assert_eq!(hides(&mut bench), Some(all()));
    // Nor does a reload of the station file make them speak, or forget them.
    let plan = Arc::new(Plan { generation: Generation(2), ..(**bench.engine.plan()).clone() });
    bench.step(Event::Reload { plan, who: Principal::station(), settings: Vec::new() });
    bench.record();
    assert_eq!(told(&bench), ["d:lost unacknowledged"]);
    assert_eq!(hides(&mut bench), Some(all()));
}

#[test]
fn what_stands_or_is_set_aside_is_not_counted_as_hidden() {
    let mut bench = plant();
    bench.sample(1, Some(60));
    bench.shelve("t2:low", 600);
    bench.record();
    lose(&mut bench, Reason::NoAnswer);
    assert_eq!(hides(&mut bench), Some(all() - 2));
    let words = bench.engine.snapshot(bench.now).alarms.views.iter().find_map(AlarmView::hidden_words);
    assert_eq!(words.as_deref(), Some(format!("hides {} alarms", all() - 2).as_str()));
    // Whoever asks for the list is told as well.
    bench.replies.clear();
    bench.ask(RequestBody::ListAlarms);
    let [Reply::Alarms { alarms, .. }] = bench.replies.as_slice() else { panic!("{:?}", bench.replies) };
    assert!(alarms.iter().all(|line| line.hides == if &*line.alarm == "d:lost" { all() - 2 } else { 0 }), "{alarms:?}");
    // The shelf ends: with it one more says nothing.
    bench.pass(11 * MINUTE);
    assert_eq!(hides(&mut bench), Some(all() - 1));
    let said = |notice: &Notice| matches!(notice, Notice::Alarm(view) if view.key.as_str() == "d:lost" && view.hides == all() - 2);
    assert!(bench.notices.iter().any(said), "the event stream is told as well");
}
