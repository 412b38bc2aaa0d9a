//! Puts the drawing together out of the pens and the plant.

use super::axes::{AxisId, Wish, axes};
use super::bands;
use super::cursors::Which;
use super::curve::{self, Point};
use super::feed::Sight;
use super::pens::{Kind, Pen};
use super::picture::{self, BandLook, Content, Limit, LineLook};
use super::sheet::{Area, Ink, Sheet};
use super::time_axis::Clock;
use super::window::Window;
use super::{TrendView, compare, paint, xy};
use crate::gui::format;
use crate::gui::scene::Scene;
use crate::station::Ticket;
use crate::tag::{TagDefinition, TagKey, Timestamp, Value};
use egui::{Pos2, Rect, Response, RichText, Sense, Ui};
use std::sync::Arc;

/// Days that the strip shows at least.
const STRIP_SECONDS: f64 = 86_400.0;

/// The clock of this computer.
pub(super) fn clock() -> Clock<'static> {
    Clock::new(&|seconds| {
        format::local(Timestamp::from_seconds(seconds)).map_or(0, |time| time.offset().local_minus_utc())
    })
}

/// How many pens, in words.
pub(super) fn counted(pens: usize) -> String {
    if pens == 1 { "1 pen".to_owned() } else { format!("{pens} pens") }
}

/// What the strip shows: the last day, or more around a window that is wider or further away.
pub(super) fn strip_bounds(window: &Window, sight: Sight) -> [f64; 2] {
    let wide = (window.span * 6.0).max(STRIP_SECONDS);
    let is_inside = sight.bounds[0] >= sight.now - wide;
    // Round, so that it stands still while the window is dragged.
    let step = wide / 4.0;
    let to = if is_inside { sight.now } else { ((sight.bounds[1] + wide / 2.0) / step).floor() * step };
    [to.min(sight.now) - wide, to.min(sight.now)]
}

/// The word of a state.
pub(super) fn state_word(definition: Option<&TagDefinition>, value: f64) -> Arc<str> {
    match definition.and_then(|definition| definition.states.word(value)) {
        Some(word) => word.clone(),
        None if value == 0.0 => "off".into(),
        None if value == 1.0 => "on".into(),
        None => value.to_string().into(),
    }
}

/// Why a value was bad at a moment: asked for when the pointer rests there.
#[derive(Default)]
pub(super) struct Doubt {
    of: Option<(TagKey, i64)>,
    ticket: Option<Ticket<Option<String>>>,
    words: Option<String>,
}

impl Doubt {
    /// The reason, when it is there.
    fn at(&mut self, scene: &Scene<'_>, key: &TagKey, moment: f64) -> Option<&str> {
        let of = (key.clone(), (moment * 10.0) as i64);
        if self.of.as_ref() != Some(&of) {
            self.of = Some(of);
            let (key, moment) = (key.clone(), Timestamp::from_seconds(moment));
            self.ticket = Some(scene.handle.ask(move |context, _| {
                let sample = context.samples().ok()?.before(&key, moment).ok()??;
                sample.quality.is_bad().then(|| sample.quality.words().to_owned())
            }));
        }
        if let Some(answer) = self.ticket.as_mut().and_then(Ticket::poll) {
            (self.ticket, self.words) = (None, answer.flatten());
        }
        self.words.as_deref()
    }
}

impl TrendView {
    /// The drawing of this frame. The axes and places that it was made with are kept for what the pointer does next.
    pub(super) fn sheet(
        &mut self,
        scene: &Scene<'_>,
        size: [f32; 2],
        pointer: Option<f64>,
        boxed: Option<Area>,
    ) -> Sheet {
        let sight = self.sight(scene);
        self.axes = axes(&self.axis_wishes(scene, sight), &self.axis_settings);
        if let Some(across) = self.xy
            && let Some(sheet) = self.xy_sheet(scene, size, across)
        {
            return sheet;
        }
        let clock = clock();
        let shift = self.compare.shift(sight.bounds[1], &clock);
        let content = Content {
            bounds: sight.bounds,
            now: sight.now,
            lines: self.lines(scene, shift, sight),
            bands: self.bands(scene, sight),
            axes: &self.axes,
            limits: self.limits(scene),
            marks: self.events.marks(),
            cursors: self.cursors,
            pointer,
            boxed,
            clock: &clock,
        };
        let (sheet, layout) = picture::draw(size, &content);
        self.layout = layout;
        sheet
    }

