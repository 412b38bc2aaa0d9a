//! Lines over time: several pens, the present and the past without a seam.

use super::plot::{self, Look};
use crate::gui::format;
use crate::gui::scene::{Action, Scene};
use crate::gui::theme::{Palette, plain, size, strong};
use crate::gui::widgets::{button, heading, quiet, search};
use crate::historian::{Column, ExportOptions, QueryError, export_csv};
use crate::station::Ticket;
use crate::tag::{Monotonic, TagId, TagKey, Timestamp, Value};
use egui::{Key, Layout, Modifiers, RichText, ScrollArea, Sense, Ui, vec2};
use std::path::PathBuf;
use std::time::Duration;

const SPANS: [(&str, f64); 6] =
    [("1 min", 60.0), ("5 min", 300.0), ("15 min", 900.0), ("2 h", 7200.0), ("1 d", 86_400.0), ("1 w", 604_800.0)];
const SHORTEST: f64 = 2.0;
const LONGEST: f64 = 10.0 * 366.0 * 86_400.0;
/// Pens in one picture; there are as many colours.
const PENS: usize = 8;

type Answer = Result<Vec<Column>, QueryError>;

/// One line.
pub(super) struct Pen {
    pub(super) key: TagKey,
    pub(super) columns: Vec<Column>,
    pub(super) hidden: bool,
    failed: Option<String>,
    ticket: Option<Ticket<Answer>>,
    asked: Option<([f64; 2], Monotonic)>,
}

/// Where the picture stands in time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Window {
    /// Seconds from left to right.
    pub(super) span: f64,
    /// Right edge in seconds since 1970; none while it follows the present.
    pub(super) end: Option<f64>,
}

impl Window {
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
}

/// The trend view.
pub(in crate::gui) struct TrendView {
    pens: Vec<Pen>,
    selected: usize,
    window: Window,
    cursor: Option<f64>,
    started: bool,
    text: String,
    export: Option<Ticket<Result<(PathBuf, u64), String>>>,
    exported: Option<String>,
    width: usize,
}

impl Default for TrendView {
    fn default() -> Self {
        Self {
            pens: Vec::new(),
            selected: 0,
            window: Window { span: 300.0, end: None },
            cursor: None,
            started: false,
            text: String::new(),
            export: None,
            exported: None,
            width: 800,
        }
    }
}

impl TrendView {
    /// Draws one more tag.
    pub(in crate::gui) fn add(&mut self, key: TagKey) {
        self.started = true;
        if let Some(place) = self.pens.iter().position(|pen| pen.key == key) {
            self.selected = place;
            return;
        }
        if self.pens.len() == PENS {
            self.pens.remove(0);
        }
        self.pens.push(Pen { key, columns: Vec::new(), hidden: false, failed: None, ticket: None, asked: None });
        self.selected = self.pens.len() - 1;
    }

