//! What no script can say: restarts, plants that change between two events, pictures.

use super::*;

#[test]
fn alarms_survive_a_restart_and_bad_input_lowers_none() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0","alarms":[{"high":10}]}]}"#;
    let (then, occurrence) = (Timestamp::default(), OccurrenceId(41));
    let kept = Persisted::of_state(State::Acknowledged, occurrence, then, then);
    let alarms = vec![(AlarmKey::from("t:high"), kept, None)];
    let restored = Restored { alarms, last_occurrence: 77, ..Restored::default() };
    let mut engine = Engine::new(Arc::new(plan(station, 1)), restored);
    let snapshot = engine.snapshot(Now::default());
    assert_eq!(snapshot.alarms.views[0].state, State::Acknowledged);
    assert!(snapshot.alarms.views[0].condition.unevaluated);
    assert_eq!(engine.last_occurrence(), OccurrenceId(77), "no occurrence is given out twice");
}

#[test]
fn an_old_generation_is_not_believed() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0"}]}"#;
    let mut engine = Engine::new(Arc::new(plan(station, 2)), Restored::default());
    let reading = Reading { tag: TagId(0), value: Some(Value::Signed(5)), quality: Quality::GOOD };
    let batch = Batch {
        generation: Generation(1),
        device: DeviceId(0),
        time: Timestamp::default(),
        readings: vec![reading],
        confirmed: Arc::from([]),
    };
    let mut effects = Effects::default();
    engine.step(Event::Driver(DriverEvent::Batch(batch)), Now::default(), &mut effects);
    assert!(!effects.rows.iter().any(|row| row.tag == TagId(0)));
    assert_eq!(engine.snapshot(Now::default()).value(TagId(0)), None);
}

/// Its record may be written before or after the reload: the device is off scan in the end, and the drivers are told by its name.
#[test]
fn a_wish_to_take_a_device_off_scan_outlives_a_reload() {
    let one = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0"}]}"#;
    // It stands in another slot afterwards.
    let two = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],
        "devices":[{"name":"b","connection":"a","unit":2},{"name":"d","connection":"a"}],
        "tags":[{"name":"s","device":"b","register":"input:0"},{"name":"t","device":"d","register":"input:0"}]}"#;
    for reload_first in [true, false] {
        let mut replay = Replay::new(one);
        let body = RequestBody::Scan { device: "d".into(), on: false, reason: "repair".into() };
        let wish = replay.request("s1", body);
        replay.engine.step(wish, replay.now, &mut replay.effects);
        let drafts = std::mem::take(&mut replay.effects.drafts);
        let recorded = Event::Committed(commit(&mut replay.store, &drafts).unwrap());
        let reload = reload(plan(two, 2));
        let events = if reload_first { [reload, recorded] } else { [recorded, reload] };
        let mut told = None;
        for event in events {
            replay.engine.step(event, replay.now, &mut replay.effects);
            told = replay.effects.off_scan.take().or(told);
        }
        let names: Vec<_> = told.iter().flat_map(|names| names.iter()).map(|name| &**name).collect();
        assert_eq!(names, ["d"], "reload first: {reload_first}");
        let snapshot = replay.engine.snapshot(replay.now);
        assert!(snapshot.devices[0].off_scan.is_none() && snapshot.devices[1].off_scan.is_some());
        let quality = snapshot.live(replay.tag("t")).unwrap().quality;
        assert_eq!(quality, Quality::bad(Reason::OffScan), "reload first: {reload_first}");
    }
}

