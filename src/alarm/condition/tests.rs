use super::*;
use crate::expression::Values;
use crate::tag::{Now, Timestamp};

fn judge(condition: Condition, value: f64, active: bool) -> Verdict {
    condition.judge(Scalar::Double(value), Quality::GOOD, active, 2.0)
}

#[test]
fn limits_and_deadbands() {
    assert_eq!(judge(Condition::High(10.0), 9.99, false), Verdict::Inactive);
    assert_eq!(judge(Condition::High(10.0), 10.0, false), Verdict::Active);
    assert_eq!(judge(Condition::High(10.0), 8.5, true), Verdict::Active);
    assert_eq!(judge(Condition::High(10.0), 7.9, true), Verdict::Inactive);
    assert_eq!(judge(Condition::Low(-1.0), -1.0, false), Verdict::Active);
    assert_eq!(judge(Condition::Low(-1.0), 0.9, true), Verdict::Active);
    assert_eq!(judge(Condition::Low(-1.0), 1.1, true), Verdict::Inactive);
    assert_eq!(judge(Condition::Digital(1.0), 1.0, false), Verdict::Active);
}

#[test]
fn distances_are_on_the_side_of_the_normal_ones() {
    for (condition, number, expected) in [
        (Condition::High(10.0), 7.5, 2.5),
        (Condition::HighHigh(10.0), 11.0, 0.0),
        (Condition::Low(2.0), 7.5, 5.5),
        (Condition::LowLow(2.0), 1.0, 0.0),
        (Condition::Digital(1.0), 0.0, 0.0),
    ] {
        assert_eq!(condition.distance(number), expected, "{condition:?}");
    }
}

#[test]
fn bad_input_says_nothing() {
    let bad = Quality::bad(Reason::NoAnswer);
    assert_eq!(Condition::High(1.0).judge(Scalar::Double(5.0), bad, false, 0.0), Verdict::Unevaluated);
    assert_eq!(Condition::High(1.0).judge(Scalar::Empty, Quality::GOOD, true, 0.0), Verdict::Unevaluated);
    assert_eq!(Condition::BadQuality.judge(Scalar::Empty, bad, false, 0.0), Verdict::Unevaluated);
    let nonsense = Quality::bad(Reason::BadPayload);
    assert_eq!(Condition::BadQuality.judge(Scalar::Empty, nonsense, false, 0.0), Verdict::Active);
}

#[test]
fn what_is_one_of_several_states_or_stale() {
    let states = Condition::States([2.0, 5.0].into());
    for (number, expected) in [(2.0, true), (5.0, true), (3.0, false), (2.5, false)] {
        assert_eq!(judge(states.clone(), number, true), Verdict::from(expected), "{number}");
    }
    let judge =
        |condition: Condition, reason: Reason| condition.judge(Scalar::Double(1.0), Quality::bad(reason), false, 0.0);
    assert_eq!(judge(Condition::Stale, Reason::Stale), Verdict::Active);
    assert_eq!(judge(Condition::Stale, Reason::BadPayload), Verdict::Inactive);
    assert_eq!(judge(Condition::Stale, Reason::NoAnswer), Verdict::Unevaluated);
    assert_eq!(judge(Condition::BadQuality, Reason::Stale), Verdict::Active);
    assert_eq!(judge(Condition::BadQualityNotStale, Reason::Stale), Verdict::Inactive);
    assert_eq!(judge(Condition::BadQualityNotStale, Reason::BadPayload), Verdict::Active);
    assert_eq!(judge(states, Reason::Stale), Verdict::Unevaluated);
}

/// Tag 0 is the alarm's own, tag 1 another one.
struct Two([(Scalar, Quality); 2]);

impl Values for Two {
    fn value(&self, tag: TagId) -> (Scalar, Quality) {
        self.0[tag.index()]
    }

    fn text(&self, _tag: TagId) -> Option<&Arc<str>> {
        None
    }
}

const OWN: TagId = TagId(0);
const OTHER: TagId = TagId(1);