    pub(in crate::gui) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        self.start(scene);
        self.keys(ui, scene);
        self.head(ui, scene);
        ui.add_space(4.0);
        let whole = ui.available_rect_before_wrap();
        let (left, right) = whole.split_left_right_at_x(whole.right() - size::DETAILS - 8.0);
        self.width = (left.width() as usize).clamp(100, 4000);
        self.refresh(scene);
        ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| {
            let height = ui.available_height() - 24.0;
            let bounds = self.window.bounds(scene.now.utc);
            let look = Look { pens: &self.pens, selected: self.selected, bounds, cursor: self.cursor, height };
            let touched = plot::show(ui, scene, &look);
            self.apply(touched, scene);
            quiet(ui, "Wheel zooms, drag pans, a click sets the cursor. Left and Right step, + and - zoom, Home goes live, Esc clears the cursor.", &scene.palette);
        });
        let right = right.with_min_x(right.left() + 8.0);
        ui.scope_builder(egui::UiBuilder::new().max_rect(right), |ui| self.side(ui, scene));
    }

    /// The first picture shows what the overview's small trends show.
    fn start(&mut self, scene: &Scene<'_>) {
        if std::mem::replace(&mut self.started, true) {
            return;
        }
        let directory = &scene.snapshot.plan.directory;
        let from_picture: Vec<TagId> =
            scene.snapshot.plan.overview.as_ref().map(|picture| picture.trends.clone()).unwrap_or_default();
        let keys: Vec<_> =
            from_picture.iter().take(3).filter_map(|tag| Some(directory.tag(*tag)?.key.clone())).collect();
        keys.into_iter().for_each(|key| self.add(key));
        self.selected = 0;
    }

    fn keys(&mut self, ui: &Ui, scene: &Scene<'_>) {
        if ui.text_edit_focused() || ui.memory(|memory| memory.focused()).is_some() {
            return;
        }
        let now = scene.now.utc;
        let middle = self.window.bounds(now).iter().sum::<f64>() / 2.0;
        let pressed = |key: Key| ui.input_mut(|input| input.consume_key(Modifiers::NONE, key));
        if pressed(Key::ArrowLeft) {
            self.window.pan(-0.25, now);
        }
        if pressed(Key::ArrowRight) {
            self.window.pan(0.25, now);
        }
        if pressed(Key::Plus) || pressed(Key::Equals) {
            self.window.zoom(0.5, middle, now);
        }
        if pressed(Key::Minus) {
            self.window.zoom(2.0, middle, now);
        }
        if pressed(Key::Home) {
            self.window.end = None;
        }
        if pressed(Key::Escape) {
            self.cursor = None;
        }
    }

    fn apply(&mut self, touched: plot::Touched, scene: &Scene<'_>) {
        let now = scene.now.utc;
        if touched.pan != 0.0 {
            self.window.pan(touched.pan, now);
        }
        if let Some((factor, around)) = touched.zoom {
            self.window.zoom(factor, around, now);
        }
        self.cursor = touched.cursor.or(self.cursor);
    }

    fn head(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        ui.horizontal(|ui| {
            heading(ui, "Trends", &palette);
            for (words, span) in SPANS {
                if button(ui, words, self.window.span == span, &palette).clicked() {
                    self.window.span = span;
                }
            }
            if button(
                ui,
                if self.window.end.is_none() { "Live" } else { "Go live" },
                self.window.end.is_none(),
                &palette,
            )
            .clicked()
            {
                self.window.end = match self.window.end {
                    None => Some(scene.now.utc.as_seconds()),
                    Some(_) => None,
                };
            }
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                let idle = self.export.is_none() && !self.pens.is_empty();
                if ui.add_enabled(idle, egui::Button::new("Export CSV")).clicked() {
                    self.start_export(scene);
                }
                if let Some(words) = self.export_words() {
                    ui.add(egui::Label::new(RichText::new(words).font(plain(12.0)).color(palette.muted)).truncate());
                }
            });
        });
    }

    /// Writes what is shown, every sample of it, into the station's folder `exports`.
    fn start_export(&mut self, scene: &Scene<'_>) {
        let [from, to] = self.window.bounds(scene.now.utc).map(Timestamp::from_seconds);
        let patterns = self.pens.iter().filter(|pen| !pen.hidden).map(|pen| pen.key.to_string()).collect();
        let options = ExportOptions { patterns, from, to, every: None };
        let stamp = scene.now.utc.to_rfc3339().replace([':', '.'], "-");
        let path = scene.handle.folder().join("exports").join(format!("trend-{stamp}.csv"));
        self.exported = None;
        self.export = Some(scene.handle.ask(move |context, _| {
            let mut write = || -> Result<u64, String> {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
                }
                let file = std::fs::File::create(&path).map_err(|error| error.to_string())?;
                let reader = context.samples().map_err(|error| error.to_string())?;
                export_csv(reader, &options, std::io::BufWriter::new(file)).map_err(|error| error.to_string())
            };
            write().map(|lines| (path.clone(), lines))
        }));
    }

    fn export_words(&mut self) -> Option<String> {
        if let Some(answer) = self.export.as_mut().and_then(Ticket::poll) {
            self.export = None;
            self.exported = Some(match answer {
                Some(Ok((path, lines))) => format!("{lines} samples in {}", path.display()),
                Some(Err(why)) => format!("not exported: {why}"),
                None => "not exported: too many questions wait".to_owned(),
            });
        }
        if self.export.is_some() {
            return Some("exporting...".to_owned());
        }
        self.exported.clone()
    }

    /// Asks for what is shown, when it changed or, while live, every second.
    fn refresh(&mut self, scene: &Scene<'_>) {
        let bounds = self.window.bounds(scene.now.utc);
        let (live, width) = (self.window.end.is_none(), self.width);
        for pen in &mut self.pens {
            pen.receive();
            let fresh = pen.asked.is_some_and(|(asked, at)| {
                let age = scene.now.monotonic.since(at);
                let same_span = (asked[1] - asked[0] - (bounds[1] - bounds[0])).abs() < 1e-6;
                if live { same_span && age < Duration::from_secs(1) } else { asked == bounds }
            });
            if fresh || (pen.ticket.is_some() && live) {
                continue;
            }
            let (key, [from, to]) = (pen.key.clone(), bounds.map(Timestamp::from_seconds));
            pen.asked = Some((bounds, scene.now.monotonic));
            // The question before it, if it still runs, is cancelled with its ticket.
            pen.ticket = Some(
                scene
                    .handle
                    .ask(move |context, cancelled| context.samples()?.columns(&key, from, to, width, cancelled)),
            );
        }
    }

    fn side(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette = scene.palette;
        palette.card().show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.label(RichText::new("Pens").font(strong(15.0)).color(palette.text));
            ScrollArea::vertical().auto_shrink([false, false]).max_height(ui.available_height() - 40.0).show(
                ui,
                |ui| {
                    let mut gone = None;
                    for place in 0..self.pens.len() {
                        if self.pen_row(ui, scene, place) {
                            gone = Some(place);
                        }
                    }
                    if let Some(place) = gone {
                        self.pens.remove(place);
                        self.selected = self.selected.min(self.pens.len().saturating_sub(1));
                    }
                    ui.add_space(6.0);
                    self.adder(ui, scene);
                },
            );
        });
    }

    /// One pen with its value and figures; whether it is to go.
    fn pen_row(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, place: usize) -> bool {
        let palette = scene.palette;
        let Some(pen) = self.pens.get_mut(place) else { return false };
        let color = palette.pens[place % palette.pens.len()];
        let tag = scene.snapshot.plan.directory.find(pen.key.as_str());
        let definition = tag.and_then(|tag| scene.snapshot.plan.directory.tag(tag));
        let mut gone = false;
        ui.separator();
        ui.horizontal(|ui| {
            let (rect, response) = ui.allocate_exact_size(vec2(22.0, 22.0), Sense::click());
            let stroke = egui::Stroke::new(
                if place == self.selected { 4.0 } else { 2.5 },
                if pen.hidden { palette.line } else { color },
            );
            ui.painter().hline(rect.x_range(), rect.center().y, stroke);
            response.widget_info(|| {
                egui::WidgetInfo::selected(egui::Role::CheckBox, true, !pen.hidden, format!("Show {}", pen.key))
            });
            if response.has_focus() {
                ui.painter().rect_stroke(rect, 2, egui::Stroke::new(1.5, palette.focus), egui::StrokeKind::Inside);
            }
            if response.clicked() {
                pen.hidden = !pen.hidden;
            }
            let name = RichText::new(pen.key.as_str())
                .font(if place == self.selected { strong(13.0) } else { plain(13.0) })
                .color(palette.text);
            let width = ui.available_width() - 36.0;
            let look = egui::Button::new(name).frame(false).truncate();
            ui.scope(|ui| {
                ui.set_max_width(width);
                if ui.add(look).clicked() {
                    self.selected = place;
                }
            });
            ui.with_layout(Layout::right_to_left(egui::Align::Center), |ui| {
                gone = ui
                    .add(egui::Button::new("×").frame(false))
                    .accessible_name(format!("Remove {}", pen.key))
                    .clicked();
            });
        });
        let Some(definition) = definition else {
            quiet(ui, "this tag is not in the station file any more", &palette);
            return gone;
        };
        let value = match self.cursor {
            Some(moment) => plot::value_at(pen, moment).map(Value::Double),
            None => tag.and_then(|tag| scene.snapshot.value(tag)),
        };
        let value = value.map_or_else(|| "?".to_owned(), |value| format::with_unit(definition, &value));
        let live = tag.and_then(|tag| scene.snapshot.live(tag)).filter(|_| self.cursor.is_none());
        let (value, ink) = match live.filter(|live| live.quality.is_bad()) {
            Some(live) => (format!("{}, last {value}", live.quality.words()), palette.faint),
            None => (value, palette.value),
        };
        ui.horizontal(|ui| {
            ui.add_space(30.0);
            ui.add(egui::Label::new(RichText::new(value).font(strong(14.0)).color(ink)).truncate());
        });
        ui.horizontal(|ui| {
            ui.add_space(30.0);
            let figures = RichText::new(pen.figures(definition.decimals)).font(plain(12.0)).color(palette.muted);
            ui.add(egui::Label::new(figures).truncate());
        });
        gone
    }

    /// A field that adds a tag by its name.
    fn adder(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let palette: Palette = scene.palette;
        search(ui, &mut self.text, egui::Id::unique("add a pen"), "Add a tag", 240.0);
        let words = self.text.to_lowercase();
        if words.trim().is_empty() {
            return;
        }
        let tags = scene.snapshot.plan.directory.tags();
        let fits = |name: &str| words.split_whitespace().all(|word| name.contains(word));
        let found: Vec<TagKey> = tags
            .iter()
            .filter(|tag| fits(&tag.key.as_str().to_lowercase()))
            .take(8)
            .map(|tag| tag.key.clone())
            .collect();
        for key in found {
            if button(ui, key.as_str(), false, &palette).clicked() {
                self.text.clear();
                scene.act(Action::Trend(key));
            }
        }
    }
}

