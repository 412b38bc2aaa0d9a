//! The state machine: scripts, the table of every state with every event, and random scripts against the slow reference.

use super::reference::{Look, Reference, Said};
use super::*;
use crate::access::Principal;
use crate::tag::{Now, TagId, Timestamp};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn definition(on_seconds: u64, off_seconds: u64, latch: bool) -> AlarmDefinition {
    AlarmDefinition {
        key: AlarmKey::from("t:high"),
        subject: Subject::Tag(TagId(0)),
        condition: Condition::High(1.0),
        deadband: 0.0,
        on_delay: Duration::from_secs(on_seconds),
        off_delay: Duration::from_secs(off_seconds),
        priority: Priority::High,
        message: "".into(),
        guidance: "".into(),
        area: None,
        latch,
        group: None,
        suppress_when: None,
        presentation: Presentation::default(),
    }
}

fn shelf(now: Now, seconds: u64, one_shot: bool) -> Shelf {
    let limit = TimeLimit::starting(now, Duration::from_secs(seconds));
    Shelf { by: Principal::person("anna"), reason: "repair".into(), since: now.utc, limit, one_shot }
}

fn suppression(now: Now) -> Suppression {
    Suppression { by: Principal::station(), reason: "pump stands".into(), since: now.utc }
}

fn out(now: Now, seconds: Option<u64>) -> OutOfService {
    let limit = seconds.map(|seconds| TimeLimit::starting(now, Duration::from_secs(seconds)));
    OutOfService { by: Principal::person("bob"), reason: "replaced".into(), since: now.utc, limit }
}

const fn letter(state: State) -> char {
    match state {
        State::Normal => 'N',
        State::Unacknowledged => 'U',
        State::Acknowledged => 'K',
        State::ReturnedUnacknowledged => 'R',
        State::LatchedUnacknowledged => 'L',
        State::LatchedAcknowledged => 'M',
        State::Shelved => 'S',
        State::Suppressed => 'P',
        State::OutOfService => 'O',
    }
}

/// An alarm, the time, and how many activations there were.
#[derive(Clone)]
struct Life {
    definition: AlarmDefinition,
    alarm: Alarm,
    now: Now,
    occurrences: u64,
    /// What the journal would say.
    journal: Vec<(State, State, &'static str, u64, ConditionState)>,
}

impl Life {
    fn new(on: u64, off: u64, latch: bool) -> Self {
        let definition = definition(on, off, latch);
        Self { definition, alarm: Alarm::default(), now: Now::default(), occurrences: 0, journal: Vec::new() }
    }

    fn take(&mut self, event: AlarmEvent) -> Result<(), Refused> {
        loop {
            let before = self.alarm.clone();
            let next = OccurrenceId(self.occurrences + 1);
            let seen = self.alarm.take(&self.definition, event.clone(), self.now, next).inspect_err(|_| {
                assert_eq!(self.alarm, before, "a refusal changes nothing");
            })?;
            let Some(change) = seen.change else { return Ok(()) };
            assert_eq!((change.from, change.to), (before.state(), self.alarm.state()));
            self.occurrences += u64::from(change.is_new_occurrence);
            let occurrence = self.alarm.occurrence().map_or(0, |occurrence| occurrence.0);
            assert_eq!(change.is_new_occurrence, occurrence > before.occurrence().map_or(0, |before| before.0));
            let word = change.occasion.word();
            self.journal.push((change.from, change.to, word, occurrence, self.alarm.condition()));
            if event != AlarmEvent::TimePasses {
                return Ok(());
            }
        }
    }

