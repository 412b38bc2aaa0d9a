//! Paints a drawing into the window.

use super::sheet::{Anchor, Area, Dash, Ink, Item, Sheet, strokes};
use crate::gui::theme::{self, Palette, plain, strong};
use crate::gui::widgets;
use egui::{Align2, Color32, Painter, Pos2, Rect, Shape, Stroke, epaint::PathStroke, pos2, vec2};

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
    if dash == Dash::Solid {
        painter.add(Shape::line(points.iter().map(at).collect(), stroke));
        return;
    }
    let strokes = strokes(points, dash.lengths());
    painter.extend(strokes.iter().map(|points| Shape::line(points.iter().map(at).collect(), stroke)));
}
