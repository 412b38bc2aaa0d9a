//! The drawing of the trend view. Pens of one unit share a scale; others get one of their own, and the axis shows that of the selected pen.

use super::trend::Pen;
use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::theme::{self, Palette};
use crate::tag::{TagDefinition, Timestamp};
use egui::{Sense, Ui};
use egui_plot::{GridInput, GridMark, Line, Plot, PlotPoint, PlotPoints, Span, VLine};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is to be drawn.
pub(super) struct Look<'a> {
    pub(super) pens: &'a [Pen],
    pub(super) selected: usize,
    pub(super) bounds: [f64; 2],
    pub(super) cursor: Option<f64>,
    pub(super) height: f32,
}

/// What the operator did with it.
#[derive(Default)]
pub(super) struct Touched {
    /// Share of the span to move by.
    pub(super) pan: f64,
    /// Factor and moment to zoom around.
    pub(super) zoom: Option<(f64, f64)>,
    /// Moment of the cursor.
    pub(super) cursor: Option<f64>,
}

/// A line that can be drawn as it is: no gap inside.
type Piece = Vec<PlotPoint>;

struct Drawn {
    pieces: Vec<Piece>,
    gaps: Vec<[f64; 2]>,
    scale: [f64; 2],
    place: usize,
}

/// The value that a pen had at a moment; none where it is not known.
pub(super) fn value_at(pen: &Pen, moment: f64) -> Option<f64> {
    let column = pen.columns.iter().take_while(|column| column.time.as_seconds() <= moment).last()?;
    Some(column.last).filter(|value| value.is_finite())
}

/// Draws the pens and says what was done with the pointer.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>, look: &Look<'_>) -> Touched {
    let palette = scene.palette;
    let directory = &scene.snapshot.plan.directory;
    let scales = scales(scene, look.pens);
    let drawn: Vec<Drawn> = look
        .pens
        .iter()
        .enumerate()
        .filter(|(_, pen)| !pen.hidden)
        .map(|(place, pen)| {
            let scale = scales.get(&unit_of(scene, pen)).copied().unwrap_or([0.0, 1.0]);
            draw_pen(scene, pen, place, scale, look.bounds)
        })
        .collect();
    let shown = look.pens.get(look.selected);
    let axis = shown.and_then(|pen| scales.get(&unit_of(scene, pen)).copied()).unwrap_or([0.0, 1.0]);
    let definition = shown.and_then(|pen| directory.find(pen.key.as_str())).and_then(|tag| directory.tag(tag)).cloned();
    let span = look.bounds[1] - look.bounds[0];
    let plot = Plot::new("trend")
        .height(look.height)
        .show_background(false)
        .show_crosshair(false)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .sense(Sense::click_and_drag())
        .y_axis_min_width(64.0)
        .grid_color(palette.line)
        .x_grid_spacer(move |input| time_marks(input, span))
        .y_grid_spacer(move |_| value_marks(axis))
        .x_axis_formatter(move |mark, _| time_label(mark.value, span))
        .y_axis_formatter(move |mark, _| value_label(mark, axis, definition.as_ref()));
    let response = plot.show(ui, |plot| {
        plot.set_plot_bounds_x(look.bounds[0]..=look.bounds[1]);
        plot.set_plot_bounds_y(0.0..=1.0);
        paint(plot, drawn, look, &palette);
        plot.pointer_coordinate().map(|point| point.x)
    });
    touched(ui, &response.response, response.inner)
}

fn paint(plot: &mut egui_plot::PlotUi<'_>, drawn: Vec<Drawn>, look: &Look<'_>, palette: &Palette) {
    for pen in drawn {
        let color = palette.pens[pen.place % palette.pens.len()];
        if pen.place == look.selected {
            for gap in &pen.gaps {
                let shade = theme::faded(palette.muted, 0.18);
                plot.span(Span::new("", gap[0]..=gap[1]).fill(shade).border_width(0.0));
            }
        }
        let width = if pen.place == look.selected { 2.2 } else { 1.4 };
        for (number, piece) in pen.pieces.into_iter().enumerate() {
            let line = Line::new("", PlotPoints::Owned(piece)).color(color).width(width).allow_hover(false);
            plot.line(line.id(("pen", pen.place, number)));
        }
    }
    if let Some(moment) = look.cursor {
        plot.vline(VLine::new("", moment).color(palette.text).width(1.0).allow_hover(false).id("cursor"));
    }
}

