use super::*;
use proptest::prelude::*;

fn definition(every: u64, deadband: f64, on_bad: OnBad) -> BridgeDefinition {
    let (from, to, every) = (TagId(0), TagId(1), Duration::from_secs(every));
    BridgeDefinition { name: "b".into(), from, to, every, deadband, on_bad }
}

fn at(seconds: f64) -> Monotonic {
    Monotonic::default().plus(Duration::from_secs_f64(seconds))
}

/// Plays a script, a line each: the second, what happens, and behind `->` what the bridge wants then.
fn check(definition: BridgeDefinition, script: &str) {
    let mut bridge = Bridge::new(definition);
    let mut target = None;
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (event, expected) = line.split_once("->").unwrap();
        let words: Vec<&str> = event.split_whitespace().collect();
        let now = at(words[0].parse().unwrap());
        let number = |text: &str| Value::Double(text.parse().unwrap());
        let mut tripped = false;
        match words[1..] {
            ["good", value] => bridge.look_at_source(Some(number(value)), Quality::GOOD),
            ["stale", value] => bridge.look_at_source(Some(number(value)), Quality::bad(Reason::Stale)),
            ["kept", value] => bridge.look_at_source(Some(number(value)), Quality::uncertain(Reason::Retained)),
            ["unread"] => bridge.look_at_source(None, Quality::bad(Reason::NotYetRead)),
            ["bad"] => bridge.look_at_source(None, Quality::bad(Reason::NoAnswer)),
            ["target", value] => target = Some(number(value)),
            ["asked", value] => tripped = bridge.asked(number(value), now),
            ["verified"] => bridge.ended(Outcome::Verified, "", Timestamp::default(), now),
            ["failed"] => bridge.ended(Outcome::Failed, "no", Timestamp::default(), now),
            ["unknown"] => bridge.ended(Outcome::Unknown, "no answer", Timestamp::default(), now),
            ["started"] => bridge.start_anew(),
            [] => {}
            _ => panic!("{line}"),
        }
        let wants = match bridge.next(target.as_ref(), now) {
            Next::Nothing => "nothing".to_owned(),
            Next::At(then) => format!("at {}", then.since(Monotonic::default()).as_secs_f64()),
            Next::Set(value) => format!("set {value}"),
        };
        let trips = if tripped { ", trips" } else { "" };
        let found = format!("{} | {wants}{trips}", bridge.state("s").0.word());
        assert_eq!(found, expected.trim(), "{line}");
    }
}

#[test]
fn the_newest_good_value_goes_at_most_once_in_its_time() {
    check(
        definition(10, 0.5, OnBad::Hold),
        "0 -> holding | nothing
         1 good 5 -> copying | set 5
         1 asked 5 -> copying | nothing
         2 good 6 -> copying | nothing
         2 good 7 -> copying | nothing
         3 verified -> copying | at 11
         11 -> copying | set 7
         11 asked 7 -> copying | nothing
         12 verified -> copying | nothing
         13 good 7.5 -> copying | nothing
         30 good 7.6 -> copying | set 7.6",
    );
}

#[test]
fn what_came_back_before_it_was_its_turn_is_no_change() {
    check(
        definition(10, 0.0, OnBad::Hold),
        "1 good 5 -> copying | set 5
         1 asked 5 -> copying | nothing
         2 verified -> copying | nothing
         3 good 6 -> copying | at 11
         4 good 5 -> copying | nothing",
    );
}

#[test]
fn no_value_is_copied_that_is_not_good() {
    check(
        definition(1, 0.0, OnBad::Hold),
        "1 stale 5 -> holding | nothing
         2 kept 5 -> holding | nothing
         3 bad -> holding | nothing
         4 good 5 -> copying | set 5
         4 bad -> holding | nothing",
    );
    check(
        definition(1, 10.0, OnBad::Set(Value::Double(0.0))),
        "0 unread -> holding | nothing
         1 good 5 -> copying | set 5
         1 asked 5 -> copying | nothing
         2 verified -> copying | nothing
         3 stale 5 -> holding | set 0
         3 asked 0 -> holding | nothing
         4 verified -> holding | nothing
         5 good 5 -> copying | nothing
         6 good 50 -> copying | set 50",
    );
}

