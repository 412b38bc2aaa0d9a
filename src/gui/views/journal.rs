//! The alarm journal: every change of state, the newest first.

use crate::gui::format;
use crate::gui::scene::Scene;
use crate::gui::theme::{plain, size, strong};
use crate::gui::widgets::{self, quiet, search};
use crate::recorder::{JournalLine, read_journal};
use crate::station::Ticket;
use crate::tag::Monotonic;
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

fn row(ui: &mut Ui, scene: &Scene<'_>, line: &JournalLine) {
    let palette = scene.palette;
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), size::ROW), Sense::hover());
    let painter = ui.painter();
    painter.hline(rect.x_range(), rect.bottom() - 0.5, Stroke::new(0.5, palette.line));
    let at = |x: f32| pos2(rect.left() + x, rect.center().y);
    let room = (rect.width() - 560.0).max(120.0);
    painter.text(at(12.0), Align2::LEFT_CENTER, format::clock(line.time, scene.now.utc), plain(13.0), palette.text);
    widgets::text(painter, at(150.0), Align2::LEFT_CENTER, &line.alarm, plain(13.0), palette.text, room);
    let x = 150.0 + room + 12.0;
    let state = line.state.replace('-', " ");
    widgets::text(painter, at(x), Align2::LEFT_CENTER, &state, strong(13.0), palette.text, 160.0);
    let value = line.value.clone().unwrap_or_default();
    widgets::text(painter, at(x + 240.0), Align2::RIGHT_CENTER, &value, strong(13.0), palette.value, 80.0);
    let who = match (&line.actor, line.comment.is_empty()) {
        (Some(actor), false) => format!("{actor}: {}", line.comment),
        (Some(actor), true) => actor.clone(),
        (None, _) => line.comment.clone(),
    };
    widgets::text(
        painter,
        at(x + 256.0),
        Align2::LEFT_CENTER,
        &who,
        plain(13.0),
        palette.muted,
        rect.right() - rect.left() - x - 264.0,
    );
    response.widget_info(|| {
        egui::WidgetInfo::labeled(egui::Role::Row, true, format!("{} {} {who}", line.alarm, line.state))
    });
}