/// A device that is off scan leaves the station file and comes back: nobody has put it back on scan.
#[test]
fn off_scan_outlives_a_time_outside_of_the_station_file() {
    let with = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"b","connection":"a"},{"name":"d","connection":"a","unit":2}],
        "tags":[{"name":"s","device":"b","register":"input:0"},{"name":"t","device":"d","register":"input:0"}]}"#;
    let without = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"b","connection":"a"}],
        "tags":[{"name":"s","device":"b","register":"input:0"}]}"#;
    let mut replay = Replay::new(with);
    let body = RequestBody::Scan { device: "d".into(), on: false, reason: "repair".into() };
    let wish = replay.request("s1", body);
    replay.engine.step(wish, replay.now, &mut replay.effects);
    let drafts = std::mem::take(&mut replay.effects.drafts);
    let recorded = Event::Committed(commit(&mut replay.store, &drafts).unwrap());
    replay.engine.step(recorded, replay.now, &mut replay.effects);
    for (generation, plant) in [(2, without), (3, without), (4, with)] {
        replay.engine.step(reload(plan(plant, generation)), replay.now, &mut replay.effects);
    }
    let told = replay.effects.off_scan.take().unwrap_or_default();
    assert_eq!(told.iter().map(|name| &**name).collect::<Vec<_>>(), ["d"]);
    assert!(replay.engine.snapshot(replay.now).devices[1].off_scan.is_some());
}

/// The last total is known from history; the station file may be changed before the counter is read for the first time.
#[test]
fn the_total_of_a_counter_outlives_a_reload_before_its_first_reading() {
    let station = |tags: &str| {
        format!(
            r#"{{"connections":[{{"name":"a","modbus":{{"tcp":"127.0.0.1"}}}}],"devices":[{{"name":"d","connection":"a"}}],"tags":[{tags}]}}"#
        )
    };
    let before = station(r#"{"name":"energy","device":"d","register":"input:0","rolls_over_at":65536}"#);
    let same = r#"{"name":"energy","device":"d","register":"input:0","rolls_over_at":65536}"#;
    let renamed = r#"{"name":"work","formerly":"energy","device":"d","register":"input:0","rolls_over_at":65536}"#;
    let another = r#"{"name":"another","device":"d","register":"input:9"}"#;
    for (key, tags) in [("energy", format!("{another},{same}")), ("work", format!("{another},{renamed}"))] {
        let mut replay = Replay::new(&before);
        let totals = HashMap::from([(Arc::from("energy"), 131_080.0)]);
        replay.engine = Engine::new(Arc::new(plan(&before, 1)), Restored { totals, ..Restored::default() });
        // And once more: what was handed on is handed on again.
        for generation in [2, 3] {
            let reload = reload(plan(&station(&tags), generation));
            replay.engine.step(reload, replay.now, &mut replay.effects);
        }
        let reading = replay.batch(key, Some(Value::Unsigned(10)), Quality::GOOD);
        replay.engine.step(reading, replay.now, &mut replay.effects);
        let snapshot = replay.engine.snapshot(replay.now);
        assert_eq!(snapshot.value(replay.tag(key)), Some(Value::Unsigned(131_082)), "{key}");
    }
}

#[test]
fn what_the_station_does_not_know_any_more_about_itself_turns_bad() {
    let mut replay = Replay::new("{}");
    let (days, aside) = (replay.tag("station/history-days"), replay.tag("station/records-set-aside"));
    let mut tell = |health: Health| {
        replay.engine.step(Event::Health(health), replay.now, &mut replay.effects);
        [days, aside].map(|tag| replay.engine.tags.live()[tag.index()].quality)
    };
    assert_eq!(tell(Health::default()), [Quality::bad(Reason::NotYetRead), Quality::GOOD], "not known yet is no news");
    assert_eq!(tell(Health { history_days: Some(7), ..Health::default() })[0], Quality::GOOD);
    assert_eq!(tell(Health::default())[0], Quality::bad(Reason::NotAvailable), "7 is not true any more");
    assert_eq!(tell(Health { history_days: Some(8), ..Health::default() })[0], Quality::GOOD);
}

const BESIDE: &str = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
    "tags":[{"name":"level","device":"d","register":"input:0","type":"f32","unit":"m","decimals":1,"alarms":[
        {"high":3,"on_delay":"2s","message":"level {level}, wind {wind}, {pump}","suppress_when":"not {gate} or {wind} > 20"}]},
      {"name":"wind","device":"d","register":"input:2","type":"u16"},
      {"name":"pump","device":"d","register":"input:3","states":["stopped","running"]},
      {"name":"gate","device":"d","register":"coil:0"}]}"#;