/// A script is one look after the other: `SECONDS own=NUMBER other=NUMBER`, a number `?` where it is bad, `late=SECONDS` for the time of the own
/// sample where that is not now, `held=SECONDS` for when the value before was confirmed. What is not named stays. Expected is a letter a look:
/// `A`ctive, `I`nactive, `?` unevaluated, small while a delay would start anew; the alarm follows without a delay. The deadband is 0.5.
fn check(condition: &Condition, script: &str, expected: &str) {
    let mut memory = condition.memory();
    let mut two = Two([(Scalar::Empty, Quality::bad(Reason::NotYetRead)); 2]);
    let (mut active, mut found, mut time) = (false, String::new(), Timestamp::default());
    for line in script.split(';') {
        let mut words = line.split_whitespace();
        let seconds: f64 = words.next().unwrap().parse().unwrap();
        let now = Now::default().plus(Duration::from_secs_f64(seconds));
        let mut held_until = None;
        for (name, text) in words.map(|word| word.split_once('=').unwrap()) {
            let said = match text {
                "?" => (Scalar::Double(0.0), Quality::bad(Reason::BadPayload)),
                text => (Scalar::Double(text.parse().unwrap()), Quality::GOOD),
            };
            match name {
                "own" => (two.0[0], time) = (said, now.utc),
                "other" => two.0[1] = said,
                "late" => time = Timestamp::from_seconds(text.parse().unwrap()),
                "held" => held_until = Some(Timestamp::from_seconds(text.parse().unwrap())),
                other => panic!("{other}"),
            }
        }
        let look = Look { tag: OWN, time, held_until, values: &two, active, deadband: 0.5, now };
        let judgement = condition.judge_with(&look, &mut memory);
        active = if judgement.verdict == Verdict::Unevaluated { active } else { judgement.verdict == Verdict::Active };
        let letter = match judgement.verdict {
            Verdict::Active => 'A',
            Verdict::Inactive => 'I',
            Verdict::Unevaluated => '?',
        };
        found.push(if judgement.restarts_delay { letter.to_ascii_lowercase() } else { letter });
        assert!(judgement.wake.is_none_or(|wake| wake > now.monotonic), "{script}: wakes at once");
    }
    assert_eq!(found, expected, "{condition:?}: {script}");
}

#[test]
fn a_deviation_is_told_either_way_with_a_deadband() {
    let condition = Condition::Deviation { from: OTHER, limit: 5.0 };
    check(
        &condition,
        "0 own=1; 1 other=1; 2 own=5.9; 3 own=6; 4 own=5.6; 5 own=5.5; 6 own=5.4; 7 other=11",
        "?IIAAAIA",
    );
    check(&condition, "0 own=9 other=1; 1 own=?; 2 own=9; 3 other=?; 4 other=9", "A?A?I");
}

#[test]
fn a_limit_may_move() {
    let high = Condition::Moving(Side::High, OTHER);
    check(&high, "0 own=5; 1 other=6; 2 other=5; 3 other=5.4; 4 other=5.6; 5 other=?; 6 own=9", "?IAAI??");
    check(&Condition::Moving(Side::LowLow, OTHER), "0 own=5 other=5; 1 own=5.4; 2 own=5.6; 3 own=?", "AAI?");
}

#[test]
fn a_command_that_is_not_followed() {
    let condition = Condition::Discrepancy { commanded: OTHER, tolerance: 0.1 };
    check(
        &condition,
        "0 own=0; 1 other=0; 2 other=1; 3 own=0.5; 4 other=2; 5 own=2.05; 6 own=3; 7 own=?; 8 other=?",
        "?IaAaIA??",
    );
}

fn rate(direction: Direction) -> Condition {
    Condition::Rate(Rate { change: 2.0, per: Duration::from_secs(60), direction })
}

#[test]
fn a_rate_is_a_change_within_its_time() {
    let both = rate(Direction::Both);
    // Slowly enough: 1.9 in a minute. Before a minute is seen, nothing is said.
    check(&both, "0 own=0; 30 own=0.9; 59 own=1.8; 60 own=1.9; 90 own=2.8", "???II");
    check(&both, "0 own=0; 61 own=0; 62 own=2", "?IA");
    check(&both, "0 own=0; 61 own=0; 62 own=-2", "?IA");
    check(&rate(Direction::Rising), "0 own=0; 61 own=0; 62 own=-2", "?II");
    check(&rate(Direction::Falling), "0 own=0; 61 own=0; 62 own=2; 63 own=0", "?IIA");
}

#[test]
fn a_rate_ends_by_time_alone_and_comes_back_by_the_deadband() {
    // The value stands still; by the sixtieth second behind the step, and a slice, it is over.
    check(&rate(Direction::Both), "0 own=0; 61 own=0; 62 own=3; 100; 121; 124", "?IAAAI");
    // 1.6 is within the deadband of 2.0 less 0.5, 1.4 is not.
    check(&rate(Direction::Both), "0 own=0; 61 own=0; 62 own=2; 63 own=1.6; 64 own=1.4", "?IAAI");
}

#[test]
fn the_times_are_those_of_the_samples() {
    let both = rate(Direction::Both);
    // Two at one moment divide by nothing.
    check(&both, "0 own=0; 61 own=0; 62 own=1; 62 own=1.5; 62 own=1", "?IIII");
    // 10 in ten minutes is one in a minute, however rarely it is measured...
    check(&both, "0 own=0; 600 own=10; 1200 own=20", "?II");
    // A line that began before the window is seen where it enters it.
    check(&both, "0 own=0; 72 own=24; 73; 120; 127; 134", "?AAAAI");
    // ... unless the field said until just before that nothing had moved.
    check(&both, "0 own=0; 600 own=10 held=599", "?A");
    // What comes late, in a bunch, was slow in the field.
    check(&both, "0 own=0; 200 own=0; 500 own=1 late=260; 500 own=2 late=320; 500 own=3 late=380", "?IIII");
    // One that is older than what is known changes nothing; a clock that was set back begins anew.
    check(&both, "0 own=0; 100 own=0; 101 own=9 late=90; 102 own=0 late=20; 103 own=9 late=21", "?II?A");
}