    /// One letter of a script; each begins a second after the one before.
    fn letter(&mut self, letter: char) {
        self.now = self.now.plus(SECOND);
        let event = match letter {
            'A' => AlarmEvent::Observed(Verdict::Active),
            'I' => AlarmEvent::Observed(Verdict::Inactive),
            '?' => AlarmEvent::Observed(Verdict::Unevaluated),
            '.' => AlarmEvent::TimePasses,
            'k' => AlarmEvent::Acknowledge(self.alarm.occurrence().unwrap_or_default()),
            'r' => AlarmEvent::Reset,
            's' => AlarmEvent::Shelve(shelf(self.now, 5, false)),
            '1' => AlarmEvent::Shelve(shelf(self.now, 5, true)),
            'u' => AlarmEvent::Unshelve,
            'p' => AlarmEvent::BeginSuppression(suppression(self.now)),
            'q' => AlarmEvent::EndSuppression,
            'o' => AlarmEvent::TakeOutOfService(out(self.now, None)),
            'i' => AlarmEvent::ReturnToService,
            // A restart: what is kept is read back, and nothing else is left.
            '!' => {
                let mut kept = self.alarm.image();
                kept.delay = self.alarm.delay(&self.definition, self.now);
                let text = serde_json::to_string(&kept).unwrap();
                kept = Persisted { delay: kept.delay, ..serde_json::from_str(&text).unwrap() };
                self.alarm = Alarm::restore(kept);
                self.alarm.follow_clock(self.now);
                return;
            }
            other => panic!("no letter {other}"),
        };
        let _ = self.take(event);
    }
}

/// A script is one letter a second, and so are the states that follow.
fn check(life: (u64, u64, bool), script: &str, expected: &str) -> Life {
    let (on, off, latch) = life;
    let mut life = Life::new(on, off, latch);
    let mut states = String::new();
    for sign in script.chars() {
        life.letter(sign);
        states.push(letter(life.alarm.state()));
    }
    assert_eq!(states, expected, "on {on} off {off} latch {latch} script {script}");
    life
}

const PLAIN: (u64, u64, bool) = (0, 0, false);
const LATCH: (u64, u64, bool) = (0, 0, true);

#[test]
fn lives() {
    check(PLAIN, "IAIA", "NURU");
    check(PLAIN, "AkI", "UKN");
    check(PLAIN, "AIk", "URN");
    check(PLAIN, "AkkI", "UKKN");
    check(PLAIN, "kI", "NN");
}

#[test]
fn delays() {
    check((2, 0, false), "AAA", "NNU");
    check((2, 0, false), "A..", "NNU");
    check((2, 0, false), "AIAA", "NNNN");
    check((0, 3, false), "AIII", "UUUU");
    check((0, 3, false), "AIIII", "UUUUR");
    check((0, 3, false), "AIAIII", "UUUUUU");
}

#[test]
fn bad_input_holds_the_state_and_starts_delays_anew() {
    check(PLAIN, "A???", "UUUU");
    check((2, 0, false), "A?AA", "NNNN");
    check((2, 0, false), "A?AAA", "NNNNU");
    check((0, 2, false), "AI?II", "UUUUU");
    check(PLAIN, "Ak?I", "UKKN");
}

#[test]
fn a_latch_stays_until_somebody_resets_it() {
    check(LATCH, "AIkr", "ULMN");
    check(LATCH, "AIrk", "ULRN");
    check(LATCH, "AkIr", "UKMN");
    check(LATCH, "ArkrI", "UUKKM");
    assert_eq!(check(LATCH, "AIA", "ULU").occurrences, 2);
    assert_eq!(check(LATCH, "AkIA", "UKMU").occurrences, 2);
}

#[test]
fn what_was_set_aside_comes_back_by_its_condition() {
    // Active all the time: the same occurrence, and somebody has to acknowledge it again.
    assert_eq!(check(PLAIN, "Aksu", "UKSU").occurrences, 1);
    // It went and came: another one.
    assert_eq!(check(PLAIN, "AksIAu", "UKSSSU").occurrences, 2);
    assert_eq!(check(PLAIN, "sAu", "SSU").occurrences, 1);
    check(PLAIN, "AsIu", "USSN");
    check(PLAIN, "sAIu", "SSSN");
    check(PLAIN, "AIsu", "URSN");
    // Bad input returns nothing, below neither.
    check(PLAIN, "As?u", "USSU");
    check(PLAIN, "sA?u", "SSSU");
    check((0, 2, false), "AsI?u", "USSSU");
    // A latch is ended by a reset, and by nothing else.
    check(LATCH, "AsIu", "USSL");
    assert_eq!(check(LATCH, "sAIu", "SSSL").occurrences, 1);
    check(LATCH, "AkIsu", "UKMSM");
    assert_eq!(check(LATCH, "AkIsAIu", "UKMSSSL").occurrences, 2);
    check(LATCH, "AIsu", "ULSL");
    // The time of the shelf: five seconds.
    check(PLAIN, "As....", "USSSSS");
    check(PLAIN, "As.....", "USSSSSU");
    check(PLAIN, "A1I", "USN");
    check(PLAIN, "1AI", "SSN");
    check(PLAIN, "A1.....", "USSSSSU");
}

#[test]
fn three_ways_hold_at_once_and_the_strongest_is_shown() {
    check(PLAIN, "Aspoiqu", "USPOPSU");
    check(PLAIN, "Aospuiq", "UOOOOPU");
    check(PLAIN, "Ap1Ioqi", "UPPPOON");
    // The shelf runs out below.
    check(PLAIN, "Aso.....i", "USOOOOOOU");
}

#[test]
fn a_restart_changes_nothing() {
    check(PLAIN, "A!k!I!", "UUKKNN");
    check(PLAIN, "AI!k", "URRN");
    check(LATCH, "AI!k!r!", "ULLMMNN");
    assert_eq!(check(PLAIN, "A!s!u!", "UUSSUU").occurrences, 1);
    assert_eq!(check(PLAIN, "AsI!A!u", "USSSSSU").occurrences, 2);
    check(LATCH, "sAI!u", "SSSSL");
    check(PLAIN, "po!i!q", "POOPPN");
    // The second of the restart counts as well.
    check(PLAIN, "As!....", "USSSSSU");
    // A delay goes on from its start where the first good sample still says so.
    check((4, 0, false), "A!?.AA", "NNNNUU");
    check((4, 0, false), "A!.IA...", "NNNNNNNN");
    check((0, 3, false), "AI!.I", "UUUUR");
    check((0, 3, false), "AI!AI.", "UUUUUU");
}

#[test]
fn acknowledging_names_an_occurrence() {
    let mut life = check(PLAIN, "AIA", "URU");
    assert_eq!(life.take(AlarmEvent::Acknowledge(OccurrenceId(1))), Err(Refused::Gone));
    assert_eq!(life.take(AlarmEvent::Acknowledge(OccurrenceId(2))), Ok(()));
    assert_eq!(life.alarm.state(), State::Acknowledged);
    assert_eq!(life.take(AlarmEvent::Acknowledge(OccurrenceId(2))), Err(Refused::AlreadyAcknowledged));
}

#[test]
fn refusals_are_words() {
    let mut life = check(PLAIN, "As", "US");
    for (event, words) in [
        (AlarmEvent::Shelve(shelf(life.now, 9, false)), "already shelved until 1970-01-01T00:00:07"),
        (AlarmEvent::Acknowledge(OccurrenceId(1)), "it is shelved: that comes first"),
        (AlarmEvent::Reset, "it is shelved: that comes first"),
        (AlarmEvent::EndSuppression, "not suppressed by design"),
        (AlarmEvent::ReturnToService, "it is in service"),
    ] {
        let found = life.take(event.clone()).unwrap_err().to_string();
        assert!(found.contains(words), "{event:?}: {found}");
    }
}

/// Every event in every state of the process: what is shown after it, `-` where nothing is to be changed, `!` where it is refused.
#[test]
fn every_event_in_every_state_of_the_process() {
    // Scripts that lead to N U K R L M.
    let states = [(PLAIN, ""), (PLAIN, "A"), (PLAIN, "Ak"), (PLAIN, "AI"), (LATCH, "AI"), (LATCH, "AkI")];
    let table = [
        // event        N U K R L M
        ('A', "active", "U--UUU"),
        ('I', "inactive", "-RN---"),
        ('?', "unevaluated", "------"),
        ('.', "time", "------"),
        ('k', "acknowledge", "!K!NM!"),
        ('x', "acknowledge another", "!!!!!!"),
        ('r', "reset", "!!!!RN"),
        ('s', "shelve", "SSSSSS"),
        ('1', "shelve once", "SSSSSS"),
        ('u', "unshelve", "!!!!!!"),
        ('p', "suppression begins", "PPPPPP"),
        ('q', "suppression ends", "!!!!!!"),
        ('o', "take out of service", "OOOOOO"),
        ('i', "return to service", "!!!!!!"),
    ];
    for (sign, words, row) in table {
        let found: String = states.iter().map(|(life, script)| cell(*life, script, sign)).collect();
        assert_eq!(found, row, "{words}");
    }
}

/// Every event in every way of being set aside, over each state of the process.
#[test]
fn every_event_in_every_way_of_being_set_aside() {
    let ways = ["s", "1", "p", "o", "sp", "so", "po", "spo", "1p", "1o", "1po"];
    let table = [
        // event        s 1 p o sp so po spo 1p 1o 1po
        ('A', "active", "cccc", "ccccccc"),
        ('?', "unevaluated", "----", "-------"),
        ('.', "time", "----", "-------"),
        ('k', "acknowledge", "!!!!", "!!!!!!!"),
        ('r', "reset", "!!!!", "!!!!!!!"),
        ('s', "shelve", "!!PO", "!!O!!!!"),
        ('1', "shelve once", "!!PO", "!!O!!!!"),
        ('u', "unshelve", "##!!", "PO!OPOO"),
        ('p', "suppression begins", "PP!O", "!O!!!O!"),
        ('q', "suppression ends", "!!#!", "S!OOS!O"),
        ('o', "take out of service", "OOO!", "O!!!O!!"),
        ('i', "return to service", "!!!#", "!SPP!SP"),
    ];
    // The condition is gone in all of these; `c`: it changes below, `#`: the state after it is that of the process.
    let states = [(PLAIN, ""), (PLAIN, "AI"), (LATCH, "AI"), (LATCH, "AkI")];
    for (sign, words, left, right) in table {
        for (life, script) in states {
            for (way, expected) in ways.iter().zip(left.chars().chain(right.chars())) {
                let found = cell(life, &format!("{script}{way}"), sign);
                let back = if life.2 { check_state(life, script) } else { 'N' };
                let expected = match expected {
                    '#' => back,
                    // A change below shows the same state as before.
                    'c' => check_state(life, &format!("{script}{way}")),
                    other => other,
                };
                assert_eq!(found, expected, "{words} after {script}{way}");
            }
        }
    }
}

fn check_state(life: (u64, u64, bool), script: &str) -> char {
    let mut life = Life::new(life.0, life.1, life.2);
    script.chars().for_each(|sign| life.letter(sign));
    letter(life.alarm.state())
}

fn cell(life: (u64, u64, bool), script: &str, sign: char) -> char {
    let mut life = Life::new(life.0, life.1, life.2);
    script.chars().for_each(|sign| life.letter(sign));
    let (before, lines) = (life.alarm.clone(), life.journal.len());
    if sign == 'x' {
        let refused = life.take(AlarmEvent::Acknowledge(OccurrenceId(99)));
        return if refused.is_err() { '!' } else { '?' };
    }
    // The letter swallows the refusal; whether there was one is seen by asking again.
    let mut again = life.clone();
    life.letter(sign);
    if life.journal.len() > lines {
        return letter(life.alarm.state());
    }
    assert_eq!(life.alarm.state(), before.state());
    again.now = again.now.plus(SECOND);
    let event = match sign {
        'A' | 'I' | '?' | '.' => return '-',
        'k' => AlarmEvent::Acknowledge(again.alarm.occurrence().unwrap_or_default()),
        'r' => AlarmEvent::Reset,
        's' | '1' => AlarmEvent::Shelve(shelf(again.now, 5, sign == '1')),
        'u' => AlarmEvent::Unshelve,
        'p' => AlarmEvent::BeginSuppression(suppression(again.now)),
        'q' => AlarmEvent::EndSuppression,
        'o' => AlarmEvent::TakeOutOfService(out(again.now, None)),
        _ => AlarmEvent::ReturnToService,
    };
    if again.take(event).is_err() { '!' } else { '?' }
}

/// A generator of numbers that gives the same ones each time.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    fn said(&mut self, now: u64, last: u64) -> Said {
        match self.throw(18) {
            0..=3 => Said::Sample(Some(true)),
            4..=7 => Said::Sample(Some(false)),
            8 => Said::Sample(None),
            9 | 10 => Said::Time,
            11 => Said::Acknowledge(last.saturating_sub(self.throw(4) / 3)),
            12 => Said::Reset,
            13 => Said::Shelve { ends: now + 1 + self.throw(8), one_shot: self.throw(2) == 0 },
            14 => Said::Unshelve,
            15 => Said::Suppress(self.throw(2) == 0),
            16 => Said::Out { ends: (self.throw(2) == 0).then(|| now + 1 + self.throw(8)) },
            _ => Said::In,
        }
    }
}