/// The message tells the values of the moment at which the alarm was raised, also after a reload, and where the delay ended without a sample.
#[test]
fn a_message_tells_the_values_of_its_activation() {
    let mut replay = Replay::new(BESIDE);
    replay.step(0.0, &["sample", "pump", "1"]);
    replay.step(1.0, &["sample", "level", "3.25"]);
    replay.step(2.0, &["sample", "level", "3.5"]);
    let event = Event::Tick;
    replay.now = Now::default().plus(Duration::from_secs(3));
    replay.engine.step(event, replay.now, &mut replay.effects);
    let expected = "Level 3.5 m, wind ? (waiting for the first value), running";
    let told = replay.effects.notices.iter().find_map(|notice| match notice {
        Notice::Alarm(view) => Some(view.message.to_string()),
        _ => None,
    });
    assert_eq!(told.as_deref(), Some(expected));
    let shown = |replay: &mut Replay| {
        let snapshot = replay.engine.snapshot(replay.now);
        snapshot.alarms.views.iter().map(|view| view.message.to_string()).collect::<Vec<_>>()
    };
    replay.step(4.0, &["sample", "level", "9"]);
    replay.step(5.0, &["sample", "wind", "7"]);
    assert_eq!(shown(&mut replay), [expected]);
    let words: Vec<&str> = std::iter::once("reload").chain(BESIDE.split_whitespace()).collect();
    replay.step(6.0, &words);
    assert_eq!(shown(&mut replay), [expected]);
    replay.step(7.0, &["sample", "level", "0"]);
    replay.step(8.0, &["sample", "level", "4.0"]);
    replay.step(10.0, &["tick"]);
    assert_eq!(shown(&mut replay), ["Level 4.0 m, wind 7, running"]);
}

/// Where the values of the moment are not known any more, the words say so rather than telling those of now.
#[test]
fn a_message_from_before_the_start_tells_no_values() {
    let now = Timestamp::default();
    let kept = Persisted::of_state(State::Unacknowledged, OccurrenceId(1), now, now);
    let restored = Restored { alarms: vec![(AlarmKey::from("level:high"), kept, None)], ..Restored::default() };
    let mut engine = Engine::new(Arc::new(plan(BESIDE, 1)), restored);
    assert_eq!(&*engine.snapshot(Now::default()).alarms.views[0].message, "Level ..., wind ..., ...");
}

#[test]
fn suppression_by_design_follows_its_expression_and_holds_on_bad_input() {
    let mut replay = Replay::new(BESIDE);
    let mut check = |seconds: f64, words: &[&str], expected: bool| {
        replay.step(seconds, words);
        let board = replay.engine.snapshot(replay.now).alarms;
        let found: Vec<&str> = board.set_aside.iter().map(|view| view.key.as_str()).collect();
        assert_eq!(found, if expected { vec!["level:high"] } else { Vec::new() }, "{words:?}");
    };
    check(0.0, &["sample", "wind", "10"], false);
    check(1.0, &["sample", "gate", "true"], false);
    check(2.0, &["sample", "gate", "false"], true);
    check(3.0, &["bad", "gate"], true);
    check(4.0, &["sample", "gate", "true"], false);
    check(5.0, &["bad", "gate"], false);
    // What decides alone, decides.
    check(6.0, &["sample", "wind", "21"], true);
    let reload: Vec<&str> = std::iter::once("reload").chain(BESIDE.split_whitespace()).collect();
    check(7.0, &["bad", "wind"], true);
    check(8.0, &reload, true);
    check(9.0, &["sample", "wind", "1"], true);
    check(10.0, &["sample", "gate", "true"], false);
}

/// Alarms that look again by themselves stand in the heap of deadlines a few times at most, however many samples come.
#[test]
fn looking_again_takes_bounded_memory() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0","type":"f32","alarms":[{"no_change":"1h"},{"rate":1,"per":"1h"}]}]}"#;
    let mut replay = Replay::new(station);
    for number in 0..2_000_u32 {
        let value = number.to_string();
        replay.step(f64::from(number) * 0.1, &["sample", "t", &value]);
    }
    assert!(replay.engine.deadlines.len() <= 6, "{} deadlines", replay.engine.deadlines.len());
}

