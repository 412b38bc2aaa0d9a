//! Where those who hold a handle and the annunciator meet.

use crate::alarm::annunciation::Bell;
use crate::station::Handle;
use arc_swap::ArcSwap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

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
pub(in crate::station) struct Desk {
    pub(super) silence: AtomicBool,
    pub(super) test: AtomicBool,
    pub(super) stop: AtomicBool,
    pub(super) is_watched: AtomicBool,
    pub(super) view: ArcSwap<AnnunciatorView>,
    pub(super) thread: OnceLock<Thread>,
}

impl Desk {
    /// Makes a mark and wakes who looks at it.
    pub(super) fn wish(&self, mark: &AtomicBool) {
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
