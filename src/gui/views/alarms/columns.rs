//! The columns of the active list: where they stand, and their heads, which sort.

use super::choice::{Choice, Column};
use crate::gui::theme::{Palette, size, strong};
use egui::{Align2, Rect, Sense, Shape, Stroke, StrokeKind, Ui, pos2, vec2};

/// Where the columns stand, from the left edge. Values and limits are given by their right edge.
pub(super) struct Spots {
    pub(super) since: f32,
    pub(super) age: f32,
    pub(super) message: f32,
    pub(super) value: f32,
    pub(super) limit: f32,
    pub(super) state: f32,
    pub(super) area: f32,
    pub(super) width: f32,
}

impl Spots {
    pub(super) fn in_width(width: f32) -> Self {
        let area = width - 88.0;
        let state = area - 142.0;
        let limit = state - 14.0;
        let value = limit - 86.0;
        Self { since: 44.0, age: 132.0, message: 182.0, value, limit, state, area, width }
    }

    /// Every column with its words, and its left and right edge.
    fn heads(&self) -> [(Column, &'static str, f32, f32); 8] {
        [
            (Column::Priority, "!", 8.0, self.since - 6.0),
            (Column::Since, "Since", self.since, self.age - 4.0),
            (Column::Age, "Age", self.age, self.message - 4.0),
            (Column::Alarm, "Alarm", self.message, self.value - 88.0),
            (Column::Value, "Value now", self.value - 84.0, self.value),
            (Column::Limit, "Limit", self.limit - 66.0, self.limit),
            (Column::State, "State", self.state, self.area - 8.0),
            (Column::Area, "Area", self.area, self.width - 8.0),
        ]
    }
}

/// What the head of a column is called by those who do not see it.
const fn name(column: Column) -> &'static str {
    match column {
        Column::Priority => "Sort by priority",
        Column::Since => "Sort by time",
        Column::Age => "Sort by age",
        Column::Alarm => "Sort by alarm",
        Column::Value => "Sort by value",
        Column::Limit => "Sort by limit",
        Column::State => "Sort by state",
        Column::Area => "Sort by area",
    }
}

/// Paints the heads; a click or Enter on one sorts.
pub(super) fn heads(ui: &mut Ui, spots: &Spots, choice: &mut Choice, palette: &Palette) {
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), size::ROW), Sense::hover());
    ui.painter().hline(rect.x_range(), rect.bottom(), palette.rule());
    for (column, words, left, right) in spots.heads() {
        let place = Rect::from_min_max(pos2(rect.left() + left, rect.top()), pos2(rect.left() + right, rect.bottom()));
        let response = ui.interact(place, egui::Id::unique(("head of alarms", words)), Sense::click());
        let sorted = choice.sorting.filter(|(sorted, _)| *sorted == column).map(|(_, is_reversed)| is_reversed);
        let is_number = matches!(column, Column::Value | Column::Limit);
        let ink = if response.hovered() || sorted.is_some() { palette.text } else { palette.muted };
        let (at, align) = if is_number {
            (place.right_center(), Align2::RIGHT_CENTER)
        } else {
            (place.left_center(), Align2::LEFT_CENTER)
        };
        let drawn = ui.painter().text(at, align, words, strong(12.0), ink);
        if let Some(is_reversed) = sorted {
            let centre =
                if is_number { drawn.left_center() - vec2(9.0, 0.0) } else { drawn.right_center() + vec2(9.0, 0.0) };
            arrow(ui, centre, is_reversed, palette);
        }
        if response.has_focus() {
            ui.painter().rect_stroke(
                place.expand2(vec2(3.0, -3.0)),
                2,
                Stroke::new(1.5, palette.focus),
                StrokeKind::Inside,
            );
        }
        let told = match sorted {
            Some(false) => format!("{}, sorted", name(column)),
            Some(true) => format!("{}, sorted the other way round", name(column)),
            None => name(column).to_owned(),
        };
        response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Button, true, sorted.is_some(), &told));
        if response.on_hover_text(name(column)).clicked() {
            choice.press(column);
        }
    }
}

/// Which way it is sorted.
fn arrow(ui: &Ui, centre: egui::Pos2, is_reversed: bool, palette: &Palette) {
    let up = if is_reversed { -3.0 } else { 3.0 };
    let points = vec![centre + vec2(-4.0, up), centre + vec2(4.0, up), centre - vec2(0.0, up)];
    ui.painter().add(Shape::convex_polygon(points, palette.text, Stroke::NONE));
}
