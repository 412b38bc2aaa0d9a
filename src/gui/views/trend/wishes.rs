//! Does what keys and the pointer ask for.

use super::input::Wish;
use super::marks::{self, What};
use super::moment::{self, Goal};
use super::pens::Kind;
use super::{TrendView, events};
use crate::gui::scene::{Action, Scene};
use crate::gui::widgets::{Dialog, Question, Said};
use crate::tag::Timestamp;
use egui::{Id, Ui};

/// The field that goes to a moment.
pub(super) fn goto_id() -> Id {
    Id::unique("trend go to")
}

/// The field that adds a tag.
pub(super) fn add_id() -> Id {
    Id::unique("add a pen")
}

impl TrendView {
    pub(super) fn carry_out(&mut self, ui: &Ui, scene: &mut Scene<'_>, wish: Wish) {
        self.said = None;
        let (before, now) = (self.window, scene.now.utc);
        self.move_window(scene, wish);
        if self.window != before {
            self.trail.moved(before, scene.now.monotonic);
        }
        let bounds = self.window.bounds(now);
        match wish {
            Wish::Back => self.window = self.trail.back(self.window).unwrap_or(self.window),
            Wish::Forward => self.window = self.trail.forward(self.window).unwrap_or(self.window),
            Wish::PutCursor(which, moment) => self.cursors.put(which, moment),
            Wish::Cursor(which) => {
                let pointer = ui.input(|input| input.pointer.hover_pos());
                let over = pointer.filter(|at| self.plot_rect.contains(*at));
                let moment = over.map(|at| self.layout.time((at - self.plot_rect.min).x));
                let moment = moment.filter(|moment| (bounds[0]..=bounds[1]).contains(moment));
                self.cursors.put(which, moment.unwrap_or((bounds[0] + bounds[1]) / 2.0));
            }
            Wish::StepCursor(pixels) => self.cursors.step(pixels * self.layout.reach(1.0), bounds),
            Wish::Clear => self.clear(),
            Wish::NextMark(is_forward) => self.next_mark(scene, is_forward),
            Wish::OpenMark(at) => self.open_mark(scene, at),
            Wish::GoTo => ui.memory_mut(|memory| memory.request_focus(goto_id())),
            Wish::Add => {
                self.add_text.clear();
                ui.memory_mut(|memory| memory.request_focus(add_id()));
            }
            Wish::Note => self.begin_note(scene),
            Wish::Compare => self.compare = self.compare.next(),
            Wish::Xy => self.next_xy(),
            Wish::AllMarks => self.is_all_marked = !self.is_all_marked,
            Wish::Groups => self.open_groups(),
            Wish::Export => self.open_export(),
            _ => self.change_pens(scene, wish),
        }
    }

    fn move_window(&mut self, scene: &Scene<'_>, wish: Wish) {
        let now = scene.now.utc;
        let bounds = self.window.bounds(now);
        match wish {
            Wish::Pan(share) => self.window.pan(share, now),
            Wish::Zoom(factor, around) => {
                self.window.zoom(factor, around.unwrap_or((bounds[0] + bounds[1]) / 2.0), now);
            }
            Wish::Box(range, heights) => {
                self.window.show(range, now);
                if let Some([bottom, top]) = heights {
                    for axis in &self.axes {
                        let setting = self.axis_settings.entry(axis.id.clone()).or_default();
                        setting.range = Some(axis.scale.between(bottom, top));
                    }
                }
            }
            Wish::ShowBetween => match self.cursors.between() {
                Some(range) => self.window.show(range, now),
                None => self.said = Some("Put both cursors first: A and B".to_owned()),
            },
            Wish::Live => self.window.end = None,
            Wish::Pause => self.window.toggle_live(now),
            _ => {}
        }
    }

    /// Esc puts away one thing after the other.
    fn clear(&mut self) {
        self.forget_export_words();
        if self.xy.take().is_none() {
            self.cursors.clear();
        }
    }

    fn change_pens(&mut self, scene: &Scene<'_>, wish: Wish) {
        match wish {
            Wish::Select(by) => self.pens.step(by),
            Wish::Reorder(by) => self.pens.reorder(by),
            Wish::Remove => self.pens.remove(self.pens.selected),
            Wish::Automatic => self.axis_settings.values_mut().for_each(|setting| setting.range = None),
            Wish::Hide => {
                if let Some(pen) = self.pens.selected_mut() {
                    pen.is_hidden = !pen.is_hidden;
                }
            }
            Wish::OwnAxis => {
                if let Some(pen) = self.pens.selected_mut() {
                    pen.has_own_axis = !pen.has_own_axis;
                }
            }
            Wish::Linear => {
                if let Some(pen) = self.pens.selected_mut() {
                    pen.is_linear = !pen.is_linear;
                }
            }
            Wish::Log => {
                if let Some(id) = self.selected_axis(scene) {
                    let setting = self.axis_settings.entry(id).or_default();
                    setting.is_log = !setting.is_log;
                }
            }
            Wish::ZoomValues(factor, around) => self.set_range(scene, |scale| scale.zoomed(factor, around)),
            Wish::PanValues(share) => self.set_range(scene, |scale| scale.moved(share)),
            _ => {}
        }
    }

