use super::*;
use crate::driver::mqtt::test_settings::settings;
use crate::driver::mqtt::{Device, Kind, Search, SourceTime, TimeFormat};
use crate::tag::{DeviceId, Value};
use proptest::prelude::*;
use std::collections::HashSet;

fn at(second: i64) -> Timestamp {
    Timestamp::from_micros((1_795_266_000 + second) * 1_000_000)
}

fn point(tag: u32, filter: &str, pointer: &str) -> Point {
    Point { pointer: Some(Pointer::parse(pointer).unwrap()), ..Point::plain(TagId(tag), filter) }
}

fn timed(tag: u32, filter: &str, pointer: &str) -> Point {
    let time = SourceTime { pointer: Pointer::parse("/ts").unwrap(), format: TimeFormat::Auto };
    Point { time: Some(time), ..point(tag, filter, pointer) }
}

fn device(points: Vec<Point>) -> Device {
    Device { points, ..Device::new(DeviceId(0)) }
}

/// A session, as a table of what arrives and what that says.
struct Bench {
    settings: Settings,
    intake: Intake,
}

impl Bench {
    fn new(devices: Vec<Device>) -> Self {
        let settings = settings(devices);
        Self { intake: Intake::new(&settings), settings }
    }

    fn take(&mut self, topic: &str, payload: &str, retained: bool, second: i64) -> Vec<String> {
        let message = Message { topic, payload: payload.as_bytes(), retained, queued: false };
        said_by(&mut self.intake, &self.settings, message, at(second)).iter().map(words).collect()
    }

    #[track_caller]
    fn check(&mut self, topic: &str, payload: &str, second: i64, expected: &[&str]) {
        assert_eq!(self.take(topic, payload, false, second), expected, "{topic} {payload}");
    }

    #[track_caller]
    fn check_retained(&mut self, topic: &str, payload: &str, second: i64, expected: &[&str]) {
        assert_eq!(self.take(topic, payload, true, second), expected, "{topic} {payload}");
    }

    fn adopt(&mut self, devices: Vec<Device>) -> Vec<String> {
        let new = settings(devices);
        self.intake.adopt(&self.settings, &new);
        self.settings = new;
        self.intake.take_kept(&self.settings, at(20)).iter().map(words).collect()
    }
}

/// The way of the driver: what is about one tag alone is taken without lists.
fn said_by(intake: &mut Intake, settings: &Settings, message: Message<'_>, now: Timestamp) -> Vec<Said> {
    match intake.take_lone(settings, message, now) {
        None => intake.take(settings, message, now),
        Some(Lone::Nothing) => Vec::new(),
        Some(Lone::Value { place, time, reading }) => {
            vec![Said::Values(Arrival { place, time, is_past: false, readings: vec![reading], details: Vec::new() })]
        }
        Some(Lone::Other(said)) => vec![said],
    }
}

fn words(said: &Said) -> String {
    match said {
        Said::Values(arrival) => {
            let kind = if arrival.is_past { "past" } else { "values" };
            let second = arrival.time.micros_since(at(0)) as f64 / 1e6;
            let readings = arrival.readings.iter().map(|reading| {
                let value = reading.value.as_ref().map_or("?".to_owned(), ToString::to_string);
                format!(" {}={value} {}", reading.tag.0, reading.quality.words())
            });
            format!("{kind} of {} at {second}:{}", arrival.place, readings.collect::<Vec<_>>().join(","))
        }
        Said::Online(place) => format!("{place} online"),
        Said::Offline(place, why) => format!("{place} offline: {why}"),
        Said::Unreadable(place) => format!("{place} unreadable"),
        Said::Found(place, found) => {
            format!("{place} found {}", found.iter().map(|one| &*one.name).collect::<Vec<_>>().join(", "))
        }
        Said::LeftOut(place, count) => format!("{place} leaves out {count}"),
    }
}

#[test]
fn filters() {
    for (topic, filter, expected) in [
        ("knmi/260/rain", "knmi/+/rain", true),
        ("knmi/260/x/rain", "knmi/+/rain", false),
        ("a/b/c", "a/#", true),
        ("a", "a/#", true),
        ("b", "a/#", false),
        ("a/b", "a/b", true),
        ("a/b/", "a/b", false),
        ("$SYS/x", "#", false),
        ("é/x", "+/x", true),
    ] {
        assert_eq!(topic_matches(topic, filter), expected, "{topic} {filter}");
    }
}

