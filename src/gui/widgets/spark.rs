//! A trend without axes: what the last hours looked like.

use crate::gui::theme::{Palette, plain};
use crate::historian::Column;
use egui::{Align2, Painter, Pos2, Rect, Stroke, pos2};

/// What a sparkline shows.
pub(in crate::gui) struct Spark<'a> {
    /// None when history cannot be read.
    pub(in crate::gui) columns: Option<&'a [Column]>,
    /// First and last moment, in seconds since 1970.
    pub(in crate::gui) span: [f64; 2],
    pub(in crate::gui) limits: &'a [f64],
}

/// Draws it into `rect`.
pub(in crate::gui) fn sparkline(painter: &Painter, rect: Rect, spark: &Spark<'_>, palette: &Palette) {
    painter.rect(rect, 0, palette.panel, palette.rule(), egui::StrokeKind::Inside);
    let Some(columns) = spark.columns else {
        painter.text(rect.center(), Align2::CENTER_CENTER, "History cannot be read", plain(12.0), palette.muted);
        return;
    };
    let values = columns.iter().flat_map(|column| [column.min, column.max]).filter(|value| value.is_finite());
    let (low, high) = values.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    if low > high {
        return;
    }
    let margin = ((high - low) * 0.12).max(1e-9_f64.max(high.abs() * 1e-4));
    let (low, high) = (low - margin, high + margin);
    let place = |time: f64, value: f64| {
        let x = (time - spark.span[0]) / (spark.span[1] - spark.span[0]).max(1e-9);
        let y = (value - low) / (high - low);
        pos2(rect.left() + x as f32 * rect.width(), rect.bottom() - y as f32 * rect.height())
    };
    for limit in spark.limits.iter().filter(|limit| **limit > low && **limit < high) {
        let y = place(spark.span[0], *limit).y;
        let shapes = egui::Shape::dashed_line(
            &[pos2(rect.left(), y), pos2(rect.right(), y)],
            Stroke::new(1.0, palette.muted),
            4.0,
            3.0,
        );
        painter.extend(shapes);
    }
    let painter = painter.with_clip_rect(rect);
    let mut line: Vec<Pos2> = Vec::new();
    for column in columns {
        if !column.last.is_finite() {
            flush(&painter, &mut line, palette);
            continue;
        }
        let time = column.time.as_seconds();
        if column.max > column.min {
            painter.line_segment([place(time, column.min), place(time, column.max)], Stroke::new(1.0, palette.text));
        }
        line.push(place(time, column.last));
    }
    flush(&painter, &mut line, palette);
}

fn flush(painter: &Painter, line: &mut Vec<Pos2>, palette: &Palette) {
    let points = std::mem::take(line);
    if points.len() > 1 {
        painter.line(points, Stroke::new(1.3, palette.text));
    }
}