    /// The axis of the selected pen.
    pub(super) fn selected_axis(&self, scene: &Scene<'_>) -> Option<super::axes::AxisId> {
        let pen = self.pens.selected()?;
        Some(pen.axis(pen.tag(scene).map(|(_, definition)| definition)))
    }

    fn set_range(&mut self, scene: &Scene<'_>, range: impl FnOnce(&super::axes::Scale) -> [f64; 2]) {
        let Some(id) = self.selected_axis(scene) else { return };
        let Some(axis) = self.axes.iter().find(|axis| axis.id == id) else { return };
        let range = range(&axis.scale);
        if range.iter().all(|value| value.is_finite()) && range[1] - range[0] > 1e-12 {
            self.axis_settings.entry(id).or_default().range = Some(range);
        }
    }

    /// Draws the selected pen over the next one, then over the one after that, then over time again.
    fn next_xy(&mut self) {
        let fits = |place: &usize| {
            *place != self.pens.selected && self.pens.list.get(*place).is_some_and(|pen| pen.kind == Kind::Line)
        };
        let from = self.xy.map_or(0, |place| place + 1);
        let is_line = self.pens.selected().is_some_and(|pen| pen.kind == Kind::Line);
        self.xy = (from..self.pens.list.len()).find(fits).filter(|_| is_line);
        if self.xy.is_none() && from == 0 {
            self.said = Some("A pen over another needs two lines: select one, and add another".to_owned());
        }
    }

    fn next_mark(&mut self, scene: &Scene<'_>, is_forward: bool) {
        let bounds = self.window.bounds(scene.now.utc);
        let from = self.cursors.read().filter(|moment| (bounds[0]..=bounds[1]).contains(moment));
        let from = from.unwrap_or(if is_forward { bounds[0] } else { bounds[1] });
        match marks::next(self.events.marks(), from, is_forward).map(|mark| mark.time) {
            Some(time) => {
                self.cursors.put(self.cursors.active, time);
                if !(bounds[0]..=bounds[1]).contains(&time) {
                    let before = self.window;
                    self.window.centre(time, scene.now.utc);
                    self.trail.moved(before, scene.now.monotonic);
                }
            }
            None => self.said = Some(format!("No {} mark is near", if is_forward { "later" } else { "earlier" })),
        }
    }

    fn open_mark(&mut self, scene: &mut Scene<'_>, at: Option<f64>) {
        let reach = self.layout.reach(if at.is_some() { 9.0 } else { 2.0 });
        let Some(moment) = at.or(self.cursors.read()) else { return };
        let near = self.events.near(moment, reach);
        let Some(mark) = marks::foremost(near) else { return };
        match &mark.what {
            What::Command { tag } => {
                if let Some(id) = scene.snapshot.plan.directory.find(tag.as_str()) {
                    scene.act(Action::Select(id));
                }
            }
            What::Note => self.said = Some(mark.words.clone()),
            What::Raised { .. } | What::Changed { .. } => {
                if let Some((alarm, occurrence)) = events::alarm_of(mark) {
                    scene.act(Action::OpenAlarm { alarm: alarm.to_owned(), occurrence });
                }
            }
        }
    }

    /// Goes to what was typed, or says why not.
    pub(super) fn go_to(&mut self, scene: &Scene<'_>) {
        let now = scene.now.utc;
        match moment::goal(&self.goto_text, now, &chrono::Local) {
            Ok(goal) => {
                let before = self.window;
                match goal {
                    Goal::Moment(moment) if moment >= now.as_seconds() => self.window.end = None,
                    Goal::Moment(moment) => self.window.centre(moment, now),
                    Goal::Range(range) => self.window.show(range, now),
                }
                self.trail.moved(before, scene.now.monotonic);
                (self.said, _) = (None, self.goto_text.clear());
            }
            Err(why) => self.said = Some(why),
        }
    }

    fn begin_note(&mut self, scene: &Scene<'_>) {
        let [from, to] = self.window.bounds(scene.now.utc);
        let at = self.cursors.read().unwrap_or(if self.window.is_live() { to } else { (from + to) / 2.0 });
        self.note = Some((Dialog::default(), at.min(scene.now.utc.as_seconds())));
    }

    /// What is asked in front of everything.
    pub(super) fn dialogs(&mut self, ui: &Ui, scene: &mut Scene<'_>) {
        let Some((dialog, at)) = &mut self.note else { return };
        let when = super::scene_of::clock().show(*at, "%d %b %Y %H:%M:%S");
        let question = Question {
            name: "Note",
            title: "Pin a note".to_owned(),
            about: format!("It is pinned to {when}, and recorded with your name. Notes cannot be taken back."),
            field: "Note",
            send: "Pin it",
            lacks: &|text| match text.chars().count() {
                0 => Some("Say what is worth knowing about this moment."),
                count if count > 500 => Some("A note has at most 500 signs."),
                _ => None,
            },
        };
        match dialog.ui(ui, &question, &scene.palette) {
            Some(Said::Sent(words)) => {
                self.pending_note = Some(scene.handle.note(Timestamp::from_seconds(*at), &words));
                self.note = None;
            }
            Some(Said::Nothing) => self.note = None,
            None => {}
        }
    }
}