#[test]
fn one_message_says_something_of_each_tag_that_it_is_about() {
    let only = |kind: &str| vec![(Pointer::parse("/kind").unwrap(), Arc::from(kind))];
    let one =
        device(vec![point(0, "a/+", "/x"), point(1, "a/b", "/y"), Point { only: only("no"), ..point(2, "a/b", "/x") }]);
    let other = device(vec![Point { kind: Kind::Text, ..Point::plain(TagId(3), "#") }]);
    let mut bench = Bench::new(vec![one, other]);
    let json = r#"{"x":1,"y":"z","kind":"yes"}"#;
    bench.check(
        "a/b",
        json,
        1,
        &["values of 0 at 1: 0=1 good, 1=? message cannot be read", &format!("values of 1 at 1: 3={json} good")],
    );
    bench.check_retained(
        "a/c",
        r#"{"x":2}"#,
        2,
        &[
            "values of 0 at 2: 0=2 kept by the broker, age unknown",
            r#"values of 1 at 2: 3={"x":2} kept by the broker, age unknown"#,
        ],
    );
    let message = Message { topic: "a/b", payload: b"12,5", retained: false, queued: false };
    let said = bench.intake.take(&bench.settings, message, at(3));
    let Said::Values(arrival) = &said[0] else { panic!("{said:?}") };
    assert_eq!(arrival.readings.len(), 3, "what cannot be read may be about the third too");
    assert!(arrival.details[0].1.ends_with("it begins: 12,5"), "{:?}", arrival.details);
}

