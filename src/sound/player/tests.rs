use super::*;
use std::os::unix::fs::PermissionsExt;

/// A folder with programs that are scripts, each of which writes down what it was asked.
struct Programs {
    keep: tempfile::TempDir,
}

impl Programs {
    fn new(programs: &[(&str, &str)]) -> Self {
        let keep = tempfile::tempdir().unwrap();
        for (name, rest) in programs {
            let file = keep.path().join(name);
            let log = keep.path().join("log");
            let script = format!("#!/bin/sh\necho \"{name} $*\" >> '{}'\n{rest}\n", log.display());
            std::fs::write(&file, script).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        Self { keep }
    }

    fn player(&self) -> Player {
        Player::new(self.keep.path().as_os_str(), &self.keep.path().join("sounds"))
    }

    /// What the programs were asked, with the names of files alone.
    fn log(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.keep.path().join("log")).unwrap_or_default();
        text.replace(&format!("{}/", self.keep.path().join("sounds").display()), "")
            .lines()
            .map(str::to_owned)
            .collect()
    }
}

/// Asks until it is over, and fails where that takes too long.
fn end(player: &mut Player, now: Monotonic) -> Said {
    for _ in 0..10_000 {
        if let Some(said) = player.poll(now) {
            return said;
        }
        std::thread::park_timeout(Duration::from_millis(2));
    }
    panic!("it never ended");
}

const START: Monotonic = Monotonic::from_micros(0);

#[test]
fn the_first_program_that_is_there_plays_the_sound_of_the_priority() {
    let programs = Programs::new(&[("paplay", ""), ("aplay", "")]);
    let mut player = programs.player();
    for (sound, volume) in [(Some(Priority::Critical), 70), (None, 70), (Some(Priority::Low), 10)] {
        player.start(sound, volume, START).unwrap();
        assert!(player.is_playing());
        assert_eq!(end(&mut player, START), Said::Played("paplay".into()));
        assert!(!player.is_playing() && player.poll(START).is_none(), "it is told once");
    }
    assert_eq!(programs.log(), ["paplay critical.wav", "paplay silence.wav", "paplay low.wav"]);
    let sounds = programs.keep.path().join("sounds");
    assert_eq!(std::fs::read(sounds.join("high.wav")).unwrap(), wave(Some(Priority::High), 10), "at the new volume");
    drop(player);
    assert!(!sounds.exists(), "its files go with it");
}

#[test]
fn a_program_that_fails_makes_way_for_the_next_which_is_first_from_then_on() {
    let programs = Programs::new(&[("pw-play", "echo 'no server' >&2; exit 1"), ("aplay", "")]);
    let mut player = programs.player();
    for _ in 0..2 {
        player.start(Some(Priority::High), 70, START).unwrap();
        assert_eq!(end(&mut player, START), Said::Played("aplay".into()));
    }
    assert_eq!(programs.log(), ["pw-play high.wav", "aplay -q high.wav", "aplay -q high.wav"]);
}

#[test]
fn what_cannot_be_played_is_said_with_the_words_of_every_program() {
    let programs = Programs::new(&[("pw-play", "echo 'no server' >&2; exit 1"), ("aplay", "exit 3")]);
    let mut player = programs.player();
    player.start(None, 70, START).unwrap();
    let Said::Failed(words) = end(&mut player, START) else { panic!("it was played") };
    assert!(words.contains("pw-play: no server; aplay: exit status: 3"), "{words}");
    let programs = Programs::new(&[]);
    // Something of that name that is no program is not taken for one.
    std::fs::write(programs.keep.path().join("pw-play"), "").unwrap();
    let mut without = programs.player();
    let words = without.start(None, 70, START).unwrap_err();
    assert!(words.contains("install one of pw-play, paplay, aplay"), "{words}");
}

#[test]
fn a_program_that_hangs_is_killed_at_its_deadline_and_when_it_is_cut_off() {
    let programs = Programs::new(&[("pw-play", "echo $$ >> \"$0.running\"; exec sleep 600")]);
    let running = programs.keep.path().join("pw-play.running");
    let pids = |count: usize| -> Vec<String> {
        for _ in 0..10_000 {
            let text = std::fs::read_to_string(&running).unwrap_or_default();
            if text.lines().count() == count && text.ends_with('\n') {
                return text.lines().map(str::to_owned).collect();
            }
            std::thread::park_timeout(Duration::from_millis(2));
        }
        panic!("it was not started");
    };
    let is_gone = |pid: &str| !Path::new("/proc").join(pid).exists();
    let mut player = programs.player();
    player.start(Some(Priority::High), 70, START).unwrap();
    let first = pids(1).remove(0);
    let almost = Monotonic::from_micros(DEADLINE.as_micros() as u64 - 1);
    assert_eq!(player.poll(almost), None);
    let Said::Failed(words) = end(&mut player, START.plus(DEADLINE)) else { panic!("it was played") };
    assert!(words.contains("pw-play: it did not end in time and was stopped"), "{words}");
    player.start(Some(Priority::High), 70, START).unwrap();
    let second = pids(2).remove(1);
    player.stop();
    if cfg!(target_os = "linux") {
        assert!(is_gone(&first) && is_gone(&second), "a program goes on");
    }
}
