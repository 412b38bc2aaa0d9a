//! A small trend that can be read under the pointer: what the value was, and when.

use super::mark::mark;
use super::spark::{Spark, sparkline};
use crate::alarm::Priority;
use crate::gui::theme::{Palette, faded};
use crate::historian::Column;
use egui::{Painter, Rect, Sense, Shape, Stroke, Ui, Vec2, pos2, vec2};
use egui_plot::{HLine, HoverPosition, Line, Plot, PlotPoint, PlotPoints};

/// Half the size of a mark.
const SIGN: f32 = 6.0;

/// Something that happened at a moment of it.
pub(in crate::gui) struct TrendMark {
    /// In seconds since 1970.
    pub(in crate::gui) time: f64,
    /// Of an alarm that was raised: its priority. None for what somebody did.
    pub(in crate::gui) raised: Option<Priority>,
    /// What happened, and when.
    pub(in crate::gui) words: String,
}

/// Draws it as wide as there is room. `label` words a moment, in seconds since 1970, and the value that held then.
pub(in crate::gui) fn small_trend(
    ui: &mut Ui,
    name: &str,
    height: f32,
    spark: &Spark<'_>,
    marks: &[TrendMark],
    label: impl Fn(f64, f64) -> String,
    palette: &Palette,
) {
    let bounds = spark.columns.and_then(bounds);
    let (Some(columns), Some([low, high])) = (spark.columns, bounds) else {
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), height), Sense::hover());
        sparkline(ui.painter(), rect, spark, palette);
        return;
    };
    let read = |position: &HoverPosition<'_>| {
        let (HoverPosition::NearDataPoint { position, .. } | HoverPosition::Elsewhere { position }) = position;
        value_at(columns, position.x).map(|value| label(position.x, value))
    };
    let plot = Plot::new(name)
        .height(height)
        .show_axes(false)
        .show_grid(false)
        .allow_zoom(false)
        .allow_drag(false)
        .allow_scroll(false)
        .allow_boxed_zoom(false)
        .allow_double_click_reset(false)
        .sense(Sense::hover())
        .cursor_color(palette.muted)
        .label_formatter(read);
    let shown = plot.show(ui, |plot| {
        plot.set_plot_bounds_x(spark.span[0]..=spark.span[1]);
        plot.set_plot_bounds_y(low..=high);
        for limit in spark.limits.iter().filter(|limit| **limit > low && **limit < high) {
            plot.hline(HLine::new("", *limit).color(palette.muted).style(egui_plot::LineStyle::dashed_loose()));
        }
        for (number, piece) in pieces(columns).into_iter().enumerate() {
            let line = Line::new("", PlotPoints::Owned(piece)).color(palette.text).width(1.3).allow_hover(false);
            plot.line(line.id(("piece", number)));
        }
    });
    let painter = ui.painter().with_clip_rect(shown.response.rect);
    for one in marks.iter().filter(|one| (spark.span[0]..=spark.span[1]).contains(&one.time)) {
        let x = shown.transform.position_from_point(&PlotPoint::new(one.time, low)).x;
        draw(&painter, x, shown.response.rect, one.raised, palette);
    }
    let told = std::iter::once(name).chain(marks.iter().map(|one| &*one.words)).collect::<Vec<_>>().join("; ");
    shown.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Canvas, true, &told));
}

/// A line with the shape that the trend view has for it: the mark of the priority, or a rhombus for what somebody did.
fn draw(painter: &Painter, x: f32, room: Rect, raised: Option<Priority>, palette: &Palette) {
    let ink = raised.map_or(palette.muted, |priority| palette.priority(priority));
    painter.vline(x, room.y_range(), Stroke::new(1.0, faded(ink, 0.7)));
    let centre = pos2(x.clamp(room.left() + SIGN, room.right() - SIGN), room.top() + SIGN + 1.0);
    match raised {
        Some(priority) => {
            mark(painter, Rect::from_center_size(centre, Vec2::splat(SIGN * 2.0)), priority, palette, false)
        }
        None => {
            let corners = [vec2(0.0, -SIGN), vec2(SIGN, 0.0), vec2(0.0, SIGN), vec2(-SIGN, 0.0)];
            let corners = corners.map(|corner| centre + corner).to_vec();
            painter.add(Shape::convex_polygon(corners, palette.panel, Stroke::new(1.2, palette.muted)));
            let tick = [centre + vec2(-2.6, 0.2), centre + vec2(-0.6, 2.2), centre + vec2(2.8, -2.0)];
            painter.add(Shape::line(tick.to_vec(), Stroke::new(1.2, palette.text)));
        }
    }
}

/// The lowest and the highest value, with a margin; none where nothing is known.
fn bounds(columns: &[Column]) -> Option<[f64; 2]> {
    let values = columns.iter().flat_map(|column| [column.min, column.max]).filter(|value| value.is_finite());
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let margin = ((high - low) * 0.12).max(1e-9_f64.max(high.abs() * 1e-4));
    (low <= high).then_some([low - margin, high + margin])
}

/// Lines between gaps; each column goes from its lowest to its highest value, so that no peak is hidden.
fn pieces(columns: &[Column]) -> Vec<Vec<PlotPoint>> {
    let known = columns.split(|column| !column.last.is_finite()).filter(|piece| !piece.is_empty());
    let points = |column: &Column| [column.min, column.max, column.last].map(|value| [column.time.as_seconds(), value]);
    known.map(|piece| piece.iter().flat_map(points).map(PlotPoint::from).collect()).collect()
}

/// The value that held at a moment; none where it is not known.
fn value_at(columns: &[Column], moment: f64) -> Option<f64> {
    let behind = columns.partition_point(|column| column.time.as_seconds() <= moment);
    let column = columns.get(behind.checked_sub(1)?)?;
    Some(column.last).filter(|value| value.is_finite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tag::Timestamp;
    use std::time::Duration;

    fn column(seconds: i64, value: f64) -> Column {
        let time = Timestamp::from_micros(seconds * 1_000_000);
        let (min, max) = (value - 1.0, value + 1.0);
        Column {
            time,
            first: value,
            min,
            max,
            mean: value,
            last: value,
            count: 1,
            good: Duration::from_secs(1),
            bad: false,
        }
    }

    #[test]
    fn gaps_part_the_line_and_have_no_value() {
        let columns = [column(1, 5.0), column(2, 6.0), column(3, f64::NAN), column(4, 7.0)];
        assert_eq!(pieces(&columns).iter().map(Vec::len).collect::<Vec<_>>(), [6, 3]);
        let read = [0.5, 1.5, 2.0, 3.5, 9.0].map(|moment| value_at(&columns, moment));
        assert_eq!(read, [None, Some(5.0), Some(6.0), None, Some(7.0)]);
        assert!(bounds(&columns).is_some_and(|[low, high]| low < 4.0 && high > 8.0));
        assert_eq!(bounds(&[column(1, f64::NAN)]), None);
    }
}
