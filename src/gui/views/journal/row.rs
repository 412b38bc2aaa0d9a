//! One line of the journal, and the heads of its columns.

use super::Alarms;
use crate::alarm::Subject;
use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::theme::{plain, size, strong};
use crate::gui::widgets;
use crate::recorder::JournalLine;
use crate::tag::Value;
use egui::{Align2, Sense, Stroke, Ui, pos2, vec2};

/// Where the columns stand, from the left edge: alarm, state, value (its right edge), who.
fn spots(width: f32) -> [f32; 4] {
    let state = (width - 560.0).max(270.0);
    [130.0, state, state + 270.0, state + 286.0]
}

pub(super) fn header(ui: &mut Ui, scene: &Scene<'_>) {
    let palette = scene.palette;
    let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), size::ROW), Sense::hover());
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, palette.rule());
    let [alarm, state, value, who] = spots(rect.width());
    for (words, align, x) in [
        ("Time", Align2::LEFT_CENTER, 12.0),
        ("Alarm", Align2::LEFT_CENTER, alarm),
        ("Became", Align2::LEFT_CENTER, state),
        ("Value", Align2::RIGHT_CENTER, value),
        ("Who, and what they said", Align2::LEFT_CENTER, who),
    ] {
        ui.painter().text(pos2(rect.left() + x, rect.center().y), align, words, strong(12.0), palette.muted);
    }
}

/// The message as it was read then, or that of an alarm that is still configured, or its name; and its value in the words of its tag.
fn words_of(scene: &Scene<'_>, alarms: &Alarms, line: &JournalLine) -> (String, String) {
    let plan = &scene.snapshot.plan;
    let found = alarms.slot(&line.alarm).and_then(|slot| plan.alarms.get(slot));
    let definition = match found.map(|alarm| alarm.subject) {
        Some(Subject::Tag(tag)) => plan.directory.tag(tag),
        _ => None,
    };
    let value = line.value.as_deref().and_then(|text| serde_json::from_str::<Value>(text).ok());
    let value = match (definition, value) {
        (Some(definition), Some(value)) => format::with_unit(definition, &value),
        (None, Some(value)) => value.to_string(),
        (_, None) => String::new(),
    };
    let message = || found.map_or_else(|| line.alarm.clone(), |alarm| alarm.message.to_string());
    (line.message.clone().unwrap_or_else(message), value)
}

pub(super) fn row(ui: &mut Ui, scene: &Scene<'_>, alarms: &Alarms, line: Option<&JournalLine>) {
    let palette = scene.palette;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), size::ROW), Sense::hover());
    let painter = ui.painter();
    painter.hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(0.5, palette.line));
    let at = |x: f32| pos2(rect.left() + x, rect.center().y);
    let Some(line) = line else {
        painter.text(at(12.0), Align2::LEFT_CENTER, "...", plain(13.0), palette.faint);
        return;
    };
    let [alarm, state, value, who_at] = spots(rect.width());
    painter.text(at(12.0), Align2::LEFT_CENTER, format::clock(line.time, scene.now.utc), plain(13.0), palette.text);
    let (message, shown) = words_of(scene, alarms, line);
    widgets::text(painter, at(alarm), Align2::LEFT_CENTER, &message, plain(13.0), palette.text, state - alarm - 12.0);
    let became = format::became(line);
    widgets::text(painter, at(state), Align2::LEFT_CENTER, &became, strong(13.0), palette.text, 150.0);
    widgets::text(painter, at(value), Align2::RIGHT_CENTER, &shown, strong(13.0), palette.value, 110.0);
    let who = match (&line.actor, line.comment.is_empty()) {
        (Some(actor), false) => format!("{actor}: {}", line.comment),
        (Some(actor), true) => actor.clone(),
        (None, _) => line.comment.clone(),
    };
    widgets::text(
        painter,
        at(who_at),
        Align2::LEFT_CENTER,
        &who,
        plain(13.0),
        palette.muted,
        rect.width() - who_at - 8.0,
    );
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Row, true, format!("{} {became} {who}", line.alarm)));
}