#[test]
fn times_of_the_device_by_the_rule() {
    let mut bench = Bench::new(vec![device(vec![timed(0, "t", "/v"), point(1, "t", "/v")])]);
    let message = |value: u32, second: i64| format!(r#"{{"v":{value},"ts":{}}}"#, at(second).as_micros() / 1_000_000);
    bench.check("t", &message(1, 90), 100, &["values of 0 at 90: 0=1 good", "values of 0 at 100: 1=1 good"]);
    // Out of order: into history alone, and nothing is doubtful about it there.
    bench.check("t", &message(2, 20), 101, &["values of 0 at 101: 1=2 good", "past of 0 at 20: 0=2 good"]);
    bench.check("t", &message(3, 105), 102, &["values of 0 at 102: 0=3 good, 1=3 good"]);
    bench.check(
        "t",
        &message(4, 110),
        103,
        &["values of 0 at 103: 0=4 device clock is ahead, time of arrival used, 1=4 good"],
    );
    bench.check(
        "t",
        r#"{"v":5}"#,
        104,
        &["values of 0 at 104: 0=5 message without its time, time of arrival used, 1=5 good"],
    );
    bench.check(
        "t",
        &message(6, 110),
        200,
        &["values of 0 at 110: 0=6 already old on arrival", "values of 0 at 200: 1=6 good"],
    );
}

#[test]
fn what_the_broker_kept_is_good_when_its_own_time_says_so() {
    let mut bench = Bench::new(vec![device(vec![timed(0, "t", "/v")])]);
    let message = |second: i64| format!(r#"{{"v":1,"ts":{}}}"#, at(second).as_micros() / 1000);
    bench.check_retained("t", &message(10), 100, &["values of 0 at 10: 0=1 already old on arrival"]);
    bench.check_retained("t", &message(50), 100, &["values of 0 at 50: 0=1 good"]);
    bench.check_retained("t", r#"{"v":1}"#, 100, &["values of 0 at 100: 0=1 kept by the broker, age unknown"]);
    bench.check_retained("t", &message(500), 100, &["values of 0 at 100: 0=1 kept by the broker, age unknown"]);
}

#[test]
fn a_clock_of_the_station_that_is_put_back_stops_no_values() {
    let mut bench = Bench::new(vec![device(vec![timed(0, "t", "/v")])]);
    let message = |second: i64| format!(r#"{{"v":1,"ts":{}}}"#, at(second).as_micros() / 1000);
    bench.check("t", &message(3600), 3600, &["values of 0 at 3600: 0=1 good"]);
    bench.check("t", &message(10), 10, &["values of 0 at 10: 0=1 good"]);
}

#[test]
fn a_device_is_away_and_back_by_its_own_word() {
    let pointer = Some(Pointer::parse("/state").unwrap());
    let availability =
        Availability { topic: "d/s".into(), pointer, online: "online".into(), offline: "offline".into() };
    let plain = Availability { topic: "e/s".into(), pointer: None, online: "1".into(), offline: "0".into() };
    let first = Device { availability: Some(availability), ..device(vec![point(0, "d/v", "")]) };
    let second = Device { availability: Some(plain), ..device(vec![point(1, "d/v", "")]) };
    let mut bench = Bench::new(vec![first, second]);
    bench.check("d/s", r#"{"state":"offline"}"#, 1, &["0 offline: d/s says \"offline\""]);
    bench.check("d/v", "7", 2, &["values of 0 at 2: 0=7 device says it is offline", "values of 1 at 2: 1=7 good"]);
    for wrong in ["offline", r#"{"state":"asleep"}"#, "{}", "\u{0}"] {
        bench.check("d/s", wrong, 3, &["0 unreadable"]);
    }
    bench.check(
        "d/s",
        r#"{"state":"online"}"#,
        4,
        &["0 online", "values of 0 at 4: 0=7 from before the device was away"],
    );
    bench.check("d/s", r#"{"state":"online"}"#, 4, &["0 online"]);
    bench.check("d/v", "8", 5, &["values of 0 at 5: 0=8 good", "values of 1 at 5: 1=8 good"]);
    bench.check_retained("e/s", " 0\n", 6, &["1 offline: e/s says \"0\""]);
    bench.check("e/s", "1", 7, &["1 online", "values of 1 at 7: 1=8 from before the device was away"]);
}

fn search(known: &[&str]) -> Search {
    Search {
        filter: "plant/+/temp".into(),
        below: None,
        only: Vec::new(),
        most: 2,
        known: Arc::new(known.iter().map(|name| Arc::from(*name)).collect()),
    }
}

#[test]
fn the_first_value_of_what_is_found_is_not_lost() {
    let found = |tag: u32, topic: &str| Point { is_found: true, ..point(tag, topic, "") };
    let with = |points: Vec<Point>, known: &[&str]| vec![Device { searches: vec![search(known)], ..device(points) }];
    let mut bench = Bench::new(with(vec![timed(0, "x", "/v")], &[]));
    bench.check("x", &format!(r#"{{"v":1,"ts":{}}}"#, at(9).as_micros()), 10, &["values of 0 at 9: 0=1 good"]);
    bench.check("plant/gone/temp", "", 11, &[]);
    bench.check("plant/a/temp", "20", 11, &["0 found plant/a/temp"]);
    bench.check("plant/a/temp", "21", 12, &[]);
    bench.check("plant/b/temp", "30", 13, &["0 found plant/b/temp"]);
    bench.check("plant/c/temp", "40", 14, &["0 leaves out 1"]);
    let said = bench.adopt(with(vec![timed(5, "x", "/v"), found(6, "plant/a/temp")], &["plant/a/temp"]));
    assert_eq!(said, ["values of 0 at 12: 6=21 good"]);
    bench.check("plant/a/temp", "22", 15, &["values of 0 at 15: 6=22 good"]);
    // What was known of the order of values is known on.
    let late = format!(r#"{{"v":1,"ts":{}}}"#, at(8).as_micros());
    bench.check("x", &late, 16, &["past of 0 at 8: 5=1 good"]);
    let both = vec![timed(5, "x", "/v"), found(6, "plant/a/temp"), found(7, "plant/b/temp")];
    let said = bench.adopt(with(both, &["plant/a/temp", "plant/b/temp"]));
    assert_eq!(said, ["values of 0 at 13: 7=30 good"]);
}

#[test]
fn what_a_search_covers_is_not_subscribed_to_again() {
    let found = Point { is_found: true, ..point(0, "plant/a/temp", "") };
    let all =
        settings(vec![Device { searches: vec![search(&[])], ..device(vec![found, point(1, "plant/a/flow", "")]) }]);
    assert_eq!(all.filters(), HashSet::from(["plant/+/temp", "plant/a/flow"].map(Arc::from)));
    let elsewhere = settings(vec![Device { searches: vec![search(&[])], ..device(vec![point(1, "plant/a/+", "")]) }]);
    assert_eq!(elsewhere.filters(), HashSet::from(["plant/+/temp", "plant/a/+"].map(Arc::from)));
    assert!(!all.same_but_found(&elsewhere));
}

proptest! {
    /// Whatever comes: each tag that matches gets one reading, and nothing panics.
    #[test]
    fn any_message_gives_a_reading_for_each_tag_that_matches(
        topic in "(plant/[a-z]{0,3}/temp|[ -~]{0,12})",
        payload in proptest::collection::vec(any::<u8>(), 0..80),
        retained in any::<bool>(),
        second in -5_000_000_000i64..5_000_000_000,
    ) {
        let points = vec![point(0, "#", "/a"), timed(1, "plant/+/temp", ""), Point::plain(TagId(2), "+/+/temp")];
        let settings = settings(vec![Device { searches: vec![search(&[])], ..device(points.clone()) }]);
        let mut intake = Intake::new(&settings);
        let said = intake.take(&settings, Message { topic: &topic, payload: &payload, retained, queued: false }, at(second));
        let mut tags: Vec<u32> = said.iter().flat_map(|said| match said {
            Said::Values(arrival) => arrival.readings.iter().map(|reading| reading.tag.0).collect(),
            _ => Vec::new(),
        }).collect();
        tags.sort_unstable();
        let expected: Vec<u32> =
            points.iter().filter(|point| topic_matches(&topic, &point.filter)).map(|point| point.tag.0).collect();
        prop_assert_eq!(tags, expected);
    }
}

proptest! {
    /// The short way says what the long way says, message after message.
    #[test]
    fn what_is_about_one_tag_alone_says_the_same_both_ways(
        messages in proptest::collection::vec(
            ("[abc]", r#"([0-9]{1,3}|x| {0,40}|\{"v":[0-9]{1,2},"ts":17952660[0-9]{2}\})"#, any::<(bool, bool)>()), 1..20
        ),
    ) {
        let points = vec![Point::plain(TagId(0), "a"), timed(1, "b", "/v"), point(2, "c", "/v"), point(3, "c", "/ts")];
        let settings = settings(vec![device(points)]);
        let (mut long, mut short) = (Intake::new(&settings), Intake::new(&settings));
        for (second, (topic, payload, (retained, queued))) in messages.iter().enumerate() {
            let message = Message { topic, payload: payload.as_bytes(), retained: *retained, queued: *queued };
            let now = at(second as i64);
            prop_assert_eq!(said_by(&mut short, &settings, message, now), long.take(&settings, message, now));
        }
    }
}

/// The short way is for those that nobody else wants.
#[test]
fn a_topic_of_one_tag_that_others_listen_to_is_heard_by_all() {
    let one = || device(vec![Point::plain(TagId(0), "t")]);
    let mut bench = Bench::new(vec![one(), device(vec![Point::plain(TagId(1), "+")])]);
    bench.check("t", "7", 1, &["values of 0 at 1: 0=7 good", "values of 1 at 1: 1=7 good"]);
    let word = Availability { topic: "t".into(), pointer: None, online: "7".into(), offline: "0".into() };
    let mut bench = Bench::new(vec![one(), Device { availability: Some(word), ..device(Vec::new()) }]);
    bench.check("t", "7", 1, &["1 online", "values of 0 at 1: 0=7 good"]);
    let mut bench = Bench::new(vec![
        device(vec![Point::plain(TagId(0), "plant/a/temp")]),
        Device { searches: vec![search(&[])], ..device(Vec::new()) },
    ]);
    assert!(bench.take("plant/a/temp", "7", false, 1).len() > 1, "it is found as well");
}

#[test]
fn a_value_that_is_not_there_is_no_value() {
    let reading = Point { kind: Kind::Number, ..point(0, "t", "/v") };
    let mut bench = Bench::new(vec![device(vec![reading])]);
    let message = Message { topic: "t", payload: br#"{"v":null}"#, retained: false, queued: false };
    let said = bench.intake.take(&bench.settings, message, at(0));
    let Said::Values(arrival) = &said[0] else { panic!("{said:?}") };
    assert_eq!(arrival.readings[0].value, None::<Value>);
}

#[test]
fn a_reload_forgets_no_word_of_a_device_and_no_value() {
    let word =
        |topic: &str| Availability { topic: topic.into(), pointer: None, online: "1".into(), offline: "0".into() };
    let away = |points| Device { availability: Some(word("d/s")), ..device(points) };
    let mut bench = Bench::new(vec![away(vec![point(0, "d/v", "")]), device(vec![point(1, "e", "")])]);
    bench.check("d/v", "7", 1, &["values of 0 at 1: 0=7 good"]);
    bench.check("d/s", "0", 2, &["0 offline: d/s says \"0\""]);
    // Another tag, another order of the devices, and one of them new.
    let other = Device { availability: Some(word("f/s")), ..device(Vec::new()) };
    let said =
        bench.adopt(vec![other, device(vec![point(4, "e", "")]), away(vec![point(5, "d/w", ""), point(6, "d/v", "")])]);
    assert!(said.is_empty(), "{said:?}");
    assert_eq!([0, 1, 2].map(|place| bench.intake.is_offline(place)), [false, false, true]);
    bench.check("d/v", "8", 3, &["values of 2 at 3: 6=8 device says it is offline"]);
    bench.check("d/s", "1", 4, &["2 online", "values of 2 at 4: 6=8 from before the device was away"]);
    // With other words nobody knows what was said.
    bench.check("d/s", "0", 5, &["2 offline: d/s says \"0\""]);
    let words = Availability { offline: "gone".into(), ..word("d/s") };
    bench.adopt(vec![Device { availability: Some(words), ..device(Vec::new()) }]);
    assert!(!bench.intake.is_offline(0));
}

#[test]
fn what_was_held_back_is_of_unknown_age_unless_it_says_its_time() {
    let mut bench = Bench::new(vec![device(vec![point(0, "t", "/v"), timed(1, "t", "/v")])]);
    let payload = format!(r#"{{"v":1,"ts":{}}}"#, at(90).as_micros());
    let message = Message { topic: "t", payload: payload.as_bytes(), retained: false, queued: true };
    let said: Vec<_> = bench.intake.take(&bench.settings, message, at(100)).iter().map(words).collect();
    assert_eq!(said, ["values of 0 at 90: 1=1 good", "values of 0 at 100: 0=1 kept by the broker, age unknown"]);
}

#[test]
fn what_the_broker_keeps_is_no_news_where_the_topic_was_heard() {
    let mut bench = Bench::new(vec![device(vec![point(0, "t", "")])]);
    bench.check_retained("t", "1", 1, &["values of 0 at 1: 0=1 kept by the broker, age unknown"]);
    bench.check("t", "2", 2, &["values of 0 at 2: 0=2 good"]);
    bench.adopt(vec![device(vec![point(0, "t", ""), Point { name: "other".into(), ..point(1, "t", "") }])]);
    // Subscribed to again for the tag that is new.
    bench.check_retained("t", "2", 3, &["values of 0 at 3: 1=2 kept by the broker, age unknown"]);
    bench.intake.lose_connection();
    bench.check_retained(
        "t",
        "3",
        4,
        &["values of 0 at 4: 0=3 kept by the broker, age unknown, 1=3 kept by the broker, age unknown"],
    );
}

#[test]
fn messages_of_names_that_wait_do_not_outlive_the_connection() {
    let with = |points: Vec<Point>, known: &[&str]| vec![Device { searches: vec![search(known)], ..device(points) }];
    let mut bench = Bench::new(with(Vec::new(), &[]));
    bench.check("plant/a/temp", "20", 11, &["0 found plant/a/temp"]);
    bench.intake.lose_connection();
    let found = Point { is_found: true, ..point(6, "plant/a/temp", "") };
    assert!(bench.adopt(with(vec![found], &["plant/a/temp"])).is_empty());
}

#[test]
fn what_is_new_under_a_subscription_has_it_made_again() {
    let check = |old: Vec<Device>, new: Vec<Device>, expected: &[&str]| {
        let expected: HashSet<Arc<str>> = expected.iter().map(|filter| Arc::from(*filter)).collect();
        assert_eq!(settings(new).filters_to_repeat(&settings(old)), expected);
    };
    let searching = |points: Vec<Point>| vec![Device { searches: vec![search(&[])], ..device(points) }];
    let (a, b) = (point(0, "t", "/a"), point(1, "t", "/b"));
    check(vec![device(vec![a.clone()])], vec![device(vec![Point { tag: TagId(9), ..a.clone() }])], &[]);
    check(vec![device(vec![a.clone()])], vec![device(vec![b.clone(), a.clone()])], &["t"]);
    let same_place = Point { name: "other".into(), ..a.clone() };
    check(vec![device(vec![a.clone()])], vec![device(vec![same_place, a.clone()])], &["t"]);
    check(vec![device(vec![a.clone(), b])], vec![device(vec![a])], &[]);
    // Under a search; what is found has its first message already.
    check(searching(Vec::new()), searching(vec![point(0, "plant/a/temp", "")]), &["plant/+/temp"]);
    let found = Point { is_found: true, ..point(0, "plant/a/temp", "") };
    check(searching(Vec::new()), searching(vec![found]), &[]);
    let word = Availability { topic: "t".into(), pointer: None, online: "1".into(), offline: "0".into() };
    let with_word = Device { availability: Some(word), ..device(vec![point(0, "t", "/a")]) };
    check(vec![device(vec![point(0, "t", "/a")])], vec![with_word], &["t"]);
}
