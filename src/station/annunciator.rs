//! Makes alarms heard and told where somebody attends the station: on a thread of its own, which owns every program that it starts. It looks
//! at pictures, as screens do, so that a flood of alarms is no flood of work, and no queue can run over.

use super::handle::Handle;
use super::outlets::HealthBoard;
use crate::alarm::annunciation::{Annunciation, Bell, to_be_heard};
use crate::alarm::notification::{Notifications, is_worth_telling};
use crate::alarm::{AlarmView, Priority};
use crate::engine::{AlarmBoard, Snapshot};
use crate::sound::{Notifier, Player, Said};
use crate::tag::Monotonic;
use arc_swap::ArcSwap;
use std::ffi::OsStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{JoinHandle, Thread};
use std::time::Duration;

/// How often it looks while a program runs.
const SOON: Duration = Duration::from_millis(25);
/// How often it looks while nothing is due.
const LATEST: Duration = Duration::from_secs(1);
/// How often silence is played while nothing can be heard, so that a loudspeaker that is plugged in is found.
const PROBE: Duration = Duration::from_secs(60);
/// And while all is well, so that one that is gone is not found only by the alarm that nobody hears.
const CHECK: Duration = Duration::from_secs(600);
/// The folder of its files, in the folder of the station.
pub(super) const SOUNDS_FOLDER: &str = ".sounds";

/// How somebody attends a station.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attendance {
    /// Whether alarms sound, as the station file says.
    pub sound: bool,
    /// Whether critical and high alarms are told on the desktop even where the station file does not ask for it.
    pub notify: bool,
    /// Whether there is a window, so that the station file may ask for messages and one who looks at it needs none.
    pub window: bool,
}

/// What screens show of it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnnunciatorView {
    /// Whether alarms are to sound here.
    pub is_on: bool,
    /// What sounds.
    pub bell: Bell,
    /// The program that played the last sound, or why none could be played; none before that was tried.
    pub heard: Option<Result<Arc<str>, Arc<str>>>,
    /// Whether a sound is played as a test.
    pub is_testing: bool,
    /// Why the last message on the desktop was not shown; none where it was.
    pub untold: Option<Arc<str>>,
}

/// Where those who hold a handle and the annunciator meet. Wishes are marks, not a queue: to wish twice is to wish once.
#[derive(Default)]
pub(super) struct Desk {
    silence: AtomicBool,
    test: AtomicBool,
    stop: AtomicBool,
    is_watched: AtomicBool,
    view: ArcSwap<AnnunciatorView>,
    thread: OnceLock<Thread>,
}