fn event(said: Said, now: Now) -> AlarmEvent {
    let seconds = now.utc.as_micros() as u64 / 1_000_000;
    match said {
        Said::Sample(None) => AlarmEvent::Observed(Verdict::Unevaluated),
        Said::Sample(Some(active)) => AlarmEvent::Observed(active.into()),
        Said::Time => AlarmEvent::TimePasses,
        Said::Acknowledge(number) => AlarmEvent::Acknowledge(OccurrenceId(number)),
        Said::Reset => AlarmEvent::Reset,
        Said::Shelve { ends, one_shot } => AlarmEvent::Shelve(shelf(now, ends - seconds, one_shot)),
        Said::Unshelve => AlarmEvent::Unshelve,
        Said::Suppress(true) => AlarmEvent::BeginSuppression(suppression(now)),
        Said::Suppress(false) => AlarmEvent::EndSuppression,
        Said::Out { ends } => AlarmEvent::TakeOutOfService(out(now, ends.map(|ends| ends - seconds))),
        Said::In => AlarmEvent::ReturnToService,
    }
}

/// One random script, checked after every event against the reference. Gives the journal.
fn random_script(seed: u64) -> Vec<(State, State, &'static str, u64, ConditionState)> {
    let mut dice = Dice(seed);
    let (on, off, latch) = (dice.throw(3), dice.throw(3), dice.throw(2) == 0);
    let mut life = Life::new(on, off, latch);
    let mut reference = Reference { latch, on, off, log: Vec::new() };
    for _ in 0..6 + dice.throw(24) {
        let seconds = dice.throw(3);
        life.now = life.now.plus(Duration::from_secs(seconds));
        let now = life.now.utc.as_micros() as u64 / 1_000_000;
        let said = dice.said(now, life.occurrences);
        reference.log.push((now, said));
        let was_taken = life.take(event(said, life.now)).is_ok();
        let look: Look = reference.look();
        let script = || format!("seed {seed} on {on} off {off} latch {latch}: {:?}", reference.log);
        assert_eq!(life.alarm.state(), look.state(latch), "{}", script());
        assert_eq!(life.alarm.condition().active, look.is_active(), "{}", script());
        assert_eq!(life.occurrences, look.occurrence(), "{}", script());
        assert_eq!(was_taken, look.was_taken, "{}", script());
    }
    life.journal
}