fn touched(ui: &Ui, response: &egui::Response, pointer: Option<f64>) -> Touched {
    let mut touched = Touched::default();
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Canvas, true, "Trend"));
    if response.dragged() {
        touched.pan = -f64::from(response.drag_delta().x / response.rect.width().max(1.0));
    }
    if response.clicked() {
        touched.cursor = pointer;
    }
    let wheel = ui.input(|input| input.smooth_scroll_delta().y);
    if response.hovered() && wheel != 0.0 {
        let factor = (1.0 - f64::from(wheel) * 0.004).clamp(0.5, 2.0);
        touched.zoom = pointer.map(|moment| (factor, moment));
    }
    touched
}

fn unit_of(scene: &Scene<'_>, pen: &Pen) -> Arc<str> {
    let directory = &scene.snapshot.plan.directory;
    let definition = directory.find(pen.key.as_str()).and_then(|tag| directory.tag(tag));
    match definition {
        // Two pens without a unit mean two things.
        Some(definition) if !definition.unit.is_empty() => definition.unit.clone(),
        _ => pen.key.as_str().into(),
    }
}

/// The range of values of each unit, with a margin.
fn scales(scene: &Scene<'_>, pens: &[Pen]) -> BTreeMap<Arc<str>, [f64; 2]> {
    let mut scales: BTreeMap<Arc<str>, [f64; 2]> = BTreeMap::new();
    for pen in pens.iter().filter(|pen| !pen.hidden) {
        let live = live_value(scene, pen).map(|value| [value, value]);
        let values = pen.columns.iter().filter(|column| column.min.is_finite()).map(|column| [column.min, column.max]);
        for [low, high] in values.chain(live) {
            let range = scales.entry(unit_of(scene, pen)).or_insert([low, high]);
            *range = [range[0].min(low), range[1].max(high)];
        }
    }
    for range in scales.values_mut() {
        let margin = ((range[1] - range[0]) * 0.08).max(range[1].abs().max(range[0].abs()) * 1e-3).max(1e-6);
        *range = [range[0] - margin, range[1] + margin];
    }
    scales
}

fn live_value(scene: &Scene<'_>, pen: &Pen) -> Option<f64> {
    let tag = scene.snapshot.plan.directory.find(pen.key.as_str())?;
    let live = scene.snapshot.live(tag)?;
    if live.quality.is_bad() { None } else { live.value.as_f64() }
}

/// Cuts a pen into pieces at its gaps. Each column is drawn from its lowest to its highest value, so that no peak is hidden; between two
/// columns the value holds, as it did in the plant.
fn draw_pen(scene: &Scene<'_>, pen: &Pen, place: usize, scale: [f64; 2], bounds: [f64; 2]) -> Drawn {
    let level = |value: f64| (value - scale[0]) / (scale[1] - scale[0]);
    let mut drawn = Drawn { pieces: Vec::new(), gaps: Vec::new(), scale, place };
    let mut piece: Piece = Vec::new();
    let mut gap_from = None;
    for column in &pen.columns {
        let time = column.time.as_seconds();
        if !column.last.is_finite() {
            gap_from = gap_from.or(Some(time));
            drawn.close(&mut piece);
            continue;
        }
        if let Some(from) = gap_from.take() {
            drawn.gaps.push([from, time]);
        }
        if let Some(last) = piece.last().copied()
            && column.count > 0
        {
            piece.push(PlotPoint::new(time, last.y));
        }
        if column.max > column.min {
            piece.push(PlotPoint::new(time, level(column.min)));
            piece.push(PlotPoint::new(time, level(column.max)));
        }
        piece.push(PlotPoint::new(time, level(column.last)));
    }
    let now = scene.now.utc.as_seconds();
    if let Some(from) = gap_from {
        drawn.gaps.push([from, now.min(bounds[1])]);
    }
    // The present joins without a seam: history is at most a flush behind.
    if now <= bounds[1] + 1.0
        && let (Some(value), Some(last)) = (live_value(scene, pen), piece.last().copied())
    {
        piece.push(PlotPoint::new(now, last.y));
        piece.push(PlotPoint::new(now, level(value)));
    }
    drawn.close(&mut piece);
    drawn
}