#[test]
fn before_the_first_copy_the_target_itself_is_looked_at() {
    check(
        definition(1, 0.0, OnBad::Hold),
        "0 target 5 -> holding | nothing
         1 good 5 -> copying | nothing
         2 good 6 -> copying | set 6
         2 asked 6 -> copying | nothing
         3 verified -> copying | nothing
         4 good 5 -> copying | set 5",
    );
}

#[test]
fn failures_make_the_pauses_longer_and_are_told_from_the_third_on() {
    check(
        definition(1, 0.0, OnBad::Hold),
        "0 good 5 -> copying | set 5
         0 asked 5 -> copying | nothing
         0 failed -> copying | at 2
         2 asked 5 -> copying | nothing
         2 unknown -> copying | at 6
         6 asked 5 -> copying | nothing
         6 failed -> failing | at 14
         7 good 6 -> failing | at 14
         14 asked 6 -> failing | nothing
         15 verified -> copying | nothing",
    );
    let mut bridge = Bridge::new(definition(1, 0.0, OnBad::Hold));
    bridge.failures = u32::MAX;
    assert_eq!(bridge.pause(), LONGEST_PAUSE);
    bridge = Bridge::new(definition(86_400, 0.0, OnBad::Hold));
    bridge.failures = 40;
    assert_eq!(bridge.pause(), LONGEST_PAUSE, "pauses are bounded; \"every\" holds besides");
}

/// How often a bridge copies each second before it trips; none where it never does within ten minutes.
fn trips_after(every: Duration, value: impl Fn(u32) -> f64) -> Option<u32> {
    let mut bridge = Bridge::new(BridgeDefinition { every, ..definition(0, 0.0, OnBad::Hold) });
    let mut now = at(0.0);
    for count in 1..=(600_000 / every.as_millis() as u32) {
        now = now.plus(every);
        bridge.look_at_source(Some(Value::Double(value(count))), Quality::GOOD);
        let Next::Set(value) = bridge.next(None, now) else { panic!("nothing is wanted") };
        if bridge.asked(value, now) {
            return Some(count);
        }
        bridge.ended(Outcome::Verified, "", Timestamp::default(), now);
    }
    None
}

#[test]
fn what_goes_back_and_forth_trips_and_what_only_moves_does_not() {
    let pairs = |count: u32| f64::from(count % 2);
    assert_eq!(trips_after(Duration::from_secs(1), pairs), Some(22));
    assert_eq!(trips_after(Duration::from_secs(4), pairs), None, "15 a minute");
    assert_eq!(trips_after(Duration::from_secs(1), f64::from), None, "a ramp");
    let noise = |count: u32| f64::from(count.wrapping_mul(2_654_435_761) >> 8);
    assert_eq!(trips_after(Duration::from_millis(100), noise), None, "noise");
}

proptest! {
    /// Whatever happens: nothing is asked for while a command is under way, nor sooner than `every` after the last, nor on a bad value.
    #[test]
    fn the_promises_hold_whatever_happens(steps in prop::collection::vec((0u8..6, 0i32..4, 0u32..40), 0..200)) {
        let every = Duration::from_secs(3);
        let mut bridge = Bridge::new(definition(3, 0.0, OnBad::Hold));
        let (mut now, mut last, mut is_good, mut is_under_way) = (at(0.0), None::<Monotonic>, false, false);
        for (event, value, tenths) in steps {
            now = now.plus(Duration::from_millis(u64::from(tenths) * 100));
            match event {
                0 | 1 => {
                    bridge.look_at_source(Some(Value::Signed(value.into())), Quality::GOOD);
                    is_good = true;
                }
                2 => {
                    bridge.look_at_source(Some(Value::Signed(value.into())), Quality::uncertain(Reason::Retained));
                    is_good = false;
                }
                3 => {
                    bridge.ended(Outcome::Verified, "", Timestamp::default(), now);
                    is_under_way = false;
                }
                4 => {
                    bridge.ended(Outcome::Mismatch, "", Timestamp::default(), now);
                    is_under_way = false;
                }
                _ => {}
            }
            if let Next::Set(value) = bridge.next(None, now) {
                prop_assert!(is_good && !is_under_way);
                prop_assert!(last.is_none_or(|last| now.since(last) >= every));
                bridge.asked(value, now);
                (last, is_under_way) = (Some(now), true);
            }
        }
    }
}
