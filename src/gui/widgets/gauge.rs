//! Analogue before digital: a scale with the normal band, limits, the value that should be, and a pointer with the number.

use super::{hatch, mark, text};
use crate::alarm::Priority;
use crate::gui::theme::{Palette, plain, strong};
use egui::{Align2, Painter, Pos2, Rect, Shape, Stroke, pos2, vec2};

/// What a gauge shows.
pub(in crate::gui) struct GaugeLook<'a> {
    pub(in crate::gui) title: &'a str,
    pub(in crate::gui) unit: &'a str,
    pub(in crate::gui) range: [f64; 2],
    pub(in crate::gui) value: Option<f64>,
    pub(in crate::gui) shown: String,
    pub(in crate::gui) target: Option<f64>,
    pub(in crate::gui) limits: Vec<f64>,
    pub(in crate::gui) normal: [f64; 2],
    pub(in crate::gui) alarm: Option<Priority>,
    /// Why the value cannot be trusted; none where it can.
    pub(in crate::gui) reason: Option<&'a str>,
}

/// Draws a gauge into `rect`.
pub(in crate::gui) fn gauge(painter: &Painter, rect: Rect, look: &GaugeLook<'_>, palette: &Palette) {
    let width = rect.width();
    text(painter, rect.min, Align2::LEFT_TOP, look.title, plain(13.0), palette.text, width);
    text(painter, rect.min + vec2(0.0, 17.0), Align2::LEFT_TOP, look.unit, plain(12.0), palette.muted, width);
    let trough = Rect::from_min_max(rect.min + vec2(16.0, 40.0), pos2(rect.left() + 34.0, rect.bottom() - 4.0));
    let height = |value: f64| {
        let share = ((value - look.range[0]) / (look.range[1] - look.range[0])).clamp(0.0, 1.0) as f32;
        trough.bottom() - share * trough.height()
    };
    painter.rect(trough, 1, palette.sunk, palette.rule(), egui::StrokeKind::Inside);
    let band = Rect::from_min_max(
        pos2(trough.left() + 1.0, height(look.normal[1])),
        pos2(trough.right() - 1.0, height(look.normal[0])),
    );
    painter.rect_filled(band, 0, palette.band);
    for limit in &look.limits {
        painter.hline(trough.left() - 4.0..=trough.right() + 4.0, height(*limit), Stroke::new(1.5, palette.muted));
    }
    if let Some(target) = look.target {
        let y = height(target);
        let points = vec![
            pos2(trough.left() - 12.0, y - 5.0),
            pos2(trough.left() - 3.0, y),
            pos2(trough.left() - 12.0, y + 5.0),
        ];
        painter.add(Shape::convex_polygon(points, palette.ground, Stroke::new(1.5, palette.text)));
    }
    pointer(painter, rect, trough, look, height(look.value.unwrap_or(look.range[0])), palette);
}

fn pointer(painter: &Painter, rect: Rect, trough: Rect, look: &GaugeLook<'_>, y: f32, palette: &Palette) {
    let room = rect.right() - trough.right() - 16.0;
    if let Some(reason) = look.reason {
        hatch(painter, trough, palette.muted);
        let at = pos2(trough.right() + 6.0, trough.center().y);
        text(painter, at, Align2::LEFT_BOTTOM, reason, plain(12.0), palette.text, room + 22.0);
        text(painter, at, Align2::LEFT_TOP, &format!("last {}", look.shown), plain(12.0), palette.faint, room + 10.0);
        return;
    }
    if look.value.is_none() {
        return;
    }
    let color = look.alarm.map_or(palette.text, |priority| palette.priority(priority));
    let tip = pos2(trough.right() + 2.0, y);
    let points = vec![tip, tip + vec2(9.0, -5.5), tip + vec2(9.0, 5.5)];
    painter.add(Shape::convex_polygon(points, color, Stroke::NONE));
    let at: Pos2 = tip + vec2(13.0, 0.0);
    text(painter, at, Align2::LEFT_CENTER, &look.shown, strong(14.0), palette.value, room);
    if let Some(priority) = look.alarm {
        let place = Rect::from_min_size(at + vec2(0.0, -27.0), vec2(15.0, 15.0));
        mark(painter, place, priority, palette, false);
    }
}