impl Pen {
    fn receive(&mut self) {
        let Some(answer) = self.ticket.as_mut().and_then(Ticket::poll) else { return };
        self.ticket = None;
        match answer {
            Some(Ok(columns)) => (self.columns, self.failed) = (columns, None),
            Some(Err(error)) => self.failed = Some(error.to_string()),
            None => self.failed = Some("too many questions wait".to_owned()),
        }
    }

    /// Lowest, mean and highest value of what is shown.
    fn figures(&self, decimals: u8) -> String {
        if let Some(why) = &self.failed {
            return why.clone();
        }
        let good = || self.columns.iter().filter(|column| column.last.is_finite());
        let count = good().count();
        if count == 0 {
            return "nothing known here".to_owned();
        }
        let min = good().map(|column| column.min).fold(f64::MAX, f64::min);
        let max = good().map(|column| column.max).fold(f64::MIN, f64::max);
        let mean = good().map(|column| column.last).sum::<f64>() / count as f64;
        let number = |value| format::number(value, decimals);
        format!("min {}  mean {}  max {}", number(min), number(mean), number(max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_moves_and_comes_back_to_the_present() {
        let now = Timestamp::from_micros(1_000_000_000);
        let mut window = Window { span: 100.0, end: None };
        assert_eq!(window.bounds(now), [900.0, 1000.0]);
        window.pan(-0.5, now);
        assert_eq!(window.bounds(now), [850.0, 950.0]);
        window.zoom(0.5, 900.0, now);
        assert_eq!(window.bounds(now), [875.0, 925.0]);
        window.pan(2.0, now);
        assert_eq!(window.end, None, "past the present it is live");
        window.zoom(2.0, 980.0, now);
        assert_eq!(window.bounds(now), [900.0, 1000.0], "while live the right edge stays");
        window.zoom(1e30, 0.0, now);
        assert_eq!(window.span, LONGEST);
    }
}
