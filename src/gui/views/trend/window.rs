//! Where the picture stands in time, and the way back to where it stood before.

use crate::tag::{Monotonic, Timestamp};
use std::collections::VecDeque;
use std::time::Duration;

/// Seconds that a picture shows at least.
const SHORTEST: f64 = 0.5;
/// Seconds that a picture shows at most.
const LONGEST: f64 = 20.0 * 366.0 * 86_400.0;
/// Windows that are kept to go back to.
const STEPS: usize = 64;
/// Movements closer together than this are one step: going back undoes a whole turn of the wheel.
const ONE_GESTURE: Duration = Duration::from_millis(700);

/// A piece of time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// Seconds from left to right.
    pub(super) span: f64,
    /// Right edge in seconds since 1970; none while it follows the present.
    pub(super) end: Option<f64>,
}

impl Window {
    pub(super) fn is_live(&self) -> bool {
        self.end.is_none()
    }

    /// Left and right edge, in seconds since 1970.
    pub(super) fn bounds(&self, now: Timestamp) -> [f64; 2] {
        let end = self.end.unwrap_or_else(|| now.as_seconds());
        [end - self.span, end]
    }

    /// Moves by a share of the span. The present cannot be passed: there it is live again.
    pub(super) fn pan(&mut self, share: f64, now: Timestamp) {
        let end = self.bounds(now)[1] + share * self.span;
        self.end = (end < now.as_seconds()).then_some(end);
    }

    /// Zooms around a moment that stays where it is; while the picture is live, its right edge stays.
    pub(super) fn zoom(&mut self, factor: f64, around: f64, now: Timestamp) {
        let [_, end] = self.bounds(now);
        let span = (self.span * factor).clamp(SHORTEST, LONGEST);
        if self.end.is_some() {
            let share = (end - around) / self.span;
            let moved = around + share * span;
            self.end = (moved < now.as_seconds()).then_some(moved);
        }
        self.span = span;
    }

    /// Shows exactly this piece, in whatever order its ends come.
    pub(super) fn show(&mut self, range: [f64; 2], now: Timestamp) {
        let [from, to] = [range[0].min(range[1]), range[0].max(range[1])];
        self.span = (to - from).clamp(SHORTEST, LONGEST);
        self.end = (to < now.as_seconds()).then_some(to);
    }

    /// Puts a moment into the middle; where that would show the future, the present is the right edge, and it stands still there.
    pub(super) fn centre(&mut self, moment: f64, now: Timestamp) {
        self.end = Some((moment + self.span / 2.0).min(now.as_seconds()));
    }

    /// Stops at the present, or follows it again.
    pub(super) fn toggle_live(&mut self, now: Timestamp) {
        self.end = match self.end {
            None => Some(now.as_seconds()),
            Some(_) => None,
        };
    }
}

/// The windows before and after this one.
#[derive(Debug, Default)]
pub(super) struct Trail {
    back: VecDeque<Window>,
    forward: Vec<Window>,
    moved_at: Option<Monotonic>,
}

impl Trail {
    /// The window was moved away from `before`.
    pub(super) fn moved(&mut self, before: Window, at: Monotonic) {
        let same_gesture = self.moved_at.is_some_and(|last| at.since(last) < ONE_GESTURE);
        self.moved_at = Some(at);
        self.forward.clear();
        if same_gesture {
            return;
        }
        if self.back.len() == STEPS {
            self.back.pop_front();
        }
        self.back.push_back(before);
    }

    /// Whether there is an earlier and a later one.
    pub(super) fn has(&self) -> [bool; 2] {
        [!self.back.is_empty(), !self.forward.is_empty()]
    }

    /// The window before `current`.
    pub(super) fn back(&mut self, current: Window) -> Option<Window> {
        let window = self.back.pop_back()?;
        (self.moved_at, _) = (None, self.forward.push(current));
        Some(window)
    }

    /// The window that was left by going back.
    pub(super) fn forward(&mut self, current: Window) -> Option<Window> {
        let window = self.forward.pop()?;
        (self.moved_at, _) = (None, self.back.push_back(current));
        Some(window)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

    /// Moves a window of 100 s that follows the present as the script says; where it stands then.
    fn check(script: &[&str], expected: (f64, f64, bool)) {
        let mut window = Window { span: 100.0, end: None };
        let (mut trail, mut clock) = (Trail::default(), 0);
        for step in script {
            let before = window;
            let (verb, number) = step.split_once(' ').unwrap_or((step, "0"));
            let numbers: Vec<f64> = number.split(' ').map(|text| text.parse().unwrap()).collect();
            clock += 1_000_000;
            match verb {
                "pan" => window.pan(numbers[0], NOW),
                "zoom" => window.zoom(numbers[0], numbers[1], NOW),
                "show" => window.show([numbers[0], numbers[1]], NOW),
                "centre" => window.centre(numbers[0], NOW),
                "pause" => window.toggle_live(NOW),
                "quickly" => {
                    clock -= 900_000;
                    window.pan(numbers[0], NOW);
                }
                "back" => window = trail.back(window).unwrap_or(window),
                "forward" => window = trail.forward(window).unwrap_or(window),
                other => panic!("{other}"),
            }
            if !matches!(verb, "back" | "forward") {
                trail.moved(before, Monotonic::from_micros(clock));
            }
        }
        let [from, to] = window.bounds(NOW);
        assert_eq!((from, to, window.is_live()), expected, "{script:?}");
    }

    #[test]
    fn the_window_moves_and_comes_back_to_the_present() {
        check(&[], (900.0, 1000.0, true));
        check(&["pan -0.5"], (850.0, 950.0, false));
        check(&["pan -0.5", "zoom 0.5 900"], (875.0, 925.0, false));
        check(&["pan -0.5", "pan 2"], (900.0, 1000.0, true));
        check(&["zoom 2 980"], (800.0, 1000.0, true));
        check(&["zoom 1e30 0"], (1000.0 - LONGEST, 1000.0, true));
        check(&["pause"], (900.0, 1000.0, false));
        check(&["pause", "pause"], (900.0, 1000.0, true));
        check(&["show 300 200"], (200.0, 300.0, false));
        check(&["show 990 1200"], (790.0, 1000.0, true));
        check(&["centre 500"], (450.0, 550.0, false));
        check(&["centre 990"], (900.0, 1000.0, false));
    }

    #[test]
    fn back_and_forward_go_by_whole_gestures() {
        check(&["pan -1", "pan -1", "back"], (800.0, 900.0, false));
        check(&["pan -1", "pan -1", "back", "back"], (900.0, 1000.0, true));
        check(&["pan -1", "pan -1", "back", "back", "forward", "forward"], (700.0, 800.0, false));
        check(&["pan -1", "quickly -1", "quickly -1", "back"], (900.0, 1000.0, true));
        check(&["pan -1", "back", "pan -3", "forward"], (600.0, 700.0, false));
        check(&["back"], (900.0, 1000.0, true));
    }
}
