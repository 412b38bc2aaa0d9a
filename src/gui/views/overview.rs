//! The plant as a picture, with what needs the operator beside it.

use crate::alarm::{AlarmView, Priority, Subject};
use crate::gui::format;
use crate::gui::scene::{Action, Scene, View};
use crate::gui::theme::{self, Palette, plain, size, strong};
use crate::gui::widgets::{self, GaugeLook, Spark, button, gauge, hatch, heading, mark, quiet, sparkline};
use crate::screen::{Element, Picture};
use crate::tag::TagId;
use egui::{Align2, Painter, Rect, ScrollArea, Sense, Stroke, StrokeKind, Ui, pos2, vec2};
use std::sync::Arc;

/// How much is left of what lies in another area than the one that somebody came to look at.
const PALE: f32 = 0.35;
/// How far back the small trends look, in seconds.
const TREND_SECONDS: u64 = 600;

/// The overview.
#[derive(Default)]
pub(in crate::gui) struct OverviewView {
    made_up: Option<(crate::tag::Generation, Picture)>,
    /// The part of the plant that somebody came to look at; the rest of it is pale.
    area: Option<Arc<str>>,
}

impl OverviewView {
    /// Brings an area forward; none for the whole plant.
    pub(in crate::gui) fn focus(&mut self, area: Option<Arc<str>>) {
        self.area = area;
    }

    pub(in crate::gui) fn ui(&mut self, ui: &mut Ui, scene: &mut Scene<'_>) {
        let whole = ui.available_rect_before_wrap();
        let (left, right) = whole.split_left_right_at_x(whole.right() - size::DETAILS - 8.0);
        let right = right.with_min_x(right.left() + 8.0);
        let picture = self.picture(scene);
        ui.scope_builder(egui::UiBuilder::new().max_rect(left), |ui| {
            ui.horizontal(|ui| {
                heading(ui, "Overview", &scene.palette);
                let shown = self.area.as_ref().map_or("whole plant".to_owned(), |area| format!("area {area}"));
                quiet(ui, format!("level 1 · {shown}"), &scene.palette);
                if self.area.is_some() && button(ui, "Whole plant", false, &scene.palette).clicked() {
                    self.area = None;
                }
            });
            draw(ui, scene, &picture, self.area.as_deref());
        });
        let area = self.area.as_deref();
        ui.scope_builder(egui::UiBuilder::new().max_rect(right), |ui| side(ui, scene, &picture, area));
    }

    /// The engineer's picture, or gauges of the first tags with a range.
    fn picture(&mut self, scene: &Scene<'_>) -> Picture {
        let plan = &scene.snapshot.plan;
        if let Some(picture) = &plan.overview {
            return picture.clone();
        }
        if self.made_up.as_ref().is_none_or(|(generation, _)| *generation != plan.generation) {
            self.made_up = Some((plan.generation, make_up(scene)));
        }
        self.made_up.as_ref().map(|(_, picture)| picture.clone()).unwrap_or_default()
    }
}

fn make_up(scene: &Scene<'_>) -> Picture {
    let directory = &scene.snapshot.plan.directory;
    let ranged: Vec<TagId> = directory.iter().filter(|(_, tag)| tag.range.is_some()).map(|(id, _)| id).collect();
    let elements = ranged.iter().take(21).enumerate().filter_map(|(place, &value)| {
        let title = directory.tag(value)?.key.as_str().into();
        let at = [(place % 7) as f32 * 127.0, 10.0 + (place / 7) as f32 * 216.0];
        Some(Element::Gauge { at, title, value, target: None })
    });
    Picture { size: [880.0, 640.0], elements: elements.collect(), trends: ranged.iter().take(4).copied().collect() }
}

/// Draws a picture as large as it fits.
struct Canvas<'a, 'b> {
    painter: Painter,
    origin: egui::Pos2,
    scale: f32,
    palette: Palette,
    scene: &'a Scene<'b>,
}