impl Desk {
    fn wish(&self, mark: &AtomicBool) {
        mark.store(true, Ordering::Release);
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Handle {
    /// What sounds now, and whether it can be heard.
    pub fn annunciator(&self) -> Arc<AnnunciatorView> {
        self.annunciator.view.load_full()
    }

    /// What sounds is to be silent. Nothing is acknowledged.
    pub fn silence(&self) {
        self.annunciator.wish(&self.annunciator.silence);
    }

    /// Plays every sound once.
    pub fn test_sound(&self) {
        self.annunciator.wish(&self.annunciator.test);
    }

    /// Whether somebody looks at the window now.
    pub fn set_watched(&self, is_watched: bool) {
        self.annunciator.is_watched.store(is_watched, Ordering::Relaxed);
    }

    /// Puts another view in, as the annunciator does. For tests of the window.
    pub fn show_annunciator(&self, view: AnnunciatorView) {
        self.annunciator.view.store(Arc::new(view));
    }

    /// Whether silence, and whether a test, was asked for and not carried out yet. For tests of the window.
    pub fn sound_wishes(&self) -> (bool, bool) {
        let is_set = |mark: &AtomicBool| mark.load(Ordering::Acquire);
        (is_set(&self.annunciator.silence), is_set(&self.annunciator.test))
    }
}

/// The running annunciator. It ends when it is dropped.
pub(super) struct Attendant {
    desk: Arc<Desk>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Attendant {
    fn drop(&mut self) {
        self.desk.wish(&self.desk.stop);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        self.desk.stop.store(false, Ordering::Release);
    }
}

/// Starts it. The programs are those of the variable PATH.
pub(super) fn start(handle: &Handle, board: Arc<HealthBoard>, how: Attendance) -> std::io::Result<Attendant> {
    let desk = Arc::clone(&handle.annunciator);
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut annunciator = Annunciator::new(handle.clone(), board, how, &path);
    let body = move || {
        while !annunciator.handle.annunciator.stop.load(Ordering::Acquire) {
            let wait = annunciator.turn();
            std::thread::park_timeout(wait);
        }
    };
    let thread = std::thread::Builder::new().name("annunciator".to_owned()).spawn(body)?;
    // A second one in the same run is woken by time alone.
    let _ = desk.thread.set(thread.thread().clone());
    let waker = thread.thread().clone();
    handle.add_waker(move || waker.unpark());
    Ok(Attendant { desk, thread: Some(thread) })
}

/// What the thread works with.
struct Annunciator {
    handle: Handle,
    board: Arc<HealthBoard>,
    how: Attendance,
    annunciation: Annunciation,
    notifications: Notifications,
    player: Player,
    notifier: Notifier,
    /// The alarms and the plan that it looked at last.
    seen: Option<Arc<AlarmBoard>>,
    heard: Option<Result<Arc<str>, Arc<str>>>,
    untold: Option<Arc<str>>,
    /// What is still to be played of a test, the next one last.
    test: Vec<Priority>,
    /// When silence is played to see whether anything could be heard.
    probe_at: Monotonic,
}

impl Annunciator {
    fn new(handle: Handle, board: Arc<HealthBoard>, how: Attendance, path: &OsStr) -> Self {
        let folder = handle.folder().join(SOUNDS_FOLDER);
        Self {
            handle,
            board,
            how,
            annunciation: Annunciation::default(),
            notifications: Notifications::default(),
            player: Player::new(path, &folder),
            notifier: Notifier::new(path, &folder),
            seen: None,
            heard: None,
            untold: None,
            test: Vec::new(),
            probe_at: Monotonic::default(),
        }
    }

    /// Does what is due; how long there is nothing to do then, unless a picture or a wish comes.
    fn turn(&mut self) -> Duration {
        // The time and the wishes first: what is silenced is what was heard until now, and not what is in the new picture.
        let now = self.handle.now().monotonic;
        self.take_wishes(now);
        let snapshot = self.handle.snapshot();
        self.look(&snapshot);
        if self.how.notify || (self.how.window && snapshot.plan.notify) {
            self.tell(&snapshot, now);
        }
        self.hear(now);
        if self.how.sound {
            self.sound(&snapshot, now);
        }
        self.show(&snapshot);
        self.wait(now)
    }

    fn take_wishes(&mut self, now: Monotonic) {
        let desk = Arc::clone(&self.handle.annunciator);
        if desk.silence.swap(false, Ordering::AcqRel) {
            self.annunciation.silence(now);
            self.test.clear();
            self.cut_off(now);
        }
        if desk.test.swap(false, Ordering::AcqRel) {
            self.test = Priority::ALL.to_vec();
            self.cut_off(now);
        }
    }

    fn cut_off(&mut self, now: Monotonic) {
        if self.player.is_playing() {
            self.player.stop();
            self.annunciation.ended(now);
        }
    }

    /// Looks at the alarms, where they are others than before.
    fn look(&mut self, snapshot: &Snapshot) {
        if self.seen.as_ref().is_some_and(|seen| Arc::ptr_eq(seen, &snapshot.alarms)) {
            return;
        }
        let settings = snapshot.plan.sound;
        self.annunciation.observe(snapshot.alarms.views.iter().filter_map(|view| to_be_heard(view, &settings)));
        self.seen = Some(Arc::clone(&snapshot.alarms));
    }

    fn tell(&mut self, snapshot: &Snapshot, now: Monotonic) {
        let worth: Vec<&AlarmView> = snapshot.alarms.views.iter().filter(|view| is_worth_telling(view)).collect();
        let is_watched = self.how.window && self.handle.annunciator.is_watched.load(Ordering::Relaxed);
        let shown = match self.notifications.observe(&worth, is_watched, now) {
            Some(message) => self.notifier.show(&snapshot.plan.station, &message, now).err().map(Err),
            None => self.notifier.poll(now),
        };
        let Some(outcome) = shown else { return };
        let untold = outcome.err();
        if let Some(why) = untold.as_ref().filter(|why| self.untold.as_ref() != Some(*why)) {
            tracing::warn!("{why}");
        }
        self.untold = untold;
    }

    /// How the sound that was playing ended.
    fn hear(&mut self, now: Monotonic) {
        let Some(said) = self.player.poll(now) else { return };
        self.annunciation.ended(now);
        self.learn(said, now);
    }

    fn learn(&mut self, said: Said, now: Monotonic) {
        let (heard, pause) = match said {
            Said::Played(program) => (Ok(program), CHECK),
            Said::Failed(why) => (Err(why), PROBE),
        };
        (self.heard, self.probe_at) = (Some(heard), now.plus(pause));
    }

    /// Begins what is due: a test before all else, then an alarm, then a look whether anything can be heard.
    fn sound(&mut self, snapshot: &Snapshot, now: Monotonic) {
        let settings = snapshot.plan.sound;
        let is_wanted = settings.is_on() || !self.test.is_empty();
        if !is_wanted || self.player.is_playing() {
            return;
        }
        let sound = match self.test.pop().or_else(|| self.annunciation.next_sound(now)) {
            Some(priority) => Some(priority),
            None if self.probe_at <= now => None,
            None => return,
        };
        if let Err(why) = self.player.start(sound, settings.volume_percent, now) {
            self.annunciation.ended(now);
            self.test.clear();
            self.learn(Said::Failed(why), now);
        }
    }

    /// Says how it goes: to screens, and to the engine, which makes an alarm of it.
    fn show(&self, snapshot: &Snapshot) {
        let is_on = self.how.sound && snapshot.plan.sound.is_on();
        let view = AnnunciatorView {
            is_on,
            bell: if is_on { self.annunciation.bell() } else { Bell::Quiet },
            heard: self.heard.clone(),
            is_testing: !self.test.is_empty(),
            untold: self.untold.clone(),
        };
        let desk = &self.handle.annunciator;
        if **desk.view.load() == view {
            return;
        }
        desk.view.store(Arc::new(view));
        super::handle::wake(&self.handle.wakers);
        let sound = self.heard.clone().filter(|_| is_on).map(|heard| heard.map(drop));
        self.board.update_changed(&self.handle.urgent, |stores| {
            let is_other = stores.sound != sound;
            stores.sound = sound;
            is_other
        });
    }

    fn wait(&self, now: Monotonic) -> Duration {
        if self.player.is_playing() || self.notifier.is_showing() || !self.test.is_empty() {
            return SOON;
        }
        let due = [self.annunciation.due(), self.notifications.due()].into_iter().flatten().min();
        due.map_or(LATEST, |due| due.since(now).clamp(SOON, LATEST))
    }
}

#[cfg(all(test, unix))]
mod tests;