    fn axis_wishes(&self, scene: &Scene<'_>, sight: Sight) -> Vec<Wish> {
        let drawn = self.pens.list.iter().enumerate();
        let drawn = drawn.filter(|(_, pen)| !pen.is_hidden && pen.kind == Kind::Line);
        let wish = |(place, pen): (usize, &Pen)| {
            let definition = pen.tag(scene).map(|(_, definition)| definition);
            let points = pen.feed.points();
            let known = curve::extremes(points, sight.bounds);
            let present = pen.present(scene).filter(|_| sight.is_live).map(|value| [value; 2]);
            let both = [known, present].into_iter().flatten();
            let extremes = both.reduce(|all, one| [all[0].min(one[0]), all[1].max(one[1])]);
            let in_sight = curve::in_sight(points, sight.bounds).iter();
            let positive = in_sight.flat_map(|point| [point.low, point.high]).filter(|value| *value > 0.0);
            Wish {
                pen: place,
                id: pen.axis(definition),
                unit: definition.map(|definition| definition.unit.clone()).unwrap_or_default(),
                extremes,
                least_positive: positive.reduce(f64::min),
            }
        };
        drawn.map(wish).collect()
    }

    /// The axis of a pen, as a place in the list of axes.
    pub(super) fn axis_place(&self, scene: &Scene<'_>, pen: &Pen) -> Option<usize> {
        let id: AxisId = pen.axis(pen.tag(scene).map(|(_, definition)| definition));
        self.axes.iter().position(|axis| axis.id == id)
    }

    fn lines<'a>(&'a self, scene: &Scene<'_>, shift: Option<f64>, sight: Sight) -> Vec<LineLook<'a>> {
        let drawn = self.pens.list.iter().enumerate();
        let drawn = drawn.filter(|(_, pen)| !pen.is_hidden && pen.kind == Kind::Line);
        drawn
            .filter_map(|(place, pen)| {
                Some(LineLook {
                    style: pen.style,
                    points: pen.feed.points(),
                    ghost: shift.map(|shift| (pen.ghost.points(), shift)),
                    present: pen.present(scene).filter(|_| sight.now <= sight.bounds[1] + 1.0),
                    is_linear: pen.is_linear,
                    is_selected: place == self.pens.selected,
                    axis: self.axis_place(scene, pen)?,
                })
            })
            .collect()
    }

    fn bands(&self, scene: &Scene<'_>, sight: Sight) -> Vec<BandLook> {
        let drawn = self.pens.list.iter().enumerate();
        let drawn = drawn.filter(|(_, pen)| !pen.is_hidden && pen.kind != Kind::Line);
        let look = |(place, pen): (usize, &Pen)| {
            let definition = pen.tag(scene).map(|(_, definition)| definition);
            let end = pen.feed.end().map_or(sight.now, |end| end.min(sight.now));
            // What goes on, goes on until now.
            let end = if sight.is_live { sight.now } else { end };
            let mut pieces = match pen.kind {
                Kind::Text => pen.feed.pieces().to_vec(),
                _ => {
                    let points = curve::in_sight(pen.feed.points(), sight.bounds);
                    bands::of_points(points, end, &|value| state_word(definition, value))
                }
            };
            if let Some(last) = pieces.last_mut() {
                last.to = end;
            }
            BandLook { style: pen.style, name: pen.key.to_string(), pieces, is_selected: place == self.pens.selected }
        };
        drawn.map(look).collect()
    }

    /// The alarm limits of the selected pen.
    fn limits(&self, scene: &Scene<'_>) -> Vec<Limit> {
        let Some(pen) = self.pens.selected().filter(|pen| !pen.is_hidden && pen.kind == Kind::Line) else {
            return Vec::new();
        };
        let Some(((id, definition), axis)) = pen.tag(scene).zip(self.axis_place(scene, pen)) else { return Vec::new() };
        let alarms = scene.snapshot.plan.alarms.iter();
        let alarms = alarms.filter(|alarm| alarm.subject == crate::alarm::Subject::Tag(id));
        let limit = |alarm: &crate::alarm::AlarmDefinition| {
            let value = alarm.condition.limit()?;
            let words = format!("{} {}", alarm.condition.word(), format::number(value, definition.decimals));
            Some(Limit { value, words, axis })
        };
        alarms.filter_map(limit).collect()
    }