fn draw(ui: &mut Ui, scene: &mut Scene<'_>, picture: &Picture, wanted: Option<&str>) {
    let room = ui.available_rect_before_wrap();
    let [width, height] = picture.size;
    let scale = (room.width() / width.max(1.0)).min(room.height() / height.max(1.0));
    let painter = ui.painter().with_clip_rect(room);
    let palette = scene.palette;
    let mut canvas = Canvas { painter, origin: room.min + vec2(0.0, 6.0), scale, palette, scene };
    let mut hit = None;
    for (number, element) in picture.elements.iter().enumerate() {
        // What lies elsewhere is pale, unless it is in alarm.
        let is_pale = canvas.is_elsewhere(element, wanted) && canvas.alarm(element).is_none();
        canvas.painter.set_opacity(if is_pale { PALE } else { 1.0 });
        let area = canvas.draw(element);
        canvas.painter.set_opacity(1.0);
        let (Some(area), Some(tag)) = (area, element.tags().first().copied()) else { continue };
        let response = ui.interact(area, ui.scope_id().with(("element", number)), Sense::click());
        if response.has_focus() || response.hovered() {
            canvas.painter.rect_stroke(area.expand(2.0), 3, Stroke::new(1.5, palette.focus), StrokeKind::Outside);
        }
        let words = canvas.words(element);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &words));
        if response.clicked() {
            hit = Some(tag);
        }
    }
    ui.allocate_rect(room, Sense::hover());
    if let Some(tag) = hit {
        scene.act(Action::Select(tag));
    }
}

impl Canvas<'_, '_> {
    fn at(&self, place: [f32; 2]) -> egui::Pos2 {
        self.origin + vec2(place[0], place[1]) * self.scale
    }

    fn rect(&self, area: [f32; 4]) -> Rect {
        Rect::from_min_size(self.at([area[0], area[1]]), vec2(area[2], area[3]) * self.scale)
    }

    /// Whether none of its tags is of this area.
    fn is_elsewhere(&self, element: &Element, wanted: Option<&str>) -> bool {
        let directory = &self.scene.snapshot.plan.directory;
        let area_of = |tag: &TagId| directory.tag(*tag).and_then(|tag| tag.area.as_deref());
        wanted.is_some_and(|wanted| element.tags().iter().all(|tag| area_of(tag) != Some(wanted)))
    }

    fn number(&self, tag: TagId) -> Option<f64> {
        let live = self.scene.snapshot.live(tag)?;
        live.value.as_f64()
    }

    fn is_bad(&self, tag: TagId) -> bool {
        self.scene.snapshot.live(tag).is_none_or(|live| live.quality.is_bad())
    }

    fn shown(&self, tag: TagId) -> String {
        let definition = self.scene.snapshot.plan.directory.tag(tag);
        match (definition, self.scene.snapshot.value(tag)) {
            (Some(definition), Some(value)) => format::with_unit(definition, &value),
            _ => "?".to_owned(),
        }
    }

    fn shown_plain(&self, tag: TagId) -> String {
        let definition = self.scene.snapshot.plan.directory.tag(tag);
        match (definition, self.scene.snapshot.value(tag)) {
            (Some(definition), Some(value)) => format::value(definition, &value),
            _ => "?".to_owned(),
        }
    }

    /// Alarms of this tag and of those beside it, such as a pump's temperature beside its speed.
    fn alarm(&self, element: &Element) -> Option<Priority> {
        let directory = &self.scene.snapshot.plan.directory;
        let own = element.tags().iter().filter_map(|tag| self.scene.alarm_of(*tag)).min();
        let Element::Pump { state, .. } = element else { return own };
        let prefix =
            directory.tag(*state).and_then(|tag| tag.key.as_str().rsplit_once('/')).map(|(prefix, _)| prefix)?;
        let beside = self.scene.alarmed.all().iter().filter(|(tag, _)| {
            directory
                .tag(**tag)
                .is_some_and(|tag| tag.key.as_str().rsplit_once('/').is_some_and(|(other, _)| other == prefix))
        });
        beside.map(|(_, (priority, _))| *priority).min().or(own)
    }