impl Drawn {
    fn close(&mut self, piece: &mut Piece) {
        let piece = std::mem::take(piece);
        if piece.len() > 1 && self.scale[1] > self.scale[0] {
            self.pieces.push(piece);
        }
    }
}

/// Marks at round moments of the local clock.
fn time_marks(input: GridInput, span: f64) -> Vec<GridMark> {
    const STEPS: [f64; 17] = [
        1.0,
        2.0,
        5.0,
        10.0,
        30.0,
        60.0,
        120.0,
        300.0,
        600.0,
        1800.0,
        3600.0,
        7200.0,
        21_600.0,
        43_200.0,
        86_400.0,
        604_800.0,
        2_592_000.0,
    ];
    let step = STEPS.into_iter().find(|step| span / step <= 8.0).unwrap_or(span / 6.0);
    let zone = format::local(Timestamp::from_seconds(input.bounds.0))
        .map_or(0.0, |time| f64::from(time.offset().local_minus_utc()));
    let first = ((input.bounds.0 + zone) / step).ceil() * step - zone;
    (0..64)
        .map(|place| first + f64::from(place) * step)
        .take_while(|value| *value < input.bounds.1 - span * 0.03)
        .map(|value| GridMark { value, step_size: step })
        .collect()
}

fn time_label(seconds: f64, span: f64) -> String {
    let Some(time) = format::local(Timestamp::from_seconds(seconds)) else { return String::new() };
    let pattern = match span {
        span if span <= 600.0 => "%H:%M:%S",
        span if span <= 172_800.0 => "%H:%M",
        span if span <= 5_000_000.0 => "%d %b",
        _ => "%b %Y",
    };
    time.format(pattern).to_string()
}

/// Marks at round values of the scale, in shares of the height.
fn value_marks(axis: [f64; 2]) -> Vec<GridMark> {
    let span = axis[1] - axis[0];
    let rough = span / 6.0;
    let power = 10f64.powf(rough.abs().max(1e-12).log10().floor());
    let step =
        [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= rough).unwrap_or(rough);
    let first = (axis[0] / step).ceil();
    (0..32)
        .map(|place| (first + f64::from(place)) * step)
        .take_while(|value| *value <= axis[1])
        .map(|value| GridMark { value: (value - axis[0]) / span, step_size: 0.2 })
        .collect()
}

fn value_label(mark: GridMark, axis: [f64; 2], definition: Option<&TagDefinition>) -> String {
    let value = axis[0] + mark.value * (axis[1] - axis[0]);
    let decimals = (2.0 - (axis[1] - axis[0]).abs().max(1e-9).log10().floor()).clamp(0.0, 6.0) as u8;
    let decimals = definition.map_or(decimals, |definition| decimals.min(definition.decimals.max(1)));
    format::number(value, decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_round_and_inside() {
        let marks = value_marks([-1.47, -0.58]);
        assert!((3..=9).contains(&marks.len()), "{}", marks.len());
        assert!(marks.iter().all(|mark| (0.0..=1.0).contains(&mark.value)));
        let times = time_marks(GridInput { bounds: (1000.0, 1300.0), base_step_size: 1.0 }, 300.0);
        assert!(times.iter().all(|mark| mark.value % 60.0 == 0.0) && times.len() >= 4);
    }
}