/// What only moved to another slot has not changed; what did is told with the names of tags.
#[test]
fn the_difference_names_the_tags_of_alarms() {
    let station = |tags: &str| {
        format!(
            r#"{{"connections":[{{"name":"a","modbus":{{"tcp":"127.0.0.1"}}}}],"devices":[{{"name":"d","connection":"a"}}],"tags":[{tags}]}}"#
        )
    };
    let tag = |name: &str, register: u16| format!(r#"{{"name":"{name}","device":"d","register":"input:{register}"}}"#);
    let own = |from: &str| {
        format!(
            r#"{{"name":"t","device":"d","register":"input:0","alarms":[{{"deviation":5,"from":"{from}","message":"off {{{from}}}"}},
                {{"when":"{{t}} > {{x}}","suppress_when":"{{x}} > 1"}}]}}"#
        )
    };
    let old = plan(&station(&[own("x"), tag("x", 1), tag("y", 2)].join(",")), 1);
    let moved = plan(&station(&[tag("y", 2), tag("x", 1), own("x")].join(",")), 2);
    assert_eq!(Difference::between(&old, &moved).changed, Vec::<String>::new());
    let other = plan(&station(&[own("y"), tag("x", 1), tag("y", 2)].join(",")), 2);
    assert_eq!(
        Difference::between(&old, &other).changed,
        [
            r#"alarm t:deviation: condition deviation 5 from {x} -> deviation 5 from {y}, message "Off {x}" -> "Off {y}""#
        ]
    );
}

/// What arrives together is judged together: an alarm on two tags sees neither without the other. Each value is still judged when two of one
/// tag arrive at once.
#[test]
fn values_of_one_answer_are_judged_together() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"input:0","alarms":[{"deviation":5,"from":"x"},{"when":"{t} != {x}"}]},
          {"name":"x","device":"d","register":"input:1"}]}"#;
    let mut replay = Replay::new(station);
    let mut check = |seconds: u64, readings: &[(&str, i64)], expected: &[&str]| {
        replay.now = Now::default().plus(Duration::from_secs(seconds));
        let reading = |(key, value): &(&str, i64)| Reading {
            tag: replay.tag(key),
            value: Some(Value::Signed(*value)),
            quality: Quality::GOOD,
        };
        let batch = Batch {
            generation: Generation(1),
            device: DeviceId(0),
            time: replay.now.utc,
            readings: readings.iter().map(reading).collect(),
            confirmed: Arc::from([]),
        };
        replay.engine.step(Event::Driver(DriverEvent::Batch(batch)), replay.now, &mut replay.effects);
        let mut lines = Vec::new();
        replay.describe(&mut lines);
        lines.retain(|line| line.starts_with("journal"));
        assert_eq!(lines, expected, "{readings:?}");
    };
    check(0, &[("t", 0), ("x", 0)], &[]);
    check(1, &[("t", 10), ("x", 10)], &[]);
    let (up, down) = ("normal -> unacknowledged", "unacknowledged -> returned-unacknowledged");
    let raised = |occurrence: u8, kind: &str| format!("journal t:{kind} {occurrence} {up}");
    let over = |occurrence: u8, kind: &str| format!("journal t:{kind} {occurrence} {down}");
    let expected = [raised(1, "deviation"), raised(2, "when"), over(1, "deviation"), over(2, "when")];
    check(2, &[("t", 20), ("t", 10)], &expected.each_ref().map(String::as_str));
}