    /// What a screen reader says.
    fn words(&self, element: &Element) -> String {
        let (title, tag) = match element {
            Element::Tank { title, level, .. } => (title, Some(*level)),
            Element::Pump { title, state, .. } => (title, Some(*state)),
            Element::Gate { title, position, .. } => (title, Some(*position)),
            Element::Gauge { title, value, .. } | Element::Number { title, value, .. } => (title, Some(*value)),
            Element::Caption { words, .. } => (words, None),
            Element::Pipe { .. } => return String::new(),
        };
        let value = tag.map_or_else(String::new, |tag| format!(" {}", self.shown(tag)));
        let bad = if tag.is_some_and(|tag| self.is_bad(tag)) { ", not to be trusted" } else { "" };
        let alarm = self
            .alarm(element)
            .map_or_else(String::new, |priority| format!(", alarm of priority {}", priority.number()));
        format!("{title}{value}{bad}{alarm}")
    }

    /// Draws one element; where it can be clicked.
    fn draw(&self, element: &Element) -> Option<Rect> {
        match element {
            Element::Tank { area, title, level, target, span } => {
                Some(self.tank(element, *area, title, *level, *target, *span))
            }
            Element::Pump { at, title, state, value } => Some(self.pump(element, *at, title, *state, *value)),
            Element::Gate { at, title, position, value } => Some(self.gate(*at, title, *position, *value)),
            Element::Gauge { at, title, value, target } => Some(self.gauge(*at, title, *value, *target)),
            Element::Number { at, title, value } => Some(self.labelled(*at, title, *value)),
            Element::Pipe { points } => {
                let points: Vec<_> = points.iter().map(|point| self.at(*point)).collect();
                self.painter.line(points, Stroke::new(3.0, self.palette.off));
                None
            }
            Element::Caption { at, words } => {
                let place = self.at(*at);
                self.painter.text(place, Align2::LEFT_TOP, words, strong(14.0), self.palette.text);
                let line = place.y + 22.0;
                self.painter.hline(place.x..=self.painter.clip_rect().right() - 8.0, line, self.palette.rule());
                None
            }
        }
    }

    fn tank(
        &self,
        element: &Element,
        area: [f32; 4],
        title: &str,
        level: TagId,
        target: Option<TagId>,
        span: [f64; 2],
    ) -> Rect {
        let (rect, palette) = (self.rect(area), &self.palette);
        self.painter.rect(rect, 0, palette.panel, Stroke::new(1.5, palette.line), StrokeKind::Inside);
        let number = self.number(level);
        if let Some(number) = number {
            let share = ((number - span[0]) / (span[1] - span[0])).clamp(0.0, 1.0) as f32;
            let water = rect.shrink(1.5).with_min_y(rect.bottom() - 1.5 - share * (rect.height() - 3.0));
            self.painter.rect_filled(water, 0, palette.water);
        }
        let inner = rect.shrink2(vec2(12.0, 8.0));
        let bad = self.is_bad(level);
        let color = if bad { palette.faint } else { palette.value };
        // A flat one has its number beside its name, a high one below it.
        let (at, align, font) = if rect.height() < 64.0 {
            let at = inner.left_center();
            let name =
                widgets::text(&self.painter, at, Align2::LEFT_CENTER, title, strong(13.0), palette.text, inner.width());
            (pos2(name.right() + 14.0, at.y), Align2::LEFT_CENTER, strong(15.0))
        } else {
            widgets::text(&self.painter, inner.min, Align2::LEFT_TOP, title, strong(13.0), palette.text, inner.width());
            (inner.left_bottom(), Align2::LEFT_BOTTOM, strong(19.0))
        };
        let room = inner.right() - at.x;
        let shown = widgets::text(&self.painter, at, align, &self.shown(level), font, color, room);
        if let Some(target) = target {
            let words = format!("target {}", self.shown_plain(target));
            let at = pos2(shown.right() + 14.0, shown.bottom() - 2.0);
            widgets::text(
                &self.painter,
                at,
                Align2::LEFT_BOTTOM,
                &words,
                plain(12.0),
                palette.muted,
                inner.right() - at.x,
            );
        }
        if bad {
            hatch(&self.painter, rect, theme::faded(palette.muted, 0.7));
        }
        self.frame_alarm(element, rect, pos2(rect.right() - 24.0, rect.top() + 8.0));
        rect
    }

