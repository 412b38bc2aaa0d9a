//! What stands above the picture: where it stands in time, and what is drawn besides.

use super::TrendView;
use super::compare::Compare;
use super::input::Wish;
use super::scene_of::clock;
use super::wishes::goto_id;
use crate::gui::scene::Scene;
use crate::gui::theme::plain;
use crate::gui::widgets::{button, heading, search};
use egui::{Align, Key, Label, Layout, RichText, Ui};

const SPANS: [(&str, f64); 7] = [
    ("1 min", 60.0),
    ("5 min", 300.0),
    ("15 min", 900.0),
    ("2 h", 7200.0),
    ("1 d", 86_400.0),
    ("1 w", 604_800.0),
    ("1 y", 31_557_600.0),
];

impl TrendView {
    pub(super) fn head(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        ui.horizontal(|ui| {
            heading(ui, "Trends", &scene.palette);
            self.group_button(ui, scene);
            self.spans(ui, scene);
            let [has_back, has_forward] = self.trail.has();
            for (words, name, enabled, wish) in
                [("◀", "Back", has_back, Wish::Back), ("▶", "Forward", has_forward, Wish::Forward)]
            {
                let look = ui.add_enabled(enabled, egui::Button::new(words)).accessible_name(name);
                if look.on_hover_text(format!("{name}: Alt and the arrow key")).clicked() {
                    self.carry_out(ui, scene, wish);
                }
            }
            let live = self.window.is_live();
            let words = if live { "Live" } else { "Go live" };
            if button(ui, words, live, &scene.palette).on_hover_text("Space pauses, Home goes live").clicked() {
                self.carry_out(ui, scene, Wish::Pause);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| self.export_button(ui, scene));
        });
        ui.horizontal(|ui| self.second_row(ui, scene));
    }

    fn spans(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        for (words, span) in SPANS {
            if button(ui, words, (self.window.span - span).abs() < 1e-6, &scene.palette).clicked() {
                let before = self.window;
                let [_, end] = self.window.bounds(scene.now.utc);
                self.window.span = span;
                self.window.end = self.window.end.map(|_| end);
                self.trail.moved(before, scene.now.monotonic);
            }
        }
    }

    fn second_row(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        let field = search(ui, &mut self.goto_text, goto_id(), "Go to: yesterday 14:00, -2h", 210.0);
        if field.lost_focus() && ui.input(|input| input.key_pressed(Key::Enter)) && !self.goto_text.trim().is_empty() {
            self.go_to(scene);
        }
        let [from, to] = self.window.bounds(scene.now.utc);
        let words = format!("{} to {}", clock().show(from, "%d %b %Y %H:%M:%S"), until(from, to));
        // A fixed width: what follows does not move when digits change.
        let label = Label::new(RichText::new(words).font(plain(13.0)).color(palette.text)).truncate();
        ui.allocate_ui_with_layout(egui::vec2(292.0, 24.0), Layout::left_to_right(Align::Center), |ui| {
            ui.set_min_width(292.0);
            ui.add(label);
        });
        for (words, compare) in [("Yesterday", Compare::Yesterday), ("Last week", Compare::LastWeek)] {
            let is_on = self.compare == compare;
            if button(ui, words, is_on, &palette).on_hover_text("The same hours then, thin and dashed: C").clicked() {
                self.compare = if is_on { Compare::Nothing } else { compare };
            }
        }
        for (words, is_on, wish, hint) in [
            ("X Y", self.xy.is_some(), Wish::Xy, "The selected pen over another one: X"),
            ("All events", self.is_all_marked, Wish::AllMarks, "Marks of the whole plant, not of these pens alone: V"),
            ("Note", false, Wish::Note, "Pin a note to the cursor: N"),
        ] {
            if button(ui, words, is_on, &palette).on_hover_text(hint).clicked() {
                self.carry_out(ui, scene, wish);
            }
        }
    }
}

/// The right edge, with its date where that is another one.
fn until(from: f64, to: f64) -> String {
    let clock = clock();
    let is_same_day = clock.show(from, "%F") == clock.show(to, "%F");
    clock.show(to, if is_same_day { "%H:%M:%S" } else { "%d %b %Y %H:%M:%S" })
}