    fn xy_sheet(&mut self, scene: &Scene<'_>, size: [f32; 2], across: usize) -> Option<Sheet> {
        let sight = self.sight(scene);
        let upwards = self.pens.selected().filter(|pen| pen.kind == Kind::Line)?;
        let across = self.pens.list.get(across).filter(|pen| pen.kind == Kind::Line && pen.key != upwards.key)?;
        let axis = |pen: &Pen| self.axis_place(scene, pen).and_then(|place| self.axes.get(place));
        let pairs = compare::pairs(across.feed.points(), upwards.feed.points(), sight.bounds);
        let both = |moment: f64| {
            curve::value_at(across.feed.points(), moment).zip(curve::value_at(upwards.feed.points(), moment))
        };
        let cursor = |which: Which| {
            let (first, second) = both(self.cursors.at(which)?)?;
            Some((which.letter(), [first, second]))
        };
        let look = xy::XyLook {
            pairs: &pairs,
            across: (axis(across)?, across.key.as_str(), across.style),
            upwards: (axis(upwards)?, upwards.key.as_str(), upwards.style),
            cursors: Which::ALL.into_iter().filter_map(cursor).collect(),
        };
        Some(xy::draw(size, &look))
    }

    /// What somebody who does not see the picture is told.
    pub(super) fn spoken(&self, scene: &Scene<'_>) -> String {
        let [from, to] = self.window.bounds(scene.now.utc).map(|time| clock().show(time, "%d %b %H:%M:%S"));
        let live = if self.window.is_live() { ", live" } else { "" };
        format!("Trend of {} from {from} to {to}{live}", counted(self.pens.list.len()))
    }

    /// The mark under the active cursor in words, or where the picture stands.
    pub(super) fn what_is_marked(&self, scene: &Scene<'_>) -> String {
        let at = self.cursors.read();
        let marked = at.and_then(|at| self.events.near(at, self.layout.reach(2.0)).first());
        match marked {
            Some(mark) => format!("{}  {} · Enter opens it", clock().show(mark.time, "%H:%M:%S"), mark.words),
            None if self.compare != compare::Compare::Nothing => {
                let day = if self.compare == compare::Compare::Yesterday { "yesterday" } else { "last week" };
                format!("Thin dashed lines: the same hours {day}")
            }
            None if self.axes.iter().any(|axis| axis.hides) => {
                "Values that are not above zero have no place on a logarithmic axis; its foot says ≤ 0".to_owned()
            }
            None if self.pens.list.is_empty() => "Add a tag at the right, or drag one here from the tags".to_owned(),
            None => self.axes_words(scene),
        }
    }

    fn axes_words(&self, _scene: &Scene<'_>) -> String {
        let more = self.axes.len().saturating_sub(self.layout.axes.len());
        match more {
            0 => String::new(),
            1 => "1 more axis: it is shown when one of its pens is selected".to_owned(),
            more => format!("{more} more axes: each is shown when one of its pens is selected"),
        }
    }

    /// What the pointer is told: the moment, marks, and why something is not known.
    pub(super) fn hover(&mut self, ui: &Ui, scene: &Scene<'_>, response: Response, corner: Pos2) {
        let Some(at) = response.hover_pos().map(|at| at - corner) else { return };
        let place = [at.x, at.y];
        let moment = self.layout.time(at.x);
        let mut lines = Vec::new();
        if self.layout.lane.contains(place) {
            let near = self.events.near(moment, self.layout.reach(9.0)).iter();
            lines.extend(
                near.take(8).map(|mark| format!("{}  {}", clock().show(mark.time, "%d %b %H:%M:%S"), mark.words)),
            );
        } else if self.layout.plot.contains(place) {
            lines.extend(self.gap_words(scene, moment));
        } else if let Some(row) = self.layout.bands.iter().position(|band| band.contains(place)) {
            lines.extend(self.band_words(scene, row, moment));
        }
        if lines.is_empty() {
            return;
        }
        let _ = ui;
        response.on_hover_ui_at_pointer(|ui| {
            for line in lines {
                ui.label(RichText::new(line).color(scene.palette.text));
            }
        });
    }

    fn gap_words(&mut self, scene: &Scene<'_>, moment: f64) -> Option<String> {
        let pen = self.pens.selected().filter(|pen| !pen.is_hidden && pen.kind == Kind::Line)?;
        let points = pen.feed.points();
        let place = points.partition_point(|point| point.time <= moment).checked_sub(1)?;
        let is_known = points.get(place)?.last.is_finite();
        if is_known || moment > scene.now.utc.as_seconds() {
            return None;
        }
        let (key, time) = (pen.key.clone(), clock().show(moment, "%H:%M:%S"));
        let why = self.doubt.at(scene, &key, moment).unwrap_or("nothing is known");
        Some(format!("{time}  {key}: {why}"))
    }