#[test]
fn bad_input_neither_raises_nor_ends_a_rate() {
    let both = rate(Direction::Both);
    // The jump over a gap is no rate, and after it the alarm stays until a minute was seen.
    check(&both, "0 own=0; 61 own=0; 62 own=?; 63 own=9; 64 own=9; 124 own=9", "?I???I");
    check(&both, "0 own=0; 61 own=0; 62 own=3; 63 own=?; 64 own=3; 90 own=3; 125 own=3", "?IA???I");
}

#[test]
fn a_value_that_does_not_move() {
    let condition = Condition::NoChange(Duration::from_secs(600));
    check(&condition, "0 own=5; 599 own=5.4; 600; 601 own=5.4; 602 own=5.6; 1201; 1202", "??AAIIA");
    // Bad input: the time counts anew, and an active alarm stays until the value is seen to move.
    check(&condition, "0 own=5; 300 own=?; 301 own=5; 600; 901; 902 own=?; 903 own=5; 904 own=6", "????A??I");
    check(&condition, "0 own=5; 1 own=6; 601; 602 own=?; 603 own=6; 604", "?IA???");
    // A slow drift is a change as soon as it has come far enough.
    check(&condition, "0 own=0; 200 own=0.3; 400 own=0.6; 999 own=0.7; 1000", "??IIA");
}

#[test]
fn an_expression_is_a_condition() {
    struct Tags;
    impl crate::expression::Names for Tags {
        fn find(&self, name: &str) -> Option<crate::expression::Known> {
            let tag = if name == "own" { OWN } else { OTHER };
            let kind = crate::expression::TagKind::Number;
            Some(crate::expression::Known { tag, key: name.into(), kind, unit: "".into(), states: Default::default() })
        }

        fn all(&self) -> Box<dyn Iterator<Item = &str> + '_> {
            Box::new(["own", "other"].into_iter())
        }
    }
    let wanted = crate::expression::Wanted::Truth;
    let when = |text: &str| Condition::When(Box::new(crate::expression::compile(text, &Tags, &wanted).unwrap()));
    check(
        &when("{own} > 3 and {other} > 3"),
        "0 own=1; 1 other=1; 2 own=4; 3 other=4; 4 own=?; 5 other=1; 6 other=?",
        "IIIA?I?",
    );
    assert_eq!(when("{own} > {other}").others(), [OWN, OTHER]);
}

/// However many samples come, what is remembered is bounded.
#[test]
fn a_window_is_bounded() {
    let rate = Rate { change: 1e9, per: Duration::from_secs(60), direction: Direction::Both };
    let condition = Condition::Rate(rate);
    let mut memory = condition.memory();
    for number in 0..20_000_u32 {
        let now = Now::default().plus(Duration::from_millis(u64::from(number) * 37));
        let two = Two([(Scalar::Double(f64::from(number)), Quality::GOOD); 2]);
        let look = Look { tag: OWN, time: now.utc, held_until: None, values: &two, active: false, deadband: 0.0, now };
        condition.judge_with(&look, &mut memory);
        let Memory::Window(window) = &memory else { panic!("no window") };
        assert!(window.slices() <= 62, "{}", window.slices());
    }
}

#[test]
fn what_is_calm_leaves_a_condition_that_does_not_hold() {
    let numbers = [-1.0, -0.0, 0.0, 1.0, 2.0, 9.999, 10.0, 1e300, f64::INFINITY, f64::NEG_INFINITY, f64::NAN];
    let values = numbers.iter().map(|number| Scalar::Double(*number)).chain([
        Scalar::Empty,
        Scalar::Text,
        Scalar::Bool(true),
        Scalar::Bool(false),
        Scalar::Signed(10),
    ]);
    let qualities = [Quality::GOOD, Quality::uncertain(Reason::OverRange), Quality::bad(Reason::Stale)];
    let conditions = [
        Condition::HighHigh(10.0),
        Condition::High(0.0),
        Condition::Low(10.0),
        Condition::LowLow(-1.0),
        Condition::Digital(1.0),
        Condition::States([0.0, 1.0].into()),
        Condition::BadQuality,
        Condition::Stale,
        Condition::NoChange(Duration::from_secs(1)),
    ];
    let mut calm = 0;
    for value in values {
        for (condition, quality) in conditions.iter().flat_map(|one| qualities.iter().map(move |other| (one, *other))) {
            if condition.calm().holds(value, quality) {
                calm += 1;
                let verdict = condition.judge(value, quality, false, 3.0);
                assert_eq!(verdict, Verdict::Inactive, "{condition:?} at {value:?}, {quality:?}");
            }
        }
    }
    assert!(calm > 40, "{calm}");
}
