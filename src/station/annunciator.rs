//! Makes alarms heard and told where somebody attends the station: on a thread of its own, which owns every program that it starts. It looks
//! at pictures, as screens do, so that a flood of alarms is no flood of work, and no queue can run over.

mod desk;

pub use desk::{AnnunciatorView, Attendance};

pub(super) use desk::Desk;

use super::handle::Handle;
use super::outlets::HealthBoard;
use crate::alarm::annunciation::{Annunciation, Bell, to_be_heard};
use crate::alarm::notification::{Notifications, is_worth_telling};
use crate::alarm::{AlarmView, Priority};
use crate::engine::{AlarmBoard, Snapshot};
use crate::sound::{Notifier, Player, Said};
use crate::tag::Monotonic;
use std::ffi::OsStr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
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

#[cfg(test)]
mod tests;
