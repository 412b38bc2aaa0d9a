//! One row of the active list: an alarm, or the head of a group.

use super::arrange::Group;
use super::columns::Spots;
use crate::alarm::{AlarmView, Priority, Subject};
use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::theme::{Palette, plain, size, strong};
use crate::gui::widgets::{self, mark};
use crate::tag::Value;
use egui::{Align2, Rect, Response, Stroke, StrokeKind, Ui, pos2, vec2};

/// Height of a row, in points.
pub(super) const HEIGHT: f32 = 36.0;

/// How a row stands among the others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    pub(super) is_selected: bool,
    /// The alarm ended while the list was held.
    pub(super) is_over: bool,
}

/// Value now and limit of an alarm, in the words of its tag.
pub(super) fn numbers(scene: &Scene<'_>, view: &AlarmView) -> (String, String) {
    let Subject::Tag(tag) = view.subject else { return (String::new(), String::new()) };
    let Some(definition) = scene.snapshot.plan.directory.tag(tag) else { return (String::new(), String::new()) };
    let value = scene.value_words(tag);
    let limit = view.definition(&scene.snapshot.plan.alarms).and_then(|alarm| alarm.condition.limit());
    let limit = limit.map_or_else(String::new, |limit| format::with_unit(definition, &Value::Double(limit)));
    (value, limit)
}

/// The area of an alarm; empty where the station file gives none.
pub(super) fn area_of(scene: &Scene<'_>, view: &AlarmView) -> std::sync::Arc<str> {
    view.definition(&scene.snapshot.plan.alarms).and_then(|alarm| alarm.area.clone()).unwrap_or_default()
}

/// How long ago it was raised.
pub(super) fn age_of(scene: &Scene<'_>, view: &AlarmView) -> String {
    format::age((scene.now.utc.micros_since(view.raised) as f64 / 1e6).max(0.0))
}

fn ground(ui: &Ui, rect: Rect, response: &Response, is_selected: bool, palette: &Palette) {
    let painter = ui.painter();
    if is_selected || response.hovered() {
        painter.rect_filled(rect, 0, if is_selected { palette.select } else { palette.sunk });
    }
    painter.hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(0.5, palette.line));
    if response.has_focus() {
        painter.rect_stroke(rect.shrink(1.0), 2, Stroke::new(1.5, palette.focus), StrokeKind::Inside);
    }
}

/// An alarm; what it says to those who do not see it.
pub(super) fn alarm(
    ui: &Ui,
    scene: &Scene<'_>,
    view: &AlarmView,
    spots: &Spots,
    rect: Rect,
    response: &Response,
    look: Look,
) -> String {
    let palette = &scene.palette;
    ground(ui, rect, response, look.is_selected, palette);
    let painter = ui.painter();
    let at = |x: f32| pos2(rect.left() + x, rect.center().y);
    let is_weak = look.is_over || !view.state.is_active();
    mark(painter, Rect::from_center_size(at(22.0), vec2(size::MARK, size::MARK)), view.priority, palette, is_weak);
    let waits = view.state.needs_acknowledgement() && !look.is_over;
    let (font, ink) = match (look.is_over, waits) {
        (true, _) => (plain(13.0), palette.faint),
        (false, true) => (strong(13.0), palette.text),
        (false, false) => (plain(13.0), palette.text),
    };
    let left = Align2::LEFT_CENTER;
    painter.text(at(spots.since), left, format::clock(view.raised, scene.now.utc), plain(13.0), ink);
    painter.text(at(spots.age), left, age_of(scene, view), plain(13.0), palette.muted);
    let (value, limit) = numbers(scene, view);
    let doubtful = matches!(view.subject, Subject::Tag(tag) if scene.doubt(tag).is_some());
    let value_ink = if doubtful || look.is_over { palette.faint } else { palette.value };
    let drawn = painter.text(at(spots.value), Align2::RIGHT_CENTER, &value, strong(13.0), value_ink);
    let first = if view.is_first_out { "First: " } else { "" };
    let behind = view.hidden_words().map(|words| format!(" ({words})")).unwrap_or_default();
    let message = format!("{first}{}{behind}", view.message);
    let room = drawn.left().min(rect.left() + spots.value - 20.0) - rect.left() - spots.message - 12.0;
    widgets::text(painter, at(spots.message), left, &message, font.clone(), ink, room);
    painter.text(at(spots.limit), Align2::RIGHT_CENTER, &limit, plain(13.0), palette.muted);
    // That the input cannot be trusted is said by the value ("last ...") and in the details.
    let state = if look.is_over { "over" } else { format::state(view.state) };
    let quiet = if waits { palette.text } else { palette.muted };
    widgets::text(painter, at(spots.state), left, state, font, quiet, spots.area - spots.state - 6.0);
    let room = rect.width() - spots.area - 6.0;
    widgets::text(painter, at(spots.area), left, &area_of(scene, view), plain(13.0), palette.muted, room);
    format!("Priority {}, {message}, {value}, {state}", view.priority.number())
}

/// The head of a group; what it says to those who do not see it.
pub(super) fn head(ui: &Ui, group: &Group, rect: Rect, response: &Response, palette: &Palette) -> String {
    ui.painter().rect_filled(rect, 0, palette.sunk);
    ground(ui, rect, response, false, palette);
    let painter = ui.painter();
    let at = |x: f32| pos2(rect.left() + x, rect.center().y);
    let points = if group.is_closed {
        [at(18.0) - vec2(0.0, 5.0), at(25.0), at(18.0) + vec2(0.0, 5.0)]
    } else {
        [at(16.0) - vec2(0.0, 3.0), at(26.0) - vec2(0.0, 3.0), at(21.0) + vec2(0.0, 4.0)]
    };
    painter.add(egui::Shape::convex_polygon(points.to_vec(), palette.muted, Stroke::NONE));
    let waiting = match group.waiting {
        0 => "all acknowledged".to_owned(),
        waiting => format!("{waiting} of {} not acknowledged", group.count()),
    };
    let drawn = painter.text(at(rect.width() - 12.0), Align2::RIGHT_CENTER, &waiting, plain(13.0), palette.muted);
    let mut right = drawn.left() - 14.0;
    let mut told = Vec::new();
    for priority in Priority::ALL.into_iter().rev() {
        let count = group.counts[priority as usize];
        if count == 0 {
            continue;
        }
        let drawn = painter.text(pos2(right, rect.center().y), Align2::RIGHT_CENTER, count, strong(13.0), palette.text);
        let spot = Rect::from_center_size(drawn.left_center() - vec2(13.0, 0.0), vec2(size::MARK, size::MARK));
        mark(painter, spot, priority, palette, false);
        right = spot.left() - 12.0;
        told.insert(0, format!("{count} of priority {}", priority.number()));
    }
    let room = right - rect.left() - 36.0;
    widgets::text(painter, at(36.0), Align2::LEFT_CENTER, &group.name, strong(13.0), palette.text, room);
    let state = if group.is_closed { "closed" } else { "open" };
    format!("Group {}, {state}, {}, {waiting}", group.name, told.join(", "))
}