    fn band_words(&mut self, scene: &Scene<'_>, row: usize, moment: f64) -> Option<String> {
        let band = self.bands(scene, self.sight(scene)).into_iter().nth(row)?;
        let piece = bands::at(&band.pieces, moment)?;
        let times = [piece.from, piece.to].map(|time| clock().show(time, "%H:%M:%S"));
        let words = match &piece.said {
            bands::Said::Word(word) => word.to_string(),
            bands::Said::Several => "several changes; zoom in to tell them apart".to_owned(),
            bands::Said::Unknown => {
                let key = TagKey::from(band.name.as_str());
                self.doubt.at(scene, &key, moment).unwrap_or("nothing is known").to_owned()
            }
        };
        Some(format!("{}: {words}, {} to {}", band.name, times[0], times[1]))
    }

    /// The value of a pen where it is read: at the cursor, or now.
    pub(super) fn value_words(&self, scene: &Scene<'_>, pen: &Pen) -> (String, bool) {
        let Some((id, definition)) = pen.tag(scene) else { return ("not in the station file".to_owned(), false) };
        let Some(moment) = self.cursors.read() else {
            let is_known = scene.doubt(id).is_none();
            return (scene.value_words(id), is_known);
        };
        let found = match pen.kind {
            Kind::Line => curve::value_at(pen.feed.points(), moment)
                .map(|value| format::with_unit(definition, &Value::Double(value))),
            Kind::Band => {
                curve::value_at(pen.feed.points(), moment).map(|value| state_word(Some(definition), value).to_string())
            }
            Kind::Text => bands::at(pen.feed.pieces(), moment).and_then(|piece| match &piece.said {
                bands::Said::Word(word) => Some(word.to_string()),
                _ => None,
            }),
        };
        found.map_or_else(|| ("not known then".to_owned(), false), |words| (words, true))
    }

    /// The strip: the selected pen over the last day, and where the window stands in it.
    pub(super) fn strip(&mut self, ui: &mut Ui, scene: &mut Scene<'_>, rect: Rect) {
        let sight = self.sight(scene);
        let bounds = strip_bounds(&self.window, sight);
        let rect = Rect::from_min_max(
            egui::pos2(rect.left() + self.layout.plot.left, rect.top() + 6.0),
            egui::pos2(rect.left() + self.layout.plot.right, rect.bottom() - 4.0),
        );
        if rect.width() < 50.0 {
            return;
        }
        let response = ui.interact(rect, ui.scope_id().with("trend strip"), Sense::click_and_drag());
        let mut sheet = Sheet::new([rect.width(), rect.height()]);
        let x = |time: f64| ((time - bounds[0]) / (bounds[1] - bounds[0]) * f64::from(rect.width())) as f32;
        let whole = Area::new(0.0, 0.0, rect.width(), rect.height());
        sheet.fill(whole, Ink::Panel, 1.0);
        let [from, to] = sight.bounds.map(|time| x(time).clamp(0.0, rect.width()));
        sheet.fill(Area::new(from, 0.0, to.max(from + 2.0), rect.height()), Ink::Select, 1.0);
        draw_strip_line(&mut sheet, self.strip.points(), bounds, &x, rect.height());
        sheet.frame(whole, Ink::Rule);
        let days = (bounds[1] - bounds[0]) / 86_400.0;
        let words = if days < 1.5 { "24 h".to_owned() } else { format!("{days:.0} d") };
        sheet.words([6.0, 9.0], super::sheet::Anchor::LeftCentre, words, Ink::Muted);
        sheet.as_in(11.0, false, 80.0);
        paint::paint(ui.painter(), rect.min, &sheet, &scene.palette);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Canvas, true, "Where the window stands"));
        if (response.clicked() || response.dragged())
            && let Some(at) = response.interact_pointer_pos()
        {
            let share = f64::from((at.x - rect.left()) / rect.width());
            let moment = bounds[0] + share.clamp(0.0, 1.0) * (bounds[1] - bounds[0]);
            let before = self.window;
            self.window.centre(moment, scene.now.utc);
            self.trail.moved(before, scene.now.monotonic);
        }
    }
}

fn draw_strip_line(sheet: &mut Sheet, points: &[Point], bounds: [f64; 2], x: &dyn Fn(f64) -> f32, height: f32) {
    let Some([low, high]) = curve::extremes(points, bounds) else { return };
    let span = (high - low).max(1e-9);
    let y = |value: f64| Some(height - 4.0 - ((value - low) / span) as f32 * (height - 8.0));
    let ground = super::trace::Ground { bounds, until: bounds[1], x, y: &y };
    for points in super::trace::trace(points, &ground, false, None) {
        sheet.line(points, Ink::Muted, 1.0, super::sheet::Dash::Solid);
    }
}
