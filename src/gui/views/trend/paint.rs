//! Paints a drawing into the window.

use super::sheet::{Anchor, Area, Dash, Ink, Item, Sheet, strokes};
use crate::gui::theme::{self, Palette, plain, strong};
use crate::gui::widgets;
use egui::{Align2, Color32, Mesh, Painter, Pos2, Rect, Shape, Stroke, epaint::PathStroke, pos2, vec2};

/// The colour of a meaning.
pub(super) fn color(ink: Ink, palette: &Palette) -> Color32 {
    match ink {
        Ink::Text => palette.text,
        Ink::Muted => palette.muted,
        Ink::Faint => palette.faint,
        Ink::Rule => palette.line,
        Ink::Panel => palette.panel,
        Ink::Focus => palette.focus,
        Ink::Select => palette.select,
        Ink::Pen(style) => palette.pens[style % palette.pens.len()],
        Ink::Priority(place) => palette.priorities[place.min(3)],
        Ink::OnPriority(place) => palette.on_priorities[place.min(3)],
    }
}

/// Paints `sheet` with its corner at `corner`.
pub(super) fn paint(whole: &Painter, corner: Pos2, sheet: &Sheet, palette: &Palette) {
    let mut painter = whole.clone();
    for item in &sheet.items {
        match item {
            Item::Clip(None) => painter = whole.clone(),
            Item::Clip(Some(area)) => painter = whole.with_clip_rect(rect(corner, area).intersect(whole.clip_rect())),
            other => one(&painter, corner, other, palette),
        }
    }
}

pub(super) fn rect(corner: Pos2, area: &Area) -> Rect {
    Rect::from_min_max(corner + vec2(area.left, area.top), corner + vec2(area.right, area.bottom))
}

fn one(painter: &Painter, corner: Pos2, item: &Item, palette: &Palette) {
    let at = |place: &[f32; 2]| pos2(corner.x + place[0], corner.y + place[1]);
    match item {
        Item::Line { points, ink, width, dash, opacity } => {
            let stroke = Stroke::new(*width, theme::faded(color(*ink, palette), *opacity));
            line(painter, corner, points, stroke, *dash);
        }
        Item::Fill { area, ink, opacity } => {
            painter.rect_filled(rect(corner, area), 0, theme::faded(color(*ink, palette), *opacity));
        }
        Item::Shape { points, ink } => {
            let points = points.iter().map(at).collect();
            painter.add(Shape::convex_polygon(points, color(*ink, palette), PathStroke::NONE));
        }
        Item::Hatch { area, ink, opacity } => {
            widgets::hatch(painter, rect(corner, area), theme::faded(color(*ink, palette), *opacity));
        }
        Item::Dots { points, ink, opacity } => {
            let ink = theme::faded(color(*ink, palette), *opacity);
            painter.extend(points.iter().map(|place| Shape::circle_filled(at(place), 1.6, ink)));
        }
        Item::Words { at: place, anchor, words, size, is_strong, ink, room } => {
            let font = if *is_strong { strong(*size) } else { plain(*size) };
            let align = match anchor {
                Anchor::LeftCentre => Align2::LEFT_CENTER,
                Anchor::RightCentre => Align2::RIGHT_CENTER,
                Anchor::Centre => Align2::CENTER_CENTER,
                Anchor::CentreTop => Align2::CENTER_TOP,
            };
            widgets::text(painter, at(place), align, words, font, color(*ink, palette), *room);
        }
        Item::Clip(_) => {}
    }
}

fn line(painter: &Painter, corner: Pos2, points: &[[f32; 2]], stroke: Stroke, dash: Dash) {
    let at = |place: &[f32; 2]| pos2(corner.x + place[0], corner.y + place[1]);
    if let [from, to] = points
        && dash == Dash::Solid
    {
        painter.line_segment([at(from), at(to)], stroke);
        return;
    }
    if is_dense(points) {
        painter.add(Shape::mesh(columns(points, corner, stroke)));
        return;
    }
    if dash == Dash::Solid {
        painter.add(Shape::line(points.iter().map(at).collect(), stroke));
        return;
    }
    let strokes = strokes(points, dash.lengths());
    painter.extend(strokes.iter().map(|points| Shape::line(points.iter().map(at).collect(), stroke)));
}

/// Whether a line goes up and down within single pixels: its corners cannot be seen, and smoothing each of them would be the cost of the frame.
fn is_dense(points: &[[f32; 2]]) -> bool {
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return false };
    points.len() > 64 && points.len() as f32 > 2.0 * (last[0] - first[0]).abs()
}

/// Such a line as upright and level bars: what stands above one place is one bar, however often the line goes up and down there.
fn columns(points: &[[f32; 2]], corner: Pos2, stroke: Stroke) -> Mesh {
    let half = stroke.width / 2.0;
    let mut mesh = Mesh::default();
    let mut before: Option<[f32; 2]> = None;
    for column in points.chunk_by(|first, second| first[0] == second[0]) {
        let ends = column.iter().fold([f32::MAX, f32::MIN], |[top, bottom], [_, y]| [top.min(*y), bottom.max(*y)]);
        let [x, y] = column[0];
        if let Some([x_before, y_before]) = before {
            slope(&mut mesh, corner, [x_before - half, y_before], [x + half, y], half, stroke.color);
        }
        let upright = Area::new(x - half, ends[0] - half, x + half, ends[1] + half);
        mesh.add_colored_rect(rect(corner, &upright), stroke.color);
        before = column.last().copied();
    }
    mesh
}

/// The way from one column to the next.
fn slope(mesh: &mut Mesh, corner: Pos2, from: [f32; 2], to: [f32; 2], half: f32, color: Color32) {
    let first = mesh.vertices.len() as u32;
    for [x, y] in [[from[0], from[1] - half], [from[0], from[1] + half], [to[0], to[1] - half], [to[0], to[1] + half]] {
        mesh.colored_vertex(corner + vec2(x, y), color);
    }
    mesh.add_triangle(first, first + 1, first + 2);
    mesh.add_triangle(first + 1, first + 2, first + 3);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dense_line_covers_every_peak_with_few_triangles() {
        let points: Vec<[f32; 2]> = (0..400).map(|place| [(place / 4) as f32, (place % 4 * 30) as f32]).collect();
        assert!(is_dense(&points));
        let mesh = columns(&points, Pos2::ZERO, Stroke::new(2.0, Color32::BLACK));
        assert!(mesh.indices.len() / 3 <= 2 * 2 * 100, "{}", mesh.indices.len() / 3);
        let bounds = mesh.calc_bounds();
        assert_eq!((bounds.top(), bounds.bottom(), bounds.left(), bounds.right()), (-1.0, 91.0, -1.0, 100.0));
        assert!(!is_dense(&[[0.0, 0.0], [500.0, 3.0]]));
    }
}