    /// Equipment in alarm gets a frame in its colour, and the mark at the corner.
    fn frame_alarm(&self, element: &Element, rect: Rect, corner: egui::Pos2) {
        if let Some(priority) = self.alarm(element) {
            let color = self.palette.priority(priority);
            self.painter.rect_stroke(rect, 0, Stroke::new(2.5, color), StrokeKind::Outside);
            mark(&self.painter, Rect::from_min_size(corner, vec2(16.0, 16.0)), priority, &self.palette, false);
        }
    }

    fn pump(&self, element: &Element, at: [f32; 2], title: &str, state: TagId, value: TagId) -> Rect {
        let (center, palette) = (self.at(at), &self.palette);
        let radius = 18.0 * self.scale.clamp(0.8, 1.4);
        let area = Rect::from_center_size(center, vec2(radius, radius) * 2.4);
        let (bad, state) = (self.is_bad(state), self.number(state).unwrap_or(0.0));
        let runs = state == 1.0;
        let (fill, ink) = if runs { (palette.on, palette.ground) } else { (palette.off, palette.on) };
        let ink = if runs && palette.on.r() > 128 { palette.sunk } else { ink };
        self.painter.circle(center, radius, fill, Stroke::new(1.5, palette.text));
        let (side, dark) = (radius * 0.62, if runs { palette.off } else { ink });
        let points =
            vec![center + vec2(0.0, -side), center + vec2(side * 0.75, side), center + vec2(-side * 0.75, side)];
        self.painter.add(egui::Shape::convex_polygon(points, egui::Color32::TRANSPARENT, Stroke::new(1.5, dark)));
        if bad {
            hatch(&self.painter, Rect::from_center_size(center, vec2(radius, radius) * 1.5), palette.muted);
        }
        self.frame_alarm(element, area, area.right_top() + vec2(4.0, -2.0));
        let label = center + vec2(8.0, radius * 1.2 + 3.0);
        let color = if bad { palette.faint } else { palette.value };
        let unit = self.scene.snapshot.plan.directory.tag(value).map_or("", |tag| &tag.unit);
        let title = if unit.is_empty() { title.to_owned() } else { format!("{title} · {unit}") };
        self.painter.text(label, Align2::LEFT_TOP, title, plain(12.0), palette.muted);
        let words = if bad {
            "?".to_owned()
        } else if state == 2.0 {
            "tripped".to_owned()
        } else {
            self.shown_plain(value)
        };
        self.painter.text(label + vec2(0.0, 15.0), Align2::LEFT_TOP, words, strong(13.0), color);
        area
    }

