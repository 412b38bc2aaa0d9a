use super::*;
use crate::alarm::{AlarmKey, ConditionState, Subject};
use crate::tag::{DeviceId, Timestamp};

/// `4:high` is the activation 4 of an alarm of high priority, which was raised after 4 seconds.
fn view(text: &str) -> AlarmView {
    let (number, word) = text.split_once(':').unwrap();
    let number: u64 = number.parse().unwrap();
    AlarmView {
        key: AlarmKey::from("a:high"),
        subject: Subject::Device(DeviceId(0)),
        slot: 0,
        occurrence: OccurrenceId(number),
        state: State::Unacknowledged,
        priority: Priority::ALL.into_iter().find(|priority| priority.word() == word).unwrap(),
        raised: Timestamp::from_micros(number as i64 * 1_000_000),
        changed: Timestamp::default(),
        value: None,
        message: format!("alarm {number}").into(),
        condition: ConditionState::default(),
        aside: None,
        group: None,
        is_first_out: false,
        hides: 0,
    }
}

/// Each line is a moment in seconds, whether somebody looks, and the alarms that wait then.
fn check(script: &[(u64, bool, &str)], expected: &[&str]) {
    let mut notifications = Notifications::default();
    let mut told = Vec::new();
    for (seconds, is_watched, alarms) in script {
        let views: Vec<AlarmView> = alarms.split_whitespace().map(view).collect();
        let worth: Vec<&AlarmView> = views.iter().filter(|view| is_worth_telling(view)).collect();
        let now = Monotonic::from_micros(seconds * 1_000_000);
        if let Some(message) = notifications.observe(&worth, *is_watched, now) {
            told.push(format!("{seconds} {}: {}", message.title, message.body));
        }
    }
    assert_eq!(told, expected, "{script:?}");
}

#[test]
fn new_alarms_of_the_upper_priorities_are_told_once() {
    check(
        &[(0, false, ""), (1, false, "1:high 2:low 3:medium"), (30, false, "1:high"), (60, false, "1:high 4:critical")],
        &["1 An alarm of high priority: alarm 1", "60 A critical alarm: alarm 4"],
    );
}

#[test]
fn a_flood_is_one_message_each_ten_seconds_that_names_the_most_urgent() {
    check(
        &[
            (0, false, ""),
            (1, false, "1:high"),
            (2, false, "1:high 2:high"),
            (10, false, "1:high 2:high 3:critical 4:high"),
            (11, false, "1:high 2:high 3:critical 4:high"),
            (12, false, "1:high 2:high 3:critical 4:high"),
        ],
        &["1 An alarm of high priority: alarm 1", "11 3 alarms, 1 of them critical: alarm 3"],
    );
}

#[test]
fn who_looks_at_the_window_is_told_nothing_and_nothing_later() {
    check(&[(0, false, ""), (1, true, "1:critical"), (2, false, "1:critical"), (30, false, "1:critical")], &[]);
    // What waited when the station started is not news, and what is over by the time that it could be told neither.
    check(&[(0, false, "1:critical"), (30, false, "1:critical")], &[]);
    check(
        &[
            (0, false, ""),
            (1, false, "1:high"),
            (2, false, "1:high 2:high"),
            (3, false, "1:high"),
            (30, false, "1:high"),
        ],
        &["1 An alarm of high priority: alarm 1"],
    );
}