/// The slot of a tag that was entered by hand may be that of a pump in the next plant.
#[test]
fn what_is_entered_by_hand_never_reaches_a_device() {
    let station = |tags: &str| {
        format!(
            r#"{{"connections":[{{"name":"a","modbus":{{"tcp":"127.0.0.1"}}}}],"devices":[{{"name":"d","connection":"a"}}],"tags":[{tags}]}}"#
        )
    };
    let mut replay = Replay::new(&station(r#"{"name":"limit","manual":3,"range":[0,50]}"#));
    replay.step(0.0, &["tick"]);
    let (tag, value) = (TagKey::from("limit"), Value::Double(40.0));
    let confirmation = Confirmation::Dialog;
    let body = RequestBody::Command { tag, value, value_seen: None, reason: "test".into(), confirmation };
    let request = replay.request("r1", body);
    let mut effects = Effects::default();
    replay.engine.step(request, replay.now, &mut effects);
    let drafts = std::mem::take(&mut effects.drafts);
    assert_eq!(drafts.len(), 1);
    let pump = r#"{"name":"speed","device":"d","register":"holding:0","command":{"min":0,"max":10}}"#;
    replay.engine.step(reload(plan(&station(pump), 2)), replay.now, &mut effects);
    let receipts = commit(&mut replay.store, &drafts).unwrap();
    replay.engine.step(Event::Committed(receipts), replay.now, &mut effects);
    assert!(effects.dispatches.is_empty(), "nothing is sent");
    let is_refused =
        |reply: &(ReplyId, Reply)| matches!(&reply.1, Reply::Command { outcome, .. } if outcome.word() == "refused");
    assert!(effects.replies.iter().any(is_refused), "{:?}", effects.replies);
}

/// An alarm that is no longer in the station file stands nowhere, and one that comes back later begins anew.
#[test]
fn an_alarm_that_was_removed_while_the_station_was_off_stands_no_more() {
    let now = Timestamp::default();
    let kept = Persisted::of_state(State::Unacknowledged, OccurrenceId(1), now, now);
    let restored = Restored { alarms: vec![(AlarmKey::from("old:high"), kept, None)], ..Restored::default() };
    let mut engine = Engine::new(Arc::new(plan(BESIDE, 1)), restored);
    let mut effects = Effects::default();
    engine.step(Event::Tick, Now::default(), &mut effects);
    let told: Vec<_> = effects.transitions.iter().map(|one| (one.alarm.as_str(), one.to, one.kept.is_none())).collect();
    assert_eq!(told, [("old:high", State::Normal, true)]);
    assert!(effects.delays.iter().any(|change| change.alarm.as_str() == "old:high" && change.delay.is_none()));
    effects.clear();
    engine.step(Event::Tick, Now::default(), &mut effects);
    assert!(effects.transitions.is_empty(), "once");
}

/// Where records cannot be written, room is kept for what the field may have done, and not for what was refused.
#[test]
fn the_outcome_of_a_command_that_was_never_sent_is_not_essential() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],"devices":[{"name":"d","connection":"a"}],
        "tags":[{"name":"t","device":"d","register":"holding:0","command":{"min":0,"max":10}}]}"#;
    let mut replay = Replay::new(station);
    replay.step(0.0, &["device", "d", "good"]);
    replay.step(1.0, &["sample", "t", "1"]);
    let mut drafts = |words: &[&str]| {
        let event = replay.event(words);
        replay.engine.step(event, replay.now, &mut replay.effects);
        let drafts = std::mem::take(&mut replay.effects.drafts);
        let told: Vec<_> = drafts.iter().map(|draft| (draft.action.to_string(), draft.essential)).collect();
        let receipts = commit(&mut replay.store, &drafts).unwrap();
        replay.engine.step(Event::Committed(receipts), replay.now, &mut replay.effects);
        told
    };
    assert_eq!(drafts(&["set", "c1", "t", "11"]), [("outcome".to_owned(), false)]);
    assert_eq!(drafts(&["set", "c2", "t", "5"]), [("command".to_owned(), false)]);
    assert_eq!(drafts(&["written", "c2", "failed"]), [("outcome".to_owned(), true)]);
}

#[test]
fn what_another_station_tells_is_marked_as_from_there() {
    let station = r#"{"connections":[{"name":"a","modbus":{"tcp":"127.0.0.1"}}],
        "devices":[{"name":"here","connection":"a"},{"name":"there","connection":"a","unit":2,"station":"A"}],
        "tags":[{"name":"t","device":"here","register":"input:0"},{"name":"u","device":"there","register":"input:0"}]}"#;
    let mut replay = Replay::new(station);
    replay.step(1.0, &["sample", "t", "1"]);
    replay.step(1.0, &["sample", "u", "1"]);
    let snapshot = replay.engine.snapshot(replay.now);
    let origins = [TagId(0), TagId(1)].map(|tag| snapshot.live(tag).unwrap().origin);
    assert_eq!(origins, [Origin::Field, Origin::Remote]);
}