    fn gate(&self, at: [f32; 2], title: &str, position: TagId, value: Option<TagId>) -> Rect {
        let (center, palette) = (self.at(at), &self.palette);
        let height = 34.0 * self.scale;
        let area = Rect::from_center_size(center, vec2(14.0, height));
        self.painter.vline(center.x, area.y_range(), Stroke::new(1.0, palette.line));
        let open = self.number(position).unwrap_or(0.0).clamp(0.0, 100.0) as f32 / 100.0;
        let leaf = Rect::from_min_size(area.left_top(), vec2(area.width(), (height * (1.0 - 0.75 * open)).max(8.0)));
        self.painter.rect(leaf.shrink2(vec2(3.0, 0.0)), 1, palette.text, Stroke::NONE, StrokeKind::Inside);
        if self.is_bad(position) {
            hatch(&self.painter, area, palette.muted);
        }
        let beside = area.right_center() + vec2(8.0, 0.0);
        let drawn = self.painter.text(beside, Align2::LEFT_CENTER, title, plain(12.0), palette.muted);
        let flow = value.map_or_else(String::new, |tag| self.shown(tag));
        let words = if open < 0.01 { "closed".to_owned() } else { flow };
        self.painter.text(
            drawn.right_center() + vec2(8.0, 0.0),
            Align2::LEFT_CENTER,
            words,
            strong(13.0),
            palette.value,
        );
        area
    }

    fn gauge(&self, at: [f32; 2], title: &str, value: TagId, target: Option<TagId>) -> Rect {
        let rect = Rect::from_min_size(self.at(at), vec2(122.0, 206.0) * self.scale);
        let Some(definition) = self.scene.snapshot.plan.directory.tag(value) else { return rect };
        let live = self.scene.snapshot.live(value);
        let range = definition.range.unwrap_or([0.0, 100.0]);
        let limits = self.scene.limits_of(value);
        let middle = target.and_then(|target| self.number(target)).unwrap_or((range[0] + range[1]) / 2.0);
        let low = limits.iter().copied().filter(|limit| *limit < middle).fold(range[0], f64::max);
        let high = limits.iter().copied().filter(|limit| *limit > middle).fold(range[1], f64::min);
        let shown =
            self.scene.snapshot.value(value).map_or_else(|| "?".to_owned(), |value| format::value(definition, &value));
        let look = GaugeLook {
            title,
            unit: &definition.unit,
            range,
            value: self.number(value),
            shown,
            target: target.and_then(|target| self.number(target)),
            limits,
            normal: [low, high],
            alarm: self.scene.alarm_of(value),
            reason: live.filter(|live| live.quality.is_bad()).map(|live| live.quality.words()),
        };
        gauge(&self.painter, rect, &look, &self.palette);
        rect
    }

    fn labelled(&self, at: [f32; 2], title: &str, value: TagId) -> Rect {
        let place = self.at(at);
        self.painter.text(place, Align2::LEFT_TOP, title, plain(12.0), self.palette.muted);
        let color = if self.is_bad(value) { self.palette.faint } else { self.palette.value };
        self.painter.text(place + vec2(0.0, 15.0), Align2::LEFT_TOP, self.shown(value), strong(14.0), color)
    }
}

/// What needs the operator, and the last half hour of what matters.
fn side(ui: &mut Ui, scene: &mut Scene<'_>, picture: &Picture, area: Option<&str>) {
    let palette = scene.palette;
    palette.card().show(ui, |ui| {
        ui.set_min_size(ui.available_size());
        ui.label(egui::RichText::new("Needs you").font(strong(15.0)).color(palette.text));
        ui.add_space(4.0);
        let trends = picture.trends.len() as f32 * 92.0 + 40.0;
        let room = (ui.available_height() - trends).max(140.0);
        ScrollArea::vertical().max_height(room).auto_shrink([false, false]).show(ui, |ui| needs(ui, scene, area));
        if !picture.trends.is_empty() {
            ui.label(egui::RichText::new("Last ten minutes").font(strong(15.0)).color(palette.text));
        }
        for &tag in &picture.trends {
            small_trend(ui, scene, tag);
        }
    });
}

