//! The alarm journal: every change of state, the newest first.

use crate::alarm::{State, Subject};
use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::theme::{plain, size, strong};
use crate::gui::widgets::{self, quiet, search};
use crate::recorder::{JournalLine, read_journal};
use crate::station::Ticket;
use crate::tag::{Monotonic, Value};
use egui::{Align2, ScrollArea, Sense, Stroke, Ui, pos2, vec2};
use std::time::Duration;

/// Lines that are read at once.
const LINES: usize = 5000;
/// The journal is read again this often while it is looked at.
const FRESH: Duration = Duration::from_secs(2);

type Answer = Result<Vec<JournalLine>, String>;

/// The journal, as far as it was read.
#[derive(Default)]
pub(super) struct Journal {
    lines: Vec<JournalLine>,
    failed: Option<String>,
    ticket: Option<Ticket<Answer>>,
    asked: Option<Monotonic>,
    text: String,
}

impl Journal {
    /// Shows what is written of an alarm.
    pub(super) fn find(&mut self, alarm: &str) {
        self.text = alarm.to_owned();
    }

    pub(super) fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        self.refresh(scene);
        let palette = scene.palette;
        ui.horizontal(|ui| {
            search(ui, &mut self.text, egui::Id::unique("find in journal"), "Find in the journal", 280.0);
            let words = match &self.failed {
                Some(why) => format!("the journal cannot be read: {why}"),
                None if self.lines.len() == LINES => format!("the newest {LINES} changes"),
                None => format!("{} changes", self.lines.len()),
            };
            quiet(ui, words, &palette);
        });
        let text = self.text.to_lowercase();
        let fits = |line: &&JournalLine| {
            text.is_empty()
                || line.alarm.to_lowercase().contains(&text)
                || line.state.contains(&text)
                || line.comment.to_lowercase().contains(&text)
        };
        let lines: Vec<&JournalLine> = self.lines.iter().filter(fits).collect();
        palette.card().inner_margin(egui::Margin::same(0)).show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            ui.spacing_mut().item_spacing.y = 0.0;
            header(ui, scene);
            ScrollArea::vertical().id_salt("journal rows").auto_shrink([false, false]).show_rows(
                ui,
                size::ROW,
                lines.len(),
                |ui, range| {
                    for line in &lines[range] {
                        row(ui, scene, line);
                    }
                },
            );
        });
    }

    fn refresh(&mut self, scene: &Scene<'_>) {
        if let Some(answer) = self.ticket.as_mut().and_then(Ticket::poll) {
            self.ticket = None;
            match answer {
                Some(Ok(lines)) => (self.lines, self.failed) = (lines, None),
                Some(Err(why)) => self.failed = Some(why),
                None => self.failed = Some("too many questions wait".to_owned()),
            }
        }
        let now = scene.now.monotonic;
        if self.ticket.is_none() && self.asked.is_none_or(|asked| now.since(asked) >= FRESH) {
            self.asked = Some(now);
            self.ticket = Some(
                scene
                    .handle
                    .ask(|context, _| read_journal(context.records(), LINES).map_err(|error| error.to_string())),
            );
        }
    }
}

/// Where the columns stand, from the left edge: alarm, state, value (its right edge), who.
fn spots(width: f32) -> [f32; 4] {
    let state = (width - 560.0).max(270.0);
    [130.0, state, state + 270.0, state + 286.0]
}

fn header(ui: &mut Ui, scene: &Scene<'_>) {
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

/// The message of an alarm that is still configured, or its name; and its value in the words of its tag.
fn words_of(scene: &Scene<'_>, line: &JournalLine) -> (String, String) {
    let plan = &scene.snapshot.plan;
    let found = plan.alarms.iter().find(|alarm| alarm.key.as_str() == line.alarm);
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
    (found.map_or_else(|| line.alarm.clone(), |alarm| alarm.message.to_string()), value)
}

fn row(ui: &mut Ui, scene: &Scene<'_>, line: &JournalLine) {
    let palette = scene.palette;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), size::ROW), Sense::hover());
    let painter = ui.painter();
    painter.hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(0.5, palette.line));
    let at = |x: f32| pos2(rect.left() + x, rect.center().y);
    let [alarm, state, value, who_at] = spots(rect.width());
    painter.text(at(12.0), Align2::LEFT_CENTER, format::clock(line.time, scene.now.utc), plain(13.0), palette.text);
    let (message, shown) = words_of(scene, line);
    widgets::text(painter, at(alarm), Align2::LEFT_CENTER, &message, plain(13.0), palette.text, state - alarm - 12.0);
    let became =
        State::from_word(&line.state).map_or_else(|| line.state.clone(), |state| format::state(state).to_owned());
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
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Row, true, format!("{} {} {who}", line.alarm, line.state))
    });
}
