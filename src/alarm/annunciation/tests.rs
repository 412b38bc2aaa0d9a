//! Scripts of what happens, and what is heard of it. Every sound lasts a second.

use super::*;
use crate::alarm::{AlarmKey, ConditionState, Subject};
use crate::tag::{DeviceId, Timestamp};

const SOUND: Duration = Duration::from_secs(1);

fn at(seconds: f64) -> Monotonic {
    Monotonic::from_micros((seconds * 1e6) as u64)
}

/// An annunciator whose sounds end by themselves.
#[derive(Default)]
struct Room {
    annunciation: Annunciation,
    playing_until: Option<Monotonic>,
    now: Monotonic,
    heard: Vec<String>,
}

impl Room {
    /// Lets time pass, and writes down what begins to sound.
    fn pass(&mut self, until: Monotonic) {
        loop {
            let due = self.playing_until.or(self.annunciation.due());
            let Some(due) = due.map(|due| due.max(self.now)).filter(|due| *due <= until) else { break };
            self.now = due;
            if self.playing_until.take().is_some() {
                self.annunciation.ended(due);
            } else if let Some(priority) = self.annunciation.next_sound(due) {
                let seconds = due.as_micros() as f64 / 1e6;
                self.heard.push(format!("{seconds:.1} {}", priority.word()));
                self.playing_until = Some(due.plus(SOUND));
            }
        }
        self.now = until;
    }

    fn event(&mut self, now: Monotonic, words: &str) {
        match words {
            "silence" => {
                self.annunciation.silence(now);
                if self.playing_until.take().is_some() {
                    self.annunciation.ended(now);
                }
            }
            "listen" => {}
            alarms => self.annunciation.observe(alarms.split_whitespace().filter(|word| *word != "-").map(waiting)),
        }
    }
}

/// `4:high` is the activation 4 of an alarm of high priority.
fn waiting(text: &str) -> (OccurrenceId, Priority) {
    let (number, word) = text.split_once(':').unwrap();
    let priority = Priority::ALL.into_iter().find(|priority| priority.word() == word).unwrap();
    (OccurrenceId(number.parse().unwrap()), priority)
}

/// Each line of the script is a moment in seconds and the alarms that wait from then on (`-` for none), `silence`, or `listen`.
fn check(script: &[(f64, &str)], expected: &str) -> Bell {
    let mut room = Room::default();
    for (seconds, words) in script {
        room.pass(at(*seconds));
        room.event(at(*seconds), words);
        room.pass(at(*seconds));
    }
    assert_eq!(room.heard.join(", "), expected, "{script:?}");
    room.annunciation.bell()
}

#[test]
fn the_most_urgent_sounds_again_and_again_until_it_is_acknowledged() {
    // Something lower does not break into the rhythm; when the most urgent is acknowledged, the next one goes on in its own.
    let script = [(0.0, "-"), (1.0, "1:critical"), (2.0, "1:critical 2:low"), (9.0, "2:low"), (70.0, "listen")];
    check(&script, "1.0 critical, 4.0 critical, 7.0 critical, 67.0 low");
    let script = [(0.0, "-"), (1.0, "1:high"), (13.5, "-"), (40.0, "listen")];
    assert_eq!(check(&script, "1.0 high, 7.0 high, 13.0 high"), Bell::Quiet);
    for (priority, expected) in [
        (Priority::Critical, "1.0 critical, 4.0 critical, 7.0 critical, 10.0 critical"),
        (Priority::High, "1.0 high, 7.0 high"),
        (Priority::Medium, "1.0 medium"),
        (Priority::Low, "1.0 low"),
    ] {
        let alarm = format!("1:{}", priority.word());
        let bell = check(&[(0.0, "-"), (1.0, &alarm), (12.0, "listen")], expected);
        assert_eq!(bell, Bell::Sounding(priority));
    }
}

#[test]
fn a_more_urgent_one_comes_next_and_never_over_another_sound() {
    let script = [(0.0, "-"), (1.0, "1:low"), (1.2, "1:low 2:critical"), (5.0, "listen")];
    check(&script, "1.0 low, 2.5 critical");
    // What is acknowledged takes none of the others along.
    let script = [(0.0, "-"), (1.0, "1:high 2:high"), (5.0, "2:high"), (8.0, "listen")];
    assert_eq!(check(&script, "1.0 high, 7.0 high"), Bell::Sounding(Priority::High));
}