fn needs(ui: &mut Ui, scene: &mut Scene<'_>, area: Option<&str>) {
    let palette = scene.palette;
    let views = &scene.snapshot.alarms.views;
    let plan = &scene.snapshot.plan;
    let area_of = |view: &AlarmView| view.definition(&plan.alarms).and_then(|alarm| alarm.area.as_deref());
    let is_here = |view: &&AlarmView| area.is_none() || area_of(view) == area;
    let elsewhere = area.map_or(0, |_| views.iter().filter(|view| !is_here(view)).count());
    if elsewhere > 0 {
        quiet(ui, format!("{} of other areas not shown here.", format::counted(elsewhere, "alarm")), &palette);
    } else if views.is_empty() {
        quiet(ui, "Nothing is in alarm.", &palette);
    }
    let mut chosen = None;
    for view in views.iter().filter(is_here).take(30) {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 40.0), Sense::click());
        let painter = ui.painter();
        if response.hovered() || response.has_focus() {
            painter.rect_filled(rect, 3, palette.select);
        }
        painter.hline(rect.x_range(), rect.top(), palette.rule());
        let weak = !view.state.is_active();
        mark(painter, Rect::from_min_size(rect.min + vec2(2.0, 12.0), vec2(16.0, 16.0)), view.priority, &palette, weak);
        let waiting = view.state.needs_acknowledgement();
        let font = if waiting { strong(13.0) } else { plain(13.0) };
        let time = format::clock(view.raised, scene.now.utc);
        let time =
            painter.text(rect.right_top() + vec2(-2.0, 4.0), Align2::RIGHT_TOP, time, plain(12.0), palette.muted);
        let width = time.left() - rect.left() - 34.0;
        widgets::text(painter, rect.min + vec2(28.0, 3.0), Align2::LEFT_TOP, &view.message, font, palette.text, width);
        let detail = detail(scene, view.subject);
        let words = format!("{detail}{}", format::state(view.state));
        widgets::text(
            painter,
            rect.min + vec2(28.0, 21.0),
            Align2::LEFT_TOP,
            &words,
            plain(12.0),
            palette.muted,
            rect.width() - 34.0,
        );
        let words = format!("{}, {}", view.message, format::state(view.state));
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, &words));
        if response.clicked() {
            chosen = Some(());
        }
    }
    if chosen.is_some() {
        scene.act(Action::Show(View::Alarms));
    }
}

fn detail(scene: &Scene<'_>, subject: Subject) -> String {
    let Subject::Tag(tag) = subject else { return String::new() };
    match scene.doubt(tag) {
        Some(reason) => format!("{} ({reason}), ", scene.value_words(tag)),
        None => format!("now {}, ", scene.value_words(tag)),
    }
}

fn small_trend(ui: &mut Ui, scene: &mut Scene<'_>, tag: TagId) {
    let palette = scene.palette;
    let Some(definition) = scene.snapshot.plan.directory.tag(tag) else { return };
    let value = scene.snapshot.value(tag).map_or_else(|| "?".to_owned(), |value| format::with_unit(definition, &value));
    let limits = scene.limits_of(tag);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 84.0), Sense::click());
    let painter = ui.painter();
    let name = definition.key.as_str();
    let bad = scene.snapshot.live(tag).filter(|live| live.quality.is_bad()).map(|live| live.quality.words());
    let (value, color) = match bad {
        Some(reason) => (format!("{reason}, last {value}"), palette.faint),
        None => (value, palette.value),
    };
    let shown = painter.text(rect.right_top(), Align2::RIGHT_TOP, value, strong(13.0), color);
    widgets::text(
        painter,
        rect.min,
        Align2::LEFT_TOP,
        name,
        plain(12.0),
        palette.muted,
        shown.left() - rect.left() - 8.0,
    );
    let well = rect.with_min_y(rect.top() + 20.0);
    let (columns, span) = scene.history.last(scene.handle, &definition.key, TREND_SECONDS, 300, scene.now);
    sparkline(painter, well, &Spark { columns, span, limits: &limits }, &palette);
    if response.has_focus() {
        painter.rect_stroke(well, 0, Stroke::new(1.5, palette.focus), StrokeKind::Inside);
    }
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Trend of {name}")));
    if response.clicked() {
        scene.act(Action::Trend(definition.key.clone()));
    }
}
