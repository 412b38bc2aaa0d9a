//! The mark of an alarm's priority: a shape and a number, never colour alone. And the hatching of what cannot be trusted.

use crate::alarm::Priority;
use crate::gui::theme::{Palette, faded, strong};
use egui::{Align2, Color32, Painter, Pos2, Rect, Shape, Stroke, Vec2, pos2};

/// Draws the mark: 1 square, 2 triangle up, 3 triangle down, 4 circle.
pub(in crate::gui) fn mark(painter: &Painter, rect: Rect, priority: Priority, palette: &Palette, weak: bool) {
    let strength = if weak { 0.45 } else { 1.0 };
    let color = faded(palette.priority(priority), strength);
    let center = rect.center();
    let mut label = center;
    match priority {
        Priority::Critical => {
            painter.rect_filled(rect, 2, color);
        }
        Priority::High => {
            painter.add(triangle([rect.center_top(), rect.right_bottom(), rect.left_bottom()], color));
            label.y += rect.height() * 0.16;
        }
        Priority::Medium => {
            painter.add(triangle([rect.left_top(), rect.right_top(), rect.center_bottom()], color));
            label.y -= rect.height() * 0.16;
        }
        Priority::Low => {
            painter.circle_filled(center, rect.width() / 2.0, color);
        }
    }
    let number = palette.on_priorities[priority as usize];
    painter.text(label, Align2::CENTER_CENTER, priority.number(), strong(rect.height() * 0.66), number);
}

fn triangle(points: [Pos2; 3], color: Color32) -> Shape {
    Shape::convex_polygon(points.to_vec(), color, Stroke::NONE)
}

/// The mark as part of a row of widgets.
pub(in crate::gui) fn mark_ui(ui: &mut egui::Ui, priority: Priority, palette: &Palette, weak: bool) {
    let (rect, _) = ui.allocate_exact_size(Vec2::splat(16.0), egui::Sense::hover());
    mark(ui.painter(), rect, priority, palette, weak);
}

/// Hatches what cannot be trusted.
pub(in crate::gui) fn hatch(painter: &Painter, rect: Rect, color: Color32) {
    let painter = painter.with_clip_rect(rect);
    let stroke = Stroke::new(1.0, color);
    let mut x = rect.left() - rect.height();
    while x < rect.right() {
        painter.line_segment([pos2(x, rect.bottom()), pos2(x + rect.height(), rect.top())], stroke);
        x += 6.0;
    }
}