/// POLDER_ALARM_SCRIPTS sets how many; a million take some minutes.
#[test]
fn random_scripts_agree_with_the_slow_reference_and_repeat() {
    let count = std::env::var("POLDER_ALARM_SCRIPTS").ok().and_then(|text| text.parse().ok()).unwrap_or(20_000u64);
    let mut lines = 0;
    for seed in 0..count {
        let journal = random_script(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        lines += journal.len();
        if seed % 64 == 0 {
            let again = random_script(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            assert_eq!(journal, again, "the same script gave another journal");
        }
    }
    assert!(lines as u64 > count, "{count} scripts changed next to nothing: {lines}");
    println!("{count} scripts, {lines} changes");
}

/// Nothing is lost silently: what waits becomes normal by an acknowledgement, what is latched by a reset, and by nothing else.
#[test]
fn whatever_becomes_normal_was_seen_or_set_aside() {
    for seed in 0..5_000 {
        for (from, to, occasion, _, _) in random_script(seed) {
            let is_seen = match from {
                State::Unacknowledged | State::ReturnedUnacknowledged | State::LatchedUnacknowledged => {
                    occasion == "acknowledged"
                }
                State::LatchedAcknowledged => occasion == "reset",
                _ => true,
            };
            assert!(to != State::Normal || is_seen, "seed {seed}: {occasion} from {}", from.word());
        }
    }
}

#[test]
fn an_alarm_is_small() {
    assert!(size_of::<Alarm>() <= 64, "{}", size_of::<Alarm>());
    // One look at a condition is one look at memory, however rich its kinds are.
    assert!(size_of::<Condition>() <= 48, "{}", size_of::<Condition>());
}

#[test]
fn a_file_that_says_the_impossible_is_read_as_what_is_safer() {
    let kept = |state| Persisted::of_state(state, OccurrenceId(3), Timestamp::default(), Timestamp::default());
    let torn = Persisted { active: false, ..kept(State::Unacknowledged) };
    assert!(Alarm::restore(torn).condition().active, "what is shown as active returns by a good sample only");
    let nobody = Persisted { aside: Some(Box::default()), ..kept(State::Acknowledged) };
    assert_eq!(Alarm::restore(nobody).state(), State::Acknowledged, "what nobody set aside nobody could put back");
    assert_eq!(
        kept(State::Shelved).process,
        ProcessState::Unacknowledged,
        "an overlay that is not there hides nothing"
    );
}