#[test]
fn silence_holds_for_what_waited_and_a_new_one_sounds_again() {
    let script = [(0.0, "-"), (1.0, "1:high 2:low"), (3.0, "silence"), (300.0, "listen")];
    assert_eq!(check(&script, "1.0 high"), Bell::Silenced(2));
    let script = [(0.0, "-"), (1.0, "1:high"), (3.0, "silence"), (20.0, "1:high 2:low"), (30.0, "listen")];
    assert_eq!(check(&script, "1.0 high, 20.0 low"), Bell::Sounding(Priority::Low));
    // Gone and raised again is another activation.
    let script = [(0.0, "-"), (1.0, "1:high"), (3.0, "silence"), (20.0, "-"), (21.0, "2:high"), (22.0, "listen")];
    check(&script, "1.0 high, 21.0 high");
    // What was put on a shelf and comes back is the same one, and somebody has to look at it now.
    let script = [(0.0, "-"), (1.0, "1:high"), (3.0, "silence"), (20.0, "-"), (21.0, "1:high"), (22.0, "listen")];
    check(&script, "1.0 high, 21.0 high");
}

#[test]
fn right_after_a_silence_only_what_is_more_urgent_sounds() {
    let script = [(0.0, "-"), (1.0, "1:high"), (3.0, "silence"), (3.2, "1:high 2:high"), (9.0, "listen")];
    check(&script, "1.0 high, 8.0 high");
    let script = [(0.0, "-"), (1.0, "1:high"), (3.0, "silence"), (3.2, "1:high 2:critical"), (4.0, "listen")];
    check(&script, "1.0 high, 3.2 critical");
}

#[test]
fn a_silence_of_nothing_holds_nothing_back() {
    check(&[(0.0, "-"), (1.0, "silence"), (1.1, "1:low"), (2.0, "listen")], "1.1 low");
}

#[test]
fn a_restart_sounds_once_for_what_waited_and_then_is_silent() {
    let script = [(0.0, "1:medium 2:high"), (300.0, "listen")];
    assert_eq!(check(&script, "0.0 high"), Bell::Silenced(2));
    let script = [(0.0, "1:high"), (2.0, "1:high 2:low"), (10.0, "listen")];
    assert_eq!(check(&script, "0.0 high, 2.0 low"), Bell::Sounding(Priority::Low));
    // Something new comes first; then there is no need to greet any more.
    let mut room = Room::default();
    room.annunciation.observe([waiting("1:low")]);
    room.annunciation.observe([waiting("1:low"), waiting("2:critical")]);
    room.pass(at(2.0));
    assert_eq!(room.heard, ["0.0 critical"]);
}

#[test]
fn a_flood_is_one_sound_at_a_time_in_the_rhythm_of_the_most_urgent() {
    let mut script = vec![(0.0, "-".to_owned())];
    let mut alarms = String::new();
    for number in 1..=2000 {
        alarms.push_str(&format!(" {number}:{}", if number % 7 == 3 { "high" } else { "low" }));
        script.push((1.0 + f64::from(number) * 0.03, alarms.clone()));
    }
    let script: Vec<(f64, &str)> = script.iter().map(|(moment, words)| (*moment, words.as_str())).collect();
    check(
        &script,
        "1.0 low, 2.5 high, 8.5 high, 14.5 high, 20.5 high, 26.5 high, 32.5 high, 38.5 high, 44.5 high, 50.5 high, 56.5 high",
    );
}

#[test]
fn only_what_is_active_and_not_acknowledged_and_in_service_is_heard() {
    let view = |state| AlarmView {
        key: AlarmKey::from("a:high"),
        subject: Subject::Device(DeviceId(0)),
        slot: 0,
        occurrence: OccurrenceId(7),
        state,
        priority: Priority::High,
        raised: Timestamp::default(),
        changed: Timestamp::default(),
        value: None,
        message: "".into(),
        condition: ConditionState::default(),
        aside: None,
        group: None,
        is_first_out: false,
        hides: 0,
    };
    let settings = SoundSettings::default();
    let heard: Vec<State> =
        State::ALL.into_iter().filter(|state| to_be_heard(&view(*state), &settings).is_some()).collect();
    assert_eq!(heard, [State::Unacknowledged]);
    let without = SoundSettings { heard: [true, false, true, true], ..settings };
    assert_eq!(to_be_heard(&view(State::Unacknowledged), &without), None);
}
