//! What a window is driven by in benchmarks.

use polder::tag::{Clock, Now};
use std::sync::Mutex;

/// A clock that stands until it is put forward.
pub(crate) struct StepClock(pub(crate) Mutex<Now>);

impl Clock for StepClock {
    fn now(&self) -> Now {
        *self.0.lock().unwrap()
    }
}

/// What a click comes to: the events of three frames.
pub(crate) fn click(pos: egui::Pos2) -> [Vec<egui::Event>; 3] {
    let button = |pressed| egui::Event::PointerButton {
        pos,
        button: egui::PointerButton::Primary,
        pressed,
        modifiers: egui::Modifiers::NONE,
    };
    [vec![egui::Event::PointerMoved(pos)], vec![button(true)], vec![button(false)]]
}
