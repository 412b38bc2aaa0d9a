//! The annunciator with programs that write down what they are asked, a clock that stands still, and a plant that is set by hand.

use super::*;
use crate::config;
use crate::driver::{Batch, DriverEvent, Reading};
use crate::engine::{Effects, Engine, Event, Restored};
use crate::queue::{self, Sender, WhenFull};
use crate::tag::{Clock, DeviceId, Generation, Now, Quality, TagId, Value};
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use tokio::sync::mpsc::Receiver;

struct StillClock(Mutex<Now>);

impl Clock for StillClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

struct Bench {
    engine: Engine,
    clock: Arc<StillClock>,
    annunciator: Annunciator,
    inbox: Receiver<Event>,
    keep: tempfile::TempDir,
    _urgent: Sender<Event>,
}

const ALL: Attendance = Attendance { sound: true, notify: false, window: true };

impl Bench {
    /// `station` is what stands under "station"; tag `a` has a high alarm and `b` a low one, both from 10 on.
    fn new(station: &str, programs: &[(&str, &str)], how: Attendance) -> Self {
        let keep = tempfile::tempdir().unwrap();
        let text = format!(
            r#"{{"station":{station},"connections":[{{"name":"c","modbus":{{"tcp":"127.0.0.1"}}}}],
                "devices":[{{"name":"d","connection":"c","identify":false}}],"tags":[
                {{"name":"a","device":"d","register":"input:0","alarms":[{{"high":10,"priority":"high","message":"Water <high>"}}]}},
                {{"name":"b","device":"d","register":"input:1","alarms":[{{"high":10,"priority":"low"}}]}}]}}"#
        );
        std::fs::write(keep.path().join("station.json"), text).unwrap();
        let plan = config::load(keep.path(), Generation(1)).into_plant().unwrap().plan;
        let mut engine = Engine::new(Arc::new(plan), Restored::default());
        let clock = Arc::new(StillClock(Mutex::default()));
        let snapshot = engine.snapshot(clock.now());
        let (mut handle, _) = Handle::detached(snapshot, Arc::clone(&clock) as Arc<dyn Clock>);
        let (urgent, inbox) = queue::bounded("events of a test", 64, WhenFull::Refuse);
        (handle.folder, handle.urgent) = (keep.path().to_owned(), urgent.clone());
        let annunciator = Annunciator::new(handle, Arc::default(), how, keep.path().as_os_str());
        let bench = Self { engine, clock, annunciator, inbox, keep, _urgent: urgent };
        programs.iter().for_each(|(name, rest)| bench.install(name, rest));
        bench
    }

    fn install(&self, name: &str, rest: &str) {
        let (file, log) = (self.keep.path().join(name), self.keep.path().join("log"));
        let script = format!("#!/bin/sh\necho \"{name} $*\" >> '{}'\n{rest}\n", log.display());
        std::fs::write(&file, script).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn set(&mut self, tag: u32, value: u64) {
        let reading = Reading { tag: TagId(tag), value: Some(Value::Unsigned(value)), quality: Quality::GOOD };
        let (now, generation) = (self.clock.now(), self.engine.generation());
        let batch =
            Batch { generation, device: DeviceId(0), time: now.utc, readings: vec![reading], confirmed: Arc::from([]) };
        self.engine.step(Event::Driver(DriverEvent::Batch(batch)), now, &mut Effects::default());
        self.annunciator.handle.publish(self.engine.snapshot(now));
    }

    /// Lets seconds pass, and waits until every program that was started is done.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds * 4 {
            {
                let mut now = self.clock.0.lock().unwrap();
                *now = now.plus(Duration::from_millis(250));
            }
            self.settle();
        }
        self.settle();
    }

    fn settle(&mut self) {
        for _ in 0..10_000 {
            self.annunciator.turn();
            if !self.annunciator.player.is_playing() && !self.annunciator.notifier.is_showing() {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
        panic!("a program never ends");
    }

    /// What the programs were asked since the last look, with the names of files alone.
    fn log(&self) -> String {
        let file = self.keep.path().join("log");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        let _ = std::fs::remove_file(file);
        let sounds = self.keep.path().join(SOUNDS_FOLDER);
        text.replace(&format!("{}/", sounds.display()), "").trim_end().replace('\n', ", ")
    }

    fn view(&self) -> Arc<AnnunciatorView> {
        self.annunciator.handle.annunciator()
    }

    /// What the engine is told last of whether alarms can be heard.
    fn told(&mut self) -> Option<Event> {
        let mut last = None;
        while let Ok(event) = self.inbox.try_recv() {
            last = Some(event);
        }
        last
    }
}

#[test]
fn an_alarm_sounds_until_somebody_wants_silence_and_a_new_one_sounds_again() {
    let mut bench = Bench::new(r#"{"name":"x"}"#, &[("pw-play", "")], ALL);
    bench.pass(2);
    assert_eq!(bench.log(), "pw-play silence.wav", "whether anything can be heard is tried at the start");
    assert_eq!((bench.view().bell, bench.view().heard.clone()), (Bell::Quiet, Some(Ok("pw-play".into()))));
    bench.set(0, 20);
    bench.pass(7);
    assert_eq!(bench.log(), "pw-play high.wav, pw-play high.wav");
    assert_eq!(bench.view().bell, Bell::Sounding(Priority::High));
    bench.annunciator.handle.silence();
    bench.pass(20);
    assert_eq!((bench.log().as_str(), bench.view().bell), ("", Bell::Silenced(1)));
    bench.set(1, 20);
    bench.pass(2);
    assert_eq!((bench.log().as_str(), bench.view().bell), ("pw-play low.wav", Bell::Sounding(Priority::Low)));
    bench.set(0, 0);
    bench.set(1, 0);
    bench.pass(120);
    assert_eq!((bench.log().as_str(), bench.view().bell), ("", Bell::Quiet), "what is normal again makes no sound");
}

#[test]
fn what_is_silenced_is_what_was_heard_and_not_what_has_just_come() {
    let mut bench = Bench::new(r#"{"name":"x"}"#, &[("pw-play", "")], ALL);
    bench.pass(1);
    bench.set(1, 20);
    bench.pass(1);
    bench.annunciator.handle.silence();
    bench.set(0, 20);
    bench.log();
    bench.pass(1);
    assert_eq!(bench.log(), "pw-play high.wav");
}

#[test]
fn who_cannot_be_heard_says_so_and_goes_on_trying() {
    let mut bench = Bench::new(r#"{"name":"x"}"#, &[], ALL);
    bench.settle();
    let Some(Event::Health(health)) = bench.told() else { panic!("the engine was told nothing") };
    let why = health.sound.clone().unwrap().unwrap_err();
    assert!(why.contains("install one of pw-play"), "{why}");
    assert_eq!(health.remarks(), [format!("NO SOUND: {why}")]);
    bench.engine.step(Event::Health(health), bench.clock.now(), &mut Effects::default());
    let board = bench.engine.snapshot(bench.clock.now()).alarms;
    let raised: Vec<_> = board.views.iter().map(|view| (view.key.as_str(), view.priority)).collect();
    assert_eq!(raised, [("station/sound:digital", Priority::Low)]);
    // It is installed, but there is no device; then there is one.
    bench.install("aplay", "echo 'no soundcards found' >&2; exit 1");
    bench.pass(61);
    let Some(Event::Health(health)) = bench.told() else { panic!("the engine was told nothing") };
    assert!(health.sound.unwrap().unwrap_err().contains("aplay: no soundcards found"));
    bench.install("aplay", "");
    bench.pass(61);
    let Some(Event::Health(health)) = bench.told() else { panic!("the engine was told nothing") };
    assert_eq!(health.sound, Some(Ok(())));
    assert_eq!(bench.log(), "aplay -q silence.wav, aplay -q silence.wav");
}

#[test]
fn a_loudspeaker_that_is_gone_is_found_before_an_alarm_needs_it() {
    let mut bench = Bench::new(r#"{"name":"x"}"#, &[("aplay", "")], ALL);
    bench.pass(1);
    assert_eq!(bench.view().heard, Some(Ok("aplay".into())));
    bench.install("aplay", "echo 'device unplugged' >&2; exit 1");
    bench.pass(601);
    let Some(Event::Health(health)) = bench.told() else { panic!("the engine was told nothing") };
    assert!(health.sound.unwrap().unwrap_err().contains("aplay: device unplugged"));
    assert_eq!(bench.log(), "aplay -q silence.wav, aplay -q silence.wav");
}

#[test]
fn a_test_plays_all_four_and_nothing_else_meanwhile() {
    let mut bench = Bench::new(r#"{"name":"x","sound":{"low":false}}"#, &[("paplay", "")], ALL);
    bench.pass(1);
    bench.log();
    bench.annunciator.handle.test_sound();
    bench.set(1, 20);
    bench.pass(5);
    assert_eq!(bench.log(), "paplay low.wav, paplay medium.wav, paplay high.wav, paplay critical.wav");
    assert_eq!(bench.view().bell, Bell::Quiet, "what the station file turns off does not sound");
}

#[test]
fn a_station_whose_file_turns_sounds_off_is_silent_and_says_nothing_about_it() {
    let off = r#"{"name":"x","sound":{"critical":false,"high":false,"medium":false,"low":false}}"#;
    for (station, how) in [(off, ALL), (r#"{"name":"x"}"#, Attendance { notify: true, ..Attendance::default() })] {
        let mut bench = Bench::new(station, &[("pw-play", "")], how);
        bench.set(1, 20);
        bench.pass(3);
        assert_eq!((bench.log().as_str(), bench.view().is_on, bench.told().is_none()), ("", false, true));
    }
}

#[test]
fn a_message_tells_who_looks_elsewhere_of_a_high_alarm() {
    let without = Attendance { notify: true, ..Attendance::default() };
    let window = Attendance { window: true, ..Attendance::default() };
    let (plain, asking) = (r#"{"name":"x"}"#, r#"{"name":"x","notify":true}"#);
    let told = "notify-send --app-name=Polder --urgency normal -- x: An alarm of high priority Water &lt;high&gt;";
    for (station, how, is_watched, expected) in [
        (plain, without, false, told),
        // Without a window nobody looks at it, whatever was said last.
        (plain, without, true, told),
        (plain, window, false, ""),
        (asking, window, false, told),
        (asking, window, true, ""),
    ] {
        let mut bench = Bench::new(station, &[("notify-send", "")], how);
        bench.annunciator.handle.set_watched(is_watched);
        bench.settle();
        bench.set(0, 20);
        bench.set(1, 20);
        bench.pass(20);
        assert_eq!(bench.log(), expected, "{station} {how:?} {is_watched}");
        assert_eq!(bench.view().untold, None);
    }
    let mut bench = Bench::new(asking, &[("notify-send", "echo 'no session bus' >&2; exit 1")], window);
    bench.settle();
    bench.set(0, 20);
    bench.pass(1);
    let view = bench.view();
    assert!(view.untold.as_ref().unwrap().contains("notify-send: no session bus"), "{view:?}");
}
